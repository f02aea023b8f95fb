"""Sequences from the grammar: the same from the same numbers, readable again, and right where they are meant to be."""

from collections.abc import Iterator
from functools import cache
from random import Random

import pytest

from cardsim.keyfile import KeyFile
from cardsim.shapes import Place, shapes
from terminal.conformance.case import Send
from terminal.fuzz.executor import Executor
from terminal.fuzz.grammar import Grammar
from terminal.fuzz.phrasebook import PhraseError, book, parse_phrases
from terminal.fuzz.phrases import Phrase
from terminal.fuzz.raw import command_of
from terminal.fuzz.sequence import Sequence, parse_sequence, sequence_text
from terminal.fuzz.starts import starts
from terminal.fuzz.subject import Subject
from terminal.slots import Slot
from tests.cards import DUAL, card, made
from tests.psams import psam

WITH_PIN = f"{DUAL}-offline-pin"
SENT_ON = (0x61, 0x6C, 0x90)


class First(Random):
    """Draws the first of everything: the right form of a phrase."""

    def random(self) -> float:
        return 0.0


@cache
def grammar(profile: str = DUAL) -> tuple[Subject, Grammar]:
    """A demo card and its grammar."""
    model = card(profile, on=False).model
    subject = Subject(model, made(profile)[1], model)
    return subject, Grammar(subject)


def refusals(subject: Subject, grammar: Grammar, phrase: Phrase) -> tuple[tuple[int, ...], int]:
    """The status words that refuse the right form of a phrase, behind its way, and the steps that were left out."""
    random = First()
    way = grammar.way_to(phrase, random)
    run = Executor(subject).run(Sequence(grammar.start, (*way, *phrase.steps(random, grammar.slots))))
    assert run.complaint is None
    refused = (exchange for exchange in run.exchanges if exchange.sw >> 8 not in SENT_ON)
    return tuple(exchange.sw for exchange in refused if exchange.step >= len(way)), run.left_out


def grammars() -> Iterator[tuple[Subject, Grammar]]:
    """Cards in the order of nearness to a finished one."""
    yield grammar(DUAL)
    yield grammar(WITH_PIN)
    yield from of_starts(Slot.CARD)
    sam, keys = psam()
    subject = Subject(sam, keys, sam, Slot.PSAM)
    yield subject, Grammar(subject)
    yield from of_starts(Slot.PSAM)


def of_starts(slot: Slot) -> Iterator[tuple[Subject, Grammar]]:
    for name, start in starts(KeyFile(), slot).items():
        subject = start.subject()
        yield subject, Grammar(subject, name)


def test_every_phrase_is_right_but_where_it_says_otherwise_on_the_first_card_that_it_fits() -> None:
    checked = set[str]()
    for subject, made_of in grammars():
        for phrase in made_of.phrases:
            if phrase.name not in checked:
                assert refusals(subject, made_of, phrase) == (phrase.refused, 0), phrase.name
                checked.add(phrase.name)
    assert checked == {phrase.name for phrase in book().phrases}


def test_the_same_numbers_give_the_same_sequence_and_each_can_be_read_again() -> None:
    _, made_of = grammar()
    sequences = [made_of.sequence(Random(seed)) for seed in range(150)]
    assert [made_of.sequence(Random(seed)) for seed in range(150)] == sequences
    assert len({sequence.steps for sequence in sequences}) > 145
    for sequence in sequences:
        assert parse_sequence(sequence_text(sequence)) == sequence
        assert sequence.steps


def test_every_way_of_every_phrase_is_a_step() -> None:
    """Wrong ones too: a mistake in a phrase file shows here, not after hours."""
    _, made_of = grammar(WITH_PIN)
    random = Random(7)
    for phrase in made_of.phrases:
        for wrong in range(8):
            assert all(phrase.steps(random, made_of.slots, wrong) or phrase.forks for _ in range(6))


def test_without_keys_there_are_phrases_too() -> None:
    model = card(on=False).model
    subject = Subject(model, KeyFile(), model)
    names = {phrase.name for phrase in Grammar(subject).phrases}
    assert {"select-ssse", "read-free", "gpo", "first-ac"} <= names
    assert not names & {"put-data", "unblock-pin", "open-channel"}


def test_no_secret_of_the_card_stands_in_a_sequence() -> None:
    _, made_of = grammar()
    keys = made(DUAL)[1]
    assert keys.ssse is not None
    assert keys.card is not None
    text = "".join(sequence_text(made_of.sequence(Random(seed))) for seed in range(300)).replace(" ", "")
    secrets = [keys.card.master, keys.card.transport, keys.ssse.master, *keys.ssse.roots.values()]
    assert all(secret is None or secret.hex().upper() not in text for secret in secrets)


@pytest.mark.parametrize("place", list(Place))
def test_raw_commands_come_from_inside_the_rows_from_their_edges_and_from_outside(place: Place) -> None:
    random = Random(3)
    for shape in shapes(place):
        steps = [command_of(random, shape) for _ in range(200)]
        heads = [step.command.parts[0] for step in steps]
        assert all(isinstance(step, Send) for step in steps)
        assert sum(isinstance(head, bytes) and head[:2] == shape.row.header for head in heads) > 150
        inside = {(p1, p2) for pairs in shape.parameters for p1 in pairs.p1 for p2 in pairs.p2}
        found = {(head[2], head[3]) for head in heads if isinstance(head, bytes) and len(head) > 3}
        assert found & inside
        assert found & set(shape.outside) or not shape.outside


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("    > 00\n", "t:1: an indented line stands below"),
        ("phrase a\n    Title.\n    > 00 <x\n", "t:3: a < is not closed"),
        ("phrase a\n    Title.\n    > 00 ~ 01\n", "t:3: ~ stands outside of a choice"),
        ("phrase a\n    Title.\n    > 00 <A B>\n", "t:3: between < and > stands"),
        ("slot a b c = 1, 2 | 3\n", "t:1: a row of the slot has 1 words, its fields are 2"),
        ("phase a\n", "t:1: 'phase a': expected"),
    ],
)
def test_a_mistake_in_a_phrase_file_is_named_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(PhraseError, match=problem):
        parse_phrases("t", text)


def test_a_phrase_is_wrong_at_as_many_points_as_one_asks_for() -> None:
    steps = "    > 00 <01 ~ 02> <s> <s> <s-2>\n    ? > 33\n    + reset\n"
    text = f"slot s = AA | BB\nphrase p\n    Title.\n    at card\n{steps}"
    (phrase,), slots = (one := parse_phrases("t", text)).phrases, one.slots
    assert phrase.forks == 3
    right = {str(phrase.steps(Random(seed), slots)[0].command) for seed in range(40)}  # type: ignore[union-attr]
    assert right == {f"0001{a}{a}{b}" for a in ("AA", "BB") for b in ("AA", "BB")}
    wrong = [phrase.steps(Random(seed), slots, 1) for seed in range(60)]
    assert {len(steps) for steps in wrong} == {1, 2, 3}
    assert all(phrase.steps(Random(seed), slots, 1) == wrong[seed] for seed in range(60))


def test_every_place_that_phrases_name_is_led_to() -> None:
    known = {place for phrase in book().phrases for place in phrase.at}
    assert {phrase.to for phrase in book().phrases if phrase.to} <= known
