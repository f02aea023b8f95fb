"""What must live here: when the card takes the path of electronic cash at GET PROCESSING OPTIONS (PBOC part 13 §7.4).

One ordered table of conditions, all of which must hold; otherwise the answer is that of debit, without an error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardsim.pse.application import Indicator
from cardsim.pse.choices import Choice

_WANTED: Final = b"\x01"
_ONLINE: Final = Indicator.ONLINE.value
_AUTHENTICATION_FAILED: Final = Indicator.AUTHENTICATION_FAILED.value
_SCRIPT_FAILED: Final = Indicator.SCRIPT_FAILED.value


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What the conditions look at. Amounts in fen; None where the digits are not decimal."""

    currency: bytes
    own_currency: bytes
    wish: bytes
    """The terminal's indicator of electronic cash, 9F7A; empty where the PDOL does not ask for it."""
    amount: int | None
    balance: int | None
    limit: int
    """Limit for a single transaction, 9F78."""
    indicators: int
    pin_limit: int
    """Limit of PIN tries; 0 where the card has no offline PIN."""
    pin_tries: int
    choices: Choice


@dataclass(frozen=True, slots=True)
class PathCondition:
    """One row: what must be true for electronic cash, when it is, and which requirement says so."""

    name: str
    when: str
    holds: Callable[[PathFacts], bool]
    requirement: str


CONDITIONS: Final = (
    PathCondition(
        "the currency is the card's own", "5F2A is 9F51", lambda f: f.currency == f.own_currency, "PBOC-GPO-005",
    ),
    PathCondition("the terminal wants electronic cash", "9F7A is 01", lambda f: f.wish == _WANTED, "PBOC-GPO-006"),
    PathCondition(
        "amount and balance are numbers", "the digits of 9F02 and 9F79 are decimal",
        lambda f: None not in (f.amount, f.balance), "PBOC-GPO-014",
    ),
    PathCondition(
        "the balance covers the amount", "9F02 ≤ 9F79", lambda f: (f.amount or 0) <= (f.balance or 0), "PBOC-GPO-007",
    ),
    PathCondition(
        "a single transaction may be as large", "9F02 ≤ 9F78", lambda f: (f.amount or 0) <= f.limit, "PBOC-GPO-008",
    ),
    PathCondition(
        "nothing to pay is a purchase too", "always; 9F02 is not 0 with another setting",
        lambda f: bool(f.amount) or not f.choices & Choice.ZERO_CASH_REFUSED, "PBOC-EC-011",
    ),
    PathCondition(
        "issuer authentication has not failed", "its mark does not stand",
        lambda f: not f.indicators & _AUTHENTICATION_FAILED, "PBOC-GPO-009",
    ),
    PathCondition(
        "no issuer script has failed", "its mark does not stand",
        lambda f: not f.indicators & _SCRIPT_FAILED, "PBOC-GPO-010",
    ),
    PathCondition(
        "an uncompleted online transaction does not count", "always; its mark does not stand with another setting",
        lambda f: not (f.indicators & _ONLINE and f.choices & Choice.UNCOMPLETED_CLOSES_CASH), "PBOC-GPO-012",
    ),
    PathCondition(
        "a PIN try is left", "9F17 is not 0, or there is no offline PIN",
        lambda f: bool(f.pin_tries) or not f.pin_limit, "PBOC-GPO-011",
    ),
)  # fmt: skip


def first_failing(facts: PathFacts) -> PathCondition | None:
    """The first condition that does not hold; None where the card takes the path of electronic cash."""
    for condition in CONDITIONS:
        if not condition.holds(facts):
            return condition
    return None
