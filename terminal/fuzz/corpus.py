"""What a campaign keeps: a folder that survives being killed at any moment, and that can be committed.

    FOLDER/corpus/NAME.seq            sequences that reached something new; NAME is the hash of their content
    FOLDER/findings/NAME/…            one folder for each cause (`terminal.fuzz.findings`)
    FOLDER/campaign.json              seed, figures, how far each worker got

Each file appears whole or not at all: it is written under another name first. Nothing in it depends on the time of day,
so that a folder under version control changes only where something was found. Corpora of two campaigns are merged by
copying files.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from terminal.errors import UsageError
from terminal.fuzz.sequence import Sequence, SequenceError, parse_sequence, sequence_text

SUFFIX: Final = ".seq"
FORMAT: Final = "cardterm-fuzz-campaign"
VERSION: Final = 1
_DIGITS: Final = 16


def name_of(sequence: Sequence) -> str:
    """The name of a sequence: a hash of its content, remarks left out."""
    return hashlib.blake2b(sequence_text(sequence).encode(), digest_size=_DIGITS // 2).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequence of the corpus, and what it was the first to reach."""

    sequence: Sequence
    features: tuple[str, ...] = ()
    lines: frozenset[str] = frozenset()
    """Lines of the model's code that it was the first to reach; its file counts them."""
    known: bool = False
    """Whether it comes from the folder: what it reaches counts, and it is not kept again."""

    @property
    def text(self) -> str:
        """The entry as its file has it."""
        remarks = [f"new: {feature}" for feature in sorted(self.features)]
        if self.lines:
            remarks.append(f"new: {len(self.lines)} lines of the model")
        return sequence_text(self.sequence, remarks)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or, if the process is killed meanwhile, as it was before.

    Raises:
        UsageError: it cannot be written.
    """
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        passing.write_text(text, encoding="utf-8")
        passing.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            passing.unlink()
        raise UsageError(f"{path}: it cannot be written: {error.strerror}") from error


def read_sequence(path: Path) -> Sequence:
    """A sequence from its file.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    try:
        return parse_sequence(path.read_text(encoding="utf-8"), str(path))
    except SequenceError as error:
        raise UsageError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(f"{path}: the sequence cannot be read: {reason}") from error


class Folder:
    """The folder of a campaign.

    Args:
        path: where it is, or is to be.

    Raises:
        UsageError: there is something else of that name.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path}: a campaign keeps what it finds in a folder, and this is a file")

    @property
    def corpus(self) -> Path:
        """Where its sequences are."""
        return self.path / "corpus"

    @property
    def findings(self) -> Path:
        """Where its findings are."""
        return self.path / "findings"

    def tidy(self) -> None:
        """Take away what a killed process has left half written."""
        for path in self.path.rglob(".*.*"):
            if path.suffix[1:].isdigit() and path.is_file():
                path.unlink(missing_ok=True)

    def sequences(self) -> Iterator[tuple[Path, Sequence]]:
        """The corpus in the order of names.

        Raises:
            UsageError: a file is no sequence.
        """
        for path in sorted(self.corpus.glob(f"*{SUFFIX}")):
            yield path, read_sequence(path)

    def found(self) -> Iterator[tuple[Path, Sequence]]:
        """The sequences of the findings in the order of names.

        Raises:
            UsageError: a file is no sequence.
        """
        for path in sorted(self.findings.glob(f"*/sequence{SUFFIX}")):
            yield path, read_sequence(path)

    def keep(self, entry: Entry) -> None:
        """Add to the corpus."""
        write_whole(self.corpus / f"{name_of(entry.sequence)}{SUFFIX}", entry.text)

    def drop(self, names: Iterable[str]) -> None:
        """Take out of the corpus."""
        for name in names:
            (self.corpus / f"{name}{SUFFIX}").unlink(missing_ok=True)

    def state(self) -> Mapping[str, Any]:
        """What campaign.json says; empty if there is none.

        Raises:
            UsageError: it is none of this program's.
        """
        path = self.path / "campaign.json"
        if not path.exists():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: it cannot be read: {error}") from error
        if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("version") != VERSION:
            raise UsageError(f"{path}: this is no {FORMAT} of version {VERSION}; name another folder")
        return found

    def save(self, state: Mapping[str, Any]) -> None:
        """Write campaign.json."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **state}, indent=2, ensure_ascii=False)
        write_whole(self.path / "campaign.json", text + "\n")
