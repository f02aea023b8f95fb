"""APPLICATION BLOCK and CARD BLOCK (SSC part 5 §6.1, §6.2, part 7 §13)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.access import bit_of
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, Flag
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import commands

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_BK: Final = 0x05


class BlockCommands:
    """The commands that stop an application or the environment for ever."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {commands.APPLICATION_BLOCK.name: self.application, commands.CARD_BLOCK.name: self.card}

    def application(self, _p1: int, _p2: int, _data: bytes, _le: int) -> bytes:
        """APPLICATION BLOCK: an application without a lock key cannot be blocked (C-44)."""
        raise StatusError(status.SECURITY_NOT_SATISFIED)

    def card(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """CARD BLOCK: stops this environment for good, or the whole card where the profile says so (D10). It belongs to
        the environment: inside one of its applications 6985 (SSC5-6.2-09)."""
        ssse = self._ssse
        if ssse.ram.df != ROOT:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not ssse.ram.rights & bit_of(_BK):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        ssse.messaging.check_mac(ssse.messaging.key(ROOT), bytes((0x84, 0x16, 0x00, 0x00, 0x04)), data)
        ssse.files.set_flags(ssse.files.flags | Flag.BLOCKED)
        ssse.card.block()
        return b""
