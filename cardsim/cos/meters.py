"""Numbers that a card counts, and where they stand in its memory: for those who watch a model from outside.

An environment says what it counts (`Environment.meters`); addresses are those of its partition there, and those of the
whole memory in `ModelControl.meters`. Nothing in the card itself uses them.
"""

import enum
from dataclasses import dataclass

from cardsim.cos.access import APPLICATION, PIN, PIN_BIT


class MeterKind(enum.Enum):
    """What a number counts."""

    TRIES = "tries"
    """Tries that a key or PIN has left. Written early (D13)."""
    MONEY = "money"
    """A balance, in fen."""
    COUNT = "count"
    """Transactions, such as the ATC, or a sequence of them."""
    MARK = "mark"
    """Something that has happened and is remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Meter:
    """One number; on one card the same object stands for it each time that the card is described.

    `application` is the DF name that it belongs to, empty for the environment itself. `reference` names a secret as
    EXTERNAL AUTHENTICATE does in P2, F0 for a PIN; None where it is no such key; `version` tells its generations apart.
    `limit` is where all tries stand. `early`: whether it may change before the rest of a command does (D13).
    """

    name: str
    kind: MeterKind
    cells: range
    part: str = ""
    application: bytes = b""
    reference: int | None = None
    version: int | None = None
    limit: range | None = None
    decimal: bool = False
    early: bool = False

    def moved(self, start: int, part: str) -> "Meter":
        """The same number, in a partition that begins at `start` and has this name."""
        limit = None if self.limit is None else _shifted(self.limit, start)
        return Meter(  # a card has some hundred of them, and dataclasses.replace takes three times as long
            self.name, self.kind, _shifted(self.cells, start), part, self.application, self.reference, self.version,
            limit, self.decimal, self.early,
        )  # fmt: skip

    @property
    def identity(self) -> tuple[object, ...]:
        """All that it is: two meters of one card that are the same number are equal in this."""
        limit = -1 if self.limit is None else self.limit.start
        return self.name, self.cells.start, self.part, self.application, self.reference, self.version, limit

    def value(self, cells: bytes) -> int:
        """What the cells say; -1 for decimal digits that are none."""
        if not self.decimal:
            return int.from_bytes(cells, "big")
        text = cells.hex()
        return int(text) if text.isdigit() else -1


def _shifted(cells: range, start: int) -> range:
    return range(cells.start + start, cells.stop + start)


@dataclass(frozen=True, slots=True)
class FileRule:
    """One EF, and the sets of references each of which opens it; no set: never; the empty set: free.

    References are those of `Meter`. In set-up the environment master key appends besides, whatever the rule (D6).
    """

    part: str
    application: bytes
    fid: int
    sfi: int
    records: bool
    read: tuple[frozenset[int], ...]
    write: tuple[frozenset[int], ...]
    protected: bool
    """Whether writing demands secure messaging."""


def references(mask: int) -> frozenset[int]:
    """The references that a set of rights stands for (`cardsim.cos.access.bit_of`)."""
    keys = {bit if bit < 16 else APPLICATION | bit - 16 for bit in range(32) if mask >> bit & 1}
    return frozenset(keys | {PIN} if mask & PIN_BIT else keys)
