"""`cardterm perso life`: the life of cards at department and bank."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from cardsim.commandline import Exit
from cardsim.decode.values import yuan
from cardsim.keyfile import BankKeys
from terminal.cli.financial import fen
from terminal.cli.hosts import bank_keys_of
from terminal.cli.output import to_json
from terminal.cli.perso.files import name_of, open_workshop, read_input, write_output
from terminal.cli.perso.rows import Row
from terminal.errors import UsageError
from terminal.hosts.bank.accounts import AccountError
from terminal.hosts.books import BooksError
from terminal.keymanagement.issuer import issuer_keys
from terminal.management.bank.activation import Kept, Place
from terminal.management.bank.requests import requests
from terminal.management.department import orders
from terminal.management.department.again import Wear
from terminal.management.machines import Standing
from terminal.management.opened import Services, open_services
from terminal.management.records import Card, Channel, Document, LifeError, Staff
from terminal.management.service import Service
from terminal.management.shredding import shred_image
from terminal.perso.batches.documents import read_list
from terminal.perso.data.document import read_applications, read_batch, read_feedback, write_batch
from terminal.perso.parties import Party
from terminal.perso.workshop import Workshop

FORMAT: Final = "cardterm-life"
VERSION: Final = 1
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: rows, and what was refused among many."""

    rows: tuple[Row, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class At:
    """Where a word is done: the services, and the workshop with its folder and clock."""

    services: Services
    workshop: Workshop

    def service(self, arguments: argparse.Namespace) -> Service:
        """The one that --side names."""
        bank = Party(arguments.side) is Party.BANK
        return self.services.bank if bank else self.services.department

    def order(self, arguments: argparse.Namespace, service: Service | None = None) -> str:
        """The order of the card that is named."""
        own = self.services.department if service is None else service
        return own.find(arguments.card).order


def life_command(arguments: argparse.Namespace) -> int:
    """Run it; 0, or 1 where one of several was refused."""
    with open_workshop(arguments) as workshop:
        try:
            services = open_services(workshop, _keys(workshop, arguments))
            if not arguments.line_down:
                services.connect()
            done = _WORDS[arguments.what](At(services, workshop), arguments)
            waiting = _waiting(services)
        except (LifeError, AccountError, BooksError) as error:
            raise UsageError(str(error)) from error
    if arguments.json:
        sys.stdout.write(to_json(_document(arguments.what, done, waiting), indent=2) + "\n")
    else:
        _tell(done, waiting)
    return Exit.FAILED if done.problems else Exit.OK


def _keys(workshop: Workshop, arguments: argparse.Namespace) -> BankKeys | None:
    """The issuer's keys for a word that checks a PIN; no other opens the key store."""
    return issuer_keys(workshop, bank_keys_of(arguments.keys)) if "keys" in arguments else None


def _waiting(services: Services) -> Mapping[str, int]:
    return {"department": len(services.department.pending()), "bank": len(services.bank.pending())}


def _document(word: str, done: Done, waiting: Mapping[str, int]) -> dict[str, Any]:
    return {
        "format": FORMAT, "version": VERSION, "verdict": "refused" if done.problems else "done", "word": word,
        "rows": [dict(row) for row in done.rows], "problems": list(done.problems), "waiting": dict(waiting),
    }  # fmt: skip


def _tell(done: Done, waiting: Mapping[str, int]) -> None:
    for row in done.rows:
        told = (f"{name} {_text(name, value)}" for name, value in row.items() if value not in ("", 0))
        sys.stdout.write(", ".join(told) + "\n")
    for problem in done.problems:
        sys.stdout.write(f"✗ {problem}\n")
    for party, count in waiting.items():
        if count:
            sys.stdout.write(f"{count} message{'s' * (count > 1)} of the {party} not delivered yet\n")


def _text(name: str, value: str | int) -> str:
    return yuan(value) if name == "fee" and isinstance(value, int) else str(value)


def _document_of(arguments: argparse.Namespace) -> Document | None:
    return None if arguments.document is None else Document(arguments.document)


def _staff(arguments: argparse.Namespace) -> Staff:
    return Staff(arguments.by, arguments.approved_by)


def _file(arguments: argparse.Namespace, read: Callable[[bytes, str], _Read]) -> _Read:
    return read(read_input(arguments.file), name_of(arguments.file))


def _card(card: Card) -> Done:
    return Done((card.plain(),))


# --- from application to activation


def _apply(at: At, arguments: argparse.Namespace) -> Done:
    found = at.services.department.apply(_file(arguments, read_applications))
    problems = tuple(f"application {one.place}, {one.person}: {one.reason}" for one in found.problems)
    return Done(tuple(one.plain() for one in found.orders), problems)


def _send(at: At, arguments: argparse.Namespace) -> Done:
    folder = at.workshop.path("lists") if arguments.output is None else Path(arguments.output)
    rows: list[Row] = []
    department = at.services.department
    # A file that could not be written, or is lost, comes from the books again: its orders have gone out.
    for batch in (department.batch(arguments.again),) if arguments.again else department.send_out():
        path = folder / f"{batch.name}.json"
        write_output(path, write_batch(batch))
        rows.append({"batch": batch.name, "county": batch.county, "orders": len(batch.records), "file": str(path)})
    return Done(tuple(rows))


def _withdraw(at: At, arguments: argparse.Namespace) -> Done:
    at.services.department.withdraw(arguments.order, arguments.reason)
    return _orders_of(at, (arguments.order,))


def _accept(at: At, arguments: argparse.Namespace) -> Done:
    batch = _file(arguments, read_batch)
    return Done(({"batch": batch.name, "cards": at.services.bank.take_records(batch.records)},))


def _rejected(at: At, arguments: argparse.Namespace) -> Done:
    made = _file(arguments, read_list)
    at.services.department.rejected(made.reasons)
    return _orders_of(at, tuple(made.reasons))


def _feedback(at: At, arguments: argparse.Namespace) -> Done:
    return Done(({"cards": at.services.department.take_feedback(_file(arguments, read_feedback))},))


def _deliver(at: At, arguments: argparse.Namespace) -> Done:
    at.services.department.deliver(arguments.order, arguments.by)
    return _orders_of(at, arguments.order)


def _orders_of(at: At, numbers: Sequence[str]) -> Done:
    found = at.services.department.look(lambda books: orders.some(books, numbers))
    return Done(tuple(one.plain() for one in found))


def _hand_over(at: At, arguments: argparse.Namespace) -> Done:
    document = _document_of(arguments)
    if arguments.outlet:
        bank = at.services.bank
        return _card(
            bank.hand_over(
                at.order(arguments, bank), document, outlet=arguments.outlet, form=arguments.form, by=arguments.by,
                collected=arguments.collected,
            )
        )  # fmt: skip
    order = at.order(arguments)
    department = at.services.department
    return _card(department.hand_over(order, document, by=arguments.by, collected=arguments.collected))


def _activate(at: At, arguments: argparse.Namespace) -> Done:
    bank = at.services.bank
    pairs = [text.partition("=") for text in arguments.information]
    if any(not (sign and name and value) for name, sign, value in pairs):
        raise UsageError("--information takes NAME=TEXT, as telephone=13800000000")
    kept = Kept(
        {name: value for name, _, value in pairs}, read_input(arguments.copy), read_input(arguments.signature)
    )  # fmt: skip
    order = at.order(arguments, bank)
    bank.activate(
        order, _document_of(arguments), place=Place.MOBILE if arguments.mobile else Place.COUNTER,
        initial=arguments.initial, new=arguments.new, kept=kept,
    )  # fmt: skip
    return _card(bank.find(order))


# --- afterwards


def _lost(at: At, arguments: argparse.Namespace) -> Done:
    service = at.service(arguments)
    order = at.order(arguments, service)
    if arguments.channel is not None:
        return _card(service.oral_loss(order, Channel(arguments.channel)))
    return _card(service.written_loss(order, _document_of(arguments)))


def _release(at: At, arguments: argparse.Namespace) -> Done:
    service = at.service(arguments)
    return _card(service.release(at.order(arguments, service), _document_of(arguments)))


def _replace(at: At, arguments: argparse.Namespace) -> Done:
    document, department, bank = _document_of(arguments), at.services.department, at.services.bank
    if at.service(arguments) is bank:
        order = at.order(arguments, bank)
        bank.ask_replacement(
            order, document, outlet=arguments.outlet, waiver=arguments.waiver, staff=_staff(arguments)
        )  # fmt: skip
        return _asked(at, order)
    made = department.replace(at.order(arguments), document, waiver=arguments.waiver, staff=_staff(arguments))
    return Done((made.plain(),))


def _exchange(at: At, arguments: argparse.Namespace) -> Done:
    document, department, bank = _document_of(arguments), at.services.department, at.services.bank
    if at.service(arguments) is bank:
        order = at.order(arguments, bank)
        bank.ask_exchange(order, document, outlet=arguments.outlet)
        return _asked(at, order)
    wear = Wear.EXPIRED if arguments.expired else Wear.DAMAGED
    made = department.exchange(
        at.order(arguments), document, wear, waiver=arguments.waiver, staff=_staff(arguments)
    )  # fmt: skip
    return Done((made.plain(),))


def _asked(at: At, order: str) -> Done:
    found = at.services.bank.look(lambda books: requests(books, order))[-1]
    row = {
        "card of order": found.order, "asked for": found.kind.value, "outlet": found.outlet,
        "new order": found.new or ("" if found.reason else "the department has not answered yet"),
    }  # fmt: skip
    return Done((row,), (found.reason,) if found.reason else ())


def _cancel(at: At, arguments: argparse.Namespace) -> Done:
    document, bank = _document_of(arguments), at.services.bank
    if at.service(arguments) is bank:
        on_card = None if arguments.told_cash is None else fen(arguments.told_cash)
        order = at.order(arguments, bank)
        return _card(
            bank.cancel(order, document, notice=arguments.notice, returned=arguments.returned, on_card=on_card)
        )
    return Done(({"clearing notice": at.services.department.cancel(at.order(arguments), document)},))


def _collect(at: At, arguments: argparse.Namespace) -> Done:
    return Done(({"list": at.services.bank.send_collected(arguments.order), "cards": len(arguments.order)},))


def _receive(at: At, arguments: argparse.Namespace) -> Done:
    return Done(({"list": arguments.list, "cards": at.services.department.receive(arguments.list, arguments.order)},))


def _destroy(at: At, arguments: argparse.Namespace) -> Done:
    service = at.service(arguments)
    order = at.order(arguments, service)
    cards = service.destroy([order], _staff(arguments))
    if arguments.image is not None:
        shred_image(Path(arguments.image), at.workshop.clock())
    return Done(tuple(card.plain() for card in cards))


def _temporary(at: At, arguments: argparse.Namespace) -> Done:
    return Done(({"temporary identification": at.services.department.temporary(arguments.order)},))


def _complain(at: At, arguments: argparse.Namespace) -> Done:
    return Done(({"complaint": at.services.department.complain(at.order(arguments), arguments.text)},))


def _answer(at: At, arguments: argparse.Namespace) -> Done:
    found = at.services.department.answer(arguments.complaint, arguments.text)
    return Done(({"complaint": found.number, "state": found.state.value, "answer": found.answer},))


# --- looking


def _state(at: At, arguments: argparse.Namespace) -> Done:
    department = at.services.department
    named = department.look(lambda books: orders.some(books, (arguments.card,)))
    order = named[0].number if named else at.order(arguments)
    rows: list[Row] = list(_orders_of(at, (order,)).rows)
    rows += [{"stage": one.stage.value, "time": one.time, "by": one.by.value} for one in department.passed(order)]
    for service in (department, at.services.bank):
        party = service.keeper.party.value
        try:
            rows.append({"at": party, **service.find(order).plain()})
        except LifeError:
            continue  # the card has not come into these books yet
        rows += [
            {"at": party, "time": one.time, "by": one.by.value, "event": one.event, "note": one.note}
            for one in service.history(order)
        ]
    return Done(tuple(rows))


def _list(at: At, arguments: argparse.Namespace) -> Done:
    wanted: Iterable[Standing] = ()
    if arguments.standing is not None:
        names = [standing.value for standing in Standing]
        if arguments.standing not in names:
            raise UsageError(f"--standing {arguments.standing}: there are {', '.join(names)}")
        wanted = (Standing(arguments.standing),)
    keeper = at.services.department.keeper
    found = at.services.department.look(lambda books: keeper.listed(books, *wanted))
    return Done(tuple(card.plain() for card in found))


def _orders(at: At, _: argparse.Namespace) -> Done:
    return Done(tuple(one.plain() for one in at.services.department.look(orders.listed)))


def _sync(at: At, arguments: argparse.Namespace) -> Done:
    if not arguments.line_down:
        at.services.connect()
    return Done((_waiting(at.services),))


_WORDS: Final[Mapping[str, Callable[[At, argparse.Namespace], Done]]] = {
    "apply": _apply,
    "send": _send,
    "withdraw": _withdraw,
    "accept": _accept,
    "rejected": _rejected,
    "feedback": _feedback,
    "deliver": _deliver,
    "hand-over": _hand_over,
    "activate": _activate,
    "lost": _lost,
    "release": _release,
    "replace": _replace,
    "exchange": _exchange,
    "cancel": _cancel,
    "collect": _collect,
    "receive": _receive,
    "destroy": _destroy,
    "temporary": _temporary,
    "complain": _complain,
    "answer": _answer,
    "state": _state,
    "list": _list,
    "orders": _orders,
    "sync": _sync,
}
