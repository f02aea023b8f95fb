"""The options of `cardterm perso produce`."""

from typing import Final

from cardsim.commandline import Parser

_STEPS: Final = ("both", "social", "finance")
_DELIVERY: Final = ("dispatched", "in transit", "arrived", "accepted")


def add_produce(parser: Parser) -> None:
    """`cardterm perso produce take | run | …`: the words in the order of a batch's way."""
    words = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, text: str, example: str, *, batch: bool = True) -> Parser:
        word = words.add_parser(
            name, help=text, description=text, epilog=f"example: cardterm perso produce {name} {example}"
        )
        word.add_argument("folder", metavar="FOLDER", help="the workshop")
        if batch:
            word.add_argument("batch", metavar="BATCH", help="name of the batch")
        word.add_argument("--json", action="store_true", help="one JSON document on standard output")
        word.add_argument("--now", metavar="TIME", help="the time that it is, as 2026-11-21T12:00:00")
        return word

    _making(add("take", "take a batch of matched records into production", "work batch.json", batch=False))
    run = add("run", "make the cards of a batch that are not made yet", "work B1 --jobs 2")
    run.add_argument("--jobs", type=int, metavar="N", help="how many cards at once; by default one for each core")
    run.add_argument(
        "--scheduler", metavar="ADDRESS", help="a Dask scheduler, or 'local' for a cluster of this machine"
    )
    where = run.add_mutually_exclusive_group()
    where.add_argument("--reader", metavar="NAME|INDEX", help="make the cards in a PC/SC reader, one after the other")
    where.add_argument("--card", metavar="IMAGE", help="make one card of this blank image, or python:MODULE:FACTORY")
    run.add_argument(
        "--feedback", metavar="FILE", help="in a reader, second step: find the record by the first station's feedback"
    )
    run.add_argument("--machine", metavar="NAME", help="name of the machine, for the audit")
    status = add("status", "how far batches are", "work", batch=False)
    status.add_argument("batch", metavar="BATCH", nargs="?", help="one batch; by default all")
    remake = add("remake", "release waste cards of a batch to be made once more", "work B1")
    remake.add_argument("--waste", metavar="NAME", help="one waste card; by default all of the batch")
    lists = add("list", "end a batch: list, feedback, mailing data, audits; the list goes to the bank", "work B1")
    lists.add_argument("--short", action="store_true", help="also when orders have only waste cards")
    pack = add("pack", "sort good cards by issuing unit and pack them", "work B1")
    inspect = add("inspect", "the outgoing inspection: read each card and compare it with the manifest", "work B1")
    deliver = add("deliver", "bring the delivery of a batch to its next state", "work B1 dispatched")
    deliver.add_argument("state", choices=_DELIVERY)
    deliver.add_argument("--place", metavar="TEXT", default="", help="where it goes, or is")
    waste = add("waste", "waste cards of a month: what there is, sent, or destroyed", "work --send", batch=False)
    _waste(waste)
    close = add("close", "delete the personal data of a batch", "work B1")
    audit = add("audit", "where a card comes from; without CARD, what breaks a rule of the site", "work", batch=False)
    audit.add_argument("card", metavar="CARD", nargs="?", help="historical bytes, identification code, or order")
    for word in (run, remake, close):
        word.add_argument("--operator", metavar="NAME", help="who does it; by default the first of the staff")
    for word in (remake, close):
        word.add_argument("--supervisor", metavar="NAME", help="who watches")
    for word in (pack, deliver, waste):
        word.add_argument("--storekeeper", metavar="NAME", help="who hands it out")
    inspect.add_argument("--inspector", metavar="NAME", help="who inspects")


def _making(take: Parser) -> None:
    take.add_argument("file", metavar="FILE", help="batch document of matched records")
    take.add_argument("--step", choices=_STEPS, default="both", help="what is written here; by default both sides")
    take.add_argument("--unfinished", action="store_true", help="another side finishes, packs and mails the cards")
    take.add_argument("--seed", type=int, metavar="N", default=0, help="of everything random in the cards")
    take.add_argument("--operator", metavar="NAME", help="who opens the batch; by default the first of the staff")


def _waste(waste: Parser) -> None:
    waste.add_argument("--month", metavar="YYYYMM", help="by default this one")
    waste.add_argument("--send", action="store_true", help="send what is here to the bank, packed by batch")
    waste.add_argument("--destroy", action="store_true", help="at the bank: destroy what came, if it is as in the log")
    waste.add_argument("--witness", metavar="NAME", action="append", default=[], help="two of them, for --destroy")
