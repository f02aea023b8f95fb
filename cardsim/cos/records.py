"""Record files: linear variable, linear fixed and cyclic (SSC part 3 §5.3).

    linear variable  head: bytes used (2), records (1), unused (1); then for each record its length (1) and its bytes
    linear fixed     head: unused (2), records (1), unused (1); then the records
    cyclic           head: unused (2), records (1), place of the newest (1); then the records

Record number 1 is the first created record of a linear file and the newest of a cyclic file.
"""

from typing import Final

from cardsim.chip.partition import Partition
from cardsim.cos.files import VARIABLE_TYPES, File, FileType
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

HEAD: Final = 4
MAX_RECORDS: Final = 254

Place = tuple[int, int]
"""Offset of a record in the partition, and its length."""


class Records:
    """The records of the files of one environment. Places are kept as long as nothing is written (D15)."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._token = 0
        self._places: dict[int, list[Place]] = {}

    def places(self, file: File) -> list[Place]:
        """Where the records of a file stand, record 1 first."""
        if self._token != self._partition.tokens.generation:
            self._token = self._partition.tokens.generation
            self._places.clear()
        places = self._places.get(file.index)
        if places is None:
            places = self._places[file.index] = self._find(file)
        return places

    def _find(self, file: File) -> list[Place]:
        head = self._partition.read(file.offset, HEAD)
        start, count, size = file.offset + HEAD, head[2], file.record_length
        if file.type in VARIABLE_TYPES:
            body = self._partition.read(start, int.from_bytes(head[:2], "big"))
            places, offset = [], 0
            for _ in range(count):
                places.append((start + offset + 1, body[offset]))
                offset += 1 + body[offset]
            return places
        if file.type is FileType.CYCLIC:
            return [(start + (head[3] - number) % file.records * size, size) for number in range(count)]
        return [(start + number * size, size) for number in range(count)]

    def read(self, place: Place) -> bytes:
        """The bytes of a record."""
        return self._partition.read(*place)

    def append(self, file: File, record: bytes) -> None:
        """Add a record: behind the last one of a linear file, as the newest of a cyclic file.

        Raises:
            StatusError: 6A84, the file is full.
        """
        head = self._partition.read(file.offset, HEAD)
        used, count = int.from_bytes(head[:2], "big"), head[2]
        start = file.offset + HEAD
        match file.type:
            case FileType.LINEAR_VARIABLE | FileType.KEY_RECORDS:
                end = used + 1 + len(record)
                if HEAD + end > file.length or count >= MAX_RECORDS or end > 0xFFFF:
                    raise StatusError(status.NO_SPACE)
                self._partition.write(start + used, bytes((len(record),)) + record)
                self._partition.write(file.offset, end.to_bytes(2, "big") + bytes((count + 1,)))
            case FileType.CYCLIC:
                newest = (head[3] + 1) % file.records if count else 0
                self._partition.write(start + newest * file.record_length, record)
                self._partition.write(file.offset + 2, bytes((min(count + 1, file.records), newest)))
            case _:
                if count >= file.records:
                    raise StatusError(status.NO_SPACE)
                self._partition.write(start + count * file.record_length, record)
                self._partition.write(file.offset + 2, bytes((count + 1,)))

    def replace(self, file: File, number: int, record: bytes) -> None:
        """Give record `number` (from 1) new bytes; in a linear variable file also another length.

        Raises:
            StatusError: 6A84, no room for a longer record.
        """
        offset, length = self.places(file)[number - 1]
        if len(record) == length:
            self._partition.write(offset, record)
            return
        head = self._partition.read(file.offset, HEAD)
        used = int.from_bytes(head[:2], "big")
        start = file.offset + HEAD
        grown = used + len(record) - length
        if HEAD + grown > file.length:
            raise StatusError(status.NO_SPACE)
        tail = self._partition.read(offset + length, start + used - offset - length)
        self._partition.write(offset - 1, bytes((len(record),)) + record + tail)
        self._partition.write(file.offset, grown.to_bytes(2, "big"))
