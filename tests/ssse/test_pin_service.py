"""CHANGE PIN and PIN CHANGE/UNBLOCK (SSC part 5 §6.3, §6.8; part 7 §9, §13.3)."""

from collections.abc import Callable

import pytest

from cardsim.chip.faults import PageFailurePlan, PowerCutPlan
from cardsim.cos.access import PIN, AccessRule, Operator
from cardsim.cos.keys import KeyUse
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from tests.cards import Bench, apdu, of_cells
from tests.ssse.shop import NO_LIMIT, Shop, maced, shop

TRIES = "0020000000"
PUK, STK = 0x06, 0x02
CHALLENGE = bytes.fromhex("2AFD6A015D2D9BAC")
STK_OF = {
    Suite.DES: bytes.fromhex("5C0B4F7E2B7EFC2E"),
    Suite.SM4: bytes.fromhex("65FFD351EA9D9B7E2A81750D1610BF91"),
}
"""Maintenance keys of the vectors: 8 bytes on DES cards, 16 on SM4 cards."""

either_suite = pytest.mark.parametrize("suite", list(Suite))


def change(bench: Bench, current: str, new: str) -> str:
    """CHANGE PIN; the status word."""
    return bench.x(apdu("805E0100", f"{current}FF{new}"))[-4:]


@pytest.fixture
def inside(either: Bench) -> Bench:
    """A demo card with SSSE selected: PIN 123456, six tries."""
    either.ssse()
    return either


def made(
    suite: Suite = Suite.DES,
    digits: str | None = "123456",
    *,
    stk: bytes | None = None,
    switches: int = 0,
    with_stk: bool = True,
) -> Shop:
    """An issued SSSE with PIN, PUK, the STK of the vectors, and a file that the PIN opens."""
    at = shop(suite, switches=switches)
    assert at.key_file() == "9000"
    at.external(PUK)
    if with_stk:
        at.maintenance(stk or STK_OF[suite])
    if digits is not None:
        assert at.pin(digits) == "9000"
    assert at.ef("EF05", read=AccessRule(Operator.A, PIN)) == "9000"
    assert at.append(5, 1, "A10155") == "9000"
    assert at.end() == "9000"
    at.bench.power_on()
    at.bench.ssse()
    return at


def service(at: Shop, p2: int, pin: str | None = None, *, stk: bytes | None = None, challenge: bytes = b"") -> str:
    """PIN CHANGE/UNBLOCK with the right MAC; the status word."""
    challenge = challenge or at.bench.challenge()
    key = stk or STK_OF[at.suite]
    session = social.session_key(at.suite, key, challenge)
    data = "" if pin is None else social.encipher(at.suite, session, bytes.fromhex(pin)).hex()
    return at.bench.x(maced(at.suite, f"842400{p2:02X}", data, key, challenge))


def blocked(at: Shop) -> Shop:
    """All tries of the PIN used up."""
    assert [at.bench.verify("999999") for _ in range(6)][-1] == "63C0"
    return at


