"""Replacement and exchange: started by the department alone, run like a first issue, the old card good for nothing."""

import dataclasses

import pytest

from terminal.hosts.bank.tables import FEES, LEDGER
from terminal.hosts.bank.tables import CardState as HostState
from terminal.hosts.books import audit, transact
from terminal.management.bank.requests import Request, requests
from terminal.management.department import orders
from terminal.management.department.again import Wear
from terminal.management.machines import OrderState, Standing
from terminal.management.product.rules import Late, default_rules
from terminal.management.records import Channel, Document, LifeError, Stage
from terminal.messages.social import CardState
from terminal.perso.records import OrderKind
from tests.terminal.management.life import MODE_2, OUTLET, TWO, Life, application, person_of

DOCUMENT = Document(person_of(1))
HELD = (Standing.ACTIVE, Standing.ACTIVE)


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture
def together() -> Life:
    """A region with mode 2."""
    return Life(MODE_2)


def standings(life: Life, order: str) -> tuple[Standing, Standing]:
    return life.social(order).side.standing, life.finance(order).side.standing


def order_of(life: Life, number: str) -> orders.Ordered:
    return life.department.look(lambda books: orders.find(books, number))


def asked(life: Life) -> list[Request]:
    return list(life.bank.look(requests))


def test_a_replacement_from_loss_to_the_new_card(life: Life) -> None:
    """SCHEME-155 to SCHEME-158, SCHEME-163, SCHEME-164, SCHEME-051: after a written loss the department orders a card
    that passes the same stages, marked with day and kind; the account gets the new card number, and the old card is
    refused by both sides for good, whoever finds it."""
    old = life.active()
    life.department.written_loss(old, DOCUMENT)
    life.pass_time(days=1)
    made = life.department.replace(old, DOCUMENT)
    assert (made.order.kind, made.order.applied, made.old) == (OrderKind.REPLACEMENT, "20261123", old)
    assert made.fee == 2500
    assert standings(life, old) == (Standing.REPLACING, Standing.REPLACING)
    assert life.holding(old).card_state is HostState.LOST
    (batch,) = life.department.send_out()
    (record,) = batch.records
    assert record.social is not None
    assert (record.social.order.kind, record.social.order.applied) == (OrderKind.REPLACEMENT, "20261123")
    first, second = order_of(life, old).record, record.social
    assert second.card_number != first.card_number
    assert second.serial != first.serial
    assert (second.name, second.order.person) == (first.name, first.order.person)
    (new,) = life.make((batch,))
    life.department.hand_over(new, DOCUMENT, by="clerk")
    assert standings(life, old) == (Standing.REPLACED, Standing.REPLACED)
    assert standings(life, new) == HELD
    assert (life.seen(old), life.seen(new)) == (CardState.CANCELLED, CardState.VALID)
    assert life.holding(old).card_state is HostState.CLOSED
    assert life.holding(new).number == life.holding(old).number
    assert life.holding(new).pin_initial
    life.activate(new)
    for service in (life.department, life.bank):
        with pytest.raises(LifeError, match="replaced: the loss cannot be taken back"):
            service.release(old, DOCUMENT)
    assert {one.stage for one in life.department.passed(new)} == set(Stage)


def test_a_release_is_refused_once_a_card_is_ordered(life: Life) -> None:
    """SCHEME-153: an ordered replacement stands against the release, at either side."""
    old = life.active()
    life.department.written_loss(old, DOCUMENT)
    life.department.replace(old, DOCUMENT)
    for service in (life.department, life.bank):
        with pytest.raises(LifeError, match="being replaced"):
            service.release(old, DOCUMENT)
    with pytest.raises(LifeError, match="being replaced"):
        life.department.replace(old, DOCUMENT)
    (problem,) = life.department.apply([application(1)]).problems
    assert "SCHEME-115" in problem.reason


def test_no_replacement_without_a_written_loss(life: Life) -> None:
    """SCHEME-156: an active card, and one that is lost by word of mouth alone, are not replaced."""
    order = life.active()
    with pytest.raises(LifeError, match="is active: no replacement"):
        life.department.replace(order, DOCUMENT)
    life.department.oral_loss(order, Channel.TELEPHONE)
    with pytest.raises(LifeError, match="is oral loss: no replacement"):
        life.department.replace(order, DOCUMENT)
    with pytest.raises(LifeError, match="another person"):
        life.department.replace(order, Document(person_of(2)))


def test_a_replacement_has_a_time_limit(life: Life) -> None:
    """SCHEME-155: on the last day of the set time a replacement is accepted, a day later it is refused; where the rules
    let a second person decide, with his approval."""
    order = life.active()
    life.department.written_loss(order, DOCUMENT)
    days = life.department.rules.replacement.days
    life.pass_time(days=days + 1)
    with pytest.raises(LifeError, match=f"within {days} days"):
        life.department.replace(order, DOCUMENT)
    rules = default_rules()
    life.department.rules = dataclasses.replace(
        rules, replacement=dataclasses.replace(rules.replacement, late=Late.ESCALATE)
    )
    with pytest.raises(LifeError, match="second person"):
        life.department.replace(order, DOCUMENT)
    assert life.department.replace(order, DOCUMENT, staff=TWO).old == order


