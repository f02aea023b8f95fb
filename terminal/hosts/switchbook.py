"""The switch's book (转接账): what the banks approved, what they owe each other, what they have still to be told.

Each bank has two accounts in the switch's ledger: what is to settle, and what has been settled; a positive balance is
what it receives. Only transactions between two banks post anything.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypedColumns,
    delete,
    select,
)

from terminal.hosts.books import Ledger, transact
from terminal.messages.bank import Totals, TransactionType


class Direction(enum.Enum):
    """Who owes whom for an approved transaction between two banks."""

    ISSUER_PAYS = 1
    ACQUIRER_PAYS = -1
    NOBODY = 0


DIRECTIONS: Final = {
    TransactionType.PURCHASE: Direction.ISSUER_PAYS,
    TransactionType.CASH: Direction.ISSUER_PAYS,
    TransactionType.DEPOSIT: Direction.ACQUIRER_PAYS,
    TransactionType.LOAD_CASH: Direction.ACQUIRER_PAYS,
    TransactionType.INQUIRY: Direction.NOBODY,
    TransactionType.TRANSFER: Direction.NOBODY,
    TransactionType.LOAD: Direction.NOBODY,
    TransactionType.LOAD_OTHER: Direction.NOBODY,
    TransactionType.PIN_CHANGE: Direction.NOBODY,
}
"""Transfers and loads from an account are between accounts of the issuer."""


class Way(enum.Enum):
    """How a transaction came to the book."""

    ONLINE = "online"
    OFFLINE = "offline"
    CORRECTION = "correction"
    """Takes back one that was cleared already; its amount is negative."""


class _TransactionColumns(TypedColumns):
    """Approved transactions, and the names of those that were taken back, some before they came."""

    terminal = Column(String(8), primary_key=True)
    day = Column(String(8), primary_key=True)
    """YYYYMMDD; with terminal and trace number the transaction's name."""
    trace = Column(Integer, primary_key=True)
    way = Column(String(10), primary_key=True)
    type = Column(String(10), nullable=False)
    amount = Column(BigInteger, nullable=False)
    """Fen."""
    acquirer = Column(String(8), nullable=False)
    issuer = Column(String(8), nullable=False)
    pan = Column(String(19), nullable=False)
    reference = Column(String(12), nullable=False)
    reversed = Column(Integer, nullable=False)
    posting: Column[int | None] = Column(Integer, nullable=True)
    """Of the ledger, where the banks owe each other for it."""
    settled = Column(Integer, nullable=False)
    """1 once the terminal's settlement has counted it."""
    cleared: Column[str | None] = Column(String(8), nullable=True, index=True)
    """The day of the clearing file that has it."""


class _OutboxColumns(TypedColumns):
    """What a bank has still to be told, in its order."""

    id = Column(Integer, primary_key=True)
    bank = Column(String(8), nullable=False, index=True)
    message = Column(LargeBinary, nullable=False)
    """As ISO 8583; such messages hold no PIN block."""


METADATA: Final = MetaData()
LEDGER: Final = Ledger(METADATA, "switch")
TRANSACTIONS: Final = Table("switch_transaction", METADATA, _TransactionColumns)
OUTBOX: Final = Table("switch_outbox", METADATA, _OutboxColumns)
_C: Final = TRANSACTIONS.c


