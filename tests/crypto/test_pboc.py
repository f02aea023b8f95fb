"""PBOC cryptography: published vectors, the golden values of the fact sheet §6.2, and pyemv."""

import pyemv.ac
import pyemv.kd
import pyemv.sm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.crypto import pboc
from cardsim.crypto.ciphers import des_ecb_encrypt
from cardsim.crypto.padding import pad80, xor
from terminal.security import pin_block_format0
from tests.crypto.hosts import card_key, session_key
from tests.crypto.published import PYEMV, VECTORS, h, numbers, recomputes

KEYS = st.binary(min_size=16, max_size=16)
DIGITS = "0123456789"
PINS = st.text(DIGITS, min_size=4, max_size=12)


@recomputes(*numbers("arpc_only"))
def test_published_arpc(number: int) -> None:
    """PBOC-CRY-008."""
    vector = VECTORS[number]
    result = pboc.arpc(session_key(vector, card_key(vector)), vector.data("ac"), vector.data("arc"))
    assert result == vector.result("arpc")


@recomputes(*numbers("idd_mac"))
def test_published_idd_mac(number: int) -> None:
    """PBOC-IAD-005."""
    vector = VECTORS[number]
    result = pboc.idd_mac(session_key(vector, card_key(vector)), vector.number_of("atc"), vector.data("idd"))
    assert result == vector.result("mac4_pad80")
    if "response" in vector.inputs:
        assert vector.data("response").endswith(vector.data("idd") + result)


def test_balance_in_the_answer_of_a_real_card() -> None:
    """The BCTC test card of transcript 133 has the shared test keys: the MAC beside its balance is that of the rule."""
    answer = h(VECTORS[133].inputs["exchange"][-1].removeprefix("< "))
    atc, balance, mac = int.from_bytes(answer[3:5], "big"), answer[-11:-6], answer[-6:-2]
    assert (atc, answer[-13:-11]) == (0x02CC, h("0A01"))
    udk = pboc.derive_udk(h(UDK["MAC"][0]), "6214441000010103", "01")
    assert pboc.idd_mac(pboc.session_key(udk, atc), atc, balance) == mac


@recomputes(*numbers("key_derivation"))
def test_published_keys(number: int) -> None:
    """PBOC-CRY-001, PBOC-CRY-002, PBOC-CRY-004; number 127 is Mastercard's session key on the same card key."""
    vector = VECTORS[number]
    udk = card_key(vector)
    found = {"udk": udk, "sk": session_key(vector, udk)}
    for name in vector.outputs:
        assert found[name] == vector.result(name)


@recomputes(*numbers("kcv"))
def test_published_key_check_value(number: int) -> None:
    """PBOC-CRY-013."""
    vector = VECTORS[number]
    assert pboc.key_check_value(vector.data("key")) == vector.result("kcv")


@recomputes(*numbers("pin_block"))
def test_published_pin_block(number: int) -> None:
    """PBOC-CRY-011: format 2 goes to the card, format 0 to the bank; format 3 is format 0 with chance instead of F."""
    vector = VECTORS[number]
    pin, form = vector.text("pin"), vector.text("format")
    match form:
        case "iso2":
            assert pboc.pin_block_format2(pin) == vector.result("block")
        case "iso0":
            assert pin_block_format0(pin, vector.text("pan")) == vector.result("block")
        case _:
            assert form == "iso3"
            prefix, block = vector.result("block_prefix"), pin_block_format0(pin, vector.text("pan"))
            assert bytes((block[0] | 0x30,)) + block[1 : len(prefix)] == prefix


@recomputes(*(number for number in numbers("script_mac") if "header" in VECTORS[number].inputs))
def test_script_mac(number: int) -> None:
    """PBOC-SCR-001: the golden values of the fact sheet §6.2 F."""
    vector = VECTORS[number]
    session = session_key(vector, card_key(vector))
    found = pboc.script_mac(
        session, vector.data("header"), vector.number_of("atc"), vector.data("ac"), vector.data("data")
    )
    assert found == vector.result("mac4")


