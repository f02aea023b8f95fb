"""What is new in a run, and which sequences of the corpus deserve more work.

A **feature** is something that a run has reached: on any card a row of the command tables with the status word that it
was answered, together with the security state that the card was in (`Observed`), or with the file; on the model lines
of its code too. A sequence that reached a feature first enters the corpus. Energy goes to sequences whose features
were seldom reached: half of the work goes to what few runs have seen (Böhme et al., "Coverage-based greybox fuzzing as
Markov chain"; Entropic).
"""

import dataclasses
from bisect import bisect
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from itertools import accumulate
from math import sqrt
from random import Random
from typing import Final

from cardsim.decode.commands import command_name
from cardsim.decode.observed import Observed
from terminal.fuzz.corpus import Entry, name_of
from terminal.fuzz.executor import Exchange
from terminal.fuzz.sequence import Sequence

_AGAIN: Final = 256
"""Choices, at least, until the energies are worked out anew."""
_MOST_KNOWN: Final = 400_000
"""Headers in states that are looked up without being worked out again; there are more when P1 and P2 are drawn."""
_RECORDS: Final = frozenset({0xB2, 0xDC})
"""READ RECORD, UPDATE RECORD: P1 is a number, of which the first few do, P2 names file and mode."""
_FIRST_RECORDS: Final = 3
_NAMING: Final = frozenset({0x24, 0x26, 0x28, 0x2E, 0x56, 0x82, 0x84, 0x88, 0xAE, 0xCA, 0xDA, 0xFA})
"""Commands whose P1 and P2 name one of a few things."""
_PER_STEP: Final = 24
"""A sequence with so many commands more gets half of the energy: short ones are quicker and mutate better."""


def row_of(state: Observed, command: bytes) -> str:
    """The row of a command as features and findings name it: environment, name, CLA and INS."""
    name = command_name(state.environment, command)
    where = state.environment.value
    return f"{where} {name} {command[:2].hex().upper()}" if name != "unknown command" else f"{where} {name}"


def word_of(answer: bytes) -> str:
    """The status word as features name it; lengths do not make a difference."""
    sw = answer[-2:].hex().upper()
    return f"{sw[:2]}xx" if sw[:2] in ("61", "6C") else sw or "mute"


def pair_of(feature: str) -> str:
    """Row and status word of a feature, without start and state of the card."""
    return feature.split(" | ")[1]


def security_of(state: Observed) -> str:
    """The security state in a few words: all but the file."""
    return str(dataclasses.replace(state, file=0))


def _parameters_of(exchange: Exchange) -> Iterator[str]:
    """P1 and P2 of a command that went well, where they say what is done: which record and how, which object or key."""
    command, sw1 = exchange.command, exchange.answer[-2:-1]
    if sw1 not in (b"\x90", b"\x61") or len(command) < 4:
        return
    _, ins, p1, p2 = command[:4]
    if ins in _RECORDS:
        yield f"P1 {min(p1, _FIRST_RECORDS):02X} P2 {p2:02X}"
    elif ins in _NAMING:
        yield f"P1 {p1:02X} P2 {p2:02X}"


def _bare(state: Observed) -> Observed:
    """Where the card stands, without what was proved."""
    return Observed(state.powered, state.environment, state.application)


