"""APPLICATION BLOCK, and what is left of a blocked application (SSC part 5 §6.1, part 7 §13.2)."""

import pytest

from cardsim.chip.faults import PageFailurePlan, PowerCutPlan
from cardsim.cos.access import FREE
from cardsim.cos.files import FileFlag
from cardsim.crypto.social import Suite
from tests.cards import PSE_NAME, SSSE_NAME, Bench, seal
from tests.ssse.shop import NO_LIMIT, Shop, key, maced, shop, value

CHALLENGE = bytes.fromhex("2AFD6A015D2D9BAC")
STK_OF = {
    Suite.DES: bytes.fromhex("5C0B4F7E2B7EFC2E"),
    Suite.SM4: bytes.fromhex("65FFD351EA9D9B7E2A81750D1610BF91"),
}
"""Maintenance keys of the vectors, here those of DF04."""
LK, RK = 0x83, 0x84
NAMES = {"DF01": "D15600000500", "DF03": "D15600000502", "DF04": "D15600000503"}
SELECT_DF04 = "00A4040006" + NAMES["DF04"]


def made(suite: Suite, *, end: bool = True) -> Shop:
    """DF01 without a lock key, DF03 with a lock key and no STK, DF04 with both; a record file in each."""
    at = shop(suite)
    assert at.key_file() == "9000"
    at.maintenance(value(9, 8 if suite is Suite.DES else 16))
    assert at.pin("123456") == "9000"
    assert at.ef("EF05") == at.append(5, 1, "010131") == "9000"
    for fid, name in NAMES.items():
        at.root()
        assert at.df(fid, name) == "9000"
        at.bench.select_fid(fid)
        assert at.key_file() == "9000"
        at.external(RK)
        if fid != "DF01":
            at.external(LK, limit=NO_LIMIT)
        if fid != "DF03":
            at.maintenance(STK_OF[suite])
        assert at.ef("EF05", read=key(RK)) == at.append(5, 1, "200131") == "9000"
        assert at.ef("EF06", read=FREE) == at.append(6, 1, "200132") == "9000"
    if end:
        at.root()
        assert at.end() == "9000"
    at.bench.power_on()
    at.root()
    return at


@pytest.fixture(params=list(Suite))
def at(request: pytest.FixtureRequest) -> Shop:
    """DF04 current, its lock key authenticated."""
    at = made(request.param)
    at.bench.select_fid("DF04")
    assert at.auth(LK) == "9000"
    return at


def block(at: Shop, stk: bytes | None = None) -> str:
    """APPLICATION BLOCK with a fresh challenge and the right MAC; the status word."""
    return at.bench.x(at.maced("841E0001", "", stk or STK_OF[at.suite]))


@pytest.fixture
def blocked(at: Shop) -> Bench:
    """DF04 blocked just now, and still current."""
    assert block(at) == "9000"
    return at.bench


@pytest.mark.parametrize(("suite", "command"), [(Suite.DES, "841E000104955D8F3D"), (Suite.SM4, "841E00010496E69B2A")])
def test_vectors(suite: Suite, command: str) -> None:
    """SSC4-8.2.4.1-02, SSC4-8.2.4.2-02, SSC5-6.1-01: the command byte for byte."""
    at = made(suite)
    at.bench.select_fid("DF04")
    assert at.auth(LK) == "9000"
    at.give(CHALLENGE)
    assert at.bench.x(command) == "9000"
    at.bench.power_on()
    at.root()
    assert at.bench.x(SELECT_DF04) == "9303"


