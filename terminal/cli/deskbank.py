"""The words of `cardterm desk bank`: the counter's and the operator's functions of the bank's host."""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from sqlalchemy import Connection

from terminal.cli.deskresult import Desk, Done, Row, file_text, hex_value, number_of
from terminal.cli.financial import fen
from terminal.errors import UsageError
from terminal.hosts.bank import accounts, records, scripts
from terminal.hosts.bank.accounts import AccountError, Holding, NewAccount
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.batches import take_file
from terminal.hosts.bank.cash import balance_value
from terminal.hosts.bank.clearing import clearing_file
from terminal.hosts.bank.issuing import IssueOrder, issue
from terminal.hosts.bank.scripts import Order, Script
from terminal.hosts.bank.tables import AccountState, CardState

_PIN_DIGITS: Final = range(4, 13)
_LAST_SFI: Final = 30
_LAST_RECORD: Final = 254


def _row(holding: Holding) -> Row:
    pin = "none" if holding.pin is None else f"{holding.pin_tries} tries" + (", initial" * bool(holding.pin_initial))
    return {
        "card": holding.pan,
        "card state": holding.card_state.value,
        "account": holding.number,
        "account state": holding.account_state.value,
        "name": holding.name,
        "balance": holding.balance,
        "electronic cash": holding.cash_balance,
        "PIN": pin,
        "withholding": "agreed" if holding.withholding else "",
    }


def _script_row(script: Script) -> Row:
    return {"script": script.id, "order": script.order.label, "data": script.argument.hex().upper(),
            "state": script.state.value}  # fmt: skip


def _find(connection: Connection, number: str) -> Holding:
    found = accounts.find_account(connection, number)
    if found is None:
        raise AccountError(f"there is no card or account {number}")
    return found


def _cards(desk: Desk, _: argparse.Namespace) -> Done:
    return Done(tuple(map(_row, desk.transact(accounts.every))))


def _show(desk: Desk, arguments: argparse.Namespace) -> Done:
    def work(connection: Connection) -> Done:
        holding = _find(connection, arguments.card)
        return Done((_row(holding), *map(_script_row, scripts.of_card(connection, holding.pan))))

    return desk.transact(work)


def _on_card(desk: Desk, arguments: argparse.Namespace, work: Callable[[Connection, Holding], object]) -> Done:
    """Do something for a card that is there, and show it as it is then."""

    def step(connection: Connection) -> Done:
        work(connection, _find(connection, arguments.card))
        return Done((_row(_find(connection, arguments.card)),))

    return desk.transact(step)


def _account_state(state: AccountState) -> Callable[[Desk, argparse.Namespace], Done]:
    return partial(_on_card, work=lambda books, card: accounts.set_account_state(books, card.number, state))


def _card_state(state: CardState) -> Callable[[Desk, argparse.Namespace], Done]:
    return partial(_on_card, work=lambda books, card: accounts.set_card_state(books, card.pan, state))


def _withholding(agreed: bool) -> Callable[[Desk, argparse.Namespace], Done]:
    return partial(_on_card, work=lambda books, card: accounts.agree_to_withholding(books, card.number, agreed=agreed))


def _order(
    what: Order, argument: Callable[[argparse.Namespace], bytes] = lambda _: b""
) -> Callable[[Desk, argparse.Namespace], Done]:
    """A script that waits for the card until its result is known."""

    def word(desk: Desk, arguments: argparse.Namespace) -> Done:
        def step(connection: Connection) -> Done:
            holding = _find(connection, arguments.card)
            try:
                number = scripts.order(connection, holding.pan, what, argument(arguments))
            except ValueError as error:
                raise UsageError(str(error)) from error
            script = scripts.find(connection, number)
            assert script is not None
            return Done((_script_row(script),))

        return desk.transact(step)

    return word


def _tag(text: str) -> bytes:
    tag = hex_value(text)
    if len(tag) != 2:
        raise UsageError(f"{text}: the tag of a data object of the card has two bytes, as 9F77")
    return tag


def _record(arguments: argparse.Namespace) -> bytes:
    sfi, number = number_of(arguments.sfi, _LAST_SFI), number_of(arguments.number, _LAST_RECORD)
    return bytes((number, sfi << 3 | 4)) + hex_value(arguments.hex)


