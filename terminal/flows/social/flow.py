"""The social-security terminal: a whole card session (SSC parts 7 and 8, TRM-034 to TRM-069).

Order: environment and algorithm, issuer data EF05, validity, internal authentication (the card proves its key),
external authentication (the terminal proves its key; 3.0x cards), holder data EF06, and then the service.
"""

from dataclasses import dataclass

from cardsim.crypto.social import Suite
from terminal.effects import Flow, Mark, power_off, power_on, report
from terminal.errors import LinkError
from terminal.flows.social.applications import find_applications
from terminal.flows.social.config import NO_TERMINAL_NUMBER, SocialConfig, SocialService
from terminal.flows.social.recovery import ask_again, finish_open, send_pending
from terminal.flows.social.services import Result, serve
from terminal.flows.social.session import SocialSession
from terminal.flows.social.validity import ask_host, check_validity
from terminal.messages.social import PurchaseRecord
from terminal.outcome import Cause, DataItem, Failure, Stopped, Verdict

__all__ = ["SocialConfig", "SocialOutcome", "SocialService", "social", "social_session"]


@dataclass(frozen=True, slots=True)
class SocialOutcome:
    """What the social-security terminal found."""

    verdict: Verdict
    failure: Failure | None
    suite: Suite | None
    version: str
    historical: bytes
    issuer: tuple[DataItem, ...]
    holder: tuple[DataItem, ...]
    card_authenticated: bool
    terminal_authenticated: bool
    pin_verified: bool
    terminal_number: str = NO_TERMINAL_NUMBER
    """Of the PSAM's EF0016 (终端机编号), twelve digits."""
    service: SocialService = SocialService.IDENTITY
    result: Result = ()
    """What the service found or did, as names and texts."""
    purchase: PurchaseRecord | None = None

    @property
    def reason(self) -> str:
        """The verdict's reason in words."""
        return "the card is genuine and valid" if self.failure is None else self.failure.text

    @property
    def blocked(self) -> bool:
        """Whether the environment is blocked (D10)."""
        return self.failure is not None and self.failure.cause is Cause.BLOCKED


def social(config: SocialConfig) -> Flow[SocialOutcome]:
    """A whole card session with the social-security environment."""
    atr = yield from power_on()
    outcome = yield from social_session(config, atr)
    yield from power_off()
    return outcome


def social_session(config: SocialConfig, atr: bytes) -> Flow[SocialOutcome]:
    """The social-security part of a card session that is open already."""
    session = SocialSession(config)
    failure: Failure | None = None
    result: Result = ()
    try:
        result = yield from _run(session, atr)
    except Stopped as stopped:
        failure = stopped.failure
        yield from report(failure.step, Mark.FAILED, failure.text)
    yield from session.close()
    return outcome_of(session, failure, result)


def outcome_of(session: SocialSession, failure: Failure | None, result: Result = ()) -> SocialOutcome:
    """What a session found, and why it ended early if it did."""
    return SocialOutcome(
        verdict=Verdict.PASSED if failure is None else Verdict.FAILED,
        failure=failure,
        suite=session.suite,
        version=session.version,
        historical=session.historical,
        issuer=tuple(session.issuer.values()),
        holder=tuple(session.holder.values()),
        card_authenticated=session.card_authenticated,
        terminal_authenticated=session.terminal_authenticated,
        pin_verified=session.pin_verified,
        terminal_number=session.terminal_number,
        service=session.config.service,
        result=result,
        purchase=session.purchase,
    )


def _run(session: SocialSession, atr: bytes) -> Flow[Result]:
    """The session, and once more what the card had not done when it was pulled (TRM-172)."""
    try:
        yield from begin(session, atr)
        return (yield from serve(session, session.config.service))
    except LinkError as lost:
        if (yield from ask_again(session, lost)):
            return ()
    return (yield from serve(session, session.config.service))


def begin(session: SocialSession, atr: bytes) -> Flow[None]:
    """From the reset to the holder's data: after it the card is known, genuine and valid."""
    yield from session.read_atr(atr)
    yield from session.select_environment()
    if session.config.service.chooses_application:
        session.applications = yield from find_applications(session)
    yield from session.read_issuer()
    yield from session.identify()
    yield from check_validity(session)
    yield from session.authenticate_card()
    if session.version == "3.0":
        yield from session.authenticate_terminal()
    yield from session.read_holder()
    if session.config.online:
        yield from ask_host(session)
        yield from send_pending()
    yield from finish_open(session, later=True)
