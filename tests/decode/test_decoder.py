"""A session in words: what commands name, their data fields, data object lists, secrets, states."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.cos.table import Command
from cardsim.decode import Environment
from cardsim.decode.commands import rows_of
from cardsim.decode.decoder import Decoded, Decoder, place_in_words, state_in_words
from cardsim.decode.layout import take_apart
from cardsim.decode.names import file_in_words, files_of, key_in_words, structure
from cardsim.decode.observed import Observed, Stage
from cardsim.iso7816.tlv import ber
from tests.cards import AID, PIN, Bench, card
from tests.cos.test_random import TRANSACTION
from tests.psam.desk import psam

LOCATOR = ((1, 2), (2, 5), (3, 2))
RECORDS = [f"00B20{number}{sfi << 3 | 4:02X}00" for sfi, last in LOCATOR for number in range(1, last + 1)]
"""READ RECORD of all that the application's file locator names."""


def decoded(log: list[tuple[bytes, bytes]], home: Environment = Environment.CARD) -> list[Decoded]:
    """A whole session."""
    decoder = Decoder(home)
    decoder.reset()
    return [decoder.exchange(command, answer) for command, answer in log]


def session(bench: Bench, *apdus: str) -> list[Decoded]:
    """The exchanges of some commands in words, those of the bench's reader included."""
    bench.log.clear()
    bench.power_on()
    for apdu in apdus:
        bench.x(apdu)
    return decoded(bench.log)


def lines(one: Decoded) -> list[str]:
    """Command data and answer, as name: text."""
    return [f"{line.name}: {line.text}" for line in (*one.request, *one.items)]


def test_social_session() -> None:
    bench = card()
    bench.log.clear()
    bench.ssse()
    bench.verify()
    bench.authenticate(bench.key("RKSSSE"), 0x0A)
    bench.all("00A4020002EF06", "00B2020400", "00A4000002DF01", "00B2012C00")
    all_ = decoded(bench.log)
    words = [f"{one.name} {one.parameters}".strip() for one in all_]
    assert words == [
        "SELECT SSSE", "GET RESPONSE", "VERIFY", "GET CHALLENGE", "EXTERNAL AUTHENTICATE RKSSSE",
        "SELECT EF06 holder 持卡人基本信息", *["READ RECORD record 2 of EF06 holder 持卡人基本信息 (current)"] * 2,
        "SELECT DF01 公共应用信息区", "GET RESPONSE", *["READ RECORD record 1 of EF05 household 户籍"] * 2,
    ]  # fmt: skip
    assert all_[1].fetches == "SELECT"
    assert "DF name: 7378312E73682EC9E7BBE1B1A3D5CF (sx1.sh.社会保障)" in lines(all_[1])
    assert lines(all_[4])[1] == "original data: 4F524947494E414C"
    assert lines(all_[7]) == ["name: 张三"]
    assert state_in_words(all_[4].after) == "SSSE; proved RKSSSE; PIN verified"
    assert place_in_words(all_[-1].before) == "SSSE/DF01"
    assert all_[-2].meaning.startswith("6C")


def test_payment_session() -> None:
    """The values of PDOL and CDOL1 are taken apart by the lists that this card has shown."""
    *before, generate = TRANSACTION
    all_ = session(card(), *before[:-1], *RECORDS, generate)
    options = next(one for one in all_ if one.name == "GET PROCESSING OPTIONS")
    assert lines(options) == [
        "electronic cash wanted: 0", "amount: 10.00 yuan", "transaction currency: 0156 (yuan (CNY))",
    ]  # fmt: skip
    cryptogram = next(one for one in all_ if one.name == "GENERATE AC")
    assert cryptogram.parameters == "ARQC (go online) asked for"
    assert lines(cryptogram)[0] == "amount: 10.00 yuan"
    assert lines(cryptogram)[-1] == "merchant name: TEST MERCHANT"
    assert all_[-1].after.stage is Stage.ONLINE
    assert "cryptogram information: ARQC (go online)" in lines(all_[-1])


