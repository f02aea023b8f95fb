"""Options of `cardterm perso check`."""

from cardsim.commandline import Parser
from terminal.cli.options.common import add_target


def add_check(parser: Parser) -> None:
    """The card, what it is compared with, and how it is told."""
    target = add_target(parser, required=True)
    target.add_argument("--seed", type=int, metavar="N", help="seed of the challenges")
    known = parser.add_argument_group("what is known of the card")
    known.add_argument("--keys", metavar="FILE", help="key file (default: beside the image, if there is one)")
    known.add_argument("--profile", metavar="NAME|FILE", help="what the card is to be; else by the version it states")
    known.add_argument("--data", metavar="FILE", help="a batch with the data of this card, to compare with")
    known.add_argument("--order", metavar="NUMBER", help="the order in it; else the one that the card's numbers name")
    face = known.add_mutually_exclusive_group()
    face.add_argument("--face", metavar="FILE", help="the rendered face (SVG), checked against the chip")
    face.add_argument("--job", metavar="FILE", help="the print job with the face of this card")
    known.add_argument("--workshop", metavar="FOLDER", help="whose rules and faces are taken (default: our own)")
    known.add_argument("--pin", metavar="DIGITS", help="the holder's PIN; a wrong one costs a try")
    known.add_argument("--now", metavar="TIME", help="the time of the check, as 2026-11-21T12:00:00")
    known.add_argument(
        "--destructive", action="store_true", help="ask for a cryptogram too, which uses up a transaction number"
    )
    reports = parser.add_argument_group("reports")
    reports.add_argument("--json", action="store_true", help="one JSON document on standard output")
    reports.add_argument("--junit", metavar="FILE", help="JUnit XML for CI")
    reports.add_argument("--html", metavar="FILE", help="one HTML page without anything from outside")