@pytest.mark.parametrize("number", numbers("script_mac_open"))
def test_open_script_macs(number: int) -> None:
    """Vectors 125, 126: with the one cryptogram that their source prints (124), no early counter gives these MACs.

    (Nor does any of the others.) They belong to a transaction whose cryptogram is not printed.
    """
    vector = VECTORS[number]
    cryptogram = VECTORS[124].data("response")[5:13]
    command, udk = vector.data("command"), card_key(vector)
    made = (
        pboc.script_mac(pboc.session_key(udk, atc), command[:5], atc, cryptogram, command[5:-4]) for atc in range(0x100)
    )
    assert command[-4:] not in made


@recomputes(*numbers("pin_change_pboc"))
def test_pin_change_command(number: int) -> None:
    """PBOC-PCH-002, PBOC-PCH-003, PBOC-PCH-005, PBOC-CRY-010: both variants of D1, for the golden ARQC."""
    vector = VECTORS[number]
    header, key = h("8424000214"), card_key(vector, "imk_d1")
    enciphered = pboc.script_encipher(
        session_key(vector, card_key(vector, "imk_enc")), pboc.pin_change_block(key, vector.text("new_pin"))
    )
    session = session_key(vector, card_key(vector, "imk_mac"))
    mac = pboc.script_mac(session, header, vector.number_of("atc"), vector.data("ac"), enciphered)
    assert header + enciphered + mac == vector.result("command")


# --- golden values of the fact sheet, PAN and keys of the demo profile

PAN, PSN, ATC = "6214672500000000056", "01", 1
UDK = {
    "AC": ("F0C34A8124CEE0A91A0B034AA97D6EAC", "78F108EA51DA9E1DDF4C876425750F39", "8D2F254CAA93673EDE330FE022FB63A1"),
    "MAC": ("12B1AC4AF070CC35612BFE2D30AB600D", "416A48251EA55B42BD61CEEC7164102B", "6A805DEC251424FDE707C2158900861C"),
    "ENC": ("D30F45EABC12AC3EF56B0C0D7F8654DE", "2537B8E11D0FBFFDB2C320D574D2BC65", "3CA5EF6B77D3D4273AFDF25A78235F44"),
}
SK = {name: h(session) for name, (_, _, session) in UDK.items()}
ARQC = h("95DB6A5713D2A269")
AC_DATA = h("000000001000 000000000000 0156 0000048000 0156 240101 00 12345678 7C00 0001 03A0A000")


@pytest.mark.parametrize("name", list(UDK))
def test_golden_keys(name: str) -> None:
    master, card, session = map(h, UDK[name])
    assert pboc.derive_udk(master, PAN, PSN) == card
    assert pboc.session_key(card, ATC) == session


def test_golden_cryptograms() -> None:
    assert pboc.application_cryptogram(SK["AC"], AC_DATA) == ARQC
    assert pboc.arpc(SK["AC"], ARQC, b"00") == h("3B1C346779E87822")
    assert pboc.idd_mac(SK["MAC"], ATC, h("0000010000")) == h("851B91DF")


def test_golden_idd_mac_of_two_amounts() -> None:
    """PBOC-IAD-007."""
    assert pboc.idd_mac(SK["MAC"], ATC, h("0000010000 0000000000")) == h("42DEE6BC")


@pytest.mark.parametrize(
    ("key", "enciphered", "mac"),
    [
        ("ENC", "DF196F907D7DB6F5864FD9D106DBD401", "61E1F71D"),
        ("AC", "F1A9650F439CDBF7D401EE7B2B290BE5", "336DD31F"),
    ],
)
def test_golden_pin_change(key: str, enciphered: str, mac: str) -> None:
    """PBOC-PCH-002, PBOC-PCH-003, PBOC-PCH-005: the block by its rule, then as the two functions make and read it."""
    udk = h(UDK[key][1])
    block = xor(bytes(4) + udk[4:8], h("06123456FFFFFFFF"))
    assert pboc.pin_change_block(udk, "123456") == block
    assert pboc.pin_of_change_block(udk, block) == "123456"
    assert pboc.script_encipher(SK["ENC"], block) == h(enciphered)
    assert pboc.script_decipher(SK["ENC"], h(enciphered)) == block
    assert pboc.script_mac(SK["MAC"], h("8424000214"), ATC, ARQC, h(enciphered)) == h(mac)


