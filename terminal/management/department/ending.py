"""The end of cards at the department: cancellation (销卡), its notice, and destruction (销毁)."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from terminal.management.department.numbering import document_number
from terminal.management.department.tables import NOTICES, TRANSFERS
from terminal.management.keeper import Keeper, Office
from terminal.management.machines import Event
from terminal.management.records import Deed, Document, LifeError, require_document, seconds
from terminal.perso.parties import Party


def cancel(office: Office, keeper: Keeper, order: str, document: Document | None) -> str:
    """The first step of a cancellation: the social application; the number of the clearing notice (SCHEME-170, 171).

    Raises:
        LifeError: the card is not active, or the document is not the holder's.
    """
    card = keeper.card(office.books, order)
    require_document(document, card.person, "a cancellation")
    notice = document_number(office.books, "Q", office.day)
    keeper.do(office, order, Deed(Event.CANCEL, f"clearing notice {notice}", {"notice": notice}))
    office.books.execute(NOTICES.insert(), {"number": notice, "order": order, "time": seconds(office.now)})
    return notice


def notice_of(books: Connection, order: str) -> str:
    """The number of a card's clearing notice; empty where there is none."""
    return books.execute(select(NOTICES.c.number).where(NOTICES.c.order == order)).scalar() or ""


def hear_sent(office: Office, fields: Mapping[str, Any]) -> str:
    """Keep a list of cards that are on their way here."""
    rows = [{"order": order, "list": str(fields["list"]), "received": ""} for order in fields["orders"]]
    office.books.execute(TRANSFERS.insert(), rows)
    return f"{len(rows)} cards of list {fields['list']}"


def receive(office: Office, keeper: Keeper, name: str, counted: Iterable[str]) -> int:
    """Count in the cards of a list; how many there were (SCHEME-180).

    Raises:
        LifeError: there is no such list, or what came is not what stands in it.
    """
    query = select(TRANSFERS.c.order).where(TRANSFERS.c.list == name, TRANSFERS.c.received == "")
    expected, came = set(office.books.scalars(query)), set(counted)
    if not expected:
        raise LifeError(f"no cards of a list {name} are on their way")
    if expected != came:
        missing, more = len(expected - came), len(came - expected)
        raise LifeError(f"list {name} has {len(expected)} cards: {missing} of them did not come, {more} others did")
    change = TRANSFERS.update().where(TRANSFERS.c.list == name)
    office.books.execute(change, {"received": seconds(office.now)})
    for order in sorted(came):
        keeper.change(office, order, custody=Party.DEPARTMENT.value)
        keeper.note(office, order, "received to be destroyed", f"list {name}")
    return len(came)
