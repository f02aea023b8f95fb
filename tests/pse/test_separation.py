"""The payment environment and the social-security environment leave each other alone."""

import random
from collections.abc import Callable

import pytest

from cardsim.chip.faults import BusMonitor
from cardsim.crypto import scp02
from tests.cards import AID, PIN, PSE_NAME, SSSE_NAME, Bench, card, of_cells, secrets, unhex
from tests.pse.deal import ARQC, CASH, TC, Deal
from tests.pse.perso import ADF, pay
from tests.pse.scp import Host, put_key_data

FINANCE = (
    "80A800000B8309000000000010000156", "80AE800034" + "00" * 52, "80CA9F7900", "80CA9F3600", "04DA9F790A" + "00" * 10,
    "0088010004 12345678", "80E2000004 01010170", "8050000008" + "00" * 8,
)  # fmt: skip
SOCIAL = (
    "B0A4000000", "B0B2010400", "00B0850000", "00D6000001 00", "84D4000008 0000000000000000", "800A000000",
    "0020000003 123456", "0084000008", "80FA000008 0000000000000000", "B02C000008 0000000000000000",
)  # fmt: skip


def section(bench: Bench, name: str) -> bytes:
    part = bench.model.ranges()[name]
    return bench.cells[part.start : part.stop]


def test_finance_commands_in_ssse(bench: Bench) -> None:
    """PBOC-SEP-001."""
    before = section(bench, "DDF2")
    bench.ssse()
    for apdu in FINANCE:
        assert bench.x(apdu) in ("6D00", "6E00", "6A86"), apdu
    assert {bench.x(apdu) for apdu in FINANCE[:5]} <= {"6D00", "6E00"}
    assert section(bench, "DDF2") == before


@pytest.mark.parametrize("name", [AID, PSE_NAME])
def test_social_commands_in_pse(bench: Bench, name: str) -> None:
    """PBOC-SEP-002."""
    before = section(bench, "DDF1")
    bench.select(name)
    for apdu in SOCIAL:
        assert bench.x(apdu) in ("6D00", "6E00", "6A86", "6700"), apdu
    assert {bench.x(apdu) for apdu in SOCIAL[:6]} <= {"6D00", "6E00"}
    assert section(bench, "DDF1") == before


def test_transaction_ends_in_ssse(bench: Bench) -> None:
    """PBOC-SEP-003."""
    deal = Deal(bench)
    deal.once(ARQC)
    proof = deal.arpc().hex()
    bench.ssse()
    deal.select()
    assert bench.x(f"008200000A{proof}3030") == "6985"
    assert deal.sw(TC, deal.data.cdol2(b"00")) == "6985"
    deal.once(ARQC)
    bench.ssse()
    assert bench.x(f"008200000A{deal.arpc().hex()}3030")[-4:] in ("6700", "6A88", "6A86", "6984")


def test_equal_keys_do_not_cross() -> None:
    """PBOC-SEP-004: the social master key is put into PSE as well; each side still asks for its own proof."""
    bench = card("dual-3.0-des")
    key = bench.ssse_master
    old = Host(bench, name=unhex(PSE_NAME)).open(1)
    same = scp02.CardKeys(key, key, key)
    assert old.command(0xD8, 0, 0x81, put_key_data(old, same, 2)) == "9000"
    bench.ssse()
    challenge = bench.challenge()
    bench.pse()
    assert bench.prove(key, 0, challenge) in ("6D00", "6E00"), "the social command does not exist here"
    host = Host(bench, same, name=unhex(PSE_NAME)).open(1)
    bench.ssse()
    assert host.command(0xE2, 0, 0, unhex("01010470025700")) in ("6D00", "6E00")
    assert bench.x("00B2013400") in ("6982", "6A82"), "an open channel gives no right on the social side"
    bench.pse()
    assert host.command(0xE2, 0, 0, unhex("01010470025700")) == "6985", "and it has not survived"


def test_counters_are_separate() -> None:
    """PBOC-SEP-005: exhaust one side, then the other."""
    bench = card("dual-3.0-sm4-offline-pin")
    deal = Deal(bench)
    deal.gpo()
    assert bench.all(*["0020008008 26000000FFFFFFFF"] * 4) == ["63C2", "63C1", "63C0", "6983"]
    assert bench.ssse() == "9000"
    assert bench.verify() == "9000"
    assert bench.x("0020000000") == "63C6"
    other = card("dual-3.0-sm4-offline-pin")
    other.ssse()
    for _ in range(7):
        other.verify("000000")
    assert other.verify(PIN) == "6983"
    deal = Deal(other)
    deal.gpo()
    assert deal.get("9F17") == "03"
    assert other.x("0020008008 26123456FFFFFFFF") == "9000"
    assert deal.once(ARQC).kind == ARQC


