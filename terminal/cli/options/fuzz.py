"""The options of `cardterm fuzz`."""

from cardsim.commandline import Parser
from terminal.cli.options.common import Add, add_target


def add_fuzz(add: Add, psam: Parser) -> None:
    """`cardterm fuzz`."""
    add(
        "fuzz",
        "Command sequences searched for faults of a card; FOLDER keeps what was found, and resumes.",
        "fuzz --card me.card --apdus 1000000 findings/me",
        (_fuzz_options(), psam),
    )


def _fuzz_options() -> Parser:
    """Which card, for how long, by which rules, and what becomes of it."""
    options = Parser(add_help=False)
    options.add_argument(
        "folder", nargs="?", metavar="FOLDER", help="corpus and findings (default: CARD.fuzz where you are)"
    )
    target = add_target(options, image="a card image (copies of it are used), or python:MODULE:FACTORY")
    target.add_argument("--keys", metavar="FILE", help="key file (default: IMAGE.keys.toml beside the image)")
    target.add_argument("--destructive", action="store_true", help="also what could spend a physical card")
    target.add_argument("--defect", metavar="NAME", help="put a named fault into the model (`cardsim defects`)")
    _campaign(options)
    _instead(options)
    oracles = options.add_argument_group("oracles")
    oracles.add_argument("--only", action="append", default=[], metavar="ORACLE", help="these alone (repeatable)")
    oracles.add_argument("--without", action="append", default=[], metavar="ORACLE", help="not these (repeatable)")
    oracles.add_argument(
        "--against", metavar="reference|IMAGE",
        help="compare each answer with a clean model of the same card, or of an image",
    )  # fmt: skip
    output = options.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    output.add_argument("--show-secrets", action="store_true", help="show PINs and key data with --replay")
    return options


def _campaign(options: Parser) -> None:
    group = options.add_argument_group("campaign")
    group.add_argument("--seed", type=int, metavar="N", help="of all that is drawn (default: the folder's, or 1)")
    group.add_argument("--apdus", type=int, metavar="N", help="end after N APDUs (default 1000000, without --time)")
    group.add_argument("--time", type=float, metavar="S", help="end after S seconds")
    group.add_argument(
        "--start", action="append", metavar="NAME",
        help="begin with these alone, such as card or blank (repeatable; default: all moments in the making of a card)",
    )  # fmt: skip
    group.add_argument("-x", "--stop", action="store_true", help="end at the first finding")
    group.add_argument("-j", "--jobs", type=int, metavar="N", help="N processes (default: one for each core)")
    group.add_argument("--scheduler", metavar="ADDRESS", help="work on a Dask cluster (extra: dask)")
    group.add_argument("--no-coverage", action="store_false", dest="coverage", help="no guidance by the model's code")
    group.add_argument("--budget", type=int, default=10_000, metavar="N", help="APDUs to shrink one finding with")


def _instead(options: Parser) -> None:
    group = options.add_argument_group("instead of a campaign").add_mutually_exclusive_group()
    group.add_argument("--replay-only", action="store_true", help="run corpus and findings of FOLDER once more")
    group.add_argument("--replay", metavar="FILE", help="run one sequence and show what happens")
    group.add_argument(
        "--minimise", choices=("states", "pairs"),
        help="leave in the corpus only what reaches its security states, or its rows with a status word",
    )  # fmt: skip
    group.add_argument("--list-oracles", action="store_true", help="what must never happen, and why")
