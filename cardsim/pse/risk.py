"""What must live here: what the card thinks of a transaction, as ordered tables (PBOC part 5 ch. 14 to 16).

CHECKS run at the first GENERATE AC, UNABLE_CHECKS at the second one of a terminal that could not go online, and one
row of COMPLETIONS holds where the issuer has answered. Every check runs, whatever an earlier one found (PBOC-CRM-021):
it sets its bits in the card verification results and may ask for online authorisation or for a decline.
`docs/card-action.md` is written from these tables.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, assert_never

from cardsim.pse.application import AIP_DDA, AIP_ISSUER_AUTHENTICATION, AIP_SDA, Indicator, Parameters
from cardsim.pse.memory import IssuerAuthentication

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
    """One row: when it holds, which bits it sets, and what the card then wants.

    Args:
        name: what is checked.
        when: when it holds, in words.
        cvr: bits that it sets in the card verification results.
        holds: when it holds.
        wishes: what the card then wants: the first whose bit of 9F52 is set, 0 standing for no bit at all.
        clause: the requirements.
        with_cash: whether it also runs for electronic cash.
    """

    name: str
    when: str
    cvr: int
    holds: Callable[[Facts], bool]
    wishes: tuple[tuple[int, Wish], ...]
    clause: str
    with_cash: bool = False


_ONLINE_ALWAYS: Final = ((0, Wish.ONLINE),)
_DECLINE_ALWAYS: Final = ((0, Wish.DECLINE),)

# What both GENERATE ACs look at, with other consequences.
_TWO_CURRENCIES: Final = RiskCheck(
    "cumulative amount in two currencies",
    "5F2A is 9F51 or 9F76, and the total of both with this amount, converted by 9F73, > 9F75, which is not 0",
    CVR_VELOCITY,
    lambda f: f.dual_amount is not None and f.dual_total + f.dual_amount > f.parameters.dual_limit,
    _ONLINE_ALWAYS, "PBOC-CRM-013",
)  # fmt: skip
_NEW_CARD: Final = RiskCheck(
    "new card", "9F13 is 0", CVR_NEW_CARD, lambda f: not f.last_online_atc,
    ((ADA_NEW_CARD_ONLINE, Wish.ONLINE),), "PBOC-CRM-014",
)  # fmt: skip
_PIN_EXCEEDED: Final = RiskCheck(
    "PIN tries exceeded", "the offline PIN has no tries left, and VERIFY was not sent in this transaction",
    CVR_PIN_EXCEEDED, lambda f: f.pin_exhausted,
    (
        (ADA_PIN_EXCEEDED_DECLINE_BLOCK, Wish.DECLINE_AND_BLOCK),
        (ADA_PIN_EXCEEDED_DECLINE, Wish.DECLINE),
        (ADA_PIN_EXCEEDED_ONLINE, Wish.ONLINE),
    ),
    "PBOC-CRM-015 to PBOC-CRM-017",
)  # fmt: skip

CHECKS: Final = (
    RiskCheck(
        "online authorisation not completed", "an earlier transaction asked for it, and no answer came",
        CVR_ONLINE_NOT_COMPLETED, lambda f: bool(f.indicators & _ONLINE), _ONLINE_ALWAYS, "PBOC-CRM-001",
    ),
    RiskCheck(
        "issuer authentication failed last", "its mark stands, and the AIP promises issuer authentication",
        CVR_AUTHENTICATION_FAILED_LAST,
        lambda f: bool(f.indicators & _AUTHENTICATION_FAILED and f.aip & AIP_ISSUER_AUTHENTICATION),
        ((ADA_FAILED_LAST_ONLINE, Wish.ONLINE),), "PBOC-CRM-002, PBOC-CRM-003",
    ),
    RiskCheck(
        "SDA failed and declined last", "its mark stands, and the AIP promises SDA", CVR_SDA_FAILED_LAST,
        lambda f: bool(f.indicators & _SDA_FAILED and f.aip & AIP_SDA), (), "PBOC-CRM-004", with_cash=True,
    ),
    RiskCheck(
        "DDA failed and declined last", "its mark stands (CDA sets it too), and the AIP promises DDA",
        CVR_DDA_FAILED_LAST,
        lambda f: bool(f.indicators & _DDA_FAILED and f.aip & AIP_DDA), (), "PBOC-CRM-005", with_cash=True,
    ),
    RiskCheck(
        "issuer script failed last", "its mark stands", CVR_SCRIPT_FAILED,
        lambda f: bool(f.indicators & _SCRIPT_FAILED), ((ADA_SCRIPT_FAILED_ONLINE, Wish.ONLINE),), "PBOC-CRM-007",
    ),
    RiskCheck(
        "consecutive offline transactions", "9F36 − 9F13 > 9F58, which is not FF", CVR_VELOCITY,
        lambda f: f.parameters.limit_lower != NO_LIMIT and f.atc > f.last_online_atc + f.parameters.limit_lower,
        _ONLINE_ALWAYS, "PBOC-CRM-008, PBOC-CRM-009",
    ),
    RiskCheck(
        "consecutive transactions in a foreign currency", "5F2A is not 9F51, and their number with this one > 9F53",
        CVR_VELOCITY,
        lambda f: not f.same_currency and f.foreign_currency_count + 1 > f.parameters.limit_foreign_currency,
        _ONLINE_ALWAYS, "PBOC-CRM-010",
    ),
    RiskCheck(
        "consecutive transactions in a foreign country", "9F1A is not 9F57, and their number with this one > 9F72",
        CVR_VELOCITY,
        lambda f: not f.same_country and f.foreign_country_count + 1 > f.parameters.limit_foreign_country,
        _ONLINE_ALWAYS, "PBOC-CRM-011",
    ),
    RiskCheck(
        "cumulative amount", "5F2A is 9F51, and the total with this amount > 9F54, which is not 0", CVR_VELOCITY,
        lambda f: f.same_currency and 0 < f.parameters.total_limit < f.total + f.amount, _ONLINE_ALWAYS,
        "PBOC-CRM-012",
    ),
    _TWO_CURRENCIES,
    _NEW_CARD,
    _PIN_EXCEEDED,
)  # fmt: skip
"""Card risk management at the first GENERATE AC."""

UNABLE_CHECKS: Final = (
    RiskCheck(
        "consecutive offline transactions", "9F36 − 9F13 > 9F59, which is not FF", CVR_VELOCITY,
        lambda f: f.parameters.limit_upper != NO_LIMIT and f.atc > f.last_online_atc + f.parameters.limit_upper,
        _DECLINE_ALWAYS, "PBOC-GA2-016",
    ),
    replace(_NEW_CARD, wishes=((ADA_NEW_CARD_UNABLE_DECLINE, Wish.DECLINE),), clause="PBOC-GA2-017"),
    replace(_PIN_EXCEEDED, wishes=((ADA_PIN_EXCEEDED_UNABLE_DECLINE, Wish.DECLINE),), clause="PBOC-GA2-018"),
    RiskCheck(
        "cumulative amount", "the total with this amount, of any currency, > 9F5C, which is not 0", CVR_VELOCITY,
        lambda f: 0 < f.parameters.total_upper_limit < f.total + f.amount, _DECLINE_ALWAYS, "PBOC-GA2-019",
    ),
    replace(_TWO_CURRENCIES, when="as at the first GENERATE AC", wishes=_DECLINE_ALWAYS),
)  # fmt: skip
"""Checks of the second GENERATE AC where the terminal could not go online (Y3, Z3). They stand on CDOL2's values."""

