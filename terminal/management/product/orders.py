"""Who may get a card: one person has one card, replacements in time, employers' batches, counties without a branch."""

import dataclasses
import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from terminal.management.product.making import key_step
from terminal.management.product.rules import Late, Rules
from terminal.management.product.words import Refusal
from terminal.perso.records import Application, OrderKind


class Earlier(enum.Enum):
    """How an earlier card of a person stands, as far as the next order is concerned."""

    ON_ITS_WAY = "on its way"
    """Ordered, and not handed over."""
    VALID = "valid"
    ORAL_LOSS = "reported lost orally"
    WRITTEN_LOSS = "reported lost in writing"
    DAMAGED = "damaged"
    EXPIRED = "expired"
    ENDED = "ended"
    """Replaced, exchanged, cancelled, destroyed, or never finished."""


_SUPERSEDES: Final[Mapping[OrderKind, frozenset[Earlier]]] = {
    OrderKind.FIRST: frozenset(),
    OrderKind.REPLACEMENT: frozenset({Earlier.WRITTEN_LOSS}),
    OrderKind.EXCHANGE: frozenset({Earlier.DAMAGED, Earlier.EXPIRED}),
}
"""Which card an order takes the place of: there is exactly one, and no other; a first issue has none."""
_RULES: Final[Mapping[OrderKind, str]] = {
    OrderKind.FIRST: "SCHEME-115",
    OrderKind.REPLACEMENT: "SCHEME-156",
    OrderKind.EXCHANGE: "SCHEME-165",
}


def may_issue(kind: OrderKind, cards: Iterable[Earlier]) -> Refusal | None:
    """Whether a person may get a card, by the cards that he has or had (一人一卡, SCHEME-115).

    A first issue needs that there is none. A replacement takes the place of a card that was reported lost in writing,
    an exchange that of one that is damaged or expired; nothing else may stand beside it.
    """
    standing = [card for card in cards if card is not Earlier.ENDED]
    fitting = [card for card in standing if card in _SUPERSEDES[kind]]
    for card in standing:
        if card not in _SUPERSEDES[kind]:
            rule = "SCHEME-115" if card in (Earlier.VALID, Earlier.ON_ITS_WAY) else _RULES[kind]
            return Refusal(rule, f"the person has a card that is {card.value}")
    if len(fitting) > 1:
        return Refusal("SCHEME-115", f"the person has {len(fitting)} cards")
    if not fitting and _SUPERSEDES[kind]:
        wanted = " or ".join(sorted(card.value for card in _SUPERSEDES[kind]))
        return Refusal(_RULES[kind], f"there is no card that is {wanted}")
    return None


def may_attach(kind: OrderKind, holder: str, applicant: str, cards: Iterable[Earlier]) -> Refusal | None:
    """Whether a card may be made for an account: for its holder alone, and never a second one (单卡使用, PERSO-165).

    Args:
        kind: why the card is made.
        holder: social-security number of the account's holder.
        applicant: that of the person whose card it would be.
        cards: how the account's cards stand.
    """
    if holder != applicant:
        return Refusal("PERSO-165", "the account is another person's, and there are no supplementary cards")
    refused = may_issue(kind, cards)
    return None if refused is None else Refusal("PERSO-165", f"no supplementary cards: {refused.reason}")


def in_time(
    rules: Rules, lost: date, applied: date, by: str = "", approved_by: str = ""
) -> Refusal | None:  # fmt: skip
    """Whether a replacement is applied for within the set time after written loss (SCHEME-155).

    Later it is refused, or a second person has to approve it, as the rules have it.
    """
    if applied <= lost + timedelta(days=rules.replacement.days):
        return None
    if rules.replacement.late is Late.ESCALATE:
        return key_step(rules, "late-replacement", by, approved_by)
    return Refusal("SCHEME-155", f"a replacement is applied for within {rules.replacement.days} days of written loss")


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of applications of a county without an outlet (PERSO-140)."""

    county: str
    """Whose outlets serve it; empty: none, the applications are listed and get no card."""


def uncovered(rules: Rules, county: str) -> Plan:
    """The plan for a county without a branch of the bank; the longest beginning of its code counts."""
    found = [row for row in rules.uncovered if county.startswith(row.area)]
    return Plan(max(found, key=lambda row: len(row.area)).served_by if found else "")


def of_employer(employer: str, applications: Iterable[Application]) -> tuple[Application, ...]:
    """The applications of an employer's batch: each is what the person would apply with himself (SCHEME-233).

    Raises:
        ValueError: the employer has no name, or a person stands in the batch twice.
    """
    if not employer:
        raise ValueError("a batch of applications names its employer")
    found = tuple(dataclasses.replace(one, employer=employer) for one in applications)
    number = Counter(one.values.get("social_security_number") for one in found)
    twice = [person for person, times in number.items() if times > 1]
    if twice:
        raise ValueError(f"{twice[0]} stands in the batch twice")
    return found


def request(application: Application) -> Application:
    """What an order is made of: the same whoever handed the application in."""
    return dataclasses.replace(application, employer="")
