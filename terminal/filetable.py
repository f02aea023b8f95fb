"""The terminal's table of the card's files (文件结构): where a file is, what opens it, and its items (V2 tables 3–9).

The rows are those from which cards are made, `vectors/structures/ssse-*.toml`; a terminal knows from them whether
reading is controlled (TRM-086), and with which key a file is written (TRM-198 to TRM-234).
"""

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, assert_never

from cardsim.cos.access import PIN, AccessRule, bit_of
from cardsim.making.plan import DfPlan, FilePlan, Item, ItemType, SsseStructure
from cardsim.making.rules import references_of
from cardsim.making.structure import load_structure

SSSE_DF: Final = 0xDDF1
_FURTHER: Final[Mapping[str, tuple[Mapping[str, str], ...]]] = {
    "1.0": ({"medical": "on-line"},),
    "2.0": ({"item60": "DF03"},),
    "3.0": ({"item60": "DF03"},),
}
"""Options of a version with files or items that its usual form does not have."""
PRESENT_VERSION: Final = "2.0"
"""The version that gives items their present meaning (V2)."""
_ADDRESS: Final = re.compile(r"(SSSE|MF|DDF1|DF0[0-9A-F])EF([0-9A-F]{2})")
_ENVIRONMENT_NAMES: Final = frozenset({"SSSE", "MF", "DDF1"})
"""Older drivers write MF or DDF1 for the environment (API-063)."""


class FileKind(enum.Enum):
    """How a file is read and written."""

    RECORDS = "records with tags"
    """Variable or fixed: one item with tag and length in each record."""
    CYCLIC = "cyclic"
    """Bare records; the newest is record 1."""
    TRANSPARENT = "transparent"


def kind_of(file: FilePlan) -> FileKind:
    """The kind of a file, from its row."""
    if not file.items:
        return FileKind.TRANSPARENT
    return FileKind.CYCLIC if file.items[0].tag is None else FileKind.RECORDS


class NoSuchFile(Exception):
    """An address that the table does not have, in one sentence."""


@dataclass(frozen=True, slots=True)
class Address:
    """A file by its DF and its EF, as national interfaces write it: `SSSEEF05`, `DF01EF06`."""

    df: int
    ef: int

    def __str__(self) -> str:
        return f"{self.place}EF{self.ef & 0xFF:02X}"

    @property
    def place(self) -> str:
        """The DF's name: SSSE, DF01."""
        return "SSSE" if self.df == SSSE_DF else f"{self.df:04X}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address.

        Raises:
            NoSuchFile: the text is no address.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise NoSuchFile(f"{text!r} is no address of a file, such as SSSEEF05 or DF01EF06")
        df = SSSE_DF if match[1] in _ENVIRONMENT_NAMES else int(match[1], 16)
        return cls(df, 0xEF00 | int(match[2], 16))


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that a rule asks for: the PIN (`reference` F0), or a key by P2 of EXTERNAL AUTHENTICATE and name."""

    reference: int
    name: str

    @property
    def is_pin(self) -> bool:
        """Whether the holder's PIN gives it."""
        return self.reference == PIN


