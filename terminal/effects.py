"""What must live here: everything that a terminal flow can ask of the world, and what it is sent back.

A flow is a generator without I/O. It yields one `Effect`, is sent the matching `EffectResult`, and returns its
outcome. The set is closed: `terminal.driver` matches on it exhaustively. The functions at the end of the file yield
an effect and give back its result with the right type; flows use them with `yield from`.
"""

import enum
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar

from cardsim.crypto.social import Suite
from cardsim.decode import Environment
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
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


class MessageKind(enum.Enum):
    """What a message to the bank's host is about."""

    AUTHORISE = "authorisation request"
    CONFIRM = "confirmation"
    REVERSE = "reversal"


@dataclass(frozen=True, slots=True)
class HostMessage:
    """A message to the bank's host: chip data as in field 55, and the enciphered PIN block (field 52)."""

    kind: MessageKind
    pan: str
    psn: str
    chip_data: bytes
    pin_block: bytes | None = field(default=None, repr=False)


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


@dataclass(frozen=True, slots=True)
class HostRequest:
    """Send a message to the bank's host. Result: `HostAnswer`, or None where the host cannot be reached."""

    message: HostMessage


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


Effect = PowerOn | PowerOff | Transmit | DrawRandom | ProveKey | HostRequest | PinEntry | Report | Display
EffectResult = bytes | ResponseApdu | Proof | HostAnswer | PinEntered | None

_Outcome = TypeVar("_Outcome")
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
