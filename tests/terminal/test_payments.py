"""Payments of the model card with the bank's host: every transaction, electronic cash, slips, the bank's counter."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import Random

import pytest

from cardsim.iso7816.tlv import find
from cardsim.keyfile import BankKeys
from terminal.driver import Services, run
from terminal.effects import PinEntered, PinEntry, Print, Shelf
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.flows.financial.inquiry import inquire
from terminal.flows.financial.pinchange import NEW_PIN
from terminal.flows.financial.receipt import masked_pan
from terminal.flows.financial.transaction import FinancialConfig
from terminal.hosts.bank import BankHost
from terminal.hosts.bank import scripts as bank_scripts
from terminal.hosts.bank.scripts import Order
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.outcome import Cause, Verdict
from terminal.parameters import TerminalParameters
from terminal.security import BenchPinPad, PinCipher
from terminal.storage import MemoryStorage
from terminal.terminals import ATM, COUNTER, POS
from terminal.transcript import Event, Exchange, HostAsked
from tests.cards import Bench, card
from tests.terminal.fakes import FakeCard
from tests.terminal.helpers import FINANCIAL, at_terminal, on_command, run_financial
from tests.terminal.test_scripts import Bank

NOW = datetime(2026, 11, 21, 12, 0, 0)
PIN = "123456"


class Desk:
    """A card, the bank behind it, and a terminal with storage that lasts."""

    def __init__(self, profile: str = "dual-3.0-sm4") -> None:
        self.bench: Bench = card(profile, on=False)
        keys = self.bench.keys
        cipher = PinCipher(bytes(range(16)))
        bank_keys = keys.bank or BankKeys(bytes(16), bytes(16), bytes(16))
        self.bank = BankHost(bank_keys, cipher, PIN)
        self.storage = MemoryStorage()
        self.pin, self.new_pin = PIN, ""
        self.ca = bank_keys.ca
        pad = BenchPinPad(lambda asked: self.new_pin if asked.prompt.startswith(NEW_PIN) else self.pin, cipher)
        self.services = Services(Random(1).randbytes, None, pad, self.bank, storage=self.storage)
        self.events: list[Event] = []

    def config(self, terminal: TerminalParameters, kind: TransactionType, amount: int = 0) -> FinancialConfig:
        return FinancialConfig(terminal, kind, amount, NOW, self.ca)

    def run(self, terminal: TerminalParameters, kind: TransactionType, amount: int = 0, *, target: str = "",
            host: bool = True) -> FinancialOutcome:  # fmt: skip
        self.events.clear()
        config = replace(self.config(terminal, kind, amount), target=target)
        services = self.services if host else replace(self.services, host=None)
        return run(financial(config), self.bench.model, services, self.events.append)

    @property
    def commands(self) -> list[str]:
        return [event.command.hex().upper() for event in self.events if isinstance(event, Exchange)]

    @property
    def messages(self) -> list[HostMessage]:
        return [event.message for event in self.events if isinstance(event, HostAsked)]

    @property
    def slips(self) -> list[dict[str, str]]:
        return [dict(event.lines) | {"": event.title} for event in self.events if isinstance(event, Print)]

    def loaded(self, amount: int = 10000) -> "Desk":
        """The same, after a load."""
        assert self.run(ATM, TransactionType.LOAD, amount).result is Result.APPROVED
        return self


@pytest.mark.parametrize(
    ("terminal", "kind", "amount"),
    [
        (POS, TransactionType.PURCHASE, 200000),
        (POS, TransactionType.INQUIRY, 0),
        *((terminal, kind, 10000) for terminal in (ATM, COUNTER)
          for kind in (TransactionType.CASH, TransactionType.DEPOSIT, TransactionType.LOAD, TransactionType.LOAD_CASH)),
        (ATM, TransactionType.INQUIRY, 0),
    ],
)  # fmt: skip
def test_each_transaction(terminal: TerminalParameters, kind: TransactionType, amount: int) -> None:
    """SCHEME-099, SCHEME-029, SCHEME-030, KRN-ATM-007: each works on the dual card, and 9C is its code."""
    desk = Desk()
    outcome = desk.run(terminal, kind, amount)
    assert (outcome.result, outcome.faults) == (Result.APPROVED, ())
    assert find(desk.messages[0].chip_data, 0x9C) == bytes((kind.value,))
    assert desk.storage.recall(Shelf.PENDING) == ()


def test_a_transfer_needs_an_account_that_is_there() -> None:
    """SCHEME-099: the terminal names the other account; the bank declines one that it does not have."""
    desk = Desk()
    outcome = desk.run(ATM, TransactionType.TRANSFER, 100, target="999")
    assert desk.messages[0].target == "999"
    assert outcome.result is Result.DECLINED


def test_inquiry_shows_the_balance() -> None:
    """The balance of the account comes with the answer."""
    desk = Desk()
    before = desk.run(ATM, TransactionType.INQUIRY).balance
    desk.run(ATM, TransactionType.CASH, 5000)
    after = desk.run(ATM, TransactionType.INQUIRY).balance
    assert before is not None
    assert after == before - 5000
    assert desk.slips == []


@pytest.mark.parametrize("profile", ["bank-debit", "dual-3.0-des"])
def test_bank_cards_and_dual_cards(profile: str) -> None:
    """SCHEME-030, TRM-250, TRM-251: a bank card and the financial part of a dual card; the first command is SELECT
    1PAY.SYS.DDF01, SSSE is never selected, and no other slot has power."""
    desk = Desk(profile)
    assert desk.run(POS, TransactionType.PURCHASE, 1234).result is Result.APPROVED
    assert desk.commands[0] == "00A404000E315041592E5359532E4444463031"
    assert not any("7378312E7368" in command for command in desk.commands)
    assert {event.slot.name for event in desk.events if isinstance(event, Exchange)} == {"CARD"}


def test_a_plain_social_card_is_refused() -> None:
    """TRM-252, SCHEME-029: no PSE, and no application of the list."""
    outcome = Desk("social-2.0").run(POS, TransactionType.PURCHASE, 1234)
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.NOT_ACCEPTED


def test_order_of_a_debit_purchase() -> None:
    """TRM-253: directory, application, start, records, authentication, first cryptogram, host, EXTERNAL AUTHENTICATE,
    second cryptogram."""
    desk = Desk()
    desk.run(POS, TransactionType.PURCHASE, 200000)
    seen: list[str] = []
    for event in desk.events:
        name = "host" if isinstance(event, HostAsked) else ""
        if isinstance(event, Exchange) and not event.follows:
            name = event.command[:2].hex().upper()
        if name and (not seen or seen[-1] != name):
            seen.append(name)
    expected = ["00A4", "00B2", "00A4", "80A8", "00B2", "0088", "80AE", "host", "0082", "80AE", "host"]
    assert [name for name in seen if name != "80CA"] == expected


@pytest.mark.parametrize("terminal", [ATM], ids=["ATM"])
def test_the_chip_is_read(terminal: TerminalParameters) -> None:
    """SCHEME-033, TRM-261: a cash withdrawal at an ATM is a chip session, with the chip's cryptogram in the request."""
    desk = Desk()
    outcome = desk.run(terminal, TransactionType.CASH, 10000)
    assert desk.commands[0].startswith("00A40400")
    assert [item.check.value for item in outcome.cryptograms] == ["right", "right"]


