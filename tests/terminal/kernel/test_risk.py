"""Processing restrictions and terminal risk management."""

from dataclasses import replace
from datetime import datetime

import pytest

from terminal.effects import Shelf
from terminal.flows.financial.risk import selection_percent
from terminal.flows.financial.transaction import FinancialConfig
from terminal.messages.bank import TransactionType
from terminal.parameters import ApplicationParameters
from terminal.storage import MemoryStorage
from terminal.terminals import ATM
from tests.terminal.fakes import AID, PAN, PSN
from tests.terminal.helpers import FINANCIAL, at_terminal
from tests.terminal.kernel.stage import NO_CVM, KernelCard, play, with_application

CASH = replace(FINANCIAL, kind=TransactionType.CASH)
AT_ATM = replace(CASH, terminal=ATM)
CASHBACK = replace(FINANCIAL, cashback=100)
ABROAD = at_terminal(country=b"\x08\x40")
NOT_ALLOWED = 0x10


def tvr(card: KernelCard, config: FinancialConfig = FINANCIAL) -> bytes:
    return play(card, config).outcome.tvr


def on(day: str) -> FinancialConfig:
    return replace(FINANCIAL, now=datetime.fromisoformat(day + "T12:00:00"))


def test_versions() -> None:
    """KRN-RES-001, KRN-RES-002: different versions set 2.b8, none sets nothing; the terminal's is a parameter."""
    assert tvr(KernelCard().edit({0x9F08: "0030"}, (3, 2)))[1] == 0x80
    assert tvr(KernelCard().edit({0x9F08: None}, (3, 2)))[1] == 0
    assert tvr(KernelCard())[1] == 0
    assert tvr(KernelCard().edit({0x9F08: "008C"}, (3, 2)), at_terminal(application_version=b"\0\x8c"))[1] == 0


@pytest.mark.parametrize(
    ("usage", "config", "allowed"),
    [
        ("AA00", FINANCIAL, False),
        ("A900", FINANCIAL, True),
        ("A900", AT_ATM, False),
        ("AA00", AT_ATM, True),
        ("AB00", FINANCIAL, True),
        ("AB00", AT_ATM, True),
    ],
)
def test_place_of_use(usage: str, config: FinancialConfig, allowed: bool) -> None:
    """KRN-RES-003, KRN-ATM-003: a POS needs AUC 1.b1, an ATM 1.b2; AB00 allows both."""
    assert tvr(KernelCard().edit({0x9F07: usage}), config)[1] == (0 if allowed else NOT_ALLOWED)


def test_an_unattended_terminal_without_cash_is_no_atm() -> None:
    """KRN-RES-003: type 14 with cash capability."""
    without = replace(AT_ATM, terminal=replace(ATM, additional_capabilities=bytes.fromhex("6F80F0F000")))
    assert tvr(KernelCard().edit({0x9F07: "A900"}), without)[1] == 0


@pytest.mark.parametrize(
    ("usage", "config", "allowed"),
    [
        ("8900", CASH, True),
        ("6900", CASH, False),
        ("4100", replace(ABROAD, kind=TransactionType.CASH), True),
        ("8100", replace(ABROAD, kind=TransactionType.CASH), False),
        ("2100", FINANCIAL, True),
        ("0900", FINANCIAL, True),
        ("8100", FINANCIAL, False),
        ("1100", ABROAD, True),
        ("0500", ABROAD, True),
        ("2900", ABROAD, False),
        ("AB00", CASHBACK, False),
        ("AB80", CASHBACK, True),
        ("AB40", CASHBACK, False),
        ("1540", replace(ABROAD, cashback=100), True),
        ("1580", replace(ABROAD, cashback=100), False),
    ],
)
def test_usage_at_home_and_abroad(usage: str, config: FinancialConfig, allowed: bool) -> None:
    """KRN-RES-004, KRN-RES-005: domestic means 9F1A = 5F28; cash, goods or services, cashback."""
    assert tvr(KernelCard().edit({0x9F07: usage}), config)[1] == (0 if allowed else NOT_ALLOWED)


def test_the_card_of_the_scheme_abroad() -> None:
    """KRN-RES-006: AUC AB00 and 9F1A=0840: TVR 2.b5, and an AAC is asked for."""
    played = play(KernelCard(), ABROAD)
    assert played.outcome.tvr[1] == NOT_ALLOWED
    assert played.requests == [0x00]


