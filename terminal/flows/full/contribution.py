"""Contributions (社会保险费缴纳) paid from the card's bank account (scheme §2(2)1; SCHEME-075 to 079, SCHEME-089)."""

from cardsim.decode.values import decimal_yuan
from terminal.effects import Flow, Mark, print_slip, report
from terminal.flows.financial.flow import Result
from terminal.flows.full.config import Contribute, End, ServiceOutcome
from terminal.flows.full.visit import (
    Visit,
    bank_reason,
    forget,
    one_by_one,
    payment_reference,
    refused,
    remember,
    remembered,
)
from terminal.messages.bank import TransactionType
from terminal.messages.social import Accepted, Due, DuePaid, Dues, FindDues


def contribute(visit: Visit, task: Contribute) -> Flow[ServiceOutcome]:
    """What is due: one debit for each, and the insurance system's mark with the bank's reference."""
    yield from visit.identified()
    found = yield from visit.ask(FindDues(visit.card))
    if not isinstance(found, Dues):
        return refused("contributions cannot be looked up", found)
    before = yield from _known_by_now(visit, task, found)
    wanted = [due for due in found.dues if not task.numbers or due.number in task.numbers]
    if not wanted:
        return before if before.references else ServiceOutcome(End.REFUSED, "nothing is due")
    return (yield from one_by_one((_pay(visit, due) for due in wanted), "paid", before))


def _known_by_now(visit: Visit, task: Contribute, found: Dues) -> Flow[ServiceOutcome]:
    """Those of the wanted numbers that were paid at this terminal, and that the insurance system has marked although
    its answer was lost; nothing of them has to be remembered any more."""
    references: list[tuple[str, str]] = []
    amounts: list[tuple[str, int]] = []
    still_due = {due.number for due in found.dues}
    # In the order in which they were asked for: a run goes the same way each time.
    for number in dict.fromkeys(task.numbers):
        if number not in still_due and (paid := (yield from remembered(_key(number)))):
            references.append((number, paid["reference"]))
            amounts.append((number, int(paid["amount"])))
            yield from _forget(visit, number)
    return ServiceOutcome(End.DONE, f"{len(references)} paid before", tuple(references), tuple(amounts))


def _key(number: str) -> str:
    return f"contribution-{number}"


def _purpose(number: str) -> str:
    return f"contribution {number}"


def _forget(visit: Visit, number: str) -> Flow[None]:
    yield from forget(_key(number))
    yield from visit.forget_payment(_purpose(number))


def _pay(visit: Visit, due: Due) -> Flow[ServiceOutcome]:
    """One contribution. What the bank has paid is kept until the insurance system knows: it is never paid twice."""
    kind = visit.catalogue.contribution.get(due.scheme)
    if kind is None:
        return ServiceOutcome(End.REFUSED, f"contributions of the kind {due.scheme} are not known here")
    if kind.withheld:
        return ServiceOutcome(End.REFUSED, f"{kind.name}: the bank withholds it, nothing is paid at a terminal")
    if not kind.via_card_account:
        notice = (("Notice", due.number), ("Amount", decimal_yuan(due.amount)), ("Due", due.due.isoformat()))
        yield from print_slip(f"{kind.chinese} notice of payment", *notice)
        return ServiceOutcome(End.REFUSED, f"{kind.name} has not moved to the card's account; a notice was printed")
    paid = yield from remembered(_key(due.number))
    if not paid:
        reference = yield from visit.paid_before(_purpose(due.number))
        if not reference:
            bank = yield from visit.pay(kind=TransactionType.PURCHASE, amount=due.amount, purpose=_purpose(due.number))
            if bank.result is not Result.APPROVED:
                return ServiceOutcome(End.REFUSED, f"{kind.name} not paid: {bank_reason(bank)}")
            reference = payment_reference(bank, visit.config.now)
        paid = {"reference": reference, "amount": str(due.amount)}
        yield from remember(_key(due.number), paid)
    references, amounts = ((due.number, paid["reference"]),), ((due.number, due.amount),)
    told = yield from visit.ask(DuePaid(visit.card, due.number, paid["reference"], due.amount))
    if not isinstance(told, Accepted):
        reason = f"{kind.name} is paid, and the insurance system does not know yet; it is told at the next try"
        return ServiceOutcome(End.OPEN, reason, references, amounts)
    yield from _forget(visit, due.number)
    yield from report("contribution", Mark.OK, f"{kind.name} paid", ("bank reference", paid["reference"]))
    lines = (
        ("Number", due.number),
        ("Amount", decimal_yuan(due.amount)),
        ("Bank reference", paid["reference"]),
        ("Reference", told.reference),
    )
    yield from print_slip(f"{kind.chinese} {kind.name}", *lines)
    return ServiceOutcome(End.DONE, f"{kind.name} paid", references, amounts)
