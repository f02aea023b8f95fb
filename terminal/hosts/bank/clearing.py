"""The clearing file of a day (清算文件): what was approved and not taken back, with totals (SCHEME-044).

CSV: a head, a line D for each transaction, a line S for each type, and a line T with the whole.

    H,cardsim-clearing,1,20261121
    D,000000000001,CARDTERM,000001,000000000000000,PURCHASE,6214672500000000056,1234,0
    S,PURCHASE,1,1234
    T,1,1234
"""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, select

from terminal.hosts.bank.tables import TRANSACTIONS, TRANSFER_LOG, TransactionState
from terminal.hosts.books import transact
from terminal.messages.bank import TransactionType

_HEAD: Final = ("H", "cardsim-clearing", "1")


@dataclass(frozen=True, slots=True)
class Cleared:
    """A line of the file. Amount and fee in fen."""

    reference: str
    terminal: str
    trace: int
    merchant: str
    type: TransactionType
    pan: str
    amount: int
    fee: int


def cleared(connection: Connection, day: str) -> list[Cleared]:
    """The transactions of a day (YYYYMMDD) that moved money and were not taken back."""
    columns = TRANSACTIONS.c
    query = (
        select(TRANSACTIONS)
        .where(columns.day == day, columns.posting.is_not(None))
        .where(columns.state.in_((TransactionState.BOOKED.value, TransactionState.CLAIMED.value)))
        .order_by(columns.id)
    )
    return [
        Cleared(
            f"{row.id:012d}",
            row.terminal,
            row.trace,
            row.merchant,
            TransactionType(row.type),
            row.pan,
            row.amount,
            row.fee,
        )
        for row in connection.execute(query)
    ]


def clearing_file(books: Engine, day: str) -> str:
    """Make the file of a day, and note that in the log of data transfer."""
    return transact(books, lambda connection: _file(connection, day))


def _file(connection: Connection, day: str) -> str:
    lines = cleared(connection, day)
    numbers: Counter[str] = Counter(line.type.name for line in lines)
    sums: Counter[str] = Counter()
    for line in lines:
        sums[line.type.name] += line.amount
    total = sum(sums.values())
    text = f"clearing: {len(lines)} transactions of {total} fen"
    connection.execute(TRANSFER_LOG.insert(), {"day": day, "file": f"clearing-{day}", "text": text})
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((*_HEAD, day))
    for line in lines:
        one = (line.reference, line.terminal, f"{line.trace:06d}", line.merchant, line.type.name, line.pan)
        writer.writerow(("D", *one, line.amount, line.fee))
    writer.writerows(("S", name, numbers[name], sums[name]) for name in sorted(numbers))
    writer.writerow(("T", len(lines), total))
    return file.getvalue()
