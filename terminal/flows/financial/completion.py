"""The end of a transaction: second GENERATE AC, scripts 72, and what the host is told (EMV Book 3 §10.11; KRN-CMP)."""

from typing import Final

from cardsim.decode.bits import cryptogram_kind
from terminal.effects import Flow, Mark, report
from terminal.flows.financial.action import approve_offline
from terminal.flows.financial.cash import BALANCE, balance_after
from terminal.flows.financial.cryptogram import Kind, generate_ac
from terminal.flows.financial.data import get_amount
from terminal.flows.financial.field55 import field_55
from terminal.flows.financial.hostside import When
from terminal.flows.financial.outbox import SCRIPT, drop, new_message, next_trace, payment_of, store
from terminal.flows.financial.scripts import Script, run_scripts
from terminal.flows.financial.transaction import Cryptogram, Transaction
from terminal.messages.bank import HostMessage, MessageKind, TransactionType
from terminal.outcome import Stopped

_STEP: Final = "second cryptogram"
LOADS: Final = frozenset({TransactionType.LOAD, TransactionType.LOAD_OTHER, TransactionType.LOAD_CASH})


def script_notice(tx: Transaction, cryptogram: Cryptogram) -> HostMessage:
    """The results of the scripts so far, with the data of the transaction (KRN-F55-006)."""
    kind = MessageKind.SCRIPT_NOTICE
    return new_message(tx, kind, field_55(tx, kind, cryptogram, tx.host.script_results))


def complete_offline(tx: Transaction, cryptogram: Cryptogram) -> Flow[None]:
    """Keep what the card decided by itself: a TC to be uploaded, an AAC for the host's records (KRN-CMP-008)."""
    kind = MessageKind.UPLOAD if cryptogram.cid & 0xC0 == Kind.TC else MessageKind.CONFIRM
    if kind is MessageKind.CONFIRM:
        tx.arc = b"Z1"
    message = new_message(tx, kind, field_55(tx, kind, cryptogram))
    yield from _last_word(tx, message, counts=kind is MessageKind.UPLOAD)
    if kind is MessageKind.UPLOAD and tx.electronic_cash is not None:
        tx.host.cash_balance = yield from balance_after(cryptogram.iad)


def complete_unable(tx: Transaction, problem: str) -> Flow[bool]:
    """Unable to go online: the default action codes decide (Y3, Z3); no script runs (KRN-ONL-002, 006, KRN-SCR-011).

    A request that may have been received is taken back (KRN-ONL-009): its reversal stands in the storage already.
    """
    approve = approve_offline(tx)
    tx.arc = b"Y3" if approve else b"Z3"
    text = f"unable to go online: {problem}; {'approve' if approve else 'decline'}"
    yield from report("bank's host", Mark.FAILED, text)
    tx.reversal = tx.host.reversible
    final = yield from _second_cryptogram(tx, approve=approve)
    if final is None or not approve or not _approves(final):
        return False
    if tx.host.request is not None:
        # The trace number of the request names what is taken back.
        tx.host.trace = yield from next_trace()
    yield from complete_offline(tx, final)
    return True


def complete_online(tx: Transaction, scripts: tuple[Script, ...], *, approve: bool) -> Flow[bool]:
    """What the card says counts; an approval that it does not take is reversed (KRN-CMP, KRN-ONL-010).

    The confirmation takes the place of the stored reversal; for a load only when the script has set the new balance,
    for before that it is not complete (KRN-CMP-006, KRN-SCR-013).
    """
    final = yield from _second_cryptogram(tx, approve=approve)
    approved = approve and final is not None and _approves(final)
    load = tx.config.kind in LOADS
    confirmation = None if final is None else _confirmation(tx, final)
    if confirmation is not None and (not approve or (approved and not load)):
        yield from _last_word(tx, confirmation, counts=approved)
    yield from run_scripts(tx, scripts, When.AFTER)
    if scripts:
        yield from store(script_notice(tx, final or tx.cryptograms[0]), SCRIPT)
    if approved and load and not tx.host.scripts_successful:
        tx.host.load_failed = True
        approved = False
        yield from report("load", Mark.FAILED, "the card has not taken the new balance; the load is taken back")
    elif approved and load and confirmation is not None:
        yield from _last_word(tx, confirmation, counts=True)
        tx.host.cash_balance = yield from get_amount(BALANCE, "balance of electronic cash")
    if approve and not approved:
        tx.reversal = tx.host.reversible
    elif confirmation is None and tx.host.request is not None:
        yield from drop(tx.host.request)
    return approved


def decline_signature(tx: Transaction, first: Cryptogram) -> Flow[None]:
    """A first cryptogram with a wrong signature (CDA) declines; an ARQC is answered by an AAC (EMV Book 2 §6.6.2)."""
    tx.arc = b"Z1"
    if first.cid & 0xC0 == Kind.ARQC:
        yield from _second_cryptogram(tx, approve=False)


def _approves(final: Cryptogram) -> bool:
    """A TC, with the right signature where it was to be signed (KRN-CMP-002)."""
    return final.cid & 0xC0 == Kind.TC and final.authentic


def _confirmation(tx: Transaction, final: Cryptogram) -> HostMessage:
    return new_message(tx, MessageKind.CONFIRM, field_55(tx, MessageKind.CONFIRM, final))


def _last_word(tx: Transaction, message: HostMessage, *, counts: bool) -> Flow[None]:
    tx.host.last_word = message
    yield from store(message, counts=counts, payment=payment_of(tx) if counts else None)


def _second_cryptogram(tx: Transaction, *, approve: bool) -> Flow[Cryptogram | None]:
    """The second GENERATE AC; None if the card makes none, which declines (KRN-CMP-001 to 004)."""
    try:
        final = yield from generate_ac(tx, Kind.TC if approve else Kind.AAC, first=False)
    except Stopped as stopped:
        tx.faults.append(stopped.failure.text)
        yield from report(_STEP, Mark.FAILED, stopped.failure.text)
        return None
    tx.cryptograms.append(final)
    if not approve and final.cid & 0xC0 != Kind.AAC:
        tx.faults.append(f"the terminal asked for AAC, the card gave {cryptogram_kind(final.cid)}")
        yield from report(_STEP, Mark.FAILED, "the card does not decline with the terminal; declined all the same")
    return final