@pytest.mark.parametrize(
    "terminal", [replace(POS, country=b"\x08\x40"), replace(POS, currency=b"\x08\x40")], ids=["country", "currency"]
)
def test_abroad(terminal: TerminalParameters) -> None:
    """SCHEME-094, SCHEME-095, SCHEME-096, TRM-254: another country or currency is declined by card or host (D38)."""
    desk = Desk()
    outcome = desk.run(terminal, TransactionType.PURCHASE, 1234)
    assert outcome.result is Result.DECLINED
    assert outcome.faults == ()


def test_debit_alone() -> None:
    """SCHEME-097: of the terminal's AIDs the card knows the debit one; credit and quasi-credit answer 6A82."""
    bench = card()
    bench.pse()
    answers = [bench.x(f"00A4040008A00000033301010{last}")[-4:] for last in "1236"]
    assert answers == ["9000", "6A82", "6A82", "6A82"]


def test_load() -> None:
    """KRN-EC-020, KRN-SCR-013: 9F7A=00, ARQC, script PUT DATA 9F79, result in the notice; the balance is known."""
    desk = Desk()
    outcome = desk.run(COUNTER, TransactionType.LOAD, 10000)
    assert (outcome.result, outcome.cash_balance) == (Result.APPROVED, 10000)
    start = next(command for command in desk.commands if command.startswith("80A8"))
    assert start[14:16] == "00"
    names = [command[:8] for command in desk.commands]
    assert names.index("80AE8000") < names.index("80AE4000") < names.index("04DA9F79")
    notice = next(message for message in desk.messages if message.kind is MessageKind.SCRIPT_NOTICE)
    assert (find(notice.chip_data, 0xDF31) or b"").hex().startswith("20")


