"""Cancellation in two steps, custody, destruction in two modes; complaints."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from terminal.hosts.bank.tables import LEDGER, AccountState
from terminal.hosts.bank.tables import CardState as HostState
from terminal.hosts.books import audit, transact
from terminal.management.bank.ending import custody, paid_out
from terminal.management.department.care import ComplaintState, complaints
from terminal.management.department.ending import notice_of
from terminal.management.machines import Standing
from terminal.management.records import ALONE, Channel, Document, LifeError, Staff
from terminal.messages.social import CardState
from tests.terminal.management.life import TWO, Life, application, person_of

DOCUMENT = Document(person_of(1))


@pytest.fixture
def life() -> Life:
    return Life()


def standings(life: Life, order: str) -> tuple[Standing, Standing]:
    return life.social(order).side.standing, life.finance(order).side.standing


def pay_in(life: Life, order: str, account: int, cash: int = 0) -> None:
    """Money on the account, and electronic cash on the card."""
    holding = life.holding(order)
    legs = {holding.ledger: account, holding.cash_ledger: cash, "opening": -account - cash}

    def post(connection: Connection) -> None:
        LEDGER.post(connection, f"salary {order}", legs, day="20261122")

    transact(life.bank.books, post)


def cancelled(life: Life, number: int = 1) -> str:
    """The order of a card that is cancelled on both sides, and lies at the bank."""
    order, document = life.active(number), Document(person_of(number))
    notice = life.department.cancel(order, document)
    life.bank.cancel(order, document, notice=notice, returned=True)
    return order


def test_cancellation_in_two_steps(life: Life) -> None:
    """SCHEME-170 to SCHEME-172, SCHEME-174 to SCHEME-177: the department cancels and gives a notice; until the bank has
    closed its side against it the card is good for nothing socially and pays as before. Then the rest is paid out, the
    card is in custody, and both systems show it as cancelled."""
    order = life.active()
    pay_in(life, order, 12345, 678)
    notice = life.department.cancel(order, DOCUMENT)
    assert life.department.look(lambda books: notice_of(books, order)) == notice == "Q20261122000001"
    assert standings(life, order) == (Standing.CANCELLING, Standing.ACTIVE)
    assert life.seen(order) is CardState.CANCELLED
    assert (life.holding(order).card_state, life.holding(order).account_state) == (
        HostState.ACTIVE, AccountState.ACTIVE,
    )  # fmt: skip
    life.bank.cancel(order, DOCUMENT, notice=notice, returned=True)
    assert standings(life, order) == (Standing.CANCELLED, Standing.CANCELLED)
    holding = life.holding(order)
    assert (holding.card_state, holding.account_state) == (HostState.CLOSED, AccountState.CLOSED)
    assert (holding.balance, holding.cash_balance) == (0, 0)
    assert life.bank.look(lambda books: paid_out(books, order)) == (12345, 678)
    assert [card.order for card in life.bank.look(lambda books: custody(books, life.bank.keeper))] == [order]
    assert audit(life.bank.books, LEDGER) == []
    assert not life.department.apply([application(1)]).problems, "who has no card may have one again"


def test_what_the_card_itself_tells_is_paid_out(life: Life) -> None:
    """SCHEME-177: of electronic cash the chip's balance is paid out, the rest waits for its transactions; a chip that
    tells more than was ever loaded is not paid."""
    order = life.active()
    pay_in(life, order, 0, 500)
    notice = life.department.cancel(order, DOCUMENT)
    with pytest.raises(LifeError, match="more electronic cash"):
        life.bank.cancel(order, DOCUMENT, notice=notice, returned=True, on_card=501)
    life.bank.cancel(order, DOCUMENT, notice=notice, returned=True, on_card=300)
    assert life.holding(order).cash_balance == 200
    assert life.bank.look(lambda books: paid_out(books, order)) == (0, 300)


def test_the_second_step_needs_the_notice(life: Life) -> None:
    """SCHEME-173, SCHEME-174, SCHEME-178: no notice, an invented one, another card's, a used one, or a card that is not
    given back: nothing is cancelled at the bank, and the department is told nothing: the order of the steps holds."""
    first, second = life.active(1), life.active(2)
    foreign = life.department.cancel(second, Document(person_of(2)))
    steps: tuple[tuple[str, str], ...] = (("", "none is shown"), ("Q1", "told of no"), (foreign, "another card"))
    for notice, why in steps:
        with pytest.raises(LifeError, match=why):
            life.bank.cancel(first, DOCUMENT, notice=notice, returned=True)
    own = life.department.cancel(first, DOCUMENT)
    with pytest.raises(LifeError, match="given back"):
        life.bank.cancel(first, DOCUMENT, notice=own, returned=False)
    with pytest.raises(LifeError, match="another person"):
        life.bank.cancel(first, Document(person_of(2)), notice=own, returned=True)
    assert standings(life, first) == (Standing.CANCELLING, Standing.ACTIVE)
    assert life.bank.look(lambda books: paid_out(books, first)) is None
    life.bank.cancel(first, DOCUMENT, notice=own, returned=True)
    with pytest.raises(LifeError, match="used"):
        life.bank.cancel(first, DOCUMENT, notice=own, returned=True)
    told = [one for one in life.department.history(first) if one.event == "cancellation"]
    assert [one.by.value for one in told] == ["department", "bank"]


def test_a_notice_that_has_not_come_yet(life: Life) -> None:
    """SCHEME-175: an interruption between the steps leaves a state that is visible: the notice is pending at the
    department, then the bank's answer is at the bank; both agree when the line is up again."""
    order = life.active()
    life.connect(up=False)
    notice = life.department.cancel(order, DOCUMENT)
    assert [message.fields["operation"] for message in life.department.pending()] == ["cancellation"]
    with pytest.raises(LifeError, match="told of no clearing notice"):
        life.bank.cancel(order, DOCUMENT, notice=notice, returned=True)
    life.connect()
    life.department.send()
    life.connect(up=False)
    life.bank.cancel(order, DOCUMENT, notice=notice, returned=True)
    assert standings(life, order) == (Standing.CANCELLING, Standing.CANCELLED)
    assert [message.fields["operation"] for message in life.bank.pending()] == ["cancellation"]
    life.settle()
    assert standings(life, order) == (Standing.CANCELLED, Standing.CANCELLED)


