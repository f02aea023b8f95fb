"""What must live here: the words of the shell, what each is for, and what may stand behind it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.decode.names import PSAM_AID, df_in_words, structure
from terminal.conformance.functions import NAMES
from terminal.errors import TerminalError


class ShellError(TerminalError):
    """A line that cannot be carried out, in one sentence; the session goes on."""


class Kind(enum.Enum):
    """What may stand behind a word, for completion."""

    NOTHING = enum.auto()
    NAME = enum.auto()
    """A DF."""
    FILE = enum.auto()
    """A file of the current DF."""
    KEY = enum.auto()
    WORD = enum.auto()
    SWITCH = enum.auto()
    PATH = enum.auto()
    SLOT = enum.auto()


@dataclass(frozen=True, slots=True)
class Word:
    """One word: how it is written, what it does, what stands behind it."""

    usage: str
    text: str
    kind: Kind = Kind.NOTHING


WORDS: Final[Mapping[str, Word]] = {
    "select": Word("select NAME", "SELECT a DF or file: ssse, df01, pse, EF05, mf, or hex", Kind.NAME),
    "read": Word("read FILE [RECORD]", "read a file of the current DF, or one of its records", Kind.FILE),
    "data": Word("data TAG", "GET DATA"),
    "auth": Word("auth KEY", "GET CHALLENGE and EXTERNAL AUTHENTICATE with a key of the key file", Kind.KEY),
    "verify": Word("verify", "VERIFY with the PIN of the key file"),
    "reset": Word("reset", "power off and on"),
    "state": Word("state", "what is known of the card"),
    "files": Word("files", "the files that the standard has in the current DF"),
    "keys": Word("keys", "the keys that the standard has in the current DF"),
    "trace": Word("trace on|off", "show each exchange with its bytes, or what came of it", Kind.SWITCH),
    "slot": Word("slot card|psam", "which of two cards the lines are for", Kind.SLOT),
    "save": Word("save FILE", "write the session: FILE.case as a case of the language, else as a recording", Kind.PATH),
    "help": Word("help [WORD]", "this; or what a word does", Kind.WORD),
    "exit": Word("exit", "leave (so does the end of the input)"),
}
"""The shell's own words; those of the vocabulary (`cardterm conform`) may stand in a line as well."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What SELECT is sent for a word: P1, the data field, and the data field as a line of a case has it."""

    p1: int
    data: bytes
    text: str


def selection(word: str, environment: Environment) -> Selection:
    """What a word names.

    Raises:
        ShellError: no DF, file or hex.
    """
    lower = word.lower()
    if lower == "mf":
        return Selection(0x00, b"\x3f\x00", "3F00")
    if environment is Environment.PSAM and lower == "df01":
        return Selection(0x04, PSAM_AID, "{name sam-app}")
    if lower in NAMES:
        return Selection(0x04, NAMES[lower], f"{{name {lower}}}")
    try:
        raw = bytes.fromhex(word)
    except ValueError:
        raise ShellError(f"{word}: neither a name ({', '.join(names())}) nor a file such as EF05, nor hex") from None
    if len(raw) == 2:
        name = structure().names.get(int.from_bytes(raw, "big")) if environment is not Environment.PSAM else None
        p1 = 0x02 if raw[0] in (0xEF, 0x00) else 0x00
        return Selection(p1, raw, raw.hex().upper()) if name is None else Selection(0x04, name, name.hex().upper())
    return Selection(0x04, raw, raw.hex().upper())


def names() -> list[str]:
    """Names that `select` takes."""
    known = {SSSE_NAME: "ssse", PSE_NAME: "pse"}
    dfs = [known.get(name, df_in_words(Environment.SSSE, name).lower()) for name in structure().names.values()]
    return sorted({*NAMES, *dfs, "mf"})
