"""READ BINARY and UPDATE BINARY: offsets, limits, rights, all or nothing (SSC part 5 §6.9, §6.12)."""

import pytest

from cardsim.chip.faults import PowerCutPlan
from cardsim.cos.files import FileType
from cardsim.cos.record import Switch
from tests.cards import Bench
from tests.ssse.shop import Shop, key, shop

SIZE = 0x128
"""Length of DF01/EF16 of V2."""
CONTENT = bytes(at * 7 + (at >> 8) & 0xFF for at in range(SIZE))
READ_KEY, WRITE_KEY = 0x0A, 0x04


def opened(*, switches: int = 0, keys: bool = True) -> Shop:
    """EF16 filled by the master key, record file EF05; issued, the write key authenticated, EF16 current."""
    made = shop(switches=switches)
    assert made.key_file() == "9000"
    made.external(READ_KEY)
    made.external(WRITE_KEY)
    assert made.ef("EF16", SIZE, FileType.TRANSPARENT, write=key(WRITE_KEY)) == "9000"
    assert made.ef("EF07", 0x300, FileType.TRANSPARENT, key(READ_KEY), key(WRITE_KEY)) == "9000"
    assert made.ef("EF05", write=key(WRITE_KEY)) == "9000"
    for at in range(0, SIZE, 0x94):
        made.bench.select_fid("EF16", "02")
        part = CONTENT[at : at + 0x94]
        assert made.bench.x(f"00D6{at:04X}{len(part):02X}{part.hex()}") == "9000"
    assert made.end() == "9000"
    made.bench.power_on()
    made.bench.ssse()
    if keys:
        assert made.auth(WRITE_KEY) == "9000"
    made.bench.select_fid("EF16", "02")
    return made


@pytest.fixture
def made() -> Shop:
    """The card of `opened`."""
    return opened()


@pytest.fixture
def bench(made: Shop) -> Bench:
    """Its reader, which answers 6Cxx itself only where a test says so."""
    made.bench.follow = False
    return made.bench


def content(bench: Bench) -> bytes:
    """All bytes of EF16, whoever is current."""
    bench.select_fid("EF16", "02")
    parts = [bench.x(f"00B0{at:04X}94", follow=False) for at in (0, 0x94)]
    assert all(part.endswith("9000") for part in parts)
    return bytes.fromhex("".join(part[:-4] for part in parts))


class TestRead:
    """READ BINARY."""

    def test_offset_in_the_current_file(self, bench: Bench) -> None:
        """SSC5-6.9-01, SSC5-6.9-05, SSC5-6.9-06: P1 P2 is the offset; the bytes are those that were written."""
        assert bench.x("00B0010010") == CONTENT[256:272].hex().upper() + "9000"
        assert bench.x("00B0012701") == CONTENT[295:].hex().upper() + "9000"
        assert content(bench) == CONTENT

    def test_sfi(self, bench: Bench) -> None:
        """SSC5-6.9-02: SFI in P1, offset in P2; the file becomes current, and stays it when a read is refused."""
        bench.ssse()
        assert bench.x("00B0962010") == CONTENT[32:48].hex().upper() + "9000"
        assert bench.all("00B0870010", "00B0850010", "00B09D0010") == ["6982", "6981", "6A82"]
        assert bench.x("00B0002010") == CONTENT[32:48].hex().upper() + "9000"

    def test_le(self, bench: Bench) -> None:
        """SSC5-6.9-03, SSC5-6.9-04, SSC5-6.9-13, C-05: 00 is 256; more than there are 6Cxx; fewer are given."""
        assert bench.x("00B0000000") == CONTENT[:256].hex().upper() + "9000"
        assert bench.x("00B00000") == CONTENT[:256].hex().upper() + "9000"
        assert bench.x("00B0010000") == "6C28"
        assert bench.x("00B0012010") == "6C08"
        assert bench.x("00B0012008") == CONTENT[288:].hex().upper() + "9000"
        assert bench.x("00B0002800") == CONTENT[40:].hex().upper() + "9000"

    def test_wrong_le_moves_nothing(self, bench: Bench) -> None:
        """SSC2-9.3.1-01, D13: a read that is answered 6Cxx has not selected its file."""
        bench.ssse()
        assert bench.all("00B096FF00", "00B0000001") == ["6C29", "6986"]

    def test_direct_answers(self) -> None:
        """SSC5-6.9-04, C-05: without T=0 the bytes that are left come at once."""
        bench = opened(switches=Switch.DIRECT_ANSWERS).bench
        assert bench.x("00B0010000", follow=False) == CONTENT[256:].hex().upper() + "9000"
        assert bench.x("00B0012010", follow=False) == CONTENT[288:].hex().upper() + "9000"

    @pytest.mark.parametrize(
        ("command", "word"),
        [
            ("00B0012801", "6B00"),  # SSC5-6.9-12
            ("00B07FFF01", "6B00"),
            ("00B0C50010", "6A86"),  # SSC5-6.9-11
            ("00B0A50010", "6A86"),
            ("00B0800010", "6A86"),
            ("00B09F0010", "6A86"),
            ("00B09D0010", "6A82"),  # SSC5-6.9-10
            ("00B0850010", "6981"),  # SSC5-6.9-07
            ("00B0870010", "6982"),  # SSC5-6.9-08
            ("00B087FF10", "6982"),
            ("04B0000004", "6E00"),  # SSC4-8.5-03
        ],
    )
    def test_refusals(self, bench: Bench, command: str, word: str) -> None:
        """SSC5-6.9-07, -08, -10, -11, -12: each refusal by its status word; the rule is judged before the offset."""
        assert bench.x(command) == word

    def test_no_current_file(self, bench: Bench) -> None:
        """SSC5-6.9-09: 6986 without SFI and current EF, and at a record file 6981."""
        bench.ssse()
        assert bench.x("00B0000010") == "6986"
        bench.select_fid("EF05", "02")
        assert bench.x("00B0000010") == "6981"


