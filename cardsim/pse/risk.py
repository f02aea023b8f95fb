"""Card risk management at the first GENERATE AC: one ordered table of checks (PBOC part 5 ch. 14).

Every check runs, whatever an earlier one found (PBOC-CRM-021): it sets its bits in the card verification results and
may ask for online authorisation or for a decline.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardsim.pse.application import AIP_DDA, AIP_ISSUER_AUTHENTICATION, AIP_SDA, Indicator, Parameters

# Card verification results, bytes 2-4 as one number (PBOC part 5; pboc fact sheet §1.8).
CVR_SECOND_TC: Final = 0x400000
CVR_SECOND_NOT_REQUESTED: Final = 0x800000
CVR_SECOND_MASK: Final = 0xC00000
CVR_FIRST_TC: Final = 0x100000
CVR_FIRST_ARQC: Final = 0x200000
CVR_AUTHENTICATION_FAILED: Final = 0x080000
CVR_PIN_PERFORMED: Final = 0x040000
CVR_PIN_FAILED: Final = 0x020000
CVR_UNABLE_ONLINE: Final = 0x010000
CVR_ONLINE_NOT_COMPLETED: Final = 0x008000
CVR_PIN_EXCEEDED: Final = 0x004000
CVR_VELOCITY: Final = 0x002000
CVR_NEW_CARD: Final = 0x001000
CVR_AUTHENTICATION_FAILED_LAST: Final = 0x000800
CVR_AUTHENTICATION_NOT_PERFORMED: Final = 0x000400
CVR_BLOCKED_BY_PIN: Final = 0x000200
CVR_SDA_FAILED_LAST: Final = 0x000100
CVR_SCRIPT_FAILED: Final = 0x000008
CVR_DDA_FAILED_LAST: Final = 0x000004
CVR_DDA_PERFORMED: Final = 0x000002

# Application default action, 9F52 (fact sheet §1.7).
ADA_FAILED_LAST_ONLINE: Final = 0x8000
ADA_FAILED_DECLINE: Final = 0x4000
ADA_MANDATORY_MISSING_DECLINE: Final = 0x2000
ADA_DECLINE_ADVICE: Final = 0x1000
ADA_PIN_EXCEEDED_ADVICE: Final = 0x0800
ADA_AUTHENTICATION_ADVICE: Final = 0x0400
ADA_NEW_CARD_ONLINE: Final = 0x0200
ADA_NEW_CARD_UNABLE_DECLINE: Final = 0x0100
ADA_PIN_EXCEEDED_NOW_BLOCK: Final = 0x0080
ADA_PIN_EXCEEDED_DECLINE: Final = 0x0040
ADA_PIN_EXCEEDED_ONLINE: Final = 0x0020
ADA_PIN_EXCEEDED_UNABLE_DECLINE: Final = 0x0010
ADA_SCRIPT_FAILED_ONLINE: Final = 0x0008
ADA_PIN_EXCEEDED_DECLINE_BLOCK: Final = 0x0004

NO_LIMIT: Final = 0xFF

# The indicators as plain numbers: arithmetic on enum flags costs a multiple of the checks themselves.
_ONLINE: Final = Indicator.ONLINE.value
_AUTHENTICATION_FAILED: Final = Indicator.AUTHENTICATION_FAILED.value
_SDA_FAILED: Final = Indicator.SDA_FAILED.value
_DDA_FAILED: Final = Indicator.DDA_FAILED.value
_SCRIPT_FAILED: Final = Indicator.SCRIPT_FAILED.value


class Wish(enum.IntEnum):
    """What the card wants, in rising order of strength."""

    NONE = 0
    ONLINE = 1
    DECLINE = 2
    DECLINE_AND_BLOCK = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at. Amounts in fen."""

    parameters: Parameters
    aip: int
    indicators: int
    scripts: int
    atc: int
    last_online_atc: int
    amount: int
    total: int
    same_currency: bool
    same_country: bool
    dual_amount: int | None
    """The amount in the card's currency, where a limit for both currencies holds and this is one of them."""
    dual_total: int
    foreign_currency_count: int
    foreign_country_count: int
    pin_exhausted: bool
    """There is an offline PIN, its tries are 0, and VERIFY was not sent in this transaction."""


@dataclass(frozen=True, slots=True)
class RiskCheck:
    """One row: when it holds, which bits it sets, and what the card then wants."""

    name: str
    cvr: int
    holds: Callable[[Facts], bool]
    wish: Callable[[Facts], Wish]
    clause: str
    with_cash: bool = False
    """Whether it also runs for electronic cash."""


