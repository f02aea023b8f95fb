"""What must live here: the closed sets that the rules are written in, and what a rule says."""

import enum
from dataclasses import dataclass

from terminal.perso.kinds import Side


class Authority(enum.Enum):
    """The authorities that approve, each for its scope (003 §四)."""

    MINISTRY = "ministry"
    """人力资源社会保障部."""
    CENTRAL_BANK = "central bank"
    """人民银行."""

    @classmethod
    def of(cls, side: Side) -> "Authority":
        """Whose rules a side of the card follows."""
        return cls.MINISTRY if side is Side.SOCIAL else cls.CENTRAL_BANK


class Stripe(enum.Enum):
    """Forms of a magnetic stripe on the card."""

    NONE = "none"
    HIDDEN = "hidden"
    """Below the print of the front, for the transition alone."""
    VISIBLE = "visible"
    """Of old cards, whose bank part is on the stripe."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a rule forbids: the requirement that it comes from, and why, in one sentence."""

    rule: str
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.rule})"


class NotAllowed(Exception):
    """A rule of the product forbids it; the text is for people."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def require(refusal: Refusal | None) -> None:
    """Nothing, where no rule forbids.

    Raises:
        NotAllowed: a rule forbids.
    """
    if refusal is not None:
        raise NotAllowed(refusal)
