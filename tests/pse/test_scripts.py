"""The gate of issuer scripts: when they are taken, MAC and length, what counts and what is remembered.

What each command then does: `test_script_data`, `test_blocks`, `test_pin_change`.
"""

import pytest

from cardsim.crypto import pboc
from cardsim.pse.choices import ORDINARY, Choice
from tests.cards import AID
from tests.pse.bank import FREE, golden, ordered, put, script, spoiled
from tests.pse.deal import (
    AAC,
    ARQC,
    CASH_AFL,
    DEBIT_AFL,
    OFFLINE,
    SCRIPT_FAILED,
    TC,
    YES,
    Cryptogram,
    Deal,
    session_key,
)
from tests.pse.perso import amount, pay

LOAD = amount(10000)


def scripts_of(answer: Cryptogram) -> int:
    """The count of scripts in the card verification results."""
    return answer.cvr >> 4 & 0x0F


def completed(choices: Choice = ORDINARY, values: dict[str, str] | None = None, pin: str = "") -> Deal:
    """S4: an online transaction with a TC."""
    deal = Deal(pay(FREE | (values or {}), pin=pin, choices=choices))
    deal.online()
    return deal


# --- MAC -------------------------------------------------------------------------------------------------------------


def test_golden_load() -> None:
    """PBOC-SCR-001, PBOC-SCR-002, PBOC-PDT-007: vector G1, then the load of 100.00 yuan with the golden MAC."""
    deal = golden()
    assert deal.bench.x("04DA9F790A0000000100002735EFF5") == "9000"
    assert deal.bench.x("80CA9F7909") == "9F79060000000100009000"


def test_printed_macs() -> None:
    """PBOC-SCR-001, PBOC-SCR-002: the bank's own computation gives the values of the requirements."""
    cryptogram = bytes.fromhex("95DB6A5713D2A269")
    assert script("841E0000", 1, cryptogram) == "841E0000046F200943"
    assert script("04DA9F79", 1, cryptogram, bytes.fromhex("000000010000")) == "04DA9F790A000000010000CFEC6313"


def test_first_cryptogram() -> None:
    """PBOC-SCR-003, PBOC-SCR-007: between the cryptograms and after them, always over the first, and not chained."""
    deal = Deal(pay(FREE))
    assert deal.once(ARQC).kind == ARQC
    assert [deal.bench.x(put(deal, "9F58", value)) for value in ("05", "06")] == ["9000", "9000"]
    assert deal.external() == "9000"
    second = deal.gac2(TC)
    assert [deal.bench.x(put(deal, "9F58", value)) for value in ("07", "08")] == ["9000", "9000"]
    assert deal.get("9F58") == "08"
    assert deal.first is not None
    assert deal.bench.x(script("04DA9F58", second.atc, second.ac, b"\x09")) == "6988"
    assert deal.get("9F58") == "08"


def test_chained_macs() -> None:
    """PBOC-SCR-003, script_mac_chain = last MAC: the MAC before stands for the first cryptogram."""
    deal = golden(choices=Choice.SCRIPT_MAC_CHAINED)
    first = put(deal, "9F58", "05")
    assert deal.bench.x(first) == "9000"
    chain = bytes.fromhex(first[-8:]).ljust(8, b"\0")
    assert deal.bench.x(script("04DA9F58", 1, chain, b"\x06")) == "9000"
    assert deal.bench.x(put(deal, "9F58", "07")) == "6988"
    assert deal.get("9F58") == "06"


def test_first_cryptogram_is_an_aac() -> None:
    """PBOC-SCR-004, PBOC-GAC-008: then the MAC stands over the AAC."""
    deal = golden()
    assert deal.bench.x("841E00000431AA251B") == "9000"
    assert deal.once(TC).kind == AAC
    assert deal.bench.x(ordered(deal, "84180000")) == "9000"
    assert deal.select() == "9000"


@pytest.mark.parametrize("at", range(-4, 0))
def test_wrong_mac(at: int) -> None:
    """PBOC-SCR-008, PBOC-SCR-009: each byte counts; nothing is written, and all that follow are refused."""
    deal = golden()
    command = bytearray.fromhex(put(deal, "9F79", LOAD))
    command[at] ^= 0x80
    assert deal.bench.x(command.hex()) == "6988"
    assert deal.bench.x(put(deal, "9F79", LOAD)) == "6985"
    assert deal.bench.x(ordered(deal, "841E0000")) == "6985"
    assert deal.external() == "9000"
    deal.gac2(TC)
    assert deal.bench.x(put(deal, "9F79", LOAD)) == "6985", "the second GENERATE AC opens nothing"
    assert deal.get("9F79") == amount(0)
    assert deal.once(ARQC).has(SCRIPT_FAILED)
    assert deal.bench.x(put(deal, "9F79", LOAD)) == "9000", "a new transaction does"


