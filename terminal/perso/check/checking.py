"""The check of one card: read it, gather what is known of it, try every rule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from cardsim.decode.lifecycle import GET_STATUS
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.card import Card
from cardsim.keyfile import CaKey, KeyFile
from cardsim.making.structure import Profile
from terminal.management.product.rules import Rules, default_rules
from terminal.perso.check.content import CardContent
from terminal.perso.check.facts import ISSUER, Facts
from terminal.perso.check.link import CheckLink
from terminal.perso.check.payment import read_payment
from terminal.perso.check.rule import CheckReport, Rule, Unseen, judge
from terminal.perso.check.rules_both import BOTH_RULES
from terminal.perso.check.rules_card import CARD_RULES
from terminal.perso.check.rules_files import FILE_RULES
from terminal.perso.check.rules_items import ITEM_RULES
from terminal.perso.check.rules_keys import PAYMENT_KEY_RULES
from terminal.perso.check.rules_payment import PAYMENT_RULES
from terminal.perso.check.social import Access, card_value, read_social, structure_of
from terminal.perso.face.model import Face
from terminal.perso.face.template import Template, template
from terminal.perso.records import CardRecord

RULES: Final[tuple[Rule, ...]] = (
    *CARD_RULES, *FILE_RULES, *ITEM_RULES, *PAYMENT_RULES, *PAYMENT_KEY_RULES, *BOTH_RULES,
)  # fmt: skip
"""Every rule, in the order of the report."""
_CONTACTLESS: Final = b"2PAY.SYS.DDF01"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a card besides the card itself; everything may be missing."""

    today: date
    profile: Profile | None = None
    records: Sequence[CardRecord] = ()
    """Data of cards, among which the card's own are found by what it says; a single record is taken as it is."""
    keys: KeyFile = field(default_factory=KeyFile, repr=False)
    ca_keys: tuple[CaKey, ...] = ()
    """Of certification authorities, besides those of the key file."""
    pin: str | None = field(default=None, repr=False)
    face: Callable[[str], Face | None] | None = None
    """The face of an order; of the empty order where there are no data."""
    template: Template = field(default_factory=template)
    """Of faces; a workshop may have one of its own."""
    rules: Rules = field(default_factory=default_rules)
    """Of the product."""
    destructive: bool = False
    """Whether a cryptogram may be asked for, which uses up a transaction number."""


def read_card(card: Card, known: Known, draw: Callable[[int], bytes]) -> Facts:
    """Read a card, and leave it without power; nothing on it is written but what `link.READ_ONLY` tells."""
    link = CheckLink(card, draw)
    access = Access(known.keys.ssse, known.pin)
    try:
        atr = link.reset()
        status = link.send(CommandApdu.parse(GET_STATUS))
        contactless = link.select(_CONTACTLESS)
        structure = structure_of(link, known.profile.ssse if known.profile is not None else None)
        social = read_social(link, structure, atr, access)
        payment = read_payment(link, destructive=known.destructive)
    finally:
        link.close()
    bank = known.keys.bank
    facts = Facts(
        CardContent(atr, status, social, payment, contactless),
        structure,
        known.profile,
        known.today,
        access=access,
        bank_keys=bank,
        ca_keys=(*(bank.ca if bank is not None else ()), *known.ca_keys),
        template=known.template,
        rules=known.rules,
    )
    record = _record(facts, known.records)
    face = None if known.face is None else known.face(record.order if record is not None else "")
    return replace(facts, found_record=record, unmatched=bool(known.records) and record is None, found_face=face)


def _record(facts: Facts, records: Sequence[CardRecord]) -> CardRecord | None:
    """The data of this card: those with its card number or PAN; a single record is taken as it is."""
    if len(records) == 1:
        return records[0]
    numbers = {number for number in (_card_number(facts), pan_of(facts)) if number}
    for record in records:
        social, bank = record.social, record.bank
        if (social is not None and social.card_number in numbers) or (bank is not None and bank.pan in numbers):
            return record
    return None


def _card_number(facts: Facts) -> str:
    try:
        return facts.text(ISSUER, 0x07)
    except Unseen:
        return ""


def pan_of(facts: Facts) -> str:
    """The bank's card number; empty where it was not read."""
    try:
        return facts.objects(0x5A).hex().upper().rstrip("F")
    except Unseen:
        return ""


def check_card(card: Card, known: Known, draw: Callable[[int], bytes], name: str = "card") -> CheckReport:
    """Read a card and try every rule on it.

    Args:
        card: without power; it is left so.
        known: data, keys, face.
        draw: random bytes for challenges.
        name: of the card in the report.
    """
    return report_of(read_card(card, known, draw), name)


def report_of(facts: Facts, name: str) -> CheckReport:
    """Every rule on what was read."""
    code = card_value(facts.content.social, *ISSUER, 0x01) or b""
    order = facts.found_record.order if facts.found_record is not None else ""
    findings = tuple(judge(rule, facts) for rule in RULES)
    return CheckReport(name, code.hex().upper(), pan_of(facts), order, findings)
