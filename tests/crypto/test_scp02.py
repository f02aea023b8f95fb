"""Secure channel protocol 02: GlobalPlatformPro, pySim and card traces (vectors 110 to 116); protocol 01 beside it."""

import pytest

from cardsim.crypto import scp02
from cardsim.crypto.ciphers import des_cbc_encrypt, des_ecb_encrypt
from cardsim.crypto.padding import pad80
from cardsim.crypto.pboc import key_check_value
from tests.crypto.published import VECTORS, Vector, h, numbers, recomputes


def session_of(vector: Vector, sequence: bytes) -> scp02.SessionKeys:
    keys = scp02.CardKeys(vector.data("k_enc"), vector.data("k_mac"), vector.data("k_dek"))
    return scp02.session_keys(keys, sequence)


@recomputes(*numbers("gp_diversify"))
def test_diversification(number: int) -> None:
    vector = VECTORS[number]
    keydata = vector.data("keydata")
    if vector.inputs["template"] == "visa2":
        # The older form takes other six bytes of KEYDATA.
        keydata = bytes(4) + keydata[:2] + keydata[4:8]
    keys = scp02.diversify_kmc(vector.data("kmc"), keydata)
    assert key_check_value(keys.enc) == vector.result("enc_kcv")
    assert key_check_value(keys.mac) == vector.result("mac_kcv")
    assert key_check_value(keys.dek) == vector.result("dek_kcv")


@recomputes(*numbers("scp02_session"))
def test_session_keys(number: int) -> None:
    vector = VECTORS[number]
    session = session_of(vector, vector.data("seq"))
    assert key_check_value(session.enc) == vector.result("s_enc_kcv")
    assert key_check_value(session.mac) == vector.result("s_mac_kcv")
    assert key_check_value(session.dek) == vector.result("s_dek_kcv")
    assert key_check_value(session.rmac) == vector.result("s_rmac_kcv")
    wrapped = scp02.dek_encrypt(session.dek, vector.data("wrap_key"))
    assert wrapped == vector.result("wrapped_key")
    assert scp02.dek_decrypt(session.dek, wrapped) == vector.data("wrap_key")


# --- protocol 01 is not offered; its vectors still exercise the same primitives


def scp01_session(vector: Vector, card: bytes, key: str) -> bytes:
    """Session key of protocol 01 (GlobalPlatform 2.1.1 annex D): both challenges, halves crossed."""
    host = vector.data("host_challenge")
    return des_ecb_encrypt(vector.data(key), card[4:] + host[:4] + card[:4] + host[4:])


@recomputes(*numbers("scp01_session"))
def test_scp01_session_keys(number: int) -> None:
    vector = VECTORS[number]
    card = vector.data("card_challenge")
    assert key_check_value(scp01_session(vector, card, "k_enc")) == vector.result("s_enc_kcv")
    assert key_check_value(scp01_session(vector, card, "k_mac")) == vector.result("s_mac_kcv")
    # Keys travel under the static DEK.
    assert key_check_value(vector.data("k_dek")) == vector.result("s_dek_kcv")
    assert scp02.dek_encrypt(vector.data("k_dek"), vector.data("wrap_key")) == vector.result("wrapped_key")


@recomputes(*numbers("scp01_auth"))
def test_scp01_authentication(number: int) -> None:
    vector = VECTORS[number]
    host, answer = vector.data("host_challenge"), vector.data("init_update_response")
    card = answer[12:20]
    s_enc, s_mac = (scp01_session(vector, card, name) for name in ("k_enc", "k_mac"))
    assert des_cbc_encrypt(s_enc, pad80(host + card))[-8:] == answer[20:28]
    message = h("8482010010") + des_cbc_encrypt(s_enc, pad80(card + host))[-8:]
    assert message + des_cbc_encrypt(s_mac, pad80(message))[-8:] == vector.result("external_authenticate")


# --- protocol 02


def test_selection() -> None:
    assert numbers("scp02_auth") == [114, 115, 116]


@recomputes(*numbers("scp02_auth"))
def test_card_cryptogram(number: int) -> None:
    """PBOC-CRY-014."""
    vector = VECTORS[number]
    answer = vector.data("init_update_response")
    sequence, challenge, cryptogram = answer[12:14], answer[14:20], answer[20:28]
    session = session_of(vector, sequence)
    assert scp02.card_cryptogram(session.enc, vector.data("host_challenge"), sequence, challenge) == cryptogram
    if "card_cryptogram" in vector.outputs:
        assert cryptogram == vector.result("card_cryptogram")


@recomputes(114)
def test_mutual_authentication_and_chain(number: int) -> None:
    vector = VECTORS[number]
    answer = vector.data("init_update_response")
    sequence, challenge = answer[12:14], answer[14:20]
    session = session_of(vector, sequence)
    host = scp02.host_cryptogram(session.enc, vector.data("host_challenge"), sequence, challenge)
    message = h("8482010010") + host
    mac = scp02.command_mac(session.mac, message, bytes(8))
    assert message + mac == vector.result("external_authenticate")
    for command, expected in zip(vector.inputs["commands"], vector.outputs["wrapped"], strict=True):
        apdu = h(command["apdu"])
        data = apdu[5:]
        message = bytes((apdu[0] | 0x04,)) + apdu[1:4] + bytes((len(data) + 8,)) + data
        mac = scp02.command_mac(session.mac, message, scp02.encrypt_icv(session.mac, mac))
        assert message + mac + h(command.get("le", "")) == h(expected)


def test_keys_stay_out_of_print() -> None:
    keys = scp02.CardKeys(b"\x41" * 16, b"\x42" * 16, b"\x43" * 16)
    assert repr(keys) == "CardKeys()"
    assert repr(scp02.session_keys(keys, bytes(2))) == "SessionKeys()"


def test_wrong_lengths() -> None:
    keys = scp02.CardKeys(bytes(16), bytes(16), bytes(8))
    with pytest.raises(ValueError, match="card key has 16 bytes"):
        scp02.session_keys(keys, bytes(2))
    with pytest.raises(ValueError, match="sequence counter has 2 bytes"):
        scp02.session_keys(keys, bytes(3))
    with pytest.raises(ValueError, match="master key"):
        scp02.diversify_kmc(bytes(24), bytes(10))
    with pytest.raises(ValueError, match="KEYDATA has 10 bytes"):
        scp02.diversify_kmc(bytes(16), bytes(6))
    with pytest.raises(ValueError, match="host challenge"):
        scp02.card_cryptogram(bytes(16), bytes(7), bytes(2), bytes(6))
    with pytest.raises(ValueError, match="card challenge"):
        scp02.host_cryptogram(bytes(16), bytes(8), bytes(2), bytes(8))
    with pytest.raises(ValueError, match="session key"):
        scp02.host_cryptogram(bytes(8), bytes(8), bytes(2), bytes(6))
    with pytest.raises(ValueError, match="C-MAC has 8 bytes"):
        scp02.encrypt_icv(bytes(16), bytes(4))
    for call in (scp02.dek_encrypt, scp02.dek_decrypt):
        with pytest.raises(ValueError, match="session key"):
            call(bytes(8), bytes(8))
