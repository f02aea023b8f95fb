"""iReadCardBas and its form with the HSM: whole strings, orders and codes."""

import pytest

from cardsim.crypto.social import Suite, authentication_data, card_key
from cardsim.iso7816.atr import build_atr
from cardsim.iso7816.tlv import simple
from cardsim.keyfile import SsseKeys
from terminal.national.card import Setup
from terminal.national.codes import Code
from terminal.national.reader import CONTACT, SAM
from tests.cards import DUAL, DUAL_DES, HISTORICAL, card
from tests.psams import NATIONAL, psam
from tests.terminal.fakes import FakeCard
from tests.terminal.national.counter import Counter, Tap, counter, info

DEMO = "519900|51990019850617853X|A00004282|{code}|张三|00814A444686605199000001AC|{version}|20240101|20340131|"
CODES = {Suite.SM4: "519900D156000005000001ACD18203C0", Suite.DES: "519900D156000005000001AC38295E88"}
PROFILES = [
    (DUAL, CODES[Suite.SM4], "3.00", "03"),
    (DUAL_DES, CODES[Suite.DES], "3.00", "01"),
    ("social-2.0", CODES[Suite.DES], "2.00", "01"),
    ("social-1.0", CODES[Suite.DES], "1.00", "01"),
]
NAMES = ["dual-3.0-sm4", "dual-3.0-des", "social-2.0", "social-1.0"]


def hsm(desk: Counter, step1: str) -> str:
    """What the host's HSM gives for the string of step 1."""
    fields = step1.split("|")
    keys = desk.keys.ssse
    assert keys is not None
    groups = []
    for name, factor, original in (("IRK", *fields[4:6]), ("RKSSSE", *fields[6:8])):
        if not factor:
            groups.append("")
            continue
        key = keys.card_key(name, keys.suite, fields[0], bytes.fromhex(fields[1]))
        assert key is not None
        groups.append(
            (authentication_data(keys.suite, key, *map(bytes.fromhex, (factor, original))).hex() + original).upper()
        )
    return "".join(f"{group}|" for group in groups)


class DocumentCard(FakeCard):
    """The card of the document's example, with its ATR, a name of 张三 and the roots of the demo PSAM."""

    atr = bytes.fromhex("00814E43238697159900BF7C7A")
    code = bytes.fromhex("639900D15600000500BF7C7A48FB4966")
    keys: SsseKeys

    def power_on(self) -> bytes:
        super().power_on()
        return build_atr(self.atr)

    def ef05(self) -> list[bytes]:
        records = super().ef05()
        return [simple(0x01, self.code), *records[1:6], simple(0x07, b"X00000019")]

    def ef06(self) -> list[bytes]:
        records = super().ef06()
        return [simple(0x08, b"111111198101011110"), simple(0x09, "张三".encode("gbk").ljust(30, b"\0")), *records[2:]]

    def key(self, name: str) -> bytes:
        return card_key(self.suite, self.keys.roots[name], "639900", self.atr)


