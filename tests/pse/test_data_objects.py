"""Data of the application by table: rights of each data object, FCIs of every published form, records of all ranges."""

import pytest

from cardsim.iso7816.tlv import ber, find
from cardsim.pse.objects import DATA_OBJECTS, DataObject
from tests.cards import AID, PSE_NAME, Bench, unhex
from tests.pse.bank import put
from tests.pse.deal import ARQC, Deal
from tests.pse.perso import ADF, amount, empty, fill, job, open_channel, pay

COUNTED = {0x9F13, 0x9F17, 0x9F36, 0x9F79}
"""They stand among the counters, and rise or fall by themselves."""
TWO_CURRENCIES = {"9F73": "20000050", "9F75": amount(5000), "9F76": "0344"}
NEW = {1: "05", 4: "20000100", 6: amount(700)}
"""What an issuer's script writes, by length."""


def with_all() -> Deal:
    """A card that has every data object, an offline PIN included."""
    return Deal(pay({"9F79": amount(500), **TWO_CURRENCIES}, pin="0302"))


@pytest.mark.parametrize("row", DATA_OBJECTS, ids=lambda row: f"{row.tag:04X}")
def test_get_data(row: DataObject) -> None:
    """PBOC-GDT-001 to PBOC-GDT-009, PBOC-T0-005: tag, length and value, in every state; P1 P2 alone name it."""
    deal, tag = with_all(), f"{row.tag:04X}"
    deal.select()
    known = deal.get(tag)
    assert len(known) == 2 * row.length if row.length else len(known) > 2
    full = f"{tag}{len(known) // 2:02X}{known}9000"
    size = len(full) // 2 - 2
    assert deal.bench.x(f"80CA{tag}{size:02X}", follow=False) == full
    for wrong in (0, size - 1, size + 1):
        assert deal.bench.x(f"80CA{tag}{wrong:02X}", follow=False) == f"6C{size:02X}"
    assert deal.bench.all(f"00CA{tag}00", f"80CA{tag}0100") == ["6E00", "6700"]
    deal.once(ARQC)
    assert deal.get(tag) == known or row.tag in COUNTED
    deal.bench.pse()
    assert deal.bench.x(f"80CA{tag}00") in ("6D00", "6E00"), "the PSE itself has no data objects"


@pytest.mark.parametrize("row", DATA_OBJECTS, ids=lambda row: f"{row.tag:04X}")
def test_put_data(row: DataObject) -> None:
    """PBOC-PDT-001, PBOC-PDT-004, PBOC-PDT-005: what the table calls writable is written, nothing else is."""
    deal, tag = with_all(), f"{row.tag:04X}"
    assert deal.once(ARQC).kind == ARQC
    before = deal.get(tag)
    value = NEW.get(row.length, "0" * 2 * row.length or "9A03")
    start = deal.bench.model.snapshot()
    assert deal.bench.x(put(deal, tag, value)) == ("9000" if row.writable else "6A80")
    assert deal.get(tag) == (value if row.writable else before)
    deal.bench.power_on()
    deal.select()
    assert deal.get(tag) == (value if row.writable else before), "it lasts"
    for other in (value + "00", value[2:]):
        deal.bench.model.restore(start)
        if row.writable:
            assert deal.bench.x(put(deal, tag, other)) == "6700"
            assert deal.get(tag) == before


@pytest.mark.parametrize("row", [row for row in DATA_OBJECTS if row.bcd], ids=lambda row: f"{row.tag:04X}")
def test_numbers_are_decimal(row: DataObject) -> None:
    """PBOC-PDT-012: a digit above 9 is no number."""
    deal, tag = with_all(), f"{row.tag:04X}"
    deal.once(ARQC)
    before = deal.get(tag)
    assert deal.bench.x(put(deal, tag, "0" * (2 * row.length - 1) + "A")) == "6A80"
    assert deal.get(tag) == before


@pytest.mark.parametrize("tag", [*TWO_CURRENCIES, "9F17"])
def test_what_the_card_has_not(tag: str) -> None:
    """PBOC-GDT-003, PBOC-GDT-008: a tag of the table that this card was not given is 6A88, and 6A80 for a script."""
    deal = Deal(pay())
    deal.once(ARQC)
    assert deal.get(tag) == "6A88"
    assert deal.bench.x(put(deal, tag, "05")) in ("6A80", "6700")


# --- FCI -----------------------------------------------------------------------------------------------------------

