"""The PIN (个人密码) of SSSE, one for all its applications (SSC part 5 §6.14, part 7 §5.8)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.access import PIN_BIT
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT
from cardsim.cos.keys import KeyUse, Slot
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import commands

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_NUMBER: Final = 0


class PinCommands:
    """VERIFY, and what an empty PIN means."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {commands.VERIFY.name: self.verify}

    def find(self) -> Slot | None:
        """Where the PIN stands, if there is one."""
        return self._ssse.keys.find(ROOT, KeyUse.PIN, _NUMBER)

    def grant_if_empty(self) -> None:
        """An empty PIN asks nobody: what it protects is open."""
        slot = self.find()
        if slot is not None and not slot.length:
            self._ssse.ram.rights |= PIN_BIT

    def verify(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """VERIFY: the counter is lowered before the comparison (D13); success lasts until SSSE is left (D11)."""
        ssse = self._ssse
        slot = self.find()
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not slot.length:
            if data:
                raise StatusError(0x63C0 | slot.limit)
            return b""
        tries = ssse.keys.tries(slot)
        if not tries:
            raise StatusError(status.BLOCKED)
        if not data:
            raise StatusError(0x63C0 | tries)
        left = ssse.keys.lower(slot)
        if ssse.keys.value(slot) != data:
            if not left:
                ssse.ram.rights &= ~PIN_BIT
            raise StatusError(0x63C0 | left)
        ssse.keys.restore(slot)
        ssse.ram.rights |= PIN_BIT
        return b""
