"""The card that the clients meet, and what they may expect of it."""

from dataclasses import dataclass, field

from cardsim.iso7816.card import Card


class SocialCard:
    """Looks like a social-security card from outside: its ATR, a file of 18 bytes, 6102 on SELECT, 6D00 else."""

    ATR = bytes.fromhex("3B6D000000814A444686605199000001AC")
    FILE = bytes(range(18))

    def power_on(self) -> bytes:
        return self.ATR

    def transmit(self, command: bytes) -> bytes:
        match command[:2]:
            case b"\x00\xb0":
                return self.FILE + b"\x90\x00"
            case b"\x00\xa4":
                return b"\x61\x02"
            case b"\x00\xc0":
                return b"\x6f\x00\x90\x00"
            case _:
                return b"\x6d\x00"

    def power_off(self) -> None:
        """Nothing volatile is kept."""


@dataclass(frozen=True)
class Subject:
    """A card with one command that it answers with 9000 straight after a reset."""

    card: Card = field(default_factory=SocialCard)
    atr: bytes = SocialCard.ATR
    command: bytes = bytes.fromhex("00B0000012")
    response: bytes = SocialCard.FILE + b"\x90\x00"
