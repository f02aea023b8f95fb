"""The social-security terminal against a fake card."""

from dataclasses import replace
from datetime import datetime

import pytest

from cardsim.crypto.social import Suite
from terminal.flows.social.flow import SocialConfig
from terminal.outcome import Cause, Verdict
from tests.terminal.fakes import FakeCard
from tests.terminal.helpers import SOCIAL_PIN, on_command, run_social, services


@pytest.mark.parametrize("suite", list(Suite))
def test_honest_card_passes(suite: Suite) -> None:
    card = FakeCard(suite=suite)
    outcome = run_social(card)
    assert outcome.verdict is Verdict.PASSED
    assert (outcome.suite, outcome.version) == (suite, "3.0")
    assert outcome.card_authenticated
    assert outcome.terminal_authenticated
    assert [item.tag for item in outcome.holder] == [0x08, 0x09, 0x4E, 0x0A, 0x0B, 0x0C, 0x0D]
    assert {item.name: item.text for item in outcome.holder}["name"] == "李四"
    assert not card.powered
    assert card.power_cycles == 1


def test_the_commands_are_those_of_the_standard() -> None:
    """TRM-035, TRM-045, TRM-047, TRM-051: SELECT by name, seven records of EF05, then the two random numbers."""
    card = FakeCard(t0=False)
    run_social(card)
    headers = [command[:4].hex().upper() for command in card.log]
    records = [f"00B2{n:02X}04" for n in range(1, 8)]
    assert headers == [
        "00A40400",
        "00A40200",
        *records,
        "00880000",
        "00840000",
        "00840000",
        "0082000A",
        "00A40200",
        *records,
    ]
    assert card.log[0].hex().upper() == "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
    assert card.log[1].hex().upper() == "00A4020002EF05"


@pytest.mark.parametrize(("version", "records"), [("2.01", 7), ("1.00", 6), ("", 6)])
def test_older_cards_have_a_free_ef06(version: str, records: int) -> None:
    card = FakeCard(suite=Suite.DES, version=version)
    outcome = run_social(card)
    assert outcome.verdict is Verdict.PASSED
    assert not outcome.terminal_authenticated
    assert len(outcome.holder) == records
    assert not any(command[1] == 0x82 for command in card.log)


def test_ssf33_is_refused() -> None:
    """TRM-041: a cipher that is not in the terminal's list ends the transaction."""
    outcome = run_social(FakeCard(algorithm=2))
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.ALGORITHM
    assert "SSF33" in outcome.reason


def test_without_an_algorithm_the_area_code_decides() -> None:
    """TRM-040: without tag 86 the default cipher is taken."""
    card = FakeCard(suite=Suite.DES, algorithm=0)
    assert run_social(card).verdict is Verdict.PASSED


def test_wrong_internal_authentication_stops_before_ef06() -> None:
    """TRM-050: a foreign IRK ends it, and no further file is read."""
    card = FakeCard(irk=bytes(16))
    outcome = run_social(card)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.NOT_AUTHENTIC
    assert not outcome.holder
    assert card.log[-1][1] in (0x88, 0xC0)


def test_a_card_that_refuses_the_terminal() -> None:
    outcome = run_social(FakeCard(override=on_command(0x82, "63C2")))
    assert outcome.failure is not None
    assert (outcome.failure.cause, str(outcome.failure.sw)) == (Cause.ACCESS, "63C2")


@pytest.mark.parametrize(
    ("card", "word"),
    [
        (FakeCard(expires="20250101"), "expired"),
        (FakeCard(issued="20270101"), "valid from"),
        (FakeCard(card_type=b"7"), "card type"),
        (FakeCard(version="9.00"), "version"),
        (FakeCard(expires="20251399"), "no date"),
    ],
)
def test_invalid_cards(card: FakeCard, word: str) -> None:
    outcome = run_social(card)
    assert outcome.verdict is Verdict.FAILED
    assert word in outcome.reason
    assert not any(command[1] == 0x88 for command in card.log)


def test_the_day_of_expiry_is_valid() -> None:
    card = FakeCard(expires="20261121")
    assert run_social(card).verdict is Verdict.PASSED
    assert run_social(card, SocialConfig(datetime(2026, 11, 22))).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("sw", "cause"), [("6A82", Cause.NO_ENVIRONMENT), ("6A81", Cause.BLOCKED), ("9303", Cause.BLOCKED)]
)
def test_select_refused(sw: str, cause: Cause) -> None:
    outcome = run_social(FakeCard(override=on_command(0xA4, sw)))
    assert outcome.failure is not None
    assert outcome.failure.cause is cause
    assert outcome.blocked == (cause is Cause.BLOCKED)


def test_pin_right_wrong_locked_and_absent() -> None:
    assert run_social(FakeCard(), SOCIAL_PIN).pin_verified
    wrong = FakeCard()
    outcome = run_social(wrong, SOCIAL_PIN, services(pin="999999"))
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.PIN
    assert wrong.pin_tries == 2, "a wrong PIN is tried once, not until it is locked"
    locked = run_social(FakeCard(pin_tries=0), SOCIAL_PIN)
    assert "locked" in locked.reason
    no_pin = run_social(FakeCard(pin=None), SOCIAL_PIN)
    assert no_pin.verdict is Verdict.PASSED
    assert not no_pin.pin_verified


def test_odd_pins_are_filled_with_f() -> None:
    card = FakeCard(pin="12345F")
    assert run_social(card, SOCIAL_PIN, services(pin="12345")).pin_verified


def test_terminal_without_keys() -> None:
    outcome = run_social(FakeCard(), with_=replace(services(), security_module=None))
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.KEY_MISSING
