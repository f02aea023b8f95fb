"""UPDATE RECORD (SSC part 5 §6.13)."""

import pytest

from cardsim.cos.files import FileType
from tests.cards import Bench, apdu
from tests.ssse.shop import key, shop

RECORDS = ("2A0111", "40022101", "40022202", "40022303")
ALL = "00B2010500"


@pytest.fixture
def bench() -> Bench:
    """An issued SSSE with EF15 (tags 2A, 40, 40, 40), write right granted; EF15 selected."""
    made = shop()
    assert made.key_file() == made.ef("EF15", 60, write=key(4)) == "9000"
    made.external(4)
    for number, record in enumerate(RECORDS, 1):
        assert made.append(0x15, number, record) == "9000"
    assert made.end() == "9000"
    made.root()
    assert made.auth(4) == "9000"
    made.bench.select_fid("EF15", "02")
    return made.bench


@pytest.fixture
def issued(either: Bench) -> Bench:
    """The demo card with UKSSSE authenticated and EF05 selected."""
    either.ssse()
    assert either.authenticate(either.key("UKSSSE"), 4) == "9000"
    either.select_fid("EF05", "02")
    return either


class TestByNumber:
    """Mode 100."""

    def test_replace(self, issued: Bench) -> None:
        """SSC5-6.13-01: the record is replaced, the others and their numbers stay."""
        before = [issued.x(f"00B2{n:02X}0400") for n in range(1, 8)]
        assert issued.x("00DC0304060304322E3031") == "9000"
        after = [issued.x(f"00B2{n:02X}0400") for n in range(1, 8)]
        assert after[2] == "0304322E30319000"
        assert before[:2] + before[3:] == after[:2] + after[3:]

    def test_append(self, bench: Bench) -> None:
        """SSC5-6.13-02, SSC5-6.13-03: number = count + 1 appends, a gap is 6A83."""
        assert bench.x("00DC060403A10155") == "6A83"
        assert bench.x("00DC050403A10155") == "9000"
        assert bench.x("00B2050400") == "A101559000"
        assert bench.x(ALL) == "".join(RECORDS) + "A101559000"

    def test_order_of_creation(self, bench: Bench) -> None:
        """SSC3-5.3.1-16: positions follow the order of appending, not of tags."""
        for number, tag in enumerate(("A3", "A1", "A2"), 5):
            assert bench.x(f"00DC{number:02X}0403{tag}0155") == "9000"
        bench.x("00B22A0000")
        found = [bench.x("00B2000200")[:2] for _ in range(7)]
        assert found == ["40", "40", "40", "A3", "A1", "A2", "6A"]

    def test_current_record(self, bench: Bench) -> None:
        """SSC5-6.13-10, SSC5-6.13-11: P1 00 is the current record and stays it."""
        assert bench.x("00DC00040440029999") == "6A83"
        bench.x("00B2400000")
        assert bench.x("00DC00040440029999") == "9000"
        assert bench.x("00B2020400") == bench.x("00B2000400") == "400299999000"

    def test_pointer_stays(self, bench: Bench) -> None:
        """SSC5-6.13-12: a number does not move the pointer."""
        bench.x("00B2400000")
        assert bench.x("00DC04040440029999") == "9000"
        assert bench.x("00B2000200") == RECORDS[2] + "9000"

    @pytest.mark.parametrize("record", ["2A00", "2A03112233", "2A0A" + "44" * 10])
    def test_other_length(self, bench: Bench, record: str) -> None:
        """SSC5-6.13-17: shorter or longer, the following records are intact."""
        assert bench.x(f"00DC0104{len(record) // 2:02X}{record}") == "9000"
        assert bench.x(ALL) == record + "".join(RECORDS[1:]) + "9000"
        bench.power_on()
        bench.ssse()
        assert bench.x("00B201AD00") == record + "".join(RECORDS[1:]) + "9000"

    def test_sfi(self, issued: Bench) -> None:
        """SSC5-6.13-18: the SFI makes the EF current."""
        issued.ssse()
        assert issued.x("00DC0304060304322E3033") == "6986"  # SSC5-6.13-26
        assert issued.x("00DC032C060304322E3033") == "9000"
        assert issued.x("00B2030406") == "0304322E30339000"


