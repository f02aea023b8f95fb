"""Rows of TOML tables as frozen dataclasses: every word is checked, and what is wrong is said with file and row."""

import enum
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from terminal.errors import UsageError

_Row = TypeVar("_Row")
_KINDS: Final = {
    str: "text", int: "a whole number", float: "a number with a decimal point", bool: "true or false", date: "a date",
}  # fmt: skip


def read_tables(source: Traversable | Path) -> Mapping[str, Any]:
    """A TOML file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return tomllib.loads(source.read_text(encoding="utf8"))
    except OSError as error:
        raise UsageError(f"{source}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{source}: this is no TOML: {error}") from error


def rows(tables: Mapping[str, Any], name: str, row: type[_Row], where: str) -> tuple[_Row, ...]:
    """The rows `[[name]]` of a file as dataclasses; none is no error.

    Raises:
        UsageError: a row has a word that is not known, lacks one, or has a value of another kind.
    """
    found = tables.get(name, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise UsageError(f"{where}: {name} is written as rows, [[{name}]]")
    return tuple(row_of(entry, row, f"{where}: {name} {number}") for number, entry in enumerate(found, 1))


def row_of(entry: Mapping[str, Any], row: type[_Row], where: str, **given: object) -> _Row:
    """One table as a dataclass; `given` are fields that it does not write itself.

    Raises:
        UsageError: as for `rows`.
    """
    wanted = {word: kind for word, kind in get_type_hints(row).items() if word not in given}
    if unknown := sorted(set(entry) - set(wanted)):
        raise UsageError(f"{where}: {', '.join(unknown)} is not known")
    if missing := sorted(_mandatory(row) - set(entry) - set(given)):
        raise UsageError(f"{where}: {', '.join(missing)} is missing")
    values = {word: _value(value, wanted[word], f"{where}: {word}") for word, value in entry.items()}
    return row(**values, **given)


def _mandatory(row: type[Any]) -> frozenset[str]:
    return frozenset(f.name for f in fields(row) if f.default is MISSING and f.default_factory is MISSING)


def _value(value: object, kind: Any, where: str) -> object:
    """A TOML value as the field's type has it: lists are tuples, names of an enum its members, hex is bytes."""
    origin = get_origin(kind)
    if origin is types.UnionType:
        return _value(value, next(part for part in get_args(kind) if part is not types.NoneType), where)
    if origin in (tuple, frozenset):
        if not isinstance(value, list):
            raise UsageError(f"{where} is a list")
        return origin(_value(part, get_args(kind)[0], where) for part in value)
    if kind is bytes:
        return _bytes(value, where)
    if issubclass(kind, enum.Enum):
        names = {str(member.name).lower().replace("_", "-"): member for member in kind}
        if not isinstance(value, str) or value not in names:
            raise UsageError(f"{where}: {value} is none of {', '.join(names)}")
        return names[value]
    if type(value) is not kind:
        raise UsageError(f"{where} is {_KINDS[kind]}")
    if isinstance(value, int) and value < 0:
        raise UsageError(f"{where} is not below zero")
    return value


def _bytes(value: object, where: str) -> bytes:
    try:
        return bytes.fromhex(value if isinstance(value, str) else "?")
    except ValueError as error:
        raise UsageError(f"{where} is hex in pairs of digits") from error