def test_another_application_has_other_lists() -> None:
    """What one application has asked for says nothing of the next one's data."""
    select_pse, _, select, options, *_ = TRANSACTION
    all_ = session(card(), select, options, select_pse, options)
    assert [one.request[0].name for one in all_ if one.name == "GET PROCESSING OPTIONS"] == [
        "electronic cash wanted", "data",
    ]  # fmt: skip


def test_log_record() -> None:
    """A record of the log has no tags: its format came with GET DATA 9F4F."""
    proprietary = ber(0xA5, ber(0x9F38, b"\x9f\x02\x06") + ber(0xBF0C, ber(0x9F4D, b"\x0b\x0a")))
    fci = ber(0x6F, ber(0x84, bytes.fromhex(AID)) + proprietary)
    log_format = ber(0x9F4F, bytes.fromhex("9A039F02069C01"))
    decoder = Decoder()
    decoder.reset()
    decoder.exchange(bytes.fromhex(f"00A4040008{AID}"), fci + b"\x90\x00")
    decoder.exchange(bytes.fromhex("80CA9F4F00"), log_format + b"\x90\x00")
    found = decoder.exchange(bytes.fromhex("00B2015C00"), bytes.fromhex("240102" + "000000001234" + "00" + "9000"))
    assert [line.text for line in found.items] == ["2024-01-02", "12.34 yuan", "00 (purchase)"]


def test_medical_commands() -> None:
    all_ = session(
        card(), "00A4040006D15600000503", "0020000003123456", "B02801011301000000000000000000000064123456789012",
        "B026000104", "00B2014400",
    )  # fmt: skip
    begun = next(one for one in all_ if one.name == "INITIALIZE FOR PURCHASE")
    assert lines(begun) == [
        "key index: 01", "amount from the account: 0.00 yuan", "paid by the holder: 0.00 yuan",
        "from the pool: 1.00 yuan", "terminal number: 123456789012",
    ]  # fmt: skip
    assert begun.after.stage is Stage.PURCHASE
    assert all_[-1].parameters == "record 1 of EF08 medical transactions 医疗交易明细"


def test_psam() -> None:
    desk = psam()
    desk.enter()
    desk.authenticate(1)
    desk.deliver(0x47, 0x0A, "1122334455667788", "1122334455667788")
    desk.x("80FA000008" + "11" * 8)
    all_ = decoded(desk.log, Environment.PSAM)
    named = {one.name: one for one in all_}
    assert named["EXTERNAL AUTHENTICATE"].parameters == "national key"
    assert named["DELIVERY SESSION KEY"].parameters == "RKSSSE"
    assert [line.name for line in named["DELIVERY SESSION KEY"].request] == ["factors of card", "city", "random number"]
    assert named["CIPHER DATA"].command == "80FA000008" + "**" * 8
    assert {place_in_words(one.after) for one in all_} >= {"PSAM", "PSAM/DF01"}


class TestSecrets:
    def test_pin(self) -> None:
        """A PIN stands in no line, in no value and in no hex."""
        one = session(card(), "00A404000F7378312E73682EC9E7BBE1B1A3D5CF", f"0020000003{PIN}")[-1]
        assert one.command == "0020000003******"
        assert lines(one) == ["data, 3 bytes: (not shown)"]
        assert PIN not in repr(one)

    def test_shown_on_demand(self) -> None:
        decoder = Decoder(show_secrets=True)
        decoder.reset()
        assert decoder.exchange(bytes.fromhex(f"0020000003{PIN}"), b"\x90\x00").command.endswith(PIN)

    def test_key_in_clear(self) -> None:
        """ACTIVATE brings the transport key in clear: names and lengths alone are shown."""
        one = decoded([(bytes.fromhex("80F0000013" + "5A" * 19), b"\x90\x00")])[0]
        assert [line.name for line in one.request] == [
            "transport key, 16 bytes", "try limit, 1 bytes", "profile switches, 2 bytes",
        ]  # fmt: skip
        assert "5A" * 16 not in repr(one)
        assert repr(b"\x5a" * 16)[2:-1] not in repr(one)

    def test_bytes_that_a_record_does_not_have(self) -> None:
        """`**` in a record: shown as they are, and their field is not explained from the zeros that stand for them."""
        decoder = Decoder()
        decoder.reset()
        one = decoder.exchange(bytes.fromhex("0082000A10" + "00" * 16), b"\x90\x00", "0082000A10" + "**" * 16)
        assert one.command == "0082000A10" + "**" * 16
        assert {line.text for line in one.request} == {"(not shown)"}
        assert one.after.proved == frozenset({0x0A})


