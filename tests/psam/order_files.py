"""Trials of the order of errors: the PSAM's commands of files, on a card whose files need a right for reading too."""

import functools
from typing import Final

from cardsim.cos.table import Command
from cardsim.keyfile import KeyFile
from cardsim.psam import commands
from tests.order import Choices, Spoiler, Trial
from tests.psam.desk import SX1, Desk, of_cells
from tests.psam.order_operation import sent
from tests.psam.test_setup import MASTER, TRANSPORT, authenticate, blank, keys, write_key

_BINARY, _RECORDS, _NONE = 0x15, 0x01, 0x1E
_RULE: Final = "01000000"
"""The environment master key alone."""


@functools.cache
def _made() -> bytes:
    """An issued PSAM of one environment: six bytes, and a record of two in a file with room for one more."""
    desk = blank()
    assert authenticate(desk, TRANSPORT) == "9000"
    assert write_key(desk, "3F00", TRANSPORT, keys(MASTER)) == "9000"
    desk.root()
    assert authenticate(desk, MASTER) == "9000"
    files = [f"80E000{fid:02X}0C{kind}0006{_RULE}{_RULE}{fid:02X}" for kind, fid in (("28", _BINARY), ("2C", _RECORDS))]
    assert desk.all(*files, "00DC010C02AA00", "800A0000") == ["9000"] * 4
    return desk.cells


def _card(choices: Choices) -> Desk:
    desk = of_cells(_made(), KeyFile()).root(SX1)
    if "right" not in choices:
        assert authenticate(desk, MASTER) == "9000"
    return desk


def _file(choices: Choices, sfi: int, other: int) -> int:
    """The SFI of the command's file, or what the knob puts in its place; 0 means the current EF, and there is none."""
    return {"": sfi, "missing": _NONE, "none": 0, "other": other}[choices.get("file", "")]


def _binary(row: Command, choices: Choices, tail: bytes) -> bytes:
    """A command of the transparent file: P1 has its SFI, or for the current EF the high byte of the offset."""
    sfi = _file(choices, _BINARY, _RECORDS)
    head = bytes((0x00, row.ins, 0x80 | sfi if sfi else 0x00, 0x06 if "offset" in choices else 0x02))
    return sent(_card(choices), row, choices, head + tail)


def _read_binary(choices: Choices) -> bytes:
    return _binary(commands.READ_BINARY, choices, b"\x04")


def _update_binary(choices: Choices) -> bytes:
    data = bytes(5 if "size" in choices else 4)
    return _binary(commands.UPDATE_BINARY, choices, bytes((len(data),)) + data)


def _record(row: Command, choices: Choices, number: int, tail: bytes) -> bytes:
    sfi = _file(choices, _RECORDS, _BINARY)
    number = 9 if "number" in choices else number
    return sent(_card(choices), row, choices, bytes((0x00, row.ins, number, sfi << 3 | 4)) + tail)


def _read_record(choices: Choices) -> bytes:
    return _record(commands.READ_RECORD, choices, 1, b"\x02")


def _update_record(choices: Choices) -> bytes:
    """The second record is appended."""
    data = b"\xaa\x04" + bytes(4) if "room" in choices else b"\xaa\x00"
    if "content" in choices:
        data = bytes((data[0], data[1] + 1)) + data[2:]
    return _record(commands.UPDATE_RECORD, choices, 2, bytes((len(data),)) + data)


_FOUND: Final[dict[str, Spoiler]] = {
    "no file with this SFI": ("file", "missing"),
    "no SFI, and no EF is current": ("file", "none"),
    "a file of another structure, or a key file": ("file", "other"),
    "the file's rule is not fulfilled": ("right", "none"),
}
_OFFSET: Final[dict[str, Spoiler]] = {"the offset is not inside the file": ("offset", "behind")}
_CHANGED: Final[dict[str, Spoiler]] = {"a page fails to program; nothing has changed": ("memory", "fails")}

TRIALS: Final = (
    Trial(commands.READ_BINARY, _read_binary, {**_FOUND, **_OFFSET}),
    Trial(commands.UPDATE_BINARY, _update_binary, {
        **_FOUND, **_OFFSET, "the data reach beyond the file": ("size", "long"), **_CHANGED,
    }),
    Trial(commands.READ_RECORD, _read_record, {**_FOUND, "no such record": ("number", "missing")}),
    Trial(commands.UPDATE_RECORD, _update_record, {
        **_FOUND,
        "the record is not one TLV": ("content", "length"),
        "no such record, nor the one behind the last": ("number", "missing"),
        "the file is full, or has 254 records": ("room", "none"),
        **_CHANGED,
    }),
)  # fmt: skip
