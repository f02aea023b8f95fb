"""Orders and cards at the bank: none without an order of the department (SCHEME-114); the pick-up at an outlet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from terminal.management.bank.tables import ORDERS, REQUESTS
from terminal.management.keeper import Keeper, Office
from terminal.management.machines import Event
from terminal.management.product.charging import book_fee
from terminal.management.product.fees import Charge
from terminal.management.records import Card, Deed, Document, LifeError, NewCard, Stage, require_document
from terminal.perso.records import CardRecord


@dataclass(frozen=True, slots=True)
class Known:
    """An order as the department told it."""

    number: str
    kind: str
    person: str
    old: str
    outlet: str
    pick_up: str
    fee: int


def order_of(books: Connection, number: str) -> Known | None:
    """An order that the department has told, or None."""
    row = books.execute(select(ORDERS).where(ORDERS.c.number == number)).first()
    return None if row is None else Known(*row)


def hear_orders(office: Office, fields: Mapping[str, Any]) -> str:
    """Keep the orders of a batch."""
    rows = [
        {
            "number": one["order"], "kind": one["kind"], "person": one["person"], "old": one["old"],
            "outlet": one["outlet"], "pick_up": one["pick_up"], "fee": one["fee"],
        }
        for one in fields["orders"]
    ]  # fmt: skip
    office.books.execute(ORDERS.insert(), rows)
    return f"{len(rows)} orders of batch {fields['batch']}"


def hear_answer(office: Office, fields: Mapping[str, Any]) -> str:
    """Keep what the department answered to what was asked for last."""
    waiting = (REQUESTS.c.order == fields["order"], REQUESTS.c.new == "", REQUESTS.c.reason == "")
    values = {"new": str(fields["new"]), "reason": str(fields["reason"])}
    office.books.execute(REQUESTS.update().where(*waiting), values)
    return values["new"] or values["reason"]


def take_records(office: Office, keeper: Keeper, records: Sequence[CardRecord]) -> int:
    """Take cards into the books whose accounts are open and whose records are matched; how many are new.

    Raises:
        LifeError: a record has no order of the department, or another person's; nothing is taken then.
    """
    numbers = [record.order for record in records]
    there = keeper.known(office.books, numbers)
    new = []
    for record in records:
        known, bank = order_of(office.books, record.order), record.bank
        if known is None:
            raise LifeError(f"order {record.order} is none of the department's: the bank starts no card (SCHEME-114)")
        if bank is None or bank.person != known.person:
            raise LifeError(f"the bank's record of order {record.order} is missing, or another person's")
        social = record.social
        card_number, county = ("", "") if social is None else (social.card_number, social.order.county)
        new.append(NewCard(record.order, bank.person, bank.pan, card_number, county, bank.expires, known.old))
    keeper.enter(office, new)
    # A matched record shows both: the account is open, and its data are joined with the department's.
    keeper.pass_stage(office, numbers, Stage.BANK_DATA)
    keeper.pass_stage(office, numbers, Stage.MATCHING)
    return len({one.order for one in new} - there)


def hand_over(
    office: Office, keeper: Keeper, number: str, document: Document | None, *, outlet: str, form: bool, by: str,
    collected: bool = False, account: str = "",
) -> Card:  # fmt: skip
    """Hand out a card that the holder applied for at an outlet, and charge its fee (SCHEME-160, SCHEME-161).

    Args:
        office: the transaction.
        keeper: the bank's books of cards.
        number: of the order.
        document: the holder's identity document.
        outlet: where it is handed out.
        form: the holder has the application form (特殊业务申请书).
        by: who hands it out.
        collected: the holder gave the card back that this one takes the place of (SCHEME-169).
        account: the holder's account that pays the fee; cash at the counter without one.

    Raises:
        LifeError: another outlet, too early, no form, no document, or the card has not come yet.
    """
    card, known = keeper.card(office.books, number), order_of(office.books, number)
    shown = require_document(document, card.person, "the pick-up")
    if known is None or not known.outlet:
        raise LifeError(f"the card of order {number} is handed out by the department")
    if outlet != known.outlet:
        raise LifeError(f"the card of order {number} lies at outlet {known.outlet}")
    if not form:
        raise LifeError("the pick-up needs the application form")
    if office.day < known.pick_up:
        raise LifeError(f"the card is handed out from {known.pick_up} on")
    if Stage.DELIVERY not in {passed.stage for passed in keeper.passed(office.books, number)}:
        raise LifeError(f"the card of order {number} has not come to the outlet yet")
    # The card before goes first: an account has one card in use.
    if known.old:
        keeper.do(office, known.old, Deed(Event.SUPERSEDED, f"by the card of order {number}", {"new": number}))
        if collected:
            keeper.change(office, known.old, custody=keeper.party.value)
    book_fee(office.books, number, Charge(known.fee), office.day, account)
    note = f"at outlet {outlet} by {by}, identity document {shown.number}, application form"
    return keeper.do(office, number, Deed(Event.HAND_OVER, note, {"outlet": outlet, "by": by}))