_CASH_CHECKS: Final = tuple(check for check in CHECKS if check.with_cash)


def assess(facts: Facts, *, cash: bool) -> tuple[int, Wish]:
    """Run the checks of the first GENERATE AC: bits of the card verification results, and what the card wants.

    The number of issuer scripts stands there too; electronic cash shows neither it nor most of the checks
    (PBOC-CRM-006, PBOC-CRM-018).
    """
    return _run(_CASH_CHECKS, facts) if cash else _run(CHECKS, facts, (facts.scripts & 0x0F) << 4)


def assess_unable(facts: Facts) -> tuple[int, Wish]:
    """Run the checks of a terminal that could not go online."""
    return _run(UNABLE_CHECKS, facts, CVR_UNABLE_ONLINE)


def _run(checks: tuple[RiskCheck, ...], facts: Facts, cvr: int = 0) -> tuple[int, Wish]:
    wish, ada = Wish.NONE, facts.parameters.ada
    for check in checks:
        if check.holds(facts):
            cvr |= check.cvr
            for bit, wanted in check.wishes:
                if not bit or ada & bit:
                    wish = max(wish, wanted)
                    break
    return cvr, wish


# --- the issuer's answer ---------------------------------------------------------------------------------------------


class Standing(enum.Enum):
    """What issuer authentication has come to when the issuer's answer is there."""

    PASSED = "passed"
    FAILED = "failed"
    MISSING = "mandatory (9F56), and not performed"
    OPTIONAL = "not mandatory, and not performed"
    UNSUPPORTED = "not promised by the AIP"


