"""States of the card: exactly equal or different; what GET STATUS says of them; what belongs to one environment.

Cells. A content is all cells but the journal's. The journal is left out as in the state key (D16): a transaction that
stands there has reached its home, or it is not whole; at the next reset it changes nothing. That is tried, not
believed: the letter that resets the card must leave each content as it is (`properties`, "journal"), and power cuts are
followed by a reset before the state is looked at. Wear is no part of a snapshot.

Volatile state. It is compared whole, challenges and keys of channels included. That is finer than the state key, which
has of a challenge only that there is one; with constant random numbers both tell the same states apart, as long as the
alphabet asks for challenges of one length.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cardsim.control import ModelControl, ModelState, fields_of
from cardsim.decode.lifecycle import CardStatus, EnvironmentStatus, ask_status
from terminal.explore.proved import NOTHING
from terminal.explore.subject import ModelCard

JOURNAL: Final = "journal"
COS: Final = "cos"
PAGE: Final = 64
"""Cells of a page of the EEPROM."""


_PAYMENT: Final = b"1PAY"


def is_payment(environment: EnvironmentStatus) -> bool:
    """Whether it is PSE, by its name."""
    return environment.name[:4] == _PAYMENT


@dataclass(frozen=True, slots=True)
class Life:
    """The life cycle of the card and its environments as GET STATUS shows it after a reset (D1, D2)."""

    card: int
    environments: Mapping[str, EnvironmentStatus] = field(default_factory=dict)
    stopped: bool = False
    """Whether GET STATUS is refused: the whole card is blocked, or cannot read its memory."""
    scope_card: bool = False
    """Whether the profile lets a block stop the whole card (D10)."""

    def __str__(self) -> str:
        if self.stopped:
            return "card blocked"
        card = CardStatus(self.card).card_word
        return "; ".join([f"card {card}", *(f"{fid} {one}" for fid, one in sorted(self.environments.items()))])

    @property
    def keyed(self) -> bool:
        """Whether an environment has its own master key, so that the card is not erased any more (D3)."""
        return any(one.keyed for one in self.environments.values())


@dataclass(frozen=True, slots=True)
class Content:
    """The cells of states, but for the journal."""

    number: int
    memory: ModelState
    """The first state that had it: its cells stand for those of all others."""
    ranges: Mapping[str, range]
    slots: Mapping[str, int]
    """Slot of each environment, by its identifier."""
    life: Life
    parts: Mapping[str, int]
    """A number for the content of each part of the memory: equal numbers, equal cells."""


@dataclass(slots=True)
class State:
    """One state of the card. The one it was reached from, and by what, is the beginning of a shortest path."""

    number: int
    content: Content
    memory: ModelState
    exact: tuple[object, ...]
    """Its volatile state, to compare."""
    parent: "State | None" = None
    via: str = ""
    cut: int | None = None
    depth: int = 0
    used: tuple[int, ...] = ()
    """How often each letter with `at-most` has changed the card on the way."""
    proved: frozenset[str] = NOTHING
    """What was proved, as the terminal saw it."""

    @property
    def life(self) -> Life:
        """Its life cycle."""
        return self.content.life

    @property
    def selected(self) -> str | None:
        """Identifier of the environment that is selected; None at the MF."""
        slot = self.memory.ram.current
        return next((fid for fid, at in self.content.slots.items() if at == slot), None)

    @property
    def fresh(self) -> bool:
        """Whether nothing is remembered but where the card stands."""
        slot = self.memory.ram.current
        record = self.memory.environments.get(slot) if slot is not None else self.memory.mf
        return record is None or fields_of(record)[1:] == fields_of(type(record)())[1:]

    def memory_of(self, fid: str) -> object:
        """The volatile state of one environment, to compare."""
        return dict(self.records)[self.content.slots[fid]]

    @property
    def records(self) -> tuple[tuple[int, tuple[object, ...]], ...]:
        """The volatile state of each environment, to compare, by its slot."""
        return self.exact[4]  # type: ignore[return-value]

    def path(self) -> "list[State]":
        """The states from the first one to this one."""
        found: list[State] = [self]
        while found[-1].parent is not None:
            found.append(found[-1].parent)
        return found[::-1]


class Contents:
    """All contents that were met, each with what can be known of it once.

    Args:
        card: to ask for its status; whoever calls restores it afterwards.
        control: the same card's control.
    """

    def __init__(self, card: ModelCard) -> None:
        self._card: Final = card
        self._control: Final[ModelControl] = card
        self._known: Final[dict[bytes, Content]] = {}
        self._parts: Final[dict[bytes, int]] = {}
        self._journal: Final = card.ranges()[JOURNAL]

    def __len__(self) -> int:
        return len(self._known)

    def of(self, memory: ModelState) -> Content:
        """The content of a snapshot. The card may be left in another state."""
        cells = memory.cells.cells
        bare = cells[: self._journal.start] + cells[self._journal.stop :]
        found = self._known.get(bare)
        if found is None:
            found = self._known[bare] = self._look(memory)
        return found

    def _look(self, memory: ModelState) -> Content:
        card, cells = self._card, memory.cells.cells
        self._control.restore(memory)
        card.power_off()
        card.power_on()
        ranges = self._control.ranges()
        life = ask_life(card)
        names = [name for name in ranges if name not in (COS, JOURNAL)]
        slots = dict(zip(names, sorted(self._control.snapshot().environments), strict=True))
        parts = {
            name: self._parts.setdefault(cells[part.start : part.stop], len(self._parts))
            for name, part in ranges.items()
            if name != JOURNAL
        }
        return Content(len(self._known), memory, ranges, slots, life, parts)


def ask_life(card: ModelCard) -> Life:
    """GET STATUS at the MF, after a reset."""
    status = ask_status(card.transmit)
    if status is None:
        return Life(-1, stopped=True)
    environments = {f"{one.fid:04X}": one for one in status.environments}
    return Life(status.card, environments, scope_card=status.whole_card)
