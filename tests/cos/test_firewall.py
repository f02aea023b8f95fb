"""The firewall: partitions, no shared state, RAM wiped on leaving, and the bus monitor that proves it."""

import random

import pytest

from cardsim.chip.eeprom import PAGE_SIZE
from cardsim.chip.faults import BusMonitor
from cardsim.chip.partition import OutsidePartition
from cardsim.crypto.social import Suite
from cardsim.shapes import Place
from tests.cards import AID, PSE_NAME, SSSE_NAME, Bench, card, initialised, secrets
from tests.cos.test_random import Grammar
from tests.ssse.shop import shop

DF01 = "D15600000500"
PURCHASE = (
    "80A800000B8309000000000010000156",
    "80AE800034000000001000000000000000015600000480000156240101001234567810150054455354204D45524348414E5420202020202020",
)
SSSE_SCRIPT = (
    "00A4020002EF05", "00B2010412", "00B2012C12", "00B2052C00", "00B201050040", "00B2010540", "00B2013400",
    "00B201F400", "0020000000", "0020000003654321", "0020000003123456", "0084000004", "0084000010",
    "0088000010" + "11" * 16, "00C0000008", "0082000A10" + "11" * 16, "008200000010", "8416000004" + "00" * 4,
    "00DC032C060304322E3033", "84D4000014" + "00" * 20, "84E0EF0914" + "00" * 20, "840E000004" + "00" * 4,
    "800A000000", "00FF000000", "80A8000002830000", "00B2010C00", "00A4000002ADF1", "00A4000002EF0B", "00",
)  # fmt: skip
PSE_SCRIPT = (
    *PURCHASE, "00B2010C00", "00B2015C00", "80CA9F3600", "80CA9F1300", "0084000008", "0020008008241234FFFFFFFFFF",
    "00B2012C00", "00DC032C060304322E3033", "0020000003123456", "00A4000002DF01", "00A4000002EF05", "B028000000",
    "008200000A803804581A2606083030", "80F2000000", "00C0000000", "0088000004" + "11" * 4, "841E000004" + "00" * 4,
)  # fmt: skip