def test_three_purchases_by_electronic_cash() -> None:
    """SCHEME-109, KRN-EC-022, KRN-F55-003, KRN-EC-018, KRN-CMP-008: stored offline, uploaded later, each with TC,
    9F74 and ATC."""
    desk = Desk().loaded()
    for number in range(1, 4):
        outcome = desk.run(POS, TransactionType.PURCHASE, 1000, host=False)
        assert (outcome.reason, outcome.cash_balance) == ("paid by electronic cash", 10000 - 1000 * number)
    waiting = [entry.content["kind"] for entry in desk.storage.recall(Shelf.PENDING)]
    assert waiting == ["UPLOAD"] * 3
    desk.run(POS, TransactionType.INQUIRY)
    uploads = [message for message in desk.messages if message.kind is MessageKind.UPLOAD]
    assert [find(message.chip_data, 0x9F74) for message in uploads] == [b"ECC001"] * 3
    assert [find(message.chip_data, 0x9F27) for message in uploads] == [b"\x40"] * 3
    counters = [int.from_bytes(find(message.chip_data, 0x9F36) or b"", "big") for message in uploads]
    assert counters == sorted(set(counters))
    assert desk.storage.recall(Shelf.PENDING) == ()


def test_balance_without_a_transaction() -> None:
    """KRN-EC-021: SELECT and GET DATA 9F79 only; the transaction counter stays."""
    desk = Desk().loaded()
    before = desk.run(POS, TransactionType.INQUIRY).cryptograms[0].atc
    desk.events.clear()
    found = run(inquire(desk.config(POS, TransactionType.INQUIRY)), desk.bench.model, desk.services, desk.events.append)
    assert found.balance == 10000
    assert {command[2:4] for command in desk.commands} <= {"A4", "B2", "C0", "CA"}
    assert desk.commands[-1].startswith("80CA9F79")
    assert desk.run(POS, TransactionType.INQUIRY).cryptograms[0].atc == before + 1


def test_a_card_reported_lost_pays_by_electronic_cash() -> None:
    """KRN-EC-023: nobody asks the bank, unless the exception file of the terminal stops the card."""
    desk = Desk().loaded()
    assert desk.run(POS, TransactionType.PURCHASE, 1000, host=False).result is Result.APPROVED
    pan = desk.run(POS, TransactionType.INQUIRY).pan
    desk.storage.keep(Shelf.EXCEPTIONS, pan, {})
    assert desk.run(POS, TransactionType.PURCHASE, 1000, host=False).result is Result.DECLINED


def test_slip_of_electronic_cash() -> None:
    """KRN-RCP-001, KRN-RCP-002, KRN-RCP-004: AID, label, masked number, PSN, date, time, amount, result; TC, ATC, TVR,
    TSI and balance. Nowhere the whole number, a PIN or track data."""
    desk = Desk().loaded()
    outcome = desk.run(POS, TransactionType.PURCHASE, 1000)
    merchant, holder = desk.slips
    assert (merchant[""], holder[""]) == ("Slip, merchant copy 商户存根", "Slip, holder copy 持卡人存根")
    for slip in (merchant, holder):
        assert slip["AID"] == "A000000333010101"
        assert slip["application 应用"] == "PBOC DEBIT"
        assert slip["card number 卡号"] == masked_pan(outcome.pan)
        assert slip["card sequence number 卡序列号"] == "01"
        assert slip["date and time 日期时间"] == "2026-11-21 12:00:00"
        assert slip["amount 金额"] == "CNY 10.00"
        assert slip["result 结果"] == "paid by electronic cash"
        assert slip["TC"] == outcome.cryptograms[0].value.hex().upper()
        assert int(slip["ATC"], 16) == outcome.cryptograms[0].atc
        assert (slip["TVR"], slip["TSI"]) == (outcome.tvr.hex().upper(), outcome.tsi.hex().upper())
        assert slip["electronic cash 电子现金余额"] == "CNY 90.00"
        text = str(slip)
        assert outcome.pan not in text
        assert PIN not in text
        assert outcome.pan[-4:] in text


def signed(cvm: str, *, always: bool = False) -> bool:
    """Whether the merchant's copy of an approved purchase has a line for the signature."""
    fake = FakeCard(override=on_command(0x20, "9000"))
    fake.records[3, 1][0x8E] = bytes(8) + bytes.fromhex(cvm)
    fake.__post_init__()
    slips: list[dict[str, str]] = []

    def listener(event: Event) -> None:
        if isinstance(event, Print):
            slips.append(dict(event.lines))

    pad = BenchPinPad(lambda _: PIN, PinCipher(bytes(16)))
    services = Services(Random(1).randbytes, None, pad, Bank(b""))
    assert run_financial(fake, at_terminal(signature_always=always), services, listener).result is Result.APPROVED
    assert "signature 签名" not in slips[1]
    return "signature 签名" in slips[0]


