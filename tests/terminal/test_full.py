"""Both sides in one card session, and every flow with a fault at every step."""

from collections.abc import Iterator
from random import Random

import pytest

from cardsim.crypto.social import Suite
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from terminal.driver import run
from terminal.errors import LinkError
from terminal.flows.full.flow import FullConfig, Side, full
from terminal.outcome import Verdict
from tests.terminal.fakes import FakeCard
from tests.terminal.helpers import FULL, run_financial, run_full, run_social, services

ERRORS = ("6283", "63C0", "6581", "6700", "6982", "6983", "6985", "6A80", "6A81", "6A82", "6D00", "6F00", "9303")


@pytest.mark.parametrize("suite", list(Suite))
def test_both_sides_in_one_session(suite: Suite) -> None:
    card = FakeCard(suite=suite)
    outcome = run_full(card)
    assert outcome.verdict is Verdict.PASSED
    assert outcome.social.pin_verified
    assert outcome.financial.verdict is Verdict.APPROVED
    assert card.power_cycles == 1
    assert not card.powered


def test_order_is_data() -> None:
    card = FakeCard()
    run_full(card, FullConfig(FULL.social, FULL.financial, (Side.FINANCIAL, Side.SOCIAL)))
    names = [command[5:] for command in card.log if command[1] == 0xA4 and command[2] == 4]
    assert names.index(PSE_NAME) < names.index(SSSE_NAME)


@pytest.mark.parametrize("blocked", [SSSE_NAME, PSE_NAME])
def test_a_blocked_side_leaves_the_other_alone(blocked: bytes) -> None:
    outcome = run_full(FakeCard(blocked=(blocked,)))
    social_blocked = blocked == SSSE_NAME
    assert (outcome.social.blocked, outcome.financial.blocked) == (social_blocked, not social_blocked)
    assert outcome.verdict is Verdict.FAILED
    healthy = outcome.financial.verdict if social_blocked else outcome.social.verdict
    assert healthy in (Verdict.PASSED, Verdict.APPROVED)


def exchanges() -> int:
    card = FakeCard()
    run_full(card)
    return len(card.log)


class Faulty(FakeCard):
    """Answers one exchange with something else."""

    def __init__(self, at: int, answer: bytes | Exception) -> None:
        super().__init__()
        self.at, self.answer = at, answer
        self.override = self.fault

    def fault(self, _command: bytes) -> bytes | None:
        if len(self.log) - 1 != self.at:
            return None
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def steps() -> Iterator[int]:
    return iter(range(exchanges()))


@pytest.mark.parametrize("sw", ERRORS)
def test_an_error_at_every_step_of_the_full_flow(sw: str) -> None:
    """Never an exception, the card is powered off, and no side that was hit passes but where the rules go on."""
    reference = FakeCard()
    run_full(reference)
    first_payment = next(i for i, c in enumerate(reference.log) if c[5:] == PSE_NAME)
    application = next(i for i, c in enumerate(reference.log) if c[5:] == bytes.fromhex("A000000333010101"))
    for step in steps():
        card = Faulty(step, bytes.fromhex(sw))
        outcome = run_full(card)
        assert not card.powered
        hit_social = step < first_payment
        in_directory = first_payment <= step < application
        if hit_social and not (sw == "63C0" and reference.log[step][1] == 0x20):
            assert outcome.social.verdict is Verdict.FAILED, f"step {step}: {reference.log[step].hex()}"
            assert outcome.social.failure is not None
            assert outcome.financial.verdict is Verdict.APPROVED
        elif not hit_social:
            assert outcome.social.verdict is Verdict.PASSED
            if not in_directory:
                assert outcome.financial.verdict is Verdict.FAILED, f"step {step}: {reference.log[step].hex()}"


@pytest.mark.parametrize("seed", range(12))
def test_garbage_at_every_step(seed: int) -> None:
    random = Random(seed)
    for step in steps():
        head = random.choice((b"", b"\x6f", b"\x70\x81", b"\x80\x82\xff\xff", b"\x77", b"\x70\x7f", b"\x9f"))
        garbage = head + random.randbytes(random.choice((0, 1, 7, 30, 240)))
        card = Faulty(step, garbage + random.choice((b"\x90\x00", b"\x61\x00", b"\x6c\x00")))
        run_full(card)
        assert not card.powered


@pytest.mark.parametrize("seed", range(4))
def test_a_card_that_only_says_garbage(seed: int) -> None:
    random = Random(seed)
    card = FakeCard(override=lambda _: random.randbytes(20) + b"\x90\x00")
    assert run_full(card).verdict is Verdict.FAILED


@pytest.mark.parametrize("sw", ["6110", "6C10", "6100", "6C00"])
def test_a_card_that_never_ends(sw: str) -> None:
    card = FakeCard(override=lambda _: bytes.fromhex(sw))
    assert run_social(card).verdict is Verdict.FAILED
    assert run_financial(card).verdict is Verdict.FAILED
    assert len(card.log) < 2000


def test_a_lost_card_at_every_step_ends_the_run_with_the_power_off() -> None:
    for step in steps():
        card = Faulty(step, LinkError("the card is gone"))
        flow = full(FULL)
        with pytest.raises(LinkError):
            run(flow, card, services())
        assert not card.powered
        assert next(flow, None) is None, "the flow is closed"


@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_an_answer_without_a_status_word_is_a_lost_card(answer: bytes) -> None:
    card = FakeCard(override=lambda _: answer)
    with pytest.raises(LinkError, match="no response APDU"):
        run_social(card)
