"""Terminal action analysis: what the action codes of card and terminal make of the TVR (EMV Book 3 §10.7; KRN-TAA)."""

from typing import Final

from cardsim.decode.bits import TVR, flag_names
from terminal.effects import Flow, Mark, report
from terminal.flows.financial.cryptogram import Kind
from terminal.flows.financial.pin import ask_online_pin, online_pin_possible
from terminal.flows.financial.transaction import Transaction
from terminal.messages.bank import TransactionType

_STEP: Final = "terminal action analysis"
_NONE: Final = bytes(5)
_ALL: Final = b"\xff" * 5
_MAY_BE_OFFLINE: Final = (TransactionType.PURCHASE, TransactionType.CASH)
"""All others go online unless they are denied (KRN-TAA-011)."""


def _hits(tx: Transaction, iac_tag: int, missing: bytes, tac: bytes) -> list[str]:
    """What of the TVR the action codes of card and terminal name."""
    codes = (tx.app.data.get(iac_tag, missing), tac)
    return flag_names(TVR, bytes(t & (a | b) for t, a, b in zip(bytes(tx.tvr), *codes, strict=False)))


def terminal_action_analysis(tx: Transaction) -> Flow[Kind]:
    """What the terminal asks the card for (KRN-TAA-001 to 006, 011)."""
    parameters = tx.app.parameters
    denied = _hits(tx, 0x9F0E, _NONE, parameters.tac_denial)
    if denied:
        tx.arc = b"Z1"
        yield from report(_STEP, Mark.FAILED, f"decline: {'; '.join(denied)}")
        return Kind.AAC
    if not tx.terminal.online_capable:
        return (yield from _offline_only(tx))
    online = _hits(tx, 0x9F0F, _ALL, parameters.tac_online)
    if online or tx.terminal.online_only or tx.config.kind not in _MAY_BE_OFFLINE:
        # KRN-EC-015: this is ordinary debit from here on.
        tx.electronic_cash = None
        yield from report(_STEP, Mark.INFO, f"go online: {'; '.join(online) or 'this transaction always does'}")
        return Kind.ARQC
    if tx.electronic_cash is not None and (problem := (yield from _why_not_cash(tx))):
        yield from report(_STEP, Mark.INFO, f"go online: {problem}")
        return Kind.ARQC
    tx.arc = b"Y1"
    yield from report(_STEP, Mark.INFO, "approve offline")
    return Kind.TC


def _offline_only(tx: Transaction) -> Flow[Kind]:
    """The default codes decide; electronic cash must suffice (KRN-TAA-005, KRN-EC-013, 017)."""
    against = _hits(tx, 0x9F0D, _ALL, tx.app.parameters.tac_default)
    if tx.electronic_cash is not None and tx.electronic_cash.balance < tx.config.amount:
        against.append("the balance of electronic cash is too low")
    if tx.config.kind not in _MAY_BE_OFFLINE:
        against.append("this transaction must go online")
    tx.arc = b"Z1" if against else b"Y1"
    yield from report(_STEP, Mark.INFO, f"offline: {'; '.join(against) or 'approve'}")
    return Kind.AAC if against else Kind.TC


def _why_not_cash(tx: Transaction) -> Flow[str]:
    """Why electronic cash goes online, "" where it does not: the balance is low and the holder gives the online PIN.

    Without a PIN the purchase is completed offline as long as the balance suffices (KRN-EC-011, 012, 016, 017).
    """
    assert tx.electronic_cash is not None
    left = tx.electronic_cash.balance - tx.config.amount
    if left < 0:
        return "the balance of electronic cash is too low"
    if left >= tx.electronic_cash.threshold or not online_pin_possible(tx):
        return ""
    entered = tx.pin_block is not None or (yield from ask_online_pin(tx))
    return "the balance of electronic cash falls below the threshold" if entered else ""


def approve_offline(tx: Transaction) -> bool:
    """Default action codes decide when the host is not reached (KRN-TAA-007, KRN-EC-014)."""
    if tx.terminal.online_only or tx.config.kind not in _MAY_BE_OFFLINE:
        return False
    return not _hits(tx, 0x9F0D, _ALL, tx.app.parameters.tac_default)
