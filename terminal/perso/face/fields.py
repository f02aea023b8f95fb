"""What of a card's data is printed, and how: and back from print to data."""

from collections.abc import Mapping
from typing import Final

from terminal.errors import UsageError
from terminal.perso.face.model import Face, Field, Medium, PrintMethod
from terminal.perso.face.template import Template
from terminal.perso.records import CardRecord, SocialRecord

_SEXES: Final = {"1": "男", "2": "女"}
_GROUP: Final = 4
_DATES: Final = frozenset({Field.ISSUE_DATE, Field.EXPIRY_DATE})


def fields_of(record: CardRecord) -> dict[Field, str]:
    """The elements of a card, as its data have them (PERSO-109, PERSO-110); the photo apart.

    Raises:
        UsageError: the record has no social-security half, or lacks one of them.
    """
    social = record.social
    if social is None:
        raise UsageError(f"order {record.order}: a face needs the social-security data of the card")
    found = {
        Field.NAME: social.name + social.text("name_extension"),
        Field.SEX: social.text("sex"),
        Field.SOCIAL_SECURITY_NUMBER: social.order.person,
        Field.CARD_NUMBER: social.card_number,
        Field.ISSUE_DATE: social.text("issue_date"),
        Field.EXPIRY_DATE: social.text("expiry_date"),
    }
    if record.bank is not None:
        found[Field.BANK_CARD_NUMBER] = record.bank.pan
    if missing := [field.value for field, text in found.items() if not text]:
        raise UsageError(f"order {record.order}: the face lacks {', '.join(missing)}")
    return found


def face_of(record: CardRecord, template: Template, design: str, method: PrintMethod) -> Face:
    """What is to be printed on a card.

    Raises:
        UsageError: the design is not approved, or the data lack an element.
    """
    chosen = template.design(design)
    fields = fields_of(record)
    stripe = template.stripe.box if chosen.medium is Medium.HIDDEN_STRIPE else None
    boxes = {element.field: element.box for element in template.elements if element.field in {*fields, Field.PHOTO}}
    return Face(record.order, chosen.id, chosen.medium, method, fields, _photo(record.social), stripe, boxes)


def _photo(social: SocialRecord | None) -> bytes:
    if social is None or not social.photo:
        return b""
    return social.photo


def printed(field: Field, text: str) -> str:
    """An element as people read it: dates with hyphens, the bank card's number in groups, the sex as a word."""
    if field in _DATES:
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if field is Field.BANK_CARD_NUMBER:
        return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
    return _SEXES.get(text, text) if field is Field.SEX else text


def unprinted(field: Field, text: str) -> str:
    """An element as the data have it; the opposite of `printed`."""
    if field in _DATES:
        return text.replace("-", "")
    if field is Field.BANK_CARD_NUMBER:
        return text.replace(" ", "")
    return _CODES.get(text, text) if field is Field.SEX else text


_CODES: Final[Mapping[str, str]] = {word: code for code, word in _SEXES.items()}
