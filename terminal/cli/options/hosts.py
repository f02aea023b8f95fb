"""Options of the hosts and of what is beside the terminals: `cardterm service`, `host`, `desk`."""

from typing import Final

from cardsim.commandline import Parser
from terminal.cli.deskwords import BANK, EXAMPLES, OPTIONS, SOCIAL, SWITCH, TERMINAL, WORDS
from terminal.cli.options.common import Add, add_target

_DESKS: Final = {
    BANK: "Accounts, cards, issuer scripts and files of the bank.",
    SOCIAL: "Cards, blacklist, contributions and benefits of the social-security department.",
    SWITCH: "Clearing between the banks.",
    TERMINAL: "Parameters of a terminal from outside, and what can be seen of it.",
}


def add_hosts(add: Add, psam: Parser) -> None:
    """The national interface, the hosts and their desk."""
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


def _service_options() -> Parser:
    options = Parser(add_help=False)
    target = add_target(options, required=True)
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


def _desk_words(desks: Parser) -> None:
    """Hosts and words of `cardterm desk`, from their table."""
    books, terminal = _desk_books(), _desk_terminal()
    hosts = desks.add_subparsers(dest="host", metavar="HOST", required=True)
    for host, words in WORDS.items():
        text, example = _DESKS[host], f"example: cardterm desk {host} {EXAMPLES[host]}"
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
