"""What must live here: how the text of a cell becomes a value, and what is wrong with it.

Every check gives problem and remedy in words; the columns themselves stand in vectors/perso/layouts.toml.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from terminal.perso.data import numbers
from terminal.perso.data.layouts import Column, ColumnType
from terminal.perso.data.names import gbk_problem, name_problem
from terminal.perso.data.pictures import photo_problem

CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "area": numbers.area_problem,
    "card_number": numbers.card_number_problem,
    "identification_code": numbers.identification_code_problem,
    "institution": numbers.institution_problem,
    "pan": numbers.pan_problem,
    "person_number": numbers.person_number_problem,
    "version": numbers.version_problem,
}
_DATE: Final = re.compile(r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})")
_PICTURE_FILE: Final = re.compile(r"[^/\\\0]{1,200}\.(jpe?g|bmp)", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ASK: Final = "ask the sender for the right one"


class WrongValueError(Exception):
    """What is wrong with a value, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def value_of(column: Column, text: str) -> str:
    """The value of a column that is not empty and no photo: codes for words, dates as YYYYMMDD.

    Raises:
        WrongValueError: it breaks the column's type, length, code list or check.
    """
    match column.type:
        case ColumnType.CODE:
            return _code(column, text)
        case ColumnType.DATE:
            return _date(text)
        case ColumnType.NAME:
            if problem := name_problem(text):
                raise WrongValueError(problem, "write it as on the identity card, in characters of GBK")
        case ColumnType.TEXT:
            _check_text(column, text)
        case ColumnType.DIGITS:
            _check_form(column, text, r"[0-9]*", "digits")
        case ColumnType.NUMBER:
            text = text.upper()
            _check_form(column, text, r"[0-9A-Z]*", "digits and letters")
        case ColumnType.HEX:
            text = text.upper()
            _check_form(column, text, r"([0-9A-F]{2})*", "pairs of hex digits")
        case ColumnType.PHOTO:
            raise ValueError("photos are read by photo_of")
        case _:
            assert_never(column.type)
    if column.check and (problem := CHECKS[column.check](text)):
        raise WrongValueError(problem, _ASK)
    return text


def _code(column: Column, text: str) -> str:
    if text in column.codes:
        return text
    for code, word in column.codes.items():
        if text in (word, word.removesuffix("族")):
            return code
    known = ", ".join(column.codes) if len(column.codes) <= 8 else f"{min(column.codes)} to {max(column.codes)}"
    raise WrongValueError(f"{text!r} is no code of {column.name}", f"write one of {known}, or its word")


def _date(text: str) -> str:
    found = _DATE.fullmatch(text)
    day = f"{found[1]}{found[3]}{found[4]}" if found else ""
    if not numbers.is_date(day):
        raise WrongValueError(f"{text!r} is no day in the calendar", "write it as YYYYMMDD or YYYY-MM-DD")
    return day


def _check_text(column: Column, text: str) -> None:
    if _CONTROL.search(text):
        raise WrongValueError(f"{text!r} has control characters", "take them out")
    if problem := gbk_problem(text):
        raise WrongValueError(problem, "write it with characters of GBK")
    length = len(text.encode("gbk"))
    if column.length and length > column.length:
        raise WrongValueError(f"{length} bytes in GBK; {column.length} are the most", "shorten it")


def _check_form(column: Column, text: str, pattern: str, what: str) -> None:
    if not re.fullmatch(pattern, text):
        raise WrongValueError(f"{text!r} has other characters than {what}", _ASK)
    if column.fixed and len(text) != column.length:
        lost = "; have its leading zeros been lost?" if len(text) < column.length else ""
        raise WrongValueError(f"{text!r} has {len(text)} characters, not {column.length}{lost}", _ASK)
    if column.length and len(text) > column.length:
        raise WrongValueError(f"{text!r} has {len(text)} characters; {column.length} are the most", _ASK)


def photo_of(text: str, folder: Path | None) -> bytes:
    """A photo: base64, or the name of a file beside the data file.

    Args:
        text: of the cell; empty for no photo.
        folder: where the data file stands; without it no files are read.

    Raises:
        WrongValueError: it is neither, or no photo as the card wants it (PERSO-107).
    """
    if not text:
        return b""
    if _PICTURE_FILE.fullmatch(text):
        photo = _picture_file(text, folder)
    else:
        try:
            photo = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise WrongValueError("neither base64 nor the name of a .jpg or .bmp file", "write one of them") from None
    if problem := photo_problem(photo):
        raise WrongValueError(problem, "take a JPEG or BMP of 26 by 32 mm and at most 4096 bytes")
    return photo


def _picture_file(text: str, folder: Path | None) -> bytes:
    if folder is None:
        raise WrongValueError(f"{text} is the name of a file, and none came with the data", "write the photo in base64")
    try:
        return (folder / text).read_bytes()
    except OSError as error:
        raise WrongValueError(f"{text}: {error.strerror}", "put the file beside the data file") from error


@dataclass(frozen=True, slots=True)
class Together:
    """A rule about several columns: it gets their values in their order and gives the problem."""

    problem: Callable[[str, str], str]
    remedy: str


def _of_number(what: str, found: Callable[[str], str]) -> Callable[[str, str], str]:
    def problem(number: str, said: str) -> str:
        wanted = found(number)
        return "" if said == wanted else f"{said} is not the {what} in {number}, which is {wanted}"

    return problem


def _ten_years(opened: str, expires: str) -> str:
    wanted = numbers.expiry_of(opened)
    years = numbers.VALIDITY_YEARS
    return "" if expires == wanted else f"{expires} is not {years} years after {opened}, which is {wanted}"


COMBINED: Final[Mapping[str, Together]] = {
    "birth_date": Together(
        _of_number("birth date", numbers.birth_date_of), "compare number and date with the identity card"
    ),
    "sex": Together(_of_number("sex", numbers.sex_of), "compare number and sex with the identity card"),
    "expiry_after_issue": Together(
        lambda issued, expires: "" if expires > issued else f"{expires} is not after the date of issue {issued}", _ASK
    ),
    "born_before_issue": Together(
        lambda born, issued: "" if born <= issued else f"{issued} is before the holder's birth on {born}", _ASK
    ),
    "ten_years": Together(_ten_years, "the bank account is valid for ten years (PERSO-163)"),
    "joint_expiry": Together(
        lambda social, bank: "" if social == bank else f"{bank} is not the card's expiry {social}",
        "agree on one, or set joint_expiry = false in workshop.toml, [data]",
    ),
}
"""Rules about several columns, by the names that layouts.toml has."""
