"""One run over a batch: bodies meant for orders, workers that make them, results and log; interrupted at any point.

Before a body is sent its first command, books say for which order it is meant. After an interruption the run is started
again: bodies that were begun are looked at first, by what they say themselves, and nothing is made twice. Only this
process writes the books.
"""

import contextlib
import fcntl
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, and_, case, func, select

from terminal.errors import LinkError
from terminal.hosts.books import transact
from terminal.perso.production.crew import Finished, Foreman, open_crew
from terminal.perso.production.interrupts import Interrupts
from terminal.perso.production.log import note
from terminal.perso.production.plant import BatchRow, Plant, demand, move
from terminal.perso.production.results import OPEN_JOBS, Job, mean_body, write_result
from terminal.perso.production.rules import ProductionRefused, Role
from terminal.perso.production.tables import (
    ATTEMPTS,
    JOBS,
    RUNS,
    BatchState,
    JobState,
    LogEvent,
)
from terminal.perso.production.task import Good, Lost, Recipe, Task, seed_of
from terminal.perso.records import CardResult

_ABANDONED: Final = "ended without closing; closed by the next run"


class RunKeys(Protocol):
    """The HSM channels of a run: open for its time alone (SCHEME-212)."""

    def open_run(self, batch: str) -> str:
        """Open the channels to both HSMs; names and versions of the key sets.

        Raises:
            TerminalError: a key system is missing.
        """

    def close_run(self, batch: str) -> None:
        """Close them; closing what is closed does nothing."""


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who works on a run, and on what."""

    recipe: Recipe
    keys: RunKeys
    jobs: int = 1
    scheduler: str | None = None
    operator: str | None = None
    machine: str | None = None


@dataclass(slots=True)
class Figures:
    """How far a run is."""

    jobs: int = 0
    """Cards of the batch that are to be made."""
    done: dict[str, int] = field(default_factory=dict)
    """Jobs by state."""
    made: int = 0
    """Bodies that this run has finished."""
    found: int = 0
    """Of these, bodies that were finished already."""


Teller = Callable[[Figures], None]


def run_batch(
    plant: Plant, name: str, force: Workforce, teller: Teller = lambda _figures: None, *, only: str | None = None
) -> Figures:
    """Make the cards of a batch that are not made yet; or that of one order, where `only` names it.

    Raises:
        ProductionRefused: a rule forbids it: monitoring is off (PERSO-156), the operator is not cleared (PERSO-132), or
            the list of the batch has gone out.
        LinkError: a reader, the cluster, or the line to the bank is gone; started again, the run goes on.
        KeyboardInterrupt: after what was being worked on is in the books.
    """
    operator = plant.cleared(force.operator, Role.OPERATOR)
    if not plant.rules.monitored:
        raise ProductionRefused("monitoring is off, and a run that nobody watches is not allowed; set monitoring.on")
    batch = plant.batch(name)
    demand(batch, BatchState.RECEIVED, BatchState.PRODUCED, what="a run")
    with _alone(plant.folder / "production.lock"):
        _close_abandoned(plant, force.keys)
        if not _open_jobs(plant, batch, only):
            _end_of_batch(plant, batch)
            return transact(plant.books, lambda connection: figures_of(connection, name))
        number = _open_run(plant, batch, operator, force.machine or plant.rules.machine)
        ending = "stopped"
        try:
            with _channels(plant, force.keys, batch, number):
                figures = _Run(plant, batch, number, teller, only).work(force)
            ending = "all done"
        except KeyboardInterrupt:
            ending = "interrupted"
            raise
        finally:
            _close_run(plant, batch.name, number, ending)
    _end_of_batch(plant, batch)
    return figures


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One run at a time in a workshop; the lock goes with its process, however that ends."""
    with path.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ProductionRefused("another run of this workshop is at work") from error
        yield


@contextlib.contextmanager
def _channels(plant: Plant, keys: RunKeys, batch: BatchRow, number: int) -> Iterator[None]:
    """HSM channels, open for the run only, whatever ends it."""
    try:
        names = keys.open_run(batch.name)
        transact(plant.books, lambda c: c.execute(RUNS.update().where(RUNS.c.number == number).values(keysets=names)))
        yield
    finally:
        keys.close_run(batch.name)


def _open_run(plant: Plant, batch: BatchRow, operator: str, machine: str) -> int:
    time = plant.now()

    def begin(connection: Connection) -> int:
        row = {
            "batch": batch.name, "machine": machine, "operator": operator, "keysets": "", "monitored": 1,
            "opened": time, "closed": "", "ending": "",
        }  # fmt: skip
        number = int(connection.execute(RUNS.insert().returning(RUNS.c.number), row).scalar_one())
        note(connection, time, LogEvent.RUN_OPENED, batch.name, text=f"run {number}, {machine}, {operator}")
        return number

    return transact(plant.books, begin)


def _close_run(plant: Plant, batch: str, number: int, ending: str) -> None:
    time = plant.now()

    def end(connection: Connection) -> None:
        connection.execute(RUNS.update().where(RUNS.c.number == number).values(closed=time, ending=ending))
        note(connection, time, LogEvent.RUN_CLOSED, batch, text=f"run {number}: {ending}")

    transact(plant.books, end)
    with contextlib.suppress(LinkError):  # the entry waits, and holds the next step of the batch
        plant.send_log()


