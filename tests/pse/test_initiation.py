"""GET PROCESSING OPTIONS, GET DATA and VERIFY."""

import pytest

from cardsim.pse.application import INDICATORS_AT, Indicator
from tests.cards import AID, Bench, card, unhex
from tests.pse.deal import (
    AAC,
    ARQC,
    CASH,
    CASH_AFL,
    DEBIT_AFL,
    NO,
    PIN_BLOCKED,
    PIN_EXCEEDED,
    PIN_FAILED,
    PIN_PERFORMED,
    PLAIN,
    TC,
    Deal,
)
from tests.pse.perso import bank_card, ec, job, pay, poke, rsa

RIGHT = "0020008008 26123456FFFFFFFF"
WRONG = "0020008008 26000000FFFFFFFF"
FREE = {"9F58": "FF", "9F59": "FF", "9F52": "0000", "9F13": "0001", "9F36": "0001"}
GPO = "80A800000B8309000000000010000156"


def path_of(deal: Deal, **terms: int | str) -> str:
    """GPO that asks for electronic cash; which path was answered."""
    amount, currency = terms.get("amount", 1000), terms.get("currency", "0156")
    answer = deal.gpo(cash=True, amount=int(amount), currency=str(currency))
    return {DEBIT_AFL + "9000": "debit", CASH_AFL + "9000": "cash"}[answer]


# --- GPO -----------------------------------------------------------------------------------------------------------


def test_paths() -> None:
    """PBOC-GPO-001, PBOC-GPO-002, PBOC-GPO-003, PBOC-GPO-004, PBOC-PER-015."""
    deal = Deal(ec(10000))
    assert deal.gpo() == DEBIT_AFL + "9000"
    assert deal.gpo(cash=True) == CASH_AFL + "9000"


@pytest.mark.parametrize(
    ("fixture", "terms", "path"),
    [
        ((10000, 0, 10000), {"currency": "0840"}, "debit"),
        ((10000, 0, 10000), {"currency": "0344"}, "debit"),
        ((10000, 0, 10000), {"currency": "0446"}, "debit"),
        ((999, 0, 10000), {}, "debit"),
        ((1000, 0, 10000), {}, "cash"),
        ((10000, 0, 999), {}, "debit"),
        ((10000, 0, 1000), {}, "cash"),
        ((1000, 0, 1000), {"amount": 1001}, "debit"),
        ((1000, 0, 10000), {"amount": 0}, "cash"),
        ((10000, 0, 10000), {}, "cash"),
    ],
)
def test_cash_conditions(fixture: tuple[int, int, int], terms: dict[str, int | str], path: str) -> None:
    """PBOC-GPO-005, PBOC-GPO-007, PBOC-GPO-008, PBOC-GPO-013, PBOC-DOM-006, PBOC-EC-011."""
    assert path_of(Deal(ec(*fixture)), **terms) == path


@pytest.mark.parametrize("indicator", ["00", "02", "FF"])
def test_terminal_indicator(indicator: str) -> None:
    """PBOC-GPO-006."""
    bench = ec(10000)
    bench.select(AID)
    assert bench.x(f"80A800000B8309{indicator}0000000010000156") == DEBIT_AFL + "9000"


def test_indicators_and_cash() -> None:
    """PBOC-GPO-009, PBOC-GPO-012, PBOC-TEAR-006."""
    deal = Deal(ec(10000))
    deal.once(ARQC)
    assert path_of(deal) == "cash", "an uncompleted online authorisation does not close the path"
    deal.once(ARQC)
    assert deal.external(spoil=1) == "6300"
    deal.bench.power_on()
    assert path_of(deal) == "debit"
    deal.online(NO, 0)
    assert path_of(deal) == "cash", "a later successful EXTERNAL AUTHENTICATE reopens it"


def test_script_failed_closes_cash() -> None:
    """PBOC-GPO-010."""
    bench = ec(10000)
    poke(bench, INDICATORS_AT, bytes((Indicator.SCRIPT_FAILED,)))
    assert path_of(Deal(bench)) == "debit"


