"""Issuer scripts of the bank's answer: order, failures, results, notice (KRN-SCR)."""

from dataclasses import replace

import pytest

from cardsim.decode.explain import explain_ber
from cardsim.iso7816.tlv import ber, find, parse
from terminal.driver import Services, run
from terminal.effects import Shelf
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.storage import MemoryStorage
from tests.crypto.published import VECTORS
from tests.terminal.fakes import FakeCard
from tests.terminal.helpers import at_terminal, services

LOAD = "04DA9F790A0000000002007C0DE18C"
BLOCK = "8418000004D876B77B"


def template(tag: int, *commands: str, identifier: str = "") -> bytes:
    parts = [ber(0x9F18, bytes.fromhex(identifier))] if identifier else []
    return ber(tag, b"".join([*parts, *(ber(0x86, bytes.fromhex(command)) for command in commands)]))


class Bank:
    """A host that gives the chip data once, to the request, and acknowledges everything else."""

    def __init__(self, chip: bytes, arc: str = "00", *, reached: bool = True) -> None:
        self.chip, self.arc, self.reached = chip, arc, reached
        self.messages: list[HostMessage] = []

    def handle(self, message: HostMessage) -> HostAnswer | None:
        self.messages.append(message)
        if not self.reached:
            return None
        return HostAnswer(self.arc, self.chip) if message.kind is MessageKind.AUTHORISE else HostAnswer("00")

    def told(self, kind: MessageKind) -> list[HostMessage]:
        return [message for message in self.messages if message.kind is kind]


def script_card(*refusals: tuple[int, str]) -> FakeCard:
    """A card that takes scripts with 9000, but the n-th command (from 1 on) with the status word that is named."""
    answers = dict(refusals)
    seen: list[bytes] = []

    def override(command: bytes) -> bytes | None:
        if command[0] not in (0x04, 0x84):
            return None
        seen.append(command)
        return bytes.fromhex(answers.get(len(seen), "9000"))

    return FakeCard(override=override)


def scripts_of(card: FakeCard) -> list[str]:
    return [command.hex().upper() for command in card.log if command[0] in (0x04, 0x84)]


def play(card: FakeCard, bank: Bank, *, limit: int = 128, kind: TransactionType = TransactionType.PURCHASE,
         with_: Services | None = None) -> FinancialOutcome:  # fmt: skip
    config = replace(at_terminal(script_limit=limit), kind=kind)
    return run(financial(config), card, replace(with_ or services(), host=bank))


def results(bank: Bank) -> str:
    (notice,) = bank.told(MessageKind.SCRIPT_NOTICE)
    return (find(notice.chip_data, 0xDF31) or b"").hex().upper()


def test_before_and_after() -> None:
    """KRN-SCR-001, KRN-SCR-002, KRN-SCR-003, KRN-SCR-005, KRN-SCR-015: 71 goes before the second GENERATE AC, each 72
    after it, in order, to the byte, CLA 04 and 84 alike; TSI b3 is set."""
    chip = template(0x72, LOAD) + template(0x71, "842400010411223344") + template(0x72, BLOCK)
    bank, card = Bank(chip), script_card()
    outcome = play(card, bank)
    order = [command[1] for command in card.log if command[0] in (0x04, 0x84) or command[1] == 0xAE]
    assert order == [0xAE, 0x24, 0xAE, 0xDA, 0x18]
    assert scripts_of(card) == ["842400010411223344", LOAD, BLOCK]
    assert outcome.tsi[0] & 0x04
    assert outcome.result is Result.APPROVED


@pytest.mark.parametrize("word", ["9000", "6200", "6283", "63C1"])
def test_goes_on(word: str) -> None:
    """KRN-SCR-004: after SW1 90, 62 and 63 the script goes on."""
    bank, card = Bank(template(0x72, LOAD, BLOCK)), script_card((1, word))
    play(card, bank)
    assert scripts_of(card) == [LOAD, BLOCK]
    assert results(bank) == "2000000000"


