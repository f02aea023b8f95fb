"""The financial terminal and the bank's host against a fake card."""

from dataclasses import replace

import pytest

from terminal.flows.financial.flow import FinancialOutcome, Result
from terminal.flows.financial.transaction import OdaMethod
from terminal.messages.bank import HostAnswer, TransactionType
from terminal.outcome import Cause, Verdict
from terminal.security import PinCipher
from terminal.terminals import ATM
from tests.terminal.fakes import AID, PAN, FakeCard, debit_records
from tests.terminal.helpers import FINANCIAL, ScriptedHost, at_terminal, on_command, run_financial, services


def declined(outcome: FinancialOutcome, arc: str) -> None:
    assert outcome.result is Result.DECLINED
    assert outcome.arc == arc


def test_honest_card_is_approved_online() -> None:
    card = FakeCard()
    outcome = run_financial(card)
    assert outcome.verdict is Verdict.APPROVED
    assert (outcome.oda.method, outcome.oda.problem) == (OdaMethod.DDA, "")
    assert outcome.tvr.hex().upper() == "0000048000"
    assert outcome.tsi.hex().upper() == "F800"
    assert outcome.cvm_result.hex().upper() == "020300"
    assert [c.check.value for c in outcome.cryptograms] == ["right", "right"]
    assert [c.cid for c in outcome.cryptograms] == [0x80, 0x40]
    assert not card.powered


def test_gpo_carries_the_amount() -> None:
    """The PDOL of the card is 9F7A 9F02 5F2A: a small purchase asks for electronic cash."""
    card = FakeCard()
    run_financial(card)
    assert bytes.fromhex("80A800000B8309010000000012340156") in card.log


def test_sda_where_the_card_has_no_dda() -> None:
    outcome = run_financial(FakeCard(aip=bytes.fromhex("5C00")))
    assert outcome.verdict is Verdict.APPROVED
    assert (outcome.oda.method, outcome.oda.problem) == (OdaMethod.SDA, "")


def test_no_common_method_sets_tvr() -> None:
    outcome = run_financial(FakeCard(aip=bytes.fromhex("1C00")))
    assert outcome.tvr[0] == 0x80
    assert outcome.tsi[0] & 0x80 == 0


@pytest.mark.parametrize(
    ("place", "tag", "aip", "bit"),
    [
        ((2, 1), 0x90, "7C00", 0x08),
        ((2, 4), 0x9F46, "7C00", 0x08),
        ((2, 2), 0x92, "7C00", 0x08),
        ((2, 3), 0x93, "5C00", 0x40),
        ((2, 1), 0x90, "5C00", 0x40),
    ],
)
def test_tampered_certificates_fail_and_are_declined(place: tuple[int, int], tag: int, aip: str, bit: int) -> None:
    card = FakeCard(aip=bytes.fromhex(aip))
    value = card.records[place][tag]
    card.records[place][tag] = value[:-1] + bytes((value[-1] ^ 1,))
    outcome = run_financial(card)
    assert outcome.tvr[0] == bit
    assert outcome.tsi[0] & 0x80
    declined(outcome, "05")
    assert outcome.verdict is Verdict.FAILED
    assert outcome.faults


def test_changed_static_data_fail_dda() -> None:
    card = FakeCard()
    card.records[3, 1][0x9F07] = bytes.fromhex("FF00")
    assert run_financial(card).oda.problem


def test_missing_certificate_is_data_missing() -> None:
    card = FakeCard()
    card.records[2, 4][0x9F46] = b""
    assert run_financial(card).tvr[0] == 0x28


def test_unknown_ca_key_is_no_fault_of_the_card() -> None:
    outcome = run_financial(FakeCard(), replace(FINANCIAL, ca_keys=()))
    assert outcome.tvr[0] == 0x08
    assert not outcome.faults


def test_wrong_arqc_is_declined_without_arpc() -> None:
    card = FakeCard(wrong_ac=True)
    outcome = run_financial(card)
    declined(outcome, "05")
    assert outcome.verdict is Verdict.FAILED
    assert "ARQC wrong" in outcome.faults[0]
    assert not any(command[:4] == bytes.fromhex("00820000") for command in card.log)


def test_card_that_refuses_the_right_arpc() -> None:
    outcome = run_financial(FakeCard(override=on_command(0x82, "6300")))
    assert outcome.tvr[4] == 0x40
    assert outcome.faults == ("the card refuses the right ARPC (6300)",)


@pytest.mark.parametrize(("changes", "text"), [({"country": b"\x08\x40"}, "service"), ({"currency": b"\x08\x40"}, "")])
def test_abroad_is_declined(changes: dict[str, bytes], text: str) -> None:
    outcome = run_financial(FakeCard(), at_terminal(FINANCIAL, **changes))
    assert outcome.verdict is Verdict.DECLINED
    assert outcome.arc == ("Z1" if text else "05")


def test_host_refuses_a_foreign_country_itself() -> None:
    """D38: with a card that does not object, the host declines with 05 and an ARPC that the card accepts."""
    card = FakeCard()
    del card.records[3, 1][0x9F07]
    card.__post_init__()
    outcome = run_financial(card, at_terminal(country=b"\x08\x40"))
    assert outcome.verdict is Verdict.DECLINED
    declined(outcome, "05")
    assert any(command[:5] == bytes.fromhex("008200000A") for command in card.log)


def test_wrong_online_pin() -> None:
    outcome = run_financial(FakeCard(), with_=services(pin="1111"))
    declined(outcome, "55")
    assert outcome.verdict is Verdict.DECLINED


def test_no_pin_entered_is_denied_by_the_card() -> None:
    outcome = run_financial(FakeCard(), with_=services(pin=None))
    assert outcome.tvr[2] == 0x88
    declined(outcome, "Z1")