class Features:
    """Numbers for features, and what they say. A look-up for each exchange is all that a run costs."""

    def __init__(self) -> None:
        self.texts: Final[list[str]] = []
        """What the features say, by their numbers."""
        self.rows: Final[set[tuple[str, str]]] = set()
        """Each row with each status word that it was answered."""
        self._numbers: dict[str, int] = {}
        self._known: dict[tuple[int, bytes, bytes], tuple[int, ...]] = {}
        self._states: dict[tuple[str, Observed], int] = {}

    def number(self, text: str) -> int:
        """The number of a feature."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found

    def of(self, start: str, exchanges: Iterable[Exchange]) -> set[int]:
        """The features of a run."""
        found: set[int] = set()
        known, last, state = self._known, None, 0
        for exchange in exchanges:
            before = exchange.before
            if before is not last:
                last, state = before, self._state(start, before)
            key = (state, exchange.command[:4], exchange.answer[-2:])
            features = known.get(key)
            if features is None:
                features = self._new(key, start, exchange)
            found.update(features)
        return found

    def _state(self, start: str, state: Observed) -> int:
        key = (start, state)
        return self._states.setdefault(key, len(self._states))

    def _new(self, key: tuple[int, bytes, bytes], start: str, exchange: Exchange) -> tuple[int, ...]:
        state, row, word = exchange.before, row_of(exchange.before, exchange.command), word_of(exchange.answer)
        self.rows.add((row, word))
        texts = [f"{start} | {row} {word} | {security_of(state)}"]
        if state.file:
            texts.append(f"{start} | {row} {word} | {security_of(_bare(state))}, EF {state.file:04X}")
        texts += [f"{start} | {row} {word} | {what}" for what in _parameters_of(exchange)]
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        features = self._known[key] = tuple(map(self.number, texts))
        return features


@dataclass(slots=True)
class _Chosen:
    """An entry with the features that it opened, by their numbers."""

    sequence: Sequence
    features: tuple[int, ...]

    def energy(self, hits: Row[int]) -> float:
        rarest = min((hits[feature] for feature in self.features), default=1)
        return 1.0 / (sqrt(max(1, rarest)) * (1 + len(self.sequence.steps) / _PER_STEP))


@dataclass(slots=True)
class Guide:
    """Knows what was reached, and chooses what to go on with."""

    features: Features = field(default_factory=Features)
    hits: list[int] = field(default_factory=list)
    """How many runs have reached each feature."""
    lines: set[str] = field(default_factory=set)
    """Lines of the model's code that were reached."""
    _entries: list[_Chosen] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _energies: list[float] = field(default_factory=list)
    """Sums of the energies up to each entry."""
    _until: int = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def reached(self) -> int:
        """How many features were reached."""
        return sum(count > 0 for count in self.hits)

    def judge(self, sequence: Sequence, exchanges: Iterable[Exchange], lines: Iterable[str] = ()) -> Entry | None:
        """Count what a run has reached; an entry for the corpus if some of it is new."""
        found = self.features.of(sequence.start, exchanges)
        new = self.count(found)
        new_lines = frozenset(lines) - self.lines
        if not new and not new_lines:
            return None
        self.lines |= new_lines
        texts = self.features.texts
        entry = Entry(sequence, tuple(texts[number] for number in new), new_lines)
        self._add(sequence, tuple(new) or tuple(found))
        return entry

    def learn(self, entry: Entry) -> None:
        """Take over an entry that somebody else has found; its features count as reached once."""
        numbers = tuple(map(self.features.number, entry.features))
        self.count(numbers)
        self.lines |= entry.lines
        self._add(entry.sequence, numbers)

    def count(self, features: Iterable[int]) -> list[int]:
        """Count the features of a run; those that no run has reached before, in the order of their numbers."""
        hits = self.hits
        hits.extend([0] * (len(self.features.texts) - len(hits)))
        new = []
        for feature in features:
            if not hits[feature]:
                new.append(feature)
            hits[feature] += 1
        return sorted(new)

    def _add(self, sequence: Sequence, features: tuple[int, ...]) -> None:
        name = name_of(sequence)
        if name not in self._names:
            self._names.add(name)
            entry = _Chosen(sequence, features)
            self._entries.append(entry)
            self._energies.append((self._energies[-1] if self._energies else 0.0) + entry.energy(self.hits))

    def choose(self, random: Random) -> Sequence:
        """A sequence of the corpus to go on with; there must be one."""
        if self._until <= 0:
            self._energies = list(accumulate(entry.energy(self.hits) for entry in self._entries))
            self._until = max(_AGAIN, len(self._entries))
        self._until -= 1
        at = bisect(self._energies, random.random() * self._energies[-1])
        return self._entries[min(at, len(self._entries) - 1)].sequence


def cover(entries: Iterable[tuple[Sequence, frozenset[str]]]) -> list[Sequence]:
    """The corpus minimiser: sequences that together reach all that the given ones reach, short ones first.

    For each feature the shortest sequence is taken that reaches it, beginning with what fewest sequences reach.
    """
    listed = sorted(entries, key=lambda entry: (len(entry[0].steps), name_of(entry[0])))
    reaches: dict[str, list[int]] = {}
    for number, (_, features) in enumerate(listed):
        for feature in features:
            reaches.setdefault(feature, []).append(number)
    taken: set[int] = set()
    covered: set[str] = set()
    for feature, numbers in sorted(reaches.items(), key=lambda item: (len(item[1]), item[0])):
        if feature not in covered:
            taken.add(numbers[0])
            covered |= listed[numbers[0]][1]
    return [listed[number][0] for number in sorted(taken)]
