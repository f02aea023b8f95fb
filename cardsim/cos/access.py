"""Access rules of files: which keys and PINs open a file, in four bytes, able to say "PIN or key" and "PIN and key".

    byte 1  operator
    byte 2  reference A
    byte 3  reference B (00 where unused)
    byte 4  reference C (00 where unused)

A reference is a key as EXTERNAL AUTHENTICATE names it in P2 (01..0F of the environment, 81..8F of the application,
SSC part 5 table 14), 00 for the environment master key, F0 for the PIN. Rights are kept as a set of bits, one for each
reference: a card with one state number for each DF cannot hold several rights at once (SSC part 7 §6.6).
"""

import enum
import functools
from dataclasses import dataclass, field
from typing import Final, Self

from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

MASTER: Final = 0x00
PIN: Final = 0xF0
APPLICATION: Final = 0x80
"""Bit of a reference that names a key of the current application instead of the environment."""

RULE_SIZE: Final = 4

MASTER_BIT: Final = 1 << 0
PIN_BIT: Final = 1 << 32
APPLICATION_BITS: Final = 0xFFFF << 16


class Operator(enum.IntEnum):
    """How the references of a rule combine."""

    FREE = 0x00
    A = 0x01
    A_OR_B = 0x02
    A_AND_B = 0x03
    A_AND_B_OR_C = 0x04
    NEVER = 0xFF


def bit_of(reference: int) -> int:
    """The bit that stands for a reference in a set of rights.

    Raises:
        StatusError: 6A80, no such reference.
    """
    if reference == PIN:
        return PIN_BIT
    if reference & 0x70:
        raise StatusError(status.WRONG_DATA)
    return 1 << ((reference & 0x0F) + (16 if reference & APPLICATION else 0))


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One rule; `masks` are the sets of rights each of which opens (none: never; the empty set: free)."""

    operator: Operator
    a: int = 0
    b: int = 0
    c: int = 0
    masks: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "masks", self._masks())

    def __bytes__(self) -> bytes:
        return bytes((self.operator, self.a, self.b, self.c))

    @classmethod
    @functools.cache
    def parse(cls, raw: bytes) -> Self:
        """Read a rule (4 bytes). Directories are parsed often, and have few different rules.

        Raises:
            StatusError: 6A80, unknown operator or reference.
        """
        try:
            operator = Operator(raw[0])
        except ValueError:
            raise StatusError(status.WRONG_DATA) from None
        return cls(operator, raw[1], raw[2], raw[3])

    def _masks(self) -> tuple[int, ...]:
        match self.operator:
            case Operator.FREE:
                return (0,)
            case Operator.NEVER:
                return ()
            case Operator.A:
                return (bit_of(self.a),)
            case Operator.A_OR_B:
                return (bit_of(self.a), bit_of(self.b))
            case Operator.A_AND_B:
                return (bit_of(self.a) | bit_of(self.b),)
            case Operator.A_AND_B_OR_C:
                return (bit_of(self.a) | bit_of(self.b), bit_of(self.c))

    def __str__(self) -> str:
        a, b, c = (_name(reference) for reference in (self.a, self.b, self.c))
        match self.operator:
            case Operator.FREE:
                return "free"
            case Operator.NEVER:
                return "never"
            case Operator.A:
                return a
            case Operator.A_OR_B:
                return f"{a} or {b}"
            case Operator.A_AND_B:
                return f"{a} and {b}"
            case Operator.A_AND_B_OR_C:
                return f"({a} and {b}) or {c}"


def _name(reference: int) -> str:
    if reference == PIN:
        return "PIN"
    return "master key" if reference == MASTER else f"key {reference:02X}"


FREE: Final = AccessRule(Operator.FREE)
NEVER: Final = AccessRule(Operator.NEVER)

_NAMED_BITS: Final = tuple(
    (bit_of(reference), _name(reference))
    for reference in (MASTER, PIN, *range(0x01, 0x10), *range(APPLICATION, APPLICATION + 0x10))
)


def names_of(rights: int) -> tuple[str, ...]:
    """The keys and PINs whose rights are in a set, as the rules name them."""
    return tuple(name for bit, name in _NAMED_BITS if rights & bit) if rights else ()
