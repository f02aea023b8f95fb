"""APPLICATION BLOCK and CARD BLOCK (SSC part 5 §6.1, §6.2, part 7 §13)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.access import APPLICATION, bit_of
from cardsim.cos.commands import SELECT
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, FileFlag, Flag
from cardsim.cos.keys import NO_LIMIT, KeyUse
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import commands

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_BK: Final = 0x05
_BY_NAME: Final = 0x04
_BY_IDENTIFIER: Final = 0x00


class BlockCommands:
    """The commands that stop an application or the environment for ever."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {commands.APPLICATION_BLOCK.name: self.application, commands.CARD_BLOCK.name: self.card}

    def leaves(self, command: bytes) -> bool:
        """Whether a command selects something else than a file of the current application (SSC part 7 §13.2)."""
        if command[:2] != SELECT.header or len(command) < 4:
            return False
        if command[2] == _BY_IDENTIFIER:
            fid = command[5:7]
            return len(fid) < 2 or self._ssse.files.child(self._ssse.ram.df, int.from_bytes(fid, "big")) is None
        return command[2] == _BY_NAME

    def application(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """APPLICATION BLOCK: stops the current application for good. One without a lock key (应用锁定密钥 LK) cannot be
        blocked (C-44), nor can the environment itself."""
        ssse = self._ssse
        df = ssse.ram.df
        if df == ROOT:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not any(ssse.ram.rights & right for right in self._lock_rights(df)):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        ssse.messaging.check_mac(ssse.messaging.key(df), bytes((0x84, 0x1E, 0x00, 0x01, 0x04)), data)
        file = ssse.files.index.files[df]
        ssse.files.set_file_flags(file, file.flags | FileFlag.BLOCKED)
        ssse.partition.commit()
        ssse.ram.blocked = True
        ssse.card.attend()
        return b""

    def _lock_rights(self, df: int) -> list[int]:
        """Rights of the lock keys of an application: its external keys whose tries nobody counts (C-28)."""
        return [
            bit_of(APPLICATION | number)
            for (where, use, number), slots in self._ssse.keys.slots().items()
            if where == df and use == KeyUse.EXTERNAL and slots[0].limit == NO_LIMIT
        ]

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
