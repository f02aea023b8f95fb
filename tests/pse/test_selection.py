"""SELECT, directory, FCI, records and data of the debit application; T=0 rules; domestic debit only."""

import pytest

from cardsim.cos.files import DIRECTORY, FileFlag
from cardsim.cos.files import Flag as EnvironmentFlag
from cardsim.iso7816.tlv import ber, find, parse_dol, walk
from cardsim.making.pse import PSE_NAME as PSE_NAME_BYTES
from tests.cards import AID, PSE_NAME, SSSE_NAME, Bench, card, unhex
from tests.pse.deal import PLAIN, TC, Deal
from tests.pse.perso import ADF, SECOND_AID, create_adf, ec, empty, fill, job, open_channel, pay, poke_environment

FCI = "6F348408A000000333010101A528500A50424F432044454249548701019F38099F7A019F02065F2A025F2D027A68BF0C059F4D020B0A"
DIRECTORY_RECORD = "701B61194F08A000000333010101500A50424F43204445424954870101"
DEBIT_FILES = ("0101", "0102", "0201", "0202", "0203", "0204", "0205", "0301", "0302")
CASH_FILES = ("0101", "0102", "0201", "0202", "0205", "0206", "0207", "0302", "0303")


def record(bench: Bench, name: str) -> str:
    return bench.x(f"00B2{name[2:]}{int(name[:2], 16) << 3 | 4:02X}00")


def path(bench: Bench, names: tuple[str, ...]) -> dict[int, list[str]]:
    """All data objects of the records of a path, by tag."""
    found: dict[int, list[str]] = {}
    for name in names:
        answer = unhex(record(bench, name))
        assert answer[-2:] == b"\x90\x00"
        assert answer[0] == 0x70
        for item in walk(answer[:-2]):
            if item.tag not in (0x70, 0x61):
                found.setdefault(item.tag, []).append(item.value.hex().upper())
    return found


@pytest.fixture
def adf() -> Bench:
    bench = card()
    assert bench.select(AID)[-4:] == "9000"
    return bench


def second_application() -> Bench:
    """A card with ...0101 and ...0199 below PSE."""
    bench = pay()
    create_adf(bench, unhex(SECOND_AID), 0xADF2, 4096)
    fill(bench, job(), name=unhex(SECOND_AID))
    bench.power_on()
    return bench


def test_pse(bench: Bench) -> None:
    """PBOC-SEL-001, PBOC-T0-001, PBOC-T0-002."""
    assert bench.x(f"00A404000E{PSE_NAME}", follow=False) == "611C"
    assert bench.x("00C000001C", follow=False) == f"6F1A840E{PSE_NAME}A5088801015F2D027A689000"


@pytest.mark.parametrize(("template", "fci"), [("880101", "6F15840E{}A503880101"), ("88010A", "6F15840E{}A50388010A")])
def test_minimal_pse_and_other_directory(template: str, fci: str) -> None:
    """PBOC-SEL-002, PBOC-SEL-006."""
    bench = pay()
    channel = open_channel(bench, PSE_NAME_BYTES)
    channel.store(0x9102, ber(0xA5, unhex(template)))
    channel.store(0x0A01, unhex(DIRECTORY_RECORD), last=True)
    assert bench.select(PSE_NAME) == fci.format(PSE_NAME) + "9000"
    assert bench.x("00B2015400") == DIRECTORY_RECORD + "9000"


def test_directory(bench: Bench) -> None:
    """PBOC-SEL-003, PBOC-SEL-004, PBOC-SEL-005, PBOC-SEL-007, PBOC-FCI-007, PBOC-T0-003."""
    bench.pse()
    assert bench.x("00B2010C00", follow=False) == "6C1D"
    assert bench.x("00B2010C1D", follow=False) == DIRECTORY_RECORD + "9000"
    assert 0x9D not in {item.tag for item in walk(unhex(bench.data))}
    assert find(unhex(bench.data), 0x70, 0x61, 0x4F) == ADF == find(unhex(bench.select(AID)[:-4]), 0x6F, 0x84)
    bench.pse()
    assert bench.x("00B2020C00") == "6A83"


def test_only_debit(bench: Bench) -> None:
    """PBOC-SEL-008, PBOC-SEL-009, PBOC-SEL-016, PBOC-SEL-022."""
    assert bench.select(AID) == FCI + "9000"
    for name in ("A000000333010102", "A000000333010103", "A000000333010106", "A000000333010108", "A000000333019999"):
        assert bench.select(name) == "6A82"
    assert bench.select("325041592E5359532E4444463031") == "6A82"


