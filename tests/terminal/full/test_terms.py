"""Terms of a merchant in a purchase with a model card: what is paid, what stands on the slip, what stays untouched."""

from dataclasses import replace

import pytest

from cardsim.decode.commands import SSSE_NAME
from terminal.driver import run
from terminal.flows.financial.flow import FinancialOutcome, Result, financial
from terminal.merchant import load_merchants
from tests.terminal.full.bench import World

PHARMACY, SHOP = "519900059120001", "519900054110001"


def purchase(holder: World, merchant: str) -> FinancialOutcome:
    """A purchase of 12.34 yuan there."""
    holder.events.clear()
    terminal = replace(holder.financial.terminal, merchant_id=merchant)
    config = replace(holder.financial, terminal=terminal, amount=1234, merchants=load_merchants())
    return run(financial(config), holder.link, holder.services(), holder.events.append)


def test_a_discount_is_applied_to_the_purchase() -> None:
    """SCHEME-100, SCHEME-101: cryptograms and the host's booking are over the reduced amount; points on the slip."""
    holder = World()
    outcome = purchase(holder, PHARMACY)
    assert outcome.result is Result.APPROVED
    assert [c.check.value for c in outcome.cryptograms] == ["right", "right"]
    assert holder.bank is not None
    assert holder.bank.sum == 1173
    slip = holder.slip("Slip, holder copy")
    assert slip["amount 金额"] == "CNY 11.73"
    assert slip["discount 优惠金额"] == "CNY 0.61"
    assert slip["points 积分"] == "11"
    assert slip["terms 优惠"] == "pharmacy discount; merchant points"


@pytest.mark.parametrize("merchant", [SHOP, "000000000000000"])
def test_elsewhere_there_are_no_terms(merchant: str) -> None:
    """SCHEME-100: at a merchant of another kind, or one that is not registered, the whole amount is paid."""
    holder = World()
    assert purchase(holder, merchant).result is Result.APPROVED
    assert holder.bank is not None
    assert holder.bank.sum == 1234
    assert "discount 优惠金额" not in holder.slip("Slip, holder copy")


def test_value_added_data_never_touch_the_social_side() -> None:
    """SCHEME-102: after a purchase with discount and points every cell of SSSE is as it was."""
    holder = World()
    holder.load(5000)
    before = social_cells(holder)
    assert purchase(holder, PHARMACY).result is Result.APPROVED
    assert not any(sent.command.data == SSSE_NAME for sent in holder.commands)
    assert social_cells(holder) == before


def social_cells(holder: World) -> bytes:
    """The cells of the social-security environment."""
    place = holder.user.model.ranges()["DDF1"]
    return holder.user.cells[place.start : place.stop]
