"""The program of docs/testing-kit.md on a card in a reader: through pyscard, pcsclite and our socket."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardsim.assembly import CardModel
from cardsim.defects import apply_defect, defects
from cardsim.keyfile import write_keyfile
from cardsim.testing.models import model_card, model_keys
from tests.docs.console import ROOT, blocks
from tests.system.station import SocketStation

pytestmark = [pytest.mark.pcsc, pytest.mark.usefixtures("pyscard")]

PROGRAM = next("\n".join(lines) for _, lines in blocks(ROOT / "docs" / "testing-kit.md", "python"))
SETTINGS = """
from hypothesis import Phase, settings
TestMyCard.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
)
"""


@pytest.fixture
def station() -> Iterator[SocketStation]:
    """A reader whose card the test puts in."""
    made = SocketStation()
    yield made
    made.remove(0)
    made.server.close()


def judged(station: SocketStation, card: CardModel, folder: Path) -> tuple[int, str]:
    """Exit status and output of pytest on the program of the page, with the card in the reader."""
    station.insert(card)
    write_keyfile(folder / "me.card.keys.toml", model_keys())
    test = folder / "test_my_card.py"
    program = PROGRAM.replace('Path("me.card.keys.toml")', f"Path({str(folder / 'me.card.keys.toml')!r})")
    test.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{program}\n{SETTINGS}", encoding="utf8")
    own = ("-p", "no:cacheprovider", "--rootdir", str(folder), "-c", "/dev/null")
    done = station.run(sys.executable, "-m", "pytest", "-q", *own, str(test))
    return done.returncode, done.stdout


def test_a_good_card_passes(station: SocketStation, tmp_path: Path) -> None:
    """One card in one reader for all examples."""
    card = model_card()
    status, output = judged(station, card, tmp_path)
    assert status == 0, output
    assert "1 passed" in output


def test_a_bad_card_fails(station: SocketStation, tmp_path: Path) -> None:
    """The rule stands in the output, with the steps that led to it."""
    card = model_card()
    apply_defect(card, defects()["wrong-le-length-off"])
    status, output = judged(station, card, tmp_path)
    assert status == 1, output
    assert "announced lengths" in output
    assert "state.power_on()" in output
