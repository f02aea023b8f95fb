"""Changed and crossed sequences: the same from the same numbers, readable again, still run."""

import re
from random import Random

from terminal.fuzz.executor import Executor
from terminal.fuzz.mutate import MOST_STEPS, changed, crossed
from terminal.fuzz.sequence import Sequence, parse_sequence, sequence_text
from tests.terminal.fuzz.test_grammar import grammar

SEED = """\
start card
seed 5
>> 00 A4 04 00 {lc} {name ssse}
> 00 84 00 00 08
> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}
let body = 0104 {random 4}
> 04 DC 01 2C {lc} {body}
cut 2
reset
"""


def test_changed_sequences_can_be_read_again_and_differ() -> None:
    subject, pieces = grammar()
    sequence, random = parse_sequence(SEED), Random(1)
    executor, texts = Executor(subject), set()
    for _ in range(400):
        other = pieces.changed(sequence, random)
        text = sequence_text(other)
        assert parse_sequence(text) == other, text
        assert len(other.steps) <= MOST_STEPS
        assert executor.run(other).complaint is None
        texts.add(text)
    assert len(texts) > 300
    words = " ".join(texts)
    assert all(word in words for word in ("{flip ", "{first ", "{wrong ", "cut-inside", "fail-page")), (
        "each kind of change came"
    )
    assert re.search(r"\{(auth|id) (?!RKSSSE)", words), "another key"


def test_the_same_numbers_give_the_same_change() -> None:
    _, pieces = grammar()
    sequence = parse_sequence(SEED)
    for seed in range(50):
        assert changed(sequence, Random(seed), pieces) == changed(sequence, Random(seed), pieces)


def test_a_cross_has_steps_of_both() -> None:
    first = parse_sequence("> 01\n> 02\n> 03\n")
    second = parse_sequence("> 11\n> 12\n> 13\n")
    both = 0
    for seed in range(60):
        steps = crossed(first, second, Random(seed)).steps
        assert set(steps) <= {*first.steps, *second.steps}
        both += bool(set(steps) & set(first.steps)) and bool(set(steps) & set(second.steps))
    assert both > 20


def test_nothing_becomes_something() -> None:
    _, pieces = grammar()
    assert changed(Sequence("card", ()), Random(2), pieces).steps
