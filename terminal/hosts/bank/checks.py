"""What is declined, and with which response code: tables of checks; the first that holds decides."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sqlalchemy import Connection

from terminal.hosts.bank import accounts, records, terms
from terminal.hosts.bank.accounts import Holding
from terminal.hosts.bank.chip import CardSession, ChipData, IssuerKeys
from terminal.hosts.bank.codes import Code
from terminal.hosts.bank.parameters import PARAMETERS
from terminal.hosts.bank.tables import AccountState, CardState
from terminal.messages.bank import CryptogramCheck, HostMessage, TransactionType
from terminal.security import PinCipher

CHINA: Final = bytes.fromhex("0156")
_ODA_FAILED: Final = bytes.fromhex("4C00000000")
_EXPIRED: Final = bytes.fromhex("0040000000")
_CVM_FAILED: Final = bytes.fromhex("0000800000")
_ARQC: Final = 0x80
_WITH_CASHBACK: Final = 0x09
"""What the card is told (9C) of a purchase with cashback; 9F03 has the cash."""
LOADS: Final = frozenset({TransactionType.LOAD, TransactionType.LOAD_OTHER, TransactionType.LOAD_CASH})
_PAY_FROM_ACCOUNT: Final = frozenset(
    {
        TransactionType.PURCHASE,
        TransactionType.CASH,
        TransactionType.TRANSFER,
        TransactionType.LOAD,
        TransactionType.LOAD_OTHER,
    }
)
_PIN_NEEDED: Final = frozenset(
    {
        TransactionType.CASH,
        TransactionType.TRANSFER,
        TransactionType.LOAD,
        TransactionType.LOAD_OTHER,
        TransactionType.PIN_CHANGE,
    }
)
"""Without a PIN these are declined; for others the terminal's rules and the card's CVM list say whether one is asked
for."""
_BANK_TERMINALS_ONLY: Final = frozenset({TransactionType.CASH, TransactionType.DEPOSIT, TransactionType.TRANSFER})
"""Not at a merchant's terminal (D36)."""


class Pin(enum.Enum):
    """What the host finds about the PIN of a message."""

    NOT_GIVEN = "not given"
    RIGHT = "right"
    WRONG = "wrong"
    NO_TRIES = "no try is left"


@dataclass(eq=False)
class Case:
    """A message with all that a decision about it looks at; what costs a query is looked up when it is asked for."""

    connection: Connection
    message: HostMessage
    chip: ChipData
    session: CardSession | None
    cryptogram: CryptogramCheck
    holding: Holding | None
    pin_cipher: PinCipher
    keys: IssuerKeys

    @property
    def transaction(self) -> TransactionType:
        """The type of the transaction."""
        return self.message.transaction

    @property
    def card(self) -> Holding:
        """The card's holding, where it is known."""
        assert self.holding is not None
        return self.holding

    @cached_property
    def other(self) -> Holding | None:
        """The other account of a transfer or a load from another account, where it is at this bank."""
        return accounts.find_account(self.connection, self.message.target) if self.message.target else None

    @property
    def payer(self) -> Holding | None:
        """Whose account pays."""
        return self.other if self.transaction is TransactionType.LOAD_OTHER else self.holding

    @property
    def to_other_bank(self) -> bool:
        """Whether a transfer leaves the bank: the target is a card number of another bank."""
        target = self.message.target
        known = self.transaction is TransactionType.TRANSFER and self.other is None
        return known and 13 <= len(target) <= 19 and target.isdigit() and not PARAMETERS.own(target)

    @cached_property
    def fee(self) -> int:
        """The fee in fen."""
        usual = PARAMETERS.fee(self.transaction, self.message.amount, other_bank=self.to_other_bank)
        return terms.fee(self.message, self.chip.aid, usual) if usual else 0

    @cached_property
    def used_today(self) -> int:
        """What the card has moved today by transactions of this type, in fen."""
        return records.used_today(self.connection, self.message)

    @cached_property
    def recent(self) -> list[records.Recent]:
        """The card's requests in the time that the watch rules look at."""
        return records.recent(self.connection, self.message, max(rule.minutes for rule in PARAMETERS.watch))

    @cached_property
    def cash_balance(self) -> int | None:
        """The balance of electronic cash that the card tells under its MAC."""
        return None if self.session is None else self.session.cash_balance()

    @cached_property
    def pin(self) -> Pin:
        """The PIN of the message against the paying account's."""
        block, holding = self.message.pin_block, self.pin_holder
        if holding is None or holding.pin is None:
            return Pin.RIGHT
        if block is None:
            return Pin.NOT_GIVEN
        if holding.pin_tries <= 0:
            return Pin.NO_TRIES
        try:
            given = self.pin_cipher.pin(block, holding.pan)
        except ValueError:
            return Pin.WRONG
        return Pin.RIGHT if self.keys.pin_value(holding.pan, given) == holding.pin else Pin.WRONG

    @property
    def pin_holder(self) -> Holding | None:
        """Whose PIN it is: the card's own, unless another person's account pays."""
        payer, own = self.payer, self.holding
        if payer is None or own is None:
            return own
        return own if (payer.name, payer.id_number) == (own.name, own.id_number) else payer