@dataclass(frozen=True, slots=True)
class Completion:
    """What follows from one standing.

    Args:
        cvr: bits that it sets in the card verification results; EXTERNAL AUTHENTICATE has set its own before.
        declines: bit of 9F52 that makes an AAC of an approval; 0 where none does. The AAC then asks for an advice, if
            9F52 byte 1 b3 is set.
        marks: whether it leaves the mark "issuer authentication failed"; EXTERNAL AUTHENTICATE has left its own before.
        resets: whether marks and counters are taken back (`cardsim.pse.counters`).
        clause: the requirements.
    """

    cvr: int
    declines: int
    marks: bool
    resets: bool
    clause: str


COMPLETIONS: Final[Mapping[Standing, Completion]] = MappingProxyType(
    {
        Standing.PASSED: Completion(0, 0, marks=False, resets=True, clause="PBOC-GA2-005, PBOC-GA2-011, PBOC-GA2-014"),
        Standing.FAILED: Completion(
            0, ADA_FAILED_DECLINE, marks=False, resets=False, clause="PBOC-GA2-009, PBOC-GA2-010, PBOC-GA2-013",
        ),
        Standing.MISSING: Completion(
            CVR_AUTHENTICATION_NOT_PERFORMED, ADA_MANDATORY_MISSING_DECLINE, marks=True, resets=False,
            clause="PBOC-CVR-006, PBOC-GA2-007, PBOC-GA2-008, PBOC-GA2-013",
        ),
        Standing.OPTIONAL: Completion(
            CVR_AUTHENTICATION_NOT_PERFORMED, 0, marks=False, resets=True,
            clause="PBOC-CVR-006, PBOC-GA2-011, PBOC-GA2-015",
        ),
        Standing.UNSUPPORTED: Completion(0, 0, marks=False, resets=True, clause="PBOC-GA2-011"),
    }
)  # fmt: skip
"""The second GENERATE AC where the issuer has answered."""


def standing(authentication: IssuerAuthentication, aip: int, *, mandatory: bool) -> Standing:
    """Which row holds."""
    match authentication:
        case IssuerAuthentication.PASSED:
            return Standing.PASSED
        case IssuerAuthentication.FAILED:
            return Standing.FAILED
        case IssuerAuthentication.NOT_PERFORMED:
            if not aip & AIP_ISSUER_AUTHENTICATION:
                return Standing.UNSUPPORTED
            return Standing.MISSING if mandatory else Standing.OPTIONAL
        case _:
            assert_never(authentication)
