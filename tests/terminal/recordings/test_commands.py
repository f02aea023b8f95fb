"""`cardterm record` and `replay` on images: exit statuses, what is written, and what is said."""

import json
from pathlib import Path

import pytest

from cardsim.cli.main import main as cardsim
from terminal.cli.main import main
from terminal.links.recording import load_recording
from terminal.recordings.formats import CODECS, Format, load

NOW = ("--seed", "6", "--now", "2026-11-22T09:30:00")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo card as it was made, and a payment with a copy of it."""
    folder = tmp_path_factory.mktemp("replay")
    image, copy = folder / "me.card", folder / "used.card"
    assert cardsim(["new", str(image)]) == 0
    copy.write_bytes(image.read_bytes())
    keys = ("--keys", f"{image}.keys.toml")
    assert main(["financial", "--card", str(copy), *keys, *NOW, "--record", str(folder / "x.jsonl")]) == 0
    return folder


def replay(made: Path, *words: str) -> int:
    return main(["replay", str(made / "x.jsonl"), *words])


def test_the_image_is_not_written_to(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A payment moves the counters of the card: of a private copy, unless --write is given."""
    image, before = made / "me.card", (made / "me.card").read_bytes()
    for _ in range(2):
        assert replay(made, "--card", str(image), "--strict", "--seed", "6") == 0
        assert capsys.readouterr().out.endswith("Replay: PASSED\n")
    assert image.read_bytes() == before
    written = made / "written.card"
    written.write_bytes(before)
    assert replay(made, "--card", str(written), "--strict", "--seed", "6", "--write") == 0
    assert written.read_bytes() != before
    assert replay(made, "--card", str(written), "--strict", "--seed", "6") == 1
    assert "Replay: FAILED — the first difference is at command" in capsys.readouterr().out


def test_each_command_is_shown_if_asked_for(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(made, "--card", str(made / "me.card"), "--seed", "6", "-v") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("power-on\ncommand 1: SELECT 00A404000E315041592E5359532E4444463031\n")


def test_a_recording_that_was_cut_off(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes((made / "x.jsonl").read_bytes()[:-30])
    assert main(["replay", str(path), "--card", str(made / "me.card"), "--seed", "6", "--strict"]) == 0
    assert "in the middle of a line" in capsys.readouterr().err
    assert main(["convert", str(path), str(tmp_path / "x.hex")]) == 0
    assert "in the middle of a line" in capsys.readouterr().err


def test_a_script_runs_without_being_compared(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.hex"
    path.write_text("reset\n00A40000023F00\n")
    assert main(["replay", str(path), "--card", str(made / "me.card"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["counts"]["unknown"] == 1
    assert document["noted"][-1]["answer"] == "6106"


@pytest.mark.parametrize("wanted", [Format.PCAPNG, Format.ETSI, Format.SCRIPTOR_LOG])
def test_other_formats_replay_as_well(wanted: Format, made: Path, tmp_path: Path) -> None:
    path = tmp_path / f"x{CODECS[wanted].suffixes[0]}"
    assert main(["convert", str(made / "x.jsonl"), str(path)]) == 0
    assert load(path).events
    assert main(["replay", str(path), "--card", str(made / "me.card"), "--strict", "--seed", "6"]) == 0


@pytest.mark.parametrize(("strict", "status"), [((), 0), (("--strict",), 1)])
def test_commands_that_did_not_come(
    strict: tuple[str, ...], status: int, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Played as a card to a program that uses none: a strict replay has not been whole."""
    assert replay(made, "--as-card", *strict, "--", "true") == status
    commands = sum(event.event == "apdu" for event in load_recording(made / "x.jsonl").events)
    assert capsys.readouterr().err.endswith(f"{commands} recorded ones did not come\n")


def test_a_recording_for_a_psam_alone(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.hex"
    path.write_text("sam reset\nsam 00A40000023F00\n")
    assert main(["replay", str(path), "--as-card", "--", "true"]) == 2
    assert "only for a PSAM" in capsys.readouterr().err
    assert main(["replay", str(path), "--card", str(made / "me.card")]) == 2
    assert "--psam" in capsys.readouterr().err


def test_a_recording_is_not_written_over_itself(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, before = made / "x.jsonl", (made / "x.jsonl").read_bytes()
    assert main(["record", str(path), "--card", f"recording:{path}", "--", "true"]) == 2
    assert "is not written over" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_recording_without_a_command(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text((made / "x.jsonl").read_text().splitlines()[0] + "\n")
    assert main(["replay", str(empty), "--card", str(made / "me.card")]) == 2
    assert "holds no command" in capsys.readouterr().err


def test_a_full_disk(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "/dev/full", "--card", str(made / "used.card"), "--", "true"]) == 2
    err = capsys.readouterr().err
    assert err == "cardterm: the recording ends early, it cannot be written: No space left on device\n"
