"""Terminal action analysis: what the action codes of card and terminal make of the TVR (EMV Book 3 §10.7; KRN-TAA)."""

from typing import Final

from cardsim.decode.bits import TVR, flag_names
from terminal.effects import Flow, Mark, report
from terminal.flows.financial.cryptogram import Kind
from terminal.flows.financial.transaction import Transaction
from terminal.messages.bank import TransactionType

_NONE: Final = bytes(5)
_ALL: Final = b"\xff" * 5


def _hits(tx: Transaction, iac_tag: int, missing: bytes, tac: bytes) -> list[str]:
    """What of the TVR the action codes of card and terminal name."""
    codes = (tx.app.data.get(iac_tag, missing), tac)
    return flag_names(TVR, bytes(t & (a | b) for t, a, b in zip(bytes(tx.tvr), *codes, strict=False)))


def terminal_action_analysis(tx: Transaction) -> Flow[Kind]:
    """What the terminal asks the card for (KRN-TAA-001 to 006, 011)."""
    step, parameters = "terminal action analysis", tx.app.parameters
    denied = _hits(tx, 0x9F0E, _NONE, parameters.tac_denial)
    online = _hits(tx, 0x9F0F, _ALL, parameters.tac_online)
    default = _hits(tx, 0x9F0D, _ALL, parameters.tac_default)
    if denied:
        tx.arc = b"Z1"
        yield from report(step, Mark.FAILED, f"decline: {'; '.join(denied)}")
        return Kind.AAC
    if not tx.terminal.online_capable:
        tx.arc = b"Z1" if default else b"Y1"
        yield from report(step, Mark.INFO, f"offline: {'; '.join(default) or 'approve'}")
        return Kind.AAC if default else Kind.TC
    if online or tx.terminal.online_only or tx.config.kind is TransactionType.INQUIRY:
        yield from report(step, Mark.INFO, f"go online: {'; '.join(online) or 'this transaction always does'}")
        return Kind.ARQC
    tx.arc = b"Y1"
    yield from report(step, Mark.INFO, "approve offline")
    return Kind.TC


def approve_offline(tx: Transaction) -> bool:
    """Default action codes decide when the host is not reached (KRN-TAA-007)."""
    if tx.terminal.online_only or tx.config.kind is TransactionType.INQUIRY:
        return False
    return not _hits(tx, 0x9F0D, _ALL, tx.app.parameters.tac_default)
