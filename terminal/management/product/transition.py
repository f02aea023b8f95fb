"""Products of the transition: chip with a hidden stripe, its end, its data, its place on the card (000, D26)."""

from dataclasses import dataclass
from datetime import date

from cardsim.iso7816.digits import check_digit
from terminal.management.product.rules import Product, Rules, StripePlace
from terminal.management.product.words import Refusal, Stripe
from terminal.perso.kinds import Side
from terminal.perso.records import BankRecord

SERVICE_CODE = "620"
"""Domestic, with a chip that is to be used, and PIN."""


def permitted(rules: Rules, product: Product, today: date) -> Refusal | None:
    """Whether new cards of a product may be issued today (SCHEME-216 to SCHEME-219).

    The stage of the transition decides which stripes there may be. A card with a stripe is made only where the
    transition is allowed and has an end, and until then. But for old cards, the chip has both applications.
    """
    transition = rules.transition
    if Side.SOCIAL not in product.chip or (Side.FINANCE not in product.chip and product.stripe is not Stripe.VISIBLE):
        return Refusal("SCHEME-217", f"{product.name}: the chip has both applications")
    if product.stripe is Stripe.NONE:
        return None
    if product.stripe not in rules.stages[transition.stage].stripes:
        reason = f"{product.name}: there is no {product.stripe.value} stripe in stage {transition.stage}"
        return Refusal("SCHEME-218", reason)
    if not transition.allowed or transition.ends is None:
        return Refusal("SCHEME-216", f"{product.name} is for the transition alone, which has to be allowed until a day")
    if today > transition.ends:
        return Refusal("SCHEME-219", f"{product.name}: the transition ended on {transition.ends}")
    return None


@dataclass(frozen=True, slots=True)
class StripeData:
    """What the stripe-encoding file has for a card: track 2 as characters, with sentinels and LRC (ISO/IEC 7813)."""

    order: str
    track2: str


def stripe_data(product: Product, record: BankRecord) -> StripeData | None:
    """The stripe data of a card; None for a pure chip card, which has no stripe file (PERSO-167, D26)."""
    if product.stripe is Stripe.NONE:
        return None
    if check_digit(record.pan[:-1]) != record.pan[-1:]:
        raise ValueError(f"order {record.order}: the card number has a wrong check digit")
    track = f";{record.pan}={record.expires[2:6]}{SERVICE_CODE}0000?"
    return StripeData(record.order, track + _lrc(track))


def _lrc(track: str) -> str:
    """The longitudinal redundancy check: each of the four bits is even over the track (ISO/IEC 7811-2)."""
    value = 0
    for character in track:
        value ^= ord(character) - ord("0")
    return chr(ord("0") + (value & 0x0F))


def stripe_place(rules: Rules, product: Product) -> StripePlace | None:
    """Where the hidden stripe lies below the print; None for a card without one (SCHEME-228)."""
    return rules.stripe if product.stripe is Stripe.HIDDEN else None
