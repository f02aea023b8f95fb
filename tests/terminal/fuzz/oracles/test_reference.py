"""The oracle that compares with a clean model in lockstep."""

import pytest

from terminal.fuzz.executor import Executor
from terminal.fuzz.oracles.reference import Reference
from terminal.fuzz.sequence import parse_sequence
from terminal.fuzz.subject import Subject
from tests.terminal.fuzz.oracles.bench import DEBIT, DF04, GPO, LOAD, SSSE, VERIFY, WRONG_PIN, auth, storm, subject

DIFFERING = {
    "le-zero-served": SSSE + "> 00 B2 01 2C 00\n",
    "random-constant": SSSE + "> 00 84 00 00 08\n",
    "ef06-free": SSSE + ">> 00 B2 01 34 00\n",
    "load-not-booked": DF04 + LOAD + "> B0 26 00 01 04\n",
    "challenge-reusable": SSSE + auth("RKSSSE") + "> 00 82 00 {id RKSSSE} 10 {auth RKSSSE}\n",
    "rights-survive-reset": SSSE + auth("RKSSSE") + "reset\n" + SSSE + ">> 00 B2 01 34 00\n",
    "atc-not-raised": DEBIT + GPO + "> 80 CA 9F 36 05\n",
    "journal-not-recovered": SSSE
    + auth("UKSSSE")
    + "cut 1\n> 00 DC 03 2C 06 0304322E3939\n"
    + SSSE
    + ">> 00 B2 03 2C 00\n",
    "atr-historical-cut": "",
}


def said(text: str, defect: str) -> str:
    """The complaint about a card with a defect."""
    run = Executor(subject(defect), [Reference(subject())]).run(parse_sequence(text + "> 00 84 00 00 08\n"))
    return "" if run.complaint is None else run.complaint.text


@pytest.mark.parametrize("defect", DIFFERING)
def test_a_difference_is_seen(defect: str) -> None:
    assert said(DIFFERING[defect], defect)
    assert said(DIFFERING[defect], "") == ""


def test_it_says_what_differs() -> None:
    assert said(SSSE + VERIFY + WRONG_PIN, "verify-one-more").endswith("is answered 63C6, by the reference 63C5")
    assert "with other data than by the reference, from byte 1 on" in said(
        *reversed(("random-constant", DIFFERING["random-constant"]))
    )


def test_faults_strike_both() -> None:
    """Cuts and failing pages of a storm hit the clean model in the same commands."""
    executor = Executor(subject(), [Reference(subject())])
    runs = [executor.run(steps) for steps, _ in zip(storm(5, cuts=True), range(40), strict=False)]
    assert [run.complaint for run in runs if run.complaint is not None] == []


def test_another_card_is_compared_by_words_and_lengths() -> None:
    """Random numbers of a card that is no model differ; status words may not."""
    other = subject("verify-one-more")
    assert other.control is not None
    other.control.reseed(99)
    foreign = Subject(other.card, other.keys)
    executor = Executor(foreign, [Reference(subject(), exact=False)])
    assert executor.run(parse_sequence(SSSE + "> 00 84 00 00 08\n" + VERIFY)).complaint is None
    assert str(executor.run(parse_sequence(SSSE + WRONG_PIN)).complaint).endswith("63C6, by the reference 63C5")
