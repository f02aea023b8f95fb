"""Load, purchase, balance, proof and starting day of the medical-insurance account (SSC part 5 §7, part 7 §10-15)."""

import pytest

from cardsim.cos.access import AccessRule, Operator
from cardsim.cos.files import FileType
from cardsim.cos.record import Switch
from cardsim.crypto.medical import TypeCoding
from cardsim.crypto.social import Suite
from tests.ssse.clinic import DAY, DF03, DF04, DIGITS, DSK, TIME, VECTOR_RANDOM, Clinic, clinic
from tests.ssse.shop import Shop, key, shop, value

BOTH = pytest.mark.parametrize("suite", list(Suite))
MEDICAL = (
    "B02800010B01000001F4510000000001", "B0280101130100000064" + "00" * 8 + "510000000001", "B02A00000B" + "11" * 11,
    "B02C01000F" + "11" * 15, "B026000104", "B02E0032020000", "B0560000020701", "B056010002",
)  # fmt: skip


@pytest.fixture
def at() -> Clinic:
    """A DES card in the medical application, PIN verified, nothing on the account."""
    return clinic()


class TestVectors:
    """The values that the requirements give."""

    @pytest.mark.parametrize(
        ("suite", "binary", "mac1"),
        [(Suite.DES, False, "AF7769AD"), (Suite.DES, True, "0F4E642A"), (Suite.SM4, False, "A4DCB560")],
    )
    def test_load(self, suite: Suite, binary: bool, mac1: str) -> None:
        """SSC7-11.2-01, SSC7-11.2-02, SSC7-11.2-03, SSC5-7.5-02, D19: INITIALIZE FOR LOAD of set LV."""
        at = clinic(suite, switches=Switch.MEDICAL_TYPE_BINARY if binary else 0)
        at.put(balance=1000, load_sequence=3)
        at.fix()
        algorithm = "00" if suite is Suite.DES else "03"
        assert at.initialize_load(0x1F4) == f"000003E8000301{algorithm}E3F50E75{mac1}9000"

    def test_credit(self, at: Clinic) -> None:
        """SSC7-11.7-01, SSC7-11.8-05, SSC5-7.1-02, C-19: CREDIT FOR LOAD of set LV; its TAC has the new balance."""
        at.put(balance=1000, load_sequence=3)
        at.fix()
        at.initialize_load(0x1F4)
        assert at.x("B02A00000B20140801120001EF1FC56A") == "1C0C692E9000"

    @pytest.mark.parametrize(
        ("suite", "binary", "mac1", "answer"),
        [
            (Suite.DES, False, "EF4E24D9", "F0B7F9EA01902555"),
            (Suite.DES, True, "C588A1A0", "E8E8840E01902555"),
            (Suite.SM4, False, "7E696E87", "82DCBAA934BCACA1"),
        ],
    )
    def test_purchase(self, suite: Suite, binary: bool, mac1: str, answer: str) -> None:
        """SSC5-7.2-02, SSC7-12.2-03, SSC7-12.2-04, SSC7-12.6-10, SSC7-12.6-11, SSC7-15-01, SSC7-15-02: set PV."""
        at = clinic(suite, switches=Switch.MEDICAL_TYPE_BINARY if binary else 0)
        at.put(balance=1000, purchase_sequence=5)
        at.fix()
        at.initialize_purchase(100, 10, 0)
        assert at.x(f"B02C01000F0000001220140801120001{mac1}") == answer + "9000"
        assert at.log() == ["00053251000000000120140801120001000000640000000A00000000"]
        assert at.proof("32", 5) == answer[8:] + answer[:8] + "9000"


