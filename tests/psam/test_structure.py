"""Environments, files and their rules (SSC part 9 §5, §9.1; PSAM-001 to PSAM-018, PSAM-062 to PSAM-073)."""

import pytest

from cardsim.cos.files import FileType
from cardsim.crypto.social import Suite
from tests.psam.desk import AID, ENVIRONMENTS, SX1, SX2, blank_vectors, of_cells, psam
from tests.psams import made_psam

EACH = pytest.mark.parametrize("name", [SX1, SX2], ids=["sx1", "sx2"])


@EACH
def test_environments_are_selected_by_name(name: str) -> None:
    """PSAM-001, PSAM-002: the FCI has the name, and the SFI of the directory."""
    assert psam().select(name) == f"6F16840F{name}A503880101" + "9000"


@EACH
def test_entered_from_any_state(name: str) -> None:
    """PSAM-003: from the MF, from both environments, and from inside an application."""
    for before in ("00A40000", f"00A404000F{SX1}", f"00A404000F{SX2}", f"00A4040006{AID}", "00A4000002DF01"):
        desk = psam()
        desk.root(SX2)
        desk.x(before)
        assert desk.select(name)[-4:] == "9000"
        assert desk.data[8 : 8 + 30] == name


@EACH
def test_the_same_tree(name: str) -> None:
    """PSAM-004, PSAM-005, PSAM-062, PSAM-064: every file of the standard, in both environments; an EF gives no FCI."""
    desk = psam().root(name)
    assert [desk.x(f"00A4020002{fid}") for fid in ("0001", "0015", "0016")] == ["9000"] * 3
    assert desk.x(f"00A4040006{AID}") == f"6F088406{AID}9000"
    files = ("0019", "001A", "001B", "001C", "0011", "0012", "0013")
    assert [desk.x(f"00A4020002{fid}") for fid in files] == ["9000"] * 7
    assert desk.sw("00A40200020015") == "6A82"
    assert desk.sw("00A40200020000") == "6A82", "the file with the own keys is the card's alone"
    assert desk.x("00A4000002DF01") == f"6F088406{AID}9000"


def test_select_the_mf() -> None:
    """PSAM-063: nothing, or 3F00; the MF is the DES environment."""
    desk = psam().enter(SX2)
    for command in ("00A40000", "00A4000000", "00A40000023F00"):
        assert desk.x(command)[8:38] == SX1
        desk.root(SX2)
    assert desk.x("00A4000002DDF1")[8:38] == SX2


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00A4040002DF01", "6700"),
        ("00A40400", "6700"),
        ("00A40200", "6700"),
        ("00A400000511111111110F", "6700"),
        ("00A4040003414243", "6700"),
        ("00A4000002DF99", "6A82"),
        ("00A40200020077", "6A82"),
        ("00A4040005D156000005", "6A82"),
        ("00A40100023F00", "6A86"),
        (f"00A404020F{SX1}", "6A86"),
    ],
)
def test_select_answers(command: str, sw: str) -> None:
    """PSAM-065, PSAM-068, PSAM-069: a wrong length before a name that is not there; a name is whole."""
    desk = psam().enter()
    assert desk.sw(command) == sw
    assert desk.sw("00B0990004") == "9000", "a SELECT that fails changes nothing"


@EACH
def test_public_and_terminal_information(name: str) -> None:
    """PSAM-007, PSAM-009, PSAM-010: 15 and 6 bytes, read free; the terminal number begins with the city."""
    desk = psam().root(name)
    assert desk.x("00B095000F") == "01" + "00000000000000000428" + "0101" + "0000" + "9000"
    assert desk.x("00B0960006") == "519900000428" + "9000"


