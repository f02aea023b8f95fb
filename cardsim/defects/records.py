"""Faults of reading records in the social-security environment: numbers, identifiers, the record pointer."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, File, FileType
from cardsim.cos.records import Place
from cardsim.defects.defect import Apply, Side, answering, around, meanwhile, on_handler, on_ssse, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse.environment import Ssse
from cardsim.ssse.records import Mode

_MODE: Final = 7


def _reading(wrap: Callable[[Ssse, Handler], Handler]) -> Apply:
    """A defect of READ RECORD."""
    return on_handler("record_commands", "read", wrap)


def _status(right: int, wrong: int) -> Apply:
    """READ RECORD with one status word for another."""
    return _reading(lambda _ssse, handler: answering(lambda sw: wrong if sw == right else sw)(handler))


def _moves_at_6c(_ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw >> 8 == 0x6C:
                handler(p1, p2, data, ended.sw & 0xFF or 256)
            raise

    return changed


def _number_moves(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        if p2 & 7 == Mode.NUMBER and p1:
            ssse.ram.pointer = p1
        return answer

    return changed


def modes(swap: dict[int, int]) -> Callable[[Ssse, Handler], Handler]:
    """A handler that takes one mode of P2 for another."""

    def wrap(_ssse: Ssse, handler: Handler) -> Handler:
        return lambda p1, p2, data, le: handler(p1, p2 & 0xF8 | swap.get(p2 & 7, p2 & 7), data, le)

    return wrap


def _sfi_not_current(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        ef, pointer = ssse.ram.ef, ssse.ram.pointer
        answer = handler(p1, p2, data, le)
        if p2 >> 3:
            ssse.ram.ef, ssse.ram.pointer = ef, pointer
        return answer

    return changed


def _from(mode: Mode, step: int) -> Callable[[Ssse, Handler], Handler]:
    """A handler that searches from another record than the current one."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            pointer = ssse.ram.pointer
            if p2 != mode or pointer is None:
                return handler(p1, p2, data, le)
            ssse.ram.pointer = pointer + step
            try:
                return handler(p1, p2, data, le)
            except StatusError:
                ssse.ram.pointer = pointer
                raise

        return changed

    return wrap