def test_missing_usage_and_country() -> None:
    """KRN-RES-007: without 9F07 no check; without 5F28 the place alone, and 1.b6."""
    assert tvr(KernelCard().edit({0x9F07: None}), ABROAD)[:2] == bytes(2)
    without = KernelCard().edit({0x5F28: None, 0x9F07: "0100"})
    assert tvr(without)[:2] == bytes((0x20, 0))
    assert tvr(without, AT_ATM)[:2] == bytes((0xA0, NOT_ALLOWED)), "no data authentication at this ATM"


@pytest.mark.parametrize("kind", [TransactionType.INQUIRY, TransactionType.LOAD, TransactionType.DEPOSIT])
def test_types_without_a_bit(kind: TransactionType) -> None:
    """KRN-RES-008: they pass if the place is right."""
    assert tvr(KernelCard().edit({0x9F07: "0100"}), replace(FINANCIAL, kind=kind))[1] == 0
    assert tvr(KernelCard().edit({0x9F07: "0200"}), replace(FINANCIAL, kind=kind))[1] == NOT_ALLOWED


def test_effective_date() -> None:
    """KRN-RES-009: 5F25 after today, only if present."""
    assert tvr(KernelCard().edit({0x5F25: "300101"}))[1] == 0x20
    assert tvr(KernelCard().edit({0x5F25: None}))[1] == 0
    assert tvr(KernelCard().edit({0x5F25: "261121"}))[1] == 0, "the day itself"


@pytest.mark.parametrize(("expires", "bit"), [("231231", 0x40), ("240101", 0)])
def test_expiry_date(expires: str, bit: int) -> None:
    """KRN-RES-010: the day itself is valid."""
    assert tvr(KernelCard().edit({0x5F24: expires}), on("2024-01-01"))[1] == bit


@pytest.mark.parametrize(("expires", "bit"), [("491231", 0), ("501231", 0x40)])
def test_centuries(expires: str, bit: int) -> None:
    """KRN-RES-011: 00 to 49 is 20YY, 50 to 99 is 19YY."""
    assert tvr(KernelCard().edit({0x5F24: expires}))[1] == bit


def test_a_card_after_ten_years() -> None:
    """KRN-RES-012: it goes online, and is declined where that cannot be."""
    card = KernelCard().edit({0x5F24: "240131", 0x8E: NO_CVM})
    assert play(card, with_application(floor_limit=9999)).requests[0] == 0x80
    offline = play(card, with_application(floor_limit=9999), online=False)
    assert offline.requests == [0x80, 0x00]
    assert offline.outcome.arc == "Z3"


def test_all_checks_are_made() -> None:
    """KRN-RES-013: expired and foreign."""
    assert tvr(KernelCard().edit({0x5F24: "240131"}), ABROAD)[1] == 0x40 | NOT_ALLOWED


# --- terminal risk management


@pytest.mark.parametrize("aip", ["7C00", "7400"])
def test_it_always_runs(aip: str) -> None:
    """KRN-TRM-001: whatever AIP b4 says; TSI 1.b4."""
    assert play(KernelCard(aip=bytes.fromhex(aip))).outcome.tsi[0] & 0x08


@pytest.mark.parametrize(("amount", "bit"), [(9999, 0), (10000, 0x80), (10001, 0x80)])
def test_floor_limit(amount: int, bit: int) -> None:
    """KRN-TRM-002: equal or above."""
    assert tvr(KernelCard(), replace(with_application(floor_limit=10000), amount=amount))[3] == bit


@pytest.mark.parametrize(
    ("pan", "kind", "bit"), [(PAN, "UPLOAD", 0x80), ("6214672500000000999", "UPLOAD", 0), (PAN, "CONFIRM", 0)]
)
def test_earlier_approvals_count(pan: str, kind: str, bit: int) -> None:
    """KRN-TRM-003: 60.00 that the host does not know yet, and 50.00 now, under a floor limit of 100.00."""
    storage = MemoryStorage()
    storage.keep(Shelf.PENDING, "other terminal", {"kind": kind, "pan": pan, "amount": "6000"})
    config = replace(with_application(floor_limit=10000), amount=5000)
    assert play(KernelCard(), config, storage=storage).outcome.tvr[3] == bit


def test_earlier_approvals_of_the_terminal_itself() -> None:
    """KRN-TRM-003: what an offline approval leaves behind is what the next run finds."""
    storage = MemoryStorage()
    config = replace(with_application(floor_limit=10000), amount=6000)
    card = KernelCard().edit({0x8E: NO_CVM})
    assert play(card, config, storage=storage, online=False).requests == [0x40]
    assert play(card, config, storage=storage, online=False).requests[0] == 0x80


BIASED = ApplicationParameters(AID, floor_limit=10000, random_percent=20, random_threshold=5000, random_max_percent=70)


