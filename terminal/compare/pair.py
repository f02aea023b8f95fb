"""Two courses side by side: the differences in their order, and what only follows from an earlier one.

After a difference the cards may stand in different states. They have parted: whatever differs then follows from it,
until both are the same again. A command that cannot write parts them until the next reset; one that can, until the
next start, for a reset does not take back what is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cardsim.decode.commands import row_of
from cardsim.iso7816 import status
from terminal.compare.course import Course, Event, Fallen, Spoken, Started
from terminal.compare.parts import Kind, Measure, Part, parts_of

_TOLD: Final = frozenset({Kind.FORM, Kind.VALUE, Kind.LENGTH, Kind.STRUCTURE})
"""Differences of what is told; whether what is kept differs too is seen later, if ever."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of one answer that differs.

    Args:
        place: what was run: a file, a case, a number of the draw.
        step: which step of it, from 0.
        part: what differs.
        first, second: what happened on both cards.
        follows: the difference at which the cards parted, if this one may only follow from it.
    """

    place: str
    step: int
    part: Part
    first: Event
    second: Event
    follows: "Difference | None" = None

    @property
    def spoken(self) -> Spoken | None:
        """The command that was answered differently; none where the power or the card was lost at once."""
        return next((event for event in (self.first, self.second) if isinstance(event, Spoken)), None)


def differences(place: str, first: Course, second: Course, measure: Measure) -> Iterator[Difference]:
    """All differences of two courses of the same steps, in order."""
    left, right = first.steps(), second.steps()
    parted: Difference | None = None
    lasting = False
    for step in sorted(left.keys() | right.keys()):
        one, two = left.get(step, []), right.get(step, [])
        for event, other in zip(one, two, strict=False):
            if isinstance(event, Started) and isinstance(other, Started) and not lasting:
                parted = None
            for part in parts_of(event, other, measure):
                found = Difference(place, step, part, event, other, parted)
                yield found
                if parted is None and _parts(found):
                    parted, lasting = found, _may_write(found)
        if parted is None and len(one) != len(two):
            # One of them could not even be asked: a value that the step needs did not come.
            found = _alone(place, step, one, two)
            yield found
            parted, lasting = found, True


def _alone(place: str, step: int, one: list[Event], two: list[Event]) -> Difference:
    """A step that was done on one card alone."""
    more, at = (one, len(two)) if len(one) > len(two) else (two, len(one))
    event, gone = more[at], Fallen("the step could not be computed")
    words = _in_words(event)
    if more is one:
        return Difference(place, step, Part(Kind.SILENCE, "", words, gone.words), event, gone)
    return Difference(place, step, Part(Kind.SILENCE, "", gone.words, words), gone, event)


def _in_words(event: Event) -> str:
    return f"{event.name} was answered" if isinstance(event, Spoken) else "the card was powered on"


def _parts(found: Difference) -> bool:
    """Whether the cards may stand in different states after it."""
    first, second, kind = found.first, found.second, found.part.kind
    if kind is Kind.CONTENT:
        return False
    if not (isinstance(first, Spoken) and isinstance(second, Spoken)):
        return kind is not Kind.ATR
    if first.after != second.after:
        return True
    if kind in _TOLD:
        return False
    return _done(first.sw) or _done(second.sw) or _counts(first.sw, second.sw) or kind is Kind.SILENCE


def _done(sw: int) -> bool:
    return sw in (status.OK, status.SELECTED_FILE_INVALID) or sw >> 8 == 0x61


def _counts(*words: int) -> bool:
    """Whether a try was counted on one of them."""
    return any(sw & 0xFFF0 == 0x63C0 for sw in words)


def _may_write(found: Difference) -> bool:
    """Whether the command can write: its row has 6581, or it is not known."""
    spoken = found.spoken
    if spoken is None:
        return True
    row = row_of(spoken.environment, spoken.owner[1][:4])
    return row is None or status.MEMORY_FAILURE in row.words
