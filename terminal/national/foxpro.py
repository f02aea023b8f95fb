"""The FoxPro twins of ICC_Reader_* (SSC part 8 annex A2): the same reader, answers as strings of hex.

Every answer begins with a status of two characters: 00, or the code of `ICC_Reader_*` without its sign.
"""

import re
from typing import Final

from terminal.national.codes import Code
from terminal.national.reader import ReaderLibrary

_DEVICE: Final = re.compile(r"AUTO|(?:COM|LPT)[1-9]")
"""These functions know no USBn."""
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")


def _status(code: int) -> str:
    return f"{-min(code, 0):02d}"


class FoxProTwins:
    """The seven functions over a reader library."""

    def __init__(self, library: ReaderLibrary) -> None:
        self._library = library

    def ICCR_Open(self, dev_Name: str) -> str:
        """Status and a handle of two characters (A2.1)."""
        if _DEVICE.fullmatch(dev_Name) is None:
            return _status(Code.PARAMETER)
        handle = self._library.ICC_Reader_Open(dev_Name)
        return _status(handle) + (f"{handle:02d}" if handle > 0 else "")

    def ICCR_Close(self, handle: str) -> str:
        """Status (A2.2)."""
        return _status(self._library.ICC_Reader_Close(_number(handle)))

    def ICCR_Pon(self, handle: str, slot: int) -> str:
        """Status, length of the ATR in two hex digits, and the ATR (A2.3)."""
        answer = bytearray()
        length = self._library.ICC_Reader_PowerOn(_number(handle), slot, answer)
        return _status(length) + (f"{length:02X}{answer.hex().upper()}" if length >= 0 else "")

    def ICCR_Poff(self, handle: str, slot: int) -> str:
        """Status (A2.4)."""
        return _status(self._library.ICC_Reader_PowerOff(_number(handle), slot))

    def ICCR_GetS(self, handle: str, slot: int) -> str:
        """Status of the slot (A2.5)."""
        return _status(self._library.ICC_Reader_GetStatus(_number(handle), slot))

    def ICCR_App(self, handle: str, slot: int, apdu: str) -> str:
        """Status, length of the answer in four hex digits, and the answer; the command is hex too (A2.6)."""
        if _HEX.fullmatch(apdu) is None:
            return _status(Code.PARAMETER)
        command, answer = bytes.fromhex(apdu), bytearray()
        length = self._library.ICC_Reader_Application(_number(handle), slot, len(command), command, answer)
        return _status(length) + (f"{length:04X}{answer.hex().upper()}" if length >= 0 else "")

    def ICCR_Linfo(self) -> str:
        """Status and the 32 characters of ICC_Reader_Libinfo (A2.7)."""
        information = bytearray()
        return _status(self._library.ICC_Reader_Libinfo(information)) + information.decode("ascii")


def _number(handle: str) -> int:
    """The handle, or one that is never open."""
    return int(handle) if handle.isascii() and handle.isdigit() else 0