@pytest.mark.parametrize(("amount", "percent"), [(0, 20), (4999, 20), (5000, 20), (7500, 45), (9999, 69), (6000, 30)])
def test_the_share_rises(amount: int, percent: int) -> None:
    """KRN-TRM-004: target up to the threshold, then in proportion up to the maximum at the floor limit."""
    assert selection_percent(BIASED, amount) == percent
    assert selection_percent(replace(BIASED, random_max_percent=0), amount) == 20


@pytest.mark.parametrize(("amount", "low", "high"), [(1000, 13, 27), (9000, 50, 70)])
def test_shares_of_many_runs(amount: int, low: int, high: int) -> None:
    """KRN-TRM-004: the share of TVR 4.b5 in two hundred runs of a seeded generator."""
    config = replace(at_terminal(applications=(BIASED,)), amount=amount)
    card = KernelCard()
    hits = sum(play(card, config, seed=seed).outcome.tvr[3] == 0x10 for seed in range(200))
    assert low <= hits / 2 <= high


def test_draws() -> None:
    """KRN-TRM-005: percent 0 selects never, 99 always."""
    for percent, bit in ((0, 0), (99, 0x10)):
        config = with_application(floor_limit=9999, random_percent=percent)
        assert {play(KernelCard(), config, seed=seed).outcome.tvr[3] for seed in range(10)} == {bit}


def test_offline_terminals_do_not_draw() -> None:
    """KRN-TRM-006: type 23."""
    config = at_terminal(with_application(floor_limit=9999, random_percent=99), terminal_type=b"\x23")
    assert tvr(KernelCard(), config)[3] == 0


def limits(lower: str | None, upper: str | None, atc: str = "000A", last: str = "0007") -> KernelCard:
    card = KernelCard().edit({0x9F14: lower, 0x9F23: upper})
    card.answers = {"80CA9F36": f"9F3602{atc}9000", "80CA9F13": f"9F1302{last}9000"}
    return card


SMALL = with_application(floor_limit=9999)


@pytest.mark.parametrize(("lower", "upper"), [("02", None), (None, "05"), (None, None)])
def test_velocity_needs_both_limits(lower: str | None, upper: str | None) -> None:
    """KRN-TRM-007: no GET DATA otherwise."""
    played = play(limits(lower, upper), SMALL)
    assert not [text for text in played.commands(0xCA) if text[4:8] in ("9F36", "9F13")]
    assert played.outcome.tvr[3] == 0


@pytest.mark.parametrize(
    ("last", "bits"), [("0007", 0x40), ("0008", 0), ("0004", 0x60), ("0005", 0x40), ("000A", 0x60), ("000B", 0x60)]
)
def test_velocity(last: str, bits: int) -> None:
    """KRN-TRM-008, KRN-TRM-010: ATC - LOATC above 9F14 and 9F23; an ATC not above LOATC sets both."""
    found = tvr(limits("02", "05", last=last), SMALL)
    assert (found[3], found[1]) == (bits, 0)


@pytest.mark.parametrize("which", ["80CA9F36", "80CA9F13"])
@pytest.mark.parametrize("answer", ["6A88", "6A81", "6D00", "9F3601009000"])
def test_counters_that_cannot_be_read(which: str, answer: str) -> None:
    """KRN-TRM-009, KRN-ERR-002: both bits, and 1.b6."""
    card = limits("02", "05")
    card.answers[which] = answer
    found = tvr(card, SMALL)
    assert (found[3], found[0]) == (0x60, 0x20)


def test_new_card() -> None:
    """KRN-TRM-011: LOATC 0 sets 2.b4, inside this check alone."""
    assert tvr(limits("20", "20", last="0000"), SMALL)[1] == 0x08
    assert tvr(limits(None, None, last="0000"), SMALL)[1] == 0


@pytest.mark.parametrize(("key", "bit"), [(PAN, 0x10), (f"{PAN}-{PSN}", 0x10), (f"{PAN}-02", 0), ("6214", 0)])
def test_exception_file(key: str, bit: int) -> None:
    """KRN-TRM-012: a card number, or one with its sequence number."""
    storage = MemoryStorage()
    storage.keep(Shelf.EXCEPTIONS, key, {})
    assert play(KernelCard(), storage=storage).outcome.tvr[0] == bit


def test_the_merchant_wants_online() -> None:
    """KRN-TRM-013: TVR 4.b4."""
    card = KernelCard().edit({0x8E: NO_CVM})
    played = play(card, replace(SMALL, force_online=True))
    assert played.outcome.tvr[3] == 0x08
    assert played.requests[0] == 0x80
