"""The kernel against cards that it has never seen: recordings, with each answer spoiled in every way, and at random."""

from dataclasses import replace
from functools import cache, partial
from random import Random

import pytest

from cardsim.crypto import pboc
from cardsim.iso7816.tlv import TlvError, parse
from cardsim.resources import resource
from cardsim.testing.faults import FAULTS, Fault, mutate, spoil_data, status_alone
from cardsim.testing.misbehaving import Tape
from terminal.driver import Services, run
from terminal.effects import PinEntered, PinEntry, PinPurpose
from terminal.errors import LinkError
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.flows.financial.transaction import FinancialConfig, OdaMethod
from terminal.links.recording import read_recording
from terminal.messages.bank import HostAnswer, TransactionType
from terminal.outcome import Cause, Verdict
from terminal.parameters import TerminalParameters
from terminal.terminals import ATM, POS
from tests.cards import card
from tests.terminal.fakes import NOW
from tests.terminal.helpers import ScriptedHost
from tests.terminal.replay import PlayedCard, Recorder, tape_of

FIELD = (
    "card-image",
    "cmb-test-card",
    "directory-sfi-10",
    "electronic-cash-t0",
    "empty-preferred-name",
    "pboc2-electronic-cash",
)
MODEL = ("dual-3.0-sm4", "dual-3.0-sm4-offline-pin", "bank-cda", "bank-sda", "bank-debit")
TAPES = FIELD + MODEL
OFFLINE = replace(POS, terminal_type=b"\x23")
MOST_COMMANDS = 400
"""A directory of 255 records is the longest that a spoiled answer can lead to."""
RESERVED = bytes.fromhex("0107030F0F")
"""Bits of the TVR that nobody defines; byte 1 bit 2 belongs to a later EMV."""


class SamePin:
    """A holder who gives the same PIN as often as asked: no flow may rely on a holder who gets tired."""

    def enter(self, request: PinEntry) -> PinEntered:
        return PinEntered(digits="123456") if request.purpose is PinPurpose.CARD else PinEntered(block=bytes(8))


def services(seed: int = 1) -> Services:
    host = ScriptedHost(HostAnswer("00", b"\x91\x0a" + bytes(10)))
    return Services(Random(seed).randbytes, pin_pad=SamePin(), host=host)


def config(name: str, terminal: TerminalParameters = POS) -> FinancialConfig:
    bank = card("dual-3.0-sm4").keys.bank if name in FIELD else card(name).keys.bank
    assert bank is not None
    return FinancialConfig(terminal, TransactionType.PURCHASE, 1234, NOW, bank.ca)


@cache
def tape(name: str) -> Tape:
    """A recording of the data, or a session with the card of a profile."""
    if name in FIELD:
        lines = resource("recordings", f"{name}.jsonl").read_text(encoding="utf8").splitlines()
        return tape_of(name, read_recording(lines, name))
    recorder = Recorder()
    outcome = run(financial(config(name)), card(name).model, services(), recorder)
    assert outcome.result is not Result.TERMINATED
    return recorder.tape(name)


def defined(outcome: FinancialOutcome, played: PlayedCard) -> None:
    """What every run owes: an end, a reason, a cause where it was cut short, a clean TVR, a card without power."""
    assert not played.powered
    assert played.commands <= MOST_COMMANDS
    assert outcome.reason
    assert not any(a & b for a, b in zip(outcome.tvr, RESERVED, strict=True))
    terminated = outcome.result is Result.TERMINATED
    assert (outcome.failure is not None) == terminated
    if outcome.failure is not None:
        assert isinstance(outcome.failure.cause, Cause)
        assert outcome.failure.step
        assert outcome.failure.text
        assert outcome.verdict is Verdict.FAILED


def play(name: str, faults: dict[int, Fault] | None = None, terminal: TerminalParameters = POS) -> FinancialOutcome:
    played = PlayedCard(tape(name), faults)
    outcome = run(financial(config(name, terminal)), played, services())
    defined(outcome, played)
    return outcome


@pytest.mark.parametrize("name", MODEL)
def test_an_unspoiled_tape_gives_the_outcome_of_the_card(name: str) -> None:
    """The tape with the same random numbers ends as the card itself did; so the faults below hit what really runs."""
    recorder = Recorder()
    live = run(financial(config(name)), card(name).model, services(), recorder)
    replayed = play(name)
    assert (replayed.result, replayed.tvr, replayed.tsi) == (live.result, live.tvr, live.tsi)
    assert replayed.oda == live.oda
    assert replayed.oda.method is not OdaMethod.NONE
    assert len(recorder.steps) >= 10


