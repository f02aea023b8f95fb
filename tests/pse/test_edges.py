"""Counters and totals at their edges, and answers of a terminal that do not fit together."""

from collections.abc import Mapping

import pytest

from cardsim.pse.application import CTTA_AT, DUAL_TOTAL_AT, FOREIGN_COUNTRY_AT, FOREIGN_CURRENCY_AT
from tests.cards import AID, unhex
from tests.pse.bank import script
from tests.pse.deal import (
    AAC,
    ARQC,
    NO,
    NOT_COMPLETED,
    OFFLINE,
    PIN_EXCEEDED,
    PIN_FAILED,
    PIN_PERFORMED,
    SCRIPT_FAILED,
    SDA_FAILED_LAST,
    TC,
    VELOCITY,
    YES,
    Data,
    Deal,
)
from tests.pse.order_transaction import RIGHT_PIN
from tests.pse.perso import FREE, amount, job, pay, poke

MOST = 999_999_999_999
ABROAD = {FOREIGN_CURRENCY_AT: ("9F53", Data(currency="0840")), FOREIGN_COUNTRY_AT: ("9F72", Data(country="0840"))}


def free(values: Mapping[str, str] | None = None, dgis: Mapping[int, bytes | None] | None = None) -> Deal:
    return Deal(pay({**FREE, **(values or {})}, dgis))


def shown_total(deal: Deal, p1: int, data: Data) -> tuple[int, str]:
    """Kind of the answer, and the cumulative amount in it."""
    answer = deal.once(p1, data)
    return answer.kind, answer.iad[10:15].hex()


def test_total_stays_at_its_most() -> None:
    """PBOC-CRM-026, PBOC-IAD-007: a total of more than twelve digits stays at twelve nines; it never begins anew."""
    deal = free(dgis={0x9200: unhex("9F1014" + "0701010300000001" + "0A02" + "00" * 10)})
    assert shown_total(deal, TC, Data(amount=MOST - 1)) == (TC, "9999999998")
    assert shown_total(deal, TC, Data(amount=1)) == (TC, "9999999999")
    assert shown_total(deal, TC, Data(amount=7)) == (TC, "9999999999")


def test_total_above_its_limit() -> None:
    """PBOC-CRM-012, PBOC-GA2-019: the sum is compared before it is cut to twelve digits."""
    deal = free({"9F54": amount(MOST), "9F5C": amount(MOST)})
    poke(deal.bench, CTTA_AT, unhex(amount(MOST)))
    assert deal.once(TC, Data(amount=1)).has(VELOCITY)
    assert deal.gac2(TC, OFFLINE, Data(amount=1)).kind == AAC


def test_two_currencies_at_their_most() -> None:
    """PBOC-CRM-013: the total in both currencies neither."""
    deal = free({"9F75": amount(MOST), "9F76": "0344", "9F73": "00000002", "9F53": "FF"})
    poke(deal.bench, DUAL_TOTAL_AT, unhex(amount(MOST)))
    assert deal.once(TC, Data(amount=1, currency="0344")).has(VELOCITY)


@pytest.mark.parametrize("at", ABROAD)
def test_full_count(at: int) -> None:
    """PBOC-CRM-010, PBOC-CRM-011, PBOC-CRM-027: 255 and one more is more than FF; the count stays at 255."""
    tag, data = ABROAD[at]
    deal = free({tag: "FF"})
    poke(deal.bench, at, b"\xfe")
    assert deal.once(TC, data).kind == TC
    for _ in range(3):
        assert deal.once(AAC, data).has(VELOCITY)
    assert deal.once(TC, data).kind == ARQC
    deal.external()
    assert deal.gac2(TC, YES, data).kind == TC
    assert deal.once(TC, data).kind == TC, "it begins at 0 after an online approval, not before"


