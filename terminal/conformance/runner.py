"""Chooses cases, brings the card into the state that each needs, runs them, and gives verdicts.

On a model every case starts from a snapshot of its state, so cases are independent and run in any order. On a physical
card the state is reached by its commands after a reset; destructive cases run last and only when they are asked for.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from cardsim.control import ModelControl, ModelState
from cardsim.decode import Environment
from cardsim.keyfile import KeyFile, SsseKeys
from terminal.conformance.applicability import Applicability
from terminal.conformance.case import START, Case, Mark, State, Vocabulary
from terminal.conformance.context import Context
from terminal.conformance.dialect import undefined_words
from terminal.conformance.requirements import Evidence, Requirement
from terminal.conformance.results import Line, Result, Verdict
from terminal.conformance.session import Bench, CannotRun, Hidden, Unequal

Progress = Callable[[int, int, Result], None]


_BEFORE: Final = ""
"""Name under which the card is kept as it was before the run."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A state as it was reached once: the card, and what the bench knew then."""

    card: ModelState
    captured: dict[str, bytes]
    challenge: bytes
    historical: bytes
    environment: Environment
    transcript: tuple[Line, ...]


class UnknownState(Exception):
    """A case names a state that the vocabulary does not have."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run may do."""

    strict: bool = False
    read_only: bool = False
    destructive: bool = False
    stop_at_first: bool = False


@dataclass(slots=True)
class Runner:
    """A run of cases on one bench."""

    bench: Bench
    requirements: Mapping[str, Requirement]
    applicability: Applicability
    options: Options = field(default_factory=Options)
    _kept: dict[str, "_Kept"] = field(default_factory=dict)
    _blank: "Runner | None" = None

    def run(self, cases: Sequence[Case], progress: Progress | None = None) -> Iterator[Result]:
        """Run cases one after another and hand out each result as it comes."""
        ordered = order(cases, model=self.bench.control is not None)
        for number, case in enumerate(ordered, 1):
            result = self.run_one(case)
            if progress is not None:
                progress(number, len(ordered), result)
            yield result
            if self.options.stop_at_first and result.verdict in (Verdict.FAILED, Verdict.ERROR):
                return

    def run_one(self, case: Case) -> Result:
        """Run one case; on a model, a case that needs a blank card on the blank card beside it."""
        if self.bench.blank is not None and "blank" in case.needs:
            if self._blank is None:
                profile = replace(self.applicability, blank=True)
                self._blank = Runner(self.bench.blank, self.requirements, profile, self.options)
            return self._blank.run_one(case)
        reason = self.left_out(case)
        if reason is not None:
            return reason
        start = time.perf_counter()
        verdict, text, difference = Verdict.PASSED, "", None
        self.bench.fresh()
        try:
            self._reach(case.state)
            self.bench.run(case.steps)
        except Unequal as found:
            verdict, difference = Verdict.FAILED, found.difference
        except Hidden as hidden:
            verdict, text = Verdict.NOT_OBSERVABLE, str(hidden)
        except CannotRun as problem:
            verdict, text = Verdict.ERROR, str(problem)
        finally:
            if self.bench.control is not None:
                self.bench.control.mend()
        seconds = time.perf_counter() - start
        transcript = tuple(self.bench.transcript)
        return Result(case, verdict, text, difference, transcript, seconds, weak=self._weak(case))

    def _weak(self, case: Case) -> bool:
        found = [self.requirements[name] for name in case.shows if name in self.requirements]
        return bool(found) and all(item.evidence in (Evidence.SINGLE, Evidence.DERIVED) for item in found)

    def left_out(self, case: Case) -> Result | None:
        """Why a case is left out on this target; nothing if it runs."""
        missing = self.applicability.missing(case.needs)
        if missing:
            return Result(case, Verdict.NOT_APPLICABLE, missing)
        undefined = undefined_words(case, self.bench.vocabulary)
        if undefined:
            return Result(case, Verdict.NOT_APPLICABLE, f"the dialect of card management has no {undefined[0]}")
        model = self.bench.control is not None
        if Mark.MODEL in case.marks and not model:
            return Result(case, Verdict.SKIPPED, "only a model can do this")
        if self.options.read_only and case.marks & {Mark.WRITES, Mark.DESTRUCTIVE}:
            return Result(case, Verdict.SKIPPED, "--read-only leaves out what changes the card")
        if Mark.DESTRUCTIVE in case.marks and not model and not self.options.destructive:
            return Result(case, Verdict.SKIPPED, "could spend the card; run it with --destructive")
        return None

    # --- states ------------------------------------------------------------------------------------------------

    def _reach(self, name: str) -> None:
        """Bring the card into a state: from a snapshot on a model, by its commands otherwise."""
        control = self.bench.control
        if control is None:
            self._walk(name)
            return
        kept = self._kept.get(name)
        if kept is None:
            self._walk(name)
            self._kept[name] = self._keep(control)
            return
        control.restore(kept.card)
        self.bench.context.captured = dict(kept.captured)
        self.bench.context.challenge = kept.challenge
        self.bench.context.historical = kept.historical
        self.bench.names.environment = kept.environment
        self.bench.transcript = list(kept.transcript)

    def _keep(self, control: ModelControl) -> "_Kept":
        bench, context = self.bench, self.bench.context
        return _Kept(
            control.snapshot(), dict(context.captured), context.challenge, context.historical,
            bench.names.environment, tuple(bench.transcript),
        )  # fmt: skip

    def _walk(self, name: str) -> None:
        if name == START:
            control = self.bench.control
            if control is not None and _BEFORE in self._kept:
                control.restore(self._kept[_BEFORE].card)
            elif control is not None:
                self._kept[_BEFORE] = self._keep(control)
            self.bench.reset(None)
            return
        state = state_of(self.bench.vocabulary, name)
        self._walk(state.base or START)
        try:
            self.bench.run(state.steps)
        except Unequal as found:
            answer = found.difference.received or "nothing"
            raise CannotRun(f"the state {name} is not reached: {found.difference.place}: {answer}") from found


