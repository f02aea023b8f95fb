"""Application keys (应用密钥) and PINs (个人密码): slots in key files, their counters in a page of their own.

A key file belongs to one DF. Its body:

    page 0     tries left of each slot, one byte each
    page 1 ..  slots of 32 bytes: use, number, version, algorithm, try limit, length, value (16), 10 unused

Keys are named by use and number (D6): internal authentication key 00 and master key 00 are different keys.
"""

import enum
import functools
from dataclasses import dataclass, field
from typing import Final, Self

from cardsim.chip.kept import Kept
from cardsim.cos.access import APPLICATION, PIN
from cardsim.cos.files import ROOT, File, FileSystem, FileType
from cardsim.cos.masterkey import Algorithm
from cardsim.cos.meters import Meter, MeterKind
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

SLOT_SIZE: Final = 32
COUNTERS_SIZE: Final = 64
MAX_SLOTS: Final = 48
VALUE_AT: Final = 6
VALUE_SIZE: Final = 16
NO_LIMIT: Final = 0xFF
_SLOTS_KEPT: Final = 4096


class KeyUse(enum.IntEnum):
    """What a key is for, in the codes of the FMCOS family."""

    INTERNAL = 0x34
    """Internal authentication: IRK."""
    MAINTENANCE = 0x36
    """MAC and encryption of maintenance commands: STK."""
    TAC = 0x35
    """Transaction authentication code of medical transactions: DTK."""
    EXTERNAL = 0x39
    """External authentication: RK, UK, PUK, BK, LK, DSK."""
    PIN = 0x3A
    PURCHASE = 0x3E
    """Medical purchase: DPK; its versions are the key indices 01..03."""
    LOAD = 0x3F
    """Account load: DLK."""


_LENGTHS: Final = {
    Algorithm.TDES: (16,),
    Algorithm.DES: (8,),
    Algorithm.SM4: (16,),
}
PIN_LENGTHS: Final = (0, *range(2, 9))
"""Bytes of a PIN; none: no PIN is set."""
MAX_TRIES: Final = 15


@dataclass(frozen=True, slots=True)
class NewKey:
    """What WRITE KEY brings: use, number, version, algorithm, try limit, value."""

    use: KeyUse
    number: int
    version: int
    algorithm: Algorithm
    limit: int
    value: bytes = field(repr=False)

    def __bytes__(self) -> bytes:
        return bytes((self.use, self.number, self.version, self.algorithm, self.limit)) + self.value

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the plaintext of a WRITE KEY.

        Raises:
            StatusError: 6A80, unknown use or algorithm, wrong length, number or limit.
        """
        try:
            use, algorithm = KeyUse(raw[0]), Algorithm(raw[3])
        except (ValueError, IndexError):
            raise StatusError(status.WRONG_DATA) from None
        if len(raw) < 5 or raw[1] > 0x0F:
            raise StatusError(status.WRONG_DATA)
        if not 1 <= raw[4] <= MAX_TRIES and (raw[4] != NO_LIMIT or use is KeyUse.PIN):
            raise StatusError(status.WRONG_DATA)
        value = raw[5:]
        allowed = PIN_LENGTHS if use is KeyUse.PIN else _LENGTHS[algorithm]
        if len(value) not in allowed:
            raise StatusError(status.WRONG_DATA)
        return cls(use, raw[1], raw[2], algorithm, raw[4], value)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a key stands, and all that is said of it except its value."""

    use: KeyUse
    number: int
    version: int
    algorithm: Algorithm
    limit: int
    length: int
    value_at: int
    counter_at: int


_Name = tuple[int, int, int]
"""DF, use and number."""


@functools.lru_cache(_SLOTS_KEPT)
def _slot(head: bytes, value_at: int, counter_at: int) -> Slot:
    """The head of a slot, parsed; key files are parsed often, and mostly with the keys that they had before."""
    use, number, version, algorithm, limit, length = head
    return Slot(KeyUse(use), number, version, Algorithm(algorithm), limit, length, value_at, counter_at)


