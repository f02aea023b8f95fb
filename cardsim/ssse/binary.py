"""READ BINARY and UPDATE BINARY: transparent files, fingerprint and photo among them (SSC part 5 §6.9, §6.12)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.environment import Handler
from cardsim.cos.files import File, FileType
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import commands

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_BY_SFI: Final = 0x80
"""Bit of P1: its low bits are an SFI and P2 alone is the offset (SSC part 5 tables 29, 41)."""
_SFI: Final = 0x1F


class BinaryCommands:
    """READ BINARY and UPDATE BINARY."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.READ_BINARY.name: self.read,
            commands.UPDATE_BINARY.name: self.update,
            "UPDATE BINARY 04": self.update_protected,
        }

    def _addressed(self, p1: int, p2: int) -> tuple[File, int]:
        """The file that P1 and P2 name, and the offset in it.

        Raises:
            StatusError: 6A82, 6986, there is none; 6981, it is not transparent.
        """
        by_sfi = p1 & _BY_SFI
        file = self._ssse.file(p1 & _SFI if by_sfi else 0)
        if file.type is not FileType.TRANSPARENT:
            raise StatusError(status.INCOMPATIBLE_FILE)
        return file, p2 if by_sfi else p1 << 8 | p2

    def read(self, p1: int, p2: int, _data: bytes, le: int) -> bytes:
        """READ BINARY: Le bytes; more than there are left is answered 6Cxx, which moves nothing (C-05)."""
        ssse = self._ssse
        file, offset = self._addressed(p1, p2)
        if not ssse.allowed(file.read_masks):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        left = file.length - offset
        if left <= 0:
            raise StatusError(status.WRONG_OFFSET)
        if le > left and ssse.le_must_fit:
            raise StatusError(0x6C00 | left)
        start = file.offset + offset
        self._make_current(file)
        return bytes(ssse.partition.memory[start : start + min(le, left)])

    def update(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """UPDATE BINARY: all the bytes or none (SSC part 7 §14)."""
        return self._update(bytes((0x00, 0xD6, p1, p2)), data)

    def update_protected(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """UPDATE BINARY with a MAC (SSC part 4 §8.5)."""
        return self._update(bytes((0x04, 0xD6, p1, p2)), data)

    def _update(self, header: bytes, data: bytes) -> bytes:
        ssse = self._ssse
        file, offset = self._addressed(header[2], header[3])
        if not ssse.allowed(file.write_masks) and not self._may_fill(file, offset, len(data)):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        content = ssse.messaging.written(file, header, data)
        if offset >= file.length:
            raise StatusError(status.WRONG_OFFSET)
        if offset + len(content) > file.length:
            raise StatusError(status.WRONG_LENGTH)
        ssse.partition.write(file.offset + offset, content)
        ssse.partition.commit()
        self._make_current(file)
        return b""

    def _may_fill(self, file: File, offset: int, length: int) -> bool:
        """Whether the master key may write here: where nobody has written yet, as it may append first records (D6)."""
        end = min(offset + length, file.length)
        return self._ssse.managing and not any(self._ssse.partition.memory[file.offset + offset : file.offset + end])

    def _make_current(self, file: File) -> None:
        ram = self._ssse.ram
        ram.ef, ram.pointer = file.index, None
