"""Answer to reset: what the card builds, and what a terminal takes or refuses (ATR-035 to ATR-053)."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.iso7816.atr import Atr, AtrError, build_atr

HISTORICAL = bytes.fromhex("814A444686605199000001AC00")


def with_tck(text: str) -> bytes:
    """An ATR with a right TCK behind it."""
    raw = bytes.fromhex(text)
    return raw + bytes((reduce(xor, raw[1:]),))


@given(st.binary(max_size=15))
def test_built_atrs_parse_to_their_historical_bytes(historical: bytes) -> None:
    raw = build_atr(historical)
    assert raw == bytes((0x3B, 0x60 + len(historical), 0, 0)) + historical
    atr = Atr.parse(raw)
    assert (atr.raw, atr.historical, atr.protocols) == (raw, historical, (0,))
    assert atr.interface == {"TB1": 0, "TC1": 0}


def test_sixteen_historical_bytes_are_refused() -> None:
    with pytest.raises(AtrError, match="at most 15"):
        build_atr(bytes(16))


@pytest.mark.parametrize("ts", [0x3B, 0x3F])
def test_both_conventions_are_taken(ts: int) -> None:
    """ATR-035."""
    assert Atr.parse(bytes((ts, 0x6D, 0, 0)) + HISTORICAL).historical == HISTORICAL


@pytest.mark.parametrize("ts", sorted(set(range(256)) - {0x3B, 0x3F}))
def test_any_other_ts_is_refused(ts: int) -> None:
    """ATR-036."""
    with pytest.raises(AtrError, match=f"TS is {ts:02X}"):
        Atr.parse(bytes((ts, 0x6D, 0, 0)) + HISTORICAL)


@pytest.mark.parametrize("count", range(16))
def test_any_number_of_historical_bytes_that_are_there(count: int) -> None:
    """ATR-037."""
    assert len(Atr.parse(bytes((0x3B, 0x60 + count, 0, 0)) + bytes(count)).historical) == count


@pytest.mark.parametrize("raw", [b"", b"\x3b"])
def test_an_atr_has_two_bytes_at_least(raw: bytes) -> None:
    with pytest.raises(AtrError, match="at least two"):
        Atr.parse(raw)


@pytest.mark.parametrize("length", range(2, 17))
def test_fewer_bytes_than_t0_announces(length: int) -> None:
    """ATR-038."""
    with pytest.raises(AtrError, match="announced"):
        Atr.parse(build_atr(HISTORICAL)[:length])


@pytest.mark.parametrize(
    "raw", [with_tck("3BF0010203811F45"), with_tck("3B92118001" + "4142"), with_tck("3BF1010203E0500A7FC4050641")]
)
def test_every_cut_of_an_atr_with_many_interface_bytes_is_refused(raw: bytes) -> None:
    assert Atr.parse(raw).raw == raw
    for length in range(len(raw)):
        with pytest.raises(AtrError):
            Atr.parse(raw[:length])


@pytest.mark.parametrize("ta1", [0x01, 0x11, 0x12, 0x13])
def test_ta1_can_be_read(ta1: int) -> None:
    """ATR-039, ATR-040."""
    assert Atr.parse(bytes((0x3B, 0x10, ta1))).interface == {"TA1": ta1}


def test_tb1_and_tc1_may_be_missing_or_any() -> None:
    """ATR-041, ATR-042."""
    assert Atr.parse(bytes.fromhex("3B00")).interface == {}
    assert Atr.parse(bytes.fromhex("3B2025")).interface == {"TB1": 0x25}
    assert Atr.parse(bytes.fromhex("3B40FF")).interface == {"TC1": 0xFF}


def test_td1_names_the_protocol() -> None:
    """ATR-043; ATR-044 is judged by `protocols`."""
    assert Atr.parse(bytes.fromhex("3B8000")).protocols == (0,)
    assert Atr.parse(bytes.fromhex("3B808000")).protocols == (0,)
    assert Atr.parse(with_tck("3B808101")).protocols == (1,)
    assert Atr.parse(with_tck("3B800E")).protocols == (14,)


def test_second_and_third_level_of_interface_bytes() -> None:
    """ATR-046, ATR-047, ATR-048, ATR-050, ATR-051: nothing is lost, so the terminal can judge each of them."""
    atr = Atr.parse(with_tck("3BF1010203E0500A7FC4050641"))
    assert atr.interface == {
        "TA1": 0x01,
        "TB1": 0x02,
        "TC1": 0x03,
        "TD1": 0xE0,
        "TB2": 0x50,
        "TC2": 0x0A,
        "TD2": 0x7F,
        "TA3": 0xC4,
        "TB3": 0x05,
        "TC3": 0x06,
    }


def test_t15_without_ta3() -> None:
    """ATR-049."""
    atr = Atr.parse(with_tck("3B80800F"))
    assert atr.protocols == (0, 15)
    assert "TA3" not in atr.interface


def test_tck_where_none_is_due_is_refused() -> None:
    """ATR-052."""
    raw = build_atr(HISTORICAL)
    with pytest.raises(AtrError, match="T=0 alone has no TCK"):
        Atr.parse(raw + bytes((reduce(xor, raw[1:]),)))


def test_a_wrong_tck_is_refused() -> None:
    """ATR-053: each of the 255 wrong values."""
    right = with_tck("3B80800F")
    for wrong in range(1, 256):
        with pytest.raises(AtrError, match="TCK is wrong"):
            Atr.parse(right[:-1] + bytes((right[-1] ^ wrong,)))


def test_a_missing_tck_and_bytes_behind_it_are_refused() -> None:
    """ATR-053."""
    right = with_tck("3B80800F")
    with pytest.raises(AtrError, match="TCK is missing"):
        Atr.parse(right[:-1])
    with pytest.raises(AtrError, match="1 bytes too many"):
        Atr.parse(right + b"\0")


@given(st.binary(max_size=40))
def test_any_bytes_parse_or_are_refused(tail: bytes) -> None:
    for raw in (tail, b"\x3b" + tail):
        try:
            atr = Atr.parse(raw)
        except AtrError:
            continue
        assert atr.raw == raw
        assert 2 + len(atr.interface) + len(atr.historical) + bool(any(atr.protocols)) == len(raw)
