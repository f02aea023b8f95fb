"""What the department does for holders beside: temporary identifications (临时凭证) and complaints (投诉)."""

import enum
from dataclasses import dataclass

from sqlalchemy import Connection, select

from terminal.hosts.social.desk import Desk
from terminal.hosts.social.tables import USES
from terminal.management.department import orders
from terminal.management.department.intake import later
from terminal.management.department.numbering import document_number
from terminal.management.department.orders import OPEN
from terminal.management.department.tables import COMPLAINTS, TEMPORARIES
from terminal.management.keeper import Keeper, Office
from terminal.management.records import LifeError, seconds
from terminal.perso.records import OrderKind


def temporary(office: Office, keeper: Keeper, number: str) -> str:
    """Give the holder of a card that is being replaced or exchanged a temporary identification; its number.

    Raises:
        LifeError: the order is for a first card, or its card is handed over.
    """
    one = orders.find(office.books, number)
    if one.order.kind is OrderKind.FIRST or one.state not in OPEN:
        raise LifeError(f"order {number} is no replacement or exchange that is under way")
    until = later(office.now.date(), keeper.settings.life.temporary_days)
    name = document_number(office.books, "T", office.day)
    row = {"number": name, "order": number, "person": one.order.person, "until": until}
    office.books.execute(TEMPORARIES.insert(), row)
    keeper.note(office, number, "temporary identification", f"{name}, until {until}")
    return name


def use_temporary(office: Office, desk: Desk, name: str, business: str) -> str:
    """Do social business without a card; the social-security number of who does (SCHEME-162, SCHEME-167).

    Raises:
        LifeError: there is no such identification, its time is over, or the new card has been handed over.
    """
    row = office.books.execute(select(TEMPORARIES).where(TEMPORARIES.c.number == name)).first()
    if row is None:
        raise LifeError(f"there is no temporary identification {name}")
    if office.day > row.until or orders.find(office.books, row.order).state not in OPEN:
        raise LifeError(f"the temporary identification {name} is no longer valid")
    use = {
        "name": f"{name} {seconds(office.now)} {business}"[:64], "card": "", "person": row.person,
        "business": business, "time": seconds(office.now), "session": "", "fields": "{}",
    }  # fmt: skip
    desk.books.execute(USES.insert(), use)
    return str(row.person)


class ComplaintState(enum.Enum):
    """States of a complaint."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint, and what was answered."""

    number: str
    order: str
    opened: str
    text: str
    closed: str
    answer: str

    @property
    def state(self) -> ComplaintState:
        """Open until it is answered."""
        return ComplaintState.CLOSED if self.closed else ComplaintState.OPEN


def complain(office: Office, keeper: Keeper, order: str, text: str) -> str:
    """Take a complaint about a card; its number (SCHEME-236).

    Raises:
        LifeError: it says nothing, or there is no such card.
    """
    keeper.card(office.books, order)
    if not text.strip():
        raise LifeError("a complaint says what is wrong")
    number = document_number(office.books, "C", office.day)
    row = {"number": number, "order": order, "opened": seconds(office.now), "text": text, "closed": "", "answer": ""}
    office.books.execute(COMPLAINTS.insert(), row)
    return number


def answer(office: Office, number: str, text: str) -> Complaint:
    """Close a complaint with an answer.

    Raises:
        LifeError: there is none, it is closed, or the answer says nothing.
    """
    found = next((one for one in complaints(office.books) if one.number == number), None)
    if found is None or found.state is ComplaintState.CLOSED or not text.strip():
        raise LifeError(f"there is no open complaint {number}" if text.strip() else "an answer says something")
    closed = {"closed": seconds(office.now), "answer": text}
    office.books.execute(COMPLAINTS.update().where(COMPLAINTS.c.number == number), closed)
    return next(one for one in complaints(office.books) if one.number == number)


def complaints(books: Connection) -> tuple[Complaint, ...]:
    """All complaints, by number."""
    rows = books.execute(select(COMPLAINTS).order_by(COMPLAINTS.c.number))
    return tuple(Complaint(row.number, row.order, row.opened, row.text, row.closed, row.answer) for row in rows)
