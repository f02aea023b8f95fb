"""READ RECORD: number and tag modes, and the record pointer (SSC part 3 §5.3, part 5 §6.10)."""

import pytest

from cardsim.cos.files import FileType
from tests.cards import Bench
from tests.ssse.shop import key, shop

RECORDS = ("2A0111", "40022101", "40022202", "40022303")
"""Tags 2A, 40, 40, 40, as in DF01/EF15 of V2."""
OTHERS = ("700101", "710102", "730103")


def file(bench: Bench, mode: int, tag: str = "40") -> str:
    """READ RECORD of the current EF by identifier."""
    return bench.x(f"00B2{tag}{mode:02X}00")


FIRST, LAST, NEXT, PREVIOUS, NUMBER = 0, 1, 2, 3, 4
R1, R2, R3, R4 = (record + "9000" for record in RECORDS)


@pytest.fixture
def bench() -> Bench:
    """SSSE with EF15 (tags 2A, 40, 40, 40), EF07 (70, 71, 73) and a cyclic EF09; EF15 selected."""
    made = shop()
    assert made.ef("EF15") == made.ef("EF07") == made.ef("EF09", 0x0304, FileType.CYCLIC) == "9000"
    for sfi, records in ((0x15, RECORDS), (7, OTHERS)):
        for number, record in enumerate(records, 1):
            assert made.append(sfi, number, record) == "9000"
    assert made.bench.select_fid("EF15", "02") == "9000"
    return made.bench


class TestByTag:
    """Modes 000 to 011 with an identifier."""

    def test_first_and_last(self, bench: Bench) -> None:
        """SSC3-5.3.1-02, SSC3-5.3.1-03: lowest and highest position of the tag."""
        assert file(bench, FIRST) == R2
        assert file(bench, LAST) == R4
        assert file(bench, FIRST, "2A") == file(bench, LAST, "2A") == R1

    def test_next(self, bench: Bench) -> None:
        """SSC3-5.3.1-04, SSC3-5.3.1-05, SSC3-5.3.1-09: without a current record the first; behind the last 6A83."""
        assert [file(bench, NEXT) for _ in range(5)] == [R2, R3, R4, "6A83", "6A83"]
        assert file(bench, PREVIOUS) == R3  # the pointer stood where it was

    def test_previous(self, bench: Bench) -> None:
        """SSC3-5.3.1-06, SSC3-5.3.1-07, SSC3-5.3.1-10: without a current record the last; before the first 6A83."""
        assert [file(bench, PREVIOUS) for _ in range(5)] == [R4, R3, R2, "6A83", "6A83"]
        assert file(bench, NEXT) == R3

    def test_one_pointer(self, bench: Bench) -> None:
        """SSC3-5.3.1-08: the search goes on from the one pointer, whichever tag set it."""
        file(bench, LAST)
        assert file(bench, PREVIOUS, "2A") == R1
        assert file(bench, NEXT) == R2

    def test_any_tag(self, bench: Bench) -> None:
        """SSC3-5.3.1-11 to 14, C-43: identifier 00 steps through all records."""
        assert [file(bench, NEXT, "00") for _ in range(5)] == [R1, R2, R3, R4, "6A83"]
        assert [file(bench, PREVIOUS, "00") for _ in range(4)] == [R3, R2, R1, "6A83"]
        assert file(bench, LAST, "00") == R4
        assert file(bench, FIRST, "00") == R1

    def test_unknown_tag(self, bench: Bench) -> None:
        """SSC3-5.3.1-15, SSC5-6.10-17: 6A83; the pointer stays."""
        file(bench, FIRST)
        assert [file(bench, mode, "55") for mode in range(4)] == ["6A83"] * 4
        assert file(bench, NEXT) == R3

    def test_tags_are_bytes(self) -> None:
        """SSC3-5.3.1-01, C-08: 1F, 3F, 5F, 7F, DF are one-byte tags."""
        made = shop()
        made.ef("EF05")
        for number, tag in enumerate(("1F", "3F", "5F", "7F", "DF", "FE"), 1):
            assert made.append(5, number, tag + "0155") == "9000"
        for tag in ("1F", "3F", "5F", "7F", "DF", "FE"):
            assert made.bench.x(f"00B2{tag}2803") == tag + "01559000"