def test_golden_pin_change_with_the_old_pin() -> None:
    """PBOC-PCH-004: the old digits begin at the length byte, which 11 turns from 06 into 17."""
    udk = h(UDK["ENC"][1])
    block = pboc.pin_change_block(udk, "123456", "111111")
    assert block[:4] == h("17032556")
    assert pboc.script_encipher(SK["ENC"], block) == h("1AB93F3DFF67EF2B864FD9D106DBD401")
    assert pboc.pin_of_change_block(udk, block, "111111") == "123456"


# --- pyemv


@PYEMV
@given(KEYS, st.text(DIGITS, min_size=8, max_size=19), st.text(DIGITS, min_size=2, max_size=2))
def test_card_key_is_that_of_pyemv(key: bytes, pan: str, psn: str) -> None:
    theirs = pyemv.kd.derive_icc_mk_a(key, pan, psn)
    # pyemv sets odd parity; DES ignores those bits.
    assert bytes(byte & 0xFE for byte in pboc.derive_udk(key, pan, psn)) == bytes(byte & 0xFE for byte in theirs)


@PYEMV
@given(KEYS, st.binary(max_size=50), st.binary(min_size=2, max_size=2))
def test_cryptograms_are_those_of_pyemv(key: bytes, data: bytes, arc: bytes) -> None:
    cryptogram = pboc.application_cryptogram(key, data)
    assert cryptogram == pyemv.ac.generate_ac(key, data, pyemv.ac.PaddingType.EMV)
    assert pboc.arpc(key, cryptogram, arc) == pyemv.ac.generate_arpc_1(key, cryptogram, arc)


@PYEMV
@given(KEYS, st.binary(min_size=5, max_size=5), st.integers(0, 0xFFFF), st.binary(min_size=8, max_size=8), st.binary())
def test_script_mac_is_that_of_pyemv(key: bytes, header: bytes, atc: int, ac: bytes, data: bytes) -> None:
    theirs = pyemv.sm.generate_command_mac(key, header + atc.to_bytes(2, "big") + ac + data, 4)
    assert pboc.script_mac(key, header, atc, ac, data) == theirs


@PYEMV
@given(KEYS, st.binary(max_size=100))
def test_script_encipherment_is_that_of_pyemv(key: bytes, data: bytes) -> None:
    theirs = pyemv.sm.encrypt_command_data(key, data, pyemv.sm.EncryptionType.VISA)
    assert pboc.script_encipher(key, data) == theirs
    assert pboc.script_decipher(key, theirs) == data


@PYEMV
@given(PINS)
def test_pin_block_is_that_of_pyemv(pin: str) -> None:
    assert pboc.pin_block_format2(pin) == pyemv.sm.format_iso9564_2_pin_block(pin)


@PYEMV
@given(KEYS, PINS, st.none() | PINS)
def test_pin_change_block_is_that_of_pyemv(key: bytes, new: str, old: str | None) -> None:
    block = pboc.pin_change_block(key, new, old)
    assert block == pyemv.sm.format_vis_pin_block(key, new, old)
    assert pboc.pin_of_change_block(key, block, old) == new


# --- edges


def test_missing_sequence_number_is_zero() -> None:
    assert pboc.derive_udk(bytes(16), PAN, "") == pboc.derive_udk(bytes(16), PAN, "00")


@pytest.mark.parametrize(("pan", "psn"), [("", "01"), ("1" * 20, "01"), ("123F", "01"), (PAN, "1"), (PAN, "0A")])
def test_bad_card_number(pan: str, psn: str) -> None:
    with pytest.raises(ValueError, match="decimal digits"):
        pboc.derive_udk(bytes(16), pan, psn)


@pytest.mark.parametrize("pin", ["123", "1234567890123", "12345A"])
def test_bad_pin(pin: str) -> None:
    with pytest.raises(ValueError, match="a PIN has 4 to 12 decimal digits"):
        pboc.pin_block_format2(pin)


