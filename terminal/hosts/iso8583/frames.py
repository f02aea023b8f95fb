"""Frames on the line: two bytes of length, TPDU, header, then the message.

    LL LL | 60 dd dd ss ss | 60 31 0R vv vv vv | type, bitmap, fields

The length counts all that follows it. `dd dd` is the address of the receiver and `ss ss` that of the sender; an answer
has them the other way round. In the header R is what the host requires of the terminal, and v its version.
"""

import enum
from dataclasses import dataclass
from typing import Final

LENGTH_BYTES: Final = 2
MAX_FRAME: Final = 8192
"""No message of ours is longer; a longer frame is not ours, and its line is closed."""
_TPDU: Final = 0x60
_HEADER: Final = bytes.fromhex("6031")
_VERSION: Final = bytes.fromhex("310001")
_BEFORE: Final = 11


class Requirement(enum.Enum):
    """What the host requires of the terminal (处理要求)."""

    NONE = 0
    SIGN_ON = 3
    """Sign on again: the host does not have the working keys of this message."""


class FrameError(ValueError):
    """Bytes that are no frame of ours."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame without its length. `message` are type, bitmaps and fields."""

    message: bytes
    destination: int = 3
    source: int = 0
    requirement: Requirement = Requirement.NONE

    def encode(self) -> bytes:
        """The bytes behind the length."""
        addresses = self.destination.to_bytes(2, "big") + self.source.to_bytes(2, "big")
        header = _HEADER + bytes((self.requirement.value,)) + _VERSION
        return bytes((_TPDU,)) + addresses + header + self.message

    @classmethod
    def decode(cls, data: bytes) -> "Frame":
        """The parts of a frame.

        Raises:
            FrameError: it is too short, or does not begin like a frame of ours.
        """
        if len(data) < _BEFORE or data[0] != _TPDU or data[5:7] != _HEADER:
            raise FrameError(f"{len(data)} bytes that do not begin with TPDU and header")
        try:
            requirement = Requirement(data[7] & 0x0F)
        except ValueError as error:
            raise FrameError(f"unknown requirement in the header: {data[7] & 0x0F}") from error
        addresses = int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:5], "big")
        return cls(data[_BEFORE:], *addresses, requirement)

    def answer(self, message: bytes, requirement: Requirement = Requirement.NONE) -> "Frame":
        """The frame of the answer: back to the sender."""
        return Frame(message, self.source, self.destination, requirement)


def with_length(frame: bytes) -> bytes:
    """What goes over the line.

    Raises:
        FrameError: it is longer than `MAX_FRAME`.
    """
    if len(frame) > MAX_FRAME:
        raise FrameError(f"a frame of {len(frame)} bytes; the most is {MAX_FRAME}")
    return len(frame).to_bytes(LENGTH_BYTES, "big") + frame
