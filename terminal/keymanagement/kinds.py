"""What must live here: what a key is described by, without its value: whose, which, what for, in what state."""

import enum
import hashlib
import re
from dataclasses import dataclass
from typing import Final, assert_never

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from cardsim.crypto import ciphers
from cardsim.crypto.social import Suite
from terminal.errors import UsageError
from terminal.perso.parties import Party

CHECK_LENGTH: Final = 3
"""Bytes of a key check value, as the field has it: the beginning of a block of zeros enciphered under the key."""
AES_CHECK_LENGTH: Final = 5
"""Of an AES key: the beginning of the CMAC of a block of zeros (ANSI X9.24-1 annex A)."""
_SUITE_SEPARATOR: Final = " "
_PLACE: Final = re.compile(r"[0-9A-Za-z]{1,16}")
_PERSON: Final = re.compile(r"[^\x00-\x1f]{1,64}")
_NAME: Final = re.compile(r"[ -~]{1,48}")


class KeyManagementError(UsageError):
    """Key management does not do it; one sentence without any value."""


class KeyRequestRefused(KeyManagementError):
    """Who asked has no right to it, or not now. The refusal stands in the register."""


class Role(enum.Enum):
    """Whose keys, and for whom a person works. Each has stores and a register of its own."""

    DEPARTMENT = "department"
    """Social keys, under the ministry's rules (SCHEME-185)."""
    BANK = "bank"
    """Finance keys, under the central bank's rules (SCHEME-186)."""
    MAKER = "maker"
    """Keys of card bodies."""
    AUTHORITY = "authority"
    """The certification authority (CA) that signs issuer keys."""

    @property
    def party(self) -> Party | None:
        """The party in whose books the register stands; the authority is none of the workshop's."""
        return None if self is Role.AUTHORITY else Party(self.value)


class Level(enum.Enum):
    """At which level of a hierarchy a key stands."""

    NATIONAL = "national"
    PROVINCIAL = "provincial"
    CITY = "city"
    BANK = "bank"
    MAKER = "card maker"
    AUTHORITY = "authority"


class Algorithm(enum.Enum):
    """What a key is for a cipher."""

    DES = "des"
    TDES = "tdes"
    SM4 = "sm4"
    AES = "aes"
    RSA = "rsa"
    DIGITS = "digits"
    """No key: the first PIN of a batch, kept and transported like one."""


LENGTHS: Final = {
    Algorithm.DES: (8,),
    Algorithm.TDES: (16, 24),
    Algorithm.SM4: (16,),
    Algorithm.AES: (16, 24, 32),
    Algorithm.DIGITS: tuple(range(4, 13)),
}
"""Lengths of values in bytes. An RSA key is a PKCS #1 structure of any length."""


class Usage(enum.Enum):
    """What a key may be used for, each with its code in a key block (TR-31 table 6)."""

    SOCIAL = "E6"
    """Keys of SSSE are derived from it, level by level down to the card."""
    CRYPTOGRAM = "E0"
    """Issuer master key for application cryptograms (MDK-AC)."""
    CONFIDENTIALITY = "E1"
    """Issuer master key for enciphered scripts (MDK-ENC)."""
    INTEGRITY = "E2"
    """Issuer master key for MACs of scripts (MDK-MAC)."""
    PERSONALISATION = "E5"
    """Master keys under which cards are set up: KMC, transport key, card master key."""
    TRANSPORT = "K1"
    """Key-transport key (密钥传输密钥): protects key blocks between two stores."""
    SIGNATURE = "S1"
    """Private key that signs certificates and static data."""
    PIN = "P0"
    """First PIN."""


class KeyState(enum.Enum):
    """The life of a version of a key."""

    PENDING = "pending"
    """Loaded, not yet in use."""
    ACTIVE = "active"
    """In use; of each name one version at most."""
    RETIRED = "retired"
    """For cards that have it already; no new card gets it."""
    DESTROYED = "destroyed"
    """The value is gone."""


NEXT_STATES: Final = {
    KeyState.PENDING: (KeyState.ACTIVE, KeyState.DESTROYED),
    KeyState.ACTIVE: (KeyState.RETIRED,),
    KeyState.RETIRED: (KeyState.DESTROYED,),
    KeyState.DESTROYED: (),
}
"""What may follow on a state. An active key is retired first: whoever destroys it means to."""


