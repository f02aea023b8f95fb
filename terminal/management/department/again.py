"""A new card in the place of another one: replacement (补卡) and exchange (换卡), by the department alone (SCHEME-114).

Both run like a first issue, with their mark (003 §三(四), (五)). The holder may apply at the bank; then the bank asks,
and the order is still the card-management system's (SCHEME-237).
"""

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from terminal.management.department import orders
from terminal.management.department.intake import Terms, again, later, make_orders
from terminal.management.department.orders import Ordered
from terminal.management.keeper import Keeper, Office
from terminal.management.kinds import Kind
from terminal.management.loss import CASH_NOTICE
from terminal.management.machines import Event, Guard
from terminal.management.product.fees import fee
from terminal.management.product.making import key_step
from terminal.management.product.orders import in_time
from terminal.management.product.rules import Rules
from terminal.management.product.words import NotAllowed
from terminal.management.records import ALONE, Card, Deed, Document, LifeError, Staff, Stage, require_document
from terminal.perso.records import OrderKind


class Wear(enum.Enum):
    """Why a card is exchanged (SCHEME-165)."""

    DAMAGED = "damaged"
    EXPIRED = "expired"


def replacement(
    office: Office, keeper: Keeper, rules: Rules, order: str, document: Document | None, *, outlet: str = "",
    waiver: str = "", staff: Staff = ALONE,
) -> Ordered:  # fmt: skip
    """Order a card for one that was reported lost in writing (SCHEME-155 to SCHEME-159).

    Args:
        office: the transaction.
        keeper: the department's books of cards.
        rules: of the product, with the time limit and the tariff.
        order: of the card that was lost.
        document: the holder's identity document.
        outlet: the bank outlet where the holder applied, and picks the card up.
        waiver: why no fee is charged.
        staff: who takes the application, and who approves a waiver, or one that comes too late where rules allow that.

    Raises:
        LifeError: the card is not lost in writing, too much time has passed, or the document is not the holder's.
    """
    card = keeper.card(office.books, order)
    require_document(document, card.person, "a replacement")
    if card.lost_on:
        lost = datetime.strptime(card.lost_on, "%Y%m%d").date()
        if refused := in_time(rules, lost, office.now.date(), staff.by, staff.approved_by):
            raise LifeError(str(refused))
    _check_waiver(rules, waiver, staff)
    return _order(office, keeper, rules, card, OrderKind.REPLACEMENT, outlet, waiver)


def exchange(
    office: Office, keeper: Keeper, rules: Rules, order: str, document: Document | None, wear: Wear, *,
    waiver: str = "", staff: Staff = ALONE,
) -> Ordered:  # fmt: skip
    """Order a card for one that is damaged or has expired (SCHEME-165, SCHEME-166); the old one is locked.

    Raises:
        LifeError: the card is valid and not damaged, is lost, or the document is not the holder's.
    """
    card = keeper.card(office.books, order)
    require_document(document, card.person, "an exchange")
    if wear is Wear.EXPIRED and office.day <= card.expires:
        raise LifeError(f"card {card.card_number} has not expired: it is valid until {card.expires}")
    _check_waiver(rules, waiver, staff)
    return _order(office, keeper, rules, card, OrderKind.EXCHANGE, "", waiver)


def _check_waiver(rules: Rules, waiver: str, staff: Staff) -> None:
    """A second person approves that no fee is charged (SCHEME-113)."""
    if waiver and (refused := key_step(rules, "waive-fee", staff.by, staff.approved_by)):
        raise LifeError(str(refused))


def _order(
    office: Office, keeper: Keeper, rules: Rules, card: Card, kind: OrderKind, outlet: str, waiver: str
) -> Ordered:  # fmt: skip
    event, guard = (
        (Event.REPLACE, Guard.IN_TIME) if kind is OrderKind.REPLACEMENT else (Event.EXCHANGE, Guard.WORN)
    )  # fmt: skip
    keeper.do(office, card.order, Deed(event, CASH_NOTICE), {guard})
    return make(office, keeper, rules, card, kind, outlet, waiver)


def make(
    office: Office, keeper: Keeper, rules: Rules, card: Card, kind: OrderKind, outlet: str, waiver: str = ""
) -> Ordered:  # fmt: skip
    """The order for a card in the place of one that is locked already.

    Raises:
        LifeError: the reason for a waiver is none.
    """
    before = orders.find(office.books, card.order)
    try:
        charge = fee(rules, kind, before.order.county, waiver)
    except NotAllowed as error:
        raise LifeError(str(error)) from error
    life = keeper.settings.life
    pick_up = later(office.now.date(), life.pickup_days) if outlet else ""
    terms = Terms(card.order, outlet, pick_up, charge.due)
    (made,) = make_orders(office, (again(before, kind, outlet),), life.expiry_years, terms)
    keeper.note(office, card.order, "new card ordered", f"order {made.number}, {kind.value}")
    keeper.pass_stage(office, (made.number,), Stage.COLLECTION)
    return made


def hear_asked(office: Office, keeper: Keeper, rules: Rules, fields: Mapping[str, Any]) -> str:
    """The bank asks for a replacement on behalf of the holder; the answer goes back to it (SCHEME-237)."""
    order = str(fields["order"])
    answer = {"order": order, "new": "", "reason": ""}
    try:
        document = Document(str(fields["document"]))
        made = replacement(
            office,
            keeper,
            rules,
            order,
            document,
            outlet=str(fields["outlet"]),
            waiver=str(fields["waiver"]),
            staff=Staff(str(fields["by"]), str(fields["approved_by"])),
        )
        answer["new"] = made.number
    except LifeError as error:
        answer["reason"] = str(error)
    keeper.exchange.tell(office.books, Kind.ANSWER, answer, office.now)
    return answer["new"] or answer["reason"]