@pytest.mark.parametrize("name", FIELD)
def test_recorded_cards_end_where_their_recording_ends(name: str) -> None:
    """Selection of the recorded cards goes as it did; the first command that nobody recorded ends the transaction."""
    outcome = play(name)
    assert outcome.failure is not None
    selected = {"cmb-test-card", "pboc2-electronic-cash", "empty-preferred-name", "directory-sfi-10"}
    if name in selected:
        assert outcome.failure.step == "start of the application"
        assert outcome.aid.hex().upper() == "A000000333010101"
        assert outcome.label == "PBOC DEBIT"
    else:
        assert outcome.failure.cause is Cause.NOT_ACCEPTED


@pytest.mark.parametrize("name", TAPES)
def test_every_fault_at_every_step_has_a_defined_outcome(name: str) -> None:
    """KRN-ERR-005, KRN-TVR-002: whatever one answer of the card is, the run ends with a result and a cause."""
    spoiled = 0
    for step in range(len(tape(name).steps)):
        for fault in FAULTS.values():
            play(name, {step: fault})
            spoiled += 1
    assert spoiled == len(tape(name).steps) * len(FAULTS)


@pytest.mark.parametrize("name", MODEL)
def test_an_unknown_status_word_ends_the_transaction_at_once(name: str) -> None:
    """KRN-ERR-001: 6F00 is terminated without a further command, but where a step has a rule of its own for it."""
    own_rule = {0xA4, 0xCA, 0x82}
    for number, step in enumerate(tape(name).steps):
        in_directory = number < 3
        if step.command[1] in own_rule or in_directory or step.answer[-2:] != b"\x90\x00":
            continue
        played = PlayedCard(tape(name), {number: status_alone(0x6F00)})
        outcome = run(financial(config(name)), played, services())
        second_cryptogram = step.command[1] == 0xAE and number > len(tape(name).steps) - 2
        assert outcome.result is (Result.DECLINED if second_cryptogram else Result.TERMINATED), step.command.hex()
        assert played.commands == number + 1


@pytest.mark.parametrize("seed", range(8))
def test_random_mutations_have_a_defined_outcome(seed: int) -> None:
    """KRN-ERR-005: up to four answers of a session are changed at random, at a POS and at an ATM."""
    random = Random(seed)
    results: set[Result] = set()
    causes: set[Cause | None] = set()
    for _ in range(400):
        name = random.choice(TAPES)
        steps = len(tape(name).steps)
        chosen = {random.randrange(steps) for _ in range(random.randrange(1, 5))}
        change = spoil_data(partial(mutate, random))
        outcome = play(name, dict.fromkeys(chosen, change), random.choice((POS, ATM, OFFLINE)))
        results.add(outcome.result)
        causes.add(None if outcome.failure is None else outcome.failure.cause)
    assert {Result.DECLINED, Result.TERMINATED} <= results
    assert {Cause.CARD_DATA, Cause.CARD_STATUS, Cause.NOT_ACCEPTED} <= causes


@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_a_mute_card_is_a_fault_of_the_link(answer: bytes) -> None:
    """A card that does not even give a status word ends the run as not reached, and without power."""
    played = PlayedCard(tape("bank-cda"), {5: lambda _answer: answer})
    with pytest.raises(LinkError, match="no response APDU"):
        run(financial(config("bank-cda")), played, services())
    assert not played.powered


def test_tlv_forms_that_the_kernel_reads() -> None:
    """KRN-ERR-003, KRN-ERR-004: tags to three bytes, lengths 00 to 7F, 81 and 82; 00 between objects is filling."""
    assert [(item.tag, item.value) for item in parse(bytes.fromhex("9F0101AA DF81010155 5A00"))] == [
        (0x9F01, b"\xaa"),
        (0xDF8101, b"\x55"),
        (0x5A, b""),
    ]
    assert parse(b"\x5a\x81\x80" + bytes(128))[0].value == bytes(128)
    assert parse(b"\x5a\x82\x01\x00" + bytes(256))[0].value == bytes(256)
    for wrong in ("5A80AA0000", "5A83000001AA", "1F818101AA", "5A02AA", "9F"):
        with pytest.raises(TlvError):
            parse(bytes.fromhex(wrong))
    assert [item.tag for item in parse(bytes.fromhex("0000820000"))] == [0x82]


def test_the_pin_of_the_tape_is_not_what_the_tape_is_matched_by() -> None:
    """The tape card takes any PIN block, so that a wrong one is no reason for 6D00."""
    steps = tape("dual-3.0-sm4-offline-pin").steps
    verify = next(step.command for step in steps if step.command[1] == 0x20)
    assert verify[5:13] == pboc.pin_block_format2("123456")
    played = PlayedCard(tape("dual-3.0-sm4-offline-pin"))
    played.power_on()
    played.transmit(next(step.command for step in reversed(steps) if step.command[1] == 0xA4))
    assert played.transmit(verify[:5] + pboc.pin_block_format2("1111")) == b"\x90\x00"
