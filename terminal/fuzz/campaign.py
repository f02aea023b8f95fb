"""A campaign: workers in this process, in several, or on a Dask cluster; one folder that keeps what they find."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from terminal.errors import UsageError
from terminal.fuzz.caution import TriesLow
from terminal.fuzz.corpus import Entry, Folder, write_whole
from terminal.fuzz.crew import Crew, open_crew
from terminal.fuzz.findings import Finding
from terminal.fuzz.guide import pair_of
from terminal.fuzz.plan import Plan
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.worker import News, Order

_SLICE: Final = 2_000
"""APDUs of one step of a worker on a model: a tenth of a second, which is what an abort may lose."""
_SAVED: Final = 1.0
"""Seconds between two savings of the figures."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a campaign ends by itself.

    Args:
        apdus: after so many more APDUs.
        seconds: after so much more time.
        first: at the first finding.
    """

    apdus: int | None = None
    seconds: float | None = None
    first: bool = False


@dataclass(slots=True)
class Figures:
    """What a campaign has done, over all of its runs."""

    apdus: int = 0
    sequences: int = 0
    left_out: int = 0
    seconds: float = 0.0
    corpus: int = 0
    features: set[str] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)
    findings: dict[str, int] = field(default_factory=dict)
    """By name how often each came up."""

    @property
    def pairs(self) -> int:
        """Rows with a status word that were reached."""
        return len(set(map(pair_of, self.features)))

    def document(self) -> dict[str, object]:
        """As campaign.json and `--json` have them."""
        return {
            "apdus": self.apdus, "sequences": self.sequences, "left_out": self.left_out,
            "seconds": round(self.seconds, 1), "corpus": self.corpus, "features": len(self.features),
            "pairs": self.pairs, "lines": len(self.lines),
            "findings": {name: self.findings[name] for name in sorted(self.findings)},
        }  # fmt: skip


Progress = Callable[[Figures], None]
"""Told of the figures after each step of a worker."""


@dataclass(slots=True)
class Campaign:
    """One campaign, begun or resumed.

    Args:
        plan: what is done.
        folder: what it keeps.
        limits: when it ends.
        jobs: how many workers; 1 works in this process, and is the same each time.
        scheduler: address of a Dask scheduler, whose workers do the work.
    """

    plan: Plan
    folder: Folder
    limits: Limits = field(default_factory=Limits)
    jobs: int = 1
    scheduler: str | None = None
    figures: Figures = field(default_factory=Figures)
    found: list[Finding] = field(default_factory=list)
    """What this run has found that the folder did not have."""
    stopped: str = ""
    """Why it ended before its limits."""
    _numbers: dict[int, int] = field(default_factory=dict)
    """Number of the next sequence of each worker."""
    _names: dict[str, str] = field(default_factory=dict)
    """Names of findings by their causes."""
    _waiting: dict[int, list[Entry]] = field(default_factory=dict)
    """What each worker is still to be told."""
    _ordered: int = 0
    _done: int = 0
    _before: float = 0.0
    _begun: float = 0.0
    _saved: float = 0.0

    def run(self, progress: Progress | None = None) -> None:
        """Work until a limit; Ctrl-C ends it with everything kept.

        Raises:
            KeyboardInterrupt: after all was saved.
            UsageError: the plan or the folder cannot be used.
            LinkError: the card, the cluster or a worker is gone.
        """
        corpus = self._resume()
        self._begun = self._saved = time.monotonic()
        try:
            with open_crew(self.plan, self.jobs, self.scheduler, self._numbers, corpus) as crew:
                try:
                    self._work(crew, progress)
                except TriesLow as low:
                    self.stopped = str(low)
                finally:
                    for news in crew.rest():
                        self._take(news)
        finally:
            if self.figures.sequences:
                self._save()

    def _resume(self) -> list[Sequence]:
        """Take up what the folder has: figures and numbers of this seed, and the corpus."""
        self.folder.tidy()
        state = self.folder.state()
        corpus = [sequence for _, sequence in self.folder.sequences()]
        self.figures.corpus = len(corpus)
        if state:
            try:
                self._take_up(state)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise UsageError(f"{self.folder.path / 'campaign.json'}: it cannot be resumed: {error}") from error
        return corpus

    def _take_up(self, state: Mapping[str, Any]) -> None:
        figures, self._before = self.figures, float(state["seconds"])
        figures.apdus, figures.sequences = int(state["apdus"]), int(state["sequences"])
        figures.left_out, figures.seconds = int(state["left_out"]), self._before
        figures.findings = {str(name): int(count) for name, count in state["findings"].items()}
        self._names = {str(cause): str(name) for cause, name in state["causes"].items()}
        if int(state["seed"]) == self.plan.seed:
            self._numbers = {int(worker): int(number) for worker, number in state["workers"].items()}

    def _work(self, crew: Crew, progress: Progress | None) -> None:
        for worker in range(crew.size):
            self._waiting[worker] = []
            self._order(crew, worker)
        while crew.busy:
            news = crew.wait()
            self._take(news)
            if progress is not None:
                progress(self.figures)
            if time.monotonic() - self._saved >= _SAVED:
                self._save()
            if not self._is_over():
                self._order(crew, news.worker)

    def _order(self, crew: Crew, worker: int) -> None:
        limit = self.limits.apdus
        apdus = 1 if not self.plan.restorable else _SLICE if limit is None else min(_SLICE, limit - self._ordered)
        if apdus <= 0:
            return
        self._ordered += apdus
        entries, self._waiting[worker] = tuple(self._waiting[worker]), []
        crew.order(worker, Order(apdus, entries, frozenset(self._names), self.limits.first))

    def _is_over(self) -> bool:
        limits = self.limits
        return (
            (limits.first and bool(self.found))
            or (limits.seconds is not None and time.monotonic() - self._begun >= limits.seconds)
            or (limits.apdus is not None and self._done >= limits.apdus)
        )

    def _take(self, news: News) -> None:
        """Keep what a worker has found."""
        figures = self.figures
        self._numbers[news.worker] = news.number
        self._done += news.apdus
        figures.apdus += news.apdus
        figures.sequences += news.sequences
        figures.left_out += news.left_out
        figures.seconds = self._before + time.monotonic() - self._begun
        for entry in news.entries:
            self._enter(entry, news.worker)
        for finding in news.findings:
            self._find(finding)
        for cause, count in news.causes.items():
            name = self._names.get(cause)
            if name is not None:
                figures.findings[name] = figures.findings.get(name, 0) + count

    def _enter(self, entry: Entry, worker: int) -> None:
        figures = self.figures
        if not entry.known:
            if entry.lines <= figures.lines and figures.features.issuperset(entry.features):
                return
            self.folder.keep(entry)
            figures.corpus += 1
            for other, waiting in self._waiting.items():
                if other != worker:
                    waiting.append(entry)
        figures.lines |= entry.lines
        figures.features.update(entry.features)

    def _find(self, finding: Finding) -> None:
        if finding.cause in self._names:
            return
        self._names[finding.cause] = finding.name
        self.found.append(finding)
        keep_finding(self.folder, finding)
        self._save()

    def _save(self) -> None:
        self._saved = time.monotonic()
        self.folder.save(
            {
                "seed": self.plan.seed,
                "cards": list(self.plan.cards),
                **self.figures.document(),
                "workers": {str(worker): self._numbers[worker] for worker in sorted(self._numbers)},
                "causes": {cause: self._names[cause] for cause in sorted(self._names)},
            }
        )


def keep_finding(folder: Folder, finding: Finding) -> None:
    """Write the folder of a finding."""
    for name, text in finding.files().items():
        write_whole(folder.findings / finding.name / name, text)
