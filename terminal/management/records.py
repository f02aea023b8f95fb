"""What must live here: cards, events, stages and documents as values, the same at both services."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from terminal.management.machines import Event
from terminal.management.sides import Side
from terminal.perso.parties import Party


class LifeError(Exception):
    """What is asked is not allowed, or not there; one sentence for people."""


class Channel(enum.Enum):
    """Ways by which a holder reports an oral loss (SCHEME-133)."""

    TELEPHONE = "telephone"
    WEBSITE = "website"
    MESSAGE = "text message"
    COUNTER = "counter"


class Stage(enum.Enum):
    """The ten stages of a card on its way to the holder (000 §3.2.4, PERSO-157), in their order."""

    COLLECTION = "data collection"
    """社保数据采集."""
    TRANSFER = "data transfer"
    """社保数据传输."""
    BANK_DATA = "bank data request"
    """银行卡数据申请."""
    MATCHING = "matching and packing"
    """社保银行卡数据匹配打包."""
    PACKAGE = "package transfer"
    """打包数据传输."""
    PERSONALISATION = "personalisation"
    """卡商个人化制卡."""
    SORTING = "sorting"
    """卡商成品卡清分."""
    DELIVERY = "delivery"
    """卡商成品卡物流配送."""
    ISSUING = "issuing"
    """社保机构发卡."""
    ACTIVATION = "activation"
    """客户银行卡功能激活."""


STAGES: Final = tuple(Stage)


@dataclass(frozen=True, slots=True)
class Document:
    """The identity document that a person shows (有效身份证件). The card itself is none (SCHEME-231)."""

    number: str
    original: bool = True


@dataclass(frozen=True, slots=True)
class Staff:
    """Who does a step, and the second person who approves it, where the rules ask for one (SCHEME-113)."""

    by: str
    approved_by: str = ""


ALONE: Final = Staff("counter")
"""Somebody at the counter, without a second person."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as one party has it: whose and which it is, and that party's side of it. Dates are YYYYMMDD."""

    order: str
    person: str
    pan: str
    card_number: str
    identification: str
    """Card identification code in hex; empty at the bank."""
    county: str
    expires: str
    """Last day of the party's application."""
    old: str
    """Order of the card in whose place it came."""
    side: Side
    oral_until: str
    """When an oral loss ends by itself, ISO 8601; empty where there is none."""
    lost_on: str
    """Day of the written loss; empty where there is none."""
    custody: str
    """Who keeps the card that was taken back: a party, or on the way between them."""

    def plain(self) -> dict[str, str]:
        """For reports."""
        return {
            "order": self.order, "person": self.person, "pan": self.pan, "card number": self.card_number,
            "standing": self.side.standing.value, "other side": self.side.other.value, "replaces": self.old,
            "oral loss until": self.oral_until, "lost on": self.lost_on, "custody": self.custody,
        }  # fmt: skip


ON_THE_WAY: Final = "on the way"
"""Custody between the parties."""


@dataclass(frozen=True, slots=True)
class NewCard:
    """A card that a party takes into its books."""

    order: str
    person: str
    pan: str
    card_number: str
    county: str
    expires: str
    old: str = ""
    identification: str = ""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event in a card's life: when, what, on whose side, and what was said about it."""

    time: str
    event: str
    by: Party
    note: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A stage that an order has passed, and who said so."""

    stage: Stage
    time: str
    by: Party


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done to a card: the event, and what is noted and told with it."""

    event: Event
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def require_document(document: Document | None, person: str, what: str) -> Document:
    """The holder's own identity document, in the original.

    Raises:
        LifeError: there is none, it is a copy, or another person's (SCHEME-132, SCHEME-145, SCHEME-231).
    """
    if document is None or not document.number:
        raise LifeError(f"{what} needs the holder's identity document; the card is none")
    if not document.original:
        raise LifeError(f"{what} needs the original of the identity document, not a copy")
    if document.number != person:
        raise LifeError(f"{what} is for the holder alone, and the identity document is another person's")
    return document


def seconds(moment: datetime) -> str:
    """ISO 8601 to the second."""
    return moment.isoformat(timespec="seconds")