@BOTH
class TestMoney:
    """What a load and a purchase change."""

    def test_load(self, suite: Suite) -> None:
        """SSC5-7.1-01, SSC5-7.5-01, SSC7-11.8-01, -02, -03, SSC5-7.4-04: balance, sequence, record, proof."""
        at = clinic(suite)
        before = at.account
        assert at.initialize_load(500)[:12] == "000000000000"
        assert at.account == before
        answer = at.credit()
        assert answer == at.load_tac(500) + "9000"
        assert at.x("B026000104") == "000001F49000"
        assert at.log() == ["0000315100000000012014080112000100" + "0001F4" + "00" * 8]
        assert at.proof("31", 0) == "00000000" + answer
        assert at.initialize_load(1)[:12] == "000001F40001"
        assert at.initialize_purchase(1)[28:32] == "0000"

    def test_purchase(self, suite: Suite) -> None:
        """SSC5-7.2-01, SSC5-7.6-01, -02, SSC7-12.6-01, -07, -08, SSCV2-8.5.3-01, SSCV2-8.5.3-02, SSC5-7.4-01."""
        at = clinic(suite)
        at.do_load(500)
        before = at.account
        algorithm = "00" if suite is Suite.DES else "03"
        assert at.initialize_purchase(100, 10, 20)[:-12] == "000001F4" + "00" * 8 + "0000" + "0000" + "01" + algorithm
        assert at.account == before
        assert at.debit() == at.purchase_answer()
        assert [at.x(f"B0260002{le}") for le in ("06", "04")] == ["0000000A20149000", "6700"]
        assert at.x("B026000306") == "0000001420149000"
        assert at.x("B026000104") == "000001909000"
        assert [record[4:6] for record in at.log()] == ["32", "31"]
        assert at.log()[0] == "000032510000000001201408011200010000006400" + "00000A00000014"
        answer = at.purchase_answer()
        assert at.proof("32", 0) == answer[8:16] + answer[:8] + "9000"
        assert at.initialize_purchase(1)[28:32] == "0001"
        assert at.initialize_load(1)[8:12] == "0001"

    @pytest.mark.parametrize("index", [1, 2, 3])
    def test_key_index(self, suite: Suite, index: int) -> None:
        """SSC5-7.6-04: the key index selects the generation of DLK, DPK and DTK, and is the version in the answer."""
        at = clinic(suite)
        assert at.initialize_load(500, index)[12:14] == f"{index:02X}"
        assert at.credit() == at.load_tac(500) + "9000"
        assert at.initialize_purchase(100, index=index)[32:34] == f"{index:02X}"
        assert at.debit() == at.purchase_answer()

    def test_everything_at_once(self, suite: Suite) -> None:
        """SSC7-12.2-02: the whole balance can be spent, one fen more cannot."""
        at = clinic(suite)
        at.do_load(100)
        assert at.initialize_purchase(101) == "9401"
        assert at.buy(100)[-4:] == "9000"
        assert at.x("B026000104") == "000000009000"


