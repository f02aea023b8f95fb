"""The card-management system's register: states of cards, the blacklist, what the bank reports (SCHEME-034 to 051)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, or_, select

from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import CardRow, Desk, find_card, known_card, stored_card
from terminal.hosts.social.tables import APPLICATIONS, BLACKLIST, CARDS, EVENTS, PERSONS
from terminal.messages.seal import blacklist_seal
from terminal.messages.social import (
    BankNotice,
    BankOperation,
    Blacklist,
    BlacklistEntry,
    CardChanged,
    CardChecked,
    CardState,
    CheckCard,
    FetchBlacklist,
    SocialCard,
)

_VERSION: Final = select(func.max(func.coalesce(BLACKLIST.c.removed, BLACKLIST.c.added)))
_ENTRIES: Final = select(BLACKLIST).where(BLACKLIST.c.removed.is_(None)).order_by(BLACKLIST.c.id)
_NOTICE: Final = select(EVENTS).where(EVENTS.c.notice == bindparam("notice"))


@dataclass(frozen=True, slots=True)
class Effect:
    """What an operation does to a card: its state then, and whether a new card is requested (SCHEME-051)."""

    state: CardState
    new_card: bool


OPERATIONS: Final[Mapping[BankOperation, Effect]] = {
    BankOperation.LOSS: Effect(CardState.LOST, new_card=True),
    BankOperation.DAMAGE: Effect(CardState.LOST, new_card=True),
    BankOperation.CANCELLATION: Effect(CardState.CANCELLED, new_card=False),
    BankOperation.RELEASE: Effect(CardState.VALID, new_card=False),
}


def check_card(desk: Desk, message: CheckCard) -> CardChecked:
    """The card-status service (API-133, SCHEME-040)."""
    row = find_card(desk, message.card)
    return CardChecked(CardState.UNKNOWN if row is None else row.state, desk.rules.region)


def bank_notice(desk: Desk, message: BankNotice) -> CardChanged:
    """The social side follows what the bank reports, at once and once (SCHEME-049 to SCHEME-051)."""
    known = desk.books.execute(_NOTICE, {"notice": message.notice}).first()
    row = known_card(desk, message.card)
    if known is not None:
        if (known.card, known.event) != (row.identification, message.operation.value):
            raise Refusal(Code.CONFLICT, "the bank's notice of that number was about something else")
        return CardChanged(_stored_state(desk, row), known.new_request)
    if not message.notice:
        raise Refusal(Code.MALFORMED, "a notice of the bank has a number")
    effect = OPERATIONS[message.operation]
    state, request = change_state(desk, row, effect, message.operation.value, message.notice)
    return CardChanged(state, request)


def change_state(
    desk: Desk, row: CardRow, effect: Effect, event: str, notice: str | None = None
) -> tuple[CardState, str]:
    """Give a card another state; the blacklist follows (SCHEME-039). The state, and the request for a new card.

    Raises:
        Refusal: the card is cancelled, which nothing takes back.
    """
    before = _stored_state(desk, row)
    if before is CardState.CANCELLED and effect.state is not CardState.CANCELLED:
        raise Refusal(Code.CANCELLED, "the card is cancelled")
    if effect.state is not before:
        values = {"state": effect.state.value}
        desk.books.execute(CARDS.update().where(CARDS.c.identification == row.identification).values(values))
    entry = BlacklistEntry(row.number, row.number, bytes.fromhex(row.identification))
    if effect.state is CardState.VALID:
        remove_listed(desk, entry)
    else:
        add_listed(desk, entry)
    request = ""
    if effect.new_card:
        request = f"N{desk.day}{row.identification[16:24]}{_count(desk, row.identification) + 1:03d}"
    desk.books.execute(
        EVENTS.insert(),
        {"card": row.identification, "time": desk.time, "event": event, "notice": notice, "new_request": request},
    )
    return effect.state, request


def _stored_state(desk: Desk, row: CardRow) -> CardState:
    """The register's own state, whatever the blacklist says."""
    found = desk.books.execute(select(CARDS.c.state).where(CARDS.c.identification == row.identification)).scalar()
    return CardState(found)


