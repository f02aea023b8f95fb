"""What must live here: what is printed on a card, as values; the same whether it comes from data, a face or a job."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


class PrintMethod(enum.Enum):
    """How a face is printed (PERSO-111)."""

    LASER = "laser"
    """激光."""
    THERMAL = "thermal"
    """热转印."""
    DIGITAL = "digital"
    """数码印刷."""


class Side(enum.Enum):
    """A side of the card."""

    FRONT = "front"
    BACK = "back"


class Field(enum.Enum):
    """An element of the holder on the face (PERSO-109, PERSO-110)."""

    NAME = "name"
    SEX = "sex"
    SOCIAL_SECURITY_NUMBER = "social-security-number"
    CARD_NUMBER = "card-number"
    """The social-security card's own number (社会保障卡号)."""
    BANK_CARD_NUMBER = "bank-card-number"
    ISSUE_DATE = "issue-date"
    EXPIRY_DATE = "expiry-date"
    PHOTO = "photo"


SOCIAL_FIELDS: Final = tuple(field for field in Field if field is not Field.BANK_CARD_NUMBER)
"""What every social-security card shows; one with a payment function shows its bank card number as well."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the card in millimetres from its left and top edge."""

    x: float
    y: float
    width: float
    height: float

    def inside(self, outer: "Box") -> bool:
        """Whether it lies in another one."""
        right, bottom = self.x + self.width, self.y + self.height
        return (
            outer.x <= self.x
            and outer.y <= self.y
            and right <= outer.x + outer.width
            and bottom <= outer.y + outer.height
        )

    def meets(self, other: "Box") -> bool:
        """Whether both have a part in common."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True, slots=True)
class Face:
    """One printed card.

    Dates are YYYYMMDD, the sex is its code, numbers have no blanks: as the data have them, not as they are printed.
    `product` names a product of the rules (`terminal.management.product`), `design` an approved design of its face.
    """

    order: str
    product: str
    design: str
    method: PrintMethod
    fields: Mapping[Field, str]
    photo: bytes = field(default=b"", repr=False)
    stripe: Box | None = None
    boxes: Mapping[Field, Box] = field(default_factory=dict)
    """Where each element stands on the front; empty in a print job, which leaves that to the template."""