class TestChangePin:
    """CHANGE PIN, which the holder sends."""

    def test_replaces(self, inside: Bench) -> None:
        """SSC5-6.3-01: the new PIN is in force at once and after a reset; the old one is wrong."""
        assert change(inside, "123456", "654321") == "9000"
        for _ in range(2):
            assert inside.verify("123456") == "63C5"
            assert inside.verify("654321") == "9000"
            inside.power_on()
            inside.ssse()

    def test_gives_tries_back(self, inside: Bench) -> None:
        """SSC5-6.3-02: the counter goes to its limit."""
        assert [inside.verify("000000"), inside.verify("000000")] == ["63C5", "63C4"]
        assert change(inside, "123456", "654321") == "9000"
        assert inside.x(TRIES) == "63C6"

    def test_odd_digits(self, inside: Bench) -> None:
        """SSC5-6.3-03, SSC5-6.3-04, SSC5-6.14-08: five digits and an F; the separator stands on a byte boundary."""
        assert change(inside, "123456", "12345F") == "9000"
        assert inside.verify("123450") == "63C5"
        assert inside.verify("12345F") == "9000"
        assert change(inside, "12345F", "123456") == "9000"

    def test_lengths(self, inside: Bench) -> None:
        """SSC5-6.3-07, C-36: from two bytes to eight."""
        assert change(inside, "123456", "1234") == "9000"
        assert change(inside, "1234", "1234567890123456") == "9000"
        assert change(inside, "1234567890123456", "6543210987654321") == "9000"
        assert inside.verify("6543210987654321") == "9000"

    def test_no_longer_used(self) -> None:
        """SSC5-6.3-05, SSC5-6.3-06, sheet #34: an empty PIN opens what it protects at once; a new one closes it."""
        at = made()
        assert at.bench.x("00B2012C00") == "6982"
        assert change(at.bench, "123456", "") == "9000"
        assert at.bench.all(TRIES, "00B2012C00") == ["9000", "9000"]
        at.bench.power_on()
        at.bench.ssse()
        assert at.bench.x("00B2012C00") == "A101559000"
        assert change(at.bench, "", "112233") == "9000"
        assert at.bench.all(TRIES, "00B2012C00") == ["63C6", "6982"]
        assert at.bench.verify("112233") == "9000"

    def test_mismatch(self, inside: Bench) -> None:
        """SSC5-6.3-08, SSC5-6.3-10: a wrong or missing current PIN takes a try and changes nothing."""
        assert change(inside, "111111", "654321") == "63C5"
        assert change(inside, "", "654321") == "63C4"
        assert inside.verify("123456") == "9000"

    def test_current_pin_where_none_is_set(self) -> None:
        """SSC5-6.3-09, C-14: 63Cx with the limit, and no try is taken."""
        at = made(digits="")
        assert [change(at.bench, "123456", "654321") for _ in range(7)] == ["63C6"] * 7
        assert at.bench.x(TRIES) == "9000"

    @pytest.mark.parametrize(
        ("command", "word"),
        [
            ("805E010001FF", "6700"),  # SSC5-6.3-11
            ("805E010002FF12", "6700"),
            ("805E010012" + "12" * 18, "6700"),
            ("805E0100", "6700"),
            ("805E000007123456FF654321", "6A86"),  # SSC5-6.3-15
            ("805E010107123456FF654321", "6A86"),
            ("805E010006123456654321", "6A80"),  # SSC5-6.3-13
            ("805E010005123456FF12", "6A80"),  # SSC5-6.3-14
            ("805E010006123456FF123F", "6A80"),
            ("805E01000D123456FF" + "12" * 9, "6A80"),
            ("805E010007123456FF12A456", "6A80"),
            ("805E010007123456FF1F3456", "6A80"),
            ("805E010007123456FFFF3456", "6A80"),
            ("805E010007123456FF1234FF", "6A80"),
            ("805E01000D" + "12" * 9 + "FF123456", "6A80"),
            ("805E01000512FF123456", "6A80"),
            ("805E010007999999FF12A456", "6A80"),
        ],
    )
    def test_refusals(self, inside: Bench, command: str, word: str) -> None:
        """SSC5-6.3-11, -13, -14, -15: the form is judged before the comparison: no try is lost, nothing changes."""
        before = inside.cells
        assert inside.x(command) == word
        assert inside.cells == before

    def test_locked(self, inside: Bench) -> None:
        """SSC5-6.3-12, SSC7-9.5-01: 6983 comes before the form and before the comparison."""
        for _ in range(5):
            inside.verify("999999")
        assert change(inside, "999999", "654321") == "63C0"
        assert change(inside, "123456", "654321") == "6983"
        assert change(inside, "111111", "654321") == "6983"
        assert inside.x("805E010006123456654321") == "6983"

    def test_right_stays_as_it_was(self) -> None:
        """SSC7-9.5-02: the change alone opens nothing, and takes nothing away."""
        at = made()
        assert change(at.bench, "123456", "654321") == "9000"
        assert at.bench.x("00B2012C00") == "6982"
        assert at.bench.verify("654321") == "9000"
        assert change(at.bench, "654321", "123456") == "9000"
        assert at.bench.x("00B2012C00") == "A101559000"

    def test_last_failure_ends_the_right(self) -> None:
        """C-25: failures leave the right in force until the PIN is locked."""
        at = made()
        assert at.bench.verify() == "9000"
        assert [change(at.bench, "999999", "1234") for _ in range(5)][-1] == "63C1"
        assert at.bench.x("00B2012C00") == "A101559000"
        assert change(at.bench, "999999", "1234") == "63C0"
        assert at.bench.x("00B2012C00") == "6982"

    def test_no_pin_object(self) -> None:
        """SSC5-6.14-16: without a PIN object 6A88, in VERIFY and CHANGE PIN."""
        bench = made(digits=None).bench
        assert bench.all(TRIES, "0020000003123456") == ["6A88", "6A88"]
        assert change(bench, "123456", "654321") == "6A88"

    def test_in_an_application(self, inside: Bench) -> None:
        """SSC5-6.14-10: the one PIN, from every DF."""
        inside.select_fid("DF01")
        assert change(inside, "123456", "654321") == "9000"
        inside.ssse()
        assert inside.verify("654321") == "9000"