class TestYear:
    """The settlement year and its totals (SSC part 7 §12.6)."""

    @pytest.mark.parametrize(
        ("year", "day", "date", "self_paid", "pool", "new_year"),
        [
            ("2014", "0701", "20150630", 110, 220, "2014"),
            ("2014", "0701", "20150701", 10, 20, "2015"),
            ("2012", "0701", "20150315", 10, 20, "2014"),
            ("2014", "0701", "20140630", 110, 220, "2014"),
            ("2014", "0101", "20141231", 110, 220, "2014"),
            ("2014", "0101", "20150101", 10, 20, "2015"),
            ("0000", "0701", "20140801", 10, 20, "2014"),
            ("0000", "0701", "20140301", 10, 20, "2013"),
        ],
    )
    def test_roll_over(self, year: str, day: str, date: str, self_paid: int, pool: int, new_year: str) -> None:
        """SSC7-12.6-02, SSC7-12.6-03, SSC7-12.6-04, SSC7-12.6-05, SSC7-12.6-06: decimal, signed, settlement year."""
        at = clinic()
        at.put(balance=1000, self_paid=100, pool=200, year=bytes.fromhex(year), starting_day=bytes.fromhex(day))
        assert at.buy(1, 10, 20, time=bytes.fromhex(date + "120000"))[-4:] == "9000"
        assert at.x("B026000206") == f"{self_paid:08X}{new_year}9000"
        assert at.x("B026000306") == f"{pool:08X}{new_year}9000"

    @pytest.mark.parametrize("field", ["self_paid", "pool"])
    def test_totals_do_not_wrap(self, at: Clinic, field: str) -> None:
        """SSC7-12.6-12: 6985, nothing is booked; the same purchase begins a new year without a fault."""
        at.put(balance=1000, year=b"\x20\x14", **{field: 0xFFFFFF00})
        before = at.account
        assert at.buy(1, 0x200, 0x200) == "6985"
        assert at.account == before
        assert at.log() == []
        assert at.buy(1, 0xFF, 0xFF)[-4:] == "9000"
        assert at.buy(1, 0x200, 0x200, time=bytes.fromhex("20150701000000"))[-4:] == "9000"

    def test_date_must_be_decimal(self, at: Clinic) -> None:
        """SSC7-12.6-06: a date with another digit has no place in a settlement year: 6985, nothing is booked."""
        at.do_load(100)
        assert at.buy(1, time=bytes.fromhex("2014080A120000")) == "6985"
        assert at.x("B026000104") == "000000649000"

    def test_new_starting_day(self, at: Clinic) -> None:
        """SSC5-7.7-03: the next purchase uses it."""
        at.put(balance=1000, self_paid=100, year=b"\x20\x14", starting_day=b"\x01\x01")
        assert at.bench.authenticate(value(7), DSK, at.suite) == "9000"
        assert at.x("B0560000020701") == "9000"
        assert at.buy(1, 10, time=bytes.fromhex("20150630000000"))[-4:] == "9000"
        assert at.x("B026000206") == "0000006E20149000"