def test_the_last_day_of_the_time_limit(life: Life) -> None:
    """SCHEME-155: the last day counts."""
    order = life.active()
    life.department.written_loss(order, DOCUMENT)
    life.pass_time(days=life.department.rules.replacement.days)
    assert life.department.replace(order, DOCUMENT).old == order


def test_a_rejected_replacement_leaves_the_card_lost(life: Life) -> None:
    """An order that ends without a card leaves the old one as it was: lost in writing at the department, and at the
    bank, where nobody reported it, active again (mode 1)."""
    old = life.active()
    life.department.written_loss(old, DOCUMENT)
    new = life.department.replace(old, DOCUMENT).number
    life.department.withdraw(new, "found again")
    assert standings(life, old) == (Standing.WRITTEN_LOSS, Standing.ACTIVE)
    assert life.holding(old).card_state is HostState.ACTIVE
    life.department.release(old, DOCUMENT)
    assert standings(life, old) == HELD


def test_the_bank_asks_and_the_department_orders(together: Life) -> None:
    """SCHEME-237, SCHEME-159 to SCHEME-161, SCHEME-111: a replacement at the bank is the department's order; the card
    goes to the outlet of the request, and is handed out there from the given day on, with document and application
    form, against the fee."""
    life, old = together, together.active()
    life.bank.written_loss(old, DOCUMENT)
    life.bank.ask_replacement(old, DOCUMENT, outlet=OUTLET)
    (request,) = asked(life)
    assert (request.order, request.kind, request.reason) == (old, OrderKind.REPLACEMENT, "")
    new = request.new
    ordered = order_of(life, new)
    assert (ordered.outlet, ordered.order.unit, ordered.pick_up) == (OUTLET, OUTLET, "20261207")
    life.make(life.department.send_out(), deliver=False)

    def pick_up(outlet: str = OUTLET, document: Document | None = DOCUMENT, form: bool = True) -> None:
        life.bank.hand_over(new, document, outlet=outlet, form=form, by="teller", collected=False)

    life.pass_time(days=15)
    with pytest.raises(LifeError, match="has not come"):
        pick_up()
    life.pass_time(days=-1)
    life.department.deliver([new], "outlet 001")
    for refused, why in (
        (lambda: pick_up(), "from 20261207 on"),
        (lambda: pick_up(outlet="002"), "lies at outlet 001"),
        (lambda: pick_up(form=False), "application form"),
        (lambda: pick_up(document=None), "needs"),
        (lambda: pick_up(document=Document(person_of(2))), "another person"),
        (lambda: life.department.hand_over(new, DOCUMENT, by="clerk"), "handed out at outlet 001"),
    ):
        with pytest.raises(LifeError, match=why):
            refused()
    life.pass_time(days=1)
    pick_up()
    assert standings(life, new) == HELD
    assert standings(life, old) == (Standing.REPLACED, Standing.REPLACED)
    assert order_of(life, new).state is OrderState.ISSUED
    assert life.seen(new) is CardState.VALID
    fees = transact(life.bank.books, lambda connection: LEDGER.balance(connection, FEES))
    assert fees == ordered.fee == 2500
    assert audit(life.bank.books, LEDGER) == []
    with pytest.raises(LifeError, match="no"):
        pick_up()


def test_the_bank_asks_in_vain(life: Life) -> None:
    """SCHEME-111, SCHEME-237: where nobody reported the loss at the department (mode 1) it orders nothing, and the bank
    sees why; without a written loss at the bank it does not even ask."""
    old = life.active()
    with pytest.raises(LifeError, match="needs a written loss"):
        life.bank.ask_replacement(old, DOCUMENT, outlet=OUTLET)
    life.bank.written_loss(old, DOCUMENT)
    with pytest.raises(LifeError, match="names the outlet"):
        life.bank.ask_replacement(old, DOCUMENT, outlet="")
    life.bank.ask_replacement(old, DOCUMENT, outlet=OUTLET)
    (request,) = asked(life)
    assert (request.new, "is active: no replacement" in request.reason) == ("", True)
    life.department.written_loss(old, DOCUMENT)
    life.bank.ask_replacement(old, DOCUMENT, outlet=OUTLET)
    assert asked(life)[1].new


def test_a_card_of_the_department_is_not_handed_out_at_the_bank(life: Life) -> None:
    """SCHEME-111: each side hands out what is its to hand out."""
    life.order(1)
    (order,) = life.make(life.department.send_out())
    with pytest.raises(LifeError, match="by the department"):
        life.bank.hand_over(order, DOCUMENT, outlet=OUTLET, form=True, by="teller")


