"""Starts: the moments in the making of a card, each with its keys, each a card of its own."""

from collections.abc import Mapping
from functools import cache

import pytest

from cardsim.keyfile import KeyFile
from terminal.fuzz.executor import Executor
from terminal.fuzz.grammar import START_PLACES
from terminal.fuzz.sequence import parse_sequence
from terminal.fuzz.starts import Start, starts
from terminal.slots import Slot


@cache
def card_start(name: str) -> Start:
    """A start of a user card."""
    return all_starts(Slot.CARD)[name]


@cache
def all_starts(slot: Slot) -> Mapping[str, Start]:
    """Those of a card, made once."""
    return starts(KeyFile(), slot)


def status(start: Start) -> str:
    """GET STATUS after a reset."""
    run = Executor(start.subject()).run(parse_sequence(">> 80 F2 00 00 00\n"))
    return run.exchanges[-1].answer.hex().upper()


@pytest.mark.parametrize(
    ("name", "card", "environments"),
    [
        ("virgin", "800100", []),
        ("blank", "800101", []),
        ("initialised", "800102", []),
        ("created", "800102", ["8A0101"]),
        ("half", "800102", ["8A0102", "8A0101"]),
        ("keyed", "800102", ["8A0102", "8A0102"]),
        ("filled", "800102", ["8A0102", "8A0102"]),
        ("unissued", "800102", ["8A0103", "8A0102"]),
        ("direct", "800103", ["8A0103", "8A0103"]),
        ("otherwise", "800103", ["8A0103", "8A0103"]),
    ],
)
def test_a_start_is_the_card_at_its_moment(name: str, card: str, environments: list[str]) -> None:
    told = status(card_start(name))
    assert card in told
    assert [told[at : at + 6] for at in range(0, len(told), 2) if told[at : at + 4] == "8A01"] == environments


def test_each_start_has_a_place_where_its_sequences_begin() -> None:
    assert {*all_starts(Slot.CARD), *all_starts(Slot.PSAM), "card", "psam"} == START_PLACES.keys()


@pytest.mark.parametrize("name", ["keyed", "filled"])
def test_the_keys_are_those_in_force(name: str) -> None:
    text = ">> 00 A4 04 00 {lc} {name ssse}\n> 00 84 00 00 08\n> 00 82 00 00 10 {auth ssse-master}\n"
    run = Executor(card_start(name).subject()).run(parse_sequence(text))
    assert run.exchanges[-1].sw == 0x9000


def test_an_application_that_waits_for_its_issue_can_be_issued_and_used() -> None:
    subject = card_start("unissued").subject()
    assert subject.known["pan"]
    text = (
        ">> 00 A4 04 00 08 {name debit}\nlet host = {random 8}\n>> 80 50 00 00 08 {host}\n"
        "let opening = {cut answer 0 -2}\n> 84 82 00 00 10 {channel-host host opening} {channel-mac host opening 00}\n"
        "let keys = {card-keys}\nlet checks = {check-values keys}\n> 80 E2 80 00 {lc} {grouping 9000 checks}\n"
        ">> 00 A4 04 00 08 {name debit}\n> 80 A8 00 00 {lc} {pdol}\n"
    )
    run = Executor(subject).run(parse_sequence(text))
    assert run.left_out == 0
    assert run.exchanges[-1].sw >> 8 == 0x61


def test_two_subjects_of_a_start_are_two_cards_and_a_fault_can_be_put_into_one() -> None:
    spoiled: list[object] = []
    start = card_start("blank")
    first, second = start.subject(spoiled.append), start.subject()
    assert first.card is not second.card
    assert spoiled == [first.card]
    Executor(first).run(parse_sequence("> 00 84 00 00 08\n> 00 82 00 00 10 {card-auth transport}\n"))
    assert status(start) == status(start)


@pytest.mark.parametrize(("name", "sw"), [("psam-virgin", 0x6A88), ("psam-blank", 0x9000)])
def test_a_blank_psam_knows_its_transport_key(name: str, sw: int) -> None:
    text = "> 00 84 00 00 08\n> 00 82 00 00 10 {sam-transport-auth}\n"
    assert Executor(all_starts(Slot.PSAM)[name].subject()).run(parse_sequence(text)).exchanges[-1].sw == sw
