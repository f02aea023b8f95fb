"""The four files in all formats and code pages: the same person is the same record, and is written the same."""

import io
import sys
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from terminal.errors import UsageError
from terminal.perso.data.errors import DataError
from terminal.perso.data.layouts import FileKind, layout, structure_columns
from terminal.perso.data.reading import approved_structure, read_data, read_file
from terminal.perso.data.samples import applications
from terminal.perso.data.writing import kind_of, write_data, write_file
from terminal.perso.records import Application, BankRecord, CardRecord, SocialRecord
from tests.terminal.perso.data.people import bank, card, social

FORMATS = ("csv", "json", "xml", "xlsx")
LONG = "阿卜杜热合曼·买买提托合提·阿布都拉"
RECORDS: dict[FileKind, tuple[Application | SocialRecord | BankRecord | CardRecord, ...]] = {
    FileKind.APPLICATIONS: applications(7, 6).applications,
    FileKind.SOCIAL: (social(1), social(2, LONG)),
    FileKind.BANK: (bank(1), bank(2, LONG)),
    FileKind.MATCHED: (card(1), card(2, LONG)),
}


@pytest.mark.parametrize("chinese", [False, True])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", FileKind)
def test_there_and_back(kind: FileKind, form: str, chinese: bool) -> None:
    """PERSO-054, PERSO-072: a person in any format, under English or Chinese headers, is the identical record."""
    name = f"x.{form}"
    data = write_data(name, RECORDS[kind], chinese=chinese)
    found = read_data(data, name, kind)
    assert found.mistakes == ()
    assert tuple(good.record for good in found.good) == RECORDS[kind]
    assert (found.rows, found.wrong_lines, found.repeated) == (len(RECORDS[kind]), 0, ())
    assert write_data(name, RECORDS[kind], chinese=chinese) == data


@pytest.mark.parametrize("page", ["utf-8", "gbk", "gb18030"])
@pytest.mark.parametrize("form", FORMATS[:3])
def test_code_pages(form: str, page: str) -> None:
    """PERSO-054: in UTF-8 or GBK, told or found out."""
    name, records = f"x.{form}", RECORDS[FileKind.APPLICATIONS]
    data = write_data(name, records, encoding=page, chinese=True)
    for told in ("", page):
        assert read_data(data, name, FileKind.APPLICATIONS, encoding=told).applications == records
    with pytest.raises(DataError, match="not in"):
        read_data(data, name, FileKind.APPLICATIONS, encoding="utf-8" if page != "utf-8" else "gbk")


def test_in_a_folder(tmp_path: Path) -> None:
    """Photos may stand beside the file; the code page of a file with a mark is that."""
    record = RECORDS[FileKind.SOCIAL][0]
    assert isinstance(record, SocialRecord)
    path = tmp_path / "social.csv"
    write_file(path, [record])
    text = path.read_text(encoding="utf8")
    (tmp_path / "王小明.jpg").write_bytes(record.photo)
    path.write_text(_with_photo(text, "王小明.jpg"), encoding="utf-8-sig")
    assert read_file(path, FileKind.SOCIAL).social == (record,)
    assert read_file(path, FileKind.SOCIAL).encoding == "utf-8"
    path.write_text(_with_photo(text, "李.jpg"), encoding="utf-16")
    (mistake,) = read_file(path, FileKind.SOCIAL).mistakes
    assert (mistake.column, mistake.problem) == ("photo", "李.jpg: No such file or directory")
    with pytest.raises(DataError, match="No such file"):
        read_file(tmp_path / "none.csv", FileKind.SOCIAL)


def _with_photo(text: str, name: str) -> str:
    """A CSV file of one record with another photo."""
    headers, line = text.splitlines()
    cells = line.split(",")
    cells[headers.split(",").index("photo")] = name
    return f"{headers}\n{','.join(cells)}\n"


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/x.jpg", "a\\b.jpg", "passwd"])
def test_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    """The name of a photo never leads out of the folder."""
    (tmp_path / "secret.jpg").write_bytes(social(1).photo)
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "x.csv"
    write_file(path, [social(1, photo=b"")])
    path.write_text(_with_photo(path.read_text(encoding="utf8"), name), encoding="utf8")
    (mistake,) = read_file(path, FileKind.SOCIAL).mistakes
    assert "neither base64" in mistake.problem


def test_photos_in_files_that_came_alone() -> None:
    """Without a folder no file is read."""
    record = RECORDS[FileKind.SOCIAL][0]
    data = write_data("x.json", [record])
    start = data.index(b'"photo": "') + len(b'"photo": "')
    end = data.index(b'"', start)
    (mistake,) = read_data(data[:start] + b"a.jpg" + data[end:], "x.json", FileKind.SOCIAL).mistakes
    assert "none came with the data" in mistake.problem


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_delimiters(delimiter: str) -> None:
    """The line of headers shows what stands between the cells."""
    text = write_data("x.csv", RECORDS[FileKind.BANK]).decode().replace(",", delimiter)
    assert read_data(text.encode(), "x.txt", FileKind.BANK).bank == RECORDS[FileKind.BANK]


def test_quoted_cells_over_lines() -> None:
    """A quoted cell may hold the delimiter; the line of the next record is counted on."""
    record = RECORDS[FileKind.APPLICATIONS][0]
    text = write_data("x.csv", [record, record]).decode()
    first, second, third = text.splitlines()
    address = str(record.values["home_address"]) if isinstance(record, Application) else ""
    second = second.replace(address, '"成都,\n人民路"', 1)
    found = read_data("\n".join((first, second, third)).encode(), "x.csv", FileKind.APPLICATIONS)
    assert [(mistake.line, mistake.column) for mistake in found.mistakes] == [(2, "household_address")]
    assert [good.line for good in found.good] == [4]