class TestWithPsam:
    """iReadCardBas."""

    @pytest.mark.parametrize(("profile", "code", "version"), [row[:3] for row in PROFILES], ids=NAMES)
    def test_output(self, profile: str, code: str, version: str) -> None:
        """API-041, API-042, API-048, API-049: eleven fields; nine characters of the card number, the name, the
        terminal number of EF0016; without a device number the string ends with ||."""
        desk = counter(profile)
        output = DEMO.format(code=code, version=version) + "519900000428||"
        assert desk.call("iReadCardBas", 1) == (0, output)
        assert desk.closed

    def test_card_of_the_document(self) -> None:
        """API-041: the example of the document, with a device number."""
        user = card("social-1.0", on=False)
        document = DocumentCard(
            suite=Suite.DES, version="1.00", issued="20101001", expires="20201001", with_pse=False, issued_keys=False
        )
        assert user.keys.ssse is not None
        document.keys = user.keys.ssse
        desk = counter(user=user, setup=Setup(device_number="DEVICE7"))
        desk.slot(CONTACT).insert(document)
        assert desk.sam is not None
        number = bytes.fromhex("410100813475")
        desk.sam.override = lambda command: number + b"\x90\x00" if command[:3] == b"\x00\xb0\x96" else None
        code, output = desk.call("iReadCardBas", 1)
        assert code == 0
        assert output == (
            "639900|111111198101011110|X00000019|639900D15600000500BF7C7A48FB4966|张三|00814E43238697159900BF7C7A|1.00|"
            "20101001|20201001|410100813475|DEVICE7|"
        )

    def test_name_with_extension(self) -> None:
        """API-048: the name is item 09 and, on 2.0 and 3.0 cards, 4E."""
        for profile, name in (("social-2.0", "买买提·吐尔逊"), ("social-1.0", "买买提")):
            desk = counter(profile)
            first, extension = "买买提".encode("gbk"), "·吐尔逊".encode("gbk")

            records = {2: simple(0x09, first.ljust(30, b"\0")), 3: simple(0x4E, extension.ljust(20, b"\0"))}

            def named(command: bytes, desk: Counter = desk, records: dict[int, bytes] = records) -> bytes | None:
                """Records of EF06, which is selected last."""
                selected = [sent for sent in desk.card.log if sent[1] == 0xA4][-1]
                replaced = command[1] == 0xB2 and selected.endswith(b"\xef\x06") and command[2] in records
                return records[command[2]] + b"\x90\x00" if replaced else None

            if profile == "social-1.0":
                del records[3]
            desk.card.override = named
            code, output = desk.call("iReadCardBas", 1)
            assert (code, output.split("|")[4]) == (0, name)

    def test_order(self) -> None:
        """API-046: region and version, INTERNAL AUTH, EXTERNAL AUTH with RKSSSE, then the other records."""
        desk = counter()
        desk.call("iReadCardBas", 1)
        once = [c[:8] for c in desk.sent if not (c.startswith("00B2") and c.endswith("00") and len(c) == 10)]
        assert once == [
            "00A40400", "00A40200", "00B20104", "00B20304", "00880000", "00840000", "00840000", "0082000A",
            "00A40200", "00B20204", "00B20404", "00B20504", "00B20604", "00B20704",
            "00A40200", *(f"00B2{record:02X}04" for record in range(1, 8)),
        ]  # fmt: skip

    def test_no_psam(self) -> None:
        """API-043, API-169: an empty SAM slot."""
        desk = counter(sam=None)
        assert desk.call("iReadCardBas", 1) == (-2201, "无PSAM卡")
        assert desk.closed

    def test_algorithm(self) -> None:
        """API-044, API-170: the PSAM does not know the card's cipher."""
        desk = counter(module=psam(second=False)[0])
        assert desk.call("iReadCardBas", 1) == (-2202, "PSAM卡算法不支持")
        assert not any(command.startswith("0088") for command in desk.sent)

    @pytest.mark.parametrize("profile", [DUAL, DUAL_DES])
    def test_no_rksssse(self, profile: str) -> None:
        """API-045, API-171: a 3.0 card and a PSAM without RKSSSE; no INTERNAL AUTH is sent."""
        desk = counter(profile, NATIONAL)
        assert desk.call("iReadCardBas", 1) == (-2203, "PSAM卡内没有RKSSSE密钥")
        assert not any(command.startswith("0088") for command in desk.sent)

    @pytest.mark.parametrize("profile", ["social-2.0", "social-1.0"])
    def test_national_psam(self, profile: str) -> None:
        """API-041: older cards need IRK alone, which a PSAM of table B1 has."""
        assert counter(profile, NATIONAL).call("iReadCardBas", 1).code == 0

    @pytest.mark.parametrize("function", ["iReadCardBas", "iReadCardBas_HSM_Step1", "iReadDebitRecord"])
    def test_unknown_version(self, function: str) -> None:
        """API-144: a card of a version that there is not."""
        desk = counter(pins=["123456"])
        version = simple(0x03, b"4.00") + b"\x90\x00"
        desk.card.override = lambda command: version if command[:4] == b"\x00\xb2\x03\x04" else None
        assert desk.call(function, 1) == (-1, "卡类型不正确")
        assert desk.closed

    @pytest.mark.parametrize("ins", [0xDE, 0xFA])
    @pytest.mark.parametrize("profile", [DUAL, "social-2.0"])
    def test_psam_that_refuses(self, profile: str, ins: int) -> None:
        """API-193: a PSAM that has the key and does not work with it: its status word, and no way by the HSM."""
        for sw, code in (("6901", -26881), ("6983", -27011), ("6F00", -28416)):
            desk = counter(profile)
            assert desk.sam is not None
            desk.sam.override = lambda command, sw=sw: bytes.fromhex(sw) if command[1] == ins else None
            assert desk.call("iReadCardBas", 1).code == code
            assert not any(c.startswith("0088") for c in desk.sent)

    def test_psam_of_another_place(self) -> None:
        """API-158: a PSAM whose roots serve another province is not used: its answer would spend a try of the card."""
        number = bytes.fromhex("110100000001")
        for function, arguments in (("iReadCardBas", ()), ("iReadCard", (2, info(), "DF03EF07|70|$DF01EF07|29|$"))):
            desk = counter()
            assert desk.sam is not None
            desk.sam.override = lambda command: number + b"\x90\x00" if command[:3] == b"\x00\xb0\x96" else None
            assert desk.call(function, 1, *arguments) == (-24, "PSAM卡密钥级别不够")
            assert desk.closed

    @pytest.mark.parametrize("profile", NAMES)
    def test_foreign_card(self, profile: str) -> None:
        """API-047, API-155: a card of other keys."""
        desk = counter(profile, module=psam(seed=5)[0])
        assert desk.call("iReadCardBas", 1) == (-21, "内部认证失败（用户卡不合法）")
        assert desk.closed

    @pytest.mark.parametrize("slot", [CONTACT, SAM])
    def test_an_error_at_every_step(self, slot: int) -> None:
        """API-028, API-032, API-050: whatever step fails, the device is closed, with a code below 0 and a text."""
        reference = counter()
        reference.call("iReadCardBas", 1)
        length = len((reference.card if slot == CONTACT else _sam(reference)).log)
        for step in range(length):
            desk = counter()
            tap = desk.card if slot == CONTACT else _sam(desk)
            tap.override = lambda _, tap=tap, step=step: b"\x6f\x00" if len(tap.log) == step + 1 else None
            result = desk.call("iReadCardBas", 1)
            assert result.code < 0, step
            assert result.output
            assert desk.closed


