"""Faults of writing records in the social-security environment."""

from collections.abc import Callable
from typing import Any, Final

from cardsim.cos.environment import Handler
from cardsim.cos.files import File, FileType
from cardsim.cos.records import Records
from cardsim.cos.table import Phase
from cardsim.defects.defect import Apply, Side, answering, around, meanwhile, nothing, on_handler, on_ssse, table
from cardsim.defects.records import modes
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse.environment import Ssse
from cardsim.ssse.records import Mode

_MODE: Final = 7


def _writing(wrap: Callable[[Ssse, Handler], Handler]) -> Apply:
    """A defect of UPDATE RECORD."""
    return on_handler("record_commands", "update", wrap)


def _full_as_missing(sw: int) -> int:
    return status.RECORD_NOT_FOUND if sw == status.NO_SPACE else sw


def _appends_anywhere(ssse: Ssse) -> None:
    def wrap(target: Callable[..., Any]) -> Callable[..., Any]:
        def changed(file: File, mode: int, p1: int, pointer: int | None, count: int) -> int | None:
            found: int | None = target(file, mode, p1, pointer, count)
            return None if mode == Mode.NUMBER and p1 > count else found

        return changed

    around(ssse.record_commands, "target", wrap)


def _never_appends(ssse: Ssse) -> None:
    def wrap(target: Callable[..., Any]) -> Callable[..., Any]:
        def changed(file: File, mode: int, p1: int, pointer: int | None, count: int) -> int | None:
            found: int | None = target(file, mode, p1, pointer, count)
            return 0 if found is None and ssse.phase is Phase.ISSUED else found

        return changed

    around(ssse.record_commands, "target", wrap)


