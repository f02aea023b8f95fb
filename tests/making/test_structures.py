"""The structures against the catalogue of requirements, and what is refused in one of one's own."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from cardsim.cos.files import FileType
from cardsim.crypto import social
from cardsim.iso7816.tlv import parse_simple
from cardsim.keyfile import generation_name
from cardsim.making.plan import FilePlan, Item, ItemType
from cardsim.making.structure import ProfileError, load_profile, load_structure
from cardsim.resources import resource
from terminal.conformance.file_cases import ROWS
from tests.cards import HISTORICAL, ORIGINAL, card, unhex

KINDS: Final = {
    FileType.LINEAR_VARIABLE: "a variable-length record file", FileType.LINEAR_FIXED: "a fixed-length record file",
    FileType.CYCLIC: "cyclic", FileType.TRANSPARENT: "a transparent file",
}  # fmt: skip
STATEMENTS: Final[dict[str, str]] = {
    item["id"]: " ".join(item["statement"].split())
    for item in yaml.safe_load(resource("requirements", "ssse_card.yaml").read_text(encoding="utf8"))
}


def described() -> Iterator[tuple[FilePlan, str, str]]:
    """Each file that the catalogue describes, with what it says of the items and of the access rules."""
    structure = load_structure("ssse-2.0")
    for row in ROWS:
        (file,) = (file for file in structure.files_of(row.df) if file.fid == row.fid)
        yield file, STATEMENTS.get(row.items, ""), STATEMENTS[row.access]


def place(value: object) -> str:
    """Name of a test's case."""
    return f"{value.df:04X}-{value.fid:04X}" if isinstance(value, FilePlan) else ""


def flat(items: tuple[Item, ...]) -> list[tuple[int, int]]:
    return [(item.tag or 0, item.length) for item in items]


@pytest.mark.parametrize(("file", "items", "access"), [*described()], ids=place)
def test_items_are_those_of_the_catalogue(file: FilePlan, items: str, access: str) -> None:
    """SSCV2-5.2 to SSCV2-5.7, SSCV2-B3: kind, order, tag and length of each item, nested ones too."""
    if not items:
        return
    assert KINDS[file.type] in items
    if file.type is FileType.TRANSPARENT:
        assert f"of {file.size} (" in items
    elif file.type is FileType.CYCLIC:
        assert f"record length {file.record_length:02X}h" in items
        listed = re.findall(r" (an|cn|b) (\d+)", items.split("without tags: ")[1])
        assert [(item.type.value, str(item.length)) for item in file.items] == listed
    else:
        order = items.split("(number:tag+hex length): ")[1].split(". Nested")[0]
        assert [(int(tag, 16), int(size, 16)) for tag, size in re.findall(r":(..)\+(..)", order)] == flat(file.items)
    for tag, inner in re.findall(r"(\w\w) = \{(.*?)\}", items):
        nested = next(item for item in file.items if item.tag == int(tag, 16))
        words = [f"{item.tag:02X} {item.type.value} {item.length:02X}" for item in nested.items]
        assert words == inner.split(", ")
        assert nested.type is ItemType.NESTED


@pytest.mark.parametrize(("file", "items", "access"), [*described()], ids=place)
def test_rules_are_those_of_the_catalogue(file: FilePlan, items: str, access: str) -> None:
    """SSCV2-5.2 to SSCV2-5.7, SSCV2-B3: who reads and who writes, with the numbers of the keys."""
    reading, writing = access.split("written only after")
    writes = re.findall(r"UK\w+ \((..)\)", writing)
    assert str(file.write) == f"key {writes[file.fid - 0xEF16 if len(writes) > 1 else 0]}"
    keys = [f"key {key}" for key in re.findall(r"\((0A|8.)\)", reading)]
    if "without any authentication" in reading:
        assert str(file.read) == "free"
    elif "both the PIN" in reading:
        assert str(file.read) == f"PIN and {keys[0]}"
    elif "after PIN verification or" in reading:
        assert str(file.read) == f"PIN or {keys[0]}"
    else:
        assert str(file.read) == keys[0]


def test_versions_differ_in_one_rule() -> None:
    """C-23, D22: a 3.00 card is a 2.00 card whose EF06 is read after RKSSSE."""
    old, new = load_structure("ssse-2.0"), load_structure("ssse-3.0")
    assert (old.keys, old.dfs) == (new.keys, new.dfs)
    different = [(a, b) for a, b in zip(old.files, new.files, strict=True) if a != b]
    assert [(a.df, a.fid, str(a.read), str(b.read)) for a, b in different] == [(0xDDF1, 0xEF06, "free", "key 0A")]