def foreign(deal: Deal) -> list[str]:
    """PUT DATA of 9F58 = 05 with MACs over another class, tag, length, counter, cryptogram or value."""
    first = deal.first
    assert first is not None
    macs = (
        script("00DA9F58", first.atc, first.ac, b"\x05"),
        script("04DA9F59", first.atc, first.ac, b"\x05"),
        script("04DA9F58", first.atc, first.ac, b"\x05\x00"),
        script("04DA9F58", first.atc + 1, first.ac, b"\x05"),
        script("04DA9F58", first.atc, bytes(8), b"\x05"),
        script("04DA9F58", first.atc, first.ac, b"\x06"),
    )
    return [f"04DA9F580505{mac[-8:]}" for mac in macs]


@pytest.mark.parametrize("number", range(6))
def test_parts_of_the_mac(number: int) -> None:
    """PBOC-SCR-001, PBOC-SCR-002: header, Lc, counter, cryptogram and data all stand in it."""
    deal = golden()
    assert deal.bench.x(foreign(deal)[number]) == "6988"
    assert deal.get("9F58") == "00"


def test_word_of_a_wrong_mac() -> None:
    """PBOC-SCR-008, script_mac_word = 6982."""
    deal = golden(choices=Choice.SCRIPT_MAC_6982)
    assert deal.bench.x("04DA9F790A00000001000000000000") == "6982"
    assert deal.once(ARQC).has(SCRIPT_FAILED)


def test_replay() -> None:
    """PBOC-SCR-018: what was right in one transaction is wrong in the next."""
    deal = golden()
    command = put(deal, "9F79", LOAD)
    assert deal.bench.x(command) == "9000"
    assert deal.bench.x(command) == "9000", "in its own transaction it may come again: the value is absolute"
    deal.once(ARQC)
    assert deal.bench.x(command) == "6988"


def test_session_key() -> None:
    """PBOC-SCR-015, PBOC-CRY-004: the counter and its complement, as for cryptograms."""
    key = pboc.session_key(bytes.fromhex("40BF52BFD9AD67456B078A19011A1391"), 1)
    assert key.hex().upper() == "85FF218BB721253B726B8F8BFFA4326E"
    assert session_key(bytes.fromhex("12B1AC4AF070CC35612BFE2D30AB600D"), 1) == pboc.session_key(
        bytes.fromhex("416A48251EA55B42BD61CEEC7164102B"), 1
    )


# --- the moment ------------------------------------------------------------------------------------------------------


def test_before_the_first_cryptogram() -> None:
    """PBOC-SCR-005: neither before GPO nor after it; and no mark is left."""
    deal = Deal(pay(FREE))
    deal.select()
    assert deal.bench.x(script("841E0000", 0, bytes(8))) == "6985"
    deal.gpo()
    assert deal.bench.x(script("841E0000", 1, bytes(8))) == "6985"
    assert deal.bench.x("841E000003000000") == "6985", "the state is judged before the length"
    assert deal.select() == "9000"
    assert not deal.once(ARQC).has(SCRIPT_FAILED)


@pytest.mark.parametrize("kind", [TC, AAC])
def test_after_an_offline_end(kind: int) -> None:
    """PBOC-SCR-006: an ordinary transaction that ended offline takes none; with scripts_offline = always it does."""
    deal = Deal(pay(FREE))
    assert deal.once(kind).kind == kind
    assert deal.bench.x(put(deal, "9F79", LOAD)) == "6985"
    assert deal.get("9F79") == amount(0)
    assert not deal.once(ARQC).has(SCRIPT_FAILED)
    other = Deal(pay(FREE, choices=Choice.SCRIPTS_AFTER_OFFLINE))
    assert other.once(kind).kind == kind
    assert other.bench.x(put(other, "9F79", LOAD)) == "9000"
    assert other.get("9F79") == LOAD


def test_without_a_pin_try() -> None:
    """PBOC-GAC-008, PBOC-SCR-006: an AAC with no PIN try left may be followed by PIN UNBLOCK, a TC may not."""
    deal = Deal(pay(FREE | {"9F52": "0040"}, pin="0300"))
    assert deal.once(TC).kind == AAC
    assert deal.bench.x(ordered(deal, "84240000")) == "9000"
    assert deal.get("9F17") == "03"
    free = Deal(pay(FREE, pin="0300"))
    assert free.once(TC).kind == TC
    assert free.bench.x(ordered(free, "84240000")) == "6985"


