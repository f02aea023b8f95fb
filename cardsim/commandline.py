"""What both commands share on the command line: one-sentence errors, --version, completion, exit statuses."""

import argparse
import enum
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from cardsim.completion import SHELLS, completion_script


class Exit(enum.IntEnum):
    """Exit statuses of both commands."""

    OK = 0
    FAILED = 1
    """The thing under test failed."""
    USAGE = 2
    """Wrong use or bad input."""
    UNREACHABLE = 3
    """Reader, card or host could not be reached."""
    INTERRUPTED = 130


class UsageError(Exception):
    """Wrong use or bad input, in one sentence."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Wrong use: exit 2."""
        self.exit(Exit.USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


class Version(argparse.Action):
    """Print name and version of the program."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print and exit."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            text = version("cardsim")
        except PackageNotFoundError:
            text = "(not installed)"
        sys.stdout.write(f"{parser.prog} {text}\n")
        parser.exit(Exit.OK)


class PrintCompletion(argparse.Action):
    """Print a completion script for a shell."""

    def __call__(self, parser: argparse.ArgumentParser, _namespace: Any, values: Any, *_: Any) -> None:
        """Print and exit."""
        sys.stdout.write(completion_script(parser, str(values)))
        parser.exit(Exit.OK)


def add_general_options(parser: argparse.ArgumentParser) -> None:
    """--version and --print-completion."""
    parser.add_argument("--version", action=Version, nargs=0, help="print the version and exit")
    parser.add_argument(
        "--print-completion", action=PrintCompletion, choices=SHELLS, help="print a completion script for a shell"
    )


def image_path(text: str) -> Path:
    """The path of a card image; never a pipe or device, of which reading might not come to an end.

    Raises:
        UsageError: it is one.
    """
    path = Path(text)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UsageError(f"{path} is not a card image but a pipe or device")
    return path


def give_up_stdout() -> None:
    """Nobody reads standard output, or it takes no more: keep the interpreter from complaining again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
