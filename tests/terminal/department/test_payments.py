"""Contributions and benefits at the host, and the batches for the bank."""

from datetime import date

import pytest
from sqlalchemy import select

from terminal.businesses import scheme
from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import enrol_person
from terminal.hosts.social.files import batch_file, take_result
from terminal.hosts.social.payments import add_benefit, add_due, benefit_orders, withholding_orders
from terminal.hosts.social.tables import DUES
from terminal.messages.batches import (
    BatchError,
    BatchKind,
    BatchResult,
    OrderResult,
    read_batch,
    write_result,
)
from terminal.messages.social import (
    Accepted,
    Benefit,
    Benefits,
    Due,
    DuePaid,
    Dues,
    FindBenefits,
    FindDues,
    Found,
    PaidOut,
    PayBenefit,
    QueryHost,
)
from tests.terminal.department.bench import Bench, FakeBank, other_card, refused

NAME, PERSON = "李四", "510101199001011234"


def dues(bench: Bench) -> dict[str, Due]:
    answer = bench.host.handle(FindDues(bench.card))
    assert isinstance(answer, Dues)
    return {due.scheme: due for due in answer.dues}


def benefits(bench: Bench) -> dict[str, Benefit]:
    answer = bench.host.handle(FindBenefits(bench.card))
    assert isinstance(answer, Benefits)
    return {benefit.kind: benefit for benefit in answer.benefits}


@pytest.mark.parametrize("kind", ["flexible", "resident", "rural"])
def test_a_contribution_is_marked_as_paid_with_the_banks_reference(kind: str) -> None:
    """SCHEME-075, SCHEME-076, SCHEME-077: on the department's side, once, and it is no longer due."""
    bench = Bench()
    due = dues(bench)[kind]
    paid = DuePaid(bench.card, due.number, "K000001", due.amount)
    assert bench.host.handle(paid) == bench.host.handle(paid) == Accepted(due.number)
    assert kind not in dues(bench)
    assert (bench.ledger("contributions"), bench.ledger("bank")) == (due.amount, -due.amount)
    refused(bench.host.handle(DuePaid(bench.card, due.number, "K000002", due.amount)), Code.CONFLICT)
    shown = bench.host.handle(QueryHost(bench.card, "contributions"))
    assert isinstance(shown, Found)
    assert sum(text.endswith("paid") for _, text in shown.items) == 1
    bench.sound()


def test_payments_that_do_not_fit() -> None:
    bench = Bench()
    due = dues(bench)["rural"]
    refused(bench.host.handle(DuePaid(bench.card, due.number, "K1", due.amount - 1)), Code.AMOUNT)
    refused(bench.host.handle(DuePaid(bench.card, due.number, "", due.amount)), Code.MALFORMED)
    for number in ("", "D1", "G00000001", "D99999999", "D0000000²"):
        refused(bench.host.handle(DuePaid(bench.card, number, "K1", 1)), Code.NOT_THERE)
    bench.host.handle(FindDues(other_card()))
    refused(bench.host.handle(DuePaid(other_card(), due.number, "K1", due.amount)), Code.DOES_NOT_FIT)
    assert dues(bench)["rural"] == due


def test_kinds_are_those_of_the_scheme() -> None:
    bench = Bench()
    assert dues(bench).keys() <= scheme().contribution.keys()
    assert benefits(bench).keys() == scheme().benefit.keys()
    for wrong in ("fishing", ""):
        with pytest.raises(Refusal):
            bench.host.work(lambda desk, wrong=wrong: add_due(desk, PERSON, wrong, 1, date(2014, 8, 1)))  # type: ignore[misc]
        with pytest.raises(Refusal):
            bench.host.work(lambda desk, wrong=wrong: add_benefit(desk, PERSON, wrong, 1))  # type: ignore[misc]


def test_the_bank_withholds_what_is_due() -> None:
    """SCHEME-078: what it debits is marked as paid; what fails comes back with the reason, and goes out again."""
    bank = FakeBank({PERSON: NAME})
    bench = Bench(bank=bank)
    dues(bench)
    poor = "510101199001015555"
    due_now, later = date(2014, 8, 1), date(2014, 9, 1)
    first = bench.host.work(lambda desk: add_due(desk, PERSON, "withholding", 500, due_now))
    second = bench.host.work(lambda desk: add_due(desk, PERSON, "withholding", 700, later))
    bench.host.handle(FindDues(bench.card))
    bench.host.work(lambda desk: enrol_person(desk, poor, "某人", "519900", sample=False))
    third = bench.host.work(lambda desk: add_due(desk, poor, "withholding", 900, due_now))
    assert [order.reference for order in bench.host.work(withholding_orders)] == [first, third]
    assert bench.host.withhold() == 1
    assert bench.ledger("contributions") == 500
    assert [order.reference for order in bench.host.work(withholding_orders)] == [third]
    assert second not in {due.number for due in dues(bench).values()}, "the bank withholds it"
    bank.done.clear()
    bank.accounts[poor] = "某人"
    assert bench.host.withhold() == 1
    assert bench.ledger("contributions") == 1400
    assert bench.host.withhold() == 0
    bench.sound()