def test_expired_card() -> None:
    card = FakeCard()
    card.records[3, 1][0x5F24] = bytes.fromhex("251231")
    card.__post_init__()
    outcome = run_financial(card)
    assert outcome.tvr[1] == 0x40
    declined(outcome, "54")


def test_card_that_declines_an_approval_is_reversed() -> None:
    def refuse(command: bytes) -> bytes | None:
        return bytes.fromhex("8013000007" + "00" * 8 + "07010103200002019000") if command[1:3] == b"\xae\x40" else None

    host = services()
    outcome = run_financial(FakeCard(override=refuse, t0=False), with_=host)
    assert outcome.result is Result.DECLINED
    assert outcome.reversal


def test_error_in_the_second_cryptogram_declines_and_reverses() -> None:
    def refuse(command: bytes) -> bytes | None:
        return b"\x69\x85" if command[1:3] == b"\xae\x40" else None

    outcome = run_financial(FakeCard(override=refuse))
    assert outcome.result is Result.DECLINED
    assert outcome.verdict is Verdict.FAILED
    assert outcome.reversal


@pytest.mark.parametrize("decision", [0x00, 0x40, 0xC0])
def test_card_decisions_at_the_first_cryptogram(decision: int) -> None:
    outcome = run_financial(FakeCard(card_decision=decision))
    expected = {0x00: Result.DECLINED, 0x40: Result.TERMINATED, 0xC0: Result.TERMINATED}
    assert outcome.result is expected[decision]


def test_host_not_reached() -> None:
    outcome = run_financial(FakeCard(), with_=replace(services(), host=None))
    declined(outcome, "Z3")
    assert outcome.verdict is Verdict.DECLINED


@pytest.mark.parametrize("chip", ["9107" + "00" * 7, "91", "9111" + "00" * 17])
def test_malformed_host_answers_count_as_not_reached(chip: str) -> None:
    host = ScriptedHost(HostAnswer("00", bytes.fromhex(chip)))
    outcome = run_financial(FakeCard(), with_=replace(services(), host=host))
    declined(outcome, "Z3")


def test_below_the_floor_limit_a_clean_transaction_is_offline() -> None:
    application = replace(FINANCIAL.terminal.applications[0], floor_limit=10000)
    card = FakeCard()
    card.records[3, 1][0x8E] = bytes.fromhex("00000000000000001F00")
    card.__post_init__()
    outcome = run_financial(card, at_terminal(applications=(application,)))
    assert outcome.verdict is Verdict.APPROVED
    assert outcome.reason == "approved offline"
    assert sum(command[1] == 0xAE for command in card.log) == 1


def test_velocity_and_new_card() -> None:
    card = FakeCard()
    card.records[3, 1] |= {0x9F14: b"\x02", 0x9F23: b"\x05"}
    card.__post_init__()
    outcome = run_financial(card)
    assert outcome.tvr[1] & 0x08
    assert outcome.tvr[3] & 0x60 == 0x60


def test_card_without_pse_but_with_the_application() -> None:
    def no_directory(command: bytes) -> bytes | None:
        return b"\x6a\x82" if command[5:] == b"1PAY.SYS.DDF01" else None

    card = FakeCard(override=no_directory)
    assert run_financial(card).verdict is Verdict.APPROVED
    names = [command[5:] for command in card.log if command[1] == 0xA4]
    assert names[1] == AID


def test_plain_social_card_is_not_accepted() -> None:
    card = FakeCard(with_pse=False)
    outcome = run_financial(card)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.NOT_ACCEPTED
    assert sum(command[1] == 0xA4 for command in card.log) == 5, "the environment and four AIDs were tried"


def test_blocked_card_ends_at_once() -> None:
    card = FakeCard(override=on_command(0xA4, "6A81"))
    outcome = run_financial(card)
    assert outcome.blocked
    assert len(card.log) == 1


@pytest.mark.parametrize("tag", [0x5F24, 0x5A])
def test_mandatory_data(tag: int) -> None:
    card = FakeCard()
    del card.records[3, 1][tag]
    outcome = run_financial(card)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.CARD_DATA


def test_atm_cash_and_inquiry() -> None:
    cash = replace(FINANCIAL, terminal=ATM, kind=TransactionType.CASH)
    assert run_financial(FakeCard(), cash).verdict is Verdict.APPROVED
    inquiry = replace(FINANCIAL, terminal=ATM, kind=TransactionType.INQUIRY, amount=0)
    outcome = run_financial(FakeCard(), inquiry)
    assert outcome.verdict is Verdict.APPROVED


@pytest.mark.parametrize(("rules", "result"), [("01031F00", "010302"), ("1F00", "1F0002"), ("00001F00", "000001")])
def test_cvm_rules(rules: str, result: str) -> None:
    card = FakeCard(records=debit_records())
    card.records[3, 1][0x8E] = bytes(8) + bytes.fromhex(rules)
    card.__post_init__()
    assert run_financial(card).cvm_result.hex().upper() == result


def test_pin_block_depends_on_pin_and_card() -> None:
    cipher = PinCipher(bytes(range(16)))
    block = cipher.encipher("123456", PAN)
    assert cipher.matches(block, "123456", PAN)
    assert not cipher.matches(block, "123457", PAN)
    assert not cipher.matches(block, "123456", PAN[:-2] + "99")
    assert "123456" not in block.hex()


def test_no_pin_pad_at_all() -> None:
    """Nobody can enter the PIN that the card asks for: "PIN required, not entered"."""
    outcome = run_financial(FakeCard(), with_=replace(services(), pin_pad=None))
    assert outcome.tvr[2] & 0x08
