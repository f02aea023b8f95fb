"""The terminal's storage in a file: what was kept is there in the next run, whatever ended this one."""

import errno
import os
import stat
from pathlib import Path

import pytest

from terminal.effects import Entry, Shelf
from terminal.storage import FileStorage, StorageError


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    """TRM-016: records outlive the run, in the order in which they were first kept."""
    path = tmp_path / "storage"
    storage = FileStorage(path)
    assert storage.recall(Shelf.PENDING) == ()
    for key in ("b", "a", "c"):
        storage.keep(Shelf.PENDING, key, {"text": "李四"})
    storage.keep(Shelf.PENDING, "b", {"text": "again"})
    storage.discard(Shelf.PENDING, "a")
    storage.discard(Shelf.PENDING, "nothing")
    found = FileStorage(path).recall(Shelf.PENDING)
    assert found == (Entry("b", {"text": "again"}), Entry("c", {"text": "李四"}))
    assert FileStorage(path).recall(Shelf.BLACKLIST) == ()


CONTENT = {"card": "519900D156000005", "holder": "李四", "amount": "12.34"}


def kept(path: Path) -> list[str]:
    """Keys of what is on the shelf of transactions."""
    return [entry.key for entry in FileStorage(path).recall(Shelf.TRANSACTIONS)]


def test_killed_at_every_byte(tmp_path: Path) -> None:
    """TRM-016: a run that is killed inside a write leaves the records before it, and the next run goes on with them."""
    path = tmp_path / "storage"
    storage = FileStorage(path)
    storage.keep(Shelf.TRANSACTIONS, "0", CONTENT)
    for number in range(1, 4):
        before = path.read_bytes()
        storage.keep(Shelf.TRANSACTIONS, str(number), CONTENT)
        after = path.read_bytes()
        records = [str(n) for n in range(number)]
        for cut in range(len(before), len(after) + 1):
            path.write_bytes(before + after[len(before) : cut])
            whole = cut == len(after)
            assert kept(path) == ([*records, str(number)] if whole else records), cut
        path.write_bytes(before + after[len(before) : -1])
        FileStorage(path).keep(Shelf.TRANSACTIONS, "more", CONTENT)
        assert kept(path) == [*records, "more"]
        path.write_bytes(after)


def test_killed_while_the_file_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut before the new file takes the old one's place leaves the old one, with all that is in it."""
    path = tmp_path / "storage"
    storage = FileStorage(path)
    storage.keep(Shelf.PENDING, "first", {})
    for number in range(200):
        storage.keep(Shelf.PARAMETERS, "trace", {"number": str(number)})
    long = path.stat().st_size

    def cut(_self: Path, _target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            FileStorage(path)
    assert path.stat().st_size == long
    found = FileStorage(path)
    assert path.stat().st_size < long / 50
    assert found.recall(Shelf.PENDING) == (Entry("first", {}),)
    assert found.recall(Shelf.PARAMETERS) == (Entry("trace", {"number": "199"}),)


def test_two_terminals(tmp_path: Path) -> None:
    """A storage that another run has written to meanwhile is not written over."""
    path = tmp_path / "storage"
    one, other = FileStorage(path), FileStorage(path)
    one.keep(Shelf.PENDING, "1", {})
    other = FileStorage(path)
    other.keep(Shelf.PENDING, "2", {})
    with pytest.raises(StorageError, match="another terminal"):
        one.keep(Shelf.PENDING, "3", {})
    assert [entry.key for entry in FileStorage(path).recall(Shelf.PENDING)] == ["1", "2"]


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that could not be written is not there, and the storage goes on."""
    path = tmp_path / "storage"
    storage = FileStorage(path)
    storage.keep(Shelf.PENDING, "1", {})

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space"):
            storage.keep(Shelf.PENDING, "2", {})
    assert [entry.key for entry in storage.recall(Shelf.PENDING)] == ["1"]
    storage.keep(Shelf.PENDING, "3", {})
    assert [entry.key for entry in FileStorage(path).recall(Shelf.PENDING)] == ["1", "3"]


@pytest.mark.parametrize("content", [b"", b"[]", b"cardterm-storage 2 ", b"\xff" * 300, b'{"seal": "", "shelves": {}}'])
def test_files_that_are_none(content: bytes, tmp_path: Path) -> None:
    """One sentence with the file's name."""
    path = tmp_path / "storage"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="this is no storage of a terminal"):
        FileStorage(path)
    with pytest.raises(StorageError, match="Is a directory"):
        FileStorage(tmp_path)
    with pytest.raises(StorageError, match="No such file"):
        FileStorage(tmp_path / "none" / "storage").keep(Shelf.PENDING, "a", {})


def test_every_altered_record(tmp_path: Path) -> None:
    """TRM-025: a record that was altered, added, taken away or moved is noticed when the storage is opened."""
    path = tmp_path / "storage"
    storage = FileStorage(path)
    for shelf in Shelf:
        storage.keep(shelf, "1", {"amount": "100"})
        storage.keep(shelf, "2", {"amount": "200"})
    sealed = path.read_bytes()
    head, *lines = sealed.splitlines(keepends=True)
    changes = [[head, *lines[:at], *lines[at + 1 :]] for at in range(len(lines))]
    changes += [[head, *lines[:at]] for at in range(len(lines))]
    changes += [[head, *lines[:at], line, *lines[at:]] for at, line in enumerate(lines)]
    changes += [[head, *lines[1:], lines[0]], [head, *lines, lines[0]], [lines[0], head, *lines[1:]]]
    for change in changes:
        path.write_bytes(b"".join(change))
        with pytest.raises(StorageError, match=r"was altered|no storage"):
            FileStorage(path)
    for at in range(len(sealed)):
        path.write_bytes(sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :])
        with pytest.raises(StorageError, match=r"was altered|no storage"):
            FileStorage(path)
    path.write_bytes(sealed)
    assert len(FileStorage(path).recall(Shelf.TRANSACTIONS)) == 2


def test_lines_of_an_older_file(tmp_path: Path) -> None:
    """TRM-025: lines of an earlier state under the head of now are noticed."""
    path = tmp_path / "storage"
    storage = FileStorage(path)
    storage.keep(Shelf.PENDING, "1", {})
    old = path.read_bytes()
    storage.keep(Shelf.PENDING, "2", {})
    storage.discard(Shelf.PENDING, "1")
    new = path.read_bytes()
    head = old.splitlines(keepends=True)[0]
    path.write_bytes(new[: len(head)] + old[len(head) :])
    with pytest.raises(StorageError, match="was altered"):
        FileStorage(path)


def test_key(tmp_path: Path) -> None:
    """The key beside it is for its owner alone; without it, or with another one, the storage is not taken."""
    path, beside = tmp_path / "storage", tmp_path / "storage.key"
    FileStorage(path).keep(Shelf.PENDING, "a", {})
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert beside.read_text("ascii") not in path.read_text("utf8")
    beside.write_text("00" * 32, "ascii")
    with pytest.raises(StorageError, match="another one"):
        FileStorage(path)
    beside.unlink()
    with pytest.raises(StorageError, match="cannot be used"):
        FileStorage(path)
