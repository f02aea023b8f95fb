"""The way of ordered cards (首次发放): batches to the bank, what came of them, delivery and hand-over."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from terminal.hosts.social.desk import Desk, enrol_card, stored_card
from terminal.management.department import orders
from terminal.management.department.numbering import document_number
from terminal.management.department.orders import Ordered
from terminal.management.keeper import Keeper, Office
from terminal.management.kinds import Kind
from terminal.management.machines import Event, OrderState
from terminal.management.records import Card, Deed, Document, LifeError, NewCard, Stage, require_document
from terminal.messages.social import CardState, SocialCard
from terminal.perso.records import Batch, CardRecord, CardResult, Feedback

_TOLD: Final = 500
"""Orders in one message."""


def send_out(office: Office, keeper: Keeper) -> tuple[Batch, ...]:
    """Put all orders that wait into batches for the bank, one for each county and day of application (SCHEME-118)."""
    waiting: dict[tuple[str, str, str], list[Ordered]] = defaultdict(list)
    for one in orders.listed(office.books, OrderState.COLLECTED):
        waiting[one.order.city, one.order.county, one.order.applied].append(one)
    batches = []
    for (city, county, applied), found in sorted(waiting.items()):
        name = document_number(office.books, "B", office.day)
        numbers = [one.number for one in found]
        orders.move(office.books, numbers, Event.SENT, batch=name)
        batches.append(Batch(name, applied, city, county, tuple(CardRecord(one.record, None) for one in found)))
        for begin in range(0, len(found), _TOLD):
            told = {"batch": name, "orders": list(map(_told, found[begin : begin + _TOLD]))}
            keeper.exchange.tell(office.books, Kind.ORDERS, told, office.now)
        keeper.pass_stage(office, numbers, Stage.TRANSFER)
    return tuple(batches)


def _told(one: Ordered) -> dict[str, str | int]:
    return {
        "order": one.number, "kind": one.order.kind.value, "person": one.order.person, "old": one.old,
        "outlet": one.outlet, "pick_up": one.pick_up, "fee": one.fee,
    }  # fmt: skip


def batch(office: Office, name: str) -> Batch:
    """A batch that went out, as it was.

    Raises:
        LifeError: there is none of that name.
    """
    found = orders.of_batch(office.books, name)
    if not found:
        raise LifeError(f"there is no batch {name}")
    first = found[0].order
    return Batch(name, first.applied, first.city, first.county, tuple(CardRecord(one.record, None) for one in found))


def rejected(office: Office, keeper: Keeper, reasons: Mapping[str, str]) -> None:
    """Take the bank's rejections (order: reason); the persons may apply again, and cards that were to be replaced are
    no longer.

    Raises:
        LifeError: an order is not with the bank.
    """
    for number, reason in reasons.items():
        if orders.move(office.books, (number,), Event.REJECTED, reason=reason):
            end(office, keeper, number, reason)


def withdraw(office: Office, keeper: Keeper, number: str, reason: str) -> None:
    """Take an order back before it went to the bank.

    Raises:
        LifeError: it has gone already.
    """
    if orders.move(office.books, (number,), Event.WITHDRAWN, reason=reason):
        end(office, keeper, number, reason)


def end(office: Office, keeper: Keeper, number: str, reason: str) -> None:
    """No card will come of an order: the card that it was to replace stands as before."""
    old = orders.find(office.books, number).old
    if old:
        keeper.do(office, old, Deed(Event.ORDER_ENDED, reason, {"new": number}))


def take_feedback(office: Office, desk: Desk, keeper: Keeper, feedback: Sequence[Feedback]) -> int:
    """Take the maker's feedback: good cards come into the register, in stock and good for nothing yet; how many new.

    A card that was wasted is in no register: the chip that is known for the order is that of the good card (PERSO-154).

    Raises:
        LifeError: an order is not with the bank.
    """
    good = {one.order: one for one in feedback if one.result is CardResult.GOOD}
    for one in feedback:
        if one.result is not CardResult.GOOD:
            keeper.note(office, one.order, one.result.value, f"chip {one.historical}: {one.reason}")
    made = orders.move(office.books, good, Event.MADE)
    new = [(one, good[one.number]) for one in orders.some(office.books, made)]
    for ordered, done in new:
        if stored_card(desk, _identification(ordered, done)) is None:
            card = SocialCard(
                bytes.fromhex(_identification(ordered, done)), ordered.record.card_number, ordered.order.person,
                ordered.record.name, bytes.fromhex(done.historical),
            )  # fmt: skip
            enrol_card(desk, card, batch=ordered.batch, state=CardState.INACTIVE)
    keeper.enter(office, [_card(ordered, done) for ordered, done in new])
    keeper.pass_stage(office, made, Stage.PERSONALISATION)
    return len(made)


def _identification(one: Ordered, done: Feedback) -> str:
    return (done.identification or one.record.text("identification_code")).upper()


def _card(one: Ordered, done: Feedback) -> NewCard:
    return NewCard(
        order=one.number, person=one.order.person, pan=done.pan, card_number=one.record.card_number,
        county=one.order.county, expires=one.record.text("expiry_date"), old=one.old,
        identification=_identification(one, done),
    )  # fmt: skip


def deliver(office: Office, keeper: Keeper, numbers: Iterable[str], by: str) -> None:
    """Note that finished cards have come to the unit or outlet that hands them out (SCHEME-121, PERSO-158).

    Raises:
        LifeError: a card is not made.
    """
    arrived = orders.move(office.books, numbers, Event.DELIVERED)
    for number in arrived:
        keeper.note(office, number, "delivered", f"taken over by {by}")
    # Cards come in the packages of their unit, so that they have been sorted.
    for stage in (Stage.SORTING, Stage.DELIVERY):
        keeper.pass_stage(office, arrived, stage)


def hand_over(
    office: Office, keeper: Keeper, number: str, document: Document | None, *, by: str, collected: bool = False
) -> Card:  # fmt: skip
    """Hand a card to its holder: the social function is active from then on (SCHEME-122, SCHEME-126).

    Args:
        office: the transaction.
        keeper: the department's books.
        number: of the order.
        document: the holder's identity document.
        by: who hands the card out.
        collected: the holder gave the card back that this one takes the place of (SCHEME-169).

    Raises:
        LifeError: the card is not delivered, belongs to an outlet, is not to be picked up yet, or the document is not
            the holder's.
    """
    one = orders.find(office.books, number)
    shown = require_document(document, one.order.person, "the hand-over")
    if one.outlet:
        raise LifeError(f"the card of order {number} is handed out at outlet {one.outlet} of the bank")
    check_day(office, one.pick_up)
    if one.state is not OrderState.DELIVERED:
        raise LifeError(f"order {number} is {one.state.value}: the card is not in stock here")
    card = keeper.do(office, number, Deed(Event.HAND_OVER, f"by {by}, identity document {shown.number}", {"by": by}))
    issued(office, keeper, number)
    if one.old:
        supersede(office, keeper, one.old, number, collected=collected)
    return card


def check_day(office: Office, pick_up: str) -> None:
    """Whether the day of the pick-up has come (SCHEME-160).

    Raises:
        LifeError: it has not.
    """
    if pick_up and office.day < pick_up:
        raise LifeError(f"the card is handed out from {pick_up} on")


def issued(office: Office, keeper: Keeper, number: str) -> None:
    """The order is done."""
    orders.move(office.books, (number,), Event.HAND_OVER)
    keeper.pass_stage(office, (number,), Stage.ISSUING)


def supersede(office: Office, keeper: Keeper, old: str, number: str, *, collected: bool) -> None:
    """The card before is good for nothing any more; where it was given back it waits to be destroyed."""
    keeper.do(office, old, Deed(Event.SUPERSEDED, f"by the card of order {number}", {"new": number}))
    if collected:
        keeper.change(office, old, custody=keeper.party.value)
