"""The card's RSA key in its five data groupings (DGI 8205 to 8201: p, q, dP, dQ, qInv; PBOC part 10)."""

from collections.abc import Callable
from typing import Final

from cardsim.crypto.rsa import RsaPrivateKey
from cardsim.pse.application import DGI_RSA

_EXPONENTS: Final = (3, 0x10001)


def load_rsa_key(read: Callable[[int], bytes | None]) -> RsaPrivateKey | None:
    """The key, or None where a part is missing or the parts do not belong together.

    Parts may be padded with 80 00.. or 80 FF.. or not at all; a padding is taken off only where the parts then fit
    each other, because a value may end in 80 by itself (PBOC-PER-024).
    """
    parts = [read(dgi) for dgi in DGI_RSA]
    if any(part is None for part in parts):
        return None
    raw = [part for part in parts if part is not None]
    for filler in (None, 0x00, 0xFF):
        p, q, dp, dq, qinv = (int.from_bytes(_strip(part, filler), "big") for part in raw)
        for exponent in _EXPONENTS:
            if _consistent(p, q, dp, dq, qinv, exponent):
                return RsaPrivateKey(p=p, q=q, dp=dp, dq=dq, qinv=qinv, e=exponent)
    return None


def _strip(part: bytes, filler: int | None) -> bytes:
    if filler is None:
        return part
    stripped = part.rstrip(bytes((filler,)))
    return stripped[:-1] if stripped.endswith(b"\x80") else part


def _consistent(p: int, q: int, dp: int, dq: int, qinv: int, e: int) -> bool:
    if p < 3 or q < 3:
        return False
    return qinv * q % p == 1 and dp * e % (p - 1) == 1 and dq * e % (q - 1) == 1
