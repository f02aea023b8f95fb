"""What is wrong in a file: every mistake with its place, and the other lines go on; or the whole file is refused."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminal.perso.data.encoding import decode
from terminal.perso.data.errors import DataError
from terminal.perso.data.layouts import FileKind
from terminal.perso.data.reading import read_data
from terminal.perso.data.samples import Fault, applications
from terminal.perso.data.writing import write_data
from terminal.perso.records import BankRecord, CardRecord, SocialRecord
from tests.terminal.perso.data.people import bank, card, social

WHERE: Mapping[Fault, str] = {
    Fault.NO_NUMBER: "social_security_number", Fault.CHECK_CHARACTER: "social_security_number",
    Fault.BIRTH_DATE: "birth_date", Fault.SEX: "sex", Fault.NO_NAME: "name", Fault.LONG_NAME: "name",
    Fault.NOT_GBK: "name", Fault.AREA: "birthplace", Fault.NO_DAY: "birth_date", Fault.NATIONALITY: "nationality",
    Fault.LONG_ADDRESS: "home_address", Fault.PHOTO_SIZE: "photo", Fault.PHOTO_KIND: "photo",
}  # fmt: skip
"""The column in which each mistake is told."""


@pytest.mark.parametrize(("form", "first"), [("csv", 2), ("json", 2), ("xlsx", 2), ("xml", None)])
def test_every_kind_of_mistake(form: str, first: int | None) -> None:
    """PERSO-055: each wrong line is told with file, line and column; the others are processed."""
    made = applications(11, 20, wrong=2 * len(Fault), duplicates=3)
    name = f"apps.{form}"
    found = read_data(write_data(name, made.applications), name, FileKind.APPLICATIONS)
    good = tuple(one for place, one in enumerate(made.applications) if place not in made.wrong)
    assert found.applications == good
    assert (found.rows, found.wrong_lines) == (len(made.applications), len(made.wrong))
    columns = Counter(mistake.column for mistake in found.mistakes)
    assert columns == Counter(WHERE[fault] for fault in made.wrong.values())
    if first is not None:
        told = {mistake.line - first: mistake.column for mistake in found.mistakes}
        assert told == {place: WHERE[fault] for place, fault in made.wrong.items()}
    unit = "row" if form == "xlsx" else "line"
    assert all(str(mistake).startswith(f"{name}, {unit} {mistake.line}") for mistake in found.mistakes)
    assert all(mistake.remedy for mistake in found.mistakes)
    numbers = Counter(str(one.values["social_security_number"]) for one in good)
    again = {number: times for number, times in numbers.items() if times > 1}
    assert Counter(mistake.problem[:18] for mistake in found.repeated) == again


def test_lines_of_xml() -> None:
    """The line is that in which the record begins."""
    data = write_data("x.xml", [bank(1), bank(2)]).decode()
    wrong = data.replace("<sex>2</sex>", "<sex>7</sex>")
    (mistake,) = read_data(wrong.encode(), "x.xml", FileKind.BANK).mistakes
    assert wrong.splitlines()[mistake.line - 1] == "  <record>"
    assert wrong.splitlines()[: mistake.line].count("  <record>") == 2


def _social(**changes: object) -> list[str]:
    """The mistakes of a social record with other values."""
    (record,) = json.loads(write_data("x.json", [social(1)]))
    return _told(record | changes, FileKind.SOCIAL)


def _bank(**changes: object) -> list[str]:
    (record,) = json.loads(write_data("x.json", [bank(1)]))
    return _told(record | changes, FileKind.BANK)


def _told(record: dict[str, Any], kind: FileKind, *, joint: bool = True) -> list[str]:
    kept = {name: value for name, value in record.items() if value is not None}
    found = read_data(json.dumps([kept]).encode(), "x.json", kind, joint_expiry=joint)
    assert bool(found.mistakes) != bool(found.good)
    return [f"{mistake.column}: {mistake.problem}" for mistake in found.mistakes]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"card_number": "A00000017"}, "card_number: A00000017 ends with 7"),
        ({"card_number": "100000012"}, "capital letter"),
        ({"identification_code": "519900A15600000500000001FFFFFFFF"}, "not D156000005"),
        ({"initialising_institution": "915600000351000051010001"}, "not with 9156000002"),
        ({"specification_version": "3.0"}, "no version"),
        ({"card_class": "5"}, "no code of card_class"),
        ({"expiry_date": "20261122"}, "not after the date of issue"),
        ({"issue_date": "19850616"}, "before the holder's birth"),
        ({"issue_date": "20260230"}, "no day"),
        ({"kind": "gift"}, "no code of kind"),
        ({"county": "51010"}, "5 characters, not 6; have its leading zeros been lost?"),
        ({"county": "5101O4"}, "other characters than digits"),
        ({"order": "x" * 33}, "33 bytes in GBK; 32 are the most"),
        ({"telephone": "028\x07"}, "control characters"),
        ({"home_address": "䶮里"}, "U+4DAE"),
        ({"home_address": "路" * 41}, "82 bytes in GBK; 80 are the most"),
        ({"marriage": "12"}, "marriage: 2 bytes in GBK; 1 are the most"),
        ({"employed_on": "202611221"}, "9 characters; 8 are the most"),
        ({"degree_code": ["1", "2", "3", "4"]}, "4 values; 3 are the most"),
        ({"degree_code": ["1", "2345"]}, "4 bytes in GBK; 3 are the most"),
        ({"sex": ["1", "2"]}, "2 values; sex stands once"),
        ({"sex": 1}, "this is no text"),
        ({"sex": {"a": "1"}}, "this is no text"),
        ({"applied": None}, "applied: nothing stands there"),
        ({"applied": " "}, "applied: nothing stands there"),
        ({"photo": "*"}, "neither base64"),
    ],
)
def test_social_data(changes: dict[str, object], told: str) -> None:
    """PERSO-092, PERSO-097, PERSO-099 to PERSO-102, PERSO-104, PERSO-105: each rule stops the record and says why."""
    (problem,) = _social(**changes)
    assert told in problem


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pan": "6214660010000000018"}, "not with BIN 621467"),
        ({"pan": "621467001000000001"}, "18 characters, not 19"),
        ({"pan": "6214670010000000018"}, "its check digit is 7"),
        ({"account_expires": "20361121"}, "which is 20361122"),
        ({"psn": "1"}, "leading zeros"),
        ({"sex": "9"}, "no code of sex"),
        ({"sex": "2"}, "is not the sex in"),
        ({"name": "王1"}, "other characters"),
    ],
)
def test_bank_data(changes: dict[str, object], told: str) -> None:
    """PERSO-160, PERSO-161, PERSO-163: another BIN or length, a wrong check digit, another validity are refused."""
    (problem,) = _bank(**changes)
    assert told in problem


def test_joint_expiry() -> None:
    """PERSO-164: both sides of a card expire together, unless the department has set another period."""
    (record,) = json.loads(write_data("x.json", [card(1)]))
    other = record | {"expiry_date": "20311122"}
    (told,) = _told(other, FileKind.MATCHED)
    assert "account_expires: 20361122 is not the card's expiry 20311122" in told
    assert _told(other, FileKind.MATCHED, joint=False) == []
    assert _told(record, FileKind.MATCHED) == []


def test_nothing_stands_twice() -> None:
    """A number that two records have stops both: nobody can say whose it is. A person who has two is read, and told."""
    first, second = bank(1), bank(3)
    other = BankRecord(**{**_fields(second), "pan": first.pan})
    found = read_data(write_data("x.csv", [first, other, bank(2)]), "x.csv", FileKind.BANK)
    assert [(mistake.line, mistake.column) for mistake in found.mistakes] == [(2, "pan"), (3, "pan")]
    assert "line 3" in found.mistakes[0].problem
    assert found.bank == (bank(2),)
    again = BankRecord(**{**_fields(bank(5)), "person": first.person, "sex": first.sex})
    found = read_data(write_data("x.csv", [first, again]), "x.csv", FileKind.BANK)
    assert found.bank == (first, again)
    assert [mistake.line for mistake in found.repeated] == [2, 3]


def _fields(record: BankRecord) -> dict[str, str]:
    return {name: getattr(record, name) for name in BankRecord.__slots__}


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("x.csv", b"", "no headers"),
        ("x.csv", b"pan,pan\n", "stands 2 times"),
        ("x.csv", b'pan,"sex\n', "quotation mark"),
        ("x.csv", "pan,银行卡号\n".encode(), "English and in Chinese"),
        ("x.csv", b"pan,psn\n", "columns are missing: order"),
        ("x.csv", b"a\0b", "no text file"),
        ("x.csv", b"\xff\xff\xff", "neither UTF-8 nor GB18030"),
        ("x.pdf", b"", "end with .csv"),
        ("x.json", b"", "no headers"),
        ("x.json", b"[{]", "line 1: this is no JSON"),
        ("x.json", b"[\n{},\n{", "line 3: this is no JSON"),
        ("x.json", b"[{} {}]", "comma"),
        ("x.json", b"[{}", "comma"),
        ("x.json", b"[{}] x", "behind it"),
        ("x.json", b"[" + b'{"a":' * 5000, "no JSON"),
        ("x.json", b'[{"a": ' + b"1" * 5000 + b"}]", "too many brackets or digits"),
        ("x.xml", b"<a><b></a>", "line 1: this is no XML"),
        ("x.xml", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "document types"),
        ("x.xml", b'<?xml version="1.0" encoding="big5"?><a/>', "big5 is not read"),
        ("x.xlsx", b"PK", "no .xlsx workbook"),
        ("x.xlsx", b"PK\x05\x06" + bytes(18), "no .xlsx workbook"),
    ],
)
def test_files_that_are_none(name: str, data: bytes, told: str) -> None:
    """A file that cannot be read at all is refused in one sentence."""
    with pytest.raises(DataError) as error:
        read_data(data, name, FileKind.BANK)
    assert told in str(error.value)
    assert str(error.value).startswith(name)


@pytest.mark.parametrize("form", ["csv", "json", "xml", "xlsx"])
def test_unknown_columns(form: str) -> None:
    """PERSO-063: a file with a tag that the approved structure has not is refused; the columns are named."""
    record = social(1)
    data = write_data(f"x.{form}", [record], chinese=False)
    data = _renamed(data) if form == "xlsx" else data.replace(b"nationality", b"item_ZZ")
    with pytest.raises(DataError, match="item_ZZ not known in a file of social-security data"):
        read_data(data, f"x.{form}", FileKind.SOCIAL)


def _renamed(data: bytes) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    for cell in next(book.worksheets[0].iter_rows(max_row=1)):
        if cell.value == "nationality":
            cell.value = "item_ZZ"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("[1]", "no object"),
        ('[{"pan": "1", "pan": "2"}]', "pan stands twice"),
        ('[{"pan": "1", "银行卡号": "2"}]', "English and in Chinese"),
    ],
)
def test_records_that_are_none(data: str, told: str) -> None:
    """The record alone is wrong; the others go on."""
    right = write_data("x.json", [bank(1)]).decode().strip().strip("[]")
    found = read_data(f"{data[:-1]},\n{right}]".encode(), "x.json", FileKind.BANK)
    assert found.bank == (bank(1),)
    assert told in found.mistakes[0].problem
    assert found.mistakes[0].line == 1


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("<record>x", "outside of any column"),
        ("<record a='1'>", "attributes"),
        ("<record><sex><b>1</b></sex>", "inside"),
    ],
)
def test_elements_that_are_none(spoil: str, told: str) -> None:
    """The same in XML."""
    data = write_data("x.xml", [bank(1), bank(2)]).decode().replace("<record>", spoil, 1)
    found = read_data(data.encode(), "x.xml", FileKind.BANK)
    assert told in found.mistakes[0].problem
    assert found.bank == (bank(2),)


def test_rows_of_another_length() -> None:
    """A row with more or fewer cells than headers is wrong as a whole."""
    lines = write_data("x.csv", [bank(1), bank(2)]).decode().splitlines()
    text = "\n".join((lines[0], lines[1] + ",x", lines[2].split(",", 1)[1], ""))
    found = read_data(text.encode(), "x.csv", FileKind.BANK)
    assert [mistake.problem.split(" between")[0] for mistake in found.mistakes] == ["11 cells", "9 cells"]
    assert [mistake.column for mistake in found.mistakes] == ["", ""]


@pytest.mark.parametrize("text", ["伪", "人民路", "路", "联通", "α"])
def test_code_pages_are_not_guessed(text: str) -> None:
    """Bytes that may be UTF-8 and GB18030 are read right or not at all."""
    for page in ("utf-8", "gb18030"):
        with suppress(DataError):
            assert decode(text.encode(page), "x")[0] == text
        assert decode(text.encode(page), "x", page)[0] == text
    with pytest.raises(DataError, match="tell which"):
        decode("伪".encode("gbk"), "x")


@given(st.text(st.sampled_from("伪路中张αβ·㐀䶮é联通abc,1"), max_size=12), st.sampled_from(["utf-8", "gb18030"]))
def test_never_wrong(text: str, page: str) -> None:
    """Whatever the text: never silently another one."""
    try:
        found, _ = decode(text.encode(page), "x")
    except DataError:
        return
    assert found == text


@given(st.binary(max_size=200), st.sampled_from(["x.csv", "x.json", "x.xml"]))
def test_any_bytes(data: bytes, name: str) -> None:
    """One sentence or a reading, whatever the bytes."""
    with suppress(DataError):
        assert read_data(data, name, FileKind.BANK).good == ()


def test_halves_stay_apart() -> None:
    """A matched line becomes both halves, each with what is its own."""
    (found,) = read_data(write_data("x.csv", [card(1)]), "x.csv", FileKind.MATCHED).matched
    assert isinstance(found, CardRecord)
    assert isinstance(found.social, SocialRecord)
    assert "pan" not in found.social.values


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=40))
def test_any_workbook(place: int, spoilt: bytes) -> None:
    """A workbook with other bytes in its parts: one sentence or a reading."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_WORKBOOK)) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.namelist():
            content = bytearray(old.read(entry))
            at = place % len(content)
            if entry.endswith(("sheet1.xml", "workbook.xml")):
                content[at : at + len(spoilt)] = spoilt
            new.writestr(entry, content)
    with suppress(DataError):
        read_data(file.getvalue(), "x.xlsx", FileKind.BANK)


_WORKBOOK: bytes = write_data("x.xlsx", [bank(1)])
