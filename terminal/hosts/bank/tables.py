"""The tables of the bank's books."""

import enum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypedColumns,
    text,
)

from terminal.hosts.books import Ledger

METADATA: Final = MetaData()
LEDGER: Final = Ledger(METADATA, "bank")

CASH: Final = "cash"
"""Cash in machines and at counters (库存现金): the bank's own, so negative while there is some."""
CLEARING: Final = "clearing"
"""What is owed to merchants and other banks until it is cleared (待清算)."""
FEES: Final = "fees"
"""Fees that were earned (手续费收入)."""
SOCIAL_SECURITY: Final = "social security"
"""The department's account: contributions come in, benefits go out (社保资金)."""
CASH_DIFFERENCES: Final = "electronic cash differences"
"""Where card and bank disagree about electronic cash, to be looked into (电子现金差错): the bank's loss is negative."""
OPENING: Final = "opening"
"""The other side of balances that accounts began with (期初)."""
INTERNAL_ACCOUNTS: Final = (CASH, CLEARING, FEES, SOCIAL_SECURITY, CASH_DIFFERENCES, OPENING)


def holder_code(number: str) -> str:
    """The ledger's account of a holder's account."""
    return f"account {number}"


def cash_code(pan: str) -> str:
    """The ledger's shadow account of a card's electronic cash (电子现金影子账户)."""
    return f"electronic cash {pan}"


class AccountState(enum.Enum):
    """States of an account."""

    NOT_ACTIVATED = "not activated"
    ACTIVE = "active"
    BLOCKED = "blocked"
    CLOSED = "closed"


class CardState(enum.Enum):
    """States of a card."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    LOST = "lost"
    STOLEN = "stolen"
    CLOSED = "closed"


class TransactionState(enum.Enum):
    """What became of a message about money."""

    DECLINED = "declined"
    BOOKED = "booked"
    REVERSED = "reversed"
    """Taken back by the terminal, or because the card did not take its load."""
    CLAIMED = "claimed"
    """A load that was taken back, and booked again because the card shows that it has it."""
    NEVER = "never"
    """Reversed before it came; it is declined when it does."""


class ScriptState(enum.Enum):
    """What became of an issuer script."""

    QUEUED = "queued"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


class AccountColumns(TypedColumns):
    """Debit accounts (借记账户)."""

    number = Column(String(32), primary_key=True)
    name = Column(String(64), nullable=False)
    id_number = Column(String(32), nullable=False)
    state = Column(String(16), nullable=False)
    points = Column(BigInteger, nullable=False)
    withholding = Column(Integer, nullable=False)
    """1 where the holder agreed to the withholding of contributions (代扣协议)."""
    ledger = Column(String(64), nullable=False)


class CardColumns(TypedColumns):
    """Cards; an account has one in use, for there are no supplementary cards (SCHEME-108). Those before it stay."""

    pan = Column(String(19), primary_key=True)
    psn = Column(String(2), nullable=False)
    account = Column(String(32), nullable=False)
    expires = Column(String(8), nullable=False)
    """YYYYMMDD; "": not known."""
    state = Column(String(16), nullable=False)
    pin: Column[str | None] = Column(String(32), nullable=True)
    """Verification value of the PIN, never the PIN; NULL: any PIN is taken."""
    pin_initial = Column(Integer, nullable=False)
    """1 while the holder has not changed the PIN that the card was issued with (D35)."""
    pin_tries = Column(Integer, nullable=False)
    offline_pin = Column(Integer, nullable=False)
    """1 where the card checks the PIN itself and has to be told a new one."""
    atc = Column(Integer, nullable=False)
    """The highest counter of a cryptogram that asked for an authorisation."""
    cash_limit = Column(BigInteger, nullable=False)
    """9F77 of the card."""
    told: Column[int | None] = Column(BigInteger, nullable=True)
    """The balance of electronic cash in the last online transaction that told one, fen; NULL: none has."""
    told_atc = Column(Integer, nullable=False)
    """The counter of that transaction."""
    ledger = Column(String(64), nullable=False)


class TransactionColumns(TypedColumns):
    """The log of transaction management: messages about money, and what was decided."""

    id = Column(Integer, primary_key=True)
    terminal = Column(String(8), nullable=False)
    day = Column(String(8), nullable=False)
    trace = Column(Integer, nullable=False)
    kind = Column(String(24), nullable=False)
    type = Column(Integer, nullable=False)
    pan = Column(String(19), nullable=False)
    merchant = Column(String(15), nullable=False)
    amount = Column(BigInteger, nullable=False)
    fee = Column(BigInteger, nullable=False)
    points = Column(BigInteger, nullable=False)
    code = Column(String(2), nullable=False)
    reason = Column(String(128), nullable=False)
    state = Column(String(16), nullable=False)
    atc = Column(Integer, nullable=False)
    posting: Column[int | None] = Column(Integer, nullable=True)
    batch: Column[int | None] = Column(Integer, nullable=True)
    """The settlement that it was counted in."""
    taken = Column(Integer, nullable=False)
    """1 for a load that the card has taken for certain: a balance that it told later shows it."""


class MomentColumns(TypedColumns):
    """When requests for an authorisation came, for the watch rules."""

    transaction = Column(Integer, primary_key=True)
    pan = Column(String(19), nullable=False)
    time = Column(String(19), nullable=False)
    """ISO 8601, by the terminal's clock."""


