"""The oracle of try counters, by what the card answers and by its cells."""

import pytest

from terminal.fuzz.executor import Executor
from terminal.fuzz.oracles.tries import TryCounters
from terminal.fuzz.sequence import parse_sequence
from terminal.fuzz.subject import Subject
from tests.cards import card
from tests.terminal.fuzz.oracles.bench import (
    DEBIT,
    DF01,
    GPO,
    MF,
    SSSE,
    VERIFY,
    WITH_PIN,
    WRONG_OFFLINE_PIN,
    WRONG_PIN,
    auth,
    card_auth,
    complaint,
    subject,
)

ASK = "> 00 20 00 00 00\n"
WRONG_UK = auth("UKSSSE", "RKSSSE")
CHANGE = "> 80 5E 01 00 07 999999 FF 123456\n"
BY_ANSWERS = {
    "pin-tries-not-lowered": SSSE + WRONG_PIN * 2,
    "pin-tries-restored-by-reset": SSSE + WRONG_PIN * 2 + "reset\n" + SSSE + ASK,
    "pin-blocked-works": SSSE + WRONG_PIN * 6 + VERIFY,
    "verify-query-lowers": SSSE + WRONG_PIN + ASK * 2,
    "key-tries-not-lowered": SSSE + WRONG_UK * 2,
    "key-tries-restored-by-reset": SSSE + WRONG_UK * 2 + "reset\n" + SSSE + WRONG_UK,
    "key-blocked-works": SSSE + WRONG_UK * 3 + auth("UKSSSE"),
    "card-key-tries-unlimited": card_auth("transport") * 2,
    "tries-restored-by-select": SSSE + WRONG_PIN * 2 + SSSE + ASK,
    "last-try-lost": SSSE + WRONG_PIN * 6,
    "change-failure-free": SSSE + WRONG_PIN + CHANGE * 2,
}
"""Defects that the answers of any card show."""
BY_CELLS = {
    "pin-tries-late": SSSE + VERIFY,
    "early-writes-taken-back": SSSE + WRONG_PIN,
    "pin-tries-not-restored": SSSE + WRONG_PIN + VERIFY,
    "verify-one-more": SSSE + WRONG_PIN,
    "key-tries-not-restored": SSSE + auth("UKSSSE"),
    "authenticate-one-more": SSSE + WRONG_UK,
    "counters-shared": SSSE + WRONG_UK,
    "success-gives-one-back": SSSE + WRONG_UK * 2 + auth("UKSSSE"),
    "success-gives-fifteen": SSSE + WRONG_UK + auth("UKSSSE"),
    "pin-counter-shared": DEBIT + GPO + WRONG_OFFLINE_PIN,
    "card-key-tries-not-restored": card_auth("transport") + card_auth("master"),
}
"""Defects that the cells of a model show at once."""


def by_answers(text: str, defect: str) -> str:
    """What is said of a card whose inside nobody sees."""
    inner = subject(defect)
    run = Executor(Subject(inner.card, inner.keys), [TryCounters()]).run(parse_sequence(text))
    return "" if run.complaint is None else run.complaint.text


@pytest.mark.parametrize("defect", BY_ANSWERS)
def test_answers_show_it(defect: str) -> None:
    assert by_answers(BY_ANSWERS[defect], defect)
    assert by_answers(BY_ANSWERS[defect], "") == ""


@pytest.mark.parametrize("defect", [*BY_CELLS, *BY_ANSWERS])
def test_cells_show_it(defect: str) -> None:
    text = (BY_CELLS | BY_ANSWERS)[defect]
    assert complaint(TryCounters(), text, defect).startswith("try-counters: ")
    assert complaint(TryCounters(), text) == ""


def test_complaints_have_numbers_and_names() -> None:
    said = complaint(TryCounters(), BY_CELLS["counters-shared"], "counters-shared")
    assert "tries of external key 06 from 3 to 2" in said
    assert by_answers(BY_ANSWERS["last-try-lost"], "last-try-lost").endswith("is locked, where it had 1 tries left")


UNBLOCK = auth("PUK") + "> 00 84 00 00 08\n> 84 24 00 00 04 {secured STKSSSE 84240000}\n"


@pytest.mark.parametrize(
    "text",
    [
        SSSE + WRONG_PIN * 7 + UNBLOCK + ASK + VERIFY,
        SSSE + WRONG_PIN + "cut 1\n" + WRONG_PIN + SSSE + ASK + WRONG_PIN,
        SSSE + "cut 3\n" + VERIFY + SSSE + ASK,
        DF01 + auth("UK1DF01", "RK1DF01") * 4 + auth("RK1DF01"),
        SSSE + "> 80 5E 01 00 04 {pin} FF\n" + "> 00 20 00 00 03 999999\n" * 2 + ASK,
        MF + card_auth("transport") * 6,
        SSSE + "fail-page 1\n" + WRONG_PIN + WRONG_PIN,
    ],
)
def test_what_is_right_is_no_complaint(text: str) -> None:
    """Unblocking, cuts, several keys, an empty PIN, a page that fails."""
    assert complaint(TryCounters(), text) == ""
    assert by_answers(text.replace("cut", "# cut").replace("fail", "# fail"), "") == ""


def test_an_application_may_be_selected_by_a_part_of_its_name() -> None:
    text = "> 00 A4 04 00 07 A0000003330101\n" + GPO + WRONG_OFFLINE_PIN
    assert complaint(TryCounters(), text) == ""
    assert complaint(TryCounters(), text, "pin-counter-shared")


def test_counters_in_cells_that_held_a_directory_before() -> None:
    """A long campaign makes files everywhere; then each try makes the model be described anew."""
    used = subject()
    assert used.control is not None
    model = card(WITH_PIN, on=False).model
    for meter in used.control.meters():
        model.eeprom.mark_directory(meter.cells.start, meter.cells.stop)
    run = Executor(Subject(model, used.keys, model), [TryCounters()]).run(parse_sequence(SSSE + WRONG_PIN * 6))
    assert run.complaint is None
    assert run.exchanges[-1].sw == 0x63C0
