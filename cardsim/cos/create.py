"""The data of CREATE inside an environment (docs/card-management.md), in the layout of the FMCOS family.

DF        38, space (2), 00, 00, SFI of its directory, FF FF, name (5-16)
EF        type, size (2), read rule (4), write rule (4), SFI; size of a fixed or cyclic file: records, length;
          bit 8 of the type: writing demands secure messaging
key file  3F, slots (2)
"""

from dataclasses import replace
from typing import Final

from cardsim.cos.access import RULE_SIZE, AccessRule
from cardsim.cos.files import NO_FLAGS, VARIABLE_TYPES, FileFlag, FileType, NewFile
from cardsim.cos.keys import COUNTERS_SIZE, MAX_SLOTS, SLOT_SIZE
from cardsim.cos.records import HEAD
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

_EF_SIZE: Final = 4 + 2 * RULE_SIZE
_KEYS_SIZE: Final = 3
_NAME_AT: Final = 8
_DF_HEAD: Final = b"\xff\xff"
_MAX_SFI: Final = 30
_PROTECTED: Final = 0x80
EF_TYPES: Final = (FileType.TRANSPARENT, FileType.LINEAR_VARIABLE, FileType.LINEAR_FIXED, FileType.CYCLIC)


def parse_create(fid: int, parent: int, data: bytes, types: tuple[FileType, ...] = EF_TYPES) -> NewFile:
    """What the data of a CREATE ask for; `types` are the kinds of EF that the environment knows.

    Raises:
        StatusError: 6A80, the data have not the form of their type.
    """
    try:
        kind = FileType(data[0] & ~_PROTECTED)
    except (ValueError, IndexError):
        raise StatusError(status.WRONG_DATA) from None
    flags = FileFlag.PROTECTED if data[0] & _PROTECTED else NO_FLAGS
    if flags and kind not in EF_TYPES:
        raise StatusError(status.WRONG_DATA)
    match kind:
        case FileType.DF:
            return _df(fid, parent, data)
        case FileType.KEYS:
            slots = int.from_bytes(data[1:3], "big")
            if len(data) != _KEYS_SIZE or not 1 <= slots <= MAX_SLOTS:
                raise StatusError(status.WRONG_DATA)
            return NewFile(kind, fid, parent, COUNTERS_SIZE + slots * SLOT_SIZE, records=slots, aligned=True)
        case _:
            if kind not in types:
                raise StatusError(status.WRONG_DATA)
            return replace(_ef(kind, fid, parent, data), flags=flags)


def _df(fid: int, parent: int, data: bytes) -> NewFile:
    if not 5 <= len(data) - _NAME_AT <= 16 or data[6:_NAME_AT] != _DF_HEAD or data[5] > _MAX_SFI:
        raise StatusError(status.WRONG_DATA)
    return NewFile(FileType.DF, fid, parent, sfi=data[5], name=data[_NAME_AT:])


def _ef(kind: FileType, fid: int, parent: int, data: bytes) -> NewFile:
    if len(data) != _EF_SIZE or data[-1] > _MAX_SFI:
        raise StatusError(status.WRONG_DATA)
    size, sfi = int.from_bytes(data[1:3], "big"), data[-1]
    read, write = AccessRule.parse(data[3 : 3 + RULE_SIZE]), AccessRule.parse(data[3 + RULE_SIZE : -1])
    if kind is FileType.TRANSPARENT or kind in VARIABLE_TYPES:
        length = size + (HEAD if kind in VARIABLE_TYPES else 0)
        if not size or length > 0xFFFF:
            raise StatusError(status.WRONG_DATA)
        return NewFile(kind, fid, parent, length, sfi, read=read, write=write)
    records, record_length = data[1], data[2]
    if not records or not record_length or records == 0xFF:
        raise StatusError(status.WRONG_DATA)
    return NewFile(kind, fid, parent, HEAD + records * record_length, sfi, records, record_length, read, write)
