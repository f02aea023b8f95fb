"""A TOML table and where it stands, so that whatever is wrong in it is said with file and place."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

_KINDS: Final = {str: "a text", int: "a number", list: "a list", dict: "a table"}


class ProfileError(Exception):
    """A profile or structure that cannot be used: which file, where in it, and what to do."""


def parse_toml(where: str, text: str) -> dict[str, Any]:
    """The content of a file.

    Raises:
        ProfileError: no valid TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{where}: not valid TOML: {error}") from error


@dataclass(frozen=True, slots=True)
class Table:
    """One TOML table, and where it stands."""

    where: str
    content: Mapping[str, Any]
    folder: Path = Path()
    """Where files that it names may stand."""

    def fail(self, problem: str) -> NoReturn:
        """Say what is wrong here.

        Raises:
            ProfileError: always.
        """
        raise ProfileError(f"{self.where}: {problem}")

    def known(self, *keys: str) -> None:
        """Nothing but these keys may stand here."""
        for key in self.content:
            if key not in keys:
                self.fail(f"{key} is not known here; known are {', '.join(keys)}")

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        """A value of a type; without a default it must be there."""
        if key not in self.content:
            if default is None:
                self.fail(f"{key} is missing")
            return default
        value = self.content[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            self.fail(f"{key} has the wrong type; it must be {_KINDS[kind]}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        return str(self.get(key, str, default))

    def number(self, key: str, default: int | None = None, *, among: range = range(0x10000)) -> int:
        """A whole number of a range."""
        value = int(self.get(key, int, default))
        if value not in among:
            self.fail(f"{key} is {among[0]} to {among[-1]}, not {value}")
        return value

    def hex(self, key: str, *, among: range = range(0x10000)) -> int:
        """A number written in hex, of a range."""
        try:
            value = int(self.text(key), 16)
        except ValueError:
            self.fail(f"{key} is not hex")
        if value not in among:
            self.fail(f"{key} is {among[0]:02X} to {among[-1]:02X}, not {value:02X}")
        return value

    def raw(self, key: str) -> bytes:
        """Bytes written in hex."""
        try:
            return bytes.fromhex(self.text(key))
        except ValueError:
            self.fail(f"{key} is not hex")

    def gbk(self, key: str) -> bytes:
        """A text in GBK."""
        try:
            return self.text(key).encode("gbk")
        except UnicodeEncodeError:
            self.fail(f"{key} has characters that GBK has not")

    def choice(self, key: str, choices: Iterable[str], default: str | None = None) -> str:
        """One of a few words."""
        value, words = self.text(key, default), list(choices)
        if value not in words:
            self.fail(f"{key} is one of {', '.join(words)}, not {value}")
        return value

    def table(self, key: str) -> "Table | None":
        """A table, if there is one."""
        return Table(f"{self.where} [{key}]", self.get(key, dict), self.folder) if key in self.content else None

    def tables(self, key: str) -> "list[Table]":
        """An array of tables."""
        found = []
        for number, entry in enumerate(self.get(key, list, []), 1):
            table = Table(f"{self.where} [[{key}]] {number}", entry)
            if not isinstance(entry, dict):
                table.fail("is no table")
            found.append(table)
        return found