def _length_corrected(_ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        return handler(p1, p2, data[:1] + bytes(((len(data) - 2) & 0xFF,)) + data[2:], le)

    return changed


def _not_written(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(ssse.records, replace=nothing):
            return handler(p1, p2, data, le)

    return changed


def _appending(change: Callable[[Records, Callable[[File, bytes], None], File, bytes], None]) -> Apply:
    """Another way to add a record: it gets the real one, file and record."""

    def each(ssse: Ssse) -> None:
        records = ssse.records
        around(records, "append", lambda append: lambda file, record: change(records, append, file, record))

    return on_ssse(each)


def _full(records: Records, file: File) -> bool:
    return file.type is FileType.CYCLIC and len(records.places(file)) == file.records


def _full_refused(records: Records, append: Callable[[File, bytes], None], file: File, record: bytes) -> None:
    if _full(records, file):
        raise StatusError(status.NO_SPACE)
    append(file, record)


def _newest_overwritten(records: Records, append: Callable[[File, bytes], None], file: File, record: bytes) -> None:
    if _full(records, file):
        records.replace(file, 1, record)
    else:
        append(file, record)


def _in_front(records: Records, append: Callable[[File, bytes], None], file: File, record: bytes) -> None:
    append(file, record)
    if file.type is FileType.LINEAR_VARIABLE:
        *before, last = [bytes((place[1],)) + records.read(place) for place in records.places(file)]
        first = records.places(file)[0][0] - 1
        records._partition.write(first, last + b"".join(before))


def _length_kept(ssse: Ssse) -> None:
    records = ssse.records

    def wrap(replace: Callable[[File, int, bytes], None]) -> Callable[[File, int, bytes], None]:
        def changed(file: File, number: int, record: bytes) -> None:
            if len(record) != records.places(file)[number - 1][1]:
                raise StatusError(status.LC_INCONSISTENT)
            replace(file, number, record)

        return changed

    around(records, "replace", wrap)


def _update_moves(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        if p2 & _MODE == Mode.NUMBER and p1:
            ssse.ram.pointer = p1
        return answer

    return changed


def _filled(kind: FileType) -> Callable[[Ssse, Handler], Handler]:
    """A handler that fills up what is too short for a record of that kind."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            file = ssse.record_commands.file(p2)
            if file.type is kind and len(data) < file.record_length:
                data = data.ljust(file.record_length, b"\0")
                if kind is FileType.LINEAR_FIXED:
                    data = data[:1] + bytes((len(data) - 2,)) + data[2:]
            return handler(p1, p2, data, le)

        return changed

    return wrap


def _no_append_by_identifier(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if p1 and p2 & _MODE != Mode.NUMBER:
            tags = [ssse.partition.memory[offset] for offset, _ in ssse.records.places(ssse.record_commands.file(p2))]
            if p1 not in tags:
                raise StatusError(status.RECORD_NOT_FOUND)
        return handler(p1, p2, data, le)

    return changed


def _ring(append: Callable[[int, int], bool]) -> Callable[[Ssse, Handler], Handler]:
    """A number of a cyclic file that adds a record: P1 and number of records -> whether it does."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            file = ssse.record_commands.file(p2)
            cyclic = file.type is FileType.CYCLIC and p2 & _MODE == Mode.NUMBER
            if cyclic and append(p1, len(ssse.records.places(file))):
                p1, p2 = 0, p2 & ~_MODE | Mode.PREVIOUS
            return handler(p1, p2, data, le)

        return changed

    return wrap


UPDATES: Final = table(
    Side.SSSE,
    (
        ("update-appends-anywhere", "SSC5-6.13-03",
         "UPDATE RECORD with a number far beyond the last record adds one.", on_ssse(_appends_anywhere)),
        ("update-never-appends", "SSC5-6.13-02, SSC5-6.13-04",
         "UPDATE RECORD with the next number does not add a record.", on_ssse(_never_appends)),
        ("update-not-written", "SSC5-6.13-01, SSC7-7.5-01",
         "UPDATE RECORD answers 9000 and writes nothing.", _writing(_not_written)),
        ("wrong-tlv-corrected", "SSC5-6.13-31",
         "UPDATE RECORD sets the length of a record right and does not refuse it.",
         _writing(_length_corrected)),
        ("cyclic-full", "SSC5-6.13-14", "A cyclic file that is full takes no further record.",
         _appending(_full_refused)),
        ("cyclic-overwrites-newest", "SSC5-6.13-14",
         "A record that is added to a full cyclic file takes the place of the newest one.",
         _appending(_newest_overwritten)),
        ("cyclic-number-appends", "SSC5-6.13-29",
         "UPDATE RECORD of a cyclic file with a missing number adds a record.",
         _writing(_ring(lambda p1, count: p1 > count))),
        ("cyclic-number-rotates", "SSC5-6.13-15",
         "UPDATE RECORD of a cyclic file with a number adds a record and leaves that one as it was.",
         _writing(_ring(lambda p1, count: 0 < p1 <= count))),
        ("append-in-front", "SSC3-5.3.1-16, SSC3-5.3.2-01",
         "A record that is added to a linear file becomes the first one.", _appending(_in_front)),
        ("update-identifier-refused", "SSC5-6.13-04",
         "UPDATE RECORD with an identifier that no record has adds nothing.",
         _writing(_no_append_by_identifier)),
        ("update-first-is-last", "SSC5-6.13-05",
         "UPDATE RECORD of the first record with an identifier writes the last one.",
         _writing(modes({0: 1}))),
        ("update-previous-is-next", "SSC5-6.13-08, SSC5-6.13-13",
         "UPDATE RECORD takes the next record for the previous one.", _writing(modes({3: 2}))),
        ("update-moves-pointer", "SSC5-6.13-12", "UPDATE RECORD with a number moves the record pointer.",
         _writing(_update_moves)),
        ("record-keeps-length", "SSC5-6.13-17",
         "A record of a variable file cannot get another length.", on_ssse(_length_kept)),
        ("fixed-record-filled", "SSC5-6.13-16", "A record that is too short for its file of fixed length is filled up.",
         _writing(_filled(FileType.LINEAR_FIXED))),
        ("cyclic-record-filled", "SSC5-6.13-16", "A record that is too short for its cyclic file is filled up.",
         _writing(_filled(FileType.CYCLIC))),
        ("file-full-6A83", "SSC5-6.13-30", "UPDATE RECORD answers 6A83 and not 6A84 where a file is full.",
         _writing(lambda _ssse, handler: answering(_full_as_missing)(handler))),
    ),
)  # fmt: skip
"""Faults of UPDATE RECORD."""
