"""The options of `cardterm perso transfer`."""

from typing import Final

from cardsim.commandline import Parser

PARTIES: Final = ("department", "bank", "maker")
KINDS: Final = ("applications", "batch", "feedback", "list")


def add_transfer(parser: Parser) -> None:
    """`cardterm perso transfer key | send | receive | open | list | line | burn | disc`."""
    words = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, text: str, example: str) -> Parser:
        epilog = f"example: cardterm perso transfer {name} {example}"
        word = words.add_parser(name, help=text, description=text, epilog=epilog)
        word.add_argument("folder", metavar="FOLDER", help="the workshop")
        word.add_argument("--json", action="store_true", help="one JSON document on standard output")
        word.add_argument("--now", metavar="TIME", help="the time that it is, as 2026-11-21T12:00:00")
        return word

    def add_own(name: str, text: str, example: str, *, person: bool = True) -> Parser:
        word = add(name, text, example)
        word.add_argument("--party", choices=PARTIES, required=True, help="who you are")
        if person:
            word.add_argument("--person", metavar="NAME", help="of the party's data staff (PARTY-data)")
        return word

    add_own("key", "make a party's key and give its certificate away", "work --party bank", person=False)
    send = add_own("send", "seal a file and send it", "work batch.json --party department --to bank --name B1")
    send.add_argument("file", metavar="FILE", help="what is sent")
    send.add_argument("--to", choices=PARTIES, required=True, help="its receiver")
    send.add_argument("--name", metavar="NAME", required=True, help="under which it goes: letters, digits, . _ -")
    send.add_argument("--kind", choices=KINDS, default="batch", help="what it is (batch)")
    send.add_argument("--count", type=int, default=0, metavar="N", help="entries of a list")
    add_own("receive", "register what has come, and answer for it", "work --party bank")
    opened = add_own("open", "open a file of the register", "work department/000001-B1.p7m --party bank --out b.json")
    opened.add_argument("stored", metavar="STORED", help="as `list` names it")
    opened.add_argument("--out", metavar="FILE", required=True, help="where its content goes; it holds personal data")
    add_own("list", "a party's register: what was received and sent", "work --party bank", person=False)
    line = add("line", "whether a line works; or let it work, or not", "work bank-maker down")
    line.add_argument("line", metavar="LINE", help="as department-bank")
    line.add_argument("state", choices=("up", "down"), nargs="?", help="what it is to be; without it nothing changes")
    burn = add_own("burn", "write what waits for a line to a disc", "work disc --party bank --to maker", person=False)
    burn.add_argument("disc", metavar="DISC", help="a folder")
    burn.add_argument("--to", choices=PARTIES, required=True, help="whose files")
    disc = add_own("disc", "register the files of a disc", "work disc --party bank --sender department --approved Li")
    disc.add_argument("disc", metavar="DISC", help="a folder")
    disc.add_argument("--sender", choices=PARTIES, required=True, help="who has burnt it")
    disc.add_argument("--approved", metavar="NAME", required=True, help="who allowed it")
