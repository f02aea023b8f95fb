"""Destruction of cards (销毁), which the party does with whom they lie (003 §三(七))."""

from collections.abc import Iterable, Mapping
from typing import Final

from terminal.management.keeper import Keeper, Office
from terminal.management.machines import Event, Guard
from terminal.management.product.making import key_step
from terminal.management.product.rules import Rules
from terminal.management.records import Card, Deed, LifeError, Staff
from terminal.perso.parties import Party

MODES: Final[Mapping[Party, int]] = {Party.BANK: 1, Party.DEPARTMENT: 2}
"""Mode 1: the bank shreds what it has taken back. Mode 2: the department shreds what the bank has sent."""


def destroy(office: Office, keeper: Keeper, rules: Rules, orders: Iterable[str], staff: Staff) -> tuple[Card, ...]:
    """Shred cards that lie with this party, before a second person (SCHEME-113, SCHEME-179 to SCHEME-182).

    Raises:
        LifeError: nobody approves, or a card is neither cancelled nor replaced, or does not lie here; none is
            destroyed then.
    """
    if refused := key_step(rules, "destroy-cards", staff.by, staff.approved_by):
        raise LifeError(str(refused))
    return tuple(_shred(office, keeper, order, staff) for order in orders)


def _shred(office: Office, keeper: Keeper, order: str, staff: Staff) -> Card:
    card, mode = keeper.card(office.books, order), MODES[keeper.party]
    facts = {Guard.COLLECTED} if card.custody == keeper.party.value else set()
    note = f"mode {mode}, by {staff.by}, approved by {staff.approved_by}"
    keeper.do(office, order, Deed(Event.DESTROY, note, {"mode": mode}), facts)
    return keeper.change(office, order, custody="")
