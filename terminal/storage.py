"""The terminal's storage (存储设备): records on shelves, in the order in which they were first kept (TRM-016)."""

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from cardsim.privatefile import write_private
from terminal.effects import Entry, Shelf
from terminal.errors import TerminalError

_KEY_BYTES: Final = 32
_SLACK: Final = 64
"""So many lines that mean nothing any more may stand in a file beside as many as mean something."""
_NO_STORAGE: Final = "this is no storage of a terminal"
_ALTERED: Final = "the storage was altered, or its key is another one"
_MAGIC: Final = b"cardterm-storage 2 "
_GENERATION: Final = 16
_COUNT: Final = 12
_SEAL: Final = 64
_HEAD: Final = len(_MAGIC) + _GENERATION + _COUNT + _SEAL + 3
"""Length of the head in bytes: magic, generation, count and seal, with blanks between and a line feed behind."""


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
    """Storage in a file, one line for each record that was kept or discarded. What was kept is on disk when the call
    returns (TRM-016); a run that is killed while it writes leaves all records before that one.

    Each line carries a seal, HMAC-SHA-256 over the seal before it and the line, under a key beside the file in
    FILE.key, for its owner alone; the head seals how many lines there are. A record that was altered, added or taken
    away is noticed when the file is opened (TRM-025); a whole older file in its place is not. Lines that mean nothing
    any more go when the file is opened.

    An append is the line and then the head: a file may have one line more than its head says, never one less. The head
    has one length and lies in the first page, so that a killed process leaves the old one or the new one.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or begin with nothing where there is none.

        Raises:
            StorageError: it cannot be read, is no storage, or was altered.
        """
        super().__init__()
        self._path = path
        self._head = b""
        self._end = 0
        self._generation = self._seal = b""
        self._lines = 0
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error
        self._read(content)
        live = sum(len(records) for records in self._shelves.values())
        if self._end != len(content) or self._lines > 2 * live + _SLACK:
            self._rewrite()

    def keep(self, shelf: Shelf, key: str, content: Mapping[str, str]) -> None:
        """Store a record, in the place of one that is there."""
        self._append(shelf, key, content)
        super().keep(shelf, key, content)

    def discard(self, shelf: Shelf, key: str) -> None:
        """Take a record away."""
        if key in self._shelves[shelf]:
            self._append(shelf, key, None)
            super().discard(shelf, key)

    # --- reading ---------------------------------------------------------------------------------------------------

    def _read(self, content: bytes) -> None:
        """Take what the file holds; a last line without its end was never kept."""
        if len(content) < _HEAD or not content.startswith(_MAGIC):
            raise StorageError(f"{self._path}: {_NO_STORAGE}")
        self._head, whole = content[:_HEAD], content[: content.rindex(b"\n") + 1]
        self._generation = self._head.removeprefix(_MAGIC)[:_GENERATION]
        key = self._key()
        self._seal = _first_seal(key, self._generation)
        known = self._head_of(key) == self._head
        for line in whole[_HEAD:].splitlines(keepends=True):
            self._take(key, line)
            known = known or self._head_of(key) == self._head
        if not known:
            raise StorageError(f"{self._path}: {_ALTERED}")
        self._end = len(whole)

    def _take(self, key: bytes, line: bytes) -> None:
        seal, _, body = line.rstrip(b"\n").partition(b" ")
        self._seal = hmac.digest(key, self._seal + body, sha256)
        if not hmac.compare_digest(seal, self._seal.hex().encode()):
            raise StorageError(f"{self._path}: {_ALTERED}")
        self._lines += 1
        shelf, name, record = json.loads(body)
        if record is None:
            super().discard(Shelf(shelf), name)
        else:
            super().keep(Shelf(shelf), name, record)

    # --- writing ---------------------------------------------------------------------------------------------------

    def _append(self, shelf: Shelf, key: str, content: Mapping[str, str] | None) -> None:
        if not self._head:
            self._rewrite()
        secret = self._key()
        seal, line = _sealed(secret, self._seal, shelf, key, content)
        try:
            with self._path.open("r+b") as file:
                if file.read(_HEAD) != self._head or file.seek(0, os.SEEK_END) != self._end:
                    raise StorageError(f"{self._path}: another terminal has written to the storage")
                try:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(self._end)
                    raise
                self._seal, self._lines, self._end = seal, self._lines + 1, self._end + len(line)
                self._head = self._head_of(secret)
                file.seek(0)
                file.write(self._head)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from error

    def _rewrite(self) -> None:
        """What is kept now, and nothing else, in a file that takes the old one's place in one step."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            secret = self._key(new=True)
            self._generation = secrets.token_hex(_GENERATION // 2).encode()
            self._seal, self._lines, lines = _first_seal(secret, self._generation), 0, b""
            for shelf, records in self._shelves.items():
                for key, content in records.items():
                    self._seal, line = _sealed(secret, self._seal, shelf, key, content)
                    self._lines, lines = self._lines + 1, lines + line
            self._head = self._head_of(secret)
            with new.open("wb") as file:
                file.write(self._head + lines)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from error
        self._end = len(self._head) + len(lines)

    def _head_of(self, key: bytes) -> bytes:
        """The head for the lines so far."""
        fields = self._generation + b" " + f"{self._lines:0{_COUNT}d}".encode()
        seal = hmac.digest(key, b"count" + fields + self._seal, sha256).hex().encode()
        return _MAGIC + fields + b" " + seal + b"\n"

    def _key(self, *, new: bool = False) -> bytes:
        """The key of the seal; made where the storage is written for the first time."""
        beside = self._path.with_name(self._path.name + ".key")
        if new and not beside.exists():
            write_private(beside, secrets.token_bytes(_KEY_BYTES).hex().encode())
        try:
            return bytes.fromhex(beside.read_text("ascii"))
        except (OSError, ValueError) as error:
            raise StorageError(f"{beside}: the key of the storage cannot be used") from error


def _first_seal(key: bytes, generation: bytes) -> bytes:
    return hmac.digest(key, b"storage" + generation, sha256)


def _sealed(
    key: bytes, before: bytes, shelf: Shelf, name: str, content: Mapping[str, str] | None
) -> tuple[bytes, bytes]:
    """The seal of a line, and the line."""
    record = None if content is None else {word: str(text) for word, text in content.items()}
    body = json.dumps([shelf.value, name, record], ensure_ascii=False).encode()
    seal = hmac.digest(key, before + body, sha256)
    return seal, seal.hex().encode() + b" " + body + b"\n"
