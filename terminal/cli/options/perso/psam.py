"""The options of `cardterm perso psam`."""

from typing import Final

from cardsim.commandline import Parser
from terminal.perso.psam.states import CHECK, PsamChange

PARTIES: Final = ("base", "national", "provincial", "city")
"""Values of `SamParty`, whose module is too heavy for `--help`."""
CHANGES: Final = (*(change.value for change in PsamChange if change is not PsamChange.MADE), CHECK)


def add_psam(parser: Parser) -> None:
    """`cardterm perso psam make | register | list`."""
    words = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, text: str, example: str) -> Parser:
        word = words.add_parser(
            name, help=text, description=text, epilog=f"example: cardterm perso psam {name} {example}"
        )
        word.add_argument("folder", metavar="FOLDER", help="the workshop")
        word.add_argument("--now", metavar="TIME", help="the time that it is, as 2026-11-21T12:00:00")
        word.add_argument("--json", action="store_true", help="one JSON document on standard output")
        return word

    make = add("make", "PSAMs through the hands of all parties, or a party's turn at those that wait", "work --by 王五")
    make.add_argument("--by", metavar="PERSON", required=True, help="who does it")
    make.add_argument("--count", type=int, default=1, metavar="N", help="how many are ordered (default 1)")
    make.add_argument("--area", metavar="CODE", help="area code of the issuing city (default 519900)")
    make.add_argument("--profile", metavar="NAME|FILE", help="what is on them (default field)")
    make.add_argument("--number", type=int, metavar="N", help="six digits of the first terminal number (default: next)")
    make.add_argument("--serial", type=int, metavar="N", help="serial number of the first chip (default: next)")
    make.add_argument("--party", choices=PARTIES, help="only this party's turn; base orders new ones, unless --resume")
    make.add_argument("--resume", action="store_true", help="order none: finish what waits, or was interrupted")
    make.add_argument("--seed", type=int, metavar="N", help="of the key stores, where the workshop has none yet")
    register = add(
        "register",
        "what happens to a PSAM",
        "work issue 519900000001 --to 赵六 --unit 社保大厅 --device T7 --by 王五",
    )
    register.add_argument("change", choices=CHANGES)
    register.add_argument("terminal", metavar="TERMINAL", help="its terminal number, 12 digits")
    register.add_argument("--by", metavar="PERSON", required=True, help="who does it")
    register.add_argument("--to", metavar="PERSON", default="", help="who has it from now on (issue)")
    register.add_argument("--unit", metavar="NAME", default="", help="unit of that person (issue)")
    register.add_argument("--device", metavar="NAME", default="", help="the device that it is for (issue)")
    register.add_argument("--note", metavar="TEXT", default="", help="a remark for the log")
    listing = add("list", "PSAMs with their levels and holders, and what is overdue or unfinished", "work")
    listing.add_argument("--terminal", metavar="NUMBER", help="one PSAM, with its log")
