"""The whole way of cards: books that balance, interruptions, a killed worker, and what is found where books do not."""

import json
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from cardsim.cli.main import main as cardsim
from terminal.cli.main import main as cardterm
from terminal.errors import UsageError
from terminal.management.opened import open_services
from terminal.management.records import STAGES
from terminal.perso.chain.books import Balance, balance
from terminal.perso.chain.making import Work
from terminal.perso.chain.town import Town
from terminal.perso.chain.way import STEPS, Order, Way, go, prepare
from terminal.perso.parties import Party
from terminal.perso.workshop import Workshop
from tests.terminal.management.life import application

NOW = datetime(2026, 11, 22, 10)
ORDER = Order((), 6, 7, "dual-3.0-sm4", 13, 2, 100, 3)
Told = list[tuple[str, dict[str, int]]]


def _way(workshop: Workshop, told: Told, work: Work | None = None, order: Order = ORDER) -> Way:
    def tell(step: str, counts: Mapping[str, int]) -> None:
        told.append((step, dict(counts)))

    return Way(workshop, order, work or Work(), tell)


def test_settings_that_are_there(tmp_path: Path) -> None:
    """What workshop.toml says stays; where it is silent the options of the chain hold, and are written there."""
    settings = tmp_path / "workshop.toml"
    settings.write_text('[books]\nbank = "sqlite:///x.db"\n[batches]\nmobile = true\n', encoding="utf8")
    for seed in (7, 8):
        prepare(tmp_path, replace(ORDER, seed=seed))
        found = tomllib.loads(settings.read_text(encoding="utf8"))
        assert found["books"] == {"bank": "sqlite:///x.db"}
        assert found["cards"] == {"profile": "dual-3.0-sm4", "seed": 7, "faulty_one_in": 3}
        assert found["batches"]["mobile"] is True
        assert found["batches"]["registry"]["name_differs"] == 100
    settings.write_text("[cards]\nseed = 9\n", encoding="utf8")
    prepare(tmp_path, ORDER)
    assert tomllib.loads(settings.read_text(encoding="utf8"))["cards"] == {"seed": 9}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--profile", "nope"), "nope is neither a profile"),
        (("--seed", "-1"), "seed -1: a seed is not below zero"),
        (("--jobs", "0"), "--jobs 0: at least 1"),
    ],
)
def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str) -> None:
    """What is refused leaves no settings behind that the next call would meet."""
    folder = tmp_path / "work"
    assert cardterm(["perso", "chain", str(folder), *words]) == 2
    assert told in capsys.readouterr().err
    assert not folder.exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    """A workshop whose chain has ended; a worker was killed on the way."""
    folder, told = tmp_path_factory.mktemp("chain") / "work", list[tuple[str, dict[str, int]]]()
    prepare(folder, ORDER)
    with Workshop(folder, lambda: NOW) as workshop:
        found, town = go(_way(workshop, told, Work(2, None, 2)))
        town.close()
    assert found.problems == ()
    return folder, told


@pytest.fixture
def opened(finished: tuple[Path, Told], tmp_path: Path) -> Iterator[Callable[[], Balance]]:
    """A copy of that workshop, to be spoilt, and its books."""
    folder = shutil.copytree(finished[0], tmp_path / "work")
    with Workshop(folder, lambda: NOW) as workshop:
        yield lambda: _balance(workshop)


def _balance(workshop: Workshop) -> Balance:
    found, town = go(_way(workshop, []))
    with town:
        return found


def test_books(finished: tuple[Path, Told]) -> None:
    """PERSO-136, PERSO-149 to 151, SCHEME-210: all that came is a card or a reason; a dead worker loses nothing."""
    folder, told = finished
    counts = dict(told)
    assert [step for step, _ in told] == ["data collection", *STEPS]
    first = counts["data collection"]
    assert first == {"applications": 21, "wrong lines": 13, "refused": 2, "orders": 6}
    rejected = counts["matching and packing"]["rejected orders ended"]
    made = counts["personalisation"]
    assert rejected > 0
    assert made["good"] == 6 - rejected
    assert made["waste"] > 0
    assert made["workers killed"] == 1
    for step, name in (("issuing", "cards handed out"), ("activation", "cards activated")):
        assert counts[step][name] == 6 - rejected
    refusals = json.loads((folder / "reports" / "chain.json").read_text(encoding="utf8"))["refusals"]
    assert len([line for line in refusals if line.startswith("application ")]) == 2
    assert any(".csv, line" in line for line in refusals)


def test_cards(finished: tuple[Path, Told], capsys: pytest.CaptureFixture[str]) -> None:
    """PERSO-127: cards are finished; what was personal is gone from the maker's books and folders."""
    folder = finished[0]
    card = next(path for path in sorted(folder.rglob("cards/*/*.card")))
    assert cardsim(["info", str(card)]) == 0
    assert "DDF1" in capsys.readouterr().out
    assert not list(folder.rglob("faces/**/*.svg"))
    assert not list(folder.rglob("*.mailing.json"))


