"""The platform's post: batches from the department, packages to the maker, the card-making list to the department."""

from dataclasses import dataclass

from terminal.errors import UsageError
from terminal.perso.batches.documents import write_list, write_note
from terminal.perso.batches.service import BankBatches
from terminal.perso.data.document import read_batch, write_batch
from terminal.perso.parties import Party
from terminal.perso.records import Receipt
from terminal.perso.transfer.post import Post
from terminal.perso.transfer.register import Arrival
from terminal.perso.transfer.sealing import Kind
from terminal.perso.transfer.tables import Mark


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a file with a batch."""

    file: str
    receipt: Receipt | None
    refused: str = ""


def take_batches(own: BankBatches, post: Post) -> list[Taken]:
    """Take all batches of the department that wait in the register of received files (SCHEME-208).

    A file that is no batch for the platform stays in the register, and why is said; the others are taken.

    Raises:
        TransferError: nothing can be received.
    """
    post.receive()
    files = [file for file in post.pending(Kind.BATCH) if file.sender == Party.DEPARTMENT.value]
    return [_take(own, post, file) for file in files]


def _take(own: BankBatches, post: Post, file: Arrival) -> Taken:
    try:
        receipt = own.receive(read_batch(post.open(file.stored), file.name))
    except UsageError as error:
        return Taken(file.name, None, str(error))
    post.done(file.stored)
    return Taken(file.name, receipt)


def send_packages(own: BankBatches, post: Post, name: str) -> list[str]:
    """Send the packages of a batch to the maker, each with its note; the files that were not sent before.

    Raises:
        UsageError: the batch is not packed, or its data have been deleted.
        TransferError: they cannot be sent.
    """
    own.card_list(name)  # nothing goes out of a batch on its way
    sent = _sent(post, Party.MAKER)
    out = []
    for package in own.packages(name):
        for file, kind, content in (
            (f"{package.name}.batch", Kind.BATCH, write_batch(package.batch)),
            (f"{package.name}.note", Kind.LIST, write_note(package)),
        ):
            if file not in sent:
                post.send(Party.MAKER, file, kind, content, count=package.count)
                out.append(file)
    return out


def send_list(own: BankBatches, post: Post, name: str) -> list[str]:
    """Send the card-making list to the department under the name of its file (PERSO-144); nothing if it has gone.

    Raises:
        UsageError: the batch is not packed.
        TransferError: it cannot be sent.
    """
    made, file = own.card_list(name), f"{name}.list"
    new = file not in _sent(post, Party.DEPARTMENT)
    if new:
        post.send(Party.DEPARTMENT, file, Kind.LIST, write_list(made), count=made.received)
    own.give_back(name)  # where a process ended between the two, too
    return [file] if new else []


def _sent(post: Post, receiver: Party) -> set[str]:
    return {file for to, file, mark, _ in post.sent() if to == receiver.value and mark is not Mark.REFUSED}
