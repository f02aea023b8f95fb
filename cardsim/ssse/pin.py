"""The PIN (个人密码) of SSSE, one for all its applications: VERIFY, CHANGE PIN, PIN CHANGE/UNBLOCK.

SSC part 5 §6.3, §6.8, §6.14; part 7 §5.8, §9, §13.3. A PIN of no bytes means that none is in use: it asks nobody, and
what it protects is open.
"""

from typing import TYPE_CHECKING, Final

from cardsim.cos.access import PIN_BIT, bit_of
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT
from cardsim.cos.keys import MAX_TRIES, PIN_LENGTHS, KeyUse, Slot
from cardsim.crypto import social
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import commands
from cardsim.ssse.commands import MAC_SIZE

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse

_NUMBER: Final = 0
_PUK: Final = 0x06
_MIN_DIGITS: Final = 4
_SEPARATOR: Final = b"\xff"
_UNBLOCK: Final = 0x00


def is_pin(pin: bytes) -> bool:
    """Whether bytes have the form of a PIN in use: BCD, four digits or more, at most 8 bytes (SSC part 5 §6.3.1).

    An odd number of digits is filled with one F.
    """
    digits = pin.hex().removesuffix("f")
    return len(pin) in PIN_LENGTHS and len(digits) >= _MIN_DIGITS and digits.isdecimal()


class PinCommands:
    """The commands of the PIN, and what an empty PIN means."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.VERIFY.name: self.verify,
            commands.CHANGE_PIN.name: self.change,
            commands.PIN_CHANGE_UNBLOCK.name: self.change_or_unblock,
        }

    def find(self) -> Slot | None:
        """Where the PIN stands, if there is one."""
        return self._ssse.keys.find(ROOT, KeyUse.PIN, _NUMBER)

    def grant_if_empty(self) -> None:
        """An empty PIN asks nobody: what it protects is open."""
        slot = self.find()
        if slot is not None and not slot.length:
            self._ssse.ram.rights |= PIN_BIT

    def settle_right(self, before: Slot | None) -> None:
        """After another PIN was stored: an empty one opens what the PIN protects; one where none was closes it."""
        self.grant_if_empty()
        now = self.find()
        if before is not None and now is not None and now.length and not before.length:
            self._ssse.ram.rights &= ~PIN_BIT

    def verify(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """VERIFY; without data it asks for the tries that are left. Success lasts until SSSE is left (D11)."""
        slot = self._usable()
        if slot.length and not data:
            raise StatusError(0x63C0 | self._ssse.keys.tries(slot))
        self._compare(slot, data)
        if slot.length:
            self._ssse.keys.restore(slot)
        self._ssse.ram.rights |= PIN_BIT
        return b""

    def change(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """CHANGE PIN: current PIN, FF, new PIN, each of which may be empty.

        The form is judged before the current PIN is compared, so that a malformed command costs no try. The right to
        what the PIN protects stays as it was (SSC7-9.5-02).
        """
        slot = self._usable()
        current, separator, new = data.partition(_SEPARATOR)
        if not separator or len(current) not in PIN_LENGTHS or (new and not is_pin(new)):
            raise StatusError(status.WRONG_DATA)
        self._compare(slot, current)
        self._set(slot, new)
        return b""

    def change_or_unblock(self, _p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """PIN CHANGE/UNBLOCK, from any DF of SSSE: PUK, then a MAC under STKSSSE (C-31)."""
        ssse = self._ssse
        cryptogram = data[:-MAC_SIZE]
        if bool(cryptogram) is (p2 == _UNBLOCK) or len(cryptogram) % ssse.suite.block_size:
            raise StatusError(status.WRONG_LENGTH)
        if not ssse.ram.rights & bit_of(_PUK):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        slot = self.find()
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        key = ssse.messaging.key(ROOT)
        if p2 == _UNBLOCK and not slot.length:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        message = bytes((0x84, 0x24, 0x00, p2, len(data))) + cryptogram
        session = ssse.messaging.check_mac(key, message, data[-MAC_SIZE:])
        if p2 == _UNBLOCK:
            ssse.keys.renew(slot)
            return b""
        self._set(slot, self._deciphered(session, cryptogram))
        return b""

    def _deciphered(self, session: bytes, cryptogram: bytes) -> bytes:
        """The new PIN; empty on both cipher families (C-12)."""
        try:
            pin = social.decipher(self._ssse.suite, session, cryptogram)
        except ValueError:
            raise StatusError(status.WRONG_DATA) from None
        if pin and not is_pin(pin):
            raise StatusError(status.WRONG_DATA)
        return pin

    def _usable(self) -> Slot:
        """The PIN, which is there, is not damaged and has tries left.

        Raises:
            StatusError: 6A88, 6984, 6983.
        """
        slot = self.find()
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        tries = self._ssse.keys.tries(slot)
        if slot.length not in PIN_LENGTHS or not tries <= slot.limit <= MAX_TRIES:
            raise StatusError(status.REFERENCE_DATA_UNUSABLE)
        if slot.length and not tries:
            raise StatusError(status.BLOCKED)
        return slot

    def _compare(self, slot: Slot, pin: bytes) -> None:
        """Compare; the try is taken before (D13). Where none is set no try is taken, and nothing matches but nothing
        (C-14).

        Raises:
            StatusError: 63Cx.
        """
        ssse = self._ssse
        if not slot.length:
            if pin:
                raise StatusError(0x63C0 | slot.limit)
            return
        left = ssse.keys.lower(slot)
        if ssse.keys.value(slot) != pin:
            ssse.failed(left, PIN_BIT)

    def _set(self, slot: Slot, pin: bytes) -> None:
        """Store a PIN with full tries: the old one or the new one survives a power cut (SSC part 7 §14)."""
        ssse = self._ssse
        ssse.keys.renew(slot, pin)
        ssse.partition.commit()
        self.settle_right(slot)
