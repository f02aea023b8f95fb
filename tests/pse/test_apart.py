"""PSE apart from SSSE: what its commands touch, what shows of the other side, and how far each block reaches."""

import random
from collections.abc import Callable, Iterable, Sequence

import pytest

from cardsim.chip.eeprom import PAGE_SIZE
from cardsim.chip.faults import BusMonitor
from cardsim.cos.record import Switch
from cardsim.shapes import Place
from tests.cards import AID, DUAL, PIN, PSE_NAME, SSSE_NAME, Bench, card, made, of_cells, unhex
from tests.cos.test_random import Grammar
from tests.pse.bank import change_pin, ordered, put, update
from tests.pse.deal import AAC, ARQC, TC, Deal
from tests.pse.perso import ADF, amount, create_adf, empty, fill, job
from tests.pse.scp import Host, card_keys, put_key_data
from tests.ssse.test_block import block as block_ssse

DF01 = "D15600000500"
MF = "00A40000023F00"
WITH_PIN = "dual-3.0-sm4-offline-pin"
BLOCK, UNBLOCK, CARD_BLOCK, NEW_TRIES = "841E0000", "84180000", "84160000", "84240000"


def pages(bench: Bench, *names: str) -> set[int]:
    """The pages of some parts of the memory."""
    parts = bench.model.ranges()
    return {page for name in names for page in range(parts[name].start // PAGE_SIZE, parts[name].stop // PAGE_SIZE)}


def watched(bench: Bench, steps: Sequence[Callable[[], object]], *names: str) -> set[int]:
    """Run steps under the bus monitor, each inside some parts of the memory; the pages that were programmed."""
    allowed, programmed = pages(bench, *names), set[int]()
    with bench.on_bus(BusMonitor()) as monitor:
        for number, step in enumerate(steps):
            monitor.clear()
            step()
            assert monitor.read | monitor.programmed <= allowed, number
            programmed |= monitor.programmed
    return programmed


# --- what a command touches ----------------------------------------------------------------------------------------


def test_scripts_stay_inside() -> None:
    """SCHEME-009, SCHEME-010, PBOC-SEP-006, D9: every command of a script touches PSE and the journal alone."""
    bench = card(WITH_PIN)
    deal = Deal(bench)
    deal.once(ARQC)
    orders = [
        put(deal, "9F58", "05"), put(deal, "9F79", amount(500)), change_pin(deal, "654321"),
        ordered(deal, NEW_TRIES), update(deal, 2, 1, "70049F620101"), ordered(deal, BLOCK), ordered(deal, UNBLOCK),
    ]  # fmt: skip

    def carried_out(order: str) -> Callable[[], object]:
        def step() -> None:
            assert bench.x(order) == "9000", order

        return step

    programmed = watched(bench, [carried_out(order) for order in orders], "DDF2", "journal")
    assert programmed & pages(bench, "DDF2")
    # CARD BLOCK asks the COS how far it reaches, and programs nothing there.
    programmed = watched(bench, [carried_out(ordered(deal, CARD_BLOCK))], "DDF2", "journal", "cos")
    assert not programmed & pages(bench, "cos")
    deal.gac2(TC)
    bench.x(MF)
    assert "8A0183" in bench.status()


def test_personalisation_stays_inside() -> None:
    """SCHEME-017, PBOC-PER-030, D9: PUT KEY touches PSE alone, CREATE of an application the registry too."""
    fresh = empty()
    host = Host(fresh, name=unhex(PSE_NAME)).open(1)

    def renewed() -> None:
        assert host.command(0xD8, 0, 0x81, put_key_data(host, card_keys(), 2)) == "9000"

    watched(fresh, [renewed], "DDF2", "journal")
    second = empty()
    create = [lambda: create_adf(second, unhex("A000000333010199"), 0xADF2, 2048)]
    assert watched(second, create, "DDF2", "journal", "cos") & pages(second, "cos"), "its name stands in the registry"
    assert not pages(second, "DDF1") & watched(second, [lambda: second.select("A000000333010199")], "DDF2", "cos")


def test_store_data_names_no_other_side() -> None:
    """SCHEME-010: each single command of a whole personalisation job, SELECT aside, stays in PSE."""
    bench, allowed = empty(), pages(empty(), "DDF2", "journal")
    with bench.on_bus(BusMonitor()) as monitor:
        plain = bench.model.transmit

        def checked(command: bytes) -> bytes:
            monitor.clear()
            answer = plain(command)
            if command[:2] != b"\x00\xa4":
                assert monitor.read | monitor.programmed <= allowed, command[:4].hex()
            return answer

        bench.model.transmit = checked
        fill(bench, job())
    assert Deal(bench).once(ARQC).kind == ARQC


# --- what shows of the other side ----------------------------------------------------------------------------------


def grafted(part: str) -> Bench:
    """The demo card with one environment of quite another holder's card: other keys, PINs, numbers and data."""
    cells, keys = made(WITH_PIN)
    other, _ = made(WITH_PIN, seed=5)
    place = of_cells(cells, keys, on=False).model.ranges()[part]
    assert place == of_cells(other, keys, on=False).model.ranges()[part]
    mixed = cells[: place.start] + other[place.start : place.stop] + cells[place.stop :]
    assert mixed != cells
    return of_cells(mixed, keys)


def spent(bench: Bench) -> Bench:
    """SSSE used up: PIN and keys locked, a record written, then blocked for ever."""
    bench.ssse()
    assert [bench.verify("000000") for _ in range(7)][-1] == "6983"
    assert bench.authenticate(bench.key("UKSSSE"), 4) == "9000"
    assert bench.x("00DC032C060304322E3939") == "9000"
    assert [bench.authenticate(bytes(16), 0x0A) for _ in range(4)][-1] == "6983"
    assert bench.authenticate(bench.key("BK"), 5) == "9000"
    assert block_ssse(bench) == "9000"
    bench.power_on()
    return bench


def paid(bench: Bench) -> Bench:
    """PSE used up: money, transactions, a marked failure, no PIN try, its application and then PSE itself blocked."""
    deal = Deal(bench)
    deal.once(ARQC)
    assert bench.x(put(deal, "9F79", amount(500))) == "9000"
    assert deal.external() == "9000"
    deal.gac2(TC)
    deal.gpo()
    assert bench.all(*["0020008008 26000000FFFFFFFF"] * 3)[-1] == "63C0"
    Host(bench, name=unhex(PSE_NAME)).open(3)
    deal.once(ARQC)
    assert bench.all(ordered(deal, BLOCK), ordered(deal, CARD_BLOCK)) == ["9000", "9000"]
    bench.power_on()
    return bench


def answers(bench: Bench, commands: Iterable[bytes]) -> list[bytes]:
    """All answers, the random numbers in them included."""
    return [bench.model.transmit(command) for command in commands]


def pse_script(plain: Bench) -> list[bytes]:
    """A life in PSE as APDUs that do not depend on the card that they are sent to: channel, transactions, scripts."""
    deal = Deal(plain)
    deal.once(ARQC)
    plain.x("80CA9F3600")
    plain.all(put(deal, "9F79", amount(900)), change_pin(deal, "654321"))
    deal.external()
    deal.gac2(TC)
    for number in range(1, 12):
        plain.x(f"00B2{number:02X}5C00")
    Host(plain, name=unhex(PSE_NAME)).open(3)
    deal.gpo(cash=True, amount=100)
    plain.all("0088000004 12345678", "0020008008 26654321FFFFFFFF", "0084000008", "80CA9F7900", "80CA9F1700")
    deal.once(ARQC)
    plain.all(ordered(deal, BLOCK), "841E00000400000000", ordered(deal, UNBLOCK))
    return [command for command, _ in plain.log]


def ssse_script(plain: Bench) -> list[bytes]:
    """A life in SSSE as APDUs: random numbers, rights, PIN, reading, writing, a session key."""
    plain.ssse()
    plain.challenge(16)
    plain.authenticate(plain.key("RKSSSE"), 0x0A)
    plain.authenticate(plain.key("UKSSSE"), 4)
    plain.all("00B2013400", "00DC032C060304322E3939", "00B2032C00", "0088000010" + "11" * 16)
    plain.all("0020000003000000", "0020000003" + PIN, "0020000000")
    plain.select(DF01)
    plain.all("00B2012C00", "0084000008", "00B2010C00", "B026000104")
    return [command for command, _ in plain.log]


def storm(places: Sequence[Place], start: str, seed: int) -> list[bytes]:
    """Commands made at random of the tables of an environment, with its SELECT before the first."""
    source = random.Random(seed)
    grammars = [Grammar(source, place) for place in places]
    made_up = [source.choice(grammars).next() for _ in range(4000)]
    select = bytes((0, 0xA4, 4, 0, len(start) // 2)) + unhex(start)
    return [select, *(each for each in made_up if each[:2] != b"\x00\xa4")]


@pytest.mark.parametrize("other", ["spent", "another holder's"])
def test_nothing_of_ssse_shows_in_pse(other: str) -> None:
    """PBOC-SEP-005, SCHEME-009, SCHEME-012, D12: cards that differ in SSSE alone answer alike in PSE, byte for byte."""
    script = pse_script(card(WITH_PIN)) + storm((Place.PSE, Place.APPLICATION), AID, 3)
    changed = spent(card(WITH_PIN)) if other == "spent" else grafted("DDF1")
    want, found = answers(card(WITH_PIN), script), answers(changed, script)
    assert want == found
    assert len(set(want)) > 30, "much was told"


@pytest.mark.parametrize("other", ["used up", "another holder's"])
def test_nothing_of_pse_shows_in_ssse(other: str) -> None:
    """PBOC-SEP-005, SCHEME-009, SCHEME-012, D12: cards that differ in PSE alone answer alike in SSSE, byte for byte."""
    script = ssse_script(card(WITH_PIN)) + storm((Place.SSSE,), SSSE_NAME, 4)
    changed = paid(card(WITH_PIN)) if other == "used up" else grafted("DDF2")
    want, found = answers(card(WITH_PIN), script), answers(changed, script)
    assert want == found
    assert len(set(want)) > 30, "much was told"


def test_the_comparison_sees_a_difference() -> None:
    """The two scripts do tell cards apart that differ on their own side."""
    for script, part in ((pse_script(card(WITH_PIN)), "DDF2"), (ssse_script(card(WITH_PIN)), "DDF1")):
        assert answers(card(WITH_PIN), script) != answers(grafted(part), script)


# --- how far a block reaches ---------------------------------------------------------------------------------------

SCOPES = {"environment": Switch(0), "card": Switch.BLOCK_SCOPE_CARD}


def in_transaction(scope: str = "environment") -> Deal:
    """A demo card of a scope, after the first GENERATE AC."""
    deal = Deal(card(DUAL, switches=SCOPES[scope]))
    assert deal.once(ARQC).kind == ARQC
    return deal


def block_pse(deal: Deal) -> str:
    """CARD BLOCK as an issuer script; the status word."""
    return deal.bench.x(ordered(deal, CARD_BLOCK))


def seen(bench: Bench) -> list[str]:
    """Status words of: PSE, its application by full and partial name, SSSE, DF01, the MF."""
    names = (PSE_NAME, AID, AID[:10], SSSE_NAME, DF01)
    return [*(bench.x(f"00A40400{len(name) // 2:02X}{name}")[-4:] for name in names), bench.x(MF)[-4:]]


PSE_ALONE = ["6A81", "6A81", "6A81", "9000", "9000", "9000"]
SSSE_ALONE = ["9000", "9000", "9000", "6A81", "6A81", "9000"]
ALL = ["6A81"] * 6


@pytest.mark.parametrize(("scope", "words"), [("environment", PSE_ALONE), ("card", ALL)])
def test_card_block(scope: str, words: list[str]) -> None:
    """PBOC-BLK-008, PBOC-BLK-009, PBOC-SEP-008, SCHEME-012, SCHEME-013, D10: now, after a reset, and for ever."""
    deal = in_transaction(scope)
    assert block_pse(deal) == "9000"
    assert seen(deal.bench) == words
    for _ in range(2):
        assert deal.bench.power_on().startswith("3B6D")
        assert seen(deal.bench) == words
    if scope == "card":
        assert deal.bench.x("80F2000000") == "6A81"
    else:
        before, _, behind = deal.bench.status().partition(PSE_NAME)
        assert ("8A0103" in before, "8A0183" in before, behind) == (True, False, "8A0183")


@pytest.mark.parametrize("scope", SCOPES)
def test_card_block_lets_the_transaction_end(scope: str) -> None:
    """PBOC-BLK-007, D10: EXTERNAL AUTHENTICATE and the second GENERATE AC are answered, what follows is not."""
    deal = in_transaction(scope)
    assert block_pse(deal) == "9000"
    assert deal.external() == "9000"
    assert deal.gac2(TC).kind == TC
    assert deal.bench.all("80CA9F3600", "00B2010C00", put(deal, "9F58", "01")) == ["6A81"] * 3
    assert seen(deal.bench) == (PSE_ALONE if scope == "environment" else ALL)


@pytest.mark.parametrize("way_out", ["00A404000F" + SSSE_NAME, MF, "00A4040008" + AID, "reset"])
@pytest.mark.parametrize("scope", SCOPES)
def test_leaving_a_blocked_transaction(scope: str, way_out: str) -> None:
    """PBOC-BLK-007, PBOC-SEP-003: the way out ends the transaction, and nobody comes back to it."""
    deal = in_transaction(scope)
    assert block_pse(deal) == "9000"
    if way_out == "reset":
        deal.bench.power_on()
    else:
        other_side = way_out[-len(AID) :] != AID
        assert deal.bench.x(way_out)[-4:] == ("9000" if scope == "environment" and other_side else "6A81")
    assert deal.select() == "6A81"
    assert deal.sw(TC, deal.data.cdol2(b"00")) in ("6A81", "6E00", "6D00")


def test_blocked_pse_and_the_social_side() -> None:
    """PBOC-SEP-008, SCHEME-012: PIN, rights, records and medical commands of SSSE work as on a fresh card."""
    deal, fresh = in_transaction(), card()
    assert block_pse(deal) == "9000"
    script = ssse_script(card())
    assert answers(deal.bench, script) == answers(fresh, script)
    assert block_ssse_of(deal.bench) == "9000"
    deal.bench.power_on()
    assert seen(deal.bench) == ["6A81"] * 5 + ["9000"], "both are blocked, and the MF still says so"
    assert deal.bench.status().count("8A0183") == 2


def block_ssse_of(bench: Bench) -> str:
    """CARD BLOCK of SSSE with the right of BK; the status word."""
    assert bench.ssse() == "9000"
    assert bench.authenticate(bench.key("BK"), 5) == "9000"
    return block_ssse(bench)


def test_social_block_during_a_transaction() -> None:
    """PBOC-SEP-003, PBOC-SEP-008: SSSE is blocked in the middle; PSE begins anew and pays as a fresh card does."""
    deal = in_transaction()
    assert block_ssse_of(deal.bench) == "9000"
    assert seen(deal.bench) == SSSE_ALONE
    assert deal.online().kind == TC
    deal.bench.power_on()
    assert seen(deal.bench) == SSSE_ALONE
    assert "8A0183" in deal.bench.status()
    assert "8A0103" in deal.bench.data


def test_social_block_of_the_whole_card() -> None:
    """PBOC-SEP-008: with block_scope = card the social CARD BLOCK ends PSE too, a transaction that ran included."""
    deal = in_transaction("card")
    assert block_ssse_of(deal.bench) == "9000"
    assert seen(deal.bench) == ALL
    deal.bench.power_on()
    assert seen(deal.bench) == ALL


@pytest.mark.parametrize("scope", SCOPES)
def test_application_block(scope: str) -> None:
    """PBOC-BLK-011, PBOC-SEP-008, SCHEME-012: in either scope it stops the application and nothing else."""
    deal, script = in_transaction(scope), ssse_script(card())
    assert deal.bench.x(ordered(deal, BLOCK)) == "9000"
    assert deal.gac2(TC).kind == AAC
    for _ in range(2):
        assert deal.bench.pse() == "9000"
        assert deal.bench.x(f"00A4040008{AID}", follow=False) == "6283"
        assert "8A0103" in deal.bench.status()
        assert "8A0183" not in deal.bench.data
        deal.bench.power_on()
    assert answers(deal.bench, script) == answers(card(DUAL, switches=SCOPES[scope]), script)


@pytest.mark.parametrize("scope", SCOPES)
def test_wrong_mac_blocks_nothing(scope: str) -> None:
    """PBOC-SCR-008, PBOC-SEP-008: CARD BLOCK with a wrong MAC is 6988, and all stays open."""
    deal = in_transaction(scope)
    assert deal.bench.x(CARD_BLOCK + "0400000000") == "6988"
    deal.bench.power_on()
    assert seen(deal.bench) == ["9000"] * 6
    assert unhex(AID) == ADF
