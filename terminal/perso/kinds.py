"""What must live here: the closed sets in which everybody tells how a card is made (003 §五)."""

import enum


class Side(enum.Enum):
    """The two applications of the card, and so the two sides of personalisation."""

    SOCIAL = "social"
    """社保应用."""
    FINANCE = "finance"
    """金融应用."""

    @property
    def other(self) -> "Side":
        """The other one."""
        return Side.FINANCE if self is Side.SOCIAL else Side.SOCIAL


class Mode(enum.Enum):
    """How cards are made."""

    CENTRALISED = "centralised"
    """集中个人化: both applications in one pass, by one body."""
    STEPWISE = "stepwise"
    """分步个人化: one application after the other."""


class Link(enum.Enum):
    """By what the second step of two finds its record (003 §五(二)2)."""

    CARD = "card"
    """方式一: by what the first step wrote on the card."""
    FEEDBACK = "feedback"
    """方式二: by the feedback data of the first step."""


class Part(enum.Enum):
    """What personalisation covers; there is a result for each (SCHEME-200)."""

    STRUCTURE = "structure"
    """卡内文件结构划分."""
    KEYS = "keys"
    """控制密钥加载."""
    FACE = "face"
    """卡面印刷."""
    DATA = "data"
    """个性化信息写入."""
