"""The argument parser of `cardterm`. Nothing heavy is imported here: `--help` starts in no time."""

from collections.abc import Sequence
from typing import Final

from cardsim.commandline import Parser, add_general_options
from terminal.cli.deskwords import BANK, EXAMPLES, OPTIONS, SOCIAL, SWITCH, TERMINAL, WORDS
from terminal.cli.exploreoptions import EXAMPLE as EXPLORE_EXAMPLE
from terminal.cli.exploreoptions import EXPLORE, explore_options
from terminal.cli.fuzzoptions import EXAMPLE as FUZZ_EXAMPLE
from terminal.cli.fuzzoptions import FUZZ, fuzz_options
from terminal.cli.recordingwords import add_recording_commands
from terminal.cli.tracewords import add_shell_command, add_trace_command

PROGRAM: Final = "cardterm"
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


def _psam() -> Parser:
    """The PSAM of those who have one: the bank's terminal has none (TRM-251)."""
    options = Parser(add_help=False)
    where = options.add_argument_group("PSAM").add_mutually_exclusive_group()
    where.add_argument("--psam", metavar="IMAGE", help="a PSAM image, or python:MODULE:FACTORY")
    where.add_argument("--psam-reader", metavar="NAME|INDEX", help="a PSAM in a PC/SC reader (extra: pcsc)")
    return options


def _common(*, required: bool = True) -> Parser:
    common = Parser(add_help=False)
    target = common.add_argument_group("target")
    where = target.add_mutually_exclusive_group(required=required)
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


def _host_options() -> Parser:
    options = Parser(add_help=False)
    options.add_argument(
        "host", nargs="?", choices=("bank", "social", "switch", "all"), default="all", help="default all"
    )
    options.add_argument(
        "--listen", default="127.0.0.1:8583", metavar="ADDRESS:PORT",
        help="of the first host; the others have the ports that follow. Port 0: free ones (default 127.0.0.1:8583)",
    )  # fmt: skip
    options.add_argument(
        "--keys", nargs="+", action="extend", default=[], metavar="FILE", help="key files of the cards"
    )
    options.add_argument(
        "--books", default="sqlite://", metavar="URL", help="an SQLite file or a database's URL (default: memory)"
    )
    options.add_argument(
        "--network", metavar="FILE", help="banks, terminals and keys of lines (default: the demo network)"
    )
    options.add_argument(
        "--bank", action="append", default=[], metavar="CODE=HOST:PORT", help="a bank that the switch calls over a line"
    )
    options.add_argument("-v", "--verbose", action="store_true", help="tell what is going on on standard error")
    return options


def _conform_options() -> Parser:
    options = Parser(add_help=False)
    target = options.add_argument_group("target")
    where = target.add_mutually_exclusive_group()
    where.add_argument("--card", metavar="IMAGE", help="a card image (its copy is used), or python:MODULE:FACTORY")
    where.add_argument("--reader", metavar="NAME|INDEX", help="a card in a PC/SC reader (extra: pcsc)")
    target.add_argument("--keys", metavar="FILE", help="key file (default: IMAGE.keys.toml beside the image)")
    target.add_argument("--profile", metavar="FILE", help="what the card supports (default: drafted by probing it)")
    target.add_argument("--seed", type=int, metavar="N", help="seed of the run's random numbers (default 1)")
    which = options.add_argument_group("cases")
    which.add_argument("prefix", nargs="*", metavar="PREFIX", help="begins a case id, a group or a requirement id")
    which.add_argument(
        "--cases", action="append", default=[], metavar="PATH", help="further .case or .py files, folders"
    )
    which.add_argument("--failed", metavar="FILE", help="only cases that failed in an earlier JSON report")
    which.add_argument("--shard", default="1/1", metavar="I/N", help="the I-th of N parts, the same cases each time")
    which.add_argument("--read-only", action="store_true", help="leave out what changes the card")
    which.add_argument("--destructive", action="store_true", help="also what could spend a physical card")
    how = options.add_argument_group("run")
    instead = how.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="list the cases; no card is needed")
    instead.add_argument("--dry-run", action="store_true", help="tell what would run, and why the rest would not")
    instead.add_argument("--draft-profile", action="store_true", help="probe the card and print a profile for it")
    how.add_argument("--strict", action="store_true", help="recommended answers alone; weak evidence fails too")
    how.add_argument("-x", "--stop", action="store_true", help="stop at the first failure")
    how.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="N processes (card images only)")
    how.add_argument("--show-secrets", action="store_true", help="show PINs and key data in the transcripts")
    reports = options.add_argument_group("reports")
    reports.add_argument("--json", action="store_true", help="one JSON document on standard output")
    reports.add_argument("--junit", metavar="FILE", help="JUnit XML for CI")
    reports.add_argument("--html", metavar="FILE", help="one HTML page without anything from outside")
    against = reports.add_mutually_exclusive_group()
    against.add_argument("--compare", metavar="FILE", help="compare with an earlier JSON report")
    against.add_argument("--baseline", metavar="FILE", help="the same, and exit 1 only for what got worse")
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


