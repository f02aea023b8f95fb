"""What keeps the two applications of a full-function terminal apart (SSC part 8 §6.3.2; TRM-021, TRM-256 to TRM-260).

Each side's flow runs inside its own compartment. What it asks of the world is looked at before it leaves: commands of
the other side's environment, its hosts, keys and records are refused, and the first command of a side that is entered
is the SELECT of its environment. Time, terminal number, display, printer, PIN pad and random numbers are common.
"""

from collections.abc import Mapping
from typing import Final, TypeVar, assert_never

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, PSE_RIDS, SSSE_NAME
from terminal.effects import (
    AuthorisePurchase,
    Choose,
    Discard,
    Display,
    DrawRandom,
    Effect,
    EffectResult,
    Flow,
    HostRequest,
    Keep,
    PinEntry,
    PowerOff,
    PowerOn,
    Print,
    ProveKey,
    Recall,
    Report,
    SealCommand,
    Shelf,
    SocialHostRequest,
    Transmit,
)
from terminal.errors import LinkError
from terminal.flows.full.config import Side
from terminal.outcome import Cause, Failure, Stopped
from terminal.slots import Slot

_Outcome = TypeVar("_Outcome")

_SIDE_OF: Final[Mapping[Environment, Side]] = {
    Environment.SSSE: Side.SOCIAL,
    Environment.PSAM: Side.SOCIAL,
    Environment.PSE: Side.FINANCIAL,
}
_NAMES: Final[Mapping[Side, tuple[bytes, ...]]] = {
    Side.SOCIAL: (SSSE_NAME,),
    Side.FINANCIAL: (PSE_NAME, *PSE_RIDS),
}
"""With what the SELECT that enters a side begins; a card without directory is entered by its AID (D27)."""
_SHELVES: Final[Mapping[Shelf, frozenset[Side]]] = {
    Shelf.TRANSACTIONS: frozenset(Side),
    Shelf.PENDING: frozenset(Side),
    Shelf.INTERRUPTED: frozenset({Side.SOCIAL}),
    Shelf.BLACKLIST: frozenset({Side.SOCIAL}),
    Shelf.EXCEPTIONS: frozenset({Side.FINANCIAL}),
    Shelf.ADVICES: frozenset({Side.FINANCIAL}),
    Shelf.PARAMETERS: frozenset(Side),
    Shelf.BUSINESS: frozenset(),
}
_DIVIDED: Final = frozenset({Shelf.TRANSACTIONS, Shelf.PENDING})
"""Shelves on which each side sees its own records alone. PARAMETERS has what is common: counters and numbers."""
_OWNER: Final = "side"


class Compartments:
    """Both compartments of one card session; which side the card is in now."""

    def __init__(self) -> None:
        self._inside: Side | None = None

    def confined(self, side: Side, flow: Flow[_Outcome]) -> Flow[_Outcome]:
        """The flow of a side, every effect checked; one that is not its own is refused by `Stopped` inside the flow."""
        try:
            effect = next(flow)
            while True:
                problem = self._problem(side, effect)
                if problem:
                    effect = flow.throw(Stopped(Failure(Cause.ACCESS, "compartments", problem)))
                    continue
                try:
                    result: EffectResult = yield _marked(side, effect)
                except LinkError as lost:
                    effect = flow.throw(lost)
                    continue
                effect = flow.send(_own(side, effect, result))
        except StopIteration as end:
            outcome: _Outcome = end.value
            return outcome
        finally:
            flow.close()

    def _problem(self, side: Side, effect: Effect) -> str:
        """Why an effect is not the side's own, or nothing."""
        other = next(each for each in Side if each is not side)
        match effect:
            case Transmit():
                return self._command(side, other, effect)
            case PowerOn() | PowerOff():
                if effect.slot is Slot.PSAM and side is Side.FINANCIAL:
                    return "the PSAM serves the social-security side alone"
                if effect.slot is Slot.CARD:
                    if isinstance(effect, PowerOff):
                        return "the card's power is not a side's own"
                    self._inside = None  # a card that was put in again is in no environment
                return ""
            case ProveKey() | SealCommand() | AuthorisePurchase() | SocialHostRequest():
                owner = Side.SOCIAL
            case HostRequest():
                owner = Side.FINANCIAL
            case Keep() | Discard() | Recall():
                allowed = side in _SHELVES[effect.shelf]
                return "" if allowed else f"the {side.value} side has no access to the shelf {effect.shelf.value}"
            case DrawRandom() | PinEntry() | Choose() | Report() | Display() | Print():
                return ""
            case _:
                assert_never(effect)
        return (
            "" if owner is side else f"the {side.value} side has no access to keys and hosts of the {other.value} side"
        )

    def _command(self, side: Side, other: Side, effect: Transmit) -> str:
        if effect.slot is Slot.PSAM:
            return "" if side is Side.SOCIAL else "the PSAM serves the social-security side alone"
        if _SIDE_OF.get(effect.environment, side) is not side:
            return f"the {side.value} side sends no commands of the {other.value} side"
        command = effect.command
        selects = command.ins == 0xA4 and command.p1 == 0x04
        if selects and command.data.startswith(_NAMES[other]):
            return f"the {side.value} side does not enter the environment of the {other.value} side"
        if selects and command.data.startswith(_NAMES[side]):
            self._inside = side
        elif self._inside is not side:
            return f"the {side.value} side has to select its environment first"
        return ""


def _marked(side: Side, effect: Effect) -> Effect:
    """A record of a divided shelf with the side that it belongs to."""
    if isinstance(effect, Keep) and effect.shelf in _DIVIDED:
        return Keep(effect.shelf, effect.key, {**effect.content, _OWNER: side.value})
    return effect


def _own(side: Side, effect: Effect, result: EffectResult) -> EffectResult:
    """What a side is shown of a divided shelf; records that a terminal of one side kept have no mark and are shown."""
    if isinstance(effect, Recall) and effect.shelf in _DIVIDED and isinstance(result, tuple):
        return tuple(entry for entry in result if entry.content.get(_OWNER, side.value) == side.value)
    return result
