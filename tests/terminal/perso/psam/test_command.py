"""`cardterm perso psam`, and its page."""

import json
from pathlib import Path

import pytest

from cardsim.making.samkeys import SamParty
from terminal.cli.main import main
from terminal.cli.options.perso.psam import PARTIES
from terminal.perso.psam.states import TRANSITIONS, PsamState
from tests.docs.console import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A new workshop."""
    return str(tmp_path / "work")


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> list[tuple[str, str]]:
    """PSAMs that a command tells: terminal number and state."""
    assert main(["perso", "psam", *words, "--json"]) == 0
    return [(psam["terminal"], psam["state"]) for psam in json.loads(capsys.readouterr().out)["psams"]]


def test_parties_and_their_turns(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """PSAM-190: --party takes one turn at all that wait for it, --resume the rest of all."""
    by = ("--by", "a")
    first, second = "519900000001", "519900000002"
    assert tuple(party.value for party in SamParty) == PARTIES
    assert asked(capsys, "make", folder, *by, "--party", "base", "--count", "2") == [
        (first, "making"), (second, "making"),
    ]  # fmt: skip
    assert asked(capsys, "make", folder, *by, "--party", "provincial") == []
    assert len(asked(capsys, "make", folder, *by, "--party", "national")) == 2
    assert asked(capsys, "make", folder, *by, "--resume") == [(first, "stock"), (second, "stock")]
    assert asked(capsys, "make", folder, *by, "--resume") == []


def test_what_is_refused(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence each, and nothing is ordered."""
    for words, told in (
        (("make", folder, "--by", "a", "--area", "12"), "an area code has six digits"),
        (("make", folder, "--by", "a", "--count", "0"), "0 PSAMs cannot be ordered"),
        (("make", folder, "--by", "a", "--profile", "x"), "neither a PSAM profile"),
        (("make", folder, "--by", "a", "--number", "1000000"), "no terminal number 1000000"),
        (("register", folder, "lose", "519900000001", "--by", "a"), "no PSAM with terminal number"),
        (("list", folder, "--terminal", "1"), "no PSAM with terminal number 1"),
    ):
        assert main(["perso", "psam", *words]) == 2, words
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
    assert main(["perso", "psam", "list", folder]) == 0
    assert capsys.readouterr().out == "no PSAM\n"


def test_the_table_of_the_page_is_that_of_the_code() -> None:
    """docs/psam.md: changes of the register."""
    page = (ROOT / "docs" / "psam.md").read_text(encoding="utf8")
    _, _, rest = page.partition("| change | from | to |\n|---|---|---|\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in rest.split("\n\n")[0].splitlines()]
    assert rows == [
        [f"`{change.value}`", ", ".join(s.value for s in PsamState if s in row.from_), row.to.value]
        for change, row in TRANSITIONS.items()
    ]
