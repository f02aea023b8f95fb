"""What the rules say of single items: the requirements of personalisation on a finished card."""

from dataclasses import replace
from datetime import date

import pytest

from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.iso7816.tlv import parse_simple
from cardsim.making.content import encode
from cardsim.making.plan import Item, ItemType
from cardsim.making.structure import load_structure
from terminal.filetable import FileKind, kind_of
from terminal.perso.check.checking import Known, check_card, report_of
from terminal.perso.check.facts import HOLDER, ISSUER
from terminal.perso.check.rule import CheckReport, Verdict
from tests.cards import PIN, SSSE_NAME, card, made
from tests.terminal.perso.check import bench
from tests.terminal.perso.check.bench import FREE, KNOWN, item

ITEM_60 = ((0xDF02, 0xEF06), (0xDF03, 0xEF05))


def _verdicts(report: CheckReport) -> dict[str, Verdict]:
    return {finding.rule.id: finding.verdict for finding in report.findings}


def test_padding() -> None:
    """PERSO-091: a name of four bytes is filled with 00, an odd number of digits with F; other filling is told."""
    facts = bench.facts(FREE)
    assert facts.value(HOLDER, 0x09) == "张三".encode("gbk").ljust(30, b"\0")
    digits = Item(0x92, ItemType.BCD, 4, "offline_total")
    assert encode(digits, "123") == bytes.fromhex("123FFFFF")
    assert _verdicts(report_of(facts, FREE))["social.padding"] is Verdict.PASSED
    spaced = bench.check(FREE, item(SSSE_NAME, 0xEF06, 0x09, b"\0" + "张三".encode("gbk").ljust(29, b"\0")))
    assert "social.padding" in spaced.failed


@pytest.mark.parametrize("profile", ["dual-3.0-sm4", "social-1.0", "social-2.0"])
def test_items_are_those_of_the_table(profile: str) -> None:
    """PERSO-093: with keys and PIN every file is read, and each item has tag, length and type of table 9."""
    facts = bench.facts(profile, known=replace(KNOWN, pin=PIN), keys=True)
    wanted = sum(len(file.items) for file in facts.structure.files if file.sfi and kind_of(file) is FileKind.RECORDS)
    records = [record for _, file, found in facts.record_files() for record in found
               if kind_of(file) is FileKind.RECORDS]  # fmt: skip
    assert len(records) == wanted > 40
    verdicts = _verdicts(report_of(facts, profile))
    for rule in ("social.records", "social.lengths", "social.padding", "social.text", "social.dates"):
        assert verdicts[rule] is Verdict.PASSED


def test_update_key() -> None:
    """PERSO-094: without UKSSSE nobody writes EF05 of a finished card."""
    bench_card = card()
    assert bench_card.ssse() == "9000"
    assert bench_card.select_fid("EF05", "02")[-4:] == "9000"
    assert bench_card.x("00DC0204" + "03" + "020134")[-4:] == "6982"
    assert bench_card.x("00B2020400") == "020133" + "9000"


def test_order_of_records() -> None:
    """PERSO-096: record number is position: the third record of EF06 is item 4E."""
    file = bench.facts(FREE).social.files[HOLDER]
    assert file.records is not None
    assert [record[0] for record in file.records] == [0x08, 0x09, 0x4E, 0x0A, 0x0B, 0x0C, 0x0D]


def test_certificate_code() -> None:
    """PERSO-098: the code is a keyed value over region, RID and serial number: another number, another code."""
    codes = [bench.CardCode(made(FREE, seed=seed)[1]) for seed in (None, 5)]
    assert codes[0].serial != codes[1].serial
    assert codes[0].certificate != codes[1].certificate
    assert codes[0].certificate == social.certificate_code(Suite.DES, codes[0].irk, codes[0].first12)
    swapped = item(SSSE_NAME, 0xEF05, 0x01, codes[0].first12 + codes[1].certificate)
    assert bench.check(FREE, swapped, keys=True).failed == ("social.certificate",)


def test_card_type() -> None:
    """PERSO-099: where types are not used it is 3, an adult's."""
    assert bench.facts(FREE).value(ISSUER, 0x02) == b"3"
    for kind, failed in (("1", ()), ("4", ()), ("0", ("social.card-class",)), ("", ("social.card-class",))):
        assert bench.check(FREE, item(SSSE_NAME, 0xEF05, 0x02, kind.encode().ljust(1, b"\0"))).failed == failed


@pytest.mark.parametrize("place", ["DF02", "DF03"])
def test_item_60(place: str) -> None:
    """PERSO-108: a structure has item 60 in DF02 EF06 or in DF03 EF05, not in both."""
    structure = load_structure("ssse-2.0", {"item60": place})
    there = [any(one.tag == 0x60 for one in file.items) for file in structure.files if (file.df, file.fid) in ITEM_60]
    assert sorted(there) == [False, True]


@pytest.mark.parametrize(
    ("expiry", "failed"),
    [("20340131", ()), ("20340101", ()), ("20340201", ("both.expiry",)), ("20290101", ("both.expiry",))],
)
def test_joint_expiry(expiry: str, failed: tuple[str, ...]) -> None:
    """PERSO-164: both sides end in the same month; another period of the department's is a warning, no failure."""
    report = bench.check(FREE, item(SSSE_NAME, 0xEF05, 0x06, bytes.fromhex(expiry)))
    assert report.failed == failed
    assert report.passed


def test_photo() -> None:
    """PERSO-107: the photo of the card is the one of its data, and no larger than its file."""
    facts = bench.facts("dual-3.0-sm4", keys=True, known=replace(KNOWN, records=(bench.record(),)))
    found = facts.social.files[0xDDF1, 0xEF08].binary
    assert found is not None
    assert found == facts.social_record.photo
    assert len(found) == 4096


@pytest.mark.parametrize("seed", range(24))
def test_any_answers(seed: int) -> None:
    """Whatever a card answers, the check ends with a report."""
    card_, keys = bench.tapped("dual-2.0-des", bench.noise(seed))
    known = Known(date(2024, 6, 1), keys=keys, records=(bench.record(),), destructive=True)
    report = check_card(card_, known, bench.draw())
    assert len(report.findings) > 70


def test_items_inside_an_item() -> None:
    """Nested items are looked at like others."""
    facts = bench.facts("dual-2.0-des", keys=True)
    places = [place for place, _, _ in facts.items() if " in item 40" in place]
    assert len(places) == 9  # three degrees of three items each
    inner = parse_simple(bytes.fromhex("5703000000" + "5803FFFFFF" + "5928") + b"\xff" * 40)
    broken = item("D15600000500", 0xEF15, 0x40, b"".join(bytes((one.tag, len(one.value))) + one.value for one in inner))
    assert bench.check("dual-2.0-des", broken, keys=True).failed == ("social.text",)
