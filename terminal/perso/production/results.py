"""What the books say of a body: for which order it is meant, before it gets a command; and how it ended."""

from dataclasses import dataclass
from typing import Final, assert_never

from sqlalchemy import ColumnElement, Connection, and_, select

from terminal.perso.production.intake import unpack_record
from terminal.perso.production.log import note
from terminal.perso.production.plant import BatchRow
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.tables import APPLICATIONS, ATTEMPTS, JOBS, WASTE, JobState, LogEvent, WasteState
from terminal.perso.production.task import Good, Held, Step, Task, Waste
from terminal.perso.records import CardRecord, CardResult

OPEN_JOBS: Final = (JobState.WAITING.value, JobState.STARTED.value)
"""States of orders whose cards are to be made."""


@dataclass(frozen=True, slots=True)
class Job:
    """A card that is to be made; its record is read when its turn has come. `body` is a path below `cards`."""

    order: str
    attempt: int
    body: str


def waste_name(step: Step, order: str, attempt: int) -> str:
    """How a waste card is called in the register."""
    return f"{order}-{attempt}" if step is Step.BOTH else f"{order}-{step.value}-{attempt}"


def mean_body(connection: Connection, batch: BatchRow, job: Job, run: int, time: str) -> CardRecord:
    """Write down which body is meant for an order (制卡意向), before it gets a command; the order's record."""
    key = (JOBS.c.order == job.order, JOBS.c.step == batch.step.value, JOBS.c.state.in_(OPEN_JOBS))
    started = JOBS.update().where(*key).values(state=JobState.STARTED.value).returning(JOBS.c.record)
    content = connection.execute(started).scalar()
    if content is None:
        raise ProductionRefused(f"order {job.order} is not open any more: its card is made elsewhere")
    record = unpack_record(content)
    again = ATTEMPTS.update().where(_attempt(job.order, batch.step, job.attempt)).values(run=run)
    if connection.execute(again).rowcount:
        return record
    before = waste_name(batch.step, job.order, job.attempt - 1)
    row = {
        "order": job.order, "step": batch.step.value, "attempt": job.attempt, "batch": batch.name, "run": run,
        "worker": 0, "body": job.body, "started": time, "ended": "", "result": "", "historical": "",
        "identification": "", "card_number": "", "pan": "", "failed": "", "reason": "",
        "remakes": before if job.attempt > 1 else "",
    }  # fmt: skip
    connection.execute(ATTEMPTS.insert(), row)
    note(connection, time, LogEvent.STARTED, batch.name, job.order, attempt=job.attempt, text=f"run {run}")
    return record


def _attempt(order: str, step: Step, attempt: int) -> ColumnElement[bool]:
    columns = ATTEMPTS.c
    return and_(columns.order == order, columns.step == step.value, columns.attempt == attempt)


def _of(task: Task) -> ColumnElement[bool]:
    return _attempt(task.order, task.step, task.attempt)


def write_result(
    connection: Connection, batch: str, task: Task, worker: int, outcome: Good | Waste | Held, time: str
) -> JobState:  # fmt: skip
    """Write down how a body ended, and the log with it."""
    match outcome:
        case Good():
            state = _good(connection, batch, task, worker, outcome, time)
        case Waste():
            state = _waste(connection, batch, task, worker, outcome, time)
        case Held(reason):
            # No body was taken, so that nothing was meant for the order after all.
            connection.execute(ATTEMPTS.delete().where(_of(task)))
            note(connection, time, LogEvent.HELD, batch, task.order, text=reason)
            state = JobState.HELD
        case _:
            assert_never(outcome)
    held = outcome.reason if isinstance(outcome, Held) else ""
    key = JOBS.c.order == task.order, JOBS.c.step == task.step.value
    connection.execute(JOBS.update().where(*key).values(state=state.value, held=held[:256]))
    return state


def _good(connection: Connection, batch: str, task: Task, worker: int, outcome: Good, time: str) -> JobState:
    card = outcome.made.feedback
    values = {
        "worker": worker, "ended": time, "result": CardResult.GOOD.value, "historical": card.historical,
        "identification": card.identification, "card_number": card.card_number, "pan": card.pan,
    }  # fmt: skip
    connection.execute(ATTEMPTS.update().where(_of(task)).values(**values))
    began = connection.execute(select(ATTEMPTS.c.started).where(_of(task))).scalar_one()
    for written in outcome.made.applications:
        row = {
            "order": task.order, "attempt": task.attempt, "application": written.application, "keyset": written.keyset,
            "began": began, "ended": time,
        }  # fmt: skip
        connection.execute(APPLICATIONS.insert(), row)
    text = "found finished" if outcome.found else ""
    note(
        connection, time, LogEvent.GOOD, batch, task.order, attempt=task.attempt, historical=card.historical, text=text
    )
    return JobState.GOOD


def _waste(connection: Connection, batch: str, task: Task, worker: int, outcome: Waste, time: str) -> JobState:
    failed, reason = outcome.step[:64], outcome.reason[:256]
    values = {
        "worker": worker, "ended": time, "result": CardResult.WASTE.value, "historical": outcome.historical,
        "failed": failed, "reason": reason,
    }  # fmt: skip
    connection.execute(ATTEMPTS.update().where(_of(task)).values(**values))
    row = {
        "name": waste_name(task.step, task.order, task.attempt), "batch": batch, "order": task.order,
        "step": task.step.value, "attempt": task.attempt,
        "historical": outcome.historical, "failed": failed, "reason": reason, "registered": time, "released": "",
        "month": "", "state": WasteState.REGISTERED.value,
    }  # fmt: skip
    connection.execute(WASTE.insert(), row)
    note(
        connection, time, LogEvent.WASTE, batch, task.order, attempt=task.attempt, historical=outcome.historical,
        text=f"{failed}: {reason}",
    )  # fmt: skip
    return JobState.WASTE
