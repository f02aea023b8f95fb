"""Electronic cash: the card-facing part, and what a card tells without a transaction."""

from dataclasses import replace
from pathlib import Path

import pytest

from cardsim.iso7816.tlv import ber
from terminal.driver import run
from terminal.effects import Shelf
from terminal.flows.financial.cash import balance_after
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.flows.financial.inquiry import CardInquiry, inquire
from terminal.flows.financial.transaction import FinancialConfig, OdaMethod
from terminal.outcome import Cause, Verdict
from terminal.storage import MemoryStorage
from terminal.transcript import CommandSent, Event
from tests.cards import Bench
from tests.cards import card as made
from tests.terminal.fakes import AID, PAN, PIN
from tests.terminal.helpers import FINANCIAL, at_terminal, services
from tests.terminal.kernel.stage import CASH_AFL, NO_CVM, OK, Holder, KernelCard, Played, fci, play, with_application

CODE = "454343303031"
SALE = replace(with_application(ec_limit=5000), amount=1000)
"""A purchase of 10.00 yuan where electronic cash goes to 50.00."""
OFFLINE = at_terminal(SALE, terminal_type=b"\x23")


def agreeing(balance: int = 10000, threshold: int = 9000, *, code: str = CODE, cvm: str = NO_CVM) -> KernelCard:
    """A card that takes part in electronic cash where it is asked."""
    card = KernelCard(afl=CASH_AFL).edit({0x8E: cvm})
    card.records[3, 3] = {0x9F74: bytes.fromhex(code)}
    card.objects = {
        0x9F79: ber(0x9F79, bytes.fromhex(f"{balance:012d}")) + OK,
        0x9F6D: ber(0x9F6D, bytes.fromhex(f"{threshold:012d}")) + OK,
    }
    return card


def asked(played: Played) -> bool:
    """Whether 9F7A was 1."""
    return played.commands(0xA8)[0][14:16] == "01"


def data_read(played: Played) -> list[str]:
    """Tags of GET DATA."""
    return [text[4:8] for text in played.commands(0xCA)]


@pytest.mark.parametrize(("fen", "wanted"), [(999, True), (1000, False), (1001, False)])
def test_limit_of_the_terminal(fen: int, wanted: bool) -> None:
    """KRN-EC-001, KRN-EC-002: strictly below 9F7B, for a purchase, where the terminal supports it."""
    config = replace(with_application(ec_limit=1000), amount=fen)
    assert asked(play(KernelCard(), config)) == wanted
    assert not asked(play(KernelCard(), at_terminal(config, electronic_cash=False)))


@pytest.mark.parametrize(("fen", "floor", "wanted"), [(1999, 2000, True), (2000, 2000, False), (1, 0, False)])
def test_without_a_limit(fen: int, floor: int, wanted: bool) -> None:
    """KRN-EC-003: the floor limit serves; without both there is no electronic cash."""
    assert asked(play(KernelCard(), replace(with_application(floor_limit=floor, ec_limit=None), amount=fen))) == wanted


def test_the_card_agrees() -> None:
    """KRN-EC-005, KRN-EC-009: 9F74 in the records; then 9F79 and 9F6D are read."""
    played = play(agreeing(), SALE)
    assert asked(played)
    assert data_read(played)[:2] == ["9F79", "9F6D"]
    assert played.sent.index("80CA9F7900") > played.sent.index(played.commands(0xB2)[-1])
    assert played.outcome.result is Result.APPROVED


def test_the_card_does_not_agree() -> None:
    """KRN-EC-005, KRN-EC-006: without 9F74 an ordinary purchase, with one GET PROCESSING OPTIONS and no error."""
    played = play(KernelCard().edit({0x8E: NO_CVM}), SALE)
    assert asked(played)
    assert len(played.commands(0xA8)) == 1
    assert data_read(played) == []
    assert played.outcome.tvr[3] == 0x80
    assert played.requests[0] == 0x80


