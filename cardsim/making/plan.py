"""What must live here: what a social-security environment is to become, as values.

A structure file (`cardsim.making.structure`) becomes these values; the maker and the conformance cases read them.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cardsim.cos.access import AccessRule
from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse
from cardsim.iso7816.tlv import ber

SPARE: Final = 16
"""Bytes of a variable file beyond its records, so that an item may grow or a local one be added."""
DIRECTORY_FID: Final = 0xEF1E
TLV_HEAD: Final = 2

Value = str | Sequence[str] | bytes
"""What an item holds: text or digits; a list of them where it stands several times; bytes of a transparent file."""


class ItemType(enum.StrEnum):
    """Types of data items (V2 §7)."""

    TEXT = "an"
    """GBK, filled with 00."""
    BCD = "cn"
    """Digits, filled with F."""
    BINARY = "b"
    """Filled with 00."""
    NESTED = "B-TLV"
    """Items with tags and lengths of their own."""


@dataclass(frozen=True, slots=True)
class Item:
    """One data item: tag (none in a cyclic file), type, length, name of its value (none: it stays empty), items inside.

    `copy` counts the records of an item that stands several times in its file, from 0.
    """

    tag: int | None
    type: ItemType
    length: int
    value: str = ""
    items: tuple["Item", ...] = ()
    copy: int = 0


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One EF. `records` and `record_length` belong to fixed and cyclic files, `size` and `value` to transparent ones.

    An account file keeps the starting day of its year, mmdd in two BCD bytes.
    """

    df: int
    fid: int
    type: FileType
    read: AccessRule
    write: AccessRule
    items: tuple[Item, ...] = ()
    records: int = 0
    record_length: int = 0
    size: int = 0
    value: str = ""
    starting_day: bytes = b""

    @property
    def sfi(self) -> int:
        """EFxx has SFI xx; the account file has none."""
        return 0 if self.type is FileType.ACCOUNT else self.fid & 0x1F

    @property
    def body(self) -> bytes:
        """The two bytes of CREATE that say how large the file is, or the starting day of an account file."""
        match self.type:
            case FileType.LINEAR_FIXED | FileType.CYCLIC:
                return bytes((self.records, self.record_length))
            case FileType.ACCOUNT:
                return self.starting_day
            case _:
                return self.size.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """One key in all its generations, by its name in the standard. `limit` is the try limit byte of WRITE KEY."""

    df: int
    name: str
    use: KeyUse
    number: int
    limit: int
    generations: int = 1

    @property
    def external(self) -> bool:
        """Whether EXTERNAL AUTHENTICATE proves it, and files may ask for it."""
        return self.use is KeyUse.EXTERNAL


@dataclass(frozen=True, slots=True)
class DfPlan:
    """One DF: its identifier, its name, and the label of its directory entry."""

    fid: int
    name: bytes
    label: bytes = b""


@dataclass(frozen=True, slots=True)
class SsseStructure:
    """The social-security environment; the first DF is the environment itself."""

    version: str
    directory_sfi: int
    space: int
    dfs: tuple[DfPlan, ...]
    files: tuple[FilePlan, ...]
    keys: tuple[KeyPlan, ...]
    pin_limit: int
    values: Mapping[str, Value] = field(default_factory=dict)
    """Values that the structure itself gives to its items."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What was chosen."""

    @property
    def directory(self) -> list[bytes]:
        """Records of the directory file: an entry for each application (SSC part 3 §6.3)."""
        return [ber(0x61, ber(0x4F, df.name) + ber(0x50, df.label)) for df in self.dfs[1:]]

    @property
    def directory_size(self) -> int:
        """Bytes of the directory file."""
        return sum(len(entry) + 1 for entry in self.directory) + SPARE

    def key_id(self, key: KeyPlan) -> int:
        """P2 of EXTERNAL AUTHENTICATE: the top bit names a key of the application."""
        return key.number if key.df == self.dfs[0].fid else 0x80 | key.number

    def files_of(self, df: int) -> Iterator[FilePlan]:
        """The EFs of a DF."""
        return (file for file in self.files if file.df == df)
