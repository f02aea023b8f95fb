"""JUnit XML for CI systems: one test suite for each group, failures with transcripts, reasons of what was skipped."""

import re
import xml.etree.ElementTree as ET
from typing import Final

from terminal.conformance.reports.document import Run
from terminal.conformance.reports.record import WEAK, Record
from terminal.conformance.reports.transcript import transcript

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def junit(run: Run) -> str:
    """The document."""
    groups: dict[str, list[Record]] = {}
    for record in run.records:
        groups.setdefault(record.group, []).append(record)
    root = ET.Element("testsuites", {"name": "cardterm conform", **_counts(list(run.records))})
    for name, records in groups.items():
        suite = ET.SubElement(root, "testsuite", {"name": clean(name), "timestamp": run.started, **_counts(records)})
        _properties(suite, run)
        for record in records:
            _case(suite, record, run)
    if run.interrupted:
        suite = ET.SubElement(root, "testsuite", name="run", tests="1", failures="0", errors="1", skipped="0")
        case = ET.SubElement(suite, "testcase", classname="run", name="the run came to its end")
        ET.SubElement(case, "error", message=clean(run.interrupted), type="interrupted")
        root.set("errors", str(int(root.get("errors", "0")) + 1))
        root.set("tests", str(int(root.get("tests", "0")) + 1))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(records: list[Record]) -> dict[str, str]:
    failed = sum(record.verdict == "failed" for record in records)
    errors = sum(record.verdict == "error" for record in records)
    passed = sum(record.verdict == "passed" for record in records)
    return {
        "tests": str(len(records)),
        "failures": str(failed),
        "errors": str(errors),
        "skipped": str(len(records) - failed - errors - passed),
        "time": f"{sum(record.seconds for record in records):.6f}",
    }


def _properties(suite: ET.Element, run: Run) -> None:
    identity = run.subject.identity
    values = {
        "target": run.subject.name,
        "atr": identity.atr if identity else "",
        "profile": run.subject.profile.name,
        "seed": str(run.options.get("seed", "")),
    }
    properties = ET.SubElement(suite, "properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", name=name, value=clean(value))


def _case(suite: ET.Element, record: Record, run: Run) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=clean(record.group), name=clean(record.id), time=f"{record.seconds:.6f}"
    )
    text = clean("\n".join([record.title, *transcript(record, run.requirements)]))
    if record.verdict == "failed":
        meaning = record.difference.meaning if record.difference else ""
        ET.SubElement(case, "failure", message=clean(f"{record.title} {meaning}"), type="failed").text = text
    elif record.verdict == "error":
        ET.SubElement(case, "error", message=clean(record.reason), type="error").text = text
    elif record.verdict != "passed":
        ET.SubElement(case, "skipped", message=clean(f"{record.verdict}: {record.reason}"))
        if record.verdict == WEAK:
            ET.SubElement(case, "system-out").text = text
