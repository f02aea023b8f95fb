"""RSA keys and raw operations: published key pairs, round trips, and keys from a seed."""

import random

import pytest
from Crypto.PublicKey import RSA

from cardsim.crypto.rsa import RsaPrivateKey, RsaPublicKey, generate_rsa
from tests.crypto.published import VECTORS, Vector, numbers, recomputes


def crt_key(vector: Vector) -> RsaPrivateKey:
    p, q, dp, dq, qinv, e = (vector.number_of(name) for name in ("p", "q", "dp", "dq", "qinv", "e"))
    return RsaPrivateKey(p, q, dp, dq, qinv, e)


@recomputes(71, 72)
def test_published_key_pair(number: int) -> None:
    vector = VECTORS[number]
    key = crt_key(vector)
    assert key.n == vector.number_of("n")
    assert RsaPrivateKey.from_primes(key.p, key.q, key.e) == key
    block = bytes(1) + random.Random(number).randbytes(key.size - 1)
    plain = pow(int.from_bytes(block, "big"), vector.number_of("d"), key.n)
    assert key.sign(block) == plain.to_bytes(key.size, "big")
    assert key.public.recover(key.sign(block)) == block


@recomputes(*numbers("rsa_crt_key"))
def test_published_crt_key(number: int) -> None:
    key = crt_key(VECTORS[number])
    # As sent: DGI 8202 is d mod q-1, DGI 8203 d mod p-1.
    assert RsaPrivateKey.from_primes(key.p, key.q, key.e) == key
    block = bytes(1) + b"\x5a" * (key.size - 1)
    assert key.public.recover(key.sign(block)) == block


@recomputes(106)
def test_published_key_without_primes(number: int) -> None:
    vector = VECTORS[number]
    public = RsaPublicKey(vector.number_of("n"), vector.number_of("e"))
    block = bytes(1) + b"\xa5" * (public.size - 1)
    signature = pow(int.from_bytes(block, "big"), vector.number_of("d"), public.n)
    assert public.recover(signature.to_bytes(public.size, "big")) == block


def test_partial_certificate_128() -> None:
    vector = VECTORS[128]
    assert numbers("cert_partial") == [128]
    public = RsaPublicKey(vector.number_of("n"), vector.number_of("e"))
    assert public.recover(vector.data("cert")) == vector.result("recovered")


@pytest.mark.parametrize(("bits", "e"), [(512, 3), (520, 3), (768, 65537), (1024, 3), (1984, 65537)])
def test_generation_is_seeded(bits: int, e: int) -> None:
    key = generate_rsa(bits, e, random.Random(bits).randbytes)
    assert key == generate_rsa(bits, e, random.Random(bits).randbytes)
    assert key != generate_rsa(bits, e, random.Random(bits + 1).randbytes)
    assert key.n.bit_length() == bits
    assert key.size == bits // 8
    assert key.p.bit_length() == key.q.bit_length() == bits // 2
    block = bytes(1) + random.Random(1).randbytes(key.size - 1)
    assert key.public.recover(key.sign(block)) == block


def test_generated_key_is_sound_for_pycryptodome() -> None:
    key = generate_rsa(1024, 65537, random.Random(5).randbytes)
    d = pow(key.e, -1, (key.p - 1) * (key.q - 1))
    # The constructor tests primes, exponents and the coefficient.
    other = RSA.construct((key.n, key.e, d, key.p, key.q), consistency_check=True)
    assert (int(other.dp), int(other.dq), int(other.invq)) == (key.dp, key.dq, key.qinv)


@pytest.mark.parametrize(("bits", "e"), [(504, 3), (1020, 3), (4104, 3), (1024, 1), (1024, 4)])
def test_refused_parameters(bits: int, e: int) -> None:
    with pytest.raises(ValueError, match="RSA"):
        generate_rsa(bits, e, random.Random(0).randbytes)


def test_equal_primes() -> None:
    with pytest.raises(ValueError, match="differ"):
        RsaPrivateKey.from_primes(7, 7, 5)


def test_bytes_of_a_public_key() -> None:
    key = RsaPublicKey(0xC35B, 65537)
    assert (key.size, key.modulus, key.exponent) == (2, b"\xc3\x5b", b"\x01\x00\x01")
    assert RsaPublicKey(0xC35B, 3).exponent == b"\x03"


def test_blocks_out_of_range() -> None:
    key = generate_rsa(512, 3, random.Random(3).randbytes)
    for operation in (key.sign, key.public.recover):
        with pytest.raises(ValueError, match="64 bytes, not 63"):
            operation(bytes(63))
        with pytest.raises(ValueError, match="not below the modulus"):
            operation(b"\xff" * 64)
        with pytest.raises(ValueError, match="not below the modulus"):
            operation(key.public.modulus)


def test_private_parts_stay_out_of_print() -> None:
    key = generate_rsa(512, 3, random.Random(3).randbytes)
    assert repr(key) == "RsaPrivateKey(e=3)"
