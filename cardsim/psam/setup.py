"""Set-up of one environment under its master key: files, applications, their own keys, the end of personalisation.

No standard fixes it; this is the user card's manner (docs/psam.md). The MF's master key also brings further
environments into being and loads their first master keys, and with that gives them away (D2).
"""

from typing import TYPE_CHECKING, Final

from cardsim.cos.access import MASTER_BIT
from cardsim.cos.commands import GET_STATUS
from cardsim.cos.create import EF_TYPES, parse_create
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, FileType
from cardsim.cos.keys import KeyUse, NewKey
from cardsim.cos.masterkey import MasterKeySet
from cardsim.cos.record import EnvironmentKind
from cardsim.cos.table import Phase
from cardsim.crypto import social
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.psam import commands
from cardsim.psam.loading import MAC_SIZE

if TYPE_CHECKING:
    from cardsim.psam.environment import Sam

MF: Final = b"\x3f\x00"
_TYPES: Final = (*EF_TYPES, FileType.KEY_RECORDS)
_KIND_AT: Final = 3
_MAX_OWN_KEY: Final = 0x07


class SetUp:
    """The set-up commands of one environment."""

    def __init__(self, sam: "Sam") -> None:
        self._sam = sam

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.CREATE.name: self._create,
            commands.WRITE_KEY.name: self._write_key,
            commands.END_PERSONALISATION.name: self._end,
            GET_STATUS.name: lambda _p1, _p2, _data, _le: self._sam.platform.status(),
        }

    def _need_master(self) -> None:
        if not self._sam.ram.rights & MASTER_BIT:
            raise StatusError(status.SECURITY_NOT_SATISFIED)

    @property
    def _fid(self) -> bytes:
        """Identifier of the environment itself."""
        return self._sam.files.index.files[ROOT].fid.to_bytes(2, "big")

    def _create(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        self._need_master()
        sam = self._sam
        if data[0] == FileType.DF and data[_KIND_AT : _KIND_AT + 1] == bytes((EnvironmentKind.SAM,)):
            if self._fid != MF or sam.ram.df != ROOT:
                raise StatusError(status.CONDITIONS_NOT_SATISFIED)
            sam.platform.create_environment(p1, p2, data)
            return b""
        if data[0] == FileType.DF and sam.ram.df != ROOT:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        new = parse_create(p1 << 8 | p2, sam.ram.df, data, _TYPES)
        if new.type is FileType.DF:
            if any(data[_KIND_AT : _KIND_AT + 2]):
                raise StatusError(status.WRONG_DATA)
            if any(file.name == new.name for file in sam.files.index.files):
                raise StatusError(status.FILE_EXISTS)
        file = sam.files.create(new)
        if new.type in (FileType.KEYS, FileType.TRANSPARENT):
            sam.partition.write(file.offset, bytes(file.length))
        return b""

    def _write_key(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """WRITE KEY: the environment's own master key, another environment's first, or an own key of an application."""
        self._need_master()
        sam, fid = self._sam, bytes((p1, p2))
        if fid == self._fid:
            keys = MasterKeySet.parse(self._open(p1, p2, data))
            if not sam.accepts_master_key(keys):
                raise StatusError(status.WRONG_DATA)
            sam.master.store(keys)
            sam.partition.commit()
            sam.ram.rights &= ~MASTER_BIT
            return b""
        df = sam.files.child(ROOT, int.from_bytes(fid, "big"))
        if df is not None and df.type is FileType.DF:
            self._write_own_key(df.index, NewKey.parse(self._open(p1, p2, data)))
            return b""
        if self._fid != MF:
            raise StatusError(status.FILE_NOT_FOUND)
        sam.platform.load_environment_key(fid, lambda: MasterKeySet.parse(self._open(p1, p2, data)))
        return b""

    def _write_own_key(self, df: int, key: NewKey) -> None:
        sam = self._sam
        of_suite = key.algorithm == sam.suite.key_algorithm_byte
        if key.use is not KeyUse.EXTERNAL or key.number > _MAX_OWN_KEY or not of_suite:
            raise StatusError(status.WRONG_DATA)
        sam.own_keys.write(df, key)

    def _open(self, p1: int, p2: int, data: bytes) -> bytes:
        """Check the MAC under the environment master key and the challenge, and decipher (SSC part 9 §7.1)."""
        sam = self._sam
        challenge = sam.take_challenge()
        key = sam.master.load().keys[0]
        message = bytes((0x84, 0xD4, p1, p2, len(data))) + data[:-MAC_SIZE]
        if social.master_mac4(sam.suite, key, message, challenge) != data[-MAC_SIZE:]:
            raise StatusError(status.SM_OBJECT_INCORRECT)
        try:
            return social.master_decipher(sam.suite, key, data[:-MAC_SIZE])
        except ValueError:
            raise StatusError(status.WRONG_DATA) from None

    def _end(self, _p1: int, _p2: int, _data: bytes, _le: int) -> bytes:
        """END PERSONALISATION: from now on the environment knows the standard's commands alone."""
        self._need_master()
        sam = self._sam
        sam.files.set_phase(Phase.ISSUED)
        sam.partition.commit()
        sam.ram.rights &= ~MASTER_BIT
        sam.platform.issued()
        return b""