def test_exhausted_pin_closes_cash() -> None:
    """PBOC-GPO-011."""
    assert path_of(Deal(pay({"9F79": "000000010000"}, pin="0300"))) == "debit"
    assert path_of(Deal(pay({"9F79": "000000010000"}, pin="0301"))) == "cash"


def test_amount_that_is_no_number() -> None:
    """PBOC-GPO-014."""
    bench = ec(10000)
    deal = Deal(bench)
    bench.select(AID)
    assert bench.x("80A800000B83090100000000000A0156") in ("6A80", DEBIT_AFL + "9000")
    data = PLAIN.cdol1().replace("000000001000", "00000000000A")
    assert bench.x(f"80AE400034{data}")[-4:] == "9000"
    assert bench.data[4:6] != "40", "never an approval"
    assert deal.get("9F79") == "000000010000"


def test_no_cash_path() -> None:
    """PBOC-GPO-015."""
    bench = pay({"9F79": "000000010000"}, {0x9203: None})
    assert path_of(Deal(bench)) == "debit"


def test_gpo_refusals(bench: Bench) -> None:
    """PBOC-GPO-016, PBOC-GPO-017, PBOC-GPO-018, PBOC-GPO-019, PBOC-GPO-022."""
    deal = Deal(bench)
    deal.select()
    wrong = {
        "80A800000A83080000000000100001": "6700", "80A80000028300": "6700", "80A800000B8409000000000010000156": "6A80",
        "80A800000B8308000000000010000156": "6A80", "80A801000B8309000000000010000156": "6A86",
        "80A800010B8309000000000010000156": "6A86", "00A800000B8309000000000010000156": "6E00",
    }  # fmt: skip
    for apdu, sw in wrong.items():
        assert bench.x(apdu) == sw
        assert deal.get("9F36") == "0000"
    assert bench.x(GPO)[-4:] == "9000"
    assert bench.x(GPO) == "6985"
    assert deal.get("9F36") == "0001"


def test_gpo_only_after_select(bench: Bench) -> None:
    """PBOC-GPO-020, PBOC-GPO-021, PBOC-GDT-001."""
    deal = Deal(bench)
    for count in range(1, 4):
        deal.select()
        assert bench.all("00B2010C00", "80CA9F3605", GPO, GPO) == ["9000", "9000", "9000", "6985"]
        assert bench.x("80CA9F3605") == f"9F3602{count:04X}9000"
    assert Deal(ec(10000)).once(TC, CASH, cash=True).atc == 1


def test_last_atc() -> None:
    """PBOC-GPO-023."""
    bench = pay({"9F36": "FFFD"})
    deal = Deal(bench)
    assert deal.gpo()[-4:] == "9000"
    assert deal.get("9F36") == "FFFE"
    for _ in range(2):
        assert deal.gpo() == "6985"
        bench.power_on()
        assert bench.x(f"00A4040008{AID}", follow=False) == "6283"
        assert deal.get("9F36") == "FFFE"


# --- GET DATA ------------------------------------------------------------------------------------------------------

VALUES = {
    "9F13": "0000", "9F36": "0000", "9F4F": "9A039F21039F02069F03069F1A025F2A029F4E149C019F3602", "9F51": "0156",
    "9F52": "C200", "9F53": "00", "9F54": "000000000000", "9F56": "80", "9F57": "0156", "9F58": "00", "9F59": "00",
    "9F5C": "000000000000", "9F6D": "000000000000", "9F72": "00", "9F77": "000000100000", "9F78": "000000100000",
    "9F79": "000000000000",
}  # fmt: skip