@pytest.mark.parametrize("end", ["select", "reset", "other"])
def test_end_of_scripts(end: str) -> None:
    """PBOC-SCR-007, PBOC-SEP-003: SELECT and reset end the time of scripts."""
    deal = completed()
    command = put(deal, "9F79", LOAD)
    match end:
        case "select":
            deal.select()
        case "reset":
            deal.bench.power_on()
            deal.select()
        case _:
            deal.bench.ssse()
            deal.select()
    assert deal.bench.x(command) == "6985"
    assert deal.get("9F79") == amount(0)


def test_without_issuer_authentication() -> None:
    """PBOC-SCR-011: the MAC is enough, before and after the second GENERATE AC."""
    deal = Deal(pay(FREE))
    deal.once(ARQC)
    assert deal.bench.x(put(deal, "9F58", "05")) == "9000"
    deal.gac2(TC)
    assert deal.bench.x(put(deal, "9F58", "06")) == "9000"


def test_after_a_failed_issuer_authentication() -> None:
    """PBOC-SCR-010: accepted on their MAC alone; with scripts_after_failure = unblocking or refused they are not."""
    for choices, word in (
        (ORDINARY, "9000"),
        (Choice.SCRIPTS_NEED_ISSUER, "6985"),
        (Choice.SCRIPTS_NEED_ISSUER | Choice.UNBLOCK_NEEDS_ISSUER, "6985"),
    ):
        deal = golden(choices=choices)
        assert deal.external(spoil=1) == "6300"
        assert deal.bench.x(put(deal, "9F79", LOAD)) == word
        assert deal.get("9F79") == (LOAD if word == "9000" else amount(0))
        fine = golden(choices=choices)
        assert fine.external() == "9000"
        assert fine.bench.x(put(fine, "9F79", LOAD)) == "9000"


# --- form ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["801E0000", "00DA9F79", "80DA9F79", "84DA9F79", "041E0000", "00DC020C", "84DC020C"])
def test_class(header: str) -> None:
    """PBOC-SCR-013: scripts exist in their own class alone; another one sets no mark."""
    deal = golden()
    assert deal.bench.x(ordered(deal, header, b"" if header[2:4] == "1E" else bytes(6))) == "6E00"
    assert not deal.once(ARQC).has(SCRIPT_FAILED)


@pytest.mark.parametrize(
    "command",
    ["841E000003000000", "841E0000050000000000", "841E000000", "8418000005 0000000000", "8416000003000000",
     "8424000005 0000000000", "84240002040000000", "8424000014" + "00" * 20, "04DA9F7904 00000000", "04DA9F7900",
     "04DC020C04 00000000", "04DC020C00"],
)  # fmt: skip
def test_wrong_length(command: str) -> None:
    """PBOC-SCR-014, PBOC-PCH-006, PBOC-BLK-005: 6700, and the mark stands."""
    text = command.replace(" ", "")
    text = text if len(text) % 2 == 0 else text + "0"
    deal = completed(pin="0303")
    assert deal.bench.x(text) == "6700"
    assert deal.once(ARQC).has(SCRIPT_FAILED)


def test_length_refuses_nothing_else() -> None:
    """PBOC-SCR-009, PBOC-SCR-014: a wrong length is no wrong MAC: the next script is taken."""
    deal = golden()
    assert deal.bench.x("841E000003000000") == "6700"
    assert deal.bench.x(put(deal, "9F79", LOAD)) == "9000"


# --- the count -------------------------------------------------------------------------------------------------------


def test_count() -> None:
    """PBOC-SCR-012, PBOC-CRM-006: two after the second GENERATE AC, then one more with a wrong MAC."""
    deal = completed()
    for value in ("05", "06"):
        assert deal.bench.x(put(deal, "9F53", value)) == "9000"
    assert scripts_of(deal.once(ARQC)) == 2
    deal.gac2(AAC, OFFLINE)
    assert scripts_of(deal.once(ARQC)) == 2, "without the issuer it stays"
    deal.gac2(AAC, OFFLINE)
    assert deal.bench.x(spoiled(put(deal, "9F53", "07"))) == "6988"
    assert scripts_of(deal.once(ARQC)) == 3


def test_scripts_that_do_not_count() -> None:
    """PBOC-SCR-012: those before the second GENERATE AC, and those out of turn."""
    deal = Deal(pay(FREE))
    deal.once(ARQC)
    assert deal.bench.x(put(deal, "9F53", "05")) == "9000"
    deal.gac2(TC, OFFLINE)
    assert scripts_of(deal.once(ARQC)) == 0, "and the issuer has reset nothing"
    deal.gac2(TC, OFFLINE)
    assert deal.bench.x(spoiled(put(deal, "9F53", "05"))) == "6988"
    assert deal.bench.x(put(deal, "9F53", "05")) == "6985"
    assert scripts_of(deal.once(ARQC)) == 1


