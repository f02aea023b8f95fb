"""The layouts of the files of personalisation data: vectors/perso/layouts.toml as values.

A layout has the columns that all files agree on; every other data item of the approved card structure is a column too
(PERSO-063, PERSO-093), with the type and length that it has on the card.
"""

import enum
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from cardsim.making.plan import Item, ItemType, SsseStructure
from cardsim.resources import resource

SEPARATOR: Final = "|"
"""Between the texts of an item that stands several times, in one cell."""


class FileKind(enum.Enum):
    """The four files."""

    APPLICATIONS = "applications"
    SOCIAL = "social"
    BANK = "bank"
    MATCHED = "matched"


class ColumnType(enum.Enum):
    """What a column holds, before its own check."""

    TEXT = "text"
    NAME = "name"
    DIGITS = "digits"
    NUMBER = "number"
    """Capital letters and digits."""
    DATE = "date"
    CODE = "code"
    PHOTO = "photo"
    HEX = "hex"
    """Binary items of a structure."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `length` counts bytes in GBK of texts and names, and characters of everything else; 0: any."""

    name: str
    type: ColumnType
    chinese: str = ""
    length: int = 0
    fixed: bool = False
    needed: bool = False
    once: bool = False
    check: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    default: str = ""
    times: int = 1
    """How often it may stand in a record."""
    extra: bool = False
    """It comes from the card structure, not from the layout."""


@dataclass(frozen=True, slots=True)
class Combined:
    """What columns say together: the rule's name, the columns that it needs, the one that gets the mistake."""

    rule: str
    of: tuple[str, ...]
    column: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one file."""

    kind: FileKind
    title: str
    chinese: str
    columns: tuple[Column, ...]
    """Those of the layout, then those of the structure."""
    combined: tuple[Combined, ...]

    def headers(self) -> Mapping[str, Column]:
        """Every header that a file may have, English or Chinese."""
        found = {column.chinese: column for column in self.columns if column.chinese}
        return found | {column.name: column for column in self.columns}


@cache
def _tables() -> Mapping[str, Any]:
    return tomllib.loads(resource("perso", "layouts.toml").read_text(encoding="utf8"))


def layout(kind: FileKind, structure: SsseStructure | None = None) -> Layout:
    """The layout of a file.

    Args:
        kind: which one.
        structure: the approved card structure, whose data items may stand there too.
    """
    tables, name = _tables(), kind.value
    columns = [_column(row, name) for row in tables["column"] if name in row["in"]]
    known = {column.name for column in columns}
    if structure is not None and kind is not FileKind.BANK:
        columns += [column for column in structure_columns(structure) if column.name not in known | _IN_NAME]
    there = {column.name for column in columns}
    rules = [Combined(row["rule"], tuple(row["of"]), row["column"]) for row in tables["combined"]]
    own = tables["files"][name]
    return Layout(kind, own["title"], own["chinese"], tuple(columns), tuple(r for r in rules if there.issuperset(r.of)))


_IN_NAME: Final = frozenset({"name_extension"})
"""The rest of a long name stands in the file's column `name`."""
_NOT_PREPARED: Final = frozenset({"fingerprint"})
"""Contents of transparent files that no layout has a form for."""


def _column(row: Mapping[str, Any], name: str) -> Column:
    return Column(
        row["name"],
        ColumnType(row["type"]),
        row["chinese"],
        row.get("length", 0),
        row.get("fixed", False),
        name in row.get("needed", ()),
        name in row.get("once", ()),
        row.get("check", ""),
        _tables()["codes"][row["codes"]] if "codes" in row else {},
        row.get("default", ""),
    )


def structure_columns(structure: SsseStructure) -> list[Column]:
    """The data items of a structure as columns, each once, as often as it stands there."""
    found: dict[str, tuple[Item, int]] = {}
    for file in structure.files:
        for item, times in _items(file.items, file.records or 1):
            if item.value and item.value not in structure.values and item.value not in _NOT_PREPARED:
                found[item.value] = (item, times)
    types = {ItemType.TEXT: ColumnType.TEXT, ItemType.BCD: ColumnType.DIGITS, ItemType.BINARY: ColumnType.HEX}
    return [
        Column(
            name,
            types[item.type],
            length=item.length * (1 if item.type is ItemType.TEXT else 2),
            times=times,
            extra=True,
        )
        for name, (item, times) in found.items()
    ]


def _items(items: tuple[Item, ...], times: int) -> Iterator[tuple[Item, int]]:
    for item in items:
        if item.type is ItemType.NESTED:
            yield from _items(item.items, item.copy + 1)
        else:
            yield item, max(times, item.copy + 1)
