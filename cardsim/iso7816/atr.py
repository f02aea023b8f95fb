"""Answer to reset (ISO 7816-3 §8, SSC part 2 §8): built for the card, read for the terminal."""

from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final, Self


class AtrError(ValueError):
    """Bytes that are not an ATR; says why."""


@dataclass(frozen=True, slots=True)
class InterfaceBytes:
    """Interface characters of a T=0 card: the basic answer (SSC part 2 §8.2, table 7), or with TA3 that of a card that
    declares clock stop and class (table 8), which has TD1=80, TD2=1F and TCK in place of TB1.

    Raises:
        AtrError: TA3 with a reserved class.
    """

    ta1: int | None = None
    tc1: int | None = 0
    ta3: int | None = None
    """Clock stop XI in bits 8 and 7, class UI in bits 6 to 1: 1 is A, 2 is B, 3 both (§8.3.3.10)."""

    def __post_init__(self) -> None:
        if self.ta3 is not None and not 1 <= self.ta3 & 0x3F <= 3:
            raise AtrError(f"TA3 is {self.ta3:02X}: class {self.ta3 & 0x3F} is reserved")


BASIC: Final = InterfaceBytes()
"""TB1 = TC1 = 00 and nothing else, as field cards have it (SSC part 2 §8.3.2)."""


def build_atr(historical: bytes, interface: InterfaceBytes = BASIC) -> bytes:
    """The social-security ATR: `3B 6x 00 00` + K historical bytes, T=0, no TCK (SSC part 2 §8.3.2); or that with TA3.

    Raises:
        AtrError: more than 15 historical bytes.
    """
    if len(historical) > 15:
        raise AtrError(f"an ATR carries at most 15 historical bytes, not {len(historical)}")
    ta1, tc1, ta3 = interface.ta1, interface.tc1, interface.ta3
    form = (0 if ta1 is None else 0x10) | (0 if tc1 is None else 0x40) | (0x20 if ta3 is None else 0x80)
    first = bytes(value for value in (ta1, 0 if ta3 is None else None, tc1) if value is not None)
    more = b"" if ta3 is None else bytes((0x80, 0x1F, ta3))
    body = bytes((form | len(historical),)) + first + more + historical
    return b"\x3b" + body + (b"" if ta3 is None else bytes((reduce(xor, body),)))


@dataclass(frozen=True, slots=True)
class Atr:
    """A parsed ATR. `interface` maps names such as "TA1" to their byte."""

    raw: bytes
    interface: dict[str, int]
    historical: bytes
    protocols: tuple[int, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read an ATR.

        Raises:
            AtrError: wrong TS, fewer bytes than announced, bytes left over, or a wrong or missing TCK.
        """
        if len(raw) < 2:
            raise AtrError("an ATR has at least two bytes")
        if raw[0] not in (0x3B, 0x3F):
            raise AtrError(f"TS is {raw[0]:02X}, not 3B or 3F")
        count, interface, protocols = raw[1] & 0x0F, {}, []
        present, offset, level = raw[1] >> 4, 2, 1
        while present:
            for bit, name in ((1, "TA"), (2, "TB"), (4, "TC"), (8, "TD")):
                if present & bit:
                    if offset >= len(raw):
                        raise AtrError(f"{name}{level} is announced and missing")
                    interface[f"{name}{level}"] = raw[offset]
                    offset += 1
            td = interface.get(f"TD{level}") if present & 8 else None
            if td is None:
                break
            protocols.append(td & 0x0F)
            present, level = td >> 4, level + 1
        historical, rest = raw[offset : offset + count], raw[offset + count :]
        if len(historical) < count:
            raise AtrError(f"{count} historical bytes are announced, {len(historical)} are there")
        cls._check_tck(raw, rest, tuple(protocols))
        return cls(raw, interface, historical, tuple(dict.fromkeys(protocols)) or (0,))

    @staticmethod
    def _check_tck(raw: bytes, rest: bytes, protocols: tuple[int, ...]) -> None:
        if not any(protocols):
            if rest:
                raise AtrError(f"{len(rest)} bytes too many (T=0 alone has no TCK)")
            return
        if len(rest) != 1:
            raise AtrError("TCK is missing" if not rest else f"{len(rest) - 1} bytes too many")
        check = 0
        for byte in raw[1:]:
            check ^= byte
        if check:
            raise AtrError(f"TCK is wrong: the bytes from T0 on add up to {check:02X}, not 00")
