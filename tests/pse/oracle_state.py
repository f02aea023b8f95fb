"""What the oracle's card is made with and remembers: data objects, counters, marks, one transaction."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.pse.deal import Data

AMOUNTS: Final = frozenset({"9F54", "9F5C", "9F6D", "9F77", "9F78", "9F79"})


class Phase(enum.Enum):
    """How far a transaction is: after SELECT, GPO, an ARQC, another first answer, the second answer."""

    SELECTED, INITIATED, ONLINE, OFFLINE, COMPLETED = range(5)


@dataclass(frozen=True, slots=True)
class Made:
    """What a card is made with: data objects by tag, AIP of both paths, kind of discretionary data (0: none), PIN."""

    values: Mapping[str, str]
    aip: int = 0x7C00
    cash_aip: int = 0x7C00
    idd: int = 1
    pin: str = ""
    limit: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """What the answer to GENERATE AC says."""

    cid: int
    atc: int
    cvr: int
    idd: str
    cda: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """One command of a script as the card meets it; `header` is INS P1 P2, `pin` the new PIN of an enciphered block."""

    header: str
    value: str = ""
    length_ok: bool = True
    mac_ok: bool = True
    pin: str = ""


@dataclass(slots=True)
class Run:
    """One transaction: what a reset forgets."""

    phase: Phase = Phase.SELECTED
    cash: bool = False
    aip: int = 0
    told: tuple[str, str] = ("", "")
    cvr: int = 0
    verified: bool = False
    first: Data = field(default_factory=Data)
    issuer: bytes | None = None
    """Response code of the authentication that succeeded; empty: it failed; none: there was none."""
    unblocking: bool = False
    mac_error: bool = False
    script_failed: bool = False


@dataclass(slots=True)
class Remembered:
    """One card, without what it does."""

    made: Made
    values: dict[str, str] = field(default_factory=dict)
    pin: str = ""
    tries: int = 0
    total: int = 0
    currency_count: int = 0
    country_count: int = 0
    marks: int = 0
    """What is remembered of former transactions, as the bits of the CVR that show it."""
    scripts: int = 0
    blocked: bool = False
    card_blocked: bool = False
    log: list[str] = field(default_factory=list)
    records: dict[str, str] = field(default_factory=dict)
    """Records that a script may write, by the P1 and P2 that name them."""
    run: Run = field(default_factory=Run)

    def __post_init__(self) -> None:
        self.values, self.pin, self.tries = dict(self.made.values), self.made.pin, self.made.tries

    def number(self, tag: str) -> int:
        """A data object as a number: decimal for amounts, else binary."""
        return int(self.values[tag], 10 if tag in AMOUNTS else 16)

    def asks(self, action: int) -> bool:
        """Whether the default action has this bit."""
        return bool(self.number("9F52") & action)

    @property
    def exhausted(self) -> bool:
        """Whether there is an offline PIN without tries."""
        return bool(self.pin) and self.tries == 0

    @property
    def stopped(self) -> bool:
        """CARD BLOCK stops the environment (D10); a running transaction is finished first."""
        return self.card_blocked and self.run.phase is not Phase.ONLINE

    def idd(self) -> str:
        """Issuer discretionary data without their MAC: the low five bytes of balance, total, limit."""
        balance, total, limit = self.values["9F79"][2:], f"{self.total:010d}", self.values["9F54"][2:]
        return {0: "", 1: balance, 2: total, 3: balance + total, 4: total + limit}[self.made.idd]
