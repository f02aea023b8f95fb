"""SIGKILL at any moment leaves every finished transaction in place, and the next one whole or not at all."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from cardsim.chip.eeprom import MIN_SIZE, Eeprom
from cardsim.chip.image import create_image, open_image
from tests.chip.writer import EARLY, LENGTH, PLACES, content, journal_of, write

ROOT = Path(__file__).parents[2]
ROUNDS = 20


def killed(path: Path, first: int, after: float) -> dict[str, int]:
    """Let a process write from a transaction on, and kill it: numbers of the last early and last whole transaction."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chip.writer", str(path), str(first)], cwd=ROOT, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        reported = os.read(process.stdout.fileno(), 1 << 16)
        end = time.monotonic() + after
        os.set_blocking(process.stdout.fileno(), False)
        while time.monotonic() < end:
            reported += process.stdout.read(1 << 16) or b""
        process.kill()
        process.wait(10)
        os.set_blocking(process.stdout.fileno(), True)
        reported += process.stdout.read()
    assert process.returncode == -9
    last = {"e": first - 1, "c": first - 1}
    for line in reported[: reported.rfind(b"\n")].split():
        last[line[:1].decode()] = int(line[1:])
    return last


def number_at(eeprom: Eeprom, place: int, candidates: tuple[int, int]) -> int | None:
    """Which transaction's content stands at a place."""
    cells = bytes(eeprom.memory[place : place + LENGTH])
    return next((number for number in candidates if content(place, number) == cells), None)


def test_a_killed_process_leaves_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "card"
    create_image(path, b"\xff" * MIN_SIZE)
    with open_image(path) as eeprom:
        write(journal_of(eeprom), 0)
    chance = random.Random(20240229)
    number, torn = 0, 0
    for _ in range(ROUNDS):
        last = killed(path, number + 1, chance.uniform(0, 0.02))
        with open_image(path) as eeprom:
            candidates = (last["c"], last["c"] + 1)
            torn += len({number_at(eeprom, place, candidates) for place in PLACES}) > 1
            journal_of(eeprom).recover()
            found = {number_at(eeprom, place, candidates) for place in PLACES}
            early = number_at(eeprom, EARLY, (last["e"], last["e"] + 1))
        assert len(found) == 1, "half a transaction"
        [whole] = found
        assert whole is not None, "a finished transaction is lost, or cells are torn"
        assert early is not None
        assert whole <= early
        number = whole
    print(f"{number} transactions, {torn} of {ROUNDS} kills between two page programs of a commit")
    assert number > 0
