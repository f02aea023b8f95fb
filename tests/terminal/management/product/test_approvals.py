"""What has to be approved before cards are issued."""

import dataclasses
from datetime import date

import pytest

from cardsim.making.demo import demo
from terminal.management.product.approvals import (
    CONFORMITY,
    Issue,
    approved,
    conforms,
    refusals,
    registered,
    terminal_accepted,
)
from terminal.management.product.rules import Product, Rules, TerminalKind, default_rules
from terminal.management.product.words import Authority, Stripe
from terminal.perso.kinds import Mode, Side
from tests.terminal.management.product.support import rules

TODAY = date(2026, 11, 22)
HISTORICAL = demo(None).historical


def _issue(own: Rules, product: str = "single-chip", design: str = "debit-1") -> Issue:
    return Issue(own.products[product], design, "510101", "621467")


def _approvals(ministry: str, bank: str, day: str = "2011-06-01", product: str = "single-chip") -> Rules:
    row = (
        '[[approval]]\nauthority = "{}"\nnumber = "1"\nscope = "{}"\nproducts = ["{}"]\ndesign = "debit-1"\ndate = {}\n'
    )
    rows = [
        row.format(authority, scope, product, day)
        for authority, scope in (("ministry", ministry), ("central-bank", bank))
        if scope != "-"
    ]
    return rules("".join(rows))


@pytest.mark.parametrize(
    ("ministry", "bank", "missing"),
    [
        ("51", "621467", None),
        ("510101", "6", None),
        ("-", "621467", "ministry for 510101"),
        ("53", "621467", "ministry for 510101"),
        ("51", "-", "central bank for BIN 621467"),
        ("51", "622999", "central bank for BIN 621467"),
    ],
)
def test_both_authorities_approve_each_for_its_scope(ministry: str, bank: str, missing: str | None) -> None:
    """SCHEME-222: the ministry for the region, the central bank for the issuer; without one of them none is issued."""
    own = _approvals(ministry, bank)
    refused = approved(own, _issue(own), TODAY)
    assert (refused is None) == (missing is None)
    if refused is not None and missing is not None:
        assert refused.rule == "SCHEME-222"
        assert missing in refused.reason


def test_an_approval_counts_from_its_day_on_and_for_its_products() -> None:
    own = _approvals("", "621467")
    assert approved(own, _issue(own), date(2011, 6, 1)) is None
    assert approved(own, _issue(own), date(2011, 5, 31)) is not None
    assert approved(own, _issue(own, "hidden-stripe"), TODAY) is not None


def test_another_face_is_approved_again() -> None:
    """SCHEME-221, SCHEME-223: the design has an approved number; changed, it is refused until both have approved it."""
    own = default_rules()
    assert approved(own, _issue(own, design="debit-1"), TODAY) is None
    refused = approved(own, _issue(own, design="debit-2"), TODAY)
    assert refused is not None
    assert refused.rule == "SCHEME-223"
    one, other = (dataclasses.replace(row, design="debit-2", number="2") for row in own.approvals)
    half = dataclasses.replace(own, approvals=(*own.approvals, one))
    whole = dataclasses.replace(own, approvals=(*own.approvals, one, other))
    assert approved(half, _issue(own, design="debit-2"), TODAY) is not None
    assert approved(whole, _issue(own, design="debit-2"), TODAY) is None


@pytest.mark.parametrize(("day", "allowed"), [("2009-06-30", True), ("2009-07-01", False)])
def test_old_products_under_their_old_approval(day: str, allowed: bool) -> None:
    """SCHEME-224: a stripe-only finance function goes on under an approval from before 2009-07-01, and no other."""
    own = _approvals("", "621467", day, "stripe-only-finance")
    refused = approved(own, _issue(own, "stripe-only-finance"), TODAY)
    assert (refused is None) == allowed
    if refused is not None:
        assert refused.rule == "SCHEME-224"


def test_a_product_states_what_it_complies_with() -> None:
    """SCHEME-189: both statements are there; each that is missing is told with its authority."""
    for product in default_rules().products.values():
        assert conforms(product) is None
    for authority, statement in CONFORMITY.items():
        rest = tuple(other for other in CONFORMITY.values() if other != statement)
        refused = conforms(Product("p", "dual-2.0-des", tuple(Side), Stripe.NONE, rest))
        assert refused is not None
        assert authority.value in refused.reason


@pytest.mark.parametrize(
    ("rule", "register", "place"), [("SCHEME-190", "chip", 0), ("SCHEME-191", "cos", 4), ("SCHEME-195", "supplier", 5)]
)
def test_chip_cos_and_supplier_are_accepted_by_both(rule: str, register: str, place: int) -> None:
    """SCHEME-190, SCHEME-191, SCHEME-195: by T1 T2, T5 and T6 T7 of the card; one authority is not enough."""
    assert registered(default_rules(), HISTORICAL) is None
    unknown = bytearray(HISTORICAL)
    unknown[place] ^= 0xFF
    size = 1 if register == "cos" else 2
    code = HISTORICAL[place : place + size].hex().upper()
    for authority in ("ministry", "central-bank"):
        half = rules(f'[[{register}]]\ncode = "{code}"\nname = "x"\naccepted = ["{authority}"]')
        refused = registered(half, HISTORICAL)
        assert refused is not None
        assert refused.rule == rule
    refused = registered(default_rules(), bytes(unknown))
    assert refused is not None
    assert (refused.rule, "is in no register" in refused.reason) == (rule, True)
    assert registered(default_rules(), b"") is not None


@pytest.mark.parametrize("passed", [set(), {"m"}, {"b"}, {"m", "b"}])
def test_terminals_and_their_test_bodies(passed: set[str]) -> None:
    """SCHEME-192, SCHEME-193, SCHEME-194: a social terminal needs the ministry's, a financial one the central bank's,
    a full one both."""
    needs = {TerminalKind.SOCIAL: {"m"}, TerminalKind.FINANCIAL: {"b"}, TerminalKind.FULL: {"m", "b"}}
    letters = {"m": Authority.MINISTRY, "b": Authority.CENTRAL_BANK}
    for number, (kind, wanted) in enumerate(needs.items(), 192):
        refused = terminal_accepted(default_rules(), kind, frozenset(letters[one] for one in passed))
        assert (refused and refused.rule) == (None if wanted <= passed else f"SCHEME-{number}")


def test_all_that_stands_against_a_run() -> None:
    """The default product may be made by the default maker; what is wrong is told all at once."""
    own = default_rules()
    maker, bank = own.makers["maker"], own.makers["bank"]
    both = dict.fromkeys(Side, maker)
    assert refusals(own, _issue(own), TODAY, both, Mode.CENTRALISED, HISTORICAL) == ()
    assert refusals(own, _issue(own), TODAY, {**both, Side.FINANCE: bank}, Mode.STEPWISE, HISTORICAL) == ()
    wrong = refusals(
        own,
        Issue(own.products["hidden-stripe"], "debit-2", "510101", "621467"),
        TODAY,
        {Side.SOCIAL: bank, Side.FINANCE: maker},
        Mode.STEPWISE,
        bytes(13),
    )
    assert [refusal.rule for refusal in wrong] == ["SCHEME-218", "SCHEME-223", "SCHEME-190", "PERSO-080"]
    mixed = refusals(own, _issue(own), TODAY, {**both, Side.FINANCE: bank}, Mode.CENTRALISED, HISTORICAL)
    assert [refusal.rule for refusal in mixed] == ["PERSO-076"]
