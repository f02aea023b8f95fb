"""Alphabets: the letters that are put into sequences, written in the language of the conformance cases.

A file of an alphabet is a case file without cases. Its words without parameters are the letters; words with
parameters, and those of the project's vocabulary, are what letters are written with. The state `start` is where
exploring begins: if it comes from the vocabulary's state `blank`, on a small blank card that is made for it; if it
comes from a state `virgin`, on a virgin chip; otherwise on a small card made for use, or on the card of `--card`.

Three lines may stand first in a letter, and are no steps:

    at-most N      it changes the card at most N times on a path; for what counts without end (ATC, sequence counter)
    part NAME      letters of one part can be left out together (`--without NAME`)
    uncut          no power cuts are tried in it (`--cuts`)
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cardsim.resources import resource
from terminal.conformance.case import START, Step, Use, Vocabulary, Word
from terminal.conformance.dialect import load_dialect, with_dialect
from terminal.conformance.library import load, standard_library
from terminal.conformance.script import ScriptError, parse_script
from terminal.errors import UsageError

DIALECT: Final = "cardsim"
"""The model's own words of card management."""
_START: Final = "start"
DIRECTIVES: Final = {"at-most": 1, "part": 1, "uncut": 0}


class Ground(enum.Enum):
    """The card that an alphabet begins with."""

    VIRGIN = "virgin"
    BLANK = "blank"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter: its name, a sentence, its steps, and how it is used."""

    name: str
    title: str
    steps: tuple[Step, ...]
    at_most: int | None = None
    part: str = ""
    cuts: bool = True


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Letters, what they are written with, and the state that they start from."""

    name: str
    title: str
    letters: tuple[Letter, ...]
    vocabulary: Vocabulary
    ground: "Ground"
    text: str = ""
    """The file, so that another process can read it again."""

    def start(self) -> Iterator[Step]:
        """The steps from a reset to the state where exploring begins."""
        chain, state = [], self.vocabulary.states.get(_START)
        while state is not None:
            chain.append(state.steps)
            state = self.vocabulary.states.get(state.base or START)
        for steps in reversed(chain):
            yield from steps


def alphabet_names() -> list[str]:
    """The alphabets of this project."""
    files = [item.name for item in resource("alphabets").iterdir()]
    return sorted(name.removesuffix(".case") for name in files if name.endswith(".case"))


def load_alphabet(name: str, without: tuple[str, ...] = ()) -> Alphabet:
    """An alphabet of this project by its name, or one from a file.

    Raises:
        UsageError: there is none, or it is not written as it must be.
    """
    given = resource("alphabets", f"{name}.case")
    try:
        if given.is_file():
            text = given.read_text(encoding="utf-8")
        elif Path(name).is_file():
            text = Path(name).read_text(encoding="utf-8")
        else:
            known = ", ".join(alphabet_names())
            raise UsageError(f"{name} is neither an alphabet ({known}) nor a file")
        return read_alphabet(Path(name).name.removesuffix(".case"), text, without)
    except UnicodeDecodeError as error:
        raise UsageError(f"alphabet {name}: not UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"alphabet {name}: cannot be read: {error.strerror}") from error
    except ScriptError as error:
        raise UsageError(f"alphabet {name}: {error}") from error


def read_alphabet(name: str, text: str, without: tuple[str, ...] = ()) -> Alphabet:
    """An alphabet from the text of its file.

    Raises:
        ScriptError: a line is not understood, or a name is taken.
        UsageError: it has no state `start`, or no letters.
    """
    file = f"{name}.case"
    script = parse_script(file, text)
    base = standard_library()
    library = load([], base, generated={file: text})
    own = {name: (word, _letter(word)) for name, word in script.vocabulary.words.items()}
    letters = tuple(letter for word, letter in own.values() if not word.parameters)
    missing = sorted(set(without) - {letter.part for letter in letters} - {letter.name for letter in letters})
    if missing:
        raise UsageError(f"alphabet {name}: there is no letter and no part {missing[0]} to leave out")
    letters = tuple(one for one in letters if not {one.name, one.part} & set(without))
    if script.cases or _START not in script.vocabulary.states or not letters:
        raise UsageError(
            f"alphabet {name}: a state `start`, words without parameters (letters) and no cases are wanted"
        )
    words = {name: replace(word, steps=letter.steps) for name, (word, letter) in own.items()}
    known = Vocabulary(library.vocabulary.states, {**library.vocabulary.words, **words})
    vocabulary = with_dialect(known, load_dialect(DIALECT))
    start = script.vocabulary.states[_START]
    return Alphabet(name, start.title, letters, vocabulary, _ground(vocabulary), text)


def _ground(vocabulary: Vocabulary) -> Ground:
    name: str | None = _START
    while name is not None and name in vocabulary.states:
        if name in (Ground.VIRGIN.value, Ground.BLANK.value):
            return Ground(name)
        name = vocabulary.states[name].base
    return Ground.FINISHED


def _letter(word: Word) -> Letter:
    at_most, part, cuts, first = None, "", True, 0
    for step in word.steps:
        if not isinstance(step, Use) or step.word not in DIRECTIVES:
            break
        first += 1
        if len(step.arguments) != DIRECTIVES[step.word]:
            raise ScriptError(step.place, f"`{step.word}` takes {DIRECTIVES[step.word]} words")
        match step.word:
            case "at-most":
                if not step.arguments[0].isdigit():
                    raise ScriptError(step.place, "`at-most` takes a number")
                at_most = int(step.arguments[0])
            case "part":
                part = step.arguments[0]
            case _:
                cuts = False
    return Letter(word.name, word.title, word.steps[first:], at_most, part, cuts)
