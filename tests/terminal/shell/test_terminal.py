"""`cardterm shell` at a terminal: prompt, completion, history."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.console import ROOT
from tests.docs.support import run

PIN = "123456"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo card."""
    path = tmp_path_factory.mktemp("cards") / "me.card"
    assert run(["cardsim", "new", str(path)])[0] == 0
    return path


def test_at_a_terminal(image: Path, tmp_path: Path) -> None:
    """The prompt shows the state, Tab completes, and the history keeps lines but no PIN."""
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path), "TERM": "dumb"}
    argv = [sys.executable, "-m", "terminal.cli.main", "shell", "--card", str(image)]
    with subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=environment, close_fds=True) as process:
        os.close(slave)
        seen = ""
        for line, prompt in (
            ("", "MF> "), ("select ss\t", "SSSE> "), ("verify", "SSSE [PIN]> "), ("foo", "SSSE [PIN]> "),
            (f"0020000003{PIN}", "SSSE [PIN]> "), ("exit", ""),
        ):  # fmt: skip
            if line:
                os.write(master, line.encode() + b"\n")
            seen = _until(master, prompt) if prompt else seen
            assert prompt in seen
        assert process.wait(timeout=10) == 0
    os.close(master)
    history = tmp_path / "cardterm" / "shell_history"
    kept = [line.strip() for line in history.read_text().splitlines() if not line.startswith("_Hi")]
    assert kept == ["select ssse", "verify", "foo"]
    assert history.stat().st_mode & 0o777 == 0o600


def _until(terminal: int, text: str) -> str:
    """What the terminal shows, up to a text."""
    seen, end = "", time.monotonic() + 10
    while not re.search(re.escape(text) + "$", seen) and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
    return seen
