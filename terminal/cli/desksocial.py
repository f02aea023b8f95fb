"""The words of `cardterm desk social`: card management and money of the social-security department."""

import argparse
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from terminal.businesses import scheme
from terminal.cli.deskresult import Desk, Done, Row, file_text
from terminal.cli.financial import fen
from terminal.cli.social import write_of
from terminal.errors import UsageError
from terminal.hosts.social import register
from terminal.hosts.social.audit import audit
from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import CardRow
from terminal.hosts.social.desk import Desk as Books
from terminal.hosts.social.files import batch_file, take_result
from terminal.hosts.social.payments import add_benefit, add_due
from terminal.hosts.social.register import OPERATIONS
from terminal.hosts.social.updates import offer_item
from terminal.messages.batches import BatchKind
from terminal.messages.social import NO_CARD, BankOperation, BlacklistEntry, FetchBlacklist, FileWrite

_PERSONS: Final = "the register has no person"


def _row(card: CardRow) -> Row:
    return {
        "card": card.number,
        "identification": card.identification,
        "person": card.person,
        "state": card.state.value,
        "load counter": card.load_counter,
    }


def _find(books: Books, number: str) -> CardRow:
    found = register.cards(books, number)
    if not found:
        raise Refusal(Code.UNKNOWN_CARD, f"there is no card {number}; a terminal's first message takes one in")
    if len(found) > 1:
        raise Refusal(Code.DOES_NOT_FIT, f"several cards have the number {number}; name the identification code")
    return found[0]


def _cards(desk: Desk, _: argparse.Namespace) -> Done:
    return Done(tuple(map(_row, desk.department.work(register.cards))))


def _show(desk: Desk, arguments: argparse.Namespace) -> Done:
    def step(books: Books) -> Done:
        card = _find(books, arguments.card)
        return Done((_row(card), *register.events(books, card)))

    return desk.department.work(step)


def _change(operation: BankOperation) -> Callable[[Desk, argparse.Namespace], Done]:
    """Give a card another state; the blacklist follows."""

    def word(desk: Desk, arguments: argparse.Namespace) -> Done:
        def step(books: Books) -> Done:
            card = _find(books, arguments.card)
            _, request = register.change_state(books, card, OPERATIONS[operation], f"desk: {operation.value}")
            return Done(({**_row(_find(books, arguments.card)), "new card requested": request},))

        return desk.department.work(step)

    return word


def _blacklist(desk: Desk, _: argparse.Namespace) -> Done:
    def step(books: Books) -> Done:
        found = register.fetch_blacklist(books, FetchBlacklist(NO_CARD))
        rows: list[Row] = [{"version": found.version}]
        rows += [
            {"first": entry.first, "last": entry.last, "identification": entry.identification.hex().upper()}
            for entry in found.entries
        ]
        return Done(tuple(rows))

    return desk.department.work(step)


def _on_list(change: Callable[[Books, BlacklistEntry], None], desk: Desk, arguments: argparse.Namespace) -> Done:
    entry = BlacklistEntry(arguments.first, arguments.last or arguments.first)
    desk.department.work(lambda books: change(books, entry))
    return _blacklist(desk, arguments)


def _offer(desk: Desk, arguments: argparse.Namespace) -> Done:
    write = write_of(arguments.file)
    if write.tag is None:
        raise UsageError(f"{arguments.file}: an online update writes items, as DF01EF07:29=2")
    item = FileWrite(str(write.address), write.tag, write.value)
    desk.department.work(lambda books: offer_item(books, _person(books, arguments.person), item))
    return Done(({"person": arguments.person, "file": item.file, "tag": f"{item.tag:02X}"},))


def _person(books: Books, number: str) -> str:
    if not register.knows_person(books, number):
        raise Refusal(Code.NOT_THERE, f"{_PERSONS} {number}; a terminal's first message takes one in")
    return number


def _kind(text: str, kinds: Mapping[str, object]) -> str:
    if text not in kinds:
        raise UsageError(f"{text}: there are {', '.join(kinds)}")
    return text


def _due(desk: Desk, arguments: argparse.Namespace) -> Done:
    day = datetime.strptime(_real_day(desk.day_of(arguments.day)), "%Y%m%d").date()
    amount, kind = fen(arguments.yuan), _kind(arguments.kind, scheme().contribution)
    number = desk.department.work(lambda books: add_due(books, _person(books, arguments.person), kind, amount, day))
    return Done(({"due": number, "person": arguments.person, "amount": amount},))


def _real_day(text: str) -> str:
    try:
        datetime.strptime(text, "%Y%m%d")
    except ValueError as error:
        raise UsageError(f"{text}: there is no such day") from error
    return text


def _benefit(desk: Desk, arguments: argparse.Namespace) -> Done:
    amount, kind = fen(arguments.yuan), _kind(arguments.kind, scheme().benefit)
    number = desk.department.work(lambda books: add_benefit(books, _person(books, arguments.person), kind, amount))
    return Done(({"benefit": number, "person": arguments.person, "amount": amount},))


def _file(kind: BatchKind) -> Callable[[Desk, argparse.Namespace], Done]:
    return lambda desk, arguments: Done(text=batch_file(desk.department, kind, arguments.number))


def _result(desk: Desk, arguments: argparse.Namespace) -> Done:
    return Done(({"orders done": take_result(desk.department, file_text(arguments.file))},))


def _audit(desk: Desk, _: argparse.Namespace) -> Done:
    return Done(problems=tuple(audit(desk.department.books)))


SOCIAL_WORDS: Final[Mapping[str, Callable[[Desk, argparse.Namespace], Done]]] = {
    "cards": _cards,
    "show": _show,
    "lost": _change(BankOperation.LOSS),
    "damaged": _change(BankOperation.DAMAGE),
    "cancel": _change(BankOperation.CANCELLATION),
    "release": _change(BankOperation.RELEASE),
    "blacklist": _blacklist,
    "list": partial(_on_list, register.add_listed),
    "unlist": partial(_on_list, register.remove_listed),
    "offer": _offer,
    "due": _due,
    "benefit": _benefit,
    "withholding": _file(BatchKind.WITHHOLDING),
    "benefits": _file(BatchKind.BENEFITS),
    "result": _result,
    "audit": _audit,
}
