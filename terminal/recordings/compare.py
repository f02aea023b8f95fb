"""Two answers to one command: the same, alike, or different; and the difference in words."""

import enum
from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import causes, command_name
from cardsim.decode.explain import Line, explain_answer
from cardsim.iso7816.status import StatusWord
from terminal.slots import Slot

DRAWS: Final = frozenset(
    {"GET CHALLENGE", "INITIALIZE UPDATE", "INITIALIZE FOR LOAD", "INITIALIZE FOR PURCHASE", "GENERATE AC"}
)
"""Commands that answer a random number, or a cryptogram over a counter that moves on; later commands build on it."""

_PROVES: Final = frozenset({"EXTERNAL AUTHENTICATE", "VERIFY ENCIPHERED", "DEBIT FOR PURCHASE", "CREDIT FOR LOAD"})
"""Commands whose data are computed from such an answer."""

_SECURE: Final = 0x04
"""Bit of CLA that says that a MAC follows, computed over a random number of the card (SSC part 4 §8)."""

_REFUSALS: Final = frozenset({0x6300, 0x6982, 0x6983, 0x6984, 0x6985, 0x6987, 0x6988, 0x9302})
"""What a card answers to a proof over another random number, and without the right that the proof would give."""


class Likeness(enum.Enum):
    """How an answer stands to the recorded one."""

    SAME = "the same"
    ALIKE = "alike"
    """Status word and structure are the same, values differ."""
    FOLLOWS = "not comparable"
    """It depends on a random number that the card has drawn anew."""
    SKIPPED = "not sent"
    """The command was not recorded in full, and cannot be computed again."""
    UNKNOWN = "not compared"
    """No answer was recorded, as in a script."""
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Sent:
    """A command of the replay: in which slot and environment, and the command that GET RESPONSE belongs to."""

    slot: Slot
    environment: Environment
    command: bytes
    belongs_to: bytes

    @property
    def name(self) -> str:
        """The name of the command."""
        return command_name(self.environment, self.command)

    @property
    def origin(self) -> str:
        """The name of the command that the answer belongs to."""
        return command_name(self.environment, self.belongs_to)


class Judge:
    """Compares the answers of a session one after the other; the tolerant one remembers what was drawn anew."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._drawn_anew = False
        self._refused = False

    def power(self, slot: Slot) -> None:
        """A reset of the card ends what its random numbers gave rights to."""
        if slot is Slot.CARD:
            self._drawn_anew = self._refused = False

    def compare(self, sent: Sent, recorded: bytes, answer: bytes) -> Likeness:
        """Judge an answer."""
        if answer == recorded:
            return Likeness.SAME
        if self._strict:
            return Likeness.DIFFERENT
        if answer[-2:] == recorded[-2:] and shape(sent, answer) == shape(sent, recorded):
            if sent.origin in DRAWS:
                self._drawn_anew = True
            return Likeness.ALIKE
        if self._drawn_anew and (self._refused or _proves(sent)) and _refusal(answer):
            self._refused = True
            return Likeness.FOLLOWS
        return Likeness.DIFFERENT


def _proves(sent: Sent) -> bool:
    return sent.origin in _PROVES or bool(sent.belongs_to[:1] and sent.belongs_to[0] & _SECURE)


def _refusal(answer: bytes) -> bool:
    sw = int.from_bytes(answer[-2:], "big")
    return sw in _REFUSALS or sw & 0xFFF0 == 0x63C0


def shape(sent: Sent, answer: bytes) -> tuple[tuple[int, str, int], ...]:
    """The structure of an answer: depth and tag of each data object; the length too of what has no tag."""
    return tuple((line.depth, line.tag, 0 if line.tag else len(line.value)) for line in _lines(sent, answer))


def _lines(sent: Sent, answer: bytes) -> list[Line]:
    return explain_answer(sent.environment, sent.belongs_to, answer[:-2]) if len(answer) > 2 else []


def difference(sent: Sent, recorded: bytes, answer: bytes) -> str:
    """The first difference of two answers, in words."""
    if recorded[-2:] != answer[-2:]:
        return f"the status word is {_status(sent, answer)}; recorded: {_status(sent, recorded)}"
    then, now = _lines(sent, recorded), _lines(sent, answer)
    for old, new in zip(then, now, strict=False):
        if (old.depth, old.tag) != (new.depth, new.tag):
            return f"there is {_item(new)}; recorded: {_item(old)}"
        if old.value != new.value and (old.depth, old.tag) == (new.depth, new.tag) and not _nested(then, old):
            return f"{_item(old)} is {_value(new)}; recorded: {_value(old)}"
    if len(then) != len(now):
        more, what = (now, "is one more") if len(now) > len(then) else (then, "is missing")
        return f"{_item(more[min(len(then), len(now))])} {what}"
    return f"the answer has {len(answer) - 2} bytes of data; recorded: {len(recorded) - 2}"


def _nested(lines: list[Line], line: Line) -> bool:
    """Whether a data object is a template, whose own objects follow."""
    after = lines.index(line) + 1
    return after < len(lines) and lines[after].depth > line.depth


def _item(line: Line) -> str:
    return f"{line.tag} {line.name}".strip() or "the data"


def _value(line: Line) -> str:
    return line.text or line.value.hex().upper() or "empty"


def _status(sent: Sent, answer: bytes) -> str:
    if len(answer) < 2:
        return "missing"
    sw = StatusWord(int.from_bytes(answer[-2:], "big"))
    reasons = " / ".join(causes(sent.environment, sent.belongs_to, sw.value))
    return f"{sw} {reasons or sw.meaning}"
