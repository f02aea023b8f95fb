"""Loss and release (挂失, 解挂), which each side does alike for its own side of a card (003 §三(二), (三)).

An oral loss holds for seven days at the side where it was reported, and obliges the holder to report in writing. A
written loss needs his identity document; where the region has mode 2 the other side follows. Electronic cash has no
name on it and is never reported lost; the holder is told so (000 §3.2.9 3)).
"""

from datetime import timedelta
from typing import Final

from terminal.management.keeper import Keeper, Office
from terminal.management.machines import Event, Standing
from terminal.management.records import Card, Channel, Deed, Document, LifeError, require_document, seconds

CASH_NOTICE: Final = "the holder was told: electronic cash cannot be reported lost, and is not moved to another card"
DUTY: Final = "the holder was told to report the loss in writing before it ends by itself"


def oral_loss(office: Office, keeper: Keeper, order: str, channel: Channel) -> Card:
    """Report a card lost by word of mouth, on this side alone (SCHEME-133 to SCHEME-137).

    Raises:
        LifeError: the card is not active.
    """
    until = seconds(office.now + timedelta(days=keeper.settings.life.oral_loss_days))
    note = f"by {channel.value}, until {until}; {DUTY}; {CASH_NOTICE}"
    keeper.do(office, order, Deed(Event.ORAL_LOSS, note, {"channel": channel.value, "until": until}))
    return keeper.change(office, order, oral_until=until)


def written_loss(office: Office, keeper: Keeper, order: str, document: Document | None) -> Card:
    """Report a card lost in writing (SCHEME-142 to SCHEME-146); it does not end by itself (SCHEME-141).

    Raises:
        LifeError: the document is not the holder's original one, or the card is neither active nor lost orally.
    """
    card = keeper.card(office.books, order)
    shown = require_document(document, card.person, "a written loss")
    return keeper.do(office, order, Deed(Event.WRITTEN_LOSS, f"identity document {shown.number}; {CASH_NOTICE}"))


def release(office: Office, keeper: Keeper, order: str, document: Document | None) -> Card:
    """Take a loss back (SCHEME-139, SCHEME-151 to SCHEME-154).

    Raises:
        LifeError: the document is not the holder's original one, a new card is ordered (SCHEME-153), or none is lost.
    """
    card = keeper.card(office.books, order)
    require_document(document, card.person, "a release")
    if card.side.standing in (Standing.REPLACING, Standing.REPLACED):
        raise LifeError(
            f"card {card.card_number or order} is {card.side.standing.value}: the loss cannot be taken back"
        )
    return keeper.do(office, order, Deed(Event.RELEASE, "by the holder"))


def reminders(office: Office, keeper: Keeper) -> tuple[Card, ...]:
    """The cards whose written report is still owed: lost by word of mouth alone (SCHEME-137)."""
    return keeper.listed(office.books, Standing.ORAL_LOSS)
