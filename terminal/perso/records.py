"""What must live here: the record of one card on its way, the one form that every file format is read into (PERSO-054).

The department's record and the bank's are prepared apart and joined by the social-security number, which both have and
which is unique (003 §五(三)). Neither holds a key or a PIN.
"""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Text = str | tuple[str, ...]
"""What a data item holds: text or digits; a tuple of them where it stands several times."""


_FILE_NAME: Final = re.compile(r"\w[\w.-]*")


def is_file_name(name: str) -> bool:
    """Whether the name of a batch or an order can be that of a file: letters, digits, `.`, `_` and `-`, no path."""
    return _FILE_NAME.fullmatch(name) is not None


class OrderKind(enum.Enum):
    """Why a card is made: each runs like a first issue and carries its mark (003 §三(一), (四), (五))."""

    FIRST = "first"
    """首次发放."""
    REPLACEMENT = "replacement"
    """挂失补卡."""
    EXCHANGE = "exchange"
    """换卡."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order for one card (制卡申请). The card-management system alone gives its number (SCHEME-114, SCHEME-237).

    Dates are YYYYMMDD, area codes six digits.
    """

    number: str
    kind: OrderKind
    applied: str
    person: str
    """Social-security number (社会保障号码), 18 characters: the item by which both sides are matched."""
    city: str
    county: str
    unit: str
    """Issuing unit (发卡机构) that hands the card out."""


@dataclass(frozen=True, slots=True)
class SocialRecord:
    """The department's half: order, data items by the names that structures use (docs/profiles.md), photo (JPEG)."""

    order: Order
    values: Mapping[str, Text]
    photo: bytes = field(default=b"", repr=False)

    def text(self, name: str) -> str:
        """A data item that stands once; empty where there is none."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""

    @property
    def name(self) -> str:
        """The holder's name, whole: what goes beyond 30 bytes of GBK stands in the extension (PERSO-106)."""
        return self.text("name") + self.text("name_extension")

    @property
    def card_number(self) -> str:
        """Social-security card number (卡号), nine characters."""
        return self.text("card_number")

    @property
    def serial(self) -> int:
        """Serial number in the card identification code."""
        return int(self.text("identification_code")[16:24], 16)


@dataclass(frozen=True, slots=True)
class BankRecord:
    """The bank's half. Dates are YYYYMMDD."""

    order: str
    """Number of the order."""
    person: str
    name: str
    sex: str
    """1 male, 2 female."""
    pan: str
    """Card number (银行卡号), 19 digits."""
    psn: str
    """PAN sequence number, two digits."""
    account: str
    issued: str
    expires: str
    outlet: str
    """Code of the bank outlet (网点) that opened the account."""


@dataclass(frozen=True, slots=True)
class CardRecord:
    """One card: both halves, or the one of the step that is being made."""

    social: SocialRecord | None
    bank: BankRecord | None

    @property
    def order(self) -> str:
        """Number of the order."""
        if self.social is not None:
            return self.social.order.number
        if self.bank is not None:
            return self.bank.order
        raise ValueError("a record without either half")


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch (批次) on its way between parties: its name is that of the department's file, wherever it goes.

    `applied` is YYYYMMDD; without city and county a batch is refused (PERSO-137).
    """

    name: str
    applied: str
    city: str
    county: str
    records: tuple[CardRecord, ...]


@dataclass(frozen=True, slots=True)
class Application:
    """What a person, or his employer for him, applies with (制卡申请信息); an order is made of it after the check."""

    kind: OrderKind
    values: Mapping[str, Text]
    """Data items by the names that structures use; `social_security_number` and `name` are among them."""
    city: str
    county: str
    unit: str
    employer: str = ""
    """Whose batch it came with; empty for a person who applied himself (SCHEME-233)."""
    photo: bytes = field(default=b"", repr=False)


class CardResult(enum.Enum):
    """What became of one card body in production (000 §3.1.4)."""

    GOOD = "good"
    """成品卡."""
    WASTE = "waste"
    """废卡."""
    DUPLICATE = "duplicate"
    """重复制卡: asked for a second time, and not made."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Feedback of personalisation (个人化反馈数据): which card became whose, and how it ended (PERSO-081).

    Bytes are in hex. What the step did not write is empty.
    """

    order: str
    result: CardResult
    historical: str
    """Historical bytes of the ATR, with the serial number of the chip."""
    identification: str = ""
    """Card identification code (EF05 tag 01)."""
    card_number: str = ""
    pan: str = ""
    reason: str = ""
    """Of a waste card or a duplicate, in words."""


class RejectReason(enum.Enum):
    """Why the bank makes no card of a record (未通过). What a list of suspects says is never told to anyone else."""

    INCOMPLETE = "incomplete data"
    DUPLICATE = "twice in the file"
    KNOWN = "ordered in an earlier batch"
    NO_OUTLET = "no outlet for the county"
    NO_SUCH_NUMBER = "no such number in the ID check"
    NAME_DIFFERS = "another name in the ID check"
    NO_PHOTO = "no photo in the ID check"
    CONTRADICTION = "data that contradict each other"
    CUSTOMER_CHECK = "not accepted as a customer"
    HAS_CARD = "the person has a card"
    NO_ACCOUNT = "no account for another card"
    UNMATCHED = "without a partner on the other side"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the bank marks received data with (接收标记, PERSO-138). A file that came before changes nothing."""

    batch: str
    received: str
    """ISO 8601."""
    count: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that the bank returns (未通过核查明细)."""

    order: str
    person: str
    name: str
    reason: RejectReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CardMakingList:
    """The card-making list (制卡清单) of a received file: what goes to the maker, what comes back (000 §3.1.3)."""

    batch: str
    """Name of the file that was received."""
    made_on: str
    """YYYYMMDD."""
    received: int
    made: int
    rejected: tuple[Rejection, ...]

    @property
    def reasons(self) -> dict[str, str]:
        """Why each rejected order is rejected, in words."""
        return {one.order: f"{one.reason.value} {one.detail}".strip() for one in self.rejected}
