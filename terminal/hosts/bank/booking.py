"""What moves when a transaction is approved, and how it is taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from sqlalchemy import Connection

from terminal.hosts.bank import accounts, cash, records, terms
from terminal.hosts.bank.checks import LOADS, Case
from terminal.hosts.bank.records import Record
from terminal.hosts.bank.tables import CASH, CLEARING, FEES, LEDGER, TransactionState
from terminal.messages.bank import HostMessage, TransactionType


def legs(case: Case) -> Mapping[str, int]:
    """The legs of an approved transaction: amounts in fen by ledger account, credits positive."""
    amount, fee, own, other = case.message.amount, case.fee, case.card, case.other
    match case.transaction:
        case TransactionType.PURCHASE:
            return {own.ledger: -amount - fee, CLEARING: amount, FEES: fee}
        case TransactionType.CASH:
            return {own.ledger: -amount - fee, CASH: amount, FEES: fee}
        case TransactionType.DEPOSIT:
            return {CASH: -amount, own.ledger: amount - fee, FEES: fee}
        case TransactionType.TRANSFER:
            payee = CLEARING if other is None else other.ledger
            return {own.ledger: -amount - fee, payee: amount, FEES: fee}
        case TransactionType.LOAD:
            return {own.ledger: -amount - fee, own.cash_ledger: amount, FEES: fee}
        case TransactionType.LOAD_OTHER:
            assert other is not None
            return {other.ledger: -amount - fee, own.cash_ledger: amount, FEES: fee}
        case TransactionType.LOAD_CASH:
            return {CASH: -amount - fee, own.cash_ledger: amount, FEES: fee}
        case TransactionType.INQUIRY | TransactionType.PIN_CHANGE:
            return {}
        case _ as never:
            assert_never(never)


@dataclass(frozen=True, slots=True)
class Booked:
    """What an approval has moved: the number of the posting, if there is one, and points."""

    posting: int | None
    points: int


def book(case: Case) -> Booked:
    """Post an approved transaction and its points (SCHEME-101)."""
    message = case.message
    moved = legs(case)
    if not moved:
        return Booked(None, 0)
    posting = LEDGER.post(
        case.connection, f"authorisation {_name(message)}", moved, day=message.key[1], text=message.transaction.name
    )
    points = terms.points(message, case.chip.aid)
    accounts.add_points(case.connection, case.card.number, points)
    return Booked(posting, points)


def take_back(connection: Connection, record: Record, name: str, day: str) -> None:
    """Take a booked transaction back, once: its money, and its points.

    A card that has shown a load, or has spent more than it had without it, has taken it, whatever the terminal saw: it
    keeps it.
    """
    records.set_state(connection, record.id, TransactionState.REVERSED)
    holding = accounts.find(connection, record.pan)
    if record.posting is None or holding is None:
        return
    accounts.add_points(connection, holding.number, -record.points)
    if record.transaction in LOADS and (record.taken or record.amount > holding.cash_balance):
        cash.repeat(connection, record, day)
    LEDGER.reverse(connection, record.posting, name, day=day)


def _name(message: HostMessage) -> str:
    terminal, day, trace = message.key
    return f"{terminal} {day} {trace:06d}"
