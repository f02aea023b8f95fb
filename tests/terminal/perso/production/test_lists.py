"""What goes out of a batch: list, feedback, mailing data; and that the list agrees with the log."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from terminal.perso.data.document import read_feedback
from terminal.perso.production.intake import take_batch
from terminal.perso.production.lists import close_list, production_list
from terminal.perso.production.packing import pack
from terminal.perso.production.papers import BodyLine, ProductionList, list_problems
from terminal.perso.production.plant import Plant
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.run import run_batch
from terminal.perso.production.tables import BatchState
from terminal.perso.production.task import Step
from terminal.perso.production.waste import release_all, release_remake
from terminal.perso.records import Batch, CardRecord, CardResult
from tests.terminal.perso.production.floor import NOW, Floor, batch, record
from tests.terminal.perso.production.machine import BREAK, MISSING


def document(floor: Floor, name: str, folder: str = "lists") -> dict[str, Any]:
    """A file that went out."""
    return dict(json.loads((floor.folder / folder / name).read_text(encoding="utf8")))


@pytest.fixture
def produced(floor: Floor) -> Plant:
    """Five orders: one waste, one asked for twice, one held back."""
    plant = floor.take(1, 2, 3, 4, 5, 5)
    run_batch(plant, "B1", floor.force(floor.machine(o000002=(BREAK, 1), o000003=(MISSING, 0))))
    return plant


def test_numbers_of_the_list(floor: Floor, produced: Plant) -> None:
    """PERSO-151, SCHEME-211: good, waste and duplicate cards in the list are those of the log, and account for all."""
    paper = close_list(produced, "B1", short=True)
    assert paper.counts == {"requests": 6, "good": 3, "waste": 1, "duplicates": 1, "held": 1, "missing": 1}
    assert list_problems(paper, produced.bank.log("B1")) == []
    told = document(floor, "B1.list.json")
    assert told["counts"] == paper.counts
    assert told["waste"][0]["failed"] == "social data"
    assert told["held"] == [{"order": "000003", "reason": "the photo is missing"}]


def test_a_batch_of_97(floor: Floor) -> None:
    """PERSO-151: 97 cards, of which 95 are good and 2 waste, and one was asked for twice."""
    plant = floor.take(*range(1, 98), 1)
    run_batch(plant, "B1", floor.force(floor.machine(o000010=(BREAK, 0), o000020=(BREAK, 3))))
    counts = close_list(plant, "B1", short=True).counts
    assert (counts["good"], counts["waste"], counts["duplicates"], counts["requests"]) == (95, 2, 1, 98)


def test_forwarded_to_the_department(produced: Plant) -> None:
    """PERSO-152: the bank forwards the list, and the department can ask for it."""
    department = produced.bank.department
    assert department.list_of("B1") is None
    close_list(produced, "B1", short=True)
    told = department.list_of("B1")
    assert told is not None
    assert told["counts"]["good"] == 3
    assert produced.bank.forward() == 0


def test_waste_is_re_made_first(produced: Plant) -> None:
    """PERSO-151: a list with orders that nobody has a card for goes out only when that is asked for."""
    with pytest.raises(ProductionRefused, match="1 orders have only waste"):
        close_list(produced, "B1")
    assert produced.batch("B1").state is BatchState.PRODUCED


def test_batch_is_not_finished(floor: Floor) -> None:
    """No list before all is made."""
    plant = floor.take(1)
    with pytest.raises(ProductionRefused, match="is received; its list needs one that is produced"):
        close_list(plant, "B1")


def test_nothing_is_made_after_the_list(floor: Floor, produced: Plant) -> None:
    """PERSO-150: when the list is out, neither run nor re-make changes what it says."""
    close_list(produced, "B1", short=True)
    with pytest.raises(ProductionRefused, match="a re-make needs"):
        release_remake(produced, "000002-1")
    with pytest.raises(ProductionRefused, match="a run needs"):
        run_batch(produced, "B1", floor.force())


def test_orders_without_a_card_come_again(floor: Floor, produced: Plant) -> None:
    """PERSO-149: an order that got no card of a batch whose list is out is no duplicate in a later batch."""
    close_list(produced, "B1", short=True)
    before = production_list(produced, "B1")
    take_batch(produced, batch(1, 2, 3, name="B2"))
    run_batch(produced, "B2", floor.force())
    counts = close_list(produced, "B2").counts
    assert counts == {"requests": 3, "good": 2, "waste": 0, "duplicates": 1, "held": 0, "missing": 0}
    assert production_list(produced, "B1") == before
    assert floor.machine().bodies().count("000002-2.card") == 1


class TestAgainstTheLog:
    """A list that is not what happened is refused by the bank."""

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (lambda p: replace(p, good=p.good[:-1]), "accounts for 5"),
            (lambda p: replace(p, good=(*p.good, BodyLine("000009", 1, "AA"))), "accounts for 7"),
            (lambda p: replace(p, good=(*p.good[:-1], BodyLine("000009", 1, "AA"))), "is in the log alone"),
            (lambda p: replace(p, waste=()), "accounts for 5"),
            (lambda p: replace(p, good=(*p.good, p.good[0])), "order 000001 has 2 good cards"),
            (lambda p: replace(p, duplicates=(replace(p.duplicates[0], order="000004"),)), "duplicate of order 000005"),
        ],
        ids=["lost", "invented", "exchanged", "waste hidden", "twice", "other duplicate"],
    )
    def test_difference(
        self, produced: Plant, change: Callable[[ProductionList], ProductionList], problem: str
    ) -> None:
        """SCHEME-211, PERSO-151: each way in which a list can differ from the log is told."""
        paper = change(production_list(produced, "B1"))
        assert any(problem in text for text in list_problems(paper, produced.bank.log("B1")))
        with pytest.raises(ProductionRefused, match="the bank refuses the list"):
            produced.bank.take_list(paper)

    def test_chip_in_two_cards(self, produced: Plant) -> None:
        """One chip is one card."""
        paper = production_list(produced, "B1")
        same = tuple(replace(line, historical="AA") for line in paper.good)
        assert "chip AA stands in the list 3 times" in list_problems(replace(paper, good=same), [])

    def test_entry_that_never_came(self, produced: Plant) -> None:
        """SCHEME-211: a good card that the bank's log does not have is told."""
        log = [entry for entry in produced.bank.log("B1") if (entry.order, entry.event) != ("000001", "good")]
        problems = list_problems(production_list(produced, "B1"), log)
        assert problems == ["good card of order 000001, attempt 1, is in the list alone"]

    def test_another_list(self, produced: Plant) -> None:
        """A batch has one list: it may come twice, and never be another one."""
        paper = production_list(produced, "B1")
        produced.bank.take_list(paper)
        produced.bank.take_list(paper)
        with pytest.raises(ProductionRefused, match="another list has come before"):
            produced.bank.take_list(replace(paper, made_on="20270101"))


