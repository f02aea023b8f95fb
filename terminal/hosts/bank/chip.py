"""The chip data of a message (field 55), the cryptogram in them, and the card's session keys.

JR/T 0025.5-2010 annexes D and E; fact sheet §1.8, §1.9.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cardsim.crypto import pboc
from cardsim.iso7816.tlv import TlvError, parse
from cardsim.keyfile import BankKeys
from terminal.messages.bank import CryptogramCheck

_COVERED: Final = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37, 0x82, 0x9F36)
"""What a cryptogram of version 01 covers, before the CVR (fact sheet §1.9)."""
_VERSION: Final = 0x01
_BASIC_LENGTH: Final = 7
_PIN_VALUE_SIZE: Final = 32
_CASH_BALANCE: Final = (0x01, 0x03)
"""Identifiers of discretionary data that begin with the balance of electronic cash."""


class ChipDataError(ValueError):
    """Chip data are malformed, or something that must be there is missing."""


@dataclass(frozen=True, slots=True)
class ChipData:
    """Chip data by tag, and the parts of the issuer application data (9F10)."""

    items: Mapping[int, bytes]
    key_index: int
    version: int
    cvr: bytes
    discretionary: bytes
    """Identifier, value and MAC of the issuer discretionary data; empty where the card sends none."""

    @classmethod
    def read(cls, data: bytes) -> "ChipData":
        """Read field 55.

        Raises:
            ChipDataError: it is no TLV, a value under the cryptogram is missing, or 9F10 is not of its form.
        """
        try:
            items = {item.tag: item.value for item in parse(data)}
        except TlvError as error:
            raise ChipDataError(str(error)) from error
        if missing := [f"{tag:X}" for tag in (*_COVERED, 0x9F26) if not items.get(tag)]:
            raise ChipDataError(f"{', '.join(missing)} missing")
        for tag, length in ((0x9F36, 2), (0x9F26, 8), (0x95, 5)):
            if len(items[tag]) != length:
                raise ChipDataError(f"{tag:X} has {length} bytes, not {len(items[tag])}")
        iad = items.get(0x9F10, b"")
        if len(iad) <= _BASIC_LENGTH or iad[0] != _BASIC_LENGTH or iad[3] != 3:
            raise ChipDataError("9F10 has no card verification results")
        rest = iad[1 + _BASIC_LENGTH :]
        if rest and rest[0] != len(rest) - 1:
            raise ChipDataError("the discretionary data of 9F10 are not as long as they say")
        return cls(items, iad[1], iad[2], iad[3:7], rest[1:])

    @property
    def atc(self) -> int:
        """Application transaction counter."""
        return int.from_bytes(self.items[0x9F36], "big")

    @property
    def cryptogram(self) -> bytes:
        """The application cryptogram."""
        return self.items[0x9F26]

    @property
    def aid(self) -> str:
        """The application (tag 84), in hex."""
        return self.items.get(0x84, b"").hex().upper()

    @property
    def covered(self) -> bytes:
        """The bytes under the cryptogram."""
        return b"".join(self.items[tag] for tag in _COVERED) + self.cvr

    @property
    def amount(self) -> int:
        """9F02 in fen; a wrong digit counts as none."""
        digits = self.items[0x9F02].hex()
        return int(digits) if digits.isdigit() else -1

    @property
    def offline_pin_verified(self) -> bool:
        """Whether the card says that it has verified a PIN (CVR byte 2, b3 without b2)."""
        return self.cvr[1] & 0x06 == 0x04

    def shows(self, mask: bytes) -> bool:
        """Whether a bit of the mask stands in the TVR."""
        return any(a & b for a, b in zip(self.items[0x95], mask, strict=False))


class IssuerKeys:
    """The issuer's master keys by derivation key index (DKI): its own, and apart from any key of social security.

    SCHEME-042. Nothing gives a key out; a set is named by its index alone.
    """

    def __init__(self, versions: Mapping[int, BankKeys]) -> None:
        self._versions = dict(versions)

    def __repr__(self) -> str:
        return f"IssuerKeys(versions {', '.join(map(str, sorted(self._versions)))})"

    def card(self, pan: str, psn: str, chip: ChipData) -> "CardSession | None":
        """The keys of a card for one transaction; None where there are no master keys of that index or version."""
        keys = self._versions.get(chip.key_index)
        return None if keys is None or chip.version != _VERSION else CardSession(keys, pan, psn, chip)

    def pin_value(self, pan: str, pin: str) -> str:
        """The verification value of a PIN (PIN 校验值), 32 hex digits: what the books hold in the place of the PIN.

        HMAC-SHA-256 of card number and PIN under the encryption key of the first set, cut to 16 bytes: without that
        key nobody can try PINs against it.
        """
        key = self._versions[min(self._versions)].mdk_enc
        return hmac.digest(key, f"PIN verification value {pan} {pin}".encode(), "sha256").hex()[:_PIN_VALUE_SIZE]


class CardSession:
    """The session keys of one transaction (过程密钥), each derived when it is needed."""

    def __init__(self, keys: BankKeys, pan: str, psn: str, chip: ChipData) -> None:
        self._keys, self._pan, self._psn, self.chip = keys, pan, psn, chip

    @cached_property
    def _ac(self) -> bytes:
        return pboc.session_key(pboc.derive_udk(self._keys.mdk_ac, self._pan, self._psn), self.chip.atc)

    @cached_property
    def _mac(self) -> bytes:
        return pboc.session_key(pboc.derive_udk(self._keys.mdk_mac, self._pan, self._psn), self.chip.atc)

    def check(self) -> CryptogramCheck:
        """Whether the cryptogram is the card's."""
        right = pboc.application_cryptogram(self._ac, self.chip.covered) == self.chip.cryptogram
        return CryptogramCheck.RIGHT if right else CryptogramCheck.WRONG

    def authentication_data(self, code: str) -> bytes:
        """Issuer authentication data (tag 91), 10 bytes: ARPC and response code."""
        arc = code.encode("ascii")
        return pboc.arpc(self._ac, self.chip.cryptogram, arc) + arc

    def cash_balance(self) -> int | None:
        """Balance of electronic cash in fen as the card tells it, or None: not told, or its MAC is wrong."""
        data = self.chip.discretionary
        if len(data) < 10 or data[0] not in _CASH_BALANCE:
            return None
        value, mac = data[1:-4], data[-4:]
        digits = value[:5].hex()
        if pboc.idd_mac(self._mac, self.chip.atc, value) != mac or not digits.isdigit():
            return None
        return int(digits)

    def command(self, header: bytes, data: bytes = b"") -> bytes:
        """A command of an issuer script: CLA INS P1 P2, Lc, data and MAC; each MAC begins with the cryptogram of the
        message (it is the first of its transaction), for the card does not chain them (docs/pboc-choices.md)."""
        head = header + bytes((len(data) + 4,))
        return head + data + pboc.script_mac(self._mac, head, self.chip.atc, self.chip.cryptogram, data)

    def enciphered_pin(self, pin: str) -> bytes:
        """The enciphered data of PIN CHANGE: a new PIN, without the old one."""
        udk = pboc.derive_udk(self._keys.mdk_enc, self._pan, self._psn)
        return pboc.script_encipher(pboc.session_key(udk, self.chip.atc), pboc.pin_change_block(udk, pin))