PSE_FCIS = {
    "UICC test card": "880101",
    "CMB test card": "8801015F2D027A689F110101",
    "with the log": "8801015F2D027A68BF0C059F4D020B0A",
    "u72 card": "8801015F2D027A689F110101BF0C059F4D020B0A",
    "directory 10": "88010A",
}
ADF_FCIS = {
    "with electronic cash": "500A50424F432044454249548701019F38099F7A019F02065F2A025F2D027A68BF0C059F4D020B0A",
    "SCSH": "500B50424F43204372656469748701019F380F9F1A029F7A019F02065F2A029F4E149F120F434152442049204D41474520312E30"
    "9F110101BF0C059F4D020B0A",
    "empty preferred name": "500A50424F432044454249548701019F38099F7A019F02065F2A025F2D027A689F1101019F1200"
    "BF0C059F4D020B0A",
    "GBK preferred name": "500A50424F432044454249548701019F38099F7A019F02065F2A025F2D027A689F1101019F120AD5D0D0D0D2BB"
    "BFA8CDA8BF0C059F4D020B0A",
    "load log announced": "500A50424F432044454249548701019F38099F7A019F02065F2A02BF0C0A9F4D020B0ADF4D020C0A",
}  # fmt: skip
NO_CASH = {0x9203: None, 0x9200: ber(0x9F10, unhex("0701010300000001"))}


def selected(bench: Bench, name: str, content: str) -> None:
    """SELECT answers the name and this content of A5, and the length that 61xx announces."""
    fci = ber(0x6F, ber(0x84, unhex(name)) + ber(0xA5, unhex(content)))
    apdu = f"00A40400{len(name) // 2:02X}{name}"
    assert bench.x(apdu, follow=False) == f"61{len(fci):02X}"
    assert bench.x(apdu) == fci.hex().upper() + "9000"


@pytest.mark.parametrize("form", PSE_FCIS)
def test_fci_of_pse(form: str) -> None:
    """PBOC-SEL-001, PBOC-FCI-009: the five forms seen on cards (fact sheet §1.2); the directory is where 88 says."""
    content, bench = PSE_FCIS[form], empty()
    sfi = int(content[4:6], 16)
    entry = ber(0x70, ber(0x61, ber(0x4F, ADF) + ber(0x50, b"PBOC DEBIT") + ber(0x87, b"\x01")))
    channel = open_channel(bench, unhex(PSE_NAME))
    channel.store(0x9102, ber(0xA5, unhex(content)))
    channel.store(sfi << 8 | 1, entry, last=True)
    bench.power_on()
    selected(bench, PSE_NAME, content)
    assert bench.x(f"00B201{sfi << 3 | 4:02X}00") == entry.hex().upper() + "9000"
    assert bench.x(f"00B202{sfi << 3 | 4:02X}00") == "6A83"


@pytest.mark.parametrize("form", ADF_FCIS)
def test_fci_of_the_application(form: str) -> None:
    """PBOC-FCI-001 to PBOC-FCI-006: the forms seen on cards (fact sheet §1.3), by full name and by its first part."""
    bench = pay(dgis={0x9102: ber(0xA5, unhex(ADF_FCIS[form]))})
    selected(bench, AID, ADF_FCIS[form])
    assert bench.select(AID[:10]) == bench.select(AID)


def test_fci_without_pdol() -> None:
    """PBOC-FCI-003: a card without electronic cash asks for nothing, with a log or without one."""
    for content in ("500A50424F43204445424954870101", "500A50424F43204445424954870101BF0C059F4D020B0A"):
        bench = pay(dgis={0x9102: ber(0xA5, unhex(content)), **NO_CASH})
        selected(bench, AID, content)
        assert bench.x("80A80000028300") == "800E7C000801020010010500180102019000"


# --- records -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sfi", [1, 10, 11, 20, 21, 30])
def test_ranges_of_sfi(sfi: int) -> None:
    """PBOC-REC-003, PBOC-REC-004, PBOC-LOG-010: first and last of each range; 11 is the log where there is one."""
    record, work = ber(0x70, ber(0x9F1F, b"1234")), job()
    number = next(number for number in range(1, 16) if sfi << 8 | number not in work)
    bench = empty()
    work = {sfi << 8 | number: record, **work}
    if sfi == 11:
        fill(bench, {dgi: content for dgi, content in work.items() if dgi >> 8 != sfi})
    else:
        fill(bench, work)
    bench.select(AID)
    p2 = f"{sfi << 3 | 4:02X}"
    if sfi == 11:
        assert bench.x(f"00B201{p2}00") == "6A83", "the log is there, and empty"
        return
    assert bench.x(f"00B2{number:02X}{p2}00") == record.hex().upper() + "9000"
    assert find(record, 0x70) == ber(0x9F1F, b"1234")
    assert bench.x(f"00B2{number + 1:02X}{p2}00") == "6A83"
    assert bench.x(f"00B2{number:02X}{p2[0]}500") in ("6A86", "6700"), "P2 is SFI and 100"