def test_count_executed() -> None:
    """PBOC-SCR-012, script_counted = executed: one that is refused does not count."""
    deal = completed(Choice.SCRIPT_COUNT_EXECUTED)
    assert deal.bench.x(put(deal, "9F53", "05")) == "9000"
    assert deal.bench.x("841E000003000000") == "6700"
    assert deal.bench.x(spoiled(put(deal, "9F53", "06"))) == "6988"
    assert scripts_of(deal.once(ARQC)) == 1


@pytest.mark.parametrize(("choices", "count"), [(ORDINARY, 1), (Choice.SCRIPT_COUNT_STOPS, 15)])
def test_seventeen_scripts(choices: Choice, count: int) -> None:
    """PBOC-CVR-010, script_count: wraps, or stops at 15."""
    deal = completed(choices)
    for number in range(17):
        assert deal.bench.x(put(deal, "9F53", f"{number:02X}")) == "9000"
    assert scripts_of(deal.once(ARQC)) == count


# --- the mark --------------------------------------------------------------------------------------------------------


def test_mark_stands_at_once() -> None:
    """PBOC-SCR-008, D13: the mark and the count stand although the power goes after the answer."""
    deal = completed()
    assert deal.bench.x("04DA9F790A00000001000000000000") == "6988"
    deal.bench.power_on()
    answer = deal.once(ARQC)
    assert answer.has(SCRIPT_FAILED)
    assert scripts_of(answer) == 1
    assert answer.cvr & 0xFF == 0x18


def test_mark_asks_for_online() -> None:
    """PBOC-CRM-007: with 9F52 byte 2 b4 a TC becomes an ARQC; without it the mark alone is shown."""
    for ada, kind in (("0008", ARQC), ("0000", TC)):
        deal = completed(values={"9F52": ada})
        assert deal.bench.x("04DA9F790A00000001000000000000") == "6988"
        answer = deal.once(TC)
        assert answer.kind == kind
        assert answer.has(SCRIPT_FAILED)


def test_mark_closes_cash() -> None:
    """PBOC-GPO-010: the path of electronic cash is closed until the mark is gone."""
    deal = completed(values={"9F79": LOAD})
    assert deal.gpo(cash=True) == CASH_AFL + "9000"
    deal.online()
    assert deal.bench.x("841E000003000000") == "6700"
    assert deal.gpo(cash=True) == DEBIT_AFL + "9000"
    deal.online()
    assert deal.gpo(cash=True) == CASH_AFL + "9000"


def test_online_transaction_clears() -> None:
    """PBOC-SCR-016, PBOC-GA2-011: an online TC with a right ARPC takes mark and count away."""
    deal = completed()
    assert deal.bench.x(put(deal, "9F53", "05")) == "9000"
    assert deal.bench.x("04DA9F790A00000001000000000000") == "6988"
    assert deal.once(ARQC).cvr & 0xF8 == 0x28
    assert deal.external() == "9000"
    deal.gac2(TC)
    assert deal.once(ARQC).cvr & 0xF8 == 0


def test_what_clears_nothing() -> None:
    """PBOC-SCR-016, PBOC-GA2-020: a TC without the issuer, and one after a failed issuer authentication."""
    deal = completed()
    assert deal.bench.x("04DA9F790A00000001000000000000") == "6988"
    deal.once(ARQC)
    deal.gac2(TC, OFFLINE)
    assert deal.once(ARQC).cvr & 0xF8 == 0x18
    assert deal.external(spoil=1) == "6300"
    deal.gac2(TC)
    assert deal.once(ARQC).cvr & 0xF8 == 0x18


@pytest.mark.parametrize(("choices", "kept"), [(ORDINARY, True), (Choice.EARLY_SCRIPT_FORGOTTEN, False)])
def test_failure_before_the_second_cryptogram(choices: Choice, kept: bool) -> None:
    """PBOC-SCR-017, early_script_failure: it outlives the online TC of its own transaction, and not the next one."""
    deal = Deal(pay(FREE, choices=choices))
    deal.once(ARQC)
    assert deal.bench.x("04DA9F790A00000001000000000000") == "6988"
    assert deal.external() == "9000"
    assert deal.gac2(TC, YES).kind == TC
    assert deal.once(ARQC).has(SCRIPT_FAILED) is kept
    assert deal.external() == "9000"
    deal.gac2(TC)
    assert not deal.once(ARQC).has(SCRIPT_FAILED)


def test_marks_of_an_application_are_its_own() -> None:
    """PBOC-SCR-008: nothing of a script is seen at the PSE or in the social-security environment."""
    deal = golden()
    assert deal.bench.x("04DA9F790A00000001000000000000") == "6988"
    assert deal.bench.all("00A40400 0E 315041592E5359532E4444463031", "00B2010C00") == ["9000", "9000"]
    assert deal.bench.ssse() == "9000"
    assert deal.bench.select(AID)[-4:] == "9000"
