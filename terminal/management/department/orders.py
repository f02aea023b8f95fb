"""Orders in the department's books: read, numbered, and moved by the order's state machine."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from terminal.management.department.tables import ORDERS
from terminal.management.machines import ORDER, Event, OrderState
from terminal.management.records import LifeError
from terminal.perso.records import Order, OrderKind, SocialRecord, Text

_PART: Final = 500
"""Parameters of one query."""
OPEN: Final = (OrderState.COLLECTED, OrderState.SENT, OrderState.MADE, OrderState.DELIVERED)
"""States of an order whose card is on its way to the holder."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order as the department has it."""

    order: Order
    state: OrderState
    outlet: str
    batch: str
    old: str
    pick_up: str
    fee: int
    reason: str
    values: Mapping[str, Text] = field(repr=False)
    photo: bytes = field(repr=False)

    @property
    def number(self) -> str:
        """Of the order."""
        return self.order.number

    @property
    def record(self) -> SocialRecord:
        """What goes to the bank and on the card."""
        return SocialRecord(self.order, self.values, self.photo)

    def plain(self) -> dict[str, str | int]:
        """For reports."""
        one = self.order
        return {
            "order": one.number, "kind": one.kind.value, "state": self.state.value, "person": one.person,
            "name": self.record.name, "card number": self.record.card_number, "applied": one.applied,
            "county": one.county, "unit": one.unit, "batch": self.batch, "replaces": self.old,
            "pick up from": self.pick_up, "fee": self.fee, "reason": self.reason,
        }  # fmt: skip


def find(books: Connection, number: str) -> Ordered:
    """An order by its number.

    Raises:
        LifeError: there is none.
    """
    row = books.execute(select(ORDERS).where(ORDERS.c.number == number)).first()
    if row is None:
        raise LifeError(f"the card-management system has no order {number}")
    return _ordered(row)


def some(books: Connection, numbers: Sequence[str]) -> tuple[Ordered, ...]:
    """Those of these orders that are there, by number."""
    found: list[Ordered] = []
    for begin in range(0, len(numbers), _PART):
        part = ORDERS.c.number.in_(numbers[begin : begin + _PART])
        found += map(_ordered, books.execute(select(ORDERS).where(part).order_by(ORDERS.c.number)))
    return tuple(found)


def listed(books: Connection, *states: OrderState) -> tuple[Ordered, ...]:
    """All orders, or those in these states, by number."""
    query = select(ORDERS).order_by(ORDERS.c.number)
    if states:
        query = query.where(ORDERS.c.state.in_([state.value for state in states]))
    return tuple(map(_ordered, books.execute(query)))


def of_batch(books: Connection, name: str) -> tuple[Ordered, ...]:
    """The orders of a batch, by number; none where there is no such batch."""
    query = select(ORDERS).where(ORDERS.c.batch == name).order_by(ORDERS.c.number)
    return tuple(map(_ordered, books.execute(query))) if name else ()


def states_of(books: Connection, persons: Collection[str]) -> dict[str, dict[str, OrderState]]:
    """The orders of persons with their states: by person, then by number."""
    wanted, found = list(persons), defaultdict[str, dict[str, OrderState]](dict)
    columns = (ORDERS.c.person, ORDERS.c.number, ORDERS.c.state)
    for begin in range(0, len(wanted), _PART):
        for row in books.execute(select(*columns).where(ORDERS.c.person.in_(wanted[begin : begin + _PART]))):
            found[row.person][row.number] = OrderState(row.state)
    return found


def move(books: Connection, numbers: Iterable[str], event: Event, **values: str) -> list[str]:
    """Let an event happen to orders; those that it has happened to already stay.

    Raises:
        LifeError: one is not there, or stands so that it is not allowed; nothing is changed then.
    """
    wanted = list(dict.fromkeys(numbers))
    states: dict[str, OrderState] = {}
    for begin in range(0, len(wanted), _PART):
        part = ORDERS.c.number.in_(wanted[begin : begin + _PART])
        for row in books.execute(select(ORDERS.c.number, ORDERS.c.state).where(part)):
            states[row.number] = OrderState(row.state)
    moved: dict[OrderState, list[str]] = {}
    for number in wanted:
        if number not in states:
            raise LifeError(f"the card-management system has no order {number}")
        step = ORDER.step(states[number], event)
        if step is None:
            if any(one.event is event and one.target is states[number] for one in ORDER.rows):
                continue
            raise LifeError(f"order {number} is {states[number].value}: it cannot be {event.value}")
        moved.setdefault(step.target, []).append(number)
    for target, orders in moved.items():
        for begin in range(0, len(orders), _PART):
            part = ORDERS.c.number.in_(orders[begin : begin + _PART])
            books.execute(ORDERS.update().where(part), {"state": target.value, **values})
    return [number for orders in moved.values() for number in orders]


def insert(books: Connection, rows: list[dict[str, Any]]) -> None:
    """Put new orders into the books."""
    if rows:
        books.execute(ORDERS.insert(), rows)


def _ordered(row: Row[Any]) -> Ordered:
    kind = OrderKind(row.kind)
    order = Order(row.number, kind, row.applied, row.person, row.city, row.county, row.unit)
    content: dict[str, str | list[str]] = json.loads(row.content)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
    state = OrderState(row.state)
    return Ordered(
        order, state, row.outlet, row.batch, row.old, row.pick_up, row.fee, row.reason, values, row.photo
    )  # fmt: skip
