"""The workers of a run as one: in this process, in processes of their own, or on a Dask cluster.

A worker gets one task at a time, so that a worker that dies leaves one card to be looked at. Its task comes back, and
another worker takes it; a dead process is replaced. What kills three workers is told and ends the run.
"""

import contextlib
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Protocol

from terminal.errors import LinkError, TerminalError, UsageError
from terminal.perso.production.task import CardMaker, Lost, Outcome, Recipe, Task, work

LOCAL: Final = "local"
"""`--scheduler local`: a Dask cluster of this machine."""
_LONG: Final = 30.0
"""Seconds until a process that does not end is ended."""
_DEATHS: Final = 3
_PATIENCE: Final = 10.0
"""Seconds until a scheduler that does not answer is not there."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A task that came back; without an outcome the worker died of it or with it."""

    task: Task
    worker: int
    outcome: Outcome | None


class Crew(Protocol):
    """Some workers."""

    @property
    def size(self) -> int:
        """How many tasks are worked on at once."""

    @property
    def busy(self) -> int:
        """How many are worked on now."""

    def give(self, task: Task) -> int:
        """Give a task to an idle worker; its number, from 0."""

    def wait(self) -> Finished:
        """The next task that comes back.

        Raises:
            TerminalError: a worker cannot be had.
        """


@contextlib.contextmanager
def open_crew(recipe: Recipe, jobs: int, scheduler: str | None = None) -> Iterator[Crew]:
    """Workers.

    Args:
        recipe: how each gets its machine.
        jobs: how many processes; 1 works in this one. With a scheduler: at most so many tasks at once, 0 for all cores.
        scheduler: address of a Dask scheduler, or `local`.

    Raises:
        UsageError: Dask is not installed.
        LinkError: the cluster is not reached.
    """
    if scheduler is not None:
        with _cluster(scheduler, jobs) as client:
            yield _Cluster(client, recipe, jobs)
    elif jobs == 1:
        with recipe.open(0) as maker:
            yield _Alone(maker)
    else:
        with _Processes(recipe, jobs) as crew:
            yield crew


class _Alone:
    """One worker in this process."""

    size: Final = 1

    def __init__(self, maker: CardMaker) -> None:
        self._maker = maker
        self._tasks: deque[Task] = deque()

    @property
    def busy(self) -> int:
        return len(self._tasks)

    def give(self, task: Task) -> int:
        self._tasks.append(task)
        return 0

    def wait(self) -> Finished:
        outcome = work(self._maker, self._tasks[0])
        return Finished(self._tasks.popleft(), 0, outcome)


# --- processes ----------------------------------------------------------------------------------------------------


