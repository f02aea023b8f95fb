"""What must live here: the state of a card as somebody knows it who sees no more than commands and answers."""

import enum
from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment

MASTER: Final = 0x00
"""Identifier of the master key of a level, in `Observed.proved`."""
APPLICATION: Final = 0x80
"""Bit of an identifier that names a key of the application instead of the environment."""


class Stage(enum.Enum):
    """How far a transaction, a personalisation or a session of the PSAM has come."""

    NONE = "no transaction"
    INITIATED = "processing options given"
    FIRST_CRYPTOGRAM = "first cryptogram waiting"
    ONLINE = "ARQC given"
    APPROVED = "TC given"
    DECLINED = "AAC given"
    ISSUER_PROVED = "issuer authenticated"
    ISSUER_FAILED = "issuer authentication failed"
    COMPLETED = "second cryptogram given"
    CHANNEL_BEGUN = "channel begun"
    CHANNEL_OPEN = "channel open"
    LOAD = "load initialised"
    PURCHASE = "purchase initialised"
    SESSION_KEY = "session key delivered"
    SAM_PURCHASE = "purchase open"
    SAM_PURCHASE_AND_KEY = "purchase open, session key delivered"


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of a card from outside; `str()` says it in words."""

    powered: bool = False
    environment: Environment = Environment.CARD
    application: bytes = b""
    """Name of the current DF; its identifier (2 bytes) as long as no FCI has told the name; nothing for the MF."""
    file: int = 0
    """Identifier of the current EF; 0: none. Where an SFI alone named it: EFxx in SSSE, 00xx in a PSAM."""
    proved: frozenset[int] = frozenset()
    """Keys that EXTERNAL AUTHENTICATE has proved, as it names them in P2. In a PSAM those of the application have the
    bit `APPLICATION`, as in SSSE."""
    pin: bool = False
    """Whether VERIFY went well: in SSSE until it is left (D11), in PSE in this transaction."""
    challenge: bool = False
    """Whether a challenge waits for its use."""
    stage: Stage = Stage.NONE
    blocked: bool = False
    """Whether the environment, or the application, was seen to be blocked, or saw its block carried out."""

    def __str__(self) -> str:
        if not self.powered:
            return "no power"
        where = _name_in_words(self.application)
        parts = [where if self.environment is Environment.CARD else f"{self.environment.value} {where}"]
        if self.file:
            parts.append(f"EF {self.file:04X}")
        if self.proved:
            parts.append("proved " + " ".join(f"{key:02X}" for key in sorted(self.proved)))
        parts += [word for word, said in (("PIN", self.pin), ("challenge", self.challenge)) if said]
        if self.stage is not Stage.NONE:
            parts.append(self.stage.value)
        return ", ".join(parts + ["blocked"] * self.blocked)


def _name_in_words(name: bytes) -> str:
    """An environment's name as text, an application's in hex."""
    if not name:
        return "MF"
    if not is_environment(name):
        return name.hex().upper()
    try:
        return name.decode("gbk")
    except UnicodeDecodeError:
        return name.hex().upper()


def is_environment(name: bytes) -> bool:
    """Whether a DF name is that of an environment: text, where an application has an AID (ISO 7816-5)."""
    return len(name) > 2 and name[0] < 0xA0
