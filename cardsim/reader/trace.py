"""Watching a card in its reader: a wrapper that exists only where someone watches, so that others pay nothing."""

from collections.abc import Callable
from enum import Enum
from time import perf_counter

from cardsim.iso7816.card import Card


class PowerEvent(Enum):
    """What a reader did to the supply or reset contact of its card."""

    ON = "on"
    RESET = "reset"
    OFF = "off"


ApduHook = Callable[[bytes, bytes, float], None]
"""Called after each command with command APDU, response APDU and the seconds that the card took."""

PowerHook = Callable[[PowerEvent, bytes], None]
"""Called after each power event with the ATR that the card answered (empty for `OFF`)."""


class TracedCard:
    """A card that tells its hooks what happens to it."""

    def __init__(self, card: Card, on_apdu: ApduHook | None, on_power: PowerHook | None) -> None:
        self.card = card
        self._on_apdu = on_apdu
        self._on_power = on_power
        self._powered = False

    def power_on(self) -> bytes:
        """Power or reset the card, then tell `on_power`."""
        event, self._powered = (PowerEvent.RESET if self._powered else PowerEvent.ON), True
        atr = self.card.power_on()
        if self._on_power is not None:
            self._on_power(event, atr)
        return atr

    def transmit(self, command: bytes) -> bytes:
        """Let the card answer, then tell `on_apdu`."""
        if self._on_apdu is None:
            return self.card.transmit(command)
        start = perf_counter()
        response = self.card.transmit(command)
        self._on_apdu(command, response, perf_counter() - start)
        return response

    def power_off(self) -> None:
        """Take the power away, then tell `on_power`."""
        self._powered = False
        self.card.power_off()
        if self._on_power is not None:
            self._on_power(PowerEvent.OFF, b"")


def traced(card: Card, on_apdu: ApduHook | None, on_power: PowerHook | None) -> Card:
    """The card itself when nobody watches, else the card with its watchers."""
    return card if on_apdu is None and on_power is None else TracedCard(card, on_apdu, on_power)
