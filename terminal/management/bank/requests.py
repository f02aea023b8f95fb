"""What a holder asks for at the bank and the department alone can start: replacement and exchange (SCHEME-237).

The bank sends the request with the card's numbers; the order comes back, or the reason why there is none.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from terminal.management.bank.tables import REQUESTS
from terminal.management.keeper import Keeper, Office
from terminal.management.kinds import Kind
from terminal.management.loss import CASH_NOTICE
from terminal.management.machines import Event, Guard, Standing
from terminal.management.records import ALONE, Card, Deed, Document, LifeError, Staff, require_document, seconds
from terminal.perso.records import OrderKind


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and what became of it: the order of the new card, or why there is none; neither while it waits."""

    order: str
    kind: OrderKind
    time: str
    outlet: str
    new: str
    reason: str


def ask_replacement(
    office: Office,
    keeper: Keeper,
    order: str,
    document: Document | None,
    *,
    outlet: str,
    waiver: str = "",
    staff: Staff = ALONE,
) -> None:
    """Ask the department for a card in the place of one that is lost in writing (000 §3.2.9 3)).

    Raises:
        LifeError: the card is not lost in writing here, or the document is not the holder's.
    """
    card = keeper.card(office.books, order)
    shown = require_document(document, card.person, "a replacement")
    if card.side.standing is not Standing.WRITTEN_LOSS:
        raise LifeError(f"the card of order {order} is {card.side.standing.value}: a replacement needs a written loss")
    _note(office, order, OrderKind.REPLACEMENT, outlet)
    keeper.note(office, order, "replacement asked for", CASH_NOTICE)
    fields = {
        "order": order, "pan": card.pan, "card_number": card.card_number, "person": card.person,
        "document": shown.number, "outlet": outlet, "waiver": waiver,
        "by": staff.by, "approved_by": staff.approved_by,
    }  # fmt: skip
    keeper.exchange.tell(office.books, Kind.ASK, fields, office.now)


def ask_exchange(office: Office, keeper: Keeper, order: str, document: Document | None, *, outlet: str) -> Card:
    """Take in a damaged card: it is locked, and the department makes new card data for it (SCHEME-168).

    Raises:
        LifeError: the card is not active, or the document is not the holder's.
    """
    card = keeper.card(office.books, order)
    require_document(document, card.person, "an exchange")
    _note(office, order, OrderKind.EXCHANGE, outlet)
    return keeper.do(office, order, Deed(Event.EXCHANGE, CASH_NOTICE, {"outlet": outlet}), {Guard.WORN})


def _note(office: Office, order: str, kind: OrderKind, outlet: str) -> None:
    if not outlet:
        raise LifeError("a request names the outlet where the card is picked up")
    row = {
        "order": order, "kind": kind.value, "time": seconds(office.now), "outlet": outlet, "new": "", "reason": "",
    }  # fmt: skip
    office.books.execute(REQUESTS.insert(), row)


def requests(books: Connection, order: str = "") -> tuple[Request, ...]:
    """All requests, or those for a card, in their order."""
    query = select(REQUESTS).order_by(REQUESTS.c.id)
    if order:
        query = query.where(REQUESTS.c.order == order)
    return tuple(
        Request(row.order, OrderKind(row.kind), row.time, row.outlet, row.new, row.reason)
        for row in books.execute(query)
    )
