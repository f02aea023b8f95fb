"""What must live here: the messages between a terminal and the social-security host, as values.

Each request names the class of its answer; the host may answer any of them with `Refused`. Amounts are in fen.
"""

import enum
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Final, Generic, TypeVar


@dataclass(frozen=True, slots=True)
class SocialCard:
    """The card that a message is about: identification code (卡的识别码), card number (卡号), and whose it is."""

    identification: bytes
    """16 bytes, EF05 tag 01."""
    number: str
    """EF05 tag 07, nine characters."""
    person: str = ""
    """Social-security number (社会保障号码), EF06 tag 08; empty where it was not read."""
    name: str = ""
    """With its extension."""
    historical: bytes = b""
    """The 13 historical bytes of its ATR; empty where the message needs none of the card's keys."""
    algorithm: int = 0
    """Of the environment, as tag 86 has it (01 DES, 03 SM4); 0 where it was not read."""

    @property
    def area(self) -> str:
        """Area code of the issuing place, six digits (first three bytes of the identification code)."""
        return self.identification[:3].hex()


NO_CARD: Final = SocialCard(b"", "")


@dataclass(frozen=True, slots=True)
class Refused:
    """The host does not do it: a short code, and why."""

    code: str
    reason: str


_A = TypeVar("_A")


@dataclass(frozen=True, slots=True)
class SocialRequest(Generic[_A]):
    """A request about a card; `answer` is the class of what it is answered with."""

    answer: ClassVar[type]
    card: SocialCard


@dataclass(frozen=True, slots=True)
class Accepted:
    """The host took it, under a reference."""

    reference: str


class CardState(enum.Enum):
    """What the card-management system says about a card."""

    VALID = "valid"
    LOST = "lost"
    CANCELLED = "cancelled"
    BLACKLISTED = "blacklisted"
    INACTIVE = "inactive"
    """Made, and not handed over yet (SCHEME-126)."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CardChecked:
    """The state of a card; the region is that of the system which answered, six digits."""

    state: CardState
    region: str = ""


@dataclass(frozen=True, slots=True)
class CheckCard(SocialRequest[CardChecked]):
    """Is the card valid? (API-133, SCHEME-040)"""

    answer: ClassVar[type] = CardChecked


@dataclass(frozen=True, slots=True)
class BlacklistEntry:
    """One card (identification and number), or a range of card numbers with both ends (TRM-176 to TRM-179)."""

    first: str
    last: str
    identification: bytes = b""
    """Empty for a range."""


@dataclass(frozen=True, slots=True)
class Blacklist:
    """The list as a whole with its number, and a MAC over both under the terminal's update key
    (TRM-180; `terminal.messages.seal`)."""

    version: int
    entries: tuple[BlacklistEntry, ...]
    seal: bytes


@dataclass(frozen=True, slots=True)
class FetchBlacklist(SocialRequest[Blacklist]):
    """The list as it stands; `version` is the one that the terminal has. About no card in particular: `NO_CARD`."""

    version: int = 0
    answer: ClassVar[type] = Blacklist


@dataclass(frozen=True, slots=True)
class UseIdentity(SocialRequest[Accepted]):
    """The card as an identity credential for a business of the department (SCHEME-063 to SCHEME-067)."""

    business: str
    authenticated: bool
    """Whether the card proved its key."""
    answer: ClassVar[type] = Accepted


@dataclass(frozen=True, slots=True)
class LoginChallenge:
    """What the card is to compute for a log-in: the inputs of INTERNAL AUTHENTICATE, 8 bytes each."""

    login: str
    factor: bytes
    original: bytes


@dataclass(frozen=True, slots=True)
class BeginLogin(SocialRequest[LoginChallenge]):
    """A log-in to the web site or kiosk by internal authentication (SCHEME-068)."""

    area: str
    historical: bytes
    algorithm: int
    answer: ClassVar[type] = LoginChallenge


@dataclass(frozen=True, slots=True)
class FinishLogin(SocialRequest[Accepted]):
    """The card's 8 bytes; the reference of the answer names the session."""

    login: str
    proof: bytes
    answer: ClassVar[type] = Accepted


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found: names and texts."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class QueryHost(SocialRequest[Found]):
    """Data of the person that the host holds (SCHEME-069); `session` is the reference of a log-in, or empty."""

    subject: str
    session: str = ""
    answer: ClassVar[type] = Found


