"""Makes the sequence of a finding small: fewer steps first, then simpler ones, as long as the same complaint comes.

Steps are taken out by delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input").
What is left is made plainer: 61xx and 6Cxx taken as they come, raw data shorter and zero, faults nearer, the seed 1,
the start the user's own card. All of it is bounded by a number of commands, not by time, so that it comes out the same
each time.
"""

import dataclasses
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from typing import Final

from terminal.conformance.case import Control, Send
from terminal.conformance.template import Template
from terminal.fuzz.sequence import Action, Sequence

DEFAULT_BUDGET: Final = 10_000
"""Commands that are spent on one finding: less than a second on the model."""
_HEADER: Final = 4
_LONG: Final = 5
"""Bytes of a command with data: the header, Lc, and at least one more follow."""

Still = Callable[[Sequence], bool]
"""Whether a sequence still has the same complaint."""


@dataclass(slots=True)
class Shrinker:
    """Shrinks one sequence.

    Args:
        still: runs a sequence and tells whether the complaint is the same.
        starts: names of other starts to try, nearest first.
        budget: commands to be spent.
    """

    still: Still
    starts: Row[str] = ()
    budget: int = DEFAULT_BUDGET
    _tried: set[Sequence] = field(default_factory=set)

    def shrink(self, sequence: Sequence) -> Sequence:
        """The smallest sequence that was found."""
        best = sequence
        while True:
            before = best
            best = self._fewer(best)
            best = self._plainer(best)
            if best == before or self.budget <= 0:
                return best

    def _holds(self, sequence: Sequence) -> bool:
        """Whether this sequence will do as well; none is tried twice."""
        if sequence in self._tried or self.budget <= 0:
            return False
        self._tried.add(sequence)
        self.budget -= max(1, sequence.commands)
        return self.still(sequence)

    def _fewer(self, best: Sequence) -> Sequence:
        """Take out steps: halves, quarters, and so on to single ones, from the end to the beginning."""
        size = max(1, len(best.steps) // 2)
        while True:
            at, smaller = len(best.steps), False
            while at > 0:
                first = max(0, at - size)
                tried = dataclasses.replace(best, steps=best.steps[:first] + best.steps[at:])
                if self._holds(tried):
                    best, smaller = tried, True
                at = first
            if size == 1 and not smaller:
                return best
            size = max(1, size // 2)

    def _plainer(self, best: Sequence) -> Sequence:
        """Simpler steps, a nearer start, a small seed."""
        for start in self.starts:
            if start == best.start:
                break
            tried = dataclasses.replace(best, start=start)
            if self._holds(tried):
                best = tried
                break
        tried = dataclasses.replace(best, seed=1)
        if best.seed != 1 and self._holds(tried):
            best = tried
        for number in range(len(best.steps)):
            best = self._plainer_step(best, number)
        return best

    def _plainer_step(self, best: Sequence, number: int) -> Sequence:
        """Go on with the first simpler form that holds, until none does."""
        while True:
            for step in _simpler(best.steps[number]):
                tried = dataclasses.replace(best, steps=(*best.steps[:number], step, *best.steps[number + 1 :]))
                if self._holds(tried):
                    best = tried
                    break
            else:
                return best


def _simpler(step: Action) -> Iterator[Action]:
    """Simpler forms of a step, the simplest first."""
    match step:
        case Send():
            if step.follow:
                yield dataclasses.replace(step, follow=False)
            for template in _simpler_templates(step.command):
                yield dataclasses.replace(step, command=template)
        case Control(action="cut-inside", arguments=(after, _)):
            yield dataclasses.replace(step, action="cut", arguments=(after,))
        case Control(arguments=(count,)) if count.isdigit() and int(count):
            for less in dict.fromkeys((0, int(count) // 2, int(count) - 1)):
                yield dataclasses.replace(step, arguments=(str(less),))
        case _:
            return


def _simpler_templates(template: Template) -> Iterator[Template]:
    """Raw commands shorter and zero; in symbolic ones the raw bytes behind the header zero."""
    match template.parts:
        case (bytes() as raw,):
            for plain in _simpler_bytes(raw):
                yield Template((plain,))
        case parts:
            seen = 0
            for number, part in enumerate(parts):
                if isinstance(part, bytes) and seen >= _HEADER + 1 and any(part):
                    yield Template((*parts[:number], bytes(len(part)), *parts[number + 1 :]))
                seen += len(part) if isinstance(part, bytes) else 1


def _simpler_bytes(raw: bytes) -> Iterator[bytes]:
    """Without data, with half of them, without Le, with zero in their place; P2 and P1 zero."""
    header, rest = raw[:_HEADER], raw[_HEADER:]
    if len(raw) > _LONG:
        length, data, le = rest[0], rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
        if length == len(data):
            for size in dict.fromkeys((0, length // 2, length - 1)):
                if size < length:
                    yield header + (bytes((size,)) + data[:size] if size else b"") + le
        if le:
            yield raw[: -len(le)]
        if any(data):
            yield header + bytes((length,)) + bytes(len(data)) + le
    elif len(raw) == _LONG:
        yield header
    if len(raw) >= _HEADER:
        if raw[3]:
            yield raw[:3] + b"\0" + raw[4:]
        if raw[2]:
            yield raw[:2] + b"\0" + raw[3:]
