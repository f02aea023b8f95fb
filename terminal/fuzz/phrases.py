"""What must live here: phrases, the pieces that sequences are made of, as values, and how they become steps.

A phrase is a few steps of the case language that belong together, with choices in them. `vectors/phrases/*.phrase`
holds them by environment (`phrasebook.py` reads them):

    slot amount = 000000000000 | 000000000001 | 999999999999

    phrase authenticate 4
        EXTERNAL AUTHENTICATE with a key of the environment.
        at ssse to ssse
        needs ssse
        ? > 00 84 00 00 <08 ~ 04>
        > 00 82 00 {id <key>} 10 <{auth <key>} ~ {wrong auth <key>} ~ {auth <key-2>}>
        + reset

- `<key>` is filled from the slot `key`: one of its rows, the same wherever it stands in the phrase; `<key-2>` is
  another draw. A slot with fields has rows of several words, `<tag.id>`. Slots come from the files and from the card
  (`facts.py`).
- `<A | B ~ C ~ D>` is a fork: `A` and `B` are right, `C` and `D` are wrong. Forks may stand in forks.
- `?` begins a line that is left out when it is wrong, `+` one that is there only when it is wrong.
- `at` names the places where the phrase makes sense, or a group of them (`group issued = card ssse`), `to` the place
  that it leads to, `then` one where it ends, though nobody would go there with it. `needs` names sections of the key
  file (`offline-pin`: an entry of its holder), `application` a payment application. The number behind the name is the
  weight.
- `refused` names the status words that its right form is refused with on the demo card, in order; tests see to it.
- `scene NAME = PHRASE…` names phrases that are played in this order, with others in between.

So a phrase is right, or wrong at as many points as one asks for.
"""

from collections.abc import Mapping
from collections.abc import Sequence as Row
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Final

from terminal.conformance.case import Control, Let, Reset, Send
from terminal.conformance.script import ScriptError, parse_step
from terminal.fuzz.sequence import NOWHERE, Action

_KEPT_STEPS: Final = 1 << 16

Slots = Mapping[str, Row[Mapping[str, str]]]
"""By the name of a slot its rows; a row has its words by field, the only word of a plain slot by the empty name."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A word that comes from a slot. `draw` tells several draws of one slot apart."""

    slot: str
    draw: str
    field: str


@dataclass(frozen=True, slots=True)
class Fork:
    """Texts of which one is taken: a right one, unless the phrase is to be wrong at this point."""

    number: int
    right: "tuple[Text, ...]"
    wrong: "tuple[Text, ...]"


Text = tuple[str | Fill | Fork, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One step with its choices. `fork` numbers a line that is there, or not, when the phrase is wrong there."""

    text: Text
    fork: int | None = None
    only_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Steps that belong together."""

    name: str
    title: str
    at: tuple[str, ...]
    to: str
    """The place where the card stands after it; empty: where it stood."""
    way: bool
    """Whether one goes there with it, from wherever it fits."""
    lines: tuple[Line, ...]
    forks: int
    """Points at which it can be wrong."""
    slots: frozenset[str]
    needs: frozenset[str] = frozenset()
    refused: tuple[int, ...] = ()
    """The status words with which its right form is refused on the demo card; all others are 9000, 61xx or 6Cxx."""
    weight: int = 1

    def steps(self, random: Random, slots: Slots, wrong: int = 0) -> list[Action]:
        """The steps for one draw of everything that is open.

        Args:
            random: decides.
            slots: what the slots hold; each one of the phrase has at least one row.
            wrong: at how many points it is wrong (at most; the same point may be drawn twice).
        """
        points = frozenset(int(random.random() * self.forks) for _ in range(wrong)) if self.forks else frozenset[int]()
        drawn: dict[tuple[str, str], Mapping[str, str]] = {}
        return [
            step_of(_written(line.text, random, slots, points, drawn))
            for line in self.lines
            if line.fork is None or (line.fork in points) is line.only_wrong
        ]


_Drawn = dict[tuple[str, str], Mapping[str, str]]


def _written(text: Text, random: Random, slots: Slots, points: frozenset[int], drawn: _Drawn) -> str:
    """A text with its slots filled and one way taken at each fork."""
    parts: list[str] = []
    for part in text:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Fill):
            key = (part.slot, part.draw)
            row = drawn.get(key)
            if row is None:
                rows = slots[part.slot]
                row = drawn[key] = rows[int(random.random() * len(rows))]
            parts.append(row[part.field])
        else:
            ways = part.wrong if part.wrong and part.number in points else part.right
            way = ways[int(random.random() * len(ways))] if len(ways) > 1 else ways[0]
            parts.append(_written(way, random, slots, points, drawn))
    return "".join(parts)


@lru_cache(maxsize=_KEPT_STEPS)
def step_of(line: str) -> Action:
    """The step of a line; equal lines give the same step.

    Raises:
        ScriptError: the line is none.
    """
    step = parse_step(NOWHERE, line)
    if not isinstance(step, Send | Reset | Let | Control):
        raise ScriptError(NOWHERE, f"{line!r} is no step of a sequence")
    return step


@dataclass(frozen=True, slots=True)
class Scene:
    """Phrases by name, to be played in this order with others in between."""

    name: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """What one phrase file holds, or all of them."""

    phrases: tuple[Phrase, ...]
    slots: Slots
    scenes: tuple[Scene, ...] = ()
