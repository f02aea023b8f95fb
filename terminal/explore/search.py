"""Breadth first: every letter in every state, each state once. So the first way into a state is a shortest one.

With `cuts`, a letter that writes is done again for each of its page programs, with the power cut before that program;
the card is reset, and where it stands then is a state like any other.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cardsim.control import ModelState, volatile
from terminal.explore.alphabet import Alphabet
from terminal.explore.bus import Watch
from terminal.explore.properties import PROPERTIES, Facts, Property, Transition
from terminal.explore.proved import NOTHING, after
from terminal.explore.states import Content, Contents, State
from terminal.explore.subject import Subject
from terminal.explore.tree import Exchange, LetterTree, walk

Progress = Callable[["Exploration"], None]
_COLLECT: Final = 256
"""Transitions between two collections: environments that a reset has replaced hold windows on the memory until then."""
_TELL: Final = 64
"""States between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where exploring ends before all states are seen; None: no limit."""

    depth: int | None = None
    states: int | None = None
    violations: int = 1
    """It ends when so many properties are broken."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A property that does not hold, and the last transition of a shortest path that shows it."""

    broken: Property
    transition: Transition
    what: str

    @property
    def length(self) -> int:
        """Letters of the path."""
        return self.transition.before.depth + 1


@dataclass(frozen=True, slots=True)
class Edge:
    """One transition, for the graph."""

    source: int
    letter: str
    cut: int | None
    target: int


@dataclass(slots=True)
class Exploration:
    """What was found so far."""

    alphabet: Alphabet
    cuts: bool
    states: list[State] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    transitions: int = 0
    commands: int = 0
    contents: int = 0
    depth: int = 0
    """Letters of the longest shortest path."""
    seconds: float = 0.0
    complete: bool = False
    """Whether every letter was tried in every state."""
    ended: str = ""
    """Why it ended before that."""


def named(letter: str, cut: int | None) -> str:
    return letter if cut is None else f"{letter} (power cut before page program {cut + 1})"


