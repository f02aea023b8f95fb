"""The operator's maintenance of a card: block it, or one of its applications (SSC part 7 §13, TRM-118 to TRM-121)."""

from typing import Final

from terminal.effects import Flow, Mark, report
from terminal.filetable import SSSE_DF, NoSuchFile
from terminal.flows.common import need_ok, stop
from terminal.flows.social.session import SocialSession
from terminal.outcome import Cause

_STEP: Final = "maintenance"
_CARD_BLOCK: Final = bytes.fromhex("84160000")
_APPLICATION_BLOCK: Final = bytes.fromhex("841E0001")


def block_card(session: SocialSession) -> Flow[None]:
    """CARD BLOCK for good, with the right of BK; by the scheme it stops the environment alone (D10)."""
    yield from session.enter(SSSE_DF)
    yield from _block(session, SSSE_DF, "BK", "STKSSSE", _CARD_BLOCK, "block the card")


def block_application(session: SocialSession, df: int) -> Flow[None]:
    """APPLICATION BLOCK for good, with the right of the application's LK."""
    yield from session.enter(df)
    place = f"DF{df & 0xFF:02X}"
    yield from _block(session, df, f"LK{place}", f"STK{place}", _APPLICATION_BLOCK, f"block the application {place}")


def _block(session: SocialSession, df: int, right: str, key: str, header: bytes, purpose: str) -> Flow[None]:
    try:
        permission = session.table.key(df, right)
    except NoSuchFile as error:
        stop(Cause.REQUEST, _STEP, str(error))
    yield from session.gain(permission)
    command = yield from session.seal(key, header)
    response = yield from session.send(purpose, command)
    need_ok(_STEP, f"the card refuses to {purpose}", response)
    yield from report(_STEP, Mark.OK, f"done: {purpose}")
