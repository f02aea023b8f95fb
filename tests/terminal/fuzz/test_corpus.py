"""What a campaign keeps: whole files, names by content, an order that does not change."""

from pathlib import Path

import pytest

from terminal.errors import UsageError
from terminal.fuzz.corpus import Entry, Folder, name_of, read_sequence, write_whole
from terminal.fuzz.sequence import Sequence, parse_sequence, send

READ = parse_sequence(">> 00 A4 04 00 {lc} {name ssse}\n> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}\ncut 3\nreset\n")


def test_a_sequence_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "campaign")
    folder.keep(Entry(READ, ("b", "a"), frozenset({"cos/files.py:12"})))
    [(path, sequence)] = folder.sequences()
    assert sequence == READ
    assert path.read_text().startswith("# new: a\n# new: b\n# new: 1 lines of the model\nstart card\n")


def test_the_name_says_the_content_and_not_the_remarks(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.keep(Entry(READ, ("a",)))
    folder.keep(Entry(READ, ("b",)))
    assert [path.stem for path, _ in folder.sequences()] == [name_of(READ)]
    assert name_of(READ) != name_of(Sequence(READ.start, READ.steps, 2))


def test_two_corpora_are_merged_by_copying(tmp_path: Path) -> None:
    one, other = Folder(tmp_path / "1"), Folder(tmp_path / "2")
    one.keep(Entry(READ))
    other.keep(Entry(Sequence("card", (send("00 84 00 00 08"),))))
    for path, _ in other.sequences():
        (one.corpus / path.name).write_bytes(path.read_bytes())
    assert len(list(one.sequences())) == 2


def test_the_state_comes_back_and_a_foreign_file_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.state() == {}
    folder.save({"seed": 4})
    assert folder.state()["seed"] == 4
    (tmp_path / "campaign.json").write_text('{"format": "something"}')
    with pytest.raises(UsageError, match=r"campaign.json: this is no cardterm-fuzz-campaign of version 1"):
        folder.state()


def test_what_cannot_be_used_is_told_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("start card\n> 00 8\n")
    with pytest.raises(UsageError, match="keeps what it finds in a folder"):
        Folder(file)
    with pytest.raises(UsageError, match="file:2: "):
        read_sequence(file)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_sequence(tmp_path / "none.seq")
    with pytest.raises(UsageError, match="cannot be written"):
        write_whole(file / "below", "")
    assert file.read_text().startswith("start"), "what cannot be written leaves everything as it was"
    assert list(tmp_path.iterdir()) == [file]
