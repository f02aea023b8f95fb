"""Waste cards: re-made under control, sent by month, destroyed when they agree with the log."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from terminal.hosts.books import transact
from terminal.perso.production.intake import take_batch
from terminal.perso.production.lists import close_list
from terminal.perso.production.log import entries_of
from terminal.perso.production.papers import BodyLine, Consignment
from terminal.perso.production.plant import Plant
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.run import run_batch
from terminal.perso.production.tables import ATTEMPTS, WASTE
from terminal.perso.production.task import Step
from terminal.perso.production.waste import note_destroyed, release_all, release_remake, send_waste
from tests.terminal.perso.production.floor import Floor, batch
from tests.terminal.perso.production.machine import BREAK
from tests.terminal.perso.production.test_run import states

WITNESSES = ("Sun Hao", "Zhou Yan")


@pytest.fixture
def spoilt(floor: Floor) -> Plant:
    """Three orders, the second one waste."""
    plant = floor.take(1, 2, 3)
    run_batch(plant, "B1", floor.force(floor.machine(o000002=(BREAK, 2))))
    return plant


def rows(plant: Plant) -> list[Any]:
    """The register of waste."""
    return list(transact(plant.books, lambda c: c.execute(select(WASTE).order_by(WASTE.c.name)).all()))


class TestRemake:
    """A new card for a waste one."""

    def test_linked_to_its_waste(self, floor: Floor, spoilt: Plant) -> None:
        """PERSO-150: the re-made card is another body, and names the waste card that it replaces."""
        assert release_remake(spoilt, "000002-1") == "000002"
        run_batch(spoilt, "B1", floor.force())
        assert set(states(spoilt).values()) == {"good"}
        wanted = select(ATTEMPTS).where(ATTEMPTS.c.order == "000002").order_by(ATTEMPTS.c.attempt)
        first, second = transact(spoilt.books, lambda c: c.execute(wanted).all())
        assert (first.result, first.remakes) == ("waste", "")
        assert (second.result, second.remakes) == ("good", "000002-1")
        assert first.historical != second.historical
        assert floor.machine().bodies() == ["000001.card", "000002-2.card", "000002.card", "000003.card"]
        told = next(entry["text"] for entry in entries_of(spoilt.books, "B1") if entry["event"] == "remake")
        assert told == "waste card 000002-1; released by Wang Lei, Li Na"

    def test_under_control(self, spoilt: Plant) -> None:
        """PERSO-150: a re-make needs an operator and another person who supervises."""
        with pytest.raises(ProductionRefused, match="not cleared as supervisor"):
            release_remake(spoilt, "000002-1", supervisor="Wang Lei")
        assert states(spoilt)["000002"] == "waste"

    def test_nobody_confirms_the_own_wish(self, floor: Floor, spoilt: Plant) -> None:
        """PERSO-150: also where one person has both roles."""
        assert states(spoilt)["000002"] == "waste"
        entries = [
            f'{{name = "Wang Lei", role = "{role}", agreement = 2030-12-31}}' for role in ("operator", "supervisor")
        ]
        floor.settings(f"[production]\nstaff = [{', '.join(entries)}]\n")
        with pytest.raises(ProductionRefused, match="cannot confirm"):
            release_remake(floor.plant, "000002-1")

    def test_replaced_once(self, floor: Floor, spoilt: Plant) -> None:
        """PERSO-149, PERSO-150: a waste card is replaced by one card."""
        release_remake(spoilt, "000002-1")
        with pytest.raises(ProductionRefused, match="replaced already"):
            release_remake(spoilt, "000002-1")
        run_batch(spoilt, "B1", floor.force())
        with pytest.raises(ProductionRefused, match="replaced already"):
            release_remake(spoilt, "000002-1")
        assert release_all(spoilt, "B1") == []

    def test_unknown(self, spoilt: Plant) -> None:
        """A good card is not re-made."""
        with pytest.raises(ProductionRefused, match="no waste card 000001-1"):
            release_remake(spoilt, "000001-1")

    def test_waste_again(self, floor: Floor, spoilt: Plant) -> None:
        """A re-made card may be waste too; both stand in the register."""
        release_all(spoilt, "B1")
        run_batch(spoilt, "B1", floor.force(floor.machine(always=True, o000002=(BREAK, 0))))
        assert [(row.name, row.failed) for row in rows(spoilt)] == [
            ("000002-1", "finance data"), ("000002-2", "initialise"),
        ]  # fmt: skip
        assert release_all(spoilt, "B1") == ["000002"]


class TestDestruction:
    """From the shelf to the shredder."""

    def test_month(self, spoilt: Plant) -> None:
        """PERSO-153, SCHEME-183: sent by month and batch, reconciled with the log, destroyed before two witnesses."""
        close_list(spoilt, "B1", short=True)
        sent = send_waste(spoilt, "202611")
        assert [(batch, len(lines)) for batch, lines in sent.batches] == [("B1", 1)]
        assert spoilt.bank.waste_problems("202611") == []
        assert rows(spoilt)[0].state == "sent"
        assert spoilt.bank.destroy_waste("202611", WITNESSES) == 1
        assert note_destroyed(spoilt) == 1
        assert rows(spoilt)[0].state == "destroyed"
        assert spoilt.bank.destroy_waste("202611", WITNESSES) == 0

    def test_sent_again(self, spoilt: Plant) -> None:
        """What was sent goes once; the same consignment registered twice changes nothing."""
        close_list(spoilt, "B1", short=True)
        sent = send_waste(spoilt, "202611")
        spoilt.bank.take_waste(sent)
        assert send_waste(spoilt, "202611").count == 0
        assert spoilt.bank.destroy_waste("202611", WITNESSES) == 1

    def test_missing_card_blocks(self, spoilt: Plant) -> None:
        """SCHEME-183: a waste card of the log that did not come blocks destruction."""
        close_list(spoilt, "B1", short=True)
        assert spoilt.bank.waste_problems("202611") == [
            "batch B1: the waste card of order 000002, attempt 1, did not come"
        ]
        with pytest.raises(ProductionRefused, match="differ from the log"):
            spoilt.bank.destroy_waste("202611", WITNESSES)
        assert spoilt.bank.destroyed() == set()

    @pytest.mark.parametrize("line", [BodyLine("000003", 1, "AA"), BodyLine("000002", 2, "AA")])
    def test_card_that_is_no_waste_blocks(self, spoilt: Plant, line: BodyLine) -> None:
        """SCHEME-183: a card among the waste that the log does not know as waste blocks destruction."""
        close_list(spoilt, "B1", short=True)
        send_waste(spoilt, "202611")
        spoilt.bank.take_waste(Consignment("202611", (("B1", (line,)),)))
        with pytest.raises(ProductionRefused, match="is not in the log"):
            spoilt.bank.destroy_waste("202611", WITNESSES)

    def test_exchanged_chip_blocks(self, spoilt: Plant) -> None:
        """SCHEME-183: another chip than the log has is a difference, whatever the order says."""
        close_list(spoilt, "B1", short=True)
        spoilt.bank.take_waste(Consignment("202611", (("B1", (BodyLine("000002", 1, "AA"),)),)))
        assert len(spoilt.bank.waste_problems("202611")) == 2

    def test_one_witness(self, spoilt: Plant) -> None:
        """Destruction has two witnesses."""
        with pytest.raises(ProductionRefused, match="two witnesses"):
            spoilt.bank.destroy_waste("202611", ("Sun Hao", "Sun Hao"))

    def test_batch_without_list_stays(self, spoilt: Plant) -> None:
        """Waste goes with the list of its batch: not before."""
        assert send_waste(spoilt, "202611").count == 0
        assert spoilt.bank.waste_problems("202611") == []

    def test_next_month(self, floor: Floor, spoilt: Plant) -> None:
        """PERSO-153: waste of a later month neither goes now nor blocks what is destroyed now."""
        close_list(spoilt, "B1", short=True)
        send_waste(spoilt, "202611")
        floor.clock = lambda: datetime(2026, 12, 2)
        plant = floor.take(4, name="B2")
        run_batch(plant, "B2", floor.force(floor.machine(o000004=(BREAK, 0))))
        close_list(plant, "B2", short=True)
        assert send_waste(plant, "202611").count == 0
        assert plant.bank.destroy_waste("202611", WITNESSES) == 1
        assert plant.bank.waste_problems("202612") != []
        assert send_waste(plant, "202612").count == 1
        assert plant.bank.waste_problems("202612") == []


def test_waste_in_the_second_step(floor: Floor) -> None:
    """PERSO-150: a body that the other side has written cannot be replaced here alone."""
    plant = floor.plant
    first = take_batch(plant, batch(1), step=Step.SOCIAL, last=False).name
    run_batch(plant, first, floor.force())
    second = take_batch(plant, batch(1), step=Step.FINANCE).name
    body = floor.folder / "cards" / "B1-social" / "000001.card"
    body.write_text(body.read_text(encoding="utf8").replace('"steps": 4', '"steps": 2'), encoding="utf8")
    run_batch(plant, second, floor.force(floor.machine(o000001=(BREAK, 2))))
    with pytest.raises(ProductionRefused, match="made anew from the first one"):
        release_remake(plant, "000001-finance-1")
