"""The holder's PIN, and the operator's maintenance, at the social-security terminal."""

import pytest

from cardsim.crypto.social import encipher, mac4, session_key
from terminal.flows.social.config import SocialService
from terminal.flows.social.pin import pin_bcd
from terminal.outcome import Cause, Verdict
from tests.cards import Bench
from tests.terminal.social_bench import Pad, Terminal, terminal
from tests.terminal.test_psam import Wire, of_levels, wire

OPERATOR = (SocialService.RESET_PIN, SocialService.UNBLOCK_PIN)


def probe(user: Bench) -> str:
    """VERIFY without data in a session of its own."""
    user.power_on()
    user.ssse()
    return user.x("0020000000")[-4:]


def sent(bench: Terminal, ins: int) -> list[str]:
    """Commands of an instruction."""
    return [command.hex().upper() for command in bench.contacts.log if command[1] == ins]


class TestVerify:
    """Steps 1.6 to 1.8 (SSC part 7 §5.6 to §5.8)."""

    def test_need_is_probed(self) -> None:
        """TRM-063, TRM-064: with a PIN 63C6 and the pad is asked; the probe takes no try."""
        bench = terminal()
        bench.pad = Pad()
        for _ in range(3):
            outcome = bench.social(service=SocialService.VERIFY_PIN)
            assert outcome.failure is not None
            assert outcome.failure.cause is Cause.PIN
        assert sent(bench, 0x20) == ["0020000000"] * 3
        assert {request.tries_left for request in bench.pad.asked} == {6}
        assert probe(bench.contacts.user) == "63C6"

    def test_no_pin_is_set(self) -> None:
        """TRM-063, TRM-126: an enciphered PIN of length 0 takes it away; then the probe is 9000, nobody is asked."""
        bench = terminal("dual-3.0-des")
        assert bench.social(service=SocialService.CLEAR_PIN).verdict is Verdict.PASSED
        assert probe(bench.contacts.user) == "9000"
        bench.pad = Pad()
        assert bench.social(service=SocialService.VERIFY_PIN).verdict is Verdict.PASSED
        assert not bench.pad.asked

    @pytest.mark.parametrize("digits", ["", "123", "1234567890123", "12a456", "１２３４５６"])
    def test_no_pin(self, digits: str) -> None:
        """TRM-007: what the pad does not take costs the card no try: not 4 to 12 digits, or no digits."""
        bench = terminal()
        bench.pad = Pad(digits)
        outcome = bench.social(service=SocialService.VERIFY_PIN)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.PIN_LENGTH
        assert sent(bench, 0x20) == ["0020000000"]

    @pytest.mark.parametrize(("digits", "bcd"), [("12345", "12345F"), ("123456", "123456"), ("1234", "1234")])
    def test_bcd(self, digits: str, bcd: str) -> None:
        """TRM-065: BCD; an odd number of digits is filled with F."""
        bench = terminal()
        bench.pad = Pad(digits)
        bench.social(service=SocialService.VERIFY_PIN)
        assert pin_bcd(digits).hex().upper() == bcd
        assert sent(bench, 0x20)[1] == f"00200000{len(bcd) // 2:02X}{bcd}"

    def test_prompt_again(self) -> None:
        """TRM-066: 63C5, and the pad is asked again with five tries."""
        bench = terminal()
        bench.pad = Pad("111111", "123456")
        outcome = bench.social(service=SocialService.VERIFY_PIN)
        assert outcome.pin_verified
        assert [request.tries_left for request in bench.pad.asked] == [6, 5]

    def test_until_it_is_locked(self) -> None:
        """TRM-067: 63C0 ends it, and later tries say 6983."""
        bench = terminal()
        bench.pad = Pad(*["111111"] * 7)
        outcome = bench.social(service=SocialService.VERIFY_PIN)
        assert outcome.failure is not None
        assert (outcome.failure.cause, str(outcome.failure.sw)) == (Cause.PIN_BLOCKED, "63C0")
        assert len(bench.pad.asked) == 6
        outcome = bench.social(service=SocialService.VERIFY_PIN)
        assert outcome.failure is not None
        assert (outcome.failure.cause, str(outcome.failure.sw)) == (Cause.PIN_BLOCKED, "6983")

    def test_a_right_pin_stays_right(self) -> None:
        """TRM-068: counter restored; the right lasts across the selection of applications."""
        user = terminal().contacts.user
        user.power_on()
        user.ssse()
        assert user.verify("111111") == "63C5"
        assert user.verify() == "9000"
        user.select("D15600000502")
        user.select_fid("EF07", "02")
        assert user.x("00B2010400")[-4:] == "9000"
        assert probe(user) == "63C6"


