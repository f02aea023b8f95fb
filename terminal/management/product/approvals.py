"""What has to be approved before cards are issued: product, face, chip, COS, supplier, terminal (003 §四, 000)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from terminal.management.product.making import qualified
from terminal.management.product.rules import Approval, Maker, Product, Registered, Rules, TerminalKind
from terminal.management.product.transition import permitted
from terminal.management.product.words import Authority, Refusal, Stripe
from terminal.perso.kinds import Mode, Side

OLD_RULES_END: Final = date(2009, 7, 1)
"""Products that were approved before that day may go on under their old approval (SCHEME-224)."""
CONFORMITY: Final[Mapping[Authority, str]] = {
    Authority.MINISTRY: "人社部发〔2011〕47号",
    Authority.CENTRAL_BANK: "JR/T 0025",
}
"""What a product states to comply with, for each authority (SCHEME-189)."""


@dataclass(frozen=True, slots=True)
class Issue:
    """What is about to be issued: product and face design, region (area code), issuer (BIN)."""

    product: Product
    design: str
    county: str
    bin: str


def approved(rules: Rules, issue: Issue, today: date) -> Refusal | None:
    """Whether both authorities have approved the product with this face, each in its scope (SCHEME-221 to 224)."""
    for authority in Authority:
        found = [row for row in rules.approvals if row.authority is authority and _covers(row, issue, today)]
        if not found:
            reason = f"{issue.product.name} is not approved by the {authority.value} {_scope(authority, issue)}"
            return Refusal("SCHEME-222", reason)
        with_face = [row for row in found if row.design == issue.design]
        if not with_face:
            return Refusal("SCHEME-223", f"the {authority.value} has not approved the face {issue.design}")
        if issue.product.stripe is Stripe.VISIBLE and min(row.date for row in with_face) >= OLD_RULES_END:
            return Refusal("SCHEME-224", f"{issue.product.name} is not approved from before {OLD_RULES_END}")
    return None


def _covers(approval: Approval, issue: Issue, today: date) -> bool:
    code = issue.county if approval.authority is Authority.MINISTRY else issue.bin
    return approval.date <= today and code.startswith(approval.scope) and issue.product.name in approval.products


def _scope(authority: Authority, issue: Issue) -> str:
    return f"for {issue.county}" if authority is Authority.MINISTRY else f"for BIN {issue.bin}"


def conforms(product: Product) -> Refusal | None:
    """Whether a product states to comply with the rules of both authorities (SCHEME-189)."""
    for authority, rule in CONFORMITY.items():
        if not any(statement.startswith(rule) for statement in product.conformity):
            return Refusal("SCHEME-189", f"{product.name} has no statement for {rule} of the {authority.value}")
    return None


def registered(rules: Rules, historical: bytes) -> Refusal | None:
    """Whether chip (T1 T2), COS (T5) and supplier (T6 T7) are accepted by both, by the card's historical bytes.

    (SCHEME-190, SCHEME-191, SCHEME-195)
    """
    parts = (
        ("SCHEME-190", "chip", rules.chips, historical[:2]),
        ("SCHEME-191", "COS", rules.cos, historical[4:5]),
        ("SCHEME-195", "card supplier", rules.suppliers, historical[5:7]),
    )
    for rule, what, register, code in parts:
        if reason := _missing(what, register, code):
            return Refusal(rule, reason)
    return None


def _missing(what: str, register: Mapping[str, Registered], code: bytes) -> str:
    row = register.get(code.hex().upper())
    if row is None:
        return f"{what} {code.hex().upper() or 'without a code'} is in no register"
    wanting = [authority.value for authority in Authority if authority not in row.accepted]
    return f"{what} {row.code} is not accepted by the {wanting[0]}" if wanting else ""


def terminal_accepted(rules: Rules, kind: TerminalKind, passed: frozenset[Authority]) -> Refusal | None:
    """Whether a terminal has passed the test bodies that its kind needs (SCHEME-192 to SCHEME-194)."""
    number = {TerminalKind.SOCIAL: 192, TerminalKind.FINANCIAL: 193, TerminalKind.FULL: 194}[kind]
    for authority in rules.terminals[kind].needs:
        if authority not in passed:
            reason = f"a {kind.value} terminal needs the certificate of a test body of the {authority.value}"
            return Refusal(f"SCHEME-{number}", reason)
    return None


def refusals(
    rules: Rules, issue: Issue, today: date, makers: Mapping[Side, Maker], mode: Mode, historical: bytes | None = None
) -> tuple[Refusal, ...]:
    """All that stands against making cards today; nothing where they may be made.

    Args:
        rules: of the product.
        issue: what is to be issued.
        today: the day of the run.
        makers: who makes each side; the same body twice in centralised mode.
        mode: how they are made.
        historical: historical bytes of the card bodies, where they are known.
    """
    found = [
        conforms(issue.product),
        permitted(rules, issue.product, today),
        approved(rules, issue, today),
        None if historical is None else registered(rules, historical),
        *(qualified(maker, mode, side) for side, maker in makers.items()),
    ]
    if mode is Mode.CENTRALISED and len({maker.code for maker in makers.values()}) > 1:
        found.append(Refusal("PERSO-076", "in centralised mode one body makes both applications"))
    return tuple(dict.fromkeys(refusal for refusal in found if refusal is not None))


def run_refusals(rules: Rules, county: str, sides: tuple[Side, ...], today: date) -> tuple[Refusal, ...]:
    """All that stands against a run that makes these sides of a county's cards; product and makers are the rules'."""
    issue = Issue(rules.products[rules.issuer.product], rules.issuer.design, county, rules.issuer.bin)
    makers = {side: rules.makers[rules.personalisation.maker(side)] for side in sides}
    mode = Mode.CENTRALISED if len(sides) > 1 else Mode.STEPWISE
    return refusals(rules, issue, today, makers, mode)
