"""A person at the keyboard of this machine as a PIN pad's holder."""

import os
import select
import sys
import termios
from typing import Final

from terminal.effects import PinEntry
from terminal.errors import PinTimeout

_LONGEST_LINE: Final = 256


class Keyboard:
    """Asks for PINs, unseen, for some seconds each, until `stop`.

    Args:
        terminal: file descriptor of a terminal (tty).
        seconds: how long a prompt waits for an entry.
    """

    def __init__(self, terminal: int, seconds: float) -> None:
        self._terminal = terminal
        self._seconds = seconds
        self._stopped, self._stop = os.pipe()

    def stop(self) -> None:
        """No entry any more: a prompt that waits is cancelled, and so is each one after it."""
        os.write(self._stop, b"\0")

    def __call__(self, request: PinEntry) -> str | None:
        """What is entered; None where that is nothing.

        Raises:
            PinTimeout: nobody entered anything in time.
        """
        before = termios.tcgetattr(self._terminal)
        unseen = [*before]
        unseen[3] = before[3] & ~(termios.ECHO | termios.ECHONL)
        try:
            termios.tcsetattr(self._terminal, termios.TCSAFLUSH, unseen)
            sys.stdout.write(f"{request.prompt}: ")
            sys.stdout.flush()
            ready, _, _ = select.select([self._terminal, self._stopped], [], [], self._seconds)
            if not ready:
                raise PinTimeout("nobody entered a PIN")
            if self._stopped in ready:
                return None
            return os.read(self._terminal, _LONGEST_LINE).decode(errors="replace").rstrip("\r\n") or None
        finally:
            termios.tcsetattr(self._terminal, termios.TCSAFLUSH, before)
            sys.stdout.write("\n")
            sys.stdout.flush()
