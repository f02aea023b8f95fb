"""Options of `cardterm perso face`."""

from cardsim.commandline import Parser


def add_face(parser: Parser) -> None:
    """The workshop, the batch, and how its faces are printed."""
    parser.add_argument("folder", metavar="FOLDER", help="the workshop; faces go to faces/ in it")
    parser.add_argument("data", metavar="BATCH", help="a batch whose records have the social-security data")
    parser.add_argument("--product", metavar="NAME", help="a product of the rules (default: the issuer's)")
    parser.add_argument("--design", metavar="ID", help="an approved design of its face (default: the issuer's)")
    parser.add_argument(
        "--method", choices=("laser", "thermal", "digital"), default="laser", help="how it is printed (default: laser)"
    )
    parser.add_argument("--order", metavar="NUMBER", help="this order alone")
    parser.add_argument("--now", metavar="TIME", help="the time, as 2026-11-21T12:00:00")
    parser.add_argument("--json", action="store_true", help="the print job on standard output")
