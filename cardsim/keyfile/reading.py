"""Reads key files; each mistake is named with its line."""

import datetime as dt
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from cardsim.crypto.medical import TypeCoding
from cardsim.crypto.social import Suite
from cardsim.keyfile.values import (
    FORMAT,
    PSAM_KEYS,
    VERSION,
    BankKeys,
    CaKey,
    CardKeys,
    Holder,
    KeyFile,
    KeyFileError,
    PsamEnvironmentKeys,
    PsamKeys,
    PseKeys,
    SsseKeys,
)

_T = TypeVar("_T")


def load_keyfile(path: Path) -> KeyFile:
    """Read a key file.

    Raises:
        KeyFileError: it is missing, unreadable, no TOML, or does not follow the schema.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise KeyFileError(f"{path}: there is no such key file; name one with --keys FILE") from error
    except OSError as error:
        raise KeyFileError(
            f"{path}: the key file cannot be read ({error.strerror}); check its owner and mode"
        ) from error
    except UnicodeDecodeError as error:
        raise KeyFileError(f"{path}: a key file is UTF-8 text, and byte {error.start} is not") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise KeyFileError(f"{path}: not valid TOML: {error}") from error
    return _read(_Table(path, text, "", document))


@dataclass(frozen=True, slots=True)
class _Table:
    """One TOML table while it is read; knows where it stands, so that errors can say so."""

    path: Path
    text: str
    name: str
    content: dict[str, Any]

    def fail(self, key: str, problem: str) -> NoReturn:
        place = f"{self.name}.{key}" if self.name else key
        line = _line_of(self.text, self.name, key)
        where = f"{self.path}, line {line}" if line else str(self.path)
        raise KeyFileError(f"{where}: {place}: {problem}")

    def table(self, key: str) -> "_Table | None":
        value = self.content.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, f"must be a table; write it as [{key}]")
        return _Table(self.path, self.text, f"{self.name}.{key}" if self.name else key, value)

    def tables(self, key: str) -> Iterator["_Table"]:
        value = self.content.get(key, [])
        place = f"{self.name}.{key}"
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail(key, f"must be a list of tables; write each as [[{place}]]")
        for item in value:
            yield _Table(self.path, self.text, place, item)

    def known(self, *keys: str) -> None:
        for key in self.content:
            if key not in keys:
                self.fail(key, f"is not known here; known are {', '.join(keys)}")

    def get(self, key: str, convert: Callable[["_Table", str, Any], _T]) -> _T | None:
        value = self.content.get(key)
        return None if value is None else convert(self, key, value)

    def need(self, key: str, convert: Callable[["_Table", str, Any], _T]) -> _T:
        found = self.get(key, convert)
        if found is None:
            self.fail(key, "is missing; add it")
        return found


def _line_of(text: str, table: str, key: str) -> int | None:
    """Line of a key (or else of its table's header); the first of several equal tables."""
    header, current, table_line = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+"), "", None
    assignment = re.compile(rf'\s*"?{re.escape(key)}"?\s*=')
    for number, line in enumerate(text.splitlines(), 1):
        if match := header.match(line):
            current = match[1].replace('"', "")
            if current == f"{table}.{key}".lstrip("."):
                return number
            if (current == table or current.startswith(f"{table}.")) and table_line is None:
                table_line = number
        elif current == table and assignment.match(line):
            return number
    return table_line


def _hex(*lengths: int) -> Callable[[_Table, str, Any], bytes]:
    def convert(table: _Table, key: str, value: Any) -> bytes:
        if not isinstance(value, str) or not re.fullmatch(r"(?:[0-9A-Fa-f]{2}\s*)*", value):
            table.fail(key, "must be a string of hex bytes")
        data = bytes.fromhex(value)
        if lengths and len(data) not in lengths:
            table.fail(key, f"must have {' or '.join(map(str, lengths))} bytes, and has {len(data)}")
        return data

    return convert


def _text(pattern: str, form: str) -> Callable[[_Table, str, Any], str]:
    def convert(table: _Table, key: str, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            table.fail(key, f"must be {form}")
        return value

    return convert


def _number(table: _Table, key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
        table.fail(key, "must be a number from 0 to 255")
    return value


def _date(table: _Table, key: str, value: Any) -> dt.date:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        table.fail(key, "must be a date without quotes, such as 2049-12-31")
    return value


def _suite(table: _Table, key: str, value: Any) -> Suite:
    if value not in ("des", "sm4"):
        table.fail(key, 'must be "des" or "sm4"')
    return Suite(value)


def _medical_type(table: _Table, key: str, value: Any) -> TypeCoding:
    if value not in ("ascii", "binary"):
        table.fail(key, 'must be "ascii" or "binary"')
    return TypeCoding(value)


_key16 = _hex(16)
_pin = _text(r"[0-9]{4,16}", "a string of 4 to 16 digits")
_bank_pin = _text(r"[0-9]{4,12}", "a string of 4 to 12 digits, as a PIN block holds them")
_any_text = _text(r"[^\x00-\x1f]*", "a string on one line")
_area = _text(r"[0-9]{6}", "an area code: a string of six digits")


def _read(root: _Table) -> KeyFile:
    if root.content.get("format") != FORMAT:
        root.fail("format", f'a key file begins with format = "{FORMAT}"; is this one?')
    if root.content.get("version") != VERSION:
        root.fail("version", f"this program reads version {VERSION} of the format")
    root.known("format", "version", "card", "ssse", "pse", "bank", "holder", "psam")
    names = ("card", "ssse", "pse", "bank", "holder", "psam")
    card, ssse, pse, bank, holder, psam = map(root.table, names)
    return KeyFile(
        card=None if card is None else _read_card(card),
        ssse=None if ssse is None else _read_ssse(ssse),
        pse=None if pse is None else _read_pse(pse),
        bank=None if bank is None else _read_bank(bank),
        holder=None if holder is None else _read_holder(holder),
        psam=None if psam is None else _read_psam(psam),
    )


def _read_card(table: _Table) -> CardKeys:
    table.known("transport", "master")
    return CardKeys(table.get("transport", _key16), table.get("master", _key16))


def _read_ssse(table: _Table) -> SsseKeys:
    table.known("suite", "area", "master", "command", "medical_type", "roots", "keys")
    suite = table.need("suite", _suite)
    return SsseKeys(
        suite=suite,
        area=table.need("area", _area),
        master=table.get("master", _key16),
        roots=_named_keys(table.table("roots"), suite),
        keys=_named_keys(table.table("keys"), suite),
        command=table.get("command", _text(r".+", "the words of a command")),
        medical_type=table.get("medical_type", _medical_type) or TypeCoding.ASCII,
    )


def _named_keys(table: _Table | None, suite: Suite) -> dict[str, bytes]:
    if table is None:
        return {}
    convert = _hex(8, 16) if suite is Suite.DES else _hex(16)
    return {name: table.need(name, convert) for name in table.content}


def _read_pse(table: _Table) -> PseKeys:
    table.known("kmc", "key_version", "keydata")
    version = table.get("key_version", _number)
    return PseKeys(table.need("kmc", _key16), 1 if version is None else version, table.get("keydata", _hex()) or b"")


def _read_bank(table: _Table) -> BankKeys:
    table.known("mdk_ac", "mdk_mac", "mdk_enc", "ca")
    return BankKeys(
        mdk_ac=table.need("mdk_ac", _key16),
        mdk_mac=table.need("mdk_mac", _key16),
        mdk_enc=table.need("mdk_enc", _key16),
        ca=tuple(_read_ca(ca) for ca in table.tables("ca")),
    )


def _read_ca(table: _Table) -> CaKey:
    table.known("rid", "index", "modulus", "exponent", "expires")
    modulus = table.need("modulus", _hex())
    if not 64 <= len(modulus) <= 248:
        table.fail("modulus", f"must have 64 to 248 bytes, and has {len(modulus)}")
    return CaKey(
        rid=table.need("rid", _hex(5)),
        index=table.need("index", _hex(1))[0],
        modulus=modulus,
        exponent=table.need("exponent", _hex(1, 3)),
        expires=table.get("expires", _date),
    )


def _read_holder(table: _Table) -> Holder:
    table.known("name", "number", "card", "card_number", "historical", "pin", "offline_pin", "online_pin")
    return Holder(
        name=table.get("name", _any_text) or "",
        pin=table.get("pin", _pin),
        offline_pin=table.get("offline_pin", _bank_pin),
        online_pin=table.get("online_pin", _bank_pin),
        number=table.get("number", _any_text) or "",
        card=table.get("card", _hex(16)) or b"",
        card_number=table.get("card_number", _any_text) or "",
        historical=table.get("historical", _hex(13)) or b"",
    )


def _read_psam(table: _Table) -> PsamKeys:
    table.known("area", "terminal", "transport", "environments")
    return PsamKeys(
        area=table.need("area", _area),
        terminal=table.need("terminal", _text(r"[0-9]{12}", "a terminal number: a string of twelve digits")),
        transport=table.get("transport", _key16),
        environments=tuple(_read_psam_environment(entry) for entry in table.tables("environments")),
    )


def _read_psam_environment(table: _Table) -> PsamEnvironmentKeys:
    table.known("fid", "suite", *PSAM_KEYS, "roots")
    fid = table.need("fid", _text(r"[0-9A-F]{4}", "a file identifier: four hex digits"))
    suite = table.need("suite", _suite)
    master, application, national, provincial, city = (table.need(key, _key16) for key in PSAM_KEYS)
    roots = _named_keys(table.table("roots"), suite)
    return PsamEnvironmentKeys(fid, suite, master, application, national, provincial, city, roots)