def _next_wraps(_ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw == status.RECORD_NOT_FOUND and p2 & _MODE == Mode.NEXT:
                return handler(p1, p2 & ~_MODE | Mode.FIRST, data, le)
            raise

    return changed


def _needs_current(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if p2 in (Mode.NEXT, Mode.PREVIOUS) and ssse.ram.ef is not None and ssse.ram.pointer is None:
            raise StatusError(status.RECORD_NOT_FOUND)
        return handler(p1, p2, data, le)

    return changed


def _any_identifier(_ssse: Ssse, handler: Handler) -> Handler:
    searches = (Mode.NEXT, Mode.PREVIOUS)
    return lambda p1, p2, data, le: handler(0 if p2 & _MODE in searches else p1, p2, data, le)


def _five_bits(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        if p1 and p2 & _MODE < Mode.NUMBER:
            tags = [ssse.partition.memory[offset] for offset, _ in ssse.records.places(ssse.record_commands.file(p2))]
            p1 = next((tag for tag in tags if tag & 0x1F == p1 & 0x1F), p1)
        return handler(p1, p2, data, le)

    return changed


def _first_for_00(_ssse: Ssse, handler: Handler) -> Handler:
    return lambda p1, p2, data, le: handler(p1 or int(p2 & _MODE == Mode.NUMBER), p2, data, le)


def _set_from_first(_ssse: Ssse, handler: Handler) -> Handler:
    return lambda p1, p2, data, le: handler(1 if p2 & _MODE == Mode.NUMBER_TO_LAST and p1 else p1, p2, data, le)


def _set_without_last(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        places = ssse.records.places
        if p2 & _MODE != Mode.NUMBER_TO_LAST:
            return handler(p1, p2, data, le)
        with meanwhile(ssse.records, places=lambda file: places(file)[: max(p1, len(places(file)) - 1)]):
            return handler(p1, p2, data, le)

    return changed


def _value_alone(_ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le + 2)[2:]
        except StatusError as ended:
            if ended.sw >> 8 == 0x6C:
                raise StatusError(ended.sw - 2) from ended
            raise

    return changed


def _pointer_stays(ssse: Ssse) -> None:
    def wrap(select: Callable[[int, bytes], bytes]) -> Callable[[int, bytes], bytes]:
        def changed(p1: int, data: bytes) -> bytes:
            ef, pointer = ssse.ram.ef, ssse.ram.pointer
            answer = select(p1, data)
            if ssse.ram.ef == ef:
                ssse.ram.pointer = pointer
            return answer

        return changed

    around(ssse, "select_file", wrap)


def _pointers_remembered(ssse: Ssse) -> None:
    kept: dict[int, int] = {}

    def wrap(select: Callable[[int, bytes], bytes]) -> Callable[[int, bytes], bytes]:
        def changed(p1: int, data: bytes) -> bytes:
            if ssse.ram.ef is not None and ssse.ram.pointer is not None:
                kept[ssse.ram.ef] = ssse.ram.pointer
            left = ssse.ram.ef
            answer = select(p1, data)
            if ssse.ram.ef is not None and ssse.ram.ef != left:
                ssse.ram.pointer = kept.get(ssse.ram.ef)
            return answer

        return changed

    around(ssse, "select_file", wrap)


def _sfi_of_parent(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw != status.FILE_NOT_FOUND or ssse.ram.df == ROOT:
                raise
            with meanwhile(ssse.ram, df=ROOT):
                return handler(p1, p2, data, le)

    return changed


def _fid_of_parent(ssse: Ssse) -> None:
    def wrap(select: Callable[[int, bytes], bytes]) -> Callable[[int, bytes], bytes]:
        def changed(p1: int, data: bytes) -> bytes:
            try:
                return select(p1, data)
            except StatusError:
                with meanwhile(ssse.ram, df=ROOT):
                    return select(p1, data)

        return changed

    around(ssse, "select_file", wrap)


def _oldest_first(ssse: Ssse) -> None:
    def wrap(places: Callable[[File], list[Place]]) -> Callable[[File], list[Place]]:
        return lambda file: places(file)[::-1] if file.type is FileType.CYCLIC else places(file)

    around(ssse.records, "places", wrap)


RECORDS: Final = table(
    Side.SSSE,
    (
        ("wrong-le-moves-pointer", "SSC2-9.3.1-01, D13",
         "READ RECORD moves the record pointer although it is answered 6Cxx.",
         _reading(_moves_at_6c)),
        ("number-moves-pointer", "SSC5-6.13-12", "Reading a record by its number moves the record pointer.",
         _reading(_number_moves)),
        ("next-previous-swapped", "SSC3-5.3.1-04, SSC5-6.10-09",
         "READ RECORD takes the previous record for the next one, and the other way round.",
         _reading(modes({2: 3, 3: 2}))),
        ("last-is-first", "SSC5-6.10-09",
         "READ RECORD of the last record with an identifier gives the first one.",
         _reading(modes({1: 0}))),
        ("records-reversed", "SSC5-6.10-04, SSC5-6.10-06",
         "READ RECORD gives all records from a number on in the wrong order.",
         _reading(modes({5: 6, 6: 5}))),
        ("sfi-not-current", "SSC5-6.13-18, SSC5-6.10-10",
         "A file that is read by its SFI does not become current.", _reading(_sfi_not_current)),
        ("record-missing-6A82", "SSC5-6.10-17",
         "READ RECORD answers 6A82 where a record is missing.",
         _status(status.RECORD_NOT_FOUND, status.FILE_NOT_FOUND)),
        ("file-missing-6A83", "SSC5-6.10-16",
         "READ RECORD answers 6A83 where a file is missing.",
         _status(status.FILE_NOT_FOUND, status.RECORD_NOT_FOUND)),
        ("no-current-ef-6985", "SSC5-6.10-15",
         "READ RECORD without a current EF is answered 6985 and not 6986.",
         _status(status.NO_CURRENT_EF, status.CONDITIONS_NOT_SATISFIED)),
        ("next-skips-one", "SSC3-5.3.1-12, SSC3-5.3.1-04",
         "READ RECORD of the next record leaves one out.", _reading(_from(Mode.NEXT, 1))),
        ("next-stays", "SSC3-5.3.1-12, SSC3-5.3.1-09",
         "READ RECORD of the next record gives the current one again.", _reading(_from(Mode.NEXT, -1))),
        ("next-wraps", "SSC3-5.3.1-09", "Behind the last record READ RECORD goes on with the first.",
         _reading(_next_wraps)),
        ("next-needs-current", "SSC3-5.3.1-05, SSC3-5.3.1-06",
         "READ RECORD finds no next and no previous record while none is current.",
         _reading(_needs_current)),
        ("next-of-any-identifier", "SSC3-5.3.1-04, SSC3-5.3.1-08",
         "READ RECORD of the next or previous record does not look at the identifier.",
         _reading(_any_identifier)),
        ("identifier-five-bits", "SSC3-5.3.1-01", "READ RECORD compares the last five bits of an identifier.",
         _reading(_five_bits)),
        ("number-00-is-first", "SSC3-5.3.2-04, SSC3-5.3.2-05",
         "Number 00 is the first record and not the current one.", _reading(_first_for_00)),
        ("set-from-first", "SSC5-6.10-05", "READ RECORD gives all records whatever number they are to begin with.",
         _reading(_set_from_first)),
        ("set-without-last", "SSC5-6.10-04", "READ RECORD of all records to the last leaves the last one out.",
         _reading(_set_without_last)),
        ("record-value-alone", "SSC5-6.10-01", "READ RECORD gives a record without its tag and length.",
         _reading(_value_alone)),
        ("pointer-survives-select", "SSC3-5.3-04",
         "Selecting the current EF again leaves the record pointer where it is.", on_ssse(_pointer_stays)),
        ("pointers-remembered", "SSC3-5.3-04, SSC3-5.3-05",
         "A file that is selected again has the record pointer of the last time.", on_ssse(_pointers_remembered)),
        ("sfi-of-parent", "SSC5-6.10-16, SSC3-5.1.1-03",
         "READ RECORD finds files of the environment by their SFI inside an application.",
         _reading(_sfi_of_parent)),
        ("fid-of-parent", "SSC3-5.1.1-03", "SELECT finds files of the environment inside an application.",
         on_ssse(_fid_of_parent)),
        ("cyclic-oldest-first", "SSC3-5.3.1-17, SSC3-5.3.2-02",
         "Number 1 of a cyclic file is the oldest record.", on_ssse(_oldest_first)),
    ),
)  # fmt: skip
"""Faults of READ RECORD and of the record pointer."""