@EACH
def test_files_of_the_application(name: str) -> None:
    """PSAM-011, PSAM-012: transaction number and the information of the three levels, read free."""
    desk = psam().enter(name)
    assert desk.x("00B0990004") == "00000000" + "9000"
    dates = "20240101" + "20340131"
    assert [desk.x(f"00B0{p1}000A") for p1 in ("9A", "9B", "9C")] == [
        f"0101{dates}9000",
        f"0001{dates}9000",
        f"0001{dates}9000",
    ]


@EACH
def test_rules_of_the_environment(name: str) -> None:
    """PSAM-006, PSAM-008: directory, public and terminal information change under the environment master key alone."""
    desk = psam().root(name)
    changes = ("00DC010C0A6108" + "4F06" + AID, "00D6950001" + "02", "00D6960006" + "510000000001")
    assert desk.all(*changes) == ["6982"] * 3
    assert desk.x("00B2010C0A") == "6108" + "4F06" + AID + "9000"
    assert desk.authenticate_master() == "9000"
    assert desk.all(*changes) == ["9000"] * 3
    assert desk.x("00B0960006") == "5100000000019000"


@EACH
def test_rules_of_the_application(name: str) -> None:
    """PSAM-011, PSAM-013, PSAM-081: each level changes its own information; the transaction number nobody."""
    desk = psam().enter(name)
    for kid, own in ((1, "9A"), (2, "9B"), (3, "9C")):
        desk.root(name).enter(name)
        assert desk.authenticate(kid) == "9000"
        for p1 in ("9A", "9B", "9C"):
            assert desk.sw(f"00D6{p1}000107") == ("9000" if p1 == own else "6982")
        assert desk.authenticate(0) == "9000"
        assert desk.sw("00D699000400000000") == "6982"


@EACH
def test_key_files_cannot_be_read(name: str) -> None:
    """PSAM-016: neither by READ BINARY nor by READ RECORD, before and after authentication."""
    desk = psam().enter(name)
    reads = [c for sfi in (0x11, 0x12, 0x13) for c in (f"00B0{0x80 | sfi:02X}0010", f"00B201{sfi << 3 | 4:02X}00")]
    assert desk.all(*reads) == ["6981"] * 6
    assert [desk.authenticate(kid) for kid in (1, 2, 3)] == ["9000"] * 3
    assert desk.all(*reads) == ["6981"] * 6
    desk.x("00A40200020011")
    assert desk.all("00B0000010", "00B2010400", "00D600000101", "00DC010402AA00") == ["6981"] * 4


def test_a_record_file_holds_254_records() -> None:
    """PSAM-015: the 255th record is answered 6A84, though the file has room."""
    desk = psam().root()
    assert desk.authenticate_master() == "9000"
    for number in range(2, 255):
        assert desk.sw(f"00DC{number:02X}0C02AA00") == "9000"
    assert desk.sw("00DCFF0C02AA00") == "6A84"
    assert desk.sw("00DCFE0C03BB0111") == "9000"
    assert desk.x("00B2FE0C03") == "BB01119000"


def test_no_master_key_among_the_records() -> None:
    """PSAM-017: master keys and KIDs stand in files of their own, the keys of the levels in key files."""
    desk = psam()
    for environment in desk.model.environments.values():
        kinds = {file.fid: file.type for file in environment.files.index.files}
        assert [kinds[fid] for fid in (0x11, 0x12, 0x13)] == [FileType.KEY_RECORDS] * 3
        cells = environment.partition.read(0, environment.partition.size)
        for file in environment.files.index.files:
            if file.type is FileType.KEY_RECORDS:
                body = cells[file.offset : file.offset + file.length]
                for name, suite in ENVIRONMENTS:
                    own = desk.root(name).own
                    assert suite is own.suite
                    assert all(key not in body for key in (own.master, own.application, own.national, own.city))


