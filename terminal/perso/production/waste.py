"""Waste cards (废卡): re-made under control, sent to the bank each month, destroyed there together (000 §3.1.4)."""

from sqlalchemy import Connection, select

from terminal.hosts.books import transact
from terminal.perso.production.log import note
from terminal.perso.production.papers import BodyLine, Consignment, month_of
from terminal.perso.production.plant import Plant, batch_row, demand, move
from terminal.perso.production.rules import ProductionRefused, Role
from terminal.perso.production.tables import ATTEMPTS, JOBS, STAGES, WASTE, BatchState, JobState, LogEvent, WasteState
from terminal.perso.records import CardResult


def release_remake(
    plant: Plant, name: str, *, operator: str | None = None, supervisor: str | None = None
) -> str:  # fmt: skip
    """Let the order of a waste card be made once more, with reference to it; the order's number (PERSO-150).

    Two persons release it. A waste card is replaced once, and only until the list of its batch has gone out.

    Raises:
        ProductionRefused: there is no such waste card, it is replaced already, or the list is out.
    """
    people = plant.cleared(operator, Role.OPERATOR), plant.cleared(supervisor, Role.SUPERVISOR)
    if people[0] == people[1]:
        raise ProductionRefused(f"{people[0]} cannot confirm what the same person asks for")
    time = plant.now()

    def release(connection: Connection) -> str:
        row = connection.execute(select(WASTE).where(WASTE.c.name == name)).one_or_none()
        if row is None:
            raise ProductionRefused(f"there is no waste card {name}")
        if row.released:
            raise ProductionRefused(f"waste card {name} is replaced already")
        if _second_step(connection, row.order, row.step):
            raise ProductionRefused(
                f"order {row.order} is waste in its second step: it is made anew from the first one"
            )
        demand(batch_row(connection, row.batch), BatchState.RECEIVED, BatchState.PRODUCED, what="a re-make")
        job = JOBS.c.order == row.order, JOBS.c.step == row.step, JOBS.c.state == JobState.WASTE.value
        values = {"state": JobState.WAITING.value, "attempt": row.attempt + 1}
        if not connection.execute(JOBS.update().where(*job).values(values)).rowcount:
            raise ProductionRefused(f"order {row.order} is not waiting for a re-make")
        connection.execute(WASTE.update().where(WASTE.c.name == name).values(released=", ".join(people)))
        text = f"waste card {name}; released by {people[0]}, {people[1]}"
        note(connection, time, LogEvent.REMAKE, row.batch, row.order, attempt=row.attempt + 1, text=text)
        if batch_row(connection, row.batch).state is BatchState.PRODUCED:
            move(connection, row.batch, BatchState.RECEIVED, time, person=people[0], text=f"waste card {name}")
        return str(row.order)

    return transact(plant.books, release)


def _second_step(connection: Connection, order: str, step: str) -> bool:
    """Whether another step had finished the body that is waste now."""
    columns = ATTEMPTS.c
    wanted = select(columns.order).where(
        columns.order == order, columns.step != step, columns.result == CardResult.GOOD.value
    )
    return connection.execute(wanted.limit(1)).scalar() is not None


def release_all(plant: Plant, batch: str, *, operator: str | None = None, supervisor: str | None = None) -> list[str]:
    """Release each waste card of a batch that is not replaced; the orders.

    Raises:
        ProductionRefused: as for one.
    """
    wanted = select(WASTE.c.name).where(WASTE.c.batch == batch, WASTE.c.released == "").order_by(WASTE.c.name)
    names = transact(plant.books, lambda connection: connection.execute(wanted).scalars().all())
    return [release_remake(plant, name, operator=operator, supervisor=supervisor) for name in names]


def send_waste(plant: Plant, month: str, *, storekeeper: str | None = None) -> Consignment:
    """Send the waste cards of a month to the bank, packed by batch: those whose list has gone out by then (PERSO-153).

    Args:
        plant: the site.
        month: YYYYMM; earlier ones that are still here go too.
        storekeeper: who packs.

    Raises:
        ProductionRefused: the person may not.
    """
    plant.cleared(storekeeper, Role.STOREKEEPER)
    consignment = transact(plant.books, lambda connection: _consignment(connection, month))
    plant.bank.take_waste(consignment)

    def mark(connection: Connection) -> None:
        for batch, lines in consignment.batches:
            for line in lines:
                key = WASTE.c.batch == batch, WASTE.c.order == line.order, WASTE.c.attempt == line.attempt
                connection.execute(WASTE.update().where(*key).values(month=month, state=WasteState.SENT.value))

    transact(plant.books, mark)
    return consignment


def _consignment(connection: Connection, month: str) -> Consignment:
    listed = connection.execute(
        select(STAGES.c.batch, STAGES.c.time).where(STAGES.c.stage == BatchState.LISTED.value).order_by(STAGES.c.batch)
    ).all()
    batches: list[tuple[str, tuple[BodyLine, ...]]] = []
    for batch, time in listed:
        if month_of(time) > month:
            continue
        here = WASTE.c.batch == batch, WASTE.c.state == WasteState.REGISTERED.value
        columns = WASTE.c.order, WASTE.c.attempt, WASTE.c.historical
        rows = connection.execute(select(*columns).where(*here).order_by(WASTE.c.order, WASTE.c.attempt))
        lines = tuple(BodyLine(*row) for row in rows)
        if lines:
            batches.append((batch, lines))
    return Consignment(month, tuple(batches))


def note_destroyed(plant: Plant) -> int:
    """Take over what the bank says it has destroyed; how many cards."""
    gone = plant.bank.destroyed()

    def mark(connection: Connection) -> int:
        count = 0
        sent = connection.execute(select(WASTE).where(WASTE.c.state == WasteState.SENT.value)).all()
        for row in sent:
            if (row.batch, row.order, row.attempt) in gone:
                done = WASTE.update().where(WASTE.c.name == row.name).values(state=WasteState.DESTROYED.value)
                count += connection.execute(done).rowcount
        return count

    return transact(plant.books, mark)
