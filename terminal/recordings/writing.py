"""Writing what passes at the contacts of cards: each exchange is in the file before its answer is seen."""

import sys
import threading
from collections.abc import Callable
from typing import IO, Final, TypeVar

from cardsim.decode import Environment
from cardsim.decode.commands import masked_hex
from cardsim.decode.session import Session
from cardsim.iso7816.card import Card
from terminal.errors import LinkError
from terminal.links.recording import Head, Recorded, Stopwatch
from terminal.slots import Slot

_T = TypeVar("_T")

HOMES: Final = {Slot.CARD: Environment.CARD, Slot.PSAM: Environment.PSAM}
"""The environment that a session in each slot begins in."""


class Transcriber:
    """Writes a recording, one whole line for each event. A file that takes no more ends it, not the card session."""

    def __init__(self, file: IO[str], head: Head, *, show_secrets: bool = False) -> None:
        self._file: IO[str] | None = file
        self._show = show_secrets
        self._lock = threading.Lock()
        self.watch: Final = Stopwatch()
        self.commands = 0
        """APDUs that were written."""
        self.problem = ""
        """Why the recording ended early; nothing while it did not."""
        self._put(head.line())

    def around(self, card: Card, slot: Slot) -> "TappedCard":
        """The card, with every event written."""
        return TappedCard(card, slot, self)

    def write(self, event: Recorded) -> None:
        """Write an event."""
        self._put(event.line())
        self.commands += event.event == "apdu"

    def command_text(self, session: Session, command: bytes) -> str:
        """A command as it is recorded: PINs and keys are masked."""
        return masked_hex(session.environment, command, show_secrets=self._show)

    def _put(self, line: str) -> None:
        with self._lock:
            if self._file is None:
                return
            try:
                self._file.write(line + "\n")
                self._file.flush()
            except OSError as error:
                self._file = None
                self.problem = f"the recording ends early, it cannot be written: {error.strerror}"
                sys.stderr.write(f"cardterm: {self.problem}\n")


class TappedCard:
    """A card whose events are written. What passes is not changed, and nothing is added."""

    def __init__(self, card: Card, slot: Slot, transcriber: Transcriber) -> None:
        self._card = card
        self._slot = slot
        self._transcriber = transcriber
        self._session = Session(HOMES[slot])
        self.powered = False
        self.lost: LinkError | None = None
        """Why the card could not be reached, the first time that it could not."""

    def power_on(self) -> bytes:
        """As the card."""
        at = self._transcriber.watch.now()
        atr = self._reached(self._card.power_on)
        self.powered = True
        self._session.reset()
        self._transcriber.write(Recorded("power-on", "", atr.hex().upper(), self._slot, at=at))
        return atr

    def transmit(self, command: bytes) -> bytes:
        """As the card."""
        watch, session = self._transcriber.watch, self._session
        at = watch.now()
        response = self._reached(lambda: self._card.transmit(command))
        seconds = watch.now() - at
        session.sent(command)
        text = self._transcriber.command_text(session, command)
        self._transcriber.write(
            Recorded("apdu", text, response.hex().upper(), self._slot, at=at, seconds=seconds)
        )  # fmt: skip
        if len(response) >= 2:
            session.answered(int.from_bytes(response[-2:], "big"))
        return response

    def power_off(self) -> None:
        """As the card; once."""
        if not self.powered:
            return
        self.powered = False
        self._session.reset()
        at = self._transcriber.watch.now()
        self._reached(self._card.power_off)
        self._transcriber.write(Recorded("power-off", slot=self._slot, at=at))

    def _reached(self, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except LinkError as error:
            self.lost = self.lost or error
            raise
