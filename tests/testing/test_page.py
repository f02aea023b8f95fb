"""docs/testing-kit.md: its programs run as they stand, the first on a reader that holds the model."""

import io
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from cardsim.keyfile import write_keyfile
from cardsim.testing.models import model_card, model_keys
from terminal.cli.main import main
from terminal.links.pcsc import PcscLink
from tests.docs.console import ROOT, blocks
from tests.testing.support import few

PAGE = ROOT / "docs" / "testing-kit.md"
PROGRAMS = ["\n".join(lines) for _, lines in blocks(PAGE, "python")]


def program(beginning: str) -> str:
    """The program of the page that has these words."""
    (only,) = (text for text in PROGRAMS if beginning in text)
    return only


def executed(text: str) -> dict[str, Any]:
    """What a program defines."""
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(text, "docs/testing-kit.md", "exec"), names)
    return names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the key file of the model."""
    monkeypatch.chdir(tmp_path)
    write_keyfile(tmp_path / "me.card.keys.toml", model_keys())
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_card_in_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine opens reader 0 for each example, and runs as a TestCase."""
    opened: list[str] = []
    card = model_card()

    def open_(wanted: str) -> Any:
        opened.append(wanted)
        return card

    monkeypatch.setattr(PcscLink, "open", open_)
    names = executed(program("class MyCard(CardMachine)"))
    assert issubclass(names["MyCard"], RuleBasedStateMachine)
    case = names["TestMyCard"]
    case.settings = few(5)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    assert result.testsRun == 1
    assert result.wasSuccessful()
    assert set(opened) == {"0"}
    assert len(opened) >= 5


def test_rules_by_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    """The program prints where the card stands."""
    executed(program("card = CheckedCard("))
    assert capsys.readouterr().out.startswith("pse ")


def test_a_spoiled_card_for_cardterm(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal says what the page shows; the same card without the fault is accepted."""
    text = program("# spoiled.py").replace("Late(1.0)", "Late(0.0)")
    (folder / "spoiled_page.py").write_text(text, encoding="utf8")
    monkeypatch.syspath_prepend(str(folder))
    arguments = ["--amount", "12.34", "--keys", "me.card.keys.toml", "--seed", "1", "--now", "2026-11-21T12:00:00"]
    assert main(["financial", "--card", "python:cardsim.testing.models:model_card", *arguments]) == 0
    capsys.readouterr()
    assert main(["financial", "--card", "python:spoiled_page:card", *arguments]) == 1
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert f"    {last}\n" in PAGE.read_text(encoding="utf8")


def test_a_spoiled_card_in_a_reader() -> None:
    """The server runs as long as the program does."""
    executed(program("with PcscServer("))


def test_a_property_of_a_terminal() -> None:
    """The test of the page passes."""
    test: Callable[[], None] = executed(program("def test_my_terminal_always_ends"))["test_my_terminal_always_ends"]
    test()


def test_the_page_names_every_module() -> None:
    """The table of modules is that of the package."""
    table = PAGE.read_text(encoding="utf8").partition("| module |")[2].partition("\n\n")[0]
    modules = {path.stem for path in (ROOT / "cardsim" / "testing").glob("*.py")} - {"__init__"}
    named = {word for line in table.splitlines() for word in line.split("|")[1].split("`")[1::2]}
    assert named == modules