def place_of_pin(bench: Bench) -> int:
    """Where the slot of the PIN 123456 stands: its head and value are nowhere else on the card."""
    slot = bytes((KeyUse.PIN, 0, 0, 0, 6, 3)) + b"\x12\x34\x56"
    assert bench.cells.count(slot) == 1
    return bench.cells.index(slot)


def test_damaged_pin() -> None:
    """SSC5-6.14-14: a PIN object whose length byte cannot be: 6984."""
    at = made()
    bench = at.bench
    cells = bytearray(bench.cells)
    cells[place_of_pin(bench) + 5] = 9
    bench = of_cells(bytes(cells), bench.keys)
    bench.ssse()
    assert bench.all(TRIES, "0020000003123456") == ["6984", "6984"]
    assert change(bench, "123456", "654321") == "6984"


class TestVectors:
    """The bytes of fact sheet §3.5, as whole commands on a card with the keys of the vectors."""

    @pytest.mark.parametrize(
        ("suite", "command", "pin"),
        [
            (Suite.DES, "842400010CAAA129F03AF84A8BB77D2448", "123456"),
            (Suite.DES, "842400010CAA2FBBF92E3E2D5F17808332", ""),  # SSC5-6.8-05
            (Suite.DES, "842400010CC6FDE6623F0D841A5E260BDF", "12345678901234"),  # SSC4-8.3.3.1-01
            (Suite.DES, "842400011472DA5CB54038A4F6D190B0404D6C6FE554E572C2", "1234567890123456"),
            (Suite.SM4, "84240001140CF7A1D8A826B5ECEC68E6A1B9FACA4F578753E8", "123456"),
        ],
    )
    def test_new_pin(self, suite: Suite, command: str, pin: str) -> None:
        """SSC4-8.2.4.1-04, SSC4-8.3.2-01, SSC4-8.3.3.1-01, SSC4-8.3.3.1-02, SSC4-8.3.3.2-01, SSC5-6.8-05."""
        at = made(suite, "9999")
        assert at.auth(PUK) == "9000"
        at.give(CHALLENGE)
        assert at.bench.x(command) == "9000"
        assert at.bench.x(apdu("00200000", pin)) == "9000"

    @pytest.mark.parametrize(
        ("suite", "challenge", "command"),
        [
            (Suite.DES, "2AFD6A015D2D9BAC", "84240000040EFE3C2E"),
            (Suite.DES, "2AFD6A01", "842400000408AB608C"),
            (Suite.SM4, "2AFD6A015D2D9BAC", "84240000040CFE0605"),
            (Suite.SM4, "2AFD6A01", "84240000048B293D73"),
            (Suite.SM4, "2AFD6A015D2D9BAC00112233445566AA", "842400000405E889D8"),
        ],
    )
    def test_unblock(self, suite: Suite, challenge: str, command: str) -> None:
        """SSC4-8.2.4.1-01, SSC4-8.2.4.2-01, SSC4-8.4.1-02, SSC4-8.4.2-01, SSC4-8.4.2-02: unblock, byte for byte."""
        at = blocked(made(suite))
        assert at.auth(PUK) == "9000"
        at.give(bytes.fromhex(challenge))
        assert at.bench.x(command) == "9000"
        assert at.bench.verify() == "9000"

    @pytest.mark.parametrize(("suite", "command"), [(Suite.DES, "84160000046915D519"), (Suite.SM4, None)])
    def test_card_block(self, suite: Suite, command: str | None) -> None:
        """SSC5-6.2-01: CARD BLOCK under the same keys, byte for byte."""
        at = shop(suite)
        at.key_file()
        at.external(0x05, limit=NO_LIMIT)
        at.maintenance(STK_OF[suite])
        assert at.auth(0x05) == "9000"
        at.give(CHALLENGE)
        assert at.bench.x(command or maced(suite, "84160000", "", STK_OF[suite], CHALLENGE)) == "9000"
        assert at.bench.ssse() == "6A81"