@pytest.mark.parametrize("at", ABROAD)
def test_no_limit_at_all(at: int) -> None:
    """PBOC-CRM-010, PBOC-CRM-011: a limit that the card does not have is never exceeded, at 255 neither."""
    tag, data = ABROAD[at]
    risk = job(FREE)[0x0D01]
    place = risk.index(unhex(tag + "01"))
    deal = free(dgis={0x0D01: risk[:place] + risk[place + 4 :]})
    deal.select()
    assert deal.get(tag) == "6A88"
    poke(deal.bench, at, b"\xff")
    assert deal.once(TC, data).kind == TC


@pytest.mark.parametrize("atc", ["FFFE", "FFFF"])
def test_last_counters(atc: str) -> None:
    """PBOC-GPO-022, PBOC-GPO-023: neither value begins a transaction or moves, and the block cannot be undone."""
    deal = free({"9F36": atc})
    for _ in range(2):
        assert deal.gpo() == "6985"
        assert deal.get("9F36") == atc
        assert deal.bench.x(script("84180000", int(atc, 16), bytes(8))) == "6985"
        assert deal.bench.x(f"00A4040008{AID}", follow=False) == "6283"


@pytest.mark.parametrize("kind", [TC, AAC])
def test_before_the_last_counter(kind: int) -> None:
    """PBOC-GPO-021, PBOC-GA2-012: the last transaction comes to its end as any other one."""
    deal = free({"9F36": "FFFD"})
    deal.once(ARQC)
    deal.external()
    assert deal.gac2(kind).kind == kind
    assert (deal.get("9F36"), deal.get("9F13")) == ("FFFE", "FFFE" if kind == TC else "0001")


def test_script_fails_in_between() -> None:
    """PBOC-CVR-007, PBOC-SCR-017: the second cryptogram shows what the first did, the next transaction the script."""
    deal = free()
    first = deal.once(ARQC)
    assert deal.bench.x("04DA9F790A00000001000000000000") == "6988"
    assert deal.external() == "9000"
    assert deal.gac2(TC).cvr & 0xFFFF == first.cvr & 0xFFFF
    assert deal.once(ARQC).has(SCRIPT_FAILED)


def test_verify_without_tries() -> None:
    """PBOC-CRM-015, PBOC-CRM-016, PBOC-PIN-005, PBOC-PIN-007: VERIFY was sent, so check 12 does not hold."""
    deal = Deal(pay({**FREE, "9F52": "0064"}, pin="0300"))
    deal.gpo()
    assert deal.bench.x("0020008008" + RIGHT_PIN) == "6984"
    assert deal.gac(TC).cvr == 0x900000 | PIN_PERFORMED | PIN_FAILED | PIN_EXCEEDED


def test_second_list_counts() -> None:
    """PBOC-GA2-019, PBOC-GA2-020, PBOC-GA2-023: without the issuer the checks and counters take amount, currency and
    country of CDOL2, which the cryptogram is computed over."""
    deal = free({"9F5C": amount(5000), "9F75": amount(5000), "9F76": "0344", "9F73": "00000001"})
    deal.once(ARQC, Data(amount=1))
    assert deal.gac2(TC, OFFLINE, Data(amount=5001)).kind == AAC
    deal.once(ARQC, Data(amount=1))
    assert deal.gac2(TC, OFFLINE, Data(amount=3000)).kind == TC
    deal.once(ARQC, Data(amount=1))
    assert deal.gac2(TC, OFFLINE, Data(amount=2001, currency="0344")).has(VELOCITY)
    deal.once(ARQC, Data(amount=9000))
    assert deal.gac2(TC, OFFLINE, Data(amount=2000)).kind == TC


@pytest.mark.parametrize("code", [b"Y1", b"Z1", b"Y2", b"Z2"])
def test_codes_made_offline(code: bytes) -> None:
    """PBOC-GA2-022: a code that no issuer sends takes no mark back; one of the issuer does."""
    deal = free()
    deal.once(AAC, Data(tvr="4000000000"))
    deal.once(ARQC)
    assert deal.gac2(TC, code).kind == AAC
    assert deal.once(ARQC).has(NOT_COMPLETED, SDA_FAILED_LAST)
    assert deal.gac2(TC, NO).kind == AAC
    assert not deal.once(ARQC).has(NOT_COMPLETED)
