"""GENERATE AC, both formats of its answer, and combined data authentication (EMV Book 3 §6.5.5, §9, Book 2 §6.6)."""

import enum
import hashlib
from typing import Final

from cardsim.crypto.oda import OdaError, verify_dynamic
from cardsim.decode import Environment
from cardsim.decode.bits import cryptogram_kind, iad_text
from cardsim.decode.items import item_of
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, parse
from terminal.effects import Flow, Mark, Shelf, display, draw_random, keep, report
from terminal.flows.common import need_ok, send, stop
from terminal.flows.financial.transaction import Cryptogram, OdaMethod, OdaResult, Transaction, Tsi, Tvr
from terminal.outcome import Cause

_COMBINED: Final = 0x10
"""P1 of GENERATE AC: the answer is to be signed (CDA)."""
_ADVICE: Final = 0x08
_REASON: Final = 0x07
_SERVICE_NOT_ALLOWED: Final = 0x01
_CID, _ATC, _AC, _IAD, _SIGNED = 0x9F27, 0x9F36, 0x9F26, 0x9F10, 0x9F4B
_LONGEST_IAD: Final = 32
_HASH: Final = 20


class Kind(enum.IntEnum):
    """Kinds of cryptogram: P1 of GENERATE AC and the two high bits of 9F27."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80


def generate_ac(tx: Transaction, kind: Kind, *, first: bool) -> Flow[Cryptogram]:
    """GENERATE AC with the data of CDOL1 or CDOL2 (KRN-GAC-001 to 004, 006 to 009; KRN-DOL-009).

    Where CDA was asked for and fails, the TVR says so and the cryptogram is not `authentic`.

    Raises:
        Stopped: the card refuses, or its answer breaks the rules.
    """
    name = "first cryptogram" if first else "second cryptogram"
    tx.unpredictable = yield from draw_random(4)
    tx.tsi.set(Tsi.CARD_RISK)
    values = _dol_values(tx, 0x8C if first else 0x8D, name)
    combined = tx.combined and kind is not Kind.AAC
    tvr = bytes(tx.tvr)
    command = CommandApdu(0x80, 0xAE, kind | _COMBINED if combined else kind, 0x00, values, 256)
    response = yield from send(Environment.PSE, f"{name}: the terminal asks for {kind.name}", command)
    data = need_ok(name, f"the card makes no {name}", response)
    tx.cdol_values += values
    try:
        cryptogram = _read(tx, data, tvr, combined=combined)
    except TlvError as error:
        stop(Cause.CARD_DATA, name, f"the answer to GENERATE AC is malformed: {error}")
    given = cryptogram.cid & 0xC0
    if given == 0xC0 or (first and _rank(given) > _rank(kind)):
        text = f"the terminal asked for {kind.name}, the card gave {cryptogram_kind(cryptogram.cid)}"
        stop(Cause.PROTOCOL, name, text)
    if first and given != Kind.TC:
        # KRN-EC-019: what goes online is ordinary debit.
        tx.electronic_cash = None
    details = (("ATC", str(cryptogram.atc)), ("AC", cryptogram.value.hex().upper()))
    told = "; ".join(iad_text(cryptogram.iad))
    yield from report(name, Mark.OK, f"the card gives {cryptogram_kind(cryptogram.cid)}", *details, ("IAD", told))
    if not cryptogram.authentic:
        yield from report("offline data authentication", Mark.FAILED, f"CDA failed: {tx.oda.problem}")
    if given == Kind.AAC:
        yield from _heed_reason(tx, cryptogram)
    return cryptogram


def _dol_values(tx: Transaction, dol_tag: int, step: str) -> bytes:
    name = item_of(dol_tag).name
    try:
        values = tx.fill(tx.app.data[dol_tag])
    except TlvError as error:
        stop(Cause.CARD_DATA, step, f"{name} is malformed: {error}")
    if len(values) > 255:
        stop(Cause.CARD_DATA, step, f"{name} asks for {len(values)} bytes, more than a command holds")
    return values


def _heed_reason(tx: Transaction, cryptogram: Cryptogram) -> Flow[None]:
    """What an AAC says besides: the service is not allowed, or the issuer wants an advice (KRN-GAC-006, 007)."""
    if cryptogram.cid & _REASON == _SERVICE_NOT_ALLOWED:
        yield from display("Not accepted")
    elif cryptogram.cid & _ADVICE:
        content = {
            "pan": tx.app.pan,
            "reason": str(cryptogram.cid & _REASON),
            "atc": str(cryptogram.atc),
            "cryptogram": cryptogram.value.hex().upper(),
            "time": tx.config.now.isoformat(),
        }
        yield from keep(Shelf.ADVICES, f"{tx.config.now:%Y%m%d}-{tx.host.trace:06d}", content)
        yield from report("advice", Mark.INFO, "the card wants its issuer to be told; kept")


def _rank(kind: int) -> int:
    """AAC < ARQC < TC: a card may only go down from what was asked (KRN-GAC-004, 005)."""
    return (Kind.AAC, Kind.ARQC, Kind.TC).index(Kind(kind))


def _read(tx: Transaction, data: bytes, tvr: bytes, *, combined: bool) -> Cryptogram:
    """Either answer format; with CDA the signed one, unless the card declines (KRN-ODA-030)."""
    objects = parse(data)
    if len(objects) != 1:
        raise TlvError(f"{len(objects)} data objects instead of one")
    value = objects[0].value
    if objects[0].tag == 0x80:
        if not 11 <= len(value) <= 11 + _LONGEST_IAD:
            raise TlvError(f"{len(value)} bytes instead of 11 to 43")
        if combined and value[0] & 0xC0 != Kind.AAC:
            raise TlvError("a cryptogram that was to be signed is not")
        return Cryptogram(value[0], int.from_bytes(value[1:3], "big"), value[3:11], value[11:], tvr=tvr)
    if objects[0].tag != 0x77:
        raise TlvError(f"template {objects[0].tag:X} is not known")
    return _read_objects(tx, value, tvr, combined=combined)


def _read_objects(tx: Transaction, template: bytes, tvr: bytes, *, combined: bool) -> Cryptogram:
    objects = parse(template)
    items = {item.tag: item.value for item in reversed(objects)}
    if len(items.get(_CID, b"")) != 1 or len(items.get(_ATC, b"")) != 2:
        raise TlvError("cryptogram information or ATC is missing or has a wrong length")
    cid, atc, iad = items[_CID][0], int.from_bytes(items[_ATC], "big"), items.get(_IAD, b"")
    if len(iad) > _LONGEST_IAD:
        raise TlvError(f"{len(iad)} bytes of issuer application data")
    if not combined or (cid & 0xC0 == Kind.AAC and _SIGNED not in items):
        if len(items.get(_AC, b"")) != 8:
            raise TlvError("the cryptogram is missing or has a wrong length")
        return Cryptogram(cid, atc, items[_AC], iad, tvr=tvr)
    if _SIGNED not in items:
        raise TlvError("a cryptogram that was to be signed is not")
    covered = b"".join(bytes(item) for item in objects if item.tag != _SIGNED)
    try:
        value = _open_signature(tx, items[_SIGNED], items[_CID], covered)
    except OdaError as error:
        tx.tvr.set(Tvr.CDA_FAILED)
        tx.oda = OdaResult(OdaMethod.CDA, str(error), fault=True)
        return Cryptogram(cid, atc, b"", iad, tvr=tvr, authentic=False)
    return Cryptogram(cid, atc, value, iad, tvr=tvr)


def _open_signature(tx: Transaction, signed: bytes, cid: bytes, covered: bytes) -> bytes:
    """The cryptogram out of signed dynamic application data, after all checks (EMV Book 2 §6.6.2, KRN-ODA-028)."""
    if tx.icc_key is None:
        raise OdaError("the card's key is not known")
    dynamic = verify_dynamic(tx.icc_key, signed, tx.unpredictable)
    number = dynamic[0] if dynamic else 0
    rest = dynamic[1 + number :]
    if not 2 <= number <= 8 or len(rest) < 1 + 8 + _HASH:
        raise OdaError("the signed data have no cryptogram")
    if rest[:1] != cid:
        raise OdaError("the cryptogram information in the signature differs from 9F27")
    sent = tx.pdol_values + tx.cdol_values
    # EMV fixes SHA-1.
    if hashlib.sha1(sent + covered, usedforsecurity=False).digest() != rest[9 : 9 + _HASH]:
        raise OdaError("the transaction data hash in the signature does not match")
    return rest[1:9]