def _close_abandoned(plant: Plant, keys: RunKeys) -> None:
    """Runs whose process was killed: their channels are closed before anything else."""
    wanted = select(RUNS.c.number, RUNS.c.batch).where(RUNS.c.closed == "")
    for number, batch in transact(plant.books, lambda connection: connection.execute(wanted).all()):
        keys.close_run(batch)
        _close_run(plant, batch, number, _ABANDONED)


def _open_jobs(plant: Plant, batch: BatchRow, only: str | None) -> deque[Job]:
    """What is to be done: bodies that were begun first, then by place in the batch.

    The second step takes the body that the first one made for the order, where it was made here.
    """
    begun_first = case((JOBS.c.state == JobState.STARTED.value, 0), else_=1)
    other = ATTEMPTS.alias()
    first = and_(other.c.order == JOBS.c.order, other.c.step != JOBS.c.step, other.c.result == CardResult.GOOD.value)
    wanted = (
        select(JOBS.c.order, JOBS.c.attempt, other.c.body)
        .outerjoin(other, first)
        .where(JOBS.c.batch == batch.name, JOBS.c.state.in_(OPEN_JOBS))
        .order_by(begun_first, JOBS.c.position)
    )
    if only is not None:
        wanted = wanted.where(JOBS.c.order == only)
    rows = transact(plant.books, lambda connection: connection.execute(wanted).all())
    return deque(
        Job(row.order, row.attempt, row.body or body_name(batch.name, row.order, row.attempt)) for row in rows
    )  # fmt: skip


def body_name(batch: str, order: str, attempt: int) -> str:
    """Where the image of a body stands below `cards`."""
    return f"{batch}/{order}{f'-{attempt}' if attempt > 1 else ''}.card"


def figures_of(connection: Connection, batch: str) -> Figures:
    """How far a batch is."""
    wanted = select(JOBS.c.state, func.count()).where(JOBS.c.batch == batch).group_by(JOBS.c.state)
    done = {state: int(count) for state, count in connection.execute(wanted)}
    return Figures(sum(done.values()), done)


def _end_of_batch(plant: Plant, batch: BatchRow) -> None:
    """A batch without open jobs is produced; and the bank's platform has its whole log (PERSO-148)."""

    def end(connection: Connection) -> None:
        open_jobs = (
            select(func.count()).select_from(JOBS).where(JOBS.c.batch == batch.name, JOBS.c.state.in_(OPEN_JOBS))
        )
        if not connection.execute(open_jobs).scalar_one() and batch.state is BatchState.RECEIVED:
            move(connection, batch.name, BatchState.PRODUCED, plant.now())

    plant.send_log()
    transact(plant.books, end)
    plant.send_log()


class _Run:
    """A run while it works."""

    def __init__(self, plant: Plant, batch: BatchRow, number: int, teller: Teller, only: str | None) -> None:
        self._plant = plant
        self._batch = batch
        self._number = number
        self._teller = teller
        self._jobs = _open_jobs(plant, batch, only)
        self._figures = transact(plant.books, lambda connection: figures_of(connection, batch.name))
        self._lost = ""

    def work(self, force: Workforce) -> Figures:
        (self._plant.folder / "cards" / self._batch.name).mkdir(parents=True, exist_ok=True)
        with Interrupts() as interrupts, open_crew(force.recipe, force.jobs, force.scheduler) as crew:
            foreman = Foreman(crew)
            try:
                self._loop(foreman, interrupts)
            except (KeyboardInterrupt, LinkError):
                for finished in foreman.rest():
                    self._book(finished)
                raise
        if self._lost:
            raise LinkError(self._lost)
        return self._figures

    def _loop(self, foreman: Foreman, interrupts: Interrupts) -> None:
        while self._jobs or foreman.busy:
            interrupts.check()
            while self._jobs and foreman.idle and not self._lost:
                self._begin(foreman, self._jobs.popleft())
            if not foreman.busy:
                return
            self._book(foreman.wait())
            self._plant.send_log()
            self._teller(self._figures)

    def _begin(self, foreman: Foreman, job: Job) -> None:
        """Books first, then the body."""
        time = self._plant.now()
        record = transact(
            self._plant.books, lambda connection: mean_body(connection, self._batch, job, self._number, time)
        )  # fmt: skip
        seed = seed_of(self._batch.seed, job.order, job.attempt)
        body = str(self._plant.folder / "cards" / job.body)
        foreman.give(Task(job.order, self._batch.step, job.attempt, seed, body, record))

    def _book(self, finished: Finished) -> None:
        task, outcome = finished.task, finished.outcome
        if outcome is None:
            return
        if isinstance(outcome, Lost):
            self._lost = f"order {task.order}: {outcome.reason}"
            return
        time = self._plant.now()
        state = transact(
            self._plant.books,
            lambda connection: write_result(connection, self._batch.name, task, finished.worker, outcome, time),
        )
        self._count(state)
        self._figures.made += 1
        self._figures.found += isinstance(outcome, Good) and outcome.found

    def _count(self, state: JobState) -> None:
        done = self._figures.done
        opened = next(name for name in (JobState.STARTED.value, JobState.WAITING.value) if done.get(name))
        done[opened] -= 1
        done[state.value] = done.get(state.value, 0) + 1
