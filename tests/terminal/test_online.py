"""Going online and completing: answers, reversals, what is stored and when (KRN-ONL, KRN-IAU, KRN-CMP)."""

from dataclasses import replace

import pytest

from cardsim.crypto.pboc import application_cryptogram, derive_udk, session_key
from cardsim.iso7816.tlv import ber, fill_dol, find, parse
from terminal.driver import Services, run
from terminal.effects import Keep, Shelf
from terminal.errors import Cancelled
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.flows.financial.transaction import FinancialConfig
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.outcome import Verdict
from terminal.security import BenchPinPad, PinCipher
from terminal.storage import MemoryStorage
from terminal.terminals import ATM
from terminal.transcript import Event, Stored
from tests.terminal.fakes import MDK_AC, PAN, PIN, PSN, FakeCard
from tests.terminal.helpers import FINANCIAL, at_terminal, on_command, run_financial, services
from tests.terminal.test_scripts import Bank

NO_CVM = "00000000000000001F00"


def no_pin_card() -> FakeCard:
    """A card without a holder verification, so that small purchases may stay offline."""
    card = FakeCard()
    card.records[3, 1][0x8E] = bytes.fromhex(NO_CVM)
    card.__post_init__()
    return card


def offline_config(**changes: object) -> FinancialConfig:
    """A terminal with a floor limit above the amounts of these tests."""
    applications = (replace(FINANCIAL.terminal.applications[0], floor_limit=10000, **changes),)  # type: ignore[arg-type]
    return at_terminal(applications=applications)


def online(bank: Bank, card: FakeCard | None = None, config: FinancialConfig = FINANCIAL) -> FinancialOutcome:
    """A purchase with that bank."""
    return run(financial(config), card or FakeCard(), replace(services(), host=bank))


def authenticates(card: FakeCard) -> list[str]:
    return [command.hex().upper() for command in card.log if command[1] == 0x82]


def requests(card: FakeCard) -> list[int]:
    return [command[2] for command in card.log if command[1] == 0xAE]


def test_one_request_with_the_data_of_this_cryptogram() -> None:
    """KRN-ONL-001, TRM-015: one authorisation request, before completion, with the ARQC's field 55."""
    bank, card = Bank(b""), FakeCard()
    outcome = online(bank, card)
    (request,) = bank.told(MessageKind.AUTHORISE)
    assert bank.messages[0] is request
    assert find(request.chip_data, 0x9F26) == outcome.cryptograms[0].value
    assert find(request.chip_data, 0x9F27) == b"\x80"


def test_not_reached() -> None:
    """KRN-ONL-002, KRN-ONL-009: Z3, no EXTERNAL AUTHENTICATE, and a reversal waits, as the request may have arrived."""
    storage, card = MemoryStorage(), FakeCard()
    with_ = replace(services(), host=Bank(b"", reached=False), storage=storage)
    outcome = run_financial(card, with_=with_)
    assert (outcome.arc, outcome.result, outcome.reversal) == ("Z3", Result.DECLINED, True)
    assert authenticates(card) == []
    (waiting,) = storage.recall(Shelf.PENDING)
    assert waiting.content["kind"] == "REVERSE"


def test_approved_by_the_default_codes() -> None:
    """KRN-ONL-002, KRN-ONL-009: Y3: the TC is uploaded under a number of its own, and the lost request taken back."""
    storage = MemoryStorage()
    config = offline_config(random_percent=99, tac_default=bytes(5))
    card = no_pin_card()
    card.records[3, 1][0x9F0D] = bytes(5)
    card.__post_init__()
    with_ = replace(services(), host=Bank(b"", reached=False), storage=storage)
    outcome = run_financial(card, config, with_)
    assert (outcome.arc, outcome.result) == ("Y3", Result.APPROVED)
    waiting = {entry.content["kind"]: entry.content["trace"] for entry in storage.recall(Shelf.PENDING)}
    assert waiting == {"REVERSE": "1", "UPLOAD": "2"}


