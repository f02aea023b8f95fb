"""A run beside an earlier one: what was fixed, what broke, what got slower, what is new and what is gone."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from terminal.conformance.reports.record import BAD, RAN, Record
from terminal.errors import UsageError

FORMAT: Final = "cardterm-conform"
VERSION: Final = 1
_FACTOR: Final = 1.5
_AT_LEAST: Final = 0.05
"""Seconds: what is shorter is noise of the machine."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ids of cases. `broken` alone is worse in the sense of --baseline."""

    against: str
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    slower: tuple[str, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    silent: tuple[str, ...]
    """Ran before, and was left out now."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is needed of an earlier report."""

    name: str
    verdicts: dict[str, str]
    seconds: dict[str, float]


def read_report(path: Path) -> Earlier:
    """Read an earlier JSON report.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: the earlier report cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not a JSON report of cardterm conform: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError(f"{path}: not a report of cardterm conform; make one with: cardterm conform --json > FILE")
    if document.get("version") != VERSION:
        raise UsageError(f"{path}: a report of version {document.get('version')}, this program reads {VERSION}")
    try:
        cases = document["cases"]
        verdicts = {str(case["id"]): str(case["verdict"]) for case in cases}
        seconds = {str(case["id"]): float(case["seconds"]) for case in cases}
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: the report has no cases with id, verdict and seconds") from error
    return Earlier(str(path), verdicts, seconds)


def compare(earlier: Earlier, records: Iterable[Record], known: Iterable[str]) -> Comparison:
    """Compare a run with an earlier one. A case that was not selected now is neither gone nor worse."""
    now = {record.id: record for record in records}
    listed = set(known)
    before = earlier.verdicts
    fixed, broken, slower, new, silent = [], [], [], [], []
    for name, record in now.items():
        old = before.get(name)
        if old not in BAD and record.bad:
            broken.append(name)
        elif old in BAD and record.verdict == "passed":
            fixed.append(name)
        if old is None:
            new.append(name)
        elif old in RAN and record.verdict not in RAN:
            silent.append(name)
        elif record.verdict in RAN and old in RAN and _slower(earlier.seconds[name], record.seconds):
            slower.append(name)
    gone = [name for name in before if name not in listed and name not in now]
    return Comparison(earlier.name, tuple(fixed), tuple(broken), tuple(slower), tuple(new), tuple(gone), tuple(silent))


def _slower(before: float, now: float) -> bool:
    return now > before * _FACTOR and now - before > _AT_LEAST


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The comparison as it stands in the JSON report."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(found).items()}
