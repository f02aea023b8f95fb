"""Electronic cash and the transaction log."""

import pytest

from cardsim.iso7816.tlv import ber, find
from tests.cards import AID, PSE_NAME, SSSE_NAME, Bench, unhex
from tests.pse.deal import (
    AAC,
    ARQC,
    AUTHENTICATION_FAILED_LAST,
    CASH,
    CASH_AFL,
    MERCHANT,
    NOT_COMPLETED,
    OFFLINE,
    TC,
    Data,
    Deal,
)
from tests.pse.perso import amount, ec, job, log_file, pay


def buy(deal: Deal, due: int) -> int:
    """An electronic-cash purchase; the type of the answer."""
    return deal.once(TC, Data(amount=due, tvr="0000000000"), cash=True).kind


@pytest.mark.parametrize(
    "other",
    [Data(amount=2000, tvr="0000000000"), Data(amount=999), Data(currency="0840"), Data(amount=0)],
)
def test_switched_values(other: Data) -> None:
    """PBOC-EC-003, PBOC-EC-004: what GPO was told must stand in CDOL1."""
    deal = Deal(ec(10000), CASH)
    deal.gpo(cash=True)
    assert deal.gac(TC, other).kind == AAC
    assert deal.get("9F79") == amount(10000)
    assert deal.log() == []


@pytest.mark.parametrize("free", [Data(tvr="FFFFFFFFFF"), Data(unpredictable="00000000"), Data(country="0840")])
def test_values_that_may_differ(free: Data) -> None:
    """PBOC-EC-003: the rest is not compared."""
    deal = Deal(ec(10000), CASH)
    deal.gpo(cash=True)
    assert deal.gac(TC, free).kind == TC
    assert deal.get("9F79") == amount(9000)


def test_online_request() -> None:
    """PBOC-EC-005, PBOC-EC-006."""
    for request, kind in ((ARQC, ARQC), (AAC, AAC)):
        deal = Deal(ec(10000), CASH)
        deal.gpo(cash=True)
        assert deal.gac(request, Data(amount=2000)).kind == kind
        assert deal.get("9F79") == amount(10000)
        assert deal.log() == []


def test_threshold_is_the_terminals() -> None:
    """PBOC-EC-007."""
    deal = Deal(ec(1500, 1000))
    assert buy(deal, 1000) == TC
    assert deal.get("9F79") == amount(500)


def test_all_is_spent() -> None:
    """PBOC-EC-010, PBOC-EC-002, PBOC-EC-017, PBOC-DOM-007."""
    deal = Deal(ec(1000))
    assert buy(deal, 1000) == TC
    assert deal.get("9F79") == amount(0)
    assert not deal.gpo(cash=True, amount=1).startswith("8016")


def test_cash_leaves_the_rest_alone() -> None:
    """PBOC-EC-008, PBOC-CRM-018."""
    values = {"9F79": amount(10000), "9F78": amount(10000), "9F13": "0003", "9F36": "0003", "9F54": amount(1000)}
    deal = Deal(pay({**values, "9F58": "FF", "9F52": "0000", "9F56": "00"}))
    deal.once(ARQC)
    for _ in range(3):
        assert buy(deal, 1000) == TC
    assert deal.get("9F13") == "0003"
    answer = deal.once(TC, Data(amount=1000))
    assert answer.cvr == 0xA00000 | NOT_COMPLETED, "the indicator stays and the total does not grow"


def test_failed_authentication_closes_cash() -> None:
    """PBOC-GPO-009, PBOC-GA2-007."""
    deal = Deal(ec(10000))
    deal.once(ARQC)
    assert deal.external(spoil=1) == "6300"
    assert deal.gpo(cash=True) != CASH_AFL + "9000"
    assert deal.gac(ARQC).has(AUTHENTICATION_FAILED_LAST)
    assert deal.external() == "9000"
    assert deal.gpo(cash=True) == CASH_AFL + "9000"


# --- log -------------------------------------------------------------------------------------------------------------


def line(due: int, atc: int) -> str:
    return f"240101101500{due:012d}{0:012d}01560156{MERCHANT}00{atc:04X}"


def test_newest_first() -> None:
    """PBOC-LOG-002, PBOC-LOG-003, PBOC-LOG-009."""
    deal = Deal(ec(10000))
    buy(deal, 100)
    buy(deal, 200)
    deal.bench.power_on()
    deal.select()
    assert deal.log() == [line(200, 2), line(100, 1)]
    assert deal.bench.x("00B2015C00", follow=False) == "6C2D"


def test_ten_records() -> None:
    """PBOC-LOG-004."""
    deal = Deal(ec(10000))
    for due in range(1, 13):
        buy(deal, due)
        assert len(deal.log()) == min(due, 10)
    assert deal.log() == [line(due, due) for due in range(12, 2, -1)]
    assert deal.bench.x("00B20B5C00") == "6A83"


def test_empty_log(bench: Bench) -> None:
    """PBOC-LOG-005, PBOC-LOG-009."""
    bench.select(AID)
    assert bench.all("00B2015C00", "00B20A5C00") == ["6A83", "6A83"]


def test_only_approvals_are_logged() -> None:
    """PBOC-LOG-006, PBOC-LOG-007."""
    deal = Deal(ec(10000))
    deal.once(AAC)
    deal.once(ARQC)
    assert deal.log() == []
    deal.gac2(AAC)
    assert deal.log() == []
    deal.online()
    assert deal.log() == [line(1000, 3)]
    free = Deal(pay({"9F58": "FF", "9F59": "FF", "9F52": "0000"}))
    free.once(TC)
    free.once(ARQC)
    free.gac2(TC, OFFLINE)
    assert free.log() == [line(1000, 2), line(1000, 1)]


def test_sources_of_fields() -> None:
    """PBOC-LOG-008: CDOL1, CDOL2, PDOL, card data, zeros."""
    form = unhex("9F0206 8A02 9F7A01 9F5102 9F0802 9F3303 9F3602".replace(" ", ""))
    risk = job({"9F79": amount(10000)})[0x0D01]
    old = find(risk, 0x9F4F) or b""
    bench = pay(dgis={0x0D01: risk.replace(ber(0x9F4F, old), ber(0x9F4F, form))}, log=log_file(3, 18))
    deal = Deal(bench, CASH)
    buy(deal, 700)
    deal.once(ARQC)
    deal.external()
    deal.gac2(TC)
    online, cash = "000000001000303000015600200000000002", "000000000700000001015600200000000001"
    assert deal.log() == [online, cash]


def test_log_belongs_to_the_application() -> None:
    """PBOC-LOG-010, PBOC-SEP-006."""
    deal = Deal(ec(10000))
    buy(deal, 700)
    for name in (PSE_NAME, SSSE_NAME):
        deal.bench.select(name)
        assert deal.bench.x("00B2015C00") in ("6A82", "6A83")
    deal.bench.x("00A40000023F00")
    assert deal.bench.x("00B2015C00") == "6A82"
