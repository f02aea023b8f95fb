"""One command and its answer, explained line by line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment, medical
from cardsim.decode.items import item_of
from cardsim.decode.values import item_text
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, parse, parse_simple, tag_bytes

_MAX_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One data item of an answer. `depth` is how many templates it stands in."""

    depth: int
    tag: str
    name: str
    chinese: str
    text: str
    value: bytes


def _line(depth: int, tag: int, value: bytes, *, simple: bool = False, template: bool = False) -> Line:
    item = item_of(tag, simple=simple)
    text = "" if template else item_text(item, value)
    return Line(depth, tag_bytes(tag).hex().upper(), item.name, item.chinese, text, value)


def explain_ber(data: bytes, depth: int = 0) -> list[Line]:
    """The data objects of a BER-TLV byte string; what is no TLV stands as one line of bytes."""
    try:
        items = parse(data)
    except TlvError as error:
        return [Line(depth, "", f"not TLV: {error}", "", data.hex().upper(), data)]
    lines = []
    for item in items:
        nested = item.constructed and depth < _MAX_DEPTH
        lines.append(_line(depth, item.tag, item.value, template=nested))
        if nested:
            lines.extend(explain_ber(item.value, depth + 1))
        elif item.tag == 0x9F0C and item.value[:1] == b"\x86":
            # SSC part 3 table 5: here 86 is the algorithm of the environment, not a script command.
            lines.append(Line(depth + 1, "86", "algorithm", "算法标识", _algorithm(item.value[2:]), item.value[2:]))
    return lines


def _algorithm(value: bytes) -> str:
    return {b"\x01": "01 (DES)", b"\x02": "02 (SSF33)", b"\x03": "03 (SM4)"}.get(value, value.hex().upper())


def explain_simple(data: bytes) -> list[Line]:
    """The items of a social-security record (simple TLV)."""
    try:
        return [_line(0, item.tag, item.value, simple=True) for item in parse_simple(data)]
    except TlvError as error:
        return [Line(0, "", f"not TLV: {error}", "", data.hex().upper(), data)]


def _format1(data: bytes, *parts: tuple[int, int]) -> list[Line]:
    """An answer 80 L V whose value is a row of fixed fields; the last length 0 takes the rest."""
    lines = explain_ber(data)
    if len(lines) != 1 or lines[0].tag != "80":
        return lines
    value, head = lines[0].value, lines[0]
    lines = [Line(0, "80", head.name, head.chinese, "", value)]
    for tag, length in parts:
        part, value = (value[:length], value[length:]) if length else (value, b"")
        if part:
            lines.append(_line(1, tag, part))
    return lines


def _plain(name: str, data: bytes) -> list[Line]:
    return [Line(0, "", name, "", data.hex().upper(), data)]


def explain_answer(environment: Environment, command: CommandApdu | bytes, data: bytes) -> list[Line]:
    """The response data of a command, line by line; empty if there are none."""
    raw = bytes(command)
    if not data or len(raw) < 4:
        return []
    fields = medical.fields_of(raw, data) if environment is Environment.SSSE else ()
    if fields:
        return list(_fixed(fields, data))
    return list(_explain(environment, raw[0], raw[1], data))


def _fixed(fields: Iterable[medical.Field], data: bytes) -> Iterator[Line]:
    """Fields that stand one behind the other."""
    for field in fields:
        value, data = data[: field.length], data[field.length :]
        yield Line(0, "", field.name, field.chinese, field.text(value), value)


def _explain(environment: Environment, cla: int, ins: int, data: bytes) -> Iterator[Line]:
    match ins:
        case 0xA4 | 0xCA:
            yield from explain_ber(data)
        case 0xB2 if environment is Environment.PSE:
            yield from explain_ber(data)
        case 0xB2:
            yield from explain_simple(data)
        case 0xA8:
            yield from _format1(data, (0x82, 2), (0x94, 0))
        case 0xAE:
            yield from _format1(data, (0x9F27, 1), (0x9F36, 2), (0x9F26, 8), (0x9F10, 0))
        case 0x88 if environment is Environment.PSE:
            yield from _format1(data, (0x9F4B, 0))
        case 0x88:
            yield from _plain("authentication data", data)
        case 0xB0:
            yield from _plain("bytes of the file", data)
        case 0x84 if cla == 0:
            yield from _plain("random number", data)
        case _:
            yield from _plain("data", data)
