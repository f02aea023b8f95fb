"""READ RECORD and UPDATE RECORD: modes, identifiers and the record pointer (SSC part 3 §5.3, part 5 §6.10, §6.13)."""

import enum
from collections.abc import Sequence
from typing import Final

from cardsim.cos.files import FileType
from cardsim.cos.records import Place
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError


class Mode(enum.IntEnum):
    """P2 bits 3-1: what P1 names, and which record of that name is meant."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3
    NUMBER = 4
    NUMBER_TO_LAST = 5
    LAST_TO_NUMBER = 6


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
