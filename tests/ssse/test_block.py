"""CARD BLOCK and its reach (SSC part 5 §6.2, part 7 §13.1; D10)."""

import pytest

from cardsim.cos.record import Switch
from cardsim.crypto import social
from tests.cards import AID, DUAL, DUAL_DES, PSE_NAME, SSSE_NAME, Bench, card

HEADER = bytes.fromhex("8416000004")
SOCIAL = (
    "00A404000F" + SSSE_NAME, "00A4040006D15600000500", "0084000008", "00B2012C12", "0020000000", "0020000003123456",
    "00C0000008", "0088000010" + "11" * 16, "0082000A10" + "11" * 16, "00DC032C060304322E3033", "84160000041122",
    "8416000004" + "00" * 4, "84D4000014" + "00" * 20, "00A4020002EF05", "00A4000002DF01", "FF000000", "00FE000000",
    "B026000104", "00", "",
)  # fmt: skip


def block(bench: Bench, *, right: bool = True) -> str:
    """CARD BLOCK with a fresh challenge."""
    session = social.session_key(bench.suite, bench.key("STKSSSE"), bench.challenge())
    mac = social.mac4(bench.suite, session, HEADER)
    return bench.x((HEADER + (mac if right else bytes(byte ^ 1 for byte in mac))).hex())


def blocked(profile: str = DUAL, switches: int = 0) -> Bench:
    """A card on which CARD BLOCK has just been carried out."""
    bench = card(profile, switches=switches)
    bench.ssse()
    assert bench.authenticate(bench.key("BK"), 5) == "9000"
    assert block(bench) == "9000"
    return bench


@pytest.fixture
def ready(either: Bench) -> Bench:
    """SSSE with BK authenticated."""
    either.ssse()
    assert either.authenticate(either.key("BK"), 5) == "9000"
    return either


class TestOwnEnvironment:
    """The default: a block stops its own environment (D10)."""

    @pytest.mark.parametrize("profile", [DUAL, DUAL_DES])
    def test_everything_is_refused(self, profile: str) -> None:
        """SSC5-6.2-01, SSC5-6.2-02, SSC5-6.2-04, SSC5-6.2-11, SSC5-5.4-06, SSC5-5.4-07, T0-053: 6A81, no counter."""
        bench = blocked(profile)
        before = bench.cells
        for command in SOCIAL:
            assert bench.x(command) == "6A81", command
        assert bench.cells == before

    def test_leaving(self) -> None:
        """D10, SCHEME-012: the MF or a DF of PSE can be selected, and payment works."""
        bench = blocked()
        assert bench.select("D15600000577") == "6A81"
        assert bench.x("00A4040106" + AID) == "6A81"
        assert bench.pse() == "9000"
        assert bench.select(AID)[-4:] == "9000"
        assert bench.x("80A800000B8309000000000010000156")[-4:] == "9000"
        assert bench.ssse() == "6A81"
        assert bench.x("80CA9F3600")[-4:] == "9000"  # PSE is still selected

    @pytest.mark.parametrize("to_mf", ["00A4000000", "00A40000", "00A40000023F00", "00A40000023F0000"])
    def test_to_the_mf(self, to_mf: str) -> None:
        """D10: the MF by any form of its SELECT; then its commands work again."""
        bench = blocked()
        assert bench.x("80F2000000") == "6A81"
        assert bench.x(to_mf)[-4:] == "9000"
        assert "8A0183" in bench.status()

    def test_after_a_reset(self) -> None:
        """SSC5-6.2-03, D10: the ATR is sent, the MF works, SSSE and its applications answer 6A81."""
        bench = blocked()
        assert bench.power_on().startswith("3B6D")
        assert bench.select(SSSE_NAME) == bench.select("D15600000500") == "6A81"
        assert bench.x("00A4040005D156000005") == "6A81"
        assert bench.status().startswith("70")
        assert bench.pse() == "9000"

    def test_failing_select_wipes_nothing(self) -> None:
        """D9: SELECT of the blocked side from PSE fails and leaves the transaction alone."""
        bench = blocked()
        bench.select(AID)
        assert bench.x("80A800000B8309000000000010000156")[-4:] == "9000"
        assert bench.ssse() == "6A81"
        assert bench.x("80CA9F3600") == "9F360200019000"


class TestWholeCard:
    """Switch block_scope = card: the literal reading."""

    @pytest.mark.parametrize("profile", [DUAL, DUAL_DES])
    def test_everything_everywhere(self, profile: str) -> None:
        """SSC5-6.2-02, SSC5-6.2-05, SCHEME-013, C-02, T0-053: every command, PSE and MF too, before and after reset."""
        bench = blocked(profile, Switch.BLOCK_SCOPE_CARD)
        commands = (*SOCIAL, f"00A404000E{PSE_NAME}", f"00A4040008{AID}", "00A40000023F00", "80F2000000", "00A4000000")
        assert [bench.x(command) for command in commands] == ["6A81"] * len(commands)
        assert bench.power_on().startswith("3B6D")
        before = bench.cells
        assert [bench.x(command) for command in commands] == ["6A81"] * len(commands)
        assert bench.cells == before


class TestRefusals:
    """What does not block, blocks nothing."""

    def test_without_bk(self, either: Bench) -> None:
        """SSC5-6.2-07: 6982 without BK, the right MAC notwithstanding."""
        either.ssse()
        assert block(either) == "6982"
        either.authenticate(either.key("UKSSSE"), 4)
        assert block(either) == "6982"
        assert either.ssse() == "9000"

    def test_without_challenge(self, ready: Bench) -> None:
        """SSC5-6.2-08: 6984."""
        assert ready.x("8416000004" + "00" * 4) == "6984"

    def test_wrong_mac(self, ready: Bench) -> None:
        """SSC5-6.2-10, SSC7-13.1-01, C-28: 6988, the challenge is used up, nothing is ever locked by it."""
        for _ in range(20):
            assert block(ready, right=False) == "6988"
            assert ready.x("8416000004" + "00" * 4) == "6984"
        assert block(ready) == "9000"

    def test_form(self, ready: Bench) -> None:
        """SSC5-6.2-06, SSC5-6.2-12: Lc other than 4 is 6700, P1 P2 other than 0000 is 6A86."""
        ready.challenge()
        assert ready.all("8416000005" + "00" * 5, "8416000003" + "00" * 3, "84160000") == ["6700"] * 3
        assert ready.all("8416000104" + "00" * 4, "8416010004" + "00" * 4) == ["6A86"] * 2
        assert ready.ssse() == "9000"

    def test_bk_right_ends_with_ssse(self, ready: Bench) -> None:
        """SSC7-6.6-10, D9: the right of BK does not survive PSE."""
        ready.pse()
        ready.ssse()
        assert block(ready) == "6982"


@pytest.mark.parametrize(
    ("df", "command", "answer"),
    [
        (SSSE_NAME, "841E000004AABBCCDD", "6A86"),
        (SSSE_NAME, "841E000104AABBCCDD", "6985"),
        ("D15600000500", "841E000104AABBCCDD", "6982"),
    ],
)
def test_application_block_needs_an_application_with_a_lock_key(df: str, command: str, answer: str) -> None:
    """D20, C-44, SSC5-6.1-09: the row is there; neither SSSE nor an application without a lock key can be blocked."""
    bench = card()
    bench.select(df)
    assert bench.x(command) == answer
