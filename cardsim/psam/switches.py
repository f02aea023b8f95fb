"""Profile switches of the PSAM (D16): where sources differ, and the locks that no command brings about (D34)."""

import enum
from typing import Final


class SamSwitch(enum.IntFlag):
    """Bits of the two switch bytes in the card record; bit 2 is the user card's DIRECT_ANSWERS."""

    DIRECT_ANSWERS = 0x0002
    """Data come in the answer itself, without 61xx and 6Cxx."""
    MAC_9302 = 0x0100
    """A wrong MAC2 is answered 9302 (SSC part 9 table 31) instead of 63CF (§9.10.1)."""
    ID_RANGES = 0x0200
    """CREATE KEY keeps each level to the key ids that annex A gives it (PSAM-031)."""
    LOCKED = 0x0400
    """The card is locked: every command is answered 6A81."""
    APPLICATION_LOCKED = 0x0800
    """The application is locked for a time: what needs it is answered 6985."""
    KEYS_LOCKED = 0x1000
    """The keys of the three levels are locked: DELIVERY SESSION KEY is answered 6983."""


LOCKS: Final = SamSwitch.LOCKED | SamSwitch.APPLICATION_LOCKED | SamSwitch.KEYS_LOCKED
"""The hook of D34: in force once every environment is issued, so that a locked PSAM can still be made by commands."""

ALL_SWITCHES: Final = int(SamSwitch(sum(SamSwitch)))
