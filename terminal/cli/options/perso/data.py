"""The options of `cardterm perso data`."""

from typing import Final

from cardsim.commandline import Parser

KINDS: Final = ("applications", "social", "bank", "matched")
CODE_PAGES: Final = ("utf-8", "gbk", "gb18030")


def add_data(parser: Parser) -> None:
    """`cardterm perso data check | convert | samples | records`."""
    words = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, text: str, example: str) -> Parser:
        epilog = f"example: cardterm perso data {name} {example}"
        word = words.add_parser(name, help=text, description=text, epilog=epilog)
        word.add_argument("--json", action="store_true", help="one JSON document on standard output")
        return word

    def add_input(word: Parser) -> None:
        word.add_argument("file", metavar="FILE", help="a .csv, .txt, .json, .jsonl, .xml or .xlsx file")
        word.add_argument("--kind", choices=KINDS, required=True, help="which layout it has (docs/data-files.md)")
        word.add_argument("--encoding", choices=CODE_PAGES, default="", help="its code page; found out where it can be")
        word.add_argument("--workshop", metavar="FOLDER", help="a workshop whose [data] settings hold")

    check = add("check", "whether the lines of a file are right; tells each mistake", "social.csv --kind social")
    add_input(check)
    convert = add(
        "convert",
        "write the good lines of a file in another format, or as the internal document",
        "applications.xlsx applications.xml --kind applications",
    )
    add_input(convert)
    convert.add_argument("out", metavar="OUT", help="what is written; its ending says the format")
    convert.add_argument("--to", choices=CODE_PAGES, default="utf-8", help="code page of OUT")
    convert.add_argument("--chinese", action="store_true", help="with Chinese headers")
    convert.add_argument("--internal", action="store_true", help="OUT is the internal document that parties exchange")
    batch = convert.add_argument_group("of a batch that is written with --internal")
    batch.add_argument("--name", metavar="NAME", help="its name; by default that of FILE")
    batch.add_argument("--applied", metavar="DAY", default="", help="when it was applied for, as 20261122")
    batch.add_argument("--city", metavar="CODE", default="", help="area code of six digits")
    batch.add_argument("--county", metavar="CODE", default="", help="area code of six digits")
    samples = add("samples", "write a file of invented persons", "applications.csv --count 100 --wrong 5")
    samples.add_argument("--kind", choices=KINDS, default=KINDS[0], help="its layout (applications)")
    samples.add_argument("out", metavar="OUT", help="what is written; its ending says the format")
    samples.add_argument("--count", type=int, default=10, metavar="N", help="good ones (10)")
    samples.add_argument(
        "--wrong", type=int, default=0, metavar="N", help="as many more applications with a mistake each"
    )
    samples.add_argument(
        "--duplicates", type=int, default=0, metavar="N", help="as many more applications of the same persons"
    )
    samples.add_argument("--seed", type=int, default=1, metavar="N", help="of all that is drawn by lot (1)")
    samples.add_argument("--no-photos", action="store_true", help="without photos")
    samples.add_argument("--to", choices=CODE_PAGES, default="utf-8", help="code page of OUT")
    samples.add_argument("--chinese", action="store_true", help="with Chinese headers")
    records = add(
        "records",
        "whether the records that a bank has prepared are all there, with the mandatory data objects",
        "records.txt --afl 08010200",
    )
    records.add_argument("file", metavar="FILE", help="lines of a DGI and its content in hex")
    records.add_argument("--afl", metavar="HEX", required=True, help="application file locator (tag 94)")
