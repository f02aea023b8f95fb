"""The full-function terminal: both environments in one card session (TRM-255 to TRM-264, SCHEME §1.2)."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from terminal.effects import Flow, power_off, power_on
from terminal.flows.financial.flow import FinancialOutcome, financial_session
from terminal.flows.financial.transaction import FinancialConfig
from terminal.flows.social.flow import SocialConfig, SocialOutcome, social_session
from terminal.outcome import Verdict


class Side(enum.Enum):
    """The two environments."""

    SOCIAL = "social"
    FINANCIAL = "financial"


@dataclass(frozen=True, slots=True)
class FullConfig:
    """A run of the full-function terminal; `order` says which side comes first."""

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


def full(config: FullConfig) -> Flow[FullOutcome]:
    """Both sides, each with its own rules and data; what one side says never stops the other (TRM-263, D10)."""
    atr = yield from power_on()
    social: SocialOutcome | None = None
    financial: FinancialOutcome | None = None
    for side in config.order:
        match side:
            case Side.SOCIAL:
                social = yield from social_session(config.social, atr)
            case Side.FINANCIAL:
                financial = yield from financial_session(config.financial)
    yield from power_off()
    assert social is not None
    assert financial is not None
    return FullOutcome(social, financial)
