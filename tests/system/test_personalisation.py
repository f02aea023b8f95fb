"""Cards made in a PC/SC reader: blank ones of ours, through pcscd or our own service."""

import json
import subprocess
from pathlib import Path

import pytest

from cardsim.cli.main import main
from cardsim.making import demo
from cardsim.making.blank import write_blank
from terminal.perso.data.document import write_batch
from terminal.perso.records import Batch
from tests.cli.support import command, environment
from tests.system.test_cardsim import serve
from tests.terminal.perso import desk

pytestmark = pytest.mark.usefixtures("pyscard")


def cardterm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command beside the reader."""
    return subprocess.run(
        command("cardterm", *words), env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_batch_in_a_reader(service: str, tmp_path: Path) -> None:
    """PERSO-076, PERSO-147: a blank card in a reader becomes an order's card; the next order wants another body."""
    blank, work, batch = tmp_path / "blank.card", tmp_path / "work", tmp_path / "batch.json"
    assert main(["new", str(blank), "--blank", "--seed", "3"]) == 0
    batch.write_bytes(write_batch(Batch("B1", "20240101", desk.AREA, desk.AREA, (desk.record(1), desk.record(2)))))
    work.mkdir()
    (work / "workshop.toml").write_text("[cards]\nseed = 3\n", encoding="utf8")
    assert cardterm("perso", "produce", "take", work, batch).returncode == 0
    words = command("cardterm", "perso", "produce", "run", work, "B1", "--reader", "0")
    first = serve(blank, service, *words)
    assert first.returncode == 3
    assert "belongs to another order" in first.stderr
    told = json.loads(cardterm("perso", "produce", "status", work, "B1", "--json").stdout)
    assert (told["rows"][0]["good"], told["rows"][0]["orders"]) == (1, 2)
    checked = json.loads(cardterm("perso", "check", "--card", blank, "--data", batch, "--json").stdout)
    assert checked["cards"][0]["order"] == "N000001"
    other = tmp_path / "other.card"
    assert main(["new", str(other), "--blank", "--seed", "3", "--force"]) == 0
    second = serve(other, service, *words)
    assert second.returncode == 0, second.stderr
    told = json.loads(cardterm("perso", "produce", "status", work, "B1", "--json").stdout)
    assert (told["rows"][0]["good"], told["rows"][0]["state"]) == (2, "produced")


@pytest.mark.parametrize("by", ["card", "feedback"])
def test_the_second_step_at_a_reader(service: str, by: str, tmp_path: Path) -> None:
    """PERSO-084, PERSO-086, SCHEME-203: the bank's station takes whichever card comes, and finds its record."""
    records = (desk.record(1), desk.record(2))
    cards, works = [tmp_path / f"{number}.card" for number in (1, 2)], [tmp_path / "social", tmp_path / "finance"]
    batch = tmp_path / "batch.json"
    batch.write_bytes(write_batch(Batch("B1", "20240101", desk.AREA, desk.AREA, records)))
    for work, step in zip(works, (["social", "--unfinished"], ["finance"]), strict=True):
        work.mkdir()
        (work / "workshop.toml").write_text("[cards]\nseed = 3\n", encoding="utf8")
        assert cardterm("perso", "produce", "take", work, batch, "--step", *step).returncode == 0
    for path, record in zip(cards, records, strict=True):
        assert record.social is not None
        historical = desk.manufacturer().historical(desk.AREA, record.social.serial)
        write_blank(path, demo.demo(3).secret("transport"), historical, seed=1)
        cardterm("perso", "produce", "run", works[0], "B1-social", "--card", path)
    assert cardterm("perso", "produce", "list", works[0], "B1-social").returncode == 0
    feedback = works[0] / "lists" / "B1-social.feedback-social.json"
    how = ["--feedback", str(feedback)] if by == "feedback" else []
    words = command("cardterm", "perso", "produce", "run", works[1], "B1-finance", "--reader", "0", *how)
    for path in reversed(cards):
        made = serve(path, service, *words)
        assert made.returncode == 0, made.stderr
    again = serve(cards[0], service, *words)
    assert (again.returncode, "presented twice" in again.stderr) == (2, True)
    told = json.loads(cardterm("perso", "produce", "status", works[1], "B1-finance", "--json").stdout)
    assert (told["rows"][0]["good"], told["rows"][0]["state"]) == (2, "produced")
    for path in cards:
        assert cardterm("perso", "check", "--card", path, "--data", batch).returncode == 0