@dataclass(frozen=True, slots=True)
class SubmitBusiness(SocialRequest[Accepted]):
    """A business request of the holder, kept with the card that asked (SCHEME-070)."""

    business: str
    fields: tuple[tuple[str, str], ...] = ()
    session: str = ""
    answer: ClassVar[type] = Accepted


@dataclass(frozen=True, slots=True)
class FileWrite:
    """One item to be written: the file's address as the interface writes it (`DF01EF06`), the tag, and the value."""

    file: str
    tag: int
    value: bytes


@dataclass(frozen=True, slots=True)
class UpdateData:
    """All that the card is to hold, in one answer (TRM-110)."""

    writes: tuple[FileWrite, ...]


@dataclass(frozen=True, slots=True)
class RequestUpdate(SocialRequest[UpdateData]):
    """The holder's online update (TRM-108 to TRM-112); the host checks the terminal's right first."""

    terminal: str
    files: tuple[str, ...]
    answer: ClassVar[type] = UpdateData


@dataclass(frozen=True, slots=True)
class LoadPermission:
    """The central account is debited: host time (7 bytes, BCD) and MAC2 (4 bytes) for CREDIT FOR LOAD."""

    time: bytes
    mac2: bytes


@dataclass(frozen=True, slots=True)
class LoadAccount(SocialRequest[LoadPermission]):
    """A medical load: data and answer of INITIALIZE FOR LOAD (TRM-143 to TRM-146)."""

    area: str
    historical: bytes
    algorithm: int
    request: bytes
    """11 bytes: key index, amount, terminal number."""
    card_answer: bytes
    """16 bytes."""
    answer: ClassVar[type] = LoadPermission


@dataclass(frozen=True, slots=True)
class LoadDone(SocialRequest[Accepted]):
    """How the load ended: its TAC (4 bytes), or None where the card did not take it; then the debit is taken back."""

    sequence: int
    tac: bytes | None
    answer: ClassVar[type] = Accepted


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """A medical purchase as the terminal keeps it for the settlement-verification service (TRM-164)."""

    account: int
    self_paid: int
    pool: int
    terminal: bytes
    terminal_sequence: bytes
    time: bytes
    key_index: int
    tac: bytes
    sequence: int = 0
    """The card's offline counter."""


class FeeKind(enum.Enum):
    """How the rules look at a fee: covered, covered in part, or paid by the holder alone (自费)."""

    COVERED = "covered"
    PARTLY = "partly covered"
    OWN_EXPENSE = "own expense"


@dataclass(frozen=True, slots=True)
class Fee:
    """One line of a bill."""

    name: str
    kind: FeeKind
    amount: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the host reckons: who pays what. The four parts make the total."""

    number: str
    region: str
    """Whose account pays, six digits; another than the terminal's is a settlement across regions."""
    account: int
    """From the card's medical account (个人账户)."""
    self_paid: int
    """The holder's share (个人自付) beyond the account."""
    pool: int
    """From the pooled fund (统筹)."""
    own_expense: int
    """Outside the insurance (自费)."""

    @property
    def total(self) -> int:
        """All parts."""
        return self.account + self.self_paid + self.pool + self.own_expense

    @property
    def rest(self) -> int:
        """What the holder pays himself, from the bank account where he has one."""
        return self.self_paid + self.own_expense


@dataclass(frozen=True, slots=True)
class Settle(SocialRequest[Settlement]):
    """A bill to settle. `balance` is what the card's account holds; `bill` names it, so that a repeat is the same."""

    bill: str
    fees: tuple[Fee, ...]
    balance: int
    region: str
    """Pooling region of the person (DF04 EF05 tag 84), six digits."""
    institution: str
    answer: ClassVar[type] = Settlement


@dataclass(frozen=True, slots=True)
class SettlementClosed:
    """Where a settlement stands now, and what of it is unpaid."""

    number: str
    unpaid: int


@dataclass(frozen=True, slots=True)
class CloseSettlement(SocialRequest[SettlementClosed]):
    """What was paid: the purchase of the card's account, and the bank's reference of the rest (D39).

    Without a purchase nothing was taken from the card, without a reference the rest stays open.
    """

    number: str
    purchase: PurchaseRecord | None
    bank_reference: str
    paid: int
    """What the bank paid."""
    answer: ClassVar[type] = SettlementClosed


