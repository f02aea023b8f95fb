"""Command and response APDUs (ISO 7816-4 §5.1): short lengths, all four cases."""

import enum
from dataclasses import dataclass
from typing import Self

from cardsim.iso7816.status import StatusWord


class Case(enum.IntEnum):
    """The four cases of a command APDU (SSC part 2 §9.3.1): which of command data and response data exist."""

    NO_DATA = 1
    RESPONSE = 2
    COMMAND = 3
    BOTH = 4


@dataclass(frozen=True, slots=True)
class CommandApdu:
    """A command APDU. `le` is the expected length 1..256 (256 is coded as 00), or None where no Le is sent."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    def __post_init__(self) -> None:
        if len(self.data) > 255:
            raise ValueError(f"a short command APDU carries at most 255 bytes of data, not {len(self.data)}")
        if self.le is not None and not 1 <= self.le <= 256:
            raise ValueError(f"Le is 1 to 256, not {self.le}")

    def __bytes__(self) -> bytes:
        header = bytes((self.cla, self.ins, self.p1, self.p2))
        body = bytes((len(self.data),)) + self.data if self.data else b""
        return header + body + (b"" if self.le is None else bytes((self.le & 0xFF,)))

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read an APDU from its bytes.

        Raises:
            ValueError: fewer than four bytes, or a body that fits none of the four cases.
        """
        if len(raw) < 4:
            raise ValueError(f"an APDU has at least 4 bytes, not {len(raw)}")
        header, body = raw[:4], raw[4:]
        if not body:
            return cls(header[0], header[1], header[2], header[3])
        if len(body) == 1:
            return cls(header[0], header[1], header[2], header[3], le=body[0] or 256)
        lc = body[0]
        if lc == 0 or not len(body) - 2 <= lc <= len(body) - 1:
            raise ValueError(f"Lc is {lc}, but {len(body) - 1} bytes follow")
        le = (body[-1] or 256) if len(body) == lc + 2 else None
        return cls(header[0], header[1], header[2], header[3], body[1 : 1 + lc], le)


@dataclass(frozen=True, slots=True)
class ResponseApdu:
    """Response data (0..256 bytes) and the status word."""

    data: bytes
    sw: StatusWord

    def __bytes__(self) -> bytes:
        return self.data + self.sw.value.to_bytes(2, "big")

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a response from its bytes.

        Raises:
            ValueError: fewer than two bytes.
        """
        if len(raw) < 2:
            raise ValueError(f"a response has at least the two status bytes, not {len(raw)} bytes")
        return cls(raw[:-2], StatusWord(int.from_bytes(raw[-2:], "big")))
