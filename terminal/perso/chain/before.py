"""The ten stages of the way (PERSO-157), each a step that can be taken again after an interruption; here 1 to 5.

    1 data collection       6 personalisation
    2 transfer              7 sorting
    3 bank data request     8 delivery
    4 matching and packing  9 issuing
    5 package transfer     10 activation

A step finds what is left to do in the books of who does it, so that a process that was killed loses nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from terminal.errors import UsageError
from terminal.management.department import orders
from terminal.management.machines import OrderState
from terminal.management.records import Stage
from terminal.perso.batches.documents import read_list, read_package
from terminal.perso.batches.mail import send_list, send_packages, take_batches
from terminal.perso.chain.town import Town
from terminal.perso.data.document import read_batch, write_batch
from terminal.perso.data.layouts import FileKind
from terminal.perso.data.reading import joint_expiry, read_file
from terminal.perso.parties import Party
from terminal.perso.production.intake import take_batch
from terminal.perso.records import Application
from terminal.perso.transfer.register import Arrival
from terminal.perso.transfer.sealing import Kind
from terminal.perso.workshop import Workshop

Counts = Mapping[str, int]
"""What a step did, in words and numbers."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The files of applications, read: what is right in them, and what is not, by file and line."""

    rows: int
    applications: tuple[Application, ...]
    mistakes: tuple[str, ...]
    wrong: int
    """Lines with a mistake."""


def read_applications(files: Iterable[Path], workshop: Workshop) -> Collected:
    """Read files of applications in any format (PERSO-054, PERSO-055).

    Raises:
        DataError: one cannot be read, or is no file of applications at all.
    """
    joint = joint_expiry(workshop.settings)
    found = [read_file(path, FileKind.APPLICATIONS, joint_expiry=joint) for path in files]
    return Collected(
        sum(reading.rows for reading in found),
        tuple(application for reading in found for application in reading.applications),
        tuple(str(mistake) for reading in found for mistake in reading.mistakes),
        sum(reading.wrong_lines for reading in found),
    )


def collect(town: Town, collected: Collected) -> tuple[Counts, list[str]]:
    """Stage 1: right applications become orders, the others are told with their reason (SCHEME-117)."""
    intake = town.department.apply(collected.applications)
    told = [f"application {problem.place}: {problem.reason}" for problem in intake.problems]
    counts = {
        "applications": collected.rows, "wrong lines": collected.wrong, "refused": len(intake.problems),
        "orders": len(intake.orders),
    }  # fmt: skip
    return counts, [*collected.mistakes, *told]


def transfer(town: Town) -> Counts:
    """Stage 2: the department sends its batches to the bank (SCHEME-118)."""
    department, post = town.department, town.posts[Party.DEPARTMENT]
    department.send_out()
    waiting = department.look(lambda books: orders.listed(books, OrderState.SENT))
    sent = {name for _, name, _, _ in post.sent()}
    names = sorted({one.batch for one in waiting})
    for name in names:
        if f"{name}.batch" not in sent:
            batch = department.batch(name)
            post.send(Party.BANK, f"{name}.batch", Kind.BATCH, write_batch(batch), count=len(batch.records))
    return {"batches": len(names), "records": len(waiting)}


def request(town: Town) -> Counts:
    """Stages 3 and 4: the bank takes the batches, checks its customers, opens accounts, matches and packs."""
    post = town.posts[Party.BANK]
    refused = [one for one in take_batches(town.batches, post) if one.refused]
    if refused:
        raise UsageError(f"the bank does not take {refused[0].file}: {refused[0].refused}")
    found: Counter[str] = Counter()
    for name in town.batches.names():
        town.batches.process(name)
        for package in town.batches.packages(name):
            town.platform.take_records(package.batch.records)
        made = town.batches.card_list(name)
        found.update(batches=1, made=made.made, rejected=len(made.rejected))
    return found


def give_back(town: Town) -> Counts:
    """Stage 4: the card-making lists go back; rejected orders end at the department (PERSO-144)."""
    for name in town.batches.names():
        send_list(town.batches, town.posts[Party.BANK], name)
    post = town.posts[Party.DEPARTMENT]
    rejected = 0
    for file in received(town, Party.DEPARTMENT, Kind.LIST):
        made = read_list(post.open(file.stored), file.name)
        town.department.rejected(made.reasons)
        post.done(file.stored)
        rejected += len(made.reasons)
    return {"rejected orders ended": rejected}


def send(town: Town) -> Counts:
    """Stage 5: packages go to the maker, who takes them with their notes."""
    for name in town.batches.names():
        send_packages(town.batches, town.posts[Party.BANK], name)
        packed = [record.order for package in town.batches.packages(name) for record in package.batch.records]
        town.platform.pass_stage(packed, Stage.PACKAGE)
    post = town.posts[Party.MAKER]
    files = received(town, Party.MAKER, Kind.LIST, Kind.BATCH)
    notes = {file.name.removesuffix(".note"): file for file in files if file.kind is Kind.LIST}
    cards = 0
    for file in (file for file in files if file.kind is Kind.BATCH):
        name = file.name.removesuffix(".batch")
        if name not in notes:
            raise UsageError(f"package {name} has come without its note")
        package = read_package(read_batch(post.open(file.stored), name), post.open(notes[name].stored), name)
        take_batch(town.plant, package.batch, seed=town.cards.seed or 0)
        cards += package.count
        post.done(file.stored)
        post.done(notes[name].stored)
    return {"packages": len(notes), "cards": cards}


def received(town: Town, party: Party, *kinds: Kind) -> list[Arrival]:
    """The files of these kinds that wait for a party, after what has come over its lines was registered."""
    town.posts[party].receive()
    return [file for file in town.posts[party].pending() if file.kind in kinds]
