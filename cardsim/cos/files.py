"""The file system of one environment: a directory of 32-byte entries that grows upwards, and bodies that grow down.

Layout of an environment's partition:

    page 0     header: phase, flags, number of entries, cipher suite, end of the free space
    page 1     environment master key set (cardsim.cos.masterkey)
    page 2     counters of that key set
    page 3 ..  directory entries, 32 bytes each; entry 0 is the environment itself
    .. end     bodies of files, allocated downwards

What is parsed out of the directory is kept as long as the layout token of the partition stands (D15).
"""

import enum
import functools
import struct
from dataclasses import dataclass, field
from typing import Final

from cardsim.chip.kept import Kept
from cardsim.chip.partition import Partition
from cardsim.cos.access import NEVER, RULE_SIZE, AccessRule
from cardsim.cos.table import Phase
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

PAGE: Final = 64
ENTRY_SIZE: Final = 32
DIRECTORY: Final = 3 * PAGE
MAX_ENTRIES: Final = 255
ROOT: Final = 0

_HEADER: Final = struct.Struct(">2sBBBBBxI")
_ENTRY: Final = struct.Struct(f">BBHBBIHBB{RULE_SIZE}s{RULE_SIZE}sB9x")
_NAME: Final = struct.Struct(f">6xI4x{2 * RULE_SIZE}xB9x")
"""Of a directory entry where the body stands, and the length of the name that stands there."""
_ENTRIES_KEPT: Final = 4096
_MAGIC: Final = b"EN"
_PHASE_AT: Final = 2
_FLAGS_AT: Final = 3
_LENGTH_AT: Final = 10
"""Offset of the body's length in a directory entry; number and length of records follow."""


class FileType(enum.IntEnum):
    """Kinds of file, coded as the FMCOS family codes them; OBJECT is our own."""

    DF = 0x38
    TRANSPARENT = 0x28
    LINEAR_FIXED = 0x2A
    LINEAR_VARIABLE = 0x2C
    CYCLIC = 0x2E
    ACCOUNT = 0x2F
    """Amounts, counters and dates of the medical-insurance account: reached by its own commands alone."""
    KEYS = 0x3F
    KEY_RECORDS = 0x3D
    """Records of keys in a PSAM, of different length: reached by its own commands alone."""
    OBJECT = 0x21
    """One data grouping of the payment environment, named by its DGI."""


VARIABLE_TYPES: Final = frozenset({FileType.LINEAR_VARIABLE, FileType.KEY_RECORDS})
"""Files whose records may differ in length."""
RECORD_TYPES: Final = frozenset({FileType.LINEAR_VARIABLE, FileType.LINEAR_FIXED, FileType.CYCLIC})


class Flag(enum.IntFlag):
    """Flags of an environment."""

    BLOCKED = 1
    SCRUB = 2
    """Cells without an owner are still to be overwritten."""


class FileFlag(enum.IntFlag):
    """Flags of a file."""

    BLOCKED = 1
    ISSUED = 2
    """Personalisation of the application has ended."""
    PROTECTED = 4
    """Writing demands secure messaging (SSC part 7 §7.4)."""


NO_FLAGS: Final = FileFlag(0)

_PHASES: Final = {1: Phase.CREATED, 2: Phase.SET_UP, 3: Phase.ISSUED}
_PHASE_CODES: Final = {phase: code for code, phase in _PHASES.items()}


