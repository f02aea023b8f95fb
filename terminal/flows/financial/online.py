"""Terminal action analysis, GENERATE AC, the bank's host, completion (EMV Book 3 §10.7 to §10.11; KRN-TAA, KRN-CMP)."""

import enum
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.bits import TVR, cryptogram_kind, flag_names, iad_text
from cardsim.decode.items import item_of
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, find, parse
from terminal.effects import Flow, Mark, ask_host, draw_random, report
from terminal.flows.common import need_ok, send, stop
from terminal.flows.financial.transaction import Aip, Cryptogram, Transaction, Tsi, Tvr
from terminal.messages.bank import CryptogramCheck, HostAnswer, HostMessage, MessageKind, TransactionType
from terminal.outcome import Cause, Stopped

_PSE = Environment.PSE
_NONE, _ALL = bytes(5), b"\xff" * 5
APPROVALS: Final = ("00", "10", "11")
REFERRALS: Final = ("01", "02")


class Kind(enum.IntEnum):
    """Kinds of cryptogram: P1 of GENERATE AC and the two high bits of 9F27."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80


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


def generate_ac(tx: Transaction, kind: Kind, *, first: bool) -> Flow[Cryptogram]:
    """GENERATE AC with the data of CDOL1 or CDOL2 (KRN-GAC-001 to 004, 008; KRN-DOL-009)."""
    name = "first cryptogram" if first else "second cryptogram"
    tx.unpredictable = yield from draw_random(4)
    tx.tsi.set(Tsi.CARD_RISK)
    dol_tag = 0x8C if first else 0x8D
    try:
        values = tx.fill(tx.app.data[dol_tag])
    except TlvError as error:
        stop(Cause.CARD_DATA, name, f"{item_of(dol_tag).name} is malformed: {error}")
    if len(values) > 255:
        stop(Cause.CARD_DATA, name, f"{item_of(dol_tag).name} asks for {len(values)} bytes")
    command = CommandApdu(0x80, 0xAE, kind, 0x00, values, 256)
    response = yield from send(_PSE, f"{name}: the terminal asks for {kind.name}", command)
    data = need_ok(name, f"the card makes no {name}", response)
    try:
        cryptogram = _read_cryptogram(data)
    except TlvError as error:
        stop(Cause.CARD_DATA, name, f"the answer to GENERATE AC is malformed: {error}")
    given = cryptogram.cid & 0xC0
    if first and (given == 0xC0 or _rank(given) > _rank(kind)):
        text = f"the terminal asked for {kind.name}, the card gave {cryptogram_kind(cryptogram.cid)}"
        stop(Cause.PROTOCOL, name, text)
    details = (("ATC", str(cryptogram.atc)), ("AC", cryptogram.value.hex().upper()))
    told = "; ".join(iad_text(cryptogram.iad))
    yield from report(name, Mark.OK, f"the card gives {cryptogram_kind(cryptogram.cid)}", *details, ("IAD", told))
    return cryptogram


def _rank(kind: int) -> int:
    """AAC < ARQC < TC: a card may only go down from what was asked (KRN-GAC-004, 005)."""
    return {Kind.AAC: 0, Kind.ARQC: 1, Kind.TC: 2}.get(Kind(kind), 3) if kind != 0xC0 else 3


def _read_cryptogram(data: bytes) -> Cryptogram:
    """Either answer format."""
    objects = parse(data)
    if len(objects) != 1:
        raise TlvError(f"{len(objects)} data objects instead of one")
    if objects[0].tag == 0x80:
        value = objects[0].value
        if not 11 <= len(value) <= 43:
            raise TlvError(f"{len(value)} bytes instead of 11 to 43")
        return Cryptogram(value[0], int.from_bytes(value[1:3], "big"), value[3:11], value[11:])
    if objects[0].tag == 0x77:
        cid, atc, ac = (find(data, 0x77, tag) for tag in (0x9F27, 0x9F36, 0x9F26))
        if cid is None or atc is None or ac is None or (len(cid), len(atc), len(ac)) != (1, 2, 8):
            raise TlvError("cryptogram information, ATC or cryptogram is missing or has a wrong length")
        return Cryptogram(cid[0], int.from_bytes(atc, "big"), ac, find(data, 0x77, 0x9F10) or b"")
    raise TlvError(f"template {objects[0].tag:X} is not known")


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
        approve = _approve_offline(tx)
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


def _approve_offline(tx: Transaction) -> bool:
    """Default action codes decide when the host is not reached (KRN-TAA-007)."""
    if tx.terminal.online_only or tx.config.kind is TransactionType.INQUIRY:
        return False
    return not _hits(tx, 0x9F0D, _ALL, tx.app.parameters.tac_default)


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
