"""What must live here: the form in which every command of every environment is declared.

A command is one row of a table. Dispatch, the order in which errors win, coverage, the fuzzer's grammar, the trace
decoder and the documents read the same rows. Rows hold no code: the handlers are bound to them by `cardsim.assembly`.

The order in which errors win is the order of `Check`: the first check that fails gives the answer.
"""

import enum
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cardsim.iso7816 import status
from cardsim.iso7816.apdu import Case


class Check(enum.Enum):
    """The checks that every command passes before its handler runs, in the order in which they win."""

    BLOCKED = (
        "the environment or the whole card is blocked: 6A81 (D10, D34); the current application of SSSE is blocked: "
        "9303 (SSC part 7 §13.2); the memory could not be recovered: 6581 (D14)"
    )
    HEADER = "fewer than four bytes: 6700"
    CLASS = "no command of this level has the class: 6E00"
    INSTRUCTION = "no command of this level has the instruction: 6D00; it has another class: 6E00"
    PARAMETERS = "P1 P2 outside the row: 6A86"
    LENGTH = "Lc or Le outside the row: 6700 (D17: P3 is Lc or Le as the row says)"
    STATE = "life-cycle state outside the row: 6985"


class Messaging(enum.Enum):
    """Protection of the command's data field."""

    NONE = "none"
    MAC = "MAC"
    ENCIPHERED = "enciphered, MAC"
    CHANNEL = "as the open channel asks"


class Phase(enum.Flag):
    """Life-cycle states of an environment or application in which a command runs (D2, D6, D7)."""

    CREATED = enum.auto()
    SET_UP = enum.auto()
    ISSUED = enum.auto()
    ANY = CREATED | SET_UP | ISSUED


ANY_BYTE: Final = range(0x100)


@dataclass(frozen=True, slots=True)
class Parameters:
    """One allowed combination of P1 and P2 values."""

    p1: Iterable[int] = (0,)
    p2: Iterable[int] = (0,)
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a command fails after the checks: its status word, and what is wrong in words."""

    sw: int
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One row: what a command looks like, when it runs, what it may answer, and which clause says so.

    `lc` and `le` hold the allowed lengths of command data (a trailing Le is no part of it) and of P3 as Le;
    an empty `le` leaves the length to the data: another Le than their length is answered 6Cxx on T=0.
    `answers` are the status words besides those of the checks, in the order in which they win when several things are
    wrong at once; the low byte of 61xx, 63Cx and 6Cxx stands as 00.
    """

    name: str
    cla: int
    ins: int
    case: Case
    parameters: tuple[Parameters, ...]
    answers: tuple[Fault, ...]
    clause: str
    lc: Iterable[int] = ()
    le: Iterable[int] = ()
    messaging: Messaging = Messaging.NONE
    phases: Phase = Phase.ANY
    access: str = "free"
    data: str = ""
    response: str = ""
    opens: bool = field(default=False)
    """Whether it may be sent to a blocked environment (SELECT alone)."""
    state_first: bool = field(default=False)
    """Whether the state of a transaction is judged before Lc: then any well-formed Lc reaches the handler, which
    refuses those that `lc` has not."""

    @property
    def header(self) -> bytes:
        """CLA INS, the key of dispatch."""
        return bytes((self.cla, self.ins))

    def declares(self, sw: int) -> bool:
        """Whether the row, or the checks before it, may answer this status word."""
        return family(sw) in self.words | self.checks()

    @property
    def words(self) -> frozenset[int]:
        """Status words of the command itself."""
        return frozenset(fault.sw for fault in self.answers)

    def checks(self) -> frozenset[int]:
        """Status words of the checks before the handler: each command may answer them."""
        words = {status.OK, status.WRONG_P1P2, status.WRONG_LENGTH}
        if self.phases is not Phase.ANY:
            words.add(status.CONDITIONS_NOT_SATISFIED)
        if self.case is Case.RESPONSE and not self.le:
            words.add(0x6C00)
        if self.case is Case.BOTH:
            words.add(0x6100)
        return frozenset(words)


def family(sw: int) -> int:
    """A status word as rows name it: the low byte of 61xx and 6Cxx and the counter of 63Cx stand as 0."""
    if sw >> 8 in (0x61, 0x6C):
        return sw & 0xFF00
    return 0x63C0 if sw & 0xFFF0 == 0x63C0 else sw


def mask_of(values: Iterable[int]) -> bytes:
    """One byte for each value of a byte: 1 for those that are among `values`, else 0."""
    table = bytearray(256)
    for value in values:
        table[value] = 1
    return bytes(table)


NOTHING: Final = bytes(256)
"""The mask of no value at all: one object, so that tables can be compared by identity."""


@functools.cache
def parameter_masks(combinations: tuple[Parameters, ...]) -> tuple[bytes, ...]:
    """For each P1 the mask of the P2 that go with it; equal masks are one object. Rows are made ready often."""
    table = [NOTHING] * 256
    masks: dict[bytes, bytes] = {}
    for combination in combinations:
        mask = mask_of(combination.p2)
        for p1 in combination.p1:
            joined = bytes(a | b for a, b in zip(table[p1], mask, strict=True)) if table[p1] is not NOTHING else mask
            table[p1] = masks.setdefault(joined, joined)
    return tuple(table)


BEFORE_ANY_ROW: Final = frozenset(
    {
        status.MEMORY_FAILURE,
        status.WRONG_LENGTH,
        status.NOT_SUPPORTED,
        status.CLA_NOT_SUPPORTED,
        status.INS_NOT_SUPPORTED,
    }
)
"""Status words that can be answered before a row is found."""


def answers(*faults: int | Fault) -> tuple[Fault, ...]:
    """What can go wrong in a command, in the order in which it wins."""
    return tuple(fault if isinstance(fault, Fault) else Fault(fault) for fault in faults)
