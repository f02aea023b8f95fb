"""PUT DATA and UPDATE RECORD of issuer scripts: the card's data objects, electronic cash, records."""

import pytest

from cardsim.crypto import oda
from cardsim.iso7816.tlv import ber, find
from cardsim.pse.choices import ORDINARY, Choice
from cardsim.pse.objects import WRITABLE
from tests.cards import unhex
from tests.pse.bank import FREE, golden, ordered, put, spoiled, update
from tests.pse.deal import ARQC, CASH, PAN, SCRIPT_FAILED, TC, Data, Deal
from tests.pse.perso import amount, ec, pay
from tests.pse.test_oda import TODAY, issuer_key, read_path

LOAD = amount(10000)
VALUES = {
    "9F53": "05", "9F54": amount(70000), "9F58": "05", "9F59": "06", "9F5C": amount(80000), "9F72": "07",
    "9F6D": amount(500), "9F77": amount(90000), "9F78": amount(60000), "9F79": LOAD,
}  # fmt: skip
DUAL = {"9F75": amount(5000), "9F76": "0344", "9F73": "20000050"}
FIXED = {
    "9F13": "0001", "9F17": "03", "9F36": "0009", "9F4F": "9F0206", "9F51": "0840", "9F52": "0000", "9F56": "00",
    "9F57": "0840", "9F76": "0840",
}  # fmt: skip
LATER = {"9F5D": LOAD, "9F68": "00000000", "9F6B": LOAD, "9F6C": "0000", "DF4F": "9F0206", "DF61": "00", "DF79": LOAD}


def failed(deal: Deal) -> bool:
    """Whether the next transaction shows that a script has failed."""
    return deal.once(ARQC).has(SCRIPT_FAILED)


# --- PUT DATA --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", VALUES)
def test_writable(tag: str) -> None:
    """PBOC-PDT-001: written, read back, and still there after a reset."""
    deal = golden({"9F6D": amount(0)})
    assert deal.get(tag) != VALUES[tag]
    assert deal.bench.x(put(deal, tag, VALUES[tag])) == "9000"
    assert deal.get(tag) == VALUES[tag]
    deal.bench.power_on()
    deal.select()
    assert deal.get(tag) == VALUES[tag]
    others = set(VALUES) - {tag}
    fresh = golden({"9F6D": amount(0)})
    assert {each: deal.get(each) for each in others} == {each: fresh.get(each) for each in others}


def test_table_of_writable_tags() -> None:
    """PBOC-PDT-001: no other tag is in the table."""
    assert {f"{tag:04X}" for tag in WRITABLE} == set(VALUES) | {"9F73", "9F75"}


@pytest.mark.parametrize("tag", ["9F73", "9F75"])
def test_two_currencies(tag: str) -> None:
    """PBOC-PDT-001: 9F73 and 9F75 are written on a card of two currencies, and unknown on any other."""
    value = {"9F73": "20000060", "9F75": amount(7000)}[tag]
    deal = golden(DUAL)
    assert deal.bench.x(put(deal, tag, value)) == "9000"
    assert deal.get(tag) == value
    plain = golden()
    assert plain.bench.x(put(plain, tag, value)) == "6A80"
    assert plain.get(tag) == "6A88"


@pytest.mark.parametrize("tag", [*FIXED, *LATER, "9F99", "0000", "9F02"])
def test_not_writable(tag: str) -> None:
    """PBOC-PDT-002, PBOC-PDT-003, PBOC-PDT-004: 6A80, unchanged, and the script has failed."""
    deal = golden(DUAL, pin="0303")
    before = deal.get(tag)
    value = {**FIXED, **LATER}.get(tag, "00000000")
    assert deal.bench.x(put(deal, tag, value)) == "6A80"
    assert deal.get(tag) == before
    assert failed(deal)


def test_data_of_records() -> None:
    """PBOC-PDT-002: a tag that stands in a record alone is none of the card's data objects."""
    deal = golden()
    assert deal.bench.x(put(deal, "9F07", "FF00")) == "6A80"


@pytest.mark.parametrize("value", ["0000000100", "00000000010000", "00"])
def test_wrong_length(value: str) -> None:
    """PBOC-PDT-005: 6700, unchanged, and the script has failed."""
    deal = golden()
    assert deal.bench.x(put(deal, "9F79", value)) == "6700"
    assert deal.get("9F79") == amount(0)
    assert failed(deal)


