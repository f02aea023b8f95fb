"""`ModelControl`: what only a model can do. The in-process link alone offers it; no physical card does."""

import functools
import hashlib
import operator
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol, get_type_hints

from cardsim.chip.clock import Clock
from cardsim.chip.cost import CommandReport
from cardsim.chip.eeprom import Bus, Snapshot
from cardsim.cos.dispatcher import CardMemory
from cardsim.cos.meters import FileRule as FileRule
from cardsim.cos.meters import Meter as Meter
from cardsim.cos.meters import MeterKind as MeterKind
from cardsim.cos.mf import MasterFileMemory

if TYPE_CHECKING:
    from cardsim.iso7816.contact import ChipLine, LineProfile, Supply


@dataclass(frozen=True, slots=True)
class ModelState:
    """A whole card at one moment: cells, volatile state, positions of the random streams, power."""

    cells: Snapshot
    powered: bool
    ram: CardMemory
    mf: MasterFileMemory
    environments: dict[int, object]
    positions: tuple[int, ...]
    failed: bool = False
    """Whether the cells may hold half of a transaction, so that nothing is read from them until the next power-on."""


class ModelControl(Protocol):
    """Snapshot, faults, clock and insight."""

    @property
    def clock(self) -> Clock:
        """The clock that the cost model moves."""

    def snapshot(self) -> ModelState:
        """The whole card as it is now."""

    def restore(self, state: ModelState) -> None:
        """Make the card what it was."""

    def reseed(self, seed: int) -> None:
        """Let the card's random numbers go on from a place that the seed names: the same seed, the same numbers."""

    def attach(self, bus: Bus | None) -> None:
        """Put a monitor or a plan of faults on the EEPROM's bus, or take it off."""

    def cut(self, after: int, inside: int | None = None) -> None:
        """Cut the power when so many page programs more are done, or inside the next one after so many of its cells."""

    def fail_pages(self, times: int | None = 1) -> None:
        """Let the next page programs fail: so many, or all (None)."""

    def mend(self) -> None:
        """No faults and no monitor any more."""

    def unwatched(self) -> AbstractContextManager[None]:
        """Take monitor or faults off the bus for a while."""

    def listen(self, listener: Callable[[CommandReport], None] | None) -> None:
        """Be told of every command and its cost."""

    def line(self, profile: "LineProfile", supply: "Supply") -> "ChipLine":
        """The contacts of the card, character by character: off, or waiting for a command if the card is powered."""

    def ranges(self) -> dict[str, range]:
        """Parts of the memory by name."""

    def selected(self) -> str | None:
        """The selected environment, by its name in `ranges`."""

    @property
    def generation(self) -> int:
        """A number that names the content of the cells: as long as it stands, nothing was written."""

    def cells(self, which: range) -> bytes:
        """Cells of the memory as they stand, past everything that is on the bus."""

    def meters(self) -> tuple[Meter, ...]:
        """What the card counts (tries, money, sequences), and in which cells; the same object while no file changes."""

    def rules(self) -> tuple[FileRule, ...]:
        """The EFs of all environments, and what opens them."""

    def state_key(self) -> bytes:
        """Equal for cards in equal states."""


def volatile(state: ModelState) -> tuple[object, ...]:
    """All that the card forgets without power, secrets and challenges included, as one value that can be compared.

    Two cards with equal cells and equal volatile state, and random streams that give the same bytes, answer the
    same for ever.
    `key_of_state` is coarser: of a challenge it has only that there is one (D16).
    """
    records = tuple([(slot, fields_of(record)) for slot, record in sorted(state.environments.items())])
    return (state.powered, state.failed, fields_of(state.ram), fields_of(state.mf), records)


def fields_of(record: object) -> tuple[object, ...]:
    """A record of volatile state by its fields, records inside it by theirs."""
    read, inner = _reader_of(type(record))  # type: ignore[arg-type]
    values = read(record)
    if not inner:
        return values
    return tuple([fields_of(value) if number in inner else value for number, value in enumerate(values)])


@functools.cache
def _reader_of(kind: type[object]) -> tuple[Callable[[object], tuple[object, ...]], frozenset[int]]:
    """What reads all fields of a record of two or more, and which of them are such records themselves: those that are
    changed in place, whereas a frozen record can be compared as it is."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    inner = frozenset(number for number, name in enumerate(names) if _changeable(hints[name]))
    return operator.attrgetter(*names), inner


def _changeable(kind: object) -> bool:
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and not parameters.frozen


def key_of_state(state: ModelState, journal: range) -> bytes:
    """Digest of cells and volatile state, without what D16 leaves out."""
    digest = hashlib.blake2b(digest_size=16)
    cells = state.cells.cells
    digest.update(cells[: journal.start])
    digest.update(cells[journal.stop :])
    volatile = (state.powered, state.ram, bool(state.mf.challenge), state.mf.authenticated)
    digest.update(repr(volatile).encode())
    for slot, record in sorted(state.environments.items()):
        challenge = getattr(getattr(record, "transaction", record), "challenge", b"")
        text = repr(record).replace(f"challenge={challenge!r}", f"challenge={bool(challenge)}")
        digest.update(f"{slot}:{text}".encode())
    return digest.digest()
