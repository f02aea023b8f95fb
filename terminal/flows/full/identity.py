"""The card as identity credential (身份凭证), and log-in by internal authentication.

Scheme §2(1)1 and 2; SCHEME-063 to SCHEME-070.
"""

from datetime import datetime

from cardsim.iso7816.apdu import CommandApdu
from terminal.businesses import Business
from terminal.effects import Flow, Mark, Shelf, ask_social_host, keep, print_slip, report
from terminal.filetable import Address, FileKind, NoSuchFile, kind_of
from terminal.flows.common import need_ok, stop
from terminal.flows.full.config import End, Identify, LogIn, ServiceOutcome
from terminal.flows.full.visit import Visit, refused
from terminal.flows.social.config import Prefer
from terminal.flows.social.files import need_file, read_binary, read_records
from terminal.flows.social.records import card_content
from terminal.flows.social.session import SocialSession
from terminal.flows.social.validity import check_validity
from terminal.messages.social import Accepted, BeginLogin, FinishLogin, LoginChallenge, SubmitBusiness, UseIdentity
from terminal.outcome import Cause, DataItem


def identify(visit: Visit, task: Identify) -> Flow[ServiceOutcome]:
    """Genuine card, holder data, the host's view of the card, and the business that accepts the person."""
    business = task.business
    if task.channel not in business.channels:
        return ServiceOutcome(End.REFUSED, f"{business.name} is not offered at the {task.channel.value}")
    yield from visit.identified()
    return (yield from visit.social(lambda session: _use(session, business)))


def _use(session: SocialSession, business: Business) -> Flow[ServiceOutcome]:
    items = yield from read_files(session, business.reads, Prefer.KEY)
    message = UseIdentity(session.social_card, business.key, session.card_authenticated)
    answer = yield from ask_social_host(message)
    if not isinstance(answer, Accepted):
        return refused(f"{business.name} is not accepted", answer)
    yield from _record(session, business, answer.reference)
    return ServiceOutcome(End.DONE, f"{business.name} accepted", (("reference", answer.reference),), items=items)


def _record(session: SocialSession, business: Business, reference: str) -> Flow[None]:
    """What the terminal keeps of an accepted business, with card and date (SCHEME-064, SCHEME-067); and the slip."""
    now = _text(session.config.now)
    content = {
        **card_content(session.social_card),
        "kind": "business",
        "business": business.key,
        "reference": reference,
        "time": now,
    }
    yield from keep(Shelf.TRANSACTIONS, f"business-{reference}", content)
    yield from report("business", Mark.OK, f"{business.name} accepted", ("reference", reference))
    lines = [("Reference", reference), ("Card number", session.card_number), ("Time", now)]
    if session.name:
        lines.insert(0, ("Holder", session.name))
    yield from print_slip(f"{business.chinese} {business.name}", *lines)


def _text(now: datetime) -> str:
    return f"{now:%Y-%m-%d %H:%M:%S}"


def log_in(visit: Visit, task: LogIn) -> Flow[ServiceOutcome]:
    """The host's challenge, the card's answer, a session; and the business that the holder does in it (SCHEME-070).

    No key of a terminal takes part, so that a reader at home is enough: holder data stay closed.
    """
    business = task.business
    if business is not None and task.channel not in business.channels:
        return ServiceOutcome(End.REFUSED, f"{business.name} is not offered at the {task.channel.value}")
    given = {name for name, value in task.fields if value}
    if business is not None and (missing := [name for name in business.fields if name not in given]):
        return ServiceOutcome(End.REFUSED, f"{business.name} asks for {', '.join(missing)}")
    logged_in = yield from visit.social(lambda session: open_session(session, visit.atr))
    if business is None or logged_in.end is not End.DONE:
        return logged_in
    login = dict(logged_in.references)["session"]
    return (yield from visit.social(lambda session: _submit(session, business, task, login)))


def open_session(session: SocialSession, atr: bytes) -> Flow[ServiceOutcome]:
    """Log-in in two steps (SCHEME-068): the reference `session` of the outcome names the session."""
    yield from session.read_atr(atr)
    yield from session.select_environment()
    yield from session.read_issuer()
    card = yield from session.identify()
    yield from check_validity(session)
    begun = BeginLogin(session.social_card, card.area, card.historical, card.suite.algorithm_id)
    challenge = yield from ask_social_host(begun)
    if not isinstance(challenge, LoginChallenge):
        return refused("no log-in", challenge)
    command = CommandApdu(0x00, 0x88, 0x00, 0x00, challenge.factor + challenge.original, 8)
    response = yield from session.send("let the card answer the host's challenge", command)
    proof = need_ok("log-in", "the card does not authenticate itself", response)
    answer = yield from ask_social_host(FinishLogin(session.social_card, challenge.login, proof))
    if not isinstance(answer, Accepted):
        return refused("no log-in", answer)
    session.card_authenticated = True
    yield from report("log-in", Mark.OK, "the host accepts the card's answer", ("session", answer.reference))
    return ServiceOutcome(End.DONE, "logged in", (("session", answer.reference),))


def _submit(session: SocialSession, business: Business, task: LogIn, login: str) -> Flow[ServiceOutcome]:
    """A business request with the card's identity (SCHEME-070)."""
    answer = yield from ask_social_host(SubmitBusiness(session.social_card, business.key, task.fields, login))
    if not isinstance(answer, Accepted):
        return refused(f"{business.name} is not accepted", answer)
    yield from _record(session, business, answer.reference)
    references = (("session", login), ("reference", answer.reference))
    return ServiceOutcome(End.DONE, f"{business.name} accepted", references)


def read_files(session: SocialSession, files: tuple[str, ...], prefer: Prefer) -> Flow[tuple[tuple[str, str], ...]]:
    """What files of the card say, as names and texts; SSSE's own are read already."""
    found: list[tuple[str, str]] = []
    for name in files:
        try:
            address = Address.parse(name)
        except NoSuchFile as error:
            stop(Cause.REQUEST, name, str(error))
        if address.place == "SSSE" and address.ef in (0xEF05, 0xEF06):
            read = session.issuer if address.ef == 0xEF05 else session.holder
            found += [(item.name, item.text) for item in read.values()]
            continue
        match kind_of(need_file(session, address)):
            case FileKind.TRANSPARENT:
                content = yield from read_binary(session, address, prefer)
                found.append((name, content.hex().upper()))
            case FileKind.CYCLIC:
                records = yield from read_records(session, address, prefer)
                found += [(f"{name}:{number:02d}", record.hex().upper()) for number, record in enumerate(records, 1)]
            case FileKind.RECORDS:
                records = yield from read_records(session, address, prefer)
                found += [(item.name, item.text) for item in map(_item, records)]
    return tuple(found)


def _item(record: bytes) -> DataItem:
    """A record with tag and length."""
    return DataItem(record[0], record[2:], simple=True)