class Explorer:
    """Explores one subject.

    Args:
        subject: the card in its first state.
        alphabet: the letters.
        limits: where it ends at the latest.
        cuts: whether power cuts are tried too.
        properties: what has to hold.
    """

    def __init__(
        self,
        subject: Subject,
        alphabet: Alphabet,
        limits: Limits = Limits(),
        *,
        cuts: bool = False,
        properties: Sequence[Property] = PROPERTIES,
    ) -> None:
        self.subject: Final = subject
        self._card: Final = subject.card
        self._letters: Final = alphabet.letters
        self._trees: Final = [LetterTree(one.name, one.steps, subject.bench) for one in alphabet.letters]
        self._limits: Final = limits
        self._cuts: Final = cuts
        self._contents: Final = Contents(subject.card)
        self._watch: Final = Watch()
        facts = Facts(subject.proof("transport"))
        self._judges: Final = [(one, one.judge(facts)) for one in properties]
        self._bounded: Final = [number for number, one in enumerate(alphabet.letters) if one.at_most is not None]
        self._known: Final[dict[object, State]] = {}
        self.found: Final = Exploration(alphabet, cuts)

    def run(self, progress: Progress | None = None) -> Exploration:
        """Explore until no state is new, or a limit is reached.

        What was found stands in `found` all the time, so that an interrupted run has it too.
        """
        found, start = self.found, time.perf_counter()
        collecting = gc.isenabled()
        gc.disable()  # nearly all that is new stays: only that is looked through, now and then, and only once
        try:
            first = self._card.snapshot()
            content = self._contents.of(first)
            self._card.attach(self._watch)
            unused = (0,) * len(self._bounded)
            self._add(State(0, content, first, volatile(first), used=unused))
            for state in self._frontier():
                if self._limits.depth is not None and state.depth >= self._limits.depth:
                    found.ended = f"depth {self._limits.depth}"
                    return found
                for number in range(len(self._letters)):
                    self._try(state, number)
                    if len(found.violations) >= self._limits.violations:
                        found.ended = "a property is broken"
                        return found
                    if self._limits.states is not None and len(found.states) >= self._limits.states:
                        found.ended = f"{self._limits.states} states"
                        return found
                if state.number % _TELL == 0:
                    found.seconds = time.perf_counter() - start
                    if progress is not None:
                        progress(found)
            found.complete = True
        finally:
            if collecting:
                gc.enable()
            self._card.mend()
            found.seconds = time.perf_counter() - start
            found.contents = len(self._contents)
        return found

    def _frontier(self) -> Iterator[State]:
        """All states in the order in which they were found, those included that are found meanwhile."""
        number = 0
        while number < len(self.found.states):
            yield self.found.states[number]
            number += 1

    def path_of(self, violation: Violation) -> list[tuple[str, list[Exchange]]]:
        """The letters of a shortest path, each with the exchanges it has; the card does them once more."""
        last, steps = violation.transition, []
        numbers = {tree.name: number for number, tree in enumerate(self._trees)}
        for state in last.before.path()[1:]:
            assert state.parent is not None
            self._card.restore(state.parent.memory)
            if state.cut is not None:
                self._card.cut(state.cut)
            steps.append((named(state.via, state.cut), walk(self._trees[numbers[state.via]], self._card, self._card)))
            self._card.mend()
        return [*steps, (named(last.letter, last.cut), list(last.exchanges))]

    # --- one letter in one state -----------------------------------------------------------------------------------

    def _try(self, state: State, number: int) -> None:
        letter = self._letters[number]
        if letter.at_most is not None and state.used[self._bounded.index(number)] >= letter.at_most:
            return
        self._card.restore(state.memory)
        self._watch.begin(state.content)
        done = walk(self._trees[number], self._card, self._card, self._watch)
        programs = self._watch.programs
        whole = self._arrive(state, number, None, done)
        if self._cuts and letter.cuts:
            for cut in range(programs):
                self._try_cut(state, number, cut, whole)

    def _try_cut(self, state: State, number: int, cut: int, whole: State) -> None:
        card = self._card
        card.restore(state.memory)
        card.cut(cut)
        done = walk(self._trees[number], card, card)
        card.attach(self._watch)
        card.power_off()
        card.power_on()
        self._arrive(state, number, cut, done, whole)

    def _arrive(
        self, state: State, number: int, cut: int | None, done: list[Exchange], whole: State | None = None
    ) -> State:
        """The state that a letter has led to; judge the transition."""
        found, letter = self.found, self._letters[number]
        touched = self._watch.broken if cut is None else ""
        proved = state.proved
        for exchange in done:
            proved = after(proved, exchange)
        target = self._reached(self._card.snapshot(), state, number, cut, NOTHING if cut is not None else proved)
        found.transitions += 1
        if found.transitions % _COLLECT == 0:
            gc.collect(0)
        found.commands += len(done)
        found.edges.append(Edge(state.number, letter.name, cut, target.number))
        transition = Transition(state, letter.name, cut, done, target, whole, touched)
        for one, judge in self._judges:
            what = judge(transition)
            if what and all(known.broken is not one for known in found.violations):
                found.violations.append(Violation(one, transition, what))
        return target

    def _reached(
        self, memory: ModelState, parent: State, number: int, cut: int | None, proved: frozenset[str]
    ) -> State:
        """The state of a snapshot after a letter."""
        content, used = self._content(memory, parent), parent.used
        if number in self._bounded and content is not parent.content:
            at = self._bounded.index(number)
            used = (*used[:at], used[at] + 1, *used[at + 1 :])
        exact = volatile(memory)
        state = self._known.get((content.number, exact, used, proved))
        if state is None:
            via, depth = self._letters[number].name, parent.depth + 1
            kept = replace(memory, cells=content.memory.cells)
            state = State(len(self.found.states), content, kept, exact, parent, via, cut, depth, used, proved)
            self._add(state)
        return state

    def _add(self, state: State) -> None:
        self._known[state.content.number, state.exact, state.used, state.proved] = state
        self.found.states.append(state)
        self.found.depth = state.depth

    def _content(self, memory: ModelState, parent: State) -> Content:
        """Equal tokens of one card mean equal cells, so most contents are known without looking at them."""
        if memory.cells.generation == parent.memory.cells.generation:
            return parent.content
        return self._contents.of(memory)