@pytest.mark.parametrize("length", [5, 6, 7])
def test_partial_name(bench: Bench, length: int) -> None:
    """PBOC-SEL-010."""
    assert bench.select(AID[: 2 * length]) == FCI + "9000"
    assert bench.x(f"00A40402{length:02X}{AID[: 2 * length]}") == "6A82"


def test_next_occurrence() -> None:
    """PBOC-SEL-011, PBOC-SEL-012."""
    bench = second_application()
    assert bench.select("A000000333") == FCI + "9000"
    assert bench.x("00A4040205A000000333") == FCI.replace(AID, SECOND_AID) + "9000"
    assert bench.x("00A4040205A000000333") == "6A82"
    assert bench.select(SECOND_AID) == FCI.replace(AID, SECOND_AID) + "9000"
    assert Deal(bench).once(TC).atc == 1, "the two applications count for themselves"


def test_select_form(adf: Bench) -> None:
    """PBOC-SEL-013, PBOC-SEL-014, PBOC-SEL-015."""
    for p2 in ("01", "03", "0C"):
        assert adf.x(f"00A404{p2}08{AID}") == "6A86"
    assert adf.all("00A4000002EF05", "00A4020002ADF1", "00A4000002ADF1", "00A4000002DDF1") == ["6A86"] * 4
    assert adf.x("00A4040004A0000003") == "6700"
    assert adf.x("00A4040011" + "A000000333010101" + "00" * 9) == "6700"


def test_failed_select_keeps_the_transaction(bench: Bench) -> None:
    """PBOC-SEL-017."""
    deal = Deal(bench)
    deal.gpo()
    assert bench.select("A000000333019999") == "6A82"
    assert deal.gac(0x80).ac.hex().upper() == "C49EFFCB5A49B233"


def test_blocked_application() -> None:
    """PBOC-SEL-018, PBOC-SEL-019, PBOC-SEL-020, PBOC-GAC-011, PBOC-GPO-021."""
    bench = pay({"9F52": "C080"}, pin="0301")
    deal = Deal(bench)
    deal.gpo()
    assert bench.x("0020008008 26000000FFFFFFFF") == "63C0"
    assert bench.x(f"00A4040008{AID}", follow=False) == "6283"
    assert bench.x("00C0000000", follow=False) == "6C36"
    assert bench.x("00C0000036", follow=False) == FCI + "9000"
    for request in (0x40, 0x80):
        before = int(deal.get("9F36"), 16)
        assert deal.gpo()[-4:] == "9000"
        assert int(deal.get("9F36"), 16) == before + 1
        assert deal.gac(request).cid == 0x00
    bench.x(f"00A4040008{AID}", follow=False)
    bench.x("80CA9F3605")
    assert bench.x("00C0000036", follow=False) == "6F00", "pending data die with any other command (D18)"


def test_reselection_ends_the_transaction(bench: Bench) -> None:
    """PBOC-SEL-021."""
    deal = Deal(bench)
    deal.once()
    deal.select()
    assert deal.external() == "6985"


def test_pse_rows(bench: Bench) -> None:
    """PBOC-SEL-023."""
    bench.pse()
    for apdu in ("80A8000002 8300", "80AE000000", "80CA9F3600", "0020008008 26123456FFFFFFFF", "0088000004 00000000"):
        assert bench.x(apdu) in ("6D00", "6E00")
    assert bench.x("008200000A" + "00" * 10) in ("6D00", "6E00")


def test_pse_blocked_by_hook(bench: Bench) -> None:
    """PBOC-SEL-024."""
    poke_environment(bench, DIRECTORY + 1, bytes((FileFlag.BLOCKED,)))
    bench.power_on()
    assert bench.x(f"00A404000E{PSE_NAME}", follow=False) == "6283"
    assert bench.select(AID) == FCI + "9000"


def test_blocked_environment_by_hook(bench: Bench) -> None:
    """PBOC-SEL-025 (block scope: the environment alone, D10)."""
    poke_environment(bench, 3, bytes((EnvironmentFlag.BLOCKED,)))
    bench.power_on()
    assert bench.select(PSE_NAME) == bench.select(AID) == bench.select("A000000333") == "6A81"
    assert bench.ssse() == "9000"


# --- FCI -----------------------------------------------------------------------------------------------------------


