"""What a campaign has reached of what the rows declare: which commands were answered with which of their status words.

Rows are told apart as the card tells them apart: by environment, and on a PSAM by whether its MF has a master key.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from cardsim.cos.table import Command, family
from cardsim.decode import Environment
from cardsim.decode.commands import fits
from cardsim.resources import resource
from cardsim.shapes import Place, places
from terminal.fuzz.executor import Run
from terminal.slots import Slot
from terminal.tables import read_tables

USER_CARD: Final = tuple(
    place for name in (Environment.CARD, Environment.SSSE, Environment.PSE) for place in places(name)
)
PSAM: Final = places(Environment.PSAM)
_BLANK_STARTS: Final = frozenset({"psam-virgin", "psam-blank"})
_MASTER_KEY: Final = bytes.fromhex("84D43F00")


@dataclass(frozen=True, slots=True)
class Pair:
    """A command and a status word that its row declares; the low byte of 61xx, 63Cx, 6Cxx stands as 00."""

    where: str
    """The environment, or `psam blank`."""
    row: Command
    sw: int

    @property
    def causes(self) -> tuple[str, ...]:
        """What the row says about this status word."""
        return tuple(dict.fromkeys(fault.cause for fault in self.row.answers if fault.sw == self.sw and fault.cause))

    @property
    def command(self) -> str:
        """The command without the status word, as reasons name it."""
        return f"{self.where} {self.row.cla:02X} {self.row.ins:02X} {self.row.name}"

    def __str__(self) -> str:
        return f"{self.command} {self.sw:04X}"


def _where(place: Place) -> str:
    return place.value if place is Place.PSAM_BLANK else place.environment.value


def declared_pairs(slot: Slot) -> Iterator[Pair]:
    """All pairs of a user card, or of a PSAM, each once."""
    pairs = (
        Pair(_where(place), row, sw)
        for place in (PSAM if slot is Slot.PSAM else USER_CARD)
        for row in place.rows
        for sw in sorted(row.words | row.checks())
    )
    yield from {(pair.where, id(pair.row), pair.sw): pair for pair in pairs}.values()


def _rows_by_header() -> dict[tuple[str, bytes], list[Command]]:
    rows: dict[tuple[str, bytes], list[Command]] = {}
    for place in Place:
        for row in place.rows:
            same = rows.setdefault((_where(place), row.header), [])
            if not any(row is other for other in same):
                same.append(row)
    return rows


@dataclass(slots=True)
class Reach:
    """Counts pairs."""

    counts: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """By where, identity of the row, and status word."""
    apdus: int = 0
    _rows: dict[tuple[str, bytes], list[Command]] = field(default_factory=_rows_by_header)

    def take(self, run: Run, start: str) -> None:
        """Count what a run has shown that began with a start."""
        blank = start in _BLANK_STARTS
        for exchange in run.exchanges:
            self.apdus += 1
            command, sw = exchange.command, exchange.sw
            where = Place.PSAM_BLANK.value if blank else exchange.before.environment.value
            rows = self._rows.get((where, command[:2]), ()) if len(command) > 3 else ()
            if rows:
                row = next((row for row in rows if fits(row, command[2], command[3])), rows[0])
                self.counts[where, id(row), family(sw)] += 1
            if blank and command.startswith(_MASTER_KEY) and sw == 0x9000:
                blank = False

    def count(self, pair: Pair) -> int:
        """How often a pair was seen."""
        return self.counts[pair.where, id(pair.row), pair.sw]

    def missing(self, slot: Slot) -> list[Pair]:
        """The pairs that were not seen."""
        return [pair for pair in declared_pairs(slot) if not self.count(pair)]


@cache
def reasons() -> Mapping[str, str]:
    """Why a pair is not reached, by its name (`vectors/phrases/unreached.toml`)."""
    table = read_tables(resource("phrases", "unreached.toml"))
    return {pair: entry["why"] for entry in table["reason"] for pair in entry["pairs"]}


def complaints(reaches: Mapping[Slot, Reach]) -> list[str]:
    """Pairs that were not reached and have no reason, and those that were, though a reason says that they cannot be."""
    missing = {str(pair) for slot, reach in reaches.items() for pair in reach.missing(slot)}
    declared = {str(pair) for slot in reaches for pair in declared_pairs(slot)}
    return [f"{pair}: not reached, and no reason" for pair in sorted(missing - reasons().keys())] + [
        f"{pair}: reached, though a reason says that it cannot be"
        for pair in sorted((reasons().keys() & declared) - missing)
    ]
