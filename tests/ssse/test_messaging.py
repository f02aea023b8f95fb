"""Writing with secure messaging: UPDATE RECORD and UPDATE BINARY in class 04 (SSC part 4 §8, part 7 §7)."""

import pytest

from cardsim.cos.files import FileType
from cardsim.crypto import social
from cardsim.crypto.ciphers import des_ecb_encrypt, sm4_ecb_encrypt
from cardsim.crypto.mac import des_cbc_mac, fold16, sm4_cbc_mac
from cardsim.crypto.padding import pad80
from cardsim.crypto.social import Suite
from tests.ssse.shop import Shop, key, shop, value

STK = {Suite.DES: value(1, 8), Suite.SM4: value(1)}
STK_DF = {Suite.DES: value(2, 8), Suite.SM4: value(2)}
UK, UK_DF = 0x04, 0x83
DF01 = "D15600000500"
RECORD = "0304322E3031"


@pytest.fixture(params=list(Suite))
def at(request: pytest.FixtureRequest) -> Shop:
    """SSSE issued: EF05 with records, EF0C that demands a MAC, EF16 transparent, and DF01 with an STK of its own; in
    SSSE the update key is authenticated."""
    suite: Suite = request.param
    made = shop(suite)
    assert made.key_file() == "9000"
    made.external(UK)
    made.maintenance(STK[suite])
    assert made.ef("EF05", write=key(UK)) == made.ef("EF0C", write=key(UK), protected=True) == "9000"
    assert made.ef("EF16", 0x40, FileType.TRANSPARENT, write=key(UK)) == "9000"
    assert made.ef("EF17", 0x40, FileType.TRANSPARENT, write=key(UK), protected=True) == "9000"
    for number, record in enumerate(("010131", "020132", "0304322E3030"), 1):
        assert made.append(5, number, record) == made.append(0x0C, number, record) == "9000"
    assert made.bench.x("00D6970002A1A2") == "9000"
    assert made.df("DF01", DF01) == "9000"
    made.bench.select(DF01)
    assert made.key_file() == "9000"
    made.external(UK_DF)
    made.maintenance(STK_DF[suite])
    assert made.ef("EF05", write=key(UK_DF)) == made.append(5, 1, "200131") == "9000"
    assert made.end() == "9000"
    made.bench.power_on()
    made.root()
    assert made.auth(UK) == "9000"
    return made


def update(at: Shop, header: str, data: str, stk: bytes | None = None) -> str:
    """A command of class 04 with the right MAC of an STK; the status word."""
    return at.bench.x(at.maced(header, data, stk or STK[at.suite]))


class TestRecord:
    """UPDATE RECORD."""

    def test_writes(self, at: Shop) -> None:
        """SSC5-6.13-21, SSC4-8.5-02, SSC4-8.1-02: the record without its MAC is stored; Lc counts both."""
        assert update(at, "04DC032C", RECORD) == "9000"
        assert at.bench.x("00B2032C00") == RECORD + "9000"

    def test_free_to_use_where_nobody_asks(self, at: Shop) -> None:
        """SSC7-7.3-01: a file that does not demand it is written in class 00."""
        assert at.bench.x("00DC032C06" + RECORD) == "9000"

    def test_demanded(self, at: Shop) -> None:
        """SSC7-7.4-01, TRM-103: a file that demands it: 6987 in class 00, after the write rule; 9000 with the MAC."""
        before = at.bench.cells
        assert at.bench.all("00DC036406" + RECORD, "00DCFE6406" + RECORD, "00D697000155") == ["6987"] * 3
        assert at.bench.cells == before
        assert update(at, "04DC0364", RECORD) == update(at, "04D69702", "A3A4") == "9000"
        assert at.bench.x("00B2036400") == RECORD + "9000"
        assert at.bench.x("00B0970004") == "A1A2A3A49000"
        at.bench.power_on()
        at.root()
        assert at.bench.all("00DC036406" + RECORD, "00D697000155") == ["6982", "6982"]

    def test_refusals(self, at: Shop) -> None:
        """SSC5-6.13-25, SSC5-6.13-27, SSC7-7.4-02, TRM-103: 6984; 6988, also where there is no such record;
        then its right MAC finds the challenge used up."""
        before = at.bench.cells
        assert at.bench.x("04DC030C0A" + RECORD + "00000000") == "6A82"
        assert at.bench.x("04DC032C0A" + RECORD + "00000000") == "6984"
        right = at.maced("04DC032C", RECORD, STK[at.suite])
        for command in ("04DC032C0A", "04DCFE2C0A", "04DC632C0A"):
            at.bench.challenge()
            assert at.bench.x(command + RECORD + "00000000") == "6988"
        assert at.bench.x(right) == "6984"
        assert update(at, "04DCFE2C", RECORD) == "6A83"
        assert update(at, "04DC032C", "0305322E3031") == "6A85"
        assert at.bench.cells == before
        assert at.bench.x("00B2032C00") == "0304322E30309000"

    def test_rule_before_mac(self, at: Shop) -> None:
        """SSC5-6.13-24: 6982 comes first, and the challenge is still there for what is allowed."""
        at.bench.power_on()
        at.root()
        command = at.maced("04DC032C", RECORD, STK[at.suite])
        assert at.bench.x(command) == "6982"
        assert at.bench.x("04DC032C0000") == "6700"

    def test_lengths(self, at: Shop) -> None:
        """SSC5-6.13-22, SSC5-6.12-06: a MAC and nothing else is 6700."""
        at.bench.challenge()
        assert at.bench.all("04DC032C0400000000", "04D6960004" + "00" * 4, "04D6960003000000") == ["6700"] * 3

    def test_key_of_the_level(self, at: Shop) -> None:
        """SSC4-8.2.3-02: in an application its own STK makes the MAC, that of SSSE does not."""
        at.bench.select(DF01)
        assert at.auth(UK_DF) == "9000"
        assert update(at, "04DC012C", "200132") == "6988"
        assert update(at, "04DC012C", "200132", STK_DF[at.suite]) == "9000"
        assert at.bench.x("00B2012C00") == "2001329000"

    def test_adds_a_record(self, at: Shop) -> None:
        """SSC5-6.13-02, SSC5-6.13-04: appending works in class 04 too."""
        assert update(at, "04DC042C", "040134") == "9000"
        assert update(at, "04DC0528", "050135") == "9000"
        assert at.bench.x("00B2042D00") == "0401340501359000"


