"""Entry point of `cardsim`."""

import argparse
import sys
from collections.abc import Sequence

from cardsim.cli import PROGRAM
from cardsim.commandline import Exit, Parser, UsageError, add_general_options, give_up_stdout


def build_parser() -> Parser:
    """The whole argument tree; nothing heavy is imported for it."""
    parser = Parser(
        prog=PROGRAM,
        description="The card's side: make card images, look at them, put them into a reader.",
        epilog="example: cardsim new me.card && cardsim serve me.card -- opensc-tool -l",
    )
    add_general_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    new = commands.add_parser(
        "new",
        help="make a card image",
        description="Make a card image, and beside it IMAGE.keys.toml with the test keys that terminals need.",
        epilog="example: cardsim new me.card --profile dual-3.0-des --seed 7 && cardsim new me.psam --psam --seed 7",
    )
    new.add_argument("image", metavar="IMAGE", help="the file to make")
    new.add_argument("--blank", action="store_true", help="as it comes from the card maker: the transport key alone")
    new.add_argument(
        "--profile",
        metavar="NAME|FILE",
        help="kind of card (default dual-3.0-sm4; see --list-profiles; each also with -offline-pin)",
    )
    new.add_argument("--psam", action="store_true", help="a PSAM instead of a user card (default profile field)")
    new.add_argument("--list-profiles", action=_ListProfiles, nargs=0, help="print the profiles and exit")
    new.add_argument("--seed", type=int, metavar="N", help="another card than the published demo card, reproducibly")
    new.add_argument("--size", type=int, metavar="KIB", default=80, help="EEPROM of 32 to 256 KiB (default 80)")
    new.add_argument("--force", action="store_true", help="replace an existing image")
    info = commands.add_parser(
        "info",
        help="what is on a card",
        description="Environments, files with access rules, key slots (never values), life cycle, memory and wear.",
        epilog="example: cardsim info me.card",
    )
    info.add_argument("image", metavar="IMAGE", help="the card image; it is not changed")
    info.add_argument("--json", action="store_true", help="one JSON document on standard output")
    _add_serve(commands)
    defects = commands.add_parser(
        "defects",
        help="the named faults that --defect takes",
        description="Named faults, one small deliberate deviation each: negative cards for terminals.",
        epilog="example: cardsim defects ssse",
    )
    defects.add_argument("side", nargs="?", metavar="SIDE", help="only those of chip, card, ssse, pse or psam")
    defects.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser


def _add_serve(commands: "argparse._SubParsersAction[Parser]") -> None:
    serve = commands.add_parser(
        "serve",
        help="put a card into a reader",
        usage="cardsim serve IMAGE [--psam IMAGE] [--via socket|vpcd] [--socket PATH]\n"
        "                     [--trace FILE] [--page [ADDRESS:PORT]] [--defect NAME] [-- COMMAND ...]",
        description="Put a card into a PC/SC reader until Ctrl-C, or as long as COMMAND runs.",
        epilog="example: cardsim serve me.card --psam me.psam -- opensc-tool -l; or: cardsim serve me.card --page",
    )
    serve.add_argument("image", metavar="IMAGE", help="the card in slot 0")
    serve.add_argument("--psam", metavar="IMAGE", help="the PSAM in slot 1")
    serve.add_argument("--via", choices=("socket", "vpcd"), default="socket", help="kind of reader (default socket)")
    serve.add_argument("--socket", metavar="PATH", help="the socket's path, at most 107 bytes (default: a new one)")
    serve.add_argument(
        "--trace",
        metavar="FILE",
        help="write every exchange: in words to a terminal or to - (standard error), else as JSON lines",
    )
    serve.add_argument(
        "--page",
        nargs="?",
        const="",
        metavar="ADDRESS:PORT",
        help="show files, security state and exchanges in a browser of this machine (default: a free port)",
    )
    serve.add_argument("--show-secrets", action="store_true", help="do not mask PINs and key data in trace and page")
    serve.add_argument(
        "--defect", metavar="NAME", help="one named fault, in the card that it belongs to, or FILE:NAME of your own"
    )
    serve.add_argument("--seed", type=int, metavar="N", help="seed of the card's random numbers")
    serve.set_defaults(argv=[])


class _ListProfiles(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from cardsim.making.samplan import load_psam_profile, psam_profile_names
        from cardsim.making.structure import load_profile, profile_names

        for name in profile_names():
            sys.stdout.write(f"{name:14} {load_profile(name).description}\n")
        for name in psam_profile_names():
            sys.stdout.write(f"{name:14} --psam: {load_psam_profile(name).description}\n")
        parser.exit(Exit.OK)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Bad input is one sentence on standard error."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            return _dispatch(_parse(words))
        finally:
            sys.stdout.flush()
    except UsageError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        give_up_stdout()
        return Exit.OK
    except OSError as error:
        if error.filename is None:
            give_up_stdout()
        return _complain(f"{error.filename or 'standard output'}: {error.strerror or error}")


def _parse(words: list[str]) -> argparse.Namespace:
    """The arguments; what stands behind `--` of `serve` is the command's own."""
    if words[:1] != ["serve"] or "--" not in words:
        return build_parser().parse_args(words)
    at = words.index("--")
    asked = build_parser().parse_args(words[:at])
    asked.argv = words[at + 1 :]
    if not asked.argv:
        raise UsageError("behind -- stands the command to run, as in: cardsim serve me.card -- opensc-tool -l")
    return asked


def _complain(sentence: str) -> int:
    sys.stderr.write(f"{PROGRAM}: {' '.join(sentence.split())}\n")
    return Exit.USAGE


def _dispatch(asked: argparse.Namespace) -> int:
    match asked.command:
        case "new":
            from cardsim.cli.new import new

            return new(asked)
        case "info":
            from cardsim.cli.info import info

            return info(asked)
        case "serve":
            from cardsim.cli.serve import serve

            return serve(asked)
        case "defects":
            from cardsim.cli.defects import list_defects

            return list_defects(asked)
        case other:
            raise UsageError(f"{other} is not a command")


def run() -> None:
    """The console script."""
    sys.exit(main())


if __name__ == "__main__":
    run()
