"""EXTERNAL AUTHENTICATE and the second GENERATE AC."""

import pytest

from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan
from tests.cards import Bench
from tests.pse.deal import (
    AAC,
    ARQC,
    AUTHENTICATION_FAILED,
    AUTHENTICATION_FAILED_LAST,
    AUTHENTICATION_MISSING,
    CASH,
    CASH_AFL,
    DEBIT_AFL,
    NEW_CARD,
    NO,
    NOT_COMPLETED,
    OFFLINE,
    PIN_EXCEEDED,
    SDA_FAILED_LAST,
    TC,
    UNABLE_ONLINE,
    VELOCITY,
    YES,
    Data,
    Deal,
)
from tests.pse.perso import FREE, amount, bank_card, ec, job_of, pay, structure


def free(pin: str = "", **values: str) -> Deal:
    return Deal(pay({**FREE, **values}, pin=pin))


@pytest.fixture
def deal(bench: Bench) -> Deal:
    """The demo card after its ARQC."""
    deal = Deal(bench)
    assert deal.once().kind == ARQC
    return deal


# --- EXTERNAL AUTHENTICATE -------------------------------------------------------------------------------------------


def test_every_wrong_bit(deal: Deal) -> None:
    """PBOC-XAU-002, PBOC-CRY-016: one bit of ARPC or ARC, at each place."""
    state = deal.bench.model.snapshot()
    good = deal.arpc() + YES
    for bit in range(80):
        deal.bench.model.restore(state)
        wrong = int.from_bytes(good, "big") ^ 1 << bit
        assert deal.bench.x(f"008200000A{wrong:020X}") == "6300"
    deal.bench.model.restore(state)
    assert deal.bench.x(f"008200000A{good.hex()}") == "9000"


def test_wrong_length_costs_nothing(deal: Deal) -> None:
    """PBOC-XAU-003."""
    assert deal.bench.all("0082000008 0000000000000000", "008200000B" + "00" * 11, "0082000000") == ["6700"] * 3
    assert deal.external() == "9000"
    assert deal.gac2(TC).ac.hex().upper() == "28907730FF74F79E"


def test_states(bench: Bench) -> None:
    """PBOC-XAU-004."""
    deal = Deal(bench)
    deal.once()
    deal.gac2(AAC)
    assert deal.external() == "6985"
    deal.gpo()
    assert deal.external() == "6985"
    deal.once(AAC)
    assert deal.external() == "6985"
    deal.select()
    assert deal.external() == "6985"


@pytest.mark.parametrize("p1p2", ["0100", "0001", "0080"])
def test_parameters(deal: Deal, p1p2: str) -> None:
    """PBOC-XAU-004: P1 P2 other than 0000 do not exist; the attempt stays."""
    assert deal.bench.x(f"0082{p1p2}0A" + "00" * 10) == "6A86"
    assert deal.external() == "9000"


def test_twice() -> None:
    """PBOC-XAU-005, PBOC-CVR-004."""
    deal = free(**{"9F79": amount(10000)})
    deal.once()
    assert [deal.external(), deal.external()] == ["9000", "6985"]
    answer = deal.gac2(TC)
    assert answer.has(AUTHENTICATION_FAILED)
    assert deal.once(TC).has(AUTHENTICATION_FAILED_LAST)


def test_failure_survives_the_power(deal: Deal) -> None:
    """PBOC-XAU-006, PBOC-XAU-007, PBOC-TEAR-006."""
    assert deal.external(spoil=1 << 63) == "6300"
    deal.bench.power_on()
    assert deal.once().has(AUTHENTICATION_FAILED_LAST, NOT_COMPLETED)
    assert deal.external() == "9000"
    deal.bench.power_on()
    answer = deal.once()
    assert not answer.has(AUTHENTICATION_FAILED_LAST)
    assert answer.has(NOT_COMPLETED)


