"""APPLICATION BLOCK, APPLICATION UNBLOCK and CARD BLOCK: what stops, when, and what goes on."""

import pytest

from cardsim.cos.record import Switch
from cardsim.pse.choices import ORDINARY, Choice
from tests.cards import AID, DUAL, PSE_NAME, SSSE_NAME, card, of_cells
from tests.pse.bank import FREE, golden, ordered, put, spoiled
from tests.pse.deal import AAC, ARQC, CASH, NEW_CARD, SCRIPT_FAILED, TC, Deal
from tests.pse.kinds import blocked_before_use, blocked_directory
from tests.pse.perso import SECOND_AID, amount, pay, with_choices
from tests.pse.test_selection import second_application

FCI = "6F3484"
GOLDEN_BLOCK, GOLDEN_UNBLOCK, GOLDEN_CARD_BLOCK = "841E00000431AA251B", "8418000004BC646573", "8416000004BC83A80F"
SELECT = f"00A4040008{AID}"


def blocked(values: dict[str, str] | None = None, choices: Choice = ORDINARY) -> Deal:
    """A card whose application was blocked by a script; ATC 0001 of a transaction that was left."""
    deal = Deal(pay(FREE | (values or {}), choices=choices))
    deal.once(ARQC)
    assert deal.bench.x(ordered(deal, "841E0000")) == "9000"
    return deal


# --- APPLICATION BLOCK -----------------------------------------------------------------------------------------------


def test_golden_block() -> None:
    """PBOC-BLK-001, PBOC-BLK-002: at once, so that the second GENERATE AC is an AAC although the issuer approved."""
    deal = golden()
    assert deal.bench.x(GOLDEN_BLOCK) == "9000"
    assert deal.external() == "9000"
    assert deal.gac2(TC).kind == AAC
    assert deal.select() == "6283"


def test_block_after_the_second_cryptogram() -> None:
    """PBOC-BLK-001, PBOC-SCR-007: in a script 72, for good."""
    deal = Deal(pay(FREE))
    deal.online()
    assert deal.bench.x(ordered(deal, "841E0000")) == "9000"
    deal.bench.power_on()
    assert deal.select() == "6283"


def test_blocked_application() -> None:
    """PBOC-SEL-018, PBOC-SEL-019, PBOC-GAC-011, D18: SELECT 6283 with its FCI, GPO, and nothing but AAC."""
    deal = blocked({"9F79": amount(10000)})
    assert deal.bench.x(SELECT, follow=False) == "6283"
    assert deal.bench.x("00C0000000", follow=False) == "6C36"
    assert deal.bench.x("00C0000036")[:6] == FCI
    for request in (AAC, TC, ARQC):
        assert deal.once(request).kind == AAC
    assert deal.once(TC, CASH, cash=True).kind == AAC
    assert deal.get("9F79") == amount(10000)


def test_free_reading() -> None:
    """PBOC-BLK-012: balance and log of a blocked application."""
    deal = Deal(pay(FREE | {"9F79": amount(10000)}))
    deal.once(TC, CASH, cash=True)
    deal.once(ARQC)
    assert deal.bench.x(ordered(deal, "841E0000")) == "9000"
    assert deal.select() == "6283"
    assert deal.bench.x("80CA9F7909") == "9F79060000000090009000"
    assert deal.bench.x("00B2015C00")[-4:] == "9000"
    assert len(deal.log()) == 1


def test_wrong_mac_blocks_nothing() -> None:
    """PBOC-SCR-008."""
    deal = golden()
    assert deal.bench.x(spoiled(GOLDEN_BLOCK)) == "6988"
    assert deal.select() == "9000"