@pytest.mark.parametrize(("tag", "tvr"), [(0x71, 0x20), (0x72, 0x10)])
def test_a_failure_stops_its_template(tag: int, tvr: int) -> None:
    """KRN-SCR-004, KRN-SCR-006: 6988 stops the first template, the second is run; TVR byte 5 bit 6 or 5."""
    bank = Bank(template(tag, LOAD, LOAD, identifier="00000001") + template(tag, BLOCK, identifier="00000002"))
    card = script_card((1, "6988"))
    outcome = play(card, bank)
    assert scripts_of(card) == [LOAD, BLOCK]
    assert outcome.tvr[4] == tvr
    assert results(bank) == "1100000001" + "2000000002"


@pytest.mark.parametrize(
    ("commands", "fails", "identifier", "result"),
    [(3, 3, "00000001", "1300000001"), (3, 0, "", "2000000000"), (16, 16, "", "1F00000000")],
)  # fmt: skip
def test_results(commands: int, fails: int, identifier: str, result: str) -> None:
    """KRN-SCR-007, KRN-SCR-008: nibble of the result, number of the command that failed (F above 14), identifier."""
    bank = Bank(template(0x72, *[BLOCK] * commands, identifier=identifier))
    play(script_card((fails, "6988")), bank, limit=254)
    assert results(bank) == result


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("9F180400000001860984", "0000000001"),
        ("9F180400000001860F04DA9F790A0000000002007C0DE18C9F990100", "0000000001"),
        ("860F04DA9F790A0000000002007C0DE18C5A0100", "0000000000"),
        ("9F18030000018609" + BLOCK, "0000000000"),
        ("860304DA9F", "0000000000"),
    ],
)
def test_a_broken_template_is_not_executed(content: str, shown: str) -> None:
    """KRN-SCR-009: nothing of it is sent, the result is 00 with the identifier, TVR byte 5 bit 5 is set."""
    bank, card = Bank(ber(0x72, bytes.fromhex(content))), script_card()
    outcome = play(card, bank)
    assert scripts_of(card) == []
    assert results(bank) == shown
    assert outcome.tvr[4] == 0x10


@pytest.mark.parametrize(("total", "limit", "runs"), [(128, 128, 1), (129, 128, 0), (129, 254, 1), (254, 254, 1)])
def test_limit(total: int, limit: int, runs: int) -> None:
    """KRN-SCR-010: scripts are taken up to the configured length, and refused as a whole above it."""
    header = bytes.fromhex("04DA9F79")
    chips = (ber(0x72, ber(0x86, header + bytes((size,)) + bytes(size))) for size in range(1, 256))
    chip = next(chip for chip in chips if len(chip) == total)
    bank, card = Bank(chip), script_card()
    play(card, bank, limit=limit)
    assert len(scripts_of(card)) == runs
    assert results(bank) == ("2000000000" if runs else "0000000000")


def test_no_script_without_the_host() -> None:
    """KRN-SCR-011: unable to go online, nothing runs, even if scripts stand in a malformed answer."""
    bank, card = Bank(template(0x72, LOAD) + bytes.fromhex("910100")), script_card()
    assert play(card, bank).arc == "Z3"
    assert scripts_of(card) == []
    assert bank.told(MessageKind.SCRIPT_NOTICE) == []


def test_scripts_of_a_decline() -> None:
    """KRN-SCR-012: a script 72 with response code 05 is carried out."""
    card = script_card()
    outcome = play(card, Bank(template(0x72, BLOCK), "05"))
    assert outcome.result is Result.DECLINED
    assert scripts_of(card) == [BLOCK]


@pytest.mark.parametrize("tag", [0x71, 0x72])
def test_a_refused_load_is_reversed(tag: int) -> None:
    """KRN-SCR-013, KRN-CMP-006: the card answers 6A80 to PUT DATA 9F79: failed in the notice, and the load reversed."""
    bank, card = Bank(template(tag, LOAD)), script_card((1, "6A80"))
    outcome = play(card, bank, kind=TransactionType.LOAD)
    assert outcome.result is Result.DECLINED
    assert outcome.reversal
    assert results(bank) == "1100000000"
    (reversal,) = bank.told(MessageKind.REVERSE)
    (request,) = bank.told(MessageKind.AUTHORISE)
    assert (reversal.key, reversal.amount, reversal.transaction) == (request.key, 1234, TransactionType.LOAD)
    assert bank.told(MessageKind.CONFIRM) == []


