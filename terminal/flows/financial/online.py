"""The bank's host, issuer authentication, completion (EMV Book 3 §10.9 to §10.11; KRN-ONL, KRN-IAU, KRN-CMP)."""

from typing import Final

from cardsim.decode import Environment
from cardsim.decode.bits import cryptogram_kind
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, parse
from terminal.effects import Flow, Mark, ask_host, report
from terminal.flows.common import send
from terminal.flows.financial.action import approve_offline
from terminal.flows.financial.cryptogram import Kind, generate_ac
from terminal.flows.financial.transaction import Aip, Cryptogram, Transaction, Tsi, Tvr
from terminal.messages.bank import CryptogramCheck, HostAnswer, HostMessage, MessageKind
from terminal.outcome import Stopped

_PSE = Environment.PSE
APPROVALS: Final = ("00", "10", "11")
REFERRALS: Final = ("01", "02")


def tell_host(tx: Transaction, kind: MessageKind, cryptogram: Cryptogram) -> Flow[HostAnswer | None]:
    """Send a message about a cryptogram, keep what the host found, and note a wrong one as a fault of the card."""
    pin_block = tx.pin_block if kind is MessageKind.AUTHORISE else None
    message = HostMessage(kind, tx.app.pan, tx.app.psn, tx.field_55(cryptogram), pin_block)
    answer = yield from ask_host(message)
    check = CryptogramCheck.NOT_CHECKED if answer is None else answer.cryptogram
    cid, atc = cryptogram.cid, cryptogram.atc
    if kind is not MessageKind.REVERSE:
        tx.cryptograms.append(Cryptogram(cid, atc, cryptogram.value, cryptogram.iad, check))
    if check is CryptogramCheck.WRONG:
        tx.faults.append(f"the bank's host finds the {cryptogram_kind(cid).split()[0]} wrong")
    return answer


def go_online(tx: Transaction, request: Cryptogram) -> Flow[bool]:
    """Ask the host, pass its authentication on, make the second cryptogram; whether the card approves (KRN-ONL)."""
    step = "bank's host"
    answer = yield from tell_host(tx, MessageKind.AUTHORISE, request)
    authentication = b"" if answer is None else _issuer_authentication(answer)
    if answer is None or authentication is None:
        problem = "the host is not reached" if answer is None else "the host's answer is malformed"
        approve = approve_offline(tx)
        tx.arc = b"Y3" if approve else b"Z3"
        yield from report(step, Mark.FAILED, f"unable to go online: {problem}; {'approve' if approve else 'decline'}")
    else:
        tx.arc = answer.arc.encode("ascii", "replace")[:2]
        approve = answer.arc in APPROVALS or (answer.arc in REFERRALS and tx.terminal.accepts_referral)
        mark = Mark.OK if approve else Mark.FAILED
        text = f"response code {answer.arc}: {answer.reason or ('approved' if approve else 'declined')}"
        yield from report(step, mark, text, ("ARQC", answer.cryptogram.value))
        if authentication and tx.app.supports(Aip.ISSUER_AUTHENTICATION):
            yield from _issuer_authenticate(tx, authentication, answer)
    return (yield from _complete(tx, request, approve=approve, host_approved=answer is not None and approve))


def _issuer_authentication(answer: HostAnswer) -> bytes | None:
    """Tag 91 of the answer, empty if there is none; None if the answer is malformed (KRN-ONL-006 to 008)."""
    try:
        items = {item.tag: item.value for item in parse(answer.chip_data)}
    except TlvError:
        return None
    data = items.get(0x91, b"")
    return data if not data or 8 <= len(data) <= 16 else None


def _issuer_authenticate(tx: Transaction, data: bytes, answer: HostAnswer) -> Flow[None]:
    """EXTERNAL AUTHENTICATE, once; a refusal is noted and the transaction goes on (KRN-IAU)."""
    step = "issuer authentication"
    command = CommandApdu(0x00, 0x82, 0x00, 0x00, data)
    response = yield from send(_PSE, "let the card check the bank's answer (ARPC)", command)
    tx.tsi.set(Tsi.ISSUER_AUTHENTICATION)
    if response.sw.value == status.OK:
        yield from report(step, Mark.OK, "the card accepts the bank's answer (ARPC)")
        return
    tx.tvr.set(Tvr.ISSUER_AUTHENTICATION_FAILED)
    if answer.cryptogram is CryptogramCheck.RIGHT:
        tx.faults.append(f"the card refuses the right ARPC ({response.sw})")
    text = f"the card refuses the bank's answer: {response.sw} ({response.sw.meaning})"
    yield from report(step, Mark.FAILED, text)


def _complete(tx: Transaction, request: Cryptogram, *, approve: bool, host_approved: bool) -> Flow[bool]:
    """Second GENERATE AC; what the card says counts, and an approval it does not take is reversed (KRN-CMP)."""
    name = "second cryptogram"
    try:
        final = yield from generate_ac(tx, Kind.TC if approve else Kind.AAC, first=False)
    except Stopped as stopped:  # KRN-CMP-004: this declines
        tx.faults.append(stopped.failure.text)
        yield from report(name, Mark.FAILED, stopped.failure.text)
        if host_approved:
            yield from _reverse(tx, request)
        return False
    approved = approve and final.cid & 0xC0 == Kind.TC
    if not approve and final.cid & 0xC0 != Kind.AAC:
        tx.faults.append(f"the terminal asked for AAC, the card gave {cryptogram_kind(final.cid)}")
        yield from report(name, Mark.FAILED, "the card does not decline where the terminal does; declined all the same")
    yield from tell_host(tx, MessageKind.CONFIRM, final)
    if host_approved and not approved:
        yield from _reverse(tx, request)
    return approved


def _reverse(tx: Transaction, request: Cryptogram) -> Flow[None]:
    """Take an approval back (KRN-ONL-010, KRN-CMP-004)."""
    tx.reversal = True
    yield from tell_host(tx, MessageKind.REVERSE, request)
    yield from report("reversal", Mark.INFO, "the host's approval is taken back")
