"""What the rules of the product allow in production: which runs begin, and what files they leave."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cardsim.iso7816.digits import check_digit
from terminal.perso.production.intake import take_batch
from terminal.perso.production.lists import close_list
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.run import run_batch
from terminal.perso.production.task import Step
from terminal.perso.records import BankRecord, Batch, CardRecord
from tests.terminal.perso.production.floor import Floor, batch, record

_TRANSITION = """
[product.transition]
stage = 2
allowed = true
ends = 2026-11-22

[product.issuer]
bin = "621467"
product = "hidden-stripe"
design = "debit-1"
"""


def _with_right_number(number: int) -> CardRecord:
    found = record(number)
    assert found.bank is not None
    digits = found.bank.pan[:-1]
    values = {name: getattr(found.bank, name) for name in BankRecord.__slots__} | {"pan": digits + check_digit(digits)}
    return CardRecord(found.social, BankRecord(**values))


def _files(floor: Floor, *numbers: int, name: str = "B1") -> tuple[set[str], Any]:
    """The lists of a batch that was made, and its stripe file."""
    plant = floor.plant
    records = tuple(_with_right_number(number) for number in numbers)
    take_batch(plant, Batch(name, "20261120", "519900", "519901", records), seed=7)
    run_batch(plant, name, floor.force())
    close_list(plant, name)
    found = {path.name for path in (floor.folder / "lists").glob(f"{name}.*")}
    path = floor.folder / "lists" / f"{name}.stripe.json"
    return found, json.loads(path.read_text(encoding="utf8")) if path.exists() else None


def test_a_pure_chip_card_has_no_stripe_file(tmp_path: Path) -> None:
    """PERSO-167: the batch of a pure chip card leaves no stripe-encoding file (D26)."""
    files, stripes = _files(Floor(tmp_path), 1)
    assert "B1.mailing.json" in files
    assert stripes is None


def test_a_product_of_the_transition_has_its_stripe_file(tmp_path: Path) -> None:
    """SCHEME-216, SCHEME-228: until the end date, with place and track of each card."""
    floor = Floor(tmp_path)
    floor.settings(_TRANSITION)
    _, stripes = _files(floor, 1, 2)
    assert stripes["place"] == {"left_most": 292, "right_least": 8255, "upper_least": 1595, "lower_most": 554}
    assert [card["order"] for card in stripes["cards"]] == ["000001", "000002"]
    assert stripes["cards"][0]["track2"].startswith(";621467001000000001")


def test_after_its_end_date_nothing_new_is_taken(tmp_path: Path) -> None:
    """SCHEME-219: a batch of the transition's product is refused on the day after; one taken before goes on."""
    floor = Floor(tmp_path)
    floor.settings(_TRANSITION)
    floor.take(1)
    floor.clock = lambda: datetime(2026, 11, 23, 9)
    with pytest.raises(ProductionRefused, match="the transition ended on 2026-11-22"):
        floor.take(2, name="B2")
    floor.take(1)
    assert run_batch(floor.plant, "B1", floor.force()).done["good"] == 1


@pytest.mark.parametrize(
    ("own", "rule"),
    [
        ('[product.issuer]\nbin = "621467"\nproduct = "single-chip"\ndesign = "debit-2"', "SCHEME-223"),
        ('[product.issuer]\nbin = "622999"\nproduct = "single-chip"\ndesign = "debit-1"', "SCHEME-222"),
        ('[[product.maker]]\ncode = "maker"\nname = "M"\nkind = "third-party"\naccepted = ["bank"]', "PERSO-078"),
        ('[product.personalisation]\nfinance = "bank"', "PERSO-076"),
    ],
    ids=["face", "issuer", "third party", "two bodies"],
)
def test_what_is_not_approved_is_not_taken(own: str, rule: str, tmp_path: Path) -> None:
    """PERSO-078, SCHEME-222, SCHEME-223: approvals and makers are looked at before a batch is taken."""
    floor = Floor(tmp_path)
    floor.settings(own)
    with pytest.raises(ProductionRefused, match=rule):
        floor.take(1)


def test_a_step_is_made_by_its_own_side(tmp_path: Path) -> None:
    """PERSO-080: a third party that the bank alone accepts makes the finance step, and not the social one."""
    floor = Floor(tmp_path)
    maker = '[[product.maker]]\ncode = "maker"\nname = "M"\nkind = "third-party"\naccepted = ["bank"]\n'
    floor.settings(maker + 'qualified = ["central-bank"]')
    with pytest.raises(ProductionRefused, match="PERSO-080"):
        take_batch(floor.plant, batch(1), step=Step.SOCIAL)
    assert take_batch(floor.plant, batch(1), step=Step.FINANCE).new
