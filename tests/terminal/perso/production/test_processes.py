"""`cardterm perso produce run` in a process of its own: interrupted, killed, and ended in the end."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from terminal.perso.data.document import write_batch
from terminal.perso.production.lists import close_list
from terminal.perso.production.log import entries_of
from terminal.perso.production.plant import open_plant
from terminal.perso.records import Batch
from terminal.perso.workshop import Workshop
from tests.docs.console import ROOT
from tests.terminal.perso import desk

CARDS: Final = 6
_PATIENCE: Final = 240.0
"""Seconds; an hour-glass for machines that have other things to do."""


_STARTED: Final[list[subprocess.Popen[str]]] = []


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """What a failed test leaves is ended."""
    yield
    for process in _STARTED:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    _STARTED.clear()


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command, in a process group of its own, as a shell starts it."""
    what, *rest = words
    argv = [sys.executable, "-m", "terminal.cli.main", "perso", "produce", what, str(folder), *rest]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )  # fmt: skip
    _STARTED.append(process)
    return process


def status(process: subprocess.Popen[str]) -> int:
    """How it ended; what it said is read and shown where a test fails."""
    output, errors = process.communicate(timeout=_PATIENCE)
    sys.stdout.write(output + errors)
    return process.returncode


def good(folder: Path) -> int:
    """Good cards in the books, read beside the run."""
    with contextlib.closing(sqlite3.connect(folder / "maker.db")) as books:
        return int(books.execute("SELECT count(*) FROM production_job WHERE state = 'good'").fetchone()[0])


def run_until(folder: Path, count: int) -> subprocess.Popen[str]:
    """A run with two workers, with so many good cards in the books."""
    process, end = start(folder, "run", "B1", "--jobs", "2"), time.monotonic() + _PATIENCE
    while good(folder) < count:
        assert time.monotonic() < end, "no card was made"
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def test_interrupted_and_killed(tmp_path: Path) -> None:
    """PERSO-149: Ctrl-C ends with 130 and keeps what is done; a run that was killed with SIGKILL is gone on with.

    In the end each order has one good card, on one body, and the list agrees with the log.
    """
    folder, batch = tmp_path / "work", tmp_path / "batch.json"
    records = tuple(map(desk.record, range(1, CARDS + 1)))
    batch.write_bytes(write_batch(Batch("B1", "20240101", desk.AREA, desk.AREA, records)))
    assert status(start(folder, "take", str(batch))) == 0

    interrupted = run_until(folder, 1)
    os.killpg(interrupted.pid, signal.SIGINT)
    _, errors = interrupted.communicate(timeout=_PATIENCE)
    assert interrupted.returncode == 130, errors
    assert errors.count("\n") == 1
    kept = good(folder)

    killed = run_until(folder, kept + 1)
    killed.kill()
    assert status(killed) == -signal.SIGKILL
    ended = status(start(folder, "run", "B1", "--jobs", "2"))
    if ended == 3:  # a worker of the killed run was still at a body
        ended = status(start(folder, "run", "B1", "--jobs", "2"))
    assert ended == 0

    with Workshop(folder) as workshop:
        plant = open_plant(workshop)
        paper = close_list(plant, "B1")
        assert paper.counts == {
            "requests": CARDS, "good": CARDS, "waste": 0, "duplicates": 0, "held": 0, "missing": 0,
        }  # fmt: skip
        told = [entry["event"] for entry in entries_of(plant.books, "B1")]
    assert (told.count("started"), told.count("good")) == (CARDS, CARDS)
    assert len(list(folder.glob("cards/B1/*.card"))) == CARDS
    assert list(folder.glob("keys/runs/*")) == []
