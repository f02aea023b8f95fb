"""`cardterm perso transfer`."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from terminal.cli.main import main
from terminal.cli.options.perso.transfer import KINDS, PARTIES
from terminal.perso.parties import Party
from terminal.perso.transfer.sealing import Kind
from tests.docs.test_schemas import check
from tests.terminal.perso.transfer.parties import PASSWORD, batch

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a word in a workshop, password on standard input; its rows."""

    def run(word: str, *words: str, status: int = 0) -> list[dict[str, Any]]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        argv = ["perso", "transfer", word, str(tmp_path / "work"), *words]
        ended = main([*argv, "--json", "--now", "2026-11-22T09:30:00"])
        told = capsys.readouterr()
        assert ended == status, told.err
        if status == 2:
            assert told.err.count("\n") == 1
            return [{"error": told.err}]
        document = json.loads(told.out)
        check("cardterm-transfer", document)
        rows: list[dict[str, Any]] = document["rows"]
        return rows

    return run


def test_words_of_the_options() -> None:
    """The parser names parties and kinds without the library; receipts are sent by the post itself."""
    assert tuple(party.value for party in Party) == PARTIES
    assert {*KINDS, "receipt"} == {kind.value for kind in Kind}


def test_from_key_to_content(run: Run, tmp_path: Path) -> None:
    """PERSO-061, PERSO-134, PERSO-138, SCHEME-207: a file over the line, one by disc, and both registers."""
    for party in ("department", "bank"):
        assert run("key", "--party", party)[0]["certificate"].endswith(f"{party}.crt")
    assert "is there already" in run("key", "--party", "bank", status=2)[0]["error"]
    (tmp_path / "b.json").write_bytes(batch())
    (tmp_path / "c.json").write_bytes(batch(3, "C"))
    send = ("--party", "department", "--to", "bank")
    assert run("send", str(tmp_path / "b.json"), *send, "--name", "B1")[0]["way"] == "sent"
    (row,) = run("receive", "--party", "bank")
    assert (row["mark"], row["count"], row["by"]) == ("received", 2, "line")
    run("open", row["received"], "--party", "bank", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == batch()
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    assert run("receive", "--party", "department") == []
    assert run("list", "--party", "department") == [{"sent": "B1", "to": "bank", "mark": "received", "reason": ""}]
    assert run("line", "department-bank", "down") == [{"line": "department-bank", "state": "down", "waiting": 0}]
    assert run("send", str(tmp_path / "c.json"), *send, "--name", "C1")[0]["way"] == "waits for the line"
    assert run("line", "department-bank")[0]["waiting"] == 1
    disc = str(tmp_path / "disc")
    assert len(run("burn", disc, *send)) == 1
    (row,) = run("disc", disc, "--party", "bank", "--sender", "department", "--approved", "Li")
    assert (row["mark"], row["count"], row["by"]) == ("received", 3, "disc")
    run("line", "department-bank", "up")
    (row,) = run("receive", "--party", "bank")
    assert row["mark"] == "duplicate"
    assert [row["mark"] for row in run("list", "--party", "bank")] == ["received", "received", "duplicate"]


def test_what_is_refused(run: Run, tmp_path: Path) -> None:
    """PERSO-056, PERSO-065: clear files end with exit status 1; one sentence for everything else."""
    no_key = run("receive", "--party", "bank", status=2)[0]["error"]
    assert "cardterm perso transfer key makes it" in no_key
    run("key", "--party", "bank")
    run("key", "--party", "department")
    clear = tmp_path / "work" / "transfer" / "bank" / "in" / "department"
    clear.mkdir(parents=True)
    (clear / "000001-clear.p7m").write_bytes(batch())
    (row,) = run("receive", "--party", "bank", status=1)
    assert (row["mark"], row["kind"]) == ("refused", "")
    own = ("--party", "bank")
    for words, told in (
        (("receive", *own, "--person", "visitor"), "none of the data staff"),
        (("send", "none", *own, "--to", "maker", "--name", "x"), "No such file"),
        (("send", __file__, *own, "--to", "maker", "--name", "x"), "no JSON"),
        (("send", __file__, *own, "--to", "maker", "--name", "x", "--kind", "list"), "given no certificate"),
        (("open", row["received"], *own, "--out", "x"), "no file that was received"),
        (("line", "department-maker"), "is no line here"),
        (("burn", str(tmp_path / "disc"), "--party", "department", "--to", "maker"), "no line between"),
    ):
        assert told in run(*words, status=2)[0]["error"]