@either_suite
class TestService:
    """PIN CHANGE/UNBLOCK, which the issuer's host sends."""

    def test_unblock(self, suite: Suite) -> None:
        """SSC5-6.8-01: all tries again, the same PIN."""
        at = blocked(made(suite))
        assert at.auth(PUK) == "9000"
        assert service(at, 0) == "9000"
        assert at.bench.x(TRIES) == "63C6"
        assert at.bench.verify("123456") == "9000"

    @pytest.mark.parametrize("pin", ["654321", "1234", "12345F", "12345678", "12345678901234", "1234567890123456"])
    def test_new_pin(self, suite: Suite, pin: str) -> None:
        """SSC5-6.8-02, SSC5-6.8-03, SSC5-6.8-04, SSC4-8.3.4.1-01, C-11: blocked or not, with and without padding."""
        for at in (made(suite), blocked(made(suite))):
            assert at.auth(PUK) == "9000"
            assert service(at, 1, pin) == "9000"
            assert at.bench.x(TRIES) == "63C6"
            assert at.bench.verify(pin) == "9000"

    def test_empty_pin(self, suite: Suite) -> None:
        """SSC5-6.8-05, SSC4-8.3.3.2-02, C-12: LD 00 on both families; what the PIN protects is open at once."""
        at = blocked(made(suite))
        assert at.auth(PUK) == "9000"
        assert service(at, 1, "") == "9000"
        assert at.bench.all(TRIES, "00B2012C00") == ["9000", "9000"]
        assert service(at, 0) == "6985"  # SSC5-6.8-11
        assert service(at, 1, "4321") == "9000"
        assert at.bench.all(TRIES, "00B2012C00") == ["63C6", "6982"]

    @pytest.mark.parametrize("pin", ["12", "123F", "12AB56", "1F3456", "FF123456", "123456" * 3])
    def test_no_pin_inside(self, suite: Suite, pin: str) -> None:
        """SSC5-6.8-06, SSC5-6.8-13: what is no PIN is 6A80 although the MAC is right."""
        at = made(suite)
        assert at.auth(PUK) == "9000"
        if len(pin) > 16 and suite is Suite.DES:
            pin = pin[:18]  # two blocks of DES hold no more than 15 bytes
        before = at.bench.cells
        assert service(at, 1, pin) == ("6700" if len(pin) > 30 else "6A80")
        assert at.bench.cells == before

    @pytest.mark.parametrize("plain", ["0F12345680000000", "0312345600000000", "0312345681000000", "FF12345680000000"])
    def test_wrong_frame(self, suite: Suite, plain: str) -> None:
        """SSC4-8.3.4.1-02: a length byte or padding that does not fit is 6A80."""
        at = made(suite)
        assert at.auth(PUK) == "9000"
        block = bytes.fromhex(plain).ljust(suite.block_size, b"\0")
        if plain.startswith("0F") and suite is Suite.SM4:
            block = b"\x10" + block[1:]
        challenge = at.bench.challenge()
        session = social.session_key(suite, STK_OF[suite], challenge)
        cryptogram = _ecb(suite)(session, block).hex()
        assert at.bench.x(maced(suite, "84240001", cryptogram, STK_OF[suite], challenge)) == "6A80"
        assert at.bench.verify("123456") == "9000"

    def test_lengths(self, suite: Suite) -> None:
        """SSC5-6.8-08, SSC4-8.3.4.2-01, C-11: Lc that does not fit P2 or the cipher is 6700, before all else."""
        at = made(suite)
        one, two = "00" * 8, "00" * 16
        assert at.bench.x(apdu("84240000", one + "00" * 4)) == "6700"
        assert at.bench.x(apdu("84240000", two + "00" * 4)) == "6700"
        assert at.bench.all("842400010400000000", apdu("84240001", one), "84240000") == ["6700"] * 3
        assert at.bench.x(apdu("84240001", one + "00" * 4)) == ("6982" if suite is Suite.DES else "6700")
        assert at.bench.x(apdu("84240001", two + "00" * 4)) == "6982"

    def test_refusals_in_order(self, suite: Suite) -> None:
        """SSC5-6.8-09, -10, -12, -14: 6A86, 6982, 6984, 6988; a wrong MAC uses the challenge up, and locks nothing."""
        at = blocked(made(suite))
        assert at.bench.all("8424000204" + "00" * 4, "8424010004" + "00" * 4) == ["6A86", "6A86"]
        assert service(at, 0) == "6982"
        assert at.auth(PUK) == "9000"
        assert at.bench.x("8424000004" + "00" * 4) == "6984"
        for _ in range(20):
            challenge = at.bench.challenge()
            assert at.bench.x("8424000004" + "00" * 4) == "6988"
            assert service(at, 0, challenge=challenge) == "6984"
        assert at.bench.x(TRIES) == "6983"
        assert service(at, 0) == "9000"
        assert at.bench.x(TRIES) == "63C6"

    def test_what_is_maced(self, suite: Suite) -> None:
        """SSC4-8.2.1-01, SSC4-8.2.3-01, SSC4-8.2.4.1-05, SSC5-6.8-07: other places, inputs and keys give 6988."""
        at = made(suite)
        assert at.auth(PUK) == "9000"
        key = STK_OF[suite]
        size = suite.block_size

        def tried(build: Callable[[bytes, bytes, bytes], bytes]) -> str:
            challenge = at.bench.challenge()
            session = social.session_key(suite, key, challenge)
            plain = (b"\x03\x65\x43\x21\x80" + bytes(size))[:size]
            return at.bench.send(build(session, plain, social.encipher(suite, session, b"\x65\x43\x21"))).hex().upper()

        head = bytes((0x84, 0x24, 0x00, 0x01, size + 4))

        def in_front(session: bytes, _plain: bytes, cryptogram: bytes) -> bytes:
            return head + social.mac4(suite, session, head + cryptogram) + cryptogram

        def over_plain(session: bytes, plain: bytes, cryptogram: bytes) -> bytes:
            return head + cryptogram + social.mac4(suite, session, head + plain)

        def short_lc(session: bytes, _plain: bytes, cryptogram: bytes) -> bytes:
            return head + cryptogram + social.mac4(suite, session, head[:4] + bytes((size,)) + cryptogram)

        def stored_key(_session: bytes, _plain: bytes, cryptogram: bytes) -> bytes:
            return head + cryptogram + social.mac4(suite, key, head + cryptogram)

        def right(session: bytes, _plain: bytes, cryptogram: bytes) -> bytes:
            return head + cryptogram + social.mac4(suite, session, head + cryptogram)

        assert [tried(build) for build in (in_front, over_plain, short_lc, stored_key)] == ["6988"] * 4
        assert at.bench.verify("123456") == "9000"
        assert tried(right) == "9000"
        assert at.bench.verify("654321") == "9000"

    def test_challenge_serves_once(self, suite: Suite) -> None:
        """SSC4-8.4.1-04: the identical command again is 6984."""
        at = made(suite)
        assert at.auth(PUK) == "9000"
        command = maced(suite, "84240000", "", STK_OF[suite], at.bench.challenge())
        assert at.bench.all(command, command) == ["9000", "6984"]

    def test_missing_objects(self, suite: Suite) -> None:
        """SSC5-6.8-11, SSC5-6.8-15: no STK or no PIN object is 6A88, after the right of PUK."""
        for at in (made(suite, with_stk=False), made(suite, None)):
            assert service(at, 0) == "6982"
            assert at.auth(PUK) == "9000"
            assert service(at, 0) == "6A88"
            assert service(at, 1, "654321") == "6A88"

    def test_locked_puk(self, suite: Suite) -> None:
        """SSC7-13.3-01, SSC7-13.3-02, C-28: failures of PUK are counted; success gives its tries back."""
        at = blocked(made(suite))
        wrong = bytes(byte ^ 0xFF for byte in at.keys[PUK])
        assert at.bench.authenticate(wrong, PUK, suite) == "63C2"
        assert at.auth(PUK) == "9000"
        assert service(at, 0) == "9000"
        assert [at.bench.authenticate(wrong, PUK, suite) for _ in range(3)] == ["63C2", "63C1", "63C0"]
        assert at.auth(PUK) == "6983"
        assert service(at, 0) == "6982"

    def test_in_an_application(self, suite: Suite) -> None:
        """SSC4-8.2.3-02 (note), C-31: from an application too it is STKSSSE that counts, not the application's."""
        at = shop(suite)
        at.key_file()
        at.external(PUK)
        at.maintenance(STK_OF[suite])
        assert at.pin("123456") == at.df("DF01", "D15600000500") == "9000"
        at.bench.select_fid("DF01")
        at.key_file()
        other = bytes(reversed(STK_OF[suite]))
        at.maintenance(other)
        assert at.auth(PUK) == "9000"
        assert service(at, 1, "654321", stk=other) == "6988"
        assert service(at, 1, "654321") == "9000"


