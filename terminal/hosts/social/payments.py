"""Contributions and benefits (社会保险费缴纳, 待遇领取): what is due, what waits, and what the bank did with it.

At a terminal a contribution is paid first and told here; a benefit is ordered here and paid by the bank, which compares
name and number. Both also go in batches, a file for the bank and its result back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from sqlalchemy import Row, bindparam, select

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

_DUE: Final = select(DUES).where(DUES.c.id == bindparam("id"))
_BENEFIT: Final = select(BENEFIT_ROWS).where(BENEFIT_ROWS.c.id == bindparam("id"))


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


# --- contributions


def find_dues(desk: Desk, message: FindDues) -> Dues:
    """What the holder has to pay and may pay with the card (SCHEME-075 to SCHEME-077)."""
    person = holder_of(valid_card(desk, message.card))
    rows = desk.books.execute(select(DUES).where(DUES.c.person == person, DUES.c.state == "open").order_by(DUES.c.id))
    kinds = desk.catalogue.contribution
    return Dues(
        tuple(
            Due(f"D{row.id:08d}", row.kind, row.amount, date.fromisoformat(row.due))
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
    due = _numbered(desk, "D", message.number, person)
    if not message.bank_reference:
        raise Refusal(Code.MALFORMED, "a payment has the bank's reference")
    if message.amount != due.amount:
        raise Refusal(Code.AMOUNT, "the amount is not that of the contribution")
    if due.state == "paid":
        if due.bank_reference != message.bank_reference:
            raise Refusal(Code.CONFLICT, "the contribution has been paid under another reference")
    else:
        _receive(desk, due, message.bank_reference)
    return Accepted(message.number)


def _receive(desk: Desk, due: Row[tuple[object, ...]], bank_reference: str) -> None:
    ensure_account(desk, BANK, CONTRIBUTIONS)
    legs = {BANK: -due.amount, CONTRIBUTIONS: due.amount}
    LEDGER.post(desk.books, f"contribution {due.id}", legs, day=desk.day, text=due.kind)
    values = {"state": "paid", "bank_reference": bank_reference, "reason": ""}
    desk.books.execute(DUES.update().where(DUES.c.id == due.id).values(values))


def _numbered(desk: Desk, letter: str, number: str, person: str = "") -> Row[tuple[object, ...]]:
    """A contribution or benefit by its number.

    Raises:
        Refusal: there is none, or it is another person's than the one that is named.
    """
    digits = number[1:]
    found = None
    if number[:1] == letter and len(digits) == 8 and digits.isascii() and digits.isdigit():
        found = desk.books.execute(_DUE if letter == "D" else _BENEFIT, {"id": int(digits)}).first()
    if found is None or (person and found.person != person):
        raise Refusal(Code.NOT_THERE, f"there is no number {number!r} of the holder")
    return found


def _ordered(desk: Desk, letter: str, result: Result) -> Row[tuple[object, ...]]:
    """What a result of the bank is about.

    Raises:
        Refusal: there is no such order, or it was of another amount.
    """
    found = _numbered(desk, letter, result.reference)
    if result.amount not in (None, found.amount):
        raise Refusal(Code.AMOUNT, f"order {result.reference} was of another amount")
    return found


def add_due(desk: Desk, person: str, kind: str, amount: int, due: date) -> str:
    """A contribution that falls due; its number.

    Raises:
        Refusal: the scheme has no such kind, or the amount is nothing.
    """
    if kind not in desk.catalogue.contribution or amount <= 0:
        raise Refusal(Code.MALFORMED, "a contribution has a kind of the scheme and an amount")
    row = {"person": person, "kind": kind, "amount": amount, "due": due.isoformat(), "state": "open"}
    inserted = desk.books.execute(DUES.insert(), row | {"bank_reference": "", "reason": ""}).inserted_primary_key
    assert inserted is not None
    return f"D{inserted[0]:08d}"


def withholding_orders(desk: Desk) -> tuple[Order, ...]:
    """What the bank is to withhold today: contributions of the withheld kinds that are due (SCHEME-078)."""
    kinds = tuple(key for key, kind in desk.catalogue.contribution.items() if kind.withheld)
    rows = desk.books.execute(
        select(DUES, PERSONS.c.name)
        .join(PERSONS, PERSONS.c.number == DUES.c.person)
        .where(DUES.c.kind.in_(kinds), DUES.c.state == "open", DUES.c.due <= desk.now.date().isoformat())
        .order_by(DUES.c.id)
    )
    return tuple(Order(f"D{row.id:08d}", row.person, row.name, row.amount, row.kind) for row in rows)


def withholding_done(desk: Desk, results: Iterable[Result]) -> int:
    """Book the bank's results: paid, or still open with the reason; how many were paid. A repeat books nothing."""
    paid = 0
    for result in results:
        due = _ordered(desk, "D", result)
        paid += result.done
        if due.state == "paid":
            continue
        if result.done:
            _receive(desk, due, result.bank_reference)
        else:
            desk.books.execute(DUES.update().where(DUES.c.id == due.id).values(reason=result.reason[:128]))
    return paid


