"""Cases on the line: they can fail, nobody but a model runs them, and the page of their requirements is true."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from terminal.conformance.case import LineDo, LineExpect, LineSend, LineStep, all_steps
from terminal.conformance.library import standard_library
from terminal.conformance.line import _MEASURES, _SETTINGS, ACTIONS
from terminal.conformance.pattern import PatternError, parse_characters
from terminal.conformance.requirements import load_requirements
from terminal.conformance.results import Result, Verdict
from terminal.conformance.runner import Runner
from terminal.conformance.script import parse_script
from tests.conformance.test_cases_card import DIRECT, GROUPS, TARGETS, bench_of, library, named, run
from tests.conformance.test_cases_ssse import FILES

ROOT = Path(__file__).resolve().parents[2]
COVERAGE = ROOT / "docs" / "coverage-atr-t0.md"
PAGE = ROOT / "docs" / "line.md"
ROW = re.compile(r"^\| ((?:ATR|T0|SSC2)[-.\w]*-\d+) \| (.+) \|$")
ELSEWHERE = "tests/terminal/test_t0_link.py"


def line(steps: str, needs: str = "ssse line", state: str = "ssse") -> Result:
    """A case with these steps on the default card."""
    text = f"group X\ncase X-1\n    Title.\n    needs {needs}\n    state {state}\n"
    text += "".join(f"    {step.strip()}\n" for step in steps.splitlines() if step.strip())
    return run(parse_script("x.case", text).cases[0])


def test_needs() -> None:
    """A case has steps on the line if and only if it says that it needs one."""
    for case in library().cases:
        found = any(isinstance(step, LineStep) for step in all_steps(case, library().vocabulary))
        assert found is ("line" in case.needs), case.id


def test_not_observable() -> None:
    """Without a model the cases of the line are not observable, which fails nothing; directly they do not apply."""
    profile, switches, claim = TARGETS[0]
    bench = bench_of(profile, switches)
    bench.control = None
    result = Runner(bench, {}, claim).run_one(named("T0-012-1"))
    assert (result.verdict, result.reason) == (Verdict.NOT_OBSERVABLE, "no reader shows single characters")
    result = Runner(bench_of(profile, DIRECT), {}, replace(claim, protocol="direct")).run_one(named("T0-012-1"))
    assert (result.verdict, result.reason) == (Verdict.NOT_APPLICABLE, "the profile has no line")


@pytest.mark.parametrize(
    ("steps", "expected", "received"),
    [
        ("line> 0084000008\nline< 84 9000", "84 9000", "84"),
        ("line> 0084000008\nline< none", "none", "84"),
        ("line> 00840000\nline< 84", "84", ""),
        ("line> 0084000005\nline< 67 00 00", "67 00 00", "6700"),
        ("line-reset cold\nline-within gap 13 9600", "gap from 13 to 9600", ""),
        ("line-within gap 12 9600", "gap from 12 to 9600", ""),
        ("line-refuses ta1 95", "ta1 95 refused", ""),
        ("line-set busy 30000\nline> 0084000008\nline< 84 ???????????????? 9000", "84 ???????????????? 9000", "60"),
    ],
)
def test_cases_can_fail(steps: str, expected: str, received: str) -> None:
    """What comes differently is told, with the characters that came."""
    result = line(steps)
    assert result.verdict is Verdict.FAILED
    assert result.difference is not None
    assert result.difference.expected == expected
    assert result.difference.received.startswith(received)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("line-set colour red", "settings are busy, bytewise"),
        ("line-set ta1 75", "reserved"),
        ("line-set clock many", "refused"),
        ("line-refuses colour red", "settings are"),
        ("line-within colour 1 2", "measures are bits, breaches"),
        ("line-within gap 1 x", "x"),
        ("line-reset hot", "cold or warm"),
        ("line-clock slow 3", "stopped or started"),
        ("line-reset", "does not take 0 words"),
        ("line> {nobody}", "nobody"),
        ("line< {nobody}", "nobody"),
    ],
)
def test_wrong_steps(steps: str, problem: str) -> None:
    """A step that cannot be done is an error that says why."""
    result = line(steps + "\nline< none" if steps.startswith("line>") else steps)
    assert result.verdict is Verdict.ERROR
    assert problem in result.reason


def test_captures() -> None:
    """Characters can be kept, and are compared later."""
    assert line("line> 0084000008\nline< 84 {r:8} 90 00\ncheck {length r} == 08").verdict is Verdict.PASSED
    assert line("line> 0084000008\nline< 84 {r:*}\ncheck {length r} == 0A").verdict is Verdict.PASSED
    with pytest.raises(PatternError, match="none"):
        parse_characters("")


def test_a_line_ends_with_its_case() -> None:
    """What one case set is no matter of the next, and the card is the model's own again."""
    profile, switches, claim = TARGETS[0]
    runner = Runner(bench_of(profile, switches), {}, claim)
    order = ["T0-012-1", "T0-014-1", "ATR-027-1", "ATR-026-2", "T0-009-2", "T0-018-2", "T0-025-1"]
    for name in order:
        assert runner.run_one(named(name)).verdict is Verdict.PASSED, name


def test_transcript() -> None:
    """Characters stand in the transcript, those of both directions."""
    result = run(named("T0-018-2"))
    assert [(entry.name, entry.command) for entry in result.transcript[-2:]] == [
        ("line, sent", "0084000008"), ("line, came", ""),
    ]  # fmt: skip
    assert result.transcript[-1].answer.startswith("84")


def test_the_page() -> None:
    """docs/line.md describes each verb, setting and measure, and no other."""
    text = PAGE.read_text(encoding="utf8")
    rows = set(re.findall(r"^\| `([a-z][\w-]*)", text, re.MULTILINE))
    assert rows == {*_SETTINGS, *_MEASURES, *ACTIONS, "line"}


def test_coverage() -> None:
    """docs/coverage-atr-t0.md has each requirement once, with its cases; or, where it is the terminal's, its test."""
    shown: dict[str, list[str]] = {}
    for case in standard_library().cases:
        for name in case.shows if case.group in (*GROUPS, *FILES) else ():
            shown.setdefault(name, []).append(case.id)
    rows = [found.groups() for text in COVERAGE.read_text(encoding="utf8").splitlines() if (found := ROW.match(text))]
    requirements = load_requirements()
    owned = [name for name in requirements if name.startswith(("ATR-", "T0-", "SSC2-"))]
    assert sorted(name for name, _ in rows) == sorted(owned)
    tests = (ROOT / ELSEWHERE).read_text(encoding="utf8")
    for name, content in rows:
        if not content.startswith("– "):
            assert sorted(content.split(", ")) == sorted(shown[name]), name
            continue
        assert name not in shown
        assert requirements[name].subject in ("terminal", "api")
        if ELSEWHERE in content:
            assert _cited(name, tests), name


def _cited(name: str, text: str) -> bool:
    """Whether a text names a requirement, alone or in a row of them."""
    prefix, _, number = name.rpartition("-")
    spans = re.findall(rf"{prefix}-(\d+) to {prefix}-(\d+)", text)
    return name in text or any(int(first) <= int(number) <= int(last) for first, last in spans)


def test_kinds_of_steps() -> None:
    """The reader of case files makes the three steps."""
    text = "group X\ncase X\n    Title.\n    line> 00 {x}\n    line< 00\n    line-reset cold\n"
    steps = parse_script("x.case", text).cases[0].steps
    assert [type(step) for step in steps] == [LineSend, LineExpect, LineDo]
