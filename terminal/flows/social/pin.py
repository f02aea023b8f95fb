"""The holder's PIN: verify, change, reset, unblock (SSC part 7 §5.6 to §5.8, §9, §13.3; TRM-063 to TRM-069)."""

from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.status import StatusWord
from terminal.effects import Flow, Mark, PinEntered, PinEntry, PinPurpose, display, enter_pin, report
from terminal.filetable import SSSE_DF
from terminal.flows.common import need_ok, refuse, stop
from terminal.flows.social.session import SocialSession
from terminal.outcome import Cause

STEP = "PIN"
PROMPT = "Social-security PIN"
OLD_PROMPT = "Social-security PIN, the old one"
NEW_PROMPT = "New social-security PIN"
AGAIN_PROMPT = "New social-security PIN, again"


def pin_bcd(digits: str) -> bytes:
    """A PIN as the card takes it: BCD, an odd number of digits filled with F (TRM-065)."""
    return bytes.fromhex(digits + "F" * (len(digits) % 2))


def probe_pin(session: SocialSession) -> Flow[StatusWord]:
    """VERIFY without data: 9000 no PIN is set, 63Cx the tries that are left; nothing is counted (TRM-063, TRM-064)."""
    response = yield from session.send("ask whether a PIN is set", CommandApdu(0x00, 0x20, 0x00, 0x00, le=256))
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
        entered = yield from _entered(session, PinEntry(PinPurpose.CARD, PROMPT, tries))
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


def new_pin(session: SocialSession) -> Flow[str]:
    """Ask for the new PIN twice (TRM-114).

    Raises:
        Stopped: it is not given, it is no PIN for this terminal's pad, or the entries differ.
    """
    entries = []
    for prompt in (NEW_PROMPT, AGAIN_PROMPT):
        entered = yield from _entered(session, PinEntry(PinPurpose.CARD, prompt))
        if entered is None:
            stop(Cause.PIN_CANCELLED, STEP, "no new PIN was entered")
        entries.append(entered.digits)
    if entries[0] != entries[1]:
        stop(Cause.PIN_DIFFERS, STEP, "the two entries of the new PIN differ")
    return entries[0]


def _entered(session: SocialSession, request: PinEntry) -> Flow[PinEntered | None]:
    """What the holder enters; a card never sees what the pad does not take, so that no try is spent (TRM-007).

    Raises:
        Stopped: it is not a number of as many digits as the pad takes.
    """
    entered = yield from enter_pin(request)
    if entered is None:
        return None
    shortest, longest = session.config.parameters.pin_digits
    number = entered.digits.isascii() and entered.digits.isdigit()
    if not number or not shortest <= len(entered.digits) <= longest:
        stop(Cause.PIN_LENGTH, STEP, f"a PIN has {shortest} to {longest} digits")
    return entered


def change_command(old: str, new: str) -> CommandApdu:
    """CHANGE PIN: the old PIN, FF, and the new one (SSC part 5 §6.3)."""
    return CommandApdu(0x80, 0x5E, 0x01, 0x00, pin_bcd(old) + b"\xff" + pin_bcd(new))


def change_pin(session: SocialSession) -> Flow[None]:
    """CHANGE PIN: the old one, unless none is set, and the new one twice (SSC part 7 §9, TRM-113 to TRM-117)."""
    sw, old = (yield from probe_pin(session)), ""
    if sw.value != status.OK:
        tries = need_tries(sw)
        entered = yield from _entered(session, PinEntry(PinPurpose.CARD, OLD_PROMPT, tries))
        if entered is None:
            stop(Cause.PIN_CANCELLED, STEP, "the old PIN was not entered")
        old = entered.digits
    new = yield from new_pin(session)
    response = yield from session.send("change the holder's PIN", change_command(old, new), secret=True)
    if response.sw.value != status.OK:
        blocked = response.sw.tries_left == 0 or response.sw.value == status.BLOCKED
        refuse(STEP, "the PIN was not changed", response.sw, Cause.PIN_BLOCKED if blocked else Cause.PIN)
    yield from report(STEP, Mark.OK, "the PIN was changed")


def reset_pin(session: SocialSession) -> Flow[None]:
    """A new PIN for one that was forgotten: PUK, then PIN CHANGE/UNBLOCK with the PIN enciphered (SSC part 7 §13.3)."""
    yield from _with_puk(session)
    new = yield from new_pin(session)
    yield from _pin_command(session, bytes.fromhex("84240001"), pin_bcd(new), "set a new PIN")


def clear_pin(session: SocialSession) -> Flow[None]:
    """Take the PIN away: one of no digits is enciphered (SSC part 5 §6.8.3, TRM-126)."""
    yield from _with_puk(session)
    yield from _pin_command(session, bytes.fromhex("84240001"), b"", "take the PIN away")


def unblock_pin(session: SocialSession) -> Flow[None]:
    """Give a locked PIN its tries back: PUK, then PIN CHANGE/UNBLOCK with a MAC alone (SSC part 7 §13.3, TRM-122)."""
    yield from _with_puk(session)
    yield from _pin_command(session, bytes.fromhex("84240000"), None, "unblock the PIN")


def _with_puk(session: SocialSession) -> Flow[None]:
    yield from session.enter(SSSE_DF)
    yield from session.gain(session.table.key(SSSE_DF, "PUK"))


def _pin_command(session: SocialSession, header: bytes, plaintext: bytes | None, purpose: str) -> Flow[None]:
    command = yield from session.seal("STKSSSE", header, plaintext)
    response = yield from session.send(purpose, command, secret=plaintext is not None)
    need_ok(STEP, f"the card refuses to {purpose}", response)
    yield from report(STEP, Mark.OK, f"done: {purpose}")
