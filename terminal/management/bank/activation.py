"""Activation (激活) of the finance function: at the counter or with the mobile terminal, by change of the initial PIN
with identity check (000 §3.2.8, D35)."""

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, select

from terminal.hosts.bank import accounts
from terminal.hosts.bank.accounts import Holding
from terminal.hosts.bank.chip import IssuerKeys
from terminal.hosts.bank.tables import AccountState
from terminal.management.bank.tables import ACTIVATIONS
from terminal.management.keeper import Keeper, Office
from terminal.management.machines import Standing
from terminal.management.records import Document, LifeError, Stage, require_document, seconds

_PIN: Final = range(6, 7)
"""Digits of a PIN at this bank."""


class Place(enum.Enum):
    """Where activation takes place; the effect is the same (SCHEME-129)."""

    COUNTER = "counter"
    MOBILE = "mobile terminal"
    """E 动终端."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The three items that are kept (SCHEME-130): information about the holder, document copy, signature."""

    information: Mapping[str, str]
    copy: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def activate(
    office: Office, keeper: Keeper, keys: IssuerKeys, order: str, document: Document | None, *, place: Place,
    initial: str, new: str, kept: Kept,
) -> bool:  # fmt: skip
    """Change the initial PIN and so activate the finance function; False where the initial PIN is wrong.

    A wrong PIN costs a try and is no error, so that the try stays counted.

    Raises:
        LifeError: no original document of the holder, an item that is to be kept is missing, the card is not handed
            over, is lost or active already, no try is left, or the new PIN is none, or the initial one (SCHEME-131).
    """
    card = keeper.card(office.books, order)
    shown = require_document(document, card.person, "the activation")
    if card.side.standing is not Standing.ACTIVE:
        raise LifeError(f"the card of order {order} is {card.side.standing.value}: it cannot be activated")
    if not (kept.information and kept.copy and kept.signature):
        raise LifeError("holder information, a copy of the document and the signature are kept of each activation")
    holding = _holding(office.books, card.pan)
    if not holding.pin_initial:
        raise LifeError("the initial PIN has been changed already")
    if holding.pin_tries <= 0:
        raise LifeError("no PIN try is left")
    if holding.pin is not None and keys.pin_value(card.pan, initial) != holding.pin:
        accounts.note_card(office.books, card.pan, atc=holding.atc, pin_tries=holding.pin_tries - 1)
        keeper.note(office, order, "activation refused", "wrong initial PIN")
        return False
    if len(new) not in _PIN or not (new.isascii() and new.isdigit()):
        raise LifeError("a PIN has six digits")
    if new == initial:
        raise LifeError("the new PIN is the initial one")
    accounts.set_pin(office.books, card.pan, keys.pin_value(card.pan, new), initial=False)
    if holding.account_state is AccountState.NOT_ACTIVATED:
        accounts.set_account_state(office.books, holding.number, AccountState.ACTIVE)
    _keep(office, order, place, kept)
    keeper.note(office, order, "activation", f"{place.value}, identity document {shown.number}")
    keeper.pass_stage(office, (order,), Stage.ACTIVATION)
    return True


def _holding(books: Connection, pan: str) -> Holding:
    found = accounts.find(books, pan)
    if found is None:
        raise LifeError("the bank's host has no such card")
    return found


def _keep(office: Office, order: str, place: Place, kept: Kept) -> None:
    information = "; ".join(f"{name}: {value}" for name, value in sorted(kept.information.items()))
    row = {
        "order": order, "time": seconds(office.now), "place": place.value, "information": information,
        "copy": hashlib.sha256(kept.copy).hexdigest(), "signature": hashlib.sha256(kept.signature).hexdigest(),
    }  # fmt: skip
    office.books.execute(ACTIVATIONS.insert(), row)


def kept_of(books: Connection, order: str) -> Mapping[str, str] | None:
    """What is kept of a card's activation, or None."""
    row = books.execute(select(ACTIVATIONS).where(ACTIVATIONS.c.order == order)).mappings().first()
    return None if row is None else {name: str(value) for name, value in row.items()}
