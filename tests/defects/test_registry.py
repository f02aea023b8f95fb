"""Names, files of one's own, messages, and the page that is made from the tables."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cardsim.defects import DefectError, Side, apply_defect, defects, find_defect
from cardsim.defects.registry import document
from terminal.conformance.requirements import load_requirements
from tests.cards import card
from tests.psam.desk import psam

TOOL = Path(__file__).resolve().parents[2] / "tools" / "mutants.py"
OWN = """
from cardsim.defects import Defect, Side
from cardsim.defects.defect import on_answer

def _late(command, answer):
    return b"\\x6f\\x00" if answer == b"\\x6a\\x82" else answer

DEFECTS = [Defect("missing-6F00", "A file that is missing is answered 6F00.", "mine", Side.CARD, on_answer(_late))]
"""


def test_names_titles_and_clauses() -> None:
    for name, defect in defects().items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-zA-Z0-9]+)+", name), name
        assert re.fullmatch(r"\S.+[^ .]\.", defect.title), name
        assert all(re.fullmatch(r"[A-Z][\w.-]*\d", item) for item in defect.clause.split(", ")), name
    assert {defect.side for defect in defects().values()} == set(Side)


def test_clauses_are_in_the_catalogues() -> None:
    known = load_requirements()
    for defect in defects().values():
        for item in defect.clause.split(", "):
            assert item in known or re.fullmatch(r"D([1-9]|[123]\d)", item), (defect.name, item)


def test_by_name() -> None:
    assert find_defect("gpo-twice").name == "gpo-twice"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN, encoding="utf8")
    bench = card(on=False)
    apply_defect(bench.model, find_defect(f"{path}:missing-6F00"))
    bench.power_on()
    assert bench.x("00A40400051122334455") == "6F00"


@pytest.mark.parametrize("name", ["sam-number-stays", "gpo-twice"])
def test_a_defect_goes_into_its_own_card_alone(name: str) -> None:
    other = card(on=False).model if name.startswith("sam-") else psam().model
    with pytest.raises(DefectError, match=f"the defect {name} is one of the (PSAM|user card)"):
        apply_defect(other, find_defect(name))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "there is no defect 'nonsense'; `cardsim defects` lists them"),
        ("gpo", "there is no defect 'gpo'; there is gpo-twice,"),
        ("", "there is no defect ''"),
        ("missing.py:a", "missing.py cannot be read: no such file"),
    ],
)
def test_no_such_defect(text: str, message: str) -> None:
    with pytest.raises(DefectError, match=re.escape(message)):
        find_defect(text)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("x = 1", "a", "it defines no list DEFECTS"),
        ("DEFECTS = [1]", "a", "it defines no list DEFECTS"),
        ("1 / 0", "a", "cannot be run: ZeroDivisionError: division by zero"),
        ("a = = 1", "a", "cannot be run: SyntaxError"),
        (OWN, "other", "it has no defect 'other'; there is missing-6F00"),
    ],
)
def test_wrong_file(tmp_path: Path, content: str, name: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(content, encoding="utf8")
    with pytest.raises(DefectError, match=re.escape(message)) as found:
        find_defect(f"{path}:{name}")
    assert str(path) in str(found.value)


def test_the_page_is_that_of_the_tables() -> None:
    """`PYTHONPATH=. python tools/mutants.py --document` writes it."""
    assert (TOOL.parents[1] / "docs" / "defects.md").read_text(encoding="utf8") == document()


def _mutants(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(TOOL.parents[1])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_mutants_tells_found_from_surviving(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN.replace("x6f\\x00", "x6a\\x82"), encoding="utf8")
    ran = _mutants(f"{path}:missing-6F00", "gpo-twice", "--first")
    assert ran.returncode == 1, ran.stderr
    assert re.search(r"missing-6F00\s+SURVIVES", ran.stdout)
    assert re.search(r"gpo-twice\s+1 cases  PBOC-", ran.stdout)
    assert "1 of 2 defects found; 1 survive" in ran.stdout


def test_a_defect_that_makes_the_card_fall_over_is_an_error_of_its_own(tmp_path: Path) -> None:
    """An exception of ours is no answer: it is told apart from a defect that a case has found, and fails the run."""
    path = tmp_path / "mine.py"
    path.write_text(OWN.replace('b"\\x6f\\x00" if', "nonsense if"), encoding="utf8")
    ran = _mutants(f"{path}:missing-6F00", "gpo-twice", "--first")
    assert ran.returncode == 1, ran.stderr
    assert re.search(r"missing-6F00\s+FALLS OVER \S+: NameError: name 'nonsense' is not defined", ran.stdout)
    assert "1 of 2 defects found; 0 survive; 1 make the card fall over" in ran.stdout
    told = json.loads(_mutants(f"{path}:missing-6F00", "--first", "--json").stdout)
    assert (told["fallen"], told["survivors"]) == (["missing-6F00"], [])
    assert told["defects"][0]["found_by"] == {}
