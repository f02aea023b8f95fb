"""Every flow runs on the demo card in process, over the socket reader and over vpcd, with the same transcript from the
same seed."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from cardsim.cli.main import main
from tests.cli.support import command, environment

PIN: Final = ("--pin", "123456")
RUNS: Final[dict[str, tuple[str, ...]]] = {
    "identity": ("social", "--service", "identity"),
    "PIN": ("social", "--service", "verify-pin", *PIN),
    "purchase": ("financial", "--amount", "12.34", *PIN),
    "inquiry": ("financial", "--type", "inquiry", *PIN),
    "both": ("full", *PIN),
}
"""The flows; `financial` takes no PSAM."""
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
    ended = subprocess.run(
        command(*map(str, words)), env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
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


@pytest.mark.parametrize("name", RUNS)
def test_same_transcript(service: str, name: str, made: Path, tmp_path: Path) -> None:
    """SCHEME-025, TRM-262: in process, POS or PC with a reader are links, not flows; each byte is the same."""
    expected = in_process(RUNS[name], made, tmp_path / "process")
    assert in_reader(RUNS[name], made, tmp_path / service, service, NAMES[service]) == expected
