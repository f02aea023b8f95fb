"""Negative cards at the terminals: docs/terminal-defects.md is what a run says, and no terminal falls over."""

import re
from functools import cache

import pytest

from cardsim.defects import defects, find_defect
from tests.docs.console import ROOT
from tests.docs.support import tool

terminal_defects = tool("terminal_defects")
PAGE = ROOT / "docs" / "terminal-defects.md"


@cache
def sections() -> dict[str, str]:
    """The page's parts by their headings."""
    _, *parts = PAGE.read_text(encoding="utf8").split("\n## ")
    return dict(part.split("\n", 1) for part in parts)


def place(name: str) -> str:
    """The part of the page that has a defect."""
    (found,) = (heading for heading, text in sections().items() if f"`{name}`" in text)
    return found


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("internal-halves-swapped", "identity and PIN"),
        ("authentication-halves-swapped", "identity and PIN"),
        ("load-tac-old-balance", "medical account"),
        ("purchase-mac2-of-account", "medical account"),
        ("proof-of-another", "pulled out before a purchase"),
        ("arqc-as-tc", "online"),
        ("dda-without-ddol", "online"),
        ("ac-without-cvr", "online"),
        ("script-mac-without-atc", "load and electronic cash"),
        ("sam-terminal-missing", "medical account"),
    ],
)
def test_noticed(name: str, scene: str) -> None:
    """TRM-050, TRM-091, TRM-163, KRN-GAC-004, KRN-SCR-004: each with the outcome that the page has."""
    (only,) = (known for known in terminal_defects.SCENES if known.name == scene)
    finding = terminal_defects.examine(find_defect(name), (only,))
    assert finding.notice is not None
    assert terminal_defects.judgement().problem(finding) == ""
    assert terminal_defects.row(finding) in sections()["Noticed"].splitlines()


@pytest.mark.parametrize("name", ["update-not-written", "cvr-dda-missing", "challenge-reusable", "kcv-not-checked"])
def test_not_noticed(name: str) -> None:
    """The page and the data file agree on the defects that no terminal notices, and why."""
    heading = place(name)
    visible = "a scene" if heading == "Visible, and tolerated" else ""
    finding = terminal_defects.Finding(name, visible)
    assert terminal_defects.judgement().problem(finding) == ""
    assert terminal_defects.judgement().group(finding).reason in sections()[heading]


def test_a_defect_that_must_be_noticed() -> None:
    """Unnoticed it is an error; so are a complaint that nothing asks for, and a terminal that falls over."""
    problem = terminal_defects.judgement().problem
    assert "not noticed" in problem(terminal_defects.Finding("arqc-as-tc", "online"))
    complaint = terminal_defects.Complaint(terminal_defects.Sort.ENDED, "NONE", "no such step", "text")
    notice = terminal_defects.Notice("online", "financial", complaint)
    assert "no rule" in problem(terminal_defects.Finding("arqc-as-tc", "online", notice))
    assert "fell over" in problem(terminal_defects.Finding("arqc-as-tc", "online", crash="ValueError"))


def test_the_factor_of_a_card_that_has_none() -> None:
    """TRM-047: too few historical bytes give the PSAM no factor; the session ends, and says so."""
    finding = terminal_defects.examine(find_defect("atr-historical-cut"), terminal_defects.SCENES[:1])
    assert finding.crash == ""
    assert finding.notice.complaint.cause == "ATR"
    assert "no diversification factor" in finding.notice.complaint.text


def test_each_defect_stands_once() -> None:
    """Every defect is in one part of the page, and nothing else is."""
    told = [
        name
        for heading, text in sections().items()
        for name in re.findall(r"^\| `([^`]+)`" if "|" in text else r"`([a-zA-Z0-9-]+)`", text, re.MULTILINE)
    ]
    assert sorted(told) == sorted(defects())


@pytest.mark.slow
def test_every_fifth_defect() -> None:
    """No outcome is without its requirement or reason; `tools/terminal_defects.py` goes through all, which CI has no
    time for."""
    judge = terminal_defects.judgement()
    found = terminal_defects.findings(list(defects())[::5])
    assert {finding.defect: problem for finding in found if (problem := judge.problem(finding))} == {}
