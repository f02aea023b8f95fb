"""The quarterly report against books of which every number is known."""

from datetime import date, datetime

import pytest
from sqlalchemy import Connection

from terminal.hosts.bank import BankHost, accounts
from terminal.hosts.bank.issuing import IssueOrder, issue
from terminal.hosts.bank.tables import ISSUING_LOG, AccountState, CardState
from terminal.hosts.books import transact
from terminal.management.product.report import Quarter, QuarterlyReport, Use, due_day, quarterly
from terminal.management.product.rules import default_rules
from terminal.management.product.words import NotAllowed
from terminal.messages.bank import HostMessage, TransactionType
from tests.terminal.bankcard import CIPHER, KEYS, PlasticCard, reverse
from tests.terminal.management.product.support import rules

PIN = "123456"
VALUE = "0" * 32
LATER = date(2027, 1, 5)


def _report(host: BankHost, quarter: str, today: date = LATER) -> QuarterlyReport:
    def work(connection: Connection) -> QuarterlyReport:
        return quarterly(connection, default_rules(), Quarter.parse(quarter), today)

    return transact(host.books, work)


def _pay(host: BankHost, card: PlasticCard, day: date, amount: int) -> HostMessage:
    message = card.message(amount=amount, time=datetime(day.year, day.month, day.day, 12))
    assert host.handle(message).arc == "00"
    return message


def _order(host: BankHost, person: int, day: date, *, another: bool = False) -> PlasticCard:
    """A card for an order; its account is active and has money."""
    data = issue(host, IssueOrder("李四", f"51010119900101{person:04d}", PIN, another=another), day)
    host.at_desk(accounts.set_account_state, data.account, AccountState.ACTIVE)
    host.at_desk(accounts.set_pin, data.pan, VALUE, initial=False)
    card = PlasticCard(data.pan, data.psn, pin=None, terminal=data.pan[-8:])
    assert host.handle(card.message(TransactionType.DEPOSIT, 100_000, time=datetime(2020, 1, 1))).arc == "00"
    return card


def test_cards_accounts_and_use_of_a_quarter() -> None:
    """SCHEME-226: what happened on the first and on the last day is in the report, what happened on the day before or
    after is in another one; a replacement is a card issued and no account opened; what was taken back is no use."""
    host = BankHost(KEYS, CIPHER, enrolment=None)
    early = _order(host, 1, date(2026, 6, 30))
    first, last = _order(host, 2, date(2026, 7, 1)), _order(host, 3, date(2026, 9, 30))
    host.at_desk(accounts.set_card_state, early.pan, CardState.LOST)
    another = _order(host, 1, date(2026, 8, 15), another=True)
    _order(host, 4, date(2026, 10, 1))
    packed = {"day": "20261002", "pan": first.pan, "text": "packed"}
    transact(host.books, lambda connection: connection.execute(ISSUING_LOG.insert(), packed))
    for card, day, amount in (
        (first, date(2026, 7, 1), 100),
        (first, date(2026, 9, 30), 23),
        (last, date(2026, 10, 1), 1000),
        (another, date(2026, 8, 16), 7),
    ):
        _pay(host, card, day, amount)
    assert host.handle(reverse(_pay(host, last, date(2026, 9, 30), 5000))).arc == "00"
    found = _report(host, "2026Q3")
    assert (found.cards, found.accounts, found.used) == (3, 2, 2)
    assert found.use == {TransactionType.PURCHASE: Use(3, 130)}
    assert found.due == date(2026, 10, 10)
    assert [(_report(host, q).cards, _report(host, q).accounts) for q in ("2026Q2", "2026Q4")] == [(1, 1), (1, 1)]


def test_a_quarter_is_reported_when_it_is_over() -> None:
    host = BankHost(KEYS, CIPHER, enrolment=None)
    with pytest.raises(NotAllowed, match="2026Q4 lasts until 2026-12-31"):
        _report(host, "2026Q4", date(2026, 12, 31))
    assert _report(host, "2026-Q4", date(2027, 1, 1)).cards == 0


def test_reports_begin_in_2011() -> None:
    """SCHEME-226: from January 2011 on."""
    host = BankHost(KEYS, CIPHER, enrolment=None)
    assert _report(host, "2011Q1").due == date(2011, 4, 10)
    with pytest.raises(NotAllowed, match="2010Q4 is before"):
        _report(host, "2010Q4")


@pytest.mark.parametrize(("quarter", "due"), [("2026Q4", date(2027, 1, 5)), ("2026Q1", date(2026, 4, 5))])
def test_the_due_day_is_a_rule(quarter: str, due: date) -> None:
    own = rules("[report]\nfirst = 2011-01-01\ndue_day = 5")
    assert due_day(own, Quarter.parse(quarter)) == due


@pytest.mark.parametrize("text", ["", "2026", "2026Q5", "26Q1", "Q12026", "2026q1", "0000Q1", "٢٠٢٦Q1"])
def test_what_is_no_quarter(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 2026Q3"):
        Quarter.parse(text)


def test_a_quarter_has_its_days() -> None:
    assert [str(Quarter(2026, n).last) for n in (1, 2, 3, 4)] == [
        "2026-03-31",
        "2026-06-30",
        "2026-09-30",
        "2026-12-31",
    ]
    assert str(Quarter(2026, 4).next) == "2027Q1"
