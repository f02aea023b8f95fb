"""Completion of what is typed: words, DFs, files, keys, functions in braces."""

from pathlib import Path

from cardsim.decode.names import files_of, key_names
from cardsim.decode.observed import Observed
from terminal.conformance.case import Vocabulary
from terminal.conformance.functions import FUNCTIONS
from terminal.shell.words import WORDS, Kind, names


def completions(line: str, vocabulary: Vocabulary, state: Observed) -> list[str]:
    """What the last word of a line may become, in the state that the card is in."""
    before, _, last = line.rpartition(" ")
    if "{" in last or (before.rpartition("{")[2].count("}") == 0 and "{" in before):
        return _in_braces(line, last, state)
    words = before.split()
    first = [*WORDS, *vocabulary.words, "let", "check"]
    known = _behind(words[0], last, vocabulary, state) if words else first
    return sorted({word for word in known if word.lower().startswith(last.lower())})


def _behind(word: str, last: str, vocabulary: Vocabulary, state: Observed) -> list[str]:
    kind = WORDS[word].kind if word in WORDS else Kind.NOTHING
    match kind:
        case Kind.NAME:
            return [*names(), *_files(state)]
        case Kind.FILE:
            return _files(state)
        case Kind.KEY:
            return key_names(state.environment, state.application)
        case Kind.WORD:
            return [*WORDS, *vocabulary.words]
        case Kind.SWITCH:
            return ["on", "off"]
        case Kind.SLOT:
            return ["card", "psam"]
        case Kind.PATH:
            return _paths(last)
        case Kind.NOTHING:
            return []


def _files(state: Observed) -> list[str]:
    return [f"{fid:04X}" for fid in files_of(state.environment, state.application)]


def _paths(begun: str) -> list[str]:
    folder = Path(begun) if begun.endswith("/") else Path(begun).parent
    try:
        found = [path for path in folder.iterdir() if str(path).startswith(begun)]
    except OSError:
        return []
    return [f"{path}/" if path.is_dir() else str(path) for path in found]


def _in_braces(line: str, last: str, state: Observed) -> list[str]:
    """Behind `{` stands a function, and behind a function of keys or names one of them."""
    inside = line.rpartition("{")[2].split(" ")
    head, begun = last.rpartition("{")[:2], last.rpartition("{")[2]
    if len(inside) == 1:
        return sorted(f"{''.join(head)}{name}" for name in FUNCTIONS if name.startswith(begun))
    known = names() if inside[0] == "name" else key_names(state.environment, state.application)
    return sorted(word for word in known if word.lower().startswith(last.lower()))
