"""What must still be told to the bank's host (待发报文): stored before it is sent, taken away when acknowledged.

A message stands on `Shelf.PENDING` under its transaction and a slot. The slot of the transaction itself holds, one in
the place of the other, the reversal from the moment of the request on, and then the card's last word: whenever a run
is cut off, what is stored there is right to send.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from terminal.effects import Entry, Flow, Mark, Shelf, ask_host, discard, keep, recall, report
from terminal.flows.financial.batch import APPROVED, close, in_doubt
from terminal.flows.financial.transaction import Transaction
from terminal.messages.bank import CREDITS, DEBITS, HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.parameters import TerminalParameters

_BANK: Final = "bank"
_COUNTS: Final = "counts"
_LAST_TRACE: Final = 999_999
AGAIN: Final = frozenset({"68", "90", "91", "96", "98"})
"""Response codes that ask for the same message later: answer too late, day's end, issuer not in service, fault of the
system, no answer in time. Every other one acknowledges a message that is not a request."""

TRANSACTION: Final = "transaction"
SCRIPT: Final = "script"


def trace_record(number: int) -> tuple[Shelf, str, Mapping[str, str]]:
    """What the storage holds once a trace number has been used."""
    return Shelf.PARAMETERS, _BANK, {"trace": f"{number:06d}"}


def next_trace() -> Flow[int]:
    """The next trace number of the terminal, 1 to 999999; it is stored before it is used (KRN-CMP-007)."""
    entries = yield from recall(Shelf.PARAMETERS)
    last = next((entry.content.get("trace", "") for entry in entries if entry.key == _BANK), "")
    number = int(last) % _LAST_TRACE + 1 if last.isdecimal() else 1
    yield from keep(*trace_record(number))
    return number


def new_message(tx: Transaction, kind: MessageKind, chip_data: bytes, *, trace: int | None = None) -> HostMessage:
    """A message about the transaction, without PIN block and track data."""
    config, terminal = tx.config, tx.terminal
    return HostMessage(
        kind,
        tx.app.pan,
        tx.app.psn,
        chip_data,
        transaction=config.kind,
        amount=config.amount,
        time=config.now,
        trace=tx.host.trace if trace is None else trace,
        terminal=terminal.terminal_id,
        merchant=terminal.merchant_id,
        target=config.target,
        terms=config.terms,
    )


def store(
    message: HostMessage, slot: str = TRANSACTION, *, counts: bool = False, payment: Mapping[str, str] | None = None
) -> Flow[None]:
    """Keep a message until it is acknowledged, in the place of what the slot held.

    One that `counts` says that the card has approved: acknowledged, it goes into the batch of the next settlement.
    `payment` says what the transaction has paid; it is kept in the same step as the card's last word.
    """
    content = _to_record(message, slot) | dict(payment or {})
    if counts and message.transaction in DEBITS | CREDITS:
        content[_COUNTS] = "1"
    yield from keep(Shelf.PENDING, _name(message, slot), content)


def batch(terminal: TerminalParameters) -> Flow[tuple[Entry, ...]]:
    """What the next settlement of a terminal covers (批)."""
    entries = yield from recall(Shelf.TRANSACTIONS)
    return tuple(entry for entry in entries if entry.key.startswith(f"{_BANK} {terminal.terminal_id} "))


def payment_of(tx: Transaction) -> dict[str, str]:
    """What an approved transaction has paid, and under which reference; nothing where it has no purpose."""
    config, answer = tx.config, tx.host.answer
    if not config.purpose:
        return {}
    reference = payment_reference(answer.reference if answer else "", config.now, tx.host.trace)
    return {"purpose": config.purpose, "reference": reference}


def payment_reference(reference: str, now: datetime, trace: int) -> str:
    """What names a payment: the bank's reference, or day and trace number where the card approved it offline."""
    return reference or f"{now:%Y%m%d}{trace:06d}"


def paid_before(purpose: str) -> Flow[str]:
    """The reference under which something has been paid at this terminal, or "": a run may have been cut off after it.

    The card's last word says it until the host has acknowledged it, and then a record of its own.
    """
    for shelf in (Shelf.PENDING, Shelf.TRANSACTIONS):
        for entry in (yield from recall(shelf)):
            if entry.content.get("purpose") == purpose:
                return entry.content["reference"]
    return ""


