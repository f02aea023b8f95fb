"""iReadCard, iWriteCard and their forms with the HSM: whole strings, orders and codes."""

import pytest

from cardsim.crypto.social import authentication_data
from tests.cards import DUAL, DUAL_DES, HISTORICAL
from tests.psams import NATIONAL
from tests.terminal.national.counter import Counter, counter, info

CARDS = (DUAL, DUAL_DES, "social-2.0")
SCHOOL = "402^080200^示例大学^"
JOBS = (
    "2020701^20160301^^示例市安康机械有限公司^|2020701^20120601^20151031^示例市电机有限公司^|"
    "6180101^20090301^20120531^示例市第二机床厂^|6180101^20060901^20090228^示例市第一机床厂^|"
)


def proof(desk: Counter, name: str, step1: str) -> str:
    """What the HSM gives for the string of step 1: cryptogram and original."""
    _, _, factor, original, _ = step1.split("|")
    keys = desk.keys.ssse
    assert keys is not None
    key = keys.card_key(name, keys.suite, keys.area, HISTORICAL)
    assert key is not None
    data = authentication_data(keys.suite, key, bytes.fromhex(factor), bytes.fromhex(original))
    return data.hex().upper() + original


def after_check(desk: Counter) -> list[str]:
    """Commands behind the comparison of the card, without the repeated ones of 6Cxx."""
    return [c for c in desk.sent[9:] if not (len(c) == 10 and c[2:4] in ("B2", "B0") and c.endswith("00"))]