def test_failure_that_cannot_be_written(deal: Deal) -> None:
    """PBOC-XAU-006, PBOC-TEAR-006, D14: a wrong ARPC uses up the attempt although its mark could not be written."""
    with deal.bench.on_bus(PageFailurePlan(EVERY_PAGE, None)):
        assert deal.external(spoil=1) == "6581"
    assert deal.external() == "6985"
    assert deal.gac2(TC).has(AUTHENTICATION_FAILED)


def test_not_supported() -> None:
    """PBOC-XAU-009, PBOC-GA2-011: AIP without issuer authentication."""
    work = job_of(structure() | {"aip": "7800"}, bank_card())
    deal = Deal(
        pay({**FREE, "9F56": "80"}, {dgi: work[dgi] for dgi in work if dgi >> 8 < 4 or dgi in (0x9104, 0x9203)})
    )
    deal.aip = "7800"
    deal.once()
    assert deal.external() == "6985"
    answer = deal.gac2(TC)
    assert answer.kind == TC
    assert not answer.has(AUTHENTICATION_MISSING)
    assert deal.get("9F13") == "0002"


# --- online ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [b"00", b"10", b"11", b"01", b"02"])
def test_approvals(deal: Deal, code: bytes) -> None:
    """PBOC-GA2-001, PBOC-GA2-002, PBOC-GA2-003 (D29)."""
    assert deal.external(code) == "9000"
    assert deal.gac2(TC, code).cid == TC


@pytest.mark.parametrize("code", [b"05", b"51", b"55", b"99", b"Y1", b"Z1", b"\0\0", b"0 ", b"03"])
def test_other_codes(deal: Deal, code: bytes) -> None:
    """PBOC-GA2-004, PBOC-GA2-022."""
    assert deal.external(code) == "9000"
    assert deal.gac2(TC, code).cid == AAC
    assert deal.get("9F13") == "0000"


def test_rewritten_code(deal: Deal) -> None:
    """PBOC-GA2-005."""
    assert deal.external(NO) == "9000"
    assert deal.gac2(TC, YES).cid == AAC


def test_decline_request(deal: Deal) -> None:
    """PBOC-GA2-006."""
    assert deal.external() == "9000"
    assert deal.gac2(AAC).cid == AAC


def test_y1_without_authentication() -> None:
    """PBOC-GA2-022: no counter is reset by a code that the terminal made."""
    deal = free(**{"9F54": amount(5000)})
    deal.once(TC, Data(amount=4500))
    deal.once()
    assert deal.gac2(TC, b"Y1").cid == AAC
    assert deal.get("9F13") == "0001"
    assert deal.once(TC, Data(amount=501)).has(VELOCITY)


def test_mandatory_and_missing() -> None:
    """PBOC-GA2-007, PBOC-CVR-006: the default profile gives a TC without any reset."""
    deal = Deal(ec(10000))
    deal.once()
    answer = deal.gac2(TC)
    assert answer.kind == TC
    assert answer.has(AUTHENTICATION_MISSING, NEW_CARD)
    assert deal.get("9F13") == "0000"
    assert deal.gpo(cash=True) == DEBIT_AFL + "9000"
    assert deal.gac(ARQC).has(AUTHENTICATION_FAILED_LAST, NOT_COMPLETED)


@pytest.mark.parametrize(("ada", "kind"), [("2000", AAC), ("0000", TC)])
def test_mandatory_decides_with_ada(ada: str, kind: int) -> None:
    """PBOC-GA2-008."""
    deal = free(**{"9F56": "80", "9F52": ada})
    deal.once()
    assert deal.gac2(TC).kind == kind
    assert deal.get("9F13") == "0001"


