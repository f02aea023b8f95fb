"""The two PC/SC ways behind one face, and the processes that the tests run against them."""

import contextlib
import fcntl
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pytest

from cardsim.iso7816.card import Card
from cardsim.reader.pcsc.server import VARIABLE, PcscServer
from cardsim.reader.slot import Slot, reader_name
from cardsim.reader.trace import PowerEvent
from cardsim.reader.vpcd import PORT, VpcdConnection

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 15.0
"""Seconds after which something that should have happened has not."""

PACKAGES = {
    "cardpeek": "cardpeek",
    "opensc-tool": "opensc",
    "pcsc_scan": "pcsc-tools",
    "scriptor": "pcsc-tools",
    "pcscd": "pcscd vsmartcard-vpcd",
}


def missing(reason: str) -> None:
    """Skip, or fail where CARDSIM_REQUIRE_PCSC=1 says that nothing may be missing."""
    if os.environ.get("CARDSIM_REQUIRE_PCSC") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str) -> str:
    """The path of a client, or the end of the test."""
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if found is None:
        missing(f"{name} is not installed: apt-get install {PACKAGES[name]}")
        raise AssertionError
    return found


class Station(ABC):
    """Two readers; the first holds the card when a test begins."""

    reader: str
    other_reader: str

    def __init__(self) -> None:
        self.power: list[PowerEvent] = []

    @property
    @abstractmethod
    def variables(self) -> dict[str, str]:
        """What clients need in their environment."""

    @abstractmethod
    def insert(self, card: Card, slot: int = 0) -> None:
        """Put a card in."""

    @abstractmethod
    def remove(self, slot: int = 0) -> None:
        """Take the card out."""

    @property
    def environment(self) -> dict[str, str]:
        """A whole environment for clients."""
        others = {name: value for name, value in os.environ.items() if name != VARIABLE}
        return others | {"LC_ALL": "C"} | self.variables

    def run(self, *command: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a client to its end."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    def _watch(self, event: PowerEvent, _atr: bytes) -> None:
        self.power.append(event)


class SocketStation(Station):
    """The service on a socket of this test's own."""

    reader, other_reader = reader_name(0), reader_name(1)

    def __init__(self) -> None:
        super().__init__()
        self.server = PcscServer([Slot(self.reader, on_power=self._watch), Slot(self.other_reader)])
        self.server.start()

    @property
    def variables(self) -> dict[str, str]:
        return self.server.environment

    def insert(self, card: Card, slot: int = 0) -> None:
        self.server.slots[slot].insert(card)

    def remove(self, slot: int = 0) -> None:
        self.server.slots[slot].remove()


class VpcdStation(Station):
    """The system's pcscd."""

    reader, other_reader = "Virtual PCD 00 00", "Virtual PCD 00 01"

    def __init__(self) -> None:
        super().__init__()
        self._connections: dict[int, VpcdConnection] = {}

    @property
    def variables(self) -> dict[str, str]:
        return {}

    def insert(self, card: Card, slot: int = 0) -> None:
        watch = self._watch if slot == 0 else None
        connection = self._connections[slot] = VpcdConnection(card, port=PORT + slot, on_power=watch)
        seen = len(self.power)
        connection.connect()
        connection.start()
        deadline = time.monotonic() + PATIENCE
        while watch is not None and len(self.power) == seen:  # until pcscd has powered the card
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def remove(self, slot: int = 0) -> None:
        if slot in self._connections:
            self._connections.pop(slot).remove()


def vpcd_listens() -> bool:
    """Whether vpcd waits at its first port: looked up, because a connection would be a card."""
    wanted = f":{PORT:04X}"
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == "0A":
                return True
    return False


def _until_vpcd_listens(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not vpcd_listens():
        if process.poll() is not None or time.monotonic() > deadline:
            missing("pcscd started, but vpcd does not listen: apt-get install vsmartcard-vpcd")
        time.sleep(0.05)


def _lock_file() -> IO[bytes]:
    """The file that users of vpcd lock, whoever made it: to lock it, reading is enough."""
    path = Path(tempfile.gettempdir()) / "cardsim-vpcd.lock"
    try:
        return path.open("rb")
    except FileNotFoundError:
        path.open("ab").close()
        path.chmod(0o644)
        return path.open("rb")


@contextlib.contextmanager
def pcscd() -> Iterator[None]:
    """The system's pcscd with vpcd, for one user at a time; started here where none runs, and ended then."""
    path = program("pcscd")
    with _lock_file() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if vpcd_listens():
            yield
            return
        if os.geteuid() != 0:
            missing("pcscd does not run, and only root may start it: sudo pcscd --foreground")
        process = subprocess.Popen([path, "--foreground"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _until_vpcd_listens(process)
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Process:
    """A client that runs while the test goes on; its output arrives line by line."""

    def __init__(self, station: Station, *command: str) -> None:
        self.process = subprocess.Popen(
            command, env=station.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def line(self, timeout: float = PATIENCE) -> str:
        """The next line of output, or `queue.Empty`."""
        return self._lines.get(timeout=timeout)

    def until(self, text: str, timeout: float = PATIENCE) -> list[str]:
        """Read lines up to the first that holds the text."""
        deadline, seen = time.monotonic() + timeout, list[str]()
        while True:
            try:
                seen.append(self.line(max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"no {text!r} after {timeout} s; there was:\n{''.join(seen)}")
            if text in seen[-1]:
                return seen

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


class Client(Process):
    """The pyscard client of `agent`, its context established."""

    def __init__(self, station: Station) -> None:
        super().__init__(station, sys.executable, str(Path(__file__).with_name("agent.py")))
        assert self.call("establish") == [0]

    def ask(self, operation: str, *arguments: int | str) -> None:
        """Send an operation whose answer comes later."""
        self.send(json.dumps([operation, *arguments]))

    def answer(self, timeout: float = PATIENCE) -> list[Any]:
        """The answer to the oldest open question."""
        return list(json.loads(self.line(timeout)))

    def call(self, operation: str, *arguments: int | str) -> list[Any]:
        self.ask(operation, *arguments)
        return self.answer()
