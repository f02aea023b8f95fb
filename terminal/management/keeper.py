"""What must live here: how a party keeps its side of cards in its books, and what is told about them.

A `Keeper` has the tables of one party. It asks the state machines what an event leads to, writes the outcome, shows it
to the party's host (so that terminals see it at once), and tells the other party in the same transaction.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, Row, String, Table, Text, TypedColumns, select

from terminal.management.exchange import Exchange, Message, NotYet
from terminal.management.kinds import Kind
from terminal.management.machines import SIDES, Event, Guard, Standing
from terminal.management.records import STAGES, Card, Deed, Happened, LifeError, NewCard, Passed, Stage, seconds
from terminal.management.settings import Mode, Settings
from terminal.management.sides import Side, Stamp, Told, act, hear
from terminal.perso.parties import Party

_TOLD: Final = 5000
"""Orders in one message."""


class CardColumns(TypedColumns):
    """A party's side of cards; an order has one card."""

    order = Column(String(20), primary_key=True)
    person = Column(String(18), nullable=False, index=True)
    pan = Column(String(19), nullable=False, index=True)
    card_number = Column(String(9), nullable=False, index=True)
    identification = Column(String(32), nullable=False)
    county = Column(String(6), nullable=False)
    expires = Column(String(8), nullable=False)
    old = Column(String(20), nullable=False)
    standing = Column(String(24), nullable=False)
    other = Column(String(24), nullable=False)
    lost = Column(Boolean, nullable=False)
    stamp = Column(Integer, nullable=False)
    stamp_party = Column(String(12), nullable=False)
    oral_until = Column(String(19), nullable=False, index=True)
    lost_on = Column(String(8), nullable=False)
    custody = Column(String(12), nullable=False)


class EventColumns(TypedColumns):
    """What happened to cards, as this party did it or was told."""

    id = Column(Integer, primary_key=True)
    order = Column(String(20), nullable=False, index=True)
    time = Column(String(19), nullable=False)
    event = Column(String(32), nullable=False)
    by = Column(String(12), nullable=False)
    note = Column(Text, nullable=False)


class StageColumns(TypedColumns):
    """Stages that orders have passed."""

    order = Column(String(20), primary_key=True)
    stage = Column(String(24), primary_key=True)
    time = Column(String(19), nullable=False)
    by = Column(String(12), nullable=False)


@dataclass(frozen=True, slots=True)
class Office:
    """One transaction's work: the books, the time, and how the party's host is shown where a card stands."""

    books: Connection
    now: datetime
    show: Callable[[Card], None]

    @property
    def day(self) -> str:
        """YYYYMMDD."""
        return f"{self.now:%Y%m%d}"


class Kept:
    """The tables of a party's cards.

    Args:
        metadata: the party's tables; those here are added.
        party: whose they are.
        other: the party at the other end of the line.
    """

    def __init__(self, metadata: MetaData, party: Party, other: Party) -> None:
        self.party = party
        self.exchange = Exchange(metadata, party, other)
        name = f"management_{party.value}"
        self.cards = Table(f"{name}_card", metadata, CardColumns)
        self.events = Table(f"{name}_event", metadata, EventColumns)
        self.stages = Table(f"{name}_stage", metadata, StageColumns)


