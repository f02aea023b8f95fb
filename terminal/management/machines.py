"""What must live here: the state machines of orders and cards (003 §三), as tables that both services work by.

Department and bank each keep the standing of their own side of a card, and what the other side told last. A service
asks `step` what an event leads to: no row, and the event is refused where a person asks for it, or has come too late
where a message brings it. What one side does is told to the other; `REACTIONS` says what the other does then.
docs/card-life.md shows the tables as figures (`tools/draw_card_life.py`).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from terminal.perso.parties import Party

_State = TypeVar("_State", bound=enum.Enum)


class Event(enum.Enum):
    """What happens to a card, or to the order for one."""

    SENT = "sent"
    """The data went to the bank in a batch."""
    REJECTED = "rejected"
    """The bank could not open an account: identity check, or lists."""
    WITHDRAWN = "withdrawn"
    MADE = "made"
    DELIVERED = "delivered"
    HAND_OVER = "hand-over"
    """发放: the holder has the card."""
    ACTIVATE = "activation"
    """激活 of the finance function."""
    ORAL_LOSS = "oral loss"
    """口头挂失."""
    WRITTEN_LOSS = "written loss"
    """书面挂失."""
    RELEASE = "release"
    """解挂, by the holder."""
    SEVEN_DAYS = "end of the oral loss"
    """The oral loss ends by itself."""
    REPLACE = "replacement ordered"
    """补卡."""
    EXCHANGE = "exchange ordered"
    """换卡."""
    REFUSED = "exchange refused"
    """The department orders no card for the exchange that the bank took in."""
    ORDER_ENDED = "order ended"
    """The new card is not made."""
    SUPERSEDED = "new card handed over"
    CANCEL = "cancellation"
    """销卡: at the department the first step, at the bank the second."""
    CLOSED = "cancelled at the bank"
    """The bank has done the second step."""
    DESTROY = "destruction"
    """销毁."""


class OrderState(enum.Enum):
    """How far an order is."""

    COLLECTED = "collected"
    SENT = "with the bank"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    MADE = "card made"
    DELIVERED = "delivered"
    ISSUED = "issued"


class Standing(enum.Enum):
    """How one side of a card stands. A card that waits for the change of its initial PIN is active here: what the
    account may do is the bank host's (D35)."""

    STOCK = "in stock"
    """Made, and not handed over: it is good for nothing yet."""
    ACTIVE = "active"
    ORAL_LOSS = "oral loss"
    WRITTEN_LOSS = "written loss"
    REPLACING = "being replaced"
    EXCHANGING = "being exchanged"
    REPLACED = "replaced"
    CANCELLING = "cancelled, bank open"
    """The department has cancelled, the bank has not yet (the state between the steps)."""
    CANCELLED = "cancelled"
    DESTROYED = "destroyed"


class Guard(enum.Enum):
    """What must hold for a row."""

    LOST = "lost in writing"
    """A written loss that nobody took back stands behind the order."""
    IN_TIME = "within the set time"
    """Since the written loss no more days have passed than a replacement may be applied for."""
    WORN = "expired or damaged"
    NOTICE = "clearing notice shown"
    """A notice of the department, for this card and not used (清户通知书)."""
    COLLECTED = "card in custody"


@dataclass(frozen=True, slots=True)
class Row(Generic[_State]):
    """One row: in this state, at this event, if this holds."""

    state: _State
    event: Event
    target: _State
    guard: Guard | None = None


