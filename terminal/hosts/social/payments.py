"""Contributions and benefits (社会保险费缴纳, 待遇领取): what is due, what waits, and what the bank did with it.

At a terminal a contribution is paid first and told here; a benefit is ordered here and paid by the bank, which compares
name and number. Both also go in batches, a file for the bank and its result back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from sqlalchemy import ColumnElement, Row, Table, select

from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import Desk, ensure_account, holder_of, known_card, valid_card
from terminal.hosts.social.tables import (
    BANK,
    BENEFIT_ROWS,
    BENEFITS,
    CONTRIBUTIONS,
    DUES,
    LEDGER,
    PERSONS,
)
from terminal.messages.social import (
    Accepted,
    Benefit,
    Benefits,
    Due,
    DuePaid,
    Dues,
    FindBenefits,
    FindDues,
    PaidOut,
    PayBenefit,
)


@dataclass(frozen=True, slots=True)
class Order:
    """One line of a batch for the bank: whose account, and how much. The bank compares name and number."""

    reference: str
    """Of the department; the bank does an order once."""
    person: str
    name: str
    amount: int
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What the bank did with an order: its own reference, or why it did not."""

    reference: str
    done: bool
    bank_reference: str = ""
    reason: str = ""
    amount: int | None = None
    """Fen, where the bank says it: then it must be that of the order."""


class BankLine(Protocol):
    """The way to the bank for batches (SCHEME-092)."""

    def credit(self, orders: tuple[Order, ...]) -> tuple[Result, ...] | None:
        """Credit card accounts; None where the bank is not reached."""

    def withhold(self, orders: tuple[Order, ...]) -> tuple[Result, ...] | None:
        """Debit card accounts; None where the bank is not reached."""


# --- what both have in common

_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class _Kind:
    """Contributions or benefits: the letter of their numbers, where they stand, and which way their money goes."""

    letter: str
    noun: str
    table: Table
    payer: str
    payee: str

    def number(self, row: int) -> str:
        """The number of a row, as people and the bank name it."""
        return f"{self.letter}{row:0{_DIGITS}d}"

    def find(self, desk: Desk, number: str, person: str = "") -> Row[tuple[object, ...]]:
        """A row by its number.

        Raises:
            Refusal: there is none, or it is another person's than the one that is named.
        """
        digits, found = number[1:], None
        if number[:1] == self.letter and len(digits) == _DIGITS and digits.isascii() and digits.isdigit():
            found = desk.books.execute(select(self.table).where(self.table.c.id == int(digits))).first()
        if found is None or (person and found.person != person):
            raise Refusal(Code.NOT_THERE, f"there is no number {number!r} of the holder")
        return found

    def add(self, desk: Desk, row: dict[str, object]) -> str:
        """A new row that is open; its number."""
        values = row | {"state": "open", "bank_reference": "", "reason": ""}
        inserted = desk.books.execute(self.table.insert(), values).inserted_primary_key
        assert inserted is not None
        return self.number(inserted[0])

    def orders(self, desk: Desk, *wanted: ColumnElement[bool]) -> tuple[Order, ...]:
        """Orders for the bank about what is open."""
        columns = self.table.c
        rows = desk.books.execute(
            select(self.table, PERSONS.c.name)
            .join(PERSONS, PERSONS.c.number == columns.person)
            .where(columns.state == "open", *wanted)
            .order_by(columns.id)
        )
        return tuple(Order(self.number(row.id), row.person, row.name, row.amount, row.kind) for row in rows)

    def settle(self, desk: Desk, row: Row[tuple[object, ...]], bank_reference: str) -> None:
        """Book that a row was paid, with the bank's reference."""
        ensure_account(desk, self.payer, self.payee)
        legs = {self.payer: -row.amount, self.payee: row.amount}
        LEDGER.post(desk.books, f"{self.noun} {row.id}", legs, day=desk.day, text=row.kind)
        self._change(desk, row.id, state="paid", bank_reference=bank_reference, reason="")

    def book(self, desk: Desk, results: Iterable[Result]) -> int:
        """Book the bank's results: paid, or still open with the reason; how many were paid. A repeat books nothing.

        Raises:
            Refusal: there is no such order, or it was of another amount.
        """
        paid = 0
        for result in results:
            row = self.find(desk, result.reference)
            if result.amount not in (None, row.amount):
                raise Refusal(Code.AMOUNT, f"order {result.reference} was of another amount")
            paid += result.done
            if row.state == "paid":
                continue
            if result.done:
                self.settle(desk, row, result.bank_reference)
            else:
                self._change(desk, row.id, reason=result.reason[:128])
        return paid

    def _change(self, desk: Desk, row: int, **values: str) -> None:
        desk.books.execute(self.table.update().where(self.table.c.id == row).values(values))


