"""Entry point of `cardterm`: exit statuses, and errors as one sentence."""

import os
import sys
from collections.abc import Sequence

from terminal.cli.parser import PROGRAM, build_parser
from terminal.cli.recordingwords import split_command
from terminal.errors import TerminalError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status (0 well, 1 failed, 2 wrong use, 3 not reached, 130 interrupted)."""
    words = sys.argv[1:] if argv is None else argv
    try:
        own, command = split_command(words)
        arguments = build_parser().parse_args(own)
        if command:
            arguments.argv = command
        match arguments.command:
            case "apdu":
                from terminal.cli.apdu import apdu_command

                return apdu_command(arguments)
            case "conform":
                from terminal.cli.conform import conform_command

                return conform_command(arguments)
            case "record":
                from terminal.cli.record import record_command

                return record_command(arguments)
            case "replay":
                from terminal.cli.replay import replay_command

                return replay_command(arguments)
            case "convert":
                from terminal.cli.convert import convert_command

                return convert_command(arguments)
            case "trace":
                from terminal.cli.trace import trace_command

                return trace_command(arguments)
            case "fuzz":
                from terminal.cli.fuzz import fuzz_command

                return fuzz_command(arguments)
            case "shell":
                from terminal.cli.shell import shell_command

                return shell_command(arguments)
            case "explore":
                from terminal.cli.explore import explore_command

                return explore_command(arguments)
            case "service":
                from terminal.cli.service import service_command

                return service_command(arguments)
            case "host":
                from terminal.cli.host import host_command

                return host_command(arguments)
            case "desk":
                from terminal.cli.desk import desk_command

                return desk_command(arguments)
            case _:
                from terminal.cli.flows import flow_command

                return flow_command(arguments)
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
