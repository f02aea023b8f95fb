"""T=0 semantics: the four cases, 61xx, 6Cxx, GET RESPONSE; direct answers; a total parser; ATR."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardsim.cos.record import Switch
from tests.cards import HISTORICAL, PSE_NAME, SSSE_NAME, Bench, blank, card, virgin

SELECT_SSSE = "00A404000F" + SSSE_NAME
FCI_SM4 = "6F1C840F" + SSSE_NAME + "A50988011E9F0C03860103"
EF05_1 = "011051990"
AUTHENTICATE = "0088000010" + "11" * 16


@pytest.fixture
def plain() -> Bench:
    """The demo card in a reader that follows nothing."""
    bench = card()
    bench.follow = False
    return bench


@pytest.fixture
def social(plain: Bench) -> Bench:
    """The same with SSSE selected and nothing pending."""
    plain.x(SELECT_SSSE)
    plain.x("00C000001E")
    return plain


class TestAtr:
    """ATR 3B6D0000 and the historical bytes."""

    def test_of_the_demo_card(self, bench: Bench) -> None:
        """PERSO-008, PERSO-009, PERSO-010: 3B 6D 00 00 and thirteen historical bytes, no TCK."""
        assert bench.power_on() == "3B6D0000" + "00814A444686605199000001AC" == "3B6D0000" + HISTORICAL.hex().upper()

    @pytest.mark.parametrize("count", range(16))
    def test_number_of_historical_bytes(self, count: int) -> None:
        """PERSO-009: 0 to 15 historical bytes, and the low nibble of T0 follows."""
        chip = virgin()
        assert chip.power_on() == "3B600000"
        historical = bytes(range(count)).hex().upper()
        assert chip.x(f"80F00000{19 + count:02X}" + "11" * 16 + "030000" + historical) == "9000"
        assert chip.power_on() == f"3B{0x60 | count:02X}0000" + historical

    def test_more_than_fifteen(self) -> None:
        """PERSO-009: sixteen do not fit into an ATR."""
        chip = virgin()
        assert chip.x("80F0000023" + "11" * 16 + "030000" + "00" * 16) == "6700"
        assert chip.power_on() == "3B600000"

    def test_unpowered_card_is_mute(self, bench: Bench) -> None:
        """Without power there is no answer."""
        bench.model.power_off()
        assert bench.raw(bytes.fromhex(SELECT_SSSE)) == b""


class TestCases:
    """Case 1 to 4 on T=0."""

    def test_case_1(self, social: Bench) -> None:
        """T0-023, T0-024, C-45, D17: P3=00 is Lc=0 of VERIFY, and Le=256 of READ RECORD."""
        assert social.x("0020000000") == "63C6"
        assert social.x("00200000") == "63C6"
        assert social.x("00B2012C00") == "6C12"
        assert social.x("00B2012C") == "6C12"

    def test_case_2(self, social: Bench) -> None:
        """T0-025, T0-027, SSC2-9.3.2.1-02: Le is P3; if it fits, data and status come at once."""
        assert len(social.x("0084000008")) == 20
        assert social.sw == "9000"
        assert social.x("00B2012C12").startswith("0110")
        assert social.sw == "9000"

    @pytest.mark.parametrize("le", ["00", "05", "11", "13", "20", "FF"])
    def test_case_2_wrong_length(self, social: Bench, le: str) -> None:
        """T0-026, T0-042, SSC2-9.3.2.1-01, SSC5-6.10-02, SSC5-6.10-11, SSC5-6.10-19, C-05: 6Cxx, no data."""
        assert social.x("00B2012C" + le) == "6C12"

    def test_case_3(self, social: Bench) -> None:
        """T0-040: no response data, 9000; a trailing Le changes nothing."""
        assert social.x("0020000003123456") == "9000"
        assert social.x("002000000312345600") == "9000"
        assert social.x("00C0000000") == "6F00"

    def test_case_4(self, plain: Bench) -> None:
        """T0-030, T0-031, SSC2-9.3.1.4-01: 61xx and never 9000; GET RESPONSE fetches the data."""
        assert plain.x(SELECT_SSSE) == "611E"
        assert plain.x("00C000001E") == FCI_SM4 + "9000"

    @pytest.mark.parametrize("le", ["00", "08", "1E", "FF"])
    def test_case_4_with_le(self, plain: Bench, le: str) -> None:
        """SSC2-9.3.1.4-01: with a trailing Le the answer is the same."""
        assert plain.x(SELECT_SSSE + le) == "611E"
        assert plain.x("00C000001E") == FCI_SM4 + "9000"

    def test_internal_authenticate(self, social: Bench) -> None:
        """T0-054: 6108."""
        assert social.x(AUTHENTICATE) == "6108"
        assert social.x(AUTHENTICATE + "08") == "6108"

    def test_failing_cases(self, social: Bench) -> None:
        """T0-032, SSC2-9.3.2-01: errors come instead of 61xx and 6Cxx, and hide the length of protected records."""
        assert social.x("0088000008" + "11" * 8) == "6700"
        assert social.x("00B2013400") == "6982"
        assert social.x("00B2013401") == "6982"

    def test_select_of_an_ef_has_no_61(self, social: Bench) -> None:
        """SSC5-6.11-05: a case 4 command without data ends with 9000."""
        assert social.x("00A4020002EF05") == "9000"
        assert social.x("00C0000000") == "6F00"

    def test_single_execution(self, social: Bench) -> None:
        """SSC2-9.3.1-01, D13: 6Cxx has not run: the pointer moves once."""
        social.x("00A4020002EF05")
        social.x("00B2020003")
        assert social.data == "020133"
        assert social.x("00B2000200") == "6C06"
        assert social.x("00B2000206").startswith("0304")

    def test_get_response_changes_no_state(self, social: Bench) -> None:
        """SSC2-9.3.1-02: a challenge survives INTERNAL AUTHENTICATE and its GET RESPONSE."""
        challenge = social.challenge()
        assert social.x(AUTHENTICATE) == "6108"
        first = social.x("00C0000008")
        assert social.prove(social.key("RKSSSE"), 0x0A, challenge) == "9000"
        social.x(AUTHENTICATE)
        assert social.x("00C0000008") == first


class TestGetResponse:
    """GET RESPONSE (SSC part 5 §6.6; C-06)."""

    def test_all_at_once(self, plain: Bench) -> None:
        """SSC5-6.6-01, T0-044: the pending data, once."""
        plain.x(SELECT_SSSE)
        assert plain.x("00C000001E") == FCI_SM4 + "9000"
        assert plain.x("00C000001E") == "6F00"

    def test_in_parts(self, plain: Bench) -> None:
        """SSC5-6.6-02, T0-048: fewer bytes than pending, and 61 with the rest."""
        plain.x(SELECT_SSSE)
        assert plain.x("00C0000010") == FCI_SM4[:32] + "610E"
        assert plain.x("00C0000001") == FCI_SM4[32:34] + "610D"
        assert plain.x("00C000000D") == FCI_SM4[34:] + "9000"
        assert plain.x("00C000000D") == "6F00"

    def test_too_long(self, plain: Bench) -> None:
        """SSC5-6.6-03, SSC5-6.6-07, T0-046, T0-049: Le 00 or too long is 6Cxx, and the data stay."""
        plain.x(SELECT_SSSE)
        for le in ("00", "1F", "FF"):
            assert plain.x("00C00000" + le) == "6C1E"
        assert plain.x("00C0000010")[-4:] == "610E"
        assert plain.x("00C0000010") == "6C0E"
        assert plain.x("00C000000E") == FCI_SM4[32:] + "9000"

    @pytest.mark.parametrize("le", ["00", "08"])
    def test_nothing_pending(self, social: Bench, le: str) -> None:
        """SSC5-6.6-04, SSC5-6.6-05, SSC2-9.3.3-01, T0-047, T0-050: 6F00, also straight after a reset."""
        assert social.x("00C00000" + le) == "6F00"
        social.power_on()
        assert social.x("00C00000" + le) == "6F00"

    @pytest.mark.parametrize(
        "between", ["0084000008", "00FF000000", "C0", "", "80C0000008", "00B2012C00", "00A4020002EF99"]
    )
    def test_lost_with_another_command(self, plain: Bench, between: str) -> None:
        """SSC5-6.6-06, T0-051, D18: any other command, right or wrong, ends the pending data."""
        plain.x(SELECT_SSSE)
        plain.x(between)
        assert plain.x("00C000001E") == "6F00"

    def test_parameters_and_class(self, plain: Bench) -> None:
        """SSC5-6.6-08, T0-045, T0-052: P1 P2 other than 0000 is 6A86 and the data stay; another class is 6E00."""
        plain.x(SELECT_SSSE)
        assert plain.x("00C001001E") == plain.x("00C000011E") == "6A86"
        assert plain.x("00C000001E")[-4:] == "9000"
        assert plain.x("80C0000008") == "6E00"

    def test_reset_ends_them(self, plain: Bench) -> None:
        """Pending data are volatile."""
        plain.x(SELECT_SSSE)
        plain.power_on()
        assert plain.x("00C000001E") == "6F00"


class TestDirect:
    """Switch for direct answers, as on T=1 and contactless."""

    @pytest.fixture
    def direct(self) -> Bench:
        bench = card(switches=Switch.DIRECT_ANSWERS)
        bench.follow = False
        return bench

    def test_select(self, direct: Bench) -> None:
        """T0-055: FCI and 9000 in one answer, with and without Le; Le shortens."""
        assert direct.x(SELECT_SSSE) == direct.x(SELECT_SSSE + "00") == FCI_SM4 + "9000"
        assert direct.x(SELECT_SSSE + "10") == FCI_SM4[:32] + "9000"
        assert direct.x("00C0000000") == "6F00"

    def test_records(self, direct: Bench) -> None:
        """SSC5-6.10-11, C-05: Le 00 gives the record, a smaller Le its beginning, a larger one all of it."""
        direct.x(SELECT_SSSE)
        record = direct.x("00B2012C00")
        assert record.startswith("0110")
        assert len(record) == 40
        assert direct.x("00B2012C05") == record[:10] + "9000"
        assert direct.x("00B2012CFF") == record
        assert len(direct.x(AUTHENTICATE)) == 20
        assert direct.x("00B2012CFF"[:8]) == record

    def test_challenge_and_status(self, direct: Bench) -> None:
        """SSC5-6.5-08: lengths that a row fixes stay errors; GET STATUS comes at once."""
        assert direct.x("80F2000000").startswith("70")
        assert direct.sw == "9000"
        direct.x(SELECT_SSSE)
        assert direct.x("0084000005") == "6700"
        assert direct.x("00B2013400") == "6982"

    def test_pse(self, direct: Bench) -> None:
        """The switch is the card's: PSE answers directly too."""
        assert direct.x("00A404000E" + PSE_NAME)[-4:] == "9000"
        assert direct.x("00B2010C00")[:2] == "70"