class TestByNumber:
    """Modes 100 to 110."""

    def test_numbers(self, bench: Bench) -> None:
        """SSC5-6.10-03, SSC3-5.3.2-01, SSC3-5.3.2-06: number n is the n-th created record."""
        assert [bench.x(f"00B2{n:02X}0400") for n in range(1, 6)] == [R1, R2, R3, R4, "6A83"]

    def test_sets(self, bench: Bench) -> None:
        """SSC5-6.10-04, SSC5-6.10-05, SSC5-6.10-06: ascending from P1; descending down to P1."""
        assert bench.x("00B2010500") == "".join(RECORDS) + "9000"
        assert bench.x("00B2030500") == "".join(RECORDS[2:]) + "9000"
        assert bench.x("00B2030600") == "".join(reversed(RECORDS[2:])) + "9000"
        assert bench.x("00B2010600") == "".join(reversed(RECORDS)) + "9000"
        assert bench.all("00B2050500", "00B2050600") == ["6A83", "6A83"]
        assert bench.x("00B2030500", follow=False) == "6C08"

    def test_numbers_move_nothing(self, bench: Bench) -> None:
        """SSC3-5.3-02: reading by number never moves the pointer; modes 101 and 110 neither."""
        file(bench, FIRST)
        bench.all("00B2040400", "00B2010500", "00B2010600", "00B2090400")
        assert file(bench, NEXT) == R3

    def test_current_record(self, bench: Bench) -> None:
        """SSC3-5.3.2-04, SSC3-5.3.2-05: number 00 is the current record, in each number mode; without one 6A83."""
        assert bench.all("00B2000400", "00B2000500", "00B2000600") == ["6A83"] * 3
        file(bench, LAST)
        file(bench, PREVIOUS)
        assert bench.x("00B2000400") == R3
        assert bench.x("00B2000500") == R3[:-4] + R4
        assert bench.x("00B2000400") == R3

    def test_more_than_256_bytes(self) -> None:
        """SSC5-6.10-08, C-24: 6C00, then the first 256 bytes."""
        made = shop()
        made.ef("EF05", 600)
        for number in (1, 2, 3):
            assert made.append(5, number, f"A{number}76" + "55" * 0x76) == "9000"
        assert made.bench.x("00B2012D00", follow=False)[-4:] == "9000"
        assert len(made.bench.answer) == 258
        assert made.bench.x("00B2012DFF", follow=False) == "6C00"

    @pytest.mark.parametrize("command", ["00B2010700", "00B201FC00", "00B2FF0400", "00B2FF0000", "00B201F800"])
    def test_parameters(self, bench: Bench, command: str) -> None:
        """SSC5-6.10-18, SSC3-5.3-01: mode 111, SFI 31 and P1 FF are 6A86."""
        assert bench.x(command) == "6A86"


