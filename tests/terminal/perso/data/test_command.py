"""`cardterm perso data`."""

import json
from pathlib import Path

import pytest

from terminal.cli.main import main
from terminal.cli.options.perso.data import CODE_PAGES, KINDS
from terminal.perso.data import encoding
from terminal.perso.data.build import Read
from terminal.perso.data.document import read_applications, read_batch
from terminal.perso.data.layouts import FileKind
from terminal.perso.data.reading import read_file
from terminal.perso.data.samples import applications, cards
from terminal.perso.data.writing import write_file
from terminal.perso.records import CardRecord
from tests.terminal.perso.data.people import bank, card, social

HEADING = ("--applied", "20261122", "--city", "510100", "--county", "510104")


def test_words_of_the_options() -> None:
    """The parser names kinds and code pages without the library, so that --help starts in no time."""
    assert tuple(kind.value for kind in FileKind) == KINDS
    assert encoding.CODE_PAGES == CODE_PAGES


def test_samples_are_what_the_seed_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written, checked, converted to the internal document: the persons of the seed, without the wrong lines."""
    file, out = tmp_path / "a.xml", tmp_path / "a.json"
    words = ("--count", "6", "--wrong", "3", "--duplicates", "2", "--seed", "9", "--to", "gbk")
    assert main(["perso", "data", "samples", str(file), *words]) == 0
    assert capsys.readouterr().out == f"{file}: 11 applications, 3 wrong, 2 duplicates\n"
    assert main(["perso", "data", "check", str(file), "--kind", "applications"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "a.xml: 11 applications, gbk: 8 good, 3 wrong"
    assert len([line for line in told if line.startswith("✗ a.xml, line")]) == 3
    assert main(["perso", "data", "convert", str(file), str(out), "--kind", "applications", "--internal"]) == 1
    made = applications(9, 6, wrong=3, duplicates=2)
    good = tuple(one for place, one in enumerate(made.applications) if place not in made.wrong)
    assert read_applications(out.read_bytes()) == good


@pytest.mark.parametrize("kind", ["social", "bank", "matched"])
def test_samples_of_cards(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A seed gives the same persons in all files, and each line is right."""
    file = str(tmp_path / "x.xlsx")
    assert main(["perso", "data", "samples", file, "--kind", kind, "--count", "4", "--seed", "9"]) == 0
    assert main(["perso", "data", "check", file, "--kind", kind]) == 0
    assert capsys.readouterr().out.endswith(f"x.xlsx: 4 {kind}: 4 good, 0 wrong\n")
    found = read_file(Path(file), FileKind(kind))
    wanted = {"social": [card.social for card in cards(9, 4)], "bank": [card.bank for card in cards(9, 4)]}
    assert [good.record for good in found.good] == wanted.get(kind, list(cards(9, 4)))
    persons = {one.values["social_security_number"] for one in applications(9, 4, photos=False).applications}
    assert persons == {card.bank.person for card in cards(9, 4, photos=False) if card.bank is not None}


@pytest.mark.parametrize("kind", ["social", "bank", "matched"])
def test_batches(kind: str, tmp_path: Path) -> None:
    """A file of either side or of both becomes the batch of its records."""
    records: dict[str, Read] = {"social": social(1), "bank": bank(1), "matched": card(1)}
    file, out = tmp_path / "B-7.json", tmp_path / "out"
    write_file(file, [records[kind]])
    assert main(["perso", "data", "convert", str(file), str(out), "--kind", kind, "--internal", *HEADING]) == 0
    batch = read_batch(out.read_bytes())
    wanted = {"social": CardRecord(social(1), None), "bank": CardRecord(None, bank(1)), "matched": card(1)}[kind]
    assert (batch.name, batch.city, batch.county, batch.records) == ("B-7", "510100", "510104", (wanted,))


def test_joint_expiry_of_a_workshop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PERSO-164: the department may set another period in workshop.toml."""
    file = tmp_path / "x.json"
    write_file(file, [card(1)])
    (record,) = json.loads(file.read_text(encoding="utf8"))
    file.write_text(json.dumps([record | {"expiry_date": "20311122"}]), encoding="utf8")
    words = ["perso", "data", "check", str(file), "--kind", "matched"]
    assert main(words) == 1
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "workshop.toml").write_text("[data]\njoint_expiry = false\n")
    assert main([*words, "--workshop", str(folder)]) == 0
    (folder / "workshop.toml").write_text("[data]\njoint_expiry = 1\n")
    assert main([*words, "--workshop", str(folder)]) == 2
    assert "joint_expiry is true or false" in capsys.readouterr().err


def test_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PERSO-064: what a bank's records lack is told."""
    file = tmp_path / "records.txt"
    file.write_text("0101 5A0A62146700100000000017\n")
    assert main(["perso", "data", "records", str(file), "--afl", "08010200"]) == 1
    told = capsys.readouterr().out
    assert "record 2 of SFI 1 is named by the AFL and missing" in told
    assert "5F24 (expiry date) is missing" in told
    assert "5A (" not in told


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence each."""
    file = tmp_path / "x.csv"
    write_file(file, [social(1)])
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff")
    same = ("convert", str(file), str(file), "--kind", "social")
    for words, told in (
        (same, "is read by this command"),
        ((*same[:2], str(tmp_path / "y.json"), *same[3:], "--internal"), "no application date"),
        ((*same[:2], str(tmp_path), *same[3:], "--internal", *HEADING), "Is a directory"),
        ((*same[:2], str(tmp_path / "y.pdf"), *same[3:]), "end with .csv"),
        (("check", str(file), "--kind", "bank"), "not known in a file of bank data"),
        (("check", str(file), "--kind", "social", "--encoding", "gbk"), "gb18030"),
        (("samples", str(file), "--count", "-1"), "not negative"),
        (("samples", str(file), "--kind", "bank", "--wrong", "1"), "are for applications"),
        (("records", str(tmp_path / "none"), "--afl", ""), "No such file"),
        (("records", str(file), "--afl", "x"), "no hex"),
        (("records", str(binary), "--afl", ""), "not UTF-8"),
    ):
        assert main(["perso", "data", *words]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
