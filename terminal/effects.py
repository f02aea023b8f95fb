"""What must live here: everything that a terminal flow can ask of the world, and what it is sent back.

A flow is a generator without I/O. It yields one `Effect`, is sent the matching `EffectResult`, and returns its
outcome. The set is closed: `terminal.driver` matches on it exhaustively. The functions at the end of the file yield
an effect and give back its result with the right type; flows use them with `yield from`.
"""

import enum
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from cardsim.crypto.social import Suite
from cardsim.decode import Environment
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from cardsim.iso7816.status import StatusWord
from terminal.messages.bank import HostAnswer, HostMessage
from terminal.messages.social import Refused, SocialAnswer, SocialMessage, SocialRequest
from terminal.outcome import Cause
from terminal.slots import Slot


@dataclass(frozen=True, slots=True)
class PowerOn:
    """Power the card in a slot, or reset it if it is powered. Result: `Atr bytes`."""

    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class PowerOff:
    """Take the power away; the card may be removed. Result: None."""

    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a command to a slot, in order to do something. Result: `ResponseApdu`, 61xx and 6Cxx followed already."""

    command: CommandApdu
    purpose: str
    environment: Environment
    secret: bool = False
    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class DrawRandom:
    """Fresh unpredictable bytes of the terminal. Result: bytes."""

    length: int


@dataclass(frozen=True, slots=True)
class CardIdentity:
    """What the security module needs to know to find the card's own keys (STD-9 §7.3)."""

    suite: Suite
    area: str
    historical: bytes
    identification: bytes


@dataclass(frozen=True, slots=True)
class ProveKey:
    """Let the terminal's security module compute authentication data under a card key (STD-9 §9.4).

    Result: `Proof`.
    """

    key: str
    card: CardIdentity
    factor: bytes
    original: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """Authentication data, or why there are none."""

    data: bytes | None
    problem: str = ""
    cause: Cause = Cause.KEY_MISSING
    """What kind of problem."""
    sw: StatusWord | None = None
    """What a PSAM answered that refused."""


@dataclass(frozen=True, slots=True)
class SealCommand:
    """Let the security module put a command under secure messaging with a card key (SSC part 4 §8).

    `header` is CLA INS P1 P2 of the sealed command, `plaintext` what is enciphered (PIN digits as the command has
    them, none to take the PIN away; None for a MAC alone), `challenge` the card's random number. Result: `Proof` with
    the sealed command's data.
    """

    key: str
    card: CardIdentity
    challenge: bytes
    header: bytes
    plaintext: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AuthorisePurchase:
    """Let the host's security module authorise a medical purchase where no PSAM does (API-138).

    `request` and `card_answer` are data and answer of INITIALIZE FOR PURCHASE, `time` is 7 bytes of BCD.
    Result: `PurchaseProof`.
    """

    card: CardIdentity
    request: bytes
    card_answer: bytes
    time: bytes


@dataclass(frozen=True, slots=True)
class PurchaseProof:
    """Terminal sequence and MAC1 (4 bytes each) and the MAC2 that the card will give, or why there are none."""

    terminal_sequence: bytes = b""
    mac1: bytes = b""
    mac2: bytes = b""
    """Empty where who gave MAC1 checks MAC2 itself."""
    problem: str = ""
    cause: Cause = Cause.KEY_MISSING
    sw: StatusWord | None = None
    """What a PSAM answered that refused."""


@dataclass(frozen=True, slots=True)
class HostRequest:
    """Send a message to the bank's host. Result: `HostAnswer`, or None where the host cannot be reached."""

    message: HostMessage


@dataclass(frozen=True, slots=True)
class SocialHostRequest:
    """Ask the social-security host. Result: the answer that the message names, `Refused`, or None if not reached."""

    message: SocialMessage


class PinPurpose(enum.Enum):
    """Where an entered PIN goes."""

    CARD = "to the card"
    ONLINE = "to the bank's host, enciphered"


@dataclass(frozen=True, slots=True)
class PinEntry:
    """Ask the holder for a PIN. Result: `PinEntered`, or None where the holder gives none.

    The clear PIN leaves the pad only for the card; for the host it is a PIN block enciphered in the pad (TRM-013).
    """

    purpose: PinPurpose
    prompt: str
    tries_left: int | None = None
    pan: str = ""


@dataclass(frozen=True, slots=True)
class PinEntered:
    """A PIN for the card (digits), or the enciphered PIN block for the host."""

    digits: str = field(default="", repr=False)
    block: bytes = field(default=b"", repr=False)


class Mark(enum.Enum):
    """How a step of a flow went."""

    OK = "ok"
    FAILED = "failed"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Report:
    """A step of the flow is done: its name, how it went, and what a person should know. Result: None."""

    step: str
    mark: Mark
    text: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Display:
    """A message on the terminal's display. Result: None."""

    message: str


@dataclass(frozen=True, slots=True)
class Choose:
    """Let the holder or operator choose. Result: the index of the option, or None where nobody chooses."""

    prompt: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Print:
    """Print a slip (凭条). Result: None."""

    title: str
    lines: tuple[tuple[str, str], ...]


