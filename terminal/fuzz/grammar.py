"""Sequences made from the grammar: raw commands of the rows, phrases, and scenes that lead deep into a card.

A sequence is a walk over places. A goal is drawn, a phrase or the next one of a scene; phrases that lead to its place
come before it, rightly done, and the goal itself is right or wrong at a few points. Raw commands of the rows of the
place, power cuts and resets stand in between. A place is no more than what the phrases expect of the card: a card that
stands somewhere else is still spoken to.
"""

from bisect import bisect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from random import Random
from typing import Final

from cardsim.shapes import Place
from terminal.fuzz.facts import Facts, learn
from terminal.fuzz.mutate import changed, crossed
from terminal.fuzz.phrasebook import book
from terminal.fuzz.phrases import Phrase, Slots, step_of
from terminal.fuzz.raw import raw_command
from terminal.fuzz.sequence import Action, Sequence
from terminal.fuzz.subject import Subject
from terminal.slots import Slot

LONGEST: Final = 40
"""Steps of a sequence, before its last phrase comes to its end."""
_RAW: Final = 0.12
_CUT: Final = 0.015
_SCENE: Final = 0.35
_STAYS: Final = 0.5
_WRONG: Final = (0.55, 0.90, 0.97)
"""How often a phrase is wrong at no point, at one, at two; at four otherwise."""
_MANY: Final = 4
_SEEDS: Final = 1 << 31

START_PLACES: Final[Mapping[str, str]] = {
    "card": "card",
    "direct": "card",
    "otherwise": "card",
    "virgin": "virgin",
    "blank": "blank",
    "initialised": "initialised",
    "created": "created",
    "half": "half-made",
    "keyed": "keyed",
    "filled": "filled",
    "unissued": "waiting",
    "psam": "sam",
    "psam-otherwise": "sam",
    "psam-virgin": "sam-virgin",
    "psam-blank": "sam-blank",
    "psam-keyed": "sam-keyed",
    "psam-filled": "sam-filled",
}
"""The place where a sequence from each start begins (`terminal.fuzz.starts`)."""

_ROWS: Final[Mapping[str, Place]] = {
    "ssse": Place.SSSE,
    "df": Place.SSSE,
    "set-up": Place.SSSE,
    "medical": Place.MEDICAL,
    "account": Place.MEDICAL,
    "pse": Place.PSE,
    "channel": Place.PSE,
    "adf": Place.APPLICATION,
    "gpo": Place.APPLICATION,
    "arqc": Place.APPLICATION,
    "done": Place.APPLICATION,
    "blocked-adf": Place.APPLICATION,
    "draft": Place.APPLICATION,
    "sam-virgin": Place.PSAM_BLANK,
    "sam-blank": Place.PSAM_BLANK,
    "sam-keyed": Place.PSAM_SET_UP,
    "sam-set-up": Place.PSAM_SET_UP,
    "sam-filled": Place.PSAM_SET_UP,
    "sam-made": Place.PSAM_SET_UP,
}
"""The rows from which raw commands are made; elsewhere those of the card itself, or of an issued PSAM."""


