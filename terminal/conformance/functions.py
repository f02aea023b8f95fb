"""All functions of expressions, by name: those that fit everywhere are here, the others in the modules of each side."""

from collections.abc import Mapping
from functools import reduce
from operator import xor
from typing import Final

from cardsim.crypto import pboc
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.iso7816 import tlv
from cardsim.iso7816.contact import frame
from terminal.conformance.context import Context, Disproved, Function, FunctionError
from terminal.conformance.functions_bank import BANK_FUNCTIONS
from terminal.conformance.functions_medical import MEDICAL_FUNCTIONS
from terminal.conformance.functions_perso import PERSO_FUNCTIONS
from terminal.conformance.functions_psam import NAMES as PSAM_NAMES
from terminal.conformance.functions_psam import PSAM_FUNCTIONS
from terminal.conformance.functions_scripts import SCRIPT_FUNCTIONS
from terminal.conformance.functions_social import SOCIAL_FUNCTIONS
from terminal.conformance.functions_ssse import SSSE_FUNCTIONS

NAMES: Final[Mapping[str, bytes]] = {
    "ssse": SSSE_NAME,
    "pse": PSE_NAME,
    "debit": bytes.fromhex("A000000333010101"),
    "df01": bytes.fromhex("D15600000500"),
    "df02": bytes.fromhex("D15600000501"),
    "df03": bytes.fromhex("D15600000502"),
    "df04": bytes.fromhex("D15600000503"),
    "df07": bytes.fromhex("D15600000504"),
    **PSAM_NAMES,
}
"""DF names by a short name."""


def _tag(context: Context, words: tuple[str, ...]) -> bytes:
    """tag VALUE TAG…: the value of a data object inside a captured value."""
    found = tlv.find(context.value(words[0]), *(int(word, 16) for word in words[1:]))
    if found is None:
        raise Disproved(f"there is no data object {' '.join(words[1:])}")
    return found


def _holder(context: Context, name: str) -> bytes:
    holder = context.keys.holder
    pin = getattr(holder, name, None) if holder is not None else None
    if pin is None:
        raise FunctionError(f"the key file's [holder] has no {name}")
    return bytes.fromhex(pin + "F" * (len(pin) % 2))


def _wrong(context: Context, words: tuple[str, ...]) -> bytes:
    """wrong VALUE: the value with its last bit turned over."""
    value = context.evaluate(words[0], words[1:])
    return value[:-1] + bytes((value[-1] ^ 1,))


def _flip(context: Context, words: tuple[str, ...]) -> bytes:
    """flip N VALUE: the value with bit N turned over, counted from its first one and round again behind the last."""
    value = bytearray(context.evaluate(words[1], words[2:]))
    if value:
        at = int(words[0]) % (len(value) * 8)
        value[at // 8] ^= 0x80 >> at % 8
    return bytes(value)


def _first(context: Context, words: tuple[str, ...]) -> bytes:
    """first N VALUE: its first bytes, so many."""
    return context.evaluate(words[1], words[2:])[: int(words[0])]


def _xor(context: Context, words: tuple[str, ...]) -> bytes:
    """xor VALUE…: all bytes of the values added up, as TCK and PCK are made."""
    return bytes((reduce(xor, b"".join(context.value(word) for word in words)),))


def _padded(context: Context, words: tuple[str, ...]) -> bytes:
    """padded VALUE: up to its first 00, filled with 00 to its length, as short texts are (V2 §7)."""
    value = context.value(words[0])
    return value.split(b"\0")[0].ljust(len(value), b"\0")


FUNCTIONS: Final[Mapping[str, Function]] = {
    **SOCIAL_FUNCTIONS,
    **SSSE_FUNCTIONS,
    **BANK_FUNCTIONS,
    **SCRIPT_FUNCTIONS,
    **MEDICAL_FUNCTIONS,
    **PERSO_FUNCTIONS,
    **PSAM_FUNCTIONS,
    "tag": _tag,
    "wrong": _wrong,
    "flip": _flip,
    "first": _first,
    "xor": _xor,
    "padded": _padded,
    "frame": lambda context, words: bytes(frame(context.value(words[0])[0])),
    "name": lambda _context, words: NAMES[words[0]],
    "challenge": lambda context, _words: context.challenge,
    "historical": lambda context, _words: context.historical,
    "pin": lambda context, _words: _holder(context, "pin"),
    "offline-pin": lambda context, _words: pboc.pin_block_format2(_holder(context, "offline_pin").hex().rstrip("f")),
    "random": lambda context, words: context.draw(int(words[0])),
    "cut": lambda context, words: context.value(words[0])[int(words[1]) : int(words[2])],
    "join": lambda context, words: b"".join(context.value(word) for word in words),
    "add": lambda context, words: (int.from_bytes(context.value(words[0]), "big") + int(words[1])).to_bytes(
        len(context.value(words[0])), "big"
    ),
}
"""All functions by name."""