class TestLimits:
    """What INITIALIZE refuses, and in which order."""

    @pytest.mark.parametrize("command", MEDICAL[:2])
    def test_pin(self, command: str) -> None:
        """SSC5-7.5-06, SSC5-7.6-07, SSC5-7.3-06: 6982 where a PIN is set and not verified, also with a wrong index."""
        at = clinic(verify=False)
        assert at.x(command) == at.x(command.replace("0B01", "0B7F").replace("1301", "137F")) == "6982"
        assert [at.x(f"B02600{p}") for p in ("0104", "0206", "0306")] == ["6982"] * 3
        assert at.bench.verify(DIGITS) == "9000"
        assert at.x(MEDICAL[0])[-4:] == "9000"

    def test_no_pin(self) -> None:
        """SSC5-7.3-04, sheet #28: without a PIN everything is open."""
        at = clinic(digits="")
        assert at.x("B026000104") == "000000009000"
        assert at.do_load(10) == at.load_tac(10) + "9000"
        assert at.buy(10) == at.purchase_answer()

    @pytest.mark.parametrize("index", [0, 4, 0x55, 0x7F, 0xFF])
    def test_key_index(self, at: Clinic, index: int) -> None:
        """SSC5-7.5-09, SSC5-7.6-11, SSC7-12.2-01: 9403 before 9402 and 9401."""
        at.put(load_sequence=0xFFFF, purchase_sequence=0xFFFF)
        assert at.initialize_load(1, index) == at.initialize_purchase(1, index=index) == "9403"

    def test_counters(self, at: Clinic) -> None:
        """SSC5-7.5-08, SSC5-7.6-10: at FFFF a sequence ends and does not wrap; 9402 before 9401."""
        at.put(balance=100, load_sequence=0xFFFE, purchase_sequence=0xFFFE)
        assert at.do_load(1)[-4:] == at.buy(1)[-4:] == "9000"
        assert (at.account.load_sequence, at.account.purchase_sequence) == (0xFFFF, 0xFFFF)
        assert at.initialize_load(1) == at.initialize_purchase(1000) == "9402"
        assert at.proof("32", 0xFFFE)[-4:] == "9000"

    def test_balance_does_not_wrap(self, at: Clinic) -> None:
        """SSC7-11.8-06: a load that would overflow is refused at INITIALIZE; one that fills the account is not."""
        at.put(balance=0xFFFFFF00)
        assert at.initialize_load(0x200) == "6985"
        assert at.do_load(0xFF)[-4:] == "9000"
        assert at.x("B026000104") == "FFFFFFFF9000"

    def test_only_the_account_is_compared(self, at: Clinic) -> None:
        """SSC5-7.6-03, SSC5-7.6-09: what holder and pool pay is not compared with the balance."""
        assert at.buy(0, 0xFFFFFF, 0xFFFFFF)[-4:] == "9000"
        assert at.initialize_purchase(1) == "9401"

    def test_lengths(self, at: Clinic) -> None:
        """SSC5-7.5-05, SSC5-7.6-06, SSC5-7.4-07, SSC5-7.7-04, SSC5-7.8-05, SSC5-7.3-05, C-15: 6700."""
        assert at.x("B02800010A" + "00" * 10) == at.x("B028000113" + "00" * 19) == "6700"
        assert at.x("B02801010B" + "00" * 11) == at.x("B02801010F" + "00" * 15) == "6700"
        assert at.x("B02E00320105") == at.x("B02E00320405050505") == "6700"
        assert at.x("B0560000010700"[:-2]) == at.x("B05600000307" + "0100") == "6700"
        assert [at.bench.x(f"B0560100{le}", follow=False) for le in ("00", "01", "04")] == ["6700"] * 3
        commands = ("B026000106", "B026000204", "B026000304", "B026000100", "B0260001", "B026000105")
        assert [at.bench.x(command, follow=False) for command in commands] == ["6700"] * 6

    @pytest.mark.parametrize(
        "command",
        [
            "B02800020B" + "00" * 11, "B02802010B" + "00" * 11, "B028010213" + "00" * 19, "B02A00010B" + "00" * 11,
            "B02A01000B" + "00" * 11, "B02C00000F" + "00" * 15, "B02C01010F" + "00" * 15, "B026000004", "B026000404",
            "B026010104", "B02E0132020000", "B02E0077020000", "B0560001020701", "B0560200020701", "B056010102",
        ],
    )  # fmt: skip
    def test_parameters(self, at: Clinic, command: str) -> None:
        """SSC5-7.1-06, -7.2-06, -7.3-07, -7.4-08, -7.5-07, -7.6-08, -7.7-06, -7.8-04: 6A86."""
        assert at.x(command) == "6A86"

    def test_class(self, at: Clinic) -> None:
        """SSC5-5.4-09: another class than B0 is 6E00, and nothing happens."""
        before = at.bench.cells
        for command in MEDICAL:
            assert at.x("80" + command[2:]) == at.x("90" + command[2:]) == "6E00"
        assert at.bench.cells == before


