"""The sweep: each command of a scenario is cut at each page program and inside it, and the card is looked at.

What must hold after every cut, in words:

mute            a card whose power was cut answers nothing
reset           the next reset is answered
whole           the card is in one of the states of the command, in every cell but the journal's; never between two
order           a cut in a later program never leaves an older state: what was written early is not lost
answered        what was answered has been written
seen            each state of the command is met: the early writes are writes of their own
usable          the command, sent again after a reset, is answered as the state asks for, and leads to its end
again           a second cut, while the card repairs the first, changes nothing of that
rule            what the scenario says of money and counters holds
stands          the card answers every command, whatever its cells hold
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cardsim.chip.eeprom import PAGE_SIZE
from cardsim.chip.faults import PowerCutPlan
from cardsim.control import ModelState
from tests.tearing.plans import ProgramLog
from tests.tearing.scene import Act, Facts, Reader, Scenario, Scene, Setting, State, Step

_PAGES, _LONG = 4, 48
ENOUGH: Final = 20
"""So many findings of one command are told; then it is left."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold, in words."""

    scenario: str
    command: str
    place: str
    invariant: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = f"{self.scenario}: {self.command}, {self.place}"
        return f"{where}: {self.invariant}: expected {self.expected}; found {self.found}"


@dataclass(slots=True)
class StepReport:
    """What was done to one command."""

    command: str
    programs: int = 0
    cuts: int = 0
    second_cuts: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What was done in one scenario."""

    scenario: str
    steps: list[StepReport] = field(default_factory=list)

    @property
    def cuts(self) -> int:
        """All cuts, those during repair included."""
        return sum(step.cuts + step.second_cuts for step in self.steps)

    @property
    def findings(self) -> list[Finding]:
        """All that does not hold."""
        return [finding for step in self.steps for finding in step.findings]


def outside_journal(bench: Reader) -> bytes:
    """All cells but the journal's."""
    cells, journal = bench.cells, bench.model.ranges()["journal"]
    return cells[: journal.start] + cells[journal.stop :]


class _Enough(Exception):
    """So much is wrong with the command that nothing is learnt from going on."""


