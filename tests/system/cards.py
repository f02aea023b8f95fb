"""The cards that the clients meet, and what they may expect of them."""

from dataclasses import dataclass, field

from cardsim.iso7816.card import Card
from tests import cards

ATR = bytes.fromhex("3B6D000000814A444686605199000001AC")
PSAM_ATR = bytes.fromhex("3B6D000000814A534186605199000001AC")
SELECT_SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
FCI_SSSE = bytes.fromhex("6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C038601039000")


def demo_card() -> Card:
    """A demo card of its own: made by its own commands once in a process, then copied."""
    return cards.card(on=False).model


class SimpleCard:
    """A second card beside the real one: a file of 18 bytes, and nothing else."""

    FILE = bytes(range(18))

    def power_on(self) -> bytes:
        return ATR

    def transmit(self, command: bytes) -> bytes:
        return self.FILE + b"\x90\x00" if command[:2] == b"\x00\xb0" else b"\x6d\x00"

    def power_off(self) -> None:
        """Nothing volatile is kept."""


@dataclass(frozen=True)
class Subject:
    """The demo card, with a command that it answers straight after a reset as often as it is asked."""

    card: Card = field(default_factory=demo_card)
    atr: bytes = ATR
    command: bytes = SELECT_SSSE
    response: bytes = b"\x61\x1e"
    followed: bytes = FCI_SSSE
    """The answer where the client follows 61xx by itself."""
