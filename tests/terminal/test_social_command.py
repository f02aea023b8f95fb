"""`cardterm social` with its services, from the command line to the card image."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from cardsim.cli.main import main as cardsim
from terminal.cli.main import main as cardterm

NOW = ["--now", "2026-11-21T12:00:00", "--seed", "1"]


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """A card and a PSAM of one seed."""
    me, sam = str(tmp_path / "me.card"), str(tmp_path / "me.psam")
    assert cardsim(["new", me, "--seed", "7"]) == cardsim(["new", "--psam", sam, "--seed", "7"]) == 0
    return ["--card", me, "--psam", sam]


def service(
    capsys: pytest.CaptureFixture[str], images: list[str], *words: str, status: int = 0
) -> tuple[dict[str, str], dict[str, Any]]:
    """One service: its result, and the document."""
    capsys.readouterr()
    assert cardterm(["social", *images, *NOW, "--json", "--service", *words]) == status
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    return {line["name"]: line["text"] for line in document["result"]}, document


def test_services(images: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-074: record, query and payment from the command line, with a PSAM, on one card."""
    assert "registered address" in service(capsys, images, "read", "DF01EF05")[0]
    assert service(capsys, images, "read", "DF01EF07", "--prefer", "key")[0]
    service(capsys, images, "write", "DF01EF07:29=2")
    assert "2" in service(capsys, images, "read", "DF01EF07")[0].values()
    assert service(capsys, images, "load", "50.00")[0]["amount"] == "50.00 yuan"
    done, _ = service(capsys, images, "purchase", "12.34", "1.00", "2.00", "--storage", str(tmp_path / "s"))
    assert len(done["TAC"]) == 8
    assert service(capsys, images, "balance")[0]["account"] == "37.66 yuan"
    assert service(capsys, images, "proof", "purchase", done["transaction"])[0]["TAC"] == done["TAC"]
    assert len(service(capsys, images, "log")[1]["result"]) == 2
    assert service(capsys, images, "starting-day", "0901")[0] == {"starting day": "0901"}
    service(capsys, images, "change-pin", "--new-pin", "888888")
    assert service(capsys, images, "verify-pin", "--pin", "888888")[1]["pin_verified"]
    service(capsys, images, "reset-pin", "--new-pin", "654321")
    service(capsys, images, "unblock-pin")
    assert service(capsys, images, "verify-pin", "--pin", "654321")[1]["pin_verified"]
    service(capsys, images, "block-application", "DF03")
    service(capsys, images, "block-card")
    assert service(capsys, images, "identity", status=1)[1]["blocked"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["read"], "name the files"),
        (["read", "DF09EF01"], "no file"),
        (["write", "DF01EF07"], "write FILE:TAG=VALUE"),
        (["write", "DF01EF07:99=1"], "no item"),
        (["write", "DF01EF07=00"], "has items"),
        (["write", "DF01EF07:29=22"], "bytes"),
        (["purchase"], "amounts in yuan"),
        (["purchase", "1,50"], "in yuan"),
        (["purchase", "99999999.00"], "at most"),
        (["proof", "purchase"], "type and number"),
        (["starting-day", "9"], "mmdd"),
        (["block-application", "03"], "name the application"),
        (["identity", "DF01EF05"], "takes no further words"),
    ],
)
def test_wrong_words(words: list[str], message: str, images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong use is one sentence, and the card is not touched."""
    assert cardterm(["social", *images, "--service", *words]) == 2
    assert message in capsys.readouterr().err


TRANSACTION = ("transaction", "--application", "DF01", "--kind")


def test_transaction(images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """TRM-069, TRM-085: PIN, application and one kind of transaction, as the options choose them."""
    found, document = service(capsys, images, *TRANSACTION, "read", "DF01EF05")
    assert (found["application"], found["transaction"]) == ("公共应用信息区", "read")
    assert "registered address" in found
    assert document["pin_verified"]
    found, _ = service(capsys, images, *TRANSACTION, "write", "--role", "operator", "DF01EF07:29=2")
    assert found["transaction"] == "write"
    service(capsys, images, *TRANSACTION, "write", "DF01EF07:29=2", status=1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["transaction"], "nobody is at the terminal"),
        (["transaction", "--application", "DF01"], "nobody is at the terminal"),
        (["transaction", "--application", "DF0F", "--kind", "read", "DF01EF05"], "name an application"),
        (["transaction", "--application", "nothing", "--kind", "read", "DF01EF05"], "name an application"),
        ([*TRANSACTION, "read"], "name the files"),
        ([*TRANSACTION, "change-pin", "DF01EF05"], "takes no further words"),
    ],
)
def test_wrong_choices(words: list[str], message: str, images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong use is one sentence."""
    assert cardterm(["social", *images, "--service", *words]) == 2
    assert message in capsys.readouterr().err


def test_at_a_terminal(images: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """TRM-085: what no option names is asked for: the third application, the first kind."""
    monkeypatch.setattr("sys.stdin", Keyboard("3\n1\n"))
    found, _ = service(capsys, images, "transaction", "DF01EF05", "--pin", "123456")
    assert (found["application"], found["transaction"]) == ("公共应用信息区", "read")


class Keyboard(io.StringIO):
    """A person who types."""

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


def test_psam_that_lacks_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """TRM-197: the key file does its work, and the transcript says so; with --psam-only nobody does."""
    me, sam = str(tmp_path / "me.card"), str(tmp_path / "me.psam")
    assert cardsim(["new", me, "--seed", "7"]) == 0
    assert cardsim(["new", "--psam", sam, "--profile", "national-B1", "--seed", "7"]) == 0
    run = ["social", "--card", me, "--psam", sam, *NOW]
    assert cardterm(run) == 0
    assert "it computes in the place of the PSAM" in capsys.readouterr().out
    assert cardterm([*run, "--psam-only"]) == 1
    assert "RKSSSE" in capsys.readouterr().out
    assert cardterm(["social", "--card", me, *NOW, "--psam-only"]) == 2
    assert "needs a PSAM" in capsys.readouterr().err
