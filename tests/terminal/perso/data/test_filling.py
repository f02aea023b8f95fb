"""What the records of the files become on the card: items filled to their length, in the order of the structure."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardsim.cos.files import FileType
from cardsim.crypto.social import Suite
from cardsim.iso7816.tlv import parse_simple
from cardsim.making.content import check_content, encode, records_of
from cardsim.making.demo import certificate_code
from cardsim.making.plan import FilePlan, Item, ItemType, SsseStructure, Value
from cardsim.making.station import MakingError
from cardsim.making.structure import ProfileError, load_profile
from terminal.perso.data.layouts import FileKind
from terminal.perso.data.reading import read_data
from terminal.perso.data.writing import write_data
from terminal.perso.making.personaliser import plan_of
from terminal.perso.records import Text
from tests.terminal.perso.data.people import social


def _structure() -> SsseStructure:
    structure = load_profile("dual-3.0-sm4").ssse
    assert structure is not None
    return structure


def _file(fid: int) -> FilePlan:
    return next(file for file in _structure().files if (file.df, file.fid) == (0xDDF1, fid))


def _values(number: int = 1) -> dict[str, Value]:
    """What a card of a line of the social file holds, as the personaliser puts it together."""
    record = read_data(write_data("x.csv", [social(number)]), "x.csv", FileKind.SOCIAL).social[0]
    structure = _structure()
    sample = plan_of(load_profile("dual-3.0-sm4"), "1239", sample=False).sample
    return {**sample, **record.values, "photo": record.photo, "specification_version": structure.version}


def test_every_item_has_the_length_of_the_structure() -> None:
    """PERSO-091, PERSO-093: each TLV of a card made of a file equals tag, length and type of the structure."""
    structure, values = _structure(), _values()
    check_content(structure.files, values)
    seen = 0
    for file in structure.files:
        if file.type in (FileType.TRANSPARENT, FileType.CYCLIC, FileType.ACCOUNT):
            continue
        for item, record in zip(file.items, records_of(file, values), strict=True):
            (found,) = parse_simple(record)
            assert found.tag == item.tag
            if item.type is ItemType.NESTED:
                inner = parse_simple(found.value)
                assert [(one.tag, len(one.value)) for one in inner] == [(one.tag, one.length) for one in item.items]
            else:
                assert len(found.value) == item.length
            seen += 1
    assert seen > 100


def test_order_of_records() -> None:
    """PERSO-096: the records stand in the order of the item table; number 3 of EF06 is item 4E."""
    tags = [parse_simple(record)[0].tag for record in records_of(_file(0xEF06), _values())]
    assert tags == [0x08, 0x09, 0x4E, 0x0A, 0x0B, 0x0C, 0x0D]


def test_first_file() -> None:
    """PERSO-097, PERSO-099 to PERSO-102: EF05 of a card, byte by byte."""
    items = [parse_simple(record)[0] for record in records_of(_file(0xEF05), _values())]
    values = {item.tag: item.value for item in items}
    assert values[0x01].hex().upper() == "510100D15600000500000001FFFFFFFF"
    assert values[0x02] == b"\x33"
    assert values[0x03] == b"3.00"
    assert values[0x04].hex() == "9156000002" + "510000" + "510100" + "01"
    assert (values[0x05].hex(), values[0x06].hex()) == ("20261122", "20361122")
    assert values[0x07] == b"A0000001" + values[0x07][8:]


@pytest.mark.parametrize(
    ("item", "text", "filled"),
    [
        (Item(0x09, ItemType.TEXT, 0x1E), "王小明", "王小明".encode("gbk") + bytes(24)),
        (Item(0x0D, ItemType.BCD, 4), "19850617", bytes.fromhex("19850617")),
        (Item(0x0D, ItemType.BCD, 4), "198506", bytes.fromhex("198506FF")),
        (Item(0x0D, ItemType.BCD, 4), "19850", bytes.fromhex("19850FFF")),
        (Item(0x0D, ItemType.BCD, 4), "", b"\xff" * 4),
        (Item(0x28, ItemType.TEXT, 15), "028", b"028" + bytes(12)),
    ],
)
def test_padding(item: Item, text: str, filled: bytes) -> None:
    """PERSO-091: cn left-aligned with F, an left-aligned with 00."""
    assert encode(item, text) == filled


@given(st.text(st.characters(codec="gbk", exclude_categories=["Cs"]), max_size=60))
def test_longer_than_the_item(text: str) -> None:
    """PERSO-092: an address of 81 bytes is refused; 80 are taken, and nothing is ever cut off."""
    item = Item(0x21, ItemType.TEXT, 0x50)
    raw = text.encode("gbk")
    if len(raw) > item.length:
        with pytest.raises(MakingError, match=f"has {len(raw)} bytes"):
            encode(item, text)
    else:
        assert encode(item, text).startswith(raw)
    with pytest.raises(MakingError, match="81 bytes"):
        encode(item, "x" * 81)


def test_what_the_reader_takes_the_card_takes() -> None:
    """PERSO-092, PERSO-093: the longest values that the reader lets pass fit into the card."""
    record = social(1)
    more: dict[str, Text] = {
        "home_address": "路" * 40,
        "employer": "厂" * 35,
        "marriage": "1",
        "job_began": ("20260101",) * 4,
    }
    longest = {**record.values, **more}
    data = write_data("x.json", [type(record)(record.order, longest, record.photo)])
    found = read_data(data, "x.json", FileKind.SOCIAL)
    assert found.mistakes == ()
    check_content(_structure().files, {**_values(), **found.social[0].values})


def test_certificate_codes_differ() -> None:
    """PERSO-098: two cards that differ in their serial number alone have different certificate codes."""
    named = [social(number).text("identification_code") for number in range(1, 9)]
    codes = {certificate_code(Suite.SM4, b"key of the card.", code) for code in named}
    assert len({code[24:] for code in codes}) == 8
    assert all(code[:16] == "510100D156000005" for code in codes)


@pytest.mark.parametrize("place", ["DF02", "DF03"])
def test_item_60_stands_once(tmp_path: Path, place: str) -> None:
    """PERSO-108: in DF02 EF06 or in DF03 EF05, by an option; a structure that has it in both is refused."""
    profile = tmp_path / "p.toml"
    profile.write_text("description = 'x'\n[ssse]\nstructure = 'own.toml'\nsuite = 'sm4'\n", encoding="utf8")
    own, option = tmp_path / "own.toml", f"extends = 'ssse-3.0'\n[options]\nitem60 = '{place}'\n"
    own.write_text(option, encoding="utf8")
    structure = load_profile(str(profile)).ssse
    assert structure is not None
    places = [(file.df, file.fid) for file in structure.files for item in file.items if item.tag == 0x60]
    assert places == [{"DF02": (0xDF02, 0xEF06), "DF03": (0xDF03, 0xEF05)}[place]]
    other = {"DF02": ("DF03", "EF05"), "DF03": ("DF02", "EF06")}[place]
    item = "items = [{ tag = '60', type = 'cn', length = 4, value = 'unemployed_on' }]"
    own.write_text(f"{option}\n[[file]]\ndf = '{other[0]}'\nfid = '{other[1]}'\n{item}\n", encoding="utf8")
    with pytest.raises(ProfileError, match="60"):
        load_profile(str(profile))
