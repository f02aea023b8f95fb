"""Cards in readers for as long as a command runs, or until Ctrl-C: what `cardsim serve` and `cardterm record` share."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from cardsim.commandline import Exit, UsageError
from cardsim.iso7816.card import Card
from cardsim.reader.errors import ReaderError
from cardsim.reader.pcsc.server import VARIABLE, PcscServer
from cardsim.reader.slot import Slot, reader_name
from cardsim.reader.trace import ApduHook, PowerEvent, PowerHook
from cardsim.reader.vpcd import PORT, VpcdConnection

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LOOK: Final = 0.25
"""Seconds between two looks at whether the reader is still there."""

_PATIENCE: Final = 5.0
"""Seconds that pcscd gets to power a card; without it clients would come too early, and be told that there is none."""


@dataclass(frozen=True, slots=True)
class Served:
    """A card for a reader, and who is told what happens to it."""

    card: Card
    on_apdu: ApduHook | None = None
    on_power: PowerHook | None = None


@dataclass(frozen=True, slots=True)
class Readers:
    """What clients need in their environment, where they find the cards, and what may be lost."""

    environment: Mapping[str, str]
    names: tuple[str, ...]
    slots: tuple[Slot, ...] = ()
    """Readers of a service of our own; pcscd's do not tell about their clients."""
    connections: tuple[VpcdConnection, ...] = ()

    def check(self) -> None:
        """Say so if a reader is gone.

        Raises:
            ReaderError: it is.
        """
        for connection in self.connections:
            if connection.lost:
                connection.wait(0)

    @property
    def lost(self) -> bool:
        """Whether one is gone."""
        return any(connection.lost for connection in self.connections)


def put_in(stack: contextlib.ExitStack, cards: Sequence[Served], *, via: str, socket: str | None) -> Readers:
    """Put cards into readers until the stack is closed: `socket`, a service of our own, or `vpcd`, the system's pcscd.

    Raises:
        UsageError: the socket cannot be made.
        ReaderError: vpcd is not there, or its slot is taken.
    """
    if via == "vpcd":
        connections = tuple(_connect(stack, number, served) for number, served in enumerate(cards))
        names = tuple(reader_name(slot, "Virtual PCD") for slot in range(len(cards)))
        return Readers({}, names, connections=connections)
    slots = [
        Slot(reader_name(number), served.card, on_apdu=served.on_apdu, on_power=served.on_power)
        for number, served in enumerate(cards)
    ]
    try:
        server = stack.enter_context(PcscServer(slots, Path(socket) if socket else None))
    except ReaderError as error:
        raise UsageError(str(error)) from error
    return Readers(server.environment, tuple(slot.name for slot in slots), tuple(slots))


def _connect(stack: contextlib.ExitStack, slot: int, served: Served) -> VpcdConnection:
    """A card in vpcd. pcscd shows it to clients once it has powered it, which takes part of a second."""
    powered = threading.Event()

    def on_power(event: PowerEvent, atr: bytes) -> None:
        if served.on_power is not None:
            served.on_power(event, atr)
        powered.set()

    connection = VpcdConnection(served.card, port=PORT + slot, on_apdu=served.on_apdu, on_power=on_power)
    stack.enter_context(connection)
    deadline = time.monotonic() + _PATIENCE
    while not powered.wait(_LOOK) and not connection.lost and time.monotonic() < deadline:
        continue
    return connection


class Ending:
    """What asks for the end: signals. A running command is told of SIGTERM; of Ctrl-C the terminal tells it itself."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.number = signal.SIGTERM
        self._child: subprocess.Popen[bytes] | None = None

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The handler."""
        if self._child is None:
            self.number = signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
            self.asked.set()
        elif number != signal.SIGINT:
            self._child.terminate()

    def wait_for(self, child: "subprocess.Popen[bytes]") -> int:
        """The exit status of a command, whatever signals come meanwhile."""
        self._child = child
        if self.asked.is_set():
            child.send_signal(self.number)  # it came while the command was started, which may have missed it
        try:
            return child.wait()
        finally:
            self._child = None


@contextlib.contextmanager
def awaited_end() -> Iterator[Ending]:
    """Signals that end the serving, taken as long as the context lasts."""
    ending = Ending()
    previous: dict[int, Callable[[int, FrameType | None], object] | int | None] = {
        number: signal.signal(number, ending.on_signal) for number in _SIGNALS
    }
    try:
        yield ending
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def run_command(argv: Sequence[str], readers: Readers, ending: Ending) -> int:
    """Run a command with the readers in its environment, and hand on its exit status.

    Raises:
        UsageError: it cannot be run.
    """
    if ending.asked.is_set():
        return 128 + ending.number
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE} | dict(readers.environment)
    try:
        child = subprocess.Popen(argv, env=environment)
    except OSError as error:
        raise UsageError(f"{argv[0]} cannot be run: {error.strerror}") from error
    status = ending.wait_for(child)
    return status if status >= 0 else 128 - status


def wait_for_end(readers: Readers, ending: Ending, program: str) -> int:
    """Stay until SIGTERM or Ctrl-C, which take the card out cleanly, or until a reader is gone."""
    for name, value in readers.environment.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.flush()
    sys.stderr.write(f"{program}: in {', '.join(readers.names)}; Ctrl-C takes it out\n")
    sys.stderr.flush()
    while not ending.asked.wait(_LOOK if readers.connections else None):
        if readers.lost:
            break
    return Exit.OK
