"""What the card of the product has, as a terminal reads it."""

from cardsim.making.structure import load_profile
from terminal.management.product.rules import default_rules
from terminal.perso.kinds import Side
from tests.cards import card

_DEBIT = "00A4040008A000000333010101"


def test_electronic_cash_is_there_and_empty() -> None:
    """PERSO-166: the debit application of the product answers with limit, single limit, balance and reset threshold of
    electronic cash; the balance is 0."""
    product = default_rules().products[default_rules().issuer.product]
    assert set(product.chip) == set(Side)
    assert load_profile(product.profile).pse is not None
    bench = card(product.profile)
    bench.x(_DEBIT)
    assert bench.x("80CA9F7900") == "9F79060000000000009000"
    for tag in ("9F77", "9F78", "9F6D"):
        assert bench.x(f"80CA{tag}00").startswith(f"{tag}06")
        assert bench.sw == "9000"
