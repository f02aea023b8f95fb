"""A symmetric key that two parties share."""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from terminal.perso.transfer.errors import TransferError
from terminal.perso.transfer.keys import LEAST_SYMMETRIC, check_life, check_password, read_file, write_private

_AES_BYTES: Final = (16, 24, 32)
_NONCE: Final = 12
_TAG: Final = 16
_SALT: Final = 16
_SCRYPT: Final = 2**14


@dataclass(frozen=True, slots=True)
class SharedKey:
    """An AES key that two parties share, seen by one of them: it encloses, opens and signs (HMAC-SHA-256).

    Enclosed data are a nonce of 12 bytes, and AES-GCM ciphertext with its tag of 16.
    """

    own: str
    other: str
    made: datetime
    _value: bytes = field(repr=False)

    @classmethod
    def generate(cls, own: str, other: str, now: datetime, bits: int = 256) -> "SharedKey":
        """Make a key.

        Raises:
            TransferError: it would be too short.
        """
        return cls.of(own, other, now, os.urandom(bits // 8))

    @classmethod
    def of(cls, own: str, other: str, made: datetime, value: bytes) -> "SharedKey":
        """A key of a value.

        Raises:
            TransferError: too short, or no AES key (PERSO-058).
        """
        if len(value) * 8 < LEAST_SYMMETRIC:
            raise TransferError(f"a symmetric transport key has at least {LEAST_SYMMETRIC} bits, not {len(value) * 8}")
        if len(value) not in _AES_BYTES:
            raise TransferError(f"an AES key has 128, 192 or 256 bits, not {len(value) * 8}")
        return cls(own, other, made.replace(microsecond=0), value)

    def export(self, path: Path, password: str) -> None:
        """Write it for the other party, under a password that goes another way (scrypt, AES-256-GCM).

        Raises:
            TransferError: the password is too short.
        """
        check_password(password)
        head = json.dumps({"from": self.own, "to": self.other, "made": f"{self.made:%Y-%m-%dT%H:%M:%S}"}).encode()
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
        sealed = AESGCM(_stretched(password, salt)).encrypt(nonce, self._value, head)
        write_private(path, head + b"\n" + (salt + nonce + sealed).hex().encode() + b"\n")

    @classmethod
    def take(cls, path: Path, password: str, party: str) -> "SharedKey":
        """Take over what `export` wrote.

        Args:
            path: the file.
            password: under which it stands.
            party: who takes it; it is meant for one (point to point).

        Raises:
            TransferError: no such file, another addressee, or a wrong password.
        """
        check_password(password)
        try:
            head, sealed, *_ = read_file(path).split(b"\n")
            said, raw = json.loads(head), bytes.fromhex(sealed.decode())
            sender, addressee = str(said["from"]), str(said["to"])
            made = datetime.fromisoformat(said["made"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise TransferError(f"{path}: no transport key under a password; clear keys are not taken") from error
        if addressee != party:
            raise TransferError(f"{path}: the key is meant for {addressee}, not for {party}")
        salt, nonce, body = raw[:_SALT], raw[_SALT : _SALT + _NONCE], raw[_SALT + _NONCE :]
        try:
            value = AESGCM(_stretched(password, salt)).decrypt(nonce, body, head)
        except (InvalidTag, ValueError) as error:
            raise TransferError(f"{path}: no transport key under this password") from error
        return cls.of(addressee, sender, made, value)

    @property
    def owner(self) -> str:
        """Who sees the key."""
        return self.own

    @property
    def party(self) -> str:
        """The other party: data are enclosed for it."""
        return self.other

    def usable(self, now: datetime) -> None:
        """Whether it is young enough.

        Raises:
            TransferError: it is not.
        """
        check_life(self.made, now, f"{self.own} and {self.other}")

    def enclose(self, data: bytes) -> bytes:
        """Data that only the two can open."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._value).encrypt(nonce, data, None)

    def open(self, enclosed: bytes) -> bytes:
        """What was enclosed.

        Raises:
            TransferError: under another key, or changed on its way.
        """
        if len(enclosed) < _NONCE + _TAG:
            raise TransferError("the file is not sealed, or cut off")
        try:
            return AESGCM(self._value).decrypt(enclosed[:_NONCE], enclosed[_NONCE:], None)
        except InvalidTag:
            raise TransferError("the file is not sealed under this key, or was changed on its way") from None

    def sign(self, data: bytes) -> bytes:
        """A code that only the two can make; it says which of them made it."""
        return self._code(self.own, data)

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether the other one has made the code."""
        return hmac.compare_digest(signature, self._code(self.other, data))

    def _code(self, maker: str, data: bytes) -> bytes:
        key = hmac.digest(self._value, b"sign " + maker.encode(), hashlib.sha256)
        return hmac.digest(key, data, hashlib.sha256)


def _stretched(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_SCRYPT, r=8, p=1, dklen=32)
