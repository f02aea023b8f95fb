"""Open choices: a card whose record names another setting behaves so, and no other card does."""

from cardsim.pse.choices import Choice
from tests.pse.bank import golden
from tests.pse.deal import Deal
from tests.pse.perso import pay


def test_a_wrong_mac_in_either_word() -> None:
    """PBOC-SCR-008: `script_mac_word`."""
    assert golden().bench.x("841E00000400000000") == "6988"
    deal = Deal(pay(choices=Choice.SCRIPT_MAC_6982))
    deal.once()
    assert deal.bench.x("841E00000400000000") == "6982"