@pytest.mark.parametrize("code", [CODE[:10], CODE + "00"])
def test_length_of_the_code(code: str) -> None:
    """KRN-EC-007: 6 bytes."""
    assert play(agreeing(code=code), SALE).terminated is Cause.CARD_DATA


def test_a_code_that_nobody_asked_for() -> None:
    """KRN-EC-008: an ordinary purchase."""
    played = play(agreeing(), at_terminal(SALE, electronic_cash=False))
    assert not asked(played)
    assert data_read(played) == []
    assert played.outcome.tvr[3] == 0x80
    assert all(item.tag != 0x9F74 for item in played.outcome.items)


@pytest.mark.parametrize("tag", [0x9F79, 0x9F6D])
@pytest.mark.parametrize("answer", ["6A88", "9F79050000001000" + "9000", "9000", "9F7906000000000A00" + "9000"])
def test_balance_or_threshold_unreadable(tag: int, answer: str) -> None:
    """KRN-EC-010: the transaction ends."""
    card = agreeing()
    card.objects[tag] = bytes.fromhex(answer.replace("9F79", f"{tag:04X}"))
    assert play(card, SALE).terminated is Cause.CARD_DATA


def test_enough_is_left() -> None:
    """KRN-EC-011: 100.00 - 10.00 is not below 90.00: TC, no PIN, no host."""
    holder = Holder([PIN])
    played = play(agreeing(10000, 9000), SALE, holder)
    assert played.requests == [0x40]
    assert not holder.prompts
    assert played.outcome.tvr == bytes(5)


def test_little_is_left() -> None:
    """KRN-EC-012, KRN-CVM-038: online PIN and ARQC; TVR 3.b3, 9F34 as the list left it."""
    holder = Holder([PIN])
    played = play(agreeing(1500, 1000), SALE, holder)
    assert len(holder.prompts) == 1
    assert played.requests[0] == 0x80
    assert played.outcome.tvr.hex() == "0000040000"
    assert played.outcome.cvm_result.hex() == "1f0002"


def test_little_is_left_offline() -> None:
    """KRN-EC-013: an offline-only terminal asks for a TC."""
    assert play(agreeing(1500, 1000), OFFLINE).requests == [0x40]


@pytest.mark.parametrize(("default", "arc", "second"), [("0000040000", "Z3", 0x00), ("0000000000", "Y3", 0x40)])
def test_the_host_is_not_reached(default: str, arc: str, second: int) -> None:
    """KRN-EC-014: Y3 or Z3 by the default codes."""
    card = agreeing(1500, 1000).edit({0x9F0D: default})
    played = play(card, with_application(SALE, tac_default=bytes(5)), Holder([PIN]), online=False)
    assert played.requests == [0x80, second]
    assert played.outcome.arc == arc


def test_action_codes_come_first() -> None:
    """KRN-EC-015: a denial declines; an online hit is ordinary debit."""
    hit = agreeing()
    hit.records[2, 4][0x9F46] = bytes(112)
    assert play(hit, SALE).requests[0] == 0x80
    denied = agreeing().edit({0x9F07: "0000"})
    assert play(denied, SALE).requests == [0x00]


def test_little_is_left_and_no_pin() -> None:
    """KRN-EC-016: without online PIN, with a pad out of order, or after bypass: completed offline."""
    without = at_terminal(SALE, capabilities=bytes.fromhex("E0A9C8"))
    assert play(agreeing(1500, 1000), without).requests == [0x40]
    assert play(agreeing(1500, 1000), replace(SALE, pin_pad_works=False)).requests == [0x40]
    assert play(agreeing(1500, 1000), SALE, Holder()).requests == [0x40]


@pytest.mark.parametrize(("config", "request_"), [(SALE, 0x80), (OFFLINE, 0x00)])
def test_a_balance_below_the_amount(config: FinancialConfig, request_: int) -> None:
    """KRN-EC-017: never a TC: online, or declined where there is no line."""
    assert play(agreeing(500, 0), config).requests[0] == request_


