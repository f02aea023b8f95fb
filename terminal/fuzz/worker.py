"""One worker of a campaign: makes sequences, runs them, and hands over what was new.

A worker is the same in this process, in another one and on a Dask cluster. What it makes follows from the seed, its
number and what it was told of others: each sequence is drawn with `Random("SEED WORKER NUMBER")`.
"""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from terminal.closing import Closing
from terminal.fuzz.corpus import Entry
from terminal.fuzz.coverage import Coverage, coverage
from terminal.fuzz.executor import Run
from terminal.fuzz.findings import (
    About,
    Finding,
    Origin,
    case_text,
    cause_of,
    command_of,
    recording,
    scrub_of,
    tapped_run,
)
from terminal.fuzz.guide import Guide
from terminal.fuzz.plan import Lab, Plan, open_labs
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.shrink import Shrinker

_FRESH: Final = 0.25
"""Share of the sequences that the grammar makes anew; the others come from the corpus."""
_CROSSED: Final = 0.15
"""Share of the sequences that are crossed from two of the corpus."""
_TRIES: Final = 4
"""How often a partner from the same start is looked for."""


@dataclass(slots=True)
class News:
    """What a worker has to tell."""

    worker: int = 0
    number: int = 1
    """Number of its next sequence."""
    apdus: int = 0
    sequences: int = 0
    left_out: int = 0
    """Steps that could not be computed."""
    entries: list[Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    causes: Counter[str] = field(default_factory=Counter)
    """How often each cause came up."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do next: so many APDUs, and what others have found meanwhile."""

    apdus: int
    entries: tuple[Entry, ...] = ()
    causes: frozenset[str] = frozenset()
    first: bool = False
    """Whether the first finding ends it."""


class Worker(Closing):
    """A worker with its own copy of each card.

    Args:
        plan: what the campaign is.
        worker: its number, from 0.
        number: of its first sequence, from 1.
        corpus: sequences to begin with; they are run once, so that what they reach is known.
        labs: the starts, for who makes them himself; otherwise those of the plan.
    """

    def __init__(
        self,
        plan: Plan,
        worker: int = 0,
        number: int = 1,
        corpus: Iterable[Sequence] = (),
        labs: Mapping[str, Lab] | None = None,
    ) -> None:
        self.plan: Final = plan
        self.guide: Final = Guide()
        self._worker = worker
        self._number = number
        self._stack = contextlib.ExitStack()
        self._labs = self._stack.enter_context(open_labs(plan)) if labs is None else labs
        self._coverage: Coverage | None = coverage() if plan.coverage else None
        self._causes: set[str] = set()
        self.apdus = 0
        """What was sent, the corpus too; without what shrinking takes."""
        self._news = News(worker, number)
        for sequence in corpus:
            self.attempt(sequence)
        begun = self._news
        entries = [dataclasses.replace(entry, known=True) for entry in begun.entries]
        self._news = News(worker, number, entries=entries, findings=begun.findings, causes=begun.causes)

    def close(self) -> None:
        """Power the cards off."""
        self._stack.close()

    def step(self, order: Order) -> News:
        """Learn what others have found, and work.

        Raises:
            LinkError: reader or card are gone.
        """
        for entry in order.entries:
            self.guide.learn(entry)
        self._causes |= order.causes
        until = self.apdus + order.apdus
        with self._watch(all_of_it=True):
            while self.apdus < until and not (order.first and self._news.findings):
                self._one()
        return self.hand_over()

    def hand_over(self) -> News:
        """What is new since the last time."""
        news, self._news = self._news, News(self._worker)
        news.number = self._number
        return news

    def _one(self) -> None:
        sequence = self.make(Random(f"{self.plan.seed} {self._worker} {self._number}"))
        self.attempt(sequence)
        self._number += 1

    def make(self, random: Random) -> Sequence:
        """The next sequence: anew from the grammar, or from the corpus, changed or crossed."""
        way = random.random()
        if not len(self.guide) or way < _FRESH:
            return self._lab(random).source.sequence(random)
        first = self.guide.choose(random)
        source = self._labs[first.start].source
        if way < _FRESH + _CROSSED:
            for _ in range(_TRIES):
                second = self.guide.choose(random)
                if second.start == first.start and second is not first:
                    return source.crossed(first, second, random)
        return source.changed(first, random)

    def _lab(self, random: Random) -> Lab:
        labs = list(self._labs.values())
        return random.choices(labs, [lab.weight for lab in labs])[0]

    def attempt(self, sequence: Sequence) -> None:
        """Run a sequence, and note what is new in it; nothing if there is no such start."""
        if sequence.start not in self._labs:
            return
        lab, number = self._labs[sequence.start], self._number
        looked_at = self._coverage is not None and number % self._coverage.every == 0
        if lab.tap is not None:
            lab.tap.events.clear()
        with self._watch(all_of_it=False) if looked_at else contextlib.nullcontext():
            run = lab.executor.run(sequence)
        # A card that never answers to reset takes none, and is to end a campaign nevertheless.
        before, self.apdus = self.apdus, self.apdus + max(1, len(run.exchanges))
        news = self._news
        news.apdus += len(run.exchanges)
        news.sequences += 1
        news.left_out += run.left_out
        if run.complaint is not None:
            self._complained(sequence, run, Origin(self.plan.seed, self._worker, number, before))
            return
        lines = self._coverage.take() if self._coverage is not None else ()
        entry = self.guide.judge(sequence, run.exchanges, lines)
        if entry is not None:
            news.entries.append(entry)

    @contextlib.contextmanager
    def _watch(self, *, all_of_it: bool) -> Iterator[None]:
        """Look at the model's code: at all runs where that costs nothing, else at this one."""
        if self._coverage is not None and (self._coverage.every == 1) is all_of_it:
            with self._coverage.watch():
                yield
        else:
            yield

    # --- findings -------------------------------------------------------------------------------------------------

    def _complained(self, sequence: Sequence, run: Run, origin: Origin) -> None:
        assert run.complaint is not None
        cause = cause_of(run.complaint, command_of(run))
        self._news.causes[cause] += 1
        if cause not in self._causes:
            self._causes.add(cause)
            self._news.findings.append(self.finding(sequence, run, cause, origin))

    def finding(self, original: Sequence, run: Run, cause: str, origin: Origin) -> Finding:
        """What is to be told of a sequence that was complained of: shrunk, run once more, written down."""
        smallest, told = original, run.complaint
        assert told is not None
        if self.plan.restorable:
            starts = [name for name in self._labs if name != original.start]
            smallest = Shrinker(lambda tried: self._same(tried, cause), starts, self.plan.budget).shrink(original)
        lab = self._labs[smallest.start]
        if self.plan.restorable:
            run, events = tapped_run(lab.executor, smallest)
            if run.complaint is None:  # what this card does depends on the runs before: nothing smaller proves it
                smallest, lab = original, self._labs[original.start]
                run, events = tapped_run(lab.executor, original)
                run.complaint = run.complaint or dataclasses.replace(told, text=f"{told.text}; it did not come again")
        else:
            assert lab.tap is not None
            events = lab.tap.events
        assert run.complaint is not None
        command, subject = command_of(run), lab.executor.subject
        # An error that came out of a broken model may name anything that it keeps.
        run.complaint = dataclasses.replace(run.complaint, text=scrub_of(subject)(run.complaint.text))
        return Finding(
            cause, run.complaint, command, smallest, original, origin,
            recording(subject, smallest, events),
            case_text(cause, smallest, run, subject),
            lab.about.get(run.complaint.oracle, About()),
        )  # fmt: skip

    def _same(self, tried: Sequence, cause: str) -> bool:
        """Whether a sequence has a complaint of the same cause."""
        run = self._labs[tried.start].executor.run(tried)
        return run.complaint is not None and cause_of(run.complaint, command_of(run)) == cause
