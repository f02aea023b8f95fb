"""One side of a card and what happens to it: pure, so that every order of events and messages can be tried.

A written loss and its release are values that both sides may set where the region has mode 2 (SCHEME-143, SCHEME-152).
Each setting has a stamp: one more than the highest that the side has seen, and who set it. The highest stamp wins on
both sides, in whatever order they hear of it, and no clock is asked.
"""

from dataclasses import dataclass, replace
from typing import Final

from terminal.management.machines import REACTIONS, SIDES, Event, Follow, Guard, Standing
from terminal.perso.parties import Party

_STAMPED: Final = frozenset({Event.WRITTEN_LOSS, Event.RELEASE})
_ORDERS: Final = frozenset({Event.EXCHANGE, Event.REPLACE})
"""What the department alone decides; it is told as a fact even where the bank has asked for it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a written loss was set or released, in an order that both sides share."""

    number: int = 0
    party: str = ""

    def later_than(self, other: "Stamp") -> bool:
        """Whether this one wins."""
        return (self.number, self.party) > (other.number, other.party)


@dataclass(frozen=True, slots=True)
class Side:
    """One party's side of a card."""

    standing: Standing = Standing.STOCK
    other: Standing = Standing.STOCK
    """How the other side stands, as it told last."""
    lost: bool = False
    """A written loss stands, whatever else happened since."""
    stamp: Stamp = Stamp()


@dataclass(frozen=True, slots=True)
class Told:
    """What one side tells the other: the event, how it stands then, and since which stamp it is lost or not."""

    event: Event
    standing: Standing
    lost: bool
    stamp: Stamp
    follows: bool = False
    """It answers to something that the other side did, which need not answer again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of something that was told: the side then, what it did itself, and what it tells."""

    side: Side
    done: Event | None = None
    told: Told | None = None


def act(party: Party, side: Side, event: Event, facts: frozenset[Guard] = frozenset()) -> tuple[Side, Told] | None:
    """Do something on one side; None where it is not allowed."""
    known = facts | ({Guard.LOST} if side.lost else set())
    row = SIDES[party].step(side.standing, event, frozenset(known))
    if row is None:
        return None
    changed = replace(side, standing=row.target)
    if event in _STAMPED:
        stamp = Stamp(side.stamp.number + 1, party.value)
        changed = replace(changed, lost=event is Event.WRITTEN_LOSS, stamp=stamp)
    return changed, _told(changed, event)


def hear(party: Party, side: Side, told: Told, *, mode_2: bool) -> Heard:
    """Take what the other side tells.

    Args:
        party: who hears it.
        side: its side of the card.
        told: by the other one.
        mode_2: whether a written loss is told for both sides in this region (SCHEME-144).
    """
    known = replace(side, other=told.standing)
    reaction = REACTIONS[party].get(told.event)
    if reaction is None or told.follows or reaction.follow is Follow.NEVER:
        return Heard(known)
    if reaction.follow is Follow.MODE_2:
        if not mode_2 or not told.stamp.later_than(side.stamp):
            return Heard(known)
        known = replace(known, lost=told.lost, stamp=told.stamp)
    # The other side has looked at what had to hold; what it says stands.
    facts = frozenset(Guard) - {Guard.LOST} | ({Guard.LOST} if known.lost else set())
    row = SIDES[party].step(side.standing, reaction.event, facts)
    if row is None:
        refused = told.event is Event.EXCHANGE and party is Party.DEPARTMENT
        if refused and side.standing is not Standing.EXCHANGING:
            return Heard(known, None, _told(known, Event.REFUSED))
        return Heard(known)
    changed = replace(known, standing=row.target)
    follows = not (party is Party.DEPARTMENT and reaction.event in _ORDERS)
    return Heard(changed, reaction.event, replace(_told(changed, reaction.event), follows=follows))


def _told(side: Side, event: Event) -> Told:
    return Told(event, side.standing, side.lost, side.stamp)
