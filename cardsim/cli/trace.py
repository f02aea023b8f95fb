"""The trace of `cardsim serve`: what happens at the contacts, one JSON object a line; PINs and keys are masked.

Every line has "time", "slot" and "event"; "power-on" and "reset" have the "atr" as well, and "apdu" has "command",
"response" and the "seconds" that the card took. The other event is "power-off".
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from cardsim.cli import PROGRAM
from cardsim.commandline import UsageError
from cardsim.decode import Environment
from cardsim.decode.commands import Session, masked_hex
from cardsim.reader.trace import ApduHook, PowerEvent, PowerHook

_EVENTS: Final = {PowerEvent.ON: "power-on", PowerEvent.RESET: "reset", PowerEvent.OFF: "power-off"}
_HOMES: Final = (Environment.CARD, Environment.PSAM)
"""What stands in each slot."""


class Trace:
    """Writes what readers tell. A file that cannot be written any more ends the trace, not the card session."""

    def __init__(self, file: IO[str] | None, *, show: bool) -> None:
        self._file = file
        self._show = show
        self._sessions: dict[int, Session] = {}
        self._lock = threading.Lock()

    def _session(self, slot: int) -> Session:
        """Slot 1 has the PSAM, whose commands are other ones."""
        return self._sessions.setdefault(slot, Session(_HOMES[slot]))

    def on_apdu(self, slot: int) -> ApduHook | None:
        """What the reader of a slot calls for each APDU; None where nobody listens."""
        if self._file is None:
            return None
        session = self._session(slot)

        def write(command: bytes, response: bytes, seconds: float) -> None:
            session.sent(command)
            shown = masked_hex(session.environment, command, show_secrets=self._show)
            line: dict[str, str | float] = {
                "command": shown,
                "response": response.hex().upper(),
                "seconds": round(seconds, 9),
            }
            self._write(slot, "apdu", line)
            if len(response) >= 2:
                session.answered(int.from_bytes(response[-2:], "big"))

        return write

    def on_power(self, slot: int) -> PowerHook | None:
        """What the reader of a slot calls for each power event."""
        if self._file is None:
            return None
        session = self._session(slot)

        def write(event: PowerEvent, atr: bytes) -> None:
            session.reset()
            self._write(slot, _EVENTS[event], {"atr": atr.hex().upper()} if event is not PowerEvent.OFF else {})

        return write

    def close(self) -> None:
        """Write no more."""
        with self._lock:
            self._file = None

    def _write(self, slot: int, event: str, more: dict[str, str | float]) -> None:
        line = json.dumps({"time": round(time.time(), 6), "slot": slot, "event": event, **more})
        with self._lock:
            if self._file is None:
                return
            try:
                self._file.write(line + "\n")
            except OSError as error:
                self._file = None
                sys.stderr.write(f"{PROGRAM}: the trace ends here, it cannot be written: {error.strerror}\n")


@contextlib.contextmanager
def open_trace(path: str | None, images: Sequence[Path], *, show: bool) -> Iterator[Trace]:
    """A trace that is appended to a file; without a path, one that nobody listens to.

    Raises:
        UsageError: the file cannot be written, or is one of the images.
    """
    if path is None:
        yield Trace(None, show=show)
        return
    target = Path(path)
    if target.exists() and any(target.samefile(image) for image in images):
        raise UsageError(f"{path} is the card image; name another file for the trace")
    try:
        stream = target.open("a", encoding="utf8", buffering=1)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    trace = Trace(stream, show=show)
    try:
        yield trace
    finally:
        trace.close()
        with contextlib.suppress(OSError):  # said when it happened
            stream.close()