@pytest.mark.parametrize(("ada", "cid"), [("4000", 0x00), ("0000", TC), ("4400", 0x08), ("0400", TC)])
def test_failed(ada: str, cid: int) -> None:
    """PBOC-GA2-009, PBOC-GA2-010, PBOC-GA2-013, PBOC-CVR-004."""
    deal = free(**{"9F52": ada})
    deal.once()
    assert deal.external(spoil=1) == "6300"
    answer = deal.gac2(TC)
    assert answer.cid == cid
    assert answer.has(AUTHENTICATION_FAILED)
    assert deal.get("9F13") == "0001"
    assert deal.once(TC).has(NOT_COMPLETED, AUTHENTICATION_FAILED_LAST)


@pytest.mark.parametrize("authenticated", [True, False])
def test_online_approval_resets(authenticated: bool) -> None:
    """PBOC-GA2-011, PBOC-GA2-012, PBOC-CRM-025."""
    deal = free(**{"9F54": amount(5000), "9F53": "01"})
    deal.once(TC, Data(amount=4500))
    deal.once(AAC, Data(tvr="4800000000", currency="0840"))
    deal.once()
    deal.once()
    if authenticated:
        assert deal.external() == "9000"
    assert deal.gac2(TC).kind == TC
    assert deal.get("9F13") == deal.get("9F36") == "0005"
    assert deal.once(TC, Data(amount=5000)).cvr == 0x900000, "total and flags are 0 again"
    assert deal.once(TC, Data(currency="0840")).kind == TC, "and the foreign counter"


@pytest.mark.parametrize(("spoil", "mandatory"), [(1, "00"), (0, "80")])
def test_no_reset(spoil: int, mandatory: str) -> None:
    """PBOC-GA2-013: failed, and mandatory but missing."""
    deal = free(**{"9F54": amount(5000), "9F56": mandatory})
    deal.once(TC, Data(amount=4500))
    deal.once()
    if spoil:
        assert deal.external(spoil=spoil) == "6300"
    assert deal.gac2(TC).kind == TC
    assert deal.get("9F13") == "0001"
    assert deal.once(TC, Data(amount=501)).has(NOT_COMPLETED, AUTHENTICATION_FAILED_LAST, VELOCITY)


def test_online_decline_resets_indicators() -> None:
    """PBOC-GA2-014."""
    deal = free(**{"9F54": amount(5000)})
    deal.once(TC, Data(amount=4500))
    deal.once(AAC, Data(tvr="4800000000"))
    deal.once()
    assert deal.external(NO) == "9000"
    assert deal.gac2(TC, NO).kind == AAC
    assert deal.get("9F13") == "0001"
    answer = deal.once(TC, Data(amount=501))
    assert answer.cvr == 0xA00000 | VELOCITY, "indicators are gone, the total is not"


# --- unable to go online ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [b"Y3", b"Z3"])
def test_unable_online(code: bytes) -> None:
    """PBOC-CVR-005, PBOC-GA2-021: Z3 is never an approval."""
    deal = free()
    deal.once()
    answer = deal.gac2(TC, code)
    assert answer.kind == (TC if code == b"Y3" else AAC)
    assert answer.has(UNABLE_ONLINE)


@pytest.mark.parametrize(("code", "kind"), [(OFFLINE, TC), (b"Z3", AAC), (YES, TC), (NO, AAC)])
@pytest.mark.parametrize("twice", [False, True])
def test_failed_authentication_shows(code: bytes, kind: int, twice: bool) -> None:
    """PBOC-CVR-004: a failed EXTERNAL AUTHENTICATE shows in the second answer, whatever its response code."""
    deal = free()
    deal.once(ARQC)
    if twice:
        assert (deal.external(), deal.external()) == ("9000", "6985")
    else:
        assert deal.external(spoil=1) == "6300"
    answer = deal.gac2(TC, code)
    assert answer.kind == kind
    assert answer.has(AUTHENTICATION_FAILED)
    assert bool(answer.cvr & UNABLE_ONLINE) == (code in (OFFLINE, b"Z3"))


