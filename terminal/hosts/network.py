"""Who is who in the payment network: institutions, their BINs and terminals, the master keys of lines (a data file).

The file is TOML; `vectors/terminals/network.toml` is the demo network and shows every key.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from cardsim.resources import resource
from terminal.hosts.iso8583.keys import KEY_LENGTH, STATION_LENGTH, station_key

_CODE_DIGITS: Final = 8


class NetworkError(ValueError):
    """A network file that cannot be used: one sentence with file and place."""


@dataclass(frozen=True, slots=True)
class Institution:
    """A bank or the switch: its institution code (机构代码, eight digits), and what is its own."""

    code: str
    name: str
    bins: tuple[str, ...] = ()
    terminals: tuple[str, ...] = ()
    """Names of its terminals; `*` and `?` as in file names."""

    def acquires(self, terminal: str) -> bool:
        """Whether the terminal is one of its own (受理机构)."""
        return any(fnmatchcase(terminal, pattern) for pattern in self.terminals)


@dataclass(frozen=True, slots=True)
class Network:
    """The network as the file says it."""

    switch: Institution
    banks: tuple[Institution, ...]
    terminal_root: bytes = field(repr=False)
    institution_root: bytes = field(repr=False)

    def issuer(self, pan: str) -> Institution | None:
        """The bank of a card number: the one with the longest BIN that it begins with."""
        found = [(len(number), bank) for bank in self.banks for number in bank.bins if pan.startswith(number)]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def acquirer(self, terminal: str) -> Institution | None:
        """The bank whose terminal it is; the first of the file that claims it."""
        return next((bank for bank in self.banks if bank.acquires(terminal)), None)

    def bank(self, code: str) -> Institution | None:
        """The bank with that code."""
        return next((bank for bank in self.banks if bank.code == code), None)

    def master_key(self, station: str, banks: Iterable[Institution] | None = None) -> bytes | None:
        """The master key of a station's line, or None for a stranger.

        Args:
            station: name of a terminal, or code of an institution.
            banks: whose terminals are served; by default those of all banks.
        """
        if station in {self.switch.code, *(bank.code for bank in self.banks)}:
            return station_key(self.institution_root, station)
        if any(bank.acquires(station) for bank in (self.banks if banks is None else banks)):
            return station_key(self.terminal_root, station)
        return None


def load_network(path: Path | None = None) -> Network:
    """A network file; without a path the demo network.

    Raises:
        NetworkError: the file cannot be read, or something in it is wrong.
    """
    source = resource("terminals", "network.toml") if path is None else path
    try:
        content = tomllib.loads(source.read_text(encoding="utf8"))
    except OSError as error:
        raise NetworkError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NetworkError(f"{path}: this is no TOML: {error}") from error
    try:
        return _network(content)
    except _WrongError as error:
        raise NetworkError(f"{path}: {error}") from error


class _WrongError(ValueError):
    pass


def _network(content: Mapping[str, Any]) -> Network:
    _only(content, {"terminal_root", "institution_root", "switch", "bank"}, "the file")
    banks = content.get("bank")
    if not isinstance(banks, list) or not banks:
        raise _WrongError("there is no [[bank]]")
    network = Network(
        _institution(content.get("switch"), "[switch]"),
        tuple(_institution(bank, f"[[bank]] {number}") for number, bank in enumerate(banks, 1)),
        _key(content, "terminal_root"),
        _key(content, "institution_root"),
    )
    codes = [network.switch.code, *(bank.code for bank in network.banks)]
    bins = [number for bank in network.banks for number in bank.bins]
    for what, values in (("institution code", codes), ("BIN", bins)):
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise _WrongError(f"{what} {twice[0]} stands there twice")
    return network


def _institution(row: object, place: str) -> Institution:
    if not isinstance(row, dict):
        raise _WrongError(f"{place} is missing, or no table")
    _only(row, {"code", "name", "bins", "terminals"}, place)
    code, name = row.get("code"), row.get("name")
    if not isinstance(code, str) or len(code) != _CODE_DIGITS or not _digits(code):
        raise _WrongError(f"{place}: code has {_CODE_DIGITS} digits")
    if not isinstance(name, str) or not name:
        raise _WrongError(f"{place}: name is a text")
    bins, terminals = _texts(row, "bins", place), _texts(row, "terminals", place)
    if not all(map(_digits, bins)):
        raise _WrongError(f"{place}: a BIN has digits alone")
    if any(len(terminal) > STATION_LENGTH or not terminal.isascii() for terminal in terminals):
        raise _WrongError(f"{place}: a terminal's name has at most {STATION_LENGTH} characters of ASCII")
    return Institution(code, name, bins, terminals)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _texts(row: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
    values = row.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise _WrongError(f"{place}: {name} is a list of texts")
    return tuple(values)


def _key(content: Mapping[str, Any], name: str) -> bytes:
    try:
        key = bytes.fromhex(content.get(name, ""))
    except (ValueError, TypeError):
        key = b""
    if len(key) != KEY_LENGTH:
        raise _WrongError(f"{name} has {KEY_LENGTH} bytes in hex")
    return key


def _only(row: Mapping[str, Any], allowed: set[str], place: str) -> None:
    if unknown := sorted(row.keys() - allowed):
        raise _WrongError(f"{place} has an unknown key {unknown[0]}")
