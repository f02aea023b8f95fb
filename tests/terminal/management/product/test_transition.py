"""Products of the transition, and their stripe."""

import dataclasses
from datetime import date
from functools import reduce

import pytest

from cardsim.making.structure import load_profile
from terminal.management.product.rules import Rules, default_rules
from terminal.management.product.transition import permitted, stripe_data, stripe_place
from terminal.management.product.words import Stripe
from terminal.perso.kinds import Side
from terminal.perso.records import BankRecord
from tests.terminal.management.product.support import rules

END = date(2015, 12, 31)
RECORD = BankRecord(
    "N1", "510101199001011234", "李四", "1", "6214672500000000056", "01", "250000000005", "20240101", "20340131", "B01"
)


def _stage(stage: int, more: str = "allowed = true\nends = 2015-12-31") -> Rules:
    return rules(f"[transition]\nstage = {stage}\n{more}")


@pytest.mark.parametrize(
    ("product", "stages"), [("single-chip", {1, 2, 3}), ("hidden-stripe", {1, 2}), ("stripe-only-finance", {1})]
)
def test_the_stage_decides_which_media_there_are(product: str, stages: set[int]) -> None:
    """SCHEME-218: individual solutions, hidden stripe, single chip."""
    for stage in (1, 2, 3):
        own = _stage(stage)
        refused = permitted(own, own.products[product], END)
        assert (refused is None) == (stage in stages)
        if refused is not None:
            assert refused.rule == "SCHEME-218"


@pytest.mark.parametrize(
    "more", ["allowed = false\nends = 2015-12-31", "allowed = true", "allowed = false"], ids=["flag", "end", "both"]
)
def test_a_hidden_stripe_needs_the_flag_and_an_end(more: str) -> None:
    """SCHEME-216: without the flag or without an end date there is no chip with a hidden stripe."""
    own = _stage(2, more)
    refused = permitted(own, own.products["hidden-stripe"], date(2014, 1, 1))
    assert refused is not None
    assert refused.rule == "SCHEME-216"
    assert permitted(own, own.products["single-chip"], date(2014, 1, 1)) is None


def test_the_transition_ends() -> None:
    """SCHEME-219: on the last day a card with a stripe is issued, on the next none."""
    own = _stage(2)
    assert permitted(own, own.products["hidden-stripe"], END) is None
    refused = permitted(own, own.products["hidden-stripe"], date(2016, 1, 1))
    assert refused is not None
    assert refused.rule == "SCHEME-219"


def test_the_chip_of_the_transition_has_both_applications() -> None:
    """SCHEME-217: only the old product, whose finance function is on the stripe, has a chip without it; the profiles
    have the environments that the products say."""
    own = _stage(1)
    for product in own.products.values():
        profile = load_profile(product.profile)
        assert (profile.ssse is not None) == (Side.SOCIAL in product.chip)
        assert (profile.pse is not None) == (Side.FINANCE in product.chip)
    both = {name for name, product in own.products.items() if set(product.chip) == set(Side)}
    assert both == {"single-chip", "hidden-stripe"}
    for sides in ((Side.SOCIAL,), (Side.FINANCE,)):
        refused = permitted(own, dataclasses.replace(own.products["hidden-stripe"], chip=sides), END)
        assert refused is not None
        assert refused.rule == "SCHEME-217"


def test_a_pure_chip_card_has_no_stripe_data() -> None:
    """PERSO-167: no stripe data for the single chip (D26); a card with a stripe gets track 2 with sentinels and LRC."""
    products = default_rules().products
    assert stripe_data(products["single-chip"], RECORD) is None
    data = stripe_data(products["hidden-stripe"], RECORD)
    assert data is not None
    assert data.track2[:-1] == ";6214672500000000056=34016200000?"
    assert reduce(lambda value, one: value ^ (ord(one) - 0x30), data.track2, 0) == 0
    assert len(data.track2) <= 40


def test_stripe_data_of_a_wrong_number() -> None:
    wrong = dataclasses.replace(RECORD, pan="6214672500000000057")
    with pytest.raises(ValueError, match="order N1: the card number has a wrong check digit"):
        stripe_data(default_rules().products["hidden-stripe"], wrong)


def test_where_the_hidden_stripe_lies() -> None:
    """SCHEME-228: the limits of STD-1; the single chip has no stripe element."""
    own = default_rules()
    place = stripe_place(own, own.products["hidden-stripe"])
    assert place is not None
    limits = (place.left_most, place.right_least, place.upper_least, place.lower_most)
    assert limits == (292, 8255, 1595, 554)
    for product in own.products.values():
        assert (stripe_place(own, product) is None) == (product.stripe is not Stripe.HIDDEN)