class TestReading:
    """iReadCard."""

    @pytest.mark.parametrize("profile", CARDS)
    def test_mirrors(self, profile: str) -> None:
        """API-064, API-068, API-076: the output has the form of the address, with values in the place of items."""
        desk = counter(profile)
        address = "SSSEEF05|07|$DF01EF0A|37|$DF01EF15|2A|40|40:2|$"
        output = f"SSSEEF05|A00004282|$DF01EF0A|156|$DF01EF15|21|{SCHOOL}|^^^|$"
        assert desk.call("iReadCard", 1, 2, info(profile), address) == (0, output)
        assert desk.closed

    def test_second_instance(self) -> None:
        """API-064: tag:n is the n-th item of a tag, record n+1 of this file."""
        desk = counter()
        assert desk.call("iReadCard", 1, 2, info(), "DF01EF15|40:2|$") == (0, "DF01EF15|^^^|$")
        assert after_check(desk)[-1].startswith("00B20304")

    def test_old_names(self) -> None:
        """API-063: MFEF05 and DDF1EF05 are SSSEEF05, and are mirrored as they were written."""
        for name in ("MFEF05", "DDF1EF05"):
            assert counter().call("iReadCard", 1, 1, info(), f"{name}|07|$") == (0, f"{name}|A00004282|$")

    def test_cyclic(self) -> None:
        """API-065: all records, values and records each with their ending."""
        assert counter().call("iReadCard", 1, 2, info(), "DF02EF07|$") == (0, f"DF02EF07|{JOBS}$")

    def test_one_record(self) -> None:
        """API-066: one record of a cyclic file."""
        output = "DF02EF07:02|2020701^20120601^20151031^示例市电机有限公司^|$"
        assert counter().call("iReadCard", 1, 2, info(), "DF02EF07:02|$") == (0, output)
        assert counter().call("iReadCard", 1, 2, info(), "DF02EF07:09|$") == (-27267, "未找到记录")

    def test_transparent(self) -> None:
        """API-067: the whole content in hex."""
        finger = bytes(number * 7 & 0xFF for number in range(0x300)).hex().upper()
        assert counter().call("iReadCard", 1, 2, info(), "SSSEEF07|$") == (0, f"SSSEEF07|{finger}|$")

    @pytest.mark.parametrize(
        "address",
        ["DF09EF05|01|$", "DF01EF0F|01|$", "SSSEEF05|7F|$", "DF01EF15|40:4|$", "DF01EF07|$", "SSSEEF07|01|$",
         "DF02EF07|01|$", "SSSEEF05:1|07|$", "SSSEEF05|07|$DF09EF05|01|$"],
    )  # fmt: skip
    def test_unknown(self, address: str) -> None:
        """API-062, API-157: files, items and records that there are not."""
        desk = counter()
        assert desk.call("iReadCard", 1, 2, info(), address).code == -23
        assert after_check(desk) == []

    def test_version(self) -> None:
        """API-035, API-062: what a card of this version does not have is not asked for."""
        desk = counter("social-1.0")
        assert desk.call("iReadCard", 1, 2, info("social-1.0"), "DF04EF15|$").code == -23
        assert after_check(desk) == []

    def test_kind_of_authentication(self) -> None:
        """API-070: 1 gives VERIFY, 2 EXTERNAL AUTHENTICATE."""
        for kind, command in ((1, "00200000"), (2, "00820084")):
            desk = counter(pins=["123456"])
            output = "DF03EF07|110|$"
            assert desk.call("iReadCard", 1, kind, info(), "DF03EF07|70|$") == (0, output)
            used = [c[:8] for c in after_check(desk) if c[2:4] in ("20", "82")]
            assert used == [command]

    def test_other_kinds(self) -> None:
        """API-070, API-071: another iAuthType is illegal where it matters, and nothing where it does not."""
        assert counter().call("iReadCard", 1, 3, info(), "DF03EF07|70|$").code == -23
        assert counter().call("iReadCard", 1, 3, info(), "SSSEEF05|07|$").code == 0
        assert counter().call("iReadCard", 1, 0, info(), "SSSEEF07|$").code == 0

    def test_other_card(self) -> None:
        """API-072, API-073, API-156: card id and number are compared."""
        identification, number, _ = info().split("|")
        for wrong in (f"{identification}|A00004283|", f"{identification[:-1]}1|{number}|"):
            desk = counter()
            assert desk.call("iReadCard", 1, 2, wrong, "SSSEEF05|07|$") == (-22, "传入数据与卡内不符")
            assert after_check(desk) == []
            assert desk.closed

    def test_psam_for_keys_alone(self) -> None:
        """API-075: no PSAM is needed for free files and for those of the PIN, and it gets no power then."""
        assert counter(sam=None).call("iReadCard", 1, 2, info(), "SSSEEF05|07|$").code == 0
        desk = counter(pins=["123456"])
        assert desk.call("iReadCard", 1, 1, info(), "DF04EF08|$DF03EF07|70|$").code == 0
        assert desk.sam is not None
        assert desk.sam.power == 0
        assert counter(sam=None).call("iReadCard", 1, 2, info(), "DF03EF07|70|$").code == -2201

    def test_pin(self) -> None:
        """API-077: PIN prompt, VERIFY, then the records; a new card has none."""
        desk = counter(pins=["123456"])
        assert desk.call("iReadCard", 1, 2, info(), "DF04EF08|$") == (0, "DF04EF08|$")
        assert [c[:8] for c in after_check(desk)][:3] == ["00A40400", "00200000", "00A40200"]

    def test_pin_and_key(self) -> None:
        """API-078: key authentication first, then the PIN."""
        desk = counter(pins=["123456"])
        assert desk.call("iReadCard", 1, 1, info(), "DF04EF06|90|$") == (0, "DF04EF06|1|$")
        assert [c[:4] for c in after_check(desk) if c[2:4] in ("20", "82")] == ["0082", "0020"]

    def test_one_authentication(self) -> None:
        """API-070: what the card has granted once is not asked for again in the same application."""
        desk = counter(pins=["123456"])
        desk.call("iReadCard", 1, 1, info(), "DF03EF07|70|$DF03EF06|45|$DF01EF07|29|$")
        assert len(desk.pad.prompts) == 1

    def test_tries(self) -> None:
        """API-079, API-173, API-174, API-175: EXTERNAL AUTHENTICATE refused: 63C2, 63C1, 63C0, then 6983."""
        desk = counter()
        assert desk.sam is not None
        desk.sam.override = lambda command: bytes(16) + b"\x90\x00" if command[1] == 0xFA else None
        codes = [desk.call("iReadCard", 1, 2, info(), "DF03EF07|70|$").code for _ in range(4)]
        assert codes == [-25538, -25537, -25536, -27011]

    def test_buffer(self) -> None:
        """API-036: an output that is longer than its buffer is not given."""
        desk = counter()
        address = "SSSEEF08|$" * 3
        result = desk.call("iReadCard", 1, 2, info(), address)
        assert (result.code, desk.closed) == (-42, True)

    def test_national_psam(self) -> None:
        """API-079, API-188: a key that the PSAM does not have is 6A88; the keys of table B1 open their files."""
        desk = counter("social-2.0", NATIONAL)
        assert desk.call("iReadCard", 1, 2, info("social-2.0"), "DF01EF07|29|$") == (
            -27272,
            "未找到引用数据，未找到密钥",
        )
        assert desk.call("iReadCard", 1, 2, info("social-2.0"), "DF03EF07|70|$") == (0, "DF03EF07|110|$")


