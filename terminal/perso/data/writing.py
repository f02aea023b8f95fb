"""Records as files of the four layouts, in every format and code page that is read; the same bytes each time."""

import base64
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from terminal.errors import UsageError
from terminal.perso.data.build import Read, columns_of
from terminal.perso.data.encoding import CODE_PAGES
from terminal.perso.data.errors import DataError
from terminal.perso.data.layouts import SEPARATOR, Column, FileKind, layout
from terminal.perso.data.reading import approved_structure
from terminal.perso.data.rows import format_of
from terminal.perso.records import Application, BankRecord, SocialRecord, Text

_LONG_AGO: Final = datetime(1980, 1, 1)
_TIMES: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_Line = Mapping[str, Text]


def kind_of(record: Read) -> FileKind:
    """The file that a record belongs into."""
    match record:
        case Application():
            return FileKind.APPLICATIONS
        case SocialRecord():
            return FileKind.SOCIAL
        case BankRecord():
            return FileKind.BANK
        case _:
            return FileKind.MATCHED


def write_file(
    path: Path,
    records: Sequence[Read],
    kind: FileKind | None = None,
    *,
    encoding: str = "utf-8",
    chinese: bool = False,
) -> None:
    """Write a file of a folder; its name says the format. The other arguments are those of `write_data`.

    Raises:
        DataError: the name has another ending, or it cannot be written.
        UsageError: a package is missing.
    """
    try:
        path.write_bytes(write_data(path.name, records, kind, encoding=encoding, chinese=chinese))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def write_data(
    name: str,
    records: Sequence[Read],
    kind: FileKind | None = None,
    *,
    encoding: str = "utf-8",
    chinese: bool = False,
) -> bytes:
    """The bytes of a file.

    Args:
        name: of the file, which says the format.
        records: all of one kind.
        kind: which one; needed where there are no records.
        encoding: one of CODE_PAGES; .xlsx has its own.
        chinese: with the Chinese headers.

    Raises:
        DataError: a character that the code page lacks, another format or code page, or records of several kinds.
        UsageError: a package is missing.
    """
    kinds = {kind_of(record) for record in records} | ({kind} if kind is not None else set())
    if len(kinds) != 1:
        raise DataError(f"{name}: a file has records of one kind, and at least one of them")
    if encoding not in CODE_PAGES:
        raise DataError(f"{encoding} is no code page of such files; they are {', '.join(CODE_PAGES)}")
    lines = [_line(record) for record in records]
    used = {column for line in lines for column in line}
    columns = [
        column
        for column in layout(kinds.pop(), approved_structure()).columns
        if column.name in used or not column.extra
    ]
    if lost := used - {column.name for column in columns}:
        raise DataError(f"{name}: {', '.join(sorted(lost))} not in the layout or the approved card structure")
    headers = {column.name: column.chinese if chinese and column.chinese else column.name for column in columns}
    form = format_of(name)
    if form == "xlsx":
        return _xlsx(columns, headers, lines)
    text = {"csv": _csv, "json": _json, "xml": _xml}[form](columns, headers, lines, encoding)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise DataError(f"{name}: {character!r} (U+{ord(character):04X}) is not in {encoding}; use utf-8") from error


def _line(record: Read) -> _Line:
    values, photo = columns_of(record)
    return {**values, "photo": base64.b64encode(photo).decode()} if photo else values


def _texts(value: Text) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _cell(value: Text) -> str:
    return value if isinstance(value, str) else SEPARATOR.join(value)


def _csv(columns: Iterable[Column], headers: Mapping[str, str], lines: Iterable[_Line], _: str) -> str:
    names = [column.name for column in columns]
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([headers[name] for name in names])
    writer.writerows([_cell(line.get(name, "")) for name in names] for line in lines)
    return file.getvalue()


def _json(columns: Iterable[Column], headers: Mapping[str, str], lines: Iterable[_Line], _: str) -> str:
    names = [column.name for column in columns]
    objects = [
        json.dumps(
            {
                headers[name]: value if isinstance(value := line[name], str) else list(value)
                for name in names
                if name in line
            },
            ensure_ascii=False,
        )
        for line in lines
    ]
    return "[\n" + ",\n".join(objects) + "\n]\n"


def _xml(columns: Iterable[Column], headers: Mapping[str, str], lines: Iterable[_Line], encoding: str) -> str:
    parts = [f'<?xml version="1.0" encoding="{encoding.upper()}"?>\n<records>\n']
    names = [column.name for column in columns]
    for line in lines:
        parts.append("  <record>\n")
        parts += [
            f"    <{headers[name]}>{escape(text)}</{headers[name]}>\n"
            for name in names
            if name in line
            for text in _texts(line[name])
        ]
        parts.append("  </record>\n")
    return "".join([*parts, "</records>\n"])


def _xlsx(columns: Iterable[Column], headers: Mapping[str, str], lines: Iterable[_Line]) -> bytes:
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
    except ModuleNotFoundError as error:
        raise UsageError(".xlsx files need openpyxl; pip install 'cardsim[perso]'") from error
    names = [column.name for column in columns]
    book = Workbook(write_only=True)
    sheet = book.create_sheet("records")

    def as_text(value: str) -> WriteOnlyCell:
        cell = WriteOnlyCell(sheet, value)
        cell.data_type, cell.number_format = "s", "@"  # never a number or a formula
        return cell

    sheet.append([as_text(headers[name]) for name in names])
    for line in lines:
        sheet.append([as_text(_cell(line[name])) if name in line else None for name in names])
    file = io.BytesIO()
    book.save(file)
    return _timeless(file.getvalue())


def _timeless(workbook: bytes) -> bytes:
    """A workbook without the time at which it was made, so that the same records give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "docProps/core.xml":
                content = _TIMES.sub(_LONG_AGO.strftime("%Y-%m-%dT%H:%M:%SZ").encode(), content)
            made = zipfile.ZipInfo(entry.filename, _LONG_AGO.timetuple()[:6])
            made.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(made, content)
    return file.getvalue()
