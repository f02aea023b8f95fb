"""iDoDebit, its form with the HSM, and iReadDebitRecord: whole strings, orders and codes."""

from dataclasses import replace

import pytest

from cardsim.assembly import SamModel, new_psam
from cardsim.crypto import medical
from cardsim.crypto.medical import Purchase, TypeCoding
from cardsim.crypto.social import Suite
from cardsim.making.psam import activate_psam, make_psam
from cardsim.making.samplan import load_psam_profile
from terminal.national.card import Setup
from tests.cards import DUAL, DUAL_DES, HISTORICAL
from tests.psams import FIELD, NATIONAL
from tests.terminal.national.counter import Counter, counter, info

ALL = (DUAL, DUAL_DES, "social-2.0", "social-1.0")
TIME = "20261121120001"
PAYMENT = f"123.45|100.00|{TIME}|"
NUMBER = "519900000428"


def keys_of(desk: Counter, name: str) -> tuple[Suite, bytes]:
    """The card's own key."""
    keys = desk.keys.ssse
    assert keys is not None
    key = keys.card_key(name, keys.suite, keys.area, HISTORICAL)
    assert key is not None
    return keys.suite, key


def tac(desk: Counter, terminal: str, sequence: str, time: str = TIME) -> str:
    """The TAC that the card must give for 123.45 and 100.00."""
    suite, key = keys_of(desk, "DTK")
    data = Purchase(0, 12345, 10000, bytes.fromhex(terminal)).tac_data(bytes.fromhex(sequence), bytes.fromhex(time))
    return medical.tac(suite, key, data).hex().upper()


def authorised(desk: Counter, step1: str, sequence: str, time: str) -> str:
    """What the HSM gives for the string of step 1."""
    _, _, random, counter_, amounts, _, terminal, _, _ = step1.split("|")
    suite, key = keys_of(desk, "DPK")
    tail = bytes.fromhex(sequence)
    session = medical.purchase_session(suite, key, bytes.fromhex(random), bytes.fromhex(counter_), tail)
    self_paid, pool = int(amounts[:8], 16), int(amounts[8:], 16)
    purchase = Purchase(0, self_paid, pool, bytes.fromhex(terminal))
    mac1 = medical.mac(suite, session, purchase.mac1_data(bytes.fromhex(time)))
    return f"{sequence}|{time}|{mac1.hex().upper()}|"


def without_purchase_key() -> SamModel:
    """A PSAM that holds no DPK."""
    plan = load_psam_profile(FIELD)
    model = new_psam(seed=1)
    activate_psam(model, None, int(plan.switches))
    make_psam(model, replace(plan, keys=tuple(key for key in plan.keys if key.name != "DPK")), None)
    return model