class TestChange:
    """CHANGE PIN (SSC part 7 §9)."""

    def test_command(self) -> None:
        """TRM-115, TRM-116: 80 5E 01 00, old FF new; the counter is full again."""
        bench = terminal()
        probe(bench.contacts.user)
        for _ in range(4):
            bench.contacts.user.verify("111111")
        bench.pad = Pad("123456", "888888", "888888")
        assert bench.social(service=SocialService.CHANGE_PIN).verdict is Verdict.PASSED
        assert sent(bench, 0x5E) == ["805E010007123456FF888888"]
        assert [request.tries_left for request in bench.pad.asked] == [2, None, None]
        assert probe(bench.contacts.user) == "63C6"

    def test_without_an_old_one(self) -> None:
        """TRM-113: the old one is not asked for; the command begins with FF."""
        bench = terminal("dual-3.0-des")
        assert bench.social(service=SocialService.CLEAR_PIN).verdict is Verdict.PASSED
        bench.pad = Pad("888888", "888888")
        assert bench.social(service=SocialService.CHANGE_PIN).verdict is Verdict.PASSED
        assert sent(bench, 0x5E) == ["805E010004FF888888"]

    def test_entries_that_differ(self) -> None:
        """TRM-114: no command is sent."""
        bench = terminal()
        bench.pad = Pad("123456", "888888", "888889")
        outcome = bench.social(service=SocialService.CHANGE_PIN)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.PIN_DIFFERS
        assert not sent(bench, 0x5E)

    def test_wrong_old_one(self) -> None:
        """TRM-117: 63C5 ends it; a locked PIN too."""
        bench = terminal()
        bench.pad = Pad("111111", "888888", "888888")
        outcome = bench.social(service=SocialService.CHANGE_PIN)
        assert outcome.failure is not None
        assert (outcome.failure.cause, str(outcome.failure.sw)) == (Cause.PIN, "63C5")
        assert len(sent(bench, 0x5E)) == 1

    @pytest.mark.parametrize("digits", ["123", "1234567890123"])
    def test_length(self, digits: str) -> None:
        """TRM-007: a new PIN of 3 or 13 digits is refused before any command."""
        bench = terminal()
        bench.pad = Pad("123456", digits, digits)
        outcome = bench.social(service=SocialService.CHANGE_PIN)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.PIN_LENGTH
        assert not sent(bench, 0x5E)


def lock(bench: Terminal) -> None:
    """Spend all tries."""
    probe(bench.contacts.user)
    for _ in range(6):
        bench.contacts.user.verify("111111")
    assert probe(bench.contacts.user) == "6983"


