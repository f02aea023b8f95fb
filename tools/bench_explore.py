"""Exploring: transitions a second, beside what restoring a state, one command and a snapshot take alone."""

import time
from dataclasses import dataclass
from typing import Final

from terminal.explore.alphabet import load_alphabet
from terminal.explore.search import Explorer
from terminal.explore.subject import ModelCard, make_subject

TURNS: Final = 3
_CHALLENGE: Final = bytes.fromhex("0084000008")


@dataclass(frozen=True, slots=True)
class Rates:
    """Transitions a second, and the yardstick's rate."""

    transitions: float
    yardstick: float


def explore(scale: int) -> Rates:
    """Explore the life cycle of a card with SSSE, in turn with its yardstick; the best of each."""
    alphabet = load_alphabet("life-cycle", ("pse",))
    best, bare = 0.0, 0.0
    for _ in range(TURNS * scale):
        subject = make_subject(alphabet)
        found = Explorer(subject, alphabet).run()
        if found.violations or not found.complete:
            raise SystemExit("bench: the card does not keep the rules, nothing was measured")
        best = max(best, found.transitions / found.seconds)
        bare = max(bare, _bare(subject.card, found.transitions))
    return Rates(best, bare)


def _bare(card: ModelCard, count: int) -> float:
    start, state = time.perf_counter(), card.snapshot()
    for _ in range(count):
        card.restore(state)
        card.transmit(_CHALLENGE)
        card.snapshot()
    return count / (time.perf_counter() - start)