class TestMacs:
    """9302 books nothing and ends the transaction."""

    @BOTH
    def test_wrong_mac2(self, suite: Suite) -> None:
        """SSC5-7.1-07, SSC7-11.7-02: a turned bit anywhere in the data."""
        at = clinic(suite)
        at.do_load(100)
        before = at.bench.cells
        for byte in range(11):
            at.initialize_load(5)
            right = bytearray.fromhex(at.credit_command())
            right[5 + byte] ^= 1
            assert at.x(right.hex()) == "9302"
            assert at.credit() == "6901"
        assert at.bench.cells == before

    @BOTH
    def test_wrong_mac1(self, suite: Suite) -> None:
        """SSC5-7.2-07, SSC7-12.5-01: a turned bit anywhere but in the first two bytes of the terminal sequence."""
        at = clinic(suite)
        at.do_load(100)
        before = at.bench.cells
        for byte in range(2, 15):
            at.initialize_purchase(5)
            right = bytearray.fromhex(at.debit_command())
            right[5 + byte] ^= 1
            assert at.x(right.hex()) == "9302"
            assert at.debit() == "6901"
        assert at.bench.cells == before

    def test_terminal_sequence(self, at: Clinic) -> None:
        """SSC7-12.2-03, SSC7-12.3-01, D23: its first two bytes are in the TAC alone."""
        at.do_load(100)
        at.initialize_purchase(5)
        command = at.debit_command().replace("00000012", "AB000012", 1)
        answer = at.x(command)
        assert answer[-4:] == "9000"
        assert answer == at.purchase_answer(sequence=bytes.fromhex("AB000012"))
        assert answer[:8] != at.purchase_answer()[:8]

    def test_other_amount(self, at: Clinic) -> None:
        """SSC7-12.3-01, SSC5-7-03, SSC5-7-07: MAC1 and MAC2 are bound to amounts and random number of INITIALIZE."""
        at.do_load(100)
        at.initialize_purchase(5)
        old = at.debit_command()
        at.initialize_purchase(5)
        assert at.x(old) == "9302"
        at.initialize_load(5)
        old = at.credit_command()
        at.initialize_load(5)
        assert at.x(old) == "9302"

    def test_fresh_random_numbers(self, at: Clinic) -> None:
        """SSC5-7.5-03, SSC7-12.7-01: every INITIALIZE has its own random number, so equal purchases have other MACs."""
        at.do_load(100)
        first, second = at.initialize_load(5), at.initialize_load(5)
        assert first[:16] == second[:16]
        assert first[16:] != second[16:]
        assert at.buy(5)[8:16] != at.buy(5)[8:16]


class TestProof:
    """GET TRANSACTION PROOF (SSC part 5 §7.4, part 7 §14)."""

    def test_which(self, at: Clinic) -> None:
        """SSC5-7.4-05, -06, -09, SSC7-14-09, SSC7-14-10: the last transaction alone, by type and sequence."""
        assert at.proof("31", 0) == at.proof("32", 0) == "9406"
        at.do_load(100)
        load = at.proof("31", 0)
        assert at.proof("01", 0) == load
        assert at.proof("31", 1) == at.proof("31", 0xFFFF) == at.proof("32", 0) == at.proof("02", 0) == "9406"
        at.buy(10)
        assert at.proof("31", 0) == "9406"
        first = at.proof("32", 0)
        assert at.proof("32", 0) == at.proof("02", 0) == first
        at.initialize_purchase(5)
        assert at.proof("32", 0) == first
        at.debit()
        assert at.proof("32", 0) == "9406"
        assert at.proof("32", 1)[-4:] == "9000"

    def test_survives_the_power(self, at: Clinic) -> None:
        """SSC5-7.4-02, SSC5-7.4-03, SSC7-14-06: after a reset, without the PIN."""
        at.do_load(100)
        at.buy(10)
        proof = at.proof("32", 0)
        at.reset(verify=False)
        assert at.proof("32", 0) == proof
        assert at.x("B026000104") == "6982"

    def test_lost_answer(self, at: Clinic) -> None:
        """SSC7-14-06: DEBIT was booked and its answer never fetched."""
        at.do_load(100)
        at.initialize_purchase(10)
        assert at.bench.x(at.debit_command(), follow=False) == "6108"
        expected = at.purchase_answer()
        at.reset(verify=False)
        assert at.proof("32", 0) == expected[8:16] + expected[:8] + "9000"