class TestByTag:
    """Modes 000 to 011."""

    @pytest.mark.parametrize(("mode", "number"), [(0, 2), (1, 4)])
    def test_first_and_last(self, bench: Bench, mode: int, number: int) -> None:
        """SSC5-6.13-05, SSC5-6.13-06: the first or the last record of that tag, and no other."""
        assert bench.x(f"00DC40{mode:02X}0440029999") == "9000"
        expected = [*RECORDS]
        expected[number - 1] = "40029999"
        assert bench.x(ALL) == "".join(expected) + "9000"
        assert bench.x("00B2000400") == "400299999000"

    def test_next_and_previous(self, bench: Bench) -> None:
        """SSC5-6.13-07, SSC5-6.13-08, SSC5-6.13-09, C-47: relative to the pointer; none left is 6A83."""
        bench.x("00B2400000")
        assert bench.x("00DC40020440029999") == "9000"
        assert bench.x("00B2030400") == "400299999000"
        bench.x("00B2400100")
        assert bench.x("00DC40020440028888") == "6A83"
        assert bench.x("00DC40030440028888") == "9000"
        assert bench.x(ALL) == RECORDS[0] + RECORDS[1] + "40028888" + RECORDS[3] + "9000"

    @pytest.mark.parametrize("mode", range(4))
    def test_append(self, bench: Bench, mode: int) -> None:
        """SSC5-6.13-04, C-47: a tag that no record carries is appended."""
        assert bench.x(f"00DCA2{mode:02X}03A20166") == "9000"
        assert bench.x("00B2A20003") == bench.x("00B2050400") == bench.x("00B2000400") == "A201669000"

    def test_other_tag_in_the_data(self, bench: Bench) -> None:
        """SSC5-6.13-20: the data carry the tag that P1 names: 6A85."""
        assert bench.x("00DC40000441029999") == "6A85"
        assert bench.x("00DCA20003A30166") == "6A85"
        assert bench.x(ALL) == "".join(RECORDS) + "9000"


class TestRefusals:
    """Each refusal changes nothing."""

    @pytest.mark.parametrize(
        ("command", "word"),
        [
            ("00DC030400", "6700"),  # SSC5-6.13-22
            ("00DC0304", "6700"),
            ("00DC0104032A0211", "6A85"),  # SSC5-6.13-31
            ("00DC0104042A011100", "6A85"),
            ("00DC0104012A", "6A85"),
            ("00DC0105032A0111", "6A86"),  # SSC5-6.13-19, 32
            ("00DC0106032A0111", "6A86"),
            ("00DC0107032A0111", "6A86"),
            ("00DCFF04032A0111", "6A86"),
            ("00DC01FC032A0111", "6A86"),
            ("00DC01EC03A10155", "6A82"),  # SSC5-6.13-28
            ("00DC50000331" + "0155", "6A85"),
            ("00DC05042AA128" + "55" * 40, "6A84"),  # SSC5-6.13-30
            ("04DC0104072A011100000000", "6A88"),  # this environment has no STK
        ],
    )
    def test_words(self, bench: Bench, command: str, word: str) -> None:
        """SSC5-6.13-19, 22, 28, 30, 31, 32, C-15, C-48: each refusal by its status word."""
        before = bench.cells
        assert bench.x(command) == word
        assert bench.cells == before

    def test_rights(self, either: Bench) -> None:
        """SSC5-6.13-24: 6982 without the key, judged before the record."""
        either.ssse()
        before = either.cells
        assert either.all("00DC032C060304322E3033", "00DC632C060304322E3033", "00DC082C03A10155") == ["6982"] * 3
        assert either.cells == before

    def test_fixed_length(self) -> None:
        """SSC5-6.13-16, C-48: a fixed file takes TLVs of its length alone: 6A85."""
        made = shop()
        made.ef("EF06", 0x0304, FileType.LINEAR_FIXED)
        assert made.append(6, 1, "A1021122") == "9000"
        assert made.append(6, 2, "A10111") == made.append(6, 2, "A103112233") == "6A85"
        assert made.bench.x("00DC013404A1023344") == "9000"
        assert made.bench.x("00B2013400") == "A10233449000"

    def test_more_than_a_transaction_holds(self) -> None:
        """SSC5-6.13-30: a record of another length moves all that is behind it; too much of that is 6A84, not 6581."""
        made = shop()
        assert made.ef("EF0C", 3000) == "9000"
        for number in range(1, 11):
            assert made.append(0x0C, number, f"A0F8{number * 17:02X}" + "11" * 0xF7) == "9000"
        assert made.end() == "9000"
        before = made.bench.cells
        for length in (0xF7, 0xF9):
            assert made.bench.x(apdu("00DC0164", f"A0{length:02X}" + "22" * length)) == "6A84"
        assert made.bench.cells == before
        assert made.bench.x(apdu("00DC0464", "A0F9" + "22" * 0xF9)) == "9000"
        assert made.bench.x("00B2056400")[:6] == "A0F855"

    def test_after_the_last_possible_record(self) -> None:
        """SSC3-5.3-01: numbers run to FE."""
        made = shop(pages=64)
        assert made.ef("EF05", 1000) == "9000"
        words = [made.append(5, number, "A100") for number in range(1, 0xFF)]
        assert set(words) == {"9000"}
        assert made.append(5, 0xFF, "A100") == "6A86"
        assert made.bench.x("00DCA20002A200") == "6A84"
        assert made.bench.x("00DCA22802A200") == "6A84"
        assert made.bench.x("00B2FE2C00") == "A1009000"