def test_options() -> None:
    """D21, C-27, SSC6-6.6-02: options choose files, items and keys."""
    assert not [df for df in load_structure("ssse-2.0", {"annex_b": "no"}).dfs if df.fid in (0xDF05, 0xDF06)]
    on_line = load_structure("ssse-1.0", {"medical": "on-line"})
    assert [file.fid for file in on_line.files_of(0xDF04)] == [0xEF05, 0xEF06, 0xEF09]
    assert not {"DLK", "DPK", "DTK", "DSK"} & {key.name for key in on_line.keys}
    short = load_structure("ssse-1.0", {"log_record": "account-only"})
    both = (load_structure("ssse-1.0"), short)
    logs, accounts = [
        [next(file for file in structure.files_of(0xDF04) if file.fid == fid) for structure in both]
        for fid in (0xEF08, 0xEF81)
    ]
    assert [file.record_length for file in logs] == [28, 20]
    assert [file.starting_day.hex() for file in accounts] == ["0101", "0000"], "SSC7-12-01: it has no settlement year"
    assert accounts[0] == dataclasses.replace(accounts[1], starting_day=accounts[0].starting_day)
    with pytest.raises(ProfileError, match="options: item60 is one of DF02, DF03, not DF09"):
        load_structure("ssse-2.0", {"item60": "DF09"})
    with pytest.raises(ProfileError, match="there is no option colour; options are item60, annex_b"):
        load_structure("ssse-2.0", {"colour": "red"})


def test_generations_are_on_the_card() -> None:
    """SSC5-6.4-02, SSC5-6.7-08: three generations of a key, each with its own root, told apart by the version byte."""
    bench = card("dual-3.0-sm4")
    bench.ssse()
    for version in (1, 2, 3):
        data = bytes(range(8)) + ORIGINAL
        key = bench.key(generation_name("IRK", version))
        want = social.authentication_data(bench.suite, key, data[:8], ORIGINAL).hex().upper()
        assert bench.x(f"0088000011{data.hex()}{version:02X}") == want + "9000"
        challenge = bench.challenge()
        proof = social.authentication_data(
            bench.suite, bench.key(generation_name("RKSSSE", version)), challenge, ORIGINAL
        )
        assert bench.x(f"0082000A11{(proof + ORIGINAL).hex()}{version:02X}") == "9000"
    assert bench.x(f"0088000011{data.hex()}04") == "6A88"
    assert bench.keys.ssse is not None
    assert bench.keys.ssse.card_key("IRK.4", bench.suite, "519900", HISTORICAL) is None


def test_everything_has_content() -> None:
    """SSCV2-7-02: on a fresh card each item stands in its full length, and what is nested is whole."""
    bench = card("dual-2.0-des")
    structure = load_structure("ssse-2.0")
    for df in structure.dfs:
        for file in structure.files_of(df.fid):
            bench.ssse()
            if df is not structure.dfs[0]:
                bench.select_fid(f"{df.fid:04X}")
            bench.verify()
            for key in structure.keys:
                if key.name.startswith("RK") and key.df in (df.fid, 0xDDF1):
                    bench.authenticate(bench.key(key.name), structure.key_id(key))
            for number, item in enumerate(file.items if file.type is not FileType.CYCLIC else (), 1):
                assert bench.x(f"00B2{number:02X}{file.sfi << 3 | 4:02X}00")[-4:] == "9000"
                (record,) = parse_simple(unhex(bench.data))
                assert (record.tag, len(record.value)) == (item.tag, item.length)
                if item.items:
                    assert [(one.tag, len(one.value)) for one in parse_simple(record.value)] == flat(item.items)


# --- what is refused


def structure_of(folder: Path, text: str) -> None:
    (folder / "own.toml").write_text(text, encoding="utf8")
    profile = "description = 'x'\n[ssse]\nstructure = 'own.toml'\nsuite = 'des'"
    (folder / "mine.toml").write_text(profile, encoding="utf8")
    load_profile(str(folder / "mine.toml"))


LOCAL: Final = "extends = 'ssse-2.0'\n"
FILE: Final = "[[file]]\ndf = '{df}'\nfid = '{fid}'\n{more}\nread = 'free'\nwrite = '{write}'\n"


def local(df: str, fid: str, more: str = "items = []", write: str = "never") -> str:
    return LOCAL + FILE.format(df=df, fid=fid, more=more, write=write)