def test_binary_and_record_answers() -> None:
    """SSC part 5 §6.9, §6.10, §6.12, §6.13: what is wrong first wins."""
    desk = psam().root()
    assert desk.all("00B0000004", "00B2010400", "00D600000100") == ["6986"] * 3
    assert desk.all("00B0990004", "00B201F400", "00D699000100") == ["6A82", "6A82", "6A82"]
    assert desk.all("00B0810004", "00B201AC00") == ["6981", "6981"]
    assert desk.all("00B0951001", "00B0950E01", "00B0950010", "00B0950E02") == ["6B00", "9000", "6C0F", "6C01"]
    assert desk.all("00B2020C00", "00B2010C00", "00B2010C01") == ["6A83", "6C0A", "6C0A"]
    assert desk.all("00DC030C02AA01", "00D6960701AA") == ["6982", "6982"]
    assert desk.authenticate_master() == "9000"
    assert desk.all("00DC030C02AA01", "00DC030C02AA00", "00D6960601AA", "00D6960502AAAA") == [
        "6A85",
        "6A83",
        "6B00",
        "6700",
    ]
    assert desk.x("00B0960006") == "5199000004289000"


@pytest.mark.parametrize(("name", "suite"), ENVIRONMENTS, ids=["sx1", "sx2"])
def test_challenge_lengths(name: str, suite: Suite) -> None:
    """PSAM-070 to PSAM-073: 4 or 8 bytes with 8-byte blocks, also 16 with SM4; then P1 P2, and other lengths."""
    desk = psam().root(name)
    assert [len(desk.x(f"00840000{le}")) // 2 - 2 for le in ("04", "08")] == [4, 8]
    assert desk.sw("0084000010") == ("6700" if suite is Suite.DES else "9000")
    assert desk.all("0084010008", "0084000003", "0084000000", "00840000020000") == ["6A86", "6700", "6700", "6700"]
    assert desk.x("0084000008") != desk.x("0084000008")


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("BFEC00000151", "9000"),
        ("BFEC0000025199", "6700"),
        ("BFEC0000", "6700"),
        ("BFEC000001AA", "6A80"),
        ("BFEC0000015A", "6A80"),
        ("BFEC01000151", "6A86"),
        ("BFEC00010151", "6A86"),
        ("BFED00000151", "6D00"),
        ("80EC00000151", "6E00"),
    ],
)
def test_initialize_environment(command: str, sw: str) -> None:
    """PSAM-074, PSAM-076, PSAM-078, PSAM-079: one BCD byte, at every level."""
    assert psam().sw(command) == sw
    assert psam().enter(SX2).sw(command) == sw


def test_initialize_environment_again() -> None:
    """PSAM-075: another region forgets the session key and the open purchase of the last card."""
    desk = psam().enter()
    assert desk.deliver(0x67, 0x08, *("1122334455667788",) * 3) == "9000"
    assert desk.all("BFEC00000111", "BFEC00000151", "80FA0000081122334455667788") == ["9000", "9000", "6901"]


def test_des_alone() -> None:
    """PSAM-019, PSAM-020: the second environment is configurable, and may be missing."""
    desk = blank_vectors()
    assert desk.select(SX2)[-4:] == "6A82"
    assert desk.sw("00A4000002DDF1") == "6A82"


def test_volatile_state_dies() -> None:
    """Rights, challenge and session key end with power, and when the environment or the application is left."""
    for leave in ("00A40000", f"00A404000F{SX2}", ""):
        desk = psam().enter()
        assert desk.authenticate(1) == "9000"
        assert desk.deliver(0x67, 0x08, *("1122334455667788",) * 3) == "9000"
        desk.challenge()
        if leave:
            desk.x(leave)
        else:
            desk.model.power_on()
        desk.enter()
        assert desk.all("80FA0000081122334455667788", "00D69A000107", "0082000110" + "00" * 16) == [
            "6901",
            "6982",
            "6984",
        ]


def test_copies_share_nothing() -> None:
    """A second PSAM on the same cells keeps its own state."""
    one, other = psam(), of_cells(*made_psam())
    one.enter()
    assert other.sw("00B0990004") == "6A82"
