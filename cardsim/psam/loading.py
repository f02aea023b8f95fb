"""CREATE KEY and CHANGE KEY: how the national, provincial and city party bring keys in (SSC part 9 §9.5, §9.6)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.access import APPLICATION, bit_of
from cardsim.cos.environment import Handler
from cardsim.cos.files import File, FileType
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.psam import commands
from cardsim.psam.keys import CHANGE_HEAD, CITY, NATIONAL, PROVINCIAL, KeyRecord, algorithm_of, check_usage, in_range
from cardsim.psam.switches import SamSwitch

if TYPE_CHECKING:
    from cardsim.psam.environment import Sam

MAC_SIZE: Final = 4
OPENS: Final = {NATIONAL: 0x01, PROVINCIAL: 0x02, CITY: 0x03}
"""KID that opens each key file."""
_CREATE: Final = 0x00
_LENGTHS: Final = {
    (_CREATE, Suite.DES): (0x1C, 0x24),
    (_CREATE, Suite.SM4): (0x24,),
    (0x01, Suite.DES): (0x14, 0x1C),
    (0x01, Suite.SM4): (0x24,),
}
"""Lc by P1 and suite."""


class KeyLoading:
    """The two commands of one environment."""

    def __init__(self, sam: "Sam") -> None:
        self._sam = sam

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {commands.CREATE_KEY.name: self._create, commands.CHANGE_KEY.name: self._change}

    def _create(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        file, plain = self._open(p1, p2, data)
        record = KeyRecord.parse(plain, self._sam.suite)
        checked = SamSwitch.ID_RANGES in self._sam.platform.switches
        if checked and not in_range(p2, record.type, record.identifier):
            raise StatusError(status.WRONG_DATA)
        self._sam.keys.create(file, record)
        return b""

    def _change(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        file, plain = self._open(p1, p2, data)
        keys, value = self._sam.keys, plain[CHANGE_HEAD:]
        algorithm = algorithm_of(self._sam.suite, len(value)) if len(value) in (8, 16) else None
        if algorithm is None or plain[2]:
            raise StatusError(status.WRONG_DATA)
        check_usage(plain[0])
        if not keys.count(file):
            raise StatusError(status.RECORD_NOT_FOUND)
        stored = keys.find(file.parent, plain[0] & 0x1F, plain[1])
        if stored is None or stored.file != file.index or stored.usage != plain[0]:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        keys.change(file, stored, KeyRecord(plain[0], plain[1], algorithm, value))
        return b""

    def _open(self, p1: int, p2: int, data: bytes) -> tuple[File, bytes]:
        """The key file, and what stands in the data: all that both commands check before they look at it."""
        sam = self._sam
        df = sam.application()
        if len(data) not in _LENGTHS[p1, sam.suite]:
            raise StatusError(status.WRONG_LENGTH)
        file = sam.files.index.by_sfi.get(df << 8 | p2) if p2 in OPENS else None
        if file is None or file.type is not FileType.KEY_RECORDS:
            raise StatusError(status.FILE_NOT_FOUND)
        self._need_right(df, file, OPENS[p2])
        master = sam.own_key(df, 0x00)
        if master is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        challenge = sam.take_challenge()
        key = sam.own_keys.value(master)
        message = bytes((0x84, 0xD4, p1, p2, len(data))) + data[:-MAC_SIZE]
        if social.master_mac4(sam.suite, key, message, challenge) != data[-MAC_SIZE:]:
            raise StatusError(status.SM_OBJECT_INCORRECT)
        try:
            return file, social.master_decipher(sam.suite, key, data[:-MAC_SIZE])
        except ValueError:
            raise StatusError(status.WRONG_DATA) from None

    def _need_right(self, df: int, file: File, kid: int) -> None:
        sam = self._sam
        slot = sam.own_key(df, kid)
        if slot is not None and not sam.own_keys.tries(slot) and not sam.ram.rights & bit_of(APPLICATION | kid):
            raise StatusError(status.BLOCKED)
        if not sam.allowed(file.write_masks):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