class Shelf(enum.Enum):
    """What the terminal's storage keeps apart."""

    TRANSACTIONS = "transactions"
    """Records of what was done, for the host (TRM-025)."""
    PENDING = "pending"
    """What must still be told to a host: reversals, uploads, script results."""
    INTERRUPTED = "interrupted"
    """Card transactions whose end the terminal has not seen (TRM-169)."""
    BLACKLIST = "blacklist"
    """Social-security cards that are not accepted (黑名单)."""
    EXCEPTIONS = "exceptions"
    """Bank cards of the exception file (例外文件)."""
    ADVICES = "advices"
    """Declined transactions that the issuer wants to be told of (通知)."""
    PARAMETERS = "parameters"
    """Counters and settings that outlive a run."""
    BUSINESS = "business"
    """Settlements and contributions that both sides of a full-function terminal take part in, with what is done."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Store a record under a key of a shelf, in the place of one that is there. Result: None."""

    shelf: Shelf
    key: str
    content: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Discard:
    """Take a record off a shelf. Result: None."""

    shelf: Shelf
    key: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored record."""

    key: str
    content: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recall:
    """All records of a shelf in the order in which they were first kept. Result: tuple of `Entry`."""

    shelf: Shelf


Effect = (
    PowerOn
    | PowerOff
    | Transmit
    | DrawRandom
    | ProveKey
    | SealCommand
    | AuthorisePurchase
    | HostRequest
    | SocialHostRequest
    | PinEntry
    | Choose
    | Report
    | Display
    | Print
    | Keep
    | Discard
    | Recall
)
EffectResult = (
    bytes
    | ResponseApdu
    | Proof
    | PurchaseProof
    | HostAnswer
    | SocialAnswer
    | PinEntered
    | int
    | tuple[Entry, ...]
    | None
)

_Outcome = TypeVar("_Outcome")
_Answer = TypeVar("_Answer")
Flow = Generator[Effect, EffectResult, _Outcome]


def power_on(slot: Slot = Slot.CARD) -> Flow[bytes]:
    """Power a card; its ATR."""
    result = yield PowerOn(slot)
    assert isinstance(result, bytes)
    return result


def power_off(slot: Slot = Slot.CARD) -> Flow[None]:
    """Power a card off."""
    yield PowerOff(slot)


def transmit(effect: Transmit) -> Flow[ResponseApdu]:
    """Send a command; its response."""
    result = yield effect
    assert isinstance(result, ResponseApdu)
    return result


def draw_random(length: int) -> Flow[bytes]:
    """Unpredictable bytes."""
    result = yield DrawRandom(length)
    assert isinstance(result, bytes)
    return result


def prove_key(effect: ProveKey) -> Flow[Proof]:
    """Authentication data of the security module."""
    result = yield effect
    assert isinstance(result, Proof)
    return result


def ask_host(message: HostMessage) -> Flow[HostAnswer | None]:
    """The host's answer."""
    result = yield HostRequest(message)
    assert result is None or isinstance(result, HostAnswer)
    return result


def seal_command(effect: SealCommand) -> Flow[Proof]:
    """The data of a command under secure messaging."""
    result = yield effect
    assert isinstance(result, Proof)
    return result


def authorise_purchase(effect: AuthorisePurchase) -> Flow[PurchaseProof]:
    """Terminal sequence and MAC1 of the host's security module."""
    result = yield effect
    assert isinstance(result, PurchaseProof)
    return result


def ask_social_host(message: SocialRequest[_Answer]) -> Flow[_Answer | Refused | None]:
    """The social-security host's answer, a refusal, or None where it is not reached."""
    result = yield SocialHostRequest(message)
    assert result is None or isinstance(result, (Refused, message.answer))
    return cast("_Answer | Refused | None", result)


def enter_pin(effect: PinEntry) -> Flow[PinEntered | None]:
    """The PIN that the holder enters."""
    result = yield effect
    assert result is None or isinstance(result, PinEntered)
    return result


def report(step: str, mark: Mark, text: str, *details: tuple[str, str]) -> Flow[None]:
    """Tell how a step went."""
    yield Report(step, mark, text, details)


def display(message: str) -> Flow[None]:
    """Show a message."""
    yield Display(message)


def choose(prompt: str, *options: str) -> Flow[int | None]:
    """The index of what was chosen, or None."""
    result = yield Choose(prompt, options)
    assert result is None or isinstance(result, int)
    return result


def print_slip(title: str, *lines: tuple[str, str]) -> Flow[None]:
    """Print a slip."""
    yield Print(title, lines)


def keep(shelf: Shelf, key: str, content: Mapping[str, str]) -> Flow[None]:
    """Store a record."""
    yield Keep(shelf, key, content)


def discard(shelf: Shelf, key: str) -> Flow[None]:
    """Take a record away."""
    yield Discard(shelf, key)


def recall(shelf: Shelf) -> Flow[tuple[Entry, ...]]:
    """All records of a shelf."""
    result = yield Recall(shelf)
    assert isinstance(result, tuple)
    return result