@pytest.mark.parametrize(("tag", "value"), [("9F79", "0000010000"), ("9F99", "00"), ("9F79", "FFFFFFFFFFFF")])
def test_nothing_is_told_without_the_mac(tag: str, value: str) -> None:
    """PBOC-PDT-006: 6988 whatever else is wrong; with script_checks = form tag and length are told."""
    deal = golden()
    assert deal.bench.x(spoiled(put(deal, tag, value))) == "6988"
    assert deal.get("9F79") == amount(0)
    other = golden(choices=Choice.SCRIPT_FORM_FIRST)
    word = {"0000010000": "6700", "00": "6A80"}.get(value, "6988")
    assert other.bench.x(spoiled(put(other, tag, value))) == word
    assert other.get("9F79") == amount(0)
    assert failed(other)


def test_form_first_takes_what_is_right() -> None:
    """PBOC-PDT-004, PBOC-PDT-005, script_checks = form."""
    deal = golden(choices=Choice.SCRIPT_FORM_FIRST)
    assert deal.bench.x(put(deal, "9F79", LOAD)) == "9000"
    assert deal.bench.x(put(deal, "9F99", "00")) == "6A80"
    assert deal.bench.x("04DA9F7903000000") == "6700"
    assert deal.bench.x(put(deal, "9F79", amount(9000))) == "9000", "no MAC was wrong"


@pytest.mark.parametrize(
    ("tag", "value"), [("9F79", "00000000000A"), ("9F54", "F00000000000"), ("9F77", "0000000A0000")]
)
def test_amounts_are_decimal(tag: str, value: str) -> None:
    """PBOC-PDT-012."""
    deal = golden()
    before = deal.get(tag)
    assert deal.bench.x(put(deal, tag, value)) == "6A80"
    assert deal.get(tag) == before
    assert failed(deal)


def test_limits_act_at_once() -> None:
    """PBOC-PDT-013, PBOC-CRM-008, PBOC-CRM-012: 9F58 and 9F54 of the next transaction are the new ones."""
    deal = Deal(pay(FREE))
    deal.online()
    assert deal.bench.x(put(deal, "9F58", "01")) == "9000"
    assert [deal.once(TC).kind for _ in range(2)] == [TC, ARQC]
    other = Deal(pay(FREE))
    other.online()
    assert other.bench.x(put(other, "9F54", amount(1999))) == "9000"
    assert [other.once(TC, Data(amount=1000)).kind for _ in range(2)] == [TC, ARQC]


# --- electronic cash -------------------------------------------------------------------------------------------------


def test_balance_is_absolute() -> None:
    """PBOC-EC-014: 100.00 on top of 90.00 is 100.00."""
    deal = Deal(ec(9000, more=FREE | {"9F78": LOAD}))
    deal.once(ARQC)
    assert deal.bench.x(put(deal, "9F79", LOAD)) == "9000"
    assert deal.get("9F79") == LOAD


def test_unload() -> None:
    """PBOC-EC-015: down to nothing; and then electronic cash is closed."""
    deal = Deal(ec(10000, more=FREE | {"9F78": LOAD}))
    deal.once(ARQC)
    assert deal.bench.x(put(deal, "9F79", amount(0))) == "9000"
    assert deal.get("9F79") == amount(0)
    assert deal.gpo(cash=True, amount=1)[:6] == "800E7C"


def test_loaded_money_can_be_spent() -> None:
    """PBOC-EC-014, PBOC-EC-002: and the issuer sees the new balance in the next answer."""
    deal = golden()
    assert deal.bench.x(put(deal, "9F79", LOAD)) == "9000"
    assert deal.external() == "9000"
    assert deal.gac2(TC).iad[8:15].hex() == "0a010000010000"
    answer = deal.once(TC, CASH, cash=True)
    assert (answer.kind, deal.get("9F79")) == (TC, amount(9000))


@pytest.mark.parametrize("after", [False, True])
def test_above_the_limit(after: bool) -> None:
    """PBOC-PDT-008, PBOC-PDT-009: 6A80 and a mark; as much as the limit is taken."""
    deal = Deal(pay(FREE | {"9F77": LOAD, "9F79": amount(500)}))
    deal.once(ARQC)
    if after:
        deal.external()
        deal.gac2(TC)
    assert deal.bench.x(put(deal, "9F79", amount(10001))) == "6A80"
    assert deal.get("9F79") == amount(500)
    assert deal.bench.x(put(deal, "9F79", amount(10000))) == "9000"
    assert deal.get("9F79") == amount(10000)
    assert failed(deal)