# --- benefits


def add_benefit(desk: Desk, person: str, kind: str, amount: int) -> str:
    """A benefit that a person is entitled to; its number.

    Raises:
        Refusal: the scheme has no such kind, or the amount is nothing.
    """
    if kind not in desk.catalogue.benefit or amount <= 0:
        raise Refusal(Code.MALFORMED, "a benefit has a kind of the scheme and an amount")
    row = {"person": person, "kind": kind, "amount": amount, "state": "open", "bank_reference": "", "reason": ""}
    inserted = desk.books.execute(BENEFIT_ROWS.insert(), row).inserted_primary_key
    assert inserted is not None
    return f"G{inserted[0]:08d}"


def find_benefits(desk: Desk, message: FindBenefits) -> Benefits:
    """What waits for the holder (SCHEME-080 to SCHEME-085)."""
    person = holder_of(valid_card(desk, message.card))
    rows = desk.books.execute(
        select(BENEFIT_ROWS)
        .where(BENEFIT_ROWS.c.person == person, BENEFIT_ROWS.c.state == "open")
        .order_by(BENEFIT_ROWS.c.id)
    )
    return Benefits(tuple(Benefit(f"G{row.id:08d}", row.kind, row.amount) for row in rows))


def order_benefit(desk: Desk, message: PayBenefit) -> PaidOut | Order:
    """The order for the bank, or what was paid already.

    Raises:
        Refusal: no such benefit of the holder.
    """
    person = holder_of(valid_card(desk, message.card))
    benefit = _numbered(desk, "G", message.number, person)
    if benefit.state == "paid":
        return PaidOut(benefit.bank_reference, benefit.amount)
    name = desk.books.execute(select(PERSONS.c.name).where(PERSONS.c.number == person)).scalar() or ""
    return Order(message.number, person, name, benefit.amount, benefit.kind)


def benefit_orders(desk: Desk) -> tuple[Order, ...]:
    """All benefits that are not paid, for a batch."""
    rows = desk.books.execute(
        select(BENEFIT_ROWS, PERSONS.c.name)
        .join(PERSONS, PERSONS.c.number == BENEFIT_ROWS.c.person)
        .where(BENEFIT_ROWS.c.state == "open")
        .order_by(BENEFIT_ROWS.c.id)
    )
    return tuple(Order(f"G{row.id:08d}", row.person, row.name, row.amount, row.kind) for row in rows)


def benefits_done(desk: Desk, results: Iterable[Result]) -> int:
    """Book the bank's results: paid, or still open with the reason; how many were paid. A repeat books nothing."""
    paid = 0
    for result in results:
        benefit = _ordered(desk, "G", result)
        paid += result.done
        if benefit.state == "paid":
            continue
        values = {"reason": result.reason[:128]}
        if result.done:
            ensure_account(desk, BANK, BENEFITS)
            legs = {BENEFITS: -benefit.amount, BANK: benefit.amount}
            LEDGER.post(desk.books, f"benefit {benefit.id}", legs, day=desk.day, text=benefit.kind)
            values = {"state": "paid", "bank_reference": result.bank_reference, "reason": ""}
        desk.books.execute(BENEFIT_ROWS.update().where(BENEFIT_ROWS.c.id == benefit.id).values(values))
    return paid
