"""Files of personalisation data, judged line by line: good records go on, each mistake is told with its place.

found = read_file(Path("applications.csv"), FileKind.APPLICATIONS)
found.records, found.mistakes
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from cardsim.making.plan import SsseStructure
from cardsim.making.structure import DEFAULT_PROFILE, load_profile
from terminal.errors import UsageError
from terminal.perso.data.build import Read, build
from terminal.perso.data.columns import COMBINED, WrongValueError, photo_of, value_of
from terminal.perso.data.errors import DataError
from terminal.perso.data.layouts import Column, ColumnType, FileKind, Layout, layout
from terminal.perso.data.rows import Cell, Row, Sheet, read_sheet
from terminal.perso.records import Application, BankRecord, CardRecord, SocialRecord, Text
from terminal.perso.workshop import Settings

_Record = TypeVar("_Record", Application, SocialRecord, BankRecord, CardRecord)
_NO_COLUMN: Final = ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake of a file (PERSO-055). `line` is a row in a spreadsheet, whose `cell` is as C7."""

    file: str
    line: int
    unit: str
    cell: str
    column: str
    """Its name, or empty where the whole line is meant."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}, {self.unit} {self.line}" + (f", cell {self.cell}" if self.cell else "")
        column = f", {self.column}" if self.column else ""
        return f"{place}{column}: {self.problem}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Good:
    """A record and the line that it stood in."""

    line: int
    record: Read


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file held."""

    file: str
    kind: FileKind
    encoding: str
    rows: int
    """Records that it had, good and wrong."""
    good: tuple[Good, ...]
    mistakes: tuple[Mistake, ...]
    repeated: tuple[Mistake, ...]
    """Persons who stand there more than once. They are read: matching and the register decide about them."""

    @property
    def wrong_lines(self) -> int:
        """Lines with a mistake."""
        return len({mistake.line for mistake in self.mistakes})

    def of(self, kind: type[_Record]) -> tuple[_Record, ...]:
        """The good records, which are of this type.

        Raises:
            DataError: the file is of another kind.
        """
        records = tuple(good.record for good in self.good)
        wanted = tuple(record for record in records if isinstance(record, kind))
        if len(wanted) != len(records):
            raise DataError(f"{self.file}: this is a file of {self.kind.value}")
        return wanted

    @property
    def applications(self) -> tuple[Application, ...]:
        """Of a file of applications."""
        return self.of(Application)

    @property
    def social(self) -> tuple[SocialRecord, ...]:
        """Of a file of social-security data."""
        return self.of(SocialRecord)

    @property
    def bank(self) -> tuple[BankRecord, ...]:
        """Of a file of bank data."""
        return self.of(BankRecord)

    @property
    def matched(self) -> tuple[CardRecord, ...]:
        """Of a file of matched data."""
        return self.of(CardRecord)


@cache
def approved_structure(profile: str = DEFAULT_PROFILE) -> SsseStructure | None:
    """The social-security card structure of a profile, which the social data follow (PERSO-063)."""
    return load_profile(profile).ssse


def joint_expiry(settings: Settings) -> bool:
    """Whether both sides of a card expire together, as workshop.toml says in [data]; they do where it says nothing.

    Raises:
        UsageError: it says neither true nor false.
    """
    said = settings.section("data").get("joint_expiry", True)
    if not isinstance(said, bool):
        raise UsageError(f"{settings.path}: [data] joint_expiry is true or false")
    return said


