"""The terminal's storage (存储设备): records on shelves, in the order in which they were first kept (TRM-016)."""

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cardsim.privatefile import write_private
from terminal.effects import Entry, Shelf
from terminal.errors import TerminalError

_KEY_BYTES: Final = 32
_NO_STORAGE: Final = "this is no storage of a terminal"


class MemoryStorage:
    """Storage that lasts as long as the object."""

    def __init__(self) -> None:
        self._shelves: dict[Shelf, dict[str, dict[str, str]]] = {shelf: {} for shelf in Shelf}

    def keep(self, shelf: Shelf, key: str, content: Mapping[str, str]) -> None:
        """Store a record, in the place of one that is there."""
        self._shelves[shelf][key] = dict(content)

    def discard(self, shelf: Shelf, key: str) -> None:
        """Take a record away."""
        self._shelves[shelf].pop(key, None)

    def recall(self, shelf: Shelf) -> tuple[Entry, ...]:
        """All records of a shelf."""
        return tuple(Entry(key, dict(content)) for key, content in self._shelves[shelf].items())


class StorageError(TerminalError):
    """A file of the terminal's storage that cannot be used; one sentence with its name."""


class FileStorage(MemoryStorage):
    """Storage in a file of JSON. What was kept is on disk when the call returns, whole or not at all (TRM-016).

    The file is sealed: HMAC-SHA-256 over all records under a key beside it in FILE.key, for its owner alone.
    A record that was altered, added or taken away is noticed when the file is opened (TRM-025).
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or begin with nothing where there is none.

        Raises:
            StorageError: it cannot be read, or is no storage.
        """
        super().__init__()
        self._path = path
        try:
            content = json.loads(path.read_text(encoding="utf8"))
            shelves, seal = content["shelves"], bytes.fromhex(content["seal"])
            self._shelves |= {Shelf(name): _records(records) for name, records in shelves.items()}
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise StorageError(f"{path}: {_NO_STORAGE}") from error
        if not hmac.compare_digest(seal, _seal(self._key(), shelves)):
            raise StorageError(f"{path}: the storage was altered, or its key is another one")

    def keep(self, shelf: Shelf, key: str, content: Mapping[str, str]) -> None:
        """Store a record, in the place of one that is there."""
        super().keep(shelf, key, content)
        self._write()

    def discard(self, shelf: Shelf, key: str) -> None:
        """Take a record away."""
        super().discard(shelf, key)
        self._write()

    def _write(self) -> None:
        shelves = {shelf.value: records for shelf, records in self._shelves.items() if records}
        # The new file takes the place of the old one in one step: a run that is killed leaves one of the two.
        new = self._path.with_name(self._path.name + ".new")
        try:
            content = {"seal": _seal(self._key(new=True), shelves).hex(), "shelves": shelves}
            with new.open("w", encoding="utf8") as file:
                json.dump(content, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from error

    def _key(self, *, new: bool = False) -> bytes:
        """The key of the seal; made where the storage is written for the first time."""
        beside = self._path.with_name(self._path.name + ".key")
        if new and not beside.exists():
            write_private(beside, secrets.token_bytes(_KEY_BYTES).hex().encode())
        try:
            return bytes.fromhex(beside.read_text("ascii"))
        except (OSError, ValueError) as error:
            raise StorageError(f"{beside}: the key of the storage cannot be used") from error


def _seal(key: bytes, shelves: Mapping[str, Any]) -> bytes:
    return hmac.digest(key, json.dumps(shelves, sort_keys=True).encode(), sha256)


def _records(content: object) -> dict[str, dict[str, str]]:
    if not isinstance(content, dict) or not all(isinstance(record, dict) for record in content.values()):
        raise ValueError("records stand under their keys")
    return {key: {str(name): str(text) for name, text in record.items()} for key, record in content.items()}
