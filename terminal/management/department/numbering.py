"""Numbers that the card-management system alone gives (SCHEME-114, SCHEME-237): each is given once."""

from sqlalchemy import Connection, select

from terminal.management.department.tables import COUNTERS
from terminal.perso.data.numbers import card_number

_SEVEN_DIGITS = 10**7


def take(books: Connection, name: str, count: int = 1) -> range:
    """The next numbers of a kind."""
    own = COUNTERS.c.name == name
    moved = books.execute(COUNTERS.update().where(own).values(last=COUNTERS.c.last + count))
    if not moved.rowcount:
        books.execute(COUNTERS.insert(), {"name": name, "last": count})
    last = books.execute(select(COUNTERS.c.last).where(own)).scalar_one()
    return range(last - count + 1, last + 1)


def order_number(day: str, number: int) -> str:
    """A number of an order: the day and a running number, 16 digits."""
    return f"{day}{number:08d}"


def next_card_numbers(books: Connection, count: int) -> list[str]:
    """The next social-security card numbers: district letter, seven digits, check character (PERSO-103)."""
    found = []
    for number in take(books, "card number", count):
        district, rest = divmod(number, _SEVEN_DIGITS)
        found.append(card_number(f"{chr(ord('A') + district)}{rest:07d}"))
    return found


def document_number(books: Connection, letter: str, day: str) -> str:
    """A number for a notice, a list, a temporary identification or a complaint, by its letter."""
    (number,) = take(books, f"{letter} {day}")
    return f"{letter}{day}{number:06d}"
