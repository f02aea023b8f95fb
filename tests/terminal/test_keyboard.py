"""PINs at the keyboard of `cardterm service`, over a pseudo-terminal."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from cardsim.cli.main import main as cardsim
from terminal.cli.keyboard import Keyboard
from terminal.cli.main import main as cardterm
from terminal.effects import PinEntry, PinPurpose
from terminal.errors import PinTimeout

REQUEST = PinEntry(PinPurpose.CARD, "Social-security PIN")


@pytest.fixture(name="line")
def _line() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: the person's, and the program's."""
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def entered(line: tuple[int, int], text: bytes, seconds: float = 20) -> str | None:
    """What a prompt gives when someone types a text as soon as what is typed is not shown any more."""
    person, program = line

    def type_unseen() -> None:
        while termios.tcgetattr(program)[3] & termios.ECHO:
            time.sleep(0.001)
        os.write(person, text)

    typing = threading.Thread(target=type_unseen)
    typing.start()
    try:
        return Keyboard(program, seconds)(REQUEST)
    finally:
        typing.join()


def test_entry(line: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    """A line is the PIN, an empty one is none; nothing of it is shown."""
    assert entered(line, b"914273\n") == "914273"
    assert capsys.readouterr().out == "Social-security PIN: \n"
    assert entered(line, b"\n") is None
    os.set_blocking(line[0], False)
    with pytest.raises(BlockingIOError):
        os.read(line[0], 100)


def test_nobody(line: tuple[int, int]) -> None:
    """API-101: after its time the prompt ends, and the terminal shows again what is typed."""
    with pytest.raises(PinTimeout):
        Keyboard(line[1], 0.01)(REQUEST)
    os.write(line[0], b"x")
    assert os.read(line[0], 1) == b"x"


def test_stop(line: tuple[int, int]) -> None:
    """A prompt that stands when the service ends is cancelled, and so is the next."""
    keyboard = Keyboard(line[1], 20)
    stopping = threading.Timer(0.05, keyboard.stop)
    stopping.start()
    assert keyboard(REQUEST) is None
    assert keyboard(REQUEST) is None
    stopping.join()


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_service_ends_at_a_prompt(tmp_path: Path, line: tuple[int, int], number: signal.Signals) -> None:
    """Ctrl-C or SIGTERM while a holder is asked ends the service at once; the card loses its power."""
    card = tmp_path / "me.card"
    assert cardsim(["new", str(card)]) == 0
    words = ["service", "--card", str(card), "--port", "0"]
    command = [sys.executable, "-c", "from terminal.cli.main import run; run()", *words]
    with subprocess.Popen(command, stdin=line[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"ws://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        with connect(found[0]) as client:
            client.send('{"function": "iVerifyPIN", "iType": 3}')
            shown = ""
            while not shown.endswith("Social-security PIN: "):
                shown += process.stdout.read(1)
            process.send_signal(number)
            output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert "Card powered off\nService stopped" in output


@pytest.mark.parametrize("option", ["--pin", "--new-pin"])
@pytest.mark.parametrize("digits", ["123", "12a456", "1" * 17])
def test_options(tmp_path: Path, option: str, digits: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What no pad takes is wrong use."""
    assert cardterm(["service", "--card", str(tmp_path / "no.card"), option, digits]) == 2
    assert capsys.readouterr().err == f"cardterm: {option} takes 4 to 16 digits\n"
