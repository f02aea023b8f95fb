"""Social-security cryptography: the vectors of the fact sheet §3.5 and of the PSAM requirements, and the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.crypto import social
from cardsim.crypto.padding import xor
from cardsim.crypto.social import Suite
from tests.crypto.published import h

DES, SM4 = Suite.DES, Suite.SM4
BOTH = pytest.mark.parametrize("suite", [DES, SM4])
AREA = "519900"
HISTORICAL = h("00814A444686605199000001AC")
ROOT = h("00112233445566778899AABBCCDDEEFF")
CARD_KEY = {DES: h("BDCF2343CB7B3CA0A0614648289B7736"), SM4: h("65FFD351EA9D9B7E2A81750D1610BF91")}
STK_SESSION = {DES: h("601BD35250794A56"), SM4: h("EB9E75AE9BF9921F7989226729FF860E")}
STK_DES = h("5C0B4F7E2B7EFC2E")
CHALLENGE = h("2AFD6A015D2D9BAC")


def test_suite_properties() -> None:
    assert (DES.block_size, DES.algorithm_id, DES.key_algorithm_byte) == (8, 0x01, 0x00)
    assert (SM4.block_size, SM4.algorithm_id, SM4.key_algorithm_byte) == (16, 0x03, 0x03)


def test_factors() -> None:
    assert social.factor_province(AREA) == h("3531303030307368")
    assert social.factor_city(AREA) == h("3531393930307378")
    assert social.factor_card(HISTORICAL) == h("86605199000001AC")


def test_zhejiang_has_prefecture_keys() -> None:
    assert social.factor_province("330102") == b"330000sh"
    assert social.factor_city("330102") == b"330100sx"
    assert social.factor_city("340102") == b"340102sx"


@pytest.mark.parametrize("area", ["", "51990", "5199001", "51990A", "５19900"])
def test_bad_area_code(area: str) -> None:
    with pytest.raises(ValueError, match="six decimal digits"):
        social.factor_city(area)
    with pytest.raises(ValueError, match="six decimal digits"):
        social.factor_province(area)


def test_card_factor_needs_all_historical_bytes() -> None:
    with pytest.raises(ValueError, match="13 bytes, not 8"):
        social.factor_card(bytes(8))


CHAINS = {
    DES: ["5BB733BA0C26EA5E05CE5F6D5E2B2F50", "FE16C7DDFD3FA447346B1E50BAF95FD6"],
    SM4: ["EB90C6D0D7A404ADA007458F5156301C", "983B79B51833236929ADD2DC00668882"],
}


@BOTH
def test_diversification_chain(suite: Suite) -> None:
    province = social.diversify(suite, ROOT, social.factor_province(AREA))
    city = social.diversify(suite, province, social.factor_city(AREA))
    assert [province, city] == [h(text) for text in CHAINS[suite]]
    assert social.diversify(suite, city, social.factor_card(HISTORICAL)) == CARD_KEY[suite]
    assert social.card_key(suite, ROOT, AREA, HISTORICAL) == CARD_KEY[suite]


def test_single_length_chain() -> None:
    key = h("0123456789ABCDEF")
    for factor, expected in (
        (social.factor_province(AREA), "1FE044C8400C44F6"),
        (social.factor_city(AREA), "5178EA1D513EF863"),
        (social.factor_card(HISTORICAL), "5C0B4F7E2B7EFC2E"),
    ):
        key = social.diversify(DES, key, factor)
        assert key == h(expected)
    assert social.card_key(DES, h("0123456789ABCDEF"), AREA, HISTORICAL) == STK_DES


SESSIONS = {DES: "6D7DF8D48EDA572C", SM4: "A67A9988B6B4DFF244A04AE777DA3268"}
PROOFS = {DES: "2D02E484BFC5CD15", SM4: "B4193D38A4780C31"}


@BOTH
def test_session_and_authentication(suite: Suite) -> None:
    factor = h("32D9E876ADB31BBF")
    assert social.session_key(suite, CARD_KEY[suite], factor) == h(SESSIONS[suite])
    original = h("DBF7A936D0D18C9E")
    assert social.authentication_data(suite, CARD_KEY[suite], factor, original) == h(PROOFS[suite])


def test_psam_external_authentication() -> None:
    """PSAM-058."""
    key = h("505152535455565758595A5B5C5D5E5F")
    result = social.authentication_data(DES, key, h("1122334455667788"), h("0102030405060708"))
    assert result == h("BD810126F432EA84")


def test_session_keys_of_other_random_lengths() -> None:
    key = CARD_KEY[DES]
    assert social.session_key(DES, key, h("01020304")) == social.session_key(DES, key, h("0102030400000000"))
    assert social.session_key(DES, key, bytes(range(16))) == social.session_key(DES, key, bytes(range(8)))
    key = CARD_KEY[SM4]
    for random in (h("01020304"), h("0102030400000000")):
        assert social.session_key(SM4, key, random) == social.session_key(SM4, key, random.ljust(16, b"\0"))
    assert social.session_key(SM4, key, bytes(range(16))) != social.session_key(SM4, key, bytes(range(8)))


SM = {
    (DES, "84240001 0C"): ("AAA129F03AF84A8B", "B77D2448"),
    (DES, "84240000 04"): ("", "0EFE3C2E"),
    (DES, "841E0001 04"): ("", "955D8F3D"),
    (DES, "84160000 04"): ("", "6915D519"),
    (SM4, "84240001 14"): ("0CF7A1D8A826B5ECEC68E6A1B9FACA4F", "578753E8"),
    (SM4, "84240000 04"): ("", "0CFE0605"),
}


@BOTH
def test_line_protection_session(suite: Suite) -> None:
    key = STK_DES if suite is DES else CARD_KEY[SM4]
    assert social.session_key(suite, key, CHALLENGE) == STK_SESSION[suite]


@pytest.mark.parametrize(("suite", "header"), list(SM))
def test_secured_commands(suite: Suite, header: str) -> None:
    cipher, expected = map(h, SM[suite, header])
    session = STK_SESSION[suite]
    assert social.mac4(suite, session, h(header) + cipher) == expected
    assert social.mac4(suite, session, h(header) + cipher, bytes(suite.block_size)) == expected
    if cipher:
        assert social.encipher(suite, session, h("123456")) == cipher
        assert social.decipher(suite, session, cipher) == h("123456")


def test_empty_pin() -> None:
    """SSC part 4 §8.3 with LD 00."""
    cipher = h("AA2FBBF92E3E2D5F")
    assert social.encipher(DES, STK_SESSION[DES], b"") == cipher
    assert social.decipher(DES, STK_SESSION[DES], cipher) == b""
    assert social.mac4(DES, STK_SESSION[DES], h("842400010C") + cipher) == h("17808332")


AMOUNTS = h("00000064 0000000A 00000000")
TERMINAL = h("510000000001")
TERMINAL_SEQUENCE = h("00000012")
TIME = h("20140801120001")
PURCHASE = [
    (DES, "32", "E093897F1C39FD8A", "EF4E24D9", "01902555", "F0B7F9EA"),
    (DES, "02", "E093897F1C39FD8A", "C588A1A0", "01902555", "E8E8840E"),
    (SM4, "32", "401B12ABF21BCA35B0839F140332F670", "7E696E87", "34BCACA1", "82DCBAA9"),
]


@pytest.mark.parametrize(("suite", "kind", "session", "mac1", "mac2", "tac"), PURCHASE)
def test_purchase(suite: Suite, kind: str, session: str, mac1: str, mac2: str, tac: str) -> None:
    key = CARD_KEY[suite]
    derived = social.session_key(suite, key, h("E3F50E75") + h("0005") + TERMINAL_SEQUENCE[2:])
    assert derived == h(session)
    assert social.mac4(suite, derived, AMOUNTS + h(kind) + TERMINAL + TIME) == h(mac1)
    assert social.mac4(suite, derived, AMOUNTS) == h(mac2)
    tac_key = xor(key[:8], key[8:]) if suite is DES else key
    assert social.mac4(suite, tac_key, AMOUNTS + h(kind) + TERMINAL + TERMINAL_SEQUENCE + TIME) == h(tac)


def test_load() -> None:
    """SSC part 7 chapter 15, balance 1000, amount 500."""
    key = CARD_KEY[DES]
    session = social.session_key(DES, key, h("E3F50E75 0003 8000"))
    assert session == h("518CE44195A96D15")
    balance, amount, kind = h("000003E8"), h("000001F4"), h("31")
    assert social.mac4(DES, session, balance + amount + kind + TERMINAL) == h("AF7769AD")
    assert social.mac4(DES, session, amount + kind + TERMINAL + TIME) == h("EF1FC56A")
    tac_key = xor(key[:8], key[8:])
    for shown, tac in ((h("000005DC"), "1C0C692E"), (balance, "11AE0068")):
        assert social.mac4(DES, tac_key, shown + h("0003") + amount + kind + TERMINAL + TIME) == h(tac)


def test_mac_uses_the_initial_value() -> None:
    for suite in Suite:
        session, iv = bytes(range(suite.block_size)), b"\x01" * suite.block_size
        assert social.mac4(suite, session, b"data", iv) != social.mac4(suite, session, b"data")


def test_key_loading() -> None:
    """PSAM-054 and PSAM-055."""
    master = h("404142434445464748494A4B4C4D4E4F")
    cipher = h("E7766A93D4973622 D6E53E0CCFBFB205 58A6CB7C17225E9B")
    record = h("26200001 00000000 0123456789ABCDEF")
    assert social.master_encipher(DES, master, record) == cipher
    assert social.master_decipher(DES, master, cipher) == record
    message = h("84D400131C") + cipher
    assert social.master_mac4(DES, master, message, h("A1B2C3D4")) == h("2BA5FAAC")
    assert social.master_mac4(DES, master, message, h("A1B2C3D4 00000000 FFFF")) == h("2BA5FAAC")


def test_key_loading_with_sm4() -> None:
    master, message = bytes(range(16)), b"message"
    iv = h("A1B2C3D4").ljust(16, b"\0")
    assert social.master_mac4(SM4, master, message, h("A1B2C3D4")) == social.mac4(SM4, master, message, iv)


@given(st.sampled_from(Suite), st.binary(max_size=255), st.binary(min_size=16, max_size=16))
def test_encipherment_round_trip(suite: Suite, plain: bytes, key: bytes) -> None:
    session = key[: suite.block_size]
    cipher = social.encipher(suite, session, plain)
    assert len(cipher) == -(-(len(plain) + 1) // suite.block_size) * suite.block_size
    assert social.decipher(suite, session, cipher) == plain
    assert social.master_decipher(suite, key, social.master_encipher(suite, key, plain)) == plain


@BOTH
@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("10 00000000000000", "goes beyond"),
        ("03 123456 00 000000", "padding"),
        ("03 123456 80 000001", "padding"),
        ("02 123456 80 000000", "padding"),
        ("06 123456000000 00", "padding"),
    ],
)
def test_wrong_frame(suite: Suite, frame: str, reason: str) -> None:
    session = bytes(range(suite.block_size))
    framed = h(frame).ljust(suite.block_size, b"\0")
    cipher = social._ecb_encrypt(suite, session, framed)
    with pytest.raises(ValueError, match=reason):
        social.decipher(suite, session, cipher)


@BOTH
def test_wrong_lengths(suite: Suite) -> None:
    key, session = bytes(16), bytes(suite.block_size)
    with pytest.raises(ValueError, match="empty"):
        social.decipher(suite, session, b"")
    with pytest.raises(ValueError, match="multiples"):
        social.decipher(suite, session, bytes(7))
    with pytest.raises(ValueError, match="255 bytes"):
        social.encipher(suite, session, bytes(256))
    with pytest.raises(ValueError, match="session key"):
        social.encipher(suite, bytes(24), b"")
    with pytest.raises(ValueError, match="factor has 8 bytes"):
        social.diversify(suite, key, bytes(7))
    with pytest.raises(ValueError, match="4 or 8 or 16 bytes"):
        social.session_key(suite, key, bytes(5))
    with pytest.raises(ValueError, match="original data has 8 bytes"):
        social.authentication_data(suite, key, bytes(8), bytes(4))
    for call in (social.master_encipher, social.master_decipher):
        with pytest.raises(ValueError, match="master key has 16 bytes"):
            call(suite, bytes(8), bytes(16))
    with pytest.raises(ValueError, match="master key has 16 bytes"):
        social.master_mac4(suite, bytes(8), b"", bytes(4))
    with pytest.raises(ValueError, match="key has"):
        social.diversify(suite, bytes(24), bytes(8))


@pytest.mark.parametrize("number", ["D2143569X", "X00000019", "ET000077X"])
def test_card_numbers(number: str) -> None:
    assert social.card_number_check(number[:8]) == number[8]


def test_card_number_check_of_eleven() -> None:
    assert social.card_number_check("00000000") == "0"


@pytest.mark.parametrize("first8", ["", "0000000", "000000000", "a0000000", "0000000-"])
def test_bad_card_number(first8: str) -> None:
    with pytest.raises(ValueError, match="eight characters"):
        social.card_number_check(first8)


@BOTH
def test_certificate_code(suite: Suite) -> None:
    first12 = h("519900 D156000005 000001AC")
    code = social.certificate_code(suite, CARD_KEY[suite], first12)
    assert len(code) == 4
    # The code must depend on the serial number (PERSO-098).
    assert code != social.certificate_code(suite, CARD_KEY[suite], first12[:-1] + b"\xad")
    with pytest.raises(ValueError, match="12 bytes"):
        social.certificate_code(suite, CARD_KEY[suite], bytes(16))


def test_certificate_code_of_a_single_length_key() -> None:
    first12 = h("519900 D156000005 000001AC")
    single = social.certificate_code(DES, STK_DES, first12)
    assert single == social.mac4(DES, STK_DES, first12)
    # Equal halves turn the retail MAC into the plain one.
    assert single == social.certificate_code(DES, STK_DES * 2, first12)
