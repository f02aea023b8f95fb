"""Reads case files: lines that look like a transcript.

    group SSSE_RECORD

    case SSC5-6.10-01
        READ RECORD returns whole records; tag and length are part of the answer.
        shows SSC5-6.10-01, SSC3-5.3.1-01
        state ssse
        needs version>=2.0
        marks writes
        > 00 A4 02 00 02 EF05          one command, its answer taken as it comes (61xx, 6Cxx included)
        < 9000
        >> 00 B2 03 04 00              the same with 61xx and 6Cxx followed
        < 0304 {version:4} 9000
        auth RKSSSE                    a word of the vocabulary
        reset
        sam> 80 FA 00 00 08 {data}     the same lines for the PSAM in the other slot: sam> sam>> sam< and sam reset
        sam< 6108
        let R = {challenge}
        check {version} == 332E3030
        each n 1 {atr}                 the steps below it, indented, once for each byte n
            > 00 B2 {n} 04 00

A case with `rows` stands for one case for each row of its table (`terminal.conformance.rows`).
The title is one sentence and ends with a full stop. `#` begins a comment. A file of the vocabulary has
`state NAME [from NAME]` and `word NAME PARAMETERS` in place of `case`. Every error names file and line.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NoReturn

from cardsim.pse.choices import setting_problem
from terminal.conformance.case import (
    Case,
    Check,
    Control,
    Each,
    Expect,
    Let,
    LineDo,
    LineExpect,
    LineSend,
    Mark,
    Place,
    Repeat,
    Reset,
    Send,
    State,
    Step,
    Use,
    Vocabulary,
    Word,
)
from terminal.conformance.line import ACTIONS
from terminal.conformance.pattern import PatternError, parse_characters, parse_pattern
from terminal.conformance.rows import RowsError, expanded
from terminal.conformance.template import Template, TemplateError, parse_template
from terminal.slots import Slot

CONTROLS: Final = frozenset({"cut", "cut-inside", "fail-page", "mend", "new-card"})
_SAM_CONTROLS: Final = (CONTROLS - {"new-card"}) | {"lock"}
_HEADER: Final = frozenset({"shows", "state", "needs", "marks"})
_INDENT: Final = re.compile(r"^(\s*)(.*?)\s*(?:#.*)?$")


class ScriptError(Exception):
    """A case file that cannot be used: file, line, and what is wrong there."""

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


_Loop = int | tuple[str, int, Template]
"""How often, or: name, size and value of `each`."""


@dataclass(slots=True)
class _Block:
    """One case, state or word while it is read."""

    kind: str
    words: list[str]
    place: Place
    title: list[str] = field(default_factory=list)
    header: dict[str, list[str]] = field(default_factory=dict)
    stack: list[list[Step]] = field(default_factory=lambda: [[]])
    repeats: list[tuple[Place, "_Loop", int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Script:
    """What one file holds."""

    cases: tuple[Case, ...]
    vocabulary: Vocabulary


def _slot(key: str) -> Slot:
    return Slot.PSAM if key.startswith("sam") else Slot.CARD


def parse_script(file: str, text: str) -> Script:
    """Read one file.

    Raises:
        ScriptError: a line is not understood, or a case is incomplete.
    """
    return _Reader(file).read(text.splitlines())


def parse_step(place: Place, line: str) -> Step:
    """Read a single step: one line as it stands below `case`, with a word of the vocabulary as `Use`.

    Raises:
        ScriptError: it is none, or one that needs further lines.
    """
    key, _, rest = line.partition(" ")
    if key in ("repeat", "each", "|"):
        raise ScriptError(place, f"`{key}` stands in a case, with the lines that belong to it")
    step = _Reader(place.file)._step(place, key, rest.strip(), line, _Block("case", [], place, ["."]))
    assert step is not None
    return step


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._group = ""
        self._block: _Block | None = None
        self._cases: list[Case] = []
        self._states: dict[str, State] = {}
        self._words: dict[str, Word] = {}

    def read(self, lines: Iterable[str]) -> Script:
        try:
            numbered = list(expanded(lines))
        except RowsError as error:
            raise ScriptError(Place(self._file, error.number), str(error)) from error
        for number, line in numbered:
            found = _INDENT.match(line)
            indent, content = (found[1], found[2]) if found else ("", "")
            if not content:
                continue
            place = Place(self._file, number)
            if indent:
                self._inside(place, content, len(indent))
            else:
                self._outside(place, content)
        self._finish()
        return Script(tuple(self._cases), Vocabulary(self._states, self._words))

    def _fail(self, place: Place, problem: str) -> NoReturn:
        raise ScriptError(place, problem)

    def _outside(self, place: Place, content: str) -> None:
        self._finish()
        kind, *words = content.split()
        match kind:
            case "group" if len(words) == 1:
                self._group = words[0]
            case "case" if len(words) == 1:
                if not self._group:
                    self._fail(place, "a case stands behind a line `group NAME`")
                self._block = _Block(kind, words, place)
            case "state" if len(words) == 1 or (len(words) == 3 and words[1] == "from"):
                self._block = _Block(kind, words, place)
            case "word" if words:
                self._block = _Block(kind, words, place)
            case _:
                self._fail(place, f"{content!r}: expected `group NAME`, `case ID`, `state NAME` or `word NAME`")

    def _inside(self, place: Place, content: str, indent: int) -> None:
        block = self._block
        if block is None:
            self._fail(place, "an indented line stands below `case`, `state` or `word`")
        while block.repeats and indent <= block.repeats[-1][2]:
            self._close_repeat(block)
        key, _, rest = content.partition(" ")
        if block.kind == "case" and key in _HEADER and not any(block.stack):
            block.header.setdefault(key, []).extend(rest.replace(",", " ").split())
            return
        if key == "repeat" and rest.isdigit():
            block.repeats.append((place, int(rest), indent))
            block.stack.append([])
            return
        if key == "each":
            block.repeats.append((place, self._pieces(place, rest), indent))
            block.stack.append([])
            return
        step = self._step(place, key, rest.strip(), content, block)
        if step is not None:
            block.stack[-1].append(step)

    def _step(self, place: Place, key: str, rest: str, content: str, block: _Block) -> Step | None:
        try:
            match key:
                case ">" | ">>" | "sam>" | "sam>>":
                    return Send(place, parse_template(rest), key.endswith(">>"), _slot(key))
                case "<" | "sam<":
                    return Expect(place, (parse_pattern(rest),), _slot(key))
                case "line>":
                    return LineSend(place, parse_template(rest))
                case "line<":
                    return LineExpect(place, None if rest == "none" else parse_characters(rest))
                case "|":
                    self._alternative(place, rest, block)
                    return None
                case "reset":
                    return Reset(place)
                case "sam":
                    return self._of_sam(place, rest)
                case "let":
                    name, _, value = rest.partition("=")
                    return Let(place, name.strip(), parse_template(value.strip()))
                case "check":
                    return self._check(place, rest)
                case _ if key in ACTIONS:
                    return LineDo(place, key, tuple(rest.split()))
                case _ if key in CONTROLS:
                    return Control(place, key, tuple(rest.split()))
        except (TemplateError, PatternError) as error:
            raise ScriptError(place, str(error)) from error
        if not any(block.stack) and not block.header and not (block.title and block.title[-1].endswith(".")):
            block.title.append(content)
            return None
        return Use(place, key, tuple(rest.split()))

    def _alternative(self, place: Place, rest: str, block: _Block) -> None:
        steps = block.stack[-1]
        if not steps or not isinstance(steps[-1], Expect):
            self._fail(place, "`|` gives another answer and stands below `<`")
        last = steps[-1]
        steps[-1] = Expect(last.place, (*last.alternatives, parse_pattern(rest)), last.slot)

    def _of_sam(self, place: Place, rest: str) -> Step:
        action, *arguments = rest.split() or [""]
        if action == "reset" and not arguments:
            return Reset(place, Slot.PSAM)
        if action not in _SAM_CONTROLS:
            known = ", ".join(sorted(_SAM_CONTROLS))
            self._fail(place, f"`sam` takes reset, {known}; a command to the PSAM is written `sam> HEX`")
        return Control(place, action, tuple(arguments), Slot.PSAM)

    def _check(self, place: Place, rest: str) -> Check:
        for operator, equal in (("==", True), ("!=", False)):
            left, found, right = rest.partition(operator)
            if found:
                return Check(place, parse_template(left.strip()), parse_template(right.strip()), equal)
        raise ScriptError(place, "`check` compares two values with == or !=")

    @staticmethod
    def _pieces(place: Place, rest: str) -> _Loop:
        name, _, more = rest.partition(" ")
        size, _, value = more.strip().partition(" ")
        if not size.isdigit() or not int(size):
            raise ScriptError(place, "`each` takes a name, a number of bytes and a value")
        try:
            return name, int(size), parse_template(value)
        except TemplateError as error:
            raise ScriptError(place, str(error)) from error

    @staticmethod
    def _close_repeat(block: _Block) -> None:
        place, loop, _ = block.repeats.pop()
        steps = tuple(block.stack.pop())
        block.stack[-1].append(Repeat(place, loop, steps) if isinstance(loop, int) else Each(place, *loop, steps))

    def _finish(self) -> None:
        block, self._block = self._block, None
        if block is None:
            return
        while block.repeats:
            self._close_repeat(block)
        steps, title = tuple(block.stack[0]), " ".join(block.title)
        match block.kind:
            case "case":
                self._cases.append(self._case(block, steps, title))
            case "state":
                base = block.words[2] if len(block.words) == 3 else None
                self._states[block.words[0]] = State(block.words[0], title, block.place, base, steps)
            case _:
                parameters = tuple(block.words[1:])
                self._words[block.words[0]] = Word(block.words[0], title, block.place, parameters, steps)

    def _case(self, block: _Block, steps: tuple[Step, ...], title: str) -> Case:
        header = block.header
        if not title:
            self._fail(block.place, f"case {block.words[0]} has no title: one sentence below its first line")
        if not any(isinstance(step, Expect | LineExpect | LineDo | Check | Use | Repeat | Each) for step in steps):
            self._fail(block.place, f"case {block.words[0]} expects nothing")
        state = header.get("state", ["powered"])
        if len(state) != 1:
            self._fail(block.place, f"case {block.words[0]} names {len(state)} states; one is wanted")
        for need in header.get("needs", []):
            name, equals, word = need.partition("=")
            problem = setting_problem(name, word) if equals and name.isidentifier() else ""
            if problem:
                self._fail(block.place, f"case {block.words[0]} needs {need}: {problem}")
        try:
            marks = frozenset(Mark(word) for word in header.get("marks", []))
        except ValueError as error:
            known = ", ".join(mark.value for mark in Mark)
            raise ScriptError(block.place, f"{error}; marks are {known}") from None
        return Case(
            id=block.words[0],
            title=title,
            group=self._group,
            place=block.place,
            state=state[0],
            shows=tuple(header.get("shows", [])) or (block.words[0],),
            steps=steps,
            needs=tuple(header.get("needs", [])),
            marks=marks,
        )
