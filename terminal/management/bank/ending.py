"""The end of cards at the bank: the second step of a cancellation, custody, and destruction (003 §三(六), (七))."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from terminal.hosts.bank import accounts
from terminal.hosts.bank.tables import CASH, LEDGER, AccountState
from terminal.management.bank.tables import NOTICES, PAYOUTS
from terminal.management.keeper import Keeper, Office
from terminal.management.kinds import Kind
from terminal.management.machines import Event, Guard, Standing
from terminal.management.records import ON_THE_WAY, Card, Deed, Document, LifeError, require_document


def hear_notice(office: Office, order: str, details: Mapping[str, Any]) -> None:
    """Keep a clearing notice that the department has told."""
    office.books.execute(NOTICES.insert(), {"number": str(details["notice"]), "order": order, "used": False})


def cancel(
    office: Office, keeper: Keeper, order: str, document: Document | None, *, notice: str, returned: bool,
    on_card: int | None = None,
) -> Card:  # fmt: skip
    """The second step: close the finance side against the notice, pay out, take the card back (SCHEME-172 to 177).

    Args:
        office: the transaction.
        keeper: the bank's books of cards.
        order: of the card.
        document: the holder's identity document.
        notice: number of the clearing notice that he shows.
        returned: he gives the card back.
        on_card: electronic cash that the card itself tells, fen; what the bank's shadow account has without it.

    Raises:
        LifeError: no notice, a foreign or used one, or one that the department has not told yet; the card is not given
            back, is lost, or tells more electronic cash than the bank knows of.
    """
    card = keeper.card(office.books, order)
    require_document(document, card.person, "a cancellation")
    row = office.books.execute(select(NOTICES).where(NOTICES.c.number == notice)).first()
    if row is None:
        raise LifeError(f"the department has told of no clearing notice {notice or '(none is shown)'}")
    if row.order != order or row.used:
        raise LifeError(f"the clearing notice {notice} is {'used' if row.used else 'for another card'}")
    if not returned:
        raise LifeError("the cancellation is complete when the card is given back")
    _pay_out(office, card, on_card)
    office.books.execute(NOTICES.update().where(NOTICES.c.number == notice), {"used": True})
    keeper.do(office, order, Deed(Event.CANCEL, f"clearing notice {notice}", {"notice": notice}), {Guard.NOTICE})
    return keeper.change(office, order, custody=keeper.party.value)


def _pay_out(office: Office, card: Card, on_card: int | None) -> None:
    """What is left goes to the holder in cash before the account is closed (SCHEME-177)."""
    holding = accounts.find(office.books, card.pan)
    if holding is None:
        raise LifeError("the bank's host has no such card")
    cash = holding.cash_balance if on_card is None else on_card
    if not 0 <= cash <= holding.cash_balance:
        raise LifeError("the card tells more electronic cash than was loaded: its transactions come first")
    if holding.balance < 0:
        raise LifeError("the account is overdrawn")
    posting = None
    if holding.balance + cash:
        legs = {holding.ledger: -holding.balance, holding.cash_ledger: -cash, CASH: holding.balance + cash}
        posting = LEDGER.post(office.books, f"payout {card.order}", legs, day=office.day, text="account closed")
    row = {"order": card.order, "account": holding.balance, "cash": cash, "posting": posting}
    office.books.execute(PAYOUTS.insert(), row)
    accounts.set_account_state(office.books, holding.number, AccountState.CLOSED)


def paid_out(books: Connection, order: str) -> tuple[int, int] | None:
    """What was paid out of the account and of electronic cash, in fen; None where the card is not cancelled."""
    row = books.execute(select(PAYOUTS.c.account, PAYOUTS.c.cash).where(PAYOUTS.c.order == order)).first()
    return None if row is None else (row.account, row.cash)


def custody(books: Connection, keeper: Keeper) -> tuple[Card, ...]:
    """The cards that were taken back and lie here (SCHEME-174)."""
    cards = keeper.listed(books, Standing.CANCELLED, Standing.REPLACED)
    return tuple(card for card in cards if card.custody == keeper.party.value)


def send(office: Office, keeper: Keeper, orders: Sequence[str]) -> str:
    """Send collected cards to the department to be destroyed; the number of the list (SCHEME-180).

    Raises:
        LifeError: a card does not lie here.
    """
    if not orders:
        raise LifeError("a list has cards in it")
    here = {card.order for card in custody(office.books, keeper)}
    for order in orders:
        if order not in here:
            raise LifeError(f"the card of order {order} is not in custody here")
        keeper.change(office, order, custody=ON_THE_WAY)
    count = office.books.execute(select(func.count()).select_from(keeper.exchange.outbox)).scalar_one()
    name = f"L{office.day}{count + 1:06d}"
    keeper.exchange.tell(office.books, Kind.TRANSFER, {"list": name, "orders": list(orders)}, office.now)
    for order in orders:
        keeper.note(office, order, "sent to be destroyed", f"list {name}")
    return name
