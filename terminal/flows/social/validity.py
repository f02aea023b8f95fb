"""The validity check (有效性检查): is this a card that the terminal serves? (SSC part 7 §5.4, TRM-052 to TRM-057)"""

from dataclasses import replace
from datetime import date

from cardsim.decode.values import bcd_digits, gbk_text
from terminal.effects import Flow, Mark, ask_social_host, report
from terminal.flows.common import stop
from terminal.flows.social.blacklist import check_blacklist
from terminal.flows.social.session import SocialSession
from terminal.messages.social import CardChecked, CardState, CheckCard
from terminal.outcome import Cause

_STEP = "validity"
_REFUSED = frozenset({CardState.LOST, CardState.CANCELLED, CardState.BLACKLISTED, CardState.INACTIVE})


def check_validity(session: SocialSession) -> Flow[None]:
    """Blacklist, institution, card type, specification version, dates: each as the terminal supports it."""
    yield from check_blacklist(session)
    parameters = session.config.parameters
    institution = bcd_digits(session.issuer[0x04].value) or ""
    if parameters.institutions and not institution.startswith(parameters.institutions):
        stop(Cause.NOT_VALID, _STEP, f"cards of institution {institution} are not supported")
    card_type = gbk_text(session.issuer[0x02].value)
    if card_type not in parameters.card_types:
        stop(Cause.NOT_VALID, _STEP, f"card type {session.issuer[0x02].value.hex()} is not supported")
    version = classify(session)
    if session.version not in parameters.versions:
        stop(Cause.NOT_VALID, _STEP, f"specification version {version!r} is not supported")
    issued, expires, today = _date(session, 0x05), _date(session, 0x06), session.config.today
    if today < issued:
        stop(Cause.NOT_VALID, _STEP, f"the card is valid from {issued} on, and today is {today}")
    if today > expires:
        stop(Cause.NOT_VALID, _STEP, f"the card expired on {expires}, and today is {today}")
    yield from report(_STEP, Mark.OK, f"version {version}, valid from {issued} to {expires}")


def classify(session: SocialSession) -> str:
    """Set the version of the session from item 03: its first three characters decide, none is 1.0 (TRM-060)."""
    version = gbk_text(session.issuer[0x03].value) or "1.0"
    session.version = version[:3]
    return version


def _date(session: SocialSession, tag: int) -> date:
    item = session.issuer[tag]
    try:
        return date.fromisoformat(item.value.hex())
    except ValueError:
        stop(Cause.CARD_DATA, _STEP, f"{item.name} {item.value.hex().upper()} is no date")


def ask_host(session: SocialSession) -> Flow[None]:
    """Ask the host for the state of the card; a host that is not reached stops nothing (API-133, TRM-182).

    Raises:
        Stopped: lost, cancelled, blacklisted, or refused.
    """
    step = "host"
    # With the chip's own serial number: a body that was wasted has the data of the card that was made in its place.
    card = replace(session.social_card, historical=session.historical)
    answer = yield from ask_social_host(CheckCard(card))
    if answer is None:
        yield from report(step, Mark.INFO, "the host was not reached")
        return
    if not isinstance(answer, CardChecked):
        stop(Cause.HOST, step, f"the host refuses the card: {answer.reason} ({answer.code})")
    if answer.state in _REFUSED:
        blacklisted = answer.state is CardState.BLACKLISTED
        stop(Cause.BLACKLISTED if blacklisted else Cause.NOT_VALID, step, f"the host says: {answer.state.value}")
    session.host_reached = True
    yield from report(step, Mark.OK, f"the host says: {answer.state.value}")
