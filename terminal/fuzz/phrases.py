"""What must live here: phrases, the pieces that sequences are made of, and how their text is read and written out.

A phrase is a few steps of the case language that belong together, with choices in them. `vectors/phrases/*.phrase` holds
them by environment:

    slot amount = 000000000000 | 000000000001 | 999999999999

    phrase authenticate 4
        EXTERNAL AUTHENTICATE with a key of the environment.
        at ssse to ssse
        needs ssse
        ? > 00 84 00 00 <08 ~ 04>
        > 00 82 00 {id <key>} 10 <{auth <key>} ~ {wrong auth <key>} ~ {auth <key-2>}>
        + reset

- `<key>` is filled from the slot `key`: one of its rows, the same wherever it stands in the phrase; `<key-2>` is another
  draw. A slot with fields has rows of several words, `<tag.id>`. Slots come from the files and from the card (`facts.py`).
- `<A | B ~ C ~ D>` is a fork: `A` and `B` are right, `C` and `D` are wrong. Forks may stand in forks.
- `?` begins a line that is left out when it is wrong, `+` one that is there only when it is wrong.
- `at` names the places where the phrase makes sense, or a group of them (`group issued = card ssse`), `to` the place that it
  leads to. `needs` names sections of the key file. The number behind the name is its weight.
- `scene NAME = PHRASE…` names phrases that are played in this order, with others in between.

So a phrase is right, or wrong at as many points as one asks for.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from functools import cache, lru_cache
from random import Random
from typing import Final

from cardsim.resources import resource
from terminal.conformance.case import Control, Let, Reset, Send
from terminal.conformance.script import ScriptError, parse_step
from terminal.fuzz.sequence import NOWHERE, Action

_SIGNS: Final = re.compile(r"[<>|~]")
_SLOT: Final = re.compile(r"([a-z][a-z0-9]*(?:-[a-z]+)*)(-[0-9])?(?:\.([a-z0-9]+))?")
_KEPT_STEPS: Final = 1 << 16

Slots = Mapping[str, Row[Mapping[str, str]]]
"""By the name of a slot its rows; a row has its words by field, the only word of a plain slot by the empty name."""


class PhraseError(ValueError):
    """A phrase file that cannot be used: file, line, and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A word that comes from a slot. `draw` tells several draws of one slot apart."""

    slot: str
    draw: str
    field: str


@dataclass(frozen=True, slots=True)
class Fork:
    """Texts of which one is taken: a right one, unless the phrase is to be wrong at this point."""

    number: int
    right: "tuple[Text, ...]"
    wrong: "tuple[Text, ...]"


Text = tuple[str | Fill | Fork, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One step with its choices. `fork` numbers a line that is there, or not, when the phrase is wrong at that point."""

    text: Text
    fork: int | None = None
    only_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Steps that belong together."""

    name: str
    title: str
    at: tuple[str, ...]
    to: str
    lines: tuple[Line, ...]
    forks: int
    """Points at which it can be wrong."""
    slots: frozenset[str]
    needs: frozenset[str] = frozenset()
    weight: int = 1

    def steps(self, random: Random, slots: Slots, wrong: int = 0) -> list[Action]:
        """The steps for one draw of everything that is open.

        Args:
            random: decides.
            slots: what the slots hold; each one of the phrase has at least one row.
            wrong: at how many points it is wrong (at most; the same point may be drawn twice).
        """
        points = frozenset(int(random.random() * self.forks) for _ in range(wrong)) if self.forks else frozenset[int]()
        drawn: dict[tuple[str, str], Mapping[str, str]] = {}
        steps = []
        for line in self.lines:
            if line.fork is None or (line.fork in points) is line.only_wrong:
                steps.append(step_of(_written(line.text, random, slots, points, drawn)))
        return steps


_Drawn = dict[tuple[str, str], Mapping[str, str]]


def _written(text: Text, random: Random, slots: Slots, points: frozenset[int], drawn: _Drawn) -> str:
    """A text with its slots filled and one way taken at each fork."""
    parts: list[str] = []
    for part in text:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Fill):
            key = (part.slot, part.draw)
            row = drawn.get(key)
            if row is None:
                rows = slots[part.slot]
                row = drawn[key] = rows[int(random.random() * len(rows))]
            parts.append(row[part.field])
        else:
            ways = part.wrong if part.wrong and part.number in points else part.right
            way = ways[int(random.random() * len(ways))] if len(ways) > 1 else ways[0]
            parts.append(_written(way, random, slots, points, drawn))
    return "".join(parts)


@lru_cache(maxsize=_KEPT_STEPS)
def step_of(line: str) -> Action:
    """The step of a line; equal lines give the same step.

    Raises:
        ScriptError: the line is none.
    """
    step = parse_step(NOWHERE, line)
    if not isinstance(step, Send | Reset | Let | Control):
        raise ScriptError(NOWHERE, f"{line!r} is no step of a sequence")
    return step


# --- reading ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    """A phrase while its lines are read."""

    name: str
    weight: int
    title: str = ""
    at: tuple[str, ...] = ()
    to: str = ""
    needs: frozenset[str] = frozenset()
    lines: list[Line] = field(default_factory=list)
    forks: int = 0
    slots: set[str] = field(default_factory=set)

    def fork(self) -> int:
        """The number of a new point."""
        self.forks += 1
        return self.forks - 1

    def done(self) -> Phrase:
        """The phrase."""
        return Phrase(
            self.name, self.title, self.at, self.to, tuple(self.lines), self.forks, frozenset(self.slots), self.needs,
            self.weight,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """Phrases by name, to be played in this order with others in between."""

    name: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """What one phrase file holds, or all of them."""

    phrases: tuple[Phrase, ...]
    slots: Slots
    scenes: tuple[Scene, ...] = ()


def parse_phrases(name: str, text: str) -> Book:
    """Read a phrase file. Groups of places stand before the phrases that name them.

    Raises:
        PhraseError: a line is not understood; names file and line.
    """
    phrases: list[_Draft] = []
    slots: dict[str, Row[Mapping[str, str]]] = {}
    scenes: list[Scene] = []
    groups: dict[str, tuple[str, ...]] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        content = raw.partition("#")[0].rstrip()
        if not content:
            continue
        try:
            if content[0] != " ":
                _outside(content, phrases, slots, scenes, groups)
            elif phrases:
                _inside(content.strip(), phrases[-1], groups)
            else:
                raise PhraseError("an indented line stands below `phrase NAME`")
        except (PhraseError, ScriptError) as error:
            raise PhraseError(f"{name}:{number}: {error}") from error
    return Book(tuple(draft.done() for draft in phrases), slots, tuple(scenes))


def _outside(
    content: str,
    phrases: list[_Draft],
    slots: dict[str, Row[Mapping[str, str]]],
    scenes: list[Scene],
    groups: dict[str, tuple[str, ...]],
) -> None:
    kind, *words = content.split()
    match kind, words:
        case "phrase", [name, *weight] if len(weight) <= 1 and all(word.isdigit() for word in weight):
            phrases.append(_Draft(name, int(weight[0]) if weight else 1))
        case "slot", [name, *_]:
            head, _, rows = content.partition("=")
            fields = head.split()[2:] or [""]
            slots[name] = [_row(fields, row) for row in rows.split("|")]
        case "group", [name, "=", *places]:
            groups[name] = tuple(places)
        case "scene", [name, "=", *names]:
            scenes.append(Scene(name, tuple(names)))
        case _:
            raise PhraseError(f"{content!r}: expected `phrase NAME [WEIGHT]`, `slot NAME = …`, `group NAME = …` or `scene NAME = …`")


def _row(fields: list[str], text: str) -> Mapping[str, str]:
    words = [word.strip() for word in text.split(",")]
    if len(words) != len(fields):
        raise PhraseError(f"a row of the slot has {len(words)} words, its fields are {len(fields)}")
    return dict(zip(fields, words, strict=True))


def _inside(content: str, draft: _Draft, groups: Mapping[str, tuple[str, ...]]) -> None:
    key, _, rest = content.partition(" ")
    match key:
        case _ if not draft.title:
            draft.title = content
        case "at":
            places, _, to = rest.partition(" to ")
            draft.at = tuple(place for word in places.split() for place in groups.get(word, (word,)))
            draft.to = to.strip()
        case "needs":
            draft.needs = frozenset(rest.split())
        case "?" | "+":
            point = draft.fork()
            draft.lines.append(Line(_text(rest.strip(), draft), point, key == "+"))
        case _:
            draft.lines.append(Line(_text(content, draft)))


def _text(line: str, draft: _Draft) -> Text:
    """A step: its verb as it stands (`>` and `sam>>` are no forks), then text with slots and forks."""
    verb, blank, rest = ("", "", line) if line.startswith("<") else line.partition(" ")
    tokens = _tokens(rest)
    parts = _parts(tokens, draft)
    if next(tokens, None) is not None:
        raise PhraseError(f"{line!r}: a > stands alone")
    return _joined([verb + blank, *parts])


def _tokens(text: str) -> Iterator[str]:
    at = 0
    for sign in _SIGNS.finditer(text):
        if sign.start() > at:
            yield text[at : sign.start()]
        yield sign[0]
        at = sign.end()
    if at < len(text):
        yield text[at:]


def _parts(tokens: Iterator[str], draft: _Draft) -> list[str | Fill | Fork]:
    parts: list[str | Fill | Fork] = []
    for token in tokens:
        if token == "<":
            parts.append(_choice(tokens, draft))
        elif token in (">", "|", "~"):
            raise PhraseError(f"{token} stands outside of a choice")
        else:
            parts.append(token)
    return parts


def _choice(tokens: Iterator[str], draft: _Draft) -> Fill | Fork:
    """What stands between < and >."""
    ways: list[list[list[str | Fill | Fork]]] = [[[]], []]  # right ones, wrong ones
    current, forked = ways[0][0], False
    for token in tokens:
        match token:
            case "<":
                current.append(_choice(tokens, draft))
            case "|" | "~":
                forked = True
                current = []
                ways[token == "~" or bool(ways[1])].append(current)
            case ">":
                if not forked:
                    return _fill(current, draft)
                right, wrong = ([_stripped(way) for way in side] for side in ways)
                return Fork(draft.fork() if wrong else -1, tuple(right), tuple(wrong))
            case _:
                current.append(token)
    raise PhraseError("a < is not closed")


def _fill(parts: list[str | Fill | Fork], draft: _Draft) -> Fill:
    found = _SLOT.fullmatch(parts[0]) if len(parts) == 1 and isinstance(parts[0], str) else None
    if found is None:
        raise PhraseError("between < and > stands the name of a slot, or ways with | and ~ between them")
    draft.slots.add(found[1])
    return Fill(found[1], found[2] or "", found[3] or "")


def _stripped(parts: list[str | Fill | Fork]) -> Text:
    if parts and isinstance(parts[0], str):
        parts[0] = parts[0].lstrip()
    if parts and isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip()
    return _joined(parts)


def _joined(parts: Iterable[str | Fill | Fork]) -> Text:
    """Neighbouring texts as one."""
    done: list[str | Fill | Fork] = []
    for part in parts:
        if isinstance(part, str) and done and isinstance(done[-1], str):
            done[-1] += part
        elif part != "":
            done.append(part)
    return tuple(done)


@cache
def book() -> Book:
    """All phrases of the project.

    Raises:
        PhraseError: a file is wrong.
    """
    folder = resource("phrases")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".phrase")), key=lambda item: item.name)
    books = [parse_phrases(item.name, item.read_text(encoding="utf8")) for item in files]
    slots: dict[str, Row[Mapping[str, str]]] = {}
    for one in books:
        slots.update(one.slots)
    return Book(
        tuple(phrase for one in books for phrase in one.phrases), slots, tuple(s for one in books for s in one.scenes)
    )
