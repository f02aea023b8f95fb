"""Messages as plain data: for transcripts, and for the line between terminal and social-security host."""

import enum
import re
import types
from collections.abc import Hashable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


def plain(value: object, *, secrets: bool = False) -> Any:
    """A value as JSON has it: bytes in hex, times in ISO 8601, enums by value, dataclasses as objects."""
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(part, secrets=secrets) for part in value]
    if is_dataclass(value):
        return plain_fields(value, secrets=secrets)
    return value


def plain_fields(value: object, *, secrets: bool = False) -> dict[str, Any]:
    """The fields of a message by name. Those that its repr leaves out are secret: they are there if asked for alone."""
    assert is_dataclass(value)
    shown = [row for row in fields(value) if row.repr or secrets]
    return {row.name: plain(getattr(value, row.name), secrets=secrets) for row in shown}


def words_of(message: object) -> str:
    """The class of a message in words: `CloseSettlement` is "close settlement"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(message).__name__).lower()


class PlainError(ValueError):
    """Plain data that are not those of a class; says where and why, never the value."""


def read_fields(kind: type[_T], content: object) -> _T:
    """An object of a dataclass from what `plain_fields` made of it. A field with a default may be missing.

    Raises:
        PlainError: a field is missing, unknown, or has a value of another type.
    """
    if not isinstance(content, dict):
        raise PlainError("there is no object with fields")
    hints, rows = _rows(cast("Hashable", kind))
    if unknown := sorted(str(name) for name in content.keys() - rows.keys()):
        raise PlainError(f"there is no field {unknown[0][:40]}")
    found = {}
    for name, row in rows.items():
        if name in content:
            found[name] = _read_at(hints[name], content[name], name)
        elif row.default is MISSING and row.default_factory is MISSING:
            raise PlainError(f"{name} is missing")
    return kind(**found)


@cache
def _rows(kind: Hashable) -> tuple[dict[str, Any], dict[str, Field[Any]]]:
    assert isinstance(kind, type)
    assert is_dataclass(kind)
    return get_type_hints(kind), {row.name: row for row in fields(kind)}


def _read_at(kind: Any, content: object, name: str) -> Any:
    try:
        return _read(kind, content)
    except PlainError as error:
        raise PlainError(f"{name}: {error}") from error
    except ValueError:
        raise PlainError(f"{name}: a value that it cannot have") from None


def _read(kind: Any, content: object) -> Any:
    parts = get_args(kind)
    if get_origin(kind) is types.UnionType:
        return None if content is None else _read(next(part for part in parts if part is not types.NoneType), content)
    if get_origin(kind) is tuple:
        return _read_tuple(parts, content)
    if isinstance(kind, type) and is_dataclass(kind):
        return read_fields(kind, content)
    if issubclass(kind, enum.Enum):
        return kind(content)
    if kind is bytes:
        return bytes.fromhex(_of(str, content))
    if kind in (date, datetime):
        return kind.fromisoformat(_of(str, content))
    return _of(kind, content)


def _read_tuple(parts: tuple[Any, ...], content: object) -> tuple[Any, ...]:
    values = _of(list, content)
    kinds = [parts[0]] * len(values) if parts[-1] is Ellipsis else list(parts)
    if len(kinds) != len(values):
        raise PlainError(f"{len(values)} values, not {len(kinds)}")
    return tuple(_read_at(kind, value, str(at)) for at, (kind, value) in enumerate(zip(kinds, values, strict=True)))


def _of(kind: type[_T], content: object) -> _T:
    """The value itself, if it is of just that type: true is no number."""
    if type(content) is not kind:
        raise PlainError(f"{type(content).__name__}, not {kind.__name__}")
    return content