class TestWithPsam:
    """iDoDebit."""

    @pytest.mark.parametrize("profile", ALL)
    @pytest.mark.parametrize("sam", [FIELD, NATIONAL])
    def test_output(self, profile: str, sam: str) -> None:
        """API-116, API-119, TRM-166: amounts of 0, 12345 and 10000 fen; eight fields, the TAC last."""
        desk = counter(profile, sam, ["123456"])
        code, output = desk.call("iDoDebit", 1, info(profile), PAYMENT)
        algorithm = "03" if profile == DUAL else "01"
        expected = f"{algorithm}|00B5|0000303900002710|2|{NUMBER}|00000000|{TIME}|{tac(desk, NUMBER, '00000000')}|"
        assert (code, output) == (0, expected)
        (begun,) = (c for c in desk.sent if c.startswith("B0280101"))
        assert begun[12:36] == "00000000" + "00003039" + "00002710"
        assert desk.closed

    def test_vector(self) -> None:
        """API-119: the vector of the fact sheet: E971260F under its key, for its terminal and sequence."""
        key = bytes.fromhex("BDCF2343CB7B3CA0A0614648289B7736")
        data = Purchase(0, 12345, 10000, bytes.fromhex("510000000001")).tac_data(
            bytes.fromhex("00000012"), bytes.fromhex("20140801120001")
        )
        assert medical.tac(Suite.DES, key, data).hex().upper() == "E971260F"

    def test_order(self) -> None:
        """API-120: VERIFY, the application, INITIALIZE, MAC1 of the PSAM, DEBIT, MAC2 to the PSAM."""
        desk = counter(pins=["123456"])
        assert desk.sam is not None
        both: list[str] = []

        def noted(command: bytes) -> None:
            """Both contacts in one list; the answer is the card's own."""
            both.append(command[:4].hex().upper())

        desk.card.override = desk.sam.override = noted
        assert desk.call("iDoDebit", 1, info(), PAYMENT).code == 0
        wanted = ("00200000", "00A40400", "B0280101", "80700100", "B02C0100", "80720000")
        seen = [header for header in both if header in wanted]
        assert seen[-6:] == list(wanted)

    def test_wrong_pin(self) -> None:
        """API-120, API-167: nothing is begun."""
        desk = counter(pins=["000000"])
        assert desk.call("iDoDebit", 1, info(), PAYMENT) == (-51, "PIN校验失败，剩余5次")
        assert not any(c.startswith("B0") for c in desk.sent)

    def test_psam_without_the_key(self) -> None:
        """API-121, API-191: the PSAM does not support the purchase."""
        desk = counter(pins=["123456"], module=without_purchase_key())
        assert desk.call("iDoDebit", 1, info(), PAYMENT) == (-37891, "PSAM卡不支持消费交易")
        assert not any(c.startswith("B02C") for c in desk.sent)

    def test_key_index_of_the_card(self) -> None:
        """API-191: the card does not know the version of the key either."""
        desk = counter(pins=["123456"], setup=Setup(purchase_key_index=9))
        assert desk.call("iDoDebit", 1, info(), PAYMENT).code == -37891

    @pytest.mark.parametrize("index", [1, 2, 3])
    def test_versions(self, index: int) -> None:
        """API-225, API-235, API-236: each version of DPK."""
        desk = counter(pins=["123456"], setup=Setup(purchase_key_index=index))
        assert desk.call("iDoDebit", 1, info(), PAYMENT).code == 0

    def test_wrong_mac2(self) -> None:
        """API-120, API-189: the PSAM refuses the card's MAC2."""
        desk = counter(pins=["123456"])
        assert desk.sam is not None
        desk.sam.override = lambda command: b"\x93\x02" if command[1] == 0x72 else None
        assert desk.call("iDoDebit", 1, info(), PAYMENT) == (-37634, "MAC无效")

    @pytest.mark.parametrize(
        ("ins", "sw", "code"),
        [(0x70, "9403", -37891), (0x70, "6901", -26881), (0x72, "63CE", -37634), (0x72, "6901", -26881)],
    )
    def test_psam_that_refuses(self, ins: int, sw: str, code: int) -> None:
        """API-189, API-191, API-193: what the PSAM answers; 63Cx counts a wrong MAC2."""
        desk = counter(pins=["123456"])
        assert desk.sam is not None
        desk.sam.override = lambda command: bytes.fromhex(sw) if command[1] == ins else None
        assert desk.call("iDoDebit", 1, info(), PAYMENT).code == code

    def test_wrong_mac1(self) -> None:
        """API-189: the card refuses MAC1."""
        desk = counter(pins=["123456"])
        assert desk.sam is not None
        desk.sam.override = lambda command: bytes(8) + b"\x90\x00" if command[1] == 0x70 else None
        assert desk.call("iDoDebit", 1, info(), PAYMENT).code == -37634

    def test_no_psam(self) -> None:
        """API-043, API-120: nobody is asked for a PIN where there is no PSAM."""
        desk = counter(sam=None, pins=["123456"])
        assert desk.call("iDoDebit", 1, info(), PAYMENT).code == -2201
        assert desk.pad.prompts == []

    def test_initial_pin(self) -> None:
        """API-114, API-163: with the rule switched on nobody pays with the initial PIN."""
        desk = counter(pins=["123456"], setup=Setup(initial_pin="123456"))
        assert desk.call("iDoDebit", 1, info(), PAYMENT) == (-35, "初始密码不能交易")
        assert not any(c.startswith("B0") for c in desk.sent)

    @pytest.mark.parametrize(
        ("payment", "code"),
        [(f"42949672.95|0.00|{TIME}|", -23), (f"1.5|0.00|{TIME}|", -23), (f"-1.00|0.00|{TIME}|", -41), ("1.00|", -23)],
    )
    def test_amounts(self, payment: str, code: int) -> None:
        """API-117, API-118, API-157: refused before the card gets power for it."""
        desk = counter(pins=["123456"])
        assert desk.call("iDoDebit", 1, info(), payment).code == code
        assert desk.sent == []

    def test_binary_type(self) -> None:
        """API-119: a terminal for cards with the binary transaction type (D19)."""
        desk = counter(pins=["123456"], setup=Setup(medical_type=TypeCoding.BINARY))
        assert desk.call("iDoDebit", 1, info(), PAYMENT).code == -37634, "a card with the type as a character"


