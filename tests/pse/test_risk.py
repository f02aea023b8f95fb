"""Card risk management at the first GENERATE AC, check by check."""

import pytest

from cardsim.pse.application import INDICATORS_AT, SCRIPTS_AT, Indicator
from tests.cards import AID, Bench
from tests.pse.deal import (
    AAC,
    ARQC,
    AUTHENTICATION_FAILED_LAST,
    CASH,
    DDA_FAILED_LAST,
    NEW_CARD,
    NO,
    NOT_COMPLETED,
    OFFLINE,
    PIN_BLOCKED,
    PIN_EXCEEDED,
    SCRIPT_FAILED,
    SDA_FAILED_LAST,
    TC,
    VELOCITY,
    YES,
    Data,
    Deal,
)
from tests.pse.perso import FREE, amount, ec, pay, poke

FOREIGN = {"currency": Data(currency="0840"), "country": Data(country="0840")}


def free(pin: str = "", **values: str) -> Deal:
    return Deal(pay({**FREE, **values}, pin=pin))


def test_not_completed() -> None:
    """PBOC-CRM-001, PBOC-CRM-025, PBOC-TEAR-005."""
    deal = free()
    assert deal.once(TC).cvr == 0x900000
    deal.once(ARQC)
    deal.bench.power_on()
    answer = deal.once(AAC)
    assert (answer.kind, answer.cvr) == (AAC, 0x800000 | NOT_COMPLETED)
    answer = deal.once(TC)
    assert (answer.kind, answer.cvr) == (ARQC, 0xA00000 | NOT_COMPLETED)
    assert deal.external() == "9000"
    assert deal.gac2(TC).kind == TC
    assert deal.once(TC).cvr == 0x900000


@pytest.mark.parametrize(("ada", "kind"), [("8000", ARQC), ("0000", TC)])
def test_authentication_failed_last(ada: str, kind: int) -> None:
    """PBOC-CRM-002, PBOC-CRM-003, PBOC-GA2-015."""
    deal = free(**{"9F52": ada})
    deal.once(ARQC)
    assert deal.external(spoil=1) == "6300"
    assert deal.gac2(TC).kind == TC
    deal.once(ARQC)
    assert deal.gac2(TC).kind == TC, "without EXTERNAL AUTHENTICATE: clears the online indicator, keeps the failure"
    answer = deal.once(TC)
    assert answer.kind == kind
    assert answer.has(AUTHENTICATION_FAILED_LAST)
    assert not answer.has(NOT_COMPLETED)


@pytest.mark.parametrize(
    ("tvr", "bit"),
    [("4000000000", SDA_FAILED_LAST), ("0800000000", DDA_FAILED_LAST), ("0400000000", DDA_FAILED_LAST)],
)
def test_data_authentication_failed_last(tvr: str, bit: int) -> None:
    """PBOC-CRM-004, PBOC-CRM-005, PBOC-CRM-022."""
    deal = free()
    assert deal.once(AAC, Data(tvr=tvr)).cvr == 0x800000
    answer = deal.once(TC)
    assert (answer.kind, answer.cvr) == (TC, 0x900000 | bit), "information only"
    deal.online()
    assert deal.once(TC).cvr == 0x900000


@pytest.mark.parametrize(("ada", "kind"), [("0008", ARQC), ("0000", TC)])
def test_scripts(ada: str, kind: int) -> None:
    """PBOC-CRM-006, PBOC-CRM-007, PBOC-CVR-010 (count and flag by test hook: scripts come later)."""
    deal = free(**{"9F52": ada})
    poke(deal.bench, SCRIPTS_AT, b"\x02")
    poke(deal.bench, INDICATORS_AT, bytes((Indicator.SCRIPT_FAILED,)))
    answer = deal.once(TC)
    assert answer.kind == kind
    assert answer.cvr & 0xFF == 0x20 | SCRIPT_FAILED
    deal.online()
    assert deal.once(TC).cvr == 0x900000, "reset by the online approval"


@pytest.mark.parametrize(("atc", "kind"), [("0007", ARQC), ("0006", TC)])
def test_lower_limit(atc: str, kind: int) -> None:
    """PBOC-CRM-008: strictly greater."""
    answer = free(**{"9F58": "02", "9F13": "0005", "9F36": atc}).once(TC)
    assert answer.kind == kind
    assert answer.has(VELOCITY) is (kind == ARQC)


