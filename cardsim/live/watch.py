"""From the hooks of the readers to those who want to know: a trace, a page, or both."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from cardsim.decode import Environment
from cardsim.decode.decoder import Decoded, Decoder
from cardsim.reader.trace import ApduHook, PowerEvent, PowerHook

_log = logging.getLogger(__name__)

HOMES: Final = (Environment.CARD, Environment.PSAM)
"""What stands in each slot."""

EVENT_NAMES: Final = {PowerEvent.ON: "power-on", PowerEvent.RESET: "reset", PowerEvent.OFF: "power-off"}
"""Power events as traces and pages name them."""


class Listener(Protocol):
    """Someone who is told what happens at the contacts, on the thread that serves the reader."""

    what: str
    """What it is, for the sentence that says that it has ended."""

    def exchanged(self, slot: int, one: Decoded, seconds: float, at: float) -> None:
        """A command was answered; `seconds` is how long the card took, `at` the time of day (seconds since 1970)."""

    def power(self, slot: int, event: PowerEvent, atr: bytes, at: float) -> None:
        """The card was powered on, reset or powered off; a mute one has no ATR."""


class Watch:
    """The hooks of all slots, and the decoder of each.

    One who listens and fails is told nothing more; a session that cannot be decoded is told to nobody any more. The
    card goes on undisturbed.

    Args:
        listeners: who is told.
        show: whether PINs and key data of commands are shown.
    """

    def __init__(self, listeners: Sequence[Listener], *, show: bool = False) -> None:
        self._listeners = list(listeners)
        self._decoders = tuple(Decoder(home, show_secrets=show) for home in HOMES)

    def on_apdu(self, slot: int) -> ApduHook | None:
        """What the reader of a slot calls for each APDU; None where nobody listens."""
        if not self._listeners:
            return None
        decoder = self._decoders[slot]

        def tell(command: bytes, response: bytes, seconds: float) -> None:
            at = time.time()
            try:
                one = decoder.exchange(command, response)
            except Exception:
                self._listeners = []
                _log.exception("what is exchanged cannot be decoded: trace and page end here")
                return
            self._tell(lambda listener: listener.exchanged(slot, one, seconds, at))

        return tell

    def on_power(self, slot: int) -> PowerHook | None:
        """What the reader of a slot calls for each power event; None where nobody listens."""
        if not self._listeners:
            return None
        decoder = self._decoders[slot]

        def tell(event: PowerEvent, atr: bytes) -> None:
            at = time.time()
            decoder.reset(powered=event is not PowerEvent.OFF)
            self._tell(lambda listener: listener.power(slot, event, atr, at))

        return tell

    def _tell(self, call: Callable[[Listener], None]) -> None:
        for listener in self._listeners:
            try:
                call(listener)
            except Exception:
                self._listeners = [other for other in self._listeners if other is not listener]
                _log.exception("%s ends here: it failed on what was exchanged", listener.what)
