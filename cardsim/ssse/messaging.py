"""Secure messaging (安全报文) under the maintenance keys STK (SSC part 4 §8)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.files import File
from cardsim.cos.keys import KeyUse, Slot
from cardsim.crypto import social
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse.commands import MAC_SIZE

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_PROTECTED_CLASS: Final = 0x04
"""Low half of CLA that tells of secure messaging (SSC part 4 §8.1)."""
_STK: Final = 0x02


class SecureMessaging:
    """MACs under the session key of a maintenance key and the last challenge."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    def key(self, df: int) -> Slot:
        """The maintenance key (STK) of a DF.

        Raises:
            StatusError: 6A88, it has none.
        """
        slot = self._ssse.keys.find(df, KeyUse.MAINTENANCE, _STK)
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        return slot

    def written(self, file: File, header: bytes, data: bytes) -> bytes:
        """The data to write to a file: as they came, or what stands before the MAC of class 04.

        The MAC is that of the current level, whatever file is written. Set-up under the master key needs none.

        Raises:
            StatusError: 6987, the file demands a MAC and there is none; otherwise as `check_mac` and `key`.
        """
        ssse = self._ssse
        if header[0] & 0x0F != _PROTECTED_CLASS:
            if file.protected and not ssse.managing:
                raise StatusError(status.SM_OBJECT_MISSING)
            return data
        message, mac = header + bytes((len(data),)) + data[:-MAC_SIZE], data[-MAC_SIZE:]
        self.check_mac(self.key(ssse.ram.df), message, mac)
        return data[:-MAC_SIZE]

    def check_mac(self, slot: Slot, message: bytes, mac: bytes) -> bytes:
        """Compare a MAC under a maintenance key and the challenge (SSC part 4 §8.2); failures are not counted (C-28).

        Returns:
            The session key, for what stands enciphered before the MAC.

        Raises:
            StatusError: 6984, no challenge; 6988, wrong MAC.
        """
        ssse = self._ssse
        challenge = ssse.take_challenge()
        session = social.session_key(ssse.suite, ssse.keys.value(slot), challenge)
        if social.mac4(ssse.suite, session, message) != mac:
            raise StatusError(status.SM_OBJECT_INCORRECT)
        return session
