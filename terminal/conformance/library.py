"""All cases and the vocabulary: case files in `vectors/cases`, Python cases, and files that a user names."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, TypeVar

from cardsim.resources import resource
from terminal.conformance import file_cases
from terminal.conformance.case import START, Case, Place, State, Step, Use, Vocabulary, Word
from terminal.conformance.dialect import MANAGEMENT_WORDS
from terminal.conformance.script import Script, ScriptError, parse_script


@dataclass(frozen=True, slots=True)
class Library:
    """Cases in the order of their files, and what they are written with."""

    cases: tuple[Case, ...]
    vocabulary: Vocabulary


GENERATED: Final[Mapping[str, Callable[[], str]]] = {f"{file_cases.GROUP} (a table)": file_cases.text}
"""Cases that a table of the project's data writes, as the text of a case file, by the name of the place of errors."""


@cache
def standard_library() -> Library:
    """The cases of this project: the case files, and those that tables write."""
    return load(resource("cases").iterdir(), generated={name: text() for name, text in GENERATED.items()})


def load(
    files: Iterable[Traversable | Path], base: Library | None = None, *, generated: Mapping[str, str] | None = None
) -> Library:
    """Read case files, and texts that are like case files; with a base, its vocabulary is there too.

    Raises:
        ScriptError: a file is wrong, an id stands twice, or a case uses a state or word that there is not.
    """
    texts = {file.name: file.read_text(encoding="utf8") for file in files if file.name.endswith(".case")}
    if generated is not None:
        texts = dict(sorted({**texts, **generated}.items()))
    scripts = [parse_script(name, text) for name, text in texts.items()]
    states = dict(base.vocabulary.states) if base else {}
    words = dict(base.vocabulary.words) if base else {}
    for script in scripts:
        _add("state", states, script.vocabulary.states)
        _add("word", words, script.vocabulary.words)
    library = Library(tuple(case for script in scripts for case in script.cases), Vocabulary(states, words))
    _check(library, scripts)
    return library


_Entry = TypeVar("_Entry", State, Word)


def _add(kind: str, known: dict[str, _Entry], new: Mapping[str, _Entry]) -> None:
    for name, entry in new.items():
        if name in known and known[name].place != entry.place:
            raise ScriptError(entry.place, f"the {kind} {name} stands already at {known[name].place}")
        known[name] = entry


def _check(library: Library, scripts: Iterable[Script]) -> None:
    seen: dict[str, Place] = {}
    states, words = library.vocabulary.states, library.vocabulary.words
    for case in (case for script in scripts for case in script.cases):
        if case.id in seen:
            raise ScriptError(case.place, f"case {case.id} stands already at {seen[case.id]}")
        seen[case.id] = case.place
        if case.state != START and case.state not in states:
            raise ScriptError(case.place, f"{case.state} is no state; states are {', '.join(sorted(states))}")
        _check_words(case.steps, {*words, *MANAGEMENT_WORDS})
    for state in states.values():
        if state.base is not None and state.base != START and state.base not in states:
            raise ScriptError(state.place, f"{state.base} is no state")
        _check_words(state.steps, {*words, *MANAGEMENT_WORDS})


def _check_words(steps: Iterable[Step], words: set[str]) -> None:
    for step in steps:
        if isinstance(step, Use) and step.word not in words:
            raise ScriptError(step.place, f"{step.word!r} is no word; words are {', '.join(sorted(words))}")