@pytest.mark.parametrize(("limit", "kind"), [("FF", TC), ("00", ARQC)])
def test_lower_limit_switch(limit: str, kind: int) -> None:
    """PBOC-CRM-009."""
    assert free(**{"9F58": limit}).once(TC).kind == kind


@pytest.mark.parametrize(("what", "tag"), [("currency", "9F53"), ("country", "9F72")])
def test_foreign(what: str, tag: str) -> None:
    """PBOC-CRM-010, PBOC-CRM-011."""
    none = free(**{tag: "00"})
    answer = none.once(TC, FOREIGN[what])
    assert (answer.kind, answer.cvr) == (ARQC, 0xA00000 | VELOCITY)
    assert free(**{tag: "00"}).once(TC).kind == TC, "at home the limit does not count"


@pytest.mark.parametrize(("what", "tag"), [("currency", "9F53"), ("country", "9F72")])
def test_foreign_counters(what: str, tag: str) -> None:
    """PBOC-CRM-027, PBOC-GA2-011, PBOC-GA2-014, PBOC-CRM-028."""
    deal = free(**{tag: "02"})
    assert [deal.once(p1, FOREIGN[what]).kind for p1 in (AAC, TC)] == [AAC, TC]
    assert deal.once(TC, FOREIGN[what]).kind == ARQC
    deal.external(NO)
    assert deal.gac2(TC, NO).kind == AAC
    assert deal.once(TC, FOREIGN[what]).has(VELOCITY), "a decline resets no counter"
    assert deal.external() == "9000"
    assert deal.gac2(TC, YES, FOREIGN[what]).kind == TC
    assert deal.once(TC, FOREIGN[what]).kind == TC, "an approval resets them"


def test_cumulative_amount() -> None:
    """PBOC-CRM-012, PBOC-CRM-026, PBOC-CRM-028."""
    deal = free(**{"9F54": amount(5000)})
    assert deal.once(TC, Data(amount=4500)).kind == TC
    start = deal.bench.model.snapshot()
    answer = deal.once(TC, Data(amount=501))
    assert (answer.kind, answer.cvr) == (ARQC, 0xA00000 | VELOCITY)
    deal.bench.model.restore(start)
    assert deal.once(ARQC, Data(amount=500)).kind == ARQC
    deal.external(NO)
    deal.gac2(AAC, NO)
    assert deal.once(TC, Data(amount=500)).kind == TC, "neither an ARQC nor a decline counts"
    assert deal.once(TC, Data(amount=1)).kind == ARQC


def test_cumulative_amount_of_two() -> None:
    """PBOC-CRM-026: 300 and 200; a foreign currency does not count."""
    deal = free(**{"9F54": amount(5000), "9F53": "FF"})
    for data in (Data(amount=300), Data(amount=200), Data(amount=9999, currency="0840")):
        deal.once(TC, data)
    start = deal.bench.model.snapshot()
    assert deal.once(TC, Data(amount=4501)).kind == ARQC
    deal.bench.model.restore(start)
    assert deal.once(TC, Data(amount=4500)).kind == TC


def test_no_cumulative_limit() -> None:
    """PBOC-CRM-012: all zero is not checked."""
    assert free(**{"9F54": amount(0)}).once(TC, Data(amount=999999999999)).kind == TC


DUAL = {"9F75": amount(5000), "9F76": "0344", "9F73": "20000050", "9F53": "FF"}
"""5000 fen in yuan and Hong Kong dollars together, at 0.50."""
HONG_KONG = "0344"


def test_two_currencies() -> None:
    """PBOC-CRM-013, PBOC-GA2-011, PBOC-GA2-019: 9F75, 9F76 and 9F73."""
    deal = free(**DUAL)
    assert deal.once(TC, Data(amount=4000)).kind == TC
    assert deal.once(TC, Data(amount=1000, currency=HONG_KONG)).kind == TC
    start = deal.bench.model.snapshot()
    for due, kind in ((1001, TC), (1002, ARQC)):
        deal.bench.model.restore(start)
        answer = deal.once(TC, Data(amount=due, currency=HONG_KONG))
        assert answer.kind == kind
        assert answer.has(VELOCITY) is (kind == ARQC)
    assert deal.gac2(TC, OFFLINE, Data(amount=1002, currency=HONG_KONG)).kind == AAC
    deal.bench.model.restore(start)
    assert deal.once(TC, Data(amount=99999, currency="0840")).kind == TC, "a third currency is not in it"
    assert deal.once(TC, Data(amount=501)).kind == ARQC, "yuan are"
    deal.external()
    assert deal.gac2(TC, YES).kind == TC
    assert deal.once(TC, Data(amount=10000, currency=HONG_KONG)).kind == TC, "reset by the online approval"