class TestWithHsm:
    """iDoDebit_HSM_Step1 and _Step2."""

    @pytest.mark.parametrize("profile", ALL)
    def test_pair(self, profile: str) -> None:
        """API-122, API-123, API-124: the string for the HSM with terminal number zero; then nine fields."""
        desk = counter(profile, None, ["123456"])
        algorithm = "03" if profile == DUAL else "01"
        step1 = desk.call("iDoDebit_HSM_Step1", 1, info(profile), PAYMENT)
        (begun,) = (c for c in desk.sent if c.startswith("B0280101"))
        answer = desk.answer_to("B0280101")
        zeros = "0" * 12
        assert begun[10:48] == "01" + "00000000" + "00003039" + "00002710" + zeros
        random, sequence = answer[36:44], answer[28:32]
        assert step1 == (0, f"{algorithm}|017F|{random}|{sequence}|0000303900002710|2|{zeros}|{TIME}|")
        key = authorised(desk, step1.output, "00000012", TIME)
        code, output = desk.call("iDoDebit_HSM_Step2", key)
        fields = f"{algorithm}|00B5|0000303900002710|2|{zeros}|00000012|{TIME}|{tac(desk, zeros, '00000012')}|"
        assert code == 0
        assert output == f"{desk.answer_to('B02C0100')[8:16]}|{fields}"
        assert output.count("|") == 9
        assert desk.closed

    @pytest.mark.parametrize("profile", ALL)
    def test_second_purchase(self, profile: str) -> None:
        """API-122, API-124: on a card that has paid before, the card sequence is the counter and no other field."""
        desk = counter(profile, pins=["123456", "123456"])
        assert desk.call("iDoDebit", 1, info(profile), PAYMENT).code == 0
        step1 = desk.call("iDoDebit_HSM_Step1", 1, info(profile), PAYMENT)
        assert step1.output.split("|")[3] == "0001"
        assert desk.call("iDoDebit_HSM_Step2", authorised(desk, step1.output, "00000013", TIME)).code == 0

    def test_time(self) -> None:
        """API-125: DEBIT carries the time of pKey."""
        desk = counter(sam=None, pins=["123456"])
        step1 = desk.call("iDoDebit_HSM_Step1", 1, info(), PAYMENT)
        other = "20261121120107"
        code, output = desk.call("iDoDebit_HSM_Step2", authorised(desk, step1.output, "00000001", other))
        assert (code, output.split("|")[7]) == (0, other)
        assert desk.sent[-1][18:32] == other

    @pytest.mark.parametrize(
        ("key", "code"),
        [("", -23), (f"00000012|{TIME}|", -23), (f"0012|{TIME}|00000000|", -42), (f"0000001g|{TIME}|00000000|", -41),
         ("00000012|20261321120000|00000000|", -23), (f"00000012|{TIME}|00000000|", -37634)],
    )  # fmt: skip
    def test_wrong_key(self, key: str, code: int) -> None:
        """API-036, API-124, API-189: other forms; a wrong MAC1 is refused by the card."""
        desk = counter(sam=None, pins=["123456"])
        desk.call("iDoDebit_HSM_Step1", 1, info(), PAYMENT)
        assert desk.call("iDoDebit_HSM_Step2", key).code == code
        assert desk.closed

    def test_terminal_number(self) -> None:
        """API-123: with a PSAM in its slot the number is the PSAM's."""
        desk = counter(sam=NATIONAL, pins=["123456"])
        assert desk.call("iDoDebit_HSM_Step1", 1, info(), PAYMENT).output.split("|")[6] == NUMBER


class TestLog:
    """iReadDebitRecord."""

    def test_empty(self) -> None:
        """API-128, API-129: a new card on a fresh device: an empty result."""
        desk = counter(sam=None, pins=["123456"])
        assert desk.call("iReadDebitRecord", 1) == (0, "")
        assert desk.closed

    @pytest.mark.parametrize("profile", ALL)
    def test_two(self, profile: str) -> None:
        """API-126, API-127: a group for each purchase, the newest first; amounts as in pPayInfo."""
        desk = counter(profile, pins=["123456"] * 3)
        assert desk.call("iDoDebit", 1, info(profile), f"123.45|100.00|{TIME}|").code == 0
        assert desk.call("iDoDebit", 1, info(profile), "0.07|0.00|20261121120002|").code == 0
        assert desk.call("iReadDebitRecord", 1) == (
            0,
            f"0001^{NUMBER}^20261121120002^0.07^0.00^|0000^{NUMBER}^{TIME}^123.45^100.00^|",
        )

    def test_wrong_pin(self) -> None:
        """API-126: PIN first."""
        assert counter(pins=["000000"]).call("iReadDebitRecord", 1).code == -51
