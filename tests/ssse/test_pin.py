"""VERIFY (SSC part 5 §6.14, part 7 §5.8)."""

import pytest

from cardsim.cos.access import PIN, AccessRule, Operator
from cardsim.cos.keys import KeyUse
from cardsim.cos.record import Switch
from tests.cards import Bench, card
from tests.ssse.shop import Shop, shop

DF01 = "D15600000500"
TRIES = "0020000000"


@pytest.fixture
def inside(either: Bench) -> Bench:
    """A demo card with SSSE selected."""
    either.ssse()
    return either


def with_pin(digits: str, limit: int = 6) -> Shop:
    """A hand-made SSSE with this PIN and a file that it opens."""
    made = shop()
    made.key_file()
    assert made.pin(digits, limit) == "9000"
    assert made.ef("EF05", read=AccessRule(Operator.A, PIN)) == "9000"
    assert made.append(5, 1, "A10155") == "9000"
    return made


def test_right(inside: Bench) -> None:
    """SSC5-6.14-01: 9000, no data."""
    assert inside.x("0020000003123456") == "9000"


def test_empty_body(inside: Bench) -> None:
    """SSC5-6.14-02, SSC5-6.14-04, C-45: the tries left, nothing consumed, also after success."""
    inside.verify("000000")
    inside.verify("000000")
    assert inside.all(TRIES, TRIES, "00200000") == ["63C4"] * 3
    assert inside.verify() == "9000"
    assert inside.x(TRIES) == "63C6"
    inside.select_fid("DF01")
    assert inside.x("00B2012C00")[-4:] == "9000"


def test_count(inside: Bench) -> None:
    """SSC5-6.14-11, SSC7-5.8-01: each mismatch takes one try, a match gives all back."""
    words = [inside.verify("654321") for _ in range(4)]
    assert words == ["63C5", "63C4", "63C3", "63C2"]
    assert inside.verify() == "9000"
    assert inside.x(TRIES) == "63C6"


def test_lock(inside: Bench) -> None:
    """SSC5-6.14-06, SSC5-6.14-07, SSC5-6.14-13, SSC7-5.8-04: 63C0, then 6983 for ever, also after a reset."""
    assert [inside.verify("111111") for _ in range(6)][-1] == "63C0"
    assert inside.all("0020000003123456", TRIES) == ["6983", "6983"]
    inside.power_on()
    inside.ssse()
    assert inside.all("0020000003123456", TRIES) == ["6983", "6983"]


def test_counter_survives_reset(inside: Bench) -> None:
    """SSC7-5.8-05: a reset gives no try back."""
    inside.verify("000000")
    inside.power_on()
    inside.ssse()
    assert inside.x(TRIES) == "63C5"


def test_exact_bytes() -> None:
    """SSC5-6.14-08: the filling is part of the PIN."""
    made = with_pin("12345F")
    assert made.bench.verify("123450") == "63C5"
    assert made.bench.verify("12345F") == "9000"


@pytest.mark.parametrize("digits", ["1234", "12345678", "1234567890123456"])
def test_lengths_of_pins(digits: str) -> None:
    """C-36: 4 to 16 digits; a beginning or an extension does not match (SSC5-6.14-09)."""
    made = with_pin(digits)
    if len(digits) > 4:
        assert made.bench.verify(digits[:-2]) == "63C5"
    if len(digits) < 16:
        assert made.bench.verify(digits + "00")[:3] == "63C"
    assert made.bench.verify(digits) == "9000"


def test_prefix_and_extension(inside: Bench) -> None:
    """SSC5-6.14-09: neither counts as the PIN, and both count as tries."""
    assert [inside.verify("1234"), inside.verify("12345600")] == ["63C5", "63C4"]


@pytest.mark.parametrize("command", ["002000000112", "0020000009" + "12" * 9, "00200000031234"])
def test_length_errors(inside: Bench, command: str) -> None:
    """SSC5-6.14-12: Lc 01 and above 08 is 6700 and takes no try."""
    assert inside.x(command) == "6700"
    assert inside.x(TRIES) == "63C6"


@pytest.mark.parametrize("parameters", ["0001", "0081", "0100"])
def test_parameters(inside: Bench, parameters: str) -> None:
    """SSC5-6.14-15: P1 and P2 are 00."""
    assert inside.x(f"0020{parameters}03123456") == "6A86"
    assert inside.x(TRIES) == "63C6"


