"""Medical settlement: the reckoning, and what is paid and open."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.hosts.social.codes import Code
from terminal.hosts.social.rules import PoolRules, Used, department_rules, reckon
from terminal.hosts.social.settlement import open_settlements
from terminal.messages.social import (
    CloseSettlement,
    Fee,
    FeeKind,
    PurchaseRecord,
    Settle,
    Settlement,
    SettlementClosed,
    Verified,
    VerifyPurchases,
)
from tests.terminal.department.bench import Bench, other_card, refused
from tests.terminal.department.vectors import IDENTIFICATION

HOME, AWAY = "519900", "510100"
ON_CARD = f"card {IDENTIFICATION.hex().upper()}"
COVERED, PARTLY, OWN = FeeKind.COVERED, FeeKind.PARTLY, FeeKind.OWN_EXPENSE
FEES = (Fee("挂号费", COVERED, 30000), Fee("药费", PARTLY, 10000), Fee("护理费", OWN, 5000))


def settle(bench: Bench, bill: str = "B1", balance: int = 4096, region: str = HOME) -> Settlement:
    answer = bench.host.handle(Settle(bench.card, bill, FEES, balance, region, "H0001"))
    assert isinstance(answer, Settlement), answer
    return answer


def close(
    bench: Bench, settlement: Settlement, purchase: PurchaseRecord | None = None, reference: str = "", paid: int = 0
) -> int:
    answer = bench.host.handle(CloseSettlement(bench.card, settlement.number, purchase, reference, paid))
    assert isinstance(answer, SettlementClosed), answer
    assert answer.number == settlement.number
    return answer.unpaid


def purchase_of(bench: Bench, settlement: Settlement) -> PurchaseRecord:
    return bench.purchase(settlement.account, settlement.self_paid, settlement.pool)


def test_a_bill_by_the_rules_of_the_region() -> None:
    """SCHEME-071: 300.00 covered, 100.00 in part: 380.00 count, 100.00 are the deductible, the fund pays 70 %."""
    bench = Bench()
    settlement = settle(bench)
    assert (settlement.pool, settlement.account, settlement.self_paid, settlement.own_expense) == (
        19600,
        4096,
        16304,
        5000,
    )
    assert settlement.total == sum(fee.amount for fee in FEES)
    second = settle(bench, "B2")
    assert second.pool == 26600, "the deductible of the year is used up"


def test_across_regions_the_other_region_pays_by_its_rules() -> None:
    """SCHEME-072: a person of another region: its deductible, a smaller share, and its debt to this one."""
    bench = Bench()
    settlement = settle(bench, region=AWAY)
    assert settlement.region == AWAY
    assert settlement.pool == (37500 - 20000) * 50 // 100
    assert close(bench, settlement, purchase_of(bench, settlement)) == settlement.rest
    owed = settlement.account + settlement.pool
    assert (bench.ledger(f"region {AWAY}"), bench.ledger("institution H0001")) == (-owed, owed)
    refused(bench.host.handle(Settle(bench.card, "B9", FEES, 0, "990000", "H0001")), Code.NOT_THERE)
    bench.sound()


RULES = department_rules().pools[HOME]
AMOUNT = st.integers(0, 30_000_000)


@given(
    fees=st.lists(st.builds(Fee, st.just("x"), st.sampled_from(FeeKind), AMOUNT), max_size=6),
    balance=AMOUNT,
    used=st.builds(Used, AMOUNT, AMOUNT),
    away=st.booleans(),
    rules=st.builds(
        replace,
        st.just(RULES),
        share_percent=st.integers(0, 100),
        first_percent=st.integers(0, 100),
        yearly_cap=AMOUNT,
    ),
)
def test_parts_sum_to_the_bill(fees: list[Fee], balance: int, used: Used, away: bool, rules: PoolRules) -> None:
    """SCHEME-071, SCHEME-087: no part is negative, own expense is nobody's but the holder's, the account goes first."""
    shares = reckon(rules, fees, balance, used, away=away)
    parts = (shares.account, shares.self_paid, shares.pool, shares.own_expense)
    assert min(*parts, shares.deductible) >= 0
    assert sum(parts) == sum(fee.amount for fee in fees)
    assert shares.own_expense == sum(fee.amount for fee in fees if fee.kind is OWN)
    assert shares.account == balance or not shares.self_paid
    assert shares.pool + used.pool <= max(rules.yearly_cap, used.pool)
    home = reckon(rules, fees, balance, used, away=False)
    assert shares.pool <= home.pool


def test_the_cap_of_the_year() -> None:
    rules = replace(RULES, yearly_cap=1000)
    fees = [Fee("x", COVERED, 100000)]
    assert reckon(rules, fees, 0, Used(10000, 400), away=False).pool == 600
    assert reckon(rules, fees, 0, Used(10000, 5000), away=False).pool == 0


@pytest.mark.parametrize(("starts", "year"), [("0101", 2014), ("0802", 2014), ("0803", 2013)])
def test_the_year_begins_on_the_starting_day(starts: str, year: int) -> None:
    """TRM-243: the settlement year is the calendar year from the starting day on, else the year before."""
    assert replace(RULES, year_starts=starts).year_of(Bench().now.date()) == year


def test_a_bill_once_more_is_the_same_answer() -> None:
    """SCHEME-073: a repeat takes nothing of the year again, even with another balance; other fees are refused."""
    bench = Bench()
    first = settle(bench)
    assert settle(bench, balance=0) == first
    other = (*FEES[:2], Fee("护理费", OWN, 5001))
    refused(bench.host.handle(Settle(bench.card, "B1", other, 4096, HOME, "H0001")), Code.CONFLICT)
    assert isinstance(bench.host.handle(Settle(bench.card, "B1", other, 4096, HOME, "H0002")), Settlement)


def test_card_and_bank_pay_and_it_is_closed() -> None:
    """SCHEME-071, SCHEME-086: the card's part by its purchase, the rest by the bank; the host's totals match."""
    bench = Bench()
    settlement = settle(bench)
    assert close(bench, settlement, purchase_of(bench, settlement)) == settlement.rest
    assert close(bench, settlement, reference="K1", paid=settlement.rest) == 0
    assert bench.ledger(ON_CARD) == -settlement.account
    assert bench.ledger("pool 519900") == -settlement.pool
    assert bench.ledger("institution H0001") == settlement.account + settlement.pool
    assert bench.host.work(open_settlements) == ()
    bench.sound()


def test_messages_that_come_again_book_once() -> None:
    """SCHEME-073: however often each message comes, one purchase and one payment are booked."""
    bench = Bench()
    settlement = settle(bench)
    purchase = purchase_of(bench, settlement)
    for _ in range(3):
        assert close(bench, settlement, purchase) == settlement.rest
    for _ in range(3):
        assert close(bench, settlement, purchase, "K1", settlement.rest) == 0
    assert bench.postings() == ["purchase 1"]
    bench.sound()


def test_what_the_bank_did_not_pay_stays_open() -> None:
    """SCHEME-088 (D39): the card's part stays booked, the rest is open, and may be paid later, in parts."""
    bench = Bench()
    settlement = settle(bench)
    unpaid = close(bench, settlement, purchase_of(bench, settlement))
    assert bench.host.work(open_settlements) == ((settlement.number, unpaid),)
    assert close(bench, settlement, reference="K1", paid=1000) == unpaid - 1000
    refused(bench.host.handle(CloseSettlement(bench.card, settlement.number, None, "K2", unpaid)), Code.AMOUNT)
    assert close(bench, settlement, reference="K2", paid=unpaid - 1000) == 0
    bench.sound()