def test_two_currencies_unable() -> None:
    """PBOC-CRM-013, PBOC-GA2-020: an approval without the issuer counts."""
    deal = free(**DUAL)
    half = Data(amount=6000, currency=HONG_KONG)
    assert deal.once(ARQC, half).kind == ARQC
    assert deal.gac2(TC, OFFLINE, half).kind == TC
    assert not deal.once(ARQC, Data(amount=2000)).has(VELOCITY)
    deal.gac2(AAC, OFFLINE)
    assert deal.once(ARQC, Data(amount=2001)).has(VELOCITY)


@pytest.mark.parametrize(("ada", "kind"), [("0200", ARQC), ("0000", TC)])
def test_new_card(ada: str, kind: int) -> None:
    """PBOC-CRM-014."""
    answer = free(**{"9F52": ada, "9F13": "0000", "9F36": "0000"}).once(TC)
    assert answer.kind == kind
    assert answer.has(NEW_CARD)


@pytest.mark.parametrize(("ada", "kind"), [("0000", TC), ("0040", AAC), ("0020", ARQC), ("0060", AAC), ("0004", AAC)])
def test_pin_exceeded_before(ada: str, kind: int) -> None:
    """PBOC-CRM-015, PBOC-CRM-016, PBOC-CRM-017."""
    deal = free("0300", **{"9F52": ada})
    answer = deal.once(TC)
    assert answer.kind == kind
    assert answer.has(PIN_EXCEEDED)
    assert answer.has(PIN_BLOCKED) is (ada == "0004")
    sw = deal.bench.x(f"00A4040008{AID}", follow=False)
    assert sw == ("6283" if ada == "0004" else "6136")


def test_cash_skips_the_checks() -> None:
    """PBOC-CRM-018, PBOC-CVR-003."""
    deal = Deal(ec(10000), CASH)
    deal.once(AAC, Data(tvr="4800000000"))
    deal.once(ARQC)
    answer = deal.once(TC, cash=True)
    assert (answer.kind, answer.cvr) == (TC, 0x900000 | SDA_FAILED_LAST | DDA_FAILED_LAST)


@pytest.mark.parametrize(
    ("request_", "ada", "kind"),
    [
        (AAC, "0000", AAC), (AAC, "0020", AAC), (AAC, "0040", AAC), (TC, "0000", TC), (TC, "0020", ARQC),
        (TC, "0040", AAC), (ARQC, "0000", ARQC), (ARQC, "0020", ARQC), (ARQC, "0040", AAC),
    ],
)  # fmt: skip
def test_decision(request_: int, ada: str, kind: int) -> None:
    """PBOC-CRM-019: the card wants nothing, online, a decline; for each request."""
    assert free("0300", **{"9F52": ada}).once(request_).kind == kind


def test_all_checks_run(bench: Bench) -> None:
    """PBOC-CRM-020, PBOC-CRM-021."""
    deal = Deal(bench)
    deal.once(ARQC)
    assert deal.once(ARQC).cvr == 0xA0B000
    assert deal.once(AAC).cvr == 0x80B000


def test_later_check_takes_nothing_back() -> None:
    """PBOC-CRM-021: a new card and an exhausted PIN that want nothing, after a velocity check that wants online."""
    answer = free("0300", **{"9F58": "00", "9F13": "0000"}).once(TC)
    assert answer.kind == ARQC
    assert answer.has(VELOCITY, NEW_CARD, PIN_EXCEEDED)


@pytest.mark.parametrize(("ada", "cid"), [("1000", 0x08), ("0000", 0x00)])
def test_advice(ada: str, cid: int) -> None:
    """PBOC-CRM-023."""
    assert free(**{"9F52": ada}).once(AAC).cid == cid


@pytest.mark.parametrize(("ada", "cid"), [("0800", 0x0A), ("1000", 0x08), ("0000", 0x00)])
def test_advice_and_reason(ada: str, cid: int) -> None:
    """PBOC-CRM-024."""
    deal = free("0301", **{"9F52": ada})
    deal.gpo()
    assert deal.bench.x("0020008008 26000000FFFFFFFF") == "63C0"
    assert deal.gac(AAC).cid == cid


def test_abroad() -> None:
    """PBOC-DOM-005."""
    deal = Deal(pay())
    abroad = Data(country="0840")
    assert deal.once(TC, abroad).kind == ARQC
    assert deal.gac2(TC, OFFLINE, abroad).kind == AAC
