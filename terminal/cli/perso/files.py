"""Files that a subcommand of `cardterm perso` is given and writes, and the workshop that it works in."""

import argparse
import sys
from pathlib import Path
from typing import Final

from terminal.cli.flows import moment
from terminal.errors import UsageError
from terminal.perso.workshop import Workshop

STANDARD_INPUT: Final = "-"


def open_workshop(arguments: argparse.Namespace) -> Workshop:
    """The workshop in FOLDER, at the time of `--now`; by the machine's clock without it.

    Raises:
        UsageError: the time is none, or the workshop cannot be used.
    """
    folder = Path(arguments.folder)
    if arguments.now is None:
        return Workshop(folder)
    now = moment(arguments.now)
    return Workshop(folder, lambda: now)


def read_input(name: str) -> bytes:
    """A file's content, or that of standard input for `-`.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        # What is no UTF-8 comes as surrogates; as the bytes that it was, the reader of the file refuses it.
        return sys.stdin.read().encode(errors="surrogateescape") if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error


def name_of(name: str) -> str:
    """How messages name what `read_input` reads."""
    return "standard input" if name == STANDARD_INPUT else name


def write_output(path: Path, content: bytes) -> None:
    """Write a file, into a folder that is made if missing.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
