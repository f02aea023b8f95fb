"""Queries (信息查询): data of the card and of the department's host (scheme §2(1)2; SCHEME-068, SCHEME-069)."""

from terminal.businesses import Channel, Query
from terminal.effects import Flow, ask_social_host, display
from terminal.flows.full.config import End, LookUp, ServiceOutcome
from terminal.flows.full.identity import open_session, read_files
from terminal.flows.full.visit import Visit, refused
from terminal.flows.social.config import Prefer
from terminal.flows.social.pin import verify_pin
from terminal.flows.social.session import SocialSession
from terminal.messages.social import Found, QueryHost


def look_up(visit: Visit, task: LookUp) -> Flow[ServiceOutcome]:
    """What the row permits: at the web site inside a log-in, and behind the PIN where the holder alone may see it."""
    query, login = task.query, ""
    if task.channel not in query.channels:
        return ServiceOutcome(End.REFUSED, f"{query.name} is not shown at the {task.channel.value}")
    if task.channel is Channel.WEB:
        logged_in = yield from visit.social(lambda session: open_session(session, visit.atr))
        if logged_in.end is not End.DONE:
            return logged_in
        login = dict(logged_in.references)["session"]
    else:
        yield from visit.identified()
    return (yield from visit.social(lambda session: _show(session, query, login)))


def _show(session: SocialSession, query: Query, login: str) -> Flow[ServiceOutcome]:
    if query.pin:
        yield from verify_pin(session)
    items: list[tuple[str, str]] = []
    items += yield from read_files(session, query.reads, Prefer.PIN)
    if query.subject:
        found = yield from ask_social_host(QueryHost(session.social_card, query.subject, login))
        if not isinstance(found, Found):
            return refused(f"{query.name} cannot be shown", found)
        items += found.items
    for name, text in items:
        yield from display(f"{name}: {text}")
    references = (("session", login),) if login else ()
    return ServiceOutcome(End.DONE, f"{query.name} shown", references, items=tuple(items))
