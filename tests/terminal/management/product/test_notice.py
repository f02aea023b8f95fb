"""The notice on security goes out with the cards."""

import json
from pathlib import Path

from terminal.management.product.rules import default_rules
from terminal.perso.production.lists import close_list
from terminal.perso.production.run import run_batch
from tests.terminal.perso.production.floor import Floor


def _mailing(floor: Floor, name: str) -> dict[str, object]:
    plant = floor.plant
    found = json.loads((plant.folder / "lists" / f"{name}.mailing.json").read_text(encoding="utf8"))
    assert isinstance(found, dict)
    return found


def test_the_notice_goes_with_each_card(tmp_path: Path) -> None:
    """SCHEME-227: mailing data tell which notice goes with the cards of a batch; a workshop may have its own."""
    floor = Floor(tmp_path)
    run_batch(floor.take(1, 2), "B1", floor.force())
    close_list(floor.plant, "B1")
    notice = default_rules().notice
    assert _mailing(floor, "B1")["notice"] == {"number": notice.number, "lines": list(notice.lines)}
    assert any("initial PIN" in line for line in notice.lines)
    floor.settings('[product.notice]\nnumber = "SECURITY-2"\nlines = ["one line"]\n')
    run_batch(floor.take(3, name="B2"), "B2", floor.force())
    close_list(floor.plant, "B2")
    assert _mailing(floor, "B2")["notice"] == {"number": "SECURITY-2", "lines": ["one line"]}
