"""The holder's PIN: verify, change, reset, unblock (SSC part 7 §5.6 to §5.8, §9, §13.3; TRM-063 to TRM-069)."""

from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.status import StatusWord
from terminal.effects import Flow, Mark, PinEntered, PinEntry, PinPurpose, display, enter_pin, report
from terminal.flows.common import refuse, stop
from terminal.flows.social.session import SocialSession
from terminal.outcome import Cause

STEP = "PIN"
PROMPT = "Social-security PIN"


def pin_bcd(digits: str) -> bytes:
    """A PIN as the card takes it: BCD, an odd number of digits filled with F (TRM-065)."""
    return bytes.fromhex(digits + "F" * (len(digits) % 2))


def probe_pin(session: SocialSession) -> Flow[StatusWord]:
    """VERIFY without data: 9000 no PIN is set, 63Cx the tries that are left; nothing is counted (TRM-063, TRM-064)."""
    response = yield from session.send("ask whether a PIN is set", CommandApdu(0x00, 0x20, 0x00, 0x00))
    session.pin_unset = response.sw.value == status.OK and not session.pin_verified
    return response.sw


def verify_pin(session: SocialSession) -> Flow[None]:
    """Ask for the PIN until it is right, nobody gives one, or no try is left (TRM-066, TRM-067)."""
    if session.pin_verified:
        return
    first = sw = yield from probe_pin(session)
    if sw.value == status.OK:
        yield from report(STEP, Mark.INFO, "no PIN is set on the card")
        return
    while sw.value != status.OK:
        tries = need_tries(sw)
        entered = yield from enter_pin(PinEntry(PinPurpose.CARD, PROMPT, tries))
        if entered is None:
            again = sw.value != first.value
            stop(Cause.PIN, STEP, "the PIN was wrong, and no other was entered" if again else "no PIN was entered")
        sw = yield from present_pin(session, entered)
        if sw.tries_left:
            yield from display(f"Wrong PIN, {sw.tries_left} tries left")
    yield from report(STEP, Mark.OK, "the PIN is right")


def need_tries(sw: StatusWord) -> int:
    """The tries that are left, from 63Cx.

    Raises:
        Stopped: there are none, or the card says something else.
    """
    tries = sw.tries_left
    if tries == 0 or sw.value == status.BLOCKED:
        stop(Cause.PIN_BLOCKED, STEP, "the PIN is locked", sw)
    if tries is None:
        refuse(STEP, "the PIN cannot be verified", sw, Cause.PIN)
    return tries


def present_pin(session: SocialSession, entered: PinEntered) -> Flow[StatusWord]:
    """VERIFY with one PIN; the status word."""
    command = CommandApdu(0x00, 0x20, 0x00, 0x00, pin_bcd(entered.digits))
    response = yield from session.send("verify the holder's PIN", command, secret=True)
    if response.sw.value == status.OK:
        session.pin_verified = True
    return response.sw
