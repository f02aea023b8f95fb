"""The answer of GET STATUS, read once for all: makers, explorers, oracles and the conformance suite."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardsim.cos.states import BLOCKED, CardState, Presence
from cardsim.iso7816 import tlv

GET_STATUS: Final = bytes.fromhex("80F2000000")
_TEMPLATE: Final = 0x70
_CARD: Final = 0x80
_WHOLE_CARD: Final = 0x81
_CHOICES: Final = 0x82
_ENVIRONMENT: Final = 0xA1
_FID, _NAME, _PRESENCE = 0x83, 0x84, 0x8A


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """One environment: identifier, name, `Presence` as a number, blocked or not."""

    fid: int
    name: bytes
    presence: int
    blocked: bool = False

    @property
    def keyed(self) -> bool:
        """Whether the card master key has lost its power over it (D2)."""
        return self.presence >= Presence.KEYED

    def __str__(self) -> str:
        known = self.presence in list(Presence)
        word = Presence(self.presence).name.lower() if known else f"state {self.presence}"
        return word + (", blocked" if self.blocked else "")


@dataclass(frozen=True, slots=True)
class CardStatus:
    """What GET STATUS tells.

    `card` is a `CardState` as a number: foreign cards may have others. `choices` are settings of the payment
    environment, `whole_card` tells that a block stops the whole card (D10, D16).
    """

    card: int
    environments: tuple[EnvironmentStatus, ...] = ()
    whole_card: bool = False
    choices: int = 0

    @property
    def card_word(self) -> str:
        """The state of the card in words; the number in hex where it is no `CardState`."""
        return CardState(self.card).name.lower() if self.card in list(CardState) else f"{self.card:02X}"

    def environment(self, fid: int) -> EnvironmentStatus | None:
        """The environment with an identifier."""
        return next((one for one in self.environments if one.fid == fid), None)


def ask_status(transmit: Callable[[bytes], bytes]) -> CardStatus | None:
    """GET STATUS, 6Cxx followed; None where the card refuses it, as when the whole card is blocked."""
    answer = transmit(GET_STATUS)
    if answer[-2:-1] == b"\x6c":
        answer = transmit(GET_STATUS[:4] + answer[-1:])
    return read_status(answer[:-2]) if answer[-2:] == b"\x90\x00" else None


def read_status(data: bytes) -> CardStatus | None:
    """The data of an answer to GET STATUS; None where they are none."""
    try:
        inside = tlv.find(data, _TEMPLATE) or b""
        items = tlv.parse(inside)
        card = next(item.value[0] for item in items if item.tag == _CARD and item.value)
        found = tuple(_environment(item.value) for item in items if item.tag == _ENVIRONMENT)
    except (tlv.TlvError, StopIteration, LookupError):
        return None
    by_tag = {item.tag: item.value for item in items}
    choices = int.from_bytes(by_tag.get(_CHOICES, b""), "big")
    return CardStatus(card, found, bool(any(by_tag.get(_WHOLE_CARD, b""))), choices)


def _environment(value: bytes) -> EnvironmentStatus:
    parts = {part.tag: part.value for part in tlv.parse(value)}
    presence = parts[_PRESENCE][0]
    fid = int.from_bytes(parts[_FID], "big")
    return EnvironmentStatus(fid, parts.get(_NAME, b""), presence & ~BLOCKED, bool(presence & BLOCKED))
