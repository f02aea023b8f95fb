"""Working keys (工作密钥) of a line: handed out at sign-on, enciphered under the master key of the station.

A station is who stands at the other end of the line: a terminal (field 41) or an institution (field 33).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cardsim.crypto.ciphers import des_ecb_decrypt, des_ecb_encrypt
from cardsim.crypto.mac import retail_mac
from cardsim.crypto.padding import xor

KEY_LENGTH: Final = 16
CHECK_LENGTH: Final = 4
_BLOCK: Final = 8
STATION_LENGTH: Final = 8


def station_key(root: bytes, station: str) -> bytes:
    """The master key of a station, 16 bytes: 3DES under the root of its name and of the complement of its name.

    Args:
        root: 16 bytes.
        station: its name, at most eight characters of ASCII; filled with blanks.

    Raises:
        ValueError: the name is longer, or not ASCII.
    """
    name = station.ljust(STATION_LENGTH).encode("ascii")
    if len(name) != STATION_LENGTH:
        raise ValueError(f"{station!r} has more than {STATION_LENGTH} characters")
    return des_ecb_encrypt(root, name + xor(name, b"\xff" * STATION_LENGTH))


def check_value(key: bytes) -> bytes:
    """Key check value: the first four bytes of eight zeros enciphered under the key."""
    return des_ecb_encrypt(key, bytes(_BLOCK))[:CHECK_LENGTH]


def message_mac(key: bytes, message: bytes) -> bytes:
    """The MAC of a message: ANSI X9.19 over type, bitmaps and fields before the MAC, filled with zeros (8 bytes)."""
    return retail_mac(key, message + bytes(-len(message) % _BLOCK))


class KeyCheckFailed(ValueError):
    """Working keys whose check values are wrong: another master key, or a damaged answer."""


@dataclass(frozen=True, slots=True)
class WorkingKeys:
    """Keys of one line from sign-on to sign-on, 16 bytes each: for PIN blocks and for MACs."""

    pin: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    @classmethod
    def draw(cls, random: Callable[[int], bytes]) -> "WorkingKeys":
        """New keys."""
        return cls(random(KEY_LENGTH), random(KEY_LENGTH))

    def wrap(self, master: bytes) -> bytes:
        """Field 62 of the answer to a sign-on: each key enciphered under the master key, and its check value."""
        return b"".join(des_ecb_encrypt(master, key) + check_value(key) for key in (self.pin, self.mac))

    @classmethod
    def unwrap(cls, master: bytes, data: bytes) -> "WorkingKeys":
        """The keys of field 62.

        Raises:
            KeyCheckFailed: the length or a check value is wrong.
        """
        step = KEY_LENGTH + CHECK_LENGTH
        if len(data) != 2 * step:
            raise KeyCheckFailed(f"working keys of {len(data)} bytes; they have {2 * step}")
        keys = []
        for part in (data[:step], data[step:]):
            key = des_ecb_decrypt(master, part[:KEY_LENGTH])
            if check_value(key) != part[KEY_LENGTH:]:
                raise KeyCheckFailed("the check value of a working key is wrong")
            keys.append(key)
        return cls(*keys)
