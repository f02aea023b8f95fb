"""The alphabets of this project: all their states are seen, and every property holds in all of them."""

import random

import pytest

from terminal.explore.alphabet import alphabet_names
from terminal.explore.properties import PROPERTIES
from terminal.explore.search import Limits
from terminal.explore.tree import LetterTree, walk
from tests.terminal.explore.support import TINY, explored, explorer


def test_life_cycle_of_ssse_is_complete() -> None:
    """D1 to D6: from a virgin chip to an operational card with SSSE, every order of 15 letters; every state is seen."""
    found = explored("life-cycle", "pse")
    assert found.complete
    assert not found.violations
    assert len(found.states) == 244
    assert {str(state.life) for state in found.states} == {
        "card virgin", "card activated", "card initialised", "card initialised; DDF1 created",
        "card initialised; DDF1 keyed", "card operational; DDF1 issued",
    }  # fmt: skip


def test_life_cycle_with_power_cuts_is_complete() -> None:
    """D2, D13: the same with the power cut before each page program: the life cycle has no other rows."""
    found, whole = explored("life-cycle", "pse", cuts=True), explored("life-cycle", "pse")
    assert found.complete
    assert not found.violations
    assert {str(state.life) for state in found.states} == {str(state.life) for state in whole.states}
    assert any(edge.cut is not None and edge.source != edge.target for edge in found.edges)


def test_switching_without_failures_is_complete() -> None:
    """D9 to D12: going between the environments, proving and reading, without wrong secrets and blocks."""
    found = explored("switching", "block payment verify-wrong prove-wrongly")
    assert found.complete
    assert not found.violations
    assert {state.selected for state in found.states} == {None, "DDF1", "DDF2"}


@pytest.mark.parametrize("name", ["life-cycle", "switching"])
def test_everything_to_a_depth(name: str) -> None:
    """Both alphabets with all their letters, to a depth; `make explore` goes on until they are complete."""
    assert name in alphabet_names()
    found = explorer(name, limits=Limits(depth=5)).run()
    assert not found.violations
    assert found.ended == "depth 5"
    assert found.depth == 5


def test_walks_agree_with_the_graph() -> None:
    """A walk in one go answers as the graph says that was made letter by letter, each from a state that was restored:
    nothing outside the state that is compared decides what the card does."""
    source = random.Random(7)
    explored_by = explorer("life-cycle", "pse")
    found = explored_by.run()
    to = {(edge.source, edge.letter): edge.target for edge in found.edges}
    card, letters = explored_by.subject.card, found.alphabet.letters
    trees = {one.name: LetterTree(one.name, one.steps, explored_by.subject.bench) for one in letters}
    for _ in range(40):
        card.restore(found.states[0].memory)
        at = 0
        for _ in range(25):
            name = source.choice(letters).name
            walk(trees[name], card, card)
            at = to[at, name]
        key = card.state_key()
        card.restore(found.states[at].memory)
        assert card.state_key() == key


def test_equal_states_have_equal_state_keys() -> None:
    """D16: what is compared here is never coarser than the state key."""
    made = explorer(TINY)
    found = made.run()
    keys = set()
    for state in found.states:
        made.subject.card.restore(state.memory)
        keys.add(made.subject.card.state_key())
    assert found.complete
    assert len(keys) == len(found.states)


def test_every_property_has_a_name_of_its_own_and_says_what_asks_for_it() -> None:
    """The table of properties is fit to be printed."""
    assert len({one.name for one in PROPERTIES}) == len(PROPERTIES)
    assert all(one.shows and one.sentence and not one.sentence.endswith(".") for one in PROPERTIES)
