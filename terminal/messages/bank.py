"""What must live here: the messages between a terminal and the bank's host, as values (报文).

In process they are handed over as they are; over a line `terminal.hosts` writes them as ISO 8583. A message is named by
`HostMessage.key`: terminal, date and trace number. The host posts a key once, however often the message comes.
"""

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

EPOCH: Final = datetime(2000, 1, 1)
"""The time of a message that nobody gave one."""


class TransactionType(enum.Enum):
    """Transactions of a financial terminal with their type code (tag 9C; D36)."""

    PURCHASE = 0x00
    """消费."""
    CASH = 0x01
    """取现."""
    DEPOSIT = 0x21
    """存款."""
    INQUIRY = 0x31
    """余额查询."""
    TRANSFER = 0x40
    """转账."""
    LOAD = 0x60
    """Load of electronic cash from the card's own account (指定账户圈存)."""
    LOAD_OTHER = 0x62
    """Load from another account (非指定账户圈存)."""
    LOAD_CASH = 0x63
    """Load against cash (现金圈存)."""
    PIN_CHANGE = 0x70
    """Change of the bank's PIN, which activates a new card (改密, 激活; D35). The code is our own choice."""


DEBITS: Final = frozenset(
    {
        TransactionType.PURCHASE,
        TransactionType.CASH,
        TransactionType.TRANSFER,
        TransactionType.LOAD,
        TransactionType.LOAD_OTHER,
    }
)
"""Approved, these count among the debits of a settlement."""
CREDITS: Final = frozenset({TransactionType.DEPOSIT, TransactionType.LOAD_CASH})
"""Approved, these count among the credits of a settlement: the terminal has taken cash."""


class MessageKind(enum.Enum):
    """What a message to the bank's host is about."""

    AUTHORISE = "authorisation request"
    """Asks for a decision, and posts it where it is approved."""
    CONFIRM = "confirmation"
    """The card's last cryptogram of a transaction that went online, or a decline for the host's records."""
    UPLOAD = "offline transaction"
    """A transaction approved offline, electronic cash among them; posts it (脱机消费上送)."""
    REVERSE = "reversal"
    """Takes back the authorisation of the same trace number (冲正)."""
    SCRIPT_NOTICE = "script result"
    """How the issuer scripts went (脚本通知)."""
    SERVE = "card service"
    """Asks for the issuer's scripts of a card that gives no more than an AAC, as one with a blocked application does
    at the bank's counter (D37); moves no money."""
    CHANGE_PIN = "change of PIN"
    """The holder's new PIN, with the old one; activates a card that still has the initial PIN (改密; D35)."""
    SIGN_ON = "sign-on"
    """Opens the terminal's day; the answer carries working keys (签到)."""
    SETTLE = "settlement"
    """The totals of the terminal's day (批结算)."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Number and sum in fen of what was posted: debits to holders' accounts, and credits."""

    debits: int = 0
    debit_amount: int = 0
    credits: int = 0
    credit_amount: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.debits + other.debits,
            self.debit_amount + other.debit_amount,
            self.credits + other.credits,
            self.credit_amount + other.credit_amount,
        )

    @classmethod
    def of(cls, transaction: TransactionType, amount: int) -> "Totals":
        """What one approved transaction adds; an inquiry or a change of PIN adds nothing."""
        if transaction in DEBITS:
            return cls(1, amount)
        return cls(0, 0, 1, amount) if transaction in CREDITS else cls()


@dataclass(frozen=True, slots=True)
class HostMessage:
    """A message to the bank's host: chip data as in field 55, and the enciphered PIN block (field 52)."""

    kind: MessageKind
    pan: str = ""
    psn: str = ""
    chip_data: bytes = b""
    pin_block: bytes | None = field(default=None, repr=False)
    new_pin_block: bytes | None = field(default=None, repr=False)
    """The new PIN of a change of PIN, enciphered as the present one."""
    transaction: TransactionType = TransactionType.PURCHASE
    amount: int = 0
    """Fen."""
    time: datetime = EPOCH
    trace: int = 0
    """System trace number, six digits (field 11); of a reversal, notice or confirmation that of its request."""
    terminal: str = "CARDTERM"
    """Terminal identification, eight characters (field 41)."""
    merchant: str = "000000000000000"
    """Merchant identification, fifteen characters (field 42)."""
    target: str = ""
    """The account that receives a transfer, or pays a load from another account (field 103)."""
    terms: str = ""
    """The name of preferential terms under which the amount was reckoned."""
    totals: Totals = Totals()
    """What a settlement claims."""
    track2: str = field(default="", repr=False)
    """Track 2 equivalent data of tag 57 without the F pad, "D" as separator (field 35); empty: not sent."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What names the transaction: terminal, date, trace number."""
        return self.terminal, f"{self.time:%Y%m%d}", self.trace


class CryptogramCheck(enum.Enum):
    """What the bank's host says about the cryptogram of a message."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """The host's answer: response code (field 39), chip data for the card (field 55), and what it found."""

    arc: str
    chip_data: bytes = b""
    cryptogram: CryptogramCheck = CryptogramCheck.NOT_CHECKED
    reason: str = ""
    balance: int | None = None
    """Available balance in fen, where it was asked for (field 54)."""
    reference: str = ""
    """Retrieval reference number, twelve characters (field 37)."""
    authorisation: str = ""
    """Authorisation code, six characters (field 38)."""
    fee: int = 0
    """Fee in fen (field 28)."""
    totals: Totals | None = None
    """What the host has of a settlement: the terminal's totals if it agrees (response code 00), its own if not (95)."""
    keep_card: bool = False
    """Whether the terminal is to keep the card (吞卡)."""
