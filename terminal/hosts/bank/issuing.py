"""Issuing (发卡): a debit account and the data of its card for each order (SCHEME-041, SCHEME-048)."""

import enum
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Connection, func, select

from cardsim.iso7816.digits import check_digit
from terminal.hosts.bank import accounts
from terminal.hosts.bank.accounts import AccountError, NewAccount
from terminal.hosts.bank.host import BankHost
from terminal.hosts.bank.parameters import PARAMETERS
from terminal.hosts.bank.tables import ISSUING_LOG
from terminal.hosts.books import transact

PSN = "01"
SERVICE_CODE = "620"
"""Domestic, with chip and PIN (fact sheet §1.5)."""


class AccountKind(enum.Enum):
    """Kinds of account that a card can be ordered for."""

    DEBIT = "debit"
    CREDIT = "credit"
    QUASI_CREDIT = "quasi-credit"


@dataclass(frozen=True, slots=True)
class IssueOrder:
    """An order for a card: the holder, and the initial PIN of the account (D35)."""

    name: str
    id_number: str
    initial_pin: str = field(repr=False)
    kind: AccountKind = AccountKind.DEBIT


@dataclass(frozen=True, slots=True)
class CardData:
    """What goes on the card, without keys: these are derived where the card is made. Dates are YYYYMMDD."""

    pan: str
    psn: str
    name: str
    id_number: str
    issued: str
    expires: str

    @property
    def track2(self) -> str:
        """Track 2 equivalent data (tag 57) as hex digits, without filling."""
        return f"{self.pan}D{self.expires[2:6]}{SERVICE_CODE}0000"


def issue(bank: BankHost, order: IssueOrder, today: date) -> CardData:
    """Open a debit account that waits for its activation, and give the data of its card.

    Raises:
        AccountError: the order is for an account with credit (SCHEME-098), or the person has a card already
            (SCHEME-108).
    """
    if order.kind is not AccountKind.DEBIT:
        raise AccountError(f"cards with a {order.kind.value} function are not issued")
    return transact(bank.books, lambda connection: _issue(connection, bank, order, today))


def _issue(connection: Connection, bank: BankHost, order: IssueOrder, today: date) -> CardData:
    if accounts.find_person(connection, order.id_number) is not None:
        raise AccountError("the person has a card already, and there are no supplementary cards")
    product = PARAMETERS.product
    sequence = connection.execute(select(func.count()).select_from(ISSUING_LOG)).scalar_one() + 1
    number = f"{product.institution}{sequence:09d}"
    digits = f"{product.bin}{number}"
    year = today.year + product.years
    last = monthrange(year, today.month)[1]
    data = CardData(
        digits + check_digit(digits), PSN, order.name, order.id_number, f"{today:%Y%m%d}",
        f"{year}{today.month:02d}{last:02d}",
    )  # fmt: skip
    new = NewAccount(
        number, data.pan, PSN, order.name, order.id_number, order.initial_pin, initial=True, expires=data.expires
    )
    accounts.open_account(connection, new, bank.keys, data.issued)
    row = {"day": data.issued, "pan": data.pan, "text": f"account {number} opened, card data made"}
    connection.execute(ISSUING_LOG.insert(), row)
    return data