@pytest.mark.parametrize("pin", ["123", "1234567890123", "12345A", ""])
def test_bad_pin_of_a_change(pin: str) -> None:
    with pytest.raises(ValueError, match="a PIN has 4 to 12 decimal digits"):
        pboc.pin_change_block(bytes(16), pin)
    with pytest.raises(ValueError, match="a PIN has 4 to 12 decimal digits"):
        pboc.pin_change_block(bytes(16), "1234", pin)
    with pytest.raises(ValueError, match="a PIN has 4 to 12 decimal digits"):
        pboc.pin_of_change_block(bytes(16), bytes(8), pin)


@pytest.mark.parametrize(
    "plain",
    [
        "26123456FFFFFFFF",  # a block of format 2
        "F6123456FFFFFFFF",
        "03123FFFFFFFFFFF",  # three digits
        "0D1234567890123F",  # thirteen digits
        "0FFFFFFFFFFFFFFF",
        "00FFFFFFFFFFFFFF",
        "0612345AFFFFFFFF",  # a digit that is none
        "0712345FFFFFFFFF",  # one digit fewer than it says
        "05123456FFFFFFFF",  # one digit more than it says
        "0612345600000000",  # another filling
        "06123456FFFFFFF0",
        "06123456EFFFFFFF",
    ],
)
def test_bad_block_of_a_pin_change(plain: str) -> None:
    """PBOC-PCH-008."""
    key = bytes(range(16))
    block = xor(h(plain), bytes(4) + key[4:8])
    with pytest.raises(ValueError, match="control byte, digits or filling") as caught:
        pboc.pin_of_change_block(key, block)
    assert "123" not in str(caught.value)


def test_pin_change_under_another_key_or_old_pin() -> None:
    """PBOC-PCH-008: they show where control byte, digits or filling suffer; digits changed into digits do not."""
    key, other = bytes(range(16)), bytes(range(1, 17))
    with pytest.raises(ValueError, match="control byte"):
        pboc.pin_of_change_block(other, pboc.pin_change_block(key, "123456"))
    block = pboc.pin_change_block(key, "123456", "111111")
    for old in (None, "211111", "101111", "111111111"):
        with pytest.raises(ValueError, match="control byte"):
            pboc.pin_of_change_block(key, block, old)
    assert pboc.pin_of_change_block(key, block, "110111") == "023456"


@pytest.mark.parametrize("atc", [-1, 0x10000])
def test_bad_counter(atc: int) -> None:
    with pytest.raises(ValueError, match="transaction counter"):
        pboc.session_key(bytes(16), atc)


@pytest.mark.parametrize(
    "frame",
    [
        pad80(h("0401020304"))[:-1] + b"\x01",  # filling not zero
        pad80(h("0501020304")),  # length byte too great
        pad80(h("0301020304")),  # length byte too small
        pad80(h("0401020304")) + bytes(8),  # a block too many
        bytes(8),  # no padding
        h("8000000000000000"),  # no length byte
        b"",
    ],
)
def test_bad_script_frame(frame: bytes) -> None:
    key = bytes(range(16))
    with pytest.raises(ValueError, match="padding"):
        pboc.script_decipher(key, des_ecb_encrypt(key, frame))


def test_wrong_lengths() -> None:
    key = bytes(16)
    with pytest.raises(ValueError, match="master key has 16 bytes"):
        pboc.derive_udk(bytes(8), PAN, PSN)
    with pytest.raises(ValueError, match="card key has 16 bytes"):
        pboc.session_key(bytes(24), 1)
    with pytest.raises(ValueError, match="16 bytes"):
        pboc.application_cryptogram(bytes(8), b"")
    with pytest.raises(ValueError, match="response code"):
        pboc.arpc(key, bytes(8), b"0")
    with pytest.raises(ValueError, match="4 and 8 bytes"):
        pboc.arpc(key, bytes(4), b"00")
    with pytest.raises(ValueError, match="header"):
        pboc.script_mac(key, bytes(4), 1, bytes(8), b"")
    with pytest.raises(ValueError, match="cryptogram"):
        pboc.script_mac(key, bytes(5), 1, bytes(7), b"")
    with pytest.raises(ValueError, match="255 bytes"):
        pboc.script_encipher(key, bytes(256))
    with pytest.raises(ValueError, match="card key has 16 bytes"):
        pboc.pin_change_block(bytes(8), "1234")
    with pytest.raises(ValueError, match="PIN block has 8 bytes"):
        pboc.pin_of_change_block(key, bytes(16))
