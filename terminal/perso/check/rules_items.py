"""Rules of the social-security data items: identification code, numbers, dates, name, photo."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from cardsim.crypto import social
from cardsim.decode.items import Format, item_of
from cardsim.decode.values import gbk_text
from cardsim.making.plan import ItemType
from terminal.filetable import SSSE_DF
from terminal.perso.check.facts import HOLDER, ISSUER, Facts
from terminal.perso.check.rule import Rule, Severity, Unseen
from terminal.perso.check.social import key_of, suite_of
from terminal.perso.data.numbers import (
    NO_CERTIFICATE,
    birth_date_of,
    card_number_problem,
    identification_code_problem,
    institution_problem,
    person_number_problem,
    sex_of,
    version_problem,
)
from terminal.perso.kinds import Part

_TEST_CODE: Final = bytes.fromhex(NO_CERTIFICATE)
_CARD_CLASSES: Final = "1234"
_NAME_TAGS: Final = frozenset({0x09, 0x4E})
_NAME_LENGTH: Final = 30
_DATE_LENGTH: Final = 4
_PHOTO: Final = (SSSE_DF, 0xEF08)
_LARGEST_PHOTO: Final = 4096
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_BMP: Final = b"BM"
_ITEM_60: Final = ((0xDF02, 0xEF06), (0xDF03, 0xEF05))


def _identification(facts: Facts) -> Iterator[str]:
    code = facts.value(ISSUER, 0x01)
    if problem := identification_code_problem(code.hex().upper()):
        yield problem
    elif not int.from_bytes(code[8:12], "big"):
        yield "the serial number is zero"


def _certificate(facts: Facts) -> Iterator[str]:
    code = facts.value(ISSUER, 0x01)
    suite = suite_of(facts.social)
    irk = key_of(facts.access, facts.social, facts.content.atr, "IRK")
    if irk is None or suite is None:
        raise Unseen("no IRK to compute the certificate code with (--keys)")
    if code[12:] == _TEST_CODE:
        raise Unseen("the certificate code is that of test cards, FFFFFFFF")
    if code[12:] != social.certificate_code(suite, irk, code[:12]):
        yield f"the certificate code {code[12:].hex().upper()} is not the one of this card's IRK"


def _test_code(facts: Facts) -> Iterator[str]:
    if facts.value(ISSUER, 0x01)[12:] == _TEST_CODE:
        yield "the certificate code is FFFFFFFF, as on test cards"


def _card_class(facts: Facts) -> Iterator[str]:
    found = facts.text(ISSUER, 0x02)
    if found not in _CARD_CLASSES or not found:
        yield f"the card type is {found or 'empty'}, not 1 to 4"


def _version_form(facts: Facts) -> Iterator[str]:
    if problem := version_problem(facts.text(ISSUER, 0x03)):
        yield problem


def _institution(facts: Facts) -> Iterator[str]:
    if problem := institution_problem(facts.digits(ISSUER, 0x04)):
        yield problem


def _issue_dates(facts: Facts) -> Iterator[str]:
    issued, expires = (_day(facts.digits(ISSUER, tag)) for tag in (0x05, 0x06))
    if issued is None or expires is None:
        raise Unseen("a date is none")
    if expires <= issued:
        yield f"valid until {expires}, and issued on {issued}"
    if issued > facts.today:
        yield f"issued on {issued}, after today"


def _not_expired(facts: Facts) -> Iterator[str]:
    expires = _day(facts.digits(ISSUER, 0x06))
    if expires is not None and expires < facts.today:
        yield f"valid until {expires}"


def _dates(facts: Facts) -> Iterator[str]:
    for place, item, value in facts.items():
        dated = item.tag is not None and item_of(item.tag, simple=True).format is Format.DATE8
        if not dated or item.length != _DATE_LENGTH:  # 39 of a 1.00 card is another item
            continue
        digits = value.hex().upper().rstrip("F")
        if digits and _day(digits) is None:
            yield f"{place}: {value.hex().upper()} is no date"
    for what, tag in (("of issue", 0x05), ("until which it is valid", 0x06)):
        if not facts.digits(ISSUER, tag):
            yield f"the day {what} is missing"


def _day(digits: str) -> date | None:
    try:
        return date.fromisoformat(digits) if len(digits) == 8 else None
    except ValueError:
        return None


def _card_number(facts: Facts) -> Iterator[str]:
    if problem := card_number_problem(facts.text(ISSUER, 0x07)):
        yield problem


def _person(facts: Facts) -> Iterator[str]:
    if problem := person_number_problem(facts.text(HOLDER, 0x08)):
        yield problem


def _born(facts: Facts) -> Iterator[str]:
    number, birth = facts.text(HOLDER, 0x08), facts.digits(HOLDER, 0x0D)
    if birth_date_of(number) != birth:
        yield f"born on {birth or 'no day'}, and the social-security number says {birth_date_of(number)}"


def _sex(facts: Facts) -> Iterator[str]:
    sex, number = facts.text(HOLDER, 0x0A), facts.text(HOLDER, 0x08)
    if sex not in ("1", "2", "9"):
        yield f"the sex is {sex or 'empty'}, not 1, 2 or 9"
    elif sex != "9" and not person_number_problem(number) and sex_of(number) != sex:
        yield f"the sex is {sex}, and the social-security number says {sex_of(number)}"


def _name(facts: Facts) -> Iterator[str]:
    name = facts.value(HOLDER, 0x09).rstrip(b"\0 ")
    whole = facts.holder_name
    if not name:
        yield "the name is empty"
    elif gbk_text(whole) is None:
        yield "the name is no text in GBK"
    if whole != name and len(name) < _NAME_LENGTH - 1:
        yield f"the name has {len(name)} bytes, and goes on in the extension (4E) all the same"


def _text(facts: Facts) -> Iterator[str]:
    for place, item, value in facts.items():
        if item.type is ItemType.TEXT and item.tag not in _NAME_TAGS and gbk_text(value) is None:
            yield f"{place}: {value.rstrip(bytes(1)).hex().upper()} is no text in GBK"


def _photo(facts: Facts) -> Iterator[str]:
    file = facts.social.files.get(_PHOTO)
    if file is None:
        raise Unseen("a card of this version has no file for a photo")
    if file.binary is None:
        raise Unseen("the photo was not read: it needs a key")
    photo = file.binary
    if photo[:3] == _JPEG:
        if _JPEG_END not in photo:
            yield "the photo is a JPEG without its end"
    elif photo[:2] == _BMP:
        size = int.from_bytes(photo[2:6], "little")
        if not 0 < size <= _LARGEST_PHOTO:
            yield f"the photo is a BMP of {size} bytes; the file has {_LARGEST_PHOTO}"
    else:
        yield "the photo is neither JPEG nor BMP"


def _item_60(facts: Facts) -> Iterator[str]:
    there = []
    for place in _ITEM_60:
        file = facts.social.files.get(place)
        if file is None or file.records is None:
            raise Unseen("DF02 EF06 or DF03 EF05 was not read: it needs a key")
        there.append(any(record[:1] == b"\x60" for record in file.records))
    if all(there):
        yield "item 60 stands in DF02 EF06 and in DF03 EF05"


ITEM_RULES: Final = (
    Rule("social.identification", Part.DATA, "PERSO-097", "Identification code: region, RID D156000005, serial number.",
         _identification),
    Rule("social.certificate", Part.DATA, "PERSO-098", "The certificate code is the one of this card.", _certificate),
    Rule("social.test-code", Part.DATA, "PERSO-098", "The card is no test card.", _test_code, Severity.SHOULD),
    Rule("social.card-class", Part.DATA, "PERSO-099", "The card type is 1 to 4.", _card_class),
    Rule("social.version-form", Part.DATA, "PERSO-100", "The version is written as 2.00.", _version_form),
    Rule("social.institution", Part.DATA, "PERSO-101", "Initialising institution: 9156000002, region, place, number.",
         _institution),
    Rule("social.dates", Part.DATA, "PERSO-102", "Each date is a day of the calendar.", _dates),
    Rule("social.validity", Part.DATA, "PERSO-102", "Issued before today, and valid until a later day.", _issue_dates),
    Rule("social.not-expired", Part.DATA, "PERSO-102", "The card has not expired.", _not_expired, Severity.SHOULD),
    Rule("social.card-number", Part.DATA, "PERSO-103 to PERSO-105", "Form and check character of the card number.",
         _card_number),
    Rule("social.person", Part.DATA, "GB 11643", "Form and check character of the social-security number.", _person),
    Rule("social.birth", Part.DATA, "GB 11643", "The date of birth is that of the social-security number.", _born,
         Severity.SHOULD),
    Rule("social.sex", Part.DATA, "GB 11643", "The sex is a code, and that of the social-security number.", _sex,
         Severity.SHOULD),
    Rule("social.name", Part.DATA, "PERSO-106", "The name is there, in GBK, and goes on in 4E only where it is too "
         "long.", _name),
    Rule("social.text", Part.DATA, "PERSO-106, V2 table 9", "Texts are in GBK.", _text),
    Rule("social.photo", Part.DATA, "PERSO-107", "The photo is a JPEG or BMP of at most 4096 bytes.", _photo),
    Rule("social.item-60", Part.STRUCTURE, "PERSO-108", "Item 60 stands in one place.", _item_60),
)  # fmt: skip
"""In the order of the report."""
