"""The argument parser of `cardterm`. Nothing heavy is imported here: `--help` starts in no time."""

from collections.abc import Sequence
from typing import Final

from cardsim.commandline import Parser, add_general_options
from terminal.cli.options.common import psam_options
from terminal.cli.options.conform import add_conform
from terminal.cli.options.diff import add_diff
from terminal.cli.options.explore import add_explore
from terminal.cli.options.fuzz import add_fuzz
from terminal.cli.options.hosts import add_hosts
from terminal.cli.options.perso import add_perso
from terminal.cli.options.recordings import add_recording_commands
from terminal.cli.options.terminals import add_apdu, add_terminals
from terminal.cli.options.tracing import add_shell_command, add_trace_command

PROGRAM: Final = "cardterm"


def build_parser() -> Parser:
    """The whole tree."""
    parser = Parser(
        prog=PROGRAM,
        description="Terminals for China's social-security card with financial function.",
        epilog="example: cardterm full --card me.card --amount 12.34",
    )
    add_general_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    psam = psam_options()

    def add(name: str, text: str, example: str, parents: Sequence[Parser]) -> Parser:
        epilog = f"example: {PROGRAM} {example}"
        return commands.add_parser(name, help=text, description=text, epilog=epilog, parents=list(parents))

    add_apdu(add, psam)
    add_terminals(add, psam)
    add_hosts(add, psam)
    add_conform(add, psam)
    add_fuzz(add, psam)
    add_diff(add)
    add_recording_commands(add, psam)
    add_trace_command(add)
    add_shell_command(add, psam)
    add_explore(add)
    add_perso(add)
    return parser