def test_get_data(bench: Bench) -> None:
    """PBOC-GDT-002, PBOC-GDT-005, PBOC-GDT-006, PBOC-GDT-007, PBOC-LOG-001, PBOC-EC-016, PBOC-PER-018."""
    deal = Deal(bench)
    deal.select()
    assert {tag: deal.get(tag) for tag in VALUES} == VALUES
    assert bench.x("80CA9F4F00") == f"9F4F19{VALUES['9F4F']}9000"
    assert int(deal.get("9F77")) <= 100000
    other = Deal(ec(10000, 500, 700))
    other.select()
    assert [other.get(tag) for tag in ("9F79", "9F6D", "9F78")] == ["000000010000", "000000000500", "000000000700"]


@pytest.mark.parametrize("pin", ["", "0303"])
def test_nothing_else_is_readable(pin: str) -> None:
    """PBOC-GDT-003, PBOC-GDT-004, PBOC-GDT-008, PBOC-GDT-009, PBOC-GDT-010."""
    bench = pay(pin=pin)
    bench.select(AID)
    found, everything = set(), b""
    for tag in range(0x10000):
        answer = bench.model.transmit(bytes((0x80, 0xCA, tag >> 8, tag & 0xFF, 0)))
        if answer[0] == 0x6C:
            found.add(f"{tag:04X}")
            everything += bench.model.transmit(bytes((0x80, 0xCA, tag >> 8, tag & 0xFF, answer[1])))
        else:
            assert answer == b"\x6a\x88"
    assert found == set(VALUES) | ({"9F17"} if pin else set())
    assert bench.x("80CA9F1700") == ("9F1701039000" if pin else "6A88")
    secret = bank_card().udks()
    assert not any(secret[at : at + 8] in everything for at in range(0, 48, 8))
    assert unhex("26123456") not in everything
    assert rsa("icc").p.to_bytes(72, "big")[:8] not in everything


# --- VERIFY --------------------------------------------------------------------------------------------------------


def verifying(pin: str = "0303", **values: str) -> Deal:
    deal = Deal(pay({**FREE, **values}, pin=pin))
    deal.gpo()
    return deal


def test_right_and_wrong() -> None:
    """PBOC-PIN-001, PBOC-PIN-002, PBOC-PIN-006, PBOC-PIN-007."""
    deal = verifying()
    assert deal.bench.x(WRONG) == "63C2"
    assert deal.get("9F17") == "02"
    assert deal.bench.x(RIGHT) == "9000"
    assert deal.bench.x("80CA9F1704") == "9F1701039000"
    assert deal.gac(ARQC).cvr == 0xA00000 | PIN_PERFORMED


def test_wrong_shows() -> None:
    """PBOC-PIN-007, PBOC-PIN-016."""
    deal = verifying()
    assert deal.bench.all(RIGHT, WRONG) == ["9000", "63C2"]
    assert deal.gac(ARQC).cvr == 0xA00000 | PIN_PERFORMED | PIN_FAILED
    assert not deal.once(ARQC).has(PIN_PERFORMED)


def test_exhausting() -> None:
    """PBOC-PIN-003, PBOC-PIN-004, PBOC-PIN-005, PBOC-PIN-008."""
    deal = verifying()
    assert deal.bench.all(WRONG, WRONG, WRONG, RIGHT) == ["63C2", "63C1", "63C0", "6983"]
    assert deal.gac(ARQC).has(PIN_PERFORMED, PIN_FAILED, PIN_EXCEEDED)
    deal.gpo()
    assert deal.bench.all(RIGHT, RIGHT, WRONG) == ["6984", "6983", "6983"]
    assert deal.get("9F17") == "00"


def test_verify_without_tries_shows() -> None:
    """PBOC-PIN-007, PBOC-CRM-024: a VERIFY that finds no try left was performed, and failed."""
    deal = verifying("0300", **{"9F52": "0840"})
    assert deal.bench.x(RIGHT) == "6984"
    assert deal.gac(TC).cvr == 0x900000 | PIN_PERFORMED | PIN_FAILED | PIN_EXCEEDED, "VERIFY was sent: no decline"
    assert deal.once(AAC).cvr == 0x800000 | PIN_EXCEEDED
    deal.gpo()
    assert deal.bench.x(RIGHT) == "6984"
    assert deal.gac(AAC).cid == 0x0A