def test_fci(bench: Bench) -> None:
    """PBOC-FCI-001, PBOC-FCI-002, PBOC-FCI-004, PBOC-FCI-005, PBOC-FCI-006, PBOC-FCI-009, PBOC-T0-001."""
    assert bench.x(f"00A4040008{AID}", follow=False) == "6136"
    assert bench.x("00C0000036", follow=False) == FCI + "9000"
    fci = unhex(FCI)
    tags = [item.tag for item in walk(fci)]
    assert tags == [0x6F, 0x84, 0xA5, 0x50, 0x87, 0x9F38, 0x5F2D, 0xBF0C, 0x9F4D]
    rebuilt = ber(0x84, ADF) + ber(0xA5, b"".join(ber(t, find(fci, 0x6F, 0xA5, t) or b"") for t in tags[3:8]))
    assert ber(0x6F, rebuilt) == fci, "every length is minimal"
    assert parse_dol(find(fci, 0x6F, 0xA5, 0x9F38) or b"") == [(0x9F7A, 1), (0x9F02, 6), (0x5F2A, 2)]
    assert 1 <= len(find(fci, 0x6F, 0xA5, 0x50) or b"") <= 16
    assert (0x9F12 in tags) <= (0x9F11 in tags)


def test_fci_without_pdol() -> None:
    """PBOC-FCI-003, PBOC-GPO-016."""
    proprietary = ber(0xA5, ber(0x50, b"PBOC DEBIT") + ber(0x87, b"\x01"))
    bench = pay(dgis={0x9102: proprietary, 0x9203: None})
    assert "9F38" not in bench.select(AID)
    assert bench.x("80A800000B8309000000000010000156") == "6700"
    assert bench.x("80A8000002 8300") == "800E7C000801020010010500180102019000"


def test_fci_given_whole() -> None:
    """PBOC-FCI-008, PBOC-PER-014."""
    bench = pay(dgis={0x9102: unhex(FCI)})
    assert bench.select(AID) == FCI + "9000"
    inner = find(unhex(FCI), 0x6F, 0xA5) or b""
    assert pay(dgis={0x9102: ber(0xA5, inner)}).select(AID) == FCI + "9000"
    assert pay(dgis={0x9102: ber(0x6F, ber(0xA5, inner))}).select(AID) == FCI + "9000", "84 is added"


# --- records -------------------------------------------------------------------------------------------------------


def test_records_of_both_paths(bench: Bench) -> None:
    """PBOC-REC-001, PBOC-REC-002, PBOC-REC-009, PBOC-REC-010, PBOC-REC-014."""
    deal = Deal(bench)
    deal.gpo()
    debit, cash = path(bench, DEBIT_FILES), path(bench, CASH_FILES)
    for found in (debit, cash):
        assert {0x5A, 0x5F24, 0x8C, 0x8D} <= set(found)
        assert all(len(values) == 1 for values in found.values())
    assert cash[0x9F74] == ["454343303031"]
    assert 0x9F74 not in debit
    assert (0x9F61 in debit) == (0x9F62 in debit)
    assert debit[0x9F62] == ["00"]


def test_record_content(bench: Bench) -> None:
    """PBOC-REC-011, 012, 013, 015, 016, 017, 018; PBOC-DOM-001, 002, 003, 004; SCHEME-104, SCHEME-240.

    PBOC-REC-012, PBOC-REC-013, PBOC-REC-015, PBOC-REC-016, PBOC-REC-017, PBOC-REC-018, PBOC-DOM-002, PBOC-DOM-003,
    PBOC-DOM-004.
    """
    deal = Deal(bench)
    deal.gpo()
    debit, cash = path(bench, DEBIT_FILES), path(bench, CASH_FILES)
    one = {
        0x5A: "6214672500000000056F", 0x57: "6214672500000000056D34016200000000000F", 0x5F24: "340131",
        0x5F25: "240101", 0x5F30: "0620", 0x9F07: "AB00", 0x5F28: "0156", 0x9F42: "0156", 0x9F08: "0020",
        0x9F4A: "82", 0x9F49: "9F3704", 0x5F34: "01", 0x8F: "F1",
        0x8C: "9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14",
        0x8D: "8A029F02069F03069F1A0295055F2A029A039C019F37049F2103",
    }  # fmt: skip
    for tag, value in one.items():
        assert debit[tag] == cash[tag] == [value], f"{tag:X}"
    sums = [sum(length for _, length in parse_dol(unhex(one[tag]))) for tag in (0x8C, 0x8D)]
    assert sums == [0x34, 0x22]
    assert debit[0x8E] == ["000000000000000002031F00"]
    assert cash[0x8E] == ["00000000000000001F00"]
    codes = (0x9F0D, 0x9F0E, 0x9F0F)
    assert [debit[code][0] for code in codes] == ["D8609CA800", "0010000000", "D8689CF800"]
    assert [cash[code][0] for code in codes] == ["D8603CA800", "0010800000", "D8683CF800"]
    deal.select()
    assert [deal.get(tag) for tag in ("9F51", "9F57")] == ["0156", "0156"]


