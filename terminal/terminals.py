"""Configurations of financial terminals as files: parameters, CA keys, exception file, revoked certificates (KRN-CFG).

`vectors/terminals` has pos, atm and counter; a user's own file has the same words.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from cardsim.keyfile import CaKey
from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.flows.financial.transaction import Revoked
from terminal.parameters import ApplicationParameters, TerminalParameters
from terminal.tables import read_tables, row_of, rows

BUILT_IN: Final = ("pos", "atm", "counter")
_WORDS: Final = frozenset({"terminal", "application", "ca_keys", "ca_key", "revoked", "exceptions"})
_RID_LENGTH: Final = 5
_LENGTHS: Final = {
    "terminal_type": (1,),
    "capabilities": (3,),
    "additional_capabilities": (5,),
    "country": (2,),
    "currency": (2,),
    "application_version": (2,),
    "serial_number": (8,),
}
_APPLICATION_LENGTHS: Final = {
    "aid": range(5, 17),
    "tac_default": (5,),
    "tac_denial": (5,),
    "tac_online": (5,),
}
_ONLINE_PIN, _NO_CVM = 0x40, 0x08
_IDENTIFICATIONS: Final = {"terminal_id": 8, "merchant_id": 15}


@dataclass(frozen=True, slots=True)
class _CaRow:
    """A CA public key as a file has it; `hash` is SHA-1 over RID, index, modulus and exponent."""

    rid: bytes
    index: bytes
    modulus: bytes
    exponent: bytes
    hash: bytes
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class _RevokedRow:
    """A revoked issuer certificate as a file has it."""

    rid: bytes
    index: bytes
    serial: bytes


@dataclass(frozen=True, slots=True)
class FinancialTerminal:
    """A financial terminal as its file describes it."""

    parameters: TerminalParameters
    ca_keys: tuple[CaKey, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    exceptions: tuple[str, ...] = ()
    """Card numbers that are not accepted (例外文件)."""


@cache
def built_in(name: str) -> FinancialTerminal:
    """A terminal of ours by its name, one of `BUILT_IN`."""
    return _load(resource("terminals", f"{name}.toml"), resource("terminals"), f"{name}.toml")


def load_terminal(name: str) -> FinancialTerminal:
    """A terminal by its name, or by the path of its file.

    Raises:
        UsageError: file and place, and what is wrong there.
    """
    if name in BUILT_IN:
        return built_in(name)
    path = Path(name)
    return _load(path, path.parent, name)


def terminal_of(text: str, where: str) -> FinancialTerminal:
    """A terminal from the text of a file; it names no files of its own but ours.

    Raises:
        UsageError: `where`, and what is wrong there.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: {error}") from error
    return _terminal(tables, resource("terminals"), where)


def _load(source: Traversable | Path, folder: Traversable | Path, where: str) -> FinancialTerminal:
    return _terminal(read_tables(source), folder, where)


def _terminal(tables: Mapping[str, Any], folder: Traversable | Path, where: str) -> FinancialTerminal:
    if unknown := sorted(tables.keys() - _WORDS):
        raise UsageError(f"{where}: {', '.join(unknown)} is not known")
    applications = rows(tables, "application", ApplicationParameters, where)
    if not applications:
        raise UsageError(f"{where}: at least one [[application]] is needed")
    for number, application in enumerate(applications, 1):
        _check_lengths(application, _APPLICATION_LENGTHS, f"{where}: application {number}")
    table = tables.get("terminal")
    if not isinstance(table, dict):
        raise UsageError(f"{where}: [terminal] is missing")
    parameters = row_of(table, TerminalParameters, f"{where}: terminal", applications=applications)
    _check(parameters, f"{where}: terminal")
    keys = list(_ca_keys(tables, where))
    for name in _texts(tables, "ca_keys", where):
        keys += _ca_file(name, folder)
    revoked = tuple(Revoked(row.rid, row.index[0], row.serial) for row in rows(tables, "revoked", _RevokedRow, where))
    return FinancialTerminal(parameters, tuple(keys), revoked, _texts(tables, "exceptions", where))


def _texts(tables: Mapping[str, Any], word: str, where: str) -> tuple[str, ...]:
    found = tables.get(word, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise UsageError(f"{where}: {word} is a list of texts")
    return tuple(found)


def _ca_file(name: str, folder: Traversable | Path) -> tuple[CaKey, ...]:
    """CA keys of a file: one of ours by its name, else a path, looked up beside the file that names it."""
    ours = resource("terminals", f"{name}.toml")
    source = ours if ours.is_file() else folder / name
    return _ca_keys(read_tables(source), name)


def _ca_keys(tables: Mapping[str, Any], where: str) -> tuple[CaKey, ...]:
    """CA keys whose hash is right (KRN-CFG-005)."""
    keys = []
    for number, row in enumerate(rows(tables, "ca_key", _CaRow, where), 1):
        place = f"{where}: ca_key {number}"
        if len(row.rid) != _RID_LENGTH or len(row.index) != 1:
            raise UsageError(f"{place}: rid has 5 bytes, index one")
        found = hashlib.sha1(row.rid + row.index + row.modulus + row.exponent, usedforsecurity=False).digest()
        if found != row.hash:
            raise UsageError(f"{place}: the hash of the key is {found.hex().upper()}, not {row.hash.hex().upper()}")
        keys.append(CaKey(row.rid, row.index[0], row.modulus, row.exponent, row.expires))
    return tuple(keys)


def _check_lengths(row: object, lengths: Mapping[str, Any], where: str) -> None:
    for word, allowed in lengths.items():
        if len(getattr(row, word)) not in allowed:
            length = str(min(allowed)) if len(allowed) == 1 else f"{min(allowed)} to {max(allowed)}"
            raise UsageError(f"{where}: {word} has {length} bytes")


def _check(parameters: TerminalParameters, where: str) -> None:
    """Type and capabilities fit each other (KRN-CFG-003)."""
    _check_lengths(parameters, _LENGTHS, where)
    for word, length in _IDENTIFICATIONS.items():
        text = getattr(parameters, word)
        if len(text) != length or not (text.isascii() and text.isalnum()):
            raise UsageError(f"{where}: {word} has {length} letters and digits")
    if not 1 <= parameters.terminal_type[0] & 0x0F <= 6 or not 1 <= parameters.terminal_type[0] >> 4 <= 3:
        raise UsageError(f"{where}: terminal_type is 11 to 16, 21 to 26 or 31 to 36")
    if parameters.online_only and not parameters.capabilities[1] & (_ONLINE_PIN | _NO_CVM):
        raise UsageError(f"{where}: a terminal that is online only needs online PIN or no CVM in capabilities")
    if parameters.electronic_cash and parameters.online_only:
        raise UsageError(f"{where}: electronic_cash needs a terminal that may approve offline")


POS: Final = built_in("pos").parameters
ATM: Final = built_in("atm").parameters
COUNTER: Final = built_in("counter").parameters
