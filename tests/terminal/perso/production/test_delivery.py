"""Sorting, packing, inspection, delivery: a box holds what its manifest says, and both sides can follow it."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from terminal.perso.production.delivery import deliver, delivery_state
from terminal.perso.production.lists import close_list
from terminal.perso.production.packing import (
    PackedCard,
    inspect,
    manifest_problems,
    pack,
    packages_of,
    sort_cards,
)
from terminal.perso.production.plant import Plant
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.run import run_batch
from terminal.perso.production.tables import BatchState, DeliveryState
from tests.terminal.perso.production.floor import NOW, UNITS, Floor

LATER = [DeliveryState.DISPATCHED, DeliveryState.IN_TRANSIT, DeliveryState.ARRIVED, DeliveryState.ACCEPTED]


@pytest.fixture
def listed(floor: Floor) -> Plant:
    """Seven good cards of three units, with the list out."""
    plant = floor.take(*range(1, 8))
    run_batch(plant, "B1", floor.force())
    close_list(plant, "B1")
    return plant


def read(card: PackedCard) -> str:
    """An inspector whose reader tells what the card says."""
    return card.historical


class TestPacking:
    """Packages, boxes, manifest."""

    def test_one_unit_in_a_package(self, floor: Floor, listed: Plant) -> None:
        """PERSO-155, SCHEME-213: cards sorted by unit, a package for each, boxed by batch; the manifest says which."""
        packages = pack(listed, "B1")
        assert [(package.unit, len(package.cards), package.box) for package in packages] == [
            (UNITS[0], 2, 1), (UNITS[1], 3, 1), (UNITS[2], 2, 1),
        ]  # fmt: skip
        assert packages_of(listed, "B1") == packages
        manifest = json.loads((floor.folder / "lists" / "B1.manifest.json").read_text(encoding="utf8"))
        cards = [c["order"] for box in manifest["boxes"] for p in box["packages"] for c in p["cards"]]
        assert sorted(cards) == [f"{number:06d}" for number in range(1, 8)]
        assert manifest["cards"] == 7

    def test_95_cards_for_3_units(self) -> None:
        """PERSO-155: 95 cards of three units are three packages in one box."""
        cards = [(f"unit {number % 3}", PackedCard(f"{number}", f"{number:026d}", "")) for number in range(95)]
        packages = sort_cards(cards, package=100, box=5)
        assert [len(package.cards) for package in packages] == [32, 32, 31]
        assert {package.box for package in packages} == {1}

    def test_sizes(self) -> None:
        """A package has so many cards at most, a box so many packages; no card is lost and none is there twice."""
        cards = [(f"unit {number % 2}", PackedCard(f"{number:03d}", f"{number}", "")) for number in range(25)]
        packages = sort_cards(cards, package=4, box=3)
        assert max(len(package.cards) for package in packages) == 4
        assert max(Counter(package.box for package in packages).values()) == 3
        assert sorted(card.order for package in packages for card in package.cards) == [f"{n:03d}" for n in range(25)]
        assert all(len({unit}) == 1 for unit in (package.unit for package in packages))

    def test_only_after_the_list(self, floor: Floor) -> None:
        """What is packed is what the list says, so the list comes first."""
        plant = floor.take(1)
        run_batch(plant, "B1", floor.force())
        with pytest.raises(ProductionRefused, match="packing needs one that is listed"):
            pack(plant, "B1")


class TestInspection:
    """What is read from the cards is compared with the manifest."""

    def test_passes(self, listed: Plant) -> None:
        """PERSO-155: manifest equals content."""
        pack(listed, "B1")
        inspect(listed, "B1", read)
        assert listed.batch("B1").state is BatchState.INSPECTED

    def test_card_that_does_not_answer(self, listed: Plant) -> None:
        """SCHEME-213: a package whose content is not the manifest's does not leave."""
        pack(listed, "B1")
        with pytest.raises(ProductionRefused, match="does not pass the inspection"):
            inspect(listed, "B1", lambda card: "" if card.order == "000004" else card.historical)
        with pytest.raises(ProductionRefused, match="needs one that is inspected"):
            deliver(listed, "B1", DeliveryState.DISPATCHED)

    def test_every_difference_is_told(self, listed: Plant) -> None:
        """SCHEME-213: missing, too much, exchanged between packages, a package that nobody knows."""
        first, second, third = packages = pack(listed, "B1")
        content = {package.number: [card.historical for card in package.cards] for package in packages}
        assert manifest_problems(packages, content) == []
        assert len(manifest_problems(packages, content | {1: content[1][1:]})) == 1
        assert len(manifest_problems(packages, content | {1: [*content[1], "AA"]})) == 1
        assert len(manifest_problems(packages, content | {1: content[2], 2: content[1]})) == 10
        assert manifest_problems(packages, content | {9: []}) == ["package 9 is not in the manifest"]
        assert len(manifest_problems((first, second, replace(third, cards=())), content)) == 2


class TestDelivery:
    """On the way."""

    def test_followed_by_the_department(self, listed: Plant) -> None:
        """PERSO-152, SCHEME-121, SCHEME-214: bank and department know each state, in its order and with its time."""
        department = listed.bank.department
        pack(listed, "B1")
        inspect(listed, "B1", read)
        assert list(department.papers("B1")) == ["list", "packed"]
        for state in LATER:
            deliver(listed, "B1", state, place="department's store")
            assert list(department.papers("B1"))[-1] == state.value
            assert delivery_state(listed, "B1") is state
        assert set(department.papers("B1").values()) == {NOW.isoformat(timespec="seconds")}
        assert listed.batch("B1").state is BatchState.ACCEPTED

    def test_in_order(self, listed: Plant) -> None:
        """No state is left out, and none comes twice."""
        pack(listed, "B1")
        inspect(listed, "B1", read)
        with pytest.raises(ProductionRefused, match="needs one that is dispatched"):
            deliver(listed, "B1", DeliveryState.ARRIVED)
        deliver(listed, "B1", DeliveryState.DISPATCHED)
        with pytest.raises(ProductionRefused, match="is not arrived next"):
            deliver(listed, "B1", DeliveryState.ARRIVED)
        with pytest.raises(ProductionRefused, match="'dispatched' needs"):
            deliver(listed, "B1", DeliveryState.DISPATCHED)
        with pytest.raises(ProductionRefused, match="step of its own"):
            deliver(listed, "B1", DeliveryState.PACKED)

    def test_who_hands_out(self, listed: Plant) -> None:
        """PERSO-132: boxes leave through a storekeeper."""
        pack(listed, "B1")
        inspect(listed, "B1", read)
        with pytest.raises(ProductionRefused, match="not cleared as storekeeper"):
            deliver(listed, "B1", DeliveryState.DISPATCHED, person="Wang Lei")

    def test_department_is_not_reached(self, listed: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
        """SCHEME-214: what the bank could not forward it forwards later, once."""
        department = listed.bank.department
        with monkeypatch.context() as patched:
            patched.setattr(listed.bank, "forward", lambda: 0)
            pack(listed, "B1")
        assert list(department.papers("B1")) == ["list"]
        assert listed.bank.forward() == 1
        assert list(department.papers("B1")) == ["list", "packed"]

    def test_not_packed(self, listed: Plant) -> None:
        """One sentence."""
        with pytest.raises(ProductionRefused, match="not packed yet"):
            delivery_state(listed, "B1")
