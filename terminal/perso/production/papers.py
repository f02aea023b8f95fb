"""Papers of production: the list of a batch, consignments of waste; and whether they agree with the log.

These are pure rules, so that the personaliser and the bank use the same ones, each on its own books.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from terminal.perso.production.log import Entry
from terminal.perso.production.tables import LogEvent


@dataclass(frozen=True, slots=True)
class BodyLine:
    """A card body in a list."""

    order: str
    attempt: int
    historical: str


@dataclass(frozen=True, slots=True)
class WasteLine:
    """A waste card in a list, by its name in the register, and why it is waste."""

    name: str
    order: str
    attempt: int
    historical: str
    failed: str
    reason: str
    remade: bool


@dataclass(frozen=True, slots=True)
class DuplicateLine:
    """A request that was not produced: its place in the package, and the batch that the order came with first."""

    position: int
    order: str
    first: str


@dataclass(frozen=True, slots=True)
class HeldLine:
    """An order whose data do not suffice."""

    order: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProductionList:
    """The personaliser's list of a batch (制卡清单): good, waste and duplicate cards (PERSO-151)."""

    batch: str
    made_on: str
    """YYYYMMDD."""
    requests: int
    """Cards that were asked for, duplicates among them."""
    good: tuple[BodyLine, ...]
    waste: tuple[WasteLine, ...]
    duplicates: tuple[DuplicateLine, ...]
    held: tuple[HeldLine, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Orders whose only bodies are waste: nobody gets a card for them from this batch."""
        good = {line.order for line in self.good}
        return tuple(dict.fromkeys(line.order for line in self.waste if line.order not in good))

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of the list."""
        return {
            "requests": self.requests, "good": len(self.good), "waste": len(self.waste),
            "duplicates": len(self.duplicates), "held": len(self.held), "missing": len(self.missing),
        }  # fmt: skip


def list_problems(paper: ProductionList, log: Iterable[Entry]) -> list[str]:
    """What is wrong with a list: in itself, and against the log of its batch (SCHEME-211); empty where all is well."""
    problems: list[str] = []
    for order, count in Counter(line.order for line in paper.good).items():
        if count > 1:
            problems.append(f"order {order} has {count} good cards")
    bodies = [line.historical for line in paper.good] + [line.historical for line in paper.waste if line.historical]
    for body, count in Counter(bodies).items():
        if count > 1:
            problems.append(f"chip {body} stands in the list {count} times")
    accounted = len(paper.good) + len(paper.duplicates) + len(paper.held) + len(paper.missing)
    if accounted != paper.requests:
        problems.append(f"{paper.requests} cards were asked for, and the list accounts for {accounted}")
    entries = [entry for entry in log if entry.batch == paper.batch]
    problems += _against("good", paper.good, entries, LogEvent.GOOD)
    waste = [BodyLine(line.order, line.attempt, line.historical) for line in paper.waste]
    problems += _against("waste", waste, entries, LogEvent.WASTE)
    told = Counter(entry.order for entry in entries if entry.event == LogEvent.DUPLICATE.value)
    listed = Counter(line.order for line in paper.duplicates)
    problems += [f"a duplicate of order {order} is in the log alone" for order in told - listed]
    problems += [f"a duplicate of order {order} is in the list alone" for order in listed - told]
    return problems


def _against(what: str, lines: Sequence[BodyLine], entries: Sequence[Entry], event: LogEvent) -> list[str]:
    told = Counter(_key(entry) for entry in entries if entry.event == event.value)
    listed = Counter(lines)
    return [
        *(f"{what} card of order {line.order}, attempt {line.attempt}, is in the log alone" for line in told - listed),
        *(f"{what} card of order {line.order}, attempt {line.attempt}, is in the list alone" for line in listed - told),
    ]


def _key(entry: Entry) -> BodyLine:
    return BodyLine(entry.order, entry.attempt, entry.historical)


@dataclass(frozen=True, slots=True)
class Consignment:
    """The waste cards of a month on their way to the bank, packed by batch (PERSO-153)."""

    month: str
    """YYYYMM."""
    batches: tuple[tuple[str, tuple[BodyLine, ...]], ...]

    @property
    def count(self) -> int:
        """How many cards."""
        return sum(len(lines) for _, lines in self.batches)


def waste_problems(sent: Iterable[tuple[str, BodyLine]], log: Iterable[Entry], batches: Iterable[str]) -> list[str]:
    """Where waste cards that came and the log's waste of these batches differ (SCHEME-183)."""
    wanted = set(batches)
    told = {(entry.batch, _key(entry)) for entry in log if entry.event == LogEvent.WASTE.value}
    came = set(sent)
    missing = sorted((pair for pair in told - came if pair[0] in wanted), key=str)
    extra = sorted(came - told, key=str)
    problems = [(pair, "did not come") for pair in missing] + [(pair, "is not in the log") for pair in extra]
    return [
        f"batch {batch}: the waste card of order {line.order}, attempt {line.attempt}, {problem}"
        for (batch, line), problem in problems
    ]


def month_of(time: str) -> str:
    """The month (YYYYMM) of a time in ISO 8601."""
    return time[:4] + time[5:7]
