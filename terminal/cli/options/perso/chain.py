"""The options of `cardterm perso chain`."""

from cardsim.commandline import Parser


def add_chain(parser: Parser) -> None:
    """`cardterm perso chain`."""
    parser.add_argument("folder", metavar="FOLDER", help="workshop; a chain that was interrupted there goes on")
    what = parser.add_argument_group("what is made")
    what.add_argument(
        "--applications", action="append", default=[], metavar="FILE",
        help="a file of applications (.csv, .json, .xml, .xlsx; repeatable); without one, holders are invented",
    )  # fmt: skip
    what.add_argument("--holders", type=int, default=20, metavar="N", help="so many invented ones (default 20)")
    what.add_argument("--wrong", type=int, default=0, metavar="N", help="so many with a mistake beside them")
    what.add_argument("--twice", type=int, default=0, metavar="N", help="so many that apply twice")
    what.add_argument(
        "--unknown", type=int, default=0, metavar="N", help="of a thousand, so many fail the ID check (联网核查)"
    )
    what.add_argument("--faulty", type=int, default=0, metavar="N", help="one card body of N is waste")
    what.add_argument("--profile", metavar="NAME|FILE", help="what the cards are to be")
    what.add_argument("--seed", type=int, default=1, metavar="N", help="of persons, keys and cards (default 1)")
    how = parser.add_argument_group("how")
    how.add_argument("-j", "--jobs", type=int, metavar="N", help="N processes (default: one for each core)")
    how.add_argument("--scheduler", metavar="ADDRESS", help="make the cards on a Dask cluster (local: of this machine)")
    how.add_argument("--kill", type=int, default=0, metavar="N", help="kill a worker when it has made N cards")
    how.add_argument("--sample", type=int, default=2, metavar="N", help="check N finished cards closely (default 2)")
    how.add_argument("--now", metavar="TIME", help="date and time of all parties, as 2026-11-22T12:00:00")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