class FileTable:
    """The files of one version of the specification; of the others what the first one does not have.

    Where forms of a version differ in the items of a file (item 60, D21), records have other numbers on some cards, and
    the terminal names them by their tags.
    """

    def __init__(self, structure: SsseStructure, *others: SsseStructure) -> None:
        self._structure = structure
        all_ = (*others, structure)
        self._files = {(plan.df, plan.fid): plan for one in all_ for plan in one.files if plan.sfi}
        self._wandering: dict[tuple[int, int], frozenset[int | None]] = {}
        for one in others:
            self._join(one)
        self._dfs: Mapping[int, DfPlan] = {df.fid: df for df in structure.dfs}
        self._keys = {(key.df, one.key_id(key)): key.name for one in all_ for key in one.keys}

    def _join(self, other: SsseStructure) -> None:
        for plan in other.files:
            ours = self._files.get((plan.df, plan.fid))
            if ours is None or kind_of(ours) is not FileKind.RECORDS:
                continue
            here, there = ({(item.tag, item.copy) for item in one.items} for one in (ours, plan))
            if here == there:
                continue
            further = tuple(item for item in plan.items if (item.tag, item.copy) not in here)
            self._files[plan.df, plan.fid] = replace(ours, items=ours.items + further)
            self._wandering[plan.df, plan.fid] = frozenset(tag for tag, _ in here ^ there)

    def by_tag(self, address: Address) -> bool:
        """Whether the records of a file have other numbers on some cards, so that their tags name them (D21)."""
        return (address.df, address.ef) in self._wandering

    def may_lack(self, address: Address, item: Item) -> bool:
        """Whether some cards of the version do not have an item."""
        return item.tag in self._wandering.get((address.df, address.ef), frozenset())

    @property
    def addresses(self) -> Iterator[Address]:
        """All files."""
        return (Address(df, fid) for df, fid in self._files)

    def file(self, address: Address) -> FilePlan:
        """The row of a file.

        Raises:
            NoSuchFile: this version does not have it (TRM-184).
        """
        plan = self._files.get((address.df, address.ef))
        if plan is None:
            raise NoSuchFile(f"a card of version {self._structure.version} has no file {address}")
        return plan

    def application(self, df: int) -> DfPlan:
        """The row of a DF.

        Raises:
            NoSuchFile: this version does not have it.
        """
        plan = self._dfs.get(df)
        if plan is None:
            raise NoSuchFile(f"a card of version {self._structure.version} has no application {df:04X}")
        return plan

    def key(self, df: int, name: str) -> Right:
        """A key of a DF, or of the environment, by its name.

        Raises:
            NoSuchFile: this version does not have it.
        """
        for (place, reference), known in self._keys.items():
            if known == name and place in (df, SSSE_DF):
                return Right(reference, name)
        raise NoSuchFile(f"a card of version {self._structure.version} has no key {name} at {Address(df, 0).place}")

    def ways(self, df: int, rule: AccessRule) -> tuple[tuple[Right, ...], ...]:
        """The sets of rights each of which fulfils a rule, in its own order; one empty set: free; none: never."""
        rights = {bit_of(reference): self._right(df, reference) for reference in references_of(rule)}
        return tuple(tuple(right for mask, right in rights.items() if mask & way) for way in rule.masks)

    def _right(self, df: int, reference: int) -> Right:
        if reference == PIN:
            return Right(PIN, "PIN")
        place = df if reference & 0x80 else SSSE_DF
        return Right(reference, self._keys[place, reference])


@cache
def file_table(version: str) -> FileTable:
    """The table of a version, "1.0", "2.0" or "3.0"."""
    name = f"ssse-{version}"
    return FileTable(load_structure(name), *(load_structure(name, choice) for choice in _FURTHER.get(version, ())))


def record_number(file: FilePlan, item: Item) -> int:
    """The record in which an item stands: records are in the order of creation (fact sheet §1.4)."""
    return file.items.index(item) + 1


class IllegalCharacters(ValueError):
    """A text has characters that its item does not take."""


class WrongLength(ValueError):
    """A text is longer than its item, or no whole number of bytes."""


def value_of(item: Item, text: str) -> bytes:
    """The bytes of an item for a text, filled to its length: an with 00, cn with F (API-096 to API-098).

    Binary and nested items are hex.

    Raises:
        IllegalCharacters: the text does not fit the item's type.
        WrongLength: it does not fit the item's length.
    """
    match item.type:
        case ItemType.TEXT:
            try:
                value = text.encode("gb18030")
            except UnicodeEncodeError:
                raise IllegalCharacters("the text has characters that are not of GB 18030") from None
        case ItemType.BCD:
            if not (text.isascii() and text.isdigit()) and text:
                raise IllegalCharacters("digits alone stand there")
            value = bytes.fromhex(text + "F" * (len(text) % 2))
        case ItemType.BINARY | ItemType.NESTED:
            try:
                value = bytes.fromhex(text)
            except ValueError:
                raise IllegalCharacters("hex stands there") from None
        case _:
            assert_never(item.type)
    return filled(item, value)


def filled(item: Item, value: bytes) -> bytes:
    """A value filled to the length of its item: cn with F, the others with 00.

    Raises:
        WrongLength: it is longer.
    """
    if len(value) > item.length:
        raise WrongLength(f"there are {item.length} bytes, and the value has {len(value)}")
    return value.ljust(item.length, b"\xff" if item.type is ItemType.BCD else b"\0")


def item_of(file: FilePlan, tag: int, copy: int = 1) -> Item | None:
    """The n-th item of a tag in a file, from 1."""
    return next((item for item in file.items if item.tag == tag and item.copy == copy - 1), None)
