"""Key blocks: how a key leaves a store (ANSI X9.143, formerly TR-31, version D: AES, derived keys, one MAC over all).

A block is ASCII: 16 characters of header, optional blocks, enciphered key and MAC in hex. Header and optional blocks
stand in clear and are under the MAC, so that a block says of itself what it is for and is good for nothing else.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.cmac import CMAC

from terminal.keymanagement.kinds import KeyManagementError
from terminal.keymanagement.sealing import Random

VERSION: Final = "D"
_HEADER: Final = 16
_BLOCK: Final = 16
_MAC: Final = 16
_PADDING_ID: Final = "PB"
_LEAST_OPTION: Final = 4
_LONGEST: Final = 9999
_LONGEST_OPTION: Final = 255
_PROTECTING: Final = {16: b"\x00\x02\x00\x80", 24: b"\x00\x03\x00\xc0", 32: b"\x00\x04\x01\x00"}
"""Algorithm and length of the derived keys in the input of the derivation, by the length of the protection key."""
_ENCRYPTION, _AUTHENTICATION = b"\x00\x00", b"\x00\x01"


class KeyBlockError(KeyManagementError):
    """A key block that is damaged, or was made under another key."""


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """What a block says, and the key.

    Usage has two characters (TR-31 table 6), algorithm and mode one, version two; `exportability` is E, N or S.
    `options` are optional blocks by their two-character names, ASCII.
    """

    usage: str
    algorithm: str
    mode: str
    version: str
    exportability: str
    value: bytes = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)

    def wrap(self, protection: bytes, random: Random) -> str:
        """The block under a key block protection key of 16, 24 or 32 bytes.

        Raises:
            KeyBlockError: something is too long.
        """
        encryption, authentication = _derived(protection)
        options, count = _options(self.options)
        clear = (len(self.value) * 8).to_bytes(2, "big") + self.value
        clear += random(-len(clear) % _BLOCK)
        length = _HEADER + len(options) + 2 * (len(clear) + _MAC)
        if length > _LONGEST:
            raise KeyBlockError(f"a key block has at most {_LONGEST} characters, not {length}")
        head = f"{VERSION}{length:04d}{self.usage}{self.algorithm}{self.mode}{self.version}{self.exportability}"
        header = f"{head}{count:02d}00{options}"
        mac = _mac(authentication, header.encode("ascii") + clear)
        cipher = Cipher(AES(encryption), CBC(mac)).encryptor()
        return header + (cipher.update(clear) + mac).hex().upper()

    @classmethod
    def unwrap(cls, block: str, protection: bytes) -> "KeyBlock":
        """Inverse of `wrap`; nothing of a block is believed before its MAC is right.

        Raises:
            KeyBlockError: damaged, of another version, or under another key.
        """
        header, options = read_header(block)
        body = block[len(header) :]
        try:
            data = bytes.fromhex(body)
        except ValueError:
            raise KeyBlockError("the key block is damaged: what follows its header is not hex") from None
        encryption, authentication = _derived(protection)
        if len(data) < _BLOCK + _MAC or len(data) % _BLOCK:
            raise KeyBlockError("the key block is damaged: its length is none")
        mac = data[-_MAC:]
        cipher = Cipher(AES(encryption), CBC(mac)).decryptor()
        clear = cipher.update(data[:-_MAC])
        if not hmac.compare_digest(_mac(authentication, header.encode("ascii") + clear), mac):
            raise KeyBlockError("the key block's MAC is wrong: another transport key, or it was changed")
        bits = int.from_bytes(clear[:2], "big")
        if bits % 8 or bits // 8 > len(clear) - 2:
            raise KeyBlockError("the key block is damaged: the length of its key is none")
        return cls(header[5:7], header[7], header[8], header[9:11], header[11], clear[2 : 2 + bits // 8], options)


def read_header(block: str) -> tuple[str, dict[str, str]]:
    """Header with optional blocks as they stand, and the optional blocks; nothing is authenticated here.

    Raises:
        KeyBlockError: it is no block of version D.
    """
    if len(block) < _HEADER or not block.isascii() or block[0] != VERSION:
        raise KeyBlockError(f"this is no key block of version {VERSION}")
    if not block[1:5].isdigit() or int(block[1:5]) != len(block) or not block[12:14].isdigit():
        raise KeyBlockError("the key block is damaged: its length is not what it says")
    options: dict[str, str] = {}
    at = _HEADER
    for _ in range(int(block[12:14])):
        name, length = block[at : at + 2], block[at + 2 : at + 4]
        try:
            size = int(length, 16)
        except ValueError:
            size = 0
        if size < _LEAST_OPTION or at + size > len(block):
            raise KeyBlockError("the key block is damaged: an optional block has no length")
        if name != _PADDING_ID:
            options[name] = block[at + 4 : at + size]
        at += size
    return block[:at], options


def _options(options: Mapping[str, str]) -> tuple[str, int]:
    """The optional blocks, filled by one more to a multiple of the cipher's block; and how many they are."""
    for name, value in options.items():
        if len(value) + _LEAST_OPTION > _LONGEST_OPTION or not value.isascii():
            raise KeyBlockError(f"the optional block {name} is too long, or not ASCII")
    text = "".join(f"{name}{len(value) + _LEAST_OPTION:02X}{value}" for name, value in options.items())
    missing = -len(text) % _BLOCK
    if not missing:
        return text, len(options)
    if missing < _LEAST_OPTION:
        missing += _BLOCK
    return f"{text}{_PADDING_ID}{missing:02X}{'0' * (missing - _LEAST_OPTION)}", len(options) + 1


def _derived(protection: bytes) -> tuple[bytes, bytes]:
    """Keys for encryption and for the MAC (X9.143 §7.2.1.2): CMACs of a counter, what for, algorithm and length."""
    length = len(protection)
    about = _PROTECTING.get(length)
    if about is None:
        raise KeyBlockError("a key block protection key has 16, 24 or 32 bytes")

    def derive(purpose: bytes) -> bytes:
        blocks = -(-length // _BLOCK)
        text = (bytes((n,)) + purpose + b"\x00" + about for n in range(1, blocks + 1))
        return b"".join(_mac(protection, part) for part in text)[:length]

    return derive(_ENCRYPTION), derive(_AUTHENTICATION)


def _mac(key: bytes, message: bytes) -> bytes:
    code = CMAC(AES(key))
    code.update(message)
    return code.finalize()
