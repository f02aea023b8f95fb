"""Volatile state of one environment of the PSAM: dies with the power, and when the environment is left."""

import enum
from dataclasses import dataclass, field, replace

from cardsim.cos.files import ROOT
from cardsim.psam.keys import KeyType


class Chain(enum.Enum):
    """What a session key is being used for, block by block."""

    ENCIPHER = enum.auto()
    MAC = enum.auto()


@dataclass(frozen=True, slots=True)
class SessionRegister:
    """The temporary register with a session key (过程密钥): never output (SSC part 9 §9.7)."""

    type: KeyType
    key: bytes = field(repr=False)
    chain: Chain | None = None
    last: bytes = field(default=b"", repr=False)
    """Last block of the open MAC chain."""


@dataclass(frozen=True, slots=True)
class OpenPurchase:
    """A purchase between INIT SAM and CREDIT SAM."""

    session: bytes = field(repr=False)
    amounts: bytes
    """Account, self-paid and pool, 4 bytes each: what MAC2 covers."""


@dataclass(slots=True)
class SamMemory:
    """What an environment remembers between two commands."""

    df: int = ROOT
    ef: int | None = None
    rights: int = 0
    challenge: bytes = b""
    region: int | None = None
    """Province byte of INITIALIZE ENVIRONMENT."""
    register: SessionRegister | None = None
    purchase: OpenPurchase | None = None

    def copy(self) -> "SamMemory":
        """A record of its own with the same content."""
        return replace(self)
