"""`cardsim serve`: a card in a reader, until Ctrl-C or as long as a command runs."""

import argparse
import contextlib
import logging
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

from cardsim.assembly import CardModel, SamModel, copy_of, copy_of_psam, open_card, open_psam
from cardsim.chip.image import ImageError
from cardsim.cli import PROGRAM
from cardsim.cli.trace import Trace, open_trace
from cardsim.commandline import Exit, UsageError, image_path
from cardsim.iso7816.card import Card
from cardsim.reader.errors import ReaderError
from cardsim.reader.pcsc.server import VARIABLE, PcscServer
from cardsim.reader.slot import Slot, reader_name
from cardsim.reader.trace import PowerEvent
from cardsim.reader.vpcd import PORT, VpcdConnection

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LOOK: Final = 0.25
"""Seconds between two looks at whether the reader is still there."""


_PATIENCE: Final = 5.0
"""Seconds that pcscd gets to power a card; without it clients would come too early, and be told that there is none."""


def serve(asked: argparse.Namespace) -> int:
    """Open the cards, put them into readers, and wait."""
    logging.basicConfig(format=f"{PROGRAM}: %(message)s", level=logging.WARNING)
    # A lost connection is the reason for exit 3 and is said there.
    logging.getLogger(VpcdConnection.__module__).setLevel(logging.ERROR)
    paths = _images(asked)
    with _ending() as ending:
        try:
            with contextlib.ExitStack() as stack:
                spoil = _defect(asked.defect, psam=bool(asked.psam))
                card = stack.enter_context(_card(paths[0], asked.seed))
                psams = [stack.enter_context(_psam(path, asked.seed)) for path in paths[1:]]
                spoil(card, *psams)
                cards: list[Card] = [card, *psams]
                trace = stack.enter_context(open_trace(asked.trace, paths, show=asked.show_secrets))
                readers = _put_in(stack, asked, cards, trace)
                status = _run(asked.argv, readers, ending) if asked.argv else _wait(readers, ending)
                readers.check()
                return status
        except ImageError as error:
            raise UsageError(str(error)) from error
        except ReaderError as error:
            sys.stderr.write(f"{PROGRAM}: {error}\n")
            return Exit.UNREACHABLE


def _defect(text: str | None, *, psam: bool) -> Callable[..., None]:
    """What puts a named fault into the card that it belongs to; nothing where none is asked for."""
    if text is None:
        return lambda *_cards: None
    from cardsim.defects import DefectError, Side, apply_defect, find_defect

    try:
        defect = find_defect(text)
    except DefectError as error:
        raise UsageError(str(error)) from error
    if defect.side is not Side.PSAM:
        return lambda card, *_psam: apply_defect(card, defect)
    if not psam:
        raise UsageError(f"the defect {defect.name} is one of the PSAM; put one in with --psam")
    return lambda _card, psam: apply_defect(psam, defect)


def _images(asked: argparse.Namespace) -> list[Path]:
    if asked.via == "vpcd" and asked.socket:
        raise UsageError("--socket belongs to --via socket")
    paths = [image_path(asked.image)]
    if asked.psam:
        paths.append(image_path(asked.psam))
        if all(path.exists() for path in paths) and paths[0].samefile(paths[1]):
            raise UsageError(f"{paths[1]} is in slot 0 already; the PSAM is a card of its own")
    return paths


@contextlib.contextmanager
def _card(path: Path, seed: int | None) -> Iterator[CardModel]:
    """A user card's image, opened only if its content makes sense."""
    with open_card(path, seed=seed) as card:
        _try(path, copy_of)
        yield card


@contextlib.contextmanager
def _psam(path: Path, seed: int | None) -> Iterator[SamModel]:
    """A PSAM's image, opened only if its content makes sense."""
    with open_psam(path, seed=seed) as psam:
        _try(path, copy_of_psam)
        yield psam


def _try(path: Path, copy: Callable[[Path], Card]) -> None:
    """Judge an image's content on a copy, so that the file is not touched."""
    try:
        copy(path).power_on()
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{path} is damaged: its card does not start; restore it from a copy") from error


@dataclass(frozen=True, slots=True)
class _Readers:
    """What clients need in their environment, where they find the cards, and what may be lost."""

    environment: Mapping[str, str]
    names: tuple[str, ...]
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


def _put_in(stack: contextlib.ExitStack, asked: argparse.Namespace, cards: Sequence[Card], trace: Trace) -> _Readers:
    if asked.via == "vpcd":
        connections = tuple(_connect(stack, slot, card, trace) for slot, card in enumerate(cards))
        return _Readers({}, tuple(reader_name(slot, "Virtual PCD") for slot in range(len(cards))), connections)
    slots = [
        Slot(reader_name(number), card, on_apdu=trace.on_apdu(number), on_power=trace.on_power(number))
        for number, card in enumerate(cards)
    ]
    try:
        server = stack.enter_context(PcscServer(slots, Path(asked.socket) if asked.socket else None))
    except ReaderError as error:
        raise UsageError(str(error)) from error
    return _Readers(server.environment, tuple(slot.name for slot in slots))


def _connect(stack: contextlib.ExitStack, slot: int, card: Card, trace: Trace) -> VpcdConnection:
    """A card in vpcd. pcscd shows it to clients once it has powered it, which takes part of a second."""
    powered, told = threading.Event(), trace.on_power(slot)

    def on_power(event: PowerEvent, atr: bytes) -> None:
        if told is not None:
            told(event, atr)
        powered.set()

    connection = VpcdConnection(card, port=PORT + slot, on_apdu=trace.on_apdu(slot), on_power=on_power)
    stack.enter_context(connection)
    deadline = time.monotonic() + _PATIENCE
    while not powered.wait(_LOOK) and not connection.lost and time.monotonic() < deadline:
        continue
    return connection


class _Ending:
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
def _ending() -> Iterator[_Ending]:
    ending = _Ending()
    previous: dict[int, Callable[[int, FrameType | None], object] | int | None] = {
        number: signal.signal(number, ending.on_signal) for number in _SIGNALS
    }
    try:
        yield ending
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _run(argv: list[str], readers: _Readers, ending: _Ending) -> int:
    """Run a command with the readers in its environment, and hand on its exit status."""
    if ending.asked.is_set():
        return 128 + ending.number
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE} | dict(readers.environment)
    try:
        child = subprocess.Popen(argv, env=environment)
    except OSError as error:
        raise UsageError(f"{argv[0]} cannot be run: {error.strerror}") from error
    status = ending.wait_for(child)
    return status if status >= 0 else 128 - status


def _wait(readers: _Readers, ending: _Ending) -> int:
    """Stay until SIGTERM or Ctrl-C, which take the card out cleanly, or until a reader is gone."""
    for name, value in readers.environment.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.flush()
    sys.stderr.write(f"{PROGRAM}: in {', '.join(readers.names)}; Ctrl-C takes it out\n")
    sys.stderr.flush()
    while not ending.asked.wait(_LOOK if readers.connections else None):
        if readers.lost:
            break
    return Exit.OK