class TestPointer:
    """What else moves the pointer and the current EF."""

    def test_6cxx_does_not_move(self, bench: Bench) -> None:
        """SSC2-9.3.1-01, SSC5-6.10-02, SSC5-6.10-19: once and for all at the completed command."""
        for _ in range(3):
            assert bench.x("00B2000200", follow=False) == "6C03"
        assert bench.x("00B2000203") == R1
        assert bench.x("00B2000209", follow=False) == "6C04"
        assert bench.x("00B2000204") == R2

    def test_select_clears(self, bench: Bench) -> None:
        """SSC3-5.3-04: selecting an EF leaves no current record, also when it was current."""
        file(bench, LAST)
        bench.select_fid("EF15", "02")
        assert file(bench, NEXT, "00") == R1

    def test_sfi_makes_current(self, bench: Bench) -> None:
        """SSC5-6.10-10, SSC3-5.3-05, SSC3-5.3-06: an SFI makes its EF current, the pointer of the other is lost."""
        file(bench, LAST)
        assert bench.x("00B2013C00") == OTHERS[0] + "9000"
        assert bench.x("00B2030400") == OTHERS[2] + "9000"
        assert bench.x("00B2713800") == OTHERS[1] + "9000"
        assert bench.x("00B2000200") == OTHERS[2] + "9000"
        bench.select_fid("EF15", "02")
        assert file(bench, PREVIOUS) == R4

    def test_sfi_forgets_the_pointer(self, bench: Bench) -> None:
        """SSC3-5.3-05: next by SFI begins anew each time."""
        assert [bench.x("00B200AA00") for _ in range(2)] == [R1, R1]
        assert file(bench, NEXT, "00") == R2

    def test_wrong_sfi_changes_nothing(self, bench: Bench) -> None:
        """SSC5-6.10-16: 6A82; the current EF and its pointer stay."""
        file(bench, FIRST)
        assert bench.x("00B201EC00") == "6A82"
        assert file(bench, NEXT) == R3

    def test_refused_reading_changes_nothing(self) -> None:
        """SSC5-6.10-12, SSC5-6.10-14, SSC2-9.3.2-01: security is judged first; the current EF stays."""
        made = shop()
        made.key_file()
        made.external(0x0A)
        made.ef("EF05")
        made.ef("EF06", read=key(0x0A))
        for sfi in (5, 6):
            assert made.append(sfi, 1, f"A{sfi}0101") == "9000"
        bench = made.bench
        bench.x("00B2A52800")
        assert bench.all("00B2013400", "00B2633400", "00B2773000", "00B2013401") == ["6982"] * 4
        assert bench.x("00B2000400") == "A501019000"

    def test_reset_clears(self, bench: Bench) -> None:
        """SSC3-5.3-03: no current EF after a reset."""
        file(bench, FIRST)
        bench.power_on()
        bench.ssse()
        assert file(bench, NEXT) == "6986"


class TestCyclic:
    """Cyclic files count from the newest record."""

    @pytest.fixture
    def ring(self, bench: Bench) -> Bench:
        """EF09 with E1, E2 (newest), of at most three records."""
        for entry in ("E1E1E1E1", "E2E2E2E2"):
            assert bench.x(f"00DC004B04{entry}") == "9000"
        bench.select_fid("EF09", "02")
        return bench

    def test_order(self, ring: Bench) -> None:
        """SSC3-5.3.1-17, SSC3-5.3.2-02: first and number 1 are the newest."""
        assert file(ring, FIRST, "00") == ring.x("00B2010400") == "E2E2E2E29000"
        assert file(ring, LAST, "00") == ring.x("00B2020400") == "E1E1E1E19000"
        assert ring.x("00B2030400") == "6A83"
        ring.select_fid("EF09", "02")
        assert [file(ring, NEXT, "00")[:2] for _ in range(3)] == ["E2", "E1", "6A"]
        assert ring.x("00B2010500") == "E2E2E2E2E1E1E1E19000"

    def test_shift(self, ring: Bench) -> None:
        """SSC3-5.3.2-03, SSC5-6.13-13, SSC5-6.13-14: each append shifts; a full file loses the oldest."""
        assert ring.x("00DC000304E3E3E3E3") == "9000"
        assert ring.x("00B2010500") == "E3E3E3E3E2E2E2E2E1E1E1E19000"
        assert ring.x("00DC000304E4E4E4E4") == "9000"
        assert ring.x("00B2010500") == "E4E4E4E4E3E3E3E3E2E2E2E29000"
        assert ring.x("00B2040400") == "6A83"
        assert ring.x("00B2000400") == "E4E4E4E49000"

    def test_in_place(self, ring: Bench) -> None:
        """SSC5-6.13-15, SSC5-6.13-29: a number rewrites in place; a missing number is 6A83."""
        assert ring.x("00DC020404E9E9E9E9") == "9000"
        assert ring.x("00B2010500") == "E2E2E2E2E9E9E9E99000"
        assert ring.x("00DC030404E9E9E9E9") == "6A83"

    @pytest.mark.parametrize("length", [1, 3, 5])
    def test_length(self, ring: Bench, length: int) -> None:
        """SSC5-6.13-16, C-48: another length is 6700."""
        assert ring.x(f"00DC0003{length:02X}" + "E5" * length) == "6700"
        assert ring.x("00B2010500") == "E2E2E2E2E1E1E1E19000"
