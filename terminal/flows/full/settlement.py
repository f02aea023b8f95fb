"""Medical settlement (医疗费用结算), and its rest from the bank account in the same card session.

Scheme §2(1)3 and §2(2)3; SCHEME-071 to SCHEME-073, SCHEME-086 to SCHEME-089, D39. The host reckons who pays what; the
card's medical account pays its part by the B0 commands, the bank what is left. Between two steps it is kept how far the
bill is, so that a bill that is tried again goes on where it stopped: nothing is booked twice, nothing is forgotten.
"""

from dataclasses import dataclass
from typing import Final

from cardsim.decode.values import bcd_digits, decimal_yuan, gbk_text
from cardsim.iso7816.digits import bcd_time
from terminal.effects import Flow, Mark, Shelf, print_slip, recall, report
from terminal.filetable import Address
from terminal.flows.common import stop
from terminal.flows.financial.flow import Result
from terminal.flows.full.config import End, ServiceOutcome, SettleBill
from terminal.flows.full.visit import Visit, bank_reason, forget, payment_reference, refused, remember, remembered
from terminal.flows.social.config import Amounts, Prefer
from terminal.flows.social.files import need_file, read_items
from terminal.flows.social.medical import DF04, balances, purchase
from terminal.flows.social.pin import verify_pin
from terminal.flows.social.records import PURCHASE, is_of, purchase_of
from terminal.flows.social.session import SocialSession
from terminal.messages.bank import TransactionType
from terminal.messages.social import CloseSettlement, PurchaseRecord, Refused, Settle, Settlement, SettlementClosed
from terminal.outcome import Cause, Stopped

_BASIC: Final = Address(DF04, 0xEF05)
_REGION, _USE = 0x84, 0x8F
_ONLINE, _OFFLINE = "1", "2"
_STEP: Final = "settlement"


@dataclass(frozen=True, slots=True)
class _Account:
    """What the card says of its medical insurance: pooling region, and fen on its account (None: there is none)."""

    region: str
    balance: int | None


@dataclass(slots=True)
class _Bill:
    """How far a bill is; `content` is what the storage has of it."""

    task: SettleBill
    settlement: Settlement
    content: dict[str, str]

    @property
    def key(self) -> str:
        """Its name in the storage."""
        return _key(self.task)

    @property
    def purpose(self) -> str:
        """What the bank is told that the rest is for."""
        return f"settlement {self.settlement.number}"

    @property
    def references(self) -> tuple[tuple[str, str], ...]:
        """The settlement and the bill by their numbers."""
        return (("settlement", self.settlement.number), ("bill", self.task.number))

    @property
    def amounts(self) -> Amounts:
        """What the card is told; own expense is none of it (SCHEME-087)."""
        return Amounts(self.settlement.account, self.settlement.self_paid, self.settlement.pool)


def _key(task: SettleBill) -> str:
    return f"settlement-{task.number}"


def settle(visit: Visit, task: SettleBill) -> Flow[ServiceOutcome]:
    """A bill from the host's reckoning to the last payment."""
    yield from visit.identified()
    account = yield from visit.social(_read_account)
    fees = sum(fee.amount for fee in task.fees)
    message = Settle(visit.card, task.number, task.fees, account.balance or 0, account.region, task.institution)
    answer = yield from visit.ask(message)
    if not isinstance(answer, Settlement):
        return refused("the bill is not settled", answer)
    if answer.total != fees:
        stop(Cause.HOST, _STEP, f"the host settles {decimal_yuan(answer.total)} of a bill over {decimal_yuan(fees)}")
    details = [(name, decimal_yuan(amount)) for name, amount in parts_of(answer)]
    yield from report(_STEP, Mark.OK, f"settlement {answer.number}, region {answer.region}", *details)
    content = yield from remembered(_key(task))
    bill = _Bill(task, answer, content or {"settlement": answer.number})
    stand = yield from _close(visit, bill, None, "", 0)
    if not isinstance(stand, SettlementClosed):
        return refused("the host does not say how the settlement stands", stand)
    if not stand.unpaid and not content:
        return ServiceOutcome(End.DONE, "the bill was settled before", bill.references, parts_of(answer))
    record: PurchaseRecord | None = None
    taken = answer.account > 0 and stand.unpaid <= answer.rest
    if account.balance is not None and not taken and any((answer.account, answer.self_paid, answer.pool)):
        try:
            record = yield from _card_part(visit, bill)
        except Stopped as stopped:
            return (yield from _card_failed(visit, bill, stopped))
    return (yield from _rest(visit, bill, record))