@pytest.mark.parametrize(("cvm", "line"), [("1E00", True), ("0300", True), ("0200", False), ("1F00", False)])
def test_signature(cvm: str, line: bool) -> None:
    """KRN-RCP-003: a line for the signature with CVM 1E and 03, none with 02 and 1F."""
    assert signed(cvm) is line


@pytest.mark.parametrize("cvm", ["0200", "1F00", "1E00"])
def test_slip_of_a_joint_terminal(cvm: str) -> None:
    """TRM-014: a joint terminal prints card number, AID, date and time, and always a line for the signature."""
    assert signed(cvm, always=True)


def test_a_decline_has_no_slip() -> None:
    """TRM-014: slips are for approved transactions."""
    desk = Desk()
    desk.pin = "000000"
    assert desk.run(POS, TransactionType.PURCHASE, 200000).arc == "55"
    assert desk.slips == []


def test_a_new_pin() -> None:
    """D35: the PIN is changed at the bank; the new one counts, and the pad lets enciphered blocks out alone (TRM-013).

    TRM-013.
    """
    desk = Desk()
    desk.new_pin = "654321"
    assert desk.run(ATM, TransactionType.PIN_CHANGE).result is Result.APPROVED
    (message, *_) = desk.messages
    assert message.kind is MessageKind.CHANGE_PIN
    for block in (message.pin_block, message.new_pin_block):
        assert block is not None
        assert len(block) == 8
        assert "123456" not in block.hex()
        assert "654321" not in block.hex()
    assert desk.run(ATM, TransactionType.CASH, 100).arc == "55"
    desk.pin = "654321"
    assert desk.run(ATM, TransactionType.CASH, 100).result is Result.APPROVED


def test_new_pins_that_differ() -> None:
    """Nothing is sent where the second entry is another one."""
    desk = Desk()
    entries = iter(("123456", "111111", "222222"))
    pad = BenchPinPad(lambda _: next(entries), PinCipher(bytes(range(16))))
    desk.services = replace(desk.services, pin_pad=pad)
    outcome = desk.run(ATM, TransactionType.PIN_CHANGE)
    assert outcome.reason == "the new PINs differ"
    assert desk.messages == []


@pytest.mark.parametrize(("keeps", "ordered", "kept"), [(True, True, True), (True, False, False), (False, True, False)])
def test_the_card_is_kept_by_order_alone(keeps: bool, ordered: bool, kept: bool) -> None:
    """KRN-ATM-009: a decline gives the card back; the host's order keeps it, where the reader can."""

    class Host(Bank):
        def handle(self, message: HostMessage) -> HostAnswer | None:
            super().handle(message)
            return HostAnswer("41" if ordered else "05", keep_card=ordered)

    services = Services(Random(1).randbytes, None, None, Host(b""))
    terminal = replace(ATM, keeps_cards=keeps)
    fake = FakeCard()
    fake.records[3, 1][0x8E] = bytes.fromhex("00000000000000001F00")
    fake.__post_init__()
    outcome = run_financial(fake, replace(FINANCIAL, terminal=terminal, kind=TransactionType.CASH), services)
    assert outcome.result is Result.DECLINED
    assert outcome.card_kept is kept


def blocked_desk() -> Desk:
    """A desk whose card has taken APPLICATION BLOCK from the bank."""
    desk = Desk()
    pan = desk.run(POS, TransactionType.INQUIRY).pan
    desk.bank.at_desk(bank_scripts.order, pan, Order.APPLICATION_BLOCK)
    desk.run(POS, TransactionType.INQUIRY)
    assert any(command.startswith("841E0000") for command in desk.commands)
    return desk


def test_the_counter_unblocks_an_application() -> None:
    """KRN-SEL-018, KRN-SEL-029: a merchant's terminal drops the blocked application; the counter starts it, gets an AAC
    and delivers APPLICATION UNBLOCK, and the card pays again (D37)."""
    desk = blocked_desk()
    assert desk.run(POS, TransactionType.PURCHASE, 1234).result is Result.TERMINATED
    desk.bank.at_desk(bank_scripts.order, desk.run(COUNTER, TransactionType.INQUIRY).pan, Order.APPLICATION_UNBLOCK)
    outcome = desk.run(COUNTER, TransactionType.INQUIRY)
    assert (outcome.result, outcome.reason) == (Result.APPROVED, "the issuer's scripts were carried out")
    assert [message.kind.name for message in desk.messages] == ["SERVE", "SCRIPT_NOTICE"]
    assert [command[:6] for command in desk.commands if command.startswith("80AE")] == ["80AE00"]
    assert desk.run(POS, TransactionType.PURCHASE, 1234).verdict is Verdict.APPROVED


