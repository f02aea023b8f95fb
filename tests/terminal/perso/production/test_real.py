"""Real cards: from the records to good images, with the keys of the parties' stores, whatever happens to workers."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from cardsim.making.holder import FILE_VALUES
from terminal.errors import UsageError
from terminal.hosts.books import transact
from terminal.perso.production.intake import take_batch
from terminal.perso.production.lists import close_list
from terminal.perso.production.model import areas_of, model_workforce, read_chip
from terminal.perso.production.packing import PackedCard, inspect, pack
from terminal.perso.production.plant import Plant, open_plant
from terminal.perso.production.run import Workforce, run_batch
from terminal.perso.production.tables import ATTEMPTS
from terminal.perso.production.task import BodyFound, CardMaker, Made, Recipe, Step, Task
from terminal.perso.production.waste import release_all
from terminal.perso.records import Batch
from terminal.perso.workshop import Workshop
from tests.terminal.perso import desk
from tests.terminal.perso.production.floor import NOW


@dataclass(frozen=True)
class Deadly:
    """A recipe whose machines kill their process in the middle of one order's card, once."""

    recipe: Recipe
    order: str
    mark: Path

    @contextlib.contextmanager
    def open(self, worker: int) -> Iterator[CardMaker]:
        """The machine, with a fuse."""
        with self.recipe.open(worker) as maker:
            yield _Fuse(maker, self.order, self.mark)


@dataclass(frozen=True)
class _Fuse:
    maker: CardMaker
    order: str
    mark: Path

    def look(self, task: Task) -> BodyFound:
        """As the machine does."""
        return self.maker.look(task)

    def make(self, task: Task) -> Made:
        """As the machine does, but a clock runs for one card: the process ends after so many milliseconds."""
        if task.order == self.order and not self.mark.exists():
            self.mark.touch()
            signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            signal.setitimer(signal.ITIMER_REAL, 0.03)
        return self.maker.make(task)


@contextlib.contextmanager
def site(folder: Path, count: int = 3, settings: str = "") -> Iterator[tuple[Workshop, Plant]]:
    """A workshop with a batch of real records in production."""
    folder.mkdir(exist_ok=True)
    (folder / "workshop.toml").write_text(f"[cards]\nseed = 3\n{settings}", encoding="utf8")
    with Workshop(folder, lambda: NOW) as workshop:
        plant = open_plant(workshop)
        records = tuple(map(desk.record, range(1, count + 1)))
        take_batch(plant, Batch("B1", "20240101", desk.AREA, desk.AREA, records), seed=5)
        yield workshop, plant


def force(workshop: Workshop, plant: Plant, jobs: int = 1) -> Workforce:
    """Workers on the model."""
    return model_workforce(workshop, "B1", areas=areas_of(plant, "B1"), jobs=jobs)


