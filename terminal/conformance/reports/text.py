"""The report for a terminal: failures as transcripts, one line for each group, and the verdict."""

from collections.abc import Callable, Iterator

from terminal.conformance.reports.compare import Comparison
from terminal.conformance.reports.document import Run, summary, verdict_of
from terminal.conformance.reports.record import NO_CASE, ORDER, WEAK, Record
from terminal.conformance.reports.transcript import heading, transcript

Paint = Callable[[str, str], str]

_COLOURS = {"passed": "green", "failed": "red", "error": "red", WEAK: "yellow"}


def plain(text: str, _colour: str) -> str:
    """No colour."""
    return text


def report(run: Run, paint: Paint = plain) -> Iterator[str]:
    """The whole report, line by line."""
    yield from _subject(run)
    for record in run.records:
        if record.bad or record.verdict == WEAK:
            yield ""
            yield paint(heading(record), _COLOURS[record.verdict])
            for line in transcript(record, run.requirements):
                yield f"    {line}"
    yield ""
    yield from _groups(run, paint)
    yield from _quiet(run)
    if run.comparison is not None:
        yield from compared(run.comparison, paint)
    for hint in run.hints:
        yield paint(f"note: {hint}", "yellow")
    yield from _end(run, paint)


def _subject(run: Run) -> Iterator[str]:
    subject, identity = run.subject, run.subject.identity
    if identity is not None:
        present = ", ".join(f"{name} {how}" for name, how in identity.environments.items())
        yield f"{subject.name}   ATR {identity.atr}"
        yield f"version {identity.version or 'unknown'}, {identity.suite or 'no suite'}; {present}"
    if (psam := subject.psam) is not None:
        yield f"{psam.name}   PSAM, ATR {psam.atr}; {', '.join(psam.environments) or 'no environment'}"
    if subject.hides_status or (psam is not None and psam.hides_status):
        yield "the reader follows 61xx and 6Cxx by itself: what looks at them is not observable"


def _counts(records: list[Record]) -> str:
    found = summary(records)
    return ", ".join(f"{found[word]} {word}" for word in ORDER if found.get(word)) or "none"


def _groups(run: Run, paint: Paint) -> Iterator[str]:
    groups: dict[str, list[Record]] = {}
    for record in run.records:
        groups.setdefault(record.group, []).append(record)
    width = max(map(len, groups), default=0)
    for name, records in groups.items():
        colour = "red" if any(record.bad for record in records) else "green"
        yield f"{paint(f'{name:<{width}}', colour)}  {_counts(records)}"


def _quiet(run: Run) -> Iterator[str]:
    """Why cases were left out, each reason once."""
    reasons: dict[str, int] = {}
    for record in run.records:
        if record.verdict in ("skipped", "not applicable", "not observable"):
            text = f"{record.verdict}: {record.reason}"
            reasons[text] = reasons.get(text, 0) + 1
    for text, count in sorted(reasons.items(), key=lambda item: -item[1]):
        yield f"  {count} {text}"


def compared(found: Comparison, paint: Paint = plain) -> Iterator[str]:
    """The comparison with an earlier run."""
    parts = (
        ("broken", found.broken, "red"), ("fixed", found.fixed, "green"), ("slower", found.slower, "yellow"),
        ("new", found.new, "dim"), ("gone", found.gone, "dim"), ("left out now", found.silent, "dim"),
    )  # fmt: skip
    yield f"against {found.against}:"
    for name, ids, colour in parts:
        if ids:
            shown = " ".join(ids[:12]) + (f" and {len(ids) - 12} more" if len(ids) > 12 else "")
            yield f"  {paint(name, colour)} {len(ids)}: {shown}"
    if not any(ids for _, ids, _ in parts):
        yield "  nothing changed"


def _end(run: Run, paint: Paint) -> Iterator[str]:
    rows = run.rows
    with_case = sum(row.verdict != NO_CASE for row in rows)
    passed = sum(row.verdict == "passed" for row in rows)
    yield f"requirements: {passed} of {len(rows)} shown to hold in this run, {with_case} have a case"
    verdict = run.verdict or verdict_of(run)
    colour = {"passed": "green", "failed": "red"}.get(verdict, "yellow")
    speed = f"{run.seconds:.2f} s, {run.speed:.0f} cases/s"
    text = f"{paint(verdict.upper(), colour)}   {_counts(list(run.records))}   ({speed})"
    yield f"{text} — {run.interrupted}" if run.interrupted else text