def test_readings_of_the_limit() -> None:
    """PBOC-PDT-008, PBOC-PDT-009: load_above_limit = accepted, refused_load = unmarked."""
    deal = golden({"9F77": LOAD}, choices=Choice.LOAD_ABOVE_LIMIT)
    assert deal.bench.x(put(deal, "9F79", amount(10001))) == "9000"
    assert deal.get("9F79") == amount(10001)
    assert not failed(deal)
    deal = golden({"9F77": LOAD}, choices=Choice.REFUSED_LOAD_UNMARKED)
    assert deal.bench.x(put(deal, "9F79", amount(10001))) == "6A80"
    assert deal.get("9F79") == amount(0)
    assert not failed(deal)
    assert deal.bench.x(put(deal, "9F79", "00000000000A")) == "6A80"
    assert failed(deal), "the other refusals are marked"


def test_new_limit_and_load_together() -> None:
    """PBOC-PDT-010: the order matters."""
    deal = golden({"9F77": LOAD})
    assert deal.bench.x(put(deal, "9F77", amount(20000))) == "9000"
    assert deal.bench.x(put(deal, "9F79", amount(20000))) == "9000"
    other = golden({"9F77": LOAD})
    assert other.bench.x(put(other, "9F79", amount(20000))) == "6A80"
    assert other.bench.x(put(other, "9F77", amount(20000))) == "9000"
    assert other.get("9F79") == amount(0)


def test_lowered_limit() -> None:
    """PBOC-PDT-011: below the balance, which stays and can be spent; a load of less than the limit works."""
    deal = golden({"9F79": LOAD})
    assert deal.bench.x(put(deal, "9F77", amount(5000))) == "9000"
    assert deal.bench.x(put(deal, "9F79", amount(6000))) == "6A80"
    assert deal.get("9F79") == LOAD
    assert deal.bench.x(put(deal, "9F79", amount(5000))) == "9000"
    spent = Deal(pay(FREE | {"9F77": LOAD, "9F79": LOAD}))
    spent.online()
    assert spent.bench.x(put(spent, "9F77", amount(5000))) == "9000"
    assert spent.once(TC, CASH, cash=True).kind == TC
    assert spent.get("9F79") == amount(9000)


# --- UPDATE RECORD ---------------------------------------------------------------------------------------------------


def read(deal: Deal, number: int, sfi: int) -> str:
    """READ RECORD; data and status word."""
    return deal.bench.x(f"00B2{number:02X}{sfi << 3 | 4:02X}00")


def test_golden_record() -> None:
    """PBOC-UPR-001: the golden command, and what READ RECORD then gives."""
    deal = golden()
    assert deal.bench.x("04DC020C0A70049F620100110E376D") == "9000"
    assert read(deal, 2, 1) == "70049F6201009000"
    assert deal.bench.x("00B2020C00", follow=False) == "6C06"
    deal.bench.power_on()
    deal.select()
    assert read(deal, 2, 1) == "70049F6201009000"


def test_shorter_and_longer_again() -> None:
    """PBOC-UPR-001, PBOC-UPR-003: the room of a record is what it was made with."""
    deal = golden()
    old = read(deal, 2, 1)[:-4]
    neighbours = [read(deal, number, sfi) for number, sfi in ((1, 1), (1, 2), (1, 3), (2, 3), (3, 3))]
    assert deal.bench.x(update(deal, 2, 1, "70049F620100")) == "9000"
    assert deal.bench.x(update(deal, 2, 1, old)) == "9000"
    assert read(deal, 2, 1) == old + "9000"
    more = ber(0x70, (find(unhex(old), 0x70) or b"") + unhex("9F1F00")).hex()
    assert deal.bench.x(update(deal, 2, 1, more)) == "6A83"
    assert deal.bench.x(update(deal, 2, 1, old + "00")) == "6A83", "one byte of filling is too much"
    assert read(deal, 2, 1) == old + "9000"
    assert [read(deal, n, s) for n, s in ((1, 1), (1, 2), (1, 3), (2, 3), (3, 3))] == neighbours
    assert failed(deal)


def test_word_for_a_long_record() -> None:
    """PBOC-UPR-003, long_record = 6A84."""
    for choices, word in ((ORDINARY, "6A83"), (Choice.LONG_RECORD_6A84, "6A84")):
        deal = golden(choices=choices)
        old = read(deal, 2, 1)
        assert deal.bench.x(update(deal, 2, 1, "70" + f"{100:02X}" + "5F20" + f"{97:02X}" + "20" * 97)) == word
        assert read(deal, 2, 1) == old
        assert deal.bench.x(update(deal, 9, 1, "70049F620100")) == "6A83", "a missing record stays 6A83"
        assert failed(deal)


