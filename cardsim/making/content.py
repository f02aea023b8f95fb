"""What is written into the files of the social-security environment: items and records as bytes (V2 §7)."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from cardsim.cos.files import FileType
from cardsim.iso7816.tlv import simple
from cardsim.making.plan import FilePlan, Item, ItemType, Value
from cardsim.making.station import MakingError


def encode(item: Item, text: str) -> bytes:
    """The value of an item in its full length: text padded with 00, BCD with F, binary with 00.

    Raises:
        MakingError: the text is too long or has not the form of its type.
    """
    bcd = item.type is ItemType.BCD
    try:
        if item.type is ItemType.TEXT:
            raw = text.encode("gbk")
        else:
            raw = bytes.fromhex(text + "F" * (len(text) % 2) if bcd else text)
    except ValueError:
        raise MakingError(f"{item.value} {text!r} does not fit type {item.type.value}") from None
    if len(raw) > item.length:
        place = "an item" if item.tag is None else f"the item {item.tag:02X}"
        raise MakingError(f"{item.value} has {len(raw)} bytes, {place} has {item.length}")
    return raw.ljust(item.length, b"\xff" if bcd else b"\0")


def records_of(file: FilePlan, values: Mapping[str, Value]) -> Iterator[bytes]:
    """The records of a file in the order in which they are written; those of a cyclic file without tags.

    Raises:
        MakingError: a value is missing, or does not fit.
    """
    if file.type is FileType.CYCLIC:
        for number in range(max((_copies(item, values) for item in file.items), default=0)):
            yield b"".join(_value(item, number, values) for item in file.items)
    else:
        for item in file.items:
            yield _tlv(item, item.copy, values)


def check_content(files: Iterable[FilePlan], values: Mapping[str, Value]) -> None:
    """Whether everything that these files are to hold is there and fits; no card is needed for that.

    Raises:
        MakingError: a value is missing, or does not fit.
    """
    for file in files:
        if file.type is FileType.TRANSPARENT:
            transparent_of(file, values)
        else:
            deque(records_of(file, values), maxlen=0)


def transparent_of(file: FilePlan, values: Mapping[str, Value]) -> bytes:
    """What a transparent file begins with; nothing where it stays as it is.

    Raises:
        MakingError: the value is missing, no bytes, or longer than the file.
    """
    if not file.value:
        return b""
    value = _found(file.value, values)
    if not isinstance(value, bytes):
        raise MakingError(f"{file.value} is no content of a transparent file")
    if len(value) > file.size:
        raise MakingError(f"{file.value} has {len(value)} bytes, the file {file.fid:04X} has {file.size}")
    return value


def _found(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise MakingError(f"there is no value for {name}")
    return values[name]


def _tlv(item: Item, copy: int, values: Mapping[str, Value]) -> bytes:
    if item.tag is None:
        raise ValueError("the item has no tag")
    return simple(item.tag, _value(item, copy, values))


def _value(item: Item, copy: int, values: Mapping[str, Value]) -> bytes:
    if item.type is ItemType.NESTED:
        return b"".join(_tlv(inner, copy, values) for inner in item.items)
    texts = _texts(item, values)
    return encode(item, texts[copy] if copy < len(texts) else "")


def _texts(item: Item, values: Mapping[str, Value]) -> tuple[str, ...]:
    """The texts of an item, one for each record that it stands in."""
    if not item.value:
        return ()
    value = _found(item.value, values)
    if isinstance(value, bytes):
        raise MakingError(f"{item.value} is the content of a transparent file")
    return (value,) if isinstance(value, str) else tuple(value)


def _copies(item: Item, values: Mapping[str, Value]) -> int:
    return len(_texts(item, values))
