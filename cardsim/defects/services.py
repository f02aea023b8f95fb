"""Faults of the PIN's services, of blocked applications, of transparent files and of writing with a MAC."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.access import APPLICATION_BITS, PIN_BIT, bit_of
from cardsim.cos.environment import Handler
from cardsim.cos.files import ROOT, File, FileFlag
from cardsim.cos.keys import Slot
from cardsim.defects.defect import Apply, Side, around, meanwhile, nothing, on_handler, on_ssse, put, table
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.ssse.commands import MAC_SIZE
from cardsim.ssse.environment import Ssse

_PUK: Final = 0x06
_ALL_RIGHTS: Final = (1 << 33) - 1
_PROTECTED: Final = 0x04

_Wrap = Callable[[Ssse, Handler], Handler]


# --- PIN -------------------------------------------------------------------------------------------------------------


def _during(name: str, **methods: Callable[..., object]) -> Apply:
    """A command of the PIN during which methods of its part are others."""

    def wrap(ssse: Ssse, handler: Handler) -> Handler:
        def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
            with meanwhile(ssse.pin, **methods):
                return handler(p1, p2, data, le)

        return changed

    return on_handler("pin", name, wrap)


def _wrong_free(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        keys = ssse.keys
        with meanwhile(keys, lower=lambda slot: keys.tries(slot) - 1):
            return handler(p1, p2, data, le)

    return changed


def _missing_is_right(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        slot = ssse.pin.find()
        if data[:1] == b"\xff" and slot is not None:
            data = ssse.keys.value(slot) + data
        return handler(p1, p2, data, le)

    return changed


def _tries_stay(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        slot = ssse.pin.find()
        tries = 0 if slot is None else ssse.keys.tries(slot)
        answer = handler(p1, p2, data, le)
        if slot is not None:
            ssse.partition.write_early(slot.counter_at, bytes((tries,)))
        return answer

    return changed


def _any_form(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            current, separator, new = data.partition(b"\xff")
            if ended.sw != status.WRONG_DATA or not separator or not 0 < len(new) <= 8:
                raise
            slot = ssse.pin._usable()
            ssse.pin._compare(slot, current)
            ssse.pin._set(slot, new)
            return b""

    return changed


def _verified(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        ssse.ram.rights |= PIN_BIT
        return answer

    return changed


def _without_puk(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(ssse.ram, rights=ssse.ram.rights | bit_of(_PUK)):
            return handler(p1, p2, data, le)

    return changed


def _lock_stays(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(ssse.keys, renew=nothing):
            return handler(p1, p2, data, le)

    return changed


def _anything_for_nothing(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        slot = ssse.pin.find()
        return handler(p1, p2, b"" if slot is not None and not slot.length else data, le)

    return changed


# --- blocked applications --------------------------------------------------------------------------------------------


def _not_kept(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(ssse.files, set_file_flags=nothing):
            return handler(p1, p2, data, le)

    return changed


def _sibling_too(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        answer = handler(p1, p2, data, le)
        for file in ssse.files.index.files:
            if file.name and file.index != ROOT:
                ssse.files.set_file_flags(file, file.flags | FileFlag.BLOCKED)
        ssse.partition.commit()
        return answer

    return changed


def _any_key_locks(ssse: Ssse) -> None:
    rights = [1 << number for number in range(32) if 1 << number & APPLICATION_BITS]
    put(ssse.block, "_lock_rights", lambda _df: rights)


def _key_of_environment(ssse: Ssse) -> None:
    around(ssse.messaging, "key", lambda key: lambda _df: key(ROOT))


# --- transparent files -----------------------------------------------------------------------------------------------


def _binary(name: str, wrap: _Wrap) -> Apply:
    return on_handler("binary", name, wrap)


def _offset_ignored(_ssse: Ssse, handler: Handler) -> Handler:
    return lambda p1, _p2, data, le: handler(p1 if p1 & 0x80 else 0, 0, data, le)


def _offset_of_one_byte(_ssse: Ssse, handler: Handler) -> Handler:
    return lambda p1, p2, data, le: handler(p1 if p1 & 0x80 else 0, p2, data, le)


def _with_all_rights(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        with meanwhile(ssse.ram, rights=_ALL_RIGHTS):
            return handler(p1, p2, data, le)

    return changed


def _what_fits(ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        try:
            return handler(p1, p2, data, le)
        except StatusError as ended:
            file, offset = ssse.binary._addressed(p1, p2)
            if ended.sw != status.WRONG_LENGTH or not 0 < file.length - offset < len(data):
                raise
            return handler(p1, p2, data[: file.length - offset], le)

    return changed


def _in_halves(_ssse: Ssse, handler: Handler) -> Handler:
    def changed(p1: int, p2: int, data: bytes, le: int) -> bytes:
        half = len(data) // 2
        if half:
            handler(p1, p2, data[:half], le)
        return handler(p1, p2, data, le)

    return changed


# --- writing with a MAC ----------------------------------------------------------------------------------------------


def _written(change: Callable[[Callable[..., bytes], File, bytes, bytes], bytes]) -> Apply:
    """Data to write are taken in another way: the real way, file, header and data -> what is written."""

    def each(ssse: Ssse) -> None:
        around(ssse.messaging, "written", lambda written: lambda file, header, data: change(
            written, file, header, data))  # fmt: skip

    return on_ssse(each)


def _plain_taken(written: Callable[..., bytes], file: File, header: bytes, data: bytes) -> bytes:
    return written(file, header, data) if header[0] & 0x0F == _PROTECTED else data


def _mac_not_looked_at(written: Callable[..., bytes], file: File, header: bytes, data: bytes) -> bytes:
    return data[:-MAC_SIZE] if header[0] & 0x0F == _PROTECTED else written(file, header, data)


def _mac_of_header(ssse: Ssse) -> None:
    """The MAC covers the header alone: the data in front of it may be others."""
    messaging = ssse.messaging
    check = messaging.check_mac

    def checked(slot: Slot, message: bytes, mac: bytes) -> bytes:
        return check(slot, message[:5], mac)

    put(messaging, "check_mac", checked)


SERVICES: Final = table(
    Side.SSSE,
    (
        ("change-without-current", "SSC5-6.3-08, SSC5-6.3-01", "CHANGE PIN takes any current PIN.",
         _during("change", _compare=nothing)),
        ("change-missing-current", "SSC5-6.3-10", "CHANGE PIN without a current PIN needs none.",
         on_handler("pin", "change", _missing_is_right)),
        ("change-failure-free", "SSC5-6.3-08", "A wrong current PIN of CHANGE PIN is not counted.",
         on_handler("pin", "change", _wrong_free)),
        ("change-keeps-tries", "SSC5-6.3-02", "CHANGE PIN does not give the tries back.",
         on_handler("pin", "change", _tries_stay)),
        ("change-any-form", "SSC5-6.3-14", "CHANGE PIN takes a new PIN of two digits, or of letters.",
         on_handler("pin", "change", _any_form)),
        ("change-verifies", "SSC7-9.5-02", "CHANGE PIN gives the right of the PIN.",
         on_handler("pin", "change", _verified)),
        ("unblock-without-puk", "SSC5-6.8-09", "PIN CHANGE/UNBLOCK does not need PUK.",
         on_handler("pin", "change_or_unblock", _without_puk)),
        ("unblock-keeps-lock", "SSC5-6.8-01, SSC5-6.8-02", "PIN CHANGE/UNBLOCK answers 9000 and changes nothing.",
         on_handler("pin", "change_or_unblock", _lock_stays)),
        ("empty-pin-asks", "SSC5-7.3-04, SSC5-6.14-03", "Where no PIN is in use its right is not given.",
         on_ssse(lambda ssse: put(ssse.pin, "grant_if_empty", nothing))),
        ("empty-pin-takes-all", "SSC5-6.14-05", "Where no PIN is in use VERIFY takes every PIN.",
         on_handler("pin", "verify", _anything_for_nothing)),
        ("application-block-forgotten", "SSC5-6.1-02, SSC5-6.1-03", "A blocked application works again after a reset.",
         on_handler("block", "application", _not_kept)),
        ("application-block-of-all", "SSC5-6.1-05", "APPLICATION BLOCK blocks the other applications too.",
         on_handler("block", "application", _sibling_too)),
        ("application-block-any-key", "SSC5-6.1-07", "Every key of an application can block it.",
         on_ssse(_any_key_locks)),
        ("stk-of-environment", "SSC4-8.2.3-02", "In an application a MAC is made with STK of the environment.",
         on_ssse(_key_of_environment)),
        ("binary-offset-ignored", "SSC5-6.9-01, SSC5-6.9-02", "READ BINARY begins at the first byte.",
         _binary("read", _offset_ignored)),
        ("binary-offset-one-byte", "SSC5-6.9-01", "READ BINARY does not look at the high byte of the offset.",
         _binary("read", _offset_of_one_byte)),
        ("binary-update-one-byte", "SSC5-6.12-03", "UPDATE BINARY does not look at the high byte of the offset.",
         _binary("update", _offset_of_one_byte)),
        ("binary-free", "SSC5-6.9-08", "READ BINARY does not look at the read rule.",
         _binary("read", _with_all_rights)),
        ("binary-update-free", "SSC5-6.12-08", "UPDATE BINARY does not look at the write rule.",
         _binary("update", _with_all_rights)),
        ("binary-update-cut", "SSC5-6.12-05", "UPDATE BINARY beyond the end writes what fits.",
         _binary("update", _what_fits)),
        ("binary-two-steps", "SSC7-14-02", "A power cut can leave half of what UPDATE BINARY writes.",
         _binary("update", _in_halves)),
        ("plain-where-mac", "SSC4-8.1-02", "A file that is written with a MAC can be written without one.",
         _written(_plain_taken)),
        ("update-mac-ignored", "SSC5-6.13-27, SSC5-6.12-11, SSC5-6.13-21, SSC5-6.12-04",
         "The MAC of UPDATE RECORD and UPDATE BINARY is not looked at.", _written(_mac_not_looked_at)),
        ("mac-of-header-alone", "SSC4-8.2.4.1-02, SSC5-6.13-21",
         "MACs cover the header of a command and not its data.", on_ssse(_mac_of_header)),
    ),
)  # fmt: skip
"""Faults of services, blocks, transparent files and secure messaging."""
