"""PIN services of the national interface: strings, orders and codes."""

import pytest

from cardsim.crypto.social import Suite, authentication_data, encipher, mac4, session_key
from terminal.national.card import Setup
from tests.cards import DUAL, DUAL_DES, HISTORICAL
from tests.psams import NATIONAL
from tests.terminal.national.counter import Counter, counter, info

ALL = (DUAL, DUAL_DES, "social-2.0", "social-1.0")
ALGORITHMS = {DUAL: "03", DUAL_DES: "01", "social-2.0": "01", "social-1.0": "01"}


def key_of(desk: Counter, name: str) -> tuple[Suite, bytes]:
    """The card's own key."""
    keys = desk.keys.ssse
    assert keys is not None
    key = keys.card_key(name, keys.suite, keys.area, HISTORICAL)
    assert key is not None
    return keys.suite, key


def proof(desk: Counter, step1: str) -> str:
    """The HSM's proof of PUK for the string of step 1."""
    _, _, factor, original, _ = step1.split("|")
    suite, key = key_of(desk, "PUK")
    return authentication_data(suite, key, bytes.fromhex(factor), bytes.fromhex(original)).hex().upper() + original


def sealed(desk: Counter, step2: str) -> str:
    """The HSM's command for the string of step 2."""
    _, _, challenge, header, pin, _ = step2.split("|")
    suite, key = key_of(desk, "STKSSSE")
    session = session_key(suite, key, bytes.fromhex(challenge))
    data = encipher(suite, session, bytes.fromhex(pin)) if pin else b""
    message = bytes.fromhex(header) + data
    return (message + mac4(suite, session, message)).hex().upper()


def verify(desk: Counter, pin: str) -> int:
    """The code of iVerifyPIN with a PIN, at another counter with the same card."""
    again = counter(user=None, pins=[pin])
    again.slot(1).insert(desk.card)
    return again.call("iVerifyPIN", 1).code


def lock(desk: Counter) -> None:
    """Spend all tries of the PIN."""
    assert [verify(desk, "999999") for _ in range(6)] == [-51] * 5 + [-52]