@pytest.mark.parametrize(("number", "sfi"), [(9, 1), (1, 9), (1, 13), (1, 14), (8, 3)])
def test_missing_record(number: int, sfi: int) -> None:
    """PBOC-UPR-002: and the data groupings 0D01 and 0E01 are no records."""
    deal = golden()
    risk = deal.get("9F58")
    assert deal.bench.x(update(deal, number, sfi, "70049F620100")) == "6A83"
    assert deal.get("9F58") == risk
    assert failed(deal)


def test_log_is_out_of_reach() -> None:
    """PBOC-UPR-004."""
    deal = Deal(pay(FREE))
    deal.online()
    log = deal.log()
    assert len(log) == 1
    for number in (1, 2, 10):
        assert deal.bench.x(update(deal, number, 11, "70" + "00" * 44)) == "6A83"
    assert deal.log() == log
    assert failed(deal)


@pytest.mark.parametrize("record", ["9F620100", "7004", "70049F6201", "70029F62", "70007000"])
def test_what_is_no_record(record: str) -> None:
    """PBOC-UPR-001: a record is one template 70."""
    deal = golden()
    old = read(deal, 2, 1)
    assert deal.bench.x(update(deal, 2, 1, record)) == ("6A80" if len(record) > 4 else "6700")
    assert read(deal, 2, 1) == old
    assert failed(deal)


def test_lists_that_transactions_need() -> None:
    """PBOC-UPR-001: a record without CDOL1 and CDOL2 in the place of theirs would end all transactions."""
    deal = golden()
    old = read(deal, 2, 3)
    assert deal.bench.x(update(deal, 2, 3, "70049F620100")) == "6A80"
    assert read(deal, 2, 3) == old
    assert deal.once(ARQC).kind == ARQC


def test_no_record_stands_in_for_card_data() -> None:
    """PBOC-PDT-001, PBOC-GDT-001: a record with 9F75 and 9F73 makes no card of two currencies."""
    deal = golden({"9F76": "0344"})
    record = "7014 9F7506000000000001 9F7308 9999999999999999"
    assert deal.bench.x(update(deal, 2, 1, record)) == "9000"
    assert [deal.get("9F73"), deal.get("9F75"), deal.bench.x(put(deal, "9F75", LOAD))] == ["6A88", "6A88", "6A80"]
    assert deal.once(ARQC, Data(currency="0344")).kind == ARQC


def test_wrong_mac() -> None:
    """PBOC-SCR-008."""
    deal = golden()
    old = read(deal, 2, 1)
    assert deal.bench.x(spoiled(update(deal, 2, 1, "70049F620100"))) == "6988"
    assert read(deal, 2, 1) == old


def static_is_genuine(deal: Deal) -> bool:
    """Whether SDA succeeds on the debit path."""
    found, static = read_path(deal.bench, cash=False)
    try:
        oda.verify_static(issuer_key(found), found[0x93], static)
    except oda.OdaError:
        return False
    return True


def dynamic_is_genuine(deal: Deal) -> bool:
    """Whether the card's certificate, and with it DDA, holds on the debit path."""
    found, static = read_path(deal.bench, cash=False)
    issuer = issuer_key(found)
    try:
        oda.recover_icc_key(issuer, found[0x9F46], found.get(0x9F48, b""), found[0x9F47], PAN, static, TODAY)
    except oda.OdaError:
        return False
    return True


def test_signed_record() -> None:
    """PBOC-UPR-005: a changed 9F07 fails both signatures until the old record, or a new signature, is there."""
    deal = golden()
    old = read(deal, 1, 3)[:-4]
    assert "9F0702AB00" in old
    assert deal.bench.x(update(deal, 1, 3, old.replace("9F0702AB00", "9F0702FF00"))) == "9000"
    assert not static_is_genuine(deal)
    assert not dynamic_is_genuine(deal)
    deal.once(ARQC)
    assert deal.bench.x(update(deal, 1, 3, old)) == "9000"
    assert static_is_genuine(deal)
    assert dynamic_is_genuine(deal)


def test_other_records_of_a_script() -> None:
    """PBOC-UPR-001, PBOC-SCR-003: several in one response, before and after the second GENERATE AC."""
    deal = golden()
    assert deal.bench.x(update(deal, 2, 1, "70049F620101")) == "9000"
    assert deal.external() == "9000"
    deal.gac2(TC)
    assert deal.bench.x(update(deal, 2, 1, "70049F620102")) == "9000"
    assert read(deal, 2, 1) == "70049F6201029000"
    assert deal.bench.x(ordered(deal, "841E0000")) == "9000"
    assert read(deal, 2, 1) == "70049F6201029000"