class TestReadingWithHsm:
    """iReadCard_HSM_Step1 and _Step2."""

    @pytest.mark.parametrize(("profile", "algorithm"), [(DUAL, "03"), (DUAL_DES, "01"), ("social-2.0", "01")])
    def test_pair(self, profile: str, algorithm: str) -> None:
        """API-080, API-084, API-085: the string for the HSM, then the data; the factor is the later challenge."""
        desk = counter(profile, None)
        step1 = desk.call("iReadCard_HSM_Step1", 1, info(profile), "DF03EF07|70|71|$")
        original, factor = desk.challenges
        assert step1 == (0, f"{algorithm}|0193|{factor}|{original}|")
        key = proof(desk, "RK1DF03", step1.output)
        assert desk.call("iReadCard_HSM_Step2", key) == (0, "DF03EF07|110|519900|$")
        assert desk.closed

    def test_first_file_alone(self) -> None:
        """API-081: further files are ignored."""
        desk = counter(sam=None)
        step1 = desk.call("iReadCard_HSM_Step1", 1, info(), "DF03EF07|70|$DF03EF06|45|$")
        assert desk.call("iReadCard_HSM_Step2", proof(desk, "RK1DF03", step1.output)) == (0, "DF03EF07|110|$")

    def test_pin_first(self) -> None:
        """API-082: PIN and key: PIN first, then the challenges."""
        desk = counter(sam=None, pins=["123456"])
        step1 = desk.call("iReadCard_HSM_Step1", 1, info(), "DF04EF06|90|$")
        assert [c[:4] for c in desk.sent if c[2:4] in ("20", "84")] == ["0020", "0084", "0084"]
        assert desk.call("iReadCard_HSM_Step2", proof(desk, "RK1DF04", step1.output)) == (0, "DF04EF06|1|$")

    @pytest.mark.parametrize("address", ["SSSEEF05|07|$", "DF04EF08|$", "DF01EF16|$"])
    def test_not_needed(self, address: str) -> None:
        """API-083, API-172: free files and those of the PIN need no HSM."""
        desk = counter(sam=None)
        assert desk.call("iReadCard_HSM_Step1", 1, info(), address) == (-2204, "不需要加密机认证")
        assert desk.closed

    @pytest.mark.parametrize(("key", "code"), [("0" * 30, -42), ("0" * 34, -42), ("0g" * 16, -41), ("0" * 32, -25538)])
    def test_wrong_key(self, key: str, code: int) -> None:
        """API-036, API-084: pKey has 32 hex digits; wrong ones cost a try."""
        desk = counter(sam=None)
        desk.call("iReadCard_HSM_Step1", 1, info(), "DF03EF07|70|$")
        assert desk.call("iReadCard_HSM_Step2", key).code == code
        assert desk.closed