class TestFeedback:
    """Feedback, mailing and packing data."""

    def test_each_side_has_its_own(self, floor: Floor, produced: Plant) -> None:
        """PERSO-081: each side gets feedback with result and card, and nothing of the other side's numbers."""
        close_list(produced, "B1", short=True)
        sides = {
            side: read_feedback((floor.folder / "lists" / f"B1.feedback-{side}.json").read_bytes())
            for side in ("social", "finance")
        }
        for cards in sides.values():
            assert [(card.order, card.result) for card in cards] == [
                ("000001", CardResult.GOOD), ("000002", CardResult.WASTE), ("000004", CardResult.GOOD),
                ("000005", CardResult.DUPLICATE), ("000005", CardResult.GOOD),
            ]  # fmt: skip
            assert all(card.identification for card in cards if card.result is CardResult.GOOD)
        assert {card.pan for card in sides["social"]} == {""}
        assert {card.card_number for card in sides["finance"]} == {""}
        assert sides["social"][0].card_number == "A00000010"
        assert sides["finance"][0].pan == "6214670010000000010"

    def test_last_side_alone_mails_and_packs(self, floor: Floor) -> None:
        """PERSO-082, PERSO-083: the first side gives feedback alone; the last one mailing and packing data too."""
        plant = floor.plant
        first = take_batch(plant, _halves(Step.SOCIAL), step=Step.SOCIAL, last=False).name
        run_batch(plant, first, floor.force())
        close_list(plant, first)
        assert _files(floor) == {"B1-social.list.json", "B1-social.feedback-social.json"}
        with pytest.raises(ProductionRefused, match="the side that finishes the cards packs"):
            pack(plant, first)
        second = take_batch(plant, _halves(Step.FINANCE), step=Step.FINANCE).name
        run_batch(plant, second, floor.force())
        close_list(plant, second)
        pack(plant, second)
        mine = {name.removeprefix("B1-finance.") for name in _files(floor) if name.startswith("B1-finance")}
        assert mine == {"list.json", "feedback-finance.json", "mailing.json", "manifest.json"}
        assert [card["order"] for card in document(floor, f"{second}.mailing.json")["cards"]] == ["000001", "000002"]
        assert floor.machine().bodies() == ["000001.card", "000002.card"]

    def test_no_pin_and_no_number_where_it_is_not_needed(self, floor: Floor, produced: Plant) -> None:
        """No list has a PIN; list, mailing data and log have neither bank card number nor social-security number."""
        close_list(produced, "B1", short=True)
        open_files = ("B1.list.json", "B1.mailing.json")
        texts = [(floor.folder / "lists" / name).read_text(encoding="utf8") for name in open_files]
        texts += [(floor.folder / "reports" / "B1.audit.jsonl").read_text(encoding="utf8")]
        texts += [str(entry) for entry in produced.bank.log("B1")]
        for text in texts:
            assert "621467001" not in text
            assert "51990019800101" not in text
            assert "123456" not in text

    def test_to_whom(self, floor: Floor, produced: Plant) -> None:
        """PERSO-082: mailing data name holder and issuing unit of each good card."""
        close_list(produced, "B1", short=True)
        cards = document(floor, "B1.mailing.json")["cards"]
        assert cards[0] == {"order": "000001", "unit": "unit 2", "name": "Holder 1"}
        assert [card["order"] for card in cards] == ["000001", "000004", "000005"]


