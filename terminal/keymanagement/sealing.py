"""How secrets are kept in files: AES-256-GCM under a key from a key file, or from a passphrase by scrypt (RFC 7914)."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cardsim.privatefile import write_private
from terminal.keymanagement.kinds import KeyManagementError

KEY_LENGTH: Final = 32
NONCE_LENGTH: Final = 12
SALT_LENGTH: Final = 16
COST: Final = 14
"""Binary logarithm of scrypt's cost: 16 MiB, some 50 ms."""
_COSTS: Final = range(1, 21)
_BLOCK: Final = 8

Random = Callable[[int], bytes]


class WrongSecret(KeyManagementError):
    """Another key or passphrase, or a file that was changed: the two cannot be told apart."""


def seal(key: bytes, content: bytes, about: bytes, random: Random = secrets.token_bytes) -> bytes:
    """Nonce, ciphertext and tag; `about` is authenticated and stays in clear."""
    nonce = random(NONCE_LENGTH)
    return nonce + AESGCM(key).encrypt(nonce, content, about)


def unseal(key: bytes, sealed: bytes, about: bytes) -> bytes:
    """Inverse of `seal`.

    Raises:
        WrongSecret: another key, or something was changed.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], about)
    except (InvalidTag, ValueError):
        raise WrongSecret("it opens with another key, or it was changed") from None


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase, or the PIN of a medium."""

    text: str = field(repr=False)
    cost: int = COST
    """Of what is sealed anew; what is opened says its own."""

    def new(self, random: Random = secrets.token_bytes) -> tuple[dict[str, Any], bytes]:
        """What the file says about its key, and the key."""
        about = {"kdf": "scrypt", "salt": random(SALT_LENGTH).hex(), "cost": self.cost}
        return about, self.key(about)

    def key(self, about: dict[str, Any]) -> bytes:
        """The key of a file.

        Raises:
            WrongSecret: the file is opened by a key file.
        """
        if about.get("kdf") != "scrypt":
            raise WrongSecret("it is opened by a key file, not by a passphrase")
        cost = int(about["cost"])
        if cost not in _COSTS:
            raise WrongSecret("the cost of its passphrase is out of all measure")
        memory = 256 * _BLOCK * (1 << cost)
        salt, n = bytes.fromhex(about["salt"]), 1 << cost
        return hashlib.scrypt(self.text.encode(), salt=salt, n=n, r=_BLOCK, p=1, maxmem=memory, dklen=KEY_LENGTH)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A key of 32 bytes in a file of its own (mode 0600)."""

    path: Path

    def make(self, random: Random = secrets.token_bytes) -> None:
        """Write a new one.

        Raises:
            KeyManagementError: it cannot be written.
        """
        try:
            write_private(self.path, random(KEY_LENGTH).hex().encode() + b"\n")
        except OSError as error:
            raise KeyManagementError(f"{self.path}: the store key cannot be written ({error.strerror})") from error

    def new(self, random: Random = secrets.token_bytes) -> tuple[dict[str, Any], bytes]:
        """What the file says about its key, and the key, which is made where there is none."""
        if not self.path.exists():
            self.make(random)
        about = {"kdf": "file"}
        return about, self.key(about)

    def key(self, about: dict[str, Any]) -> bytes:
        """The key of a file.

        Raises:
            WrongSecret: the file is opened by a passphrase, or this file holds no key.
        """
        if about.get("kdf") != "file":
            raise WrongSecret("it is opened by a passphrase, not by a key file")
        try:
            key = bytes.fromhex(self.path.read_text(encoding="ascii").strip())
        except OSError as error:
            raise WrongSecret(f"{self.path}: the store key cannot be read ({error.strerror})") from error
        except ValueError:
            key = b""
        if len(key) != KEY_LENGTH:
            raise WrongSecret(f"{self.path}: this is no store key of {KEY_LENGTH} bytes in hex")
        return key


Opener = Passphrase | KeyHolder
"""What opens a store or a medium."""