class TestBinary:
    """UPDATE BINARY."""

    @pytest.mark.parametrize("length", range(1, 13))
    def test_padding(self, at: Shop, length: int) -> None:
        """SSC5-6.12-04, SSC4-8.2.4.1-03, SSC4-8.2.4.2-03: the padding is always there, also behind a whole block."""
        size = at.suite.block_size
        data = bytes(range(1, length + 1))
        message = bytes((0x04, 0xD6, 0x96, 0x00, length + 4)) + data
        if len(message) % size == 0:
            challenge = at.bench.challenge()
            bare = _mac(at.suite, _session(at.suite, STK[at.suite], challenge), message)
            assert at.bench.x((message + bare).hex()) == "6988"
        challenge = at.bench.challenge()
        mac = _mac(at.suite, _session(at.suite, STK[at.suite], challenge), pad80(message, size))
        assert at.bench.x((message + mac).hex()) == "9000"
        assert at.bench.x(f"00B09600{length:02X}") == data.hex().upper() + "9000"

    def test_refusals(self, at: Shop) -> None:
        """SSC5-6.12-09, SSC5-6.12-11, C-10: 6984, 6988; 6B00 and 6700 only behind a right MAC."""
        before = at.bench.cells
        assert at.bench.x("04D6960008A1A2A3A400000000") == "6984"
        at.bench.challenge()
        assert at.bench.all("04D6960008A1A2A3A400000000", "04D6960008A1A2A3A400000000") == ["6988", "6984"]
        assert update(at, "04D69640", "A1") == "6B00"
        assert update(at, "04D6963F", "A1A2") == "6700"
        assert at.bench.cells == before

    def test_other_challenge_lengths(self, at: Shop) -> None:
        """SSC4-8.4.1-02, SSC4-8.4.2-02, C-13: challenges of 4 and 16 bytes."""
        for length in (4, 16):
            challenge = at.bench.challenge(length)
            assert at.bench.x(at.maced("04D69600", "A1A2", STK[at.suite], challenge)) == "9000"


def _session(suite: Suite, stk: bytes, challenge: bytes) -> bytes:
    """Session key, from the ciphers alone."""
    if suite is Suite.DES:
        return des_ecb_encrypt(stk, challenge)
    return sm4_ecb_encrypt(stk, challenge.ljust(16, b"\0"))


def _mac(suite: Suite, session: bytes, padded: bytes) -> bytes:
    """MAC of what is padded already, from the ciphers alone."""
    return des_cbc_mac(session, padded)[:4] if suite is Suite.DES else fold16(sm4_cbc_mac(session, padded))


def test_sixteen_byte_stk_on_a_des_card() -> None:
    """SSC part 4 §8.4.1: its session key is 3DES of the challenge, 8 bytes."""
    made = shop(Suite.DES)
    made.key_file()
    stk = value(7)
    made.maintenance(stk)
    assert made.ef("EF16", 0x40, FileType.TRANSPARENT) == "9000"
    challenge = made.bench.challenge()
    assert social.session_key(Suite.DES, stk, challenge) == des_ecb_encrypt(stk, challenge)
    assert made.bench.x(made.maced("04D69600", "A1A2", stk, challenge)) == "9000"


def test_set_up_needs_no_mac() -> None:
    """D6: under the master key first records and bytes come in class 00, also where a MAC is demanded later."""
    made = shop()
    assert made.ef("EF0C", write=key(UK), protected=True) == "9000"
    assert made.append(0x0C, 1, "A10155") == "9000"
    assert made.create("EF0D", "B8" + "00" * 11) == made.create("0000", "BF0010") == "6A80"
