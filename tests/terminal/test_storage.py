"""The terminal's storage in a file: what was kept is there in the next run, whatever ended this one."""

import json
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


def test_a_run_that_is_cut_off_leaves_the_last_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut before the new file takes the old one's place loses that record alone."""
    path = tmp_path / "storage"
    storage = FileStorage(path)
    storage.keep(Shelf.PENDING, "first", {})

    def cut(_self: Path, _target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        storage.keep(Shelf.PENDING, "second", {})
    assert [entry.key for entry in FileStorage(path).recall(Shelf.PENDING)] == ["first"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"pending": {}}',
        '{"seal": "", "shelves": {"nonsense": {}}}',
        '{"seal": "", "shelves": []}',
        "\udcff",
        '{"seal": "", "shelves": {"pending": {"a": 1}}}',
        '{"seal": 1, "shelves": {}}',
    ],
)
def test_files_that_are_none(content: str, tmp_path: Path) -> None:
    """One sentence with the file's name."""
    path = tmp_path / "storage"
    path.write_bytes(content.encode("utf8", "surrogateescape"))
    with pytest.raises(StorageError, match="this is no storage of a terminal"):
        FileStorage(path)
    with pytest.raises(StorageError, match="Is a directory"):
        FileStorage(tmp_path)
    with pytest.raises(StorageError, match="No such file"):
        FileStorage(tmp_path / "none" / "storage").keep(Shelf.PENDING, "a", {})


def test_every_altered_record(tmp_path: Path) -> None:
    """TRM-025: a record that was altered, added or taken away is noticed when the storage is opened."""
    path = tmp_path / "storage"
    storage = FileStorage(path)
    for shelf in Shelf:
        storage.keep(shelf, "1", {"amount": "100"})
        storage.keep(shelf, "2", {"amount": "200"})
    sealed = json.loads(path.read_text("utf8"))
    changes: tuple[dict[str, dict[str, str] | None], ...] = ({"1": {"amount": "101"}}, {"2": None}, {"3": {}})
    for shelf in Shelf:
        for change in changes:
            content = json.loads(json.dumps(sealed))
            records = content["shelves"][shelf.value] | change
            content["shelves"][shelf.value] = {key: record for key, record in records.items() if record is not None}
            path.write_text(json.dumps(content), "utf8")
            with pytest.raises(StorageError, match="was altered"):
                FileStorage(path)
    path.write_text(json.dumps(sealed), "utf8")
    assert len(FileStorage(path).recall(Shelf.TRANSACTIONS)) == 2


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