def test_without_a_purchase_the_accounts_part_is_open_too() -> None:
    """D39: the card did not take the purchase; the bank may pay everything, and the fund pays when all is paid."""
    bench = Bench()
    settlement = settle(bench)
    assert close(bench, settlement) == settlement.account + settlement.rest
    assert bench.ledger("institution H0001") is None
    assert close(bench, settlement, reference="K1", paid=settlement.account + settlement.rest) == 0
    assert bench.ledger("institution H0001") == settlement.pool
    bench.sound()


def test_a_purchase_after_the_bank_paid_everything_goes_to_the_central_account() -> None:
    """D39: card money returns by an account load alone, so what was paid twice is credited to the central account."""
    bench = Bench()
    settlement = settle(bench)
    close(bench, settlement, reference="K1", paid=settlement.account + settlement.rest)
    assert close(bench, settlement, purchase_of(bench, settlement)) == 0
    assert bench.ledger(f"central {bench.card.person}") == 200000 + settlement.account
    assert (bench.ledger("institution H0001"), bench.ledger("pool 519900")) == (settlement.pool, -settlement.pool)
    bench.sound()


def test_a_purchase_that_was_verified_first_is_not_booked_again() -> None:
    """SCHEME-073: the terminal's records come to the verification service before the settlement is closed."""
    bench = Bench()
    settlement = settle(bench)
    purchase, card = purchase_of(bench, settlement), bench.card
    message = VerifyPurchases(card, card.area, card.historical, card.algorithm, (purchase,))
    assert bench.host.handle(message) == Verified((True,))
    assert close(bench, settlement, purchase) == settlement.rest
    assert bench.host.handle(message) == Verified((True,))
    assert bench.ledger(ON_CARD) == -settlement.account
    assert bench.ledger("institution of terminal 510000000001") == 0
    assert bench.ledger("institution H0001") == settlement.account + settlement.pool
    bench.sound()


