"""The quarterly report of the bank (季度报表): cards, accounts, use; counted from its books (SCHEME-226)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, distinct, func, select

from terminal.hosts.bank.tables import CARDS, ISSUING_LOG, TRANSACTIONS, TransactionState
from terminal.management.product.rules import Rules
from terminal.management.product.words import NotAllowed, Refusal
from terminal.messages.bank import TransactionType

_FORM: Final = re.compile(r"(\d{4})-?Q([1-4])", re.ASCII)
_STANDING: Final = (TransactionState.BOOKED.value, TransactionState.CLAIMED.value)


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter of a year, 1 to 4."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Quarter":
        """The quarter that is written as 2026Q3.

        Raises:
            ValueError: it is none.
        """
        found = _FORM.fullmatch(text)
        if found is None or not int(found[1]):
            raise ValueError(f"{text} is no quarter; write it as 2026Q3")
        return cls(int(found[1]), int(found[2]))

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def next(self) -> "Quarter":
        """The one after it."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    @property
    def last(self) -> date:
        """Its last day."""
        return self.next.first - timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"


@dataclass(frozen=True, slots=True)
class Use:
    """What cards did by one type of transaction, in the quarter."""

    number: int
    amount: int
    """Fen."""


@dataclass(frozen=True, slots=True)
class QuarterlyReport:
    """The report for one quarter, about cards of the product's BIN."""

    quarter: Quarter
    due: date
    """By when it is to be sent."""
    cards: int
    """Cards issued (发卡量)."""
    accounts: int
    """Accounts opened (开户量)."""
    used: int
    """Cards that were used."""
    use: Mapping[TransactionType, Use]
    """Transactions that stand, by type (使用情况)."""


def due_day(rules: Rules, quarter: Quarter) -> date:
    """By when the report for a quarter is to be sent: the tenth of the following quarter, as the rules have it."""
    return quarter.next.first.replace(day=rules.report.due_day)


def quarterly(connection: Connection, rules: Rules, quarter: Quarter, today: date) -> QuarterlyReport:
    """The report for a quarter that is over.

    A card is issued on the day on which the bank's log of card making has it first; an account is opened on the day of
    its first card.

    Args:
        connection: in a transaction of the bank's books.
        rules: of the product.
        quarter: which one.
        today: the day on which the report is made.

    Raises:
        NotAllowed: the quarter is not over, or before those that are reported.
    """
    if quarter.first < rules.report.first:
        raise NotAllowed(Refusal("SCHEME-226", f"reports begin with {rules.report.first}, {quarter} is before"))
    if today <= quarter.last:
        raise NotAllowed(Refusal("SCHEME-226", f"{quarter} lasts until {quarter.last}"))
    begin, end = f"{quarter.first:%Y%m%d}", f"{quarter.last:%Y%m%d}"
    log, cards, done = ISSUING_LOG.c, CARDS.c, TRANSACTIONS.c
    own = log.pan.startswith(rules.issuer.bin, autoescape=True)
    issued = select(func.min(log.day).label("day")).where(own).group_by(log.pan).subquery()
    opened = (
        select(func.min(log.day).label("day"))
        .join_from(ISSUING_LOG, CARDS, cards.pan == log.pan)
        .where(own)
        .group_by(cards.account)
        .subquery()
    )
    moved = (
        done.day.between(begin, end), done.state.in_(_STANDING),
        done.pan.startswith(rules.issuer.bin, autoescape=True),
    )  # fmt: skip
    by_type = select(done.type, func.count(), func.coalesce(func.sum(done.amount), 0)).where(*moved).group_by(done.type)
    of_cards, of_accounts = (
        select(func.count()).where(firsts.c.day.between(begin, end)) for firsts in (issued, opened)
    )
    return QuarterlyReport(
        quarter,
        due_day(rules, quarter),
        connection.execute(of_cards).scalar_one(),
        connection.execute(of_accounts).scalar_one(),
        connection.execute(select(func.count(distinct(done.pan))).where(*moved)).scalar_one(),
        {TransactionType(kind): Use(number, int(amount)) for kind, number, amount in connection.execute(by_type)},
    )
