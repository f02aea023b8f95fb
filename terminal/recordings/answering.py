"""The card's side of a recording, played to a terminal or to any PC/SC program."""

import enum
from collections.abc import Callable, Sequence

from terminal.links.recording import Recorded, Recording, matches
from terminal.slots import Slot

_NO_DIAGNOSIS = bytes.fromhex("6F00")
_HEADER = 8
"""Hex digits of CLA INS P1 P2."""


class Deviation(enum.Enum):
    """How a command stands to the one that is next in the recording."""

    ELSEWHERE = "it stands elsewhere in the recording and gets the answer that it got there"
    OTHER_DATA = "it has other data than the recorded one and gets its answer all the same"
    UNKNOWN = "it is not in the recording and gets 6F00"
    STRICT = "it is not the next one of the recording and gets 6F00"
    AT_END = "the recording is at its end, so it gets 6F00"


class RecordedCard:
    """Answers what the card of one slot answered. It never raises: what does not fit is told and gets 6F00.

    Strict, only the next command of the recording is answered. Tolerant, a command that is not the next one gets the
    answer that it got elsewhere, first of all later on; one that has other data than the next one, as every command
    with a random number of the terminal has, gets the answer of that one.
    """

    def __init__(
        self,
        recording: Recording,
        slot: Slot = Slot.CARD,
        *,
        strict: bool = False,
        tell: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self._apdus = [event for event in recording.events if event.slot is slot and event.event == "apdu"]
        self._atrs = [event.response for event in recording.events if event.slot is slot and event.event == "power-on"]
        self._starts = _starts(recording.events, slot)
        self._strict = strict
        self._tell = tell
        self._next = 0
        self._sessions = 0
        self.received = 0
        """Commands that came."""
        self.deviations = 0
        """Commands that were not the next one."""

    @property
    def left(self) -> int:
        """Recorded commands that have not come yet."""
        return len(self._apdus) - self._next

    def power_on(self) -> bytes:
        """The recorded ATR of this power-on, or the last one.

        A reset leads to the commands of the next recorded one, unless those of this one have not begun.
        """
        fresh = self._next in (0, *self._starts)
        if not fresh:
            self._next = next((start for start in self._starts if start > self._next), self._next)
        atr = self._atrs[min(self._sessions, len(self._atrs) - 1)] if self._atrs else "3B00"
        self._sessions += 1
        return bytes.fromhex(atr)

    def power_off(self) -> None:
        """Nothing: the next power-on tells."""

    def transmit(self, command: bytes) -> bytes:
        """The recorded answer."""
        self.received += 1
        text = command.hex().upper()
        if self._next < len(self._apdus) and matches(self._apdus[self._next].command, text):
            return self._answer(self._next)
        at, deviation = self._look(text)
        self.deviations += 1
        self._tell(f"command {self.received}, {text[:_HEADER]}: {deviation.value}")
        return _NO_DIAGNOSIS if at is None else self._answer(at)

    def _look(self, text: str) -> tuple[int | None, Deviation]:
        """The recorded command that answers another one than the next, and why."""
        following = range(self._next, len(self._apdus))
        if self._strict:
            return None, Deviation.STRICT if following else Deviation.AT_END
        for at in (*following, *reversed(range(self._next))):
            if matches(self._apdus[at].command, text):
                return at, Deviation.ELSEWHERE
        for at in following[:1]:
            recorded = self._apdus[at].command
            if recorded[:_HEADER] == text[:_HEADER] and len(recorded) == len(text):
                return at, Deviation.OTHER_DATA
        return None, Deviation.UNKNOWN if following else Deviation.AT_END

    def _answer(self, at: int) -> bytes:
        self._next = max(self._next, at + 1)
        return self._apdus[at].answer


def _starts(events: Sequence[Recorded], slot: Slot) -> tuple[int, ...]:
    """How many commands stand before each power-on of a slot."""
    starts, commands = [], 0
    for event in events:
        if event.slot is slot:
            starts += [commands] if event.event == "power-on" else []
            commands += event.event == "apdu"
    return tuple(dict.fromkeys(starts))