def pages(bench: Bench, *names: str) -> set[int]:
    """The pages of some parts of the memory."""
    parts = bench.model.ranges()
    return {page for name in names for page in range(parts[name].start // PAGE_SIZE, parts[name].stop // PAGE_SIZE)}


class TestPartitions:
    """Ranges and what reaches them."""

    def test_are_apart(self, bench: Bench) -> None:
        """SCHEME-002, SCHEME-017, SCHEME-022: COS, journal and each environment have ranges of their own."""
        parts = list(bench.model.ranges().values())
        assert len(parts) == 4
        for number, part in enumerate(parts):
            assert all(not set(part) & set(other) for other in parts[number + 1 :])

    def test_nothing_outside_can_be_named(self, bench: Bench) -> None:
        """Design decision 4: an environment's partition ends where it ends, for reading and for writing."""
        for environment in bench.model.environments.values():
            partition = environment.partition
            with pytest.raises(OutsidePartition):
                partition.read(partition.size - 1, 2)
            with pytest.raises(OutsidePartition):
                partition.read(-1, 1)
            with pytest.raises(OutsidePartition):
                partition.write(partition.size, b"\0")
            with pytest.raises(OutsidePartition):
                partition.write_early(-1, b"\0")
            with pytest.raises(IndexError):
                _ = partition.memory[partition.size]

    def test_nothing_is_shared(self, bench: Bench) -> None:
        """SCHEME-022, SCHEME-023: file system, keys, random numbers and RAM record are two of each."""
        ssse, pse = bench.model.environments.values()
        for name in ("partition", "files", "master", "random", "card", "ram"):
            assert getattr(ssse, name) is not getattr(pse, name)


class TestMonitor:
    """The bus monitor: a command touches the partition of its environment, and the journal."""

    @pytest.mark.parametrize("name", [SSSE_NAME, DF01])
    def test_ssse(self, either: Bench, name: str) -> None:
        """SCHEME-009, SCHEME-010, D9: any command in SSSE touches SSSE and the journal alone."""
        either.select(name)
        allowed = pages(either, "DDF1", "journal")
        with either.on_bus(BusMonitor()) as monitor:
            for command in SSSE_SCRIPT:
                monitor.clear()
                either.x(command)
                assert monitor.read | monitor.programmed <= allowed, command
            for key, reference in (("UKSSSE", 0x04), ("BK", 0x05), ("RKSSSE", 0x0A)):
                assert either.authenticate(either.key(key), reference) == "9000"
            assert monitor.programmed & pages(either, "DDF1")
            assert monitor.read | monitor.programmed <= allowed

    @pytest.mark.parametrize("name", [PSE_NAME, AID])
    def test_pse(self, bench: Bench, name: str) -> None:
        """SCHEME-009, SCHEME-010, D9: any command in PSE touches PSE and the journal alone."""
        bench.select(name)
        allowed = pages(bench, "DDF2", "journal")
        with bench.on_bus(BusMonitor()) as monitor:
            for command in PSE_SCRIPT:
                monitor.clear()
                bench.x(command)
                if command[:4] != "00A4":
                    assert monitor.read | monitor.programmed <= allowed, command
            assert name == PSE_NAME or bench.x("80CA9F3600")[6:10] == "0001"

    def test_select(self, bench: Bench) -> None:
        """D9: SELECT reads the COS's registry and the environment that it enters, and programs nothing."""
        for name, fid in ((SSSE_NAME, "DDF1"), (PSE_NAME, "DDF2"), (DF01, "DDF1"), (AID, "DDF2")):
            with bench.on_bus(BusMonitor()) as monitor:
                assert bench.select(name)[-4:] == "9000"
                assert monitor.read <= pages(bench, "cos", fid)
                assert not monitor.programmed

    def test_set_up(self) -> None:
        """SCHEME-056: all set-up commands of SSSE stay inside; CREATE of a DF registers its name, ERASE removes it."""
        made = shop()
        bench = made.bench
        own, registry = pages(bench, "DDF1", "journal"), pages(bench, "cos")
        with bench.on_bus(BusMonitor()) as monitor:
            assert made.ef("EF05") == made.key_file() == "9000"
            made.external(4)
            assert made.pin("123456") == made.append(5, 1, "A10155") == "9000"
            assert monitor.read | monitor.programmed <= own
            assert made.df("DF01", DF01) == "9000"
            assert bench.x("800E000000") == made.end() == "9000"
            assert monitor.read | monitor.programmed <= own | registry


class TestMonitoredStorm:
    """The bus monitor under a seeded storm of APDUs made of the command tables."""

    def test_storm(self, bench: Bench) -> None:
        """SCHEME-009, SCHEME-010, D9: each command touches its own partition and the journal, SELECT the registry too.

        GET STATUS alone looks into the environments from outside: at the states that it reports.
        """
        source = random.Random(9)
        grammars = [Grammar(source, place) for place in (Place.CARD, Place.SSSE, Place.PSE, Place.APPLICATION)]
        cells, allowed = bench.model.snapshot(), {name: pages(bench, name, "journal") for name in bench.model.ranges()}
        cos_pages = pages(bench, "cos")
        with bench.on_bus(BusMonitor()) as monitor:
            for number in range(20_000):
                if number % 4000 == 0:
                    bench.model.restore(cells)
                before = bench.model.selected()
                command = source.choice(grammars).next()
                monitor.clear()
                bench.model.transmit(command)
                touched = (monitor.read | monitor.programmed) - allowed[before or "cos"]
                if command[:2] == b"\x00\xa4":
                    after = bench.model.selected()
                    assert not monitor.programmed, command.hex()
                    touched -= cos_pages | allowed[after or "cos"]
                elif before is None and command[:2] == b"\x80\xf2":
                    continue
                assert not touched, (before, command.hex())


class TestVolatile:
    """RAM state is wiped on leaving (D9), and nothing of it crosses."""

    def test_pin_and_rights_end(self, bench: Bench) -> None:
        """D11, SCHEME-009, SSC4-5.5-01, PERSO-048: VERIFY and keys of SSSE end when it is left."""
        bench.ssse()
        bench.verify()
        assert bench.authenticate(bench.key("RKSSSE"), 0x0A) == "9000"
        assert bench.x("00B2013400")[-4:] == "9000"
        bench.pse()
        bench.ssse()
        assert bench.x("00B2013400") == "6982"
        bench.select_fid("DF01")
        assert bench.x("00B2012C00") == "6982"

    def test_the_mf_is_outside(self, bench: Bench) -> None:
        """D9: going to the MF leaves SSSE as well."""
        bench.ssse()
        bench.verify()
        bench.x("00A4000000")
        bench.select(DF01)
        assert bench.x("00B2012C00") == "6982"

    def test_card_master_key_ends(self) -> None:
        """D9: entering an environment ends the right of the card master key."""
        bench = initialised()
        bench.authenticate(secrets().master, 0, Suite.DES)
        bench.ssse()
        bench.x("00A40000023F00")
        assert bench.x("80E0DDF30D380010010100FFFF4141414141") == "6982"
        assert bench.x("800E000000") == "6982"

    def test_master_key_right_ends(self) -> None:
        """PERSO-048: the right of SSSE's master key does not survive PSE, and opens nothing there."""
        made = shop()
        assert made.bench.pse() == "9000"
        assert made.ef("EF05")[0] == "6"
        assert made.bench.ssse() == "9000"
        assert made.ef("EF05") == "6982"

    @pytest.mark.parametrize("via", [PSE_NAME, ""])
    def test_challenge_does_not_cross(self, bench: Bench, via: str) -> None:
        """SCHEME-014: a challenge of SSSE is unknown elsewhere, and gone after the return."""
        bench.ssse()
        challenge = bench.challenge()
        bench.x(f"00A40400{len(via) // 2:02X}{via}" if via else "00A4000000")
        assert bench.prove(secrets().master, 0, challenge, Suite.DES) != "9000"
        bench.ssse()
        assert bench.prove(bench.key("RKSSSE"), 0x0A, challenge) == "6984"

    def test_mf_challenge_does_not_cross(self, bench: Bench) -> None:
        """SCHEME-014: a challenge of the MF is no challenge of SSSE."""
        challenge = bench.challenge()
        bench.ssse()
        assert bench.prove(bench.key("RKSSSE"), 0x0A, challenge) == "6984"

    def test_pending_data_do_not_cross(self, bench: Bench) -> None:
        """SCHEME-014: data that wait in one environment are not handed out in the other."""
        bench.ssse()
        bench.x("0088000010" + "11" * 16, follow=False)
        bench.x(f"00A404000E{PSE_NAME}", follow=False)
        answer = bench.x("00C0000000", follow=False)
        assert bench.x("00C00000" + answer[2:], follow=False).startswith("6F")

    def test_pointer_and_current_file_end(self, bench: Bench) -> None:
        """SSC3-5.3-03: current EF and record pointer do not survive PSE."""
        bench.ssse()
        bench.select_fid("EF05", "02")
        bench.pse()
        bench.ssse()
        assert bench.x("00B2010412") == "6986"

    @pytest.mark.parametrize(
        "failing",
        ["00A4040006D15600000577", "00A404000441424344", "00A4000002DF99", "00A4020002EF99", "00A4040106" + DF01,
         "00A404020F" + PSE_NAME + "FF", "00A40C00020000"],
    )  # fmt: skip
    def test_failed_select_wipes_nothing(self, bench: Bench, failing: str) -> None:
        """D9, SSC5-6.11-15: a SELECT that fails leaves selection, PIN, rights and challenge as they were."""
        bench.select(DF01)
        bench.verify()
        assert bench.authenticate(bench.key("RK1DF01"), 0x88) == "9000"
        challenge = bench.challenge()
        assert bench.x(failing)[-4:] != "9000"
        assert bench.prove(bench.key("UK1DF01"), 0x83, challenge) == "9000"
        assert bench.x("00B2012C00")[-4:] == "9000"

    def test_select_of_a_created_environment(self) -> None:
        """D2, D9: SELECT of an environment without master key fails with 6985 and wipes nothing."""
        made = shop()
        bench = made.bench
        bench.x("00A40000023F00")
        bench.authenticate(secrets().master, 0, Suite.DES)
        assert bench.x("80E0DDF30D380010010100FFFF4141414141") == "9000"
        bench.ssse()
        bench.authenticate(made.master, 0, made.suite)
        assert bench.select("4141414141") == "6985"
        assert made.ef("EF05") == "9000"


class TestSeparation:
    """Commands, files and faults of one side do not exist on the other."""

    def test_no_path_by_identifier(self, bench: Bench) -> None:
        """SCHEME-010, SCHEME-019, D9: identifiers reach inside the environment alone, at the MF nothing but the MF."""
        for fid in ("EF05", "DDF1", "DDF2", "DF01"):
            assert bench.select_fid(fid) == "6A82"
        assert bench.x("00B2012C00") == "6A82"
        bench.ssse()
        for fid in ("DDF2", "ADF1", "EF0B"):
            assert bench.select_fid(fid) == "6A82"
        assert bench.select_fid("DDF1")[-4:] == "9000"
        bench.pse()
        for fid in ("DDF1", "DF01", "EF05"):
            assert bench.select_fid(fid) in ("6A82", "6A86")

    def test_commands_of_the_other(self, bench: Bench) -> None:
        """SCHEME-011, SCHEME-021: finance commands in SSSE, social ones in PSE: 6D00 or 6E00."""
        bench.ssse()
        assert bench.all("80A8000002830000", "80AE400000", "80CA9F3600", "8050000008" + "00" * 8) == ["6D00"] * 4
        bench.pse()
        for command in ("00DC032C060304322E3033", "8416000004" + "00" * 4, "B028000000"):
            assert bench.x(command) in ("6D00", "6E00")

    def test_names_from_anywhere(self, bench: Bench) -> None:
        """SCHEME-001, SCHEME-015, SCHEME-016, SSC4-5.1-01, D9: each name from each place."""
        names = (SSSE_NAME, PSE_NAME, DF01, AID)
        for first in names:
            for second in names:
                assert bench.select(first)[-4:] == "9000"
                assert bench.select(second)[-4:] == "9000"
                assert second in bench.data

    def test_locked_social_side_does_not_stop_payment(self, bench: Bench) -> None:
        """SCHEME-012, SSC4-5.5-02: PIN and keys of SSSE locked: PSE answers a whole transaction as before."""
        untouched = card()
        bench.ssse()
        assert [bench.verify("654321") for _ in range(7)][-1] == "6983"
        for reference in (0x04, 0x06, 0x0A):
            words = [bench.authenticate(bytes(16), reference) for _ in range(4)]
            assert words == ["63C2", "63C1", "63C0", "6983"]
        for one in (bench, untouched):
            one.select(AID)
        answers = [
            [one.x(command) for command in (*PURCHASE, "80CA9F3600", "00B2015C00")] for one in (bench, untouched)
        ]
        assert answers[0] == answers[1]
        assert answers[0][1].startswith("80")
        assert answers[0][1].endswith("9000")

    def test_random_numbers_do_not_tell(self) -> None:
        """D12: what one environment does cannot be seen in the other's random numbers."""
        quiet, busy = card(), card()
        busy.pse()
        busy.x("8050000008" + "00" * 8)
        busy.x("00A4000000")
        busy.challenge(16)
        for one in (quiet, busy):
            one.ssse()
        assert quiet.challenge(16) == busy.challenge(16) != card(seed=5).challenge(16)

    def test_names_belong_to_one_environment(self) -> None:
        """D9: a name that PSE or SSSE has cannot be taken by a DF of the other."""
        made = shop()
        assert made.df("DF01", PSE_NAME) == "6A89"
        assert made.df("DF01", SSSE_NAME) == "6A89"
        assert made.df("DF01", DF01) == "9000"
        assert made.df("DF02", DF01) == "6A89"
        assert made.bench.select(PSE_NAME)[-4:] == "9000"

    def test_challenges_of_the_demo_key(self, bench: Bench) -> None:
        """SCHEME-002, PERSO-045: keys of PSE prove nothing in SSSE."""
        bench.ssse()
        assert bench.authenticate(secrets().kmc, 0x05) == "63CF"
