"""The options of `cardterm explore`."""

from cardsim.commandline import Parser
from terminal.cli.options.common import Add


def add_explore(add: Add) -> None:
    """`cardterm explore`."""
    add(
        "explore",
        "All sequences of an alphabet on a small card, and what holds in all of them.",
        "explore life-cycle --without pse --graph life.svg",
        (_explore_options(),),
    )


def _explore_options() -> Parser:
    """Alphabet, card, limits, and what is written."""
    options = Parser(add_help=False)
    options.add_argument(
        "alphabet", nargs="?", default="switching", metavar="ALPHABET",
        help="one of --list (default switching), or a file of one's own",
    )  # fmt: skip
    options.add_argument("--list", action="store_true", help="list the alphabets and their letters, no more")
    card = options.add_argument_group("card")
    card.add_argument("--card", metavar="IMAGE", help="explore a private copy of an image, not a small card")
    card.add_argument("--keys", metavar="FILE", help="key file (default: IMAGE.keys.toml beside the image)")
    card.add_argument("--defect", metavar="NAME", help="explore a card that misbehaves (cardsim defects), or FILE:NAME")
    how = options.add_argument_group("exploring")
    how.add_argument("--depth", type=int, metavar="N", help="sequences of at most N letters (default: until complete)")
    how.add_argument("--states", type=int, metavar="N", help="end after N states (default: until complete)")
    how.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="leave a letter or a part of the alphabet out"
    )
    how.add_argument("--cuts", action="store_true", help="also cut the power at each page program of each letter")
    how.add_argument("--all", action="store_true", help="go on after a broken property, until each is told once")
    reports = options.add_argument_group("reports")
    reports.add_argument("--graph", metavar="FILE", help="draw the state graph, FILE.svg or FILE.dot")
    reports.add_argument(
        "--by", choices=("life-cycle", "place", "state"), default="life-cycle",
        help="what is one box of the graph (default life-cycle)",
    )  # fmt: skip
    reports.add_argument("--save", metavar="FILE", help="write a counter-example as a case for cardterm conform")
    reports.add_argument("--json", action="store_true", help="one JSON document on standard output")
    reports.add_argument("--show-secrets", action="store_true", help="show PINs and key data in the transcript")
    return options
