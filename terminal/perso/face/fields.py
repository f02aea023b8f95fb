"""What of a card's data is printed, and how: and back from print to data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from terminal.errors import UsageError
from terminal.management.product.approvals import Issue, approved
from terminal.management.product.rules import Product, Rules
from terminal.management.product.transition import stripe_place
from terminal.perso.data.names import whole_name
from terminal.perso.face.model import Box, Face, Field, PrintMethod
from terminal.perso.face.template import Template
from terminal.perso.records import CardRecord

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
        Field.NAME: whole_name(social.values),
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


@dataclass(frozen=True, slots=True)
class Style:
    """How the faces of a batch are made: layout, rules of the product, product, design, print method, day."""

    template: Template
    rules: Rules
    product: str
    design: str
    method: PrintMethod
    today: date

    @property
    def stripe(self) -> Box | None:
        """The hidden stripe of the product.

        Raises:
            UsageError: there is no such product.
        """
        place = stripe_place(self.rules, product_of(self.rules, self.product))
        return None if place is None else self.template.stripe(place)


def product_of(rules: Rules, name: str) -> Product:
    """A product by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in rules.products:
        raise UsageError(f"there is no product {name}; products are {', '.join(rules.products)}")
    return rules.products[name]


def face_of(record: CardRecord, style: Style) -> Face:
    """What is to be printed on a card.

    Raises:
        UsageError: the design is not approved for the product in this place (SCHEME-221), or the data lack an element.
    """
    fields = fields_of(record)
    social = record.social
    assert social is not None
    product = product_of(style.rules, style.product)
    issue = Issue(product, style.design, social.order.county, style.rules.issuer.bin)
    refusal = approved(style.rules, issue, style.today)
    if refusal is not None:
        raise UsageError(f"order {record.order}: {refusal}")
    shown = {*fields, Field.PHOTO}
    boxes = {element.field: element.box for element in style.template.elements if element.field in shown}
    return Face(record.order, product.name, style.design, style.method, fields, social.photo, style.stripe, boxes)


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
