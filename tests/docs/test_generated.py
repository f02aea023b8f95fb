"""The generated pages are fresh, and the example session is what a card does."""

from pathlib import Path

import pytest

from cardsim.assembly import new_card
from cardsim.cos import commands as cos
from cardsim.psam import commands as psam
from cardsim.pse import commands as pse
from cardsim.ssse import commands as ssse
from cardsim.ssse import medical_commands as medical
from tests.docs.console import ROOT, blocks
from tests.docs.support import tool

make_docs = tool("make_docs")
terminal_coverage = tool("terminal_coverage")
EXAMPLE = ROOT / "docs" / "card-management-example.md"


def test_generated_pages_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    """`python tools/make_docs.py` was run after the last change of a table."""
    assert make_docs.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_page_is_told_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check writes nothing; without it the page is there."""
    assert make_docs.main(["--check", "--docs", str(tmp_path)]) == 1
    assert "commands.md" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert make_docs.main(["--docs", str(tmp_path)]) == 0
    assert make_docs.main(["--check", "--docs", str(tmp_path)]) == 0


def test_every_requirement_of_the_terminals_is_shown_or_has_a_reason() -> None:
    """Terminal, interface, kernel and scheme: none is left out, no reason excuses what is shown, no test names one
    that does not exist."""
    assert terminal_coverage.missing() == []
    assert terminal_coverage.problems() == []


def test_every_row_has_its_section() -> None:
    """The command reference leaves no command out, and says of each what can go wrong, in the table's order."""
    pages = {page.file: (ROOT / "docs" / page.file).read_text(encoding="utf8") for page in make_docs.REFERENCE}
    for row in (*cos.TABLE, *ssse.TABLE, *medical.TABLE, *pse.TABLE, *psam.TABLE):
        page = make_docs._HOME[row]
        assert pages[page.file].count(f"\n### {make_docs._title(row)}\n") == 1, "one place each"
        section = pages[page.file].partition(f"\n### {make_docs._title(row)}\n")[2].partition("\n### ")[0]
        assert row.clause in section
        causes = [fault.cause for fault in row.answers if fault.cause and fault is not cos.BLOCKED_APPLICATION]
        assert [section.index(f" | {cause} | ") for cause in causes] == sorted(
            section.index(f" | {cause} | ") for cause in causes
        )


def test_the_example_session_replays() -> None:
    """Each byte of docs/card-management-example.md, on a card of the same seed."""
    card, answers = new_card(seed=1), 0
    expected = ""
    for number, lines in blocks(EXAMPLE, "apdu"):
        for line in lines:
            kind, text = line.split()
            if kind == "→":
                answer = card.power_on() if text == "reset" else card.transmit(bytes.fromhex(text))
                expected = answer.hex().upper()
            else:
                assert text == expected, f"{EXAMPLE.name}, block at line {number}"
                answers += 1
    assert answers > 50
