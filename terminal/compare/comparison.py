"""A comparison from beginning to end: what was sent, the first difference, all of them by cause, which are accepted."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from terminal.compare.accepted import Accepted
from terminal.compare.cases import CaseRun, Ended, courses
from terminal.compare.course import START, Course, Fallen, Speaker, Spoken
from terminal.compare.groups import Group, Groups
from terminal.compare.inputs import Program, followed
from terminal.compare.judge import Judge, Judgement
from terminal.compare.pair import Difference, differences
from terminal.compare.parts import Kind, Measure, Part
from terminal.compare.sides import Sides
from terminal.conformance.results import Result
from terminal.errors import UsageError
from terminal.fuzz.sequence import Sequence

Tell = Callable[["Figures"], None]


@dataclass(slots=True)
class Figures:
    """How much was compared."""

    programs: int = 0
    commands: int = 0
    """Commands that both cards got."""
    differences: int = 0
    """Answers that differ in one part or more, whatever they follow from."""
    left_out: int = 0
    """Steps that could not be computed, or were not sent to spare a card."""
    skipped: int = 0
    """Commands of recordings that could not be sent."""
    seconds: float = 0.0


@dataclass(slots=True)
class Comparison:
    """What was found; it grows while the comparison runs, so that an interrupted one keeps what it has.

    Args:
        judge: says which is right.
        accepted: known differences.
        measure: the measure of all couples, for the report.
    """

    judge: Judge
    accepted: list[Accepted] = field(default_factory=list)
    measure: Measure = Measure.BYTES
    figures: Figures = field(default_factory=Figures)
    groups: Groups = field(default_factory=Groups)
    first: Difference | None = None
    judgements: dict[int, Judgement] = field(default_factory=dict)
    """By the identity of the example that was judged."""
    _runs: dict[str, tuple[Sequence, Measure] | Ended] = field(default_factory=dict)
    """How the places of examples are run again."""
    _seen: set[str] = field(default_factory=set)
    """Places where more than the content differs."""

    # --- running -----------------------------------------------------------------------------------------------

    def run(self, sides: Sides, programs: Iterable[Program], tell: Tell | None = None) -> None:
        """Compare programs one after another.

        Raises:
            UsageError: a program begins at a start that there is not.
            LinkError: a card is gone.
        """
        begun, self.judge.lasting = time.perf_counter(), sides.lasting
        speakers = {name: (Speaker(each.first), Speaker(each.second)) for name, each in sides.couples.items()}
        try:
            for program in programs:
                sequence = followed(program.sequence) if sides.lasting else program.sequence
                couple = sides.couples.get(sequence.start)
                if couple is None:
                    known = ", ".join(sides.couples)
                    raise UsageError(f"{program.place} begins with {sequence.start!r}; these cards have {known}")
                one, two = (speaker.run(sequence) for speaker in speakers[sequence.start])
                self.figures.programs += 1
                self.figures.skipped += program.skipped
                self.figures.commands += min(len(one.exchanges), len(two.exchanges))
                self.figures.left_out += max(one.left_out, two.left_out)
                if not one.same(two):
                    self._take(program.place, (sequence, couple.measure), one.course(), two.course(), couple.measure)
                if tell is not None:
                    tell(self.figures)
        finally:
            self.figures.seconds += time.perf_counter() - begun

    def run_cases(self, run: CaseRun, measure: Measure, tell: Tell | None = None) -> None:
        """Compare conformance cases.

        Raises:
            LinkError: a card is gone.
        """
        begun, self.judge.lasting = time.perf_counter(), run.lasting
        try:
            for ended in run.run():
                if ended is None:
                    self.figures.left_out += 1
                    continue
                self.figures.programs += 1
                one, two = courses(ended)
                self.figures.commands += sum(isinstance(event, Spoken) for _, event in one.events)
                self._take(ended.case.id, ended, one, two, measure)
                self._verdicts(ended)
                if tell is not None:
                    tell(self.figures)
        finally:
            self.figures.seconds += time.perf_counter() - begun

    def _take(
        self, place: str, how: tuple[Sequence, Measure] | Ended, one: Course, two: Course, measure: Measure
    ) -> None:
        steps: set[int] = set()
        for found in differences(place, one, two, measure):
            steps.add(found.step)
            self._add(found, how)
        self.figures.differences += len(steps)

    def _add(self, found: Difference, how: tuple[Sequence, Measure] | Ended) -> None:
        self.groups.add(found)
        self._runs.setdefault(found.place, how)
        if found.part.kind is not Kind.CONTENT:
            self._seen.add(found.place)
            self.first = self.first or found

    def _verdicts(self, ended: Ended) -> None:
        """A case that ends differently although each answer was the same: it computes what is compared by form."""
        place, verdicts = ended.case.id, (ended.first.verdict, ended.second.verdict)
        if verdicts[0] is verdicts[1] or place in self._seen:
            return
        words = _ending(ended.first), _ending(ended.second)
        part = Part(Kind.VERDICT, "", *words)
        self._add(Difference(place, START, part, Fallen(words[0]), Fallen(words[1])), ended)
        self.figures.differences += 1

    # --- what it comes to --------------------------------------------------------------------------------------

    def judgement(self, group: Group) -> Judgement:
        """Which is right in a group, by its first difference."""
        found = group.example
        known = self.judgements.get(id(found))
        if known is None:
            how = self._runs[found.place]
            if isinstance(how, Ended):
                known = self.judge.judge_case(found, how, self.measure)
            else:
                known = self.judge.judge(found, *how)
            self.judgements[id(found)] = known
        return known

    def reason(self, group: Group) -> str:
        """Why a group is accepted; nothing where it is not."""
        return next((entry.reason for entry in self.accepted if entry.fits(group)), "")

    def listed(self) -> list[Group]:
        """The groups that have a cause of their own, without those of mere content."""
        return [group for group in self.groups.all() if group.own and not group.content]

    def causes(self) -> dict[str, list[int]]:
        """Numbers of listed groups, from 1, by the cause that they share; causes of one group alone are left out."""
        found: dict[str, list[int]] = {}
        for number, group in enumerate(self.listed(), 1):
            cause = self.judgement(group).cause
            if cause:
                found.setdefault(cause, []).append(number)
        return {cause: numbers for cause, numbers in found.items() if len(numbers) > 1}

    def contents(self) -> list[Group]:
        """The groups that only say that the cards are two."""
        return [group for group in self.groups.all() if group.content]

    def followers(self) -> list[Group]:
        """The groups that were only seen after the cards had parted."""
        return [group for group in self.groups.all() if not group.own and not group.content]

    def unused(self) -> list[Accepted]:
        """Accepted differences that were not seen."""
        groups = list(self.groups.all())
        return [entry for entry in self.accepted if not any(entry.fits(group) for group in groups)]

    @property
    def passed(self) -> bool:
        """Whether every difference is accepted."""
        return all(self.reason(group) for group in self.listed())


def _ending(result: Result) -> str:
    difference = result.difference
    if difference is not None:
        return f"{result.verdict.value} at {difference.place}: {difference.meaning or difference.expected}"
    return f"{result.verdict.value}: {result.reason}" if result.reason else result.verdict.value
