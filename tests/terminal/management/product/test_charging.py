"""Fees of cards in the bank's books."""

import pytest
from sqlalchemy import Connection

from terminal.hosts.bank import BankHost
from terminal.hosts.bank.accounts import AccountError, NewAccount
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.tables import CASH, FEES, LEDGER, holder_code
from terminal.hosts.books import transact
from terminal.management.product.charging import book_fee
from terminal.management.product.fees import Charge, fee
from terminal.management.product.rules import default_rules
from terminal.perso.records import OrderKind
from tests.terminal.bankcard import CIPHER, DAY, KEYS

ACCOUNT = "250000000005"


def _bank(balance: int) -> BankHost:
    host = BankHost(KEYS, CIPHER, enrolment=None)
    host.open_account(NewAccount(ACCOUNT, "6214672500000000056", "01", balance=balance), DAY)
    return host


def _book(host: BankHost, charge: Charge, account: str = "", order: str = "N1") -> int | None:
    return transact(host.books, lambda connection: book_fee(connection, order, charge, DAY, account))


def _balances(host: BankHost) -> list[int | None]:
    def read(connection: Connection) -> list[int | None]:
        return [LEDGER.balance(connection, code) for code in (holder_code(ACCOUNT), CASH, FEES)]

    return transact(host.books, read)


@pytest.mark.parametrize(("account", "after"), [("", [5000, -2500, 2500]), (ACCOUNT, [2500, 0, 2500])])
def test_a_replacement_is_charged_once(account: str, after: list[int]) -> None:
    """SCHEME-161: the fee of the tariff is booked, from the account or in cash, however often it is asked for."""
    host = _bank(5000)
    charge = fee(default_rules(), OrderKind.REPLACEMENT, "510101")
    first = _book(host, charge, account)
    assert first is not None
    assert _book(host, charge, account) == first
    assert _balances(host) == after
    assert audit(host.books) == []


def test_nothing_is_booked_where_nothing_is_due() -> None:
    host = _bank(5000)
    assert _book(host, fee(default_rules(), OrderKind.FIRST, "510101")) is None
    assert _book(host, Charge(2500, "defect"), ACCOUNT) is None
    assert _balances(host) == [5000, 0, 0]


def test_an_account_that_cannot_pay() -> None:
    host = _bank(2499)
    with pytest.raises(AccountError, match=f"{ACCOUNT} has not enough"):
        _book(host, Charge(2500), ACCOUNT)
    with pytest.raises(AccountError, match="1234 is not there"):
        _book(host, Charge(2500), "1234")
    assert _balances(host) == [2499, 0, 0]
