"""Rules of both sides together, and of the face against the chip."""

from collections.abc import Iterator
from typing import Final

from terminal.flows.financial.reading import card_date
from terminal.management.product.approvals import Issue, approved
from terminal.management.product.transition import stripe_place
from terminal.perso.check.facts import HOLDER, ISSUER, Facts
from terminal.perso.check.rule import Rule, Severity, Unseen
from terminal.perso.face.model import SOCIAL_FIELDS, Box, Field
from terminal.perso.kinds import Part


def _name(facts: Facts) -> Iterator[str]:
    social, payment = facts.holder_name, facts.payment_name
    if social != payment:
        yield f"the social-security side has {social.hex().upper()}, the payment side {payment.hex().upper()}"


def _person(facts: Facts) -> Iterator[str]:
    social, payment = facts.text(HOLDER, 0x08), facts.objects(0x9F61).decode("ascii", "replace").rstrip("\0 ")
    if social != payment:
        yield f"the social-security side has {social}, the payment side {payment}"


def _expiry(facts: Facts) -> Iterator[str]:
    social, payment = facts.digits(ISSUER, 0x06), card_date(facts.objects(0x5F24))
    if payment is None:
        raise Unseen("5F24 is no date")
    if social[:6] != f"{payment:%Y%m}":
        yield f"the social-security side is valid until {social}, the payment side until {payment}"


def _known(facts: Facts) -> Iterator[str]:
    if facts.unmatched:
        yield "none of the data have the card's number or PAN"
    elif facts.found_record is None:
        raise Unseen("no data were given to compare with (--data)")


# --- the face ---------------------------------------------------------------------------------------------------------


def _dual(facts: Facts) -> bool:
    return facts.content.payment.selected.ok


def _elements(facts: Facts) -> Iterator[str]:
    face = facts.face
    wanted = (*SOCIAL_FIELDS, Field.BANK_CARD_NUMBER) if _dual(facts) else SOCIAL_FIELDS
    for field in wanted:
        if not (face.photo if field is Field.PHOTO else face.fields.get(field)):
            yield f"the face has no {field.value}"


def _printed(facts: Facts) -> Iterator[str]:
    face = facts.face
    for field, found in _on_the_chip(facts).items():
        shown = face.fields.get(field)
        if shown and shown != found:
            yield f"{field.value}: {shown} is printed, and {found} is in the chip"


def _on_the_chip(facts: Facts) -> dict[Field, str]:
    """What the chip says of the printed elements, as far as it could be read."""
    found: dict[Field, str] = {
        Field.CARD_NUMBER: facts.text(ISSUER, 0x07),
        Field.ISSUE_DATE: facts.digits(ISSUER, 0x05),
        Field.EXPIRY_DATE: facts.digits(ISSUER, 0x06),
    }
    if _dual(facts):
        found[Field.BANK_CARD_NUMBER] = facts.objects(0x5A).hex().upper().rstrip("F")
    try:
        found[Field.NAME] = facts.holder_name.decode("gbk", "replace")
        found[Field.SEX] = facts.text(HOLDER, 0x0A)
        found[Field.SOCIAL_SECURITY_NUMBER] = facts.text(HOLDER, 0x08)
    except Unseen:
        if _dual(facts):  # without RKSSSE the payment side tells the same of the holder
            found[Field.NAME] = facts.payment_name.decode("gbk", "replace")
            found[Field.SOCIAL_SECURITY_NUMBER] = facts.objects(0x9F61).decode("ascii", "replace")
    return found


def _photo(facts: Facts) -> Iterator[str]:
    face = facts.face
    file = facts.social.files.get((0xDDF1, 0xEF08))
    if file is None or file.binary is None:
        raise Unseen("the photo of the chip was not read")
    if face.photo and file.binary[: len(face.photo)] != face.photo:
        yield "the printed photo is not the one of the chip"


def _design(facts: Facts) -> Iterator[str]:
    face, rules = facts.face, facts.rules
    if face.product not in rules.products:
        yield f"there is no product {face.product or 'without a name'}; products are {', '.join(rules.products)}"
        return
    county = facts.value(ISSUER, 0x01)[:3].hex()
    issue = Issue(rules.products[face.product], face.design, county, rules.issuer.bin)
    refusal = approved(rules, issue, facts.today)
    if refusal is not None:
        yield str(refusal)


def _stripe(facts: Facts) -> Iterator[str]:
    face, rules = facts.face, facts.rules
    product = rules.products.get(face.product)
    if product is None:
        raise Unseen("the product is not known")
    place = stripe_place(rules, product)
    if place is None:
        if face.stripe is not None:
            yield f"{product.name} has no stripe below its print, and the face has one"
    elif face.stripe is None:
        yield f"{product.name} has a hidden stripe, and the face has none"
    elif not (limits := facts.template.stripe(place)).inside(face.stripe):
        yield f"the stripe {_shown(face.stripe)} does not cover {_shown(limits)}"


def _shown(box: Box) -> str:
    return f"from {box.x:.2f}, {box.y:.2f} to {box.x + box.width:.2f}, {box.y + box.height:.2f} mm"


def _layout(facts: Facts) -> Iterator[str]:
    boxes, limits = facts.face.boxes, facts.template
    if not boxes:
        raise Unseen("a print job leaves the places to the template")
    for field, box in boxes.items():
        if not box.inside(limits.card.box):
            yield f"{field.value} goes beyond the card"
        if box.meets(limits.chip):
            yield f"{field.value} lies on the chip"


BOTH_RULES: Final = (
    Rule("both.known", Part.DATA, "PERSO-087", "The card is one of those whose data were given.", _known),
    Rule("both.name", Part.DATA, "PERSO-073", "Both sides name the same holder.", _name),
    Rule("both.person", Part.DATA, "PERSO-067", "Both sides have the same social-security number.", _person),
    Rule("both.expiry", Part.DATA, "PERSO-164", "Both sides end in the same month.", _expiry, Severity.SHOULD),
    Rule("face.elements", Part.FACE, "PERSO-109, PERSO-110", "Each element is printed.", _elements),
    Rule("face.printed", Part.FACE, "PERSO-109, PERSO-110", "What is printed is what the chip says.", _printed),
    Rule("face.photo", Part.FACE, "PERSO-109, PERSO-110", "The printed photo is the one of the chip.", _photo),
    Rule("face.design", Part.FACE, "SCHEME-221", "Both authorities have approved product and design here.", _design),
    Rule("face.stripe", Part.FACE, "SCHEME-228, PERSO-167", "A hidden stripe is there in the transition form alone, "
         "where it is to be.", _stripe),
    Rule("face.layout", Part.FACE, "ISO/IEC 7810, 7816-2", "Elements lie on the card, and not on the chip.", _layout),
)  # fmt: skip
"""In the order of the report."""