def _service_options() -> Parser:
    options = Parser(add_help=False)
    target = options.add_argument_group("target")
    where = target.add_mutually_exclusive_group(required=True)
    where.add_argument("--card", metavar="IMAGE", help="a card image, or python:MODULE:FACTORY")
    where.add_argument("--reader", metavar="NAME|INDEX", help="a card in a PC/SC reader (extra: pcsc)")
    target.add_argument("--seed", type=int, metavar="N", help="seed of the terminal's and the card's random numbers")
    service = options.add_argument_group("service")
    service.add_argument("--port", type=int, default=12342, metavar="N", help="TCP port (default 12342; 0: a free one)")
    service.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="pages of this origin may call too (repeatable)"
    )
    service.add_argument("--device-number", default="", metavar="TEXT", help="terminal device number (终端设备号)")
    pins = options.add_argument_group("PIN pad")
    pins.add_argument("--keys", metavar="FILE", help="key file with the holder's PIN (default: IMAGE.keys.toml)")
    pins.add_argument("--pin", metavar="DIGITS", help="the holder's PIN (default: ask, or the key file's)")
    pins.add_argument("--new-pin", metavar="DIGITS", help="what the holder enters where a new PIN is asked for")
    options.add_argument("--now", metavar="TIME", help="date and time of the terminal, as 2026-11-21T12:00:00")
    options.add_argument("--show-secrets", action="store_true", help="show PINs and key data in the transcript")
    return options


_DESKS: Final = {
    BANK: "Accounts, cards, issuer scripts and files of the bank.",
    SOCIAL: "Cards, blacklist, contributions and benefits of the social-security department.",
    SWITCH: "Clearing between the banks.",
    TERMINAL: "Parameters of a terminal from outside, and what can be seen of it.",
}


def _desk_books() -> Parser:
    common = Parser(add_help=False)
    group = common.add_argument_group("books")
    group.add_argument("--books", required=True, metavar="URL", help="an SQLite file or a database's URL")
    group.add_argument("--keys", nargs="+", default=[], metavar="FILE", help="key files of cards; for words with a PIN")
    group.add_argument("--network", metavar="FILE", help="banks and terminals (default: the demo network)")
    _desk_output(common)
    return common


def _desk_terminal() -> Parser:
    common = Parser(add_help=False)
    group = common.add_argument_group("terminal")
    group.add_argument("--storage", metavar="FILE", help="the terminal's storage")
    group.add_argument("--update-key", metavar="FILE", help="key of seals, 32 hex digits (default: the bench's)")
    _desk_output(common)
    return common


def _desk_output(common: Parser) -> None:
    common.add_argument("--now", metavar="TIME", help="date and time, as 2026-11-21T12:00:00")
    common.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _desk_words(desks: Parser) -> None:
    """Hosts and words of `cardterm desk`, from their table."""
    books, terminal = _desk_books(), _desk_terminal()
    hosts = desks.add_subparsers(dest="host", metavar="HOST", required=True)
    for host, words in WORDS.items():
        text, example = _DESKS[host], f"example: {PROGRAM} desk {host} {EXAMPLES[host]}"
        of_host = hosts.add_parser(host, help=text, description=text, epilog=example)
        parent = terminal if host == TERMINAL else books
        found = of_host.add_subparsers(dest="word", metavar="WORD", required=True)
        for word in words:
            of_word = found.add_parser(word.name, help=word.text, description=word.text, parents=[parent])
            for name in word.arguments:
                bare = name.strip("[]")
                many = {} if bare == name else {"nargs": "?"}
                of_word.add_argument(bare.partition(":")[0].lower(), metavar=bare, **many)  # type: ignore[arg-type]
            for option in word.options:
                of_word.add_argument(f"--{option}", **OPTIONS[option])


def build_parser() -> Parser:
    """The whole tree."""
    parser = Parser(
        prog=PROGRAM,
        description="Terminals for China's social-security card with financial function.",
        epilog="example: cardterm full --card me.card --amount 12.34",
    )
    add_general_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common, session, financial = _common(), _session(), _financial_options()
    psam = _psam()

    def add(name: str, text: str, example: str, parents: Sequence[Parser]) -> Parser:
        epilog = f"example: {PROGRAM} {example}"
        return commands.add_parser(name, help=text, description=text, epilog=epilog, parents=list(parents))

    apdu = add(
        "apdu",
        "Send command APDUs in hex, one a line ('#' comments, `reset`, `off`; `sam` in front: to the PSAM), and print "
        "the responses.",
        "apdu --card me.card --auto --decode commands.txt",
        (_common(required=False), psam),
    )
    apdu.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: standard input")
    apdu.add_argument("--auto", action="store_true", help="follow 61xx and 6Cxx")
    apdu.add_argument("--scripts", action="store_true", help="send the commands (86) of issuer scripts (71, 72)")
    apdu.add_argument("--decode", action="store_true", help="explain each command and response")
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
        (_common(required=False), session, _hosts(social=False, bank=True), financial),
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
    add(
        "service",
        "The national interface (38号文) as a local WebSocket service for counter software.",
        "service --card me.card --psam me.psam --port 12342",
        (_service_options(), psam),
    )
    add(
        "host",
        "Bank, social-security and switch hosts for terminals to call.",
        "host --keys me.card.keys.toml --books me.books",
        (_host_options(),),
    )
    desk = add(
        "desk",
        "What operators do at the hosts: accounts, lost cards, orders to cards, files.",
        f"desk bank {EXAMPLES[BANK]}",
        (),
    )
    _desk_words(desk)
    add(
        "conform",
        "Run conformance cases on a card.",
        "conform --card me.card --psam me.psam SSSE PSAM --html report.html",
        (_conform_options(), psam),
    )
    add("fuzz", FUZZ, FUZZ_EXAMPLE, (fuzz_options(), psam))
    add_recording_commands(add, psam)
    add_trace_command(add)
    add_shell_command(add, psam)
    add("explore", EXPLORE, EXPLORE_EXAMPLE, (explore_options(),))
    return parser
