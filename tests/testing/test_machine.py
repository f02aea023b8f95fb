"""The state machine holds on clean cards, and each of its rules fails on a card with the defect that breaks it."""

from typing import ClassVar

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from cardsim.assembly import CardModel
from cardsim.iso7816.card import Card
from cardsim.keyfile import KeyFile
from cardsim.testing.bench import Bench, key_references
from cardsim.testing.checked import CheckedCard
from cardsim.testing.checks import Broken, Check, never_mute
from cardsim.testing.machine import CardMachine
from cardsim.testing.models import model_card, model_keys
from tests.testing.support import run, with_defect

ENOUGH = 1000
"""Examples that find each of them whatever the seed; with three seeds it took 2 to 302."""

FOUND = {
    "class-6D00": "declared answers",
    "instruction-6E00": "declared answers",
    "get-data-at-pse": "declared answers",
    "response-length-off": "announced lengths",
    "wrong-le-length-off": "announced lengths",
    "pending-survives-command": "announced lengths",
    "response-repeatable": "announced lengths",
    "get-data-gives-keys": "no secret in an answer",
    "pin-tries-not-lowered": "try counters",
    "pin-tries-not-restored": "try counters",
    "verify-query-lowers": "try counters",
    "key-tries-restored-by-reset": "try counters",
    "last-try-lost": "try counters",
    "pin-survives-leaving": "access",
    "rights-survive-leaving": "access",
    "rights-survive-reset": "access",
    "challenge-reusable": "challenges",
    "challenge-survives-reset": "challenges",
    "failure-keeps-challenge": "challenges",
    "random-twice": "challenges",
    "load-not-booked": "medical balance",
    "purchase-not-deducted": "medical balance",
    "state-survives-failure": "medical balance",
    "atc-not-raised": "transaction counter",
    "atc-taken-back": "transaction counter",
}
"""Defects and the rule that finds them."""


@pytest.mark.parametrize(
    "profile", ["dual-3.0-sm4", "dual-3.0-des-offline-pin", "dual-2.0-des", "social-1.0", "bank-cda"]
)
def test_clean_cards_pass(profile: str) -> None:
    """No rule complains of the model, with all its secrets and without sparing it."""

    class Clean(CardMachine):
        spare = False
        keys = model_keys(profile)

        def make_card(self) -> CardModel:
            return model_card(profile)

    run(Clean, 15)


@pytest.mark.parametrize("defect", FOUND)
def test_defects_are_found(defect: str) -> None:
    """A card with one fault breaks the rule that is about it."""
    with pytest.raises(Broken) as found:
        run(with_defect(defect), ENOUGH)
    assert found.value.rule == FOUND[defect]


def test_wrong_secrets_are_refused() -> None:
    """A card that takes a wrong MAC is found by the step itself."""
    with pytest.raises(AssertionError, match="the card has taken a wrong MAC"):
        run(with_defect("load-mac2-ignored"), ENOUGH)


class TestSparing:
    """A card that is to live on has all its tries when the machine has done with it, and the same content."""

    CARD: ClassVar[CardModel] = model_card()

    def test_the_card_lives_on(self) -> None:
        """One card for all examples: nothing is locked, every try is there, only what a visit changes has changed."""

        class Spared(CardMachine):
            def make_card(self) -> Card:
                return TestSparing.CARD

        run(Spared, 25)
        bench = Bench(self.CARD, model_keys())
        bench.reset()
        for reference in key_references():
            bench.select(reference.df)
            assert bench.authenticate(reference) == 0x9000, reference.name
        assert bench.verify() == 0x9000
        full = Bench(model_card(), model_keys())
        full.reset()
        full.select(key_references()[0].df)
        full.verify()
        bench.select(key_references()[0].df)
        assert bench.tries() == full.tries()

    def test_no_more_than_one_wrong_secret(self) -> None:
        """A second wrong PIN waits for the right one."""
        counted = Counting(model_card())

        class Spared(CardMachine):
            def make_card(self) -> Card:
                return counted

        machine = Spared()
        machine.power_on()
        machine.verify(right=False, times=8, way=b"")
        assert counted.wrong == 1
        machine.verify(right=True, times=1, way=b"")
        machine.verify(right=False, times=8, way=b"")
        assert counted.wrong == 2
        machine.teardown()
        assert counted.last_right
        machine.raw(bytes.fromhex("0020000003111111"))
        assert counted.wrong == 2


class Counting:
    """Counts wrong PINs."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self.wrong = 0
        self.last_right = False

    def power_on(self) -> bytes:
        return self._card.power_on()

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        if command[:2] == b"\x00\x20" and len(command) > 5:
            self.last_right = answer == b"\x90\x00"
            self.wrong += not self.last_right
        return answer

    def power_off(self) -> None:
        self._card.power_off()


def test_others_put_in_their_own() -> None:
    """Card, keys and checks are what a subclass says; steps without a key do nothing."""
    shown: list[bytes] = []

    class Own(CardMachine):
        keys = KeyFile()

        def checks(self) -> tuple[Check, ...]:
            return never_mute, lambda seen: shown.append(seen.command)

    run(Own, 5)
    assert shown
    assert not any(command[:2] == b"\x00\x82" for command in shown if len(command) == 21)
    assert issubclass(Own, RuleBasedStateMachine)
    assert Own.TestCase


def test_a_fault_ends_an_example_with_the_rule_in_words() -> None:
    """The message names the rule, the command and the answer, and shows no PIN."""
    machine = with_defect("pin-tries-not-lowered")()
    machine.power_on()
    with pytest.raises(Broken) as found:
        machine.verify(right=False, times=8, way=b"")
    machine.teardown()
    text = str(found.value)
    assert text.startswith("try counters: ")
    assert "0020000003******" in text
    assert isinstance(machine.card, CheckedCard)