def _digits(pin: str | None, *, needed: bool) -> str | None:
    if pin is None and not needed:
        return None
    if pin is None or len(pin) not in _PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
        raise UsageError("--pin takes 4 to 12 digits")
    return pin


def _open(desk: Desk, arguments: argparse.Namespace) -> Done:
    new = NewAccount(
        arguments.account or arguments.card,
        arguments.card,
        arguments.psn,
        arguments.name,
        arguments.id_number,
        _digits(arguments.pin, needed=False),
        initial=not arguments.active,
        offline_pin=arguments.offline_pin,
        expires=arguments.expires,
        balance=fen(arguments.balance),
        cash_balance=fen(arguments.cash),
    )
    if not (arguments.card.isascii() and arguments.card.isdigit() and 13 <= len(arguments.card) <= 19):
        raise UsageError(f"{arguments.card}: a card number has 13 to 19 digits")
    desk.world.bank.open_account(new, desk.today)
    return _show(desk, arguments)


def _issue(desk: Desk, arguments: argparse.Namespace) -> Done:
    pin = _digits(arguments.pin, needed=True)
    if not arguments.name or not arguments.id_number or pin is None:
        raise UsageError("a card is issued to a holder with --name and --id-number, with an initial --pin")
    data = issue(desk.world.bank, IssueOrder(arguments.name, arguments.id_number, pin), desk.now.date())
    row = {"card": data.pan, "psn": data.psn, "name": data.name, "id number": data.id_number, "issued": data.issued,
           "expires": data.expires, "track 2": data.track2}  # fmt: skip
    return Done((row,))


def _reset_pin(desk: Desk, arguments: argparse.Namespace) -> Done:
    pin = _digits(arguments.pin, needed=True)
    assert pin is not None
    keys = desk.world.bank.keys
    return _on_card(
        desk,
        arguments,
        lambda books, card: accounts.set_pin(books, card.pan, keys.pin_value(card.pan, pin), initial=True),
    )


def _batch(desk: Desk, arguments: argparse.Namespace) -> Done:
    return Done(text=take_file(desk.world.books, file_text(arguments.file)))


def _clearing(desk: Desk, arguments: argparse.Namespace) -> Done:
    return Done(text=clearing_file(desk.world.books, desk.day_of(arguments.day)))


def _settlements(desk: Desk, _: argparse.Namespace) -> Done:
    return Done(tuple({"difference": text} for text in desk.transact(records.differences)))


def _audit(desk: Desk, _: argparse.Namespace) -> Done:
    return Done(problems=tuple(audit(desk.world.books)))


BANK_WORDS: Final[Mapping[str, Callable[[Desk, argparse.Namespace], Done]]] = {
    "cards": _cards,
    "show": _show,
    "open": _open,
    "issue": _issue,
    "activate": _account_state(AccountState.ACTIVE),
    "block": _account_state(AccountState.BLOCKED),
    "close": _account_state(AccountState.CLOSED),
    "lost": _card_state(CardState.LOST),
    "stolen": _card_state(CardState.STOLEN),
    "suspend": _card_state(CardState.BLOCKED),
    "cancel": _card_state(CardState.CLOSED),
    "release": _card_state(CardState.ACTIVE),
    "unlock-pin": partial(_on_card, work=lambda books, card: accounts.unlock_pin(books, card.pan)),
    "reset-pin": _reset_pin,
    "agree": _withholding(True),
    "disagree": _withholding(False),
    "block-application": _order(Order.APPLICATION_BLOCK),
    "unblock-application": _order(Order.APPLICATION_UNBLOCK),
    "block-card": _order(Order.CARD_BLOCK),
    "unblock-pin": _order(Order.PIN_UNBLOCK),
    "limit": _order(Order.PUT_DATA, lambda words: _tag(words.tag) + balance_value(fen(words.yuan))),
    "put-data": _order(Order.PUT_DATA, lambda words: _tag(words.tag) + hex_value(words.hex)),
    "update-record": _order(Order.UPDATE_RECORD, _record),
    "batch": _batch,
    "clearing": _clearing,
    "settlements": _settlements,
    "audit": _audit,
}