def parts_of(settlement: Settlement) -> tuple[tuple[str, int], ...]:
    """Who pays what, in fen."""
    return (
        ("personal account", settlement.account),
        ("personal share", settlement.self_paid),
        ("pooled fund", settlement.pool),
        ("own expense", settlement.own_expense),
    )


def _read_account(session: SocialSession) -> Flow[_Account]:
    """Region of the insurance (tag 84) and way of use (tag 8F; TRM-131 to TRM-135), and the balance."""
    yield from verify_pin(session)
    file = need_file(session, _BASIC)
    wanted = tuple(item for item in file.items if item.tag in (_REGION, _USE))
    values = yield from read_items(session, _BASIC, wanted, Prefer.PIN)
    found = {item.tag: value for item, value in zip(wanted, values, strict=True)}
    region, use = bcd_digits(found.get(_REGION, b"")) or "", gbk_text(found.get(_USE, b""))
    if use not in (_ONLINE, _OFFLINE):
        stop(Cause.POLICY, _STEP, "the card does not say how its medical insurance is used (tag 8F)")
    if use == _ONLINE:
        return _Account(region, None)
    held = yield from balances(session)
    return _Account(region, held.account)


# --- the card's account ----------------------------------------------------------------------------------------------


def _card_part(visit: Visit, bill: _Bill) -> Flow[PurchaseRecord]:
    """The purchase of the card's account: the one that was booked for this bill before, or a new one (SCHEME-073)."""
    began = bill.content.get("began")
    if began is not None:
        record = yield from _booked_before(visit, bill, began)
        if record is not None:
            yield from report(_STEP, Mark.INFO, "the card's part of this bill is booked already")
            return record
    bill.content["began"] = bcd_time(visit.config.now).hex()
    yield from remember(bill.key, bill.content)
    record = yield from visit.social(lambda session: purchase(session, bill.amounts))
    yield from _take(visit, bill, record)
    return record


def _take(visit: Visit, bill: _Bill, record: PurchaseRecord) -> Flow[None]:
    """The purchase belongs to this bill from now on."""
    bill.content |= {"card": visit.card.identification.hex().upper(), "sequence": str(record.sequence)}
    yield from remember(bill.key, bill.content)


def _booked_before(visit: Visit, bill: _Bill, began: str) -> Flow[PurchaseRecord | None]:
    """The purchase of this card with this bill's amounts since the bill began, that is no other bill's."""
    bills = yield from recall(Shelf.BUSINESS)
    card = visit.card.identification.hex().upper()
    others = {
        entry.content.get("sequence") for entry in bills if entry.key != bill.key and entry.content.get("card") == card
    }
    kept = yield from visit.as_social(recall(Shelf.TRANSACTIONS))
    for entry in kept:
        content = entry.content
        if content.get("kind") != PURCHASE or not is_of(content, visit.card):
            continue
        record = purchase_of(content)
        mine = str(record.sequence) == bill.content.get("sequence")
        same = bytes(Amounts(record.account, record.self_paid, record.pool)) == bytes(bill.amounts)
        if mine or (same and record.time.hex() >= began and str(record.sequence) not in others):
            yield from _take(visit, bill, record)
            return record
    return None


def _card_failed(visit: Visit, bill: _Bill, stopped: Stopped) -> Flow[ServiceOutcome]:
    """The card did not book its part, and nothing was asked of the bank; what nobody can know stays remembered."""
    stand = yield from _close(visit, bill, None, "", 0)
    if stopped.failure.cause not in (Cause.NOT_AUTHENTIC, Cause.PROTOCOL):
        yield from forget(bill.key)
    everything = bill.settlement.account + bill.settlement.rest
    unpaid = stand.unpaid if isinstance(stand, SettlementClosed) else everything
    reason = f"the card's account was not used: {stopped.failure.text}"
    amounts = (*parts_of(bill.settlement), ("unpaid", unpaid))
    return ServiceOutcome(End.OPEN, reason, bill.references, amounts)