class KeyStore:
    """The keys and PINs in the key files of one environment."""

    def __init__(self, files: FileSystem) -> None:
        self._files = files
        self._partition = files.partition
        self._token = 0
        self._slots: dict[_Name, tuple[Slot, ...]] = {}
        self._kept: Kept[dict[_Name, tuple[Slot, ...]]] = Kept()

    def find(self, df: int, use: KeyUse, number: int, version: int | None = None) -> Slot | None:
        """A key of a DF; without a version, the generation that was loaded first."""
        slots = self.slots().get((df, use, number), ())
        if version is None:
            return slots[0] if slots else None
        return next((slot for slot in slots if slot.version == version), None)

    def slots(self) -> dict[_Name, tuple[Slot, ...]]:
        """All keys by DF, use and number, generations in the order of loading."""
        token = self._partition.tokens.layout
        if self._token != token:
            kept = self._kept.get(token)
            self._slots = self._kept.put(token, self._list()) if kept is None else kept
            self._token = token
        return self._slots

    def _list(self) -> dict[_Name, tuple[Slot, ...]]:
        found: dict[_Name, tuple[Slot, ...]] = {}
        for file in self._files.index.files:
            if file.type is FileType.KEYS:
                for slot in self._parse(file):
                    name = (file.parent, slot.use, slot.number)
                    found[name] = (*found.get(name, ()), slot)
        return found

    def _parse(self, file: File) -> list[Slot]:
        start = file.offset + COUNTERS_SIZE
        self._partition.mark_directory(start, file.offset + file.length)
        raw = self._partition.read(start, file.records * SLOT_SIZE)
        slots = []
        for number in range(file.records):
            at = number * SLOT_SIZE
            if raw[at]:
                slots.append(_slot(raw[at : at + VALUE_AT], start + at + VALUE_AT, file.offset + number))
        return slots

    def write(self, df: int, key: NewKey) -> None:
        """Add a key to the DF's key file, or replace the one of the same use, number and version; with the command.

        Raises:
            StatusError: 6A82, the DF has no key file; 6A84, no free slot.
        """
        file = next((f for f in self._files.index.files if f.type is FileType.KEYS and f.parent == df), None)
        if file is None:
            raise StatusError(status.FILE_NOT_FOUND)
        slot = self.find(df, key.use, key.number, key.version)
        if slot is None:
            start = file.offset + COUNTERS_SIZE
            raw = self._partition.read(start, file.records * SLOT_SIZE)
            free = next((n for n in range(file.records) if not raw[n * SLOT_SIZE]), None)
            if free is None:
                raise StatusError(status.NO_SPACE)
            at, counter_at = start + free * SLOT_SIZE, file.offset + free
        else:
            at, counter_at = slot.value_at - VALUE_AT, slot.counter_at
        head = bytes((key.use, key.number, key.version, key.algorithm, key.limit, len(key.value)))
        self._partition.write(at, (head + key.value).ljust(VALUE_AT + VALUE_SIZE, b"\0"))
        self._partition.write(counter_at, bytes((key.limit,)))

    def value(self, slot: Slot) -> bytes:
        """The secret, for the length of one command."""
        return bytes(self._partition.memory[slot.value_at : slot.value_at + slot.length])

    def tries(self, slot: Slot) -> int:
        """Tries left; `NO_LIMIT` where none are counted."""
        return self._partition.memory[slot.counter_at]

    def lower(self, slot: Slot) -> int:
        """Take one try before the comparison, early (D13). The caller has seen that there is one."""
        left = self._partition.memory[slot.counter_at]
        if left == NO_LIMIT:
            return 0x0F
        self._partition.write_early(slot.counter_at, bytes((left - 1,)))
        return left - 1

    def restore(self, slot: Slot) -> None:
        """Give all tries back after a match, as a write of its own (early: the match stands, whatever follows)."""
        if slot.limit != NO_LIMIT:
            self._partition.write_early(slot.counter_at, bytes((slot.limit,)))

    def meters(self) -> list[Meter]:
        """Tries of each key and PIN that counts them."""
        files, found = self._files.index.files, []
        for (df, use, number), slots in self.slots().items():
            key = f"tries of {KeyUse(use).name.lower()} key {number:02X}"
            name = "tries of the PIN" if use == KeyUse.PIN else key
            inside = APPLICATION if df != ROOT else 0
            reference = PIN if use == KeyUse.PIN else inside | number if use == KeyUse.EXTERNAL else None
            found += [
                Meter(
                    f"{name} version {slot.version:02X}" if len(slots) > 1 else name, MeterKind.TRIES,
                    range(slot.counter_at, slot.counter_at + 1), "", files[df].name if df != ROOT else b"",
                    reference, slot.version, range(slot.value_at - 2, slot.value_at - 1), early=True,
                )
                for slot in slots
                if slot.limit != NO_LIMIT
            ]  # fmt: skip
        return found

    def renew(self, slot: Slot, secret: bytes | None = None) -> None:
        """Give all tries back and, where one is given, another secret of the same kind; with the command."""
        if secret is not None:
            self._partition.write(slot.value_at - 1, bytes((len(secret),)) + secret.ljust(VALUE_SIZE, b"\0"))
        self._partition.write(slot.counter_at, bytes((slot.limit,)))
