"""Key records (密钥记录) of the three levels: form, types, ranges of ids, and the key files that hold them.

    usage (1)  b8-b6 levels of diversification still to do in the PSAM, b5-b1 type
    id (1)     name of the key in the PSAM; of a purchase key its version
    RFU (1)    00
    algorithm  00 3DES, 01 DES, 03 SM4 in the place of SSF33 (02)
    rights (2) 0000
    RFU (2)    0000
    key        8 or 16 bytes

A record is stored as CREATE KEY brings it (SSC part 9 §6). An application has one key of a type and id, whatever its
levels.
"""

import enum
from dataclasses import dataclass, field
from typing import Final, Self

from cardsim.chip.kept import Kept
from cardsim.cos.files import File, FileSystem, FileType
from cardsim.cos.masterkey import Algorithm, refuse_ssf33
from cardsim.cos.records import Place, Records
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

HEAD: Final = 8
CHANGE_HEAD: Final = 3
MAX_LEVELS: Final = 3
_KEY_SIZES: Final = (8, 16)


class KeyType(enum.IntEnum):
    """What a key of the three levels serves for, and nothing else (SSC part 9 §6.3)."""

    PURCHASE = 2
    """Medical purchase (消费)."""
    MAC = 6
    ENCRYPTION = 7
    MAC_AND_ENCRYPTION = 8
    LOAD = 9
    """Account load (划入): MACs of loads."""
    TAC = 12
    """Transaction authentication code: a MAC."""

    @property
    def words(self) -> str:
        """The type in words."""
        return {KeyType.TAC: "TAC"}.get(self, self.name.lower().replace("_", " ").replace("mac", "MAC"))


def type_of(usage: int) -> KeyType:
    """What a key with this usage byte is for.

    Raises:
        ValueError: no type has this number.
    """
    return KeyType(usage & 0x1F)


def levels_of(usage: int) -> int:
    """Levels of diversification that are still to be done in the PSAM for a key with this usage byte."""
    return usage >> 5


NATIONAL, PROVINCIAL, CITY = 0x11, 0x12, 0x13
"""Key files of the three levels."""
ID_RANGES: Final = {
    NATIONAL: (range(0x08, 0x10), range(0x20, 0x40)),
    PROVINCIAL: (range(0x10, 0x18), range(0x40, 0x80)),
    CITY: (range(0x18, 0x20), range(0x80, 0xC0)),
}
"""Key ids by level: keys of the user card's environment, and of its applications (SSC part 9 annex A)."""


def in_range(file: int, kind: KeyType, identifier: int) -> bool:
    """Whether annex A gives an id to the level of a key file; versions of purchase keys are no ids."""
    return kind is KeyType.PURCHASE or any(identifier in ids for ids in ID_RANGES.get(file, ()))


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key of the three levels."""

    usage: int
    identifier: int
    algorithm: Algorithm
    value: bytes = field(repr=False)

    def __bytes__(self) -> bytes:
        return bytes((self.usage, self.identifier, 0, self.algorithm, 0, 0, 0, 0)) + self.value

    @property
    def type(self) -> KeyType:
        """What it is for."""
        return type_of(self.usage)

    @property
    def levels(self) -> int:
        """How many diversifications are still to be done in the PSAM."""
        return levels_of(self.usage)

    @classmethod
    def parse(cls, raw: bytes, suite: Suite) -> Self:
        """Read the plaintext of CREATE KEY for an environment of a suite.

        Raises:
            StatusError: 6A80, wrong form; 6A81, SSF33; 6A80, algorithm does not fit.
        """
        if len(raw) - HEAD not in _KEY_SIZES or raw[2] or any(raw[4:HEAD]):
            raise StatusError(status.WRONG_DATA)
        check_usage(raw[0])
        refuse_ssf33(raw[3])
        if raw[3] != algorithm_of(suite, len(raw) - HEAD):
            raise StatusError(status.WRONG_DATA)
        return cls(raw[0], raw[1], Algorithm(raw[3]), raw[HEAD:])


def check_usage(usage: int) -> None:
    """Whether a usage byte names a type and at most three levels.

    Raises:
        StatusError: 6A80, it does not.
    """
    if usage & 0x1F not in KeyType.__members__.values() or levels_of(usage) > MAX_LEVELS:
        raise StatusError(status.WRONG_DATA)


def algorithm_of(suite: Suite, length: int) -> Algorithm | None:
    """The algorithm byte of a key of this length in an environment of this suite; None if there is none."""
    if suite is Suite.SM4:
        return Algorithm.SM4 if length == 16 else None
    return Algorithm.TDES if length == 16 else Algorithm.DES


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a key record stands, and what is said of it except its value."""

    file: int
    """Directory index of its key file."""
    number: int
    """Number of its record, from 1."""
    place: Place
    usage: int
    algorithm: Algorithm

    @property
    def levels(self) -> int:
        """How many diversifications are still to be done in the PSAM."""
        return levels_of(self.usage)


_Name = tuple[int, int, int]
"""Application, type and id."""


class KeyRecords:
    """The key files of one environment."""

    def __init__(self, files: FileSystem, records: Records) -> None:
        self._files = files
        self._records = records
        self._partition = files.partition
        self._token = 0
        self._stored: dict[_Name, Stored] = {}
        self._kept: Kept[dict[_Name, Stored]] = Kept()

    def find(self, df: int, kind: int, identifier: int) -> Stored | None:
        """A key of an application, by type and id."""
        return self.stored().get((df, kind, identifier))

    def stored(self) -> dict[_Name, Stored]:
        """All keys by application, type and id."""
        token = self._partition.tokens.layout
        if self._token != token:
            kept = self._kept.get(token)
            self._stored = self._kept.put(token, self._list()) if kept is None else kept
            self._token = token
        return self._stored

    def _list(self) -> dict[_Name, Stored]:
        found: dict[_Name, Stored] = {}
        for file in self._files.index.files:
            if file.type is FileType.KEY_RECORDS:
                self._partition.mark_directory(file.offset, file.offset + file.length)
                for number, place in enumerate(self._records.places(file), 1):
                    head = self._partition.read(place[0], HEAD)
                    name = (file.parent, head[0] & 0x1F, head[1])
                    found[name] = Stored(file.index, number, place, head[0], Algorithm(head[3]))
        return found

    def value(self, stored: Stored) -> bytes:
        """The key, for the length of one command."""
        offset, length = stored.place
        return self._partition.read(offset + HEAD, length - HEAD)

    def count(self, file: File) -> int:
        """How many keys a key file holds."""
        return len(self._records.places(file))

    def create(self, file: File, record: KeyRecord) -> None:
        """Add a key, with the command.

        Raises:
            StatusError: 6A80, the application has one of this type and id; 6A84, no room.
        """
        if self.find(file.parent, record.type, record.identifier) is not None:
            raise StatusError(status.WRONG_DATA)
        self._records.append(file, bytes(record))

    def change(self, file: File, stored: Stored, record: KeyRecord) -> None:
        """Give a key another value, with the command.

        Raises:
            StatusError: 6A84, no room for a longer one.
        """
        self._records.replace(file, stored.number, bytes(record))
