"""Fuzzing for tools/bench.py: the commands of a campaign with all oracles on, and bare; one worker and two."""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from cardsim.assembly import new_card
from cardsim.chip.image import create_image
from cardsim.making.card import activate, make_card
from cardsim.making.structure import DEFAULT_PROFILE, load_profile
from terminal.fuzz.crew import open_crew
from terminal.fuzz.executor import Executor
from terminal.fuzz.plan import Image, Plan, open_labs
from terminal.fuzz.worker import Order

_SEQUENCES: Final = 100
_SLICE: Final = 2_000


@functools.cache
def _plan() -> Plan:
    """The demo card alone; lines of code are not looked at."""
    card = new_card(seed=1)
    activate(card, None)
    keys = make_card(card, load_profile(DEFAULT_PROFILE), None)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.card"
        create_image(path, card.eeprom.snapshot().cells)
        image = Image(path.name, path.read_bytes(), keys)
    return Plan(images=(image,), starts=("card",), coverage=False)


def watched_and_bare() -> tuple[Callable[[], object], Callable[[], object], int]:
    """Runs of sequences with all oracles, the same commands on the card alone, and how many commands they are."""
    with open_labs(_plan()) as labs:
        lab = labs["card"]
    random = Random(1)
    sequences = [lab.source.sequence(random) for _ in range(_SEQUENCES)]
    executor, subject = lab.executor, lab.executor.subject
    unwatched = Executor(subject)
    sent = [(s.seed, [exchange.command for exchange in unwatched.run(s).exchanges]) for s in sequences]

    def watched() -> None:
        for sequence in sequences:
            executor.run(sequence)

    def bare() -> None:
        transmit = subject.card.transmit
        for seed, commands in sent:
            subject.fresh(seed)
            for command in commands:
                transmit(command)

    return watched, bare, sum(len(commands) for _, commands in sent)


def per_second(jobs: int, slices: int) -> float:
    """APDUs a second of a campaign with so many workers, their start left out."""
    with open_crew(_plan(), jobs, None, {}, ()) as crew:
        for worker in range(jobs):
            crew.order(worker, Order(_SLICE))
        for _ in range(jobs):
            crew.wait()
        done, begun = 0, time.perf_counter()
        for worker in range(jobs):
            crew.order(worker, Order(_SLICE * slices))
        for _ in range(jobs):
            done += crew.wait().apdus
        return done / (time.perf_counter() - begun)
