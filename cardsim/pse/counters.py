"""What must live here: what an application remembers from one transaction to the next, when it changes, and what takes
it back (PBOC part 5, fact sheet §1.12, §1.13)."""

import enum
import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cardsim.pse.application import (
    AMOUNT_SIZE,
    ATC_AT,
    BALANCE_AT,
    CTTA_AT,
    DUAL_TOTAL_AT,
    FOREIGN_COUNTRY_AT,
    FOREIGN_CURRENCY_AT,
    INDICATORS_AT,
    LOATC_AT,
    PIN_TRIES_AT,
    SCRIPTS_AT,
    Indicator,
)


class Reset(enum.Enum):
    """What takes something back to zero at the second GENERATE AC after an answer of the issuer
    (`cardsim.pse.risk.COMPLETIONS`: where it resets)."""

    NOTHING = "nothing"
    ANSWER = "the issuer's answer, TC or AAC"
    APPROVAL = "the issuer's answer, with a TC alone"


@dataclass(frozen=True, slots=True)
class Remembered:
    """One thing that outlives a transaction.

    Args:
        name: what it is.
        at: its place among the counters.
        size: its bytes.
        changes: when it changes, but for the reset.
        reset: what takes it back.
        clause: the requirements.
        mark: the bit, where it is one of the indicators.
    """

    name: str
    at: int
    size: int
    changes: str
    reset: Reset
    clause: str
    mark: Indicator | None = None


def _mark(name: str, mark: Indicator, changes: str, reset: Reset, clause: str) -> Remembered:
    return Remembered(name, INDICATORS_AT, 1, changes, reset, clause, mark)


REMEMBERED: Final = (
    Remembered(
        "ATC (9F36)", ATC_AT, 2, "rises with GPO, before its answer; at FFFE the application is blocked instead",
        Reset.NOTHING, "PBOC-GPO-021, PBOC-GPO-023",
    ),
    Remembered(
        "last online ATC (9F13)", LOATC_AT, 2,
        "becomes the ATC with a TC after the issuer's answer that takes other counters back",
        Reset.NOTHING, "PBOC-GA2-012",
    ),
    Remembered(
        "PIN try counter (9F17)", PIN_TRIES_AT, 1,
        "falls with VERIFY, before the comparison; a right PIN and PIN CHANGE/UNBLOCK give all tries back",
        Reset.NOTHING, "PBOC-PIN-006, PBOC-PIN-015, PBOC-PCH-001, PBOC-PCH-007",
    ),
    _mark(
        "mark: online authorisation not completed", Indicator.ONLINE,
        "set by a first answer of ARQC, before it leaves; taken back by a first answer of TC, but for electronic cash",
        Reset.ANSWER, "PBOC-CRM-025",
    ),
    _mark(
        "mark: issuer authentication failed", Indicator.AUTHENTICATION_FAILED,
        "set by EXTERNAL AUTHENTICATE with a wrong ARPC or sent a second time, before the answer, and by the second "
        "GENERATE AC where it was mandatory and not sent; taken back by EXTERNAL AUTHENTICATE with the right ARPC",
        Reset.NOTHING, "PBOC-XAU-005 to PBOC-XAU-007, PBOC-GA2-007, PBOC-GA2-015",
    ),
    _mark(
        "mark: SDA failed", Indicator.SDA_FAILED, "set by an AAC without the issuer, where TVR byte 1 b7 says so",
        Reset.ANSWER, "PBOC-CRM-022, PBOC-GA2-021",
    ),
    _mark(
        "mark: DDA or CDA failed", Indicator.DDA_FAILED,
        "set by an AAC without the issuer, where TVR byte 1 b4 or b3 says so",
        Reset.ANSWER, "PBOC-CRM-022, PBOC-GA2-021",
    ),
    _mark(
        "mark: issuer script failed", Indicator.SCRIPT_FAILED,
        "set by a script that fails, before the answer; one of the same transaction outlives the reset",
        Reset.ANSWER, "PBOC-SCR-008, PBOC-SCR-016, PBOC-SCR-017",
    ),
    Remembered(
        "number of issuer scripts", SCRIPTS_AT, 1, "rises with each script after the second GENERATE AC, modulo 16",
        Reset.ANSWER, "PBOC-SCR-012, PBOC-SCR-016, PBOC-CVR-010",
    ),
    Remembered(
        "cumulative amount", CTTA_AT, AMOUNT_SIZE,
        "an offline TC in the currency 9F51 adds to it, and stays at twelve nines; not in electronic cash",
        Reset.APPROVAL, "PBOC-CRM-026, PBOC-CRM-028, PBOC-GA2-011, PBOC-GA2-020",
    ),
    Remembered(
        "cumulative amount in two currencies", DUAL_TOTAL_AT, AMOUNT_SIZE,
        "an offline TC in one of both adds to it, and stays at twelve nines; not in electronic cash",
        Reset.APPROVAL, "PBOC-CRM-013",
    ),
    Remembered(
        "transactions in a foreign currency", FOREIGN_CURRENCY_AT, 1,
        "rises with each offline TC and AAC in another currency than 9F51, and stays at 255; not in electronic cash",
        Reset.APPROVAL, "PBOC-CRM-027, PBOC-GA2-011, PBOC-GA2-014, PBOC-GA2-020, PBOC-GA2-021",
    ),
    Remembered(
        "transactions in a foreign country", FOREIGN_COUNTRY_AT, 1,
        "rises with each offline TC and AAC in another country than 9F57, and stays at 255; not in electronic cash",
        Reset.APPROVAL, "PBOC-CRM-027, PBOC-GA2-011, PBOC-GA2-014, PBOC-GA2-020, PBOC-GA2-021",
    ),
    Remembered(
        "electronic-cash balance (9F79)", BALANCE_AT, AMOUNT_SIZE,
        "falls with a first answer of TC in electronic cash; PUT DATA of an issuer script sets it",
        Reset.NOTHING, "PBOC-EC-002, PBOC-PDT-007, PBOC-GA2-024",
    ),
)  # fmt: skip
"""All of it."""


PIN_TRIES: Final = 0x9F17
COUNTED: Final[Mapping[int, int]] = MappingProxyType(
    {0x9F13: LOATC_AT, PIN_TRIES: PIN_TRIES_AT, 0x9F36: ATC_AT, 0x9F79: BALANCE_AT}
)
"""Data objects whose values stand among the counters, and their places there. 0D01 and 0E01 begin them, but for the PIN
tries (DGI 9010)."""


def _counters(reset: Reset) -> tuple[Remembered, ...]:
    return tuple(each for each in REMEMBERED if each.reset is reset and each.mark is None)


RESET_BY_ANSWER: Final = _counters(Reset.ANSWER)
RESET_BY_APPROVAL: Final = _counters(Reset.APPROVAL)
MARKS_RESET_BY_ANSWER: Final = functools.reduce(
    operator.or_, (each.mark.value for each in REMEMBERED if each.mark is not None and each.reset is Reset.ANSWER)
)
"""The indicators that an answer of the issuer takes back, as a number."""
