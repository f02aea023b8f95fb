"""What must live here: the records of `terminal.perso.records` as strict JSON, by the types of their fields.

A member for each field. Bytes are base64, enums their values, a missing half null. The reader takes exactly what the
writer gives: a missing, unknown or repeated member and a value of another type are refused with their place.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from terminal.perso.data.errors import DataError
from terminal.perso.records import Text

_Record = TypeVar("_Record")
_Encode = Callable[[Any], Any]
_Decode = Callable[[Any, str], Any]


class _Wrong(Exception):
    """Place and problem, without the file's name."""


@dataclass(frozen=True, slots=True)
class _Codec:
    encode: _Encode
    decode: _Decode


def to_json(record: object) -> Any:
    """A record as what `json.dumps` takes."""
    return _codec(type(record)).encode(record)


def from_json(kind: type[_Record], value: Any, where: str) -> _Record:
    """A record of what `json.loads` gave.

    Raises:
        DataError: it is not what `to_json` gives for such a record.
    """
    try:
        found: _Record = _codec(kind).decode(value, "")
    except _Wrong as wrong:
        raise DataError(f"{where}{wrong}") from None
    return found


def all_from_json(kind: type[_Record], value: Any, where: str) -> tuple[_Record, ...]:
    """Records of a list.

    Raises:
        DataError: one is not what `to_json` gives for such a record.
    """
    try:
        found: tuple[_Record, ...] = _tuple(_codec(kind)).decode(value, "")
    except _Wrong as wrong:
        raise DataError(f"{where}{wrong}") from None
    return found


def dump(document: Mapping[str, Any]) -> bytes:
    """A document as UTF-8, the same bytes for the same content."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def load(data: bytes, name: str, form: str, version: int, *members: str) -> dict[str, Any]:
    """The members of a document of a form.

    Raises:
        DataError: no JSON in UTF-8, another form or version, or other members.
    """
    try:
        document = json.loads(data.decode(), object_pairs_hook=_once)
    except _Wrong as wrong:
        raise DataError(f"{name}: {wrong}") from None
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{name}: this is no JSON in UTF-8; is it still sealed, or cut off?") from error
    if not isinstance(document, dict) or document.get("format") != form:
        raise DataError(f"{name}: this is no {form} document")
    if document.get("version") != version:
        raise DataError(f"{name}: {form} version {document.get('version')!r}; this program reads version {version}")
    if wrong_members := _members(document, ("format", "version", *members)):
        raise DataError(f"{name}: {wrong_members}")
    return {member: document[member] for member in members}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [key for key, _ in pairs]
        raise _Wrong(f"{next(key for key in names if names.count(key) > 1)!r} stands twice in one object")
    return content


def _members(content: Mapping[str, Any], expected: tuple[str, ...]) -> str:
    if missing := [key for key in expected if key not in content]:
        return f"{', '.join(missing)} missing"
    if unknown := [key for key in content if key not in expected]:
        return f"{', '.join(unknown)} not known here"
    return ""


def _codec(kind: Any) -> _Codec:
    return _made(kind)


@cache
def _made(kind: Any) -> _Codec:
    """The codec of a type: a dataclass, an enum, text, bytes, a tuple of one type, one of these or nothing."""
    if kind is str:
        return _Codec(str, _text)
    if kind is bytes:
        return _Codec(lambda value: base64.b64encode(value).decode(), _bytes)
    if kind == Mapping[str, Text]:
        return _Codec(_encode_values, _values)
    if get_origin(kind) is tuple:
        return _tuple(_codec(get_args(kind)[0]))
    if isinstance(kind, UnionType):
        return _optional(_codec(next(choice for choice in get_args(kind) if choice is not NoneType)))
    if issubclass(kind, Enum):
        return _enum(kind)
    return _dataclass(kind)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"{place} is no text")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise _Wrong(f"{place} has half of a character")
    return value


def _bytes(value: Any, place: str) -> bytes:
    try:
        return base64.b64decode(_text(value, place), validate=True)
    except (binascii.Error, ValueError):
        raise _Wrong(f"{place} is no base64") from None


def _encode_values(values: Mapping[str, Text]) -> dict[str, Any]:
    return {name: value if isinstance(value, str) else list(value) for name, value in sorted(values.items())}


def _values(value: Any, place: str) -> dict[str, Text]:
    if not isinstance(value, dict):
        raise _Wrong(f"{place} is no object")
    return {
        name: tuple(_text(text, f"{place}.{name}") for text in item)
        if isinstance(item, list)
        else _text(item, f"{place}.{name}")
        for name, item in value.items()
    }


def _tuple(inner: _Codec) -> _Codec:
    def decode(value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _Wrong(f"{place} is no list".lstrip())
        return tuple(inner.decode(item, f"{place}[{number}]") for number, item in enumerate(value, 1))

    return _Codec(lambda value: [inner.encode(item) for item in value], decode)


def _optional(inner: _Codec) -> _Codec:
    return _Codec(
        lambda value: None if value is None else inner.encode(value),
        lambda value, place: None if value is None else inner.decode(value, place),
    )


def _enum(kind: type[Enum]) -> _Codec:
    known = {member.value: member for member in kind}

    def decode(value: Any, place: str) -> Enum:
        if not isinstance(value, str) or value not in known:
            raise _Wrong(f"{place} is one of {', '.join(known)}")
        return known[value]

    return _Codec(lambda value: value.value, decode)


def _dataclass(kind: type) -> _Codec:
    hints = get_type_hints(kind)
    inner = {field.name: _codec(hints[field.name]) for field in fields(kind)}
    names = tuple(inner)

    def encode(value: Any) -> dict[str, Any]:
        return {name: codec.encode(getattr(value, name)) for name, codec in inner.items()}

    def decode(value: Any, place: str) -> Any:
        if not isinstance(value, dict):
            raise _Wrong(f"{place} is no object")
        if wrong := _members(value, names):
            raise _Wrong(f"{place}: {wrong}".removeprefix(": "))
        begin = f"{place}." if place else ""
        return kind(**{name: codec.decode(value[name], begin + name) for name, codec in inner.items()})

    return _Codec(encode, decode)