@pytest.mark.parametrize(
    ("command", "word"),
    [("841E010004 00000000", "6A86"), ("841E000104 00000000", "6A86"), ("8418000104 00000000", "6A86"),
     ("8416010004 00000000", "6A86"), ("8418000005 0000000000", "6700"), ("8416000003 000000", "6700")],
)  # fmt: skip
def test_form(command: str, word: str) -> None:
    """PBOC-BLK-005: P1 P2 6A86 and no mark, Lc 6700 and a mark."""
    deal = golden()
    assert deal.bench.x(command) == word
    assert deal.select() == "9000"
    assert deal.once(ARQC).has(SCRIPT_FAILED) is (word == "6700")


def test_other_side_goes_on() -> None:
    """PBOC-BLK-011, PBOC-SEP-008: the social-security environment, the directory, another application."""
    deal = Deal(card())
    deal.once(ARQC)
    assert deal.bench.x(GOLDEN_BLOCK) == "9000"
    deal.bench.power_on()
    assert deal.select() == "6283"
    assert deal.bench.ssse() == "9000"
    assert deal.bench.verify() == "9000"
    assert deal.bench.all("00A4000002DF03", "00B2013400", "00B2072C00")[0] == "9000"
    assert deal.bench.pse() == "9000"
    assert deal.bench.x("00B2010C00")[-4:] == "9000"


def test_second_application_goes_on() -> None:
    """PBOC-SEP-008: the block is that of one application."""
    deal = Deal(second_application())
    deal.once(ARQC)
    assert deal.bench.x(ordered(deal, "841E0000")) == "9000"
    assert deal.bench.select(SECOND_AID)[-4:] == "9000"
    assert deal.bench.select(AID)[-4:] == "6283"


# --- APPLICATION UNBLOCK ---------------------------------------------------------------------------------------------


def test_golden_unblock() -> None:
    """PBOC-BLK-003, PBOC-BLK-004, PBOC-GAC-008, PBOC-SCR-004: the AAC BB3504D77E1E0C2A at ATC 0001, and its script."""
    deal = Deal(blocked_before_use())
    answer = deal.once(AAC)
    assert (answer.ac.hex().upper(), answer.atc, answer.cvr) == ("BB3504D77E1E0C2A", 1, 0x803000)
    assert answer.has(NEW_CARD)
    assert deal.bench.x(GOLDEN_UNBLOCK) == "9000"
    assert deal.select() == "9000"
    assert deal.once(ARQC).kind == ARQC


def test_unblocked_application() -> None:
    """PBOC-BLK-003: TC and ARQC again, after a reset too."""
    deal = blocked()
    deal.bench.power_on()
    deal.once(TC)
    assert deal.bench.x(ordered(deal, "84180000")) == "9000"
    deal.bench.power_on()
    assert deal.select() == "9000"
    assert [deal.once(kind).kind for kind in (ARQC, AAC)] == [ARQC, AAC]
    deal.online()
    assert deal.once(TC).kind == TC


def test_other_scripts_of_a_blocked_application() -> None:
    """PBOC-GAC-008, PBOC-SCR-006: its AAC opens scripts of any kind, under their MAC."""
    deal = blocked()
    deal.once(TC)
    assert deal.bench.x(put(deal, "9F79", amount(10000))) == "9000"
    assert deal.bench.x(spoiled(ordered(deal, "84180000"))) == "6988"
    assert deal.bench.x(ordered(deal, "84180000")) == "6985"
    assert deal.select() == "6283"


def test_unblock_of_what_is_not_blocked() -> None:
    """PBOC-BLK-003: it changes nothing."""
    deal = golden()
    assert deal.bench.x(ordered(deal, "84180000")) == "9000"
    assert deal.select() == "9000"


