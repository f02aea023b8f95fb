"""The validity check (有效性检查): is this a card that the terminal serves? (SSC part 7 §5.4, TRM-052 to TRM-057)"""

from datetime import date

from cardsim.decode.values import bcd_digits, gbk_text
from terminal.effects import Flow, Mark, report
from terminal.flows.common import stop
from terminal.flows.social.session import SocialSession
from terminal.outcome import Cause

_STEP = "validity"


def check_validity(session: SocialSession) -> Flow[None]:
    """Institution, card type, specification version and dates; each must be one that the terminal supports."""
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
