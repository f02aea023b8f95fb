"""Records that a bank prepares, against what a payment application must have."""

from collections.abc import Mapping
from functools import cache

import pytest

from cardsim.iso7816.tlv import ber, parse
from cardsim.making.keyservice import Certifying, HeldPaymentKeys
from cardsim.making.pse import BankCard, PseMaker
from cardsim.making.station import Station
from cardsim.making.structure import load_profile
from terminal.perso.data.errors import DataError
from terminal.perso.data.finance import MANDATORY, listed, read_records, record_problems
from terminal.perso.data.layouts import FileKind
from terminal.perso.data.reading import read_data
from terminal.perso.data.writing import write_data
from tests.terminal.perso import desk
from tests.terminal.perso.data.people import bank


@cache
def _structure() -> Mapping[str, object]:
    pse = load_profile("dual-3.0-sm4").pse
    assert pse is not None
    return pse


def _afl(path: str) -> bytes:
    return bytes.fromhex(str(_structure()[f"afl_{path}"]))


@cache
def _records() -> Mapping[int, bytes]:
    """The records of a line of the bank's file."""
    (row,) = read_data(write_data("x.csv", [bank(1)]), "x.csv", FileKind.BANK).bank
    card = BankCard(row.pan, row.psn, row.name, row.person, row.issued, row.expires, "1239")
    certifying = Certifying(desk.rsa("ca", 1408), 0xF1, desk.rsa("issuer"))
    keys = HeldPaymentKeys(bytes(16), bytes(48), certifying, desk.rsa("icc"))
    return PseMaker(Station(desk.blank()), _structure(), keys).records(card)


@pytest.mark.parametrize("path", ["debit", "cash"])
def test_what_is_made_of_a_line(path: str) -> None:
    """PERSO-064: records of a line of the bank's file are all there, with the mandatory data objects."""
    assert record_problems(_records(), _afl(path)) == []
    objects = {item.tag: item.value for dgi in listed(_afl(path)) for item in parse(_records()[dgi])}
    row = bank(1)
    assert objects[0x5A].hex().rstrip("f") == row.pan
    assert objects[0x5F24].hex() == row.expires[2:]
    assert objects[0x57].hex().startswith(f"{row.pan}d{row.expires[2:6]}")
    assert (objects[0x5F34].hex(), objects[0x5F20].decode("gbk"), objects[0x9F61].decode()) == (
        row.psn, row.name, row.person,
    )  # fmt: skip


@pytest.mark.parametrize("tag", MANDATORY)
def test_each_object_is_missed(tag: int) -> None:
    """PERSO-064: without one of them the records are refused."""
    records = {
        dgi: b"".join(ber(item.tag, item.value) for item in parse(content) if item.tag != tag)
        for dgi, content in _records().items()
    }
    assert record_problems(records, _afl("debit")) == [f"{tag:02X} ({MANDATORY[tag]}) is missing"]


def test_each_record_is_missed() -> None:
    """PERSO-064: so they are without a record that the AFL names."""
    for dgi in listed(_afl("debit")):
        problems = record_problems({key: value for key, value in _records().items() if key != dgi}, _afl("debit"))
        assert problems[0] == f"record {dgi & 0xFF} of SFI {dgi >> 8} is named by the AFL and missing"
    cut_off = record_problems({**_records(), 0x0101: b"\x57\x13"}, _afl("debit"))
    assert cut_off[0].startswith("record 1 of SFI 1 is no list")
    assert record_problems({}, b"\x08\x01") == ["an application file locator has four bytes for each file"]


def test_records_from_a_file() -> None:
    """A DGI and its content in each line, template 70 or not."""
    text = "# of the bank\n\n0101 70045A020102  # number\n0301 5A020102\n"
    assert read_records(text, "x") == {0x0101: b"\x5a\x02\x01\x02", 0x0301: b"\x5a\x02\x01\x02"}
    for wrong, told in (
        ("0101", "line 1"),
        ("0101 5", "line 1"),
        ("\nxx 5A", "line 2"),
        ("1 5A\n1 5A", "twice"),
        ("1 7005", "line 1"),
    ):
        with pytest.raises(DataError, match=told):
            read_records(wrong, "x")