def test_pin_right_ends_in_pse(bench: Bench) -> None:
    """PBOC-SEP-005, D11."""
    bench.ssse()
    assert bench.verify() == "9000"
    assert bench.pse() == "9000"
    assert bench.ssse() == "9000"
    assert bench.x("00B2013400") == "6982"


@pytest.mark.parametrize("name", [AID, PSE_NAME])
def test_files_are_out_of_reach(bench: Bench, name: str) -> None:
    """PBOC-SEP-006: every SFI and every identifier, and the bus shows that the other side was not even read."""
    social = bench.model.ranges()["DDF1"]
    pages = set(range(social.start // 64, social.stop // 64))
    bench.select(name)
    with bench.on_bus(BusMonitor()) as monitor:
        for sfi in range(32):
            for number in (1, 2, 7):
                assert bench.x(f"00B2{number:02X}{(sfi << 3 | 4) & 0xFF:02X}00")[-4:-2] in ("90", "6A")
        for fid in ("DDF1", "DF01", "DF02", "DF03", "EF05", "EF06", "EF15", "ADF1", "DDF2"):
            for p1 in ("00", "02"):
                assert bench.select_fid(fid, p1) == "6A86"
        assert not monitor.read & pages
        assert not monitor.programmed & pages
    found = "".join(bench.x(f"00B2{number:02X}{sfi << 3 | 4:02X}00") for sfi in range(1, 31) for number in range(1, 8))
    assert bench.ssse() == "9000"
    assert bench.x("00B2072C00")[-4:] == "9000"
    assert bench.data not in found


def test_form_of_fci(bench: Bench) -> None:
    """PBOC-SEP-007."""
    assert "BF0C05" in bench.select(AID)
    assert "9F0C" not in bench.data
    assert "9F0C" in bench.select(SSSE_NAME)
    assert "BF0C" not in bench.data


def _commands(rng: random.Random) -> bytes:
    """One command of the social side: a real header more often than not, and data of any length."""
    head = rng.choice(
        [
            "00B0", "00B2", "00D6", "00DC", "0020", "0082", "0084", "0088", "00A4", "80CA", "84D4", "841E", "8424",
            "800A", "80E0", "80F2", "00C0", "04DA", "84E2", "80A8", "80AE", "8050", "8482", "80E2",
        ]
    )  # fmt: skip
    p1p2 = bytes((rng.randrange(256), rng.randrange(256))) if rng.random() < 0.5 else bytes(2)
    data = rng.randbytes(rng.choice((0, 2, 4, 8, 10, 16, 20, 52, 200)))
    return unhex(head) + p1p2 + bytes((len(data),)) + data


def fuzz(bench: Bench, name: str, count: int, seed: int, check: Callable[[bytes], None]) -> None:
    """Random commands while one environment is selected."""
    rng, home = random.Random(seed), bench.model.ranges()
    bench.select(name)
    for _ in range(count):
        answer = bench.model.transmit(_commands(rng))
        check(answer)
        if bench.model.selected() is None:
            bench.select(name)
    assert home == bench.model.ranges()


def well_formed(answer: bytes) -> None:
    assert len(answer) >= 2
    assert answer[-2] >> 4 in (6, 9)


def test_social_fuzz_leaves_cash_alone() -> None:
    """PBOC-SEP-009."""
    bench = pay({"9F79": "000000010000"})
    deal = Deal(bench, CASH)
    deal.once(TC, cash=True)
    deal.once(TC, cash=True)
    before = section(bench, "DDF2")
    fuzz(bench, SSSE_NAME, 6000, 1, well_formed)
    assert section(bench, "DDF2") == before
    bench.power_on()
    deal.select()
    assert (deal.get("9F79"), deal.get("9F36")) == ("000000008000", "0002")


@pytest.mark.parametrize("name", [AID, PSE_NAME])
def test_finance_fuzz_leaves_social_data_alone(bench: Bench, name: str) -> None:
    """PBOC-SEP-006, PBOC-TEAR-013: and every command is answered."""
    before = section(bench, "DDF1")
    fuzz(bench, name, 6000, 2, well_formed)
    assert section(bench, "DDF1") == before
    bench.power_on()
    assert bench.ssse() == "9000"
    assert bench.verify() == "9000"


def test_keys_never_leave(bench: Bench) -> None:
    """PBOC-SEP-004, PBOC-GDT-010: no answer of a whole life holds a key."""
    deal = Deal(bench)
    deal.online()
    bench.x("0088000004 12345678")
    Host(bench, name=unhex(PSE_NAME)).open(3)
    said = b"".join(answer for _, answer in bench.log)
    mine = secrets()
    three = scp02.diversify_kmc(mine.kmc, mine.keydata)
    for key in (mine.master, mine.ssse_final, mine.kmc, three.enc, three.mac, three.dek, unhex("78F108EA51DA9E1D")):
        assert key[:8] not in said
    assert of_cells(bench.cells, bench.keys).select(AID)[-4:] == "9000"
    assert ADF in said
