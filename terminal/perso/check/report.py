"""The report of a check: for a terminal, as JSON, as HTML page and as JUnit XML."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any, Final

from terminal.conformance.reports.junit import clean
from terminal.conformance.reports.page import page, pairs, table, verdict_mark
from terminal.conformance.reports.text import Paint, plain
from terminal.perso.check.rule import CheckReport, Finding, Verdict
from terminal.perso.kinds import Part

FORMAT: Final = "cardterm-check"
VERSION: Final = 1
_COLOURS: Final = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "red",
    Verdict.WARNING: "yellow",
    Verdict.NOT_CHECKED: "dim",
}
_MARKS: Final = {Verdict.PASSED: "passed", Verdict.FAILED: "failed", Verdict.WARNING: "weak"}
"""How the pages of the conformance report call them."""


def overall(reports: Sequence[CheckReport]) -> str:
    """passed or failed."""
    return "passed" if all(report.passed for report in reports) else "failed"


def text(report: CheckReport, paint: Paint = plain) -> Iterator[str]:
    """The report for people, line by line: what is wrong, what could not be checked, the four results."""
    yield f"{report.name}   {_card(report)}"
    for finding in report.findings:
        if finding.problems:
            yield paint(f"{finding.verdict.value.upper()} {finding.rule.id}", _COLOURS[finding.verdict]) + (
                f"  {finding.rule.text} ({finding.rule.clause})"
            )
            yield from (f"    {problem}" for problem in finding.problems)
    reasons: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.verdict is Verdict.NOT_CHECKED:
            reasons.setdefault(finding.reason, []).append(finding.rule.id)
    for reason, rules in reasons.items():
        yield paint(f"not checked: {reason}: {', '.join(rules)}", "dim")
    results = (f"{part.value} {paint(report.of(part).value, _COLOURS[report.of(part)])}" for part in Part)
    yield ", ".join(results)
    verdict = "PASSED" if report.passed else "FAILED"
    yield paint(verdict, "green" if report.passed else "red") + f"   {_counts(report)}"


def _card(report: CheckReport) -> str:
    order = f"order {report.order}, " if report.order else ""
    numbers = ", ".join(part for part in (report.identification, report.pan) if part)
    return f"{order}{numbers or 'no number could be read'}"


def _counts(report: CheckReport) -> str:
    found = [finding.verdict for finding in report.findings]
    return ", ".join(f"{found.count(verdict)} {verdict.value}" for verdict in Verdict if verdict in found)


def document(reports: Sequence[CheckReport]) -> dict[str, Any]:
    """The JSON document; its schema stands in docs/json."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": overall(reports),
        "cards": [_as_json(report) for report in reports],
    }


def _as_json(report: CheckReport) -> dict[str, Any]:
    return {
        "card": report.name,
        "verdict": overall([report]),
        "order": report.order,
        "identification": report.identification,
        "pan": report.pan,
        "results": {part.value: report.of(part).value for part in Part},
        "rules": [
            {
                "id": finding.rule.id,
                "part": finding.rule.part.value,
                "severity": finding.rule.severity.value,
                "clause": finding.rule.clause,
                "text": finding.rule.text,
                "verdict": finding.verdict.value,
                "problems": list(finding.problems),
                "reason": finding.reason,
            }
            for finding in report.findings
        ],
    }


def html(reports: Sequence[CheckReport]) -> str:
    """One page for all cards."""
    return page(f"Personalisation check: {overall(reports)}", _body(reports))


def _body(reports: Sequence[CheckReport]) -> Iterator[str]:
    yield f"<h1>Personalisation check: {verdict_mark(overall(reports))}</h1>"
    for report in reports:
        yield f"<h2>{escape(report.name)} {verdict_mark(overall([report]))}</h2>"
        results = {part.value: report.of(part).value for part in Part}
        about = {"order": report.order, "identification code": report.identification, "card number": report.pan}
        yield pairs(about | results)
        rows = [_row(finding) for finding in report.findings]
        yield table(("rule", "verdict", "what it says", "asked for by", "found"), rows)


def _row(finding: Finding) -> tuple[str, str, str, str, str]:
    rule = finding.rule
    found = "<br>".join(escape(problem) for problem in finding.problems) or escape(finding.reason)
    shown = verdict_mark(_MARKS.get(finding.verdict, finding.verdict.value))
    if finding.verdict is Verdict.WARNING:
        shown = shown.replace(">weak<", ">warning<")
    return escape(rule.id), shown, escape(rule.text), escape(rule.clause), found


def junit(reports: Sequence[CheckReport]) -> str:
    """JUnit XML: a test suite for each card, a test case for each rule."""
    root = ET.Element("testsuites", {"name": "cardterm perso check"})
    for report in reports:
        verdicts = [finding.verdict for finding in report.findings]
        counts = {"tests": len(verdicts), "failures": verdicts.count(Verdict.FAILED), "errors": 0}
        counts["skipped"] = verdicts.count(Verdict.NOT_CHECKED)
        numbers = {name: str(count) for name, count in counts.items()}
        suite = ET.SubElement(root, "testsuite", {"name": clean(report.name), **numbers})
        for finding in report.findings:
            _case(suite, finding)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, finding: Finding) -> None:
    case = ET.SubElement(suite, "testcase", classname=finding.rule.part.value, name=finding.rule.id)
    problems = clean("\n".join(finding.problems))
    match finding.verdict:
        case Verdict.FAILED:
            failure = ET.SubElement(case, "failure", message=clean(finding.rule.text), type="failed")
            failure.text = problems
        case Verdict.WARNING:
            ET.SubElement(case, "system-out").text = f"warning: {problems}"
        case Verdict.NOT_CHECKED:
            ET.SubElement(case, "skipped", message=clean(finding.reason))
        case Verdict.PASSED:
            pass


RENDERERS: Final[dict[str, Callable[[Sequence[CheckReport]], str]]] = {"html": html, "junit": junit}
"""Reports that are written to files, by the option that names the file."""
