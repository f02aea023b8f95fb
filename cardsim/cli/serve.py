"""`cardsim serve`: a card in a reader, until Ctrl-C or as long as a command runs."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from cardsim.assembly import CardModel, open_card
from cardsim.chip.image import ImageError
from cardsim.commandline import Exit, UsageError
from cardsim.decode.commands import Session, masked_hex
from cardsim.reader.errors import ReaderError
from cardsim.reader.pcsc.server import PcscServer
from cardsim.reader.slot import Slot, reader_name
from cardsim.reader.vpcd import VpcdConnection

_VPCD_PORT = 35963
Hook = Callable[[bytes, bytes, float], None]


def serve(asked: argparse.Namespace) -> int:
    """Open the cards, put them into readers, and wait."""
    with contextlib.ExitStack() as stack:
        try:
            images = [asked.image] + ([asked.psam] if asked.psam else [])
            cards = [stack.enter_context(open_card(Path(image), seed=asked.seed)) for image in images]
            trace = _Trace(stack.enter_context(_open_trace(asked.trace)), show=asked.show_secrets)
            environment = _put_in(stack, asked, cards, trace)
        except ImageError as error:
            raise UsageError(str(error)) from error
        except ReaderError as error:
            sys.stderr.write(f"cardsim: {error}\n")
            return Exit.UNREACHABLE
        return _run(asked.argv, environment) if asked.argv else _wait(environment)


def _put_in(
    stack: contextlib.ExitStack, asked: argparse.Namespace, cards: list[CardModel], trace: "_Trace"
) -> dict[str, str]:
    """The readers; returns what clients need in their environment."""
    if asked.via == "vpcd":
        if asked.socket:
            raise UsageError("--socket belongs to --via socket")
        for slot, card in enumerate(cards):
            stack.enter_context(VpcdConnection(card, port=_VPCD_PORT + slot, on_apdu=trace.hook(slot)))
        return {}
    slots = [Slot(reader_name(slot), card, on_apdu=trace.hook(slot)) for slot, card in enumerate(cards)]
    server = PcscServer(slots, Path(asked.socket) if asked.socket else None)
    stack.enter_context(server)
    return dict(server.environment)


@contextlib.contextmanager
def _open_trace(path: str | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    try:
        stream = Path(path).open("a", encoding="utf8", buffering=1)  # noqa: SIM115 - the with follows
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    with stream:
        yield stream


class _Trace:
    """Writes exchanges as JSON lines; secrets are masked unless the user asked for them."""

    def __init__(self, file: IO[str] | None, *, show: bool) -> None:
        self._file = file
        self._show = show
        self._lock = threading.Lock()

    def hook(self, slot: int) -> Hook | None:
        """What a reader calls for each APDU; None where nobody listens."""
        if self._file is None:
            return None
        file, session = self._file, Session()

        def write(command: bytes, response: bytes, seconds: float) -> None:
            session.sent(command)
            line: dict[str, Any] = {
                "time": round(time.time(), 6),
                "slot": slot,
                "command": masked_hex(session.environment, command, show_secrets=self._show),
                "response": response.hex().upper(),
                "seconds": round(seconds, 9),
            }
            if len(response) >= 2:
                session.answered(int.from_bytes(response[-2:], "big"))
            with self._lock:
                file.write(json.dumps(line) + "\n")

        return write


def _run(argv: list[str], environment: dict[str, str]) -> int:
    """Run a command with the reader in its environment, and hand on its exit status."""
    try:
        child = subprocess.Popen(argv, env={**os.environ, **environment})
    except OSError as error:
        raise UsageError(f"{argv[0]} cannot be run: {error.strerror}") from error
    previous = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        status = child.wait()
    except KeyboardInterrupt:
        status = child.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)
    return status if status >= 0 else 128 - status


def _wait(environment: dict[str, str]) -> int:
    """Stay until SIGTERM or Ctrl-C; both take the card out cleanly."""
    for name, value in environment.items():
        sys.stdout.write(f"export {name}={value}\n")
    sys.stdout.flush()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    return Exit.OK
