"""Going online: request, answer, issuer authentication, service of a blocked card (EMV Book 3 §10.9; KRN-ONL)."""

from dataclasses import dataclass, replace
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.bits import cryptogram_kind
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, parse
from terminal.effects import Flow, Mark, ask_host, report
from terminal.flows.common import send
from terminal.flows.financial.completion import complete_online, complete_unable, script_notice
from terminal.flows.financial.field55 import field_55
from terminal.flows.financial.hostside import When
from terminal.flows.financial.outbox import SCRIPT, deliver, new_message, store
from terminal.flows.financial.scripts import Script, read_scripts, run_scripts, unprocessed
from terminal.flows.financial.transaction import Aip, Cryptogram, Transaction, Tsi, Tvr
from terminal.messages.bank import (
    CREDITS,
    DEBITS,
    CryptogramCheck,
    HostAnswer,
    MessageKind,
    TransactionType,
)
from terminal.parameters import TerminalParameters

_STEP: Final = "bank's host"
_AUTHENTICATION: Final = 0x91
APPROVALS: Final = ("00", "10", "11")
REFERRALS: Final = ("01", "02")


@dataclass(frozen=True, slots=True)
class Orders:
    """What an answer means for the card: approval, issuer authentication data (91, may be empty), scripts."""

    approves: bool
    authentication: bytes
    scripts: tuple[Script, ...]


def read_orders(answer: HostAnswer, terminal: TerminalParameters) -> Orders | None:
    """The orders of an answer; None if it is malformed (KRN-ONL-004 to 008). Field 39 wins over a tag 8A."""
    try:
        objects = parse(answer.chip_data)
    except TlvError:
        return None
    authentication = next((item.value for item in objects if item.tag == _AUTHENTICATION), b"")
    if authentication and not 8 <= len(authentication) <= 16:
        return None
    if len(answer.arc) != 2 or not answer.arc.isascii():
        return None
    approves = answer.arc in APPROVALS or (answer.arc in REFERRALS and terminal.accepts_referral)
    return Orders(approves, authentication, read_scripts(objects, terminal.script_limit))


def note_check(tx: Transaction, index: int, check: CryptogramCheck) -> None:
    """What the host says about a cryptogram; a wrong one is a fault of the card."""
    tx.cryptograms[index] = replace(tx.cryptograms[index], check=check)
    if check is CryptogramCheck.WRONG:
        kind = cryptogram_kind(tx.cryptograms[index].cid).split()[0]
        tx.faults.append(f"the bank's host finds the {kind} wrong")


def go_online(tx: Transaction, cryptogram: Cryptogram) -> Flow[bool]:
    """Ask the host, do what it orders, make the second cryptogram; whether the card approves.

    A terminal that is offline only goes on at once (KRN-GAC-011).
    """
    if not tx.terminal.online_capable:
        return (yield from complete_unable(tx, "the terminal has no line"))
    answer = yield from _request(tx, cryptogram)
    orders = None if answer is None else read_orders(answer, tx.terminal)
    if answer is None or orders is None:
        problem = "the host is not reached" if answer is None else "the host's answer is malformed"
        return (yield from complete_unable(tx, problem))
    tx.host.answer = answer
    tx.arc = answer.arc.encode("ascii")
    note_check(tx, -1, answer.cryptogram)
    mark, told = (Mark.OK, "approved") if orders.approves else (Mark.FAILED, "declined")
    text = f"response code {answer.arc}: {answer.reason or told}"
    yield from report(_STEP, mark, text, ("ARQC", answer.cryptogram.value))
    yield from _take_scripts(tx, orders.scripts, cryptogram)
    if orders.authentication and tx.app.supports(Aip.ISSUER_AUTHENTICATION):
        yield from _issuer_authenticate(tx, orders.authentication, answer)
    yield from run_scripts(tx, orders.scripts, When.BEFORE)
    return (yield from complete_online(tx, orders.scripts, approve=orders.approves))


def serve(tx: Transaction, cryptogram: Cryptogram) -> Flow[bool]:
    """Let the issuer's scripts reach a card that gave an AAC; whether there were any and all went well (D37)."""
    message = new_message(tx, MessageKind.SERVE, field_55(tx, MessageKind.SERVE, cryptogram))
    answer = yield from ask_host(message)
    orders = None if answer is None else read_orders(answer, tx.terminal)
    if answer is None or orders is None:
        yield from report(_STEP, Mark.FAILED, "the host is not reached, or its answer is malformed")
        return False
    tx.host.answer = answer
    tx.arc = answer.arc.encode("ascii")
    note_check(tx, -1, answer.cryptogram)
    text = f"response code {answer.arc}: {answer.reason}; {len(orders.scripts)} script(s)"
    yield from report(_STEP, Mark.OK if orders.approves else Mark.FAILED, text)
    yield from _take_scripts(tx, orders.scripts, cryptogram)
    for when in When:
        yield from run_scripts(tx, orders.scripts, when)
    if orders.scripts:
        yield from store(script_notice(tx, cryptogram), SCRIPT)
    return tx.host.scripts_successful


def _request(tx: Transaction, cryptogram: Cryptogram) -> Flow[HostAnswer | None]:
    """Send the request once. Reversals come first, and its own is stored before it leaves (KRN-ONL-001, 009)."""
    delivered, _ = yield from deliver(tx.terminal, reversals_only=True)
    if not delivered:
        return None
    change = tx.config.kind is TransactionType.PIN_CHANGE
    kind = MessageKind.CHANGE_PIN if change else MessageKind.AUTHORISE
    message = new_message(tx, kind, field_55(tx, kind, cryptogram))
    if tx.config.kind in DEBITS | CREDITS:
        yield from store(replace(message, kind=MessageKind.REVERSE))
        tx.host.reversible = True
    tx.host.request = message
    track2 = tx.app.data.get(0x57, b"").hex().upper().rstrip("F")
    secrets = replace(message, pin_block=tx.pin_block, new_pin_block=tx.host.new_pin_block, track2=track2)
    return (yield from ask_host(secrets))


def _take_scripts(tx: Transaction, scripts: tuple[Script, ...], cryptogram: Cryptogram) -> Flow[None]:
    """Note that nothing is done yet, so that the host learns it if the card is taken away (KRN-SCR-014)."""
    tx.host.scripts = unprocessed(scripts)
    if scripts:
        yield from store(script_notice(tx, cryptogram), SCRIPT)


def _issuer_authenticate(tx: Transaction, data: bytes, answer: HostAnswer) -> Flow[None]:
    """EXTERNAL AUTHENTICATE, once; a refusal is noted and the transaction goes on (KRN-IAU)."""
    step = "issuer authentication"
    command = CommandApdu(0x00, 0x82, 0x00, 0x00, data)
    response = yield from send(Environment.PSE, "let the card check the bank's answer (ARPC)", command)
    tx.tsi.set(Tsi.ISSUER_AUTHENTICATION)
    if response.sw.value == status.OK:
        yield from report(step, Mark.OK, "the card accepts the bank's answer (ARPC)")
        return
    tx.tvr.set(Tvr.ISSUER_AUTHENTICATION_FAILED)
    if answer.cryptogram is CryptogramCheck.RIGHT:
        tx.faults.append(f"the card refuses the right ARPC ({response.sw})")
    text = f"the card refuses the bank's answer: {response.sw} ({response.sw.meaning})"
    yield from report(step, Mark.FAILED, text)