# --- the rest --------------------------------------------------------------------------------------------------------


def _rest(visit: Visit, bill: _Bill, record: PurchaseRecord | None) -> Flow[ServiceOutcome]:
    """Tell the host of the card's part, let the bank pay what is left, and tell the host of that (D39)."""
    closed = yield from _close(visit, bill, record, "", 0)
    reference, rest = bill.content.get("bank_reference", ""), bill.settlement.rest
    reason = ""
    if isinstance(closed, Refused):
        reason = f"the host refuses the card's part, and the bank was not asked: {closed.reason} ({closed.code})"
    elif rest and not reference:
        reference, reason = yield from _bank_part(visit, bill, rest)
    if reference:
        closed = yield from _close(visit, bill, record, reference, rest)
    known = isinstance(closed, SettlementClosed)
    unpaid = closed.unpaid if isinstance(closed, SettlementClosed) else rest
    if known and not unpaid:
        yield from forget(bill.key)
        yield from visit.forget_payment(bill.purpose)
    yield from _slip(visit, bill, record, reference, unpaid)
    references = (*bill.references, ("bank", reference)) if reference else bill.references
    amounts = (*parts_of(bill.settlement), ("paid by the bank", rest if reference else 0), ("unpaid", unpaid))
    if not known and not reason:
        reason = "the host does not know yet what was paid; it is told at the next try"
    end = End.DONE if known and not unpaid else End.OPEN
    return ServiceOutcome(end, reason or "the bill is settled", references, amounts)


def _close(
    visit: Visit, bill: _Bill, record: PurchaseRecord | None, reference: str, paid: int
) -> Flow[SettlementClosed | Refused | None]:
    answer = yield from visit.ask(CloseSettlement(visit.card, bill.settlement.number, record, reference, paid))
    if not isinstance(answer, SettlementClosed):
        why = "not reached" if answer is None else answer.reason
        yield from report(_STEP, Mark.FAILED, f"the host did not take what was paid: {why}")
    return answer


def _bank_part(visit: Visit, bill: _Bill, rest: int) -> Flow[tuple[str, str]]:
    """The purchase of the rest; the bank's reference, or why there is none."""
    if not visit.catalogue.settlement["medical"].via_card_account:
        return "", "the rest is not paid by the card's account here; it is open"
    reference = yield from visit.paid_before(bill.purpose)
    if not reference:
        bank = yield from visit.pay(kind=TransactionType.PURCHASE, amount=rest, purpose=bill.purpose)
        if bank.result is not Result.APPROVED:
            return "", f"the rest is open: {bank_reason(bank)}"
        reference = payment_reference(bank, visit.config.now)
    bill.content |= {"bank_reference": reference, "paid": str(rest)}
    yield from remember(bill.key, bill.content)
    return reference, ""


def _slip(visit: Visit, bill: _Bill, record: PurchaseRecord | None, reference: str, unpaid: int) -> Flow[None]:
    """The settlement's slip; the bank's reference on it and the settlement's number on the bank's belong together."""
    lines: list[tuple[str, str]] = [
        ("Settlement", bill.settlement.number),
        ("Bill", bill.task.number),
        ("Holder", visit.card.name),
        ("Card number", visit.card.number),
        *((name.capitalize(), decimal_yuan(amount)) for name, amount in parts_of(bill.settlement)),
        ("Total", decimal_yuan(bill.settlement.total)),
    ]
    if record is not None:
        lines += [("Card transaction", str(record.sequence)), ("TAC", record.tac.hex().upper())]
    lines.append(("Bank reference", reference) if reference else ("Unpaid", decimal_yuan(unpaid)))
    yield from print_slip("医疗费用结算单 medical settlement", *lines)
