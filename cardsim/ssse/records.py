"""READ RECORD and UPDATE RECORD: modes, identifiers and the record pointer (SSC part 3 §5.3, part 5 §6.10, §6.13)."""

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cardsim.cos.environment import Handler
from cardsim.cos.files import File, FileType
from cardsim.cos.records import Place
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse import commands

if TYPE_CHECKING:
    from cardsim.ssse.environment import Ssse


class Mode(enum.IntEnum):
    """P2 bits 3-1: what P1 names, and which record of that name is meant."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3
    NUMBER = 4
    NUMBER_TO_LAST = 5
    LAST_TO_NUMBER = 6


_LONGEST: Final = 256
_NUMBER: Final = int(Mode.NUMBER)
"""As a plain number: comparing with an enum member costs as much as reading a record."""
BY_NUMBER: Final = frozenset({Mode.NUMBER, Mode.NUMBER_TO_LAST, Mode.LAST_TO_NUMBER})
TLV_FILES: Final = frozenset({FileType.LINEAR_VARIABLE, FileType.LINEAR_FIXED})


def by_number(places: Sequence[Place], p1: int, pointer: int | None) -> int:
    """Number of the record that P1 names; 00 is the current record.

    Raises:
        StatusError: 6A83, there is none.
    """
    number = p1 or pointer or 0
    if not 0 < number <= len(places):
        raise StatusError(status.RECORD_NOT_FOUND)
    return number


def by_identifier(tags: Sequence[int], mode: int, p1: int, pointer: int | None) -> int | None:
    """Number of the record with identifier P1 (00: any) that the mode means, or None.

    `tags` are the first bytes of the records. Without a current record, next is first and previous is last.
    """
    numbers = [number for number, tag in enumerate(tags, 1) if p1 in (0, tag)]
    match mode:
        case Mode.NEXT if pointer is not None:
            numbers = [number for number in numbers if number > pointer]
        case Mode.PREVIOUS if pointer is not None:
            numbers = [number for number in numbers if number < pointer]
        case _:
            pass
    if not numbers:
        return None
    return numbers[-1] if mode in (Mode.LAST, Mode.PREVIOUS) else numbers[0]


def check_form(kind: FileType, record_length: int, record: bytes) -> None:
    """Whether a record has the form of the file (C-48).

    Raises:
        StatusError: 6A85, not one simple TLV of the file's length; 6700, a cyclic record of another length.
    """
    if kind in TLV_FILES:
        if len(record) < 2 or record[1] != len(record) - 2:
            raise StatusError(status.LC_INCONSISTENT)
        if kind is FileType.LINEAR_FIXED and len(record) != record_length:
            raise StatusError(status.LC_INCONSISTENT)
    elif len(record) != record_length:
        raise StatusError(status.WRONG_LENGTH)


class RecordCommands:
    """READ RECORD and UPDATE RECORD."""

    def __init__(self, environment: "Ssse") -> None:
        self._ssse = environment
        self._partition = environment.partition
        self._records = environment.records

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.READ_RECORD.name: self.read,
            commands.UPDATE_RECORD.name: self.update,
            "UPDATE RECORD 04": self.update_protected,
        }

    def file(self, p2: int) -> File:
        """The record file that P2 names.

        Raises:
            StatusError: 6A82, 6986, there is none; 6981, it has no records.
        """
        file = self._ssse.file(p2 >> 3)
        if not file.has_records:
            raise StatusError(status.INCOMPATIBLE_FILE)
        return file

    def read(self, p1: int, p2: int, _data: bytes, le: int) -> bytes:
        """READ RECORD. Security is judged before the record is looked up; 6Cxx moves nothing (SSC part 2 §9.3.1)."""
        ssse = self._ssse
        file = self.file(p2)
        if not ssse.allowed(file.read_masks):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        ram = ssse.ram
        places = self._records.places(file)
        mode = p2 & 7
        pointer = None if p2 >> 3 else ram.pointer
        moved = pointer
        if mode == _NUMBER:
            number = p1 or pointer or 0
            if not 0 < number <= len(places):
                raise StatusError(status.RECORD_NOT_FOUND)
            offset, length = places[number - 1]
            answer = bytes(self._partition.memory[offset : offset + length])
        elif mode in BY_NUMBER:
            chosen = places[by_number(places, p1, pointer) - 1 :]
            ordered = chosen if mode == Mode.NUMBER_TO_LAST else chosen[::-1]
            answer = b"".join(self._records.read(place) for place in ordered)[:_LONGEST]
        else:
            found = by_identifier([self._partition.memory[at] for at, _ in places], mode, p1, pointer)
            if found is None:
                raise StatusError(status.RECORD_NOT_FOUND)
            moved = found
            answer = self._records.read(places[found - 1])
        if le != len(answer) and ssse.le_must_fit:
            raise StatusError(0x6C00 | len(answer) & 0xFF)
        ram.ef, ram.pointer = file.index, moved
        return answer

    def update(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """UPDATE RECORD: replaces a record, or appends one where the standard says that a missing one is added."""
        return self._update(bytes((0x00, 0xDC, p1, p2)), data)

    def update_protected(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """UPDATE RECORD with a MAC, which is judged before the record is looked up (SSC part 7 §7.4)."""
        return self._update(bytes((0x04, 0xDC, p1, p2)), data)

    def _update(self, header: bytes, data: bytes) -> bytes:
        ssse = self._ssse
        p1, p2 = header[2], header[3]
        file = self.file(p2)
        mode = p2 & 7
        places = self._records.places(file)
        pointer = None if p2 >> 3 else ssse.ram.pointer
        number = self.target(file, mode, p1, pointer, len(places))
        if not ssse.allowed(file.write_masks) and not (number is None and ssse.managing):
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        record = ssse.messaging.written(file, header, data)
        if number == 0:
            raise StatusError(status.RECORD_NOT_FOUND)
        check_form(file.type, file.record_length, record)
        if mode != Mode.NUMBER and p1 and record[0] != p1:
            raise StatusError(status.LC_INCONSISTENT)
        if number is None:
            self._records.append(file, record)
            number = 1 if file.type is FileType.CYCLIC else len(places) + 1
        else:
            self._records.replace(file, number, record)
        self._partition.commit()
        moves = mode != Mode.NUMBER or not p1
        ssse.ram.ef, ssse.ram.pointer = file.index, number if moves else pointer
        return b""

    def target(self, file: File, mode: int, p1: int, pointer: int | None, count: int) -> int | None:
        """Number of the record to replace; None to append; 0 where there is nothing to update (SSC part 5 §6.13.1)."""
        cyclic = file.type is FileType.CYCLIC
        if mode == Mode.NUMBER:
            number = p1 or pointer or 0
            if number == count + 1 and p1 and not cyclic:
                return None
            return number if number <= count else 0
        if cyclic and mode == Mode.PREVIOUS:
            return None
        tags = [self._partition.memory[offset] for offset, _ in self._records.places(file)]
        found = by_identifier(tags, mode, p1, pointer)
        if found is not None:
            return found
        return None if p1 and p1 not in tags and not cyclic else 0