@pytest.mark.parametrize("arc", ["00", "10", "11", "01", "02", "05", "51", "55", "91"])
@pytest.mark.parametrize("referral", [False, True])
def test_response_codes(arc: str, referral: bool) -> None:
    """KRN-ONL-003, KRN-ONL-004, KRN-ONL-005, KRN-CMP-001: 8A is field 39; 00, 10 and 11 ask for a TC, 01 and 02 by
    configuration, all others for an AAC."""
    card = FakeCard()
    online(Bank(b"", arc), card, at_terminal(accepts_referral=referral))
    second = [command for command in card.log if command[1] == 0xAE][1]
    approves = arc in ("00", "10", "11") or (referral and arc in ("01", "02"))
    assert second[2] == (0x40 if approves else 0x00)
    assert second[5:7] == arc.encode()


@pytest.mark.parametrize("chip", ["9107" + "00" * 7, "91", "9111" + "00" * 17, "72", "720391"])
def test_malformed_answers(chip: str) -> None:
    """KRN-ONL-006, KRN-ONL-008: Z3, nothing of the answer is used, and what the host may have posted is reversed."""
    bank, card = Bank(bytes.fromhex(chip)), FakeCard()
    outcome = online(bank, card)
    assert (outcome.arc, outcome.reversal) == ("Z3", True)
    assert authenticates(card) == []
    assert len(bank.told(MessageKind.REVERSE)) == 1


@pytest.mark.parametrize("arc", ["", "0", "000", "€0"])
def test_no_response_code(arc: str) -> None:
    """KRN-ONL-006: an answer without a response code of two characters is malformed."""
    assert online(Bank(b"", arc)).arc == "Z3"


@pytest.mark.parametrize("length", [8, 10, 16])
def test_lengths_of_91(length: int) -> None:
    """KRN-ONL-008, KRN-IAU-001: 8 to 16 bytes are forwarded, before the second GENERATE AC."""
    card = FakeCard(override=on_command(0x82, "6700"))
    online(Bank(ber(0x91, bytes(length))), card)
    assert authenticates(card) == [f"00820000{length:02X}" + "00" * length]
    order = [command[1] for command in card.log if command[1] in (0x82, 0xAE)]
    assert order == [0xAE, 0x82, 0xAE]


def test_authentication_before_the_scripts() -> None:
    """KRN-IAU-001, KRN-IAU-005: once, before script 71."""
    card = FakeCard(override=lambda command: b"\x90\x00" if command[0] == 0x84 else None)
    script = ber(0x71, ber(0x86, bytes.fromhex("8418000004D876B77B")))
    online(Bank(script + ber(0x91, bytes(10))), card)
    order = [command[1] for command in card.log if command[1] in (0x82, 0xAE, 0x18)]
    assert order == [0xAE, 0x82, 0x18, 0xAE]


@pytest.mark.parametrize("word", ["6300", "6985", "6700"])
def test_refused_authentication(word: str) -> None:
    """KRN-IAU-002, KRN-IAU-003, KRN-CMP-003: TSI b5, TVR byte 5 bit 7, and both are in the data of the second one."""
    card = FakeCard(override=on_command(0x82, word))
    outcome = online(Bank(ber(0x91, bytes(10))), card)
    assert outcome.tsi[0] & 0x10
    assert outcome.tvr[4] == 0x40
    second = [command for command in card.log if command[1] == 0xAE][1]
    assert outcome.tvr in second


@pytest.mark.parametrize(("aip", "chip"), [("7800", "910A" + "00" * 10), ("7C00", "")])
def test_no_authentication(aip: str, chip: str) -> None:
    """KRN-IAU-004: without AIP byte 1 bit 3, or without 91, none is sent and TSI b5 stays 0."""
    card = FakeCard(aip=bytes.fromhex(aip))
    outcome = online(Bank(bytes.fromhex(chip)), card)
    assert authenticates(card) == []
    assert outcome.tsi[0] & 0x10 == 0


@pytest.mark.parametrize("cid", [0x00, 0x80, 0xC0])
def test_approval_that_the_card_does_not_take(cid: int) -> None:
    """KRN-CMP-002, KRN-CMP-005, KRN-ONL-010: AAC, ARQC and anything else decline; the approval is reversed."""
    answer = ber(0x80, bytes((cid,)) + bytes(2) + bytes(8) + bytes.fromhex("07010103200002")) + b"\x90\x00"
    card = FakeCard(override=lambda c: answer if c[1:3] == b"\xae\x40" else None, t0=False)
    bank = Bank(b"")
    outcome = online(bank, card)
    assert (outcome.result, outcome.reversal) == (Result.DECLINED, True)
    assert [m.kind for m in bank.messages] == [MessageKind.AUTHORISE, MessageKind.REVERSE]


