"""Master keys (主控密钥): the transport key, the card master key and the environments' key sets (D5), in one form.

    page 0 of the slot   version, algorithm, number of keys (0: empty), try limit, KEYDATA (10), keys of 16 bytes each
    page 1 of the slot   tries left, sequence counter (2)

Counters stand in a page of their own, because they are written early and often.
"""

import enum
from dataclasses import dataclass, field
from typing import Final, Self

from cardsim.chip.partition import Partition
from cardsim.cos.meters import Meter, MeterKind
from cardsim.crypto.social import SSF33
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

PAGE: Final = 64
KEY_SIZE: Final = 16
KEYDATA_SIZE: Final = 10
_HEAD: Final = 4 + KEYDATA_SIZE
_LIMIT_AT: Final = 3
SINGLE: Final = 1
SET_OF_THREE: Final = 3


class Algorithm(enum.IntEnum):
    """Algorithm byte of a key (PSAM part §5.2): 16-byte 3DES keys, 8-byte DES keys, SM4 keys."""

    TDES = 0x00
    DES = 0x01
    SM4 = 0x03


def refuse_ssf33(identifier: int) -> None:
    """The one answer of a card that is asked for SSF33, by its algorithm identifier or algorithm byte: both are 02.

    Raises:
        StatusError: 6A81, the cipher is classified and stands on no card of this project.
    """
    if identifier == SSF33:
        raise StatusError(status.NOT_SUPPORTED)


@dataclass(frozen=True, slots=True)
class MasterKeySet:
    """One key, or three (KENC, KMAC, KDEK) with their KEYDATA."""

    version: int
    algorithm: Algorithm
    limit: int
    keys: tuple[bytes, ...] = field(repr=False)
    keydata: bytes = bytes(KEYDATA_SIZE)

    def __bytes__(self) -> bytes:
        head = bytes((self.version, self.algorithm, len(self.keys), self.limit))
        return head + self.keydata + b"".join(self.keys)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a key set in the form in which it is loaded and stored.

        Raises:
            StatusError: 6A80, wrong length, number of keys, algorithm or try limit.
        """
        if len(raw) < _HEAD or raw[2] not in (SINGLE, SET_OF_THREE) or len(raw) != _HEAD + raw[2] * KEY_SIZE:
            raise StatusError(status.WRONG_DATA)
        if raw[1] not in (Algorithm.TDES, Algorithm.SM4) or not 1 <= raw[3] <= 15:
            raise StatusError(status.WRONG_DATA)
        keys = tuple(raw[at : at + KEY_SIZE] for at in range(_HEAD, len(raw), KEY_SIZE))
        return cls(raw[0], Algorithm(raw[1]), raw[3], keys, raw[4:_HEAD])


class MasterKeySlot:
    """Where a master key set stands: two pages of a partition."""

    def __init__(self, partition: Partition, offset: int) -> None:
        self._partition = partition
        self._offset = offset

    @property
    def loaded(self) -> bool:
        """Whether there is a key set."""
        return self._partition.memory[self._offset + 2] in (SINGLE, SET_OF_THREE)

    def load(self) -> MasterKeySet:
        """The key set.

        Raises:
            StatusError: 6A88, there is none.
        """
        if not self.loaded:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        count = self._partition.memory[self._offset + 2]
        return MasterKeySet.parse(self._partition.read(self._offset, _HEAD + count * KEY_SIZE))

    def store(self, keys: MasterKeySet) -> None:
        """Write a key set, its full tries and a sequence counter of 0, with the command."""
        self._partition.write(self._offset, bytes(keys).ljust(PAGE - 2, b"\0"))
        self._partition.write(self._offset + PAGE, bytes((keys.limit, 0, 0)))

    def clear(self) -> None:
        """Remove the key set, with the command."""
        self._partition.write(self._offset, bytes(PAGE - 2))
        self._partition.write(self._offset + PAGE, bytes(3))

    @property
    def tries(self) -> int:
        """Tries left."""
        return self._partition.memory[self._offset + PAGE]

    def lower(self) -> int:
        """Take one try, early (D13); returns how many are left.

        Raises:
            StatusError: 6983, none was left.
        """
        left = self.tries
        if not left:
            raise StatusError(status.BLOCKED)
        self._partition.write_early(self._offset + PAGE, bytes((left - 1,)))
        return left - 1

    def meters(self, name: str) -> tuple[Meter, Meter]:
        """Tries left, and the sequence counter of the secure channel; without meaning before a key was loaded."""
        page, limit = self._offset + PAGE, self._offset + _LIMIT_AT
        tries, limits = range(page, page + 1), range(limit, limit + 1)
        return (
            Meter(f"tries of the {name}", MeterKind.TRIES, tries, reference=0, limit=limits, early=True),
            Meter(f"sequence of the {name}", MeterKind.COUNT, range(page + 1, page + 3)),
        )

    def restore(self) -> None:
        """Give all tries back, with the command."""
        self._partition.write(self._offset + PAGE, bytes((self._partition.memory[self._offset + _LIMIT_AT],)))

    @property
    def sequence(self) -> int:
        """Sequence counter of the secure channel."""
        return int.from_bytes(bytes(self._partition.memory[self._offset + PAGE + 1 : self._offset + PAGE + 3]), "big")

    @property
    def exhausted(self) -> bool:
        """Whether the sequence counter is at its end: no further channel can be opened."""
        return self.sequence == 0xFFFF

    def count(self) -> None:
        """Raise the sequence counter, with the command; the caller has seen that it is not exhausted."""
        self._partition.write(self._offset + PAGE + 1, (self.sequence + 1).to_bytes(2, "big"))