def _count(desk: Desk, identification: str) -> int:
    return desk.books.execute(select(func.count()).where(EVENTS.c.card == identification)).scalar() or 0


def list_version(desk: Desk) -> int:
    """Number of the blacklist: it rises with every change."""
    return desk.books.execute(_VERSION).scalar() or 0


def fetch_blacklist(desk: Desk, _: FetchBlacklist) -> Blacklist:
    """The list as it stands, sealed for terminals (TRM-180 to TRM-183)."""
    entries = tuple(
        BlacklistEntry(row.first, row.last, bytes.fromhex(row.identification)) for row in desk.books.execute(_ENTRIES)
    )
    version = list_version(desk)
    return Blacklist(version, entries, blacklist_seal(desk.update_key, version, entries))


def add_listed(desk: Desk, entry: BlacklistEntry) -> None:
    """Put an entry on the list; one that is there stays alone.

    Raises:
        Refusal: the ends of a range are no card numbers, or the wrong way round.
    """
    if not len(entry.first) == len(entry.last) == 9 or entry.first > entry.last:
        raise Refusal(Code.MALFORMED, "an entry has two card numbers of nine characters, the smaller first")
    if _find(desk, entry) is None:
        row = {
            "first": entry.first,
            "last": entry.last,
            "identification": entry.identification.hex().upper(),
            "added": list_version(desk) + 1,
            "removed": None,
        }
        desk.books.execute(BLACKLIST.insert(), row)


def remove_listed(desk: Desk, entry: BlacklistEntry) -> None:
    """Take an entry off the list; one that is not there is no error."""
    key = _find(desk, entry)
    if key is not None:
        version = list_version(desk) + 1
        desk.books.execute(BLACKLIST.update().where(BLACKLIST.c.id == key).values(removed=version))


def _find(desk: Desk, entry: BlacklistEntry) -> int | None:
    return desk.books.execute(
        select(BLACKLIST.c.id).where(
            BLACKLIST.c.removed.is_(None),
            BLACKLIST.c.first == entry.first,
            BLACKLIST.c.last == entry.last,
            BLACKLIST.c.identification == entry.identification.hex().upper(),
        )
    ).scalar()


def set_application(desk: Desk, card: SocialCard, application: str, state: str) -> None:
    """Note the state of an application on a card: `open`, `blocked` (SCHEME-038)."""
    key = {"card": card.identification.hex().upper(), "application": application}
    desk.books.execute(
        APPLICATIONS.delete().where(APPLICATIONS.c.card == key["card"], APPLICATIONS.c.application == application)
    )
    desk.books.execute(APPLICATIONS.insert(), key | {"state": state})


def applications_of(desk: Desk, identification: str) -> tuple[tuple[str, str], ...]:
    """The applications of a card whose state was noted, with it."""
    rows = desk.books.execute(
        select(APPLICATIONS).where(APPLICATIONS.c.card == identification).order_by(APPLICATIONS.c.application)
    )
    return tuple((row.application, row.state) for row in rows)


def cards(desk: Desk, number: str = "") -> list[CardRow]:
    """The cards of the register by card number; of a card number or identification code, if one is named."""
    query = select(CARDS.c.identification).order_by(CARDS.c.number, CARDS.c.identification)
    if number:
        query = query.where(or_(CARDS.c.number == number, CARDS.c.identification == number.upper()))
    return [row for found in desk.books.scalars(query).all() if (row := stored_card(desk, found)) is not None]


def events(desk: Desk, row: CardRow) -> tuple[dict[str, str], ...]:
    """What happened to a card, in its order: time, event, and the request for a new card where there was one."""
    query = select(EVENTS).where(EVENTS.c.card == row.identification).order_by(EVENTS.c.id)
    return tuple(
        {"time": event.time, "event": event.event, "new card requested": event.new_request}
        for event in desk.books.execute(query)
    )


def knows_person(desk: Desk, number: str) -> bool:
    """Whether a person is in the register."""
    return desk.books.execute(select(PERSONS.c.number).where(PERSONS.c.number == number)).first() is not None