def test_error_of_the_second_cryptogram() -> None:
    """KRN-CMP-004: 6985 ends as declined, and the approval is reversed."""
    card = FakeCard(override=lambda c: b"\x69\x85" if c[1:3] == b"\xae\x40" else None)
    bank = Bank(b"")
    outcome = online(bank, card)
    assert outcome.result is Result.DECLINED
    assert len(bank.told(MessageKind.REVERSE)) == 1


def test_reversal_is_the_request_without_secrets() -> None:
    """KRN-ONL-009, KRN-ONL-011: the key and data of the request; neither PIN block nor track 2 is ever stored."""
    storage = MemoryStorage()
    bank = Bank(b"", reached=False)
    run_financial(FakeCard(), with_=replace(services(), host=bank, storage=storage))
    (request,) = bank.told(MessageKind.AUTHORISE)
    assert request.pin_block is not None
    assert request.track2 == "6214672500000000056D34016200000"
    stored = "".join(str(entry) for shelf in Shelf for entry in storage.recall(shelf)).upper()
    assert request.pin_block.hex().upper() not in stored
    assert request.track2 not in stored
    (reversal, *_) = bank.told(MessageKind.REVERSE)
    assert (reversal.key, reversal.chip_data, reversal.pan) == (request.key, request.chip_data, request.pan)
    assert reversal.pin_block is None


def test_reversals_come_first_and_are_repeated() -> None:
    """KRN-ONL-009: a reversal is sent before the next request, again until it is acknowledged; before that no request
    leaves the terminal."""
    storage = MemoryStorage()
    run_financial(FakeCard(), with_=replace(services(), storage=storage, host=Bank(b"", reached=False)))

    class Busy(Bank):
        def handle(self, message: HostMessage) -> HostAnswer | None:
            super().handle(message)
            return HostAnswer("96")

    busy = Busy(b"")
    assert run_financial(FakeCard(), with_=replace(services(), storage=storage, host=busy)).arc == "Z3"
    assert {message.kind for message in busy.messages} == {MessageKind.REVERSE}
    bank = Bank(b"")
    outcome = run_financial(FakeCard(), with_=replace(services(), storage=storage, host=bank))
    assert outcome.result is Result.APPROVED
    assert [(m.kind.name, m.trace) for m in bank.messages] == [("REVERSE", 1), ("AUTHORISE", 3), ("CONFIRM", 3)]


def test_sequence_counter() -> None:
    """KRN-CMP-007: 9F41 and the trace number grow by one with each transaction, and go on after a restart."""
    storage, bank = MemoryStorage(), Bank(b"")
    for _ in range(2):
        run_financial(FakeCard(), with_=replace(services(), host=bank, storage=storage))
    requests_ = bank.told(MessageKind.AUTHORISE)
    assert [find(m.chip_data, 0x9F41) for m in requests_] == [bytes.fromhex("00000001"), bytes.fromhex("00000002")]
    assert [m.trace for m in requests_] == [1, 2]
    storage.keep(Shelf.PARAMETERS, "bank", {"trace": "999999"})
    assert run_financial(FakeCard(), with_=replace(services(), storage=storage)).trace == 1


def test_offline_approval_is_stored_first() -> None:
    """KRN-CMP-008: the TC is stored before "Approved" is shown; cut off at any moment, no approved sale is lost."""
    events: list[str] = []

    def listener(event: Event) -> None:
        match event:
            case Stored(Keep(Shelf.PENDING, _, content)):
                events.append(content["kind"])
            case _:
                events.append(type(event).__name__)

    config = offline_config()
    outcome = run_financial(no_pin_card(), config, replace(services(), host=None), listener)
    assert outcome.reason == "approved offline"
    assert events.index("UPLOAD") < events.index("Display")