def read_file(path: Path, kind: FileKind, *, encoding: str = "", joint_expiry: bool = True) -> Reading:
    """Read a file of a folder, where photos may stand beside it.

    Raises:
        DataError: it cannot be read, or is no file of this kind at all.
        UsageError: a package is missing.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return read_data(data, path.name, kind, encoding=encoding, joint_expiry=joint_expiry, folder=path.parent)


def read_data(
    data: bytes,
    name: str,
    kind: FileKind,
    *,
    encoding: str = "",
    joint_expiry: bool = True,
    folder: Path | None = None,
    structure: SsseStructure | None = None,
) -> Reading:
    """Read a file.

    Args:
        data: its bytes.
        name: its name, which says the format.
        kind: which of the four files it is.
        encoding: its code page, or empty to find out.
        joint_expiry: both sides of a card expire together (PERSO-164).
        folder: where photos stand that it names.
        structure: the approved card structure; that of the default profile if none is given.

    Raises:
        DataError: the format, the code page or the headers are wrong, so that no line can be judged.
        UsageError: a package is missing.
    """
    sheet = read_sheet(data, name, encoding)
    own = layout(kind, structure or approved_structure())
    columns = _columns(sheet, own, name)
    judge = _Judge(name, sheet, own, columns, joint_expiry, folder)
    return judge.reading()


def _columns(sheet: Sheet, own: Layout, name: str) -> Mapping[str, Column]:
    """The columns of the headers of a file.

    Raises:
        DataError: headers that are unknown, stand twice, or are missing.
    """
    known = own.headers()
    if unknown := [header or "(empty)" for header in sheet.headers if header not in known]:
        raise DataError(
            f"{name}: {', '.join(unknown)} not known in a file of {own.title}; "
            "take such columns out, or have the card structure extended"
        )
    columns = {header: known[header] for header in sheet.headers}
    names = [column.name for column in columns.values()]
    if twice := {column for column in names if names.count(column) > 1} if sheet.common else set():
        raise DataError(f"{name}: {', '.join(sorted(twice))} stands there in English and in Chinese; keep one of them")
    missing = [column.name for column in own.columns if column.needed and column.name not in names]
    if sheet.common and not sheet.headers:
        raise DataError(f"{name}: the file has no headers and no records")
    if sheet.common and missing:
        raise DataError(f"{name}: columns are missing: {', '.join(missing)}")
    return columns


class _Judge:
    """Judges the rows of one file."""

    def __init__(
        self, name: str, sheet: Sheet, own: Layout, columns: Mapping[str, Column], joint: bool, folder: Path | None
    ) -> None:
        self._name = name
        self._sheet = sheet
        self._layout = own
        self._columns = columns
        self._rules = [rule for rule in own.combined if joint or rule.rule != "joint_expiry"]
        self._folder = folder
        self._mistakes: list[Mistake] = []

    def reading(self) -> Reading:
        """All rows."""
        judged = [(row, *self._values(row)) for row in self._sheet.rows]
        self._check_once(judged)
        wrong = {mistake.line for mistake in self._mistakes}
        good = tuple(
            Good(row.line, build(self._layout.kind, values, photo))
            for row, values, photo in judged
            if row.line not in wrong
        )
        persons = Column("social_security_number", ColumnType.NUMBER)
        repeated = tuple(self._repeated(judged, persons, "the person stands here too"))
        mistakes = tuple(sorted(self._mistakes, key=lambda mistake: mistake.line))
        return Reading(
            self._name, self._layout.kind, self._sheet.encoding, len(self._sheet.rows), good, mistakes, repeated
        )

    def _tell(self, row: Row, column: str, problem: str, remedy: str, cell: str = "") -> None:
        self._mistakes.append(self._mistake(row, column, problem, remedy, cell))

    def _mistake(self, row: Row, column: str, problem: str, remedy: str, cell: str) -> Mistake:
        return Mistake(self._name, row.line, self._sheet.unit, cell, column, problem, remedy)

    def _values(self, row: Row) -> tuple[dict[str, Text], bytes]:
        """The values of a row, those that are wrong left out, and its photo."""
        values: dict[str, Text] = {}
        photo = b""
        if row.problem:
            self._tell(row, _NO_COLUMN, row.problem, "correct the line")
            return values, photo
        cells = {self._columns[header].name: cell for header, cell in row.cells.items()}
        if len(cells) < len(row.cells):
            self._tell(row, _NO_COLUMN, "a column stands there in English and in Chinese", "keep one of them")
            return values, photo
        for column in self._layout.columns:
            if column.name not in cells and not (column.needed or column.default):
                continue
            cell = cells.get(column.name, _EMPTY)
            try:
                if column.type is ColumnType.PHOTO:
                    photo = photo_of(_one(column, cell), self._folder)
                elif (value := _value(column, cell)) is not None:
                    values[column.name] = value
            except WrongValueError as wrong:
                self._tell(row, column.name, wrong.problem, wrong.remedy, cell.place)
        self._combine(row, values, cells)
        return values, photo

    def _combine(self, row: Row, values: Mapping[str, Text], cells: Mapping[str, Cell]) -> None:
        for rule in self._rules:
            said = [str(values.get(name, "")) for name in rule.of]
            if all(said):
                together = COMBINED[rule.rule]
                if problem := together.problem(said[0], said[1]):
                    self._tell(row, rule.column, problem, together.remedy, cells.get(rule.column, _EMPTY).place)

    def _check_once(self, judged: Iterable[tuple[Row, Mapping[str, Text], bytes]]) -> None:
        rows = list(judged)
        for column in self._layout.columns:
            if column.once:
                self._mistakes += self._repeated(rows, column, "the value stands here too")

    def _repeated(
        self, judged: Iterable[tuple[Row, Mapping[str, Text], bytes]], column: Column, what: str
    ) -> Iterator[Mistake]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row, values, _ in judged:
            if value := values.get(column.name):
                found[str(value)].append(row)
        for value, rows in found.items():
            for row in rows if len(rows) > 1 else ():
                others = ", ".join(str(other.line) for other in rows if other is not row)
                problem = f"{value}: {what}: {self._sheet.unit} {others}"
                cell = next((c.place for h, c in row.cells.items() if self._columns[h].name == column.name), "")
                yield self._mistake(row, column.name, problem, "each one is made once; keep the right one", cell)


_EMPTY: Final = Cell(("",))


def _one(column: Column, cell: Cell) -> str:
    if cell.problem:
        raise WrongValueError(cell.problem, "write it as text")
    if len(cell.texts) > 1:
        raise WrongValueError(f"{len(cell.texts)} values; {column.name} stands once", "keep one of them")
    return cell.texts[0]


def _value(column: Column, cell: Cell) -> Text | None:
    """The value of a cell; None where an item of the structure is not in the file.

    Raises:
        WrongValueError: it is wrong, or missing.
    """
    if column.times > 1 and not cell.problem:
        return _several(column, cell)
    text = _one(column, cell)
    if text:
        return value_of(column, text)
    if column.needed:
        raise WrongValueError("nothing stands there", "it cannot be done without; ask the sender")
    if column.default:
        return column.default
    return None


def _several(column: Column, cell: Cell) -> Text | None:
    if len(cell.texts) > column.times:
        raise WrongValueError(f"{len(cell.texts)} values; {column.times} are the most", "keep the latest")
    if not any(cell.texts):
        return None
    return tuple(value_of(column, text) if text else "" for text in cell.texts)
