"""The options of `cardterm perso batch`."""

from typing import Final

from cardsim.commandline import Parser

STEPS: Final = ("split", "check", "open", "match", "pack")
"""Words for the steps of a batch, in their order."""


def add_batch(parser: Parser) -> None:
    """`cardterm perso batch`: receive and take, run and step, list, outlets, rejected, report, what goes out, match."""
    words = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, text: str, example: str, *, folder: bool = True) -> Parser:
        word = words.add_parser(
            name, help=text, description=text, epilog=f"example: cardterm perso batch {name} {example}"
        )
        if folder:
            word.add_argument("folder", metavar="FOLDER", help="the workshop")
            word.add_argument("--now", metavar="TIME", help="the time that it is, as 2026-11-21T12:00:00")
        word.add_argument("--json", action="store_true", help="one JSON document on standard output")
        return word

    def add_named(name: str, text: str, example: str) -> Parser:
        word = add(name, text, f"work 530100-01{example}")
        word.add_argument("name", metavar="BATCH", help="name of the received file")
        return word

    receive = add("receive", "register batches of the department", "work batch.json")
    receive.add_argument("files", nargs="+", metavar="FILE", help="a batch in the internal format; - is standard input")
    take = add("take", "register what has come from the department over the line; asks for the password", "work")
    run = add_named("run", "split to outlets, check customers, open accounts, match and pack; goes on where it was", "")
    step = add_named("step", "one step of a batch, for all outlets or for one", " check --outlet 2500041")
    step.add_argument("step", choices=STEPS)
    step.add_argument("--outlet", metavar="CODE", default="", help="for check and open: the records of one outlet")
    for word in (run, step):
        word.add_argument("--keys", metavar="FILE", help="key file of the bank (default: its store in the workshop)")
    add("list", "the batches that were received", "work")
    add_named("outlets", "how many applications each outlet has", "")
    add_named("rejected", "the rejected records so far, with what the bank keeps to itself", "")
    add_named("report", "the books of a batch; exit status 1 if something is wrong in them", "")
    packages = add_named("packages", "write the packages for the maker, each with its note", " --out packages")
    packages.add_argument("--out", metavar="FOLDER", required=True, help="where they go; they hold personal data")
    back = add_named("return", "write the card-making list for the department", "")
    back.add_argument("--out", metavar="FILE", help="where it goes (default: lists/BATCH.list.json in the workshop)")
    send = add_named("send", "send packages to the maker and the card-making list to the department", "")
    for word in (take, send):
        word.add_argument("--person", metavar="NAME", default="bank-data", help="of the bank's data staff (bank-data)")
    forget = add_named("forget", "delete the department's data of a batch, under supervision", " --supervisor 'Li Na'")
    forget.add_argument("--supervisor", metavar="WHO", required=True)
    match = add("match", "match the department's file and the bank's, without a workshop", "social.json bank.json "
                "--out matched.json", folder=False)  # fmt: skip
    match.add_argument("social", metavar="SOCIAL", help="the department's batch")
    match.add_argument("bank", metavar="BANK", help="the bank's batch")
    match.add_argument("--key", default="social_security_number", help="the common item to match by")
    match.add_argument("--out", metavar="FILE", required=True, help="where the matched batch goes")
