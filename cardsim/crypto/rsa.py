"""RSA as EMV uses it: raw operations on blocks as long as the modulus, and key pairs from a seed (EMV Book 2 annex B2).

The private operation is plain Python without blinding. That is right for a reference model with invented keys and
wrong for keys that protect anything.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from Crypto.Math.Numbers import Integer
from Crypto.Math.Primality import generate_probable_prime


@dataclass(frozen=True, slots=True)
class RsaPublicKey:
    """Public key: modulus and exponent."""

    n: int
    e: int

    @property
    def size(self) -> int:
        """Length of the modulus in bytes."""
        return (self.n.bit_length() + 7) // 8

    @property
    def modulus(self) -> bytes:
        """The modulus, `size` bytes."""
        return self.n.to_bytes(self.size, "big")

    @property
    def exponent(self) -> bytes:
        """The exponent without leading zeros: 1 byte for 3, 3 bytes for 65537."""
        return self.e.to_bytes(max(1, (self.e.bit_length() + 7) // 8), "big")

    def recover(self, block: bytes) -> bytes:
        """Public operation on a block of `size` bytes.

        Raises:
            ValueError: the block has another length, or its number is not below the modulus.
        """
        return pow(_number(block, self.size, self.n), self.e, self.n).to_bytes(self.size, "big")


@dataclass(frozen=True, slots=True)
class RsaPrivateKey:
    """Private key in Chinese remainder form: primes, d mod p-1, d mod q-1, inverse of q mod p, public exponent."""

    p: int = field(repr=False)
    q: int = field(repr=False)
    dp: int = field(repr=False)
    dq: int = field(repr=False)
    qinv: int = field(repr=False)
    e: int

    @classmethod
    def from_primes(cls, p: int, q: int, e: int) -> "RsaPrivateKey":
        """The key pair of two primes and an odd public exponent.

        Raises:
            ValueError: the primes are equal, or the exponent has no inverse.
        """
        if p == q:
            raise ValueError("the two primes of an RSA key must differ")
        return cls(p, q, pow(e, -1, p - 1), pow(e, -1, q - 1), pow(q, -1, p), e)

    @property
    def n(self) -> int:
        """The modulus."""
        return self.p * self.q

    @property
    def size(self) -> int:
        """Length of the modulus in bytes."""
        return self.public.size

    @property
    def public(self) -> RsaPublicKey:
        """The public half."""
        return RsaPublicKey(self.n, self.e)

    def sign(self, block: bytes) -> bytes:
        """Private operation on a block of `size` bytes.

        Raises:
            ValueError: the block has another length, or its number is not below the modulus.
        """
        n = self.n
        size = (n.bit_length() + 7) // 8
        value = _number(block, size, n)
        low = pow(value, self.dq, self.q)
        high = (pow(value, self.dp, self.p) - low) * self.qinv % self.p
        return (low + high * self.q).to_bytes(size, "big")


def _number(block: bytes, size: int, n: int) -> int:
    if len(block) != size:
        raise ValueError(f"an RSA block under this key has {size} bytes, not {len(block)}")
    value = int.from_bytes(block, "big")
    if value >= n:
        raise ValueError("the number of the RSA block is not below the modulus")
    return value


def generate_rsa(bits: int, e: int, random: Callable[[int], bytes]) -> RsaPrivateKey:
    """Make a key pair; the same bytes from `random` make the same key.

    Args:
        bits: length of the modulus, 512 to 4096, a multiple of 8.
        e: public exponent, odd and at least 3.
        random: returns that many bytes; the only source of chance.

    Raises:
        ValueError: the length or the exponent is not allowed.
    """
    if bits % 8 or not 512 <= bits <= 4096:
        raise ValueError(f"an RSA modulus of {bits} bits is not supported")
    if e < 3 or not e & 1:
        raise ValueError(f"an RSA exponent is odd and at least 3, not {e}")
    # With both primes above this bound their product has all its bits (FIPS 186-4 §B.3.3).
    bound = math.isqrt(1 << (bits - 1)) + 1
    distance = 1 << (bits // 2 - 100)

    def prime(other: int | None) -> int:
        def fits(candidate: Integer) -> bool:
            number = int(candidate)
            apart = other is None or abs(number - other) > distance
            return number >= bound and apart and math.gcd(number - 1, e) == 1

        return int(generate_probable_prime(exact_bits=bits // 2, randfunc=random, prime_filter=fits))

    first = prime(None)
    second = prime(first)
    return RsaPrivateKey.from_primes(max(first, second), min(first, second), e)
