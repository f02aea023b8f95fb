"""What must live here: states of the card and its environments, in the numbers that GET STATUS tells (D1, D2)."""

import enum
from typing import Final

BLOCKED: Final = 0x80
"""Bit in the byte of an environment's presence: it is blocked."""


class CardState(enum.IntEnum):
    """States of the card (D1). OPERATIONAL follows from the environments and is never stored."""

    VIRGIN = 0
    ACTIVATED = 1
    INITIALISED = 2
    OPERATIONAL = 3


class Presence(enum.IntEnum):
    """How far an environment has come."""

    CREATED = 1
    """Without a master key of its own."""
    KEYED = 2
    """Its master key is loaded, and it is being set up: the card master key has no power over it any more (D2)."""
    ISSUED = 3
    """Its personalisation has ended."""
