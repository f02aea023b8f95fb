"""Runs of the town: so many transactions of a seed, and what became of the money."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.terminal.money.check import Sum, close, compare
from tests.terminal.money.faults import Difference, Fault, Trouble
from tests.terminal.money.ledger import Suspense
from tests.terminal.money.town import Town
from tests.terminal.money.traffic import Deal, Entry, Traffic

RATE: Final = 0.4
"""Of the transactions, how many have a fault at least."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a run."""

    seed: int
    transactions: int
    deals: Counter[Deal]
    results: Counter[str]
    faults: Counter[Fault]
    commands: int
    messages: int
    seconds: float
    sums: list[Sum] = field(default_factory=list)
    suspense: list[Suspense] = field(default_factory=list)
    difference: str = ""
    card: str = ""
    """The card number that the difference is about, if it is about one."""
    history: list[Entry] = field(default_factory=list)

    @property
    def concerned(self) -> list[Entry]:
        """Of the history, what is about the card of the difference; all of it where it is about no card."""
        return [entry for entry in self.history if self.card in ("", entry.pan)]


def run_town(
    seed: int,
    transactions: int,
    *,
    rate: float = RATE,
    prepare: Callable[[Town], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """So many transactions of a seed; the first ones of a longer run are those of a shorter one.

    Args:
        seed: chance.
        transactions: how many.
        rate: of faults.
        prepare: changes the town before it opens, as tests do that break something.
        progress: told after each transaction how many are done.
    """
    random = Random(seed)
    trouble = Trouble(random, 0.0)
    town = Town(random, trouble)
    if prepare is not None:
        prepare(town)
    traffic = Traffic(town, trouble)
    start, done = time.perf_counter(), 0
    difference: Difference | None = None
    sums: list[Sum] = []
    trouble.rate = rate
    try:
        for done in range(1, transactions + 1):
            traffic.step()
            if progress is not None:
                progress(done)
        close(traffic)
        sums = compare(traffic)
    except Difference as found:
        difference = found
    return Report(
        seed,
        done,
        traffic.deals,
        traffic.results,
        trouble.struck,
        trouble.commands,
        trouble.messages,
        time.perf_counter() - start,
        sums,
        traffic.expected.suspense,
        "" if difference is None else str(difference),
        "" if difference is None else difference.card,
        traffic.history,
    )


def shortest(
    seed: int,
    transactions: int,
    *,
    rate: float = RATE,
    prepare: Callable[[Town], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """The shortest beginning of a run in which the money does not add up, by halving; each beginning is replayed."""
    report = run_town(seed, transactions, rate=rate, prepare=prepare, progress=progress)
    if not report.difference:
        return report
    low, high = 0, report.transactions
    while high - low > 1:
        middle = (low + high) // 2
        shorter = run_town(seed, middle, rate=rate, prepare=prepare, progress=progress)
        if shorter.difference:
            report, high = shorter, shorter.transactions
        else:
            low = middle
    return report
