"""`cardterm full --service …` on a card image: options, documents, exit statuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cardsim.cli.main import main as cardsim
from terminal.cli.main import main

NOW = ["--now", "2026-11-21T12:00:00", "--seed", "1", "--pin", "123456"]
FEES = ["--fee", "门诊费=300.00:covered", "--fee", "特需服务=12.34:own"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card made once."""
    path = tmp_path_factory.mktemp("full") / "me.card"
    assert cardsim(["new", str(path), "--seed", "3"]) == 0
    return path


@pytest.fixture
def image(made: Path, tmp_path: Path) -> str:
    """A private copy with its key file."""
    for name in ("me.card", "me.card.keys.toml"):
        shutil.copy(made.parent / name, tmp_path / name)
    return str(tmp_path / "me.card")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and document."""
    capsys.readouterr()
    status = main(["full", *arguments, *NOW, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return status, document


def test_a_bill(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-086: what was settled, by whom it was paid, and both references, in the document."""
    status, found = run(capsys, "--card", image, "--service", "settle", *FEES, "--expect", "approved")
    assert (status, found["verdict"], found["service"]["end"]) == (0, "passed", "done")
    amounts = found["service"]["amounts"]
    assert amounts["paid by the bank"] == 16000 + 1234
    assert sum(amounts[part] for part in ("personal account", "personal share", "pooled fund", "own expense")) == 31234
    assert found["service"]["references"]["bank"] == found["financial"]["reference"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bill.csv", "门诊费,300.00,covered\n特需服务,12.34,own\n"),
        ("bill.toml", '[fees]\n"门诊费" = "300.00:covered"\n"特需服务" = "12.34:own"\n'),
    ],
)
def test_a_bill_in_a_file(name: str, text: str, image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same fees from a file."""
    path = tmp_path / name
    path.write_text(text, encoding="utf8")
    status, found = run(capsys, "--card", image, "--service", "settle", "--bill-file", str(path))
    assert status == 0
    assert found["service"]["amounts"]["paid by the bank"] == 16000 + 1234


def test_a_decline_is_no_failure_but_for_who_expects_another_end(
    image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """SCHEME-088: the bank is not reached, the rest is open: exit 0, and 1 with --expect approved."""
    options = ["--card", image, "--service", "settle", *FEES, "--offline"]
    status, found = run(capsys, *options)
    assert (status, found["verdict"], found["service"]["end"]) == (0, "declined", "open")
    assert run(capsys, *options, "--expect", "approved")[0] == 1


def test_a_credential(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-065: the certificates are in the document; the bank's side was not used."""
    status, found = run(capsys, "--card", image, "--service", "identity", "--business", "transfer")
    assert (status, found["verdict"], found["financial"]) == (0, "passed", None)
    assert len(found["service"]["items"]) == 4


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--service", "settle"], "a bill has fees"),
        (["--service", "settle", "--fee", "x=1.234"], "--fee x=1.234: write it as"),
        (["--service", "settle", "--bill-file", "none.csv"], "none.csv"),
        (["--service", "query", "--query", "nothing"], "there are card, employment"),
        (["--service", "login", "--business", "nothing"], "there are employment-service"),
        (["--service", "login", "--field", "x"], "--field x: write it as"),
        (["--service", "identity", "--business", "transfer", "--region", "none.toml"], "none.toml"),
    ],
)
def test_wrong_use_is_one_sentence(
    options: list[str], problem: str, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and the card is not touched."""
    assert main(["full", "--card", image, *options]) == 2
    captured = capsys.readouterr()
    assert problem in captured.err
    assert captured.out == ""


def test_benefits_reach_the_account_of_a_holder_whom_both_hosts_know(
    image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """SCHEME-080: hosts in process know the holder from the key file, and the bank compares name and number."""
    status, found = run(capsys, "--card", image, "--service", "benefits")
    assert (status, found["service"]["end"]) == (0, "done")
    assert found["financial"]["result"] == "approved"


def test_a_log_in_with_a_card_that_no_counter_has_seen(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-068: the register has the card from the key file, so EF06 need not be read."""
    status, found = run(capsys, "--card", image, "--service", "login")
    assert (status, found["service"]["end"]) == (0, "done")


def test_one_pin_pays_several_contributions(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-075, SCHEME-076: each payment asks for the PIN again; `--pin` answers each time."""
    status, found = run(capsys, "--card", image, "--service", "contribute", "--pin", "123456")
    assert (status, found["service"]["end"]) == (0, "done")
    assert len(found["service"]["references"]) > 1


def test_a_plain_card_is_a_credential_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SCHEME-074, SCHEME-028: a card without PSE, whose key file knows no bank, at the same terminal."""
    image, sam = tmp_path / "plain.card", tmp_path / "sam"
    assert cardsim(["new", str(image), "--profile", "social-2.0"]) == cardsim(["new", "--psam", str(sam)]) == 0
    cards = ("--card", str(image), "--psam", str(sam))
    status, found = run(capsys, *cards, "--service", "identity", "--business", "transfer")
    assert (status, found["service"]["end"]) == (0, "done")