@dataclass(frozen=True, slots=True)
class Machine(Generic[_State]):
    """A state machine: where it begins, and its rows in the order in which they are tried."""

    title: str
    initial: _State
    rows: tuple[Row[_State], ...]

    def step(self, state: _State, event: Event, facts: frozenset[Guard] = frozenset()) -> Row[_State] | None:
        """The row that an event takes, with what holds; None where nothing is to happen."""
        found = (row for row in self.rows if (row.state, row.event) == (state, event))
        return next((row for row in found if row.guard is None or row.guard in facts), None)

    def needed(self, state: _State, event: Event) -> tuple[Guard, ...]:
        """What one of must hold for an event to be taken; empty where it never is, or always."""
        found = [row.guard for row in self.rows if (row.state, row.event) == (state, event)]
        return tuple(guard for guard in found if guard is not None) if None not in found else ()

    def allowed(self, state: _State) -> tuple[Event, ...]:
        """The events that a state has rows for."""
        return tuple(dict.fromkeys(row.event for row in self.rows if row.state is state))

    def finals(self) -> tuple[_State, ...]:
        """The states that nothing leads out of."""
        return tuple(state for state in type(self.initial) if not self.allowed(state))


_S, _E, _O = Standing, Event, OrderState

ORDER: Final = Machine(
    "An order",
    _O.COLLECTED,
    (
        Row(_O.COLLECTED, _E.SENT, _O.SENT),
        Row(_O.COLLECTED, _E.WITHDRAWN, _O.WITHDRAWN),
        Row(_O.SENT, _E.REJECTED, _O.REJECTED),
        Row(_O.SENT, _E.MADE, _O.MADE),
        Row(_O.MADE, _E.DELIVERED, _O.DELIVERED),
        Row(_O.DELIVERED, _E.HAND_OVER, _O.ISSUED),
    ),
)

_LOSS: Final = (
    Row(_S.ACTIVE, _E.ORAL_LOSS, _S.ORAL_LOSS),
    Row(_S.ORAL_LOSS, _E.RELEASE, _S.ACTIVE),
    Row(_S.ORAL_LOSS, _E.SEVEN_DAYS, _S.ACTIVE),
    Row(_S.ACTIVE, _E.WRITTEN_LOSS, _S.WRITTEN_LOSS),
    Row(_S.ORAL_LOSS, _E.WRITTEN_LOSS, _S.WRITTEN_LOSS),
    Row(_S.WRITTEN_LOSS, _E.RELEASE, _S.ACTIVE),
)
"""Each side has its own loss (SCHEME-134, SCHEME-142); what is alike stands once."""

_ENDINGS: Final = (
    Row(_S.REPLACING, _E.ORDER_ENDED, _S.WRITTEN_LOSS, Guard.LOST),
    Row(_S.REPLACING, _E.ORDER_ENDED, _S.ACTIVE),
    Row(_S.EXCHANGING, _E.ORDER_ENDED, _S.WRITTEN_LOSS, Guard.LOST),
    Row(_S.EXCHANGING, _E.ORDER_ENDED, _S.ACTIVE),
    Row(_S.REPLACING, _E.SUPERSEDED, _S.REPLACED),
    Row(_S.EXCHANGING, _E.SUPERSEDED, _S.REPLACED),
    Row(_S.REPLACED, _E.DESTROY, _S.DESTROYED, Guard.COLLECTED),
    Row(_S.CANCELLED, _E.DESTROY, _S.DESTROYED, Guard.COLLECTED),
)

SOCIAL: Final = Machine(
    "The social side, at the department",
    _S.STOCK,
    (
        Row(_S.STOCK, _E.HAND_OVER, _S.ACTIVE),
        *_LOSS,
        Row(_S.WRITTEN_LOSS, _E.REPLACE, _S.REPLACING, Guard.IN_TIME),
        Row(_S.ACTIVE, _E.EXCHANGE, _S.EXCHANGING, Guard.WORN),
        *_ENDINGS,
        Row(_S.ACTIVE, _E.CANCEL, _S.CANCELLING),
        Row(_S.CANCELLING, _E.CLOSED, _S.CANCELLED),
    ),
)

