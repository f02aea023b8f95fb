"""The list of oracles, and that none of them complains about the clean card."""

import pytest

from terminal.errors import UsageError
from terminal.fuzz.oracles.table import RULES, Needs, oracles_for
from terminal.fuzz.subject import Subject
from tests.terminal.fuzz.oracles.bench import subject, weather


@pytest.mark.parametrize("cuts", [False, True])
def test_the_clean_card_gives_no_cause(cuts: bool) -> None:
    """Some thousand drawn commands, and no complaint."""
    card = subject()
    runs = weather(oracles_for(card, reference=subject()), 60, seed=11 + cuts, cuts=cuts)
    assert [str(run.complaint) for run in runs if run.complaint is not None] == []
    assert sum(len(run.exchanges) for run in runs) > 1500


def test_each_rule_is_told() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule.sentence.endswith(".")
        assert rule.basis
        if rule.make is not None:
            assert rule.make().name == rule.name


def test_a_card_without_control_has_those_that_need_answers_alone() -> None:
    inner = subject()
    foreign = oracles_for(Subject(inner.card, inner.keys), reference=subject())
    assert {oracle.name for oracle in foreign} == {rule.name for rule in RULES if rule.needs is not Needs.MODEL}


def test_names_choose() -> None:
    card = subject()
    assert [oracle.name for oracle in oracles_for(card, only=["secrets"])] == ["secrets"]
    assert "secrets" not in [oracle.name for oracle in oracles_for(card, without=["secrets"])]
    with pytest.raises(UsageError, match="no oracle 'secret'"):
        oracles_for(card, only=["secret"])
