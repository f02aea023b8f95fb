"""What every reader, link and test asks of a card: that it answers bytes."""

from typing import Protocol


class Card(Protocol):
    """A contact card as its reader sees it.

    Calling `power_on` on a card that is powered is a warm reset: volatile state is gone either way.
    """

    def power_on(self) -> bytes:
        """Apply power (or reset) and return the ATR."""

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU: response data followed by SW1 SW2. Never raises, whatever the bytes are."""

    def power_off(self) -> None:
        """Take the power away; volatile state is gone."""