@dataclass(frozen=True, slots=True)
class File:
    """One directory entry. `offset` and `length` are those of the body in the partition."""

    index: int
    type: FileType
    flags: FileFlag
    fid: int
    sfi: int
    parent: int
    offset: int
    length: int
    records: int
    record_length: int
    read: AccessRule
    write: AccessRule
    name: bytes
    read_masks: tuple[int, ...] = field(init=False)
    write_masks: tuple[int, ...] = field(init=False)
    issued: bool = field(init=False)
    blocked: bool = field(init=False)
    protected: bool = field(init=False)
    has_records: bool = field(init=False)
    """Whether it is a record file; kept because hashing an enum member costs more than reading a record."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "has_records", self.type in RECORD_TYPES)
        object.__setattr__(self, "issued", FileFlag.ISSUED in self.flags)
        object.__setattr__(self, "blocked", FileFlag.BLOCKED in self.flags)
        object.__setattr__(self, "protected", FileFlag.PROTECTED in self.flags)
        object.__setattr__(self, "read_masks", self.read.masks)
        object.__setattr__(self, "write_masks", self.write.masks)

    @property
    def capacity(self) -> int:
        """Bytes that an object has room for: it may have become shorter than it was made."""
        return self.record_length or self.length

    @property
    def entry(self) -> int:
        """Offset of the directory entry in the partition."""
        return DIRECTORY + self.index * ENTRY_SIZE


@dataclass(frozen=True, slots=True)
class NewFile:
    """What a CREATE asks for."""

    type: FileType
    fid: int
    parent: int
    length: int = 0
    sfi: int = 0
    records: int = 0
    record_length: int = 0
    read: AccessRule = NEVER
    write: AccessRule = NEVER
    name: bytes = b""
    flags: FileFlag = NO_FLAGS
    aligned: bool = False
    """The body has its pages to itself: what is written to it programs nobody else's cells."""
    content: bytes = b""
    """What the body begins with; otherwise four bytes 00, the head of a record file."""


@dataclass(frozen=True, slots=True)
class Index:
    """All that the directory says."""

    files: tuple[File, ...]
    by_fid: dict[int, File]
    by_sfi: dict[int, File]
    accounts: dict[int, File]
    """The account file of each DF that has one."""


@functools.lru_cache(_ENTRIES_KEPT)
def _file(number: int, entry: bytes, name: bytes) -> File:
    """A directory entry, parsed: directories are parsed often, and mostly with the entries that they had before."""
    fields = _ENTRY.unpack(entry)
    kind, flags, fid, sfi, parent, offset, length, records, record_length, read, write, _ = fields
    return File(
        number, FileType(kind), FileFlag(flags), fid, sfi, parent, offset, length, records, record_length,
        AccessRule.parse(read), AccessRule.parse(write), name,
    )  # fmt: skip


