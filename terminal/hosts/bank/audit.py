"""Whether the bank's books are right: what must be true of them at any time."""

from collections import Counter

from sqlalchemy import Connection, Engine, select

from terminal.hosts.bank.tables import ACCOUNTS, CARDS, LEDGER, TRANSACTIONS, TransactionState
from terminal.hosts.books import transact

_STANDING = (TransactionState.BOOKED, TransactionState.CLAIMED)


def audit(books: Engine) -> list[str]:
    """What is wrong, in words; nothing where all is well.

    The ledger is right in itself; a transaction that stands has a posting that was not taken back, one that was taken
    back has one that was; points are those of the transactions that stand.
    """
    return [*LEDGER.audit(books), *transact(books, _transactions), *transact(books, _points)]


def _transactions(connection: Connection) -> list[str]:
    postings = LEDGER.postings.c
    query = select(postings.reverses).where(postings.reverses.is_not(None))
    reversed_ones = set(connection.scalars(query))
    wrong = []
    columns = TRANSACTIONS.c
    rows = select(columns.id, columns.state, columns.posting).where(columns.posting.is_not(None))
    for number, state, posting in connection.execute(rows):
        taken_back = posting in reversed_ones
        if taken_back == (TransactionState(state) is TransactionState.BOOKED):
            was = "was" if taken_back else "was not"
            wrong.append(f"transaction {number} is {state}, and its posting {posting} {was} reversed")
    return wrong


def _points(connection: Connection) -> list[str]:
    earned: Counter[str] = Counter()
    columns = TRANSACTIONS.c
    rows = (
        select(CARDS.c.account, columns.points)
        .join(CARDS, CARDS.c.pan == columns.pan)
        .where(columns.state.in_([state.value for state in _STANDING]))
    )
    for account, points in connection.execute(rows):
        earned[account] += points
    accounts = connection.execute(select(ACCOUNTS.c.number, ACCOUNTS.c.points))
    return [
        f"account {number} has {points} points, its transactions earned {earned[number]}"
        for number, points in accounts
        if points != earned[number]
    ]
