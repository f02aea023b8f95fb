"""Power cuts and failing pages in a row of transactions; single commands are cut in tests/tearing."""

from cardsim.chip.eeprom import PAGE_SIZE
from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan, PowerCutPlan
from tests.pse.deal import CASH, TC, Deal
from tests.pse.perso import FREE, amount, pay
from tests.tearing.payment import application


def test_gpo_and_cryptograms_in_a_row() -> None:
    """PBOC-TEAR-001: cuts one after the other on the same card; no ATC comes twice."""
    bench = pay({**FREE, "9F79": amount(10000)})
    deal, used = Deal(bench, CASH), []
    for after in range(12):
        for inside in (None, 0, 7):
            with bench.on_bus(PowerCutPlan(after, inside)):
                if deal.gpo(cash=True)[-4:] == "9000" and deal.sw(TC, CASH.cdol1()) == "9000":
                    used.append(deal.parsed(CASH).atc)
            bench.power_on()
            used.append(deal.once(TC, CASH, cash=True).atc)
    assert len(used) > 36
    assert used == sorted(set(used))


def test_cut_before_get_response() -> None:
    """PBOC-TEAR-003: the deduction stays."""
    bench = pay({"9F79": amount(10000)})
    deal = Deal(bench, CASH)
    deal.gpo(cash=True)
    assert bench.x(f"80AE400034{CASH.cdol1()}", follow=False) == "6120"
    bench.power_on()
    deal.select()
    assert deal.get("9F79") == amount(9000)
    assert len(deal.log()) == 1


def test_failing_page() -> None:
    """D14: 6581, and nothing is booked; a try that was taken stays taken."""
    bench = pay({**FREE, "9F79": amount(10000)}, pin="0303")
    deal = Deal(bench, CASH)
    deal.gpo(cash=True)
    old = application(bench).counters()
    with bench.on_bus(PageFailurePlan(EVERY_PAGE, None)):
        assert deal.sw(TC, CASH.cdol1()) == "6581"
        assert bench.x("0020008008 26123456FFFFFFFF") == "6581"
    assert application(bench).counters() == old
    journal = bench.model.ranges()["journal"].start // PAGE_SIZE
    with bench.on_bus(PageFailurePlan(lambda page: page != journal, 1)):
        assert deal.sw(TC, CASH.cdol1()) == "6581"
    assert application(bench).counters() == old
    assert deal.gac(TC).kind == TC
    assert deal.get("9F79") == amount(9000)