@pytest.mark.parametrize("kind", list(scheme().benefit))
def test_a_benefit_is_paid_by_the_bank_once(kind: str) -> None:
    """SCHEME-080, SCHEME-081, SCHEME-082, SCHEME-083, SCHEME-084, SCHEME-085: on the department's side; the same
    request once more gives the same reference and no second order."""
    bank = FakeBank({PERSON: NAME})
    bench = Bench(bank=bank)
    benefit = benefits(bench)[kind]
    first = bench.host.handle(PayBenefit(bench.card, benefit.number))
    assert first == PaidOut("K000000", benefit.amount)
    assert bench.host.handle(PayBenefit(bench.card, benefit.number)) == first
    assert bank.asked == 1
    assert kind not in benefits(bench)
    assert (bench.ledger("benefits"), bench.ledger("bank")) == (-benefit.amount, benefit.amount)
    bench.sound()


def test_a_name_that_does_not_fit_is_refused_by_the_bank() -> None:
    """SCHEME-080: the benefit still waits, with the bank's reason."""
    bench = Bench(bank=FakeBank({PERSON: "李五"}))
    benefit = benefits(bench)["pension"]
    answer = bench.host.handle(PayBenefit(bench.card, benefit.number))
    refused(answer, Code.BANK_REFUSES)
    assert benefits(bench)["pension"] == benefit
    assert bench.ledger("benefits") is None
    bench.sound()


def test_a_bank_that_is_not_reached() -> None:
    """The answer of the bank is lost: the benefit waits, and the same order gives the bank's own answer later."""
    bank = FakeBank({PERSON: NAME})
    bench = Bench(bank=bank)
    benefit = benefits(bench)["pension"]
    bank.silent = True
    bank._do(bench.host.work(benefit_orders)[0])
    refused(bench.host.handle(PayBenefit(bench.card, benefit.number)), Code.NO_BANK)
    bank.silent = False
    assert bench.host.handle(PayBenefit(bench.card, benefit.number)) == PaidOut("K000000", benefit.amount)
    refused(Bench().host.handle(PayBenefit(bench.card, benefit.number)), Code.NO_BANK)
    refused(bench.host.handle(PayBenefit(bench.card, "G00000099")), Code.NOT_THERE)
    bench.sound()


def test_a_batch_of_benefits() -> None:
    """SCHEME-080: a file of many; those that fail stay."""
    bank = FakeBank({PERSON: NAME})
    bench = Bench(bank=bank)
    assert len(benefits(bench)) == 6
    assert bench.host.pay_benefits() == 6
    assert bench.host.pay_benefits() == 0
    assert benefits(bench) == {}
    assert bench.ledger("benefits") == -sum(benefit.amount for benefit in bench.host.rules.opening.benefits)
    assert Bench().host.pay_benefits() is None
    assert Bench().host.withhold() is None
    bench.sound()


def answer_to(text: str, paid: frozenset[str], amount: int = 0) -> str:
    """A bank's result file: what is named is done, the rest comes back."""
    batch = read_batch(text)
    lines = tuple(
        OrderResult(order.reference, "00", f"K{order.reference}", order.amount + amount, "approved")
        if order.reference in paid
        else OrderResult(order.reference, "51", "", order.amount, "not enough money")
        for order in batch.orders
    )
    return write_result(BatchResult(batch.kind, batch.number, batch.day, lines))


def test_withholding_by_file() -> None:
    """SCHEME-078: the file goes out, its result comes back: paid items are marked, failed ones keep the reason and go
    out again; the result that comes twice books once."""
    bench = Bench()
    dues(bench)
    day = date(2014, 8, 1)
    first, second = (
        bench.host.work(lambda desk, amount=amount: add_due(desk, PERSON, "withholding", amount, day))  # type: ignore[misc]
        for amount in (500, 700)
    )
    text = batch_file(bench.host, BatchKind.WITHHOLDING, "20140802-01")
    assert [(o.reference, o.id_number, o.name, o.amount) for o in read_batch(text).orders] == [
        (first, PERSON, NAME, 500),
        (second, PERSON, NAME, 700),
    ]
    result = answer_to(text, frozenset({first}))
    for _ in range(2):
        assert take_result(bench.host, result) == 1
        assert bench.ledger("contributions") == 500
    assert bench.host.work(lambda desk: desk.books.scalars(select(DUES.c.reason)).all())[-1] == "not enough money"
    again = batch_file(bench.host, BatchKind.WITHHOLDING, "20140803-01")
    assert [order.reference for order in read_batch(again).orders] == [second]
    bench.sound()


def test_benefits_by_file() -> None:
    """SCHEME-080 to SCHEME-085: all that wait, in one file."""
    bench = Bench()
    kinds = {benefit.number: benefit.kind for benefit in benefits(bench).values()}
    text = batch_file(bench.host, BatchKind.BENEFITS, "20140802-02")
    assert {order.reference: order.text for order in read_batch(text).orders} == kinds
    assert take_result(bench.host, answer_to(text, frozenset(kinds))) == 6
    assert benefits(bench) == {}
    bench.sound()


def test_results_that_fit_no_order_book_nothing() -> None:
    bench = Bench()
    benefits(bench)
    text = batch_file(bench.host, BatchKind.BENEFITS, "20140802-02")
    all_of_them = frozenset(order.reference for order in read_batch(text).orders)
    wrong = [
        answer_to(text, all_of_them, amount=1),
        answer_to(text, all_of_them).replace("G00000006", "G00000099"),
        answer_to(text, all_of_them).replace(",KG00000006,", ",,"),
    ]
    for result in wrong:
        with pytest.raises(Refusal):
            take_result(bench.host, result)
    with pytest.raises(BatchError):
        take_result(bench.host, "no file")
    assert bench.ledger("benefits") is None
    assert len(benefits(bench)) == 6