def test_nothing_for_a_blocked_card() -> None:
    """D37: without a script of the bank the application stays blocked."""
    outcome = blocked_desk().run(COUNTER, TransactionType.INQUIRY)
    assert outcome.result is Result.DECLINED
    assert outcome.scripts == ()


@pytest.mark.parametrize("cut", [lambda c: c.startswith("80AE8"), lambda c: c.startswith("80AE4")], ids=["ARQC", "TC"])
def test_a_card_pulled_out(cut: Callable[[str], bool]) -> None:
    """KRN-CMP-006: pulled out at either cryptogram; the account is as it was, and the next transaction goes well."""
    desk = Desk()
    before = desk.run(ATM, TransactionType.INQUIRY).balance

    class Pulled:
        def power_on(self) -> bytes:
            return desk.bench.model.power_on()

        def power_off(self) -> None:
            desk.bench.model.power_off()

        def transmit(self, command: bytes) -> bytes:
            if cut(command.hex().upper()):
                raise OSError("pulled out")
            return desk.bench.model.transmit(command)

    with pytest.raises(OSError, match="pulled out"):
        run(financial(desk.config(ATM, TransactionType.CASH, 10000)), Pulled(), desk.services)
    assert desk.run(ATM, TransactionType.INQUIRY).balance == before
    assert desk.storage.recall(Shelf.PENDING) == ()


def test_amount_and_pin_are_two_operations() -> None:
    """TRM-011: the amount is fixed before the PIN is asked for, and the prompt of the PIN asks for a PIN alone."""
    desk = Desk()
    asked: list[str] = []

    class Pad:
        def enter(self, request: PinEntry) -> PinEntered | None:
            asked.append(request.prompt)
            asked.append(next(command for command in desk.commands if command.startswith("80A8"))[16:28])
            return None

    desk.services = replace(desk.services, pin_pad=Pad())
    desk.run(POS, TransactionType.PURCHASE, 123456)
    assert asked == ["Bank card PIN", "000000123456"]


@pytest.mark.parametrize("first", [0, 1])
def test_applications_in_the_order_of_the_terminal(first: int) -> None:
    """TRM-020: of a card without directory the terminal's own order of applications decides."""
    fake = FakeCard(override=lambda c: b"\x6a\x82" if c[5:] == b"1PAY.SYS.DDF01" else None)
    applications = POS.applications if first == 0 else tuple(reversed(POS.applications))
    run_financial(fake, at_terminal(applications=applications))
    tried = [command[5:] for command in fake.log if command[1] == 0xA4 and len(command) > 5][1:5]
    assert tried == [application.aid for application in applications]


def test_a_disabled_application_is_not_taken() -> None:
    """TRM-022: applications are rows of the terminal's file; without the row of the card's one it is not offered."""
    outcome = run_financial(FakeCard(), at_terminal(applications=POS.applications[1:]))
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.NOT_ACCEPTED


def test_a_sale_by_electronic_cash_cannot_be_voided() -> None:
    """KRN-EC-024: no transaction type takes a sale back on the card; money returns by a load or a credit alone."""
    names = {kind.name for kind in TransactionType}
    assert not names & {"VOID", "REFUND", "CANCEL"}
    desk = Desk().loaded()
    desk.run(POS, TransactionType.PURCHASE, 1000)
    assert not any(message.kind is MessageKind.REVERSE for message in desk.messages)
    assert desk.run(ATM, TransactionType.LOAD, 500).cash_balance == 9500


@pytest.mark.parametrize(("capabilities", "failed"), [("E0E1C8", True), ("E0E9C8", False)])
def test_no_cvm_is_a_capability(capabilities: str, failed: bool) -> None:
    """KRN-CFG-004: without 9F33 byte 2 bit 4 the electronic-cash list 1F00 fails (TVR byte 3 bit 8), and is denied."""
    desk = Desk().loaded()
    terminal = replace(POS, capabilities=bytes.fromhex(capabilities))
    outcome = desk.run(terminal, TransactionType.PURCHASE, 1000)
    assert bool(outcome.tvr[2] & 0x80) is failed
    assert outcome.result is (Result.DECLINED if failed else Result.APPROVED)
    assert outcome.cvm_result.hex() == ("3f0001" if failed else "1f0002")
