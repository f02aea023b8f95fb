"""The options of `cardterm diff`."""

from typing import Final

from cardsim.commandline import Parser
from terminal.cli.options.common import Add

MEASURES: Final = ("bytes", "card", "form")


def add_diff(add: Add) -> None:
    """`cardterm diff`."""
    add(
        "diff",
        "The same commands on two cards, and where their answers differ.",
        "diff --card me.card --with-reader 0 --apdus 20000 --accepted known.toml",
        (_diff_options(),),
    )


def _diff_options() -> Parser:
    """Two cards, what is sent to them, and what becomes of the differences."""
    options = Parser(add_help=False)
    options.add_argument(
        "inputs", nargs="*", metavar="INPUT",
        help="hex script, recording, sequence, or a folder of sequences or of a campaign (default: drawn commands)",
    )  # fmt: skip
    _side(options, "first card", "", "IMAGE.keys.toml beside the image")
    _side(options, "second card", "with-", "as the first card's, beside the image; for a reader those of the first")
    _commands(options)
    how = options.add_argument_group("comparing")
    how.add_argument(
        "--measure", choices=MEASURES,
        help="compare each byte, or all but random numbers, or status words and structure (default: as much as can be)",
    )  # fmt: skip
    how.add_argument("--accepted", metavar="FILE", help="known differences (TOML), each with its reason")
    how.add_argument("--write-accepted", metavar="FILE", help="write the differences for --accepted; add the reasons")
    output = options.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="one JSON document on standard output")
    output.add_argument("--show-secrets", action="store_true", help="show PINs and key data of commands")
    return options


def _side(options: Parser, title: str, prefix: str, keys: str) -> None:
    """The target options of one side."""
    group = options.add_argument_group(title)
    where = group.add_mutually_exclusive_group()
    where.add_argument(f"--{prefix}card", metavar="IMAGE", help="a card image (a copy is used), or python:…")
    where.add_argument(f"--{prefix}reader", metavar="NAME|INDEX", help="a card in a PC/SC reader (extra: pcsc)")
    sam = group.add_mutually_exclusive_group()
    sam.add_argument(f"--{prefix}psam", metavar="IMAGE", help="a PSAM: alone, or beside the card with --cases")
    sam.add_argument(f"--{prefix}psam-reader", metavar="NAME|INDEX", help="a PSAM in a PC/SC reader")
    group.add_argument(f"--{prefix}keys", metavar="FILE", help=f"key file (default: {keys})")
    group.add_argument(f"--{prefix}defect", metavar="NAME", help="put a named fault into this model")


def _commands(options: Parser) -> None:
    group = options.add_argument_group("commands")
    group.add_argument(
        "--cases", nargs="*", metavar="PREFIX", help="conformance cases instead: all, or those of PREFIX"
    )
    group.add_argument("--case-file", action="append", default=[], metavar="PATH", help="further .case files, folders")
    group.add_argument("--apdus", type=int, metavar="N", help="draw so many commands (default 20000 without INPUT)")
    group.add_argument("--start", action="append", metavar="NAME", help="draw for these starts alone (repeatable)")
    group.add_argument("--seed", type=int, default=1, metavar="N", help="of all that is drawn (default 1)")
    group.add_argument("--destructive", action="store_true", help="also what could spend a card in a reader")
