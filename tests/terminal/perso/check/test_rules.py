"""Every rule fails on a card that breaks it, and on nothing else; no rule fails on a card as it should be."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import pytest

from cardsim.assembly import new_card
from cardsim.making import demo
from cardsim.making.card import activate, make_card
from cardsim.making.structure import load_profile, profile_names
from terminal.perso.check.checking import RULES, Known, check_card
from terminal.perso.check.rule import Verdict
from terminal.perso.face.model import Box, Face, Field
from terminal.perso.kinds import Part
from terminal.perso.records import BankRecord, CardRecord
from tests.cards import PIN, SSSE_NAME
from tests.terminal.perso.check import bench
from tests.terminal.perso.check.bench import (
    FREE,
    KNOWN,
    Change,
    answer,
    both,
    data_object,
    flipped,
    item,
    nothing,
    objects,
    profile_known,
    record,
    replaced,
    without,
)

SOCIAL = "social-2.0"
EF05, EF06 = 0xEF05, 0xEF06
DF01, DF03 = "D15600000500", "D15600000502"
EVERYTHING = replace(KNOWN, pin=PIN, destructive=True, records=(record(),), face=lambda _order: bench.face())


@dataclass(frozen=True)
class Broken:
    """A card that breaks one rule: the rule, the change, and what else cannot but break with it."""

    rule: str
    change: Change = nothing
    profile: str = FREE
    known: Known = KNOWN
    keys: bool = False
    also: frozenset[str] = frozenset()


def _issuer(tag: int, value: bytes | str) -> Change:
    return item(SSSE_NAME, EF05, tag, value)


def _holder(tag: int, value: bytes | str) -> Change:
    return item(SSSE_NAME, EF06, tag, value)


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


def _bank(**changes: str) -> CardRecord:
    mine = record().bank
    assert mine is not None
    values = {name: getattr(mine, name) for name in BankRecord.__slots__} | changes
    return replace(record(), bank=BankRecord(**values))


def _printed(change: Callable[[Face], Face], product: str = "single-chip") -> Known:
    return replace(KNOWN, face=lambda _order: change(bench.face(product)))


def _fields(**values: str) -> Callable[[Face], Face]:
    named = {Field[name.upper()]: value for name, value in values.items()}
    return lambda face: replace(face, fields={**face.fields, **named})


OTHER_PHOTO = bytes.fromhex("FFD8FFE1")


def _open_to_all(tap: bench.Tap, command: bytes, _whole: bytes) -> bytes | None:
    """Whether somebody is employed, told to everybody."""
    here = tap.df == _hex(DF01) and tap.fid == 0xEF07 and command[1:2] == b"\xb2"
    return _hex("290131" + "9000") if here else None


def _no_picture(tap: bench.Tap, command: bytes, whole: bytes) -> bytes | None:
    here = tap.fid == 0xEF08 and command[:4] == _hex("00B00000") and whole[-2:] == _hex("9000")
    return bytes(4) + whole[4:] if here else None


BROKEN = (
    Broken("card.atr", lambda _tap, command, atr: None if command else atr + b"\0"),
    Broken("card.historical", lambda _tap, command, atr: None if command else _hex("3B6C0000") + atr[4:-1]),
    Broken("card.region", replaced("", "8660" + "5199", "8660" + "5101")),
    Broken("card.environments", answer("00A404000E315041592E", "6A82"), known=profile_known(FREE)),
    Broken("card.structure", _issuer(0x03, "9.99")),
    Broken("card.life-cycle", replaced("80F2", "800103", "800102")),
    Broken("card.contact-only", answer("00A404000E325041592E", "6F009000")),
    Broken("card.no-stripe-data", objects(lambda found: [*found, (0x9F1F, b"0")], 0x57)),
    Broken("social.fci", replaced("00A404000F", "9F0C03860101", "9F0C03860102")),
    Broken("social.directory", replaced("00B201F4", "D0C5CFA2", "D0C5CFA3")),
    Broken("social.applications", answer("00A4040006D15600000502", "6A82")),
    Broken("social.files", answer("00A4020002EF09", "6A82")),
    Broken("social.access", _open_to_all),
    Broken("social.records", item(SSSE_NAME, EF06, 0x4E, bytes(20), new_tag=0x4F)),
    Broken("social.lengths", _holder(0x0C, _hex("5199"))),
    Broken("social.padding", _holder(0x0C, _hex("51FF00"))),
    Broken("social.version", _issuer(0x03, "3.00"), known=profile_known(FREE)),
    Broken("social.data", known=replace(KNOWN, records=(bench.other(nationality="99"),))),
    Broken("keys.irk", flipped("0088000010", 0), profile="dual-3.0-des", keys=True),
    Broken("keys.external", answer("0082000A", "63C2"), profile="dual-3.0-des", keys=True),
    Broken("keys.pin", answer("0020000003", "63C5"), known=replace(KNOWN, pin=PIN)),
    Broken("social.identification", _issuer(0x01, _hex("519900D156000006000001ACFFFFFFFE"))),
    Broken("social.certificate", _issuer(0x01, _hex("519900D156000005000001AC00000000")), keys=True),
    Broken("social.test-code", _issuer(0x01, _hex("519900D156000005000001ACFFFFFFFF"))),
    Broken("social.card-class", _issuer(0x02, "5")),
    Broken("social.version-form", _issuer(0x03, "2.0A")),
    Broken("social.institution", _issuer(0x04, _hex("915600000351990051990001"))),
    Broken("social.dates", _issuer(0x05, _hex("20241340"))),
    Broken("social.validity", _issuer(0x05, _hex("20350101"))),
    Broken("social.not-expired", _issuer(0x06, _hex("20240301")), profile=SOCIAL),
    Broken("social.card-number", _issuer(0x07, "A00004280")),
    Broken("social.person", _holder(0x08, "519900198506170010"), profile=SOCIAL),
    Broken("social.birth", _holder(0x0D, _hex("19850618"))),
    Broken("social.sex", _holder(0x0A, "3")),
    Broken("social.name", _holder(0x09, b"\xff" * 30), profile=SOCIAL),
    Broken("social.text", item(DF01, EF06, 0x23, b"\xff" * 80), keys=True),
    Broken("social.photo", _no_picture, keys=True),
    Broken("social.item-60", item(DF03, EF05, 0x98, bytes(4), new_tag=0x60), keys=True,
           also=frozenset({"social.records"})),
    Broken("payment.selection", replaced("00A404000E31", "315041592E", "325041592E")),
    Broken("payment.fci", replaced("00A4040008A0", "50424F43", "50424F44")),
    Broken("payment.options", replaced("80A8", "18010201", "18010203")),
    Broken("payment.records", objects(lambda found: [*found, (0x5F34, b"\1")], 0x5F34)),
    Broken("payment.mandatory", without(0x9F08)),
    Broken("payment.lengths", data_object(0x9F07, "AB0000")),
    Broken("payment.pan", both(data_object(0x5A, "6214672500000000055F"),
                               data_object(0x57, "6214672500000000055D34016200000000000F"))),
    Broken("payment.track2", data_object(0x57, "6214672500000000056D34026200000000000F")),
    Broken("payment.sequence", data_object(0x5F34, "AA")),
    Broken("payment.name", data_object(0x5F20, "FFFF"), profile="bank"),
    Broken("payment.person", without(0x9F62)),
    Broken("payment.dates", data_object(0x5F25, "240230")),
    Broken("payment.not-expired", profile="bank", known=replace(KNOWN, today=date(2034, 2, 1))),
    Broken("payment.ten-years", data_object(0x5F25, "230101")),
    Broken("payment.country", data_object(0x9F42, "0840")),
    Broken("payment.domestic", data_object(0x9F07, "FF00")),
    Broken("payment.cvm", data_object(0x8E, "0000000000000000")),
    Broken("payment.pin-tries", replaced("80CA9F17", "9F170103", "9F170100"), profile="bank-offline-pin"),
    Broken("payment.lists", objects(lambda found: [(t, v.replace(b"\x8a\x02", b"") if t == 0x8D else v)
                                                   for t, v in found], 0x8D)),
    Broken("payment.log", answer("80CA9F4F", "6A88")),
    Broken("payment.electronic-cash", replaced("80CA9F79", "9F7906000000000000", "9F7906000000000500")),
    Broken("payment.profile", data_object(0x9F08, "0030"), known=profile_known(FREE)),
    Broken("payment.data", known=replace(KNOWN, records=(_bank(psn="02"),))),
    Broken("keys.issuer-certificate", data_object(0x90, bytes(176)), profile="bank", keys=True),
    Broken("keys.static-signature", data_object(0x93, bytes(144)), profile="bank", keys=True),
    Broken("keys.card-certificate", data_object(0x9F46, bytes(144)), profile="bank", keys=True),
    Broken("keys.signature", flipped("0088000004", 20), profile="bank", keys=True),
    Broken("keys.cryptogram", flipped("80AE", 8), profile="bank", keys=True, known=replace(KNOWN, destructive=True)),
    Broken("both.known", known=replace(KNOWN, records=tuple(
        replace(bench.other(card_number=number), bank=None) for number in ("D2143569X", "X00000019")))),
    Broken("both.name", data_object(0x5F20, "C0EECBC4")),
    Broken("both.person", data_object(0x9F61, b"51990019850617001X".hex())),
    Broken("both.expiry", _issuer(0x06, _hex("20331231"))),
    Broken("face.elements", known=_printed(_fields(sex=""))),
    Broken("face.printed", known=_printed(_fields(bank_card_number="6214672500000000064"))),
    Broken("face.photo", profile="dual-3.0-des", keys=True,
           known=_printed(lambda face: replace(face, photo=OTHER_PHOTO))),
    Broken("face.design", known=_printed(lambda face: replace(face, design="of-our-own"))),
    Broken("face.stripe", known=_printed(lambda face: replace(face, stripe=Box(3.0, 38.03, 79.55, 10.41)),
                                         "hidden-stripe")),
    Broken("face.layout", known=_printed(
        lambda face: replace(face, boxes={**face.boxes, Field.NAME: Box(60.0, 15.0, 30.0, 2.0)}))),
)  # fmt: skip
"""A card for each rule."""
ELSEWHERE = {"keys.certificate-dates"}
"""Shown by a test of its own: no answer can be changed for it, for the issuer signs the date."""


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.rule)
def test_a_rule_fails_alone(broken: Broken) -> None:
    """Neither more nor less than what was broken."""
    report = bench.check(broken.profile, broken.change, broken.known, keys=broken.keys)
    assert set(report.failed) == {broken.rule} | broken.also


def test_every_rule_has_its_card() -> None:
    """A new rule needs a card that breaks it."""
    assert {broken.rule for broken in BROKEN} | ELSEWHERE == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_certificates_that_end_before_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told, and do not stop the card."""
    monkeypatch.setattr(demo, "CERTIFICATE_EXPIRY", "1233")
    card = new_card(seed=1)
    activate(card, None)
    keys = make_card(card, load_profile("bank"), None)
    report = check_card(card, replace(KNOWN, keys=keys), bench.draw())
    assert report.failed == ("keys.certificate-dates",)
    assert report.passed