def _sam(desk: Counter) -> Tap:
    assert desk.sam is not None
    return desk.sam


class TestWithHsm:
    """iReadCardBas_HSM_Step1 and _Step2."""

    @pytest.mark.parametrize(("profile", "code", "version", "algorithm"), PROFILES, ids=NAMES)
    def test_step1(self, profile: str, code: str, version: str, algorithm: str) -> None:
        """API-051, API-052, API-053: region, historical bytes, algorithm, card id, and the numbers that the card was
        asked with; the last two are empty for 1.0 and 2.0 cards."""
        desk = counter(profile, None)
        result = desk.call("iReadCardBas_HSM_Step1", 1)
        given = desk.challenges
        internal = f"{given[1]}|{given[0]}"
        external = f"{given[3]}|{given[2]}" if version == "3.00" else "|"
        assert result == (0, f"519900|{HISTORICAL.hex().upper()}|{algorithm}|{code}|{internal}|{external}|")
        (asked,) = (command for command in desk.sent if command.startswith("0088"))
        assert asked[10:42] == internal.replace("|", "")

    def test_order(self) -> None:
        """API-053, API-054: 0084, 0084, 0088, then two more challenges, of which the last one is the factor."""
        desk = counter(sam=None)
        desk.call("iReadCardBas_HSM_Step1", 1)
        assert [c[:4] for c in desk.sent if c[:4] in ("0084", "0088")] == ["0084", "0084", "0088", "0084", "0084"]

    @pytest.mark.parametrize(("profile", "code", "version"), [row[:3] for row in PROFILES], ids=NAMES)
    def test_step2(self, profile: str, code: str, version: str) -> None:
        """API-055, API-056, API-058: output as iReadCardBas, the terminal number twelve zeros."""
        desk = counter(profile, None)
        key = hsm(desk, desk.call("iReadCardBas_HSM_Step1", 1).output)
        assert key.endswith("||") == (version != "3.00")
        first = len(desk.sent)
        output = DEMO.format(code=code, version=version) + "000000000000||"
        assert desk.call("iReadCardBas_HSM_Step2", key) == (0, output)
        assert desk.sent[first].startswith("0082000A10") == (version == "3.00")
        assert desk.closed

    def test_terminal_number(self) -> None:
        """API-058: where a PSAM is there after all, the number is its."""
        desk = counter(sam=NATIONAL)
        key = hsm(desk, desk.call("iReadCardBas_HSM_Step1", 1).output)
        assert desk.call("iReadCardBas_HSM_Step2", key).output.split("|")[9] == "519900000428"

    def test_wrong_answer(self) -> None:
        """API-057: a differing internal answer; with the other profile it is -25, as the OCX has it."""
        for mismatch in (Code.INTERNAL_AUTHENTICATION, Code.HSM_DIFFERS):
            desk = counter(sam=None, setup=Setup(mismatch=mismatch))
            key = hsm(desk, desk.call("iReadCardBas_HSM_Step1", 1).output)
            wrong = f"{int(key[:2], 16) ^ 1:02X}{key[2:]}"
            assert desk.call("iReadCardBas_HSM_Step2", wrong).code == mismatch
            assert not any(command.startswith("0082") for command in desk.sent)
            assert desk.closed

    def test_wrong_cryptogram(self) -> None:
        """API-175: the card refuses the HSM's proof with 63C2, two tries left."""
        desk = counter(sam=None)
        key = hsm(desk, desk.call("iReadCardBas_HSM_Step1", 1).output)
        wrong = key[:33] + f"{int(key[33:35], 16) ^ 1:02X}" + key[35:]
        assert desk.call("iReadCardBas_HSM_Step2", wrong) == (-25538, "外部认证失败，剩余2次")

    @pytest.mark.parametrize(
        ("key", "code"),
        [("", -23), ("00|", -23), ("0" * 32 + "|" + "0" * 30 + "|", -42), ("g" * 32 + "||", -41), ("0" * 129, -42)],
    )
    def test_malformed_key(self, key: str, code: int) -> None:
        """API-036, API-055: pKey of another form, and one longer than its buffer."""
        desk = counter(sam=None)
        desk.call("iReadCardBas_HSM_Step1", 1)
        assert desk.call("iReadCardBas_HSM_Step2", key).code == code
        assert desk.closed

    def test_station_code(self) -> None:
        """API-059: the platform of Sichuan has a ninth field of 32 characters."""
        station = "0123456789ABCDEF0123456789ABCDEF"
        desk = counter(sam=None, setup=Setup(station_code=station))
        fields = desk.call("iReadCardBas_HSM_Step1", 1).output.split("|")
        assert (len(fields), fields[8], fields[9]) == (10, station, "")


