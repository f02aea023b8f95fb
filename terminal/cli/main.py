"""Entry point of `cardterm`: exit statuses, and errors as one sentence."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, cast

from terminal.cli.options.recordings import split_command
from terminal.cli.parser import PROGRAM, build_parser
from terminal.errors import TerminalError

INTERRUPTED = 130
_FLOWS: Final = frozenset({"social", "financial", "full"})
"""The terminals: one module runs all three."""


def command_of(name: str) -> Callable[[argparse.Namespace], int]:
    """What runs a subcommand; its module is imported only now, so that the others start quickly."""
    module, function = ("flows", "flow_command") if name in _FLOWS else (name, f"{name}_command")
    found = importlib.import_module(f"terminal.cli.{module}")
    return cast("Callable[[argparse.Namespace], int]", getattr(found, function))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status (0 well, 1 failed, 2 wrong use, 3 not reached, 130 interrupted)."""
    words = sys.argv[1:] if argv is None else argv
    try:
        own, command = split_command(words)
        arguments = build_parser().parse_args(own)
        if command:
            arguments.argv = command
        return command_of(arguments.command)(arguments)
    except TerminalError as error:
        return _complain(str(error), error.exit_status)
    except KeyboardInterrupt:
        return _complain("interrupted; the card has been powered off", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep the interpreter from complaining at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _complain(str(error), 2)


def _complain(message: str, status: int) -> int:
    sys.stderr.write(f"{PROGRAM}: {' '.join(message.split())}\n")
    return status


def run() -> None:
    """The console script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
