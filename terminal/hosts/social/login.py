"""The card as credential, log-in by internal authentication, queries and requests (SCHEME-063 to SCHEME-070)."""

import hmac
import json
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, select

from cardsim.decode.values import yuan
from terminal.effects import CardIdentity
from terminal.hosts.hsm import HsmRefused
from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import CardRow, Desk, holder_of, name_of, valid_card
from terminal.hosts.social.register import applications_of
from terminal.hosts.social.tables import BENEFIT_ROWS, DUES, LEDGER, LOGINS, PERSONS, SETTLEMENTS, USES, central_code
from terminal.keyaddresses import addresses_by_name
from terminal.messages.social import (
    Accepted,
    BeginLogin,
    FinishLogin,
    Found,
    LoginChallenge,
    QueryHost,
    Refused,
    SocialCard,
    SubmitBusiness,
    UseIdentity,
)

_IRK: Final = addresses_by_name()["IRK"]
_LOGIN: Final = select(LOGINS).where(LOGINS.c.login == bindparam("login"))
_SESSION: Final = select(LOGINS).where(LOGINS.c.session == bindparam("session"), LOGINS.c.state == "session")
_USE: Final = select(USES.c.id).where(USES.c.name == bindparam("name"))


def use_identity(desk: Desk, message: UseIdentity) -> Accepted:
    """A business takes the card as identity credential; the use is noted with card, holder and time, once a day."""
    row = valid_card(desk, message.card)
    if not message.authenticated:
        raise Refusal(Code.NOT_AUTHENTIC, "the card did not prove its key")
    if message.business not in desk.catalogue.business:
        raise Refusal(Code.NOT_THERE, f"there is no business {message.business!r}")
    return _note(desk, row, message.business, (), "")


def begin_login(desk: Desk, message: BeginLogin) -> LoginChallenge:
    """First step of a log-in: two random numbers for INTERNAL AUTHENTICATE."""
    row = valid_card(desk, message.card)
    holder_of(row)
    row.identity(message.area, message.historical, message.algorithm)
    login, factor, original, session = (desk.random(8) for _ in range(4))
    until = desk.now + timedelta(minutes=desk.rules.session_minutes)
    person = desk.books.execute(select(PERSONS).where(PERSONS.c.number == row.person)).one()
    desk.books.execute(
        LOGINS.insert(),
        {
            "login": login.hex().upper(),
            "card": row.identification,
            "person": row.person,
            "name": person.name,
            "area": message.area,
            "historical": message.historical.hex().upper(),
            "algorithm": message.algorithm,
            "factor": factor.hex().upper(),
            "original": original.hex().upper(),
            "session": session.hex().upper(),
            "state": "begun",
            "until": until.isoformat(timespec="seconds"),
        },
    )
    return LoginChallenge(login.hex().upper(), factor, original)


def finish_login(desk: Desk, message: FinishLogin) -> Accepted | Refused:
    """Second step: the card's 8 bytes are those of the HSM, and a session begins. A wrong answer ends the log-in."""
    row = valid_card(desk, message.card)
    login = desk.books.execute(_LOGIN, {"login": message.login}).first()
    if login is None or login.card != row.identification or login.state == "failed" or login.until < desk.time:
        raise Refusal(Code.NO_SESSION, "there is no such log-in, or it has ended")
    identity: CardIdentity = row.identity(login.area, bytes.fromhex(login.historical), login.algorithm)
    numbers = bytes.fromhex(login.factor), bytes.fromhex(login.original)
    try:
        expected = desk.hsm.authenticate("log-in", _IRK, identity, *numbers)
    except HsmRefused as error:
        raise Refusal(Code.HSM, str(error)) from error
    right = hmac.compare_digest(expected, message.proof)
    state = "session" if right else "failed"
    desk.books.execute(LOGINS.update().where(LOGINS.c.login == message.login).values(state=state))
    # What stands in the books after a wrong answer must stay there: a refusal that is returned, not raised.
    return Accepted(login.session) if right else Refused(Code.NOT_AUTHENTIC, "the card did not prove its key")


