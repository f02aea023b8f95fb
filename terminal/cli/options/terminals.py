"""Options of the terminals: `cardterm social`, `financial`, `full`, and of single commands, `apdu`."""

from typing import Final

from cardsim.commandline import Parser
from terminal.cli.options.common import Add, card_options

SERVICES: Final = ("identity", "verify-pin")
FULL_SERVICES: Final = ("login", "query", "settle", "contribute", "benefits")
PARTS: Final = ("display", "keyboard", "pin-pad", "storage", "clock", "charset", "printer", "stripe-reader")
CHANNELS: Final = ("counter", "kiosk", "web")
SOCIAL_SERVICES: Final = (
    *SERVICES, "change-pin", "reset-pin", "clear-pin", "unblock-pin", "read", "write", "update", "balance", "load",
    "purchase", "log", "proof", "starting-day", "block-application", "block-card", "transaction",
)  # fmt: skip
TYPES: Final = (
    "purchase", "cash", "deposit", "inquiry", "transfer", "load", "load-other", "load-cash", "pin-change",
    "balance", "log", "sign-on", "settle",
)  # fmt: skip
"""Transactions; what is asked of the card alone; and what needs no card. The terminal's file says which transactions it
offers."""


def add_apdu(add: Add, psam: Parser) -> None:
    """`cardterm apdu`."""
    apdu = add(
        "apdu",
        "Send command APDUs in hex, one a line ('#' comments, `reset`, `off`; `sam` in front: to the PSAM), and print "
        "the responses.",
        "apdu --card me.card --auto --decode commands.txt",
        (card_options(required=False), psam),
    )
    apdu.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: standard input")
    apdu.add_argument("--auto", action="store_true", help="follow 61xx and 6Cxx")
    apdu.add_argument("--scripts", action="store_true", help="send the commands (86) of issuer scripts (71, 72)")
    apdu.add_argument("--decode", action="store_true", help="explain each command and response")


def add_terminals(add: Add, psam: Parser) -> None:
    """The three terminals."""
    common, session, financial = card_options(), _session(), _financial_options()
    add(
        "social",
        "The social-security terminal.",
        "social --card me.card --psam me.psam --service read DF01EF05",
        (common, psam, session, _hosts(social=True, bank=False), _equipment(), _social_services()),
    )
    add(
        "financial",
        "The bank terminal (POS or ATM).",
        "financial --card me.card --amount 12.34 --expect approved",
        (card_options(required=False), session, _hosts(social=False, bank=True), financial),
    )
    full = add(
        "full",
        "The full-function terminal: both environments in one card session.",
        "full --card me.card --service settle --fee 门诊费=300.00:covered",
        (common, psam, session, _hosts(social=True, bank=True), _equipment(), _full_options(), financial),
    )
    full.add_argument(
        "--order", choices=("social-first", "bank-first"), default="social-first", help="which side first"
    )


def _session() -> Parser:
    session = Parser(add_help=False)
    group = session.add_argument_group("session")
    group.add_argument("--keys", metavar="FILE", help="key file (default: IMAGE.keys.toml beside the image)")
    group.add_argument("--pin", metavar="DIGITS", help="the holder's PIN (default: ask, or the key file's)")
    group.add_argument("--now", metavar="TIME", help="date and time of the terminal, as 2026-11-21T12:00:00")
    group.add_argument("--record", metavar="FILE", help="keep the card session as a recording (JSON lines)")
    group.add_argument(
        "--no-follow", action="store_false", dest="follow", help="take 61xx and 6Cxx as they come, as a bare reader"
    )
    return session


def _hosts(*, social: bool, bank: bool) -> Parser:
    """Where the terminal finds its hosts."""
    options = Parser(add_help=False)
    group = options.add_argument_group("hosts")
    group.add_argument(
        "--books", metavar="URL", help="books of the hosts in process, an SQLite file or a database's URL"
    )
    group.set_defaults(host=None, social_host=None, network=None, timeout=10.0)
    if bank:
        group.add_argument("--host", metavar="HOST:PORT", help="the bank or the switch (default: the bank in process)")
        group.add_argument("--network", metavar="FILE", help="terminals and keys of lines (default: the demo network)")
    if social:
        group.add_argument("--social-host", metavar="HOST:PORT", help="the social-security host (default: in process)")
    group.add_argument("--storage", metavar="FILE", help="what the terminal keeps from run to run (default: nothing)")
    group.add_argument("--timeout", type=float, metavar="S", help="seconds until an answer is lost (default 10)")
    return options