@dataclass(frozen=True, slots=True)
class Verified:
    """For each record whether its TAC is right."""

    right: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class VerifyPurchases(SocialRequest[Verified]):
    """Stored purchases of one card for the settlement-verification service (TRM-165, API-139)."""

    area: str
    historical: bytes
    algorithm: int
    records: tuple[PurchaseRecord, ...]
    answer: ClassVar[type] = Verified


@dataclass(frozen=True, slots=True)
class Due:
    """A contribution that is due."""

    number: str
    scheme: str
    """Key of a row of the scheme's kinds."""
    amount: int
    due: date


@dataclass(frozen=True, slots=True)
class Dues:
    """All of a person's."""

    dues: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class FindDues(SocialRequest[Dues]):
    """What the holder has to pay (SCHEME-075 to SCHEME-077)."""

    answer: ClassVar[type] = Dues


@dataclass(frozen=True, slots=True)
class DuePaid(SocialRequest[Accepted]):
    """A contribution was paid at the bank."""

    number: str
    bank_reference: str
    amount: int
    answer: ClassVar[type] = Accepted


@dataclass(frozen=True, slots=True)
class Benefit:
    """A benefit that the person is entitled to."""

    number: str
    kind: str
    """Key of a row of the scheme's kinds."""
    amount: int


@dataclass(frozen=True, slots=True)
class Benefits:
    """All of a person's that wait to be received."""

    benefits: tuple[Benefit, ...]


@dataclass(frozen=True, slots=True)
class FindBenefits(SocialRequest[Benefits]):
    """What waits for the holder (SCHEME-080 to SCHEME-085)."""

    answer: ClassVar[type] = Benefits


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A benefit was credited to the card's account at the bank."""

    reference: str
    amount: int


@dataclass(frozen=True, slots=True)
class PayBenefit(SocialRequest[PaidOut]):
    """Let the department pay a benefit to the card's account; the bank compares name and number."""

    number: str
    answer: ClassVar[type] = PaidOut


class BankOperation(enum.Enum):
    """What the bank's platform reports about a card (SCHEME-050)."""

    LOSS = "loss"
    """挂失."""
    DAMAGE = "damage exchange"
    """换卡 of a damaged card."""
    CANCELLATION = "cancellation"
    """销卡 of the bank's side."""
    RELEASE = "release"
    """解挂."""


@dataclass(frozen=True, slots=True)
class CardChanged:
    """The department's side followed: the card's state now, and the request for a new card, if one was made."""

    state: CardState
    new_request: str = ""


@dataclass(frozen=True, slots=True)
class BankNotice(SocialRequest[CardChanged]):
    """An operation at the bank, with the social card's information (SCHEME-049 to SCHEME-051)."""

    operation: BankOperation
    notice: str
    """The bank's number of it: a repeat changes nothing."""
    answer: ClassVar[type] = CardChanged


class HsmService(enum.Enum):
    """Services of the host's HSM that counter software calls (API-136 to API-142)."""

    INTERNAL = "internal authentication"
    """Eight fields of step 1; gives `answer||original|cryptogram||original|`."""
    EXTERNAL = "card status and external authentication"
    """`algorithm|address|factor|original|`; gives `cryptogram||original`."""
    MESSAGE = "secure message"
    """`algorithm|address|challenge|header|` and the plaintext; gives `header||cipher||MAC`."""
    PURCHASE = "card status and purchase authentication"
    """`algorithm|address|random|sequence|amounts|type|terminal|time|`; gives `sequence|time|MAC1|`."""


@dataclass(frozen=True, slots=True)
class HsmAnswer:
    """What the HSM gives back, as the interface takes it."""

    text: str


@dataclass(frozen=True, slots=True)
class CallHsm(SocialRequest[HsmAnswer]):
    """One of the HSM's services for the card; its state is checked first."""

    service: HsmService
    text: str
    """The string of the interface, without the plaintext of a secure message."""
    plaintext: str = field(default="", repr=False)
    """New PIN of a PIN reset, as it stands in the interface's last field."""
    answer: ClassVar[type] = HsmAnswer


SocialMessage = SocialRequest[Any]
SocialAnswer = (
    Accepted
    | Benefits
    | Blacklist
    | CardChanged
    | CardChecked
    | Dues
    | Found
    | HsmAnswer
    | LoadPermission
    | LoginChallenge
    | PaidOut
    | Refused
    | Settlement
    | SettlementClosed
    | UpdateData
    | Verified
)