class Keeper:
    """A party's books of cards.

    Args:
        tables: where they stand.
        settings: of the region.
    """

    def __init__(self, tables: Kept, settings: Settings) -> None:
        self.settings = settings
        self.party = tables.party
        self.machine = SIDES[tables.party]
        self.exchange = tables.exchange
        self.cards, self.events, self.stages = tables.cards, tables.events, tables.stages

    # --- cards

    def enter(self, office: Office, new: Iterable[NewCard]) -> None:
        """Take cards into the books, in stock; one that is there already stays as it is."""
        cards = {one.order: one for one in new}
        there = self.known(office.books, cards)
        rows = [
            {
                "order": one.order, "person": one.person, "pan": one.pan, "card_number": one.card_number,
                "identification": one.identification, "county": one.county, "expires": one.expires, "old": one.old,
                "standing": Standing.STOCK.value, "other": Standing.STOCK.value, "lost": False, "stamp": 0,
                "stamp_party": "", "oral_until": "", "lost_on": "", "custody": "",
            }
            for one in cards.values()
            if one.order not in there
        ]  # fmt: skip
        if rows:
            office.books.execute(self.cards.insert(), rows)
        for row in rows:
            office.show(self.card(office.books, str(row["order"])))

    def known(self, books: Connection, orders: Collection[str]) -> set[str]:
        """Those orders whose card is in the books."""
        wanted = list(orders)
        found: set[str] = set()
        for begin in range(0, len(wanted), 500):
            part = self.cards.c.order.in_(wanted[begin : begin + 500])
            found.update(books.scalars(select(self.cards.c.order).where(part)))
        return found

    def card(self, books: Connection, order: str) -> Card:
        """The card of an order.

        Raises:
            LifeError: there is none in these books.
        """
        row = books.execute(select(self.cards).where(self.cards.c.order == order)).first()
        if row is None:
            raise LifeError(f"the {self.party.value} has no card of order {order}")
        return _card(row)

    def of_person(self, books: Connection, person: str) -> tuple[Card, ...]:
        """The cards of a person, in the order of their orders."""
        query = select(self.cards).where(self.cards.c.person == person).order_by(self.cards.c.order)
        return tuple(map(_card, books.execute(query)))

    def find(self, books: Connection, name: str) -> Card:
        """A card by order, bank card number, social-security card number, or person: then the latest one.

        Raises:
            LifeError: there is none.
        """
        columns = self.cards.c
        named = (columns.order == name) | (columns.pan == name) | (columns.card_number == name)
        query = select(self.cards).where(named | (columns.person == name)).order_by(columns.order.desc()).limit(1)
        row = books.execute(query).first() if name else None
        if row is None:
            raise LifeError(f"the {self.party.value} has no card {name}")
        return _card(row)

    def listed(self, books: Connection, *standings: Standing) -> tuple[Card, ...]:
        """All cards, or those that stand so, by order."""
        query = select(self.cards).order_by(self.cards.c.order)
        if standings:
            query = query.where(self.cards.c.standing.in_([standing.value for standing in standings]))
        return tuple(map(_card, books.execute(query)))

    def change(self, office: Office, order: str, **values: str) -> Card:
        """Write other things of a card than how it stands."""
        office.books.execute(self.cards.update().where(self.cards.c.order == order), values)
        return self.card(office.books, order)

    # --- events

    def do(self, office: Office, order: str, deed: Deed, facts: Iterable[Guard] = ()) -> Card:
        """Do something to a card on this side, and tell the other.

        Raises:
            LifeError: the card stands so that it is not allowed, or what must hold does not.
        """
        card = self.card(office.books, order)
        done = act(self.party, card.side, deed.event, frozenset(facts))
        if done is None:
            needed = " or ".join(guard.value for guard in self.machine.needed(card.side.standing, deed.event))
            why = f" unless: {needed}" if needed else ""
            name = f"card {card.card_number or order}"
            raise LifeError(f"{name} is {card.side.standing.value}: no {deed.event.value}{why}")
        side, told = done
        changed = self._write(office, card, side, deed)
        self._tell(office, changed, told, deed)
        return changed

    def hear(self, office: Office, message: Message) -> tuple[Card, Event | None, Mapping[str, Any]]:
        """Take what the other party told about a card: the card then, what was done about it, and the details.

        Raises:
            NotYet: the card is not in the books yet.
        """
        fields = message.fields
        order, event = str(fields["order"]), Event(fields["operation"])
        try:
            card = self.card(office.books, order)
        except LifeError as error:
            raise NotYet(str(error)) from error
        stamp = Stamp(int(fields["stamp"]), str(fields["stamp_party"]))
        told = Told(event, Standing(fields["standing"]), bool(fields["lost"]), stamp, bool(fields["follows"]))
        mode_2 = self.settings.mode(card.county) is Mode.TOGETHER
        heard = hear(self.party, card.side, told, mode_2=mode_2)
        details = fields["details"]
        self._note(office, order, event.value, message.time, self.exchange.other, _words(details))
        deed = Deed(heard.done or event, f"as the {self.exchange.other.value} told", details)
        card = self._write(office, card, heard.side, deed if heard.done is not None else None)
        if heard.told is not None:
            self._tell(office, card, heard.told, Deed(heard.told.event))
        return card, heard.done, details

    def note(self, office: Office, order: str, event: str, note: str) -> None:
        """Note something that changes no standing."""
        self._note(office, order, event, seconds(office.now), self.party, note)

    def history(self, books: Connection, order: str) -> tuple[Happened, ...]:
        """What happened to a card, as this party knows it."""
        query = select(self.events).where(self.events.c.order == order).order_by(self.events.c.id)
        return tuple(Happened(row.time, row.event, Party(row.by), row.note) for row in books.execute(query))

    def release_due(self, office: Office) -> None:
        """End the oral losses whose time is over (SCHEME-138)."""
        due = (self.cards.c.oral_until != "") & (self.cards.c.oral_until <= seconds(office.now))
        for order in office.books.scalars(select(self.cards.c.order).where(due).order_by(self.cards.c.order)).all():
            self.do(office, order, Deed(Event.SEVEN_DAYS, f"{self.settings.life.oral_loss_days} days are over"))

    def _write(self, office: Office, card: Card, side: Side, deed: Deed | None) -> Card:
        changed = replace(card, side=side)
        if side.standing is not card.side.standing:
            changed = _with_dates(changed, office.day)
        values = {
            "standing": side.standing.value, "other": side.other.value, "lost": side.lost, "stamp": side.stamp.number,
            "stamp_party": side.stamp.party, "oral_until": changed.oral_until, "lost_on": changed.lost_on,
        }  # fmt: skip
        office.books.execute(self.cards.update().where(self.cards.c.order == card.order), values)
        if deed is not None:
            self._note(office, card.order, deed.event.value, seconds(office.now), self.party, deed.note)
            office.show(changed)
        return changed

    def _tell(self, office: Office, card: Card, told: Told, deed: Deed) -> None:
        fields = {
            "order": card.order, "pan": card.pan, "card_number": card.card_number, "person": card.person,
            "operation": told.event.value, "standing": told.standing.value, "lost": told.lost,
            "stamp": told.stamp.number, "stamp_party": told.stamp.party, "follows": told.follows,
            "details": dict(deed.details),
        }  # fmt: skip
        self.exchange.tell(office.books, Kind.CARD, fields, office.now)

    def _note(self, office: Office, order: str, event: str, time: str, by: Party, note: str) -> None:
        row = {"order": order, "time": time, "event": event, "by": by.value, "note": note}
        office.books.execute(self.events.insert(), row)

    # --- stages

    def pass_stage(self, office: Office, orders: Collection[str], stage: Stage) -> None:
        """Note that orders have passed a stage, and tell the other party (PERSO-157, SCHEME-123)."""
        new = self._note_stage(office.books, orders, stage, seconds(office.now), self.party)
        for begin in range(0, len(new), _TOLD):
            told = {"orders": new[begin : begin + _TOLD], "stage": stage.value}
            self.exchange.tell(office.books, Kind.STAGE, told, office.now)

    def hear_stage(self, office: Office, message: Message) -> None:
        """Take a stage that the other party told."""
        stage = Stage(message.fields["stage"])
        self._note_stage(office.books, list(message.fields["orders"]), stage, message.time, self.exchange.other)

    def _note_stage(
        self, books: Connection, orders: Collection[str], stage: Stage, time: str, by: Party
    ) -> list[str]:  # fmt: skip
        wanted = list(orders)
        there: set[str] = set()
        own = self.stages.c.stage == stage.value
        for begin in range(0, len(wanted), 500):
            part = own & self.stages.c.order.in_(wanted[begin : begin + 500])
            there.update(books.scalars(select(self.stages.c.order).where(part)))
        new = [order for order in dict.fromkeys(wanted) if order not in there]
        rows = [{"order": order, "stage": stage.value, "time": time, "by": by.value} for order in new]
        if rows:
            books.execute(self.stages.insert(), rows)
        return new

    def passed(self, books: Connection, order: str) -> tuple[Passed, ...]:
        """The stages that an order has passed, in their order."""
        rows = books.execute(select(self.stages).where(self.stages.c.order == order))
        found = [Passed(Stage(row.stage), row.time, Party(row.by)) for row in rows]
        return tuple(sorted(found, key=lambda one: STAGES.index(one.stage)))


def _card(row: Row[Any]) -> Card:
    side = Side(Standing(row.standing), Standing(row.other), row.lost, Stamp(row.stamp, row.stamp_party))
    return Card(
        row.order, row.person, row.pan, row.card_number, row.identification, row.county, row.expires, row.old, side,
        row.oral_until, row.lost_on, row.custody,
    )  # fmt: skip


def _with_dates(card: Card, day: str) -> Card:
    """An oral loss runs only while it stands; a written one keeps its day while a new card is made."""
    standing = card.side.standing
    oral = card.oral_until if standing is Standing.ORAL_LOSS else ""
    if standing is Standing.WRITTEN_LOSS:
        return replace(card, oral_until=oral, lost_on=card.lost_on or day)
    return replace(card, oral_until=oral, lost_on="" if standing is Standing.ACTIVE else card.lost_on)


def _words(details: Mapping[str, Any]) -> str:
    return json.dumps(details, ensure_ascii=False, sort_keys=True) if details else ""
