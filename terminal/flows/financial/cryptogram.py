"""GENERATE AC and both formats of its answer (EMV Book 3 §6.5.5, §9; KRN-GAC)."""

import enum

from cardsim.decode import Environment
from cardsim.decode.bits import cryptogram_kind, iad_text
from cardsim.decode.items import item_of
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, find, parse
from terminal.effects import Flow, Mark, draw_random, report
from terminal.flows.common import need_ok, send, stop
from terminal.flows.financial.transaction import Cryptogram, Transaction, Tsi
from terminal.outcome import Cause


class Kind(enum.IntEnum):
    """Kinds of cryptogram: P1 of GENERATE AC and the two high bits of 9F27."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80


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
    response = yield from send(Environment.PSE, f"{name}: the terminal asks for {kind.name}", command)
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
