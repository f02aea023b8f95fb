"""JUnit, JSON against its schema, roll-up and coverage, comparison; and that no report holds a secret."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cardsim.keyfile import load_keyfile
from terminal.conformance.campaign import Campaign, figures
from terminal.conformance.reports.compare import Earlier, compare, read_report
from terminal.conformance.reports.coverage import coverage, family
from terminal.conformance.reports.document import Run
from terminal.conformance.reports.html import html
from terminal.conformance.reports.junit import clean, junit
from terminal.conformance.reports.record import Record
from terminal.conformance.reports.secrets import scrubber
from terminal.conformance.reports.text import report
from terminal.conformance.reports.transcript import transcript
from terminal.conformance.results import Line
from terminal.conformance.setup import Wish
from terminal.errors import UsageError
from terminal.links.target import Target
from tests.conformance.bench import conform
from tests.docs.console import ROOT
from tests.docs.validator import problems

pytestmark = pytest.mark.usefixtures("small")
SCHEMA = json.loads((ROOT / "docs" / "json" / "cardterm-conform.schema.json").read_text(encoding="utf8"))


@pytest.fixture
def run(image: Path, small: None) -> Run:
    """All cases on a fresh image."""
    return Campaign(Wish(Target(str(image)))).run()


def record(name: str, verdict: str, seconds: float = 0.01) -> Record:
    """A record with nothing but these."""
    return Record(name, "", "G", "f:1", "powered", (), (), (), verdict, "", seconds, (), None)


@pytest.mark.parametrize("words", [[], ["--list"], ["--dry-run"], ["GOOD"], ["ELSE-1"], ["--strict", "--read-only"]])
def test_json_follows_its_schema(image: Path, words: list[str]) -> None:
    document = json.loads(conform("--card", image, "--json", *words).out)
    assert problems(document, SCHEMA) == []


def test_json_of_other_ends_follows_its_schema(image: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(conform("--card", image, "--json").out, encoding="utf8")
    words: list[list[str | Path]] = [
        ["--card", image, "--compare", old],
        ["--card", "python:tests.conformance.bench:half"],
        ["--card", "python:tests.conformance.bench:healthy"],
    ]
    for line in words:
        assert problems(json.loads(conform(*line, "--json").out), SCHEMA) == []


def test_junit(run: Run) -> None:
    root = ET.fromstring(junit(run))
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"GOOD", "BAD", "ELSEWHERE"}
    bad = suites["BAD"]
    assert (bad.get("tests"), bad.get("failures"), bad.get("errors"), bad.get("skipped")) == ("3", "2", "1", "0")
    cases = {case.get("name"): case for case in root.iter("testcase")}
    failure = cases["BAD-1"].find("failure")
    assert failure is not None
    assert "received  03 04 33 2E 30 30 90 00" in str(failure.text)
    skipped = cases["ELSE-1"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "not applicable: the profile has no des"
    assert list(cases["GOOD-1"]) == []
    assert root.get("tests") == "11"


def test_characters_that_xml_has_not() -> None:
    assert clean("a\x00\x1b\ufffe\ud800b\n") == "a\ufffd\ufffd\ufffd\ufffdb\n"


def test_requirements_get_the_strongest_verdict(run: Run) -> None:
    """SCHEME-198: the report lists each requirement with its result and its cases."""
    rows = {row.id: row for row in run.rows}
    assert rows["REQ-1"].verdict == "failed", "shown by a case that passes and by one that fails"
    assert rows["REQ-1"].cases == ("GOOD-1", "BAD-1")
    assert rows["REQ-2"].verdict == "passed"
    assert rows["ELSE-1"].verdict == "not applicable"


def test_a_case_that_was_not_selected_is_not_run(image: Path) -> None:
    found = Campaign(Wish(Target(str(image)), prefixes=("GOOD",))).run()
    assert {row.id: row.verdict for row in found.rows}["REQ-5"] == "not run"


def test_coverage(image: Path) -> None:
    found: dict[str, Any] = json.loads(conform("--card", image, "--json").out)["coverage"]
    rows = {(row["environment"], row["name"]): row for row in found["commands"]}
    [read] = [row for (_, name), row in rows.items() if name == "READ RECORD" and row["sent"]]
    assert {"9000", "6Cxx", "6A83"} <= set(read["reached"])
    assert "6981" in read["missing"]
    assert "ssse-read" in found["states"]["reached"]
    assert "adf" in found["states"]["missing"]
    assert found["times"]["READ RECORD"]["count"] >= 4
    assert [family(word) for word in (0x6110, 0x63C2, 0x6C05, 0x6300)] == ["61xx", "63Cx", "6Cxx", "6300"]


def test_words_before_any_row_are_declared() -> None:
    """D10, D34: a locked PSAM answers 6A81 before any row; words that only a handler could give stay undeclared."""
    refused = Line("f:1", "CIPHER DATA", "80FA040008" + "00" * 8, "6A81", 0.0, "psam")
    seen = replace(record("A", "passed"), transcript=(refused, replace(refused, answer="6282")))
    rows = {(row["environment"], row["name"]): row for row in coverage([seen], (), {})["commands"]}
    cipher = rows["psam", "CIPHER DATA"]
    assert (cipher["reached"], cipher["undeclared"]) == (["6282", "6A81"], ["6282"])
    assert "6581" not in cipher["missing"]


def test_slower_needs_more_than_noise() -> None:
    earlier = Earlier("old", {"A": "passed", "B": "passed", "C": "passed", "D": "skipped"}, dict.fromkeys("ABCD", 0.1))
    now = [record("A", "passed", 0.14), record("B", "passed", 0.2), record("C", "skipped"), record("D", "passed", 9)]
    found = compare(earlier, now, "ABCD")
    assert (found.slower, found.silent, found.broken, found.fixed) == (("B",), ("C",), (), ())


@pytest.mark.parametrize("text", ["[]", '{"format": "cardterm-conform", "version": 2}', "{}", "nonsense",
                                  '{"format": "cardterm-conform", "version": 1, "cases": [{"id": 1}]}'])  # fmt: skip
def test_a_report_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf8")
    with pytest.raises(UsageError, match=str(path)):
        read_report(path)


def test_no_secret_in_any_report(image: Path, tmp_path: Path) -> None:
    """Neither PIN nor key, not even where a case checks against one."""
    keys = load_keyfile(Path(f"{image}.keys.toml"))
    assert keys.ssse is not None
    root = keys.ssse.roots["RKSSSE"].hex()
    own = tmp_path / "leak.case"
    own.write_text(
        f"group LEAK\ncase LEAK-1\n    A key in a check.\n    shows LEAK\n    check {{{root}}} == {{wrong {root}}}\n"
        f"case LEAK-2\n    A key in a command.\n    > 00 82 00 0A 10 {root}\n    < 9000\n",
        encoding="utf8",
    )
    page, xml = tmp_path / "r.html", tmp_path / "r.xml"
    files = ("--junit", xml, "--html", page)
    texts = [
        conform("--card", image, "--cases", own, *files, "--json").out,
        conform("--card", image, "--cases", own).out,
    ]
    texts += [page.read_text(encoding="utf8"), xml.read_text(encoding="utf8")]
    for text in texts:
        assert "LEAK-2" in text
        assert root.upper() not in text.upper()
        assert keys.ssse.card_key("RKSSSE", keys.ssse.suite, keys.ssse.area, bytes(13)) is not None
        assert not re.search(r"0020000003(?!\*|000000)", text), "a PIN"
    assert root.upper() in conform("--card", image, "--cases", own, "--show-secrets").out


def test_derived_keys_are_taken_out_too(image: Path) -> None:
    keys = load_keyfile(Path(f"{image}.keys.toml"))
    assert keys.ssse is not None
    historical = bytes.fromhex("00814A444686605199000001AC")
    derived = keys.ssse.card_key("IRK", keys.ssse.suite, keys.ssse.area, historical)
    assert derived is not None
    scrub = scrubber(keys, historical, keys.ssse.area)
    assert scrub(f"x{derived.hex()}y") == "x" + "**" * len(derived) + "y"
    assert scrubber(keys, historical, show_secrets=True)(derived.hex()) == derived.hex()


def test_the_html_needs_nothing_from_outside(run: Run) -> None:
    page = html(run)
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)
    assert "http:" not in page
    assert "https:" not in page
    assert page.count('<details class="case"') == len(run.records)
    assert "<svg" in page


def test_texts_of_cases_are_escaped(image: Path, tmp_path: Path) -> None:
    own = tmp_path / "x.case"
    own.write_text("group <b>\ncase X&1\n    A <script>title.\n    > 00\n    < 6700\n", encoding="utf8")
    page = tmp_path / "r.html"
    assert conform("--card", image, "--cases", own, "X&1", "--html", page).status == 0
    text = page.read_text(encoding="utf8")
    assert "<script>title" not in text
    assert "A &lt;script&gt;title." in text


def test_long_answers_lose_their_middle(run: Run) -> None:
    long = Line("f:1", "READ RECORD", "00" * 100, "AB" * 200, 0.0)
    lines = transcript(Record("A", "", "G", "f:1", "s", (), (), (), "passed", "", 0, (long,), None), {})
    assert all(len(line) < 200 for line in lines)
    assert any("…" in line for line in lines)
    assert any("cases/s" in line for line in report(run))


def test_figures(image: Path) -> None:
    found = figures(image)
    assert found["cases"] == 11
    assert found["cases_per_second"] > 50