def test_only_an_active_card_is_cancelled(life: Life) -> None:
    """SCHEME-170: a card that is lost is released first; nothing is cancelled twice."""
    order = life.active()
    life.department.oral_loss(order, Channel.TELEPHONE)
    with pytest.raises(LifeError, match="oral loss: no cancellation"):
        life.department.cancel(order, DOCUMENT)
    life.department.release(order, DOCUMENT)
    life.department.cancel(order, DOCUMENT)
    with pytest.raises(LifeError, match="no cancellation"):
        life.department.cancel(order, DOCUMENT)
    (problem,) = life.department.apply([application(1)]).problems
    assert "valid" in problem.reason, "until both steps are done"


def test_the_bank_shreds(life: Life) -> None:
    """SCHEME-179, SCHEME-181: in mode 1 the bank destroys what it took back; both systems show it, with the day."""
    order = cancelled(life)
    life.bank.destroy([order], TWO)
    assert standings(life, order) == (Standing.DESTROYED, Standing.DESTROYED)
    for service in (life.department, life.bank):
        last = [one for one in service.history(order) if one.event == "destruction"]
        assert last
        assert all(one.time == "2026-11-22T09:00:00" for one in last)
        assert any("mode" in one.note and "1" in one.note for one in last)
    assert life.bank.look(lambda books: custody(books, life.bank.keeper)) == ()


def test_the_department_shreds(life: Life) -> None:
    """SCHEME-180, SCHEME-181: in mode 2 the bank sends the cards with a list; what comes is counted against it, and a
    difference stops the destruction; then the department destroys, and both systems show it."""
    first, second = cancelled(life, 1), cancelled(life, 2)
    name = life.bank.send_collected([first, second])
    assert life.finance(first).custody == "on the way"
    for counted, why in (([first], "1 of them did not come"), ([first, second, "x"], "1 others did")):
        with pytest.raises(LifeError, match=why):
            life.department.receive(name, counted)
    with pytest.raises(LifeError, match="no destruction unless: card in custody"):
        life.department.destroy([first], TWO)
    with pytest.raises(LifeError, match="no destruction unless: card in custody"):
        life.bank.destroy([first], TWO)
    assert life.department.receive(name, [second, first]) == 2
    with pytest.raises(LifeError, match="no cards of a list"):
        life.department.receive(name, [first, second])
    life.department.destroy([first, second], TWO)
    for order in (first, second):
        assert standings(life, order) == (Standing.DESTROYED, Standing.DESTROYED)
        assert any('"mode": 2' in one.note for one in life.bank.history(order) if one.event == "destruction")


def test_what_is_not_cancelled_is_not_destroyed(life: Life) -> None:
    """SCHEME-182, SCHEME-113: without a second person nothing is destroyed; nor an active card, or one between the
    steps, or one that does not lie here; and where one of several must not be destroyed, none is."""
    active, good = life.active(1), cancelled(life, 2)
    for staff, why in ((ALONE, "second person"), (Staff("head", "head"), "head cannot approve alone")):
        with pytest.raises(LifeError, match=why):
            life.bank.destroy([good], staff)
    refused: tuple[Callable[[], object], ...] = (
        lambda: life.bank.destroy([active], TWO),
        lambda: life.department.destroy([active], TWO),
        lambda: life.department.destroy([good], TWO),
        lambda: life.bank.destroy([good, active], TWO),
    )
    for refuse in refused:
        with pytest.raises(LifeError, match="no destruction"):
            refuse()
    assert standings(life, good) == (Standing.CANCELLED, Standing.CANCELLED)
    for orders, why in (([], "has cards"), ([active], "not in custody")):
        with pytest.raises(LifeError, match=why):
            life.bank.send_collected(orders)


def test_complaints(life: Life) -> None:
    """SCHEME-236: a complaint is open until it is answered, and closed with the answer."""
    order = life.active()
    for text, which, why in (("  ", order, "what is wrong"), ("cold reader", "0", "no card of order 0")):
        with pytest.raises(LifeError, match=why):
            life.department.complain(which, text)
    number = life.department.complain(order, "the card was refused at the pharmacy")
    (open_one,) = life.department.look(complaints)
    assert (open_one.state, open_one.order, open_one.opened) == (ComplaintState.OPEN, order, "2026-11-22T09:00:00")
    with pytest.raises(LifeError, match="says something"):
        life.department.answer(number, "")
    life.pass_time(days=1)
    closed = life.department.answer(number, "the pharmacy's reader was mended")
    assert (closed.state, closed.answer) == (ComplaintState.CLOSED, "the pharmacy's reader was mended")
    with pytest.raises(LifeError, match="no open complaint"):
        life.department.answer(number, "again")