def test_from_any_df(inside: Bench) -> None:
    """SSC5-6.14-10: the card finds the PIN by itself, also inside an application."""
    inside.select_fid("DF01")
    assert inside.verify() == "9000"
    assert inside.x("00B2012C00")[-4:] == "9000"


def test_none() -> None:
    """SSC5-6.14-16: 6A88 without a PIN."""
    made = shop()
    assert made.bench.x("0020000003123456") == made.bench.x(TRIES) == "6A88"
    made.key_file()
    made.external(4)
    assert made.bench.verify() == "6A88"


def test_empty_pin() -> None:
    """SSC5-6.14-03, SSC5-6.14-05, C-14: an empty PIN: 9000 without data; with data 63C and the limit, no try taken."""
    made = with_pin("")
    made.end()
    bench = made.bench
    bench.ssse()
    assert bench.x(TRIES) == "9000"
    assert [bench.verify() for _ in range(8)] == ["63C6"] * 8
    assert bench.x(TRIES) == "9000"
    assert bench.x("00B2012C03") == "A101559000"


def test_a_pin_written_where_none_was() -> None:
    """SSC5-6.14-03, sheet #34: WRITE KEY of a PIN closes what was open without one; an empty one opens it again."""
    made = with_pin("")
    made.end()
    made.root()
    assert made.bench.x("00B2012C03") == "A101559000"
    assert made.pin("123456") == "9000"
    assert made.bench.x("00B2012C03") == "6982"
    assert made.bench.verify() == "9000"
    assert made.pin("654321") == "9000"
    assert made.bench.x("00B2012C03") == "A101559000"
    made.bench.power_on()
    made.root()
    assert made.bench.x("00B2012C03") == "6982"
    assert made.pin("") == "9000"
    assert made.bench.x("00B2012C03") == "A101559000"


def test_lasts_until_power_off(inside: Bench) -> None:
    """SSC7-5.8-02, SSC7-5.8-03: remembered across applications of SSSE, not across a reset."""
    assert inside.verify() == "9000"
    for _ in range(2):
        inside.select(DF01)
        assert inside.x("00B2012C00")[-4:] == "9000"
        inside.ssse()
    inside.select_fid("DF01")
    assert inside.x("00B2012C00")[-4:] == "9000"
    inside.power_on()
    inside.select(DF01)
    assert inside.x("00B2012C00") == "6982"


def test_ends_when_ssse_is_left() -> None:
    """D11: SELECT PSE and back: 6982."""
    bench = card()
    bench.ssse()
    bench.verify()
    bench.pse()
    bench.ssse()
    bench.select(DF01)
    assert bench.x("00B2012C00") == "6982"


def test_failure_after_success(inside: Bench) -> None:
    """SSC7-5.8-06, C-25: a later mismatch keeps the right, until the PIN is locked."""
    inside.verify()
    inside.select_fid("DF01")
    for left in range(5, 0, -1):
        assert inside.verify("000000") == f"63C{left}"
        assert inside.x("00B2012C00")[-4:] == "9000"
    assert inside.verify("000000") == "63C0"
    assert inside.x("00B2012C00") == "6982"


@pytest.mark.parametrize(("length", "limit"), [(1, 6), (9, 6), (3, 0), (3, 16), (3, 0xFF)])
def test_impossible_pins(length: int, limit: int) -> None:
    """C-36, SSC5-6.14-12: a PIN that VERIFY could never carry, or without a try limit, is not loaded."""
    made = shop()
    made.key_file()
    plain = bytes((KeyUse.PIN, 0, 0, 0, limit)) + bytes(length)
    assert made.seal("84D40000", plain) == "6A80"
    assert made.bench.x(TRIES) == "6A88"


@pytest.mark.parametrize("switch", [Switch(0), Switch.FAILURE_ENDS_RIGHT])
def test_profile_ends_a_right_at_a_failure(switch: Switch) -> None:
    """SSC7-5.8-06, SSC7-6.6-09, C-25: what a success gave survives a failure, unless the profile says otherwise."""
    bench = card(switches=switch)
    word = "6982" if switch else "9000"
    bench.ssse()
    bench.select_fid("DF01")
    assert bench.verify() == "9000"
    assert bench.verify("999999") == "63C5"
    assert bench.x("00B2012C00")[-4:] == word
    key = bench.key("RK1DF01")
    bench.power_on()
    bench.ssse()
    bench.select_fid("DF01")
    assert bench.authenticate(key, 0x88) == "9000"
    assert bench.authenticate(bytes(byte ^ 0x10 for byte in key), 0x88) == "63C2"
    assert bench.x("00B2012C00")[-4:] == word
