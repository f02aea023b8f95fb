"""The workers of a campaign as one: in this process, in processes of their own, or on a Dask cluster."""

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Row
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from typing import Any, Final, Protocol

from terminal.errors import LinkError, TerminalError, UsageError
from terminal.fuzz.plan import Plan
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.worker import News, Order, Worker

_LONG: Final = 30.0
"""Seconds until a process that does not end is ended."""


class Crew(Protocol):
    """Some workers."""

    @property
    def size(self) -> int:
        """How many there are."""

    @property
    def busy(self) -> bool:
        """Whether an order is being carried out."""

    def order(self, worker: int, order: Order) -> None:
        """Give an idle worker something to do."""

    def wait(self) -> News:
        """The news of the first worker that is done.

        Raises:
            LinkError: a worker is gone, or its card.
        """

    def rest(self) -> list[News]:
        """What was not handed over yet, after the last order or an abort."""


@contextlib.contextmanager
def open_crew(
    plan: Plan, jobs: int, scheduler: str | None, numbers: Mapping[int, int], corpus: Row[Sequence]
) -> Iterator[Crew]:
    """Workers that know the corpus, each with the number of its first sequence.

    Raises:
        UsageError: the plan cannot be used, or Dask is not installed.
        LinkError: a card or the cluster is not reached.
    """
    first = [numbers.get(worker, 1) for worker in range(jobs)]
    if scheduler is not None:
        with _cluster(scheduler) as client:
            yield from _with_members(_actors(client, plan, corpus, numbers, jobs))
    elif jobs == 1:
        with Worker(plan, 0, first[0], corpus) as worker:
            yield _Alone(worker)
    else:
        context = multiprocessing.get_context("spawn")
        yield from _with_members([_Process(context, plan, n, first[n], corpus) for n in range(jobs)])


class _Alone:
    """One worker in this process."""

    size: Final = 1

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._order: Order | None = None

    @property
    def busy(self) -> bool:
        return self._order is not None

    def order(self, worker: int, order: Order) -> None:  # noqa: ARG002
        self._order = order

    def wait(self) -> News:
        assert self._order is not None
        news = self._worker.step(self._order)
        self._order = None
        return news

    def rest(self) -> list[News]:
        return [self._worker.hand_over()]


class _Member(Protocol):
    """A worker elsewhere."""

    def step(self, order: Order) -> News:
        """Carry out an order; blocks until it is done."""

    def close(self) -> None:
        """End it."""


class _Members:
    """Workers elsewhere, each waited for by a thread."""

    def __init__(self, members: Row[_Member], threads: ThreadPoolExecutor) -> None:
        self._members = members
        self._threads = threads
        self._running: set[Future[News]] = set()

    @property
    def size(self) -> int:
        return len(self._members)

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def order(self, worker: int, order: Order) -> None:
        self._running.add(self._threads.submit(self._members[worker].step, order))

    def wait(self) -> News:
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        first = done.pop()
        self._running.remove(first)
        return first.result()

    def rest(self) -> list[News]:
        done, self._running = self._running, set()
        wait(done)
        return [future.result() for future in done if future.exception() is None]


def _with_members(members: Row[_Member]) -> Iterator[Crew]:
    with contextlib.ExitStack() as stack:
        for member in members:
            stack.callback(member.close)
        threads = stack.enter_context(ThreadPoolExecutor(len(members)))
        yield _Members(members, threads)


# --- processes ----------------------------------------------------------------------------------------------------


class _Process:
    """A worker in a process of its own. It ends when this one does, however that ends."""

    def __init__(self, context: Any, plan: Plan, worker: int, number: int, corpus: Row[Sequence]) -> None:
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, plan, worker, number, corpus), daemon=True)
        self._process.start()
        there.close()

    def step(self, order: Order) -> News:
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended, and may have said why
                self._pipe.send(order)
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise LinkError("a process of the campaign ended before its time") from error
        if isinstance(answer, TerminalError):
            raise answer
        assert isinstance(answer, News)
        return answer

    def close(self) -> None:
        self._pipe.close()
        self._process.join(_LONG)
        if self._process.is_alive():
            self._process.terminate()


def _serve(pipe: Connection, plan: Plan, worker: int, number: int, corpus: Row[Sequence]) -> None:
    """What a process of a campaign does. Ctrl-C reaches all processes of a terminal; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            with Worker(plan, worker, number, corpus) as working:
                while True:
                    pipe.send(working.step(pipe.recv()))
        except TerminalError as error:
            pipe.send(error)


# --- Dask ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """A client of the scheduler.

    Raises:
        UsageError: Dask is not installed.
        LinkError: the scheduler is not reached.
    """
    try:
        import distributed
    except ImportError as error:
        raise UsageError("--scheduler needs Dask: pip install 'cardsim[dask]'") from error
    try:
        connect: Any = distributed.Client
        client = connect(address, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise LinkError(f"{address}: the Dask scheduler is not reached: {error}") from error
    with client:
        yield client


class _Actor:
    """A worker on the cluster."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def step(self, order: Order) -> News:
        try:
            news = self._actor.step(order).result()
        except TerminalError:
            raise
        except Exception as error:
            raise LinkError(f"a worker of the cluster is gone: {type(error).__name__}: {error}") from error
        assert isinstance(news, News)
        return news

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._actor.close().result()


def _actors(client: Any, plan: Plan, corpus: Row[Sequence], numbers: Mapping[int, int], jobs: int) -> list[_Member]:
    """One worker for each core of the cluster that may be had, at most `jobs`."""
    cores = sum(client.ncores().values())
    if not cores:
        raise LinkError("the Dask cluster has no workers")
    count = min(jobs, cores) if jobs else cores
    futures = [
        client.submit(Worker, plan, worker, numbers.get(worker, 1), list(corpus), actor=True, pure=False)
        for worker in range(count)
    ]
    return [_Actor(future.result()) for future in futures]
