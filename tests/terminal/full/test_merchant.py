"""Terms for holders at merchants: conditions, discounts, points, fees."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.errors import UsageError
from terminal.merchant import MerchantBook, Purchase, load_merchants
from terminal.messages.bank import TransactionType

PHARMACY, HOSPITAL, SHOP = "519900059120001", "519900080620001", "519900054110001"
PAN, AID = "6214672500000000056", "A000000333010101"
DAY: Final = date(2026, 11, 21)


def purchase(
    merchant: str = PHARMACY, amount: int = 1234, kind: TransactionType = TransactionType.PURCHASE
) -> Purchase:
    """A purchase with a card of this product."""
    return Purchase(PAN, AID, load_merchants().merchants[merchant], kind, amount, DAY)


def book(tmp_path: Path, terms: str) -> MerchantBook:
    """A book of one's own: a pharmacy and the terms."""
    path = tmp_path / "merchants.toml"
    path.write_text(
        '[[kind]]\nkey = "pharmacy"\nchinese = "药店"\nname = "pharmacy"\n'
        f'[[merchant]]\nid = "{PHARMACY}"\nname = "药店"\nkind = "pharmacy"\n' + terms,
        encoding="utf8",
    )
    return load_merchants(path)


def test_a_pharmacy_gives_a_discount_to_cards_of_this_product() -> None:
    """SCHEME-100: five per cent of 12.34 yuan are 0.61, at a registered pharmacy, by the card's BIN and AID."""
    terms = load_merchants().terms_of(purchase())
    assert (terms.amount, terms.discount) == (1173, 61)
    assert "pharmacy discount" in terms.names


@pytest.mark.parametrize(
    "other",
    [
        replace(purchase(), pan="6222000000000000012"),
        replace(purchase(), aid="A000000333010102"),
        purchase(SHOP),
        purchase(kind=TransactionType.CASH),
    ],
    ids=["another BIN", "another application", "another kind of merchant", "no purchase"],
)
def test_others_get_no_discount(other: Purchase) -> None:
    """SCHEME-100: each condition counts."""
    terms = load_merchants().terms_of(other)
    assert (terms.amount, terms.discount) == (other.amount, 0)
    assert "pharmacy discount" not in terms.names


def test_points_are_of_what_was_paid() -> None:
    """SCHEME-101: one point for each whole yuan after the discount, at registered merchants alone."""
    assert load_merchants().terms_of(purchase()).points == 11
    assert load_merchants().terms_of(purchase(SHOP)).points == 0


def test_the_agreed_fee_is_none() -> None:
    """SCHEME-103: a fee of 2.00 yuan is 0 for holders, and stays for others."""
    mine = purchase(SHOP, 50000, TransactionType.CASH)
    assert load_merchants().terms_of(mine).fee(200) == 0
    assert load_merchants().terms_of(replace(mine, pan="6222000000000000012")).fee(200) == 200


def test_amount_and_dates_are_conditions_with_both_ends(tmp_path: Path) -> None:
    """An amount or date on the border is inside."""
    rule = '[[term]]\nname = "t"\nchinese = "t"\nclause = "c"\ndiscount = 100\n'
    amounts = book(tmp_path, rule + "at_least = 1000\nat_most = 2000\n")
    assert [amounts.terms_of(purchase(amount=a)).discount for a in (999, 1000, 2000, 2001)] == [0, 100, 100, 0]
    dates = book(tmp_path, rule + "begins = 2026-11-21\nends = 2026-11-22\n")
    days = (date(2026, 11, 20), DAY, date(2026, 11, 22), date(2026, 11, 23))
    assert [dates.terms_of(replace(purchase(), day=day)).discount for day in days] == [0, 100, 100, 0]


def test_of_two_discounts_the_better_one_holds(tmp_path: Path) -> None:
    """They do not add up, and the limit of one counts; points do add up."""
    rule = '[[term]]\nname = "{}"\nchinese = "t"\nclause = "c"\npoints_per_yuan = 1\n{}\n'
    both = book(tmp_path, rule.format("a", "discount = 300") + rule.format("b", "discount_percent = 10"))
    small, large = both.terms_of(purchase(amount=1000)), both.terms_of(purchase(amount=10000))
    assert (small.discount, large.discount) == (300, 1000)
    assert large.points == 2 * 90
    limited = book(tmp_path, rule.format("b", "discount_percent = 10\ndiscount_at_most = 250"))
    assert limited.terms_of(purchase(amount=10000)).discount == 250


@given(amount=st.integers(0, 10**9), merchant=st.sampled_from([PHARMACY, HOSPITAL, SHOP]))
def test_no_discount_makes_money(amount: int, merchant: str) -> None:
    """What is paid and what is given up are the amount, and neither is below zero."""
    terms = load_merchants().terms_of(purchase(merchant, amount))
    assert terms.amount + terms.discount == amount
    assert terms.amount >= 0
    assert terms.discount >= 0


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        ('[[term]]\nname = "t"\nchinese = "t"\nclause = "c"\nkinds = ["bar"]\n', "term t: bar is no kind of merchant"),
        ('[[term]]\nname = "t"\nchinese = "t"\nclause = "c"\ndiscount = -1\n', "discount is not below zero"),
        ('[[merchant]]\nid = "1"\nname = "x"\nkind = "pharmacy"\n', "fifteen letters and digits"),
        ("[[rule]]\nx = 1\n", "[[rule]] is not known"),
    ],
)
def test_a_malformed_book(terms: str, problem: str, tmp_path: Path) -> None:
    """One sentence with file and row."""
    with pytest.raises(UsageError) as error:
        book(tmp_path, terms)
    assert problem in str(error.value)
    assert "merchants.toml" in str(error.value)
