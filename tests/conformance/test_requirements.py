"""The catalogues and the index that is read from them."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cardsim.resources import resource
from terminal.conformance.requirements import FORMAT, Evidence, Level, load_requirements, same
from tests.docs.support import tool

yaml = pytest.importorskip("yaml")


@pytest.fixture(scope="module")
def maker() -> Any:
    """tools/make_requirements.py."""
    return tool("make_requirements")


@pytest.fixture(scope="module")
def items(maker: Any) -> dict[str, dict[str, Any]]:
    """All items of the YAML by id."""
    everything = [item for found in maker.catalogues().values() for item in found]
    assert len(everything) == len({item["id"] for item in everything})
    return {item["id"]: item for item in everything}


def test_counts() -> None:
    """Nothing was lost; D22 made one may a must."""
    found = load_requirements()
    assert len(found) == 2595
    levels = Counter(requirement.level for requirement in found.values())
    assert levels == {Level.MUST: 2170, Level.SHOULD: 285, Level.MAY: 140}


def test_index_is_fresh(maker: Any) -> None:
    """Index and page are what the tool writes, and the catalogues have no problem."""
    assert maker.main(["--check"]) == 0


def test_form() -> None:
    """The index says what it is; each row has nine cells."""
    document = json.loads(resource("requirements", "index.json").read_text(encoding="utf8"))
    assert document["format"] == FORMAT
    assert {len(row) for row in document["requirements"]} == {9}
    for requirement in load_requirements().values():
        assert requirement.statement
        assert requirement.observable in ("", "line")
        assert re.fullmatch(r"[A-Z][A-Z0-9_]+", requirement.group)


def test_same_is_an_equivalence() -> None:
    """Symmetric and transitive; nobody is the same as itself in the data."""
    found = load_requirements()
    for name, requirement in found.items():
        assert name not in requirement.same_as
        for mate in requirement.same_as:
            assert same(found, mate) == same(found, name)


@pytest.mark.parametrize(
    ("name", "mates"),
    [
        ("SCHEME-059", {"PERSO-046", "SSC4-5.3-02"}),
        ("TRM-263", {"KRN-SEP-005"}),
        ("SCHEME-206", {"PERSO-133"}),
        ("TRM-198", {"SSCV2-5.2-02"}),
        ("T0-046", {"SSC5-6.6-03"}),
    ],
)
def test_ranges_of_d32(name: str, mates: set[str]) -> None:
    """One pair of each range that D32 names."""
    assert same(load_requirements(), name) == {name} | mates


def test_decisions_are_reflected(maker: Any, items: dict[str, dict[str, Any]]) -> None:
    """Each item that a decision names carries its number; what is no item is a note's number."""
    decisions = maker.decisions()
    assert list(decisions) == [f"D{number}" for number in range(1, 40)]
    for number, (_, names) in decisions.items():
        for name in names:
            if name in items:
                assert number in items[name]["decision"], name
            else:
                assert re.fullmatch(r"C-\d+|U\d+|sheet #\d+", name), name


def test_line_level(items: dict[str, dict[str, Any]], maker: Any) -> None:
    """What D33 names cannot be seen through a reader."""
    for name in maker.decisions()["D33"][1]:
        assert items[name]["observable"] == "line"


def test_a_changed_item_says_what_it_was(items: dict[str, dict[str, Any]]) -> None:
    """The reason stands first."""
    changed = [item for item in items.values() if "changed" in item]
    assert len(changed) > 80
    assert all(item["changed"].split(". Before: ")[0] for item in changed)


def test_evidence_of_the_payment_card(maker: Any) -> None:
    """D31 counts 118 weak musts by their notes: 114 rest on one implementation or source, 4 are consequences."""
    musts = [item for item in maker.catalogues()["pse_card"] if item["level"] == "must"]
    noted = [
        item for item in musts
        if re.search(r"evidence: one|known as quoted by one|from an excerpt|derived consequence", item.get("note", ""))
    ]  # fmt: skip
    assert len(noted) == 118
    assert Counter(item["evidence"] for item in noted) == {"single": 114, "derived": 4}
    assert {requirement.evidence for requirement in load_requirements().values()} == set(Evidence)


def test_show(maker: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole items by prefix, group and decision."""
    assert maker.main(["--show", "SSC5-6.2-05"]) == 0
    assert "changed: D10" in capsys.readouterr().out
    assert maker.main(["--show", "SSSE_SAFETY"]) == 0
    assert maker.main(["--show", "D22"]) == 0
    assert maker.main(["--show", "no such thing"]) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"level": "perhaps"}, "level perhaps"),
        ({"decision": ["D99"]}, "no decision D99"),
        ({"same_as": ["SCHEME-002"]}, "same_as SCHEME-002 is not mutual"),
        ({"observable": "never"}, "observable never"),
        ({"colour": "red"}, "field colour"),
        ({"statement": ""}, "field statement"),
    ],
)
def test_problems_are_named(maker: Any, items: dict[str, dict[str, Any]], change: dict[str, Any], told: str) -> None:
    """A wrong catalogue is refused with item and reason."""
    wrong = [{**items["SCHEME-001"], **change}, *(item for name, item in items.items() if name != "SCHEME-001")]
    assert any(line == f"SCHEME-001: {told}" or told in line for line in maker.problems(wrong))


def test_a_stale_index_is_told(maker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--check writes nothing; without it the index is written."""
    monkeypatch.setattr(maker, "INDEX", tmp_path / "index.json")
    monkeypatch.setattr(maker, "ROOT", tmp_path)
    assert maker.main(["--check"]) == 1
    assert not (tmp_path / "index.json").exists()
    assert maker.main([]) == 0
    assert maker.main(["--check"]) == 0
