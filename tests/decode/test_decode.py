"""Names, values and explanations of commands and data items."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.decode import Environment
from cardsim.decode.bits import ADA, BIT_TEXTS, CVR, TSI, TVR, cvr_text, flag_names, iad_text
from cardsim.decode.commands import causes, command_name, is_secret, mask, masked_hex
from cardsim.decode.explain import explain_answer, explain_ber
from cardsim.decode.items import PSE_ITEMS, SSSE_ITEMS, Format
from cardsim.decode.session import Session
from cardsim.decode.values import value_text
from cardsim.pse import risk
from cardsim.pse.objects import DATA_OBJECTS, DataObject
from terminal.conformance.functions_bank import CVR_BITS


@pytest.mark.parametrize(
    ("tag", "value", "text"),
    [
        (0x01, "519900D15600000510000B26FFFFFFFF", "519900D15600000510000B26FFFFFFFF"),
        (0x02, "33", "3 (adult)"),
        (0x03, "332E3030", "3.00"),
        (0x05, "20180403", "2018-04-03"),
        (0x09, "C0EECBC4" + "00" * 26, "李四"),
        (0x0A, "31", "1 (male)"),
        (0x0B, "01", "01 (Han)"),
        (0x0D, "FFFFFFFF", "FFFFFFFF"),
        (0x0C, "510101", "510101"),
    ],
)
def test_social_values(tag: int, value: str, text: str) -> None:
    assert value_text(tag, bytes.fromhex(value), simple=True) == text


@pytest.mark.parametrize(
    ("tag", "value", "text"),
    [
        (0x9F02, "000000001234", "12.34 yuan"),
        (0x9F1B, "000003E8", "10.00 yuan"),
        (0x5F2A, "0156", "0156 (yuan (CNY))"),
        (0x5F24, "340131", "2034-01-31"),
        (0x5F24, "991231", "1999-12-31"),
        (0x5A, "6214672500000000056F", "6214672500000000056"),
        (0x9F38, "9F7A019F02065F2A02", "9F7A(1) 9F02(6) 5F2A(2)"),
        (0x95, "0000048000", "online PIN entered; floor limit reached"),
        (0x8E, "0000000000000000" + "02031F00", "online PIN if the terminal supports it; no verification always"),
        (0x9F34, "020300", "online PIN if the terminal supports it; unknown yet"),
        (0x9F27, "80", "ARQC (go online)"),
        (0x94, "0801020018010201", "SFI 1 records 1-2; SFI 3 records 1-2 (1 authenticated)"),
        (0x9F07, "AB00", "cash in China; goods in China; services in China; at ATMs; at other terminals"),
        (
            0x9F52,
            "C000",
            "issuer authentication failed last time: go online; issuer authentication performed and failed: decline",
        ),
        (0x99, "123456", "(not shown)"),
        (0xDF55, "0102", "0102"),
        (0x9F12, "D5D0D0D0D2BBBFA8CDA8", "招行一卡通"),
        (0x50, "FF", "FF"),
    ],
)
def test_payment_values(tag: int, value: str, text: str) -> None:
    assert value_text(tag, bytes.fromhex(value)) == text


def test_observed_verification_results_decode_as_published() -> None:
    """PBOC-CVR-008, fact sheet §1.8: values seen on cards, with their meaning."""
    assert cvr_text(bytes.fromhex("03A02000")) == ["first ARQC", "offline limits exceeded"]
    assert cvr_text(bytes.fromhex("03A04002")) == [
        "first ARQC",
        "PIN tries exceeded",
        "dynamic data authentication performed",
    ]
    assert cvr_text(bytes.fromhex("03900000")) == ["first TC"]
    last = ["last online transaction not completed", "offline limits exceeded"]
    failed = "issuer authentication failed last time"
    assert cvr_text(bytes.fromhex("0380A800")) == ["first AAC", *last, failed]
    assert cvr_text(bytes.fromhex("03A4B904")) == [
        "first ARQC", "offline PIN verified", *last, "new card", failed, "static data authentication failed last time",
        "dynamic data authentication failed last time",
    ]  # fmt: skip
    assert cvr_text(bytes.fromhex("0360AC02")) == [
        "first ARQC", "second TC", *last, failed, "issuer authentication not performed after online approval",
        "dynamic data authentication performed",
    ]  # fmt: skip
    assert iad_text(bytes.fromhex("0701010390000001"))[:3] == ["key index 1", "cryptogram version 01", "3DES"]


def test_every_flag_has_its_own_place_and_words() -> None:
    for flags, length in ((TVR, 5), (TSI, 2)):
        assert len(set(flags.values())) == len(flags)
        assert len(flag_names(flags, b"\xff" * length)) == 8 * length


@pytest.mark.parametrize("row", DATA_OBJECTS, ids=lambda row: f"{row.tag:04X}")
def test_every_data_object_of_the_card_has_a_name(row: DataObject) -> None:
    """PBOC-GDT-001: what GET DATA gives out is said in words; amounts are read as amounts."""
    item = PSE_ITEMS[row.tag]
    assert item.name
    assert item.chinese
    assert (item.format is Format.FEN_BCD) == (row.bcd and row.tag != 0x9F73), "9F73 is a rate"


def _places(bits: Iterable[int], length: int) -> set[tuple[int, int]]:
    """Byte from 1 and bit 8 to 1 of each of these bits in a value of so many bytes."""
    return {(length - (bit.bit_length() - 1) // 8, (bit.bit_length() - 1) % 8 + 1) for bit in bits}


def _named(prefix: str) -> dict[str, int]:
    return {name: value for name, value in vars(risk).items() if name.startswith(prefix)}


def test_bits_are_those_that_the_card_sets_and_reads() -> None:
    """PBOC-CVR, 9F52: the card, the decoder and the words of cases name the same bits of CVR and 9F52."""
    assert _places(_named("ADA_").values(), 2) == set(ADA)
    whole = ("CVR_FIRST", "CVR_SECOND")
    card = {value for name, value in _named("CVR_").items() if not name.startswith(whole)}
    assert _places(card, 4) == set(CVR)
    assert set(CVR_BITS.values()) == card


def test_every_item_of_format_bits_has_a_reader() -> None:
    assert {tag for tag, item in PSE_ITEMS.items() if item.format is Format.BITS} == set(BIT_TEXTS)


@given(st.sampled_from([*PSE_ITEMS]), st.binary(max_size=40))
def test_no_value_is_too_odd(tag: int, value: bytes) -> None:
    assert value_text(tag, value)


@given(st.sampled_from([*SSSE_ITEMS]), st.binary(max_size=40))
def test_no_social_value_is_too_odd(tag: int, value: bytes) -> None:
    assert isinstance(value_text(tag, value, simple=True), str)


@given(st.sampled_from([*Environment]), st.binary(max_size=12), st.binary(max_size=60))
def test_explaining_never_fails(environment: Environment, command: bytes, data: bytes) -> None:
    explain_answer(environment, command, data)
    command_name(environment, command)
    masked_hex(environment, command)


def test_explained_select() -> None:
    fci = bytes.fromhex("6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103")
    lines = explain_answer(Environment.SSSE, bytes.fromhex("00A4040000"), fci)
    assert [(line.depth, line.tag) for line in lines] == [
        (0, "6F"),
        (1, "84"),
        (1, "A5"),
        (2, "88"),
        (2, "9F0C"),
        (3, "86"),
    ]
    assert "sx1.sh.社会保障" in lines[1].text
    assert lines[-1].text == "03 (SM4)"


def test_explained_generate_ac() -> None:
    answer = bytes.fromhex("801380000773BCFB69AE1BEF84070101" + "03A0000201")
    lines = explain_answer(Environment.PSE, bytes.fromhex("80AE800000"), answer)
    assert [line.tag for line in lines] == ["80", "9F27", "9F36", "9F26", "9F10"]


@pytest.mark.parametrize(
    ("environment", "command", "name"),
    [
        (Environment.SSSE, "00B2010400", "READ RECORD"),
        (Environment.SSSE, "0088000010", "INTERNAL AUTHENTICATE"),
        (Environment.PSE, "80A8000002830000", "GET PROCESSING OPTIONS"),
        (Environment.PSE, "80AE8000", "GENERATE AC"),
        (Environment.CARD, "00A40400", "SELECT"),
        (Environment.CARD, "12345678", "unknown command"),
        (Environment.CARD, "00", "cut-off command"),
    ],
)
def test_names(environment: Environment, command: str, name: str) -> None:
    assert command_name(environment, bytes.fromhex(command)) == name


@pytest.mark.parametrize(
    "command",
    [
        "0020000003123456",
        "805E010007123456FF654321",
        "8424000108" + "11" * 8,
        "84D4010004" + "22" * 4,
        "80E2800004" + "33" * 4,
    ],
)
def test_secret_data_are_masked(command: str) -> None:
    raw = bytes.fromhex(command)
    shown = masked_hex(Environment.SSSE, raw)
    assert shown == command[:10] + "**" * raw[4]
    assert masked_hex(Environment.SSSE, raw, show_secrets=True) == command


def test_what_is_no_secret() -> None:
    assert not is_secret(Environment.SSSE, bytes.fromhex("00200000"))
    assert not is_secret(Environment.PSE, bytes.fromhex("80A8000002830000"))
    assert mask(bytes.fromhex("80AE400002AABB00")) == "80AE400002****00"


def test_a_session_follows_selects() -> None:
    session = Session()
    session.sent(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
    session.answered(0x611E)
    assert session.environment is Environment.SSSE
    session.sent(bytes.fromhex("00C000001E"))
    assert session.command[1] == 0xA4
    session.sent(bytes.fromhex("00A4040008A000000333010101"))
    session.answered(0x6A82)
    assert session.environment is Environment.SSSE
    session.sent(bytes.fromhex("00A4040008A000000333010101"))
    session.answered(0x9000)
    assert session.environment.value == "pse"
    session.reset()
    assert session.environment.value == "card"


@pytest.mark.parametrize(
    ("command", "name", "shown"),
    [
        ("805E010007123456FF654321", "CHANGE PIN", "805E010007" + "**" * 7),
        ("842400010C" + "A5" * 12, "PIN CHANGE/UNBLOCK", "842400010C" + "**" * 12),
        ("04D6960006A1A201020304", "UPDATE BINARY", "04D6960006A1A201020304"),
        ("841E000104A1A2A3A4", "APPLICATION BLOCK", "841E000104A1A2A3A4"),
    ],
)
def test_basic_commands_of_ssse(command: str, name: str, shown: str) -> None:
    """The names stand in the table; what carries a PIN, in clear or enciphered, is not shown."""
    raw = bytes.fromhex(command)
    assert command_name(Environment.SSSE, raw) == name
    assert masked_hex(Environment.SSSE, raw) == shown


def test_read_binary() -> None:
    """The bytes of a transparent file are named as such."""
    (line,) = explain_answer(Environment.SSSE, bytes.fromhex("00B0960002"), b"\xa1\xa2")
    assert (line.name, line.text) == ("bytes of the file", "A1A2")


@pytest.mark.parametrize(
    ("command", "data", "texts"),
    [
        ("B0280001", "000003E800030100E3F50E75AF7769AD", ["10.00 yuan", "3", "1", "00", "E3F50E75", "AF7769AD"]),
        ("B0280101", "000003E80000000A00000014201400050103E3F50E75",
         ["10.00 yuan", "0.10 yuan", "0.20 yuan", "2014", "5", "1", "03", "E3F50E75"]),
        ("B02A0000", "1C0C692E", ["1C0C692E"]),
        ("B02C0100", "F0B7F9EA01902555", ["F0B7F9EA", "01902555"]),
        ("B0260001", "000003E8", ["10.00 yuan"]),
        ("B0260003", "000003E82014", ["10.00 yuan", "2014"]),
        ("B02E0032", "01902555F0B7F9EA", ["01902555", "F0B7F9EA"]),
        ("B0560100", "0701", ["0701"]),
        ("00B20144", "00053251000000000120140801120001000000640000000A00000000",
         ["5", "medical settlement", "510000000001", "20140801120001", "1.00 yuan", "0.10 yuan", "0.00 yuan"]),
        ("00B20144", "00033151000000000120140801120001000001F4",
         ["3", "account load", "510000000001", "20140801120001", "5.00 yuan"]),
    ],
)  # fmt: skip
def test_medical_answers(command: str, data: str, texts: list[str]) -> None:
    """SSC part 5 tables 52 to 77, V2 table 9: each field of the medical answers and of the log has its name."""
    lines = explain_answer(Environment.SSSE, bytes.fromhex(command), bytes.fromhex(data))
    assert [line.text for line in lines] == texts
    assert all(line.name for line in lines)
    assert b"".join(line.value for line in lines) == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("command", "data"), [("B0260001", "000003"), ("80260001", "000003E8"), ("00B20144", "0103333435")]
)
def test_what_is_no_medical_answer(command: str, data: str) -> None:
    """Another length, another class, a record that is a TLV: no field is made up."""
    lines = explain_answer(Environment.SSSE, bytes.fromhex(command), bytes.fromhex(data))
    assert len(lines) == 1
    assert lines[0].name not in ("balance", "transaction sequence")


def test_medical_commands_have_their_names() -> None:
    """Commands that share CLA INS are told apart by P1."""
    names = {
        text: command_name(Environment.SSSE, bytes.fromhex(text))
        for text in ("B0280001", "B0280101", "B0560000", "B0560100")
    }
    assert list(names.values()) == [
        "INITIALIZE FOR LOAD", "INITIALIZE FOR PURCHASE", "UPDATE STARTING DAY", "GET STARTING DAY",
    ]  # fmt: skip


def test_issuer_response() -> None:
    """Vectors 156 and 157: what a bank sends back, with the names of its script commands; no new PIN is shown."""
    load = "910A1122334455667788303072189F180400000001860F04DA9F790A0000000002007C0DE18C"
    lines = [(line.depth, line.tag, line.text) for line in explain_ber(bytes.fromhex(load))]
    assert lines == [
        (0, "91", "ARPC 1122334455667788, response code 00"),
        (0, "72", ""),
        (1, "9F18", "00000001"),
        (1, "86", "PUT DATA: 04DA9F790A0000000002007C0DE18C"),
    ]
    change = explain_ber(bytes.fromhex("711B86198424000114F08967D53F3A7EE980013802BB2B6140EFA7033A"))
    assert [line.text for line in change] == ["", "PIN CHANGE/UNBLOCK: 8424000114" + "**" * 20]
    assert value_text(0x86, b"\x03") == "03"
    assert value_text(0x91, b"12345678") == "3132333435363738"


@pytest.mark.parametrize(
    ("command", "name", "words"),
    [
        ("841E0000046F200943", "APPLICATION BLOCK", "not a moment for issuer scripts"),
        ("8418000004DD9266B2", "APPLICATION UNBLOCK", "not a moment for issuer scripts"),
        ("84160000043D199A33", "CARD BLOCK", "not a moment for issuer scripts"),
        ("8424000004D6B8025E", "PIN CHANGE/UNBLOCK", "no offline PIN"),
        ("04DA9F790A000000010000CFEC6313", "PUT DATA", "not a moment for issuer scripts"),
        ("04DC020C0A70049F620100C486FC9D", "UPDATE RECORD", "not a moment for issuer scripts"),
    ],
)
def test_script_commands(command: str, name: str, words: str) -> None:
    """Each has its name, and 6985 and 6988 their causes."""
    raw = bytes.fromhex(command)
    assert command_name(Environment.PSE, raw) == name
    assert words in " ".join(causes(Environment.PSE, raw, 0x6985))
    assert "MAC" in " ".join(causes(Environment.PSE, raw, 0x6988))
    assert causes(Environment.PSE, raw, 0x9000) == ()
    assert causes(Environment.PSE, raw[:3], 0x6985) == ()
