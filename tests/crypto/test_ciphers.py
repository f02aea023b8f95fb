"""Ciphers against pycryptodome, the standards' examples and their own inverse."""

from collections.abc import Callable

import pytest
from Crypto.Cipher import DES, DES3
from hypothesis import given
from hypothesis import strategies as st

from cardsim.crypto import ciphers
from tests.crypto.published import VECTORS, h, numbers, recomputes

SM4_KEY = h("0123456789ABCDEFFEDCBA9876543210")
SM4_CIPHER = h("681EDF34D206965E86B3E94F536E4246")


def blocks(size: int) -> st.SearchStrategy[bytes]:
    return st.integers(0, 6).flatmap(lambda count: st.binary(min_size=count * size, max_size=count * size))


def exactly(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


@given(exactly(8), blocks(8), exactly(8))
def test_single_des_is_that_of_pycryptodome(key: bytes, data: bytes, iv: bytes) -> None:
    assert ciphers.des_ecb_encrypt(key, data) == DES.new(key, DES.MODE_ECB).encrypt(data)
    assert ciphers.des_ecb_decrypt(key, data) == DES.new(key, DES.MODE_ECB).decrypt(data)
    assert ciphers.des_cbc_encrypt(key, data, iv) == DES.new(key, DES.MODE_CBC, iv=iv).encrypt(data)
    assert ciphers.des_cbc_decrypt(key, data, iv) == DES.new(key, DES.MODE_CBC, iv=iv).decrypt(data)


def _degenerate(key: bytes) -> bool:
    # pycryptodome refuses keys that amount to single DES.
    plain = bytes(byte & 0xFE for byte in key)
    return plain[:8] == plain[8:16] or plain[8:16] == plain[16:24]


@given(st.sampled_from([16, 24]).flatmap(exactly).filter(lambda key: not _degenerate(key)), blocks(8), exactly(8))
def test_triple_des_is_that_of_pycryptodome(key: bytes, data: bytes, iv: bytes) -> None:
    assert ciphers.des_ecb_encrypt(key, data) == DES3.new(key, DES3.MODE_ECB).encrypt(data)
    assert ciphers.des_ecb_decrypt(key, data) == DES3.new(key, DES3.MODE_ECB).decrypt(data)
    assert ciphers.des_cbc_encrypt(key, data, iv) == DES3.new(key, DES3.MODE_CBC, iv=iv).encrypt(data)
    assert ciphers.des_cbc_decrypt(key, data, iv) == DES3.new(key, DES3.MODE_CBC, iv=iv).decrypt(data)


def test_equal_halves_make_single_des() -> None:
    key, data = h("0123456789ABCDEF"), bytes(range(16))
    assert ciphers.des_ecb_encrypt(key * 2, data) == ciphers.des_ecb_encrypt(key, data)


def test_default_initial_value_is_zero() -> None:
    key, data = bytes(range(16)), bytes(range(32))
    assert ciphers.des_cbc_encrypt(key, data) == ciphers.des_cbc_encrypt(key, data, bytes(8))
    assert ciphers.des_cbc_decrypt(key, data) == ciphers.des_cbc_decrypt(key, data, bytes(8))
    assert ciphers.sm4_cbc_encrypt(key, data) == ciphers.sm4_cbc_encrypt(key, data, bytes(16))
    assert ciphers.sm4_cbc_decrypt(key, data) == ciphers.sm4_cbc_decrypt(key, data, bytes(16))


def test_sm4_standard_example() -> None:
    """GB/T 32907 annex A.1."""
    assert ciphers.sm4_ecb_encrypt(SM4_KEY, SM4_KEY) == SM4_CIPHER
    assert ciphers.sm4_ecb_decrypt(SM4_KEY, SM4_CIPHER) == SM4_KEY


@recomputes(*numbers("sm4_ecb"))
def test_published_sm4(number: int) -> None:
    vector = VECTORS[number]
    assert ciphers.sm4_ecb_encrypt(vector.data("key"), vector.data("plaintext")) == vector.result("ciphertext")


@given(exactly(16), blocks(16), exactly(16))
def test_sm4_cbc_is_chained_ecb(key: bytes, data: bytes, iv: bytes) -> None:
    chained, previous = b"", iv
    for offset in range(0, len(data), 16):
        mixed = bytes(a ^ b for a, b in zip(data[offset : offset + 16], previous, strict=True))
        previous = ciphers.sm4_ecb_encrypt(key, mixed)
        chained += previous
    assert ciphers.sm4_cbc_encrypt(key, data, iv) == chained
    assert ciphers.sm4_cbc_decrypt(key, chained, iv) == data
    assert ciphers.sm4_ecb_decrypt(key, ciphers.sm4_ecb_encrypt(key, data)) == data


DES_CALLS = [ciphers.des_ecb_encrypt, ciphers.des_ecb_decrypt, ciphers.des_cbc_encrypt, ciphers.des_cbc_decrypt]
SM4_CALLS = [ciphers.sm4_ecb_encrypt, ciphers.sm4_ecb_decrypt, ciphers.sm4_cbc_encrypt, ciphers.sm4_cbc_decrypt]


@pytest.mark.parametrize("call", DES_CALLS)
def test_des_lengths(call: Callable[[bytes, bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="multiples of 8 bytes, not 7"):
        call(bytes(8), bytes(7))
    for length in (0, 7, 15, 32):
        with pytest.raises(ValueError, match="DES key has 8, 16 or 24 bytes"):
            call(bytes(length), bytes(8))


@pytest.mark.parametrize("call", SM4_CALLS)
def test_sm4_lengths(call: Callable[[bytes, bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="multiples of 16 bytes, not 8"):
        call(bytes(16), bytes(8))
    for length in (0, 8, 24):
        with pytest.raises(ValueError, match="SM4 key has 16 bytes"):
            call(bytes(length), bytes(16))


@pytest.mark.parametrize("iv", [b"", bytes(7), bytes(24)])
def test_initial_value_length(iv: bytes) -> None:
    with pytest.raises(ValueError, match="IV"):
        ciphers.des_cbc_encrypt(bytes(8), bytes(8), iv)
    with pytest.raises(ValueError, match="IV"):
        ciphers.sm4_cbc_encrypt(bytes(16), bytes(16), iv)