def test_an_approved_load_without_script_is_reversed() -> None:
    """KRN-SCR-013: nothing set the new balance, so nothing was loaded."""
    bank = Bank(b"")
    assert play(script_card(), bank, kind=TransactionType.LOAD).reversal
    assert len(bank.told(MessageKind.REVERSE)) == 1


def test_a_load_that_went_well() -> None:
    """KRN-SCR-013: no reversal; the confirmation takes its place."""
    bank, card = Bank(template(0x72, LOAD)), script_card()
    outcome = play(card, bank, kind=TransactionType.LOAD)
    assert outcome.result is Result.APPROVED
    kinds = [message.kind for message in bank.messages]
    assert sorted(kind.name for kind in kinds) == ["AUTHORISE", "CONFIRM", "SCRIPT_NOTICE"]


def test_results_are_kept_until_delivered() -> None:
    """KRN-SCR-014: cut off before the notice, or the host not reached: the next transaction brings it."""
    storage, card = MemoryStorage(), script_card()

    class Lost(Bank):
        def handle(self, message: HostMessage) -> HostAnswer | None:
            answer = super().handle(message)
            return answer if message.kind is MessageKind.AUTHORISE else None

    play(card, Lost(template(0x72, LOAD)), with_=replace(services(), storage=storage))
    waiting = [entry.content["kind"] for entry in storage.recall(Shelf.PENDING)]
    assert sorted(waiting) == ["CONFIRM", "SCRIPT_NOTICE"]
    bank = Bank(b"")
    play(card, bank, with_=replace(services(), storage=storage))
    assert results(bank) == "2000000000"
    assert storage.recall(Shelf.PENDING) == ()


def test_a_card_taken_away_before_the_script() -> None:
    """KRN-SCR-014, KRN-CMP-006: the notice tells that nothing was performed, and the load is taken back."""
    storage = MemoryStorage()

    def gone(command: bytes) -> bytes | None:
        if command[0] == 0x04:
            raise OSError("pulled out")
        return None

    with pytest.raises(OSError, match="pulled out"):
        play(FakeCard(override=gone), Bank(template(0x72, LOAD)), kind=TransactionType.LOAD,
             with_=replace(services(), storage=storage))  # fmt: skip
    bank = Bank(b"")
    play(script_card(), bank, with_=replace(services(), storage=storage))
    assert results(bank) == "0000000000"
    assert [message.trace for message in bank.told(MessageKind.REVERSE)] == [1]


@pytest.mark.parametrize("number", [156, 157, 158, 159, 160])
def test_published_answers(number: int) -> None:
    """KRN-ONL-007, KRN-IAU-006: 91, 71, 72, 8A and 9F36 in any order; 91 goes to the card as it came, the scripts as
    well."""
    chip = VECTORS[number].data("data")
    card = script_card()
    play(card, Bank(chip))
    objects = {item.tag: item.value for item in parse(chip)}
    assert bytes.fromhex("008200000A") + objects[0x91] in card.log
    expected = [find(objects[tag], 0x86) for tag in (0x71, 0x72) if tag in objects]
    assert scripts_of(card) == [(command or b"").hex().upper() for command in expected]


def test_notice_fields() -> None:
    """KRN-F55-006: the notice has DF31 with 95, 9F10, 9F26, 9F36 and 9F37 of the transaction, its failure bit too."""
    bank = Bank(template(0x72, LOAD))
    outcome = play(script_card((1, "6988")), bank)
    (notice,) = bank.told(MessageKind.SCRIPT_NOTICE)
    tags = {item.tag: item.value for item in parse(notice.chip_data)}
    assert tags[0xDF31].hex() == "1100000000"
    assert tags[0x95] == outcome.tvr
    assert tags[0x9F26] == outcome.cryptograms[1].value
    assert {0x9F10, 0x9F36, 0x9F37} <= tags.keys()


def test_results_are_named() -> None:
    """A transcript names the tag of script results (DF31)."""
    (line,) = explain_ber(bytes.fromhex("DF31052000000001"))
    assert (line.name, line.chinese) == ("issuer script results", "发卡行脚本结果")
