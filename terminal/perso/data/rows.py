"""Files of records in CSV, JSON, XML and .xlsx, read into rows of texts: what stands in them is judged elsewhere.

CSV    a line of headers; `,` `;` `|` or tab between the cells, `"` around those that need it
JSON   a list of objects, or an object in each line
XML    a root with an element for each record, and in it one for each column; one that stands several times repeats
.xlsx  the first sheet, a row of headers; every cell is text or a date
"""

import csv
import io
import json
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import PurePath
from typing import Any, Final

from terminal.errors import UsageError
from terminal.perso.data.encoding import decode
from terminal.perso.data.errors import DataError
from terminal.perso.data.layouts import SEPARATOR

FORMATS: Final = ("csv", "json", "xml", "xlsx")
_SUFFIXES: Final = {".csv": "csv", ".txt": "csv", ".json": "json", ".jsonl": "json", ".xml": "xml", ".xlsx": "xlsx"}
_DELIMITERS: Final = ",;|\t"
_MOST_EXACT: Final = 10**15
"""A spreadsheet keeps 15 digits of a number."""
_MOST_UNPACKED: Final = 512 * 1024 * 1024
_XML_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]*\?>")
_XML_CODE_PAGE: Final = re.compile(rb"""^\s*<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)["']""")
_XML_PAGES: Final = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gbk", "gb2312": "gbk", "gb18030": "gb18030"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell: one text, or several of an item that stands several times. `problem`: it is no text."""

    texts: tuple[str, ...]
    place: str = ""
    """As C7, in a spreadsheet."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: cells by header. `line` counts from 1; in a spreadsheet it is the row."""

    line: int
    cells: Mapping[str, Cell]
    problem: str = ""
    """Of the row as a whole."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All of a file."""

    rows: tuple[Row, ...]
    headers: tuple[str, ...]
    """In the order of their first appearance."""
    encoding: str
    """Code page that it was in; empty of .xlsx."""
    common: bool
    """The headers hold for all rows (CSV, .xlsx); otherwise each row has its own."""
    unit: str = field(default="line")
    """What `line` of a row counts."""


def format_of(name: str) -> str:
    """The format of a file by its name.

    Raises:
        DataError: another one.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise DataError(f"{name}: files of records end with {known}; convert the file or name it so")
    return _SUFFIXES[suffix]


def read_sheet(data: bytes, name: str, encoding: str = "") -> Sheet:
    """Read a file.

    Args:
        data: its bytes.
        name: its name, which says the format.
        encoding: its code page, or empty to find out.

    Raises:
        DataError: it is not of its format, or its code page is in doubt.
        UsageError: a package is missing.
    """
    form = format_of(name)
    if form == "xlsx":
        return _read_xlsx(data, name)
    if form == "xml" and not encoding and (declared := _XML_CODE_PAGE.match(data)):
        page = declared[1].decode().lower()
        if page not in _XML_PAGES:
            raise DataError(f"{name}: the code page {page} is not read here; use UTF-8, GBK or GB18030")
        encoding = _XML_PAGES[page]
    text, page = decode(data, name, encoding)
    if "\0" in text:
        raise DataError(f"{name}: there are bytes of zero in the text; this is no text file")
    rows, headers = {"csv": _read_csv, "json": _read_json, "xml": _read_xml}[form](text, name)
    return Sheet(tuple(rows), headers, page, form == "csv")


def _check_headers(headers: Iterable[str], name: str) -> tuple[str, ...]:
    found = tuple(headers)
    for header, times in Counter(found).items():
        if times > 1:
            raise DataError(f"{name}: the header {header!r} stands {times} times")
    return found


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(SEPARATOR))


def _read_csv(text: str, name: str) -> tuple[list[Row], tuple[str, ...]]:
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    headers: tuple[str, ...] = ()
    begin = 1
    try:
        headers = _check_headers((header.strip() for header in next(reader, [])), name)
        begin = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_csv_row(begin, headers, cells, delimiter))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{name}, line {begin}: {error}; is a quotation mark missing?") from error
    return rows, headers


def _csv_row(line: int, headers: tuple[str, ...], cells: list[str], delimiter: str) -> Row:
    if len(cells) != len(headers):
        cause = (
            "is a cell with such a character not in quotation marks?" if len(cells) > len(headers) else "one is missing"
        )
        problem = f"{len(cells)} cells between {delimiter!r}, the headers are {len(headers)}; {cause}"
        return Row(line, {}, problem)
    several = delimiter != SEPARATOR
    return Row(
        line,
        {
            header: Cell(_split(cell) if several and SEPARATOR in cell else (cell.strip(),))
            for header, cell in zip(headers, cells, strict=True)
        },
    )


def _read_json(text: str, name: str) -> tuple[list[Row], tuple[str, ...]]:
    """Object by object, so that each has its line."""
    decoder = json.JSONDecoder(object_pairs_hook=_pairs)
    blank = re.compile(r"[\s]*")
    place = _after(blank, text, 0)
    listed = text.startswith("[", place)
    place = _after(blank, text, place + listed)
    rows: list[Row] = []
    line, counted = 1, 0
    while place < len(text) and not (listed and text[place] == "]"):
        line, counted = line + text.count("\n", counted, place), place
        try:
            found, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            where = line + text.count("\n", counted, error.pos) if isinstance(error, json.JSONDecodeError) else line
            raise DataError(f"{name}, line {where}: this is no JSON: {_reason(error)}") from error
        rows.append(_json_row(line, found))
        place = _after(blank, text, place)
        if listed and text[place : place + 1] == ",":
            place = _after(blank, text, place + 1)
        elif listed and text[place : place + 1] != "]":
            raise DataError(f"{name}, line {line}: a comma is missing after the record, or the end of the list")
    if listed and text[place:].strip() != "]":
        raise DataError(f"{name}: the list is cut off, or something stands behind it")
    if not listed and not rows:
        raise DataError(f"{name}: the file has no headers and no records")
    return rows, tuple(dict.fromkeys(header for row in rows for header in row.cells))


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "it has too many brackets or digits in a row"


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, so that one that stands twice is seen."""


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pairs)


