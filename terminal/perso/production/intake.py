"""Taking a batch into production: one job for each order, whatever is asked for twice (PERSO-149).

The record stays in the job until the batch is closed.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, select

from terminal.hosts.books import transact
from terminal.management.product.approvals import run_refusals
from terminal.perso.data.codec import from_json, to_json
from terminal.perso.data.document import write_batch
from terminal.perso.kinds import Side
from terminal.perso.production.log import note
from terminal.perso.production.plant import Plant
from terminal.perso.production.rules import ProductionRefused, Role
from terminal.perso.production.tables import BATCHES, DUPLICATES, JOBS, STAGES, BatchState, JobState, LogEvent
from terminal.perso.production.task import Step
from terminal.perso.records import Batch, CardRecord, is_file_name

_UNFINISHED: Final = (BatchState.RECEIVED.value, BatchState.PRODUCED.value)
_WITHOUT_CARD: Final = (JobState.HELD.value, JobState.WASTE.value)


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch in production: its name here, and whether it is new."""

    name: str
    new: bool


def production_name(batch: str, step: Step) -> str:
    """The name of a batch in production: one that is written by sides comes twice, perhaps to the same site."""
    return batch if step is Step.BOTH else f"{batch}-{step.value}"


def take_batch(
    plant: Plant, batch: Batch, *, step: Step = Step.BOTH, last: bool = True, seed: int = 0, operator: str | None = None
) -> Taken:
    """Take a batch in; one that is in production already changes nothing.

    An order that is known already, from this batch or another one, is counted as a duplicate and not produced. A record
    without a half that the step writes is held back (PERSO-053).

    Args:
        plant: the site.
        batch: matched records.
        step: what is written here.
        last: whether cards are finished by it: mailing and packing data are made by the last side alone (PERSO-082).
        seed: of everything random in its cards.
        operator: who opens it; cleared (PERSO-132).

    Raises:
        ProductionRefused: the person may not, a rule of the product forbids it, batch or order cannot name a
            file, or another batch of that name has come before.
    """
    person, name = plant.cleared(operator, Role.OPERATOR), production_name(batch.name, step)
    for own in (batch.name, *(record.order for record in batch.records)):
        if not is_file_name(own):
            raise ProductionRefused(f"{own!r} cannot name a file; letters, digits, '.', '_' and '-' can")
    digest, time = hashlib.sha256(write_batch(batch)).hexdigest(), plant.now()

    def take(connection: Connection) -> Taken:
        wanted = select(BATCHES.c.digest, BATCHES.c.step).where(BATCHES.c.name == name)
        known = connection.execute(wanted).one_or_none()
        if known is not None:
            if (known.digest, known.step) != (digest, step.value):
                raise ProductionRefused(f"another batch {name} has come before; a batch's name is used once")
            return Taken(name, new=False)
        _demand_allowed(plant, batch, step)
        row = {
            "name": name, "applied": batch.applied, "city": batch.city, "county": batch.county,
            "step": step.value, "last": int(last), "seed": seed, "digest": digest, "requests": len(batch.records),
            "state": BatchState.RECEIVED.value, "received": time,
        }  # fmt: skip
        connection.execute(BATCHES.insert(), row)
        stage = {"batch": name, "stage": BatchState.RECEIVED.value, "time": time, "person": person, "text": ""}
        connection.execute(STAGES.insert(), stage)
        note(connection, time, LogEvent.RECEIVED, name, text=f"{len(batch.records)} cards")
        _jobs(connection, replace(batch, name=name), step, time)
        return Taken(name, new=True)

    return transact(plant.books, take)


def _demand_allowed(plant: Plant, batch: Batch, step: Step) -> None:
    """Product, approvals and makers allow the run today (docs/product.md)."""
    found = run_refusals(plant.product, batch.county, step.sides, plant.clock().date())
    if found:
        raise ProductionRefused(f"batch {batch.name}: {'; '.join(map(str, found))}")


def _jobs(connection: Connection, batch: Batch, step: Step, time: str) -> None:
    first, again = _known(connection, [record.order for record in batch.records], step)
    new: list[dict[str, object]] = []
    for position, record in enumerate(batch.records, 1):
        order = record.order
        if order in first:
            twice = {"batch": batch.name, "position": position, "order": order, "first": first[order]}
            connection.execute(DUPLICATES.insert(), twice)
            note(
                connection,
                time,
                LogEvent.DUPLICATE,
                batch.name,
                order,
                text=f"first in {first[order]}",
            )
            continue
        first[order] = batch.name
        missing = missing_half(record, step)
        if missing:
            note(connection, time, LogEvent.HELD, batch.name, order, text=missing)
        row = {
            "order": order, "step": step.value, "batch": batch.name, "position": position, "unit": _unit(record),
            "attempt": again.get(order, 1), "state": (JobState.HELD if missing else JobState.WAITING).value,
            "held": missing, "record": pack_record(record),
        }  # fmt: skip
        if order in again:
            key = JOBS.c.order == order, JOBS.c.step == step.value
            connection.execute(JOBS.update().where(*key).values(row))
        else:
            new.append(row)
    if new:
        connection.execute(JOBS.insert(), new)


def _known(connection: Connection, numbers: list[str], step: Step) -> tuple[dict[str, str], dict[str, int]]:
    """Orders that are in production already, with the batch that each came with; and those that may come again.

    An order that got no card from its batch may, once the list of that batch has gone out: held back, or waste that was
    not re-made. It comes with the number of the attempt that it gets.
    """
    found, again = dict[str, str](), dict[str, int]()
    columns = JOBS.c.order, JOBS.c.step, JOBS.c.batch, JOBS.c.attempt, JOBS.c.state, BATCHES.c.state.label("stage")
    joined = select(*columns).join(BATCHES, BATCHES.c.name == JOBS.c.batch)
    for at in range(0, len(numbers), 500):
        for row in connection.execute(joined.where(JOBS.c.order.in_(numbers[at : at + 500]))):
            if not set(Step(row.step).sides) & set(step.sides):
                continue  # the other side of the same card
            if row.step != step.value or row.stage in _UNFINISHED or row.state not in _WITHOUT_CARD:
                found[row.order] = row.batch
            else:
                again[row.order] = row.attempt + (row.state == JobState.WASTE.value)
    return found, again


def missing_half(record: CardRecord, step: Step) -> str:
    """Which half a step lacks, in words; empty where it has what it writes."""
    halves = {Side.SOCIAL: record.social, Side.FINANCE: record.bank}
    missing = [side.value for side in step.sides if halves[side] is None]
    return f"the {' and the '.join(missing)} half is missing" if missing else ""


def _unit(record: CardRecord) -> str:
    return record.social.order.unit if record.social is not None else record.bank.outlet if record.bank else ""


def pack_record(record: CardRecord) -> bytes:
    """A record as it stands in the books."""
    return json.dumps(to_json(record), ensure_ascii=False, separators=(",", ":")).encode()


def unpack_record(content: bytes) -> CardRecord:
    """A record out of the books."""
    return from_json(CardRecord, json.loads(content), "a record in the books: ")