class TestParser:
    """Any byte string is a command or a precise refusal; CLA, INS, P1P2 before length (D17)."""

    @pytest.mark.parametrize("command", ["", "00", "00A4", "00A404", "FFFFFF"])
    def test_no_header(self, social: Bench, command: str) -> None:
        """Fewer than four bytes: 6700."""
        assert social.x(command) == "6700"

    @pytest.mark.parametrize(
        ("command", "word"),
        [
            ("C0A404000F" + SSSE_NAME, "6E00"),  # SSC5-5.4-01
            ("000C000000", "6D00"),  # SSC5-5.4-02
            ("00B3010400", "6D00"),  # SSC2-9.4.1-01
            ("0060000000", "6D00"),
            ("0090000000", "6D00"),
            ("FF84000008", "6E00"),
            ("FF00000000", "6E00"),
            ("B028000000", "6E00"),
            ("80A8000002830000", "6D00"),  # SCHEME-011: no finance commands here
            ("80AE400000", "6D00"),
            ("00DD0000FF", "6D00"),
            ("C0A4FFFF99", "6E00"),  # class before parameters and length
            ("00A4FF0099", "6A86"),  # parameters before length
            ("0020010001", "6A86"),
            ("0020000009" + "11" * 9, "6700"),
            ("002000000412", "6700"),  # Lc beyond the data
            ("00200000031234567890", "6700"),  # two bytes too many
            ("00B2012C1200", "6700"),  # case 2 with data
            ("00B2012C021234", "6700"),
            ("00A4040000", "6700"),
            ("00A404000000", "6700"),
            ("800A000003", "6700"),
            ("800A000000", "6985"),  # state after all of these
            ("800A000100", "6A86"),
        ],
    )
    def test_order_of_checks(self, social: Bench, command: str, word: str) -> None:
        """SSC5-5.4-01, SSC5-5.4-02, SSC2-9.4.1-01, T0-021, T0-022, SCHEME-011, D17."""
        assert social.x(command) == word

    @pytest.mark.parametrize(
        "command",
        ["8016000004", "80820000", "8082000A10", "8084000008", "80C0000008", "8088000010", "80B2010412",
         "80A4040006D15600000500", "84DC03040A", "80DC030406", "8020000003123456", "0016000004", "00D4000000",
         "8420000003123456", "00E0EF0500", "000A000000", "04A4000000", "04B2012C00"],
    )  # fmt: skip
    def test_own_class_only(self, social: Bench, command: str) -> None:
        """SSC5-5.4-08: a known instruction in another class is 6E00, and nothing is touched."""
        before = social.cells
        assert social.x(command) == "6E00"
        assert social.cells == before

    def test_declared_status_words_only(self, bench: Bench) -> None:
        """SSC2-9.4.2-01, T0-039: every header, at the MF and in SSSE, gets a status word of a known kind."""
        for place in (False, True):
            if place:
                bench.ssse()
            for cla in (0x00, 0x80, 0x84):
                for ins in range(256):
                    answer = bench.raw(bytes((cla, ins, 0, 0)))
                    assert answer[-2] >> 4 in (6, 9)
                    assert answer[-2] != 0x60


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=270), max_size=6))
def test_any_bytes(commands: list[bytes]) -> None:
    """SCHEME-008, SSC2-9.4.2-01: whatever bytes come, in whatever order, there is an answer of SW1 6x or 9x."""
    for bench in (blank(), card()):
        for command in [bytes.fromhex(SELECT_SSSE), *commands]:
            answer = bench.raw(command)
            assert len(answer) >= 2
            assert answer[-2] >> 4 in (6, 9)
