"""Options of `cardterm trace` and `cardterm shell`."""

from cardsim.commandline import Parser
from terminal.cli.options.common import Add, add_target


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


def add_shell_command(add: Add, psam: Parser) -> None:
    """`cardterm shell`."""
    shell = add(
        "shell",
        "An interactive session with a card, a PSAM or both: commands in hex, lines of the case language, and words.",
        "shell --card me.card",
        (_target(), psam),
    )
    shell.add_argument("--keys", metavar="FILE", help="key file (default: IMAGE.keys.toml beside the image)")
    shell.add_argument("--show-secrets", action="store_true", help="show PINs and key data")
    shell.add_argument(
        "--history", metavar="FILE", help="where the lines are kept (default: cardterm/shell_history in XDG_STATE_HOME)"
    )


def _target() -> Parser:
    options = Parser(add_help=False)
    target = add_target(options)
    target.add_argument("--seed", type=int, metavar="N", help="seed of the session's random numbers")
    return options
