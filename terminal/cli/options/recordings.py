"""Options of `cardterm record`, `replay` and `convert`, and the command that stands behind `--`."""

from collections.abc import Sequence
from typing import Final

from cardsim.commandline import Parser
from terminal.cli.options.common import Add, add_target
from terminal.errors import UsageError

FORMATS: Final = ("recording", "hex", "etsi", "scriptor", "scriptor-log", "pcapng")
"""The formats that are read and written."""
LOG: Final = "log"
"""Any log that `cardterm trace` reads; it is not written."""
WITH_COMMAND: Final = ("record", "replay")
"""Subcommands behind whose `--` stands another command."""


def split_command(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of `cardterm` itself, and those of the command behind `--`.

    Raises:
        UsageError: there is `--` and no command.
    """
    if not words or words[0] not in WITH_COMMAND or "--" not in words:
        return list(words), []
    at = list(words).index("--")
    if at + 1 == len(words):
        raise UsageError(
            "behind -- stands the command to run, as in: cardterm record FILE --card IMAGE -- opensc-tool -l"
        )
    return list(words[:at]), list(words[at + 1 :])


def add_recording_commands(add: Add, psam: Parser) -> None:
    """The three subcommands."""
    convert = add(
        "convert",
        f"Turn a recording into another format and back: {', '.join(FORMATS)}.",
        "convert session.jsonl session.pcapng",
        (),
    )
    convert.add_argument("source", metavar="IN", help="the format is told by the content")
    convert.add_argument("target", metavar="OUT", help="the format is told by the end of the name; - with --to: stdout")
    convert.add_argument(
        "--from", dest="from_", choices=(*FORMATS, LOG), metavar="FORMAT",
        help="the format of IN; log: any log that `trace` reads",
    )  # fmt: skip
    convert.add_argument("--to", choices=FORMATS, metavar="FORMAT", help="the format of OUT")
    record = add(
        "record",
        "Serve a card as PC/SC reader, and write everything that passes. Behind `--`: a command that uses it.",
        "record session.jsonl --card me.card -- opensc-tool -a",
        (_target(required=True), psam, _reader()),
    )
    record.add_argument("file", metavar="FILE", help="the recording (JSON lines)")
    record.add_argument("--show-secrets", action="store_true", help="write PINs and key data too")
    record.set_defaults(argv=[])
    replay = add(
        "replay",
        "Play a recording against a card and compare; or (--as-card) play its card to a program.",
        "replay session.jsonl --card me.card --strict --seed 6",
        (_target(required=False), psam, _reader()),
    )
    replay.add_argument("file", metavar="FILE", help="a recording, or another format that `convert` reads")
    replay.add_argument("--strict", action="store_true", help="each byte must be the same")
    replay.add_argument("--keys", metavar="FILE", help="key file with the holder's PINs (default: IMAGE.keys.toml)")
    replay.add_argument("--write", action="store_true", help="write to the image; otherwise a private copy is used")
    replay.add_argument("--as-card", action="store_true", help="answer what the recorded card answered")
    replay.add_argument("--json", action="store_true", help="one JSON document on standard output")
    replay.add_argument("-v", "--verbose", action="store_true", help="each command, not only what differs")
    replay.set_defaults(argv=[])


def _target(*, required: bool) -> Parser:
    options = Parser(add_help=False)
    group = add_target(options, required=required, image="a card image, python:MODULE:FACTORY or recording:FILE")
    group.add_argument("--seed", type=int, metavar="N", help="seed of the models' random numbers")
    return options


def _reader() -> Parser:
    options = Parser(add_help=False)
    group = options.add_argument_group("reader")
    group.add_argument("--via", choices=("socket", "vpcd"), default="socket", help="kind of reader (default socket)")
    group.add_argument("--socket", metavar="PATH", help="the socket's path, at most 107 bytes (default: a new one)")
    return options
