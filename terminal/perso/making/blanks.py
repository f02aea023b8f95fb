"""Card bodies as they come from their manufacturer, on the model: activated, with the transport key of their batch."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cardsim.making.blank import write_blank
from cardsim.making.structure import Profile
from terminal.perso.records import SocialRecord

_CHIP: Final = bytes.fromhex("00814A4446")
_MAKER: Final = bytes.fromhex("8660")


@dataclass(frozen=True, slots=True)
class Manufacturer:
    """The manufacturer of blank cards: he chose the transport key of the batch, and told it to the personaliser."""

    profile: Profile
    transport: bytes = field(repr=False)
    faulty_one_in: int = 0
    """One body of so many has a memory that cannot be written, to try out what becomes of waste; 0: none."""

    def faulty(self, serial: int) -> bool:
        """Whether the memory of that chip cannot be written: always the same chips."""
        if not self.faulty_one_in:
            return False
        return int.from_bytes(hashlib.sha256(serial.to_bytes(4, "big")).digest()[:4], "big") % self.faulty_one_in == 0

    @staticmethod
    def historical(area: str, serial: int) -> bytes:
        """Historical bytes: chip, COS, maker, four digits of the area code, serial number (SSC part 2 §8.4)."""
        return _CHIP + _MAKER + bytes.fromhex(area[:4]) + serial.to_bytes(4, "big")

    def blank(self, path: Path, area: str, serial: int) -> None:
        """Write the image of a blank card; it is there whole or not at all. The same serial gives the same bytes.

        Raises:
            ImageError: the file exists, or cannot be written.
        """
        switches, choices = self.profile.switches, int(self.profile.choices)
        write_blank(
            path, self.transport, self.historical(area, serial), seed=serial, switches=switches, choices=choices
        )


def serial_of(social: SocialRecord, attempt: int) -> int:
    """Serial number of the chip that the machine takes: another one for each attempt, which count from 1."""
    return (social.serial + (attempt - 1) * 0x0100_0000) & 0xFFFF_FFFF