@pytest.mark.parametrize(
    "text",
    [
        LOCAL, local("DDF1", "EF0C"), local("DDF1", "EF0D"), local("DF01", "EF14"), local("DF04", "EF1B"),
        local("DF04", "EF1D"),
        LOCAL + "[[df]]\nfid = 'DF0A'\nlabel = 'x'\n", LOCAL + "[[file]]\ndf='DF02'\nfid='EF07'\nrecords=9\n",
        LOCAL + "[[file]]\ndf='DF01'\nfid='EF05'\nitems=[{tag='EA',type='an',length=3}]\n",
        LOCAL + "[[file]]\ndf='DF01'\nfid='EF05'\nread='free'\n", LOCAL + "[options]\nitem60 = 'DF03'\n",
    ],
)  # fmt: skip
def test_allowed_extensions(tmp_path: Path, text: str) -> None:
    """SSC6-6.7.1-01, SSC6-6.7.2-01, SSC6-6.7.3-01, SSCV2-6-02, C-35."""
    structure_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (local("DDF1", "EF0B"), r"\[\[file\]\] 1: a file of one's own is EF0C to EF14 or EF1B to EF1D .*, not EF0B"),
        (local("DF01", "EF1E"), r"EF0C to EF14 or EF1B to EF1D"),
        (LOCAL + "[[df]]\nfid = 'DF09'\nlabel = 'x'", r"\[\[df\]\] 1: .* from DF0A on .*, not DF09"),
        (LOCAL + "[[df]]\nfid = 'DF01'\nlabel = 'x'", r"DF01 stands in ssse-2\.0 already"),
        (LOCAL + "[[file]]\ndf='DDF1'\nfid='EF05'\nitems=[{tag='EA',type='an',length=1}]", "SSSE itself get no items"),
        (LOCAL + "[[file]]\ndf='DF02'\nfid='EF07'\nitems=[{type='an',length=1}]", "a cyclic file gets no items"),
        (LOCAL + "[[file]]\ndf='DF02'\nfid='EF07'\nrecords=3", "fewer records than the 4 of the standard"),
        (LOCAL + "[[file]]\ndf='DF01'\nfid='EF05'\nrecords=3", "only a cyclic or fixed file has a number of records"),
        (LOCAL + "[[file]]\ndf='DF01'\nfid='EF05'\nitems=[{tag='30',type='an',length=1}]", "tag 30 is used by the"),
        (LOCAL + "[[file]]\ndf='DF01'\nfid='EF05'\nsize=3", "size is not known here"),
        (
            LOCAL + "[[key]]\ndf='DF01'\nname='UK1DF01'\nnumber=15",
            "UK1DF01 stands already in structure ssse-2.0",
        ),
        (LOCAL + "[[key]]\ndf='DF01'\nname='MINE'\nnumber=3", "external key 03 of DF01 stands already"),
        (LOCAL + "[[key]]\ndf='DF01'\nname='MINE'\nnumber=15\ngenerations=4", "generations is 1 to 3, not 4"),
        (LOCAL + "[[key]]\ndf='DF0B'\nname='MINE'\nnumber=15", r"there is no \[\[df\]\] DF0B"),
        (LOCAL + "[[key]]\ndf='DF01'\nname='MINE'\nuse='load'\nnumber=1\nlimit=3", "its limit is 0"),
        (local("DF01", "EF0C", write="key 8F"), "write names key 8F, and DF01 has no such key"),
        (local("DF01", "EF0C", write="UK1DF02"), "'UK1DF02' is no access rule"),
        (local("DF01", "EF0C", "items=[{tag='EA',type='an',length=1},{tag='EA',type='an',length=1}]"), "tag EA stands"),
        (local("DF01", "EF0C", "items=[{tag='EA',type='xx',length=1}]"), r"\[\[items\]\] 1: type is one of an, cn, b,"),
        (local("DF01", "EF0C", "items=[{tag='EA',type='an'}]"), "length is missing"),
        (local("DF01", "EF0C", "items=[{type='an',length=1}]"), "tag is missing"),
        (local("DF01", "EF0C", "type='cyclic'\nrecords=3\nitems=[{tag='EA',type='an',length=1}]"), "has no tag"),
        (
            local("DF01", "EF0C", "items=[{tag='EA',type='B-TLV',length=9,items=[{tag='EB',type='an',length=1}]}]"),
            "its items fill 3 bytes, and its length is 9",
        ),
        (
            local("DF01", "EF0C", "type='fixed'\nrecords=1\nitems=[{tag='EA',type='an',length=1,times=2}]"),
            "has 2 items, and 1 records",
        ),
        (local("DF01", "EF0C", "type='transparent'\nsize=60000"), r"space is 32768 bytes, and \d+ are needed"),
        (local("DF01", "EF0C", "type='transparent'"), "size is missing"),
        (LOCAL + "[options]\nitem61 = 'DF03'", "there is no option item61"),
        (LOCAL + "[values]\nx = 3", "x is a text, or a list of texts"),
        (LOCAL + "colour = 3", "colour is not known here"),
        ("extends = 'own.toml'", "extends own.toml, which extends this one"),
        ("extends = 'nothing'", "nothing is neither a structure of cardsim nor a file"),
    ],
)
def test_refused_extensions(tmp_path: Path, text: str, message: str) -> None:
    """SSC6-6.7.1-01, SSCV2-6-01, C-35: file, entry, and the rule that is broken."""
    with pytest.raises(ProfileError, match=message) as caught:
        structure_of(tmp_path, text)
    assert "own.toml" in str(caught.value)


def test_an_extension_of_an_extension(tmp_path: Path) -> None:
    """SSC6-6.7.1-01: a city adds to what its province has added."""
    (tmp_path / "province.toml").write_text(local("DDF1", "EF0C"), encoding="utf8")
    structure_of(tmp_path, local("DDF1", "EF0D").replace("ssse-2.0", "province.toml"))
