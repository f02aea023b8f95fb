"""The figures of the card's life are drawn from the tables that the services work by."""

import itertools
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from terminal.management.machines import Machine
from tests.docs.console import ROOT
from tests.docs.support import tool

draw_card_life = tool("draw_card_life")


@pytest.mark.parametrize("name", draw_card_life.MACHINES)
def test_every_row_is_drawn(name: str) -> None:
    """Each state is a box, and each row an arrow with its event and what must hold."""
    machine: Machine[Any] = draw_card_life.MACHINES[name]
    tree = ET.fromstring((ROOT / "docs" / name).read_text(encoding="utf8"))
    texts = ["".join(element.itertext()) for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    states = {row.state for row in machine.rows} | {row.target for row in machine.rows}
    for state in states:
        assert texts.count(state.value) >= 1, state
    assert len(list(tree.iter("{http://www.w3.org/2000/svg}rect"))) == 1 + len(states)
    events = [row.event.value for row in machine.rows] + [f"[{row.guard.value}]" for row in machine.rows if row.guard]
    boxes = [state.value for state in states]
    assert sorted(texts) == sorted(events + boxes)
    pairs = {(row.state, row.target) for row in machine.rows}
    paths = [path for path in tree.iter("{http://www.w3.org/2000/svg}path") if path.get("marker-end")]
    assert len(paths) == len(pairs)


@pytest.mark.parametrize("name", draw_card_life.MACHINES)
def test_arrows_of_a_lane_do_not_meet(name: str) -> None:
    """Two arrows in one lane pass no place together, so that each can be followed."""
    every = draw_card_life.arrows(draw_card_life.MACHINES[name])
    for down in (True, False):
        for lane in draw_card_life.lanes([arrow for arrow in every if (arrow.target > arrow.source) == down]):
            spans = sorted(arrow.span for arrow in lane)
            assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