def _if_ada(bit: int, wish: Wish) -> Callable[[Facts], Wish]:
    return lambda facts: wish if facts.parameters.ada & bit else Wish.NONE


def _nothing(_facts: Facts) -> Wish:
    return Wish.NONE


def _online(_facts: Facts) -> Wish:
    return Wish.ONLINE


def _pin_wish(facts: Facts) -> Wish:
    ada = facts.parameters.ada
    if ada & ADA_PIN_EXCEEDED_DECLINE_BLOCK:
        return Wish.DECLINE_AND_BLOCK
    if ada & ADA_PIN_EXCEEDED_DECLINE:
        return Wish.DECLINE
    return Wish.ONLINE if ada & ADA_PIN_EXCEEDED_ONLINE else Wish.NONE


CHECKS: Final = (
    RiskCheck(
        "online authorisation not completed", CVR_ONLINE_NOT_COMPLETED,
        lambda f: bool(f.indicators & _ONLINE), _online, "PBOC-CRM-001",
    ),
    RiskCheck(
        "issuer authentication failed last", CVR_AUTHENTICATION_FAILED_LAST,
        lambda f: bool(f.indicators & _AUTHENTICATION_FAILED and f.aip & AIP_ISSUER_AUTHENTICATION),
        _if_ada(ADA_FAILED_LAST_ONLINE, Wish.ONLINE), "PBOC-CRM-002, 003",
    ),
    RiskCheck(
        "SDA failed and declined last", CVR_SDA_FAILED_LAST,
        lambda f: bool(f.indicators & _SDA_FAILED and f.aip & AIP_SDA), _nothing, "PBOC-CRM-004",
        with_cash=True,
    ),
    RiskCheck(
        "DDA failed and declined last", CVR_DDA_FAILED_LAST,
        lambda f: bool(f.indicators & _DDA_FAILED and f.aip & AIP_DDA), _nothing, "PBOC-CRM-005",
        with_cash=True,
    ),
    RiskCheck(
        "issuer script failed last", CVR_SCRIPT_FAILED,
        lambda f: bool(f.indicators & _SCRIPT_FAILED), _if_ada(ADA_SCRIPT_FAILED_ONLINE, Wish.ONLINE),
        "PBOC-CRM-007",
    ),
    RiskCheck(
        "consecutive offline transactions", CVR_VELOCITY,
        lambda f: f.parameters.limit_lower != NO_LIMIT and f.atc > f.last_online_atc + f.parameters.limit_lower,
        _online, "PBOC-CRM-008, 009",
    ),
    RiskCheck(
        "consecutive transactions in a foreign currency", CVR_VELOCITY,
        lambda f: not f.same_currency and f.foreign_currency_count + 1 > f.parameters.limit_foreign_currency,
        _online, "PBOC-CRM-010",
    ),
    RiskCheck(
        "consecutive transactions in a foreign country", CVR_VELOCITY,
        lambda f: not f.same_country and f.foreign_country_count + 1 > f.parameters.limit_foreign_country,
        _online, "PBOC-CRM-011",
    ),
    RiskCheck(
        "cumulative amount", CVR_VELOCITY,
        lambda f: f.same_currency and 0 < f.parameters.total_limit < f.total + f.amount, _online, "PBOC-CRM-012",
    ),
    RiskCheck(
        "cumulative amount in two currencies", CVR_VELOCITY,
        lambda f: f.dual_amount is not None and f.dual_total + f.dual_amount > f.parameters.dual_limit,
        _online, "PBOC-CRM-013",
    ),
    RiskCheck(
        "new card", CVR_NEW_CARD,
        lambda f: not f.last_online_atc, _if_ada(ADA_NEW_CARD_ONLINE, Wish.ONLINE), "PBOC-CRM-014",
    ),
    RiskCheck(
        "PIN tries exceeded", CVR_PIN_EXCEEDED, lambda f: f.pin_exhausted, _pin_wish, "PBOC-CRM-015 to 017",
    ),
)  # fmt: skip
_CASH_CHECKS: Final = tuple(check for check in CHECKS if check.with_cash)


def assess(facts: Facts, *, cash: bool) -> tuple[int, Wish]:
    """Run the checks: bits of the card verification results, and what the card wants."""
    cvr, wish = (0, Wish.NONE) if cash else ((facts.scripts & 0x0F) << 4, Wish.NONE)
    for check in _CASH_CHECKS if cash else CHECKS:
        if check.holds(facts):
            cvr |= check.cvr
            wanted = check.wish(facts)
            wish = max(wish, wanted)
    return cvr, wish
