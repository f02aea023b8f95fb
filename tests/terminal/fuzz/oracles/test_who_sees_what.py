"""Which oracle sees which of the named defects in a short sequence: nearly each is seen by one oracle alone."""

from collections.abc import Mapping

import pytest

from terminal.fuzz.executor import Executor
from terminal.fuzz.oracles.table import RULES
from terminal.fuzz.sequence import parse_sequence
from tests.terminal.fuzz.oracles.bench import subject
from tests.terminal.fuzz.oracles.test_answers import DECLARED, KEYS_READ
from tests.terminal.fuzz.oracles.test_firewall import CROSSING
from tests.terminal.fuzz.oracles.test_rules import CASES
from tests.terminal.fuzz.oracles.test_tries import BY_ANSWERS, BY_CELLS

SEQUENCES: Mapping[str, Mapping[str, str]] = {
    "declared": {defect: text for defect, (text, words) in DECLARED.items() if words},
    "secrets": {"get-data-gives-keys": KEYS_READ},
    "try-counters": {**BY_ANSWERS, **BY_CELLS},
    "firewall": {defect: text for defect, (text, _) in CROSSING.items()},
    **{make().name: {defect: text for defect, (text, _) in cases.items()} for make, cases in CASES.items()},
}
"""Sequences that show a defect, by the oracle whose business it is."""

BY_SEVERAL: Mapping[str, frozenset[str]] = {
    "tries-restored-by-select": frozenset({"try-counters", "firewall"}),
    "pin-counter-shared": frozenset({"try-counters", "firewall", "non-interference"}),
    "state-survives-basic-command": frozenset({"rights", "money"}),
}
"""Defects that break more than one rule."""


@pytest.mark.parametrize(("name", "defect"), [(name, defect) for name, texts in SEQUENCES.items() for defect in texts])
def test_one_oracle_alone_sees_it(name: str, defect: str) -> None:
    """All others are content with a card that has this defect, so that none of them could be left out."""
    card, sequence = subject(defect), parse_sequence(SEQUENCES[name][defect])
    made = [rule.make() for rule in RULES if rule.make is not None]
    seen = {oracle.name for oracle in made if Executor(card, [oracle]).run(sequence).complaint is not None}
    assert name in seen
    assert seen <= BY_SEVERAL.get(defect, frozenset({name}))


def test_each_oracle_has_a_defect() -> None:
    """Silence has no named defect (`test_answers.py` has a card that falls silent); the reference sees them all."""
    assert set(SEQUENCES) == {rule.name for rule in RULES} - {"never-mute", "reference"}
