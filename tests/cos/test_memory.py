"""A full memory: 6A84, nothing changed, and the other environment does not notice."""

from cardsim.cos.files import FileType
from cardsim.cos.keys import KeyUse
from cardsim.crypto.social import Suite
from tests.cards import apdu, blank, create_data, create_pse, create_ssse, load_master
from tests.ssse.shop import shop, value


def test_card_is_full() -> None:
    """PERSO-017: an environment that does not fit is refused with 6A84; one that fits exactly is created."""
    bench = blank()
    load_master(bench)
    pages = bench.model.eeprom.size // 64 - 50
    assert bench.x(create_ssse(pages + 1)) == "6A84"
    assert bench.x(create_ssse(pages - 160)) == "9000"
    assert bench.x(create_pse(161)) == "6A84"
    assert bench.x(create_pse(160)) == "9000"
    assert bench.x(apdu("80E0DDF3", create_data(8, 1, 1, 0, "4141414141"))) == "6A84"


def test_freed_space_is_used_again() -> None:
    """D2: a deleted environment leaves its range to the next."""
    bench = blank()
    load_master(bench)
    assert bench.all(create_ssse(1000), create_pse(160)) == ["9000", "9000"]
    assert bench.x(create_ssse(900, fid="DDF3", name="4141414141")) == "6A84"
    assert bench.x("80E4000002DDF1") == "9000"
    assert bench.x(create_ssse(900, fid="DDF3", name="4141414141")) == "9000"


def test_environment_is_full() -> None:
    """SCHEME-022: files fill SSSE up to 6A84; nothing is written then, and PSE has what it had."""
    made = shop(pages=16)
    bench = made.bench
    other = bench.model.ranges()["DDF2"]
    before = bench.cells[other.start : other.stop]
    words = [made.ef(f"EF{number:02X}", 60) for number in range(1, 30)]
    count = words.index("6A84")
    assert set(words[:count]) == {"9000"}
    assert 3 < count < 16
    cells = bench.cells
    assert made.ef("EF1D", 60) == "6A84"
    assert bench.cells == cells
    assert bench.cells[other.start : other.stop] == before
    assert bench.pse() == "9000"


def test_declared_space_of_a_df() -> None:
    """CREATE of a DF that asks for more than is left: 6A84."""
    made = shop(pages=16)
    assert made.create("DF01", "38FFFF000000FFFFD15600000500") == "6A84"
    assert made.create("DF01", "380100000000FFFFD15600000500") == "9000"


def test_key_file_is_full() -> None:
    """WRITE KEY without a free slot: 6A84; the same key replaces itself; a version of its own needs a slot."""
    made = shop()
    assert made.write_key(KeyUse.EXTERNAL, 1, value(1)) == "6A82"
    assert made.key_file(2) == "9000"
    assert made.write_key(KeyUse.EXTERNAL, 1, value(1)) == "9000"
    assert made.write_key(KeyUse.EXTERNAL, 2, value(2)) == "9000"
    assert made.write_key(KeyUse.EXTERNAL, 3, value(3)) == "6A84"
    assert made.write_key(KeyUse.EXTERNAL, 2, value(4), version=2) == "6A84"
    assert made.write_key(KeyUse.EXTERNAL, 2, value(5)) == "9000"
    made.keys[2] = value(5)
    assert made.auth(2) == "9000"


def test_record_files_are_full() -> None:
    """SSC5-6.13-30, C-15: an append and a longer record that do not fit: 6A84 and nothing changed."""
    made = shop()
    made.ef("EF05", 10)
    made.ef("EF06", 0x0203, FileType.LINEAR_FIXED)
    assert made.append(5, 1, "A10155") == "9000"
    assert made.append(5, 2, "A20255AA") == "9000"
    before = made.bench.cells
    assert made.append(5, 3, "A300") == "6A84"
    assert made.bench.x("00DC012C0BA109" + "55" * 9) == "6A84"
    assert made.bench.cells == before
    assert made.bench.x("00DC012C04A1025566") == "9000"
    assert made.bench.x("00DC012C05A103556677") == "6A84"
    assert [made.append(6, number, "A10155") for number in (1, 2, 3)] == ["9000", "9000", "6A84"]


def test_registry_is_full() -> None:
    """The COS has places for 28 names: the DF for which there is none is refused with 6A84, and nothing is left."""
    made = shop(Suite.DES)
    words = [made.df(f"DF{number:02X}", f"41414141{number:02X}") for number in range(1, 30)]
    assert words == ["9000"] * 26 + ["6A84"] * 3
    assert made.bench.select_fid("DF1B") == "6A82"
    assert made.bench.select_fid("DF1A")[-4:] == "9000"
