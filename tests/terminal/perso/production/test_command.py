"""`cardterm perso produce`, word by word; the machine is that of the tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from terminal.cli.main import main
from terminal.errors import LinkError
from terminal.perso.data.document import write_batch
from terminal.perso.production.packing import PackedCard
from terminal.perso.production.run import Workforce
from terminal.perso.workshop import Workshop
from tests.terminal.perso.production.floor import Floor, Keys, batch
from tests.terminal.perso.production.machine import BREAK, UNPLUG, Machine


class Site:
    """A workshop and its command."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.floor = Floor(folder / "work")
        self.machine = self.floor.machine()
        self._capsys = capsys
        monkeypatch.setattr("terminal.cli.perso.produce.model_workforce", self._workforce)
        monkeypatch.setattr("terminal.cli.perso.produce.read_chip", _read)
        (folder / "b1.json").write_bytes(write_batch(batch(1, 2, 3, 3)))
        self.file = str(folder / "b1.json")

    def _workforce(self, _workshop: Workshop, _batch: str, **given: Any) -> Workforce:
        return Workforce(self.machine, Keys(), 1, None, given["operator"], given["machine"])

    def plan(self, machine: Machine) -> None:
        """Another machine from now on."""
        self.machine = machine

    def __call__(self, *words: str, status: int = 0) -> dict[str, Any]:
        """The document of a word."""
        what, *rest = words
        argv = ["perso", "produce", what, str(self.floor.folder), *rest, "--json", "--now", "2026-11-22T09:00:00"]
        assert main(argv) == status, self._capsys.readouterr().err
        return dict(json.loads(self._capsys.readouterr().out))

    def refused(self, *words: str, status: int = 2) -> str:
        """The one sentence of a word that is refused."""
        what, *rest = words
        assert main(["perso", "produce", what, str(self.floor.folder), *rest]) == status
        output = self._capsys.readouterr()
        assert output.out == ""
        assert output.err.count("\n") == 1
        return output.err

    def text(self, *words: str, status: int = 0) -> str:
        """What people read."""
        what, *rest = words
        assert main(["perso", "produce", what, str(self.floor.folder), *rest]) == status
        return self._capsys.readouterr().out


def _read(_workshop: Workshop, card: PackedCard) -> str:
    return card.historical


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Site:
    """A workshop with a batch file beside it."""
    return Site(tmp_path, monkeypatch, capsys)


def test_whole_way(site: Site) -> None:
    """From the records to the deletion: each word does its step, and the numbers agree."""
    row = site("take", site.file, "--seed", "7")["rows"][0]
    assert (row["requests"], row["orders"], row["duplicates"], row["waiting"]) == (4, 3, 1, 3)
    assert site("run", "B1", "--machine", "P-02")["rows"][0]["good"] == 3
    assert site("list", "B1")["rows"][0]["duplicates"] == 1
    assert [row["cards"] for row in site("pack", "B1")["rows"]] == [1, 1, 1]
    site("inspect", "B1")
    for state in ("dispatched", "in transit", "arrived", "accepted"):
        assert site("deliver", "B1", state, "--place", "store")["rows"][-1]["state"] == state
    assert site("close", "B1")["rows"][0] == {"batch": "B1", "records": 3, "files": 3, "supervisor": "Li Na"}
    row = site("status")["rows"][0]
    assert (row["state"], row["delivery"], row["good"]) == ("closed", "accepted", 3)
    card, *applications = site("audit", "000001")["rows"]
    assert (card["machine"], card["operator"], len(applications)) == ("P-02", "Wang Lei", 2)
    assert site("audit")["problems"] == []


def test_waste(site: Site) -> None:
    """A batch with waste ends with 1 until it is re-made; its waste goes to the bank and is destroyed."""
    site("take", site.file)
    site.plan(site.floor.machine(o000002=(BREAK, 1)))
    assert site("run", "B1", status=1)["problems"] == ["B1: 1 orders have only waste cards"]
    assert "have them re-made" in site.refused("list", "B1")
    assert site("remake", "B1")["rows"] == [{"order": "000002", "state": "waiting"}]
    assert site("run", "B1")["problems"] == []
    site("list", "B1")
    assert site("waste", status=1)["problems"] == ["batch B1: the waste card of order 000002, attempt 1, did not come"]
    assert "differ from the log" in site.refused(
        "waste", "--destroy", "--witness", "A", "--witness", "B", "--now", "2026-11-23"
    )
    assert site("waste", "--send")["rows"] == [{"batch": "B1", "sent": 1}]
    assert site("waste", "--destroy", "--witness", "A", "--witness", "B")["rows"][0]["destroyed"] == 1


def test_one_waste_card(site: Site) -> None:
    """A waste card is released by its name."""
    site("take", site.file)
    site.plan(site.floor.machine(o000002=(BREAK, 1), o000001=(BREAK, 1)))
    site("run", "B1", status=1)
    assert site("remake", "B1", "--waste", "000001-1")["rows"] == [{"order": "000001", "state": "waiting"}]
    assert site("run", "B1", status=1)["rows"][0]["without_card"] == 1
    assert site("list", "B1", "--short")["rows"][0]["missing"] == 1


def test_reader_gone(site: Site) -> None:
    """Exit status 3, and the next run goes on."""
    site("take", site.file)
    site.plan(site.floor.machine(o000002=(UNPLUG, 1)))
    assert "order 000002: the reader is gone" in site.refused("run", "B1", status=LinkError.exit_status)
    assert site("status", "B1")["rows"][0]["started"] == 1
    assert site("run", "B1")["rows"][0]["good"] == 3


def test_interrupted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with 130; what is done is kept."""
    site("take", site.file)

    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("terminal.cli.perso.produce._Teller.__call__", stop)
        site.refused("run", "B1", status=130)
    assert site("status", "B1")["rows"][0]["good"] == 1
    assert site("run", "B1")["rows"][0]["good"] == 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["run", "B1", "--jobs", "0"], "--jobs 0: at least 1"),
        (["run", "B9"], "no batch B9"),
        (["status", "B9"], "no batch B9"),
        (["waste", "--month", "11-26"], "write it as 202611"),
        (["close", "B1", "--operator", "Nobody"], "Nobody is not cleared"),
        (["run", "B1", "--now", "today"], "--now today"),
        (["take", "none.json"], "none.json"),
        (["audit", "00AA"], "no card 00AA"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use(site: Site, words: list[str], problem: str) -> None:
    """One sentence, exit status 2."""
    site("take", site.file)
    assert problem in site.refused(*words)


def test_no_batch_document(site: Site, tmp_path: Path) -> None:
    """A file that is none is told by its name."""
    (tmp_path / "x.json").write_text("{}", encoding="utf8")
    assert "x.json" in site.refused("take", str(tmp_path / "x.json"))


def test_text_for_people(site: Site) -> None:
    """Rows without what is empty or zero; problems behind a cross."""
    site("take", site.file)
    site.plan(site.floor.machine(o000002=(BREAK, 1)))
    lines = site.text("run", "B1", status=1).splitlines()
    assert lines == [
        "batch B1, step both, state produced, requests 4, duplicates 1, orders 3, good 2, without card 1, waste 1",
        "✗ B1: 1 orders have only waste cards",
    ]
