"""`cardterm host`, and terminals that call it: addresses, wrong use, and real processes."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cardsim.cli.main import main as cardsim
from terminal.cli.main import main as cardterm
from terminal.hosts.bank.parameters import PARAMETERS

NOW = ["--now", "2026-11-21T12:00:00", "--seed", "1"]
COMMAND = [sys.executable, "-c", "from terminal.cli.main import run; run()", "host", "--listen", "127.0.0.1:0"]
PATIENCE = 30
OPENING = PARAMETERS.opening_balance


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card and its key file."""
    made = tmp_path_factory.mktemp("cards") / "me.card"
    assert cardsim(["new", str(made), "--seed", "7"]) == 0
    return made


@pytest.fixture
def card(shelf: Path, tmp_path: Path) -> Path:
    copy = tmp_path / shelf.name
    shutil.copy(shelf, copy)
    shutil.copy(f"{shelf}.keys.toml", f"{copy}.keys.toml")
    return copy


def pay(capsys: pytest.CaptureFixture[str], card: Path, *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert cardterm(["financial", "--card", str(card), "--pin", "123456", *NOW, "--json", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def asked(found: dict[str, Any]) -> list[tuple[str, bool, str]]:
    """Kind, whether the host was reached, and the response code of each message to the bank's host."""
    events = [event for event in found["transcript"] if event["event"] == "host"]
    return [(event["message"], event["reached"], event["response_code"]) for event in events]


def balance(found: dict[str, Any]) -> int:
    """What the terminal showed of the account, in fen."""
    said = [event["message"] for event in found["transcript"] if event["event"] == "display"]
    match = next(
        match for text in said if (match := re.fullmatch(r"Available balance: ([0-9]+)\.([0-9]{2}) yuan", text))
    )
    return int(match[1] + match[2])


@contextmanager
def hosts(*options: str) -> Iterator[tuple[dict[str, str], "subprocess.Popen[str]"]]:
    """A process of `cardterm host` and where its hosts listen."""
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            places = {}
            assert process.stdout is not None
            for line in process.stdout:
                name, _, place = line.strip().partition(" listens on ")
                places[name] = place
                if name == "switch":
                    break
            yield places, process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.process
def test_a_terminal_and_hosts_in_two_processes(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bank, department and switch in a process of their own: a terminal pays at the bank and over the switch, and a
    signal ends the process well."""
    storage = f"{card}.storage"
    with hosts("--keys", f"{card}.keys.toml") as (places, process):
        assert list(places) == ["bank 01020000", "social", "switch"]
        for name in ("bank 01020000", "switch"):
            found = pay(capsys, card, "--host", places[name], "--storage", storage)
            assert found["verdict"] == "approved"
            assert all(reached and arc == "00" for _, reached, arc in asked(found))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    found = pay(capsys, card, "--host", places["switch"], "--storage", storage)
    assert found["verdict"] == "declined"
    assert not any(reached for _, reached, _ in asked(found))


@pytest.mark.process
def test_books_survive_a_kill(card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was posted before SIGKILL is there afterwards: the balance of an inquiry shows it."""
    options = ("--keys", f"{card}.keys.toml", "--books", str(tmp_path / "books"))
    with hosts(*options) as (places, process):
        assert pay(capsys, card, "--host", places["bank 01020000"], "--amount", "12.34")["verdict"] == "approved"
        process.kill()
        process.wait(PATIENCE)
    with hosts(*options) as (places, process):
        later = ["--now", "2026-11-22T12:00:00"]
        found = pay(capsys, card, "--host", places["bank 01020000"], "--type", "inquiry", *later)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert found["verdict"] == "approved"
    assert balance(found) == OPENING - 1234


def test_books_in_process(card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a line the books are in process, and `--books` keeps them from run to run."""
    books = ["--books", str(tmp_path / "books")]
    assert pay(capsys, card, "--amount", "12.34", *books)["verdict"] == "approved"
    found = pay(capsys, card, "--type", "inquiry", "--now", "2026-11-22T12:00:00", *books)
    assert balance(found) == OPENING - 1234
    assert balance(pay(capsys, card, "--type", "inquiry")) == OPENING


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["host"], "a bank needs its keys"),
        (["host", "social"], "[ssse]"),
        (["host", "switch", "--listen", "8583"], "--listen 8583: write the address as HOST:PORT"),
        (["host", "--keys", "KEYS", "--listen", "127.0.0.1:65535"], "3 hosts need as many ports"),
        (["host", "--keys", "none.toml"], "none.toml"),
        (["host", "switch", "--bank", "1=x:1"], "write it as CODE=HOST:PORT"),
        (["host", "switch", "--bank", "99999999=x:1"], "the network has no bank 99999999"),
        (["host", "switch", "--books", "nonsense://x"], "this is no URL of a database"),
        (["host", "switch", "--network", "none.toml"], "No such file"),
        (["financial", "--card", "CARD", "--host", "here"], "--host here: write the address as HOST:PORT"),
        (["social", "--card", "CARD", "--social-host", "here"], "--social-host here"),
        (["financial", "--card", "CARD", "--timeout", "0"], "--timeout 0"),
        (["financial", "--card", "CARD", "--books", "/none/here"], "the books cannot be opened"),
    ],
)
def test_wrong_use(options: list[str], text: str, card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2 and one sentence."""
    words = {"KEYS": f"{card}.keys.toml", "CARD": str(card)}
    assert cardterm([words.get(option, option) for option in options]) == 2
    captured = capsys.readouterr()
    assert text in captured.err
    assert len(captured.err.splitlines()) == 1


def test_an_address_in_use(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 3: the address cannot be had."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert cardterm(["host", "switch", "--listen", place]) == 3
    assert re.search(r"in use", capsys.readouterr().err)


def test_no_database_for_those_who_ask_no_host(card: Path) -> None:
    """A terminal run that asks no host loads no database, and neither does --help."""
    for words in (["--help"], ["social", "--card", str(card)]):
        script = (
            "import sys; from terminal.cli.main import main\n"
            "try: main(sys.argv[1:])\n"
            "finally: assert 'sqlalchemy' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", script, *words], check=True, capture_output=True, timeout=PATIENCE)