def forget_payment(purpose: str) -> Flow[None]:
    """Everybody who has to know of a payment does."""
    yield from discard(Shelf.TRANSACTIONS, _payment_name(purpose))


def _payment_name(purpose: str) -> str:
    return f"payment {purpose}"


def drop(message: HostMessage, slot: str = TRANSACTION) -> Flow[None]:
    """The slot has nothing to tell."""
    yield from discard(Shelf.PENDING, _name(message, slot))


def deliver(
    terminal: TerminalParameters, *, reversals_only: bool = False
) -> Flow[tuple[bool, list[tuple[HostMessage, HostAnswer]]]]:
    """Send what is pending in the order in which it was stored; it ends at the first message that gets no answer.

    A settlement that was not answered comes before everything else.

    Returns whether all was acknowledged, and the messages with their answers.
    """
    answered: list[tuple[HostMessage, HostAnswer]] = []
    if not (yield from _settled(terminal)):
        return False, answered
    for entry in (yield from recall(Shelf.PENDING)):
        if not entry.key.startswith(f"{_BANK} {terminal.terminal_id} "):
            continue
        message = _from_record(entry)
        if message is None:
            yield from report("pending messages", Mark.FAILED, f"the record {entry.key} is damaged and not sent")
            continue
        if reversals_only and message.kind is not MessageKind.REVERSE:
            continue
        answer = yield from ask_host(message)
        if answer is None or answer.arc in AGAIN:
            text = f"the {message.kind.value} of {message.trace:06d} is not acknowledged; it is sent again later"
            yield from report("pending messages", Mark.INFO, text)
            return False, answered
        if entry.content.get(_COUNTS):
            # Before the message goes: cut off between, it is sent again, and the record is the same.
            content = {"transaction": message.transaction.name, "amount": str(message.amount)}
            yield from keep(Shelf.TRANSACTIONS, entry.key, content)
        if purpose := entry.content.get("purpose"):
            content = {"kind": "payment", "purpose": purpose, "reference": entry.content["reference"]}
            yield from keep(Shelf.TRANSACTIONS, _payment_name(purpose), content)
        yield from discard(Shelf.PENDING, entry.key)
        answered.append((message, answer))
    return True, answered


def _settled(terminal: TerminalParameters) -> Flow[bool]:
    """Send a settlement again that was not answered; whether there is none in doubt any more."""
    claim = yield from in_doubt(terminal)
    if claim is None:
        return True
    answer = yield from ask_host(claim.message)
    if answer is None or answer.arc in AGAIN:
        yield from report("settlement", Mark.INFO, "the settlement is not acknowledged; nothing is sent before it")
        return False
    yield from close(terminal, claim, answer)
    mark = Mark.OK if answer.arc == APPROVED else Mark.FAILED
    yield from report("settlement", mark, f"response code {answer.arc}: {answer.reason}")
    return True


def _name(message: HostMessage, slot: str) -> str:
    terminal, day, trace = message.key
    return f"{_BANK} {terminal} {day} {trace:06d} {slot}"


def _to_record(message: HostMessage, slot: str) -> dict[str, str]:
    """What is stored: neither PIN block nor track data (KRN-ONL-011)."""
    return {
        "slot": slot,
        "kind": message.kind.name,
        "pan": message.pan,
        "psn": message.psn,
        "chip_data": message.chip_data.hex().upper(),
        "transaction": message.transaction.name,
        "amount": str(message.amount),
        "time": message.time.isoformat(),
        "trace": str(message.trace),
        "terminal": message.terminal,
        "merchant": message.merchant,
        "target": message.target,
        "terms": message.terms,
    }


def _from_record(entry: Entry) -> HostMessage | None:
    content: Mapping[str, str] = entry.content
    try:
        return HostMessage(
            MessageKind[content["kind"]],
            content["pan"],
            content["psn"],
            bytes.fromhex(content["chip_data"]),
            transaction=TransactionType[content["transaction"]],
            amount=int(content["amount"]),
            time=datetime.fromisoformat(content["time"]),
            trace=int(content["trace"]),
            terminal=content["terminal"],
            merchant=content["merchant"],
            target=content["target"],
            terms=content["terms"],
        )
    except (KeyError, ValueError):
        return None