@pytest.mark.parametrize(("limit", "kind"), [("02", AAC), ("03", TC), ("FF", TC), ("00", AAC)])
def test_upper_limit(limit: str, kind: int) -> None:
    """PBOC-GA2-016."""
    deal = free(**{"9F59": limit, "9F36": "0003"})
    deal.once()
    answer = deal.gac2(TC, OFFLINE)
    assert answer.kind == kind
    assert answer.has(VELOCITY) is (kind == AAC)


@pytest.mark.parametrize(("ada", "kind"), [("0100", AAC), ("0000", TC)])
def test_new_card_unable(ada: str, kind: int) -> None:
    """PBOC-GA2-017."""
    deal = free(**{"9F13": "0000", "9F52": ada})
    deal.once()
    answer = deal.gac2(TC, OFFLINE)
    assert answer.kind == kind
    assert answer.has(NEW_CARD, UNABLE_ONLINE)


@pytest.mark.parametrize(("ada", "kind"), [("0010", AAC), ("0000", TC)])
def test_pin_exceeded_unable(ada: str, kind: int) -> None:
    """PBOC-GA2-018."""
    deal = free("0300", **{"9F52": ada})
    deal.once()
    answer = deal.gac2(TC, OFFLINE)
    assert answer.kind == kind
    assert answer.has(PIN_EXCEEDED)


@pytest.mark.parametrize(("due", "kind"), [(101, AAC), (100, TC)])
@pytest.mark.parametrize("currency", ["0156", "0840"])
def test_upper_total(due: int, kind: int, currency: str) -> None:
    """PBOC-GA2-019."""
    deal = free(**{"9F5C": amount(5000), "9F53": "FF"})
    deal.once(TC, Data(amount=4900))
    data = Data(amount=due, currency=currency)
    deal.once(ARQC, data)
    answer = deal.gac2(TC, OFFLINE, data)
    assert answer.kind == kind
    assert answer.has(VELOCITY) is (kind == AAC)


def test_unable_approval_counts() -> None:
    """PBOC-GA2-020."""
    deal = free(**{"9F54": amount(5000), "9F53": "01"})
    deal.once(ARQC, Data(amount=4500))
    assert deal.gac2(TC, OFFLINE, Data(amount=4500)).kind == TC
    assert deal.get("9F13") == "0001"
    assert deal.once(ARQC, Data(amount=501)).has(VELOCITY, NOT_COMPLETED)
    assert deal.gac2(TC, OFFLINE, Data(currency="0840")).kind == TC
    abroad = Data(currency="0840")
    deal.once(ARQC, abroad)
    assert deal.gac2(TC, OFFLINE, abroad).kind == TC
    assert deal.once(TC, abroad).has(VELOCITY), "the foreign counter has risen to its limit"


def test_z3_stores_what_failed() -> None:
    """PBOC-GA2-021."""
    deal = free(**{"9F53": "01"})
    failed = Data(tvr="4000000000", currency="0840")
    deal.once(ARQC, failed)
    assert deal.gac2(AAC, b"Z3", failed).kind == AAC
    answer = deal.once(ARQC, Data(currency="0840"))
    assert answer.has(SDA_FAILED_LAST, VELOCITY)


@pytest.mark.parametrize(("upper", "kind"), [("FF", TC), ("00", AAC)])
def test_cash_and_unable(upper: str, kind: int) -> None:
    """PBOC-EC-012, PBOC-EC-005."""
    deal = Deal(ec(10000, more={"9F59": upper}), CASH)
    assert deal.gpo(cash=True) == CASH_AFL + "9000"
    assert deal.gac(ARQC).kind == ARQC
    assert deal.gac2(TC, OFFLINE).kind == kind
    assert deal.get("9F79") == amount(10000)


def test_cash_and_online() -> None:
    """PBOC-GA2-024, PBOC-LOG-007."""
    deal = Deal(ec(10000), CASH)
    deal.gpo(cash=True)
    deal.gac(ARQC)
    assert deal.external() == "9000"
    assert deal.gac2(TC).kind == TC
    assert deal.get("9F79") == amount(10000)
    assert len(deal.log()) == 1
