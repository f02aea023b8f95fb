"""What must live here: what a full-function terminal can be asked to do, and what it gives back."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from terminal.businesses import Business, Catalogue, Channel, Query, scheme
from terminal.flows.financial.flow import FinancialOutcome
from terminal.flows.financial.transaction import FinancialConfig
from terminal.flows.social.config import SocialConfig
from terminal.flows.social.flow import SocialOutcome
from terminal.messages.social import Fee
from terminal.outcome import Cause, Verdict

WITHOUT_FINANCE: Final = frozenset({Cause.NO_ENVIRONMENT, Cause.NOT_ACCEPTED})
"""Why the bank's side ends at once on a card that was never given a financial function (TRM-252)."""


class Side(enum.Enum):
    """The two environments."""

    SOCIAL = "social"
    FINANCIAL = "financial"


@dataclass(frozen=True, slots=True)
class Identify:
    """The card as identity credential of a business (身份凭证)."""

    business: Business
    channel: Channel = Channel.COUNTER


@dataclass(frozen=True, slots=True)
class LookUp:
    """A query (信息查询)."""

    query: Query
    channel: Channel = Channel.KIOSK


@dataclass(frozen=True, slots=True)
class LogIn:
    """A log-in at web site or kiosk, and what is done with it: a business, or nothing more."""

    channel: Channel = Channel.WEB
    business: Business | None = None
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SettleBill:
    """A medical bill (医疗费用结算); `number` names it, so that it is settled once however often it is tried."""

    number: str
    fees: tuple[Fee, ...]
    institution: str


@dataclass(frozen=True, slots=True)
class Contribute:
    """Pay contributions that are due (社会保险费缴纳): those named, or all."""

    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receive:
    """Receive benefits (待遇领取): those named, or all."""

    numbers: tuple[str, ...] = ()


Task = Identify | LookUp | LogIn | SettleBill | Contribute | Receive


@dataclass(frozen=True, slots=True)
class FullConfig:
    """Both sides, each by itself; `order` says which comes first."""

    social: SocialConfig
    financial: FinancialConfig
    order: Sequence[Side] = (Side.SOCIAL, Side.FINANCIAL)


@dataclass(frozen=True, slots=True)
class FullOutcome:
    """The outcome of each side."""

    social: SocialOutcome
    financial: FinancialOutcome

    @property
    def verdict(self) -> Verdict:
        """Passed if neither side failed; a decline of the bank's side alone is no failure."""
        failed = Verdict.FAILED in (self.social.verdict, self.financial.verdict)
        return Verdict.FAILED if failed else Verdict.PASSED

    @property
    def reason(self) -> str:
        """Both reasons in words."""
        return f"social security: {self.social.reason}; bank: {self.financial.reason}"


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """A service of the full-function terminal; kind and amount of `financial` are the service's to say."""

    social: SocialConfig
    financial: FinancialConfig
    task: Task
    catalogue: Catalogue = field(default_factory=scheme)


class End(enum.Enum):
    """How a service ended."""

    DONE = "done"
    OPEN = "open"
    """Something of it is left: what, is with the host and in the terminal's storage (D39)."""
    REFUSED = "refused"
    """Card, host, bank or holder did not allow it, and nothing was booked."""


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """What became of a service: references by name, amounts in fen by name, and what was found."""

    end: End
    reason: str
    references: tuple[tuple[str, str], ...] = ()
    amounts: tuple[tuple[str, int], ...] = ()
    items: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceRun:
    """What became of the service, and the outcome of each side that it used."""

    service: ServiceOutcome
    social: SocialOutcome | None
    financial: FinancialOutcome | None

    @property
    def verdict(self) -> Verdict:
        """Failed if a side failed, declined if the service did not come to its end; a bank's decline is no failure.

        Nor is it one that the card has no financial function: the service is refused, or left open.
        """
        sides = (self.social, None if _without_finance(self.financial) else self.financial)
        if any(side is not None and side.verdict is Verdict.FAILED for side in sides):
            return Verdict.FAILED
        return Verdict.PASSED if self.service.end is End.DONE else Verdict.DECLINED

    @property
    def reason(self) -> str:
        """What became of the service, in words."""
        return self.service.reason


def _without_finance(outcome: FinancialOutcome | None) -> bool:
    return outcome is not None and outcome.failure is not None and outcome.failure.cause in WITHOUT_FINANCE