def test_an_exchange_needs_a_reason(life: Life) -> None:
    """SCHEME-165: a card that has not expired and is not damaged is not exchanged; on the day after its last it is."""
    order = life.active()
    with pytest.raises(LifeError, match="has not expired: it is valid until 20361122"):
        life.department.exchange(order, DOCUMENT, Wear.EXPIRED)
    life.pass_time(days=3653)
    assert life.now.strftime("%Y%m%d") == "20361122"
    with pytest.raises(LifeError, match="has not expired"):
        life.department.exchange(order, DOCUMENT, Wear.EXPIRED)
    life.pass_time(days=1)
    with pytest.raises(LifeError, match="waive a fee needs the approval of a second person"):
        life.department.exchange(order, DOCUMENT, Wear.EXPIRED, waiver="expired")
    with pytest.raises(LifeError, match="no reason to waive"):
        life.department.exchange(order, DOCUMENT, Wear.EXPIRED, waiver="kindness", staff=TWO)
    made = life.department.exchange(order, DOCUMENT, Wear.EXPIRED, waiver="expired", staff=TWO)
    assert (made.order.kind, made.fee) == (OrderKind.EXCHANGE, 0)


def test_a_damaged_card_is_exchanged(life: Life) -> None:
    """SCHEME-165, SCHEME-166, SCHEME-169: a damaged card is locked at once on both sides; the new one passes the same
    stages with its mark, and at the hand-over the old one is taken back to be destroyed."""
    old = life.active()
    new = life.department.exchange(old, DOCUMENT, Wear.DAMAGED).number
    assert standings(life, old) == (Standing.EXCHANGING, Standing.EXCHANGING)
    assert life.seen(old) is CardState.LOST
    assert life.holding(old).card_state is HostState.BLOCKED
    (batch,) = life.department.send_out()
    assert batch.records[0].social is not None
    assert batch.records[0].social.order.kind is OrderKind.EXCHANGE
    life.make((batch,))
    life.department.hand_over(new, DOCUMENT, by="clerk", collected=True)
    assert standings(life, old) == (Standing.REPLACED, Standing.REPLACED)
    assert life.social(old).custody == "department"
    life.department.destroy([old], TWO)
    assert standings(life, old) == (Standing.DESTROYED, Standing.DESTROYED)


def test_a_damaged_card_comes_to_the_bank(life: Life) -> None:
    """SCHEME-168, SCHEME-051, SCHEME-241: a damage exchange at the bank locks the card there and here in one step; the
    department makes new card data for the outlet; old card collected, it waits at the bank."""
    old = life.active()
    life.bank.ask_exchange(old, DOCUMENT, outlet=OUTLET)
    assert standings(life, old) == (Standing.EXCHANGING, Standing.EXCHANGING)
    assert life.seen(old) is CardState.LOST
    (request,) = asked(life)
    ordered = order_of(life, request.new)
    assert (ordered.order.kind, ordered.outlet, ordered.old) == (OrderKind.EXCHANGE, OUTLET, old)
    life.make(life.department.send_out())
    life.pass_time(days=15)
    life.bank.hand_over(request.new, DOCUMENT, outlet=OUTLET, form=True, by="teller", collected=True)
    assert standings(life, request.new) == HELD
    assert life.finance(old).custody == "bank"
    life.bank.destroy([old], TWO)
    assert standings(life, old) == (Standing.DESTROYED, Standing.DESTROYED)


def test_an_exchange_that_the_department_refuses(life: Life) -> None:
    """SCHEME-111: a card that is lost at the department is not exchanged at the bank: it is unlocked there again, and
    the request has the reason."""
    order = life.active()
    life.department.written_loss(order, DOCUMENT)
    life.bank.ask_exchange(order, DOCUMENT, outlet=OUTLET)
    assert standings(life, order) == (Standing.WRITTEN_LOSS, Standing.ACTIVE)
    assert life.holding(order).card_state is HostState.ACTIVE
    (request,) = asked(life)
    assert (request.new, request.reason) == ("", "the card is written loss at the department")


def test_a_temporary_identification(life: Life) -> None:
    """SCHEME-162, SCHEME-167: while a new card is made its holder does social business with a temporary identification;
    with the hand-over, or when its time is over, it ends."""
    first, second = life.active(1), life.active(2)
    with pytest.raises(LifeError, match="no replacement or exchange"):
        life.department.temporary(first)
    life.department.written_loss(first, DOCUMENT)
    lost = life.department.replace(first, DOCUMENT).number
    damaged = life.department.exchange(second, Document(person_of(2)), Wear.DAMAGED).number
    for number, order in ((1, lost), (2, damaged)):
        name = life.department.temporary(order)
        assert life.department.use_temporary(name, "medical treatment") == person_of(number)
    uses = "SELECT person, business FROM social_use"
    found = life.department.look(lambda books: [tuple(row) for row in books.exec_driver_sql(uses)])
    assert found == [(person_of(1), "medical treatment"), (person_of(2), "medical treatment")]
    life.make(life.department.send_out())
    life.department.hand_over(damaged, Document(person_of(2)), by="clerk")
    with pytest.raises(LifeError, match="no longer valid"):
        life.department.use_temporary(name, "medical treatment")
    other = life.department.temporary(lost)
    life.pass_time(days=61)
    with pytest.raises(LifeError, match="no longer valid"):
        life.department.use_temporary(other, "medical treatment")
    with pytest.raises(LifeError, match="no temporary identification"):
        life.department.use_temporary("T0", "medical treatment")
