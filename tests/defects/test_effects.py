"""Every defect shows itself in the answers of the card, at the place that `effects.json` names, and nowhere else."""

import functools
import json
from pathlib import Path

import pytest

from cardsim.defects import apply_defect, defects
from tests.cards import AID, SSSE_NAME, card
from tests.defects.scenes import SAM_SCENES, SCENES, tour

EFFECTS: dict[str, list[str]] = json.loads(Path(__file__).with_name("effects.json").read_text(encoding="utf8"))
"""Defect -> tour, step, what a clean card answers there, what the defective one answers."""


@functools.cache
def clean(name: str) -> dict[str, str]:
    """The tour of a clean card."""
    return tour(name, None)


def test_every_defect_has_an_effect() -> None:
    assert list(EFFECTS) == list(defects())
    assert len(EFFECTS) >= 50
    assert {scene for scene, *_ in EFFECTS.values()} == {*SCENES, *SAM_SCENES}


@pytest.mark.parametrize("name", EFFECTS)
def test_effect(name: str) -> None:
    scene, step, right, wrong = EFFECTS[name]
    assert right != wrong
    assert clean(scene)[step] == right
    assert tour(scene, defects()[name])[step] == wrong


@pytest.mark.parametrize("name", EFFECTS)
def test_a_clean_card_beside_it_stays_clean(name: str) -> None:
    """The defect is in one object: classes and modules are what they were, and so is a card that lives beside."""
    scene = EFFECTS[name][0]
    beside = card()
    tour(scene, defects()[name])
    assert beside.select(SSSE_NAME) == clean("selection")["SELECT SSSE"]
    assert beside.x("00B2012C00", follow=False) == "6C12"
    assert beside.select(AID)[-4:] == "9000"
    assert tour(scene, None) == clean(scene)


def test_a_card_with_power_takes_a_defect_up_at_its_next_reset() -> None:
    bench = card()
    bench.ssse()
    apply_defect(bench.model, defects()["challenge-reusable"])
    bench.power_on()
    bench.ssse()
    challenge = bench.challenge()
    assert [bench.prove(bench.key("RKSSSE"), 0x0A, challenge) for _ in range(2)] == ["9000", "9000"]


def test_a_defect_outlives_snapshots_of_another_layout() -> None:
    """Environments are built anew when cells of another layout come in: the defect is in the new ones too."""
    bench, other = card(), card("dual-3.0-des")
    apply_defect(bench.model, defects()["challenge-reusable"])
    bench.model.restore(other.model.snapshot())
    bench.power_on()
    bench.ssse()
    challenge = bench.challenge()
    answers = [bench.prove(other.key("RKSSSE"), 0x0A, challenge, other.suite) for _ in range(2)]
    assert answers == ["9000", "9000"]
