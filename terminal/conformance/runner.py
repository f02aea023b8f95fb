"""Chooses cases, brings the card into the state that each needs, runs them, and gives verdicts.

On a model every case starts from a snapshot of its state, so cases are independent and run in any order. On a physical
card the state is reached by its commands after a reset; destructive cases run last and only when they are asked for.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from cardsim.control import ModelControl, ModelState
from cardsim.decode.session import Session
from cardsim.keyfile import KeyFile, SsseKeys
from terminal.conformance.applicability import Applicability
from terminal.conformance.case import START, Case, Mark, State, Vocabulary, slots_of
from terminal.conformance.context import Context
from terminal.conformance.dialect import undefined_words
from terminal.conformance.requirements import Evidence, Requirement
from terminal.conformance.results import Line, Result, Verdict
from terminal.conformance.session import Bench, CannotRun, Hidden, Unequal
from terminal.slots import Slot

Progress = Callable[[int, int, Result], None]
Slots = frozenset[Slot]
_EMPTY: Final = {
    Slot.CARD: "there is no card; name one with --card or --reader",
    Slot.PSAM: "there is no PSAM; name one with --psam or --psam-reader",
}


@dataclass(frozen=True, slots=True)
class _Kept:
    """A state as it was reached once: the cards, and what the bench knew then."""

    cards: Mapping[Slot, ModelState]
    captured: dict[str, bytes]
    challenge: bytes
    sam_challenge: bytes
    historical: bytes
    names: Session
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
    _kept: dict[tuple[str, Slots], "_Kept"] = field(default_factory=dict)
    _before: dict[Slot, ModelState] = field(default_factory=dict)
    _slots: dict[str, Slots] = field(default_factory=dict)
    _blank: "Runner | None" = None

    def run(self, cases: Sequence[Case], progress: Progress | None = None) -> Iterator[Result]:
        """Run cases one after another and hand out each result as it comes."""
        ordered = order(cases, model=self.bench.all_models)
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
        start, slots = time.perf_counter(), self.slots(case)
        verdict, text, difference = Verdict.PASSED, "", None
        self.bench.fresh()
        try:
            self._reach(case.state, slots)
            self.bench.run(case.steps)
        except Unequal as found:
            verdict, difference = Verdict.FAILED, found.difference
        except Hidden as hidden:
            verdict, text = Verdict.NOT_OBSERVABLE, str(hidden)
        except CannotRun as problem:
            verdict, text = Verdict.ERROR, str(problem)
        finally:
            for control in self._controls(slots).values():
                control.mend()
        seconds = time.perf_counter() - start
        transcript = tuple(self.bench.transcript)
        return Result(case, verdict, text, difference, transcript, seconds, weak=self._weak(case))

    def slots(self, case: Case) -> Slots:
        """The slots that a case uses; asked for each case twice or more, found out once."""
        found = self._slots.get(case.id)
        if found is None:
            found = self._slots[case.id] = slots_of(case, self.bench.vocabulary)
        return found

    def _controls(self, slots: Slots) -> dict[Slot, ModelControl]:
        """The models among the cards in these slots."""
        benches = {slot: self.bench.at(slot) for slot in slots}
        return {slot: bench.control for slot, bench in benches.items() if bench.control is not None}

    def _weak(self, case: Case) -> bool:
        found = [self.requirements[name] for name in case.shows if name in self.requirements]
        return bool(found) and all(item.evidence in (Evidence.SINGLE, Evidence.DERIVED) for item in found)

    def left_out(self, case: Case) -> Result | None:
        """Why a case is left out on this target; nothing if it runs."""
        slots = self.slots(case)
        for slot in Slot:
            if slot in slots and self.bench.empty(slot):
                return Result(case, Verdict.NOT_APPLICABLE, _EMPTY[slot])
        missing = self.applicability.missing(case.needs)
        if missing:
            return Result(case, Verdict.NOT_APPLICABLE, missing)
        undefined = undefined_words(case, self.bench.vocabulary)
        if undefined:
            return Result(case, Verdict.NOT_APPLICABLE, f"the dialect of card management has no {undefined[0]}")
        model = len(self._controls(slots)) == len(slots)
        if "line" in case.needs and not model:
            return Result(case, Verdict.NOT_OBSERVABLE, "no reader shows single characters")
        if Mark.MODEL in case.marks and not model:
            return Result(case, Verdict.SKIPPED, "only a model can do this")
        if self.options.read_only and case.marks & {Mark.WRITES, Mark.DESTRUCTIVE}:
            return Result(case, Verdict.SKIPPED, "--read-only leaves out what changes the card")
        if Mark.DESTRUCTIVE in case.marks and not model and not self.options.destructive:
            return Result(case, Verdict.SKIPPED, "could spend the card; run it with --destructive")
        return None

    # --- states ------------------------------------------------------------------------------------------------

    def _reach(self, name: str, slots: Slots) -> None:
        """Bring the cards in these slots into a state: from a snapshot on models, by its commands otherwise."""
        controls = self._controls(slots)
        if len(controls) < len(slots):
            self._walk(name, slots)
            return
        kept = self._kept.get((name, slots))
        if kept is None:
            self._walk(name, slots)
            self._kept[name, slots] = self._keep(controls)
            return
        for slot, control in controls.items():
            control.restore(kept.cards[slot])
        bench, context = self.bench, self.bench.context
        context.captured = dict(kept.captured)
        context.challenge, context.sam_challenge = kept.challenge, kept.sam_challenge
        context.historical = kept.historical
        bench.names = kept.names.copy()
        bench.transcript[:] = kept.transcript

    def _keep(self, controls: Mapping[Slot, ModelControl]) -> "_Kept":
        bench, context = self.bench, self.bench.context
        return _Kept(
            {slot: control.snapshot() for slot, control in controls.items()},
            dict(context.captured), context.challenge, context.sam_challenge, context.historical,
            bench.names.copy(), tuple(bench.transcript),
        )  # fmt: skip

    def _walk(self, name: str, slots: Slots) -> None:
        if name == START:
            self._start(slots)
            return
        state = state_of(self.bench.vocabulary, name)
        self._walk(state.base or START, slots)
        try:
            self.bench.run(state.steps)
        except Unequal as found:
            answer = found.difference.received or "nothing"
            raise CannotRun(f"the state {name} is not reached: {found.difference.place}: {answer}") from found

    def _start(self, slots: Slots) -> None:
        """Reset the cards in these slots; models are what they were before the run."""
        for slot, control in self._controls(slots).items():
            if slot in self._before:
                control.restore(self._before[slot])
            else:
                self._before[slot] = control.snapshot()
        for slot in sorted(slots, key=lambda slot: slot.value):
            self.bench.at(slot).reset(None)


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