class ScriptColumns(TypedColumns):
    """Issuer scripts: what is to reach a card, and what became of it."""

    id = Column(Integer, primary_key=True)
    pan = Column(String(19), nullable=False)
    order = Column(String(24), nullable=False)
    argument = Column(String(512), nullable=False)
    """Tag or place and value in hex; never a PIN."""
    state = Column(String(16), nullable=False)
    sent_with: Column[int | None] = Column(Integer, nullable=True)
    """The transaction with whose answer it went out last."""


class SettlementColumns(TypedColumns):
    """Settlements: what the terminal claimed, and what the host has."""

    id = Column(Integer, primary_key=True)
    terminal = Column(String(8), nullable=False)
    day = Column(String(8), nullable=False)
    claimed = Column(String(64), nullable=False)
    own = Column(String(64), nullable=False)


class TransferLogColumns(TypedColumns):
    """The log of data transfer management: files that came and went."""

    id = Column(Integer, primary_key=True)
    day = Column(String(8), nullable=False)
    file = Column(String(64), nullable=False)
    text = Column(String(256), nullable=False)


class IssuingLogColumns(TypedColumns):
    """The log of card-making process management."""

    id = Column(Integer, primary_key=True)
    day = Column(String(8), nullable=False)
    pan = Column(String(19), nullable=False)
    text = Column(String(256), nullable=False)


class SequenceColumns(TypedColumns):
    """The last sequence number (顺序号) that was given for card numbers of an institution (PERSO-162)."""

    institution = Column(String(9), primary_key=True)
    """BIN and institution: the first nine digits of a card number."""
    last = Column(Integer, nullable=False)


_IN_USE: Final = text("state = 'active'")

ACCOUNTS: Final = Table(
    "bank_account",
    METADATA,
    AccountColumns,
    ForeignKeyConstraint(["ledger"], ["bank_ledger_account.code"]),
    Index("bank_account_person", "id_number"),
)
CARDS: Final = Table(
    "bank_card",
    METADATA,
    CardColumns,
    ForeignKeyConstraint(["account"], ["bank_account.number"]),
    ForeignKeyConstraint(["ledger"], ["bank_ledger_account.code"]),
    Index("bank_card_in_use", "account", unique=True, sqlite_where=_IN_USE, postgresql_where=_IN_USE),
    Index("bank_card_account", "account"),
)
TRANSACTIONS: Final = Table(
    "bank_transaction",
    METADATA,
    TransactionColumns,
    ForeignKeyConstraint(["posting"], ["bank_posting.id"]),
    Index("bank_transaction_key", "terminal", "day", "trace", "kind", unique=True),
    Index("bank_transaction_card", "pan", "day", "type", "state", "amount"),
    Index("bank_transaction_counter", "pan", "atc", "kind"),
    Index("bank_transaction_batch", "terminal", "batch", "state"),
)
MOMENTS: Final = Table(
    "bank_moment",
    METADATA,
    MomentColumns,
    ForeignKeyConstraint(["transaction"], ["bank_transaction.id"]),
    Index("bank_moment_card", "pan", "time"),
)
SCRIPTS: Final = Table("bank_script", METADATA, ScriptColumns, Index("bank_script_card", "pan"))
SETTLEMENTS: Final = Table("bank_settlement", METADATA, SettlementColumns)
TRANSFER_LOG: Final = Table("bank_transfer_log", METADATA, TransferLogColumns)
ISSUING_LOG: Final = Table("bank_issuing_log", METADATA, IssuingLogColumns)
SEQUENCES: Final = Table("bank_card_sequence", METADATA, SequenceColumns)
