"""Issuing (发卡): a debit account and the data of its card, for one order or in bulk (SCHEME-041, SCHEME-048)."""

import enum
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Connection, func, select

from cardsim.iso7816.digits import check_digit
from terminal.hosts.bank import accounts
from terminal.hosts.bank.accounts import AccountError, Holding, NewAccount
from terminal.hosts.bank.chip import IssuerKeys
from terminal.hosts.bank.host import BankHost
from terminal.hosts.bank.parameters import PARAMETERS
from terminal.hosts.bank.tables import ACCOUNTS, CARDS, ISSUING_LOG, SEQUENCES, AccountState, CardState
from terminal.hosts.books import transact

PSN = "01"
SERVICE_CODE = "620"
"""Domestic, with chip and PIN (fact sheet §1.5)."""
_BIN_DIGITS = 6
_LAST_SEQUENCE = 999_999_999


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
    another: bool = False
    """Whether it is for the account that the person has, whose card is no longer in use (补卡, 换卡)."""


@dataclass(frozen=True, slots=True)
class CardData:
    """What goes on the card, without keys: these are derived where the card is made. Dates are YYYYMMDD."""

    pan: str
    psn: str
    name: str
    id_number: str
    issued: str
    expires: str
    account: str

    @property
    def track2(self) -> str:
        """Track 2 equivalent data (tag 57) as hex digits, without filling."""
        return f"{self.pan}D{self.expires[2:6]}{SERVICE_CODE}0000"


class IssueRefusal(enum.Enum):
    """Why an order gets no card."""

    CREDIT = "cards with a credit function are not issued"
    """SCHEME-098."""
    HAS_CARD = "the person has a card already, and there are no supplementary cards"
    """SCHEME-108, PERSO-165."""
    NO_ACCOUNT = "the person has no account that another card could belong to"


def issue(bank: BankHost, order: IssueOrder, today: date) -> CardData:
    """Open a debit account that waits for its activation, and give the data of its card.

    Raises:
        AccountError: the order is refused.
    """
    (made,) = transact(bank.books, lambda connection: issue_all(connection, bank.keys, (order,), today))
    if isinstance(made, IssueRefusal):
        raise AccountError(made.value)
    return made


def issue_all(
    connection: Connection, keys: IssuerKeys, orders: Sequence[IssueOrder], today: date
) -> list[CardData | IssueRefusal]:
    """Open accounts in bulk (批量开户): what each order gives, in their order.

    Args:
        connection: in a transaction of `transact`.
        keys: for the verification values of the initial PINs.
        orders: some thousands at most.
        today: the day of issue.

    Raises:
        AccountError: there are no card numbers left.
    """
    held = accounts.of_persons(connection, {order.id_number for order in orders})
    wanted: list[tuple[IssueOrder, Holding | None]] = []
    served: set[str] = set()
    results: list[IssueRefusal | None] = []
    for order in orders:
        own = [holding for holding in held.get(order.id_number, ()) if holding.account_state is not AccountState.CLOSED]
        refusal = IssueRefusal.HAS_CARD if order.id_number in served else _refusal(order, own)
        results.append(refusal)
        if refusal is None:
            served.add(order.id_number)
            wanted.append((order, own[0] if own else None))
    made = iter(_make(connection, keys, wanted, today))
    return [next(made) if refusal is None else refusal for refusal in results]


def _refusal(order: IssueOrder, own: Sequence[Holding]) -> IssueRefusal | None:
    if order.kind is not AccountKind.DEBIT:
        return IssueRefusal.CREDIT
    if order.another and not own:
        return IssueRefusal.NO_ACCOUNT
    in_use = any(holding.card_state is CardState.ACTIVE for holding in own)
    return IssueRefusal.HAS_CARD if in_use or (own and not order.another) else None


def _make(
    connection: Connection, keys: IssuerKeys, wanted: Sequence[tuple[IssueOrder, Holding | None]], today: date
) -> list[CardData]:
    issued = f"{today:%Y%m%d}"
    year = today.year + PARAMETERS.product.years
    expires = f"{year}{today.month:02d}{monthrange(year, today.month)[1]:02d}"
    first: list[NewAccount] = []
    another: list[NewAccount] = []
    made: list[CardData] = []
    for (order, holding), pan in zip(wanted, card_numbers(connection, len(wanted)), strict=True):
        number = pan[_BIN_DIGITS:-1] if holding is None else holding.number
        new = NewAccount(
            number, pan, PSN, order.name, order.id_number, order.initial_pin, initial=True, expires=expires
        )
        (first if holding is None else another).append(new)
        made.append(CardData(pan, PSN, order.name, order.id_number, issued, expires, number))
    if first:
        accounts.open_accounts(connection, first, keys)
    if another:
        accounts.add_cards(connection, another, keys)
    if made:
        rows = [
            {"day": issued, "pan": data.pan, "text": f"account {data.account} opened, card data made"} for data in made
        ]
        connection.execute(ISSUING_LOG.insert(), rows)
    return made


def card_numbers(connection: Connection, count: int) -> list[str]:
    """The next card numbers (卡号) of the bank; one that was given once is never given again (PERSO-162).

    BIN, institution, sequence number of nine digits, check digit (000 §3.2.3). Numbers of cards that were opened by
    hand are passed over.

    Raises:
        AccountError: there are not so many left.
    """
    head = PARAMETERS.product.bin + PARAMETERS.product.institution
    found: list[str] = []
    while len(found) < count:
        last = _advance(connection, head, count - len(found))
        bodies = [f"{head}{sequence:09d}" for sequence in range(last - count + len(found) + 1, last + 1)]
        numbers = [body + check_digit(body) for body in bodies]
        taken = set(connection.scalars(select(CARDS.c.pan).where(CARDS.c.pan.in_(numbers))))
        accounts_of = {number[_BIN_DIGITS:-1]: number for number in numbers}
        query = select(ACCOUNTS.c.number).where(ACCOUNTS.c.number.in_(accounts_of))
        taken.update(accounts_of[number] for number in connection.scalars(query))
        found.extend(number for number in numbers if number not in taken)
    return found


def _advance(connection: Connection, head: str, count: int) -> int:
    """Take sequence numbers; the last one of them."""
    own = SEQUENCES.c.institution == head
    moved = connection.execute(SEQUENCES.update().where(own).values(last=SEQUENCES.c.last + count))
    if not moved.rowcount:
        # Books from before this table: the log has every card that was issued.
        highest = connection.execute(select(func.max(ISSUING_LOG.c.pan)).where(ISSUING_LOG.c.pan.like(f"{head}%")))
        start = int((highest.scalar() or f"{head}0000000000")[len(head) : -1])
        connection.execute(SEQUENCES.insert(), {"institution": head, "last": start + count})
    last = connection.execute(select(SEQUENCES.c.last).where(own)).scalar_one()
    if last > _LAST_SEQUENCE:
        raise AccountError(f"institution {PARAMETERS.product.institution} has no card numbers left")
    return last
