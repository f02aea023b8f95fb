"""Stages 9 and 10: cards are handed out and activated; then waste is destroyed and the maker's data are deleted."""

from typing import Final

from sqlalchemy import Connection

from terminal.management.bank.activation import Kept, Place, kept_of
from terminal.management.department import orders
from terminal.management.machines import OrderState, Standing
from terminal.management.records import Card, Document
from terminal.perso.chain.before import Counts
from terminal.perso.chain.making import batches
from terminal.perso.chain.town import Town
from terminal.perso.production.closing import close_batch
from terminal.perso.production.papers import month_of
from terminal.perso.production.tables import BatchState
from terminal.perso.production.waste import note_destroyed, send_waste

_DESK: Final = "unit desk"
_WITNESSES: Final = ("bank witness", "department witness")
NEW_PIN: Final = "135790"
"""What invented holders choose; it protects nothing."""


def hand_out(town: Town) -> Counts:
    """Stage 9: each holder gets the card for the identity document; the social function is active (SCHEME-126)."""
    town.connect()
    waiting = town.department.look(lambda books: orders.listed(books, OrderState.DELIVERED))
    for one in waiting:
        town.department.hand_over(one.number, Document(one.order.person), by=_DESK)
    return {"cards handed out": len(waiting)}


def activate(town: Town) -> Counts:
    """Stage 10: at the bank's counter each holder changes the initial PIN (SCHEME-127, SCHEME-128)."""
    platform = town.platform
    initial = town.batches.rules.accounts.initial_pin

    def waiting(books: Connection) -> list[Card]:
        cards = platform.keeper.listed(books, Standing.ACTIVE)
        return [card for card in cards if kept_of(books, card.order) is None]

    found = platform.look(waiting)
    for card in found:
        kept = Kept({"person": card.person}, f"copy of {card.person}".encode(), f"signature of {card.order}".encode())
        document = Document(card.person)
        platform.activate(card.order, document, place=Place.COUNTER, initial=initial, new=NEW_PIN, kept=kept)
    return {"cards activated": len(found)}


def clear_up(town: Town) -> Counts:
    """Waste is sent, reconciled with the log and destroyed; the maker deletes what is personal (PERSO-127, 153)."""
    month = month_of(town.workshop.clock().isoformat())
    send_waste(town.plant, month)
    destroyed = town.plant.bank.destroy_waste(month, _WITNESSES)
    note_destroyed(town.plant)
    deleted = sum(
        close_batch(town.plant, batch.name).records for batch in batches(town, BatchState.ACCEPTED, BatchState.ACCEPTED)
    )
    return {"waste cards destroyed": destroyed, "records deleted": deleted}
