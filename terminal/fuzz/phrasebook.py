"""Reads phrase files (`vectors/phrases/*.phrase`); what stands in them says `terminal.fuzz.phrases`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from cardsim.resources import resource
from terminal.conformance.script import ScriptError
from terminal.fuzz.phrases import Book, Fill, Fork, Line, Phrase, Scene, Text

_SIGNS: Final = re.compile(r"[<>|~]")
_SLOT: Final = re.compile(r"([a-z][a-z0-9]*(?:-[a-z]+)*)(-[0-9])?(?:\.([a-z0-9]+))?")
_SlotRows = dict[str, Row[Mapping[str, str]]]


class PhraseError(ValueError):
    """A phrase file that cannot be used: file, line, and what is wrong there."""


@dataclass(slots=True)
class _Draft:
    """A phrase while its lines are read."""

    name: str
    weight: int
    title: str = ""
    at: tuple[str, ...] = ()
    to: str = ""
    way: bool = False
    needs: frozenset[str] = frozenset()
    refused: tuple[int, ...] = ()
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
            self.name, self.title, self.at, self.to, self.way, tuple(self.lines), self.forks, frozenset(self.slots),
            self.needs, self.refused, self.weight,
        )  # fmt: skip


@dataclass(slots=True)
class _Reader:
    """One file while it is read."""

    phrases: list[_Draft] = field(default_factory=list)
    slots: _SlotRows = field(default_factory=dict)
    scenes: list[Scene] = field(default_factory=list)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def line(self, content: str) -> None:
        """One line that is not empty."""
        if content[0] != " ":
            self._outside(content)
        elif self.phrases:
            self._inside(content.strip(), self.phrases[-1])
        else:
            raise PhraseError("an indented line stands below `phrase NAME`")

    def _outside(self, content: str) -> None:
        kind, *words = content.split()
        match kind, words:
            case "phrase", [name, *weight] if len(weight) <= 1 and all(word.isdigit() for word in weight):
                self.phrases.append(_Draft(name, int(weight[0]) if weight else 1))
            case "slot", [name, *_]:
                head, _, rows = content.partition("=")
                fields = head.split()[2:] or [""]
                self.slots[name] = [_row(fields, row) for row in rows.split("|")]
            case "group", [name, "=", *places]:
                self.groups[name] = tuple(places)
            case "scene", [name, "=", *names]:
                self.scenes.append(Scene(name, tuple(names)))
            case _:
                raise PhraseError(f"{content!r}: expected `phrase NAME [WEIGHT]`, or slot, group or scene `NAME = …`")

    def _inside(self, content: str, draft: _Draft) -> None:
        key, _, rest = content.partition(" ")
        match key:
            case _ if not draft.title:
                draft.title = content
            case "at":
                places, to, after = (*re.split(r" (to|then) ", rest), "", "")[:3]
                draft.at = tuple(place for word in places.split() for place in self.groups.get(word, (word,)))
                draft.to, draft.way = after.strip(), to == "to"
            case "refused":
                draft.refused = tuple(int(word, 16) for word in rest.split())
            case "needs":
                draft.needs = frozenset(rest.split())
            case "?" | "+":
                point = draft.fork()
                draft.lines.append(Line(_text(rest.strip(), draft), point, key == "+"))
            case _:
                draft.lines.append(Line(_text(content, draft)))


def parse_phrases(name: str, text: str) -> Book:
    """Read a phrase file. Groups of places stand before the phrases that name them.

    Raises:
        PhraseError: a line is not understood; names file and line.
    """
    reader = _Reader()
    for number, raw in enumerate(text.splitlines(), 1):
        content = raw.partition("#")[0].rstrip()
        try:
            if content:
                reader.line(content)
        except (PhraseError, ScriptError) as error:
            raise PhraseError(f"{name}:{number}: {error}") from error
    return Book(tuple(draft.done() for draft in reader.phrases), reader.slots, tuple(reader.scenes))


def _row(fields: list[str], text: str) -> Mapping[str, str]:
    words = [word.strip() for word in text.split(",")]
    if len(words) != len(fields):
        raise PhraseError(f"a row of the slot has {len(words)} words, its fields are {len(fields)}")
    return dict(zip(fields, words, strict=True))


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
