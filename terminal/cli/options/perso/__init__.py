"""The options of `cardterm perso`: a row for each subcommand, whose options stand in a module of its own here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardsim.commandline import Parser
from terminal.cli.options.common import Add
from terminal.cli.options.perso.batch import add_batch
from terminal.cli.options.perso.chain import add_chain
from terminal.cli.options.perso.check import add_check
from terminal.cli.options.perso.data import add_data
from terminal.cli.options.perso.face import add_face
from terminal.cli.options.perso.keys import add_keys
from terminal.cli.options.perso.life import add_life
from terminal.cli.options.perso.produce import add_produce
from terminal.cli.options.perso.product import add_product
from terminal.cli.options.perso.psam import add_psam
from terminal.cli.options.perso.transfer import add_transfer


@dataclass(frozen=True, slots=True)
class Word:
    """A subcommand: `terminal.cli.perso.NAME` runs it."""

    name: str
    text: str
    example: str
    options: Callable[[Parser], None]


WORDS: Final[tuple[Word, ...]] = (
    Word(
        "keys",
        "key management: stores, ceremonies, transport, registers",
        "keys demo work --seed 3",
        add_keys,
    ),
    Word(
        "batch",
        "the bank's part of a batch: outlets, ID check, accounts, matching, packages for the maker, the books",
        "batch run work 530100-01",
        add_batch,
    ),
    Word(
        "chain",
        "the whole way of invented holders' cards: from applications to activated cards, and whether all books agree",
        "chain work --holders 20 --wrong 3 --faulty 10",
        add_chain,
    ),
    Word(
        "product",
        "the rules of the product: fees, approvals, whether cards may be made, the quarterly report",
        "product show work",
        add_product,
    ),
    Word(
        "produce",
        "a batch at the personaliser: run, waste, lists, packing, delivery, deletion, audit",
        "produce run work B1",
        add_produce,
    ),
    Word(
        "data",
        "files of applications, social-security, bank and matched data: checked, converted, invented",
        "data check social.csv --kind social",
        add_data,
    ),
    Word(
        "life",
        "the registry and the life of cards at department and bank, from application to destruction",
        "life state work A00000011",
        add_life,
    ),
    Word(
        "transfer",
        "files between the parties: sealed, on lines or discs, and the register of each party",
        "transfer receive work --party bank",
        add_transfer,
    ),
    Word(
        "check",
        "a finished card, read and held against rules, its data and its face; nothing on it changes",
        "check --card me.card --profile dual-3.0-sm4 --data batch.json",
        add_check,
    ),
    Word(
        "face",
        "the faces of a batch, rendered, and the print job",
        "face workshop batch.json --method laser",
        add_face,
    ),
    Word(
        "psam",
        "PSAMs: made by the national, provincial and city party in turn, registered by person",
        "psam make work --by 王五",
        add_psam,
    ),
)


def add_perso(add: Add) -> None:
    """`cardterm perso`."""
    perso = add(
        "perso",
        "Making and managing cards: keys, data, batches, production, the card's life. FOLDER is a workshop.",
        f"perso {WORDS[0].example}",
        (),
    )
    words = perso.add_subparsers(dest="word", metavar="WORD", required=True)
    for word in WORDS:
        epilog = f"example: cardterm perso {word.example}"
        word.options(words.add_parser(word.name, help=word.text, description=word.text, epilog=epilog))