def places(length: int, *, thorough: bool) -> tuple[int | None, ...]:
    """Where a page program of so many cells is cut: before it, in its first, middle and last cell (or in each), and
    behind it."""
    if thorough:
        return (None, *range(length + 1))
    return (None, *sorted({0, length // 2, length - 1, length}))


def sweep(scenario: Scenario, setting: Setting, *, thorough: bool = False) -> Report:
    """One scenario, cut everywhere."""
    return sweep_scene(scenario.name, scenario.make(setting), thorough=thorough)


def sweep_scene(name: str, scene: Scene, *, thorough: bool = False) -> Report:
    """A scenario whose card is made already."""
    report = Report(name)
    for step in scene.steps:
        run = _Sweep(name, scene, step, StepReport(step.name), thorough)
        report.steps.append(run.report)
        try:
            run.run()
        except _Enough:
            pass
        finally:
            scene.bench.model.attach(None)
    return report


class _Sweep:
    """One command of a scenario."""

    def __init__(self, scenario: str, scene: Scene, step: Step, report: StepReport, thorough: bool) -> None:
        self.scenario, self.scene, self.step, self.report = scenario, scene, step, report
        self.bench = scene.bench
        self.thorough = thorough
        self.place = "undisturbed"
        self.images: dict[int, bytes] = {}
        self.facts: list[Facts] = []
        self.met: set[int] = set()
        self.reached = 0
        self.last = len(step.states) - 1

    def run(self) -> None:
        """Undisturbed first; then every cut; then a reset behind the answer."""
        self.step.fresh()
        start, act, programs = self._undisturbed()
        self.report.programs = len(programs)
        for number, (address, length) in enumerate(programs):
            for inside in places(length, thorough=self.thorough):
                self.place = self._place(number, len(programs), address, length, inside)
                self._guarded(functools.partial(self._cut, start, act, PowerCutPlan(number, inside)))
            self.reached = max(self.met, default=0)
        self.place = "reset after the answer"
        self.reached = self.last
        self._guarded(lambda: self._answered(start, act))
        self._expect("seen", self._names(range(len(self.step.states))), self._names(sorted(self.images)))

    def _answered(self, start: ModelState, act: Act) -> None:
        self.bench.model.restore(start)
        self._expect("answered", self.step.word, act())
        if self._judge() not in (self.last, None):
            self._found("answered", f"the state {self.step.states[-1].name!r}", "an older state")

    def _undisturbed(self) -> tuple[ModelState, Act, list[tuple[int, int]]]:
        """The moment before the command, the command, and where it programs."""
        self.bench.power_on()
        act = self.step.start()
        self.bench.log.clear()
        start, self.images[0] = self.bench.model.snapshot(), self._cells()
        before = self._facts()
        self.bench.model.restore(start)
        with self.bench.on_bus(ProgramLog()) as log:
            word = act()
        self._expect("answered", self.step.word, word)
        self.bench.power_on()
        self.images[self.last] = self._cells()
        self.facts = [{**before, **state.differs} for state in self.step.states]
        self.facts[self.last] = self._facts()
        if self.last == 1 and self.facts[self.last] == before:
            self._found("whole", "that the command changes something", "that one sees no change")
        return start, act, log.programs

    def _cut(self, start: ModelState, act: Act, plan: PowerCutPlan) -> None:
        bench = self.bench
        bench.model.restore(start)
        with bench.on_bus(plan):
            answer = act()
            self._expect("mute", "no answer", answer or "no answer")
            self._expect("mute", "no answer", bench.raw(b"\x00\xa4\x00\x00").hex() or "no answer")
        self.report.cuts += 1
        torn = bench.model.snapshot()
        found = self._judge()
        if found is not None:
            if found < self.reached:
                self._found("order", f"the state {self.step.states[self.reached].name!r} or a later one",
                            repr(self.step.states[found].name))  # fmt: skip
            self.met.add(found)
        self._cut_again(torn)

    def _cut_again(self, torn: ModelState) -> None:
        """Cut once more, at each program of the repair."""
        bench, first = self.bench, self.place
        bench.model.restore(torn)
        with bench.on_bus(ProgramLog()) as log:
            bench.power_on()
        repaired = self._cells()
        for number, (address, length) in enumerate(log.programs):
            for inside in places(length, thorough=False):
                self.place = f"{first}; then {self._place(number, len(log.programs), address, length, inside)}"
                bench.model.restore(torn)
                with bench.on_bus(PowerCutPlan(number, inside)):
                    self._expect("mute", "no answer", bench.power_on() or "no answer")
                self.report.second_cuts += 1
                self._expect("reset", "an answer to reset", "an answer to reset" if bench.power_on() else "no answer")
                if self._cells() != repaired:
                    self._found("again", "what one cut leaves", self._difference(repaired))
        self.place = first

    # --- judging -----------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[], object]) -> None:
        """Do something with a card whose cells may hold anything: that it falls over is a finding."""
        try:
            work()
        except _Enough:
            raise
        except Exception as error:
            self._found("stands", "an answer to every command", f"{type(error).__name__}: {error}")

    def _judge(self) -> int | None:
        """Look at the card after a cut: the number of the state it is in, None where it is in none."""
        if not self.bench.power_on().startswith("3B"):
            self._found("reset", "an answer to reset", "none")
            return None
        cells, facts = self._cells(), self._facts()
        self._rules(facts)
        state = self._state(facts)
        if state is None:
            self._found("whole", f"one of the states {self._names(range(self.last + 1))}", self._mixture(facts))
            return None
        if self.images.setdefault(state, cells) != cells:
            self._found("whole", f"the cells of the state {self.step.states[state].name!r}",
                        self._difference(self.images[state]))  # fmt: skip
        self._repeat(self.step.states[state], last=state == self.last)
        return state

    def _state(self, facts: Facts) -> int | None:
        """The number of the state with these facts. Two states may look alike, as a full try counter does before and
        after a success: then it is the first that the programs before this one allow."""
        alike = [number for number, known in enumerate(self.facts) if known == facts]
        return next((number for number in alike if number >= self.reached), alike[-1] if alike else None)

    def _repeat(self, state: State, *, last: bool) -> None:
        self.bench.power_on()
        act = self.step.start()
        self._expect(
            "usable", f"{state.again} when the command is sent again", f"{act()} when the command is sent again"
        )
        self._rules(facts := self._after_reset())
        if not last and state.again == self.step.word:
            self._expect("usable", *_unlike(self._still(self.facts[-1]), self._still(facts)))

    def _still(self, facts: Facts) -> Facts:
        return {name: value for name, value in facts.items() if name not in self.scene.moving}

    def _after_reset(self) -> Facts:
        self.bench.power_on()
        return self._facts()

    def _facts(self) -> Facts:
        self.bench.power_on()
        return self.scene.look()

    def _rules(self, facts: Facts) -> None:
        for rule in self.scene.rules:
            if not rule.holds(facts):
                self._found("rule", rule.words, ", ".join(f"{name} {_short(value)}" for name, value in facts.items()))

    def _cells(self) -> bytes:
        return outside_journal(self.bench)

    # --- words -------------------------------------------------------------------------------------------------

    def _expect(self, invariant: str, expected: str, found: str) -> None:
        if expected != found:
            self._found(invariant, expected, found)

    def _found(self, invariant: str, expected: str, found: str) -> None:
        self.report.findings.append(Finding(self.scenario, self.step.name, self.place, invariant, expected, found))
        if len(self.report.findings) >= ENOUGH:
            raise _Enough

    def _place(self, number: int, of: int, address: int, length: int, inside: int | None) -> str:
        when = "before" if inside is None else f"after {inside} of {length} cells of"
        return f"cut {when} program {number + 1} of {of} ({self._page(address)})"

    def _page(self, address: int) -> str:
        ranges = self.bench.model.ranges().items()
        part, start = next(((name, part.start) for name, part in ranges if address in part), ("the rest", 0))
        return f"page {(address - start) // PAGE_SIZE} of {part}"

    def _names(self, numbers: "range | list[int]") -> str:
        return ", ".join(repr(self.step.states[number].name) for number in numbers)

    def _mixture(self, facts: Facts) -> str:
        """Each fact that tells the states apart, or fits none of them, and of which state it is."""
        told = []
        for name, value in facts.items():
            known = zip(self.step.states, self.facts, strict=True)
            fitting = [state.name for state, other in known if other.get(name) == value]
            if len(fitting) < len(self.facts):
                origin = f"as {' and '.join(fitting)}" if fitting else "of no state"
                told.append(f"{name} {_short(value)} ({origin})")
        return ", ".join(told)

    def _difference(self, cells: bytes) -> str:
        """The pages in which the card differs from these cells."""
        journal = self.bench.model.ranges()["journal"]
        now = self._cells()
        different = [
            at for at in range(0, len(now), PAGE_SIZE) if now[at : at + PAGE_SIZE] != cells[at : at + PAGE_SIZE]
        ]
        pages = [self._page(at if at < journal.start else at + len(journal)) for at in different]
        more = f" and {len(pages) - _PAGES} more" if len(pages) > _PAGES else ""
        return f"other cells in {', '.join(pages[:_PAGES])}{more}"


def _short(value: str) -> str:
    return value if len(value) <= _LONG else f"{value[:_LONG]}… ({len(value) // 2} bytes)"


def _unlike(expected: Facts, found: Facts) -> tuple[str, str]:
    """Two sets of facts in words, as far as they differ."""
    names = [name for name in expected if expected[name] != found.get(name)]

    def words(facts: Facts) -> str:
        return ", ".join(f"{name} {_short(facts.get(name, 'none'))}" for name in names)

    return words(expected), words(found)
