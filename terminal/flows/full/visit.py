"""One card session of the full-function terminal: parts of both sides, each in its compartment."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final, TypedDict, TypeVar, Unpack

from terminal.businesses import Catalogue, scheme
from terminal.effects import Flow, Mark, Shelf, ask_social_host, discard, keep, recall, report
from terminal.flows.financial.flow import FinancialOutcome, financial_session
from terminal.flows.financial.outbox import forget_payment, paid_before
from terminal.flows.financial.outbox import payment_reference as reference_of
from terminal.flows.financial.transaction import FinancialConfig
from terminal.flows.full.compartments import Compartments
from terminal.flows.full.config import WITHOUT_FINANCE, End, ServiceOutcome, Side
from terminal.flows.social.config import SocialConfig
from terminal.flows.social.flow import SocialOutcome, begin, outcome_of, social_session
from terminal.flows.social.session import SocialSession
from terminal.messages.bank import TransactionType
from terminal.messages.social import NO_CARD, Refused, SocialRequest
from terminal.outcome import Failure, Stopped

NOTHING: Final = ServiceOutcome(End.DONE, "nothing done before")
_Found = TypeVar("_Found")
_Result = TypeVar("_Result")


class _Changes(TypedDict, total=False):
    kind: TransactionType
    amount: int
    """Fen."""
    purpose: str


class Visit:
    """What a holder's visit has of each side. What one side learned never reaches the other through it."""

    def __init__(
        self, atr: bytes, social: SocialConfig, financial: FinancialConfig, catalogue: Catalogue | None = None
    ) -> None:
        self.config = social
        self.catalogue = catalogue or scheme()
        self.atr = atr
        self.social_outcome: SocialOutcome | None = None
        self.financial_outcome: FinancialOutcome | None = None
        self.card = NO_CARD
        """The card as the department knows it, once it was identified."""
        self._financial = financial
        self._compartments = Compartments()
        self._session: SocialSession | None = None

    def whole_social(self) -> Flow[SocialOutcome]:
        """The social-security side as its own terminal has it."""
        flow = social_session(self.config, self.atr)
        self.social_outcome = yield from self._compartments.confined(Side.SOCIAL, flow)
        return self.social_outcome

    def pay(self, **changes: Unpack[_Changes]) -> Flow[FinancialOutcome]:
        """The bank's side, after the social-security side was left: its rights and its PSAM have ended (TRM-257)."""
        yield from self.leave_social()
        flow = financial_session(replace(self._financial, **changes))
        self.financial_outcome = yield from self._compartments.confined(Side.FINANCIAL, flow)
        return self.financial_outcome

    def paid_before(self, purpose: str) -> Flow[str]:
        """The reference under which the bank's side has paid something already, in whatever visit, or ""."""
        return (yield from self._compartments.confined(Side.FINANCIAL, paid_before(purpose)))

    def forget_payment(self, purpose: str) -> Flow[None]:
        """What the bank's side has paid is known to everybody."""
        yield from self._compartments.confined(Side.FINANCIAL, forget_payment(purpose))

    def social(self, part: Callable[[SocialSession], Flow[_Found]]) -> Flow[_Found]:
        """A part of the social-security side on the card as it was identified, or on a new session.

        Raises:
            Stopped: the part ended early; the session keeps why.
        """
        session = self._session
        if session is None:
            session = self._session = SocialSession(self.config)
        try:
            found = yield from self._compartments.confined(Side.SOCIAL, part(session))
        except Stopped as stopped:
            yield from self.leave_social(stopped.failure)
            raise
        return found

    def identified(self) -> Flow[None]:
        """The card known, genuine and valid."""
        yield from self.social(lambda session: begin(session, self.atr))
        session = self._session
        assert session is not None
        assert session.suite is not None
        algorithm = session.suite.algorithm_id
        self.card = replace(session.social_card, historical=session.historical, algorithm=algorithm)

    def ask(self, message: SocialRequest[_Found]) -> Flow[_Found | Refused | None]:
        """Ask the department's host, whichever environment the card is in."""
        asked = ask_social_host(message)
        return (yield from self.as_social(asked))

    def as_social(self, flow: Flow[_Result]) -> Flow[_Result]:
        """Something that the social-security side does without the card."""
        return (yield from self._compartments.confined(Side.SOCIAL, flow))

    def leave_social(self, failure: Failure | None = None) -> Flow[None]:
        """End the social-security side: outcome, PSAM without power, nothing left of its rights."""
        session, self._session = self._session, None
        if session is None:
            return
        if failure is not None:
            yield from report(failure.step, Mark.FAILED, failure.text)
        self.social_outcome = outcome_of(session, failure)
        yield from self._compartments.confined(Side.SOCIAL, session.close())
        session.reset()


def refused(what: str, answer: Refused | None) -> ServiceOutcome:
    """The end of a service that the department's host does not allow, or that it cannot be asked about."""
    if answer is None:
        return ServiceOutcome(End.REFUSED, f"{what}: the host was not reached")
    return ServiceOutcome(End.REFUSED, f"{what}: {answer.reason} ({answer.code})")


def one_by_one(
    parts: Iterable[Flow[ServiceOutcome]], word: str, before: ServiceOutcome = NOTHING
) -> Flow[ServiceOutcome]:
    """Services of one kind, one after the other, until one does not come to its end: then what was done stays done.

    Args:
        parts: each service.
        word: what was done, after their number: "paid".
        before: references and amounts of what was done at an earlier visit.
    """
    references, amounts, done = before.references, before.amounts, 0
    for part in parts:
        ended = yield from part
        references += ended.references
        amounts += ended.amounts
        if ended.end is not End.DONE:
            return ServiceOutcome(End.OPEN if amounts else ended.end, ended.reason, references, amounts)
        done += 1
    return ServiceOutcome(End.DONE, f"{done} {word}", references, amounts)


def remembered(key: str) -> Flow[dict[str, str]]:
    """What the terminal's storage has of a business; nothing where it has not begun."""
    entries = yield from recall(Shelf.BUSINESS)
    return next((dict(entry.content) for entry in entries if entry.key == key), {})


def remember(key: str, content: dict[str, str]) -> Flow[None]:
    """Keep how far a business is; it is safe when this returns."""
    yield from keep(Shelf.BUSINESS, key, content)


def forget(key: str) -> Flow[None]:
    """A business is done, and everybody knows."""
    yield from discard(Shelf.BUSINESS, key)


def bank_reason(outcome: FinancialOutcome) -> str:
    """Why the bank's side did not take the money, in words for the holder (SCHEME-079, SCHEME-091)."""
    if outcome.failure is not None and outcome.failure.cause in WITHOUT_FINANCE:
        return f"the card has no financial function that can be used ({outcome.reason})"
    return outcome.reason


def payment_reference(outcome: FinancialOutcome, now: datetime) -> str:
    """What names a payment at the bank."""
    return reference_of(outcome.reference, now, outcome.trace)
