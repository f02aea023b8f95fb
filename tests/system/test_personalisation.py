"""Cards made in a PC/SC reader: blank ones of ours, through pcscd or our own service."""

import json
import subprocess
from pathlib import Path

import pytest

from cardsim.cli.main import main
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