@dataclass(frozen=True, slots=True)
class Place:
    """A store: whose it is, and its name there: `national`, a province (`51`), a city (`519900`), a BIN, a maker."""

    role: Role
    name: str

    def __str__(self) -> str:
        return f"{self.role.value}/{self.name}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """A place as it is written.

        Raises:
            KeyManagementError: it is none.
        """
        role, _, name = text.partition("/")
        if role not in {one.value for one in Role} or not _PLACE.fullmatch(name):
            raise KeyManagementError(f"{text}: a store is written as department/519900 or bank/621467")
        return cls(Role(role), name)


@dataclass(frozen=True, slots=True)
class Officer:
    """A person who asks for something: by name, on behalf of a role.

    Raises:
        KeyManagementError: the name does not fit into the register.
    """

    name: str
    role: Role

    def __post_init__(self) -> None:
        check_person(self.name)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A version of a key, without its value. Times are ISO 8601, empty until they come; the check value is in hex."""

    name: str
    version: int
    level: Level
    usage: Usage
    algorithm: Algorithm
    bits: int
    check_value: str
    state: KeyState
    created: str
    activated: str = ""
    retired: str = ""
    destroyed: str = ""
    expires: str = ""
    """When it must have been renewed; empty for keys that last as long as their cards."""
    peer: str = ""
    """Of a transport key: the store at the other end."""

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


def check_person(name: str) -> None:
    """Judge the name of an officer or custodian: 1 to 64 characters on one line.

    Raises:
        KeyManagementError: it is another one.
    """
    if not _PERSON.fullmatch(name):
        raise KeyManagementError(f"a person's name has 1 to 64 characters on one line, not {name!r}")


def check_name(name: str) -> None:
    """Judge the name of a key: 1 to 48 characters of ASCII, as it stands in key blocks.

    Raises:
        KeyManagementError: it is another one.
    """
    if not _NAME.fullmatch(name):
        raise KeyManagementError(f"a key's name has 1 to 48 characters of ASCII, not {name!r}")


def suite_name(suite: Suite, name: str) -> str:
    """Name of a social key in a store: each cipher has roots of its own."""
    return f"{suite.value}{_SUITE_SEPARATOR}{name}"


def suite_of(name: str) -> tuple[Suite, str] | None:
    """Cipher and name in the standard of a social key in a store; None for any other key."""
    first, separator, rest = name.partition(_SUITE_SEPARATOR)
    return (Suite(first), rest) if separator and first in {suite.value for suite in Suite} else None


def check_value(algorithm: Algorithm, value: bytes) -> str:
    """Key check value (校验值) in hex: of ciphers as `CHECK_LENGTH` says; of RSA the first bytes of the modulus's hash.

    Digits have none, for there are too few of them: whoever knew it would find the PIN.

    Raises:
        KeyManagementError: the value has a length that the algorithm does not have.
    """
    lengths = LENGTHS.get(algorithm)
    if lengths is not None and len(value) not in lengths:
        raise KeyManagementError(f"a key for {algorithm.value} has {' or '.join(map(str, lengths))} bytes")
    match algorithm:
        case Algorithm.DES | Algorithm.TDES:
            check = ciphers.des_ecb_encrypt(value, bytes(8))[:CHECK_LENGTH]
        case Algorithm.SM4:
            check = ciphers.sm4_ecb_encrypt(value, bytes(16))[:CHECK_LENGTH]
        case Algorithm.AES:
            code = CMAC(AES(value))
            code.update(bytes(16))
            check = code.finalize()[:AES_CHECK_LENGTH]
        case Algorithm.RSA:
            from terminal.keymanagement.rsakeys import read_rsa  # PKCS #1 needs a library that little else here needs

            check = hashlib.sha256(read_rsa(value).public.modulus).digest()[:CHECK_LENGTH]
        case Algorithm.DIGITS:
            check = b""
        case _:
            assert_never(algorithm)
    return check.hex().upper()


def bits_of(algorithm: Algorithm, value: bytes) -> int:
    """Length of a key in bits; 4 for each digit of a PIN."""
    match algorithm:
        case Algorithm.RSA:
            from terminal.keymanagement.rsakeys import read_rsa

            return read_rsa(value).public.size * 8
        case Algorithm.DIGITS:
            return len(value) * 4
        case _:
            return len(value) * 8
