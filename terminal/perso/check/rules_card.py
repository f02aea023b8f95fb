"""Rules of the card as a whole: answer to reset, environments, life cycle, interface."""

from collections.abc import Iterator
from typing import Final

from cardsim.cos.states import CardState, Presence
from cardsim.decode.lifecycle import read_status
from cardsim.iso7816.atr import Atr, AtrError
from terminal.perso.check.facts import ISSUER, Facts
from terminal.perso.check.rule import Rule, Severity, Unseen
from terminal.perso.kinds import Part

_HISTORICAL: Final = 13
_REGION: Final = slice(7, 9)
_STRIPE_TAGS: Final = (0x56, 0x9F1F, 0x9F20)


def _atr(facts: Facts) -> Iterator[str]:
    try:
        atr = Atr.parse(facts.content.atr)
    except AtrError as error:
        yield f"the answer to reset {facts.content.atr.hex().upper()}: {error}"
        return
    if 0 not in atr.protocols:
        yield "the card does not offer T=0"


def _historical(facts: Facts) -> Iterator[str]:
    _ = facts.social
    try:
        historical = Atr.parse(facts.content.atr).historical
    except AtrError as error:
        raise Unseen(f"the answer to reset cannot be read: {error}") from error
    if len(historical) != _HISTORICAL:
        yield f"there are {len(historical)} historical bytes, not {_HISTORICAL}"
    elif not historical[_REGION].hex().isdigit():
        yield f"bytes T8 T9, {historical[_REGION].hex().upper()}, are no area code"


def _region(facts: Facts) -> Iterator[str]:
    code = facts.value(ISSUER, 0x01)
    try:
        historical = Atr.parse(facts.content.atr).historical
    except AtrError as error:
        raise Unseen(f"the answer to reset cannot be read: {error}") from error
    if historical[_REGION] != code[:2]:
        yield (
            f"the historical bytes name region {historical[_REGION].hex().upper()}, the identification code "
            f"{code[:2].hex().upper()}"
        )


def _environments(facts: Facts) -> Iterator[str]:
    profile, record = facts.profile, facts.found_record
    social, payment = facts.content.social.selected, facts.content.payment.selected
    if not social.ok and not payment.ok:
        yield f"the card has no environment: SELECT of SSSE answers {social}, of PSE {payment}"
        return
    if profile is None and record is None:
        raise Unseen("neither profile nor data say which environments the card has")
    wanted = (
        ("social-security", social, profile is not None and profile.ssse, record and record.social),
        ("payment", payment, profile is not None and profile.pse, record and record.bank),
    )
    for name, found, by_profile, by_record in wanted:
        if (by_profile or by_record) and not found.ok:
            yield f"the {name} environment answers {found} to SELECT"


def _structure(facts: Facts) -> Iterator[str]:
    _ = facts.social
    if facts.found_structure is None:
        yield "EF05 states no version whose structure is known (1.00, 2.00, 3.00); name the structure with --profile"


def _life_cycle(facts: Facts) -> Iterator[str]:
    """GET STATUS is a command of our own cards; others do not tell."""
    answer = facts.content.status
    if not answer.ok:
        raise Unseen(f"the card does not tell its state (GET STATUS answers {answer})")
    status = read_status(answer.data)
    if status is None:
        yield "the answer to GET STATUS says nothing about a life cycle"
        return
    if status.card != CardState.OPERATIONAL:
        yield f"the card is in state {status.card:02X}, not operational (03)"
    for environment in status.environments:
        if environment.blocked:
            yield f"the environment {environment.fid:04X} is blocked"
        if environment.presence != Presence.ISSUED:
            yield f"the environment {environment.fid:04X} is in state {environment.presence:02X}, not issued (03)"


def _contact_only(facts: Facts) -> Iterator[str]:
    if facts.content.contactless.ok:
        yield "the card has a contactless payment environment (2PAY.SYS.DDF01)"


def _no_stripe(facts: Facts) -> Iterator[str]:
    for path in facts.paths:
        for tag in _STRIPE_TAGS:
            if tag in path.objects:
                yield f"the {path.name} path has {tag:X}, which belongs to a magnetic stripe"


CARD_RULES: Final = (
    Rule("card.atr", Part.STRUCTURE, "SSC part 2 §8", "The answer to reset is well-formed, and offers T=0.", _atr),
    Rule("card.historical", Part.STRUCTURE, "SSC part 2 §8.4", "13 historical bytes, with the region in T8 and T9.",
         _historical),
    Rule("card.region", Part.DATA, "SSC part 2 §8.4, PERSO-097",
         "The region of the historical bytes is that of the identification code.", _region),
    Rule("card.environments", Part.STRUCTURE, "003 §一(一)3", "Each environment that the card is to have is there.",
         _environments),
    Rule("card.structure", Part.STRUCTURE, "PERSO-100", "The version leads to a known structure.", _structure),
    Rule("card.life-cycle", Part.STRUCTURE, "D1, D6", "Making has ended: card operational, environments issued.",
         _life_cycle),
    Rule("card.contact-only", Part.STRUCTURE, "PERSO-167", "The card has a contact interface alone.", _contact_only),
    Rule("card.no-stripe-data", Part.DATA, "PERSO-167, D26", "The chip holds no data for a magnetic stripe.",
         _no_stripe, Severity.SHOULD),
)  # fmt: skip
"""In the order of the report."""
