"""The full-function terminal: both environments in one card session (scheme §1(2)3, TRM-255 to TRM-264)."""

from typing import assert_never

from terminal.effects import Flow, power_off, power_on
from terminal.flows.full.benefits import receive
from terminal.flows.full.config import (
    Contribute,
    End,
    FullConfig,
    FullOutcome,
    Identify,
    LogIn,
    LookUp,
    Receive,
    ServiceConfig,
    ServiceOutcome,
    ServiceRun,
    SettleBill,
    Side,
    Task,
)
from terminal.flows.full.contribution import contribute
from terminal.flows.full.identity import identify, log_in
from terminal.flows.full.query import look_up
from terminal.flows.full.settlement import settle
from terminal.flows.full.visit import Visit
from terminal.outcome import Stopped

__all__ = ["FullConfig", "FullOutcome", "Side", "full", "full_service"]


def full(config: FullConfig) -> Flow[FullOutcome]:
    """Both sides, each with its own rules and data; what one side says never stops the other (TRM-263, D10)."""
    atr = yield from power_on()
    visit = Visit(atr, config.social, config.financial)
    for side in config.order:
        match side:
            case Side.SOCIAL:
                yield from visit.whole_social()
            case Side.FINANCIAL:
                yield from visit.pay()
    yield from power_off()
    assert visit.social_outcome is not None
    assert visit.financial_outcome is not None
    return FullOutcome(visit.social_outcome, visit.financial_outcome)


def full_service(config: ServiceConfig) -> Flow[ServiceRun]:
    """A service for the holder in one card session; where both sides take part, first the one, then the other."""
    atr = yield from power_on()
    visit = Visit(atr, config.social, config.financial, config.catalogue)
    try:
        service = yield from _serve(visit, config.task)
    except Stopped as stopped:
        service = ServiceOutcome(End.REFUSED, stopped.failure.text)
    yield from visit.leave_social()
    yield from power_off()
    return ServiceRun(service, visit.social_outcome, visit.financial_outcome)


def _serve(visit: Visit, task: Task) -> Flow[ServiceOutcome]:
    match task:
        case Identify():
            return (yield from identify(visit, task))
        case LookUp():
            return (yield from look_up(visit, task))
        case LogIn():
            return (yield from log_in(visit, task))
        case SettleBill():
            return (yield from settle(visit, task))
        case Contribute():
            return (yield from contribute(visit, task))
        case Receive():
            return (yield from receive(visit, task))
        case _:
            assert_never(task)
