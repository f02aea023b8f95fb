"""The bank's view of a card's electronic cash: the shadow account (影子账户), loads and offline transactions.

The shadow account has what the bank owes to whoever the card pays. A load raises it, an offline transaction that
arrives lowers it. Card and shadow differ by what is still under way. JR/T 0025.13; fact sheet §2.
"""

from typing import Final

from sqlalchemy import Connection

from terminal.hosts.bank import accounts, records
from terminal.hosts.bank.accounts import Holding
from terminal.hosts.bank.checks import Case
from terminal.hosts.bank.records import Record
from terminal.hosts.bank.tables import CASH_DIFFERENCES, CLEARING, LEDGER, TransactionState
from terminal.messages.bank import HostMessage

ISSUER_CODE_TAG: Final = 0x9F74
"""Stands in the chip data of transactions with electronic cash alone (fact sheet §2.1)."""


def balance_value(fen: int) -> bytes:
    """An amount as 9F79 has it: 6 bytes BCD."""
    return bytes.fromhex(f"{fen:012d}")


def reconcile(connection: Connection, message: HostMessage, holding: Holding, atc: int, told: int | None) -> Holding:
    """Compare the shadow with the balance that the card tells in a new online transaction.

    A card that has less has spent what has not arrived yet. A card that has more took a load that was taken back, since
    nobody saw that it had taken it: that load is booked again, and where it is larger than what the card has more, the
    rest was spent and has not arrived. What no load explains stands among the differences.

    A message may be late: what the card has spent since then, and has arrived before it, the card had still.
    """
    if told is None:
        return holding
    _judge_load(connection, holding, atc, told, message.key[1])
    accounts.note_told(connection, holding.pan, told, atc)
    found = accounts.find(connection, holding.pan)
    assert found is not None
    holding = found
    if told <= holding.cash_balance:
        return holding
    told -= records.uploaded_after(connection, holding.pan, atc, holding.cash_ledger)
    terminal, day, trace = message.key
    surplus = claim(connection, holding.pan, told - holding.cash_balance, day)
    if surplus:
        legs = {CASH_DIFFERENCES: -surplus, holding.cash_ledger: surplus}
        name = f"difference of {terminal} {day} {trace:06d}"
        LEDGER.post(connection, name, legs, day=day, text="the card has more than is known")
    found = accounts.find(connection, holding.pan)
    assert found is not None
    return found


def _judge_load(connection: Connection, holding: Holding, atc: int, told: int, day: str) -> None:
    """Whether the card took the load of its last online transaction.

    A card that tells more than it told then, less what it has spent since and is known, took it for certain, even if
    so much was spent otherwise, and never arrived, that the shadow has more. If the load was taken back, it is booked
    again; if not, a reversal that comes yet takes nothing back.
    """
    if holding.told is None:
        return
    load = records.load_at(connection, holding.pan, holding.told_atc)
    after, ledger = records.uploaded_after, holding.cash_ledger
    spent = after(connection, holding.pan, holding.told_atc, ledger) - after(connection, holding.pan, atc, ledger)
    if load is None or told <= holding.told - spent:
        return
    records.set_taken(connection, load.id)
    if load.state is TransactionState.REVERSED:
        repeat(connection, load, day)


def claim(connection: Connection, pan: str, missing: int, day: str) -> int:
    """Book loads again that were taken back, until they explain what the shadow lacks; what no load explains, in fen.

    A load of just that amount comes first, then the last one that is enough, then the last one.
    """
    while missing > 0:
        loads = [record for record in records.taken_back(connection, pan) if record.posting is not None]
        exact = (record for record in loads if record.amount == missing)
        enough = (record for record in loads if record.amount > missing)
        record = next(iter((*exact, *enough, *loads)), None)
        if record is None:
            break
        repeat(connection, record, day)
        missing -= record.amount
    return max(missing, 0)


def repeat(connection: Connection, record: Record, day: str) -> None:
    """Book a load again that the card has after all."""
    assert record.posting is not None
    LEDGER.repeat(connection, record.posting, f"claim of transaction {record.id}", day=day)
    records.set_state(connection, record.id, TransactionState.CLAIMED)


def upload_legs(case: Case) -> dict[str, int]:
    """The legs of an offline transaction: the bank owes the merchant whatever the card has approved.

    A card that spends more than the shadow has took a load that was taken back; that is booked again first.
    """
    amount, card = case.message.amount, case.card
    if ISSUER_CODE_TAG not in case.chip.items:
        return {card.ledger: -amount, CLEARING: amount}
    covered = amount - claim(case.connection, card.pan, amount - card.cash_balance, case.message.key[1])
    return {card.cash_ledger: -covered, CASH_DIFFERENCES: covered - amount, CLEARING: amount}
