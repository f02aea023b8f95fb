"""What is on the card: EF05 and EF06 with all their items, by number and by tag, and who may read and write them."""

import pytest

from cardsim.making.demo import demo
from tests.cards import DUAL_DES, Bench, apdu, card

EF05 = ((0x01, 16, "cn"), (0x02, 1, "an"), (0x03, 4, "an"), (0x04, 12, "cn"), (0x05, 4, "cn"), (0x06, 4, "cn"),
        (0x07, 9, "an"))  # fmt: skip
EF06 = ((0x08, 18, "an"), (0x09, 30, "an"), (0x4E, 20, "an"), (0x0A, 1, "an"), (0x0B, 1, "cn"), (0x0C, 3, "cn"),
        (0x0D, 4, "cn"))  # fmt: skip
Items = tuple[tuple[int, int, str], ...]


def opened(profile: str) -> Bench:
    """A card with SSSE selected and RKSSSE authenticated."""
    bench = card(profile)
    assert bench.ssse() == "9000"
    assert bench.authenticate(bench.key("RKSSSE"), 0x0A) == "9000"
    return bench


@pytest.mark.parametrize("profile", ["dual-3.0-sm4", DUAL_DES, "social-2.0"])
@pytest.mark.parametrize(("sfi", "items"), [(5, EF05), (6, EF06)])
def test_items(profile: str, sfi: int, items: Items) -> None:
    """SSCV2-5.2-01, SSCV2-5.2-03, SSC3-5.3.2-01, SSC5-6.10-01, SSC5-6.10-09: each item by number and by tag."""
    bench = opened(profile)
    for number, (tag, length, _) in enumerate(items, 1):
        by_number = bench.x(f"00B2{number:02X}{sfi << 3 | 4:02X}{length + 2:02X}")
        assert by_number[:4] == f"{tag:02X}{length:02X}"
        assert len(by_number) == 2 * (length + 4)
        assert bench.x(f"00B2{tag:02X}{sfi << 3:02X}{length + 2:02X}") == by_number
        assert bench.x(f"00B2{number:02X}{sfi << 3 | 4:02X}00") == by_number
    assert bench.x(f"00B208{sfi << 3 | 4:02X}00") == "6A83"


@pytest.mark.parametrize(("sfi", "items"), [(5, EF05), (6, EF06)])
def test_all_at_once(sfi: int, items: Items) -> None:
    """SSC5-6.10-04, SSC5-6.10-07: mode 101 gives 64 bytes of EF05 and 91 of EF06."""
    bench = opened("dual-3.0-sm4")
    total = sum(length + 2 for _, length, _ in items)
    assert total == {5: 0x40, 6: 0x5B}[sfi]
    assert bench.x(f"00B201{sfi << 3 | 5:02X}00", follow=False) == f"6C{total:02X}"
    singles = "".join(bench.x(f"00B2{n:02X}{sfi << 3 | 4:02X}00")[:-4] for n in range(1, 8))
    assert bench.x(f"00B201{sfi << 3 | 5:02X}{total:02X}") == singles + "9000"


def test_values() -> None:
    """SSC7-5.4-02, C-40, SSC5-6.10-01: the values of the demo card: BCD as digits, text in GBK, padded with 00."""
    bench, person = opened("dual-3.0-sm4"), demo(None)
    values = [bench.x(f"00B2{n:02X}2C00")[4:-4] for n in range(1, 8)]
    assert values[0][:24] == person.values["identification_code"][:24]
    assert values[1:3] == ["33", "332E3030"]
    assert values[3] == person.values["initialising_institution"]
    assert values[4:6] == [person.values["issue_date"], person.values["expiry_date"]]
    assert bytes.fromhex(values[6]) == person.values["card_number"].encode()
    holder = [bytes.fromhex(bench.x(f"00B2{n:02X}3400")[4:-4]) for n in range(1, 8)]
    assert holder[0] == person.values["social_security_number"].encode()
    assert holder[1] == "张三".encode("gbk").ljust(30, b"\0")
    assert holder[2] == bytes(20)
    assert holder[4:6] == [bytes.fromhex("01"), bytes.fromhex("519900")]


@pytest.mark.parametrize("profile", ["dual-3.0-sm4", DUAL_DES])
def test_reading_3_0(profile: str) -> None:
    """SSCV2-5.2-02, SSCV2-5.2-09, C-23, D22: EF05 is free; EF06 needs RKSSSE and nothing less."""
    bench = card(profile)
    bench.ssse()
    assert bench.x("00B2012C12")[-4:] == "9000"
    assert bench.x("00B2083014") == bench.x("00B2013400") == "6982"
    bench.verify()
    assert bench.x("00B2083014") == "6982"
    bench.authenticate(bench.key("UKSSSE"), 4)
    assert bench.x("00B2083014") == "6982"
    bench.authenticate(bench.key("RKSSSE"), 0x0A)
    assert bench.x("00B2083014")[:4] == "0812"


@pytest.mark.parametrize("profile", ["social-1.0", "social-2.0", "dual-2.0-des"])
def test_reading_older(profile: str) -> None:
    """SSCV2-5.2-04, D22: EF06 is free on cards before 3.0."""
    bench = card(profile)
    bench.ssse()
    assert bench.x("00B2013400")[:4] == "0812"
    assert bench.sw == "9000"


@pytest.mark.parametrize(("sfi", "record"), [(5, "0110" + "00" * 16), (6, "0812" + "31" * 18)])
def test_writing(either: Bench, sfi: int, record: str) -> None:
    """SSCV2-5.2-02, SSCV2-5.2-04, C-39, SSC5-6.13-24: written with UKSSSE alone."""
    update = apdu(f"00DC01{sfi << 3 | 4:02X}", record)
    either.ssse()
    assert either.x(update) == "6982"
    either.verify()
    assert either.x(update) == "6982"
    either.authenticate(either.key("RKSSSE"), 0x0A)
    assert either.x(update) == "6982"
    either.authenticate(either.key("UKSSSE"), 4)
    assert either.x(update) == "9000"
    assert either.x(f"00B201{sfi << 3 | 4:02X}00") == record + "9000"
    either.power_on()
    either.ssse()
    either.authenticate(either.key("RKSSSE"), 0x0A)
    assert either.x(f"00B201{sfi << 3 | 4:02X}00") == record + "9000"


def test_application_files(bench: Bench) -> None:
    """SSC5-6.10-14, PERSO-022: DF01 is read with the PIN or with its reading key."""
    bench.select("D15600000500")
    files = ("2C", "34", "3C", "44")
    assert bench.all(*(f"00B201{p2}00" for p2 in files)) == ["6982"] * 4
    bench.verify()
    assert bench.all(*(f"00B201{p2}00" for p2 in files)) == ["9000"] * 4
    bench.power_on()
    bench.select("D15600000500")
    bench.authenticate(bench.key("RK1DF01"), 0x88)
    assert bench.all(*(f"00B201{p2}00" for p2 in files)) == ["9000"] * 4


def test_survives(bench: Bench) -> None:
    """SCHEME-003: content is the same after a hundred resets."""
    before = bench.cells
    for _ in range(100):
        bench.power_on()
    bench.model.power_off()
    assert bench.cells == before
