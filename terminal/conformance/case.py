"""What must live here: a conformance case as a value, and the closed sets it is made of.

A case names the requirements that it shows, the state that the card is to be in, what the card must support, and its
steps. Case files (`vectors/cases/*.case`) and Python cases both become these values; the runner knows nothing else.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from terminal.conformance.pattern import Pattern
from terminal.conformance.template import Template
from terminal.slots import Slot


class Mark(enum.Enum):
    """What a case does that a runner must know before it runs it."""

    MODEL = "model"
    """Needs what only a model can do: cut power, set the clock, restore a snapshot."""
    DESTRUCTIVE = "destructive"
    """Could spend a physical card: try counters, blocking, one-way steps of the life cycle. Runs last."""
    WRITES = "writes"
    """Changes what the card keeps; left out by --read-only."""
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step stands, for messages."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Send:
    """One command. With `follow` the 61xx/6Cxx layer fetches the data; without, the answer is taken as it comes."""

    place: Place
    command: Template
    follow: bool
    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class Expect:
    """What the last answer of a slot must be; the first alternative is the recommended one (--strict)."""

    place: Place
    alternatives: tuple[Pattern, ...]
    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class Reset:
    """Power off and on again. The ATR is kept under the name `atr`, that of the PSAM under `sam-atr`."""

    place: Place
    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class Let:
    """Give a computed value a name."""

    place: Place
    name: str
    value: Template


@dataclass(frozen=True, slots=True)
class Check:
    """Two computed values must be equal (or different)."""

    place: Place
    left: Template
    right: Template
    equal: bool


@dataclass(frozen=True, slots=True)
class Use:
    """A word of the vocabulary: steps with parameters, written once in `words.case`."""

    place: Place
    word: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """Something that only a model can do: cut, cut-inside, fail-page, mend."""

    place: Place
    action: str
    arguments: tuple[str, ...]
    slot: Slot = Slot.CARD


@dataclass(frozen=True, slots=True)
class LineSend:
    """Single characters to the card, without T=0 on the reader's side."""

    place: Place
    characters: Template


@dataclass(frozen=True, slots=True)
class LineExpect:
    """The characters that the card sends until it waits for one; None: it sends none."""

    place: Place
    pattern: Pattern | None


@dataclass(frozen=True, slots=True)
class LineDo:
    """Another step on the line: line-reset, line-set, line-refuses, line-clock, line-within."""

    place: Place
    action: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Do steps several times."""

    place: Place
    times: int
    steps: "tuple[Step, ...]"


@dataclass(frozen=True, slots=True)
class Each:
    """Do steps once for each piece of a value; the piece is kept under the name."""

    place: Place
    name: str
    size: int
    value: Template
    steps: "tuple[Step, ...]"


LineStep = LineSend | LineExpect | LineDo
"""Steps that only a model's line shows (`needs line`)."""

Step = Send | Expect | Reset | Let | Check | Use | Control | LineSend | LineExpect | LineDo | Repeat | Each


@dataclass(frozen=True, slots=True)
class Case:
    """One conformance case."""

    id: str
    title: str
    group: str
    place: Place
    state: str
    shows: tuple[str, ...]
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    marks: frozenset[Mark] = frozenset()


@dataclass(frozen=True, slots=True)
class State:
    """One state of the vocabulary: where it starts from, and the steps that reach it."""

    name: str
    title: str
    place: Place
    base: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the vocabulary."""

    name: str
    title: str
    place: Place
    parameters: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All states and words."""

    states: Mapping[str, State] = field(default_factory=dict)
    words: Mapping[str, Word] = field(default_factory=dict)


START: Final = "powered"
"""The state that every other one starts from: the card answered to reset, nothing else was sent."""


def all_steps(case: Case, vocabulary: Vocabulary) -> Iterator[Step]:
    """Each step that a case can come to: its own, those of the states that lead to it, and those of the words."""
    pending: list[Iterable[Step]] = [case.steps]
    state = vocabulary.states.get(case.state)
    while state is not None:
        pending.append(state.steps)
        state = vocabulary.states.get(state.base or "")
    words: set[str] = set()
    while pending:
        for step in pending.pop():
            yield step
            if isinstance(step, Repeat | Each):
                pending.append(step.steps)
            elif isinstance(step, Use) and step.word not in words and step.word in vocabulary.words:
                words.add(step.word)
                pending.append(vocabulary.words[step.word].steps)


def slots_of(case: Case, vocabulary: Vocabulary) -> frozenset[Slot]:
    """The slots that a case needs a card in. One that sends nothing is about the holder's card."""
    steps = list(all_steps(case, vocabulary))
    slots = {step.slot for step in steps if isinstance(step, Send | Expect | Reset | Control)}
    if any(isinstance(step, LineStep) for step in steps):
        slots.add(Slot.CARD)
    return frozenset(slots or {Slot.CARD})
