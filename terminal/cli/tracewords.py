"""Options of `cardterm trace` and `cardterm shell`."""

from collections.abc import Callable, Sequence

from cardsim.commandline import Parser

Add = Callable[[str, str, str, Sequence[Parser]], Parser]
"""Adds a subcommand: its name, what it does, an example, and options that it shares with others."""


def add_trace_command(add: Add) -> None:
    """`cardterm trace`."""
    trace = add(
        "trace",
        "Decode a recording, a trace of `cardsim serve` or a log with APDUs in hex: all of it in words.",
        "trace session.jsonl",
        (),
    )
    trace.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: standard input")
    trace.add_argument("--follow", action="store_true", help="go on while the file grows, until Ctrl-C")
    trace.add_argument("--psam", action="store_true", help="what a log does not say: its card is a PSAM")
    trace.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    trace.add_argument("--show-secrets", action="store_true", help="show PINs and key data where the log has them")
