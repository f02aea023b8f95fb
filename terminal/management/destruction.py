"""Destruction of a card (销毁), which the party does with whom it lies (003 §三(七))."""

from terminal.management.keeper import Keeper, Office
from terminal.management.machines import Event, Guard
from terminal.management.records import Card, Deed


def shred(office: Office, keeper: Keeper, order: str, mode: int) -> Card:
    """Destroy one card that lies with this party.

    Raises:
        LifeError: the card is neither cancelled nor replaced, or does not lie here (SCHEME-182).
    """
    card = keeper.card(office.books, order)
    facts = {Guard.COLLECTED} if card.custody == keeper.party.value else set()
    keeper.do(office, order, Deed(Event.DESTROY, f"mode {mode}", {"mode": mode}), facts)
    return keeper.change(office, order, custody="")
