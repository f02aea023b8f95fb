"""`cardterm social` with its services, from the command line to the card image."""

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
