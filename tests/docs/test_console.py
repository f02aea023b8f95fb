"""Every command that README and docs show works, and prints what they show."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.console import ROOT, Shown, commands, difference, pages
from tests.docs.support import run

_MODULES = {"cardsim": "cardsim.cli.main", "cardterm": "terminal.cli.main"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_commands_of_a_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, in one folder that is empty at first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    for shown in commands(page):
        with_client = "--" in shown.argv
        if with_client and not _client(shown):
            continue
        status, output = _in_process_of_its_own(shown) if with_client else run(shown.argv, shown.stdin)
        assert status == 0, f"{shown.place}: exit status {status}"
        if shown.output:
            wrong = difference(shown.output, output.splitlines())
            assert not wrong, f"{shown.place}: {wrong}"


def test_there_are_commands() -> None:
    """The README shows each subcommand of this version."""
    words = {tuple(shown.argv[:2]) for shown in commands(ROOT / "README.md")}
    assert words == {
        ("cardsim", "new"), ("cardsim", "info"), ("cardsim", "serve"), ("cardterm", "social"),
        ("cardterm", "financial"), ("cardterm", "full"), ("cardterm", "apdu"), ("cardterm", "conform"),
    }  # fmt: skip


def _client(shown: Shown) -> bool:
    """Whether the client that a served card is for is here; required where PC/SC is."""
    client = shown.argv[shown.argv.index("--") + 1]
    if client in _MODULES:
        there = importlib.util.find_spec("smartcard") is not None
    else:
        there = shutil.which(client) is not None
    assert there or os.environ.get("CARDSIM_REQUIRE_PCSC") != "1", f"{shown.place}: {client} is not installed"
    return there


def _in_process_of_its_own(shown: Shown) -> tuple[int, str]:
    """PC/SC is looked up once in each process, and the client writes to the real standard output."""
    argv = [
        word
        for name in shown.argv
        for word in ((sys.executable, "-m", _MODULES[name]) if name in _MODULES else (name,))
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf8"}
    done = subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf8",
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("shown", "real", "fits"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a"], ["a", "b"], False),
        (["a", "…"], ["a", "b"], True),
        (["…", "b"], ["a", "b"], True),
        (["…", "b"], ["b", "a"], False),
        (["a", "…", "c", "…", "e"], ["a", "b", "c", "d", "e"], True),
        (["a", "…", "x", "…", "e"], ["a", "b", "c", "d", "e"], False),
        (["a … c"], ["a b c"], True),
    ],
)
def test_the_comparison(shown: list[str], real: list[str], fits: bool) -> None:
    """What is shown must be there, in its order."""
    assert (difference(shown, real) == "") is fits
