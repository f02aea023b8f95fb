"""`make demo` as a user sees it: tools/demo.sh with PC/SC and without."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import COMMANDS, ROOT, command, environment


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that looks like the environment of `make demo`: both commands of this tree, and a Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    lines = {name: shlex.join(command(name)) for name in COMMANDS} | {"python": shlex.quote(sys.executable)}
    for name, words in lines.items():
        program(folder, name, f'exec {words} "$@"')
    return tmp_path


def program(folder: Path, name: str, line: str) -> None:
    """An executable of one line."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf8")
    path.chmod(0o755)


@pytest.mark.process
@pytest.mark.parametrize("way", [pytest.param("a PC/SC reader", marks=pytest.mark.pcsc), "in process"])
def test_demo(way: str, programs: Path, request: pytest.FixtureRequest) -> None:
    """A card and a PSAM are made, and each terminal ends well; the terminal number is the PSAM's."""
    if way == "in process":
        program(programs / "bin", "python", "exit 1  # no pyscard, and none to be had")
    else:
        request.getfixturevalue("pyscard")
    ended = subprocess.run(
        ["sh", str(ROOT / "tools" / "demo.sh")],
        env=environment(VENV=str(programs)),
        capture_output=True,
        text=True,
        encoding="utf8",
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert way in ended.stdout
    for line, times in (
        ("Social security: PASSED", 3),
        ("      terminal number: 519900000428", 3),
        ("Bank: APPROVED", 3),
        ("Card: PASSED", 1),
    ):
        assert sum(shown.startswith(line) for shown in ended.stdout.splitlines()) == times, line
