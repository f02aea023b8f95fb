"""BER-TLV, simple TLV and data object lists: there and back, cut at every byte, and whatever bytes come."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.iso7816 import tlv
from cardsim.iso7816.tlv import Tlv, TlvError

SHORT_TAGS = st.integers(1, 255).filter(lambda tag: tag & 0x1F != 0x1F)
FIRST = st.sampled_from([high | 0x1F for high in range(0, 256, 32)])
TWO_BYTE_TAGS = st.builds(lambda first, last: first << 8 | last, FIRST, st.integers(0, 127))
THREE_BYTE_TAGS = st.builds(
    lambda first, middle, last: first << 16 | middle << 8 | last, FIRST, st.integers(128, 255), st.integers(0, 127)
)
TAGS = SHORT_TAGS | TWO_BYTE_TAGS | THREE_BYTE_TAGS
ITEMS = st.lists(st.tuples(TAGS, st.binary(max_size=20) | st.binary(min_size=120, max_size=300)), max_size=6)
ENTRIES = st.lists(st.tuples(TAGS, st.integers(0, 300)), max_size=6)


def dol(entries: list[tuple[int, int]]) -> bytes:
    """A data object list."""
    return b"".join(tlv.tag_bytes(tag) + tlv.length_bytes(length) for tag, length in entries)


@given(ITEMS)
def test_ber_there_and_back(items: list[tuple[int, bytes]]) -> None:
    data = b"".join(tlv.ber(tag, value) for tag, value in items)
    found = tlv.parse(data)
    assert [(item.tag, item.value) for item in found] == items
    assert b"".join(map(bytes, found)) == data
    for item in found:
        assert data[item.offset :].startswith(bytes(item))


@pytest.mark.parametrize(
    ("length", "field"),
    [(0, "00"), (127, "7F"), (128, "8180"), (255, "81FF"), (256, "820100"), (65535, "82FFFF")],
)
def test_length_fields(length: int, field: str) -> None:
    assert tlv.length_bytes(length).hex().upper() == field
    assert tlv.read_length(b"\xaa" + bytes.fromhex(field), 1) == (length, 1 + len(field) // 2)
    assert tlv.parse(tlv.ber(0x80, bytes(length))) == [Tlv(0x80, bytes(length), 0)]


def test_published_objects() -> None:
    """FCI of a PBOC application in the way EMV Book 1 prints it, with filling between the objects."""
    data = bytes.fromhex("6F148407A0000003330101A5098801015F2D027A6800") + bytes.fromhex("00009F360200FF00")
    assert tlv.parse(data) == [
        Tlv(0x6F, data[2:22], 0),
        Tlv(0x9F36, b"\x00\xff", 24),
    ]
    assert [item.tag for item in tlv.walk(data)] == [0x6F, 0x84, 0xA5, 0x88, 0x5F2D, 0x9F36]
    assert tlv.find(data, 0x6F, 0x84) == bytes.fromhex("A0000003330101")
    assert tlv.find(data, 0x6F, 0xA5, 0x88) == b"\x01"
    assert tlv.find(data, 0x9F36) == b"\x00\xff"
    assert tlv.find(data, 0x84) is None
    assert tlv.find(data, 0x6F, 0xA5, 0x50) is None


def test_constructed_is_bit_6_of_the_first_tag_byte() -> None:
    assert Tlv(0x6F, b"").constructed
    assert Tlv(0xBF0C, b"").constructed
    assert not Tlv(0x9F36, b"").constructed
    assert not Tlv(0x84, b"").constructed
    assert not Tlv(0x9F20, b"").constructed


@given(TAGS, st.binary(max_size=300))
def test_an_object_cut_at_any_byte_is_refused(tag: int, value: bytes) -> None:
    whole = tlv.ber(tag, value)
    for length in range(1, len(whole)):
        with pytest.raises(TlvError):
            tlv.parse(whole[:length])


@pytest.mark.parametrize(
    "data",
    [
        "9F8181010100",  # tag of four bytes
        "808000",  # indefinite length
        "8083000001AA",  # length of three bytes
        "80820101",  # value missing
    ],
)
def test_tags_and_lengths_that_are_not_supported(data: str) -> None:
    with pytest.raises(TlvError, match="offset"):
        tlv.parse(bytes.fromhex(data))


def test_a_tag_of_three_bytes_is_read_and_one_of_four_is_refused() -> None:
    assert tlv.read_tag(bytes.fromhex("DF8101"), 0) == (0xDF8101, 3)
    with pytest.raises(TlvError, match="more than three bytes"):
        tlv.read_tag(bytes.fromhex("DF818101"), 0)


def _walk_all(data: bytes) -> object:
    return list(tlv.walk(data))


def _fill(data: bytes) -> object:
    return tlv.fill_dol(data, {})


@pytest.mark.parametrize("read", [tlv.parse, tlv.parse_simple, tlv.parse_dol, _walk_all, _fill])
@given(data=st.binary(max_size=260))
def test_random_bytes_raise_nothing_but_tlv_error(read: Callable[[bytes], object], data: bytes) -> None:
    try:
        result = read(data)
    except TlvError:
        return
    assert result is not None


@given(st.binary(max_size=80), TAGS, TAGS)
def test_find_raises_nothing_but_tlv_error(data: bytes, first: int, second: int) -> None:
    try:
        found = tlv.find(data, first, second)
    except TlvError:
        return
    assert found is None or found in data


def test_walk_is_not_stopped_by_depth() -> None:
    """Nesting deeper than Python's stack."""
    data = b"\x84\x00"
    for _ in range(3000):
        data = tlv.ber(0xE0, data)
    tags = [item.tag for item in tlv.walk(data)]
    assert tags == [0xE0] * 3000 + [0x84]


