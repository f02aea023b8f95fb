"""Cryptograms, response cryptograms, script MACs and PIN changes of EMV schemes against published vectors and pyemv."""

import pyemv.ac
import pyemv.kd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.crypto import emv, pboc
from cardsim.crypto.ciphers import des_cbc_encrypt, des_ecb_encrypt
from cardsim.crypto.mac import retail_mac
from cardsim.crypto.padding import pad80, pad80_if_needed
from tests.crypto.hosts import card_key, session_key
from tests.crypto.published import PYEMV, VECTORS, Vector, numbers, recomputes

KEYS = st.binary(min_size=16, max_size=16)
DIGITS = "0123456789"


def check_values(vector: Vector, **keys: bytes) -> None:
    """Key check values that a vector prints, two bytes each."""
    for name, key in keys.items():
        printed = vector.outputs.get(f"{name}_kcv2")
        assert printed is None or pboc.key_check_value(key)[:2].hex().upper() == printed


@recomputes(*numbers("emv_ac"))
def test_cryptogram_and_response(number: int) -> None:
    """PBOC-CRY-003, PBOC-CRY-005, PBOC-CRY-007, PBOC-CRY-008 where the vector is PBOC's; the rest is kin."""
    vector = VECTORS[number]
    udk = card_key(vector)
    session = session_key(vector, udk)
    check_values(vector, udk=udk, sk=session)
    if "imk" in vector.inputs:
        check_values(vector, imk=vector.data("imk"))
    data = vector.data("data")
    if vector.text("padding") == "80":
        cryptogram = pboc.application_cryptogram(session, data)
    else:
        cryptogram = retail_mac(session, data + bytes(-len(data) % 8))
    assert cryptogram == vector.result("ac")
    if "arpc" in vector.outputs:
        key = udk if vector.text("arpc_key") == "udk" else session
        assert pboc.arpc(key, cryptogram, vector.data("arc")) == vector.result("arpc")
    if "arpc2" in vector.outputs:
        # jPOS takes for method 2 the key that it takes for method 1.
        key = udk if vector.inputs.get("arpc_key") == "udk" else session
        result = emv.arpc_method2(key, cryptogram, vector.data("csu"), vector.data("prop"))
        assert result == vector.result("arpc2")


def test_all_outputs_are_known() -> None:
    """No vector prints a result that the tests of this file would pass over."""
    known = {
        "emv_ac": {"ac", "arpc", "arpc2", "imk_kcv2", "udk_kcv2", "sk_kcv2"},
        "script_mac": {"mac8", "mac4", "udk_kcv2", "sk_kcv2"},
        "pin_change": {"pin_block", "enciphered", "mac8", "command"},
    }
    for kind, names in known.items():
        assert {name for number in numbers(kind) for name in VECTORS[number].outputs} == names


@recomputes(*(number for number in numbers("script_mac") if "message" in VECTORS[number].inputs))
def test_script_mac_of_emv_schemes(number: int) -> None:
    vector = VECTORS[number]
    udk = card_key(vector)
    session = session_key(vector, udk)
    check_values(vector, udk=udk, sk=session)
    assert retail_mac(session, pad80(vector.data("message"))) == vector.result("mac8")


def encipher(mode: str, key: bytes, block: bytes) -> bytes:
    """A PIN block as a scheme enciphers it in a script."""
    match mode:
        case "visa_len_ecb_pad80":
            return pboc.script_encipher(key, block)
        case "ecb_pad_if_needed":
            return des_ecb_encrypt(key, pad80_if_needed(block))
        case "cbc_pad80":
            return des_cbc_encrypt(key, pad80(block))
    raise AssertionError(mode)


@recomputes(*numbers("pin_change"))
def test_pin_change(number: int) -> None:
    """PBOC-PCH-004, U1: Visa's form is PBOC's with D1 from the key for cryptograms; M/Chip and CCD take format 2."""
    vector = VECTORS[number]
    old = vector.inputs.get("current_pin")
    if vector.text("pin_block_format") == "vis":
        udk_ac = card_key(vector, "imk_ac")
        block = pboc.pin_change_block(udk_ac, vector.text("new_pin"), old)
        assert pboc.pin_of_change_block(udk_ac, block, old) == vector.text("new_pin")
    else:
        block = pboc.pin_block_format2(vector.text("new_pin"))
    confidentiality = session_key(vector, card_key(vector, "imk_smc"))
    integrity = session_key(vector, card_key(vector, "imk_smi"))
    enciphered = encipher(vector.text("enc_mode"), confidentiality, block)
    extra = bytes.fromhex(vector.inputs.get("mac_extra", ""))
    mac = retail_mac(integrity, pad80(vector.data("header") + extra + enciphered))
    found = {
        "pin_block": block,
        "enciphered": enciphered,
        "mac8": mac,
        "command": vector.data("header") + enciphered + mac,
    }
    for name in vector.outputs:
        assert found[name] == vector.result(name)


