"""Benefits (待遇领取) received on the card's bank account (scheme §2(2)2; SCHEME-080 to SCHEME-085, SCHEME-091)."""

from cardsim.decode.values import decimal_yuan
from terminal.effects import Flow, Mark, print_slip, report
from terminal.flows.financial.flow import Result
from terminal.flows.full.config import End, Receive, ServiceOutcome
from terminal.flows.full.visit import Visit, bank_reason, one_by_one, refused
from terminal.messages.bank import TransactionType
from terminal.messages.social import Benefit, Benefits, FindBenefits, PaidOut, PayBenefit


def receive(visit: Visit, task: Receive) -> Flow[ServiceOutcome]:
    """What waits for the holder is credited at the bank; before that, an inquiry shows that the account is active."""
    yield from visit.identified()
    found = yield from visit.ask(FindBenefits(visit.card))
    if not isinstance(found, Benefits):
        return refused("benefits cannot be looked up", found)
    wanted = [benefit for benefit in found.benefits if not task.numbers or benefit.number in task.numbers]
    if not wanted:
        return ServiceOutcome(End.REFUSED, "no benefit waits")
    bank = yield from visit.pay(kind=TransactionType.INQUIRY, amount=0)
    if bank.result is not Result.APPROVED:
        return ServiceOutcome(End.REFUSED, f"no benefit can be received: {bank_reason(bank)}")
    return (yield from one_by_one((_receive(visit, benefit) for benefit in wanted), "received"))


def _receive(visit: Visit, benefit: Benefit) -> Flow[ServiceOutcome]:
    """One benefit; the department pays, the bank compares name and number."""
    kind = visit.catalogue.benefit.get(benefit.kind)
    if kind is None:
        return ServiceOutcome(End.REFUSED, f"benefits of the kind {benefit.kind} are not known here")
    if not kind.via_card_account:
        return ServiceOutcome(End.REFUSED, f"{kind.name} has not moved to the card's account")
    paid = yield from visit.ask(PayBenefit(visit.card, benefit.number))
    if not isinstance(paid, PaidOut):
        return refused(f"{kind.name} not paid", paid)
    yield from report("benefit", Mark.OK, f"{kind.name} credited", ("reference", paid.reference))
    lines = (("Number", benefit.number), ("Amount", decimal_yuan(paid.amount)), ("Reference", paid.reference))
    yield from print_slip(f"{kind.chinese} {kind.name}", *lines)
    return ServiceOutcome(
        End.DONE, f"{kind.name} credited", ((benefit.number, paid.reference),), ((benefit.number, paid.amount),)
    )
