"""What a card costs."""

import pytest

from terminal.management.product.fees import fee
from terminal.management.product.rules import default_rules
from terminal.management.product.words import NotAllowed
from terminal.perso.records import OrderKind


@pytest.mark.parametrize(
    ("kind", "county", "due"),
    [
        (OrderKind.FIRST, "510101", 0),
        (OrderKind.FIRST, "440305", 0),
        (OrderKind.REPLACEMENT, "510101", 2500),
        (OrderKind.REPLACEMENT, "440305", 2000),
        (OrderKind.EXCHANGE, "440305", 2000),
    ],
)
def test_the_tariff(kind: OrderKind, county: str, due: int) -> None:
    """SCHEME-161, SCHEME-232: the first card is free, a later one is charged by the tariff of the region."""
    assert fee(default_rules(), kind, county).due == due


def test_waivers() -> None:
    """SCHEME-232: a waiver of the list takes the fee away, and only for the kinds that it is for."""
    charge = fee(default_rules(), OrderKind.EXCHANGE, "510101", "defect")
    assert (charge.tariff, charge.waived, charge.due) == (2500, "defect", 0)
    with pytest.raises(NotAllowed, match=r"defect is no reason.*there are: delivery, allowance"):
        fee(default_rules(), OrderKind.REPLACEMENT, "510101", "defect")
    with pytest.raises(NotAllowed, match="there are: none"):
        fee(default_rules(), OrderKind.FIRST, "510101", "defect")
