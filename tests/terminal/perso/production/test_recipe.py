"""A batch made with the keys of the parties' own stores: by one process and by two, the same cards."""

from datetime import datetime
from pathlib import Path

import pytest

from cardsim.making import demo
from cardsim.making.structure import load_profile
from terminal.errors import LinkError
from terminal.keymanagement.certificates import read_certificate
from terminal.keymanagement.demo import BANK, MAKER, OFFICERS, setup_demo
from terminal.keymanagement.management import CERTIFICATE
from terminal.keymanagement.runs import KeyRuns
from terminal.perso.making.blanks import Manufacturer
from terminal.perso.making.personaliser import plan_of
from terminal.perso.production.intake import take_batch
from terminal.perso.production.machine import Images
from terminal.perso.production.plant import open_plant
from terminal.perso.production.recipe import machine_recipe
from terminal.perso.production.run import Workforce, run_batch
from terminal.perso.records import Batch
from terminal.perso.workshop import Workshop
from tests.terminal.perso import desk

NOW = datetime(2026, 11, 22, 14, 0)


def _run(folder: Path, jobs: int) -> dict[str, bytes]:
    """Three cards; the images by their names."""
    profile = load_profile(desk.PROFILE)
    with Workshop(folder, lambda: NOW) as workshop, setup_demo(workshop, 3) as management:
        plant = open_plant(workshop)
        batch = Batch("B1", "20240101", desk.AREA, desk.AREA, tuple(map(desk.record, (1, 2, 3))))
        take_batch(plant, batch, seed=5)
        runs = KeyRuns(management, OFFICERS, profile.suite, BANK, MAKER)
        expiry = read_certificate(management.path(BANK, CERTIFICATE)).expiry
        lot = Manufacturer(profile, demo.demo(3).secret("transport"))
        recipe = machine_recipe(plan_of(profile, expiry), Images(lot), runs, batch.name)
        with pytest.raises(LinkError, match="not open"), recipe.open(0):
            pass
        figures = run_batch(plant, batch.name, Workforce(recipe, runs, jobs))
        assert (figures.made, figures.done["good"]) == (3, 3)
    return {path.name: path.read_bytes() for path in sorted(folder.glob("cards/B1/*.card"))}


def test_same_cards_whatever_the_workers(tmp_path: Path) -> None:
    """PERSO-077, PERSO-116: keys of both parties through the maker's HSM; two workers make the cards of one."""
    alone, together = _run(tmp_path / "1", 1), _run(tmp_path / "2", 2)
    assert list(alone) == ["N000001.card", "N000002.card", "N000003.card"]
    assert alone == together
    assert not list(tmp_path.rglob("keys/runs/*")), "the channels are closed"