def finish(workshop: Workshop, plant: Plant) -> dict[str, bytes]:
    """The rest of the way; images and lists."""
    close_list(plant, "B1")
    pack(plant, "B1")
    inspect(plant, "B1", lambda card: read_chip(workshop, card))
    files = [*plant.folder.glob("cards/*/*.card"), *plant.folder.glob("lists/*")]
    return {path.name: path.read_bytes() for path in sorted(files)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one worker makes."""
    with site(tmp_path_factory.mktemp("alone")) as (workshop, plant):
        run_batch(plant, "B1", force(workshop, plant))
        return finish(workshop, plant)


@pytest.mark.parametrize("sample", ["true", "false"])
def test_items_that_no_record_names(tmp_path: Path, sample: str) -> None:
    """With `sample = false` a card has nothing of the invented holder beside its own data."""
    with site(tmp_path / "work", 1, f"sample = {sample}\n") as (workshop, plant):
        run_batch(plant, "B1", force(workshop, plant))
        (image,) = plant.folder.glob("cards/*/*.card")
    invented = FILE_VALUES["employer"]
    assert isinstance(invented, str)
    assert (invented.encode("gbk") in image.read_bytes()) == (sample == "true")


def test_killed_worker(tmp_path: Path, alone: dict[str, bytes]) -> None:
    """PERSO-149: a worker killed in the middle of a card: the other images and all lists are the same bytes."""
    with site(tmp_path / "work") as (workshop, plant):
        workers = force(workshop, plant, 2)
        mark = tmp_path / "killed"
        deadly = Deadly(workers.recipe, "N000002", mark)
        run_batch(plant, "B1", Workforce(deadly, workers.keys, 2))
        assert mark.exists()
        made = finish(workshop, plant)
    # The card that was cut has other wear and other random numbers behind it; its identity is in the lists.
    assert {name for name in alone if alone[name] != made[name]} <= {"N000002.card"}
    assert sorted(made) == sorted(alone)
    assert len([name for name in alone if name.endswith(".card")]) == 3


def test_faulty_bodies(tmp_path: Path) -> None:
    """PERSO-150: bodies whose memory cannot be written are waste; in the end each order has a good card."""
    with site(tmp_path / "work", 4, "faulty_one_in = 2\n") as (workshop, plant):
        for _ in range(6):
            run_batch(plant, "B1", force(workshop, plant))
            if not release_all(plant, "B1"):
                break
        paper = close_list(plant, "B1")
        assert len(paper.good) == 4
        assert paper.waste
        assert all(line.failed and "6581" in line.reason and line.remade for line in paper.waste)
        chips = [line.historical for line in paper.good] + [line.historical for line in paper.waste]
        assert len(set(chips)) == len(chips)


def test_finished_card_is_found(tmp_path: Path) -> None:
    """PERSO-149: a card whose result was lost is known by what it says, and not written again."""
    with site(tmp_path / "work", 1) as (workshop, plant):
        run_batch(plant, "B1", force(workshop, plant))
        image = tmp_path / "work" / "cards" / "B1" / "N000001.card"
        before = image.read_bytes()
        wanted = select(ATTEMPTS.c.historical, ATTEMPTS.c.identification, ATTEMPTS.c.pan)
        first = transact(plant.books, lambda c: c.execute(wanted).all())
    with site(tmp_path / "again", 1) as (workshop, plant):
        (tmp_path / "again" / "cards" / "B1").mkdir()
        (tmp_path / "again" / "cards" / "B1" / "N000001.card").write_bytes(before)
        figures = run_batch(plant, "B1", force(workshop, plant))
        assert (figures.made, figures.found) == (1, 1)
        assert transact(plant.books, lambda c: c.execute(wanted).all()) == first
    assert (tmp_path / "again" / "cards" / "B1" / "N000001.card").read_bytes() == before


def test_second_step_takes_the_bodies_of_the_first(tmp_path: Path) -> None:
    """PERSO-079, PERSO-089: social side first, then the bank's on the same bodies; each with the own keys alone."""
    with site(tmp_path / "work", 0) as (workshop, plant):
        records = (desk.record(1), desk.record(2))
        whole = Batch("B2", "20240101", desk.AREA, desk.AREA, records)
        first = take_batch(plant, whole, step=Step.SOCIAL, last=False).name
        run_batch(plant, first, model_workforce(workshop, first, areas=[desk.AREA], step=Step.SOCIAL))
        second = take_batch(plant, whole, step=Step.FINANCE).name
        run_batch(plant, second, model_workforce(workshop, second, areas=[desk.AREA], step=Step.FINANCE))
        close_list(plant, second)
        pack(plant, second)
        inspect(plant, second, lambda card: read_chip(workshop, card))
    cards = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("work/cards/*/*.card"))
    assert cards == ["work/cards/B2-social/N000001.card", "work/cards/B2-social/N000002.card"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("size = 3\n", "has no size"),
        ('faulty_one_in = "3"\n', "faulty_one_in must be a int"),
        ('profile = "none"\n', "cards.profile"),
    ],
)
def test_settings(tmp_path: Path, settings: str, problem: str) -> None:
    """The message names file and key."""
    with site(tmp_path / "work", 1, settings) as (workshop, plant):
        with pytest.raises(UsageError, match=problem) as caught:
            force(workshop, plant)
        assert "workshop.toml" in str(caught.value)


def test_bodies_of_another_lot(tmp_path: Path) -> None:
    """Blank bodies whose transport key the maker does not have are told before one is spoilt."""
    with site(tmp_path / "work", 1) as (workshop, plant):
        force(workshop, plant)
        (tmp_path / "work" / "workshop.toml").write_text("[cards]\nseed = 4\n", encoding="utf8")
        with (
            Workshop(tmp_path / "work", lambda: NOW) as other,
            pytest.raises(UsageError, match="another transport key"),
        ):
            force(other, plant)
    assert not list(tmp_path.glob("work/cards/*/*"))


def test_card_that_does_not_answer(tmp_path: Path) -> None:
    """SCHEME-213: an image that is missing or broken says nothing, and the inspection tells it."""
    with site(tmp_path / "work", 1) as (workshop, _):
        assert read_chip(workshop, PackedCard("N000001", "00", "B1/N000001.card")) == ""