class TestWhileCurrent:
    """After the block, before another application is selected."""

    def test_everything_else(self, blocked: Bench) -> None:
        """SSC7-13.2-03, SSC5-6.1-13, SSC5-6.1-04, SSC5-5.4-10, SSC4-7.5-01, C-01: 9303 to every command, and nothing
        happens."""
        before = blocked.cells
        commands = (
            "0084000008", "00B2013400", "00B2012C00", "00A4020002EF05", "00A4000002EF05", "841E00010400000000",
            "841E000004", "8418000004" + "00" * 4, "00C0000008", "0020000000", "0020000003999999", "00DC013403200133",
            "0082008410" + "11" * 16, "0088000010" + "11" * 16, "805E010007123456FF654321", "842400000400000000",
            "841600000400000000", "00B0850000", "00D6850001AA", "B026000104", "80E0000000", "FF000000", "00FE000000",
            "00A4", "00", "", "00A4020000",
        )  # fmt: skip
        assert {command: blocked.x(command) for command in commands} == dict.fromkeys(commands, "9303")
        assert blocked.cells == before

    @pytest.mark.parametrize(
        "select",
        [
            "00A4040006D15600000502", "00A4000002DF03", "00A404000F" + SSSE_NAME, "00A4000002DDF1", "00A4000000",
            "00A40000023F00", "00A404000E" + PSE_NAME,
        ],
    )  # fmt: skip
    def test_leaving(self, blocked: Bench, select: str) -> None:
        """SSC7-13.2-03: SELECT of anything else works, and so does what comes after it."""
        assert blocked.x("0084000008") == "9303"
        assert blocked.x(select)[-4:] == "9000"
        assert blocked.x("0084000008")[-4:] in ("9000", "6D00")  # PSE has no GET CHALLENGE

    def test_what_cannot_be_selected(self, blocked: Bench) -> None:
        """C-29: a SELECT that fails leaves the blocked application current."""
        assert blocked.all(SELECT_DF04, "00A4000002DF04", "00A4000002DF77", "00A4040005A0A0A0A0A0") == [
            "9303", "9303", "6A82", "6A82",
        ]  # fmt: skip
        assert blocked.x("0084000008") == "9303"


class TestLater:
    """What a block leaves behind."""

    def test_select(self, blocked: Bench) -> None:
        """SSC5-6.1-02, SSC5-6.11-24, SSC7-13.2-04, C-29: 9303 by name and by identifier, for ever; the old DF stays."""
        for _ in range(2):
            suite = suite_of(blocked)
            blocked.select_fid("DF03")
            assert blocked.authenticate(value(RK + 1), RK, suite) == "9000"
            assert blocked.all(SELECT_DF04, "00A4000002DF04") == ["9303", "9303"]
            assert blocked.x("00B2012C00") == "2001319000"
            assert blocked.pse() == "9000"
            assert blocked.x(SELECT_DF04) == "9303"
            assert blocked.pse() == "9000"
            blocked.power_on()
            assert blocked.x(SELECT_DF04) == "9303"
            assert blocked.x("80F2000000")[-4:] == "9000"

    def test_others(self, blocked: Bench) -> None:
        """SSC5-6.1-05, SSC4-5.5-02: SSSE, the other applications, the PIN and PSE go on."""
        blocked.ssse()
        assert blocked.x("00B2012C00") == "0101319000"
        assert blocked.verify() == "9000"
        blocked.select_fid("DF03")
        assert blocked.x("00B2013400") == "2001329000"
        assert blocked.pse() == "9000"