class TestStartingDay:
    """UPDATE and GET STARTING DAY (SSC part 5 §7.7, §7.8)."""

    def test_dsk(self, at: Clinic) -> None:
        """SSC5-7.7-01, SSC5-7.7-02, SSC5-7.7-05, SSC5-7.8-01, C-21, C-38: DSK alone; the PIN and other keys do not."""
        assert at.x("B056010002") == DAY + "9000"
        assert at.x("B0560000020101") == "6982"
        for reference in (0x85, 0x86):
            assert at.bench.authenticate(value(reference & 0x0F), reference, at.suite) == "9000"
        assert at.x("B0560000020101") == "6982"
        assert at.bench.authenticate(value(7), DSK, at.suite) == "9000"
        assert at.x("B0560000020101") == "9000"
        at.reset(verify=False)
        assert at.x("B056010002") == "01019000"
        assert at.x("B0560000020701") == "6982"

    @pytest.mark.parametrize("day", ["1399", "AB12", "0000", "0230", "0431", "010A"])
    def test_impossible(self, at: Clinic, day: str) -> None:
        """SSC5-7.7-07: 6A80, and the day stays; the right is judged first."""
        assert at.x("B056000002" + day) == "6982"
        at.bench.authenticate(value(7), DSK, at.suite)
        assert at.x("B056000002" + day) == "6A80"
        assert at.x("B056010002") == DAY + "9000"

    def test_protected(self) -> None:
        """SSC5-7.8-02, SSC5-7.8-03: free by default, and by the rule of the account where the issuer protects it."""
        at = clinic(read=AccessRule(Operator.A, DSK))
        assert at.x("B056010002") == "6982"
        at.bench.authenticate(value(7), DSK, at.suite)
        assert at.x("B056010002") == DAY + "9000"


class TestLog:
    """EF08 (V2 §8.5.3)."""

    def test_thirty(self, at: Clinic) -> None:
        """SSCV2-8.5.3-03: the last thirty transactions; the 31st takes the place of the oldest."""
        at.do_load(100)
        for _ in range(30):
            assert at.buy(1)[-4:] == "9000"
        log = at.log()
        assert len(log) == 30
        assert [int(record[:4], 16) for record in log] == list(range(29, -1, -1))
        assert {record[4:6] for record in log} == {"32"}

    def test_rules(self) -> None:
        """SSC6-6.6-01, SSCV2-5.6-06, SSCV2-5.6-07: read with the PIN, written by the transactions alone."""
        at = clinic(verify=False)
        assert at.x("00B2014400") == "6982"
        assert at.x("00DC00431C" + "00" * 28) == "6982"
        at.bench.verify(DIGITS)
        assert at.x("00DC00431C" + "00" * 28) == "6982"
        assert at.x("00B2014400") == "6A83"

    def test_dates_that_decide_nothing(self) -> None:
        """SSC7-12.6-08, SSC7-11.8-03: time of day, time of a load, and all in the account-only mode are kept."""
        odd = bytes.fromhex("FFAAFFAAFFAAFF")
        for length, time in ((28, TIME[:4] + odd[4:]), (20, odd)):
            at = clinic(length=length)
            at.initialize_load(500)
            assert at.credit(odd)[-4:] == "9000"
            assert at.buy(100, time=time)[-4:] == "9000"
            assert [record[18:32] for record in at.log()] == [time.hex().upper(), odd.hex().upper()]

    def test_account_only(self) -> None:
        """SSC7-12-01, C-27: records of 20 bytes mean the personal account alone; totals, year and day stay zero."""
        at = clinic(length=20)
        at.do_load(500)
        assert at.initialize_purchase(100, 10, 20)[:28] == "000001F4" + "00" * 10
        assert at.debit() == at.purchase_answer()
        assert at.x("B026000206") == at.x("B026000306") == "0000000000009000"
        assert at.x("B056010002") == "00009000"
        assert at.log() == [
            "00003251000000000120140801120001" + "00000064",
            "00003151000000000120140801120001" + "000001F4",
        ]


