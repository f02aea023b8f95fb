"""The fee of a card in the bank's books (SCHEME-161)."""

from sqlalchemy import Connection

from terminal.hosts.bank import accounts
from terminal.hosts.bank.accounts import AccountError
from terminal.hosts.bank.tables import CASH, FEES, INTERNAL_ACCOUNTS, LEDGER
from terminal.management.product.fees import Charge


def book_fee(connection: Connection, order: str, charge: Charge, day: str, account: str = "") -> int | None:
    """Book what an order costs, once; the number of the posting, or None where nothing is due.

    Args:
        connection: in a transaction of the bank's books.
        order: number of the order.
        charge: what is charged.
        day: YYYYMMDD.
        account: number of the holder's account that pays; without one cash at the counter does.

    Raises:
        AccountError: there is no such account, or it has not enough.
    """
    if not charge.due:
        return None
    name = f"card fee {order}"
    if (known := LEDGER.find(connection, name)) is not None:
        return known
    payer = CASH
    if account:
        holding = accounts.find_account(connection, account)
        if holding is None or holding.balance < charge.due:
            raise AccountError(f"account {account} {'is not there' if holding is None else 'has not enough'}")
        payer = holding.ledger
    LEDGER.ensure_accounts(connection, INTERNAL_ACCOUNTS)
    return LEDGER.post(connection, name, {payer: -charge.due, FEES: charge.due}, day=day, text="card fee")