@dataclass(frozen=True, slots=True)
class Approved:
    """A transaction that a bank has approved."""

    terminal: str
    day: str
    trace: int
    way: Way
    type: TransactionType
    amount: int
    acquirer: str
    issuer: str
    pan: str
    reference: str = ""

    @property
    def name(self) -> str:
        """What names its posting."""
        return f"{self.terminal} {self.day} {self.trace:06d} {self.way.value}"

    @property
    def legs(self) -> dict[str, int]:
        """What each bank receives for it, fen; nothing where acquirer and issuer are one."""
        direction = DIRECTIONS[self.type]
        if direction is Direction.NOBODY or self.acquirer == self.issuer or not self.amount:
            return {}
        moved = direction.value * self.amount
        return {self.acquirer: moved, self.issuer: -moved}

    @property
    def row(self) -> dict[str, Any]:
        """Its columns."""
        return {
            "terminal": self.terminal, "day": self.day, "trace": self.trace, "way": self.way.value,
            "type": self.type.name, "amount": self.amount, "acquirer": self.acquirer, "issuer": self.issuer,
            "pan": self.pan, "reference": self.reference, "settled": 0,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clearing:
    """A day's clearing (清算): its transactions, and what each bank receives or (negative) pays."""

    day: str
    transactions: tuple[Approved, ...]
    net: dict[str, int]

    def text(self) -> str:
        """The clearing file, amounts in fen. H: day; D: a transaction; T: a bank, how many transactions it acquired and
        issued, and its net amount; E: number and sum of all transactions."""
        lines = [f"H,{self.day}"]
        for one in self.transactions:
            parts = (one.day, one.terminal, f"{one.trace:06d}", one.way.value, one.type.name, one.amount)
            lines.append(",".join(map(str, ("D", *parts, one.acquirer, one.issuer, one.pan, one.reference))))
        for code, net in self.net.items():
            acquired = sum(one.acquirer == code for one in self.transactions)
            issued = sum(one.issuer == code for one in self.transactions)
            lines.append(f"T,{code},{acquired},{issued},{net}")
        lines.append(f"E,{len(self.transactions)},{sum(one.amount for one in self.transactions)}")
        return "\n".join(lines) + "\n"


class SwitchBook:
    """The book, in an engine of `open_books(url, METADATA)`; `banks` are the codes of the members."""

    def __init__(self, books: Engine, banks: Iterable[str]) -> None:
        self._books = books
        self._banks = tuple(sorted(banks))
        accounts = [account for code in self._banks for account in (_open(code), _settled(code))]
        transact(books, lambda connection: LEDGER.ensure_accounts(connection, accounts))

    # --- transactions

    def post(self, one: Approved) -> None:
        """Book an approved transaction, once; not at all if it was taken back before it came."""

        def work(connection: Connection) -> None:
            if _found(connection, one) is None:
                _enter(connection, one)

        transact(self._books, work)

    def reverse(self, one: Approved) -> None:
        """Take a transaction back, once; one that has not come is noted, so that it is not booked when it comes."""

        def work(connection: Connection) -> None:
            found = _found(connection, one)
            if found is None:
                connection.execute(TRANSACTIONS.insert(), {**one.row, "reversed": 1})
            elif not found.reversed:
                connection.execute(TRANSACTIONS.update().where(_is(one)).values(reversed=1))
                if found.cleared is not None:
                    _enter(connection, replace(_approved(found), way=Way.CORRECTION, amount=-found.amount))
                elif found.posting is not None:
                    LEDGER.reverse(connection, found.posting, f"{one.name} reversed", day=one.day)

        transact(self._books, work)

    def stands(self, terminal: str, day: str, trace: int) -> bool:
        """Whether an online transaction has been approved and not taken back."""
        query = select(_C.reversed).where(
            _C.terminal == terminal, _C.day == day, _C.trace == trace, _C.way == Way.ONLINE.value
        )
        return transact(self._books, lambda connection: connection.execute(query).scalar()) == 0

    def settle(self, terminal: str, day: str, trace: int) -> Totals:
        """Close a terminal's batch: what it has had approved since the last one, less what was taken back. The trace
        number names the settlement; one that comes again gets the same totals."""
        open_ones = (
            (_C.terminal == terminal) & (_C.settled == 0) & (_C.reversed == 0) & (_C.way != Way.CORRECTION.value)
        )

        def work(connection: Connection) -> str:
            rows = connection.execute(select(_C.type, _C.amount).where(open_ones)).all()
            connection.execute(TRANSACTIONS.update().where(open_ones).values(settled=1))
            own = sum((Totals.of(TransactionType[name], amount) for name, amount in rows), Totals())
            return f"{own.debits} {own.debit_amount} {own.credits} {own.credit_amount}"

        text = LEDGER.once(self._books, f"settlement {terminal} {day} {trace:06d}", work)
        return Totals(*map(int, text.split()))

    # --- what banks have still to be told

    def keep(self, bank: str, message: bytes) -> None:
        """Keep a message for a bank."""
        row = {"bank": bank, "message": message}
        transact(self._books, lambda connection: connection.execute(OUTBOX.insert(), row))

    def waiting(self, bank: str) -> list[tuple[int, bytes]]:
        """Number and message of all that waits for a bank, in its order."""
        query = select(OUTBOX.c.id, OUTBOX.c.message).where(OUTBOX.c.bank == bank).order_by(OUTBOX.c.id)
        return transact(self._books, lambda connection: [(row.id, row.message) for row in connection.execute(query)])

    def forget(self, number: int) -> None:
        """The bank has been told."""
        transact(self._books, lambda connection: connection.execute(delete(OUTBOX).where(OUTBOX.c.id == number)))

    # --- clearing

    def clear(self, day: str) -> Clearing:
        """Clear all that is not cleared yet, and settle the banks; for a day that has been cleared, its clearing."""

        def work(connection: Connection) -> Clearing:
            done = _listed(connection, _C.cleared == day)
            if done:
                return self._clearing(day, done)
            opened = _C.cleared.is_(None) & (_C.reversed == 0)
            clearing = self._clearing(day, _listed(connection, opened))
            connection.execute(TRANSACTIONS.update().where(opened).values(cleared=day))
            legs: dict[str, int] = {}
            for code, net in clearing.net.items():
                legs |= {_open(code): -net, _settled(code): net}
            if any(legs.values()):
                LEDGER.post(connection, f"clearing {day}", legs, day=day, text="clearing")
            return clearing

        return transact(self._books, work)

    def _clearing(self, day: str, transactions: list[Approved]) -> Clearing:
        net = dict.fromkeys(self._banks, 0)
        for one in transactions:
            for code, amount in one.legs.items():
                net[code] += amount
        return Clearing(day, tuple(transactions), net)

    def audit(self) -> list[str]:
        """What is wrong, in words: by the ledger's own rules, and each bank's account beside its transactions."""

        def work(connection: Connection) -> list[str]:
            opened = self._clearing("", _listed(connection, _C.cleared.is_(None) & (_C.reversed == 0)))
            return [
                f"bank {code} has {balance} to settle, its transactions sum to {net}"
                for code, net in opened.net.items()
                if (balance := LEDGER.balance(connection, _open(code))) != net
            ]

        return [*LEDGER.audit(self._books), *transact(self._books, work)]


def _open(code: str) -> str:
    return f"{code} to settle"


def _settled(code: str) -> str:
    return f"{code} settled"


def _is(one: Approved) -> ColumnElement[bool]:
    return (
        (_C.terminal == one.terminal) & (_C.day == one.day) & (_C.trace == one.trace) & (_C.way == one.way.value)
    )  # fmt: skip


def _found(connection: Connection, one: Approved) -> Any:
    return connection.execute(select(TRANSACTIONS).where(_is(one))).one_or_none()


def _enter(connection: Connection, one: Approved) -> None:
    legs = {_open(code): amount for code, amount in one.legs.items()}
    posting = LEDGER.post(connection, one.name, legs, day=one.day, text=one.type.name) if legs else None
    connection.execute(TRANSACTIONS.insert(), {**one.row, "reversed": 0, "posting": posting})


def _approved(row: Any) -> Approved:
    return Approved(
        row.terminal, row.day, row.trace, Way(row.way), TransactionType[row.type], row.amount, row.acquirer,
        row.issuer, row.pan, row.reference,
    )  # fmt: skip


def _listed(connection: Connection, which: ColumnElement[bool]) -> list[Approved]:
    query = select(TRANSACTIONS).where(which).order_by(_C.day, _C.terminal, _C.trace, _C.way)
    return [_approved(row) for row in connection.execute(query)]