def test_no_credit(bench: Bench) -> None:
    """PBOC-DOM-007."""
    bench.select(AID)
    tags = set(path(bench, DEBIT_FILES)) | set(path(bench, CASH_FILES))
    assert not tags & {0x9F50, 0x9F5E, 0x9F7D, 0xDF71, 0xDF79}
    deal = Deal(ec(500))
    assert deal.gpo(cash=True, amount=501).startswith("800E"), "more than the balance is no electronic cash"
    assert deal.get("9F79") == "000000000500"


def test_record_refusals(adf: Bench) -> None:
    """PBOC-REC-003, PBOC-REC-004, PBOC-REC-005, PBOC-REC-006, PBOC-PER-018."""
    deal = Deal(adf)
    deal.gpo()
    assert adf.all("00B20A0C00", "00B2012400", "00B2000C00") == ["6A83", "6A82", "6A86"]
    assert adf.all("00B2016C00", "00B2017400") == ["6A82", "6A82"], "0D01 and 0E01 are no records"
    for bench, name in ((adf, AID), (adf, PSE_NAME)):
        bench.select(name)
        assert bench.all("00B2010800", "00B2010D00", "00B201FC00") == ["6A86"] * 3


def test_reading_in_every_state(bench: Bench) -> None:
    """PBOC-REC-007, PBOC-REC-008, PBOC-GDT-011."""
    deal, want = Deal(bench), {"9000"}

    def read() -> set[str]:
        return set(bench.all("00B2010C00", "80CA9F3605", "80CA9F7909"))

    deal.select()
    assert read() == want
    bench.x("80A800000B8309000000000010000156")
    assert read() == want
    deal.gac(0x80)
    assert read() == want
    assert deal.external() == "9000"
    assert deal.gac2(TC).ac.hex().upper() == "28907730FF74F79E"
    assert read() == want


# --- T=0 -----------------------------------------------------------------------------------------------------------


def test_t0(adf: Bench) -> None:
    """PBOC-T0-004, PBOC-T0-005, PBOC-T0-008, PBOC-T0-009."""
    assert adf.x("80CA9F3600", follow=False) == "6C05"
    assert adf.x("80CA9F3605", follow=False) == "9F360200009000"
    assert adf.x("80A800000B8309000000000010000156", follow=False) == "6110"
    assert adf.x("00C0000010", follow=False) == "800E7C000801020010010500180102019000"
    assert adf.x("0088000004 12345678", follow=False) == "6193"
    assert adf.x(f"80AE800034 {PLAIN.cdol1()}", follow=False) == "6120"
    assert adf.all("81A800000B8309000000000010000156", "01B2010C00") == ["6E00", "6E00"]
    assert adf.all("80FF000000", "90B2010C00", "00A800000283008000", "80B2010C00") == ["6D00", "6E00", "6E00", "6E00"]


def test_pending_answer(bench: Bench) -> None:
    """PBOC-T0-006, PBOC-TEAR-014."""
    deal = Deal(bench)
    deal.gpo()
    assert bench.x(f"80AE800034 {PLAIN.cdol1()}", follow=False) == "6120"
    assert bench.x(f"00A404000F{SSSE_NAME}", follow=False).startswith("61")
    assert bench.x("00C0000020", follow=False) == "6C1E"
    assert bench.x("00C000001E", follow=False).startswith("6F1C840F")
    deal.once()
    bench.x(f"00A4040008{AID}", follow=False)
    bench.power_on()
    assert bench.x("00C0000036", follow=False) == "6F00"
    assert deal.external() in ("6985", "6D00", "6E00", "6700"), "the MF knows no ARPC"
    deal.select()
    assert deal.external() == "6985"


def test_second_get_response() -> None:
    """PBOC-T0-007."""
    bench = ec(10000)
    deal = Deal(bench)
    deal.gpo(cash=True)
    assert bench.x(f"80AE400034 {PLAIN.cdol1()}", follow=False) == "6120"
    assert bench.x("00C0000020", follow=False)[-4:] == "9000"
    assert bench.x("00C0000020", follow=False) == "6F00"
    assert deal.get("9F79") == "000000009000"


def test_before_issue() -> None:
    """PBOC-PER-031."""
    bench = empty()
    assert bench.select(AID) == f"6F0A8408{AID}9000"
    assert bench.all("80A800000283008000"[:14], f"80AE800034{PLAIN.cdol1()}") == ["6985", "6985"]
    assert bench.x("80CA9F3600") == "6A88"
