"""What must live here: the closed sets that the rules are written in, and what a rule says."""

import enum
from dataclasses import dataclass


class Authority(enum.Enum):
    """The authorities that approve, each for its scope (003 §四)."""

    MINISTRY = "ministry"
    """人力资源社会保障部."""
    CENTRAL_BANK = "central bank"
    """人民银行."""


class Side(enum.Enum):
    """The two applications of the card, and so the two sides of personalisation."""

    SOCIAL = "social"
    """社保应用."""
    FINANCE = "finance"
    """金融应用."""

    @property
    def authority(self) -> Authority:
        """Whose rules the side follows."""
        return Authority.MINISTRY if self is Side.SOCIAL else Authority.CENTRAL_BANK


class Mode(enum.Enum):
    """How cards are made (003 §五)."""

    CENTRALISED = "centralised"
    """集中个人化: both applications in one pass, by one body."""
    STEPWISE = "stepwise"
    """分步个人化: one application after the other."""


class Link(enum.Enum):
    """By what the second step of two finds its record (003 §五(二)2)."""

    CARD = "card"
    """By what the first step wrote on the card."""
    FEEDBACK = "feedback"
    """By the feedback data of the first step."""


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
