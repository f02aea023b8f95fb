"""A process that dies before or after any transaction of any book: done again, everything ends as without that."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, Engine, select

from terminal.hosts.books import transact
from terminal.perso.production.closing import close_batch
from terminal.perso.production.delivery import deliver, delivery_state
from terminal.perso.production.intake import take_batch
from terminal.perso.production.lists import close_list, production_list
from terminal.perso.production.log import entries_of, unsent
from terminal.perso.production.packing import inspect, pack
from terminal.perso.production.papers import list_problems
from terminal.perso.production.run import run_batch
from terminal.perso.production.tables import WASTE, BatchState, DeliveryState
from terminal.perso.production.waste import note_destroyed, release_all, send_waste
from tests.terminal.perso.production.floor import Floor, batch
from tests.terminal.perso.production.machine import BREAK
from tests.terminal.perso.production.test_crew import everything
from tests.terminal.perso.production.test_delivery import LATER, read

EVERY: Final = 23
"""The sweep takes one of so many transactions; with 1 here it takes all of them, in a minute or two."""


class Dead(BaseException):
    """The process is gone: nothing that follows reaches any book."""


@dataclass
class Fuse:
    """Counts transactions; from the n-th on all die, the n-th itself before or after its commit."""

    at: int = 0
    after: bool = False
    count: int = 0

    @contextlib.contextmanager
    def begin(self, engine: Engine) -> Iterator[Connection]:
        """As `Engine.begin`."""
        self.count += 1
        if self.at and (self.count > self.at or (self.count == self.at and not self.after)):
            raise Dead
        with _BEGIN(engine) as connection:
            yield connection
        if self.count == self.at:
            raise Dead


_BEGIN = Engine.begin


def way(floor: Floor) -> None:
    """What people at the site do, from wherever the batch is: two orders, one asked for twice, one waste card."""
    plant = floor.plant
    take_batch(plant, batch(1, 2, 2), seed=7)
    force = floor.force(floor.machine(o000001=(BREAK, 2)))
    while (state := plant.batch("B1").state) is not BatchState.CLOSED:
        match state:
            case BatchState.RECEIVED:
                run_batch(plant, "B1", force)
            case BatchState.PRODUCED if not release_all(plant, "B1"):
                close_list(plant, "B1")
            case BatchState.LISTED:
                pack(plant, "B1")
            case BatchState.PACKED:
                inspect(plant, "B1", read)
            case BatchState.INSPECTED | BatchState.DISPATCHED:
                states = [DeliveryState.PACKED, *LATER]
                deliver(plant, "B1", states[states.index(delivery_state(plant, "B1")) + 1])
            case BatchState.ACCEPTED:
                close_batch(plant, "B1")
            case _:
                pass
    send_waste(plant, "202611")
    plant.bank.destroy_waste("202611", ("A", "B"))
    note_destroyed(plant)
    plant.send_log()
    plant.bank.forward()


def books(floor: Floor) -> object:
    """What all books say in the end, but for the number of runs."""
    plant = floor.plant
    assert unsent(plant.books) == 0
    own, theirs = entries_of(plant.books, "B1"), plant.bank.log("B1")
    assert [entry["number"] for entry in own] == [entry.number for entry in theirs]
    assert list_problems(production_list(plant, "B1"), theirs) == []
    events = sorted(f"{e['event']} {e['order']} {e['attempt']}" for e in own if not str(e["event"]).startswith("run"))
    waste = transact(plant.books, lambda c: [tuple(row) for row in c.execute(select(WASTE.c.name, WASTE.c.state))])
    papers = plant.bank.department.papers("B1")
    return (
        events,
        waste,
        papers,
        production_list(plant, "B1"),
        floor.machine().bodies(),
        plant.bank.waste_problems("202611"),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, set[str], int]:
    """Books and files of a way that nothing cut, and how many transactions it took."""
    floor, fuse = Floor(tmp_path_factory.mktemp("whole")), Fuse()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Engine, "begin", lambda engine: fuse.begin(engine))
        way(floor)
    return books(floor), set(everything(floor)), fuse.count


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_every_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[object, set[str], int], *, after: bool
) -> None:
    """PERSO-148, PERSO-149, SCHEME-211: no card is lost or made twice, no entry or paper either, wherever it is cut."""
    expected, files, count = whole
    for at in range(1 + EVERY // 2 * after, count + 1, EVERY):
        floor = Floor(tmp_path / str(at))
        fuse = Fuse(at, after)
        with monkeypatch.context() as patched:
            patched.setattr(Engine, "begin", lambda engine, fuse=fuse: fuse.begin(engine))
            with pytest.raises(Dead):
                way(floor)
        way(floor)
        assert books(floor) == expected, f"cut {'after' if after else 'before'} transaction {at}"
        assert set(everything(floor)) == files