class _Process:
    """A worker in a process of its own. It ends when this one does, however that ends."""

    def __init__(self, recipe: Recipe, worker: int) -> None:
        # A server imports what the machine needs once; each worker is a copy of it, and there in no time.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([type(recipe).__module__])
        self.pipe, there = context.Pipe()
        self.task: Task | None = None
        self.process = context.Process(target=_serve, args=(there, recipe, worker), daemon=True)
        with _without_interrupts():
            self.process.start()
        there.close()

    def give(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(BrokenPipeError):  # it has ended; what it said, or that it said nothing, comes in wait
            self.pipe.send(task)

    def close(self) -> None:
        self.pipe.close()
        self.process.join(_LONG)
        if self.process.is_alive():
            self.process.terminate()


class _Processes:
    """Processes on this machine."""

    def __init__(self, recipe: Recipe, jobs: int) -> None:
        self._recipe = recipe
        self.size = jobs
        self._workers = [_Process(recipe, worker) for worker in range(jobs)]

    def __enter__(self) -> "_Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()

    @property
    def busy(self) -> int:
        return sum(worker.task is not None for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [worker.process.pid or 0 for worker in self._workers]

    def give(self, task: Task) -> int:
        number = next(number for number, worker in enumerate(self._workers) if worker.task is None)
        self._workers[number].give(task)
        return number

    def wait(self) -> Finished:
        pipes = {worker.pipe: number for number, worker in enumerate(self._workers) if worker.task is not None}
        number = pipes[wait(list(pipes))[0]]  # type: ignore[index]
        worker = self._workers[number]
        task = worker.task
        assert task is not None
        try:
            answer = worker.pipe.recv()
        except (EOFError, OSError):
            answer = None
            worker.close()
            self._workers[number] = _Process(self._recipe, number)
        if isinstance(answer, TerminalError):
            raise answer
        worker.task = None
        return Finished(task, number, answer)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back: what is started now never gets it, also while it imports; this process does, right after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, recipe: Recipe, worker: int) -> None:
    """What a worker's process does. Ctrl-C reaches all processes of a terminal; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            with recipe.open(worker) as maker:
                while True:
                    pipe.send(work(maker, pipe.recv()))
        except TerminalError as error:
            pipe.send(error)


# --- Dask ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _cluster(address: str, jobs: int) -> Iterator[Any]:
    """A client of the scheduler.

    Raises:
        UsageError: Dask is not installed.
        LinkError: the scheduler is not reached.
    """
    try:
        import distributed
    except ImportError as error:
        raise UsageError("--scheduler needs Dask: pip install 'cardsim[dask]'") from error
    with ExitStack() as stack:
        make: Any = distributed.Client
        try:
            if address == LOCAL:
                local: Any = distributed.LocalCluster
                options = {"n_workers": jobs} if jobs else {}
                address = stack.enter_context(local(threads_per_worker=1, dashboard_address=None, **options))
            client = make(address, timeout=_PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise LinkError(f"{address}: the Dask scheduler is not reached: {error}") from error
        yield stack.enter_context(client)


class _Cluster:
    """Workers of a Dask cluster, which sends the task of a lost worker to another one by itself."""

    def __init__(self, client: Any, recipe: Recipe, jobs: int) -> None:
        cores = sum(client.ncores().values())
        if not cores:
            raise LinkError("the Dask cluster has no workers")
        self.size = min(jobs, cores) if jobs else cores
        self._client = client
        self._recipe = client.scatter(recipe, broadcast=True, hash=False)
        self._tasks: dict[Any, Task] = {}
        self._workers: dict[str, int] = {}

    @property
    def busy(self) -> int:
        return len(self._tasks)

    def give(self, task: Task) -> int:
        self._tasks[self._client.submit(_on_cluster, self._recipe, task, pure=False)] = task
        return 0

    def wait(self) -> Finished:
        import distributed

        waiting: Any = distributed.wait
        future = waiting(list(self._tasks), return_when="FIRST_COMPLETED").done.pop()
        task = self._tasks.pop(future)
        try:
            worker, outcome = future.result()
        except TerminalError:
            raise
        except distributed.KilledWorker:
            return Finished(task, 0, None)
        except Exception as error:
            raise LinkError(f"a worker of the cluster is gone: {type(error).__name__}: {error}") from error
        return Finished(task, self._workers.setdefault(worker, len(self._workers)), outcome)


_MACHINES = threading.local()


def _on_cluster(recipe: Recipe, task: Task) -> tuple[str, Outcome]:
    """Carry out a task in a thread of a Dask worker, which keeps its machine from task to task."""
    import distributed

    if getattr(_MACHINES, "recipe", None) != recipe:
        previous: ExitStack | None = getattr(_MACHINES, "stack", None)
        if previous is not None:
            previous.close()
        stack = ExitStack()
        opened: AbstractContextManager[CardMaker] = recipe.open(0)
        _MACHINES.maker, _MACHINES.stack, _MACHINES.recipe = stack.enter_context(opened), stack, recipe
    name: Any = distributed.get_worker
    return str(name().address), work(_MACHINES.maker, task)


# --- the crew at work ---------------------------------------------------------------------------------------------


class Foreman:
    """Gives tasks to a crew, and takes care that none is lost with a worker."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._deaths: dict[str, int] = {}

    @property
    def idle(self) -> bool:
        """Whether a worker is free."""
        return self._crew.busy < self._crew.size

    @property
    def busy(self) -> bool:
        """Whether anything is worked on."""
        return self._crew.busy > 0

    def give(self, task: Task) -> int:
        """Give a task; the worker's number."""
        return self._crew.give(task)

    def wait(self) -> Finished:
        """The next task that is done. One that came back from a dead worker is given out again.

        Raises:
            LinkError: it killed three workers.
        """
        while True:
            finished = self._crew.wait()
            if finished.outcome is not None:
                return finished
            order = finished.task.order
            self._deaths[order] = self._deaths.get(order, 0) + 1
            if self._deaths[order] == _DEATHS:
                return Finished(finished.task, finished.worker, Lost(f"{_DEATHS} workers died with it"))
            self._crew.give(finished.task)

    def rest(self, seconds: float = _LONG) -> list[Finished]:
        """What is being worked on, finished; after an abort, for so long at most."""
        end, done = time.monotonic() + seconds, list[Finished]()
        while self._crew.busy and time.monotonic() < end:
            with contextlib.suppress(TerminalError):
                finished = self._crew.wait()
                if finished.outcome is not None:
                    done.append(finished)
        return done
