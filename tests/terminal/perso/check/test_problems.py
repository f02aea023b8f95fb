"""What else a rule may find, and the words for it."""

from dataclasses import dataclass, replace

import pytest

from terminal.perso.check.checking import Known
from terminal.perso.check.rule import Verdict
from terminal.perso.face.model import Box, Face, Field
from tests.cards import SSSE_NAME
from tests.terminal.perso.check import bench
from tests.terminal.perso.check.bench import (
    FREE,
    KNOWN,
    Change,
    answer,
    both,
    data_object,
    item,
    nothing,
    objects,
    profile_known,
    replaced,
    without,
)

EF05, EF06 = 0xEF05, 0xEF06
DF01, DF02 = "D15600000500", "D15600000501"


@dataclass(frozen=True)
class Found:
    """A change, the rule that finds it, and words of what it says."""

    rule: str
    words: str
    change: Change = nothing
    profile: str = FREE
    known: Known = KNOWN
    keys: bool = False


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


def _extra_record(tap: bench.Tap, command: bytes, _whole: bytes) -> bytes | None:
    """An eighth record of EF05."""
    here = tap.df == _hex(SSSE_NAME) and tap.fid == EF05 and command[:3] == _hex("00B208")
    return _hex("C00101" + "9000") if here else None


def _short_cyclic(tap: bench.Tap, command: bytes, whole: bytes) -> bytes | None:
    here = tap.df == _hex(DF02) and tap.fid == 0xEF07 and command[1:2] == b"\xb2" and whole[-2:] == _hex("9000")
    return whole[1:] if here else None


def _bitmap(size: int) -> Change:
    def change(tap: bench.Tap, command: bytes, whole: bytes) -> bytes | None:
        here = tap.fid == 0xEF08 and command[:4] == _hex("00B00000") and whole[-2:] == _hex("9000")
        return b"BM" + size.to_bytes(4, "little") + whole[6:] if here else None

    return change


def _face(**changes: object) -> Known:
    face: Face = replace(bench.face(), **changes)  # type: ignore[arg-type]
    return replace(KNOWN, face=lambda _order: face)