class TestVerify:
    """iVerifyPIN."""

    def test_right(self) -> None:
        """API-099: prompt for the PIN, VERIFY; neither PSAM nor pCardInfo is needed."""
        desk = counter(sam=None, pins=["123456"])
        assert desk.call("iVerifyPIN", 1) == (0, "")
        assert desk.sent == ["00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "0020000003123456"]
        assert desk.closed

    def test_wrong(self) -> None:
        """API-099, API-167: the text tells the tries that are left."""
        assert counter(pins=["654321"]).call("iVerifyPIN", 1) == (-51, "PIN校验失败，剩余5次")

    def test_locked(self) -> None:
        """API-102, API-168: the last wrong PIN, and every one after it."""
        desk = counter(pins=["123456"])
        lock(desk)
        assert desk.call("iVerifyPIN", 1) == (-52, "PIN锁定")
        known = counter(pins=["123456"])
        known.card.override = lambda command: b"\x63\xc0" if command[1] == 0x20 else None
        assert known.call("iVerifyPIN", 1).code == -52

    @pytest.mark.parametrize(("digits", "code"), [("123", -33), ("1" * 17, -33), ("1234", -51), ("1" * 16, -51)])
    def test_length(self, digits: str, code: int) -> None:
        """API-100, API-161: 4 to 16 digits; a prompt for each entry."""
        desk = counter(pins=[digits])
        assert desk.call("iVerifyPIN", 1).code == code
        assert len(desk.pad.prompts) == 1
        assert any(c.startswith("0020") for c in desk.sent) == (code == -51)

    @pytest.mark.parametrize("digits", ["12a456", "12 456", "-12345", "１２３４５６"])
    def test_characters(self, digits: str) -> None:
        """API-165: a pad that gives more than digits costs the card no try, and breaks nothing."""
        desk = counter(pins=[digits])
        assert desk.call("iVerifyPIN", 1) == (-41, "运算数据含非法字符")
        assert not any(c.startswith("0020") for c in desk.sent)
        assert desk.closed

    def test_cancelled(self) -> None:
        """API-101, API-159: the holder cancels."""
        desk = counter(pins=[None])
        assert desk.call("iVerifyPIN", 1) == (-31, "用户取消密码输入")
        assert desk.closed

    def test_time_out(self) -> None:
        """API-101, API-160: nobody enters anything."""
        desk = counter(pins=[])
        assert desk.call("iVerifyPIN", 1) == (-32, "密码输入操作超时")
        assert desk.closed

    def test_blocked_card(self) -> None:
        """API-179: another status word is its negative decimal value."""
        desk = counter(pins=["123456"])
        desk.card.override = lambda command: b"\x69\x82" if command[1] == 0x20 else None
        assert desk.call("iVerifyPIN", 1) == (-27010, "不满足安全条件")


class TestChange:
    """iChangePIN."""

    def test_command(self) -> None:
        """API-103, API-104: old, new, new again; CHANGE PIN with both."""
        desk = counter(sam=None, pins=["123456", "888888", "888888"])
        assert desk.call("iChangePIN", 1) == (0, "")
        assert desk.sent[-1] == "805E010007123456FF888888"
        assert len(desk.pad.prompts) == len(set(desk.pad.prompts)) == 3
        assert (verify(desk, "888888"), verify(desk, "123456")) == (0, -51)

    def test_different(self) -> None:
        """API-103, API-162: two different new PINs; no APDU."""
        desk = counter(pins=["123456", "888888", "888889"])
        assert desk.call("iChangePIN", 1) == (-34, "两次输入密码不一致")
        assert desk.sent == []

    def test_wrong_old_one(self) -> None:
        """API-167: a wrong old PIN costs a try."""
        assert counter(pins=["000000", "888888", "888888"]).call("iChangePIN", 1) == (-51, "PIN校验失败，剩余5次")

    def test_back_to_the_initial_one(self) -> None:
        """API-114, API-164: with the rule switched on nobody changes to the initial PIN; without it anybody may."""
        pins = ["123456", "888888", "888888"]
        desk = counter(pins=pins, setup=Setup(initial_pin="888888"))
        assert desk.call("iChangePIN", 1) == (-36, "不能改为初始密码")
        assert desk.sent == []
        assert "888888" not in repr(Setup(initial_pin="888888"))
        assert counter(pins=pins).call("iChangePIN", 1).code == 0


class TestWithPsam:
    """iReloadPIN and iUnblockPIN."""

    @pytest.mark.parametrize("profile", ALL)
    def test_reload(self, profile: str) -> None:
        """API-105: card check, the new PIN twice, PUK, 84240001; VERIFY with the new PIN works."""
        desk = counter(profile, pins=["777777", "777777"])
        lock(desk)
        assert desk.call("iReloadPIN", 1, info(profile)) == (0, "")
        used = [c[:8] for c in desk.sent[-5:] if c[2:4] in ("84", "82", "24")]
        assert used == ["00840000", "00840000", "00820006", "00840000", "84240001"]
        assert desk.closed
        assert (verify(desk, "777777"), verify(desk, "123456")) == (0, -51)

    @pytest.mark.parametrize("profile", ALL)
    @pytest.mark.parametrize("function", ["iUnblockPIN", "iUnlockPIN"])
    def test_unblock(self, profile: str, function: str) -> None:
        """API-111, API-113: the counter is restored and the old PIN valid; the flow chart calls it iUnlockPIN."""
        desk = counter(profile)
        lock(desk)
        assert desk.call(function, 1, info(profile)) == (0, "")
        assert desk.sent[-1].startswith("8424000004")
        assert desk.pad.prompts == []
        assert verify(desk, "123456") == 0

    def test_national_psam(self) -> None:
        """API-105, API-188: a PSAM of table B1 has no PUK, so that the way by the HSM is taken."""
        for function, pins in (("iReloadPIN", ["777777", "777777"]), ("iUnblockPIN", [])):
            desk = counter("social-2.0", NATIONAL, pins)
            assert desk.call(function, 1, info("social-2.0")).code == -27272
            assert not any(c.startswith("8424") for c in desk.sent)
            assert desk.pad.prompts == []

    def test_no_psam(self) -> None:
        """API-043, API-105: without a PSAM -2201."""
        desk = counter(sam=None, pins=["777777", "777777"])
        assert desk.call("iReloadPIN", 1, info()).code == -2201
        assert desk.pad.prompts == []

    def test_other_card(self) -> None:
        """API-105, API-156: the card is compared before the holder is asked."""
        desk = counter(pins=["777777", "777777"])
        assert desk.call("iReloadPIN", 1, info().replace("A00004282", "A00004283")).code == -22
        assert desk.pad.prompts == []


class TestWithHsm:
    """The three steps."""

    @pytest.mark.parametrize("profile", ALL)
    def test_reload(self, profile: str) -> None:
        """API-106, API-107, API-108, API-109, API-110: the strings of all steps, and the orders within."""
        desk, algorithm = counter(profile, None, ["777777", "777777"]), ALGORITHMS[profile]
        step1 = desk.call("iReloadPIN_HSM_Step1", 1, info(profile))
        original, factor = desk.challenges
        assert step1 == (0, f"{algorithm}|0090|{factor}|{original}|")
        assert desk.pad.prompts == []
        step2 = desk.call("iReloadPIN_HSM_Step2", proof(desk, step1.output))
        header = "842400010C" if algorithm == "01" else "8424000114"
        assert step2 == (0, f"{algorithm}|0173|{desk.challenges[-1]}|{header}|777777|")
        assert [c[:8] for c in desk.sent[-2:]] == ["00820006", "00840000"]
        command = sealed(desk, step2.output)
        assert len(command) == (34 if algorithm == "01" else 50)
        assert desk.call("iReloadPIN_HSM_Step3", command) == (0, "")
        assert desk.sent[-1] == command
        assert desk.closed
        assert verify(desk, "777777") == 0

    @pytest.mark.parametrize("profile", ALL)
    def test_unblock(self, profile: str) -> None:
        """API-111, API-112: the same with an empty PIN; the last field stays, and pKey has 18 digits."""
        desk, algorithm = counter(profile, None), ALGORITHMS[profile]
        lock(desk)
        step1 = desk.call("iUnblockPIN_HSM_Step1", 1, info(profile))
        step2 = desk.call("iUnblockPIN_HSM_Step2", proof(desk, step1.output))
        assert step2 == (0, f"{algorithm}|0173|{desk.challenges[-1]}|8424000004||")
        command = sealed(desk, step2.output)
        assert len(command) == 18
        assert desk.call("iUnblockPIN_HSM_Step3", command) == (0, "")
        assert verify(desk, "123456") == 0

    def test_without_header(self) -> None:
        """API-109: one platform gives cipher and MAC without the header; a terminal takes that by a choice."""
        for bare, code in ((True, 0), (False, -42)):
            desk = counter(sam=None, pins=["777777", "777777"], setup=Setup(bare_seal=bare))
            step1 = desk.call("iReloadPIN_HSM_Step1", 1, info())
            step2 = desk.call("iReloadPIN_HSM_Step2", proof(desk, step1.output))
            command = sealed(desk, step2.output)[10:]
            assert len(command) == 40
            assert desk.call("iReloadPIN_HSM_Step3", command).code == code
            assert desk.closed

    @pytest.mark.parametrize(
        ("change", "code"),
        [(lambda c: c[:-2], -42), (lambda c: "80" + c[2:], -23), (lambda c: "zz" + c[2:], -41),
         (lambda c: c[:-8] + "00000000", -27016)],
    )  # fmt: skip
    def test_wrong_command(self, change: object, code: int) -> None:
        """API-036, API-109, API-183: another length, header or character; a wrong MAC is 6988."""
        desk = counter(sam=None, pins=["777777", "777777"])
        step1 = desk.call("iReloadPIN_HSM_Step1", 1, info())
        step2 = desk.call("iReloadPIN_HSM_Step2", proof(desk, step1.output))
        assert callable(change)
        assert desk.call("iReloadPIN_HSM_Step3", change(sealed(desk, step2.output))).code == code
        assert desk.closed
        assert desk.interface.waiting_for == ""

    def test_entries_differ(self) -> None:
        """API-039, API-108, API-162: the PIN is asked for in step 2, and an error there voids the sequence."""
        desk = counter(sam=None, pins=["777777", "777778"])
        step1 = desk.call("iReloadPIN_HSM_Step1", 1, info())
        assert desk.call("iReloadPIN_HSM_Step2", proof(desk, step1.output)).code == -34
        assert desk.closed
        assert desk.call("iReloadPIN_HSM_Step3", "00").code == -12
