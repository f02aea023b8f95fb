"""Accounts and cards of the bank: opening, the counter, and the operator's desk (柜面).

Every function takes a connection in a transaction (`terminal.hosts.books.transact`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, case, or_, select

from terminal.hosts.bank.chip import IssuerKeys
from terminal.hosts.bank.parameters import PARAMETERS
from terminal.hosts.bank.tables import (
    ACCOUNTS,
    CARDS,
    INTERNAL_ACCOUNTS,
    LEDGER,
    OPENING,
    AccountState,
    CardState,
    cash_code,
    holder_code,
)


class AccountError(Exception):
    """An account or card is not there, or what is asked is not allowed for it; the text is for people."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an account begins with that a host opens by itself for a card that it has not seen before.

    A test bench needs no other opening of accounts; a host without an enrolment declines such cards.
    """

    name: str = ""
    id_number: str = ""
    pin: str | None = field(default=None, repr=False)
    offline_pin: bool = False
    balance: int = PARAMETERS.opening_balance
    """Fen."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be opened, with its card. `pin` is the initial PIN; None: the host takes any.

    `initial` marks the PIN as one that has to be changed before anything else (D35).
    """

    number: str
    pan: str
    psn: str
    name: str = ""
    id_number: str = ""
    pin: str | None = field(default=None, repr=False)
    initial: bool = True
    offline_pin: bool = False
    expires: str = ""
    balance: int = 0
    cash_balance: int = 0
    """What the card's electronic cash begins with, in fen."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A card with its account, and the balances of both in fen."""

    pan: str
    psn: str
    expires: str
    card_state: CardState
    pin: str | None = field(repr=False)
    pin_initial: int
    pin_tries: int
    offline_pin: int
    atc: int
    cash_limit: int
    told: int | None
    told_atc: int
    cash_ledger: str
    number: str
    name: str
    id_number: str
    account_state: AccountState
    withholding: int
    ledger: str
    balance: int
    cash_balance: int

    @property
    def can_pay(self) -> bool:
        """Whether the account's finance function is active (金融功能)."""
        return self.account_state is AccountState.ACTIVE


_OWN, _CASH = LEDGER.accounts.alias("own"), LEDGER.accounts.alias("cash")
_HOLDINGS: Final = (
    select(
        CARDS.c.pan,
        CARDS.c.psn,
        CARDS.c.expires,
        CARDS.c.state.label("card_state"),
        CARDS.c.pin,
        CARDS.c.pin_initial,
        CARDS.c.pin_tries,
        CARDS.c.offline_pin,
        CARDS.c.atc,
        CARDS.c.cash_limit,
        CARDS.c.told,
        CARDS.c.told_atc,
        CARDS.c.ledger.label("cash_ledger"),
        ACCOUNTS.c.number,
        ACCOUNTS.c.name,
        ACCOUNTS.c.id_number,
        ACCOUNTS.c.state.label("account_state"),
        ACCOUNTS.c.withholding,
        ACCOUNTS.c.ledger,
        _OWN.c.balance,
        _CASH.c.balance.label("cash_balance"),
    )
    .join(ACCOUNTS, ACCOUNTS.c.number == CARDS.c.account)
    .join(_OWN, _OWN.c.code == ACCOUNTS.c.ledger)
    .join(_CASH, _CASH.c.code == CARDS.c.ledger)
)
_IN_USE_FIRST: Final = (case((CARDS.c.state == CardState.ACTIVE.value, 0), else_=1), ACCOUNTS.c.number, CARDS.c.pan)
_BY_CARD: Final = _HOLDINGS.where(CARDS.c.pan == bindparam("pan"))
_BY_ACCOUNT: Final = _HOLDINGS.where(
    or_(ACCOUNTS.c.number == bindparam("number"), CARDS.c.pan == bindparam("number"))
).order_by(CARDS.c.pan != bindparam("number"), *_IN_USE_FIRST)
_SET_CARD: Final = CARDS.update().where(CARDS.c.pan == bindparam("card"))


def find(connection: Connection, pan: str) -> Holding | None:
    """The holding of a card number."""
    row = connection.execute(_BY_CARD, {"pan": pan}).mappings().first()
    return None if row is None else _holding(row)


def find_account(connection: Connection, number: str) -> Holding | None:
    """The holding of a card number, or that of an account number: then with the card in use."""
    row = connection.execute(_BY_ACCOUNT, {"number": number}).mappings().first()
    return None if row is None else _holding(row)


def every(connection: Connection) -> list[Holding]:
    """All holdings, by card number."""
    return [_holding(row) for row in connection.execute(_HOLDINGS.order_by(CARDS.c.pan)).mappings()]


def find_person(connection: Connection, id_number: str) -> Holding | None:
    """The holding of a person by social-security number, that with a card in use where there are several."""
    return next(iter(of_persons(connection, (id_number,)).get(id_number, ())), None)


def _holding(row: RowMapping) -> Holding:
    states = {"card_state": CardState(row["card_state"]), "account_state": AccountState(row["account_state"])}
    return Holding(**{**row, **states})


def of_persons(connection: Connection, id_numbers: Collection[str]) -> dict[str, list[Holding]]:
    """The holdings of persons by social-security number, the card in use first; who has none is not in it."""
    found: dict[str, list[Holding]] = {}
    query = _HOLDINGS.where(ACCOUNTS.c.id_number.in_(id_numbers)).order_by(*_IN_USE_FIRST)
    for row in connection.execute(query).mappings():
        found.setdefault(row["id_number"], []).append(_holding(row))
    return found


