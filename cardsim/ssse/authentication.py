"""GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE (SSC part 5 §6.4, §6.5, §6.7, part 7 §6.6)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.access import APPLICATION, bit_of
from cardsim.cos.commands import GET_CHALLENGE
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT
from cardsim.cos.keys import KeyUse
from cardsim.crypto import social
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import commands

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_IRK: Final = 0


class Authentication:
    """The commands in which terminal and card prove keys to each other."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            GET_CHALLENGE.name: self.challenge,
            commands.EXTERNAL_AUTHENTICATE.name: self.external,
            commands.INTERNAL_AUTHENTICATE.name: self.internal,
        }

    def challenge(self, _p1: int, _p2: int, _data: bytes, le: int) -> bytes:
        """GET CHALLENGE: the last one counts."""
        ssse = self._ssse
        ssse.ram.challenge = ssse.random.take(le)
        return ssse.ram.challenge

    def external(self, _p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """EXTERNAL AUTHENTICATE: tries, then challenge, then comparison (SSC part 7 §6.6)."""
        ssse = self._ssse
        if p2 == 0x00:
            return ssse.set_up.authenticate(data)
        if p2 & 0x70 or not p2 & 0x0F or (p2 & APPLICATION and ssse.ram.df == ROOT):
            raise StatusError(status.REFERENCE_NOT_FOUND)
        df = ssse.ram.df if p2 & APPLICATION else ROOT
        slot = ssse.keys.find(df, KeyUse.EXTERNAL, p2 & 0x0F, data[16] if len(data) > 16 else None)
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not ssse.keys.tries(slot):
            raise StatusError(status.BLOCKED)
        challenge = ssse.take_challenge()
        left = ssse.keys.lower(slot)
        if social.authentication_data(ssse.suite, ssse.keys.value(slot), challenge, data[8:16]) != data[:8]:
            ssse.failed(left, bit_of(p2))
        ssse.keys.restore(slot)
        ssse.ram.rights |= bit_of(p2)
        return b""

    def internal(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INTERNAL AUTHENTICATE with the internal key of the current level: IRK in SSSE itself."""
        ssse = self._ssse
        slot = ssse.keys.find(ssse.ram.df, KeyUse.INTERNAL, _IRK, data[16] if len(data) > 16 else None)
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        return social.authentication_data(ssse.suite, ssse.keys.value(slot), data[:8], data[8:16])
