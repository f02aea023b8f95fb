"""What a key file says, as values; a key is in no repr."""

import datetime as dt
import functools
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cardsim.crypto.medical import TypeCoding
from cardsim.crypto.social import Suite, card_key

FORMAT: Final = "cardsim-keys"
VERSION: Final = 1
PSAM_KEYS: Final = ("master", "application", "national", "provincial", "city")
"""Names of a PSAM's own keys in an environment, as the file and `PsamEnvironmentKeys` have them."""
_PATIENCE: Final = 30
"""Seconds that the command for keys may take."""


class KeyFileError(Exception):
    """A key file that cannot be used. One sentence that names the file, the place in it, and what to do."""


@dataclass(frozen=True, slots=True)
class CardKeys:
    """Keys of the card itself (D1)."""

    transport: bytes | None = field(default=None, repr=False)
    master: bytes | None = field(default=None, repr=False)


@functools.cache
def _ask(command: str, *words: str) -> bytes:
    """A card key from the key file's command, asked for once; what it printed stands in no message."""
    try:
        program = shlex.split(command)
    except ValueError as error:
        raise KeyFileError(f"the command for keys cannot be read: {error}") from error
    if not program:
        raise KeyFileError("the command for keys is empty")
    named = f"the command for keys, {program[0]},"  # its words may hold a PIN
    try:
        done = subprocess.run([*program, *words], capture_output=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise KeyFileError(f"{named} gave no answer in {_PATIENCE} seconds") from None
    except OSError as error:
        raise KeyFileError(f"{named} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise KeyFileError(f"{named} has no key {words[0]}: it ended with {done.returncode}")
    try:
        key = bytes.fromhex(done.stdout.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) not in (8, 16):
        raise KeyFileError(f"{named} printed no key for {words[0]}: 8 or 16 bytes in hex")
    return key


def generation_name(name: str, generation: int) -> str:
    """The name of one generation (组) of a key: NAME for the first one, NAME.2 and NAME.3 for those that follow."""
    return name if generation == 1 else f"{name}.{generation}"


@dataclass(frozen=True, slots=True)
class SsseKeys:
    """Keys of the social-security environment: national roots by name, and card keys that win over them."""

    suite: Suite
    area: str
    master: bytes | None = field(default=None, repr=False)
    roots: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    command: str | None = None
    medical_type: TypeCoding = TypeCoding.ASCII
    """How the transaction type stands in MACs and TACs of medical transactions (D19)."""

    def card_key(self, name: str, suite: Suite, area: str, historical: bytes) -> bytes | None:
        """The card's own key of that name, or None if the file has neither it nor its root.

        Args:
            name: name in the standard, "IRK".
            suite: cipher of the card.
            area: area code in the card identification code, six digits.
            historical: the 13 historical bytes of the ATR.

        Raises:
            ValueError: area code or historical bytes do not have that form.
            KeyFileError: the command for keys fails, or what it prints is no key.
        """
        if name in self.keys:
            return self.keys[name]
        root = self.roots.get(name)
        if root is not None:
            return card_key(suite, root, area, historical)
        return None if self.command is None else _ask(self.command, name, suite.value, area, historical.hex().upper())


@dataclass(frozen=True, slots=True)
class PseKeys:
    """Keys of the payment environment's personalisation (D7)."""

    kmc: bytes = field(repr=False)
    key_version: int = 1
    keydata: bytes = b""


@dataclass(frozen=True, slots=True)
class CaKey:
    """Public key of a certification authority (EMV Book 2 §11.2.2)."""

    rid: bytes
    index: int
    modulus: bytes
    exponent: bytes
    expires: dt.date | None = None


@dataclass(frozen=True, slots=True)
class BankKeys:
    """The issuer's master keys and the CA public keys of its terminals."""

    mdk_ac: bytes = field(repr=False)
    mdk_mac: bytes = field(repr=False)
    mdk_enc: bytes = field(repr=False)
    ca: tuple[CaKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """What the invented holder knows, and by what hosts know him."""

    name: str = ""
    pin: str | None = field(default=None, repr=False)
    offline_pin: str | None = field(default=None, repr=False)
    online_pin: str | None = field(default=None, repr=False)
    number: str = ""
    """Social-security number (社会保障号码), which is the identity number at the bank."""
    card: bytes = b""
    """Identification code of his social-security card, 16 bytes, or empty."""
    card_number: str = ""
    """Its card number, nine characters."""
    historical: bytes = b""
    """The historical bytes of its ATR, 13 bytes, or empty."""


@dataclass(frozen=True, slots=True)
class PsamEnvironmentKeys:
    """The PSAM's own keys in one environment: master keys of environment and application, KID-01 to 03.

    `roots` are national root keys by name: what the keys that it holds for user cards are derived from.
    """

    fid: str
    suite: Suite
    master: bytes = field(repr=False)
    application: bytes = field(repr=False)
    national: bytes = field(repr=False)
    provincial: bytes = field(repr=False)
    city: bytes = field(repr=False)
    roots: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PsamKeys:
    """What belongs to a PSAM: where it was issued, its terminal number (12 digits), and its own keys."""

    area: str
    terminal: str
    transport: bytes | None = field(default=None, repr=False)
    environments: tuple[PsamEnvironmentKeys, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Everything that one key file says; a part that it does not have is None."""

    card: CardKeys | None = None
    ssse: SsseKeys | None = None
    pse: PseKeys | None = None
    bank: BankKeys | None = None
    holder: Holder | None = None
    psam: PsamKeys | None = None


def default_keyfile_path(image: Path) -> Path:
    """Where the key file of a card image stands: beside it, as IMAGE.keys.toml."""
    return Path(f"{image}.keys.toml")
