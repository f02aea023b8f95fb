"""A workshop: one folder with the books, keys, files and cards of all parties.

FOLDER/
  workshop.toml   settings; what is not there is as in vectors/perso
  department.db, bank.db, maker.db   the parties' books, unless workshop.toml names a URL: [books] department = "postgresql://…"
  keys/           key stores, a folder for each party
  transfer/       sealed files on the line between parties; transfer/disc for those that are carried
  cards/          card images and their key files
  faces/ lists/   rendered faces; feedback, mailing and packing files, lists
  reports/        reports for people
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, MetaData
from sqlalchemy.exc import DBAPIError

from terminal.closing import Closing
from terminal.errors import UsageError
from terminal.hosts.books import BooksError, open_books
from terminal.perso.parties import Party

SETTINGS: Final = "workshop.toml"
FOLDERS: Final = ("keys", "transfer", "cards", "faces", "lists", "reports")


@dataclass(frozen=True, slots=True)
class Settings:
    """workshop.toml by section; each section is read by what it is for."""

    path: Path
    content: dict[str, Any]

    def section(self, name: str) -> dict[str, Any]:
        """A table of the file; empty where it is missing.

        Raises:
            UsageError: it is no table.
        """
        found = self.content.get(name, {})
        if not isinstance(found, dict):
            raise UsageError(f"{self.path}: {name} is no table")
        return found


class Workshop(Closing):
    """The folder, opened.

    Args:
        folder: where everything stands; made if missing.
        clock: the time of all parties.

    Raises:
        UsageError: workshop.toml cannot be read, or the folder cannot be made.
    """

    def __init__(self, folder: Path, clock: Callable[[], datetime] = datetime.now) -> None:
        self.folder = folder
        self.clock = clock
        try:
            for name in FOLDERS:
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror}") from error
        self.settings = read_settings(folder / SETTINGS)
        self._books: dict[Party, Engine] = {}

    def path(self, *parts: str) -> Path:
        """A path inside."""
        return self.folder.joinpath(*parts)

    def books(self, party: Party, *tables: MetaData) -> Engine:
        """The books of a party, with these tables.

        Raises:
            UsageError: they cannot be opened.
        """
        url = self.settings.section("books").get(party.value, str(self.path(f"{party.value}.db")))
        try:
            if party not in self._books:
                self._books[party] = open_books(url)
            for metadata in tables:
                metadata.create_all(self._books[party])
        except BooksError as error:
            raise UsageError(str(error)) from error
        except DBAPIError as error:
            why = str(error.orig).splitlines()[0]
            raise UsageError(f"the books of the {party.value} cannot be opened: {why}") from error
        return self._books[party]

    def close(self) -> None:
        """Close the books."""
        for books in self._books.values():
            books.dispose()


def read_settings(path: Path) -> Settings:
    """What a file of settings says; nothing where it is missing.

    Raises:
        UsageError: it cannot be read, or is no TOML.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: this is no TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return Settings(path, content)