class TestSequence:
    """The steps share one session."""

    def test_without_step1(self) -> None:
        """API-038, API-150: step 2 or 3 without the step before fails."""
        desk = counter()
        for name, key in (("iReadCardBas_HSM_Step2", "||"), ("iReadCard_HSM_Step2", ""), ("iReloadPIN_HSM_Step3", "")):
            assert desk.call(name, key) == (-12, "未建立连接")
        assert desk.card.power == 0

    def test_card_stays_powered(self) -> None:
        """API-037: between the steps the device is open and the card has power."""
        desk = counter(sam=None)
        desk.call("iReadCardBas_HSM_Step1", 1)
        assert desk.library.open_handles == 1
        assert desk.slot(CONTACT).powered
        assert desk.card.power == 1

    def test_card_removed(self) -> None:
        """API-037, API-145: the card is gone in step 2, and the device is closed then."""
        desk = counter(sam=None)
        key = hsm(desk, desk.call("iReadCardBas_HSM_Step1", 1).output)
        desk.slot(CONTACT).remove()
        assert desk.call("iReadCardBas_HSM_Step2", key) == (-2, "无卡")
        assert desk.closed

    def test_card_put_in_again(self) -> None:
        """API-037, API-146: a card that was away in between has no power."""
        desk = counter(sam=None)
        key = hsm(desk, desk.call("iReadCardBas_HSM_Step1", 1).output)
        desk.slot(CONTACT).insert(desk.card)
        assert desk.call("iReadCardBas_HSM_Step2", key) == (-3, "有卡未上电")
        assert desk.closed

    def test_failed_step1(self) -> None:
        """API-039: after an error in step 1 the sequence is void."""
        desk = counter(sam=None)
        desk.card.override = lambda command: b"\x6a\x88" if command[1] == 0x88 else None
        assert desk.call("iReadCardBas_HSM_Step1", 1).code == -27272
        assert desk.closed
        assert desk.call("iReadCardBas_HSM_Step2", "||").code == -12

    def test_failed_step2(self) -> None:
        """API-039: after an error in step 2 there is no second attempt."""
        desk = counter(sam=None)
        key = hsm(desk, desk.call("iReadCardBas_HSM_Step1", 1).output)
        assert desk.call("iReadCardBas_HSM_Step2", "||").code == -42
        assert desk.call("iReadCardBas_HSM_Step2", key).code == -12

    def test_another_call_between(self) -> None:
        """API-039: another function in between ends the sequence."""
        desk = counter()
        key = hsm(desk, desk.call("iReadCardBas_HSM_Step1", 1).output)
        assert desk.call("iReadCardBas", 1).code == 0
        assert desk.call("iReadCardBas_HSM_Step2", key).code == -12
        assert desk.closed

    def test_other_step2(self) -> None:
        """API-039: so does the step of another function."""
        desk = counter()
        desk.call("iReadCardBas_HSM_Step1", 1)
        assert desk.call("iReadCard_HSM_Step2", "0" * 32).code == -12
        assert desk.closed
