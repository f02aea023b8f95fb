"""Answer to reset (ISO 7816-3 §8, SSC part 2 §8): built for the card, read for the terminal."""

from dataclasses import dataclass
from typing import Self


class AtrError(ValueError):
    """Bytes that are not an ATR; says why."""


def build_atr(historical: bytes) -> bytes:
    """The social-security ATR `3B 6x 00 00` + K historical bytes (SSC part 2 §8.3.2): TB1 = TC1 = 00, T=0, no TCK.

    Raises:
        AtrError: more than 15 historical bytes.
    """
    if len(historical) > 15:
        raise AtrError(f"an ATR carries at most 15 historical bytes, not {len(historical)}")
    return bytes((0x3B, 0x60 | len(historical), 0, 0)) + historical


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