class FileSystem:
    """The files of one environment, in its partition."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self._index: Index | None = None
        self._token = 0
        self._kept: Kept[Index] = Kept()

    def format(self, root: NewFile, suite: int) -> None:
        """Write header and root entry of a new environment (in the running transaction)."""
        self.partition.write(0, _HEADER.pack(_MAGIC, 1, 0, 0, suite, root.sfi, self.partition.size))
        self.partition.write(PAGE, bytes(PAGE + 3))
        self.create(root)

    def mount(self) -> None:
        """At power-on: mark the directory pages, and finish an interrupted scrub."""
        if bytes(self.partition.memory[:2]) != _MAGIC:
            return
        self._mark(self.partition.memory[4])
        if self.flags & Flag.SCRUB:
            self.scrub()

    def _mark(self, entries: int) -> None:
        """Make writes to header and directory changes of the layout."""
        self.partition.mark_directory(0, PAGE)
        self.partition.mark_directory(DIRECTORY, DIRECTORY + max(1, entries) * ENTRY_SIZE)

    @property
    def phase(self) -> Phase:
        """Life-cycle state of the environment (D2)."""
        return _PHASES[self.partition.memory[_PHASE_AT]]

    def set_phase(self, phase: Phase) -> None:
        """Write a new state with the command."""
        self.partition.write(_PHASE_AT, bytes((_PHASE_CODES[phase],)))

    @property
    def flags(self) -> Flag:
        """Flags of the environment."""
        return Flag(self.partition.memory[_FLAGS_AT])

    def set_flags(self, flags: Flag) -> None:
        """Write the flags with the command."""
        self.partition.write(_FLAGS_AT, bytes((flags,)))

    @property
    def suite(self) -> int:
        """Algorithm identifier of the environment (tag 86: 01 3DES, 03 SM4)."""
        return self.partition.memory[5]

    @property
    def directory_sfi(self) -> int:
        """SFI that the FCI announces in tag 88; 0 for none."""
        return self.partition.memory[6]

    @property
    def index(self) -> Index:
        """The directory, parsed, as the running command sees it."""
        if self._index is None or self._token != self.partition.tokens.layout:
            self._token = token = self.partition.tokens.layout
            self._index = self._kept.get(token) or self._kept.put(token, self._parse())
        return self._index

    def _parse(self) -> Index:
        header = self.partition.read(0, 8)
        count = header[4]
        self._mark(count)  # a restored card may have its environments elsewhere, and was not powered on since
        raw = self.partition.read(DIRECTORY, count * ENTRY_SIZE)
        files = []
        for number in range(count):
            entry = raw[number * ENTRY_SIZE : (number + 1) * ENTRY_SIZE]
            offset, named = _NAME.unpack(entry)
            files.append(_file(number, entry, self.partition.read(offset, named) if named else b""))
        by_fid = {file.parent << 16 | file.fid: file for file in files}
        by_sfi = {file.parent << 8 | file.sfi: file for file in files if file.sfi and file.type is not FileType.DF}
        accounts = {file.parent: file for file in files if file.type is FileType.ACCOUNT}
        return Index(tuple(files), by_fid, by_sfi, accounts)

    def child(self, parent: int, fid: int) -> File | None:
        """The file with this identifier in a DF."""
        file = self.index.by_fid.get(parent << 16 | fid)
        return None if file is not None and file.index == ROOT else file

    def free_space(self) -> int:
        """Bytes left for bodies and entries."""
        header = self.partition.read(0, _HEADER.size)
        return int.from_bytes(header[8:12], "big") - DIRECTORY - header[4] * ENTRY_SIZE

    def create(self, new: NewFile) -> File:
        """Add a file, with the command. A transparent file begins with zeros, written to the free cells before.

        Raises:
            StatusError: 6A89, identifier or SFI is taken in this DF; 6A84, no room.
        """
        header = self.partition.read(0, _HEADER.size)
        count, heap = header[4], int.from_bytes(header[8:12], "big")
        if count and (
            self.index.by_fid.get(new.parent << 16 | new.fid) is not None
            or (
                new.sfi and new.type is not FileType.DF and self.index.by_sfi.get(new.parent << 8 | new.sfi) is not None
            )
        ):
            raise StatusError(status.FILE_EXISTS)
        length = new.length + len(new.name)
        offset = ((heap & -PAGE) - length) & -PAGE if new.aligned else heap - length
        if count >= MAX_ENTRIES or offset < DIRECTORY + (count + 1) * ENTRY_SIZE:
            raise StatusError(status.NO_SPACE)
        if new.type is FileType.TRANSPARENT:
            self.partition.scrub(offset, offset + length)
        entry = _ENTRY.pack(
            new.type, new.flags, new.fid, new.sfi, new.parent, offset, length, new.records, new.record_length,
            bytes(new.read), bytes(new.write), len(new.name),
        )  # fmt: skip
        at = DIRECTORY + count * ENTRY_SIZE
        self.partition.mark_directory(at, at + ENTRY_SIZE)
        self.partition.write(at, entry)
        self.partition.write(4, bytes((count + 1,)))
        self.partition.write(8, offset.to_bytes(4, "big"))
        head = new.name or new.content or bytes(min(length, 4))
        if head:
            self.partition.write(offset, head)
        return self.index.files[count]

    def set_file_flags(self, file: File, flags: FileFlag) -> None:
        """Write a file's flags with the command."""
        self.partition.write(file.entry + 1, bytes((flags,)))

    def set_length(self, file: File, length: int) -> None:
        """Write the length of an object, with the command; its room stays what it was made with."""
        room = min(file.capacity, 0xFF)
        self.partition.write(file.entry + _LENGTH_AT, length.to_bytes(2, "big") + bytes((file.records, room)))

    def erase(self) -> None:
        """Remove every file but the environment itself (D4), with the command; `scrub` then overwrites the bodies."""
        root = self.index.files[ROOT]
        self.partition.write(4, b"\x01")
        self.partition.write(8, root.offset.to_bytes(4, "big"))
        self.set_flags(self.flags | Flag.SCRUB)

    def scrub(self) -> None:
        """Overwrite all cells that belong to no file, then clear the flag. Repeated at power-on after a cut."""
        count = self.partition.memory[4]
        heap = int.from_bytes(bytes(self.partition.memory[8:12]), "big")
        self.partition.scrub(DIRECTORY + count * ENTRY_SIZE, heap)
        self.partition.write_early(_FLAGS_AT, bytes((self.flags & ~Flag.SCRUB,)))