def _financial_options() -> Parser:
    options = Parser(add_help=False)
    group = options.add_argument_group("transaction")
    group.add_argument("--amount", default="1.00", metavar="YUAN", help="amount in yuan (default 1.00)")
    group.add_argument(
        "--type", choices=TYPES, metavar="KIND", help=f"default purchase, or cash without it; {', '.join(TYPES)}"
    )
    kind = group.add_mutually_exclusive_group()
    kind.add_argument(
        "--terminal",
        default="pos",
        metavar="FILE",
        help="pos (default), atm, counter, a file, or installed: that of a download",
    )
    kind.add_argument("--pos", action="store_const", dest="terminal", const="pos", help="a POS terminal")
    kind.add_argument("--atm", action="store_const", dest="terminal", const="atm", help="an ATM")
    kind.add_argument("--counter", action="store_const", dest="terminal", const="counter", help="a bank's counter")
    group.add_argument("--to", metavar="ACCOUNT", help="the other account of a transfer or of --type load-other")
    group.add_argument("--new-pin", metavar="DIGITS", help="the new PIN of --type pin-change")
    group.add_argument("--offline", action="store_true", help="the bank's host is not reached")
    group.add_argument("--update-key", metavar="FILE", help="key of --terminal installed (default: the bench's)")
    group.add_argument("--cashback", metavar="YUAN", help="cash paid out with a purchase, a part of --amount")
    group.add_argument("--force-online", action="store_true", help="the merchant wants the transaction online")
    group.add_argument("--country", default="0156", metavar="CODE", help="terminal country, four digits")
    group.add_argument("--currency", default="0156", metavar="CODE", help="transaction currency, four digits")
    group.add_argument("--expect", choices=("approved", "declined"), help="exit 1 unless it ends so")
    return options


def _full_options() -> Parser:
    options = Parser(add_help=False)
    group = options.add_argument_group("service")
    group.add_argument(
        "--service",
        choices=(*SERVICES, *FULL_SERVICES),
        default="identity",
        help="what to do (default: both sides, each by itself; verify-pin: the same with the PIN)",
    )
    group.add_argument("--business", metavar="KEY", help="identity, login: a business of the scheme, as transfer")
    group.add_argument("--channel", choices=CHANNELS, help="where the holder is (default: as the service is used)")
    group.add_argument(
        "--field", action="append", default=[], metavar="NAME=TEXT", help="login: what the holder says (repeatable)"
    )
    group.add_argument("--query", metavar="KEY", help="query: what is looked up, as medical")
    group.add_argument("--bill", default="1", metavar="NUMBER", help="settle: the bill's number (default 1)")
    group.add_argument(
        "--fee",
        action="append",
        default=[],
        metavar="NAME=YUAN:KIND",
        help="settle: a fee; kind covered, partly or own (repeatable)",
    )
    group.add_argument("--bill-file", metavar="FILE", help="settle: fees in TOML or CSV")
    group.add_argument("--institution", default="519900080620001", metavar="ID", help="settle: who bills")
    group.add_argument(
        "--item", action="append", default=[], metavar="NUMBER", help="contribute, benefits: these alone (repeatable)"
    )
    group.add_argument("--region", metavar="FILE", help="further businesses of a region (TOML)")
    return options


def _equipment() -> Parser:
    """The parts of terminals that have to have some (SCHEME-026)."""
    options = Parser(add_help=False)
    group = options.add_argument_group("equipment")
    group.add_argument(
        "--without", action="append", default=[], choices=PARTS, metavar="PART", help="a part that the terminal lacks"
    )
    return options


def _social_services() -> Parser:
    """All services of the social-security terminal, and what belongs to them."""
    options = Parser(add_help=False)
    group = options.add_argument_group("service")
    group.add_argument(
        "--service",
        choices=SOCIAL_SERVICES,
        default="identity",
        metavar="NAME",
        help=f"what to do (default identity): {', '.join(SOCIAL_SERVICES)}",
    )
    group.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="read, update: DF01EF05 …; write: DF01EF07:29=2 …; purchase: ACCOUNT [HOLDER [POOL]] in yuan; load: "
        "AMOUNT; proof: purchase|load NUMBER; starting-day: [MMDD]; block-application: DF03",
    )
    group.add_argument("--new-pin", metavar="DIGITS", help="what the holder enters where a new PIN is asked for")
    group.add_argument("--prefer", choices=("pin", "key"), default="pin", help="what opens a file that either opens")
    group.add_argument("--role", choices=("holder", "operator"), default="holder", help="transaction: who is there")
    group.add_argument("--application", metavar="DF", help="transaction: the application (default: ask)")
    group.add_argument(
        "--kind",
        choices=("read", "write", "change-pin", "update", "block-application", "block-card"),
        help="transaction: what is done there (default: ask)",
    )
    group.add_argument("--psam-only", action="store_true", help="no key file in the place of a PSAM that lacks a key")
    group.add_argument("--special", choices=("1", "2", "3", "9"), help="class of a special settlement (DF04 EF15)")
    group.add_argument("--online", action="store_true", help="ask the social-security host for the state of the card")
    return options