class TestMaintenance:
    """PIN CHANGE/UNBLOCK (SSC part 7 §13.3)."""

    @pytest.mark.parametrize("profile", ["dual-3.0-des", "dual-3.0-sm4", "social-1.0"])
    @pytest.mark.parametrize("with_psam", [True, False])
    @pytest.mark.parametrize("service", OPERATOR)
    def test_locked_pin(self, service: SocialService, with_psam: bool, profile: str) -> None:
        """TRM-118, TRM-122: PUK, a fresh challenge, and the command; the counter is full again."""
        bench = terminal(profile, wire() if with_psam else None)
        lock(bench)
        bench.pad = Pad("888888", "888888")
        outcome = bench.social(service=service)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        order = [header for header in bench.contacts.headers if header[:4] in ("0082", "0084", "8424")][-4:]
        assert order == ["00840000", "00820006", "00840000", f"8424000{int(service is SocialService.RESET_PIN)}"]
        assert probe(bench.contacts.user) == "63C6"
        assert bench.contacts.user.verify("888888" if service is SocialService.RESET_PIN else "123456") == "9000"

    @pytest.mark.parametrize(("profile", "length"), [("dual-3.0-des", 0x0C), ("dual-3.0-sm4", 0x14)])
    @pytest.mark.parametrize("with_psam", [True, False])
    def test_data(self, profile: str, length: int, with_psam: bool) -> None:
        """TRM-124: length byte, PIN and padding enciphered under STK's session key, MAC over all."""
        bench = terminal(profile, wire() if with_psam else None)
        bench.pad = Pad("123456", "123456")
        bench.social(service=SocialService.RESET_PIN)
        user, (command,) = bench.contacts.user, [bytes.fromhex(hex_) for hex_ in sent(bench, 0x24)]
        assert command[4] == length
        challenge = bench.last_challenge
        session = session_key(user.suite, user.key("STKSSSE"), challenge)
        cipher = encipher(user.suite, session, bytes.fromhex("123456"))
        assert command[5:] == cipher + mac4(user.suite, session, command[:5] + cipher)

    def test_two_rounds(self) -> None:
        """TRM-127, TRM-129: two deliveries with one challenge; the MAC's input begins with a zero block."""
        sam = wire()
        bench = terminal("dual-3.0-des", sam)
        bench.pad = Pad("123456", "123456")
        bench.social(service=SocialService.RESET_PIN)
        last = [command for command in sam.log if command[1] in (0xDE, 0xFA)][-4:]
        assert [command[:4].hex().upper() for command in last] == ["BFDE4809", "80FA0000", "BFDE4809", "80FA0500"]
        assert last[0] == last[2]
        assert last[0][-8:] == bench.last_challenge
        assert last[3][4] == 0x20 or last[3][4] == 0x18
        assert last[3][5:13] == bytes(8)
        assert last[3][13:18].hex().upper() == "842400010C"

    @pytest.mark.parametrize(("service", "done"), [(SocialService.UNBLOCK_PIN, True), (SocialService.RESET_PIN, False)])
    def test_key_for_macs_alone(self, service: SocialService, done: bool) -> None:
        """TRM-128: with STK of class 6 the PSAM unblocks, and refuses to encipher; then the host's module does it."""
        for module in (False, True):
            sam = Wire(of_levels({"STKSSSE": 0x26}))
            bench = terminal("dual-3.0-des", sam)
            lock(bench)
            bench.pad, bench.module = Pad("888888", "888888"), module
            outcome = bench.social(service=service)
            delivered = [header for header in sam.headers if header.startswith("BFDE") and header.endswith("09")]
            assert delivered[-1] == "BFDE2609"
            assert ("80FA0000" in sam.headers[sam.headers.index("BFDE2609") :]) == (not done)
            sealed = [command[3] for command in bench.contacts.log if command[1] == 0x24]
            assert bool(sealed) == (done or module), outcome.reason

    def test_long_pin(self) -> None:
        """TRM-125: a PIN above 14 digits takes two blocks of a DES card, Lc 14."""
        bench = terminal("dual-3.0-des")
        long = "1234567890123456"
        bench.config = bench.with_digits(16)
        bench.pad = Pad(long, long)
        assert bench.social(service=SocialService.RESET_PIN).verdict is Verdict.PASSED
        assert sent(bench, 0x24)[0][:10] == "8424000114"
        probe(bench.contacts.user)
        assert bench.contacts.user.verify(long) == "9000"

    def test_without_a_fresh_challenge(self) -> None:
        """TRM-118, TRM-244: a challenge serves one command; the second MAC under it is 6984."""
        bench = terminal("dual-3.0-des")
        lock(bench)
        assert bench.social(service=SocialService.UNBLOCK_PIN).verdict is Verdict.PASSED
        user = bench.contacts.user
        (command,) = sent(bench, 0x24)
        user.power_on()
        user.ssse()
        assert user.authenticate(user.key("PUK"), 6) == "9000"
        assert user.x(command)[-4:] == "6984"

    def test_puk_is_locked_by_failures(self) -> None:
        """TRM-123: after so many wrong authentications the unblock key is locked."""
        bench = terminal("dual-3.0-des")
        user = bench.contacts.user
        user.power_on()
        user.ssse()
        assert [user.authenticate(bytes(16), 6) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
        outcome = bench.social(service=SocialService.UNBLOCK_PIN)
        assert outcome.failure is not None
        assert str(outcome.failure.sw) == "6983"

    def test_the_environment_again(self) -> None:
        """TRM-130: SELECT of the environment between PUK and the command keeps the right."""
        user = terminal("dual-3.0-des").contacts.user
        user.power_on()
        user.ssse()
        assert user.authenticate(user.key("PUK"), 6) == "9000"
        assert user.ssse() == "9000"
        session = session_key(user.suite, user.key("STKSSSE"), user.challenge())
        header = bytes.fromhex("8424000004")
        assert user.x((header + mac4(user.suite, session, header)).hex())[-4:] == "9000"


class TestBlocks:
    """CARD BLOCK and APPLICATION BLOCK (SSC part 7 §13.1, §13.2)."""

    @pytest.mark.parametrize("profile", ["dual-3.0-des", "dual-3.0-sm4"])
    @pytest.mark.parametrize("with_psam", [True, False])
    def test_card(self, profile: str, with_psam: bool) -> None:
        """TRM-119, TRM-241: BK, the command; afterwards SELECT is 6A81, and the terminal says blocked."""
        bench = terminal(profile, wire() if with_psam else None)
        assert bench.social(service=SocialService.BLOCK_CARD).verdict is Verdict.PASSED
        assert "00820005" in bench.contacts.headers
        assert sent(bench, 0x16)[0][:10] == "8416000004"
        outcome = bench.social()
        assert outcome.blocked
        assert outcome.failure is not None
        assert str(outcome.failure.sw) == "6A81"

    @pytest.mark.parametrize("df", [0xDF03, 0xDF04])
    def test_application(self, df: int) -> None:
        """TRM-120: LK 83 of the application, the command; later SELECT of it is 9303."""
        bench = terminal("dual-3.0-des", wire())
        outcome = bench.social(service=SocialService.BLOCK_APPLICATION, application=df)
        assert outcome.verdict is Verdict.PASSED, outcome.reason
        assert "00820083" in bench.contacts.headers
        assert sent(bench, 0x1E)[0][:10] == "841E000104"
        user = bench.contacts.user
        user.power_on()
        user.ssse()
        assert user.select(f"D156000005{df - 0xDF01:02X}")[-4:] == "9303"

    def test_wrong_macs_lock_nothing(self) -> None:
        """TRM-121: ten wrong MACs are 6988 each, and the block is still possible."""
        bench = terminal("dual-3.0-des")
        user = bench.contacts.user
        user.power_on()
        user.ssse()
        user.select("D15600000502")
        assert user.authenticate(user.key("LKDF03"), 0x83) == "9000"
        for _ in range(10):
            user.challenge()
            assert user.x("841E00010400000000")[-4:] == "6988"
        outcome = bench.social(service=SocialService.BLOCK_APPLICATION, application=0xDF03)
        assert outcome.verdict is Verdict.PASSED

    def test_an_application_without_a_lock_key(self) -> None:
        """DF01 has none: the request is refused before the card is asked."""
        bench = terminal()
        outcome = bench.social(service=SocialService.BLOCK_APPLICATION, application=0xDF01)
        assert outcome.failure is not None
        assert outcome.failure.cause is Cause.REQUEST
        assert not sent(bench, 0x1E)