class TestWriting:
    """iWriteCard."""

    @pytest.mark.parametrize("profile", CARDS)
    def test_item(self, profile: str) -> None:
        """API-087, API-090, API-092: EXTERNAL AUTHENTICATE with the UK key, then the record; success gives nothing."""
        desk = counter(profile)
        assert desk.call("iWriteCard", 1, info(profile), "DF01EF07|29|$", "DF01EF07|2|$") == (0, "")
        headers = [c[:8] for c in after_check(desk)]
        assert headers == ["00A40400", "00840000", "00840000", "00820084", "00A40200", "00DC0104"]
        assert desk.sent[-1] == "00DC010403290132"
        assert desk.call("iReadCard", 1, 2, info(profile), "DF01EF07|29|$") == (0, "DF01EF07|2|$")

    def test_several(self) -> None:
        """API-087: several items and files, mirrored; each in its place."""
        desk = counter()
        address = "DF01EF15|40:2|2A|$SSSEEF06|09|$"
        data = "DF01EF15|401^0809^示例学院^|11|$SSSEEF06|李四|$"
        assert desk.call("iWriteCard", 1, info(), address, data) == (0, "")
        assert desk.call("iReadCard", 1, 2, info(), address) == (0, data)

    @pytest.mark.parametrize(
        ("address", "data"),
        [
            ("DF01EF0A|37|38|$", "DF01EF0A|156|$"),
            ("DF01EF0A|37|$", "DF01EF0A|156|13|$"),
            ("DF01EF0A|37|$", "DF01EF09|156|$"),
            ("DF01EF0A|37|$", "DF01EF0A|156|$DF01EF07|1|$"),
            ("DF01EF0A|37|$", "DF01EF0A|156|"),
            ("DF02EF07|$", "DF02EF07|1^2^|$"),
            ("DF02EF07|$", "DF02EF07|$"),
            ("DF01EF15|40|$", "DF01EF15|402^080200^|$"),
        ],
    )
    def test_mismatch(self, address: str, data: str) -> None:
        """API-088: data that do not have the structure of the addresses."""
        desk = counter()
        assert desk.call("iWriteCard", 1, info(), address, data).code == -23
        assert not any(c[2:4] in ("DC", "D6", "82") for c in desk.sent)

    def test_cyclic(self) -> None:
        """API-089: a cyclic file gets a new record 1."""
        desk = counter()
        record = "1010101^20240101^^示例市安康机械有限公司^"
        assert desk.call("iWriteCard", 1, info(), "DF02EF07|$", f"DF02EF07|{record}|$") == (0, "")
        assert desk.sent[-1].startswith("00DC0003")
        output = f"DF02EF07|{record}|{'|'.join(JOBS.split('|')[:3])}|$"
        assert desk.call("iReadCard", 1, 2, info(), "DF02EF07|$") == (0, output)

    def test_transparent(self) -> None:
        """API-089: a transparent file is replaced as a whole."""
        desk = counter()
        assert desk.call("iWriteCard", 1, info(), "DF01EF16|$", "DF01EF16|0102FF|$") == (0, "")
        written = "".join(c[10:] for c in desk.sent if c[2:4] == "D6")
        assert written == "0102FF" + "00" * (0x128 - 3)
        assert desk.call("iReadCard", 1, 2, info(), "DF01EF16|$") == (0, f"DF01EF16|{written}|$")

    @pytest.mark.parametrize("function", ["iWriteCard", "iWriteCard_HSM_Step1"])
    def test_protected(self, function: str) -> None:
        """API-091, API-095: a file that the card protects is refused before any command that writes."""
        desk = counter()
        data = ("DF04EF08|1^2^3^4^5^6^7^|$",) if function == "iWriteCard" else ()
        assert desk.call(function, 1, info(), "DF04EF08|$", *data).code == -23
        assert after_check(desk) == []
        assert desk.closed

    @pytest.mark.parametrize(
        ("tag", "text", "value"),
        [
            ("09", "李四", "C0EECBC4" + "00" * 26),
            ("09", "张　三", "D5C5A1A1C8FD" + "00" * 24),
            ("09", "A·买", "41A1A4C2F2" + "00" * 25),
            ("0D", "19900101", "19900101"),
            ("0D", "1990", "1990FFFF"),
            ("0A", "", "00"),
        ],
    )
    def test_padding(self, tag: str, text: str, value: str) -> None:
        """API-096: text is filled with 00, digits with F."""
        desk = counter()
        assert desk.call("iWriteCard", 1, info(), f"SSSEEF06|{tag}|$", f"SSSEEF06|{text}|$") == (0, "")
        assert desk.sent[-1].endswith(f"{tag}{len(value) // 2:02X}{value}")

    @pytest.mark.parametrize(
        ("address", "text", "code"),
        [
            ("SSSEEF06|09", "李" * 15 + "a", -42),
            ("SSSEEF06|0D", "199001011", -42),
            ("SSSEEF05|05", "2018-04-03", -41),
            ("SSSEEF06|0A", "\x01", -41),
            ("SSSEEF06|0A", "\x7f", -41),
            ("SSSEEF06|09", "𠮷", -41),
            ("SSSEEF06|09", "\ud800", -41),
            ("SSSEEF06|09", "☃", -41),
            ("DF01EF16", "xyz", -41),
            ("DF01EF16", "00" * 0x129, -42),
        ],
    )
    def test_values(self, address: str, text: str, code: int) -> None:
        """API-097, API-098, API-165, API-166: too long -42, other characters -41, and nothing is written."""
        desk = counter()
        file = address.split("|", maxsplit=1)[0]
        assert desk.call("iWriteCard", 1, info(), f"{address}|$", f"{file}|{text}|$").code == code
        assert not any(c[2:4] in ("DC", "D6", "82") for c in desk.sent)

    @pytest.mark.parametrize(
        ("address", "text", "value"),
        [
            ("DF01EF09|32", "10", "3130EE"),
            ("DF03EF05|61", "519900", "519900EE"),
            ("DF01EF0A|37", "CHN", "43484EEEEE"),
            ("DF04EF05|87", "51990019850617853", "3531393930303139383530363137383533EE"),
        ],
    )
    def test_new_meaning_on_an_old_card(self, address: str, text: str, value: str) -> None:
        """TRM-185, TRM-186: EE fills the old length and tells the new meaning; what is read is the value alone."""
        file = address.split("|")[0]
        desk = counter("social-1.0", pins=["123456"])
        assert desk.call("iWriteCard", 1, info("social-1.0"), f"{address}|$", f"{file}|{text}|$") == (0, "")
        assert desk.sent[-1].endswith(value)
        assert desk.call("iReadCard", 1, 2, info("social-1.0"), f"{address}|$") == (0, f"{file}|{text}|$")

    def test_too_long_for_the_new_meaning(self) -> None:
        """API-097: a value without room for EE would be taken for one of the old meaning."""
        desk = counter("social-1.0")
        assert desk.call("iWriteCard", 1, info("social-1.0"), "DF01EF09|32|$", "DF01EF09|101|$").code == -42

    def test_nothing_is_half_checked(self) -> None:
        """API-088: an error in the last file shows before the first one is written."""
        desk = counter()
        address, data = "DF01EF07|29|$SSSEEF06|0D|$", "DF01EF07|2|$SSSEEF06|yesterday|$"
        assert desk.call("iWriteCard", 1, info(), address, data).code == -41
        assert not any(c[2:4] == "DC" for c in desk.sent)


