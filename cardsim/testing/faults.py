"""What can become of a card's answer on its way to a terminal: faults by name, and changes drawn at random.

A `Fault` takes an answer (data and status word) and gives another one; an empty answer is that of a mute card. Where a
fault is drawn it takes a `random.Random`, so that a seed gives the same fault again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Final

from cardsim.iso7816.tlv import Tlv, TlvError, ber, parse, read_length, read_tag

Fault = Callable[[bytes], bytes]
"""What becomes of an answer, data and status word."""

STATUS_WORDS: Final = (
    0x6283, 0x6300, 0x63C0, 0x63C5, 0x6581, 0x6700, 0x6982, 0x6983, 0x6984, 0x6985, 0x6A80, 0x6A81, 0x6A82, 0x6A83,
    0x6A86, 0x6A88, 0x6D00, 0x6E00, 0x6F00, 0x9100, 0x0000, 0xFFFF, 0x6110, 0x6C10,
)  # fmt: skip
"""Status words that a terminal meets where it awaits another: usual ones, unknown ones, and empty promises."""


def status_alone(sw: int) -> Fault:
    """No data, and another status word."""
    return lambda _answer: sw.to_bytes(2, "big")


def status_with_data(sw: int) -> Fault:
    """The data with another status word."""
    return lambda answer: answer[:-2] + sw.to_bytes(2, "big")


def spoil_data(change: Callable[[bytes], bytes]) -> Fault:
    """A fault of the data alone; the status word stays."""
    return lambda answer: change(answer[:-2]) + answer[-2:]


def mute(_answer: bytes) -> bytes:
    """No answer at all: the card has lost its power, or was torn out."""
    return b""


@dataclass(frozen=True, slots=True)
class Late:
    """The marker of an answer that comes late: a `MisbehavingCard` waits so many seconds, then answers as it should."""

    seconds: float

    def __call__(self, answer: bytes) -> bytes:
        """The answer as it is."""
        return answer


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "last byte missing": spoil_data(lambda data: data[:-1]),
        "half missing": spoil_data(lambda data: data[: len(data) // 2]),
        "first byte missing": spoil_data(lambda data: data[1:]),
        "extra byte": spoil_data(lambda data: data + b"\x5a"),
        "extra zero": spoil_data(lambda data: data + b"\0"),
        "twice": spoil_data(lambda data: data * 2),
        "no data": spoil_data(lambda _data: b""),
        "wrong tag": spoil_data(lambda data: bytes((data[0] ^ 0x01,)) + data[1:] if data else b"\x01"),
        "length 00": spoil_data(lambda data: data[:1] + b"\0" + data[2:]),
        "length alone": spoil_data(lambda data: data[:1] + b"\0"),
        "length 80": spoil_data(lambda data: data[:1] + b"\x80" + data[2:]),
        "length 81": spoil_data(lambda data: data[:1] + b"\x81" + data[1:]),
        "length 83": spoil_data(lambda data: data[:1] + b"\x83\0\0" + data[1:]),
        "too long": spoil_data(lambda data: data[:1] + b"\x7f" + data[2:]),
        "long tag": spoil_data(lambda data: b"\x1f\x81\x81" + data),
        "zeros": spoil_data(lambda data: bytes(len(data))),
        "ones": spoil_data(lambda data: b"\xff" * len(data)),
        **{f"{sw:04X}": status_alone(sw) for sw in STATUS_WORDS},
        **{f"{sw:04X} with data": status_with_data(sw) for sw in STATUS_WORDS},
        "9000 alone": status_alone(0x9000),
    }
)
"""Faults by name that leave a status word."""


# --- changes of the bytes -----------------------------------------------------------------------------------------


def mutate(random: Random, data: bytes) -> bytes:
    """One change of the data: a byte, a bit, a part gone, doubled or foreign, or a length field of its TLV."""
    if not data:
        return random.randbytes(random.randrange(4))
    at = random.randrange(len(data))
    match random.randrange(7):
        case 0:
            return data[:at] + random.randbytes(1) + data[at + 1 :]
        case 1:
            return data[:at] + bytes((data[at] ^ 1 << random.randrange(8),)) + data[at + 1 :]
        case 2:
            return data[:at] + data[at + random.randrange(1, 9) :]
        case 3:
            return data[:at] + random.randbytes(random.randrange(1, 9)) + data[at:]
        case 4:
            return data[:at] + data[at : at + random.randrange(1, 40)] * 2 + data[at + 1 :]
        case 5:
            return data[:at]
        case _:
            return spoil_length(random, data)


def spoil_length(random: Random, data: bytes) -> bytes:
    """Another value in one of the length fields of BER-TLV data."""
    fields, offset = [], 0
    try:
        while offset < len(data):
            tag, start = read_tag(data, offset)
            length, end = read_length(data, start)
            fields.append(start)
            offset = end if tag in (0x70, 0x6F, 0x77, 0xA5, 0x61, 0xBF0C) else end + length
    except TlvError:
        pass
    at = random.choice(fields or [0])
    return data[:at] + random.randbytes(1) + data[at + 1 :]


# --- changes of the data objects ----------------------------------------------------------------------------------

TAGS: Final = (
    0x4F, 0x50, 0x57, 0x5A, 0x5F24, 0x5F25, 0x5F28, 0x5F34, 0x82, 0x84, 0x87, 0x88, 0x8C, 0x8D, 0x8E, 0x8F, 0x90,
    0x92, 0x93, 0x94, 0x9F07, 0x9F10, 0x9F12, 0x9F14, 0x9F23, 0x9F26, 0x9F27, 0x9F32, 0x9F36, 0x9F38, 0x9F42, 0x9F46,
    0x9F47, 0x9F48, 0x9F49, 0x9F4A, 0x9F4B, 0x9F4D, 0x9F61, 0x9F62, 0x9F6D, 0x9F74, 0x9F79, 0xA5, 0xBF0C, 0x61, 0x77,
)  # fmt: skip
"""Tags that a payment terminal looks for."""
_TEMPLATES: Final = (0x61, 0x70, 0x77, 0xA5, 0xBF0C)


def nested(random: Random, most: int = 60) -> bytes:
    """Templates inside templates, fewer than `most` of them."""
    inside = b""
    for _ in range(random.randrange(most)):
        inside = ber(random.choice(_TEMPLATES), inside)
    return inside


_VALUES: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    lambda _random, _old: b"",
    lambda random, _old: bytes(random.randrange(257)),
    lambda random, _old: random.randbytes(random.randrange(257)),
    lambda _random, old: old[:-1],
    lambda _random, old: old + b"\xff",
    lambda _random, old: b"\x99" * len(old),
    lambda random, old: bytes((random.choice((0x00, 0x01, 0x7F, 0x80, 0xFF)),)) * max(1, len(old)),
    lambda random, old: old[: random.randrange(len(old) + 1)],
    lambda _random, _old: "社保一卡通".encode("gbk"),
    lambda random, _old: nested(random),
    lambda random, _old: bytes.fromhex("9F37FF") * random.randrange(1, 60),  # a DOL that asks for far too much
    lambda _random, _old: bytes.fromhex("9F02819A"),
    lambda random, _old: bytes.fromhex("0801FF00") * random.randrange(1, 4),  # a file of 255 records
    lambda random, _old: bytes.fromhex("62146725000000000560")[: random.randrange(6, 11)],  # PAN of 12 to 20 digits
)


def spoil_objects(random: Random, data: bytes) -> bytes:
    """One data object somewhere in the tree is gone, renamed, doubled or has another value; all lengths are right."""
    try:
        items = parse(data)
    except TlvError:
        return random.randbytes(random.randrange(257))
    if not items:
        return random.randbytes(3)
    at = random.randrange(len(items))
    item = items[at]
    if item.constructed and random.random() < 0.85:
        changed: Iterator[bytes] = iter((ber(item.tag, spoil_objects(random, item.value)),))
    else:
        changed = _changed(random, item)
    return b"".join(bytes(other) for other in items[:at]) + b"".join(changed) + b"".join(map(bytes, items[at + 1 :]))


def _changed(random: Random, item: Tlv) -> Iterator[bytes]:
    match random.randrange(7):
        case 0:
            return  # gone
        case 1:
            yield ber(random.choice(TAGS), item.value)
        case 2:
            yield bytes(item)
            yield ber(random.choice(TAGS), random.choice(_VALUES)(random, item.value))
        case _:
            yield ber(item.tag, random.choice(_VALUES)(random, item.value))