class TestUpdate:
    """UPDATE BINARY in class 00."""

    def test_bytes(self, bench: Bench) -> None:
        """SSC5-6.12-01, SSC5-6.12-03: the bytes at the offset, no others; it stays after a reset."""
        assert bench.all("00D6001004A1A2A3A4", "00D6012701C1") == ["9000", "9000"]
        bench.power_on()
        bench.ssse()
        assert content(bench) == CONTENT[:16] + bytes.fromhex("A1A2A3A4") + CONTENT[20:295] + b"\xc1"

    def test_sfi(self, bench: Bench) -> None:
        """SSC5-6.12-02: by SFI; the file becomes current."""
        bench.ssse()
        assert bench.x("00D6962002B1B2") == "9000"
        assert bench.x("00B0001F04") == (CONTENT[31:32] + b"\xb1\xb2" + CONTENT[34:35]).hex().upper() + "9000"

    @pytest.mark.parametrize(
        ("command", "word"),
        [
            ("00D601260401020304", "6700"),  # SSC5-6.12-05
            ("00D6012602", "6700"),
            ("00D6000000", "6700"),  # SSC5-6.12-06
            ("04D6000004010203FF", "6700"),
            ("00D685000155", "6981"),  # SSC5-6.12-07
            ("00D69D000155", "6A82"),  # SSC5-6.12-12
            ("00D6D6000155", "6A86"),  # SSC5-6.12-13
            ("00D6B6000155", "6A86"),
            ("00D680000155", "6A86"),
            ("00D601280155", "6B00"),  # SSC5-6.12-14
            ("00D67FFF0155", "6B00"),
        ],
    )
    def test_refusals(self, bench: Bench, command: str, word: str) -> None:
        """SSC5-6.12-05, -06, -07, -12, -13, -14: each refusal by its status word, and nothing is written."""
        before = bench.cells
        assert bench.x(command) == word
        assert bench.cells == before

    def test_rights(self) -> None:
        """SSC5-6.12-08, SSC5-6.12-10: 6982 without the key, judged before the offset; 6986 without a file."""
        bench = opened(keys=False).bench
        before = bench.cells
        assert bench.all("00D600000155", "00D601280155", "00D6012602AABB") == ["6982"] * 3
        bench.ssse()
        assert bench.x("00D600000155") == "6986"
        assert bench.cells == before

    def test_power_cut(self, bench: Bench) -> None:
        """SSC7-14-02: 240 bytes with the power cut at each page program are all old or all new."""
        new = bytes(reversed(CONTENT[:0xF0]))
        start = bench.model.snapshot()
        seen = set()
        for after in range(40):
            bench.model.restore(start)
            with bench.on_bus(PowerCutPlan(after, None)):
                answer = bench.x(f"00D60000F0{new.hex()}")
            bench.power_on()
            bench.ssse()
            found = content(bench)[:0xF0]
            assert found in (new, CONTENT[:0xF0])
            seen.add((answer, found == new))
        assert ("", False) in seen
        assert ("", True) in seen
        assert ("9000", True) in seen


class TestSetUp:
    """What the master key may write (D6)."""

    @pytest.fixture
    def empty(self) -> Bench:
        """An empty transparent file that nobody has the key for, in set-up, current."""
        made = shop()
        assert made.ef("EF16", SIZE, FileType.TRANSPARENT, write=key(WRITE_KEY)) == "9000"
        made.bench.select_fid("EF16", "02")
        return made.bench

    def test_begins_with_zeros(self) -> None:
        """D6: a new transparent file is all 00, also where an erased file stood before."""
        made = shop()
        for _ in range(2):
            assert made.ef("EF16", SIZE, FileType.TRANSPARENT) == "9000"
            made.bench.select_fid("EF16", "02")
            assert content(made.bench) == bytes(SIZE)
            assert made.bench.x("00D6000003111111") == "9000"
            assert made.bench.x("800E000000") == "9000"

    def test_fills_and_never_changes(self, empty: Bench) -> None:
        """D6: the master key writes where nothing is written yet, part by part, and changes nothing that is."""
        assert empty.all("00D6000004A1A2A3A4", "00D6000404B1B2B3B4", "00D600100101") == ["9000"] * 3
        assert empty.all("00D6000001A5", "00D6000704010203FF", "00D6000010" + "00" * 16) == ["6982"] * 3
        assert content(empty)[:17].hex().upper() == "A1A2A3A4B1B2B3B4" + "00" * 8 + "01"

    def test_limits(self, empty: Bench) -> None:
        """SSC5-6.12-05, SSC5-6.12-14: the master key meets the end of the file like everybody."""
        assert empty.all("00D601280155", "00D6012603AABBCC", "00D60127015A") == ["6B00", "6700", "9000"]

    def test_ends_with_set_up(self, empty: Bench) -> None:
        """D6: after END PERSONALISATION an empty file needs its own key."""
        assert empty.x("800A000000") == "9000"
        empty.select_fid("EF16", "02")
        assert empty.x("00D600000155") == "6982"