def test_stages(finished: tuple[Path, Told]) -> None:
    """PERSO-157: each card that was handed out has passed the ten stages, and department and bank say the same."""
    with Workshop(finished[0], lambda: NOW) as workshop:
        services = open_services(workshop)
        made = services.department.look(services.department.keeper.listed)
        assert made
        for card in made:
            passed = services.department.passed(card.order)
            assert tuple(one.stage for one in passed) == STAGES
            assert services.bank.passed(card.order) == passed


def _image(workshop_of: Path) -> Path:
    return next(path for path in sorted(workshop_of.rglob("cards/*/*.card")))


class TestSpoilt:
    """What is found where something was lost, or came twice."""

    def test_card_lost(self, opened: Callable[[], Balance], tmp_path: Path) -> None:
        """PERSO-136: an image that is gone is missed."""
        found = opened().cards
        (tmp_path / "work" / "cards" / next(iter(found.values()))).unlink()
        assert any("cannot be read" in problem for problem in opened().problems)

    def test_card_twice(self, opened: Callable[[], Balance], tmp_path: Path) -> None:
        """PERSO-149: an image that no book knows is found, and one that stands where another one should."""
        images = [tmp_path / "work" / "cards" / name for name in opened().cards.values()]
        shutil.copy(images[0], images[0].with_name("other.card"))
        assert any("is in no book" in problem for problem in opened().problems)
        images[1].write_bytes(images[0].read_bytes())
        problems = opened().problems
        assert any("is on more than one card" in problem for problem in problems)
        assert any("another card number than the order" in problem for problem in problems)

    @pytest.mark.parametrize(
        ("party", "change", "told"),
        [
            (Party.BANK, "UPDATE batches_record SET state = 'rejected' WHERE place = 0", "batch"),
            (Party.DEPARTMENT, "UPDATE management_department_order SET state = 'rejected'", "should have none"),
            (Party.BANK, "UPDATE management_bank_card SET person = '110101199003070011'", "more than one card"),
            (Party.MAKER, "DELETE FROM production_attempt WHERE result = 'good'", "has no card, and no reason"),
        ],
    )
    def test_books_spoilt(
        self, opened: Callable[[], Balance], tmp_path: Path, party: Party, change: str, told: str
    ) -> None:
        """SCHEME-210: a book that was changed does not agree with the others any more."""
        with Workshop(tmp_path / "work", lambda: NOW) as workshop, workshop.books(party).begin() as connection:
            assert connection.execute(text(change)).rowcount
        assert any(told in problem for problem in opened().problems), opened().problems


def test_taken_up_again(tmp_path: Path) -> None:
    """Stopped after a step, the chain goes on where it was; another chain in the same workshop is refused."""
    order = Order((), 2, 7, "dual-3.0-sm4", 0, 0, 0, 0)
    prepare(tmp_path, order)

    class Stopped(Exception):
        pass

    def until(last: str) -> None:
        def tell(step: str, _: Mapping[str, int]) -> None:
            if step == last:
                raise Stopped

        with Workshop(tmp_path, lambda: NOW) as workshop, pytest.raises(Stopped):
            go(Way(workshop, order, Work(), tell))

    for step in ("data collection", "bank data request", "package transfer", "personalisation", "delivery"):
        until(step)
    with Workshop(tmp_path, lambda: NOW) as workshop:
        found, town = go(_way(workshop, [], order=order))
        with town:
            assert (found.problems, found.counts["cards"]) == ((), 2)
            assert balance(town, 3, 0).problems == ("applications are not orders and refusals",)
        with pytest.raises(UsageError, match="a chain of other settings"):
            go(_way(workshop, []))


def test_files_of_ones_own(finished: tuple[Path, Told], tmp_path: Path) -> None:
    """PERSO-054: applications come from any files; without a right one nothing can be made."""
    files = tuple(map(str, sorted((finished[0] / "collected").iterdir())))
    assert {Path(name).suffix for name in files} == {".csv", ".json", ".xml"}
    empty = tmp_path / "empty.json"
    empty.write_text('{"format": "none"}', encoding="utf8")
    with Workshop(tmp_path / "work", lambda: NOW) as workshop, pytest.raises(UsageError, match=r"empty\.json"):
        go(_way(workshop, [], order=Order((str(empty),), 1, 7, "dual-3.0-sm4", 0, 0, 0, 0)))


def test_the_services_go_by_the_workshop(tmp_path: Path) -> None:
    """PERSO-164: a workshop's own validity of the social side holds for the orders of the chain."""
    own = "mode = 1\noral_loss_days = 7\npickup_days = 15\ntemporary_days = 60\nexpiry_years = 5"
    (tmp_path / "workshop.toml").write_text(f"[life]\n{own}\n", encoding="utf8")
    with Workshop(tmp_path, lambda: NOW) as workshop, Town(workshop, ("510100",)) as town:
        (order,) = town.department.apply([application(1)]).orders
    assert order.record.text("expiry_date") == "20311122"