class _Weighted:
    """Phrases to choose from, each as often as its weight says."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._phrases = tuple(phrases)
        self._bounds = list(accumulate(phrase.weight for phrase in self._phrases))

    def __bool__(self) -> bool:
        return bool(self._phrases)

    def draw(self, random: Random) -> Phrase:
        """One of them."""
        return self._phrases[bisect(self._bounds, random.random() * self._bounds[-1])]


class Grammar:
    """Makes sequences for one card.

    Args:
        subject: the card; it is asked for what it has, and its sequences begin where it begins.
        start: the name of that start.
        facts: what is known of the card already; otherwise it is asked.
    """

    def __init__(self, subject: Subject, start: str = "", facts: Facts | None = None) -> None:
        self._psam = subject.slot is Slot.PSAM
        self.start: Final = start or ("psam" if self._psam else "card")
        self._place = START_PLACES[self.start]
        self._slot = subject.slot
        self._faults = subject.control is not None
        facts = facts or learn(subject)
        self.slots: Final[Slots] = {**book().slots, **facts.slots}
        usable = usable_phrases(subject, self.slots)
        self._ways = _Ways(usable, self._place)
        self.phrases: Final = self._ways.phrases
        """The phrases that can come."""
        names = {phrase.name: phrase for phrase in self.phrases}
        self._scenes = [
            [names[name] for name in scene.phrases] for scene in book().scenes if names.keys() >= set(scene.phrases)
        ]

    def sequence(self, random: Random) -> Sequence:
        """A sequence of one step to about forty. The same numbers give the same sequence."""
        steps: list[Action] = []
        place, limit = self._place, 1 + int(LONGEST * random.random())
        goals: Iterator[Phrase] = iter(())
        if self._scenes and random.random() < _SCENE:
            goals = iter(self._scenes[int(random.random() * len(self._scenes))])
        while len(steps) < limit:
            draw = random.random()
            if draw < _RAW:
                steps.append(raw_command(random, self._rows(place), self._slot))
                continue
            if draw < _RAW + _CUT and self._faults:
                steps.append(step_of(f"cut {int(random.random() * 8)}"))
            goal = next(goals, None) or self._ways.goal(random, place)
            place = self._say(random, steps, place, goal)
        return Sequence(self.start, tuple(steps), 1 + int(random.random() * _SEEDS))

    def phrase(self, random: Random) -> list[Action]:
        """A single phrase, for whoever puts one into a sequence."""
        return self._ways.goal(random, self._place).steps(random, self.slots, _points(random))

    def raw(self, random: Random) -> Action:
        """A single raw command of any place."""
        places = [place for place in Place if (place.value.startswith("psam")) is self._psam]
        return raw_command(random, places[int(random.random() * len(places))], self._slot)

    def changed(self, sequence: Sequence, random: Random) -> Sequence:
        """A sequence like another (`terminal.fuzz.mutate`)."""
        return changed(sequence, random, self)

    def crossed(self, first: Sequence, second: Sequence, random: Random) -> Sequence:
        """A sequence of two."""
        return crossed(first, second, random)

    def way_to(self, phrase: Phrase, random: Random) -> list[Action]:
        """The steps that lead from the start to where a phrase fits."""
        return [step for way in self._ways.to(random, self._place, phrase) for step in way.steps(random, self.slots)]

    def _say(self, random: Random, steps: list[Action], place: str, goal: Phrase) -> str:
        """The way to a phrase, and the phrase; the place where it leads."""
        for step in self._ways.to(random, place, goal):
            steps += step.steps(random, self.slots)
            place = step.to or place
        wrong = _points(random)
        steps += goal.steps(random, self.slots, wrong)
        return place if wrong and goal.forks else goal.to or place

    def _rows(self, place: str) -> Place:
        return _ROWS.get(place, Place.PSAM if self._psam else Place.CARD)


def _points(random: Random) -> int:
    """At how many points a phrase is wrong."""
    wrong = bisect(_WRONG, random.random())
    return wrong if wrong < len(_WRONG) else _MANY


def usable_phrases(subject: Subject, slots: Slots) -> tuple[Phrase, ...]:
    """The phrases whose keys the key file has, whose slots have rows, and whose application is there."""
    keys = subject.keys
    sections = {name for name in ("card", "ssse", "pse", "bank", "holder", "psam") if getattr(keys, name) is not None}
    if keys.holder is not None and keys.holder.offline_pin is not None:
        sections.add("offline-pin")
    if "fci" in subject.known:
        sections.add("application")
    return tuple(
        phrase
        for phrase in book().phrases
        if phrase.needs <= sections and all(slots.get(name) for name in phrase.slots)
    )


class _Ways:
    """Which phrases lead from place to place.

    Args:
        phrases: all that can be used.
        start: where every sequence begins; what cannot be reached from there is left out.
    """

    def __init__(self, phrases: Iterable[Phrase], start: str) -> None:
        at: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            for place in phrase.at:
                at.setdefault(place, []).append(phrase)
        self._at = at
        reached = _reached(at, start)
        self.phrases: Final = tuple(dict.fromkeys(phrase for place in reached for phrase in at.get(place, ())))
        self._here = {place: _Weighted(at.get(place, ())) for place in reached}
        self._everywhere = {place: self._goals(place) for place in reached}
        self._next: dict[tuple[str, Phrase], tuple[Phrase, ...]] = {}

    def _goals(self, place: str) -> _Weighted:
        found = (phrase for reached in _reached(self._at, place) for phrase in self._at.get(reached, ()))
        return _Weighted(dict.fromkeys(found))

    def goal(self, random: Random, place: str) -> Phrase:
        """A phrase that fits where the card is, or any that can be reached."""
        here = self._here[place]
        return (here if here and random.random() < _STAYS else self._everywhere[place]).draw(random)

    def to(self, random: Random, place: str, goal: Phrase) -> Iterator[Phrase]:
        """The phrases that lead from a place to one of those where a phrase fits: a shortest way."""
        while place not in goal.at:
            steps = self._next.get((place, goal))
            if steps is None:
                steps = self._next[place, goal] = self._first_steps(place, goal)
            if not steps:
                return
            step = steps[int(random.random() * len(steps))]
            yield step
            place = step.to

    def _first_steps(self, place: str, goal: Phrase) -> tuple[Phrase, ...]:
        """Each phrase that begins a shortest way."""
        distance = dict.fromkeys(goal.at, 0)
        pending = deque(goal.at)
        while pending:
            target = pending.popleft()
            for origin, phrases in self._at.items():
                if origin not in distance and any(phrase.way and phrase.to == target for phrase in phrases):
                    distance[origin] = distance[target] + 1
                    pending.append(origin)
        here = distance.get(place)
        if here is None:
            return ()
        return tuple(phrase for phrase in self._at[place] if phrase.way and distance.get(phrase.to) == here - 1)


def _reached(at: Mapping[str, list[Phrase]], start: str) -> tuple[str, ...]:
    """The places that phrases lead to from one, itself first."""
    found = {start: None}
    pending = deque((start,))
    while pending:
        for phrase in at.get(pending.popleft(), ()):
            if phrase.to and phrase.to not in found:
                found[phrase.to] = None
                pending.append(phrase.to)
    return tuple(found)


__all__ = ["LONGEST", "START_PLACES", "Grammar", "usable_phrases"]
