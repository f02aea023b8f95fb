"""Every flow runs on the demo card in process, over the socket reader and over vpcd, with the same transcript from the
same seed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from cardsim.cli.main import main
from tests.cli.support import command, environment
from tests.system.tour import SEED
from tests.terminal.runs import DECLINED, RUNS

PIN: Final = ("--pin", "123456")
COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "social": ("social",),
    "financial": ("financial", "--amount", "12.34", *PIN),
    "full": ("full", *PIN),
}
"""The three terminals; `financial` takes no PSAM."""
FIXED: Final = ("--seed", "6", "--now", "2026-11-22T09:30:00", "--json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("everywhere")
    assert main(["new", str(folder / "me.card")]) == main(["new", "--psam", str(folder / "me.psam")]) == 0
    return folder


def copies(made: Path, folder: Path) -> tuple[Path, Path]:
    """Card and PSAM as they were made: each link starts from the same bytes."""
    folder.mkdir()
    for file in made.iterdir():
        shutil.copy(file, folder)
    return folder / "me.card", folder / "me.psam"


def document(*words: str | Path) -> dict[str, Any]:
    """What the terminal says, run as a user runs it."""
    return printed(command(*map(str, words)))


def printed(words: list[str]) -> dict[str, Any]:
    """The JSON object that a program prints."""
    ended = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert isinstance(found, dict)
    return found


def in_process(run: tuple[str, ...], made: Path, folder: Path) -> dict[str, Any]:
    card, sam = copies(made, folder)
    slots = ("--card", str(card)) if run[0] == "financial" else ("--card", str(card), "--psam", str(sam))
    return document("cardterm", *run, *slots, *FIXED)


def in_reader(run: tuple[str, ...], made: Path, folder: Path, via: str, names: tuple[str, str]) -> dict[str, Any]:
    card, sam = copies(made, folder)
    slots: tuple[str, ...] = ("--reader", names[0], "--keys", f"{card}.keys.toml")
    if run[0] != "financial":
        slots = (*slots, "--psam-reader", names[1])
    client = command("cardterm", *run, *slots, *FIXED)
    return document("cardsim", "serve", card, "--psam", sam, "--via", via, "--seed", "6", "--", *client)


NAMES: Final = {"socket": ("0", "1"), "vpcd": ("Virtual PCD 00 00", "Virtual PCD 00 01")}


@pytest.mark.parametrize("name", COMMANDS)
def test_same_transcript(service: str, name: str, made: Path, tmp_path: Path) -> None:
    """SCHEME-025, TRM-262: in process, POS or PC with a reader are links, not flows; each byte is the same."""
    expected = in_process(COMMANDS[name], made, tmp_path / "process")
    assert in_reader(COMMANDS[name], made, tmp_path / service, service, NAMES[service]) == expected


TOUR: Final = [sys.executable, "-m", "tests.system.tour"]


@pytest.fixture(scope="module")
def expected(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every run of the tour with the images in process."""
    folder = tmp_path_factory.mktemp("tour") / "process"
    copies(made, folder)
    return printed([*TOUR, str(folder)])


def test_every_flow_ends_well(expected: dict[str, Any]) -> None:
    """Every service of the three terminals does its work on one and the same card."""
    assert list(expected) == list(RUNS)
    assert {name: status for name, (status, _) in expected.items() if status} == {}
    verdicts = {name: document["verdict"] for name, (_, document) in expected.items()}
    assert {name for name, verdict in verdicts.items() if verdict not in ("passed", "approved")} == DECLINED


def test_every_flow_everywhere(service: str, made: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    """SCHEME-025, TRM-262: all flows, one after the other on one card with its PSAM, send and get the same bytes."""
    card, sam = copies(made, tmp_path / service)
    card_reader, sam_reader = NAMES[service]
    client = [*TOUR, str(card.parent), "--reader", card_reader, "--psam-reader", sam_reader]
    serve = command("cardsim", "serve", card, "--psam", sam, "--via", service, "--seed", SEED)
    found = printed([*serve, "--", *client])
    assert [name for name in RUNS if found[name] != expected[name]] == []