def test_purchases_that_do_not_fit() -> None:
    """SCHEME-087: no amount but those of the settlement; own expense is none of the card's."""
    bench = Bench()
    settlement = settle(bench)
    with_own = bench.purchase(settlement.account, settlement.self_paid + settlement.own_expense, settlement.pool)
    message = CloseSettlement(bench.card, settlement.number, with_own, "", 0)
    refused(bench.host.handle(message), Code.AMOUNT)
    right = purchase_of(bench, settlement)
    refused(bench.host.handle(replace(message, purchase=replace(right, tac=bytes(4)))), Code.WRONG_MAC)
    assert close(bench, settlement, right) == settlement.rest
    second = purchase_of(bench, settlement)
    refused(bench.host.handle(replace(message, purchase=second)), Code.CONFLICT)
    assert bench.postings() == ["purchase 1"]
    bench.sound()


def test_a_card_with_the_account_alone() -> None:
    """TRM-152: such a card knows no other amounts; the fund's part is booked all the same."""
    bench = Bench()
    settlement = settle(bench)
    assert close(bench, settlement, bench.purchase(settlement.account, 0, 0)) == settlement.rest
    assert bench.ledger("pool 519900") == -settlement.pool
    bench.sound()


def test_a_bill_that_the_fund_pays_whole() -> None:
    bench = Bench()
    bench.host.rules = replace(
        bench.host.rules, pools={HOME: replace(RULES, deductible=0, share_percent=100, first_percent=0)}
    )
    bill = Settle(bench.card, "B1", (Fee("x", COVERED, 700),), 4096, HOME, "H0001")
    settlement = bench.host.handle(bill)
    assert isinstance(settlement, Settlement)
    assert (settlement.pool, settlement.rest) == (700, 0)
    assert bench.ledger("institution H0001") == 700
    assert bench.host.handle(bill) == settlement
    assert close(bench, settlement, bench.purchase(0, 0, 700)) == 0
    assert bench.ledger("institution H0001") == 700
    bench.sound()


def test_malformed_settlements_are_refused() -> None:
    bench = Bench()
    message = Settle(bench.card, "B1", FEES, 0, HOME, "H0001")
    for wrong in (
        replace(message, bill=""),
        replace(message, institution=""),
        replace(message, fees=()),
        replace(message, fees=(Fee("x", COVERED, -1),)),
        replace(message, balance=-1),
        replace(message, bill="x" * 300),
    ):
        refused(bench.host.handle(wrong), Code.MALFORMED)
    settlement = settle(bench)
    for number in ("", "M", "M1", "X0000000001", "M9999999999", "M00000000²1"):
        refused(bench.host.handle(CloseSettlement(bench.card, number, None, "", 0)), Code.NOT_THERE)
    refused(bench.host.handle(CloseSettlement(other_card(), settlement.number, None, "", 0)), Code.NOT_THERE)
    refused(bench.host.handle(CloseSettlement(bench.card, settlement.number, None, "", 5)), Code.MALFORMED)
    refused(bench.host.handle(CloseSettlement(bench.card, settlement.number, None, "K1", 0)), Code.AMOUNT)
    close(bench, settlement, reference="K1", paid=5)
    refused(bench.host.handle(CloseSettlement(bench.card, settlement.number, None, "K1", 6)), Code.CONFLICT)
