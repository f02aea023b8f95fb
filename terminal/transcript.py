"""The events of a run: what a person reads, what `--json` holds and what a recording keeps, from one source."""

from collections.abc import Callable
from dataclasses import dataclass

from cardsim.decode import Environment
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from terminal.effects import Choose, Discard, Display, Keep, PinPurpose, Print, Report
from terminal.messages.bank import HostAnswer, HostMessage
from terminal.messages.social import SocialAnswer, SocialMessage
from terminal.slots import Slot


@dataclass(frozen=True, slots=True)
class PoweredOn:
    """The card in a slot answered to reset."""

    atr: bytes
    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class PoweredOff:
    """The card in a slot is without power."""

    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class CommandSent:
    """A command of the flow goes out; its exchanges and its answer follow."""

    name: str
    purpose: str
    environment: Environment
    command: CommandApdu
    secret: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange on the contacts, as it was: raw command and raw response.

    `follows` marks the ones that the 61xx and 6Cxx layer added.
    """

    command: bytes
    response: bytes
    environment: Environment
    secret: bool
    follows: bool
    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to the command of the flow, 61xx and 6Cxx followed."""

    sent: CommandSent
    response: ResponseApdu


@dataclass(frozen=True, slots=True)
class HostAsked:
    """A message went to the host, and its answer (None: not reached)."""

    message: HostMessage
    answer: HostAnswer | None


@dataclass(frozen=True, slots=True)
class SocialHostAsked:
    """A message went to the social-security host, and its answer (None: not reached)."""

    message: SocialMessage
    answer: SocialAnswer | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The holder or operator was asked to choose; the index, or None."""

    asked: Choose
    index: int | None


@dataclass(frozen=True, slots=True)
class Stored:
    """The terminal's storage changed."""

    change: Keep | Discard


@dataclass(frozen=True, slots=True)
class PinAsked:
    """The holder was asked for a PIN."""

    prompt: str
    purpose: PinPurpose
    entered: bool


Event = (
    PoweredOn
    | PoweredOff
    | CommandSent
    | Exchange
    | Answered
    | HostAsked
    | SocialHostAsked
    | PinAsked
    | Chosen
    | Stored
    | Report
    | Display
    | Print
)

Listener = Callable[[Event], None]
"""Told of every event as it happens."""


def ignore(_event: Event) -> None:
    """A listener that does not care."""


def tee(*listeners: Listener) -> Listener:
    """A listener that tells several."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