class TestPlace:
    """Where the commands of the account exist."""

    def test_elsewhere(self, at: Clinic) -> None:
        """SSC5-7-20: in SSSE and in another application their class is unknown, however it was selected."""
        for leave in ("00A4000002DF03", f"00A4040006{DF03}", "00A4000002DDF1"):
            at.enter()
            assert at.x("B026000104") == "000000009000"
            assert at.x(leave)[-4:] == "9000"
            for command in MEDICAL:
                assert at.x(command) == "6E00", (leave, command)
        at.x(f"00A4040006{DF04}")
        assert at.x("B026000104") == "000000009000"

    def test_not_at_the_mf(self, at: Clinic) -> None:
        """SSC5-7-20: after SELECT MF, and after a reset."""
        at.x("00A4000000")
        assert at.x("B026000104") == "6E00"
        at.bench.power_on()
        assert at.x("B026000104") == "6E00"

    def test_restored(self, at: Clinic) -> None:
        """D16: a snapshot brings back application and pending transaction."""
        at.do_load(100)
        at.initialize_purchase(10)
        state = at.bench.model.snapshot()
        assert at.debit() == at.purchase_answer()
        at.bench.select_fid("DF03")
        at.bench.model.restore(state)
        assert at.debit() == at.purchase_answer()
        at.bench.model.restore(state)
        at.x("0084000008")
        assert at.debit() == "6901"

    @pytest.mark.parametrize("missing", ["account", "log", "log records of 21 bytes", "linear log"])
    def test_on_line_mode(self, missing: str) -> None:
        """SSC5-5.4-05: DF04 without account file or log: 6985 to each command, whatever else is wrong."""
        made = shop()
        assert made.key_file() == made.df("DF04", DF04) == "9000"
        made.bench.select_fid("DF04")
        if missing != "account":
            made.create("EF81", "2F0701" + "00" * 4 + bytes(key(DSK)).hex() + "00")
        match missing:
            case "account":
                made.ef("EF08", 0x1E1C, FileType.CYCLIC)
            case "log records of 21 bytes":
                made.ef("EF08", 0x1E15, FileType.CYCLIC)
            case "linear log":
                made.ef("EF08", 0x1E1C, FileType.LINEAR_FIXED)
            case _:
                pass
        made.bench.select_fid("DF04")
        assert [made.bench.x(command) for command in MEDICAL] == ["6985"] * len(MEDICAL)

    def test_keys_are_missing(self) -> None:
        """SSC5-5.4-05: without DTK 6985 at INITIALIZE, so that no transaction ends without a TAC."""
        made = with_keys()
        assert made.bench.x(MEDICAL[0]) == "6985"
        assert made.bench.x(MEDICAL[1]) == "6985"


def with_keys() -> Shop:
    """A card with an account and no key for it, and with an empty PIN; the application is selected."""
    made = shop()
    assert made.key_file() == made.pin("") == made.df("DF04", DF04) == "9000"
    made.bench.select_fid("DF04")
    made.create("EF81", "2F0701" + "00" * 4 + bytes(key(DSK)).hex() + "00")
    made.ef("EF08", 0x1E1C, FileType.CYCLIC)
    made.bench.select_fid("DF04")
    return made


def test_switch() -> None:
    """D19: the switch changes MACs and TACs; the log keeps the character, and both forms name a proof."""
    at = clinic(switches=Switch.MEDICAL_TYPE_BINARY)
    at.coding = TypeCoding.BINARY
    assert at.do_load(100) == at.load_tac(100) + "9000"
    assert at.buy(10) == at.purchase_answer()
    assert [record[4:6] for record in at.log()] == ["32", "31"]
    assert at.proof("32", 0) == at.proof("02", 0) != "9406"


def test_transaction_keys_open_nothing(at: Clinic) -> None:
    """SSC4-7.1-02: DLK, DPK and DTK are no keys of external authentication."""
    at.fix(VECTOR_RANDOM)
    for reference in range(0x80, 0x90):
        if reference & 0x0F not in (5, 6, 7):
            assert at.x(f"008200{reference:02X}10" + "11" * 16) == "6A88"
    assert at.x("0088000010" + "11" * 16) == "6A88"


def test_time_is_the_hosts(at: Clinic) -> None:
    """SSC5-7.1-02, SSC5-7.2-02: the log has the time of CREDIT and DEBIT."""
    at.do_load(100)
    at.buy(1, time=bytes.fromhex("20151231235959"))
    assert [record[18:32] for record in at.log()] == ["20151231235959", TIME.hex()]
