"""Delivery (物流配送): boxes go to the place that the department names; each state goes to the bank and from there on.

The department can ask where a batch is at any time (PERSO-152, SCHEME-121, SCHEME-214).
"""

from typing import Final

from sqlalchemy import Connection, select

from terminal.hosts.books import transact
from terminal.perso.production.plant import Plant, batch_row, demand, move
from terminal.perso.production.rules import ProductionRefused, Role
from terminal.perso.production.tables import STAGES, BatchState, DeliveryState

_BEFORE: Final = {
    DeliveryState.DISPATCHED: BatchState.INSPECTED,
    DeliveryState.IN_TRANSIT: BatchState.DISPATCHED,
    DeliveryState.ARRIVED: BatchState.DISPATCHED,
    DeliveryState.ACCEPTED: BatchState.DISPATCHED,
}
"""What a batch must be for its delivery to come to a state."""
_AFTER: Final = {DeliveryState.DISPATCHED: BatchState.DISPATCHED, DeliveryState.ACCEPTED: BatchState.ACCEPTED}
"""Which states of delivery bring the batch itself further."""


def deliver(plant: Plant, name: str, state: DeliveryState, *, place: str = "", person: str | None = None) -> None:
    """Bring the delivery of a batch to its next state, and tell the bank.

    Args:
        plant: the site.
        name: the batch.
        state: where it is now; states come in their order, none is left out.
        place: where it goes, or is.
        person: the storekeeper who hands it out; who accepts it is named by the department.

    Raises:
        ProductionRefused: it is not that state's turn, or the inspection has not passed.
    """
    if state is DeliveryState.PACKED:
        raise ProductionRefused("packing is a step of its own")
    if state is DeliveryState.DISPATCHED:
        person = plant.cleared(person, Role.STOREKEEPER)
    batch = plant.batch(name)
    demand(batch, _BEFORE[state], what=f"'{state.value}'")
    states = list(DeliveryState)
    last = delivery_state(plant, name)
    if last is not states[states.index(state) - 1]:
        raise ProductionRefused(f"batch {name} is {last.value}, so it is not {state.value} next")

    def work(connection: Connection) -> None:
        after = _AFTER.get(state)
        if after is not None:
            move(connection, name, after, plant.now(), person=person or "", text=place)
        else:
            row = {"batch": name, "stage": state.value, "time": plant.now(), "person": person or "", "text": place}
            connection.execute(STAGES.insert(), row)

    if state is DeliveryState.DISPATCHED:  # packing may have ended before the bank was told
        plant.bank.take_delivery(name, DeliveryState.PACKED, "")
    plant.bank.take_delivery(name, state, place)
    transact(plant.books, work)
    plant.send_log()


def delivery_state(plant: Plant, name: str) -> DeliveryState:
    """Where the boxes of a batch are.

    Raises:
        ProductionRefused: they are not packed yet.
    """

    def find(connection: Connection) -> DeliveryState:
        batch_row(connection, name)
        found = last_delivery(connection, name)
        if found is None:
            raise ProductionRefused(f"batch {name} is not packed yet")
        return found

    return transact(plant.books, find)


def last_delivery(connection: Connection, name: str) -> DeliveryState | None:
    """The last state of delivery that a batch came to."""
    names = [state.value for state in DeliveryState]
    wanted = select(STAGES.c.stage).where(STAGES.c.batch == name, STAGES.c.stage.in_(names))
    found = connection.execute(wanted.order_by(STAGES.c.number.desc()).limit(1)).scalar()
    return DeliveryState(found) if found is not None else None