@pytest.mark.parametrize(
    ("choices", "word"),
    [(ORDINARY, "9000"), (Choice.SCRIPTS_NEED_ISSUER, "9000"),
     (Choice.SCRIPTS_NEED_ISSUER | Choice.UNBLOCK_NEEDS_ISSUER, "6985")],
)  # fmt: skip
def test_unblock_after_a_failed_issuer_authentication(choices: Choice, word: str) -> None:
    """PBOC-BLK-004, PBOC-SCR-010: scripts_after_failure."""
    deal = golden(choices=choices)
    assert deal.bench.x(GOLDEN_BLOCK) == "9000"
    assert deal.external(spoil=1) == "6300"
    assert deal.bench.x(ordered(deal, "84180000")) == word
    assert deal.select() == ("9000" if word == "9000" else "6283")


# --- PSE itself ------------------------------------------------------------------------------------------------------


def test_blocked_directory() -> None:
    """PBOC-SEL-024: PSE alone is marked, which no command does: 6283, and the application is reached by its AID."""
    bench = blocked_directory()
    assert bench.select(PSE_NAME) == "6283"
    assert bench.select(AID)[-4:] == "9000"
    assert Deal(bench).once(ARQC).kind == ARQC


# --- CARD BLOCK ------------------------------------------------------------------------------------------------------

EVERYTHING = (
    SELECT, f"00A404000E{PSE_NAME}", "80A800000B8309000000000010000156", "80CA9F7900", "00B2010C00", GOLDEN_UNBLOCK,
    GOLDEN_CARD_BLOCK, "80500000080102030405060708", "00C0000000", "80E2800003010100", "FFFFFFFF00",
)  # fmt: skip


def scoped(*, whole_card: bool, choices: Choice = ORDINARY) -> Deal:
    """Vector G1 on the demo card, of either scope of CARD BLOCK."""
    bench = card(switches=Switch.BLOCK_SCOPE_CARD) if whole_card else card(DUAL)
    if choices:
        bench = of_cells(with_choices(bench.cells, choices), bench.keys)
    deal = Deal(bench)
    assert deal.once(ARQC).kind == ARQC
    return deal


@pytest.mark.parametrize("whole_card", [False, True])
def test_transaction_is_finished(whole_card: bool) -> None:
    """PBOC-BLK-006, PBOC-BLK-007, PBOC-SEL-025: the golden command, then ARPC and TC, and then 6A81."""
    deal = scoped(whole_card=whole_card)
    assert deal.bench.x(GOLDEN_CARD_BLOCK) == "9000"
    assert deal.get("9F36") == "0001"
    assert deal.external() == "9000"
    assert deal.bench.x(f"80AE400022{deal.data.cdol2(b'00')}", follow=False) == "6120"
    assert deal.bench.x("00C0000020")[-4:] == "9000", "the answer is fetched"
    assert deal.parsed(deal.data).kind == TC
    assert deal.bench.all(*EVERYTHING) == ["6A81"] * (len(EVERYTHING))


@pytest.mark.parametrize("whole_card", [False, True])
def test_what_stops(whole_card: bool) -> None:
    """PBOC-BLK-008, PBOC-BLK-009, PBOC-SEP-008, D10: one environment, or the whole card; for ever."""
    deal = scoped(whole_card=whole_card)
    bench = deal.bench
    assert bench.x(GOLDEN_CARD_BLOCK) == "9000"
    assert bench.x(SELECT) == "6A81", "SELECT ends the transaction"
    assert bench.x(f"80AE400022{deal.data.cdol2(b'00')}") == "6A81"
    for _ in range(2):
        assert bench.ssse() == ("6A81" if whole_card else "9000")
        assert bench.all(SELECT, f"00A404000E{PSE_NAME}") == ["6A81", "6A81"]
        if not whole_card:
            assert bench.ssse() == "9000"
            assert bench.verify() == "9000"
            assert bench.x(SELECT) == "6A81"
            assert bench.x("0020000000") == "63C6", "a SELECT that fails leaves the other side as it was"
        assert bench.x("00A40000023F00")[-4:] == ("6A81" if whole_card else "9000")
        assert bench.power_on() != ""


