"""Single rules of the payment kernel, by the ids of the requirement catalogue."""

from dataclasses import replace

import pytest

from cardsim.crypto.oda import sign_dynamic
from cardsim.iso7816.tlv import ber
from terminal.flows.financial.flow import Result
from terminal.messages.bank import HostAnswer
from terminal.outcome import Cause, Verdict
from tests.terminal.fakes import AID, FakeCard, template
from tests.terminal.helpers import FINANCIAL, ScriptedHost, at_terminal, run_financial, services


def answer_record(sfi: int, number: int, answer: bytes) -> FakeCard:
    """A card whose one record is something else."""

    def override(command: bytes) -> bytes | None:
        in_directory = len(card.log) < 6
        hit = command[1] == 0xB2 and (command[3] >> 3, command[2]) == (sfi, number)
        return answer + b"\x90\x00" if hit and not in_directory else None

    card = FakeCard(override=override, t0=False)
    return card


def test_krn_oda_026_a_wrong_signature_of_the_card() -> None:
    def override(command: bytes) -> bytes | None:
        return ber(0x80, b"\x01" * 96) + b"\x90\x00" if command[1] == 0x88 else None

    outcome = run_financial(FakeCard(override=override))
    assert outcome.tvr[0] == 0x08
    assert outcome.verdict is Verdict.FAILED
    assert "signed dynamic application data" in outcome.faults[0]


def test_krn_oda_026_a_signature_of_other_data() -> None:
    def override(command: bytes) -> bytes | None:
        if command[1] != 0x88:
            return None
        return ber(0x80, sign_dynamic(card.icc, b"\x03\x02\x00\x07", bytes(4))) + b"\x90\x00"

    card = FakeCard(override=override)
    assert "hash" in run_financial(card).oda.problem


@pytest.mark.parametrize(("ddol", "problem"), [("9F0206", "unpredictable number"), ("9F37", "malformed")])
def test_krn_dol_011_ddol_without_unpredictable_number(ddol: str, problem: str) -> None:
    card = FakeCard()
    card.records[2, 5][0x9F49] = bytes.fromhex(ddol)
    outcome = run_financial(card)
    assert outcome.tvr[0] == 0x08
    assert problem in outcome.oda.problem


def test_krn_oda_023_default_ddol() -> None:
    card = FakeCard()
    del card.records[2, 5][0x9F49]
    assert run_financial(card).verdict is Verdict.APPROVED


@pytest.mark.parametrize("tags", ["8294", "95"])
def test_krn_oda_017_other_tag_lists(tags: str) -> None:
    card = FakeCard()
    card.records[3, 2][0x9F4A] = bytes.fromhex(tags)
    assert run_financial(card).tvr[0] == 0x08


def test_krn_oda_022_internal_authenticate_is_sent_once_with_the_ddol() -> None:
    card = FakeCard()
    run_financial(card)
    sent = [command for command in card.log if command[1] == 0x88]
    assert len(sent) == 1
    assert sent[0][:5] == bytes.fromhex("0088000004")


@pytest.mark.parametrize(
    "record",
    [
        b"\x71\x00",
        template({0x5F20: b"A"}) * 2,
        b"\x70\x05\x5f\x20\x09",
        template({0x5F24: b"\x34\x01\x31"}),
        template({0x57: bytes.fromhex("6214672500000000999D3401")}),
    ],
)
def test_krn_rec_bad_records_end_the_transaction(record: bytes) -> None:
    outcome = run_financial(answer_record(1, 1, record))
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.CARD_DATA


def test_krn_rec_009_length_zero_is_absent() -> None:
    card = FakeCard()
    card.records[2, 2][0x9F4C] = b""
    assert all(item.tag != 0x9F4C or item.value for item in run_financial(card).items)


@pytest.mark.parametrize("afl", ["00010100", "F8010100", "08000100", "08020100", "08010103"])
def test_krn_rec_002_003_wrong_afl(afl: str) -> None:
    def override(command: bytes) -> bytes | None:
        return ber(0x80, bytes.fromhex("7C00" + afl)) + b"\x90\x00" if command[1] == 0xA8 else None

    outcome = run_financial(FakeCard(override=override))
    assert outcome.failure is not None
    assert "application file locator" in outcome.reason


@pytest.mark.parametrize("answer", ["80027C00", "80057C00080101", "770482027C00", "7000", "8010", "80067C000801010077"])
def test_krn_ini_009_010_wrong_processing_options(answer: str) -> None:
    def override(command: bytes) -> bytes | None:
        return bytes.fromhex(answer + "9000") if command[1] == 0xA8 else None

    outcome = run_financial(FakeCard(override=override))
    assert outcome.failure is not None
    assert outcome.failure.step == "start of the application"


def test_krn_ini_008_format_2() -> None:
    def override(command: bytes) -> bytes | None:
        if command[1] != 0xA8:
            return None
        card.atc += 1
        both = ber(0x82, card.aip) + ber(0x94, bytes.fromhex("080102001001050018010201"))
        return ber(0x77, both) + b"\x90\x00"

    card = FakeCard(override=override)
    assert run_financial(card).verdict is Verdict.APPROVED


def test_krn_ini_006_6985_drops_the_application() -> None:
    def override(command: bytes) -> bytes | None:
        return b"\x69\x85" if command[1] == 0xA8 else None

    outcome = run_financial(FakeCard(override=override))
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.NOT_ACCEPTED
    assert not outcome.items, "nothing of a dropped application stays (KRN-INI-011)"