@pytest.mark.parametrize("number", [4, 5, 6, 7, 64])
def test_option_b_is_another_derivation(number: int) -> None:
    """PBOC-CRY-001: PBOC's option A gives none of these keys. (PAN 62 has 16 digits, where the options agree.)"""
    vector = VECTORS[number]
    assert pboc.derive_udk(vector.data("imk"), vector.text("pan"), vector.text("psn")) != card_key(vector)


@pytest.mark.parametrize("number", [60, 61])
def test_common_session_key_is_another_derivation(number: int) -> None:
    """PBOC-CRY-004: PBOC's session key does not give these cryptograms."""
    vector = VECTORS[number]
    key = pboc.session_key(card_key(vector), vector.number_of("atc"))
    data = vector.data("data")
    assert pboc.application_cryptogram(key, data) != vector.result("ac")
    assert retail_mac(key, data + bytes(-len(data) % 8)) != vector.result("ac")


# --- pyemv


@PYEMV
@given(KEYS, st.text(DIGITS, min_size=17, max_size=19), st.text(DIGITS, min_size=2, max_size=2))
def test_option_b_is_that_of_pyemv(key: bytes, pan: str, psn: str) -> None:
    theirs = pyemv.kd.derive_icc_mk_b(key, pan, psn)
    # pyemv sets odd parity; DES ignores those bits.
    assert bytes(byte & 0xFE for byte in emv.derive_master_key_b(key, pan, psn)) == bytes(b & 0xFE for b in theirs)


@PYEMV
@given(KEYS, st.binary(min_size=8, max_size=8))
def test_common_session_key_is_that_of_pyemv(key: bytes, diversification: bytes) -> None:
    theirs = pyemv.kd.derive_common_sk(key, diversification)
    ours = emv.common_session_key(key, diversification)
    assert bytes(byte & 0xFE for byte in ours) == bytes(byte & 0xFE for byte in theirs)


@PYEMV
@given(KEYS, st.binary(min_size=8, max_size=8), st.binary(min_size=4, max_size=4), st.binary(max_size=8))
def test_method_2_is_that_of_pyemv(key: bytes, ac: bytes, csu: bytes, proprietary: bytes) -> None:
    assert emv.arpc_method2(key, ac, csu, proprietary) == pyemv.ac.generate_arpc_2(key, ac, csu, proprietary)


# --- edges


def test_option_b_is_option_a_up_to_16_digits() -> None:
    key = bytes(range(16))
    assert emv.derive_master_key_b(key, "6214672500000000", "01") == pboc.derive_udk(key, "6214672500000000", "01")
    assert emv.derive_master_key_b(key, "62146725000000000", "01") != pboc.derive_udk(key, "62146725000000000", "01")
    assert emv.derive_master_key_b(key, "6" * 19, "") == emv.derive_master_key_b(key, "6" * 19, "00")


def test_wrong_lengths() -> None:
    key = bytes(16)
    with pytest.raises(ValueError, match="master key has 16 bytes"):
        emv.derive_master_key_b(bytes(8), "6" * 19, "01")
    with pytest.raises(ValueError, match="a PAN has"):
        emv.derive_master_key_b(key, "6" * 20, "01")
    for master, value in ((bytes(8), bytes(8)), (key, bytes(7))):
        with pytest.raises(ValueError, match="diversification value of 8"):
            emv.common_session_key(master, value)
    for ac, csu, proprietary in ((bytes(7), bytes(4), b""), (bytes(8), bytes(3), b""), (bytes(8), bytes(4), bytes(9))):
        with pytest.raises(ValueError, match="card status update"):
            emv.arpc_method2(key, ac, csu, proprietary)
    with pytest.raises(ValueError, match="16 bytes"):
        emv.arpc_method2(bytes(8), bytes(8), bytes(4))
