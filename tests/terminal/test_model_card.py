"""The terminals against the reference model itself, made by `cardsim new`: two implementations that must agree."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cardsim.cli.main import main as cardsim
from terminal.cli.main import main as cardterm

PROFILES = ("dual-3.0-sm4", "dual-3.0-des", "dual-2.0-des", "dual-3.0-sm4-offline-pin")
NOW = ["--now", "2026-11-21T12:00:00", "--seed", "1"]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cards")


def image(shelf: Path, profile: str, tmp_path: Path) -> Path:
    """A private copy of the card of a profile and its key file."""
    made = shelf / f"{profile}.card"
    if not made.exists():
        assert cardsim(["new", str(made), "--profile", profile, "--seed", "7"]) == 0
    copy = tmp_path / made.name
    shutil.copy(made, copy)
    shutil.copy(f"{made}.keys.toml", f"{copy}.keys.toml")
    return copy


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = cardterm([*arguments, *NOW, "--json"])
    captured = capsys.readouterr()
    assert captured.err == ""
    content = json.loads(captured.out)
    assert isinstance(content, dict)
    return status, content


@pytest.mark.parametrize("profile", PROFILES)
def test_both_sides(profile: str, shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = image(shelf, profile, tmp_path)
    options = ["--service", "verify-pin", "--pin", "123456", "--amount", "12.34", "--expect", "approved"]
    status, found = run(capsys, "full", "--card", str(card), *options)
    assert status == 0
    assert found["social"]["pin_verified"]
    assert found["social"]["terminal_authenticated"] == ("3.0" in profile)
    bank = found["financial"]
    assert bank["offline_data_authentication"] == {"method": "DDA", "passed": True, "problem": ""}
    assert [c["check"] for c in bank["cryptograms"]] == ["right", "right"]
    assert [c["kind"] for c in bank["cryptograms"]] == ["ARQC", "TC"]


def test_atc_is_kept_in_the_image(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = image(shelf, "dual-3.0-sm4", tmp_path)
    counters = []
    for _ in range(3):
        _, found = run(capsys, "financial", "--card", str(card), "--pin", "123456")
        counters.append(found["cryptograms"][0]["atc"])
    assert counters == [counters[0], counters[0] + 1, counters[0] + 2]


def test_a_foreign_key_file_is_noticed(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = image(shelf, "dual-3.0-sm4", tmp_path)
    other = tmp_path / "other.card"
    assert cardsim(["new", str(other), "--seed", "8"]) == 0
    options = ["--card", str(card), "--keys", f"{other}.keys.toml", "--pin", "123456"]
    status, found = run(capsys, "social", *options)
    assert (status, found["failure"]["cause"]) == (1, "not_authentic")
    status, found = run(capsys, "financial", *options)
    assert status == 1
    assert found["offline_data_authentication"]["problem"]


@pytest.mark.parametrize(("option", "arc"), [("--country", "Z1"), ("--currency", "05")])
def test_abroad(option: str, arc: str, shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = image(shelf, "dual-3.0-sm4", tmp_path)
    status, found = run(capsys, "financial", "--card", str(card), "--pin", "123456", option, "0840")
    assert (status, found["verdict"], found["response_code"]) == (0, "declined", arc)
    assert found["faults"] == []