class TestWritingWithHsm:
    """iWriteCard_HSM_Step1 and _Step2."""

    @pytest.mark.parametrize(("profile", "algorithm"), [(DUAL, "03"), (DUAL_DES, "01"), ("social-1.0", "01")])
    def test_pair(self, profile: str, algorithm: str) -> None:
        """API-093, API-094: algorithm, address, factor, original; then the write; further files are ignored."""
        desk = counter(profile, None, ["123456"])
        address = "DF01EF07|29|$DF03EF07|70|$"
        step1 = desk.call("iWriteCard_HSM_Step1", 1, info(profile), address)
        original, factor = desk.challenges
        assert step1 == (0, f"{algorithm}|009A|{factor}|{original}|")
        key = proof(desk, "UK2DF01", step1.output)
        assert desk.call("iWriteCard_HSM_Step2", key, "DF01EF07|2|$") == (0, "")
        assert desk.closed

    def test_wrong_data(self) -> None:
        """API-088, API-093: data that do not fit end the sequence before the proof is used."""
        desk = counter(sam=None)
        step1 = desk.call("iWriteCard_HSM_Step1", 1, info(), "DF01EF07|29|$")
        key = proof(desk, "UK2DF01", step1.output)
        assert desk.call("iWriteCard_HSM_Step2", key, "DF01EF07|1|2|$").code == -23
        assert not any(c[2:4] in ("DC", "82") for c in desk.sent)
        assert desk.call("iWriteCard_HSM_Step2", key, "DF01EF07|1|$").code == -12