def test_walk_goes_on_behind_a_constructed_object() -> None:
    data = tlv.ber(0x70, tlv.ber(0x61, b"\x4f\x00") + b"\x50\x00") + b"\x57\x00"
    assert [item.tag for item in tlv.walk(data)] == [0x70, 0x61, 0x4F, 0x50, 0x57]


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=254)), max_size=6))
def test_simple_tlv_there_and_back(items: list[tuple[int, bytes]]) -> None:
    data = b"".join(tlv.simple(tag, value) for tag, value in items)
    found = tlv.parse_simple(data)
    assert [(item.tag, item.value) for item in found] == items
    for item in found:
        assert data[item.offset] == item.tag


@given(st.integers(0, 255), st.binary(max_size=254))
def test_simple_tlv_cut_at_any_byte_is_refused(tag: int, value: bytes) -> None:
    whole = tlv.simple(tag, value)
    for length in range(1, len(whole)):
        with pytest.raises(TlvError, match="at offset 0 is cut off"):
            tlv.parse_simple(whole[:length])


def test_simple_tlv_holds_254_bytes_at_most() -> None:
    assert len(tlv.simple(1, bytes(254))) == 256
    with pytest.raises(TlvError, match="at most 254"):
        tlv.simple(1, bytes(255))


@given(ENTRIES)
def test_dol_there_and_back(entries: list[tuple[int, int]]) -> None:
    assert tlv.parse_dol(dol(entries)) == entries


@given(TAGS, st.integers(0, 300))
def test_dol_cut_at_any_byte_is_refused(tag: int, length: int) -> None:
    whole = dol([(tag, length)])
    for end in range(1, len(whole)):
        with pytest.raises(TlvError):
            tlv.parse_dol(whole[:end])


@given(ENTRIES, st.dictionaries(TAGS, st.binary(max_size=20)))
def test_a_filled_dol_has_the_length_it_asks_for(entries: list[tuple[int, int]], values: dict[int, bytes]) -> None:
    filled = tlv.fill_dol(dol(entries), values, numeric=frozenset(list(values)[:2]))
    assert len(filled) == sum(length for _, length in entries)


@pytest.mark.parametrize(
    ("length", "numeric", "expected"),
    [
        (3, False, "112233"),
        (5, False, "1122330000"),
        (2, False, "1122"),
        (5, True, "0000112233"),
        (2, True, "2233"),
        (0, False, ""),
        (0, True, ""),
    ],
)
def test_values_are_fitted_as_emv_book_3_says(length: int, numeric: bool, expected: str) -> None:
    tags = frozenset({0x9F02}) if numeric else frozenset()
    filled = tlv.fill_dol(dol([(0x9F02, length)]), {0x9F02: b"\x11\x22\x33"}, numeric=tags)
    assert filled.hex() == expected


def test_a_value_that_is_not_there_is_zeros() -> None:
    assert tlv.fill_dol(dol([(0x95, 5), (0x9A, 3)]), {0x9A: b"\x12\x34\x56"}) == bytes(5) + b"\x12\x34\x56"