def test_left_by_the_mf_or_the_other_side() -> None:
    """PBOC-SEL-025, D10: until the MF or a DF of the other side is selected everything is 6A81."""
    for way, word in (("00A40000023F00", "9000"), ("00A4000000", "9000"), (f"00A404000F{SSSE_NAME}", "9000")):
        deal = scoped(whole_card=False)
        bench = deal.bench
        assert bench.x(GOLDEN_CARD_BLOCK) == "9000"
        deal.gac2(TC)
        assert bench.all(*EVERYTHING) == ["6A81"] * (len(EVERYTHING))
        assert bench.x("00A4000002DDF2") == "6A81"
        assert bench.x(way)[-4:] == word
        assert bench.x(SELECT) == "6A81"


def test_nothing_undoes_it() -> None:
    """PBOC-BLK-010: scripts, SELECT and the commands of personalisation, after a reset too."""
    for whole_card in (False, True):
        deal = scoped(whole_card=whole_card)
        bench = deal.bench
        unblock = ordered(deal, "84180000")
        assert bench.x(GOLDEN_CARD_BLOCK) == "9000"
        deal.gac2(TC)
        for command in (unblock, SELECT, *EVERYTHING[1:]):
            assert bench.x(command) == "6A81", command
        bench.power_on()
        assert bench.all(SELECT, f"00A404000E{PSE_NAME}") == ["6A81", "6A81"]
        before = bench.cells
        assert bench.x(unblock)[-4:] in ("6A81", "6D00", "6E00")
        assert bench.cells == before


def test_scripts_after_a_card_block() -> None:
    """PBOC-BLK-007: those of the running transaction, up to its second GENERATE AC."""
    deal = scoped(whole_card=False)
    assert deal.bench.x(GOLDEN_CARD_BLOCK) == "9000"
    assert deal.bench.x(put(deal, "9F58", "05")) == "9000"
    deal.gac2(TC)
    assert deal.bench.x(put(deal, "9F58", "06")) == "6A81"


def test_card_block_after_the_second_cryptogram() -> None:
    """PBOC-BLK-007: the transaction is over, so at once; and after an offline AAC of a blocked application too."""
    deal = Deal(pay(FREE))
    deal.online()
    assert deal.bench.x(ordered(deal, "84160000")) == "9000"
    assert deal.bench.x("80CA9F7900") == "6A81"
    assert deal.bench.x(SELECT) == "6A81"
    other = blocked()
    other.once(TC)
    assert other.bench.x(ordered(other, "84160000")) == "9000"
    assert other.bench.x("80CA9F7900") == "6A81"


@pytest.mark.parametrize("whole_card", [False, True])
def test_card_block_at_once(whole_card: bool) -> None:
    """PBOC-BLK-007, card_block = at once: the running transaction ends with it."""
    deal = scoped(whole_card=whole_card, choices=Choice.CARD_BLOCK_AT_ONCE)
    assert deal.bench.x(GOLDEN_CARD_BLOCK) == "9000"
    assert deal.bench.x(f"80AE400022{deal.data.cdol2(b'00')}") == "6A81"
    assert deal.bench.x(SELECT) == "6A81"


def test_reset_ends_the_running_transaction() -> None:
    """PBOC-BLK-007, PBOC-TEAR-014: what was to be finished is volatile, the block is not."""
    deal = scoped(whole_card=False)
    assert deal.bench.x(GOLDEN_CARD_BLOCK) == "9000"
    deal.bench.power_on()
    assert deal.bench.x(SELECT) == "6A81"
    assert deal.bench.ssse() == "9000"


def test_wrong_card_block() -> None:
    """PBOC-SCR-008: a wrong MAC blocks nothing."""
    deal = scoped(whole_card=True)
    assert deal.bench.x(spoiled(GOLDEN_CARD_BLOCK)) == "6988"
    assert deal.gac2(TC).kind == TC
    assert deal.select() == "9000"
    assert deal.bench.ssse() == "9000"
