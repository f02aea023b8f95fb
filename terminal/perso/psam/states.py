"""What must live here: the life of a PSAM, as a table that drives the register, the command line and the page."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


class PsamState(enum.Enum):
    """Where a PSAM is."""

    MAKING = "making"
    """Ordered, and not yet through the hands of all parties."""
    STOCK = "stock"
    """Made; it lies in its cabinet."""
    ISSUED = "issued"
    """With the person it is registered to (责任人)."""
    RETURNED = "returned"
    """Back in its cabinet."""
    LOST = "lost"
    DESTROYED = "destroyed"


class PsamChange(enum.Enum):
    """What can happen to it."""

    MADE = "made"
    """The last party has ended its turn."""
    ISSUE = "issue"
    RETURN = "return"
    LOSE = "lose"
    DESTROY = "destroy"


CHECK: Final = "check"
"""Noted in the log: somebody has looked at it. The state stays."""


@dataclass(frozen=True, slots=True)
class Transition:
    """From which states a change leads where."""

    from_: frozenset[PsamState]
    to: PsamState


_S = PsamState
TRANSITIONS: Final[Mapping[PsamChange, Transition]] = {
    PsamChange.MADE: Transition(frozenset({_S.MAKING}), _S.STOCK),
    PsamChange.ISSUE: Transition(frozenset({_S.STOCK, _S.RETURNED}), _S.ISSUED),
    PsamChange.RETURN: Transition(frozenset({_S.ISSUED, _S.LOST}), _S.RETURNED),
    PsamChange.LOSE: Transition(frozenset({_S.STOCK, _S.ISSUED, _S.RETURNED}), _S.LOST),
    PsamChange.DESTROY: Transition(frozenset({_S.MAKING, _S.STOCK, _S.RETURNED}), _S.DESTROYED),
}
"""What is not here is refused: a destroyed PSAM never comes back, and a lost one is destroyed after it was found."""
