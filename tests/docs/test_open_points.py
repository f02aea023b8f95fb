"""docs/pboc-choices.md leaves no open point out: U1 to U26, and what the catalogue wants a switch for."""

import re

import pytest

from cardsim.pse.choices import OPEN_CHOICES
from cardsim.pse.openpoints import OPEN_POINTS
from tests.docs.console import ROOT
from tests.docs.support import tool

pytest.importorskip("yaml")

WANTED = re.compile(r"\bswitch\b|open choice|\bopen:|one (?:source|implementation) \([^)]+\) only")
"""What notes of the catalogue say where another reading is to stay possible."""


def catalogue() -> dict[str, str]:
    """Requirement of the payment card -> its note, in one line."""
    items = [item for found in tool("make_requirements").catalogues().values() for item in found]
    return {item["id"]: " ".join(str(item.get("note") or "").split()) for item in items if item["id"][:5] == "PBOC-"}


def accounted() -> list[str]:
    """All points of both tables, as often as they stand there."""
    switched = [point for choice in OPEN_CHOICES for point in {choice.number, *choice.requirements.split(", ")}]
    return [*switched, *(point for row in OPEN_POINTS for point in row.points)]


def test_every_open_point_is_there() -> None:
    """D31: each open point has a setting, or a reason why it has none; the page shows it."""
    notes = catalogue()
    wanted = {name for name, note in notes.items() if WANTED.search(note)}
    assert len(wanted) > 90
    wanted |= {f"U{number}" for number in range(1, 27)}
    assert wanted <= set(accounted())
    page = (ROOT / "docs" / "pboc-choices.md").read_text(encoding="utf8")
    assert wanted <= set(re.findall(r"PBOC-[A-Z0-9]+-\d+|\bU\d+", page))


def test_every_point_exists() -> None:
    """A point is an open point of the fact sheet or a requirement, and what has a setting needs no reason."""
    names = set(catalogue()) | {f"U{number}" for number in range(1, 27)}
    assert set(accounted()) <= names
    alone = [point for row in OPEN_POINTS for point in row.points]
    assert len(alone) == len(set(alone))
    switched = {point for choice in OPEN_CHOICES for point in (choice.number, *choice.requirements.split(", "))}
    assert not switched & set(alone)
