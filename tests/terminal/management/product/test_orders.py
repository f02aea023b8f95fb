"""Who may get a card."""

from datetime import date, timedelta

import pytest

from terminal.management.product.orders import (
    Earlier,
    in_time,
    may_attach,
    may_issue,
    of_employer,
    request,
    uncovered,
)
from terminal.management.product.rules import default_rules
from terminal.perso.records import Application, OrderKind
from tests.terminal.management.product.support import rules

_FITTING = {
    OrderKind.FIRST: set(),
    OrderKind.REPLACEMENT: {Earlier.WRITTEN_LOSS},
    OrderKind.EXCHANGE: {Earlier.DAMAGED, Earlier.EXPIRED},
}
PERSON, OTHER = "510101199001011234", "510101198505055678"


@pytest.mark.parametrize("kind", list(OrderKind))
@pytest.mark.parametrize("standing", [card for card in Earlier if card is not Earlier.ENDED])
def test_which_card_an_order_takes_the_place_of(kind: OrderKind, standing: Earlier) -> None:
    """SCHEME-115: as long as a card is valid or on its way there is no other; each kind of order has its own case."""
    refused = may_issue(kind, [Earlier.ENDED, standing])
    assert (refused is None) == (standing in _FITTING[kind])
    if standing in (Earlier.VALID, Earlier.ON_ITS_WAY):
        assert refused is not None
        assert refused.rule == "SCHEME-115"


def test_a_first_card_and_nothing_else_without_an_old_one() -> None:
    assert may_issue(OrderKind.FIRST, [Earlier.ENDED, Earlier.ENDED]) is None
    for kind in (OrderKind.REPLACEMENT, OrderKind.EXCHANGE):
        refused = may_issue(kind, [])
        assert refused is not None
        assert "there is no card that is" in refused.reason


def test_a_lost_card_beside_another_one_is_not_replaced() -> None:
    for other in (Earlier.VALID, Earlier.WRITTEN_LOSS, Earlier.ON_ITS_WAY):
        assert may_issue(OrderKind.REPLACEMENT, [Earlier.WRITTEN_LOSS, other]) is not None


def test_no_supplementary_card() -> None:
    """PERSO-165: a second card for an account is refused, for its holder and for anybody else."""
    assert may_attach(OrderKind.FIRST, PERSON, PERSON, []) is None
    assert may_attach(OrderKind.REPLACEMENT, PERSON, PERSON, [Earlier.WRITTEN_LOSS]) is None
    for applicant, cards in ((PERSON, [Earlier.VALID]), (OTHER, []), (OTHER, [Earlier.VALID])):
        refused = may_attach(OrderKind.FIRST, PERSON, applicant, cards)
        assert refused is not None
        assert refused.rule == "PERSO-165"


def test_a_replacement_is_applied_for_in_time() -> None:
    """SCHEME-155: until the last day it is accepted, after it refused, or decided by a second person."""
    lost, days = date(2026, 1, 31), default_rules().replacement.days
    last = lost + timedelta(days=days)
    late = last + timedelta(days=1)
    assert in_time(default_rules(), lost, last) is None
    refused = in_time(default_rules(), lost, late, "a", "b")
    assert refused is not None
    assert (refused.rule, str(days) in refused.reason) == ("SCHEME-155", True)
    escalated = rules(f'[replacement]\ndays = {days}\nlate = "escalate"')
    assert in_time(escalated, lost, late, "a", "b") is None
    assert in_time(escalated, lost, late, "a") is not None


def test_a_county_without_a_branch() -> None:
    """PERSO-140: the plan names the county whose outlets serve it; the longest row counts, without one none does."""
    own = rules(
        '[[uncovered]]\narea = "5133"\nserved_by = "513301"\n[[uncovered]]\narea = "513337"\nserved_by = "513336"'
    )
    assert [uncovered(own, county).county for county in ("513337", "513338", "510101")] == ["513336", "513301", ""]


def _application(person: str, **more: str) -> Application:
    values = {"social_security_number": person, "name": "李四"}
    return Application(OrderKind.FIRST, values, "510100", "510101", "U01", photo=b"\xff\xd8", **more)


def test_an_employers_batch_asks_for_the_same_as_a_person() -> None:
    """SCHEME-233: whoever hands the application in, the order is made of the same data."""
    alone = _application(PERSON)
    (by_employer,) = of_employer("Works 1", [alone])
    assert by_employer.employer == "Works 1"
    assert by_employer != alone
    assert request(by_employer) == request(alone) == alone


def test_what_is_no_employers_batch() -> None:
    with pytest.raises(ValueError, match="names its employer"):
        of_employer("", [_application(PERSON)])
    with pytest.raises(ValueError, match=f"{PERSON} stands in the batch twice"):
        of_employer("Works 1", [_application(PERSON), _application(OTHER), _application(PERSON)])
