"""What must always hold in the department's books, whatever messages came, were lost or came again."""

from collections.abc import Iterator

from sqlalchemy import Connection, Engine, func, select

from terminal.hosts.social.tables import (
    BENEFIT_ROWS,
    DUES,
    LEDGER,
    LOADS,
    PAYMENTS,
    PURCHASES,
    SETTLEMENTS,
    card_code,
)


def audit(books: Engine) -> list[str]:
    """What is wrong in the department's books, in words; nothing where all is well.

    The ledger is sound; each load debits the central account exactly while it is granted or done; what is on a card in
    the books is what was loaded less what was spent; what of a settlement is unpaid is what was not paid; and what is
    marked as paid has a posting.
    """
    wrong = LEDGER.audit(books)
    with books.begin() as connection:
        for check in (_loads, _cards, _settlements, _paid):
            wrong.extend(check(connection))
    return wrong


def _loads(books: Connection) -> Iterator[str]:
    reversed_ones = set(
        books.scalars(select(LEDGER.postings.c.reverses).where(LEDGER.postings.c.reverses.is_not(None)))
    )
    names = {row.id: row.name for row in books.execute(select(LEDGER.postings.c.id, LEDGER.postings.c.name))}
    done = set()
    for load in books.execute(select(LOADS)):
        if not names.get(load.posting, "").startswith(f"load {load.id}"):
            yield f"load {load.id} has the posting of something else"
        undone = load.state in ("taken back", "void")
        if undone != (load.posting in reversed_ones):
            yield f"load {load.id} is {load.state}, and its posting says otherwise"
        if not undone and (load.card, load.sequence) in done:
            yield f"card {load.card} has two loads of sequence {load.sequence}"
        if not undone:
            done.add((load.card, load.sequence))


def _cards(books: Connection) -> Iterator[str]:
    loaded = (
        select(LOADS.c.card, func.sum(LOADS.c.amount))
        .where(LOADS.c.state.in_(("granted", "done")))
        .group_by(LOADS.c.card)
    )
    moved = {card: int(amount) for card, amount in books.execute(loaded)}
    names = set(books.scalars(select(LEDGER.postings.c.name)))
    for purchase in books.execute(select(PURCHASES)):
        if purchase.account + purchase.pool and f"purchase {purchase.id}" not in names:
            yield f"purchase {purchase.id} is not in the ledger"
    legs = (
        select(LEDGER.entries.c.account, func.sum(LEDGER.entries.c.amount))
        .join(LEDGER.postings, LEDGER.postings.c.id == LEDGER.entries.c.posting)
        .where(LEDGER.postings.c.name.like("load %"))
        .group_by(LEDGER.entries.c.account)
    )
    posted = {account: int(amount) for account, amount in books.execute(legs)}
    for card in moved.keys() | {code.removeprefix("card ") for code in posted if code.startswith("card ")}:
        if moved.get(card, 0) != posted.get(card_code(card), 0):
            yield f"card {card} was loaded with {moved.get(card, 0)}, its account with {posted.get(card_code(card), 0)}"


def _settlements(books: Connection) -> Iterator[str]:
    paid_rows = select(PAYMENTS.c.settlement, func.sum(PAYMENTS.c.amount)).group_by(PAYMENTS.c.settlement)
    paid = {settlement: int(amount) for settlement, amount in books.execute(paid_rows)}
    with_card = set(books.scalars(select(PURCHASES.c.settlement).where(PURCHASES.c.settlement.is_not(None))))
    for row in books.execute(select(SETTLEMENTS)):
        total = row.account + row.self_paid + row.own_expense
        by_card = row.account if str(row.id) in with_card else 0
        if row.unpaid != max(total - by_card - paid.get(row.id, 0), 0):
            yield f"settlement {row.id} has {row.unpaid} unpaid, and its payments say otherwise"
        if not row.unpaid and not row.pool_posted:
            yield f"settlement {row.id} is closed, and the fund has not paid"


def _paid(books: Connection) -> Iterator[str]:
    names = set(books.scalars(select(LEDGER.postings.c.name)))
    for table, word in ((DUES, "contribution"), (BENEFIT_ROWS, "benefit")):
        for row in books.execute(select(table.c.id, table.c.state)):
            if (row.state == "paid") != (f"{word} {row.id}" in names):
                yield f"{word} {row.id} is {row.state}, and the ledger says otherwise"