@dataclass(frozen=True, slots=True)
class Check:
    """One reason to decline: response code, text, and when it holds."""

    code: Code
    reason: str
    holds: Callable[[Case], bool]


def _other_type(case: Case) -> bool:
    told = case.chip.items[0x9C][0]
    if case.transaction is TransactionType.PURCHASE and told == _WITH_CASHBACK:
        return not any(case.chip.items[0x9F03])
    return told != case.transaction.value


def _limit(case: Case) -> bool:
    limit = PARAMETERS.limits.get(case.transaction)
    amount = case.message.amount
    return limit is not None and (amount > limit.single or case.used_today + amount > limit.day)


def _expired(case: Case) -> bool:
    expires = case.card.expires
    return case.chip.shows(_EXPIRED) or (bool(expires) and f"{case.message.time:%Y%m%d}" > expires)


def _no_pin(case: Case) -> bool:
    needed = case.transaction in _PIN_NEEDED and not case.chip.offline_pin_verified
    return case.pin is Pin.NOT_GIVEN and needed


def _no_payee(case: Case) -> bool:
    if case.transaction is TransactionType.LOAD_OTHER or (
        case.transaction is TransactionType.TRANSFER and not case.to_other_bank
    ):
        return case.other is None or case.other.account_state is AccountState.CLOSED
    return False


def _to_itself(case: Case) -> bool:
    return case.other is not None and case.other.number == case.card.number


def _funds(case: Case) -> bool:
    payer = case.payer
    paid = case.transaction in _PAY_FROM_ACCOUNT
    return paid and payer is not None and payer.balance < case.message.amount + case.fee


def _merchant_terminal(case: Case) -> bool:
    kind = case.chip.items.get(0x9F35, b"")
    return case.transaction in _BANK_TERMINALS_ONLY and kind[:1].hex()[:1] == "2"


def _over_cash_limit(case: Case) -> bool:
    loaded = case.transaction in LOADS and case.cash_balance is not None
    return loaded and (case.cash_balance or 0) + case.message.amount > case.card.cash_limit


AUTHENTICITY: Final = (
    Check(
        Code.DO_NOT_HONOUR, "there is no key of that index, or no such cryptogram version", lambda c: c.session is None
    ),
    Check(
        Code.DO_NOT_HONOUR,
        "the application cryptogram is wrong",
        lambda c: c.cryptogram is not CryptogramCheck.RIGHT,
    ),
    Check(Code.INVALID_CARD, "the card is not known", lambda c: c.holding is None),
    Check(Code.DUPLICATE, "the card's counter was used before", lambda c: c.chip.atc <= c.card.atc),
)
"""Whether the message comes from a card of this bank, and now. Who fails here gets no issuer authentication data."""

