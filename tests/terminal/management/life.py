"""Department and bank with their services, a clock that tests set, and a line between them."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sqlalchemy import Connection, Engine

from cardsim.keyfile import BankKeys
from terminal.hosts.bank import accounts
from terminal.hosts.bank.accounts import Holding
from terminal.hosts.bank.host import BankHost
from terminal.hosts.bank.issuing import IssueOrder, IssueRefusal, issue_all
from terminal.hosts.bank.tables import METADATA as BANK_TABLES
from terminal.hosts.books import open_books, transact
from terminal.hosts.hsm import Hsm
from terminal.hosts.social.host import SocialSecurityHost
from terminal.management.bank.activation import Kept, Place
from terminal.management.bank.service import CardPlatform
from terminal.management.department import orders
from terminal.management.department.service import CardManagement
from terminal.management.records import Card, Document, Staff, Stage
from terminal.management.settings import Settings, read_settings
from terminal.messages.social import CardState, CheckCard, SocialCard
from terminal.perso.data.numbers import person_number
from terminal.perso.records import (
    Application,
    BankRecord,
    Batch,
    CardRecord,
    CardResult,
    Feedback,
    OrderKind,
)
from terminal.security import PinCipher
from tests.terminal.management.lines import BadLine

START: Final = datetime(2026, 11, 22, 9)
INITIAL: Final = "123450"
PIN: Final = "246802"
TWO: Final = Staff("clerk", "head")
CITY, COUNTY, UNIT, OUTLET = "510100", "510104", "U01", "001"
KEPT: Final = Kept({"telephone": "13800000000"}, b"copy of the identity card", b"signature")
MODE_2: Final = read_settings({"life": {"mode": 2}}, "test")
_KEYS: Final = BankKeys(mdk_ac=b"A" * 16, mdk_mac=b"M" * 16, mdk_enc=b"E" * 16)


_EMPTY: Final[list[bytes]] = []
"""The books of department and bank with their tables alone: making these takes longer than most tests."""
_MADE: Final[dict[tuple[str, int, str], tuple[str, bytes, bytes]]] = {}
"""The order of a card, and the books of department and bank, by what was made."""


def _raw(books: Engine) -> sqlite3.Connection:
    """The one connection of books in memory."""
    with books.connect() as connection:
        raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def person_of(number: int) -> str:
    """The social-security number of an invented person."""
    return person_number("510104", f"19{60 + number // 300 % 40:02d}0{1 + number // 100 % 9}15", number % 999)


def application(number: int = 1, city: str = CITY, county: str = COUNTY) -> Application:
    """What an invented person applies with."""
    values = {"social_security_number": person_of(number), "name": f"张{number}"}
    return Application(OrderKind.FIRST, values, city, county, UNIT)


class Life:
    """Both services.

    Args:
        settings: of the region.
        quality: of the line, as `BadLine` has it.
        seed: of the line.
    """

    def __init__(self, settings: Settings | None = None, quality: float = 1.0, seed: int = 1) -> None:
        self.now = START
        books = (open_books("sqlite://"), open_books("sqlite://"))
        for engine, copy in zip(books, _EMPTY, strict=False):
            _raw(engine).deserialize(copy)
        host = SocialSecurityHost(Hsm(), books[0], clock=lambda: self.now, admit=False)
        self.department = CardManagement(host, lambda: self.now, settings=settings)
        BANK_TABLES.create_all(books[1])
        bank = BankHost(_KEYS, PinCipher(b"zone key of test"), books=books[1])
        self.bank = CardPlatform(bank, lambda: self.now, settings=settings)
        random = Random(seed)
        self.down = BadLine(self.bank.take, random, quality)
        self.up = BadLine(self.department.take, random, quality)
        self.connect()
        if not _EMPTY:
            _EMPTY.extend(_raw(engine).serialize() for engine in books)

    def connect(self, *, up: bool = True) -> None:
        """Let the line come up, or go down."""
        self.department.connect(self.down if up else None)
        self.bank.connect(self.up if up else None)

    def settle(self) -> None:
        """Let the line be good, and everything come that is under way."""
        self.connect()
        self.down.quality = self.up.quality = 1
        for _ in range(3):
            self.department.send()
            self.bank.send()
            self.down.release()
            self.up.release()
        assert not self.department.pending()
        assert not self.bank.pending()

    def pass_time(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    # --- making cards

    def order(self, *numbers: int) -> tuple[str, ...]:
        """Orders of invented persons."""
        found = self.department.apply([application(number) for number in numbers])
        assert not found.problems, found.problems
        return tuple(one.number for one in found.orders)

    def open_accounts(self, batch: Batch) -> tuple[CardRecord, ...]:
        """The bank's part of a batch: an account and a card number for each."""
        wanted = [
            IssueOrder(
                record.social.name, record.social.order.person, INITIAL,
                another=record.social.order.kind is not OrderKind.FIRST,
            )
            for record in batch.records if record.social is not None
        ]  # fmt: skip
        made = transact(
            self.bank.books,
            lambda connection: issue_all(connection, self.bank.host.keys, wanted, self.now.date()),
        )
        found = []
        for record, data in zip(batch.records, made, strict=True):
            assert record.social is not None
            assert not isinstance(data, IssueRefusal), data
            bank = BankRecord(
                record.order, data.id_number, data.name, "1", data.pan, data.psn, data.account, data.issued,
                data.expires, OUTLET,
            )  # fmt: skip
            found.append(CardRecord(record.social, bank))
        return tuple(found)

    def make(self, batches: Iterable[Batch], *, deliver: bool = True) -> tuple[str, ...]:
        """Accounts, records, finished cards, delivery; the orders."""
        orders = []
        for batch in batches:
            records = self.open_accounts(batch)
            numbers = [record.order for record in records]
            self.bank.take_records(records)
            self.bank.pass_stage(numbers, Stage.PACKAGE)
            self.department.take_feedback([feedback_of(record) for record in records])
            orders += numbers
        if deliver:
            self.department.pass_stage(orders, Stage.SORTING)
            self.department.deliver(orders, "clerk")
        return tuple(orders)

    def issue(self, number: int = 1) -> str:
        """The order of a card that its holder has, with an account that is not activated."""
        return self._made_once("issued", number, self._issue)

    def _made_once(self, what: str, number: int, make: Callable[[int], str]) -> str:
        """What the first step of many tests makes is made once, and copied into the books of the others."""
        fresh = self.now == START and not self.department.look(orders.listed)
        if not fresh or self.down.quality < 1:
            return make(number)
        name = (what, number, repr(self.department.keeper.settings))
        services = (self.department, self.bank)
        if name in _MADE:
            order, *copies = _MADE[name]
            for service, copy in zip(services, copies, strict=True):
                _raw(service.books).deserialize(copy)
            return order
        order = make(number)
        _MADE[name] = (order, _raw(self.department.books).serialize(), _raw(self.bank.books).serialize())
        return order

    def _issue(self, number: int) -> str:
        self.order(number)
        (order,) = self.make(self.department.send_out())
        self.department.hand_over(order, Document(person_of(number)), by="clerk")
        return order

    def active(self, number: int = 1) -> str:
        """The order of a card whose finance function is activated too."""
        return self._made_once("active", number, self._active)

    def _active(self, number: int) -> str:
        order = self._issue(number)
        self.activate(order, number)
        return order

    def activate(self, order: str, number: int = 1) -> None:
        """Activation at the counter."""
        document = Document(person_of(number))
        self.bank.activate(order, document, place=Place.COUNTER, initial=INITIAL, new=PIN, kept=KEPT)

    # --- looking

    def social(self, order: str) -> Card:
        """The card at the department."""
        return self.department.look(lambda books: self.department.keeper.card(books, order))

    def finance(self, order: str) -> Card:
        """The card at the bank."""
        return self.bank.look(lambda books: self.bank.keeper.card(books, order))

    def seen(self, order: str) -> CardState:
        """What a social terminal is told of a card."""
        card = self.social(order)
        found = self.department.handle(CheckCard(SocialCard(bytes.fromhex(card.identification), card.card_number)))
        assert hasattr(found, "state"), found
        state = found.state
        assert isinstance(state, CardState)
        return state

    def holding(self, order: str) -> Holding:
        """The card at the bank's host."""
        pan = self.finance(order).pan

        def look(connection: Connection) -> Holding:
            found = accounts.find(connection, pan)
            assert found is not None
            return found

        return transact(self.bank.books, look)


def feedback_of(record: CardRecord, result: CardResult = CardResult.GOOD) -> Feedback:
    """What the maker says of a finished card."""
    assert record.social is not None
    assert record.bank is not None
    serial = record.social.serial
    return Feedback(
        record.order, result, f"00814A444686605101{serial:08X}"[:26].ljust(26, "0"),
        record.social.text("identification_code"), record.social.card_number, record.bank.pan,
    )  # fmt: skip
