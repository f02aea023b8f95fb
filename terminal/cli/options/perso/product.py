"""The options of `cardterm perso product`."""

from cardsim.commandline import Parser
from terminal.perso.records import OrderKind


def add_product(parser: Parser) -> None:
    """`cardterm perso product show | fee | check | report`."""
    words = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, text: str, example: str) -> Parser:
        word = words.add_parser(
            name, help=text, description=text, epilog=f"example: cardterm perso product {name} {example}"
        )
        word.add_argument("folder", metavar="FOLDER", help="the workshop")
        word.add_argument("--json", action="store_true", help="one JSON document on standard output")
        return word

    add("show", "the rules of the product that hold in a workshop", "work")
    fee = add("fee", "what a card costs in a county", "work --kind replacement --county 440305")
    fee.add_argument("--kind", choices=[kind.value for kind in OrderKind], default=OrderKind.FIRST.value)
    fee.add_argument("--county", metavar="CODE", required=True, help="area code of six digits")
    fee.add_argument("--waiver", metavar="REASON", default="", help="a reason for which it is not charged")
    check = add("check", "whether cards may be made today; tells all that stands against it", "work --county 510101")
    check.add_argument("--county", metavar="CODE", required=True, help="area code of six digits")
    check.add_argument("--social-maker", metavar="CODE", default="maker", help="who makes the social application")
    check.add_argument("--finance-maker", metavar="CODE", default="maker", help="who makes the finance application")
    check.add_argument(
        "--historical", metavar="HEX", help="historical bytes of the card bodies; by default those of cardsim's cards"
    )
    report = add("report", "the bank's report for a quarter, counted from its books", "work --quarter 2026Q3")
    report.add_argument("--quarter", metavar="2026Q3", required=True)
    for word in (check, report):
        word.add_argument("--now", metavar="TIME", help="the time that it is, as 2026-11-21T12:00:00")
