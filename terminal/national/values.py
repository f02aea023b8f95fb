"""Items and records as the strings of the national interface have them, and back (V2 §7)."""

import re
from typing import Final

from cardsim.decode.values import bcd_digits
from cardsim.iso7816.tlv import TlvError, parse_simple, simple
from cardsim.making.plan import FilePlan, Item, ItemType
from terminal.national.codes import Code, NationalError

_SEPARATORS: Final = frozenset("|^$")
_HEX: Final = re.compile(r"(?:[0-9A-F]{2})*")


def item_text(item: Item, value: bytes) -> str:
    """The value of an item: text without its filling, digits, hex, or (item made of items) values with `^` behind."""
    match item.type:
        case ItemType.TEXT:
            return _text(value)
        case ItemType.BCD:
            # An identification code has letters among its digits and F at its end: it stands as it is.
            digits = bcd_digits(value)
            return value.hex().upper() if digits is None else digits
        case ItemType.BINARY:
            return value.hex().upper()
        case ItemType.NESTED:
            return _joined(item.items, nested_values(item, value))


def record_text(file: FilePlan, record: bytes) -> str:
    """A record of a cyclic file: its items, `^` behind each."""
    values, offset = [], 0
    for item in file.items:
        values.append(record[offset : offset + item.length])
        offset += item.length
    return _joined(file.items, values)


def _joined(items: tuple[Item, ...], values: list[bytes]) -> str:
    return "".join(f"{item_text(item, value)}^" for item, value in zip(items, values, strict=True))


def nested_values(item: Item, value: bytes) -> list[bytes]:
    """The values inside an item that is made of items; one that is not there is empty."""
    try:
        found = {inner.tag: inner.value for inner in parse_simple(value)}
    except TlvError:
        found = {}
    return [found.get(inner.tag or 0, b"") for inner in item.items]


def _text(value: bytes) -> str:
    return value.rstrip(b"\0 ").decode("gb18030", "replace")


def item_value(item: Item, text: str, filler: bytes | None = None) -> bytes:
    """The bytes of an item in its full length: text filled with 00, digits with F, unless `filler` is named.

    Raises:
        NationalError: -41, other characters; -42, too long; -23, other parts of an item made of items.
    """
    match item.type:
        case ItemType.TEXT:
            raw, filling = _gbk(text), b"\0"
        case ItemType.BCD:
            raw, filling = _bcd(text), b"\xff"
        case ItemType.BINARY:
            raw, filling = hex_bytes(text), b"\0"
        case ItemType.NESTED:
            parts = zip(item.items, _parts(item.items, text), strict=True)
            raw, filling = b"".join(simple(inner.tag or 0, item_value(inner, part)) for inner, part in parts), b"\0"
    if len(raw) > item.length:
        raise NationalError(Code.WRONG_LENGTH, f"{text[:40]}超过{item.length}字节")
    return raw.ljust(item.length, filler or filling)


def record_value(file: FilePlan, text: str) -> bytes:
    """The bytes of a cyclic record from its items with `^` behind each.

    Raises:
        NationalError: as `item_value`.
    """
    parts = zip(file.items, _parts(file.items, text), strict=True)
    return b"".join(item_value(item, part) for item, part in parts)


def hex_bytes(text: str) -> bytes:
    """Bytes in hex.

    Raises:
        NationalError: -41, it is no hex.
    """
    if _HEX.fullmatch(text.upper()) is None:
        raise NationalError(Code.ILLEGAL_CHARACTER)
    return bytes.fromhex(text)


def _parts(items: tuple[Item, ...], text: str) -> list[str]:
    *parts, tail = text.split("^")
    if tail or len(parts) != len(items):
        raise NationalError(Code.ILLEGAL_INPUT, "数据项个数与文件结构不符")
    return parts


def _gbk(text: str) -> bytes:
    if any(character < " " or character == "\x7f" for character in text) or _SEPARATORS & set(text):
        raise NationalError(Code.ILLEGAL_CHARACTER)
    try:
        return text.encode("gbk")
    except UnicodeEncodeError as error:
        raise NationalError(Code.ILLEGAL_CHARACTER) from error


def _bcd(text: str) -> bytes:
    if not (text.isascii() and text.isdigit()) and text:
        raise NationalError(Code.ILLEGAL_CHARACTER)
    return bytes.fromhex(text + "F" * (len(text) % 2))
