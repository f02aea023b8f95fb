"""The argument parser of `cardterm`. Nothing heavy is imported here: `--help` starts in no time."""

from collections.abc import Sequence
from typing import Final

from cardsim.commandline import Parser, add_general_options

PROGRAM: Final = "cardterm"
SERVICES: Final = ("identity", "verify-pin")
TYPES: Final = ("purchase", "cash", "inquiry")


def _common() -> Parser:
    common = Parser(add_help=False)
    target = common.add_argument_group("target")
    where = target.add_mutually_exclusive_group(required=True)
    where.add_argument("--card", metavar="IMAGE", help="a card image, or python:MODULE:FACTORY")
    where.add_argument("--reader", metavar="NAME|INDEX", help="a card in a PC/SC reader (extra: pcsc)")
    target.add_argument("--seed", type=int, metavar="N", help="seed of the run's random numbers")
    target.add_argument("--json", action="store_true", help="one JSON document on standard output")
    target.add_argument("--show-secrets", action="store_true", help="show PINs and key data in the transcript")
    return common


def _session() -> Parser:
    session = Parser(add_help=False)
    group = session.add_argument_group("session")
    group.add_argument("--keys", metavar="FILE", help="key file (default: IMAGE.keys.toml beside the image)")
    group.add_argument("--pin", metavar="DIGITS", help="the holder's PIN (default: ask, or the key file's)")
    group.add_argument("--now", metavar="TIME", help="date and time of the terminal, as 2026-11-21T12:00:00")
    group.add_argument("--record", metavar="FILE", help="keep the card session as a recording (JSON lines)")
    return session


def _financial_options() -> Parser:
    options = Parser(add_help=False)
    group = options.add_argument_group("transaction")
    group.add_argument("--amount", default="1.00", metavar="YUAN", help="amount in yuan (default 1.00)")
    group.add_argument("--type", choices=TYPES, default="purchase", help="kind of transaction (default purchase)")
    kind = group.add_mutually_exclusive_group()
    kind.add_argument("--pos", action="store_const", dest="terminal", const="pos", help="a POS terminal (default)")
    kind.add_argument("--atm", action="store_const", dest="terminal", const="atm", help="an ATM")
    group.set_defaults(terminal="pos")
    group.add_argument("--country", default="0156", metavar="CODE", help="terminal country, four digits")
    group.add_argument("--currency", default="0156", metavar="CODE", help="transaction currency, four digits")
    group.add_argument("--expect", choices=("approved", "declined"), help="exit 1 unless it ends so")
    return options


def _social_options() -> Parser:
    options = Parser(add_help=False)
    options.add_argument("--service", choices=SERVICES, default="identity", help="what to do (default identity)")
    return options


def build_parser() -> Parser:
    """The whole tree."""
    parser = Parser(
        prog=PROGRAM,
        description="Terminals for China's social-security card with financial function.",
        epilog="example: cardterm full --card me.card --amount 12.34",
    )
    add_general_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common, session, social, financial = _common(), _session(), _social_options(), _financial_options()

    def add(name: str, text: str, example: str, parents: Sequence[Parser]) -> Parser:
        epilog = f"example: {PROGRAM} {example}"
        return commands.add_parser(name, help=text, description=text, epilog=epilog, parents=list(parents))

    apdu = add(
        "apdu",
        "Send command APDUs in hex, one a line ('#' comments, `reset`, `off`), and print the responses.",
        "apdu --card me.card --auto --decode commands.txt",
        (common,),
    )
    apdu.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: standard input")
    apdu.add_argument("--auto", action="store_true", help="follow 61xx and 6Cxx")
    apdu.add_argument("--decode", action="store_true", help="explain each command and response")
    add("social", "The social-security terminal.", "social --card me.card", (common, session, social))
    add(
        "financial",
        "The bank terminal (POS or ATM).",
        "financial --card me.card --amount 12.34 --expect approved",
        (common, session, financial),
    )
    full = add(
        "full",
        "The full-function terminal: both environments in one card session.",
        "full --card me.card --service verify-pin --pin 123456",
        (common, session, social, financial),
    )
    full.add_argument(
        "--order", choices=("social-first", "bank-first"), default="social-first", help="which side first"
    )
    return parser
