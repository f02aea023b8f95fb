"""Conformance cases on both cards: what was said in each, and how each of them ended."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final, cast

from cardsim.decode import Environment
from cardsim.decode.observed import Observed
from cardsim.decode.observer import Observer
from terminal.compare.course import Course, Event, Spoken, Started, whole
from terminal.compare.parts import Measure
from terminal.compare.sides import DEFAULT_SEED, Named, measure_of
from terminal.conformance.campaign import catalogue, choose
from terminal.conformance.case import Case
from terminal.conformance.library import Library
from terminal.conformance.results import Line, Result
from terminal.conformance.runner import order
from terminal.conformance.selection import read_library
from terminal.conformance.session import Bench
from terminal.conformance.setup import Setup, Wish, open_setup
from terminal.errors import UsageError
from terminal.slots import Slot

if TYPE_CHECKING:
    from cardsim.assembly import CardModel, SamModel

_RESET: Final = "reset"
_LINE: Final = "line, "


@dataclass(frozen=True, slots=True)
class Ended:
    """One case on both cards."""

    case: Case
    first: Result
    second: Result


@dataclass(frozen=True, slots=True)
class CaseWish:
    """Which cases, and what they may do."""

    prefixes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    seed: int = DEFAULT_SEED
    destructive: bool = False

    def of(self, side: Named) -> Wish:
        """The wish for one side."""
        return Wish(
            side.card, side.psam, self.prefixes, side.keys, cases=self.files, seed=self.seed,
            destructive=self.destructive, show_secrets=True,
        )  # fmt: skip


class CaseRun:
    """Both benches, ready.

    Args:
        first, second: the sides.
        wish: which cases.
        stack: closes the cards.

    Raises:
        UsageError: cases, cards, keys or faults cannot be used.
        LinkError: a card is not reached.
    """

    def __init__(self, first: Named, second: Named, wish: CaseWish, stack: contextlib.ExitStack) -> None:
        self._wish = wish
        self.library: Library = read_library(wish.files)
        requirements = catalogue()
        self.cases = order(choose(self.library, wish.of(first), requirements), model=first.on_image and second.on_image)
        sides = first, second
        self._setups = [stack.enter_context(open_setup(wish.of(side), self.library, requirements)) for side in sides]
        self.lasting: Final = not all(setup.runner.bench.all_models for setup in self._setups)
        for side, setup in zip(sides, self._setups, strict=True):
            if side.defect is not None:
                _spoil(setup.runner.bench, side.defect)
            if self.lasting:
                _keep(setup.runner.bench)

    @property
    def measure(self) -> Measure:
        """How much of the answers can be equal."""
        first, second = (setup.runner.bench.context.keys for setup in self._setups)
        return measure_of(first, second, lasting=self.lasting)

    def run(self) -> Iterator[Ended | None]:
        """Each case on both cards; None for one that either of them leaves out: the other is not to move on alone.

        Raises:
            LinkError: reader or card are gone.
        """
        for case in self.cases:
            if any(setup.left_out(case) for setup in self._setups):
                yield None
                continue
            first, second = (self._one(setup, case) for setup in self._setups)
            yield Ended(case, first, second)

    def _one(self, setup: Setup, case: Case) -> Result:
        bench = setup.runner.bench
        used = bench.blank if bench.blank is not None and "blank" in case.needs else bench
        used.context.draw = Random(f"{self._wish.seed}:{case.id}").randbytes
        return setup.runner.run_one(case)


def _keep(bench: Bench) -> None:
    """Let a model keep what it is told, as the card in the reader beside it does."""
    bench.control = bench.blank = None
    if bench.sam is not None:
        bench.sam.control = None


def _spoil(bench: Bench, name: str) -> None:
    """Put a fault into the model that it belongs to, and into the blank card beside it."""
    from cardsim.defects.defect import Side
    from cardsim.defects.registry import apply_defect
    from terminal.fuzz.plan import known_defect

    defect = known_defect(name)
    slot = Slot.PSAM if defect.side is Side.PSAM else Slot.CARD
    benches = [bench.at(slot), *([bench.blank] if bench.blank is not None and slot is Slot.CARD else [])]
    if any(each.control is None for each in benches):
        raise UsageError("a named fault is put into a model, so it needs a card image")
    for each in benches:
        apply_defect(cast("CardModel | SamModel", each.card), defect)


# --- transcripts --------------------------------------------------------------------------------------------------


class _Reader:
    """Puts the lines of a transcript together to what was said, slot by slot."""

    def __init__(self) -> None:
        self._observers = {slot: Observer(home_of(slot)) for slot in Slot}
        self._owners: dict[Slot, tuple[Observed, bytes]] = {}
        self.events: list[tuple[int, Event]] = []

    def take(self, lines: list[Line]) -> None:
        """The lines of one step."""
        step, slot = len(self.events), Slot[lines[0].slot.upper()]
        observer = self._observers[slot]
        if lines[0].name == _RESET:
            observer.reset()
            self._owners.pop(slot, None)
            self.events.append((step, Started(bytes.fromhex(lines[0].answer))))
            return
        before, first = observer.state, bytes.fromhex(lines[0].command)
        if first[:2] != b"\x00\xc0" or slot not in self._owners:
            self._owners[slot] = before, first
        passed = tuple((bytes.fromhex(line.command), bytes.fromhex(line.answer)) for line in lines)
        for command, answer in passed:
            observer.follow(command, answer)
        answers = whole([answer for _, answer in passed])
        spoken = Spoken(first, answers, before, observer.state, passed, self._owners[slot])
        self.events.append((step, spoken))


def home_of(slot: Slot) -> Environment:
    """Where the card of a slot stands after a reset."""
    return Environment.PSAM if slot is Slot.PSAM else Environment.CARD


def _steps(transcript: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines that belong together: a command and what was sent to fetch its data, from the same place of the case."""
    pending: list[Line] = []
    for line in transcript:
        if line.name.startswith(_LINE):
            continue
        if pending and not _fetches(pending[-1], line):
            yield pending
            pending = []
        pending.append(line)
    if pending:
        yield pending


def _fetches(last: Line, line: Line) -> bool:
    """Whether a line belongs to the one before it: GET RESPONSE, or the same header again with another Le."""
    if line.place != last.place or line.slot != last.slot or len(last.answer) < 4 or line.name == _RESET:
        return False
    sw1 = last.answer[-4:-2]
    return (sw1 == "61" and line.command.startswith("00C0")) or (sw1 == "6C" and line.command[:8] == last.command[:8])


def course_of(result: Result) -> Course:
    """What was said in a case."""
    reader = _Reader()
    for lines in _steps(result.transcript):
        reader.take(lines)
    return Course(reader.events)


def courses(ended: Ended) -> tuple[Course, Course]:
    """What both have said, as far as both came: a case ends at its first failure."""
    first, second = course_of(ended.first), course_of(ended.second)
    size = min(len(first.events), len(second.events))
    return replace(first, events=first.events[:size]), replace(second, events=second.events[:size])