def blank_bench(bench: Bench, *, seed: int | None = None, switches: int = 0) -> Bench:
    """A blank model card for the cases that need one: activated by its own commands, in the suite of the other."""
    from cardsim.assembly import new_card
    from cardsim.making.card import activate

    card = new_card(seed=1)
    ssse = bench.context.keys.ssse
    made = activate(card, seed, switches=switches)
    keys = KeyFile(card=made.card, ssse=None if ssse is None else SsseKeys(ssse.suite, ssse.area))
    context = Context(keys, draw=bench.context.draw, functions=bench.context.functions)
    control = cast(ModelControl, card)
    return Bench(card, bench.vocabulary, context, control, show_secrets=bench.show_secrets, strict=bench.strict)


def state_of(vocabulary: Vocabulary, name: str) -> State:
    """A state by its name.

    Raises:
        UnknownState: the vocabulary does not have it.
    """
    try:
        return vocabulary.states[name]
    except KeyError:
        raise UnknownState(f"{name} is no state; states are {', '.join(sorted(vocabulary.states))}") from None


def order(cases: Iterable[Case], *, model: bool) -> list[Case]:
    """The order of a run: as written on a model; on a physical card destructive cases last, states together."""
    listed = list(cases)
    if model:
        return listed
    first = {case.state: number for number, case in reversed(list(enumerate(listed)))}
    return sorted(listed, key=lambda case: (Mark.DESTRUCTIVE in case.marks, first[case.state]))


def select(cases: Iterable[Case], prefixes: Sequence[str]) -> tuple[list[Case], list[str]]:
    """The cases whose id, group or requirement begins with one of the prefixes, and the prefixes that match nothing."""
    listed = list(cases)
    if not prefixes:
        return listed, []
    chosen, used = [], set()
    for case in listed:
        hits = [p for p in prefixes if any(name.startswith(p) for name in (case.id, case.group, *case.shows))]
        if hits:
            chosen.append(case)
            used.update(hits)
    return chosen, [prefix for prefix in prefixes if prefix not in used]
