"""The department's batch files at the bank: contributions withheld, benefits credited, results returned.

Scheme, part 2 (2) 1 and 2. Each order is carried out once, whichever file it comes in; one that failed may come again.
"""

from typing import Final

from sqlalchemy import Connection, Engine

from terminal.hosts.bank import accounts
from terminal.hosts.bank.accounts import Holding
from terminal.hosts.bank.codes import Code
from terminal.hosts.bank.host import BankHost
from terminal.hosts.bank.tables import LEDGER, SOCIAL_SECURITY, TRANSFER_LOG, AccountState
from terminal.hosts.books import transact
from terminal.messages.batches import (
    Batch,
    BatchKind,
    BatchOrder,
    BatchResult,
    OrderResult,
    read_batch,
    write_result,
)

_STATES: Final = {
    AccountState.NOT_ACTIVATED: (Code.NOT_FOR_HOLDER, "the finance function is not activated"),
    AccountState.BLOCKED: (Code.RESTRICTED_CARD, "the account is blocked"),
    AccountState.CLOSED: (Code.NO_ACCOUNT, "the account is closed"),
}


def take_file(books: Engine, text: str) -> str:
    """Carry a batch file out; the text of its result. A file that comes again gets the same result.

    Raises:
        BatchError: the file is not of its form; nothing of it is carried out.
    """
    batch = read_batch(text)
    return LEDGER.once(
        books,
        f"batch {batch.kind.value} {batch.number}",
        lambda connection: write_result(_carry_out(connection, batch)),
    )


def carry_out(bank: BankHost, batch: Batch) -> BatchResult:
    """Carry a batch out without a file (联机)."""
    return transact(bank.books, lambda connection: _carry_out(connection, batch))


def _carry_out(connection: Connection, batch: Batch) -> BatchResult:
    results = tuple(_one(connection, batch, order) for order in batch.orders)
    result = BatchResult(batch.kind, batch.number, batch.day, results)
    (done, sum_done), (failed, sum_failed) = result.totals(done=True), result.totals(done=False)
    text = f"{batch.kind.value}: {done} orders of {sum_done} fen carried out, {failed} of {sum_failed} returned"
    connection.execute(TRANSFER_LOG.insert(), {"day": batch.day, "file": batch.number[:64], "text": text})
    return result


def _one(connection: Connection, batch: Batch, order: BatchOrder) -> OrderResult:
    name = f"{batch.kind.value} {order.reference}"
    if (known := LEDGER.find(connection, name)) is not None:
        return OrderResult(order.reference, Code.APPROVED, f"{known:012d}", order.amount, "carried out before")
    holding = _holding(connection, order)
    if refusal := _refusal(batch.kind, order, holding):
        return OrderResult(order.reference, refusal[0], "", order.amount, refusal[1])
    assert holding is not None
    amount = order.amount if batch.kind is BatchKind.BENEFITS else -order.amount
    legs = {holding.ledger: amount, SOCIAL_SECURITY: -amount}
    number = LEDGER.post(connection, name, legs, day=batch.day, text=order.text[:128])
    return OrderResult(order.reference, Code.APPROVED, f"{number:012d}", order.amount, Code.APPROVED.text)


def _holding(connection: Connection, order: BatchOrder) -> Holding | None:
    if order.account:
        return accounts.find_account(connection, order.account)
    return accounts.find_person(connection, order.id_number)


def _refusal(kind: BatchKind, order: BatchOrder, holding: Holding | None) -> tuple[Code, str] | None:
    """Why an order is not carried out, or None."""
    if holding is None:
        return Code.NO_ACCOUNT, "there is no such account"
    if holding.id_number != order.id_number:
        return Code.DO_NOT_HONOUR, "the number is not that of the account's holder"
    if holding.name != order.name:
        return Code.DO_NOT_HONOUR, "the name is not that of the account's holder"
    if kind is BatchKind.BENEFITS:
        # Money may come in before the holder has activated the account; it cannot go out.
        closed = holding.account_state is AccountState.CLOSED
        return _STATES[AccountState.CLOSED] if closed else None
    if holding.account_state in _STATES:
        return _STATES[holding.account_state]
    if not holding.withholding:
        return Code.NOT_FOR_HOLDER, "the holder has not agreed to withholding"
    return (Code.NO_FUNDS, Code.NO_FUNDS.text) if holding.balance < order.amount else None