FINANCE: Final = Machine(
    "The finance side, at the bank",
    _S.STOCK,
    (
        Row(_S.STOCK, _E.HAND_OVER, _S.ACTIVE),
        *_LOSS,
        # An order of the department locks whatever it finds: the two may have crossed.
        *(Row(state, _E.REPLACE, _S.REPLACING) for state in (_S.ACTIVE, _S.ORAL_LOSS, _S.WRITTEN_LOSS, _S.EXCHANGING)),
        *(Row(state, _E.EXCHANGE, _S.EXCHANGING) for state in (_S.ORAL_LOSS, _S.WRITTEN_LOSS)),
        Row(_S.ACTIVE, _E.EXCHANGE, _S.EXCHANGING, Guard.WORN),
        Row(_S.EXCHANGING, _E.REFUSED, _S.WRITTEN_LOSS, Guard.LOST),
        Row(_S.EXCHANGING, _E.REFUSED, _S.ACTIVE),
        *_ENDINGS,
        Row(_S.ACTIVE, _E.CANCEL, _S.CANCELLED, Guard.NOTICE),
    ),
)

SIDES: Final[Mapping[Party, Machine[Standing]]] = {Party.DEPARTMENT: SOCIAL, Party.BANK: FINANCE}


class Follow(enum.Enum):
    """When the other side does the same, or what answers to it."""

    NEVER = "it is told, and does nothing"
    ALWAYS = "it follows"
    MODE_2 = "it follows where the region has mode 2"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the other side does about an event that it is told."""

    event: Event
    follow: Follow = Follow.ALWAYS


_SAME: Final[Mapping[Event, Reaction]] = {
    _E.HAND_OVER: Reaction(_E.HAND_OVER),
    _E.ORAL_LOSS: Reaction(_E.ORAL_LOSS, Follow.NEVER),
    _E.SEVEN_DAYS: Reaction(_E.SEVEN_DAYS, Follow.NEVER),
    _E.WRITTEN_LOSS: Reaction(_E.WRITTEN_LOSS, Follow.MODE_2),
    _E.RELEASE: Reaction(_E.RELEASE, Follow.MODE_2),
    _E.EXCHANGE: Reaction(_E.EXCHANGE),
    _E.SUPERSEDED: Reaction(_E.SUPERSEDED),
    _E.DESTROY: Reaction(_E.DESTROY),
}

REACTIONS: Final[Mapping[Party, Mapping[Event, Reaction]]] = {
    Party.BANK: {
        **_SAME,
        _E.REPLACE: Reaction(_E.REPLACE),
        _E.REFUSED: Reaction(_E.REFUSED),
        _E.ORDER_ENDED: Reaction(_E.ORDER_ENDED),
        _E.CANCEL: Reaction(_E.CANCEL, Follow.NEVER),
        _E.CLOSED: Reaction(_E.CLOSED, Follow.NEVER),
    },
    Party.DEPARTMENT: {
        **_SAME,
        _E.CANCEL: Reaction(_E.CLOSED),
    },
}
"""By the party that is told."""

_LOSSES: Final = (_S.ACTIVE, _S.ORAL_LOSS, _S.WRITTEN_LOSS)
_TOGETHER: Final = (_S.STOCK, _S.REPLACING, _S.EXCHANGING, _S.REPLACED, _S.CANCELLED, _S.DESTROYED)

PAIRS: Final = frozenset(
    {(standing, standing) for standing in _TOGETHER}
    | {(social, finance) for social in (*_LOSSES, _S.CANCELLING) for finance in _LOSSES}
)
"""The pairs (social, finance) that a card may be in when no message is on its way."""


def agree(social: Standing, finance: Standing, *, mode_2: bool) -> bool:
    """Whether two sides fit when no message is on its way; in mode 2 a written loss is never on one side alone."""
    if (social, finance) not in PAIRS:
        return False
    alone = (social is Standing.WRITTEN_LOSS) != (finance is Standing.WRITTEN_LOSS)
    return not (mode_2 and alone and social is not Standing.CANCELLING)
