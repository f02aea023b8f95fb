"""Cards for terminals under test: one that lies in chosen answers, and one that has learned its answers by heart.

Both answer `power_on`, `transmit` and `power_off` as every card here does, so they go wherever a card goes: into the
terminals of this project in process or as `--card python:MODULE:FACTORY`, and into `cardsim.reader`, where any PC/SC
program meets them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.card import Card
from cardsim.testing.faults import Fault, Late

_SELECT, _GENERATE_AC, _INTERNAL_AUTHENTICATE, _VERIFY = 0xA4, 0xAE, 0x88, 0x20
_FRESH: Final = (_GENERATE_AC, _INTERNAL_AUTHENTICATE, _VERIFY)
"""Commands whose data differ from run to run."""
_UNKNOWN: Final = b"\x6d\x00"


class MisbehavingCard:
    """A card that spoils some of its answers.

    The card behind it runs every command as it came; only what it says is changed.

    Args:
        card: the honest card.
        plan: the fault of each answer that is to be spoiled, by its number since the first power-on, from 0; answers to
            GET RESPONSE and to repeated commands count too.
        atr: what becomes of the answer to reset.
        wait: how a `Late` answer waits, given seconds; a test hands in what notes them.
    """

    def __init__(
        self,
        card: Card,
        plan: Mapping[int, Fault],
        *,
        atr: Fault | None = None,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._card = card
        self._plan = dict(plan)
        self._atr = atr
        self._wait = wait
        self.powered = False
        self.commands = 0
        """Commands so far."""

    def power_on(self) -> bytes:
        """The ATR of the card behind it."""
        self.powered = True
        answer = self._card.power_on()
        return answer if self._atr is None else self._atr(answer)

    def transmit(self, command: bytes) -> bytes:
        """The answer, or what the plan makes of it."""
        answer = self._card.transmit(command)
        fault = self._plan.get(self.commands)
        self.commands += 1
        if isinstance(fault, Late):
            self._wait(fault.seconds)
        return answer if fault is None else fault(answer)

    def power_off(self) -> None:
        """Take the power away."""
        self.powered = False
        self._card.power_off()


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a terminal and the card's whole answer, 61xx and 6Cxx followed."""

    command: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class Tape:
    """A session that a card can play: its ATR, and each command with its answer."""

    name: str
    atr: bytes
    steps: tuple[Step, ...]


class TapeCard:
    """Answers as on the tape, whatever the order.

    A record is known by the application that was selected, too; data that differ from run to run (PIN, random numbers)
    are not compared. What is not on the tape is answered 6D00; a cryptogram of a kind that is not gets the first one.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._selected = b""
        self._answers = _by_key(tape)
        self.powered = False

    def power_on(self) -> bytes:
        """The ATR of the tape."""
        self.powered = True
        self._selected = b""
        return self._tape.atr

    def power_off(self) -> None:
        """Take the power away."""
        self.powered = False

    def transmit(self, command: bytes) -> bytes:
        """What the tape has; a command without a form is answered 6700, one without power not at all."""
        if not self.powered:
            return b""
        try:
            apdu = CommandApdu.parse(command)
        except ValueError:
            return b"\x67\x00"
        if apdu.ins == _SELECT:
            self._selected = apdu.data
        answer = self._answers.get(_key(self._selected, apdu))
        return self._answers.get((b"", bytes((apdu.ins,)), b""), _UNKNOWN) if answer is None else answer


_Key = tuple[bytes, bytes, bytes]


def _key(selected: bytes, apdu: CommandApdu) -> _Key:
    header = bytes((apdu.cla, apdu.ins, apdu.p1, apdu.p2))
    return selected, header, b"" if apdu.ins in _FRESH else apdu.data


@cache
def _by_key(tape: Tape) -> dict[_Key, bytes]:
    answers: dict[_Key, bytes] = {}
    selected = b""
    for step in tape.steps:
        apdu = CommandApdu.parse(step.command)
        if apdu.ins == _SELECT:
            selected = apdu.data
        answers.setdefault(_key(selected, apdu), step.answer)
        if apdu.ins == _GENERATE_AC:
            answers.setdefault((b"", bytes((apdu.ins,)), b""), step.answer)
    return answers
