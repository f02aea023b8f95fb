"""Seals of what a terminal takes in, blacklist and parameters: they prove that it is whole and who it comes from.

SSC part 8 §6.4.1.1 and §7.3 ask for integrity and for a source that is proved, and leave the form open; this one is our
own.
"""

from collections.abc import Sequence
from typing import Final

from cardsim.crypto.mac import retail_mac
from cardsim.crypto.padding import pad80
from terminal.messages.social import BlacklistEntry

BENCH_UPDATE_KEY: Final = b"cardsim bench 01"
"""Update key of terminals and host on the bench, where nobody gave another one: 16 bytes, public."""


def blacklist_seal(key: bytes, version: int, entries: Sequence[BlacklistEntry]) -> bytes:
    """MAC (8 bytes, ISO 9797-1 algorithm 3) over the list's number and all its entries, in their order.

    Args:
        key: the terminals' update key, 16 bytes.
        version: number of the list.
        entries: each with its first and last card number and its identification code, empty for a range.

    Raises:
        ValueError: the key has not 16 bytes, or a field more than 255.
    """
    data = bytearray(version.to_bytes(4, "big") + len(entries).to_bytes(4, "big"))
    for entry in entries:
        for field in (entry.first.encode(), entry.last.encode(), entry.identification):
            data += bytes((len(field),)) + field
    return retail_mac(key, pad80(bytes(data)))


def parameter_seal(key: bytes, version: int, text: str) -> bytes:
    """MAC (8 bytes, ISO 9797-1 algorithm 3) over number and text of a terminal's parameters (TRM-024).

    Raises:
        ValueError: the key has not 16 bytes.
    """
    return retail_mac(key, pad80(b"parameters" + version.to_bytes(4, "big") + text.encode()))