def _dol(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    return [(tag, _hex("9F") if tag == 0x8C else value) for tag, value in found]


FOUND = (
    Found("card.atr", "does not offer T=0", lambda _tap, command, _: None if command else _hex("3B8001" + "81")),
    Found("card.historical", "bytes T8 T9, 51AA, are no area code", replaced("", "86605199", "866051AA")),
    Found("card.life-cycle", "the environment DDF1 is blocked", replaced("80F2", "8A0103", "8A0183")),
    Found("card.life-cycle", "the environment DDF1 is in state 02", replaced("80F2", "8A0103", "8A0102")),
    Found("card.life-cycle", "says nothing about a life cycle", answer("80F2", "9000")),
    Found("card.environments", "the card has no environment: SELECT of SSSE answers 6A82",
          both(answer("00A404000F", "6A82"), answer("00A404000E31", "6A82"))),
    Found("social.directory", "an entry that the structure does not", answer("00B208F4", "61034F0141" + "9000")),
    Found("social.applications", "names another application",
          replaced("00A4040006D15600000502", "8406D156", "8406D157")),
    Found("social.records", "SSSEEF05 has 8 records, the table 7", _extra_record),
    Found("social.lengths", "record 1 of DF02EF07 has 84 bytes, not 85", _short_cyclic, keys=True),
    Found("social.lengths", "does not hold the items that it should", item(DF01, 0xEF15, 0x40, bytes(0x34)), keys=True),
    Found("social.data", "the data do not fit", known=replace(KNOWN, records=(bench.other(nationality="123"),))),
    Found("social.identification", "the serial number is zero",
          item(SSSE_NAME, EF05, 0x01, _hex("519900D15600000500000000" + "00000001"))),
    Found("social.dates", "the day of issue is missing", item(SSSE_NAME, EF05, 0x05, b"\xff" * 4)),
    Found("social.sex", "the social-security number says 1", item(SSSE_NAME, EF06, 0x0A, "2")),
    Found("social.name", "the name is empty", item(SSSE_NAME, EF06, 0x09, bytes(30)), profile="social-2.0"),
    Found("social.name", "goes on in the extension (4E) all the same",
          item(SSSE_NAME, EF06, 0x4E, "三".encode("gbk").ljust(20, b"\0")), profile="social-2.0"),
    Found("social.photo", "a BMP of 5000 bytes", _bitmap(5000), keys=True),
    Found("social.photo", "a JPEG without its end", lambda tap, command, whole: whole.replace(b"\xff\xd9", b"\xff\xda")
          if tap.fid == 0xEF08 and command[1:2] == b"\xb0" else None, keys=True),
    Found("payment.selection", "lacks name or label", replaced("00B2010C", "500A", "510A")),
    Found("payment.selection", "of the directory answers 6A82 to SELECT", answer("00A4040008A0", "6A82")),
    Found("payment.fci", "does not name the application", replaced("00A4040008A0", "8408A0", "8408A1")),
    Found("payment.options", "AIP of 2 bytes, AFL of 10 bytes",
          answer("80A8", "800C7C00" + "08010200100105001801" + "9000")),
    Found("payment.track2", "the service code in track 2 is 621",
          data_object(0x57, "6214672500000000056D34016210000000000F")),
    Found("payment.person", "the kind of document (9F62) is 06", data_object(0x9F62, "06")),
    Found("payment.dates", "and expires 2034-01-31", data_object(0x5F25, "340201")),
    Found("payment.dates", "effective from 2025-01-01, after today", data_object(0x5F25, "250101")),
    Found("payment.domestic", "service code 220", data_object(0x5F30, "0220")),
    Found("payment.mandatory", "the holder's name is missing", without(0x5F20)),
    Found("payment.log", "the log entry is 010A", replaced("00A4040008A0", "9F4D020B0A", "9F4D02010A")),
    Found("payment.log", "the log format is empty", answer("80CA9F4F", "9F4F00" + "9000")),
    Found("payment.lists", "data objects are malformed", objects(_dol, 0x8C)),
    Found("payment.electronic-cash", "electronic cash up to 0 fen",
          replaced("80CA9F77", "9F7706000000100000", "9F7706000000000000")),
    Found("keys.signature", "INTERNAL AUTHENTICATE answers 6985", answer("0088000004", "6985"), profile="bank",
          keys=True),
    Found("keys.cryptogram", "GENERATE AC answers 6985", answer("80AE", "6985"), profile="bank", keys=True,
          known=replace(KNOWN, destructive=True)),
    Found("face.design", "there is no product paper", known=_face(product="paper")),
    Found("face.stripe", "single-chip has no stripe below its print",
          known=_face(stripe=Box(2.92, 38.03, 79.63, 10.41))),
    Found("face.stripe", "hidden-stripe has a hidden stripe, and the face has none",
          known=_face(product="hidden-stripe")),
    Found("face.layout", "name lies on the chip", known=_face(boxes={Field.NAME: Box(10.0, 20.0, 9.0, 2.0)})),
)  # fmt: skip


@pytest.mark.parametrize("found", FOUND, ids=lambda found: f"{found.rule}: {found.words[:30]}")
def test_words(found: Found) -> None:
    """The rule says what is wrong."""
    report = bench.check(found.profile, found.change, found.known, keys=found.keys)
    problems = [problem for one in report.findings if one.rule.id == found.rule for problem in one.problems]
    assert any(found.words in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("rule", "reason", "change", "profile"),
    [
        ("social.certificate", "that of test cards",
         item(SSSE_NAME, EF05, 0x01, _hex("519900D156000005000001ACFFFFFFFF")), FREE),
        ("payment.person", "neither 9F61 nor 9F62", both(without(0x9F61), without(0x9F62)), FREE),
        ("keys.certificate-dates", "the expiry date is none", data_object(0x5F24, "340231"), "bank"),
        ("both.expiry", "5F24 is no date", data_object(0x5F24, "340231"), FREE),
        ("social.directory", "the structure of the card is not known", item(SSSE_NAME, EF05, 0x03, "9.99"), FREE),
    ],
)  # fmt: skip
def test_reasons(rule: str, reason: str, change: Change, profile: str) -> None:
    """A rule that cannot be tried says why."""
    report = bench.check(profile, change, keys=True)
    (finding,) = (one for one in report.findings if one.rule.id == rule)
    assert finding.verdict is Verdict.NOT_CHECKED
    assert reason in finding.reason


def test_long_name_on_the_payment_side() -> None:
    """A name of more than 26 bytes stands in 9F0B; it is compared with the other side as 5F20 is."""
    name = "买买提·吐尔逊·阿布都热依木".encode("gbk")
    longer = both(
        objects(lambda found: [(0x9F0B, name) if tag == 0x5F20 else (tag, value) for tag, value in found], 0x5F20),
        item(SSSE_NAME, EF06, 0x09, name.ljust(30, b"\0")),
    )
    assert len(name) == 28
    assert bench.check(FREE, longer, profile_known(FREE)).failed == ()
    shorter = both(longer, item(SSSE_NAME, EF06, 0x09, name[:26].ljust(30, b"\0")))
    assert bench.check(FREE, shorter).failed == ("both.name",)
