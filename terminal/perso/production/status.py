"""How far batches are, as rows for people and programs."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from terminal.hosts.books import transact
from terminal.perso.production.delivery import last_delivery
from terminal.perso.production.plant import Plant, batch_row
from terminal.perso.production.run import figures_of
from terminal.perso.production.tables import BATCHES, DUPLICATES, WASTE, JobState


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """One batch: counts of its orders, of duplicates and of waste cards, and how far it is."""

    batch: str
    step: str
    state: str
    delivery: str
    """State of delivery; empty before packing."""
    requests: int
    duplicates: int
    orders: int
    good: int
    waiting: int
    started: int
    held: int
    without_card: int
    """Orders whose last body is waste."""
    waste: int
    """Waste cards."""


def status(plant: Plant, batch: str | None = None) -> list[BatchStatus]:
    """All batches, or one.

    Raises:
        ProductionRefused: there is no such batch.
    """

    def collect(connection: Connection) -> list[BatchStatus]:
        wanted = select(BATCHES.c.name).order_by(BATCHES.c.name)
        names = [batch] if batch is not None else connection.execute(wanted).scalars().all()
        return [_status(connection, name) for name in names]

    return transact(plant.books, collect)


def _status(connection: Connection, name: str) -> BatchStatus:
    row, figures, delivery = batch_row(connection, name), figures_of(connection, name), last_delivery(connection, name)
    duplicates = select(func.count()).select_from(DUPLICATES).where(DUPLICATES.c.batch == name)
    waste = select(func.count()).select_from(WASTE).where(WASTE.c.batch == name)
    done = {state: figures.done.get(state.value, 0) for state in JobState}
    return BatchStatus(
        batch=name,
        step=row.step.value,
        state=row.state.value,
        delivery=delivery.value if delivery is not None else "",
        requests=row.requests,
        duplicates=connection.execute(duplicates).scalar_one(),
        orders=figures.jobs,
        good=done[JobState.GOOD],
        waiting=done[JobState.WAITING],
        started=done[JobState.STARTED],
        held=done[JobState.HELD],
        without_card=done[JobState.WASTE],
        waste=connection.execute(waste).scalar_one(),
    )