class TestLayout:
    """The words of the tables as layouts."""

    @pytest.mark.parametrize(
        ("words", "data", "found"),
        [
            ("key index (1), amount (4)", "0100000064", [("key index", "01"), ("amount", "00000064")]),
            ("a (2), b (0-2)", "1122", [("a", "1122")]),
            ("a (2), b (0-2)", "112233", [("a", "1122"), ("b", "33")]),
            ("a (2), b (0-2)", "11", []),
            ("a, b, c (2 each)", "112233445566", [("a", "1122"), ("b", "3344"), ("c", "5566")]),
            ("a, b (2 each, as many as there are), c (1)", "112233", [("a", "1122"), ("c", "33")]),
            ("value, MAC (4)", "AABBCCDDEEFF", [("value", "AABB"), ("MAC", "CCDDEEFF")]),
            ("enciphered: use, value; MAC (4)", "AACCDDEEFF", [("enciphered: use, value", "AA"), ("MAC", "CCDDEEFF")]),
            ("x: 38, a (1) · y: 39, b (1)", "3907", [("39", "39"), ("b", "07")]),
            ("one thing, another thing", "1122", []),
            ("PIN (2-8), or nothing", "1234", []),
        ],
    )
    def test_words(self, words: str, data: str, found: list[tuple[str, str]]) -> None:
        fields = take_apart(words, bytes.fromhex(data))
        assert [(field.name, field.value.hex().upper()) for field in fields] == found

    def test_fields_are_the_data(self) -> None:
        """For each row and each length that it allows, the fields are all of the data or there are none."""
        rows: set[Command] = {row for where in Environment for rows in rows_of(where).values() for row in rows}
        apart = 0
        for row in rows:
            for length in row.lc:
                data = random.Random(length).randbytes(length)
                fields = take_apart(row.data, data)
                assert b"".join(field.value for field in fields) in (b"", data), (row.name, length)
                apart += bool(fields)
        assert apart > 500


class TestNames:
    def test_keys_by_level(self) -> None:
        df01 = structure().names[0xDF01]
        assert key_in_words(Environment.SSSE, b"", 0x0A) == "RKSSSE"
        assert key_in_words(Environment.SSSE, df01, 0x88) == "RK1DF01"
        assert key_in_words(Environment.SSSE, df01, 0x8F) == "key 8F"
        assert key_in_words(Environment.SSSE, b"", 0x00) == "master key"

    def test_every_file_of_the_structure_has_a_title(self) -> None:
        """No file of the newest structure is nameless, and no title names a file that is not there."""
        from cardsim.making.structure import load_structure

        newest = load_structure("ssse-3.0", {"annex_b": "yes"})
        files = {(plan.df, plan.fid) for plan in newest.files if plan.sfi}
        dfs = {df.fid: df.name for df in newest.dfs}
        for df, fid in files:
            if df in structure().names:
                words = file_in_words(Environment.SSSE, dfs[df], fid)
                assert len(words.split()) > 2, (words, hex(df))
        known = {(df, fid) for df, name in structure().names.items() for fid in files_of(Environment.SSSE, name)}
        assert known - files == {(0xDDF1, 0xEF1E)}


LOGS = st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=40)))


@given(st.sampled_from([Environment.CARD, Environment.PSAM]), LOGS)
def test_nothing_is_too_odd(home: Environment, log: list[tuple[bytes, bytes]]) -> None:
    decoder = Decoder(home)
    for command, answer in log:
        one = decoder.exchange(command, answer)
        assert one.meaning
        assert state_in_words(one.after)


def test_states() -> None:
    assert state_in_words(Observed()) == "off"
    assert state_in_words(Observed(True)) == "MF"
