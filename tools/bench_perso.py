"""Personalisation for tools/bench.py: a card of both sides, its RSA key apart, and batches with one and two workers.

The keys are those of a demo workshop, through the channels of a run; bodies are images in a temporary folder.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest.mock import patch

from cardsim.iso7816.digits import check_digit
from cardsim.making import demo
from terminal.keymanagement import service
from terminal.perso.production.crew import Foreman, open_crew
from terminal.perso.production.intake import take_batch
from terminal.perso.production.model import model_workforce
from terminal.perso.production.plant import Plant, open_plant
from terminal.perso.production.run import Workforce, run_batch
from terminal.perso.production.task import CardMaker, Good, Step, Task, work
from terminal.perso.records import BankRecord, Batch, CardRecord, Order, OrderKind, SocialRecord
from terminal.perso.workshop import Workshop

_ICC_SEED: Final = bytes(32)
_WARM: Final = 2
"""Cards of each worker that are not measured: its process starts, and RSA keys of the parties are read."""


def record(number: int) -> CardRecord:
    """An invented holder."""
    person = demo.demo(number)
    code = f"{demo.AREA}D156000005{number:08X}FFFFFFFF"
    holder = person.values["social_security_number"]
    order = Order(f"N{number:06d}", OrderKind.FIRST, demo.ISSUED, holder, demo.AREA, demo.AREA, "unit 1")
    digits = f"{demo.BIN}250{number:09d}"
    bank = BankRecord(
        order.number, holder, person.name, person.values["sex"], digits + check_digit(digits), demo.PSN, digits[6:],
        demo.ISSUED, demo.EXPIRES, "outlet 1",
    )  # fmt: skip
    return CardRecord(SocialRecord(order, {**person.values, "identification_code": code}), bank)


@contextlib.contextmanager
def _site() -> Iterator[tuple[Workshop, Plant]]:
    with TemporaryDirectory() as folder, Workshop(Path(folder)) as workshop:
        yield workshop, open_plant(workshop)


def _force(workshop: Workshop, batch: str) -> Workforce:
    return model_workforce(workshop, batch, areas=[demo.AREA])


def _tasks(workshop: Workshop) -> Iterator[Task]:
    for number in itertools.count(1):
        path = workshop.path("cards", f"{number}.card")
        yield Task(f"N{number:06d}", Step.BOTH, 1, number, str(path), record(number))


def _make(maker: CardMaker, task: Task) -> None:
    outcome = work(maker, task)
    if not isinstance(outcome, Good):
        raise SystemExit(f"bench: {outcome}")


@contextlib.contextmanager
def card_and_rsa_key() -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """The making of one card with an RSA key that is there, and of one RSA key."""
    ready = service.icc_key(_ICC_SEED, "bench")
    seeds = itertools.count()
    with _site() as (workshop, _):
        force, tasks = _force(workshop, "bench"), _tasks(workshop)
        force.keys.open_run("bench")
        try:
            with force.recipe.open(0) as maker, patch.object(service, "icc_key", lambda _seed, _order: ready):
                yield lambda: _make(maker, next(tasks)), lambda: _rsa(next(seeds))
        finally:
            force.keys.close_run("bench")


_RSA: Final = service.icc_key


def _rsa(number: int) -> None:
    _RSA(_ICC_SEED, f"bench {number}")


def per_second(jobs: int, count: int) -> float:
    """Cards a second of so many workers, RSA keys among it, their start and the books left out."""
    with _site() as (workshop, _):
        force, tasks = _force(workshop, "bench"), _tasks(workshop)
        force.keys.open_run("bench")
        try:
            with open_crew(force.recipe, jobs) as crew:
                foreman = Foreman(crew)
                _work(foreman, [next(tasks) for _ in range(_WARM * jobs)])
                some = [next(tasks) for _ in range(count)]
                begun = time.perf_counter()
                _work(foreman, some)
                return count / (time.perf_counter() - begun)
        finally:
            force.keys.close_run("bench")


def _work(foreman: Foreman, tasks: list[Task]) -> None:
    waiting = tasks[::-1]
    while waiting or foreman.busy:
        while waiting and foreman.idle:
            foreman.give(waiting.pop())
        finished = foreman.wait()
        if not isinstance(finished.outcome, Good):
            raise SystemExit(f"bench: {finished.outcome}")


def whole_batch(count: int) -> float:
    """Cards a second of a batch with one worker, books, log and the bank's copy of it among them."""
    with _site() as (workshop, plant):
        take_batch(plant, Batch("bench", demo.ISSUED, demo.AREA, demo.AREA, tuple(map(record, range(1, count + 1)))))
        force = replace(_force(workshop, "bench"), jobs=1)
        begun = time.perf_counter()
        run_batch(plant, "bench", force)
        return count / (time.perf_counter() - begun)