def _ecb(suite: Suite) -> Callable[[bytes, bytes], bytes]:
    from cardsim.crypto.ciphers import des_ecb_encrypt, sm4_ecb_encrypt

    return des_ecb_encrypt if suite is Suite.DES else sm4_ecb_encrypt


def test_sixteen_byte_stk_on_a_des_card() -> None:
    """SSC part 4 §8.4.1: a double-length maintenance key works too."""
    stk = bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736")
    at = blocked(made(stk=stk))
    assert at.auth(PUK) == "9000"
    assert service(at, 1, "654321", stk=stk) == "9000"
    assert at.bench.verify("654321") == "9000"


class TestTearing:
    """Power cuts and failing pages (SSC part 7 §14)."""

    @pytest.mark.parametrize("how", ["change", "reset"])
    def test_power_cut(self, how: str) -> None:
        """SSC7-14-03: the old or the new PIN verifies, exactly one of them, and the counter is valid."""
        at = made()
        bench = at.bench
        assert at.auth(PUK) == "9000"
        at.give(CHALLENGE)
        start = bench.model.snapshot()
        seen = set()
        for after in range(16):
            for inside in (None, 1, 40):
                bench.model.restore(start)
                with bench.on_bus(PowerCutPlan(after, inside)):
                    if how == "change":
                        answer = change(bench, "123456", "654321")
                    else:
                        answer = service(at, 1, "654321", challenge=CHALLENGE)
                bench.power_on()
                bench.ssse()
                tries = bench.x(TRIES)
                old, new = bench.verify("123456") == "9000", bench.verify("654321") == "9000"
                assert old is not new
                assert tries in (("63C6", "63C5") if old else ("63C6",))
                assert not (answer == "9000" and old)
                seen.add((answer, new))
        assert {("", False), ("", True), ("9000", True)} == seen

    def test_power_cut_while_a_wrong_pin_is_compared(self) -> None:
        """D13: once the answer could be known the try is gone."""
        bench = made().bench
        start = bench.model.snapshot()
        left = set()
        for after in range(8):
            bench.model.restore(start)
            with bench.on_bus(PowerCutPlan(after, None)):
                answer = change(bench, "999999", "654321")
            bench.power_on()
            bench.ssse()
            left.add((answer, bench.x(TRIES)))
        assert ("63C5", "63C5") in left
        assert left <= {("63C5", "63C5"), ("", "63C5"), ("", "63C6")}

    def test_failing_page(self) -> None:
        """D14: a page that fails in CHANGE PIN is 6581; the old PIN stays, and the try that was taken."""
        bench = made().bench
        page = place_of_pin(bench) // 64
        with bench.on_bus(PageFailurePlan(lambda failing: failing == page)):
            assert change(bench, "123456", "654321") == "6581"
        assert bench.x(TRIES) == "63C5"
        assert bench.verify("654321") == "63C4"
        assert bench.verify("123456") == "9000"
