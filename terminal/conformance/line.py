"""The steps of a case that look at the line itself: single characters, their times, reset, PPS (D33).

Only a model shows them: its `ModelControl` hands out the contacts of the card. A session begins where the card is,
powered and waiting for a command, and may reset it as another kind of chip (`line-set`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

from cardsim.control import ModelControl
from cardsim.iso7816.atr import BASIC
from cardsim.iso7816.contact import (
    Character,
    ChipLine,
    Contact,
    LineProfile,
    OperatingClass,
    Supply,
)
from terminal.links.characters import CharacterPort, NoisyContacts, Unreadable

ACTIONS: Final = frozenset({"line-reset", "line-set", "line-refuses", "line-clock", "line-within"})
"""Verbs besides `line>` and `line<`."""

_NANO: Final = 10**9
_PAUSE: Final = 100_000
"""Cycles that a stopped clock would have counted until it goes on."""


class LineError(Exception):
    """A line step that cannot be done; says why."""


class OutOfRange(Exception):
    """A measure that lies outside its limits; says which value."""


@dataclass(slots=True)
class LineSession:
    """One card at its contacts for the length of a case."""

    control: ModelControl
    profile: LineProfile = field(default_factory=LineProfile)
    supply: Supply = field(default_factory=Supply)
    sent: Sequence[Character] = ()
    """Characters of the last `line>`."""
    received: Sequence[Character] = ()
    """Characters of the last `line<`, or of the answer to reset."""
    chip: ChipLine = field(init=False)
    noise: NoisyContacts = field(init=False)
    port: CharacterPort = field(init=False)
    _pending: bytes | None = None
    spacing: int | None = None
    """Etu that the reader leaves between its characters, against the guard time."""
    turn: int | None = None
    """Etu that the reader waits after a character of the card, against the rule."""

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        """Take the contacts of the card as it is now; what the reader did so far is forgotten."""
        self.chip = self.control.line(self.profile, self.supply)
        self.noise = NoisyContacts(self.chip)
        self.port = CharacterPort(self.noise)

    # --- characters --------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Characters to the card, at the rate in force and with the guard time that it asks for."""
        port = self.port
        port.rate, port.spacing = self.chip.rate, self.spacing or self.chip.guard
        port.turn = self.turn or port.turn
        before, self._pending, port.refused = len(port.sent), None, 0
        try:
            port.send(data)
        except Unreadable:
            self._pending = b""
        self.sent, self.received = port.sent[before:], ()

    def take(self) -> bytes:
        """Characters of the card until it waits for one; after a reset those of its answer."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            return pending
        before = len(self.port.received)
        try:
            return self.port.take_all()
        except Unreadable:
            return b""
        finally:
            self.received = self.port.received[before:]

    # --- other steps -------------------------------------------------------------------------------------------

    def reset(self, kind: str) -> bytes:
        """A reset, cold or warm; the answer."""
        if kind == "cold":
            self.port.release()
            self.connect()
            self.port.activate()
        elif kind == "warm":
            self.port.reset()
        else:
            raise LineError(f"a reset is cold or warm, not {kind}")
        self._pending = None
        answer = self.take()
        self._pending = answer
        return answer

    def set(self, name: str, value: str) -> None:
        """What the chip is to be from the next cold reset on, or what the reader does wrongly from now on.

        Raises:
            LineError: there is no such setting, or the value is refused.
        """
        try:
            _SETTINGS[name](self, value)
        except KeyError:
            raise LineError(f"{name} is no setting; settings are {', '.join(sorted(_SETTINGS))}") from None
        except ValueError as error:
            raise LineError(f"{name} {value} is refused: {error}") from error

    def refuses(self, name: str, value: str) -> bool:
        """Whether a setting cannot be: reserved, or outside what the standard has."""
        if name not in _SETTINGS:
            raise LineError(f"{name} is no setting; settings are {', '.join(sorted(_SETTINGS))}")
        profile, supply = self.profile, self.supply
        try:
            self.set(name, value)
        except LineError:
            return True
        self.profile, self.supply = profile, supply
        return False

    def clock(self, what: str, cycles: int) -> None:
        """Stop the clock so many cycles after the last character, or start it so many before the next one."""
        if what not in ("stop", "start"):
            raise LineError(f"the clock is stopped or started, not {what}")
        port = self.port
        port.now += cycles if what == "stop" else _PAUSE
        self.chip.drive(Contact.CLK, what == "start", port.now)
        if what == "start":
            port.now += cycles - port.rate.cycles(port.turn)

    def within(self, name: str, least: Fraction, most: Fraction) -> None:
        """Each value of a measure lies between two limits, which it may reach.

        Raises:
            OutOfRange: one does not, or there is none.
        """
        try:
            values = _MEASURES[name](self)
        except KeyError:
            raise LineError(f"{name} is no measure; measures are {', '.join(sorted(_MEASURES))}") from None
        if not values:
            raise OutOfRange(f"there is no {name} to measure")
        for value in values:
            if not least <= value <= most:
                raise OutOfRange(f"{name} is {float(value):g}")


def _gaps(session: LineSession, characters: Sequence[Character]) -> list[Fraction]:
    etu = session.port.rate.etu
    return [(after.at - before.at) / etu for before, after in pairwise(characters)]


def _between(session: LineSession, first: Sequence[Character], last: Sequence[Character]) -> list[Fraction]:
    return _gaps(session, (first[-1], last[0])) if first and last else []


def _start(session: LineSession) -> list[Fraction]:
    return [Fraction(session.received[0].at - session.port.risen)] if session.received else []


def _total(session: LineSession) -> list[Fraction]:
    return _gaps(session, (session.received[0], session.received[-1])) if session.received else []


_MEASURES: Final[dict[str, Callable[[LineSession], Sequence[Fraction | int]]]] = {
    "start": _start,
    "gap": lambda session: _gaps(session, session.received),
    "sent-gap": lambda session: _gaps(session, session.sent),
    "turn": lambda session: _between(session, session.sent, session.received),
    "total": _total,
    "bits": lambda session: [len(character.bits) for character in session.received],
    "refused": lambda session: [session.port.refused],
    "etu-cycles": lambda session: [session.chip.rate.etu],
    "etu-ns": lambda session: [session.chip.rate.etu * _NANO / session.supply.clock],
    "guard": lambda session: [session.chip.guard],
    "wait": lambda session: [session.chip.rate.work_waiting],
    "breaches": lambda session: [len(session.chip.breaches)],
}
"""What can be measured; docs/line.md describes each."""


def _byte(value: str) -> int | None:
    return None if value == "none" else int(value, 16)


def _interface(name: str) -> Callable[[LineSession, str], None]:
    def change(session: LineSession, value: str) -> None:
        known = {name: _byte(value)}
        interface = replace(session.profile.interface or BASIC, **known)
        session.profile = replace(session.profile, interface=interface)

    return change


def _warm(session: LineSession, value: str) -> None:
    session.profile = replace(session.profile, warm=replace(session.profile.interface or BASIC, tc1=_byte(value)))


def _bytewise(session: LineSession, value: str) -> None:
    session.profile = replace(session.profile, bytewise=value == "on")
    session.connect()


def _supply(session: LineSession, value: str) -> None:
    session.supply = replace(session.supply, clock=int(value))


def _class(session: LineSession, value: str) -> None:
    session.supply = replace(session.supply, operating=OperatingClass[value])


def _busy(session: LineSession, value: str) -> None:
    session.chip.busy(float(int(value) * session.chip.rate.etu / session.supply.clock))


def _damage_in(session: LineSession, value: str) -> None:
    session.noise.damage_in = int(value)


def _damage_out(session: LineSession, value: str) -> None:
    session.noise.damage_out = int(value)


def _spacing(session: LineSession, value: str) -> None:
    session.spacing = int(value)


def _turn(session: LineSession, value: str) -> None:
    session.turn = int(value)


_SETTINGS: Final[dict[str, Callable[[LineSession, str], None]]] = {
    "ta1": _interface("ta1"),
    "tc1": _interface("tc1"),
    "ta3": _interface("ta3"),
    "warm-tc1": _warm,
    "bytewise": _bytewise,
    "clock": _supply,
    "class": _class,
    "busy": _busy,
    "damage-in": _damage_in,
    "damage-out": _damage_out,
    "spacing": _spacing,
    "turn": _turn,
}
"""What can be set; docs/line.md describes each."""