class TestRefusals:
    """What blocks nothing."""

    def test_words(self, at: Shop) -> None:
        """SSC5-6.1-06, -08, -10, -11, SSC4-8.2.2-01, SSC4-8.2.3-02, SSC4-8.2.4.1-02, SSC4-8.5-01, SSC7-13-01."""
        bench, stk = at.bench, STK_OF[at.suite]
        before = bench.cells
        assert bench.x("841E00010400000000") == "6984"
        challenge = bench.challenge()
        right = maced(at.suite, "841E0001", "", stk, challenge)
        assert bench.all(right[:8], "841E000103" + "00" * 3, "841E000108" + "00" * 8) == ["6700"] * 3
        assert bench.all("841E0000" + right[8:], "841E0101" + right[8:], "801E0001" + right[8:]) == [
            "6A86", "6A86", "6E00",
        ]  # fmt: skip
        assert bench.x("841E00010400000000") == "6988"
        assert bench.x(right) == "6984"
        for wrong in ("841E00", "801E0001"):
            challenge = bench.challenge()
            mac = maced(at.suite, wrong.ljust(8, "0"), "", stk, challenge)[-8:]
            assert bench.x("841E000104" + mac) == "6988"
        assert block(at, value(9, len(stk))) == "6988"
        assert bench.cells == before
        assert bench.x("00B2013400") == "2001329000"

    def test_without_lock_key(self, at: Shop) -> None:
        """SSC5-6.1-07, C-44: 6982 without the right of the lock key, for which no other key stands."""
        at.bench.select_fid("DF03")
        at.bench.select_fid("DF04")
        assert block(at) == "6982"
        assert at.auth(RK) == "9000"
        assert block(at) == "6982"
        at.bench.select_fid("DF01")
        assert at.auth(RK) == "9000"
        assert block(at) == "6982"
        at.root()
        assert block(at) == "6985"

    def test_without_maintenance_key(self, at: Shop) -> None:
        """SSC5-6.1-12: 6A88 where the lock right is there and the STK is not."""
        at.bench.select_fid("DF03")
        assert at.auth(LK) == "9000"
        assert block(at) == "6A88"

    def test_nothing_locks(self, at: Shop) -> None:
        """SSC7-13.2-01, SSC7-13.2-02, C-28: neither wrong MACs nor wrong authentications are counted."""
        for _ in range(20):
            at.bench.challenge()
            assert at.bench.x("841E00010400000000") == "6988"
        wrong = bytes(byte ^ 0x10 for byte in at.keys[LK])
        assert [at.bench.authenticate(wrong, LK, at.suite) for _ in range(20)] == ["63CF"] * 20
        assert block(at) == "9000"

    def test_power_cut(self, at: Shop) -> None:
        """D13: the application is blocked or it is not, and what was answered is true."""
        at.give(CHALLENGE)
        start = at.bench.model.snapshot()
        command = maced(at.suite, "841E0001", "", STK_OF[at.suite], CHALLENGE)
        seen = set()
        for after in range(8):
            at.bench.model.restore(start)
            with at.bench.on_bus(PowerCutPlan(after, None)):
                answer = at.bench.x(command)
            at.bench.power_on()
            seen.add((answer, at.bench.x(SELECT_DF04)[-4:]))
        assert seen == {("", "9000"), ("", "9303"), ("9000", "9303")}

    def test_failing_page(self, at: Shop) -> None:
        """D14: 6581, and the application goes on."""
        with at.bench.on_bus(PageFailurePlan(lambda _page: True)):
            assert block(at) == "6581"
        assert at.bench.x("00B2013400") == "2001329000"


def test_snapshot_of_a_blocked_application() -> None:
    """A saved state in which the current application is blocked goes on where it was."""
    at = made(Suite.SM4)
    at.bench.select_fid("DF04")
    assert at.auth(LK) == "9000"
    before = at.bench.model.snapshot()
    assert block(at) == "9000"
    after = at.bench.model.snapshot()
    at.bench.model.restore(before)
    assert at.bench.x("00B2013400") == "2001329000"
    at.bench.model.restore(after)
    assert at.bench.x("00B2013400") == "9303"


def test_master_key_cannot_reach_it() -> None:
    """SSC5-6.1-03: there is no way back: the master key's commands are refused in a blocked application too."""
    at = made(Suite.DES)
    at.bench.select_fid("DF04")
    assert at.auth(LK) == "9000"
    assert block(at) == "9000"
    sealed = seal(at.suite, "84E0EF07", at.master, bytes.fromhex("2C0010" + "00" * 8 + "07"), CHALLENGE)
    assert at.bench.send(sealed).hex() == "9303"


def suite_of(bench: Bench) -> Suite:
    """Cipher suite, as the FCI of SSSE tells it."""
    return Suite.SM4 if bench.select(SSSE_NAME).endswith("860103" + "9000") else Suite.DES


def test_the_next_occurrence_is_behind_a_blocked_application(at: Shop) -> None:
    """SSC5-6.11-17, C-29: a blocked application answers 9303 once, and those behind it are found."""
    at.bench.select_fid("DF03")
    file = at.bench.model.environments[0].files
    df03 = next(one for one in file.index.files if one.fid == 0xDF03)
    file.set_file_flags(df03, df03.flags | FileFlag.BLOCKED)
    file.partition.commit()
    at.bench.power_on()
    found = [at.bench.x(f"00A404{p2}05D156000005") for p2 in ("00", "02", "02", "02")]
    assert found == [f"6F088406{NAMES['DF01']}9000", "9303", f"6F088406{NAMES['DF04']}9000", "6A82"]