def directory(*entries: tuple[str, str]) -> FakeCard:
    """A directory with entries of AID and priority."""

    def override(command: bytes) -> bytes | None:
        if command[1] == 0xB2 and card.current == "pse" and command[2] == 1:
            applications = [
                ber(0x61, ber(0x4F, bytes.fromhex(aid)) + (ber(0x87, bytes.fromhex(p)) if p else b""))
                for aid, p in entries
            ]
            return ber(0x70, b"".join(applications)) + b"\x90\x00"
        return None

    card = FakeCard(override=override)
    return card


def final_selects(card: FakeCard) -> list[str]:
    return [command[5:].hex().upper() for command in card.log if command[1] == 0xA4][1:]


def test_krn_sel_025_priority_order() -> None:
    card = directory(("A000000333010102", "02"), ("A000000333010101", "01"), ("A000000333010103", ""))
    run_financial(card)
    assert final_selects(card) == ["A000000333010101"]
    card = directory(("A000000333010102", "01"), ("A000000333010101", "02"), ("A000000333010103", ""))
    run_financial(card)
    assert final_selects(card) == ["A000000333010102", "A000000333010101"], "the first is not there: the next is taken"


def test_krn_sel_013_a_shorter_aid_never_matches() -> None:
    card = directory(("A0000003330101", "01"))
    run_financial(card)
    assert final_selects(card)[0] == AID.hex().upper(), "the list of AIDs is used (KRN-SEL-014)"


def test_krn_sel_026_an_application_that_asks_for_confirmation_is_left_out() -> None:
    card = directory(("A000000333010101", "81"))
    outcome = run_financial(card)
    assert outcome.failure is not None
    assert "confirmation" in outcome.reason


def test_krn_sel_012_020_partial_selection() -> None:
    card = directory(("A00000033301010199", "01"))
    run_financial(card)
    assert final_selects(card)[0] == "A00000033301010199"
    exact = at_terminal(applications=(replace(FINANCIAL.terminal.applications[0], partial=False),))
    card = directory(("A00000033301010199", "01"))
    run_financial(card, exact)
    assert "A00000033301010199" not in final_selects(card)


@pytest.mark.parametrize("arc", ["01", "02"])
def test_d29_referral_is_a_switch(arc: str) -> None:
    for accepts, result in ((False, Result.DECLINED), (True, Result.APPROVED)):
        bank = replace(services(), host=ScriptedHost(HostAnswer(arc)))
        assert run_financial(FakeCard(), at_terminal(accepts_referral=accepts), bank).result is result


def test_krn_iau_004_no_authentication_without_91() -> None:
    card = FakeCard()
    outcome = run_financial(card, with_=replace(services(), host=ScriptedHost(HostAnswer("00"))))
    assert not any(command[:2] == b"\x00\x82" for command in card.log)
    assert outcome.tsi[0] & 0x10 == 0


def test_krn_cmp_002_arqc_as_second_cryptogram_declines() -> None:
    def override(command: bytes) -> bytes | None:
        if command[1:3] == b"\xae\x40":
            return ber(0x80, b"\x80\x00\x07" + bytes(8) + bytes.fromhex("0701010360000201")) + b"\x90\x00"
        return None

    outcome = run_financial(FakeCard(override=override, t0=False))
    assert outcome.result is Result.DECLINED


def test_krn_res_001_versions() -> None:
    card = FakeCard()
    card.records[3, 2][0x9F08] = b"\x00\x30"
    assert run_financial(card).tvr[1] == 0x80


def test_krn_cvm_033_unknown_method() -> None:
    card = FakeCard()
    card.records[3, 1][0x8E] = bytes(8) + bytes.fromhex("55001F00")
    card.__post_init__()
    outcome = run_financial(card)
    assert outcome.tvr[2] == 0x40
    assert outcome.cvm_result.hex() == "1f0002"


@pytest.mark.parametrize(("sw", "bit"), [("6983", 0x20), ("6984", 0x20), ("63C0", 0x20)])
def test_krn_cvm_018_pin_tries_exceeded(sw: str, bit: int) -> None:
    def override(command: bytes) -> bytes | None:
        return bytes.fromhex(sw) if command[1] == 0x20 else None

    card = FakeCard(override=override)
    card.records[3, 1][0x8E] = bytes(8) + bytes.fromhex("41031F00")
    card.__post_init__()
    outcome = run_financial(card)
    assert outcome.tvr[2] & bit
    assert outcome.cvm_result.hex() == "1f0002"


def test_krn_taa_007_default_codes_decide_offline() -> None:
    """With nothing against it in the default codes, a terminal that cannot go online approves (Y3)."""
    application = replace(FINANCIAL.terminal.applications[0], tac_default=bytes(5))
    card = FakeCard()
    card.records[3, 1][0x9F0D] = bytes(5)
    card.__post_init__()
    outcome = run_financial(card, at_terminal(applications=(application,)), replace(services(), host=None))
    assert (outcome.result, outcome.arc) == (Result.APPROVED, "Y3")


def test_krn_cvm_019_another_status_of_verify_ends_the_transaction() -> None:
    def override(command: bytes) -> bytes | None:
        return b"\x6a\x86" if command[1] == 0x20 else None

    card = FakeCard(override=override)
    card.records[3, 1][0x8E] = bytes(8) + bytes.fromhex("41031F00")
    card.__post_init__()
    outcome = run_financial(card)
    assert outcome.result is Result.TERMINATED
    assert outcome.failure is not None
    assert str(outcome.failure.sw) == "6A86"