def test_words_for_codes_and_dates_with_dashes() -> None:
    """PERSO-054: a clerk may write 女, 汉 and 1985-06-17; the record has the codes."""
    data = write_data("x.json", [social(2)]).decode()
    for code, word in (('"sex": "2"', '"sex": "女"'), ('"nationality": "01"', '"nationality": "汉"'),
                       ("19850617\"", "1985-06-17\""), ('"kind": "first"', '"kind": "首次发放"')):  # fmt: skip
        assert code in data
        data = data.replace(code, word)
    assert read_data(data.encode(), "x.json", FileKind.SOCIAL).social == (social(2),)


def test_card_class_and_psn_by_default() -> None:
    """PERSO-099: where types of card are not used it is 3, an adult's."""
    data = write_data("x.json", [social(1)]).decode().replace('"card_class": "3", ', "")
    assert read_data(data.encode(), "x.json", FileKind.SOCIAL).social == (social(1),)
    assert layout(FileKind.SOCIAL).headers()["卡的类别"].codes["1"] == "学龄前儿童"


def test_a_workbook_of_a_spreadsheet() -> None:
    """Real dates and short numbers are read; what a spreadsheet has spoilt is told with its cell."""
    book = openpyxl.load_workbook(io.BytesIO(write_data("x.xlsx", [bank(1)])))
    sheet = book.worksheets[0]
    headers = {str(cell.value): cell for cell in next(sheet.iter_rows(max_row=1))}
    under = {name: sheet.cell(2, cell.column) for name, cell in headers.items()}
    under["account_opened"].value = date(2026, 11, 22)
    under["sex"].value = 1
    file = io.BytesIO()
    book.save(file)
    assert read_data(file.getvalue(), "x.xlsx", FileKind.BANK).bank == (bank(1),)
    under["pan"].value = 6214670010000000017
    under["psn"].value = 1
    under["outlet"].value = True
    under["account"].value = float("nan")
    sheet.cell(2, len(headers) + 3).value = None
    file = io.BytesIO()
    book.save(file)
    found = read_data(file.getvalue(), "x.xlsx", FileKind.BANK)
    places = {mistake.column: (mistake.cell, mistake.problem) for mistake in found.mistakes}
    assert set(places) == {"pan", "psn", "outlet", "account"}
    assert places["pan"][0] == under["pan"].coordinate
    assert "loses" in places["pan"][1]
    assert "leading zeros" in places["psn"][1]
    assert f"row 2, cell {under['pan'].coordinate}, pan" in str(found.mistakes[0])


def test_a_workbook_without_its_time() -> None:
    """The same records give the same bytes at any time: no entry says when it was made."""
    with zipfile.ZipFile(io.BytesIO(write_data("x.xlsx", [bank(1)]))) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        assert archive.read("docProps/core.xml").count(b"1980-01-01T00:00:00Z") == 2


def test_the_structures_items_are_columns() -> None:
    """PERSO-063, PERSO-093: an item of the approved structure has type, length and number of times from there."""
    structure = approved_structure()
    assert structure is not None
    columns = {column.name: column for column in structure_columns(structure)}
    assert (columns["marriage"].length, columns["marriage"].times) == (1, 1)
    assert (columns["degree_code"].length, columns["degree_code"].times) == (3, 3)
    assert columns["job_began"].times == 4
    assert columns["employed_on"].length == 8
    assert "fingerprint" not in columns
    names = {column.name for column in layout(FileKind.SOCIAL, structure).columns}
    assert {"marriage", "degree_code"} <= names
    assert "name_extension" not in names
    assert "marriage" not in {column.name for column in layout(FileKind.BANK, structure).columns}


def test_what_cannot_be_written(tmp_path: Path) -> None:
    """One sentence each."""
    for name, records, told in (
        ("x.pdf", [social(1)], "end with"), ("x.csv", [], "at least one"), ("x.csv", [social(1), bank(1)], "one kind"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=told):
            write_data(name, records)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no code page"):
        write_data("x.csv", [social(1)], encoding="latin-1")
    with pytest.raises(DataError, match="not in gbk; use utf-8"):
        write_data("x.csv", applications(1, 0, wrong=7).applications, encoding="gbk")
    odd = social(1)
    with pytest.raises(DataError, match="item_ZZ not in the layout"):
        write_data("x.csv", [SocialRecord(odd.order, {**odd.values, "item_ZZ": "1"})])
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(DataError, match="Is a directory"):
        write_file(tmp_path / "x.csv", [social(1)])
    with pytest.raises(ValueError, match="both halves"):
        write_data("x.csv", [CardRecord(social(1), None)])
    assert kind_of(card(1)) is FileKind.MATCHED
    assert read_data(write_data("x.csv", [], FileKind.BANK), "x.csv", FileKind.BANK).bank == ()


def test_of_another_kind() -> None:
    """Records are asked for by what they are."""
    found = read_data(write_data("x.csv", [bank(1)]), "x.csv", FileKind.BANK)
    with pytest.raises(DataError, match="a file of bank"):
        _ = found.social


@pytest.mark.parametrize(("form", "package"), [("xml", "defusedxml"), ("xlsx", "openpyxl")])
def test_without_a_package(monkeypatch: pytest.MonkeyPatch, form: str, package: str) -> None:
    """One sentence says what to install."""
    data = write_data(f"x.{form}", [bank(1)])
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r"pip install 'cardsim\[perso\]'"):
        read_data(data, f"x.{form}", FileKind.BANK)
