"""The strings of the national interface: file addresses, data to write, card information, amounts to pay.

    addresses = { file "|" { item "|" } "$" }       file = (SSSE | DFnn) EFnn [ ":" record ]
    item      = tag [ ":" instance ]

Every list ends with `|`, every file with `$`. Data mirror the addresses, values in the place of items. In a record of
a cyclic file, and in an item made of items, values end with `^`; records end with `|`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from terminal.filetable import Address, NoSuchFile
from terminal.national.codes import Code, NationalError

_FILE: Final = re.compile(r"([^:]*)(?::([0-9]{1,3}))?")
_ITEM: Final = re.compile(r"([0-9A-F]{2})(?::([0-9]{1,3}))?")
_IDENTIFICATION: Final = re.compile(r"[0-9A-F]{32}")
_AMOUNT: Final = re.compile(r"([0-9]{1,10})\.([0-9]{2})")
_AMOUNT_CHARACTERS: Final = frozenset("0123456789.")
AMOUNT_LIMIT: Final = 0xFFFFFFFF
"""42949672.95 yuan in fen; an amount is below it."""


@dataclass(frozen=True, slots=True)
class ItemAddress:
    """One item: its tag, and which of several with that tag, from 1."""

    tag: int
    instance: int = 1


@dataclass(frozen=True, slots=True)
class FileAddress:
    """One file and what of it is meant: items by tag, or (cyclic file) a record by number; neither is the whole."""

    file: Address
    items: tuple[ItemAddress, ...] = ()
    record: int | None = None
    written: str = ""
    """The file as the caller wrote it: the output mirrors it."""


@dataclass(frozen=True, slots=True)
class CardInfo:
    """The card that a caller means (pCardInfo): identification code in hex and card number."""

    identification: str
    number: str


@dataclass(frozen=True, slots=True)
class PayInfo:
    """What is to be paid (pPayInfo): amounts in fen, and the time, YYYYMMDDhhmmss."""

    total: int
    account_and_pool: int
    time: str


def _illegal(detail: str) -> NationalError:
    return NationalError(Code.ILLEGAL_INPUT, detail)


def split_files(text: str) -> list[list[str]]:
    """Fields of each file of an address or data string.

    Raises:
        NationalError: -23, a `$` or a `|` is missing, or there is no file.
    """
    *files, rest = text.split("$")
    if rest or not files:
        raise _illegal("文件须以$结尾")
    found = []
    for file in files:
        *fields, tail = file.split("|")
        if tail or not fields:
            raise _illegal("数据项须以|结尾")
        found.append(fields)
    return found


def parse_addresses(text: str) -> tuple[FileAddress, ...]:
    """The files and items of pFileAddr.

    Raises:
        NationalError: -23, it does not follow the grammar.
    """
    return tuple(_file(fields) for fields in split_files(text))


def _file(fields: Sequence[str]) -> FileAddress:
    match = _FILE.fullmatch(fields[0])
    record = None if match is None or match[2] is None else int(match[2])
    if match is None or record == 0:
        raise _illegal(f"文件名{fields[0]}")
    try:
        file = Address.parse(match[1])
    except NoSuchFile as error:
        raise _illegal(f"文件名{fields[0]}") from error
    return FileAddress(file, tuple(_item(field) for field in fields[1:]), record, fields[0])


def _item(field: str) -> ItemAddress:
    match = _ITEM.fullmatch(field)
    instance = 1 if match is None or match[2] is None else int(match[2])
    if match is None or instance == 0:
        raise _illegal(f"数据项{field}")
    return ItemAddress(int(match[1], 16), instance)


def parse_card_info(text: str) -> CardInfo:
    """pCardInfo, `identification code|card number|`.

    Raises:
        NationalError: -23, it is not two fields; -20, the first is no identification code.
    """
    fields = text.split("|")
    if len(fields) != 3 or fields[2]:
        raise _illegal("卡基本信息")
    if _IDENTIFICATION.fullmatch(fields[0].upper()) is None:
        raise NationalError(Code.IDENTIFICATION_FORM)
    return CardInfo(fields[0].upper(), fields[1])


def parse_pay_info(text: str) -> PayInfo:
    """pPayInfo, `total|account and pool|YYYYMMDDhhmmss|`, amounts in yuan with two decimals.

    Raises:
        NationalError: -23, it has not this form or an amount is too high; -41, an amount has other characters.
    """
    fields = text.split("|")
    if len(fields) != 4 or fields[3]:
        raise _illegal("支付信息")
    return PayInfo(_fen(fields[0]), _fen(fields[1]), checked_time(fields[2]))


def _fen(text: str) -> int:
    if not set(text) <= _AMOUNT_CHARACTERS:
        raise NationalError(Code.ILLEGAL_CHARACTER, f"金额{text}")
    match = _AMOUNT.fullmatch(text)
    fen = AMOUNT_LIMIT if match is None else int(match[1]) * 100 + int(match[2])
    if fen >= AMOUNT_LIMIT:
        raise _illegal(f"金额{text}")
    return fen


def checked_time(text: str) -> str:
    """A time of 14 digits that is one.

    Raises:
        NationalError: -23, it is none.
    """
    if not re.fullmatch(r"[0-9]{14}", text):
        raise _illegal(f"时间{text}")
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError as error:
        raise _illegal(f"时间{text}") from error
    return text


def fields_of(text: str, *widths: int) -> list[str]:
    """Fields of pKey: hex digits, each with one of its widths (0 leaves a field empty), every field ended by `|`.

    Raises:
        NationalError: -23, other fields; -41, other characters; -42, other widths.
    """
    *fields, tail = text.split("|")
    if tail or len(fields) != len(widths):
        raise _illegal("pKey")
    return [hex_digits(field, width) for field, width in zip(fields, widths, strict=True)]


def hex_digits(text: str, *widths: int) -> str:
    """Hex digits in upper case.

    Raises:
        NationalError: -41, other characters; -42, none of these widths.
    """
    if not re.fullmatch(r"[0-9A-Fa-f]*", text):
        raise NationalError(Code.ILLEGAL_CHARACTER, "pKey")
    if len(text) not in widths:
        raise NationalError(Code.WRONG_LENGTH, "pKey")
    return text.upper()
