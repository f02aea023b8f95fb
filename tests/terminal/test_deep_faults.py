"""Faults inside the answers of drawn cards: objects changed, doubled, nested, renamed; chains of 61xx and 6Cxx."""

from random import Random

import pytest

from cardsim.testing.faults import spoil_objects
from terminal.flows.financial.flow import FinancialOutcome, Result
from tests.terminal.test_kernel_oracle import DrawnCard, DrawnHost, act, draw

_MOST_COMMANDS = 300
"""A directory or a file of 255 records is the longest that one answer can lead to."""


class _Spoiling(DrawnCard):
    """A drawn card that spoils some of its answers."""

    def __init__(self, card: DrawnCard, random: Random) -> None:
        super().__init__(card.drawn)
        self.random = random
        self.spoils = {random.randrange(25) for _ in range(random.choice((1, 1, 2, 3)))}
        self.all_records = random.random() < 0.02

    def transmit(self, command: bytes) -> bytes:
        answer = super().transmit(command)
        if len(self.log) - 1 not in self.spoils and not (self.all_records and command[1] == 0xB2):
            return answer
        match self.random.randrange(14):
            case 0:
                return self.random.choice((b"\x61\x00", b"\x6c\x00", b"\x61\xff", b"\x6c\x05"))
            case 1:
                return answer[:-2] + b"\x61\x10"
            case 2:
                return self.random.randbytes(256) + b"\x90\x00"
            case _:
                return spoil_objects(self.random, answer[:-2]) + answer[-2:]


def _run(seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[FinancialOutcome, DrawnCard, DrawnHost]:
    random, plain = Random(seed), DrawnCard
    with monkeypatch.context() as patch:
        patch.setattr("tests.terminal.test_kernel_oracle.DrawnCard", lambda card: _Spoiling(plain(card), random))
        outcome, card, host, _ = act(draw(seed))
    return outcome, card, host


def test_faults_inside_the_answers_have_a_defined_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """KRN-ERR-005: no exception, no endless run, a reason at the end, and a card without power."""
    results = set()
    for seed in range(1000, 1250):
        outcome, card, host = _run(seed, monkeypatch)
        assert not card.powered
        assert outcome.reason
        assert (outcome.failure is not None) == (outcome.result is Result.TERMINATED)
        assert len(card.log) <= _MOST_COMMANDS, f"seed {seed}"
        assert len(host.messages) <= 4, f"seed {seed}"
        results.add(outcome.result)
    assert results == set(Result)