def test_offline_approval_is_uploaded_with_the_tc() -> None:
    """KRN-F55-002: 9F27 and 9F26 of an upload are those of the TC."""
    bank = Bank(b"")
    config = offline_config()
    outcome = run_financial(no_pin_card(), config, replace(services(), host=bank))
    (upload,) = bank.messages
    assert upload.kind is MessageKind.UPLOAD
    assert find(upload.chip_data, 0x9F26) == outcome.cryptograms[0].value
    assert find(upload.chip_data, 0x9F27) == b"\x40"


MANDATORY = (
    0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03, 0x9F33,
)  # fmt: skip
OPTIONAL = {0x9F34, 0x9F35, 0x9F1E, 0x84, 0x9F09, 0x9F41, 0x5F34}


def test_fields_of_the_request() -> None:
    """KRN-F55-001, KRN-F55-005, KRN-F55-007, KRN-F55-009: all mandatory data objects once, nothing that the card did
    not deliver, 9F03 zero, the amount that of the message, field 35 without the pad."""
    bank, card = Bank(b""), FakeCard()
    del card.records[1, 1][0x5F34]
    online(bank, card)
    (request,) = bank.told(MessageKind.AUTHORISE)
    tags = [item.tag for item in parse(request.chip_data)]
    assert tags[: len(MANDATORY)] == list(MANDATORY)
    assert set(tags[len(MANDATORY) :]) == OPTIONAL - {0x5F34}
    assert len(tags) == len(set(tags))
    assert find(request.chip_data, 0x9F03) == bytes(6)
    assert find(request.chip_data, 0x9F02) == bytes.fromhex(f"{request.amount:012d}")
    assert request.track2 == "6214672500000000056D34016200000"


@pytest.mark.parametrize("psn", ["01", ""])
def test_sequence_number_of_the_card(psn: str) -> None:
    """KRN-F55-008: 5F34 fills the card sequence number; without it the message has none."""
    bank, card = Bank(b""), FakeCard()
    if not psn:
        del card.records[1, 1][0x5F34]
    online(bank, card)
    assert bank.messages[0].psn == psn