def _caller(desk: Desk, card: SocialCard, session: str) -> CardRow:
    """Whose card it is: that of the session, or the one that is there.

    Raises:
        Refusal: there is no session of that name, or it is another card's.
    """
    if not session:
        return valid_card(desk, card)
    login = desk.books.execute(_SESSION, {"session": session}).first()
    if login is None or login.until < desk.time:
        raise Refusal(Code.NO_SESSION, "there is no such session, or it has ended")
    if card.identification and card.identification.hex().upper() != login.card:
        raise Refusal(Code.NO_SESSION, "the session is another card's")
    return valid_card(desk, SocialCard(bytes.fromhex(login.card), ""))


def query_host(desk: Desk, message: QueryHost) -> Found:
    """What the department knows about the holder (SCHEME-069)."""
    row = _caller(desk, message.card, message.session)
    look = _SUBJECTS.get(message.subject)
    if look is None:
        raise Refusal(Code.NOT_THERE, f"there is nothing about {message.subject!r}; ask for {', '.join(_SUBJECTS)}")
    return Found(look(desk, row))


_Items = tuple[tuple[str, str], ...]


def _person(desk: Desk, row: CardRow) -> _Items:
    person = desk.books.execute(select(PERSONS).where(PERSONS.c.number == holder_of(row))).one()
    return (("social-security number", person.number), ("name", person.name), ("region", person.region))


def _card(desk: Desk, row: CardRow) -> _Items:
    return (
        ("card number", row.number),
        ("state", row.state.value),
        *((name, state) for name, state in applications_of(desk, row.identification)),
    )


def _account(desk: Desk, row: CardRow) -> _Items:
    return (("medical account", yuan(LEDGER.balance(desk.books, central_code(holder_of(row))) or 0)),)


def _contributions(desk: Desk, row: CardRow) -> _Items:
    rows = desk.books.execute(select(DUES).where(DUES.c.person == holder_of(row)).order_by(DUES.c.id))
    kinds = desk.catalogue.contribution
    return tuple((kinds[due.kind].name, f"{yuan(due.amount)}, due {due.due}, {due.state}") for due in rows)


def _benefits(desk: Desk, row: CardRow) -> _Items:
    rows = desk.books.execute(
        select(BENEFIT_ROWS).where(BENEFIT_ROWS.c.person == holder_of(row)).order_by(BENEFIT_ROWS.c.id)
    )
    kinds = desk.catalogue.benefit
    return tuple((kinds[benefit.kind].name, f"{yuan(benefit.amount)}, {benefit.state}") for benefit in rows)


def _settlements(desk: Desk, row: CardRow) -> _Items:
    rows = desk.books.execute(
        select(SETTLEMENTS).where(SETTLEMENTS.c.person == holder_of(row)).order_by(SETTLEMENTS.c.id)
    )
    return tuple((f"bill {bill.bill} of {bill.institution}", f"unpaid {yuan(bill.unpaid)}") for bill in rows)


_SUBJECTS: Final = {
    "person": _person,
    "card": _card,
    "account": _account,
    "contributions": _contributions,
    "benefits": _benefits,
    "settlements": _settlements,
}


def submit_business(desk: Desk, message: SubmitBusiness) -> Accepted:
    """Keep a request of the holder with the card that asked (SCHEME-070)."""
    row = _caller(desk, message.card, message.session)
    if message.business not in desk.catalogue.business:
        raise Refusal(Code.NOT_THERE, f"there is no business {message.business!r}")
    return _note(desk, row, message.business, message.fields, message.session)


def _note(desk: Desk, row: CardRow, business: str, fields: tuple[tuple[str, str], ...], session: str) -> Accepted:
    """A request of the day; the same once more is the same request."""
    name = name_of(row.identification, business, fields, session, desk.day)
    key = desk.books.execute(_USE, {"name": name}).scalar()
    if key is None:
        content = {
            "name": name,
            "card": row.identification,
            "person": row.person or None,
            "business": business,
            "time": desk.time,
            "session": session,
            "fields": json.dumps(fields, ensure_ascii=False),
        }
        inserted = desk.books.execute(USES.insert(), content).inserted_primary_key
        assert inserted is not None
        key = inserted[0]
    return Accepted(f"B{key:08d}")
