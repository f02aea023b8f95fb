"""Both commands as processes, and a card image that one of them serves."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cardsim.assembly import open_card
from cardsim.reader.pcsc.server import VARIABLE
from cardsim.reader.slot import reader_name
from tests.reader.client import Client

ROOT: Final = Path(__file__).resolve().parents[2]
ATR: Final = bytes.fromhex("3B6D000000814A444686605199000001AC")
SELECT_SSSE: Final = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
PATIENCE: Final = 30.0
COMMANDS: Final = {"cardsim": "cardsim.cli.main", "cardterm": "terminal.cli.main"}
PROFILES: Final = (
    "bank",
    "bank-cda",
    "bank-debit",
    "bank-sda",
    "dual-2.0-des",
    "dual-3.0-des",
    "dual-3.0-sm4",
    "social-1.0",
    "social-2.0",
)


def environment(**more: str) -> dict[str, str]:
    """What the processes find in their environment: the tree's own packages, and no reader."""
    kept = {name: value for name, value in os.environ.items() if name != VARIABLE}
    return kept | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"} | more


def command(program: str, *words: str | Path) -> list[str]:
    """The words that start one of the two commands."""
    return [sys.executable, "-m", COMMANDS[program], *map(str, words)]


def run(program: str, *words: str | Path, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one of the two commands to its end."""
    return subprocess.run(
        command(program, *words),
        env=environment(**more),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def assert_one_sentence(status: int, out: str, err: str, expected: int = 2) -> str:
    """Bad input: the exit status, nothing on standard output, one line on standard error; returns that."""
    assert (status, out) == (expected, ""), err
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert err.startswith(("cardsim", "cardterm"))
    assert "Traceback" not in err
    return err


def assert_free(path: Path) -> None:
    """Nobody holds the image any more, and its card starts."""
    with open_card(path) as card:
        assert card.power_on() == ATR


class Serving:
    """`cardsim serve IMAGE`, in a process group of its own, until the block ends."""

    def __init__(self, image: Path, *words: str | Path) -> None:
        self.image = image
        self.process = subprocess.Popen(
            command("cardsim", "serve", image, *words),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.first_line = self.line()

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    @property
    def socket(self) -> Path:
        """Where its clients connect."""
        words = shlex.split(self.first_line)
        assert words[0] == "export", self.first_line
        return Path(words[1].removeprefix(f"{VARIABLE}="))

    def end(self, number: signal.Signals = signal.SIGTERM, *, group: bool = False) -> tuple[int, str, str]:
        """Send a signal; exit status, and what else came on standard output and error."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def client(self, slot: int = 0) -> "CardClient":
        """A client with the card in a slot."""
        return CardClient(self.socket, slot)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        if self.first_line.startswith("export ") and self.socket.parent.name.startswith("cardsim-"):
            shutil.rmtree(self.socket.parent, ignore_errors=True)  # what a killed process leaves behind


class CardClient(Client):
    """A client of the protocol that is connected to the card in one reader."""

    def __init__(self, path: Path, slot: int = 0) -> None:
        super().__init__(path, timeout=PATIENCE)
        self._card = self.establish().handle(reader_name(slot))

    def apdu(self, command: bytes | str) -> bytes:
        """One command; an error of the service ends the test."""
        status, response = self.transmit(self._card, bytes.fromhex(command) if isinstance(command, str) else command)
        assert status == 0, hex(status)
        return response