USE: Final = (
    Check(Code.DO_NOT_HONOUR, "the card is for use in China only", lambda c: c.chip.items[0x9F1A] != CHINA),
    Check(Code.DO_NOT_HONOUR, "the card is for yuan only", lambda c: c.chip.items[0x5F2A] != CHINA),
    Check(Code.EXPIRED_CARD, "the card has expired", _expired),
    Check(Code.DO_NOT_HONOUR, "offline data authentication failed", lambda c: c.chip.shows(_ODA_FAILED)),
    Check(Code.WRONG_PIN, "the holder was not verified", lambda c: c.chip.shows(_CVM_FAILED)),
    Check(Code.LOST_CARD, "the card was reported lost", lambda c: c.card.card_state is CardState.LOST),
    Check(Code.STOLEN_CARD, "the card was reported stolen", lambda c: c.card.card_state is CardState.STOLEN),
    Check(Code.INVALID_CARD, "the card was given up", lambda c: c.card.card_state is CardState.CLOSED),
    Check(Code.RESTRICTED_CARD, "the card is blocked", lambda c: c.card.card_state is CardState.BLOCKED),
    Check(Code.NO_ACCOUNT, "the account is closed", lambda c: c.card.account_state is AccountState.CLOSED),
    Check(Code.RESTRICTED_CARD, "the account is blocked", lambda c: c.card.account_state is AccountState.BLOCKED),
    Check(Code.PIN_TRIES_EXCEEDED, "no PIN try is left", lambda c: c.pin is Pin.NO_TRIES),
    Check(Code.WRONG_PIN, "wrong PIN", lambda c: c.pin is Pin.WRONG),
    Check(Code.WRONG_PIN, "the PIN is missing", _no_pin),
)
"""Whether the card may be used at all, and by this holder."""

MONEY: Final = (
    Check(
        Code.NOT_FOR_HOLDER,
        "the initial PIN has to be changed first",
        lambda c: bool(c.card.pin_initial),
    ),
    Check(Code.NOT_FOR_HOLDER, "the finance function is not activated", lambda c: not c.card.can_pay),
    Check(
        Code.INVALID_TRANSACTION,
        "the card was told another type of transaction",
        _other_type,
    ),
    Check(Code.OTHER_AMOUNT, "the card was told another amount", lambda c: c.chip.amount != c.message.amount),
    Check(
        Code.DOES_NOT_FIT,
        "the card does not ask for an authorisation",
        lambda c: (c.chip.items.get(0x9F27) or b"\x80")[0] & 0xC0 != _ARQC,
    ),
    Check(Code.NOT_FOR_TERMINAL, "not at a merchant's terminal", _merchant_terminal),
    Check(
        Code.INVALID_AMOUNT,
        "there is no amount",
        lambda c: c.message.amount <= 0 and c.transaction is not TransactionType.INQUIRY,
    ),
    Check(
        Code.NOT_FOR_HOLDER,
        "the card has no electronic cash, or its balance is not the card's",
        lambda c: c.transaction in LOADS and c.cash_balance is None,
    ),
    Check(Code.NO_ACCOUNT, "the other account is not there", _no_payee),
    Check(Code.INVALID_TRANSACTION, "both accounts are the same", _to_itself),
    Check(
        Code.NOT_FOR_HOLDER,
        "the paying account is not active",
        lambda c: c.payer is not None and not c.payer.can_pay,
    ),
    Check(Code.OVER_LIMIT, "more than the limit of electronic cash", _over_cash_limit),
    Check(Code.OVER_LIMIT, "more than the limit of this kind of transaction", _limit),
    Check(Code.NO_FUNDS, "the account has not enough", _funds),
)
"""Whether this transaction may be carried out."""


def first(case: Case, *tables: tuple[Check, ...]) -> Check | None:
    """The first check of the tables that holds."""
    return next((check for table in tables for check in table if check.holds(case)), None)
