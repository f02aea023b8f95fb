"""Padding and MACs: published vectors, pyemv, and the definition of algorithm 3 step by step."""

import pyemv.mac
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.crypto import ciphers, mac, padding
from tests.crypto.published import PYEMV, VECTORS, h, numbers, recomputes


def padded(method: int, data: bytes) -> bytes:
    """ISO/IEC 9797-1 padding methods 1 to 3."""
    if method == 2:
        return padding.pad80(data)
    filled = data + bytes(-len(data) % 8)
    return filled if method == 1 else (len(data) * 8).to_bytes(8, "big") + filled


@recomputes(*numbers("retail_mac"))
def test_published_retail_mac(number: int) -> None:
    """PBOC-CRY-009."""
    vector = VECTORS[number]
    message = padded(int(vector.text("padding")), vector.data("data"))
    assert mac.retail_mac(vector.data("key"), message) == vector.result("mac")


@recomputes(*numbers("cbc_mac"))
def test_published_triple_des_cbc_mac(number: int) -> None:
    vector = VECTORS[number]
    message = padded(int(vector.text("padding")), vector.data("data"))
    assert ciphers.des_cbc_encrypt(vector.data("key"), message)[-8:] == vector.result("mac")


@PYEMV
@given(st.binary(min_size=16, max_size=16), st.binary(max_size=60))
def test_retail_mac_is_that_of_pyemv(key: bytes, data: bytes) -> None:
    assert mac.retail_mac(key, padding.pad80(data)) == pyemv.mac.mac_iso9797_3(key[:8], key[8:], data, 2)


@given(
    st.binary(min_size=16, max_size=16),
    st.integers(1, 5).flatmap(lambda count: st.binary(min_size=8 * count, max_size=8 * count)),
    st.binary(min_size=8, max_size=8),
)
def test_retail_mac_by_definition(key: bytes, message: bytes, iv: bytes) -> None:
    left, right = key[:8], key[8:]
    last = mac.des_cbc_mac(left, message, iv)
    expected = ciphers.des_ecb_encrypt(left, ciphers.des_ecb_decrypt(right, last))
    assert mac.retail_mac(key, message, iv) == expected


def test_sm4_cbc_mac_is_the_last_block() -> None:
    key, message, iv = bytes(range(16)), bytes(range(48)), bytes(range(16, 32))
    assert mac.sm4_cbc_mac(key, message, iv) == ciphers.sm4_cbc_encrypt(key, message, iv)[-16:]
    assert mac.sm4_cbc_mac(key, message) == ciphers.sm4_cbc_encrypt(key, message)[-16:]


def test_fold() -> None:
    assert mac.fold16(h("01020304 10203040 00000F00 F0000000")) == h("E1223C44")
    with pytest.raises(ValueError, match="16 bytes"):
        mac.fold16(bytes(8))


def test_macs_refuse_wrong_lengths() -> None:
    with pytest.raises(ValueError, match="8 bytes, not 16"):
        mac.des_cbc_mac(bytes(16), bytes(8))
    with pytest.raises(ValueError, match="16 bytes, not 8"):
        mac.retail_mac(bytes(8), bytes(8))
    with pytest.raises(ValueError, match="at least one block"):
        mac.des_cbc_mac(bytes(8), b"")
    with pytest.raises(ValueError, match="at least one block"):
        mac.retail_mac(bytes(16), b"")
    with pytest.raises(ValueError, match="at least one block"):
        mac.sm4_cbc_mac(bytes(16), b"")
    with pytest.raises(ValueError, match="multiples of 8"):
        mac.retail_mac(bytes(16), bytes(12))


@given(st.binary(max_size=40), st.sampled_from([8, 16]))
def test_padding_round_trip(data: bytes, block: int) -> None:
    result = padding.pad80(data, block)
    assert len(result) % block == 0
    assert 1 <= len(result) - len(data) <= block
    assert padding.unpad80(result) == data
    needed = padding.pad80_if_needed(data, block)
    assert needed == (result if len(data) % block else data)


def test_padding_values() -> None:
    assert padding.pad80(b"") == h("8000000000000000")
    assert padding.pad80(bytes(7)) == bytes(7) + b"\x80"
    assert padding.pad80(bytes(8)) == bytes(8) + h("8000000000000000")
    assert padding.unpad80(b"\x80") == b""


@pytest.mark.parametrize("data", [b"", bytes(8), h("0102030000000000"), h("800001")])
def test_missing_padding(data: bytes) -> None:
    with pytest.raises(ValueError, match="80"):
        padding.unpad80(data)


def test_xor() -> None:
    assert padding.xor(h("00FF0F"), h("0FF00F")) == h("0F0F00")
    assert padding.xor(b"", b"") == b""
    with pytest.raises(ValueError, match="1 and 2 bytes"):
        padding.xor(b"a", b"bc")