def _halves(step: Step) -> Batch:
    records = (record(number) for number in (1, 2))
    one = (CardRecord(r.social, None) if step is Step.SOCIAL else r for r in records)
    return replace(batch(), records=tuple(one))


def _files(floor: Floor) -> set[str]:
    return {path.name for path in (floor.folder / "lists").iterdir()}


def test_interrupted_before_the_bank_answers(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that was broken off is sent again, also on another day, and is the same."""
    plant = floor.take(1)
    run_batch(plant, "B1", floor.force())
    with monkeypatch.context() as patched:
        patched.setattr("terminal.perso.production.lists._write_files", _die)
        with pytest.raises(RuntimeError):
            close_list(plant, "B1")
    floor.clock = lambda: NOW + timedelta(days=1)
    paper = close_list(floor.plant, "B1")
    assert paper.made_on == "20261122"
    assert floor.plant.batch("B1").state is BatchState.LISTED


def _die(*_arguments: object) -> None:
    raise RuntimeError("killed")


def test_remade_card_in_the_list(floor: Floor, produced: Plant) -> None:
    """PERSO-150: a card that was re-made stands in the list as good, and its waste as re-made."""
    release_all(produced, "B1")
    run_batch(produced, "B1", floor.force())
    paper = close_list(produced, "B1")
    assert [(line.name, line.remade) for line in paper.waste] == [("000002-1", True)]
    assert ("000002", 2) in [(line.order, line.attempt) for line in paper.good]
