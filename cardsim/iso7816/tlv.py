"""BER-TLV (ISO 7816-4 §5.2.2, EMV Book 3 annex B), simple TLV (SSC part 3 §5.3.1) and data object lists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


class TlvError(ValueError):
    """Bytes that are not TLV; says at which offset and why."""


@dataclass(frozen=True, slots=True)
class Tlv:
    """One BER-TLV data object: tag number as in print (0x9F36), value, and the offset it was read from."""

    tag: int
    value: bytes
    offset: int = 0

    @property
    def constructed(self) -> bool:
        """Whether the value is itself a sequence of data objects (bit 6 of the first tag byte)."""
        return bool(tag_bytes(self.tag)[0] & 0x20)

    def __bytes__(self) -> bytes:
        return ber(self.tag, self.value)


def tag_bytes(tag: int) -> bytes:
    """The bytes of a tag number."""
    return tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")


def length_bytes(length: int) -> bytes:
    """BER length field: one byte to 127, 81 xx to 255, 82 xxxx to 65535."""
    if length < 0x80:
        return bytes((length,))
    if length < 0x100:
        return bytes((0x81, length))
    return b"\x82" + length.to_bytes(2, "big")


def ber(tag: int, value: bytes) -> bytes:
    """One BER-TLV data object."""
    return tag_bytes(tag) + length_bytes(len(value)) + value


def simple(tag: int, value: bytes) -> bytes:
    """One simple TLV: tag byte, length byte, value (SSC part 3 §5.3.1). Length at most 254."""
    if len(value) > 254:
        raise TlvError(f"simple TLV of tag {tag:02X} holds at most 254 bytes, not {len(value)}")
    return bytes((tag, len(value))) + value


def read_tag(data: bytes, offset: int) -> tuple[int, int]:
    """Tag number at an offset, and the offset behind it. At most three bytes."""
    if offset >= len(data):
        raise TlvError(f"tag missing at offset {offset}")
    tag, end = data[offset], offset + 1
    if tag & 0x1F == 0x1F:
        while True:
            if end >= len(data):
                raise TlvError(f"tag cut off at offset {offset}")
            tag = tag << 8 | data[end]
            end += 1
            if not data[end - 1] & 0x80:
                break
            if end - offset == 3:
                raise TlvError(f"tag of more than three bytes at offset {offset}")
    return tag, end


def read_length(data: bytes, offset: int) -> tuple[int, int]:
    """Length field at an offset, and the offset behind it."""
    if offset >= len(data):
        raise TlvError(f"length missing at offset {offset}")
    first, end = data[offset], offset + 1
    if first < 0x80:
        return first, end
    count = first & 0x7F
    if not 1 <= count <= 2 or end + count > len(data):
        raise TlvError(f"length field {first:02X} at offset {offset} is not supported or cut off")
    return int.from_bytes(data[end : end + count], "big"), end + count


def parse(data: bytes) -> list[Tlv]:
    """The data objects of a byte string, one level deep. 00 between data objects is filling (EMV Book 3 annex B).

    Raises:
        TlvError: a tag, length or value is cut off.
    """
    return list(_objects(data))


def _objects(data: bytes) -> Iterator[Tlv]:
    offset = 0
    while offset < len(data):
        if data[offset] == 0:
            offset += 1
            continue
        start = offset
        tag, offset = read_tag(data, offset)
        length, offset = read_length(data, offset)
        if offset + length > len(data):
            left = len(data) - offset
            raise TlvError(f"value of tag {tag:X} at offset {start} needs {length} bytes, {left} are left")
        yield Tlv(tag, data[offset : offset + length], start)
        offset += length


def walk(data: bytes) -> Iterator[Tlv]:
    """All data objects of a byte string in order, those inside constructed ones included."""
    levels = [_objects(data)]
    while levels:
        item = next(levels[-1], None)
        if item is None:
            levels.pop()
            continue
        yield item
        if item.constructed:
            levels.append(_objects(item.value))


def find(data: bytes, *path: int) -> bytes | None:
    """Value of the first data object reached by a path of tags, or None."""
    for tag in path:
        for item in _objects(data):
            if item.tag == tag:
                data = item.value
                break
        else:
            return None
    return data


def parse_simple(data: bytes) -> list[Tlv]:
    """The items of a sequence of simple TLVs.

    Raises:
        TlvError: an item is cut off.
    """
    items, offset = [], 0
    while offset < len(data):
        if offset + 2 > len(data) or offset + 2 + data[offset + 1] > len(data):
            raise TlvError(f"item {data[offset]:02X} at offset {offset} is cut off")
        end = offset + 2 + data[offset + 1]
        items.append(Tlv(data[offset], data[offset + 2 : end], offset))
        offset = end
    return items


def parse_dol(data: bytes) -> list[tuple[int, int]]:
    """A data object list (PDOL, CDOL, DDOL): pairs of tag and length (EMV Book 3 §5.4)."""
    entries, offset = [], 0
    while offset < len(data):
        tag, offset = read_tag(data, offset)
        length, offset = read_length(data, offset)
        entries.append((tag, length))
    return entries


def fill_dol(
    dol: bytes,
    values: Mapping[int, bytes],
    *,
    numeric: frozenset[int] = frozenset(),
    compressed: frozenset[int] = frozenset(),
) -> bytes:
    """The values that a data object list asks for, as EMV Book 3 §5.4 fits them.

    A missing value is zeros, and so is that of a constructed tag; a short one is padded on the right with zeros (on the
    left if its tag is numeric, with F if it is compressed numeric), a long one loses its right end (its left end if
    numeric).
    """
    out = bytearray()
    for tag, length in parse_dol(dol):
        value = b"" if tag_bytes(tag)[0] & 0x20 else values.get(tag, b"")
        if value and tag in compressed:
            out += value[:length].ljust(length, b"\xff")
        elif tag in numeric:
            out += value[-length:].rjust(length, b"\0") if length else b""
        else:
            out += value[:length].ljust(length, b"\0")
    return bytes(out)
