"""Security module and PIN pads of a terminal on a test bench (TRM-026: in the field, keys live in the SAM only)."""

from collections.abc import Callable, Iterable, Iterator

from cardsim.crypto import medical
from cardsim.crypto.ciphers import des_ecb_decrypt, des_ecb_encrypt
from cardsim.crypto.medical import Purchase
from cardsim.crypto.padding import xor
from cardsim.crypto.social import authentication_data, sealed
from cardsim.keyfile import KeyFileError, SsseKeys, generation_name
from terminal.effects import (
    AuthorisePurchase,
    CardIdentity,
    PinEntered,
    PinEntry,
    PinPurpose,
    Proof,
    ProveKey,
    PurchaseProof,
    SealCommand,
)
from terminal.pinpad import Function, Keypad, Operation, PadLine, PadSettings, Press, pad_settings, presses


class _NoKey(Exception):
    """Why there is no key, without its value."""


class KeyFileModule:
    """A security module whose keys stand in a key file: card keys, or roots from which they are derived."""

    def __init__(self, keys: SsseKeys) -> None:
        self._keys = keys
        self._purchases = 0

    def prove(self, request: ProveKey) -> Proof:
        """Authentication data under the card's key (SSC part 4 §9)."""
        try:
            key = self._card_key(request.key, request.card)
            return Proof(authentication_data(request.card.suite, key, request.factor, request.original))
        except _NoKey as error:
            return Proof(None, str(error))

    def seal(self, request: SealCommand) -> Proof:
        """A command's data under secure messaging: enciphered plaintext, if any, and MAC (SSC part 4 §8)."""
        try:
            key = self._card_key(request.key, request.card)
        except _NoKey as error:
            return Proof(None, str(error))
        return Proof(sealed(request.card.suite, key, request.challenge, request.header, request.plaintext))

    def authorise_purchase(self, request: AuthorisePurchase) -> PurchaseProof:
        """Terminal sequence, MAC1 and the MAC2 to expect (SSC part 7 §12.2 to §12.6)."""
        data, answer, suite = request.request, request.card_answer, request.card.suite
        purchase = Purchase.of_request(data)
        try:
            key = self._card_key(generation_name("DPK", data[0]), request.card)
        except _NoKey as error:
            return PurchaseProof(problem=str(error))
        self._purchases += 1
        sequence = self._purchases.to_bytes(4, "big")
        session = medical.purchase_session(suite, key, answer[18:22], answer[14:16], sequence)
        mac1 = medical.mac(suite, session, purchase.mac1_data(request.time, self._keys.medical_type))
        return PurchaseProof(sequence, mac1, medical.mac(suite, session, purchase.mac2_data()))

    def _card_key(self, name: str, card: CardIdentity) -> bytes:
        try:
            key = self._keys.card_key(name, card.suite, card.area, card.historical)
        except KeyFileError as error:
            raise _NoKey(str(error)) from error
        except ValueError as error:
            raise _NoKey(f"{name} cannot be derived for this card: {error}") from error
        if key is None:
            raise _NoKey(f"the key file has neither a root nor a card key {name}")
        return key


def pin_block_format0(pin: str, pan: str) -> bytes:
    """PIN block of format 0, 8 bytes: PIN and card number together (ISO 9564-1 §9.3.1).

    Raises:
        ValueError: the PIN does not have 4 to 12 digits, or the card number fewer than 13.
    """
    if not 4 <= len(pin) <= 12 or not (pin.isascii() and pin.isdigit()):
        raise ValueError("a PIN has 4 to 12 digits")
    if len(pan) < 13 or not (pan.isascii() and pan.isdigit()):
        raise ValueError("a card number of at least 13 digits is needed")
    field = bytes.fromhex(f"0{len(pin):X}{pin}".ljust(16, "F"))
    return xor(field, bytes.fromhex("0000" + pan[-13:-1]))


class PinCipher:
    """The PIN key that a pad and the bank's host share."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encipher(self, pin: str, pan: str) -> bytes:
        """The enciphered PIN block (TRM-013)."""
        return des_ecb_encrypt(self._key, pin_block_format0(pin, pan))

    def translate(self, block: bytes, zone: "PinCipher") -> bytes:
        """The same PIN block under the key of another zone (PIN 转换); 8 bytes."""
        return des_ecb_encrypt(zone._key, des_ecb_decrypt(self._key, block))

    def pin(self, block: bytes, pan: str) -> str:
        """The digits in an enciphered PIN block; the bank's host alone asks for them.

        Raises:
            ValueError: the block does not hold a PIN for this card number under this key.
        """
        digits = xor(des_ecb_decrypt(self._key, block), bytes.fromhex("0000" + pan[-13:-1])).hex().upper()
        pin = digits[2 : 2 + int(digits[1], 16)]
        if des_ecb_decrypt(self._key, block) != pin_block_format0(pin, pan):
            raise ValueError("the PIN block is not of format 0")
        return pin

    def matches(self, block: bytes, pin: str, pan: str) -> bool:
        """Whether an enciphered block holds that PIN."""
        try:
            return des_ecb_decrypt(self._key, block) == pin_block_format0(pin, pan)
        except ValueError:
            return False


Holder = Callable[[PinEntry], str | Iterable[Press] | None]
"""Given the prompt: digits, single keys with the time between them, or nothing (cancelled)."""


class BenchPinPad:
    """A PIN pad whose holder is a function.

    A PIN for the card leaves the pad in clear only where pad and reader are one unit; otherwise it goes over `line`
    (TRM-012).
    """

    def __init__(
        self, holder: Holder, cipher: PinCipher, settings: PadSettings | None = None, line: PadLine | None = None
    ) -> None:
        self._holder = holder
        self._cipher = cipher
        self._settings = settings or pad_settings()
        self._line = line
        self.keypad = Keypad(self._settings)
        if not self._settings.integrated and line is None:
            raise ValueError("a pad that is not one unit with the reader needs an enciphered line to it")

    def enter(self, request: PinEntry) -> PinEntered | None:
        """Ask the holder; digits for the card, an enciphered block for the host.

        Raises:
            PadRefused: the prompt is none of the pad's own.
            PinTimeout: no key came in time.
        """
        pin = self.keypad.read(Operation.PIN, request.prompt, self._keys(request))
        if pin is None:
            return None
        try:
            match request.purpose:
                case PinPurpose.CARD:
                    carried = pin if self._settings.integrated or self._line is None else self._line.carry(pin)
                    return PinEntered(digits=carried)
                case PinPurpose.ONLINE:
                    return PinEntered(block=self._cipher.encipher(pin, request.pan))
        except ValueError:
            return None

    def _keys(self, request: PinEntry) -> Iterator[Press]:
        """What the holder presses; asked once the prompt is on the display."""
        given = self._holder(request)
        if given is None:
            yield Press(Function.CANCEL)
        else:
            yield from presses(given) if isinstance(given, str) else given


def say_once(pin: str | None) -> Callable[[PinEntry], str | None]:
    """A holder who knows one PIN, and does not try a wrong one until it is locked.

    What asks again with fewer tries left was not content with it. The bank's host is asked once by each payment, and a
    payment that it declines ends the service.
    """
    tries: dict[str, int] = {}

    def holder(request: PinEntry) -> str | None:
        if pin is None or request.purpose is PinPurpose.ONLINE:
            return pin
        left = 0 if request.tries_left is None else request.tries_left
        if request.prompt in tries and (request.tries_left is None or left < tries[request.prompt]):
            return None
        tries[request.prompt] = left
        return pin

    return holder