_DUE: Final = _Kind("D", "contribution", DUES, BANK, CONTRIBUTIONS)
_BENEFIT: Final = _Kind("G", "benefit", BENEFIT_ROWS, BENEFITS, BANK)


# --- contributions


def find_dues(desk: Desk, message: FindDues) -> Dues:
    """What the holder has to pay and may pay with the card (SCHEME-075 to SCHEME-077)."""
    person = holder_of(valid_card(desk, message.card))
    rows = desk.books.execute(select(DUES).where(DUES.c.person == person, DUES.c.state == "open").order_by(DUES.c.id))
    kinds = desk.catalogue.contribution
    return Dues(
        tuple(
            Due(_DUE.number(row.id), row.kind, row.amount, date.fromisoformat(row.due))
            for row in rows
            if row.kind in kinds and not kinds[row.kind].withheld
        )
    )


def due_paid(desk: Desk, message: DuePaid) -> Accepted:
    """Mark a contribution as paid with the bank's reference, once.

    Raises:
        Refusal: no such contribution of the holder, another amount, or it was paid otherwise.
    """
    person = holder_of(known_card(desk, message.card))
    due = _DUE.find(desk, message.number, person)
    if not message.bank_reference:
        raise Refusal(Code.MALFORMED, "a payment has the bank's reference")
    if message.amount != due.amount:
        raise Refusal(Code.AMOUNT, "the amount is not that of the contribution")
    if due.state == "paid":
        if due.bank_reference != message.bank_reference:
            raise Refusal(Code.CONFLICT, "the contribution has been paid under another reference")
    else:
        _DUE.settle(desk, due, message.bank_reference)
    return Accepted(message.number)


def add_due(desk: Desk, person: str, kind: str, amount: int, due: date) -> str:
    """A contribution that falls due; its number.

    Raises:
        Refusal: the scheme has no such kind, or the amount is nothing.
    """
    if kind not in desk.catalogue.contribution or amount <= 0:
        raise Refusal(Code.MALFORMED, "a contribution has a kind of the scheme and an amount")
    return _DUE.add(desk, {"person": person, "kind": kind, "amount": amount, "due": due.isoformat()})


def withholding_orders(desk: Desk) -> tuple[Order, ...]:
    """What the bank is to withhold today: contributions of the withheld kinds that are due (SCHEME-078)."""
    kinds = tuple(key for key, kind in desk.catalogue.contribution.items() if kind.withheld)
    return _DUE.orders(desk, DUES.c.kind.in_(kinds), DUES.c.due <= desk.now.date().isoformat())


def withholding_done(desk: Desk, results: Iterable[Result]) -> int:
    """Book the bank's results: paid, or still open with the reason; how many were paid. A repeat books nothing."""
    return _DUE.book(desk, results)


# --- benefits


def add_benefit(desk: Desk, person: str, kind: str, amount: int) -> str:
    """A benefit that a person is entitled to; its number.

    Raises:
        Refusal: the scheme has no such kind, or the amount is nothing.
    """
    if kind not in desk.catalogue.benefit or amount <= 0:
        raise Refusal(Code.MALFORMED, "a benefit has a kind of the scheme and an amount")
    return _BENEFIT.add(desk, {"person": person, "kind": kind, "amount": amount})


def find_benefits(desk: Desk, message: FindBenefits) -> Benefits:
    """What waits for the holder (SCHEME-080 to SCHEME-085)."""
    person = holder_of(valid_card(desk, message.card))
    rows = desk.books.execute(
        select(BENEFIT_ROWS)
        .where(BENEFIT_ROWS.c.person == person, BENEFIT_ROWS.c.state == "open")
        .order_by(BENEFIT_ROWS.c.id)
    )
    return Benefits(tuple(Benefit(_BENEFIT.number(row.id), row.kind, row.amount) for row in rows))


def order_benefit(desk: Desk, message: PayBenefit) -> PaidOut | Order:
    """The order for the bank, or what was paid already.

    Raises:
        Refusal: no such benefit of the holder.
    """
    person = holder_of(valid_card(desk, message.card))
    benefit = _BENEFIT.find(desk, message.number, person)
    if benefit.state == "paid":
        return PaidOut(benefit.bank_reference, benefit.amount)
    name = desk.books.execute(select(PERSONS.c.name).where(PERSONS.c.number == person)).scalar() or ""
    return Order(message.number, person, name, benefit.amount, benefit.kind)


def benefit_orders(desk: Desk) -> tuple[Order, ...]:
    """All benefits that are not paid, for a batch."""
    return _BENEFIT.orders(desk)


def benefits_done(desk: Desk, results: Iterable[Result]) -> int:
    """Book the bank's results: paid, or still open with the reason; how many were paid. A repeat books nothing."""
    return _BENEFIT.book(desk, results)