@pytest.mark.parametrize(
    ("iad", "answer", "balance"),
    [
        ("07010103900000010A010000001000D1F61152", "6A88", 1000),
        ("0701010390000001", "9F79060000000009009000", 900),
        ("0701010390000001", "6A88", None),
        ("07010103900000010A0100000010AAD1F61152", "6A88", None),
        ("07010103900000010A020000001000D1F61152", "6A88", None),
    ],
)
def test_the_new_balance(iad: str, answer: str, balance: int | None) -> None:
    """KRN-EC-018: from 9F10 (id 01) or by GET DATA; nothing where neither tells."""
    card = KernelCard(answers={"80CA9F79": answer})
    card.power_on()
    assert run(balance_after(bytes.fromhex(iad)), card, services()) == balance


def test_the_sale_stands_without_a_balance() -> None:
    """KRN-EC-018: a failure here does not undo it."""
    card = agreeing()
    reads = iter(range(9))
    card.override = lambda command: b"\x6a\x88" if command[:4].hex() == "80ca9f79" and next(reads) else None
    played = play(card, SALE)
    assert data_read(played) == ["9F79", "9F6D", "9F79"]
    assert played.outcome.result is Result.APPROVED
    assert played.outcome.cash_balance is None


def test_an_arqc_where_cash_was_agreed() -> None:
    """KRN-EC-019: the rest is ordinary debit, online."""
    card = agreeing()
    card.first_decision = 0x80
    played = play(card, SALE)
    assert played.requests == [0x40, 0x40]
    assert played.outcome.reason == "approved online"


def test_risk_management_of_cash() -> None:
    """KRN-TRM-014: no floor limit, no draw, no velocity; the exception file all the same."""
    card = agreeing().edit({0x9F14: "00", 0x9F23: "00"})
    config = with_application(SALE, floor_limit=0, random_percent=99)
    played = play(card, config)
    assert played.outcome.tvr == bytes(5)
    assert data_read(played)[:2] == ["9F79", "9F6D"]
    storage = MemoryStorage()
    storage.keep(Shelf.EXCEPTIONS, PAN, {})
    assert play(agreeing(), config, storage=storage).outcome.tvr.hex() == "1000000000"


def test_a_lost_card_pays_offline() -> None:
    """KRN-EC-023: a card on no exception file of this terminal is approved without a word to the bank."""
    played = play(agreeing(), SALE, online=False)
    assert played.outcome.result is Result.APPROVED
    assert played.requests == [0x40]


# --- the reference card


def inquired(card: Bench, *, log: bool = False) -> tuple[CardInquiry, list[str]]:
    """What a reference card tells, and the commands that it took, 61xx and 6Cxx aside."""
    events: list[Event] = []
    outcome = run(inquire(FINANCIAL, log=log), card.model, services(), events.append)
    return outcome, [bytes(event.command).hex().upper() for event in events if isinstance(event, CommandSent)]


def with_money() -> Bench:
    """A reference card with 500.00 yuan of electronic cash."""
    return made(str(Path(__file__).with_name("cash.toml")))


def buy(card: Bench, fen: int) -> FinancialOutcome:
    """A purchase of the reference card; the host is not reached."""
    bank = card.keys.bank
    config = replace(SALE, amount=fen, ca_keys=bank.ca if bank else ())
    return run(financial(config), card.model, replace(services(), host=None))


def test_the_reference_card_pays_and_tells() -> None:
    """KRN-ODA-031, KRN-EC-011, KRN-EC-018: an offline sale, authenticated by the cash path's records."""
    card = with_money()
    outcome = buy(card, 1000)
    assert (outcome.result, outcome.reason) == (Result.APPROVED, "paid by electronic cash")
    assert (outcome.oda.method, outcome.oda.problem) == (OdaMethod.DDA, "")
    assert outcome.tvr == bytes(5)
    assert outcome.cash_balance == 49000


