"""The card's RSA key in its data groupings (PBOC part 10): 8205 to 8201 with p, q, dP, dQ, qInv, or 8101 and 8103
with modulus and private exponent."""

import math
from collections.abc import Callable
from typing import Final

from cardsim.crypto.rsa import RsaPrivateKey

DGI_RSA: Final = (0x8205, 0x8204, 0x8203, 0x8202, 0x8201)
"""p, q, dP, dQ, qInv."""
DGI_RSA_EXPONENT: Final = (0x8101, 0x8103)
"""Modulus and private exponent, the other form of the same key."""
_EXPONENTS: Final = (3, 0x10001)
_BITS: Final = range(512, 1985, 8)
"""Lengths of a modulus that can sign (EMV Book 2 annex B2.1)."""
_BASES: Final = (2, 3, 5, 7, 11, 13, 17, 19)


def load_rsa_key(read: Callable[[int], bytes | None]) -> RsaPrivateKey | None:
    """The key, or None where a part is missing or the parts do not belong together.

    Parts may be padded with 80 00.. or 80 FF.. or not at all; a padding is taken off only where the parts then fit
    each other, because a value may end in 80 by itself (PBOC-PER-024).
    """
    raw = [part for dgi in DGI_RSA if (part := read(dgi)) is not None]
    if not raw:
        return _of_exponent(read)
    if len(raw) != len(DGI_RSA):
        return None
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
    if p < 3 or q < 3 or (p * q).bit_length() not in _BITS:
        return False
    return qinv * q % p == 1 and dp * e % (p - 1) == 1 and dq * e % (q - 1) == 1


def _of_exponent(read: Callable[[int], bytes | None]) -> RsaPrivateKey | None:
    """The key of modulus and private exponent (PBOC-PER-023)."""
    raw = [part for dgi in DGI_RSA_EXPONENT if (part := read(dgi)) is not None]
    if len(raw) != len(DGI_RSA_EXPONENT):
        return None
    for filler in (None, 0x00, 0xFF):
        n, d = (int.from_bytes(_strip(part, filler), "big") for part in raw)
        if n.bit_length() not in _BITS:
            continue
        for exponent in _EXPONENTS:
            p = _factor(n, d * exponent - 1)
            if p is not None and math.gcd(exponent, (p - 1) * (n // p - 1)) == 1:
                return RsaPrivateKey.from_primes(max(p, n // p), min(p, n // p), exponent)
    return None


def _factor(n: int, multiple: int) -> int | None:
    """A factor of n, where `multiple` is one of the order of every number modulo n; None where it is not."""
    if multiple <= 0 or n % 2 == 0:
        return None
    twos = (multiple & -multiple).bit_length() - 1
    for base in _BASES:
        root = pow(base, multiple >> twos, n)
        for _ in range(twos):
            square = root * root % n
            if square == 1 and root not in (1, n - 1):
                return math.gcd(root - 1, n)
            root = square
        if root != 1:
            return None
    return None
