"""The bank's host in process: its own copy of the issuer's master keys, and the decision about a transaction.

It checks the cryptogram first (JR/T 0025.5-2010 annexes D and E), then goes through the rules of `RULES` in order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cardsim.crypto.pboc import application_cryptogram, arpc, derive_udk, session_key
from cardsim.iso7816.tlv import TlvError, ber, parse
from cardsim.keyfile import BankKeys
from terminal.messages.bank import CryptogramCheck, HostAnswer, HostMessage, MessageKind
from terminal.security import PinCipher

_AC_TAGS: Final = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37, 0x82, 0x9F36)
"""What a cryptogram of version 01 covers, before the CVR (fact sheet §1.9)."""

_CHINA: Final = bytes.fromhex("0156")
_ODA_FAILED: Final = bytes.fromhex("4C00000000")
_EXPIRED: Final = bytes.fromhex("0040000000")
_CVM_FAILED: Final = bytes.fromhex("0000800000")
APPROVED: Final = "00"
DO_NOT_HONOUR: Final = "05"
FORMAT_ERROR: Final = "30"
EXPIRED_CARD: Final = "54"
WRONG_PIN: Final = "55"


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to decline: response code, text, and whether it holds for the chip data."""

    arc: str
    reason: str
    holds: Callable[[Mapping[int, bytes]], bool]


def _tvr(mask: bytes) -> Callable[[Mapping[int, bytes]], bool]:
    return lambda items: any(a & b for a, b in zip(items.get(0x95, b""), mask, strict=False))


RULES: Final = (
    Rule(DO_NOT_HONOUR, "the card is for use in China only", lambda items: items.get(0x9F1A) != _CHINA),
    Rule(DO_NOT_HONOUR, "the card is for yuan only", lambda items: items.get(0x5F2A) != _CHINA),
    Rule(EXPIRED_CARD, "the card has expired", _tvr(_EXPIRED)),
    Rule(DO_NOT_HONOUR, "offline data authentication failed", _tvr(_ODA_FAILED)),
    Rule(WRONG_PIN, "the holder was not verified", _tvr(_CVM_FAILED)),
)
"""D38 and the host's own view of the TVR; the first that holds decides."""


class BankHost:
    """The issuer's authorisation host. `online_pin` is the PIN it knows; None takes any."""

    def __init__(self, keys: BankKeys, pin_cipher: PinCipher, online_pin: str | None = None) -> None:
        self._keys = keys
        self._pin_cipher = pin_cipher
        self._online_pin = online_pin
        self.messages: list[HostMessage] = []

    def handle(self, message: HostMessage) -> HostAnswer:
        """Answer a message. Chip data that are malformed are answered with response code 30, never raised."""
        self.messages.append(message)
        try:
            items = {item.tag: item.value for item in parse(message.chip_data)}
            session = self._session_key(message, items)
            expected = application_cryptogram(session, _covered(items))
        except (TlvError, ValueError) as error:
            return HostAnswer(FORMAT_ERROR, reason=f"malformed chip data: {error}")
        given = items.get(0x9F26, b"")
        check = CryptogramCheck.RIGHT if given == expected else CryptogramCheck.WRONG
        if message.kind is not MessageKind.AUTHORISE:
            return HostAnswer(APPROVED, cryptogram=check, reason="noted")
        if check is CryptogramCheck.WRONG:
            return HostAnswer(DO_NOT_HONOUR, cryptogram=check, reason="the application cryptogram is wrong")
        arc, reason = self._decide(message, items)
        code = arc.encode("ascii")
        return HostAnswer(arc, ber(0x91, arpc(session, given, code) + code), check, reason)

    def _session_key(self, message: HostMessage, items: Mapping[int, bytes]) -> bytes:
        udk = derive_udk(self._keys.mdk_ac, message.pan, message.psn)
        return session_key(udk, int.from_bytes(items.get(0x9F36, b""), "big"))

    def _decide(self, message: HostMessage, items: Mapping[int, bytes]) -> tuple[str, str]:
        for rule in RULES:
            if rule.holds(items):
                return rule.arc, rule.reason
        block, pin = message.pin_block, self._online_pin
        if block is not None and pin is not None and not self._pin_cipher.matches(block, pin, message.pan):
            return WRONG_PIN, "wrong PIN"
        return APPROVED, "approved"


def _covered(items: Mapping[int, bytes]) -> bytes:
    """The bytes under the cryptogram: terminal and card values, then the CVR of 9F10.

    Raises:
        ValueError: a value is missing, or the issuer application data have no CVR.
    """
    if missing := [f"{tag:X}" for tag in _AC_TAGS if tag not in items]:
        raise ValueError(f"{', '.join(missing)} missing")
    iad = items.get(0x9F10, b"")
    if len(iad) < 7 or iad[0] < 6:
        raise ValueError("9F10 has no card verification results")
    return b"".join(items[tag] for tag in _AC_TAGS) + iad[3:7]