def open_account(connection: Connection, new: NewAccount, keys: IssuerKeys, day: str) -> None:
    """Open an account with its card (开户).

    Raises:
        AccountError: account or card number are taken; there are no supplementary cards (SCHEME-108).
    """
    if find_account(connection, new.number) is not None or find(connection, new.pan) is not None:
        raise AccountError(f"account {new.number} or card {new.pan[:6]}…{new.pan[-4:]} is there already")
    open_accounts(connection, (new,), keys)
    total = new.balance + new.cash_balance
    if total:
        legs = {holder_code(new.number): new.balance, cash_code(new.pan): new.cash_balance, OPENING: -total}
        LEDGER.post(connection, f"opening {new.number}", legs, day=day, text="opening balance")


def open_accounts(connection: Connection, new: Sequence[NewAccount], keys: IssuerKeys) -> None:
    """Open accounts with a card each in bulk, all of them empty (批量开户).

    Raises:
        IntegrityError: an account or card number is taken.
    """
    LEDGER.ensure_accounts(connection, INTERNAL_ACCOUNTS)
    LEDGER.open_accounts(connection, {holder_code(one.number): None for one in new})
    rows = [
        {
            "number": one.number, "name": one.name, "id_number": one.id_number,
            "state": (AccountState.NOT_ACTIVATED if one.initial else AccountState.ACTIVE).value, "points": 0,
            "withholding": 0, "ledger": holder_code(one.number),
        }
        for one in new
    ]  # fmt: skip
    connection.execute(ACCOUNTS.insert(), rows)
    add_cards(connection, new, keys)


def add_cards(connection: Connection, new: Sequence[NewAccount], keys: IssuerKeys) -> None:
    """Add a card to each of these accounts, which are there.

    Raises:
        IntegrityError: a card number is taken, or another card of the account is in use (SCHEME-108).
    """
    LEDGER.open_accounts(connection, {cash_code(one.pan): 0 for one in new})
    rows = [
        {
            "pan": one.pan, "psn": one.psn, "account": one.number, "expires": one.expires,
            "state": CardState.ACTIVE.value, "pin": None if one.pin is None else keys.pin_value(one.pan, one.pin),
            "pin_initial": int(one.initial), "pin_tries": PARAMETERS.pin_tries, "offline_pin": int(one.offline_pin),
            "atc": 0, "cash_limit": PARAMETERS.cash_limit, "told": None, "told_atc": 0, "ledger": cash_code(one.pan),
        }
        for one in new
    ]  # fmt: skip
    connection.execute(CARDS.insert(), rows)


def set_account_state(connection: Connection, number: str, state: AccountState) -> None:
    """Activate, block or close an account, as the counter does.

    Raises:
        AccountError: there is no such account.
    """
    done = connection.execute(ACCOUNTS.update().where(ACCOUNTS.c.number == number), {"state": state.value})
    _require(done.rowcount, f"account {number}")


def set_card_state(connection: Connection, pan: str, state: CardState) -> None:
    """Report a card lost or stolen (挂失), block or close it, or take that back.

    Raises:
        AccountError: there is no such card.
    """
    done = connection.execute(_SET_CARD, {"card": pan, "state": state.value})
    _require(done.rowcount, "the card")


def agree_to_withholding(connection: Connection, number: str, *, agreed: bool = True) -> None:
    """Note that the holder agreed to the withholding of contributions (代扣协议), or no longer does.

    Raises:
        AccountError: there is no such account.
    """
    done = connection.execute(ACCOUNTS.update().where(ACCOUNTS.c.number == number), {"withholding": int(agreed)})
    _require(done.rowcount, f"account {number}")


def unlock_pin(connection: Connection, pan: str) -> None:
    """Give the online PIN all its tries back (密码解锁).

    Raises:
        AccountError: there is no such card.
    """
    done = connection.execute(_SET_CARD, {"card": pan, "pin_tries": PARAMETERS.pin_tries})
    _require(done.rowcount, "the card")


def set_pin(connection: Connection, pan: str, value: str, *, initial: bool) -> None:
    """Set the verification value of a PIN; all tries are there again.

    Raises:
        AccountError: there is no such card.
    """
    row = {"card": pan, "pin": value, "pin_initial": int(initial), "pin_tries": PARAMETERS.pin_tries}
    _require(connection.execute(_SET_CARD, row).rowcount, "the card")


def note_card(connection: Connection, pan: str, *, atc: int, pin_tries: int) -> None:
    """Keep the highest counter and the PIN tries of a card."""
    connection.execute(_SET_CARD, {"card": pan, "atc": atc, "pin_tries": pin_tries})


def note_told(connection: Connection, pan: str, told: int, atc: int) -> None:
    """Keep the balance of electronic cash that a card has told, and when."""
    connection.execute(_SET_CARD, {"card": pan, "told": told, "told_atc": atc})


def set_cash_limit(connection: Connection, pan: str, limit: int) -> None:
    """Note that a card has another limit of electronic cash (9F77)."""
    connection.execute(_SET_CARD, {"card": pan, "cash_limit": limit})


def add_points(connection: Connection, number: str, points: int) -> None:
    """Book merchant points (SCHEME-101); negative ones are taken back."""
    if points:
        connection.execute(
            ACCOUNTS.update().where(ACCOUNTS.c.number == number).values(points=ACCOUNTS.c.points + points)
        )


def _require(rows: int, what: str) -> None:
    if not rows:
        raise AccountError(f"{what} is not there")