def test_exhausting_blocks() -> None:
    """PBOC-PIN-009."""
    deal = verifying("0301", **{"9F52": "0080"})
    assert deal.bench.x(WRONG) == "63C0"
    answer = deal.gac(TC)
    assert answer.cid == 0
    assert answer.has(PIN_BLOCKED, PIN_EXCEEDED)
    deal.bench.power_on()
    assert deal.bench.x(f"00A4040008{AID}", follow=False) == "6283"


def test_without_pin(bench: Bench) -> None:
    """PBOC-PIN-010, PBOC-PIN-017."""
    Deal(bench).gpo()
    assert bench.all(RIGHT, "0084000000", "0084000008") == ["6985", "6D00", "6D00"]


def test_verify_form() -> None:
    """PBOC-PIN-011, PBOC-PIN-012, PBOC-PIN-013."""
    deal = verifying()
    assert deal.bench.all("0020000008 26123456FFFFFFFF", "0020008808 26123456FFFFFFFF") == ["6A86", "6A86"]
    assert deal.bench.all("0020008006 26123456FFFF", "0020008000") == ["6700", "6700"]
    assert deal.get("9F17") == "03"
    odd = ["0020008008 16123456FFFFFFFF", "0020008008 2F123456FFFFFFFF", "0020008008 23123FFFFFFFFFFF"]
    assert deal.bench.all(*odd) == ["63C2", "63C1", "63C0"]


def test_verify_state() -> None:
    """PBOC-PIN-014."""
    deal = verifying()
    deal.select()
    assert deal.bench.x(WRONG) == "6985"
    deal.once(ARQC)
    assert deal.bench.x(WRONG) == "6985"
    deal.external()
    deal.gac2(TC)
    assert deal.bench.x(WRONG) == "6985"
    assert deal.get("9F17") == "03"


@pytest.mark.parametrize("block", ["26123456FFFFFFFF", "123456FFFFFFFFFF"])
@pytest.mark.parametrize("counters", ["0303", "9F17010303"])
def test_personalised_pin(block: str, counters: str) -> None:
    """PBOC-PER-025, PBOC-PER-026."""
    deal = Deal(pay(dgis={0x8010: unhex(block)}, pin=counters))
    deal.gpo()
    assert deal.get("9F17") == "03"
    assert deal.bench.all(WRONG, RIGHT) == ["63C2", "9000"]
    assert deal.get("9F17") == "03"


@pytest.mark.parametrize(
    ("raw", "digits"), [("1234FFFFFFFFFFFF", "241234FFFFFFFFFF"), ("23456789FFFFFFFF", "2823456789FFFFFF")]
)
def test_raw_pin_of_other_length(raw: str, digits: str) -> None:
    """PBOC-PER-025: digits without a control byte, also where the first one is 2."""
    deal = Deal(pay(dgis={0x8010: unhex(raw)}, pin="0303"))
    deal.gpo()
    assert deal.bench.x(f"0020008008{digits}") == "9000"


def test_limit_and_tries_differ() -> None:
    """PBOC-PER-026: the limit stands first in the raw form and last in the TLV form."""
    for counters in ("0501", "9F17010105"):
        deal = Deal(pay(pin=counters))
        deal.gpo()
        assert deal.get("9F17") == "01"
        assert deal.bench.x(RIGHT) == "9000"
        assert deal.get("9F17") == "05"


def test_offline_pin_profile() -> None:
    """PBOC-GDT-003, PBOC-PIN-001: the profile that `cardsim new` offers."""
    deal = Deal(card("dual-3.0-sm4-offline-pin"))
    deal.gpo()
    assert deal.get("9F17") == "03"
    assert deal.bench.x(RIGHT) == "9000"
    assert job(pin="0303")[0x9010] == b"\x03\x03"
