"""Secure messaging (安全报文) under the maintenance keys STK (SSC part 4 §8)."""

from typing import TYPE_CHECKING, Final

from cardsim.cos.keys import KeyUse, Slot
from cardsim.crypto import social
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_STK: Final = 0x02


class SecureMessaging:
    """MACs under the session key of a maintenance key and the last challenge."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    def key(self, df: int) -> Slot | None:
        """The maintenance key (STK) of a DF."""
        return self._ssse.keys.find(df, KeyUse.MAINTENANCE, _STK)

    def check_mac(self, slot: Slot, message: bytes, mac: bytes) -> None:
        """Compare a MAC under a maintenance key and the challenge (SSC part 4 §8.2); failures are not counted (C-28).

        Raises:
            StatusError: 6984, no challenge; 6988, wrong MAC.
        """
        ssse = self._ssse
        challenge = ssse.take_challenge()
        session = social.session_key(ssse.suite, ssse.keys.value(slot), challenge)
        if social.mac4(ssse.suite, session, message) != mac:
            raise StatusError(status.SM_OBJECT_INCORRECT)
