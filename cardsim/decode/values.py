"""The value of a data item as text for people."""

from typing import Final

from cardsim.decode import Environment
from cardsim.decode.bits import BIT_TEXTS
from cardsim.decode.commands import command_name, masked_hex
from cardsim.decode.items import Format, Item, item_of
from cardsim.iso7816.tlv import TlvError, parse_dol, tag_bytes

_SHORTEST_COMMAND: Final = 5
_SHORTEST_NAME: Final = 5


def gbk_text(value: bytes) -> str | None:
    """Text in GBK without its filling of 00 or blanks; None if the bytes are no text."""
    try:
        text = value.rstrip(b"\0 ").decode("gbk")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def bcd_digits(value: bytes) -> str | None:
    """Digits of a BCD number without its filling of F; None if something else stands in it."""
    digits = value.hex().upper().rstrip("F")
    return digits if digits.isdigit() or not digits else None


def yuan(fen: int) -> str:
    """An amount in words: 1234 fen as "12.34 yuan"."""
    return f"{decimal_yuan(fen)} yuan"


def decimal_yuan(fen: int) -> str:
    """An amount in figures: 1234 fen as "12.34"."""
    return f"{fen // 100}.{fen % 100:02d}"


def _date8(value: bytes) -> str | None:
    digits = value.hex()
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 and digits.isdigit() else None


def _date6(value: bytes) -> str | None:
    digits = value.hex()
    if len(digits) != 6 or not digits.isdigit():
        return None
    century = "19" if int(digits[:2]) >= 50 else "20"  # EMV Book 4 §6.7.3
    return f"{century}{digits[:2]}-{digits[2:4]}-{digits[4:]}"


def _time(value: bytes) -> str | None:
    digits = value.hex()
    if not digits.isdigit():
        return None
    if len(digits) == 6:
        return f"{digits[:2]}:{digits[2:4]}:{digits[4:]}"
    if len(digits) == 14:
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {digits[8:10]}:{digits[10:12]}:{digits[12:]}"
    return None


def _code(item: Item, value: bytes) -> str | None:
    """The meaning of a code that stands as one ASCII character, or as BCD."""
    for code in (gbk_text(value) or "", value.hex().upper()):
        if code in item.codes:
            return f"{code} ({item.codes[code]})"
    return gbk_text(value) if len(value) == 1 and 0x20 < value[0] < 0x7F else value.hex().upper()


def dol_text(value: bytes) -> str | None:
    """The entries of a data object list by tag and length; None if it is broken."""
    try:
        return " ".join(f"{tag_bytes(tag).hex().upper()}({length})" for tag, length in parse_dol(value))
    except TlvError:
        return None


def _script_command(value: bytes) -> str | None:
    """A command of an issuer script with its name; a new PIN is not shown, though it is enciphered."""
    if len(value) < _SHORTEST_COMMAND:
        return None
    return f"{command_name(Environment.PSE, value)}: {masked_hex(Environment.PSE, value)}"


def _issuer_response(value: bytes) -> str | None:
    """Tag 91: ARPC (8) and authorisation response code (2)."""
    code = gbk_text(value[8:])
    return f"ARPC {value[:8].hex().upper()}, response code {code}" if len(value) == 10 and code else None


def _convert(item: Item, value: bytes) -> str | None:
    match item.format:
        case Format.TEXT:
            return gbk_text(value)
        case Format.NAME:
            text = gbk_text(value) if len(value) >= _SHORTEST_NAME else None
            return text if text is None else f"{value.hex().upper()} ({text})"
        case Format.DIGITS | Format.PAN:
            return bcd_digits(value)
        case Format.DATE8:
            return _date8(value)
        case Format.DATE6:
            return _date6(value)
        case Format.TIME6 | Format.TIME14:
            return _time(value)
        case Format.FEN_BCD:
            return yuan(int(value.hex())) if value.hex().isdigit() else None
        case Format.FEN_BINARY:
            return yuan(int.from_bytes(value, "big"))
        case Format.NUMBER:
            return str(int.from_bytes(value, "big"))
        case Format.CODE:
            return _code(item, value)
        case Format.TAGS:
            return dol_text(value)
        case Format.BITS:
            return "; ".join(BIT_TEXTS[item.tag](value)) or "none"
        case Format.COMMAND:
            return _script_command(value)
        case Format.RESPONSE:
            return _issuer_response(value)
        case Format.HEX | Format.TEMPLATE:
            return None


def item_text(item: Item, value: bytes) -> str:
    """The value as text; bytes that do not have the item's format are shown in hex."""
    if item.sensitive:
        return "(not shown)"
    if not value:
        return "(empty)"
    text = _convert(item, value)
    return value.hex().upper() if text is None else text


def value_text(tag: int, value: bytes, *, simple: bool = False) -> str:
    """The value of a tag as text, see `item_text`."""
    return item_text(item_of(tag, simple=simple), value) or value.hex().upper() or "(empty)"