@pytest.mark.parametrize("profile", [*profile_names(), "dual-3.0-sm4-offline-pin", "bank-offline-pin"])
@pytest.mark.parametrize("keys", [False, True], ids=["without keys", "with keys"])
def test_cards_as_they_should_be(profile: str, keys: bool) -> None:
    """No rule fails on any profile, with and without its keys."""
    report = bench.check(profile, known=profile_known(profile), keys=keys)
    assert report.failed == ()
    assert report.passed


@pytest.mark.parametrize("profile", profile_names())
def test_without_a_profile(profile: str) -> None:
    """PERSO-166: the structure follows from the version that the card states; each card has electronic cash then."""
    wanted = ("payment.electronic-cash",) if profile == "bank-debit" else ()
    assert bench.check(profile, keys=True).failed == wanted


def test_everything_at_once() -> None:
    """SCHEME-200, PERSO-112: with keys, data, PIN and face each rule is tried, and the card has four results."""
    report = bench.check("dual-3.0-sm4", known=profile_known("dual-3.0-sm4", EVERYTHING), keys=True)
    left = {finding.rule.id: finding.reason for finding in report.findings if finding.verdict is Verdict.NOT_CHECKED}
    assert left == {"payment.pin-tries": "the card has no offline PIN"}
    assert report.failed == ()
    assert {part: report.of(part) for part in Part} == dict.fromkeys(Part, Verdict.PASSED)
    assert report.order == "A000001"


def test_four_results_of_a_waste_card() -> None:
    """SCHEME-200: a wrong face fails the face alone."""
    wrong = replace(EVERYTHING, face=lambda _order: replace(bench.face(), product="hidden-stripe"))
    report = bench.check("dual-3.0-sm4", known=wrong, keys=True)
    assert not report.passed
    assert {part for part in Part if report.of(part) is Verdict.FAILED} == {Part.FACE}
