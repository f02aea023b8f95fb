"""The JSON report: the one document that every other report is drawn from; its schema stands in docs/json."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from terminal.conformance.applicability import Applicability
from terminal.conformance.case import Case
from terminal.conformance.probe import Identity
from terminal.conformance.reports.compare import FORMAT, VERSION, Comparison, comparison_json
from terminal.conformance.reports.coverage import coverage
from terminal.conformance.reports.record import ORDER, RAN, Record, as_json
from terminal.conformance.reports.rollup import Row, roll_up
from terminal.conformance.requirements import Requirement


@dataclass(frozen=True, slots=True)
class PsamSubject:
    """The PSAM that was tested, or that the card was tested with."""

    kind: str
    """image, python or reader."""
    name: str
    atr: str
    environments: tuple[str, ...]
    hides_status: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """What was tested."""

    kind: str
    """image, python or reader; none where a PSAM alone was tested."""
    name: str
    identity: Identity | None
    profile: Applicability
    hides_status: bool
    psam: PsamSubject | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run with all that reports need. `whole` is false where a selection left cases out."""

    subject: Subject
    records: Sequence[Record]
    cases: Sequence[Case]
    states: Sequence[str]
    requirements: Mapping[str, Requirement]
    options: Mapping[str, object]
    started: str
    seconds: float
    interrupted: str = ""
    hints: Sequence[str] = ()
    whole: bool = True
    comparison: Comparison | None = None
    verdict: str = field(default="")

    @property
    def speed(self) -> float:
        """Cases per second, of those that ran."""
        ran = sum(record.verdict in RAN for record in self.records)
        return round(ran / self.seconds, 1) if self.seconds > 0 else 0.0

    @property
    def rows(self) -> list[Row]:
        """Requirements with their verdicts."""
        return roll_up(self.requirements, self.cases, self.records)


def verdict_of(run: Run) -> str:
    """passed, failed, interrupted, or nothing run."""
    if run.interrupted:
        return "interrupted"
    if any(record.bad for record in run.records):
        return "failed"
    return "passed" if any(record.verdict in RAN for record in run.records) else "nothing run"


def summary(records: Sequence[Record]) -> dict[str, int]:
    """How many cases ended in which way."""
    counts = {word: sum(record.verdict == word for record in records) for word in ORDER[:7]}
    return {"cases": len(records), **counts}


def version() -> str:
    """Version of this program."""
    try:
        return metadata.version("cardsim")
    except metadata.PackageNotFoundError:
        return "not installed"


def document(run: Run) -> dict[str, Any]:
    """The whole report."""
    rows = run.rows
    listed = {record.id for record in run.records}
    touched = [row for row in rows if run.whole or listed & set(row.cases)]
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": run.verdict or verdict_of(run),
        "reason": run.interrupted,
        "hints": list(run.hints),
        "target": target(run.subject),
        "profile": profile(run.subject.profile),
        "run": {
            "program": f"cardterm {version()}",
            "python": platform.python_version(),
            "platform": platform.platform(),
            "started": run.started,
            "seconds": round(run.seconds, 3),
            "cases_per_second": run.speed,
            "options": dict(run.options),
        },
        "summary": summary(run.records),
        "cases": [as_json(record) for record in run.records],
        "requirements": [asdict(row) for row in touched],
        "coverage": coverage(run.records, run.states, {row.id: row.cases for row in rows}),
        "comparison": comparison_json(run.comparison) if run.comparison else None,
    }


def target(subject: Subject) -> dict[str, Any]:
    """Who was tested; no number of card or holder."""
    identity = subject.identity
    return {
        "kind": subject.kind,
        "name": subject.name,
        "atr": identity.atr if identity else "",
        "specification_version": identity.version if identity else "",
        "suite": identity.suite if identity else "",
        "state": identity.state if identity else "",
        "environments": dict(identity.environments) if identity else {},
        "hides_status": subject.hides_status,
        "psam": None if subject.psam is None else asdict(subject.psam),
    }


def profile(found: Applicability) -> dict[str, Any]:
    """The profile as data."""
    return {**asdict(found), "options": sorted(found.options), "psam": sorted(found.psam)}


def listing(cases: Sequence[Case], *, verdict: str, why: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What --list and --dry-run tell: cases, and why those that would be left out are."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": verdict,
        "cases": [
            {
                "id": case.id,
                "title": case.title,
                "group": case.group,
                "place": str(case.place),
                "state": case.state,
                "shows": list(case.shows),
                "needs": list(case.needs),
                "marks": sorted(mark.value for mark in case.marks),
                **({} if why is None else {"left_out": why.get(case.id, "")}),
            }
            for case in cases
        ],
    }