def _json_row(line: int, found: Any) -> Row:
    if not isinstance(found, _Pairs):
        return Row(line, {}, "this is no object with a member for each column")
    names = Counter(key for key, _ in found)
    if twice := [key for key, times in names.items() if times > 1]:
        return Row(line, {}, f"{', '.join(twice)} stands twice in the record")
    return Row(line, {key: _json_cell(value) for key, value in found})


def _json_cell(value: Any) -> Cell:
    values = value if isinstance(value, list) and not isinstance(value, _Pairs) else [value]
    if not all(isinstance(one, str) for one in values):
        return Cell((), problem="this is no text; numbers and dates too are written in quotation marks")
    return Cell(tuple(one.strip() for one in values) or ("",))


def _read_xml(text: str, name: str) -> tuple[list[Row], tuple[str, ...]]:
    try:
        from defusedxml import sax
        from defusedxml.common import DefusedXmlException
    except ModuleNotFoundError as error:
        raise UsageError("XML files need defusedxml; pip install 'cardsim[perso]'") from error
    from xml.sax import SAXException, SAXParseException

    from terminal.perso.data.xmlrows import Records

    handler = Records()
    # The parser knows no Chinese code page, so it gets UTF-8 without the declaration of another one.
    plain = _XML_DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text, count=1)
    try:
        sax.parseString(plain.encode(), handler)
    except SAXParseException as error:
        raise DataError(f"{name}, line {error.getLineNumber()}: this is no XML: {error.getMessage()}") from error
    except (DefusedXmlException, SAXException) as error:
        raise DataError(f"{name}: entities and document types are not read here") from error
    rows = [_xml_row(line, fields, problem) for line, fields, problem in handler.records]
    return rows, tuple(dict.fromkeys(header for row in rows for header in row.cells))


def _xml_row(line: int, fields: Mapping[str, list[str]], problem: str) -> Row:
    cells = {header: Cell(tuple(text.strip() for text in texts)) for header, texts in fields.items()}
    return Row(line, cells, problem)


def _read_xlsx(data: bytes, name: str) -> Sheet:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils import get_column_letter
    except ModuleNotFoundError as error:
        raise UsageError(".xlsx files need openpyxl; pip install 'cardsim[perso]'") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise DataError(f"{name}: this is no .xlsx workbook") from error
    if unpacked > _MOST_UNPACKED:
        raise DataError(f"{name}: the file unpacks to more than {_MOST_UNPACKED // 2**20} MB; split it")
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        lines = [list(line) for line in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except Exception as error:  # openpyxl names no closed set of errors for what is no workbook
        raise DataError(f"{name}: this is no .xlsx workbook that can be read") from error
    top = lines[0] if lines else []
    while top and top[-1] is None:
        top.pop()
    headers = _check_headers(("" if header is None else str(header).strip() for header in top), name)
    letters = [get_column_letter(number) for number in range(1, len(headers) + 1)]
    rows = []
    for number, values in enumerate(lines[1:], 2):
        if any(value not in (None, "") for value in values):
            rows.append(_xlsx_row(number, headers, letters, values))
    return Sheet(tuple(rows), headers, "", common=True, unit="row")


def _xlsx_row(number: int, headers: tuple[str, ...], letters: list[str], values: list[Any]) -> Row:
    beyond = values[len(headers) :]
    if any(value not in (None, "") for value in beyond):
        return Row(number, {}, "there is something right of the last column that has a header")
    padded = [*values, *[None] * (len(headers) - len(values))]
    return Row(
        number,
        {
            header: _xlsx_cell(value, f"{letter}{number}")
            for header, letter, value in zip(headers, letters, padded, strict=False)
        },
    )


def _xlsx_cell(value: Any, place: str) -> Cell:
    match value:
        case None:
            return Cell(("",), place)
        case bool():
            return Cell((), place, "the cell holds true or false; format the column as text")
        case str():
            return Cell(_split(value) if SEPARATOR in value else (value.strip(),), place)
        case datetime() | date():
            return Cell((f"{value:%Y%m%d}",), place)
        case int() | float() if math.isfinite(value) and value == int(value) and abs(value) < _MOST_EXACT:
            return Cell((str(int(value)),), place)
        case int() | float():
            return Cell((), place, "the cell holds a number whose last digits a spreadsheet loses; format it as text")
        case _:
            return Cell((), place, "the cell holds no text; format the column as text")