def test_values_of_the_cryptogram() -> None:
    """KRN-F55-004, KRN-F55-010: 95 and 9F37 are those of the GENERATE AC that the message is about; from field 55
    alone each cryptogram is computed again."""
    bank = Bank(ber(0x91, bytes(10)))
    outcome = online(bank)
    assert outcome.tvr[4] == 0x40
    for message in (*bank.told(MessageKind.AUTHORISE), *bank.told(MessageKind.CONFIRM)):
        items = {item.tag: item.value for item in parse(message.chip_data)}
        covered = fill_dol(bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F370482029F3602"), items)
        session = session_key(derive_udk(MDK_AC, PAN, PSN), int.from_bytes(items[0x9F36], "big"))
        assert application_cryptogram(session, covered + items[0x9F10][3:7]) == items[0x9F26]


@pytest.mark.parametrize("kind", list(TransactionType))
def test_transaction_type(kind: TransactionType) -> None:
    """KRN-ATM-007: 9C is the code of the transaction in CDOL1 and field 55."""
    bank = Bank(b"")
    pad = BenchPinPad(lambda _: PIN, PinCipher(bytes(16)))
    config = replace(FINANCIAL, kind=kind, terminal=ATM)
    run(financial(config), FakeCard(), replace(services(), host=bank, pin_pad=pad))
    assert [find(message.chip_data, 0x9C) for message in bank.messages[:1]] == [bytes((kind.value,))]


@pytest.mark.parametrize("kind", [TransactionType.INQUIRY, TransactionType.PIN_CHANGE])
def test_nothing_to_reverse(kind: TransactionType) -> None:
    """An inquiry and a change of PIN move no money: nothing is taken back where the answer is lost."""
    storage = MemoryStorage()
    bank = Bank(b"", reached=False)
    run_financial(FakeCard(), replace(FINANCIAL, kind=kind), replace(services(), host=bank, storage=storage))
    assert storage.recall(Shelf.PENDING) == ()


class Counting:
    """Cancels before the n-th effect."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def __call__(self) -> bool:
        self.count += 1
        return self.count == self.at


def cut(at: int, with_: Services, card: FakeCard) -> bool:
    """A purchase that is cancelled before its n-th effect; whether there were so many."""
    counting = Counting(at)
    try:
        run(financial(FINANCIAL), card, with_, cancelled=counting)
    except Cancelled:
        return True
    return False


def test_cancelled_before_each_effect() -> None:
    """KRN-CMP-006: wherever a purchase is cancelled, the card is without power; what is pending is a reversal from the
    request on and the confirmation from the card's TC on; the host ends up with one or the other; and the next
    transaction goes well."""
    at = 0
    seen: set[tuple[str, ...]] = set()
    while True:
        at += 1
        bank, storage, card = Bank(b""), MemoryStorage(), FakeCard()
        with_ = replace(services(), host=bank, storage=storage)
        if not cut(at, with_, card):
            break
        assert not card.powered
        waiting = tuple(entry.content["kind"] for entry in storage.recall(Shelf.PENDING))
        seen.add(waiting)
        asked, ended = len(bank.told(MessageKind.AUTHORISE)), requests(card).count(0x40)
        if asked and not ended:
            assert waiting == ("REVERSE",)
        assert "REVERSE" not in waiting or not bank.told(MessageKind.CONFIRM)
        again = run_financial(card, with_=replace(services(), host=bank, storage=storage))
        assert again.verdict is Verdict.APPROVED
        assert storage.recall(Shelf.PENDING) == ()
        first = {message.kind for message in bank.messages if message.trace != again.trace}
        if asked:
            assert len(first & {MessageKind.REVERSE, MessageKind.CONFIRM}) == 1
    assert at > 40
    assert seen == {(), ("REVERSE",), ("CONFIRM",)}


def test_power_cut_inside_each_message_and_a_trace_number_that_wraps() -> None:
    """KRN-CMP-007, KRN-ONL-009: the terminal dies while the host works on a message, whichever. After 999999 comes 1.
    What was requested ends with a reversal or a confirmation, never with both; and nothing waits after the next run."""
    kinds = set()
    for at in range(1, 5):
        bank, storage = _Dies(at), MemoryStorage()
        storage.keep(Shelf.PARAMETERS, "bank", {"trace": "999998"})
        with_ = replace(services(), host=bank, storage=storage)
        dead = 0
        for _ in range(3):
            try:
                run_financial(FakeCard(), with_=with_)
            except ConnectionAbortedError:
                dead += 1
                kinds.add(bank.messages[-1].kind)
        assert dead == 1
        assert storage.recall(Shelf.PENDING) == ()
        assert {message.trace for message in bank.told(MessageKind.AUTHORISE)} == {999999, 1, 2}
        for trace in (999999, 1, 2):
            told = [message.kind for message in bank.messages if message.trace == trace]
            assert told[0] is MessageKind.AUTHORISE
            assert set(told[1:]) in ({MessageKind.REVERSE}, {MessageKind.CONFIRM})
    assert kinds == {MessageKind.AUTHORISE, MessageKind.CONFIRM}


class _Dies(Bank):
    """The terminal loses its power while this host handles the n-th message."""

    def __init__(self, at: int) -> None:
        super().__init__(b"")
        self.at = at

    def handle(self, message: HostMessage) -> HostAnswer | None:
        answer = super().handle(message)
        if len(self.messages) == self.at:
            raise ConnectionAbortedError
        return answer


def test_two_terminals_on_one_storage_keep_their_reversals_apart() -> None:
    """KRN-ONL-009: a terminal sends its own reversals alone; that of another waits for the other."""
    storage = MemoryStorage()
    other = replace(FINANCIAL, terminal=replace(FINANCIAL.terminal, terminal_id="OTHER001"))
    run_financial(FakeCard(), other, replace(services(), host=Bank(b"", reached=False), storage=storage))
    bank = Bank(b"")
    run_financial(FakeCard(), with_=replace(services(), host=bank, storage=storage))
    assert {message.terminal for message in bank.messages} == {FINANCIAL.terminal.terminal_id}
    assert [entry.content["kind"] for entry in storage.recall(Shelf.PENDING)] == ["REVERSE"]
    run_financial(FakeCard(), other, replace(services(), host=bank, storage=storage))
    assert len([m for m in bank.told(MessageKind.REVERSE) if m.terminal == "OTHER001"]) == 1
    assert storage.recall(Shelf.PENDING) == ()
