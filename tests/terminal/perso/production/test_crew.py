"""Workers: the same cards and lists whoever makes them, and none lost with a worker that dies."""

import os
import signal
from pathlib import Path

import pytest

from terminal.errors import LinkError
from terminal.perso.production.crew import Crew, Foreman, open_crew
from terminal.perso.production.lists import close_list
from terminal.perso.production.packing import pack
from terminal.perso.production.run import run_batch
from terminal.perso.production.task import Good, Step, Task
from terminal.perso.production.waste import release_all
from tests.terminal.perso.production.floor import Floor, record
from tests.terminal.perso.production.machine import BREAK, KILL, Machine
from tests.terminal.perso.production.test_run import states


def everything(floor: Floor) -> dict[str, bytes]:
    """Images, lists and reports of a site."""
    return {
        str(path.relative_to(floor.folder)): path.read_bytes()
        for folder in ("cards", "lists", "reports")
        for path in sorted((floor.folder / folder).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one worker makes of the batch, without any trouble but one waste card."""
    floor = Floor(tmp_path_factory.mktemp("alone"))
    produce(floor, floor.machine(o000002=(BREAK, 1)), 1)
    return everything(floor)


def produce(floor: Floor, machine: Machine, jobs: int, scheduler: str | None = None) -> None:
    """A batch from package to manifest."""
    plant = floor.take(1, 2, 3, 4, 5, 6, 6)
    force = type(floor.force())(machine, floor.keys, jobs, scheduler)
    run_batch(plant, "B1", force)
    release_all(plant, "B1")
    run_batch(plant, "B1", force)
    close_list(plant, "B1")
    pack(plant, "B1")


@pytest.mark.parametrize("jobs", [2, 3])
def test_same_cards_whoever_works(floor: Floor, alone: dict[str, bytes], jobs: int) -> None:
    """Images, lists, feedback, mailing data, audits and manifest are the same bytes for 1, 2 and 3 workers."""
    produce(floor, floor.machine(o000002=(BREAK, 1)), jobs)
    assert everything(floor) == alone
    assert len(alone) == 7 + 6


@pytest.mark.parametrize("step", [0, 2])
def test_worker_killed(floor: Floor, alone: dict[str, bytes], step: int) -> None:
    """PERSO-149: a worker that is killed in the middle of a card loses nothing: another one finishes that body."""
    machine = floor.machine(o000004=(KILL, step), o000002=(BREAK, 1))
    produce(floor, machine, 2)
    assert everything(floor) == alone
    assert machine.bodies() == sorted([*(f"00000{n}.card" for n in range(1, 7)), "000002-2.card"])


def test_ctrl_c_with_two_workers(floor: Floor) -> None:
    """What the workers are at when Ctrl-C comes is finished and booked: no body stays between."""
    plant = floor.take(1, 2, 3, 4, 5, 6)

    def stop(_figures: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(plant, "B1", floor.force(jobs=2), stop)
    found = list(states(plant).values())
    assert (found.count("good"), found.count("started"), found.count("waiting")) == (2, 0, 4)


def test_order_that_kills_workers(floor: Floor) -> None:
    """A card that kills three workers ends the run and is told; the others are made."""
    plant = floor.take(1, 2, 3)
    with pytest.raises(LinkError, match="order 000002: 3 workers died"):
        run_batch(plant, "B1", floor.force(floor.machine(always=True, o000002=(KILL, 1)), jobs=2))
    assert states(plant)["000002"] == "started"


def test_idle_worker_killed(floor: Floor) -> None:
    """A worker that dies between two cards is replaced."""
    cards = floor.folder / "x"
    cards.mkdir()
    with open_crew(floor.machine(), 2) as crew:
        foreman = Foreman(crew)
        for pid in _pids(crew):
            os.kill(pid, signal.SIGKILL)
        for number in (1, 2):
            foreman.give(task(cards, number))
        done = [foreman.wait() for _ in range(2)]
    assert sorted(finished.task.order for finished in done) == ["000001", "000002"]
    assert all(isinstance(finished.outcome, Good) for finished in done)


def _pids(crew: Crew) -> list[int]:
    found = getattr(crew, "pids", None)
    assert isinstance(found, list)
    return found


def task(folder: Path, number: int) -> Task:
    """One task."""
    return Task(f"{number:06d}", Step.BOTH, 1, number, str(folder / f"{number}.card"), record(number))


def test_dask(floor: Floor, alone: dict[str, bytes]) -> None:
    """A Dask cluster on this machine makes the same bytes, and sends the card of a killed worker to another one."""
    machine = floor.machine(o000004=(KILL, 2), o000002=(BREAK, 1))
    produce(floor, machine, 2, "local")
    assert everything(floor) == alone
    assert (machine.notes / "kill-000004").exists()


def test_cluster_that_is_not_there(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, and the channels are closed."""
    monkeypatch.setattr("terminal.perso.production.crew._PATIENCE", 0.2)
    plant = floor.take(1)
    force = type(floor.force())(floor.machine(), floor.keys, 0, "tcp://127.0.0.1:9")
    with pytest.raises(LinkError, match="scheduler is not reached"):
        run_batch(plant, "B1", force)
    assert not floor.keys.is_open