def test_balance_without_a_transaction() -> None:
    """KRN-EC-021: SELECT and GET DATA 9F79 alone; the counter stays."""
    card = with_money()
    before = counter(card)
    outcome, commands = inquired(card)
    assert (outcome.verdict, outcome.balance) == (Verdict.PASSED, 50000)
    assert commands[-2:] == [f"00A4040008{AID.hex().upper()}00", "80CA9F7900"]
    assert not [text for text in commands if text.startswith(("80A8", "80AE"))]
    assert counter(card) == before


def counter(card: Bench) -> str:
    """The ATC by GET DATA."""
    card.power_on()
    card.select(AID.hex())
    return card.x("80CA9F3600")


def test_the_log_is_found_and_read() -> None:
    """KRN-LGR-001, KRN-LGR-002, KRN-LGR-003: 9F4D and 9F4F, records until 6A83, the newest first; no counter moves."""
    card = with_money()
    for fen in (100, 200, 300):
        assert buy(card, fen).result is Result.APPROVED
    before = counter(card)
    outcome, commands = inquired(card, log=True)
    assert commands[-5:] == ["80CA9F4F00", "00B2015C00", "00B2025C00", "00B2035C00", "00B2045C00"]
    entries = [{item.tag: item.value for item in entry} for entry in outcome.transactions]
    assert [entry[0x9F02].hex() for entry in entries] == ["000000000300", "000000000200", "000000000100"]
    assert [int.from_bytes(entry[0x9F36], "big") for entry in entries] == [3, 2, 1]
    assert all(entry[0x9A].hex() == "261121" for entry in entries)
    assert counter(card) == before


def with_logs(more: bytes = b"", **objects: str) -> KernelCard:
    card = KernelCard(applications={AID: fci(inside=ber(0xBF0C, ber(0x9F4D, b"\x0b\x0a") + more)) + OK})
    card.objects = {int(name[1:], 16): bytes.fromhex(value) for name, value in objects.items()}
    return card


def test_the_load_log_is_read_where_it_is_announced() -> None:
    """KRN-LGR-004: a 2.0 card announces none, and SFI 12 is left alone."""
    plain = with_logs(T9F4F="9F4F039A03029000")
    run(inquire(FINANCIAL, log=True), plain, services())
    assert not [command for command in plain.log if command[1] == 0xB2 and command[3] == 0x64]
    announcing = with_logs(ber(0xDF4D, b"\x0c\x0a"), T9F4F="9F4F029A039000", TDF4F="DF4F029A039000")
    announcing.answers = {"00B20164": "2401019000"}
    outcome = run(inquire(FINANCIAL, log=True), announcing, services())
    assert [entry[0].value.hex() for entry in outcome.loads] == ["240101"]


@pytest.mark.parametrize("layout", ["9F4F009000", "6A88", "9F4F019F9000"])
def test_a_log_without_a_format(layout: str) -> None:
    """KRN-ERR-002: 9F4F that cannot be read or used is no log, and no failure of the session."""
    card = with_logs(T9F4F=layout)
    outcome = run(inquire(FINANCIAL, log=True), card, services())
    assert (outcome.verdict, outcome.transactions) == (Verdict.PASSED, ())
    assert not [command for command in card.log if command[1] == 0xB2 and command[3] == 0x5C]


def test_an_entry_of_another_length_ends_the_log() -> None:
    """KRN-LGR-002: what the format does not fit is not decoded."""
    card = with_logs(T9F4F="9F4F029A039000")
    card.answers = {"00B2015C": "2401019000", "00B2025C": "24019000"}
    assert len(run(inquire(FINANCIAL, log=True), card, services()).transactions) == 1


def test_an_inquiry_of_a_card_that_has_no_application() -> None:
    """The outcome tells why."""
    outcome = run(inquire(FINANCIAL), KernelCard(pse=b"\x6a\x82", applications={}), services())
    assert outcome.verdict is Verdict.FAILED
    assert outcome.failure is not None
    assert outcome.failure.cause is Cause.NOT_ACCEPTED
