"""Faults of the access rules of files in the social-security environment."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.access import MASTER_BIT, PIN_BIT
from cardsim.cos.environment import Handler
from cardsim.cos.files import File
from cardsim.defects.defect import Apply, Side, meanwhile, on_handler, on_ssse, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse.environment import Ssse

_EVERYTHING: Final = (1 << 33) - 1
_EF06: Final = 0xEF06


def _reading(wrap: Callable[[Ssse, Handler], Handler]) -> Apply:
    return on_handler("record_commands", "read", wrap)


def _writing(wrap: Callable[[Ssse, Handler], Handler]) -> Apply:
    return on_handler("record_commands", "update", wrap)


def _with_rights(holds: Callable[[Ssse, File], bool]) -> Callable[[Ssse, Handler], Handler]:
    """A handler that opens a file without looking at its rule."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            opened = holds(ssse, ssse.record_commands.file(p2))
            with meanwhile(ssse.ram, rights=_EVERYTHING & ~MASTER_BIT if opened else ssse.ram.rights):
                return handler(p1, p2, data, le)

        return changed

    return wrap


def _any_needs_all(ssse: Ssse) -> None:
    put(ssse, "allowed", lambda masks: bool(masks) and all(ssse.ram.rights & mask == mask for mask in masks))


def _record_before_rule(ssse: Ssse, handler: Handler) -> Handler:
    free = _with_rights(lambda _ssse, _file: True)(ssse, handler)

    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            if ended.sw == status.SECURITY_NOT_SATISFIED:
                try:
                    free(p1, p2, data, 256)
                except StatusError as other:
                    if other.sw == status.RECORD_NOT_FOUND:
                        raise
            raise

    return changed


def _reads_with_key(ssse: Ssse, file: File) -> bool:
    return any(mask and ssse.ram.rights & ~PIN_BIT & mask == mask for mask in file.read_masks)


def _judged(opens: Callable[[tuple[int, ...], int], bool]) -> Apply:
    """Rules that are judged in another way: the sets of rights of a rule, and the rights there are."""
    return on_ssse(lambda ssse: put(ssse, "allowed", lambda masks: opens(masks, ssse.ram.rights)))


def _one_of_both(masks: tuple[int, ...], rights: int) -> bool:
    return any(not mask or rights & mask for mask in masks)


def _third_ignored(masks: tuple[int, ...], rights: int) -> bool:
    if len(masks) > 1 and masks[0].bit_count() > 1:
        masks = masks[:1]
    return any(rights & mask == mask for mask in masks)


def _never_is_free(masks: tuple[int, ...], rights: int) -> bool:
    return not masks or any(rights & mask == mask for mask in masks)


def _number_counts(masks: tuple[int, ...], rights: int) -> bool:
    rights |= (rights & 0xFFFF) << 16
    return any(rights & mask == mask for mask in masks)


RULES: Final = table(
    Side.SSSE,
    (
        ("ef06-free", "SSCV2-5.2-09, D22", "EF06 can be read without RKSSSE.",
         _reading(_with_rights(lambda _ssse, file: file.fid == _EF06))),
        ("update-free", "SSC5-6.13-24", "UPDATE RECORD does not look at the write rule.",
         _writing(_with_rights(lambda _ssse, _file: True))),
        ("pin-opens-writing", "SSC4-7.1-04", "The PIN opens every file for writing.",
         _writing(_with_rights(lambda ssse, _file: bool(ssse.ram.rights & PIN_BIT)))),
        ("update-key-opens-reading", "SSC4-7.1-03", "Who may write a file may read it.",
         _reading(_with_rights(lambda ssse, file: ssse.allowed(file.write_masks)))),
        ("master-key-opens-reading", "SSC4-5.3-01, D6", "The environment master key opens every file for reading.",
         _reading(_with_rights(lambda ssse, _file: bool(ssse.ram.rights & MASTER_BIT)))),
        ("either-needs-both", "SSCV2-5.3-01", "A file that PIN or key opens needs both.", on_ssse(_any_needs_all)),
        ("record-before-rule", "SSC5-6.10-12",
         "A missing record is told to those who may not read the file.",
         _reading(_record_before_rule)),
        ("both-needs-one", "SSCV2-5.6-04, SSC6-6.5-01", "A file that needs PIN and key opens with one of them.",
         _judged(_one_of_both)),
        ("third-key-ignored", "SSC6-6.5-01",
         "In a rule of two rights together, or a third one alone, the third one opens nothing.",
         _judged(_third_ignored)),
        ("never-is-free", "SSCV2-5.6-07, SSC6-6.5-01", "A file that nobody may read or write is open to everybody.",
         _judged(_never_is_free)),
        ("key-number-counts", "SSC5-6.4-06",
         "A key of the environment opens what needs the key of an application with the same number.",
         _judged(_number_counts)),
        ("pin-opens-reading", "SSCV2-5.2-09, SSCV2-5.7-02", "The PIN opens every file for reading.",
         _reading(_with_rights(lambda ssse, _file: bool(ssse.ram.rights & PIN_BIT)))),
        ("any-key-opens-reading", "SSC4-7.1-03", "Every key opens every file for reading.",
         _reading(_with_rights(lambda ssse, _file: bool(ssse.ram.rights & ~(PIN_BIT | MASTER_BIT))))),
        ("read-key-opens-writing", "SSC4-7.1-03", "Who may read a file with a key may write it.",
         _writing(_with_rights(_reads_with_key))),
    ),
)  # fmt: skip
"""Faults of access rules."""
