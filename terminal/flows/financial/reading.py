"""GET PROCESSING OPTIONS and the records of the AFL (EMV Book 3 §10.1, §10.2; KRN-INI, KRN-REC)."""

from datetime import date
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.items import item_of
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, ber, parse, read_length
from terminal.effects import Flow, Mark, report
from terminal.flows.common import need_ok, read_record, send, stop
from terminal.flows.financial.cash import asks_for_cash, take_up_cash
from terminal.flows.financial.transaction import Aip, Transaction, Tvr
from terminal.outcome import Cause

_PSE = Environment.PSE
_TEMPLATES_ONLY: Final = 10
"""Records of files 1 to 10 are templates 70; those of others may have any form."""
MANDATORY: Final = (0x5F24, 0x5A, 0x8C, 0x8D)
"""Items without which no transaction goes on (EMV Book 3 §7.2)."""
LENGTHS: Final = {
    0x57: (1, 19), 0x5A: (1, 10), 0x5F24: (3, 3), 0x5F25: (3, 3), 0x5F28: (2, 2), 0x5F34: (1, 1), 0x8F: (1, 1),
    0x9F07: (2, 2), 0x9F08: (2, 2), 0x9F0D: (5, 5), 0x9F0E: (5, 5), 0x9F0F: (5, 5), 0x9F14: (1, 1), 0x9F23: (1, 1),
    0x9F42: (2, 2),
}  # fmt: skip
"""Items on which a decision rests, with least and greatest length in bytes; another length ends the transaction."""
LENGTHS_OF_NO_CONSEQUENCE: Final = {
    0x5F20: (2, 26), 0x5F2D: (2, 8), 0x5F30: (2, 2), 0x9F0B: (27, 45), 0x9F11: (1, 1), 0x9F12: (1, 16),
    0x9F4D: (2, 2), 0x9F61: (1, 40), 0x9F62: (1, 1), 0x9F63: (16, 16),
}  # fmt: skip
"""Items that are dropped where they have another length (KRN-REC-016)."""
_OF_THE_FCI: Final = frozenset({0x50, 0x87, 0x5F2D, 0x9F11, 0x9F12, 0x9F4D, 0xDF4D})
"""Items that came with the FCI and may be in a record again."""


def start(tx: Transaction) -> Flow[bool]:
    """GET PROCESSING OPTIONS; False if the application has to be dropped (KRN-INI-002 to 010, KRN-DOL-010)."""
    step = "start of the application"
    tx.ec_requested = asks_for_cash(tx)
    try:
        values = tx.fill(tx.app.pdol)
    except TlvError as error:
        yield from report(step, Mark.FAILED, f"the card's PDOL is malformed: {error}")
        return False
    if len(values) > 252:
        stop(Cause.CARD_DATA, step, f"the card's PDOL asks for {len(values)} bytes, more than a command holds")
    command = CommandApdu(0x80, 0xA8, 0x00, 0x00, ber(0x83, values), 256)
    response = yield from send(_PSE, "start the application", command)
    tx.pdol_values, tx.amount_known = values, True
    if response.sw.value == status.CONDITIONS_NOT_SATISFIED:
        yield from report(step, Mark.FAILED, "the application does not want to start (6985)")
        return False
    data = need_ok(step, "the application does not start", response)
    try:
        tx.app.aip, tx.app.afl = _processing_options(data)
    except TlvError as error:
        stop(Cause.CARD_DATA, step, f"the answer to GET PROCESSING OPTIONS is malformed: {error}")
    yield from report(step, Mark.OK, "the application has started")
    return True


def _processing_options(data: bytes) -> tuple[bytes, bytes]:
    """AIP and AFL of either answer format (KRN-INI-008 to 010)."""
    objects = parse(data)
    if len(objects) != 1:
        raise TlvError(f"{len(objects)} data objects instead of one")
    template = objects[0]
    if template.tag == 0x80:
        aip, afl = template.value[:2], template.value[2:]
    elif template.tag == 0x77:
        items = {item.tag: item.value for item in parse(template.value)}
        aip, afl = items.get(0x82, b""), items.get(0x94, b"")
    else:
        raise TlvError(f"template {template.tag:X} is not known")
    if len(aip) != 2 or not afl or len(afl) % 4:
        raise TlvError(f"AIP of {len(aip)} bytes, AFL of {len(afl)} bytes")
    return aip, afl


def read_application_data(tx: Transaction) -> Flow[None]:
    """READ RECORD as the AFL says, then the mandatory data (KRN-REC)."""
    step = "application data"
    for entry in range(0, len(tx.app.afl), 4):
        first_byte, first, last, signed = tx.app.afl[entry : entry + 4]
        sfi = first_byte >> 3
        # KRN-REC-002, 003
        if not 1 <= sfi <= 30 or first == 0 or last < first or signed > last - first + 1:
            text = f"entry {tx.app.afl[entry : entry + 4].hex().upper()} of the application file locator is wrong"
            stop(Cause.CARD_DATA, step, text)
        for number in range(first, last + 1):
            response = yield from send(_PSE, f"read record {number} of file {sfi}", read_record(number, sfi))
            record = need_ok(step, f"record {number} of file {sfi} cannot be read", response)
            _take_record(tx, sfi, record, authenticated=number - first < signed)
    _check_lengths(tx)
    _check_mandatory(tx)
    _check_conditional(tx)
    shown = [(item.name, item.text) for item in tx.items() if item.tag in (0x5A, 0x5F20, 0x5F24, 0x5F25)]
    yield from report(step, Mark.OK, f"{len(tx.app.data)} data items read", *shown)
    yield from take_up_cash(tx)


def _take_record(tx: Transaction, sfi: int, record: bytes, *, authenticated: bool) -> None:
    step = "application data"
    try:
        content = _template(record)
        if content is None:
            if sfi <= _TEMPLATES_ONLY:
                stop(Cause.CARD_DATA, step, f"a record of file {sfi} is not one template 70")
            tx.app.static_data_broken |= authenticated
            return
        for item in parse(content):
            if item.tag in tx.app.data and not item.constructed and item.tag not in _OF_THE_FCI:
                stop(Cause.CARD_DATA, step, f"{item_of(item.tag).name} ({item.tag:X}) is there twice")
            if item.value:  # KRN-REC-009
                tx.app.data[item.tag] = item.value
    except TlvError as error:
        stop(Cause.CARD_DATA, step, f"a record of file {sfi} is malformed: {error}")
    if authenticated:
        tx.app.static_data += content if sfi <= _TEMPLATES_ONLY else record


def _template(record: bytes) -> bytes | None:
    """What is in a record that is one template 70 and nothing else."""
    if record[:1] != b"\x70":
        return None
    length, offset = read_length(record, 1)
    if len(record) < offset + length:
        raise TlvError(f"the template needs {length} bytes, {len(record) - offset} are left")
    return record[offset:] if len(record) == offset + length else None


def card_date(value: bytes) -> date | None:
    """A date YYMMDD of the card; years 50 to 99 are in the last century (KRN-RES-011)."""
    digits = value.hex()
    if len(digits) != 6 or not digits.isdigit():
        return None
    century = "19" if int(digits[:2]) >= 50 else "20"
    try:
        return date.fromisoformat(century + digits)
    except ValueError:
        return None


def _check_lengths(tx: Transaction) -> None:
    """Items of a wrong length end the transaction, or are dropped where nothing depends on them."""
    data = tx.app.data
    for tag, (least, greatest) in LENGTHS_OF_NO_CONSEQUENCE.items():
        if tag in data and not least <= len(data[tag]) <= greatest:
            del data[tag]
    for tag, (least, greatest) in LENGTHS.items():
        if tag in data and not least <= len(data[tag]) <= greatest:
            stop(Cause.CARD_DATA, "application data", f"{item_of(tag).name} ({tag:X}) has {len(data[tag])} bytes")


def _check_mandatory(tx: Transaction) -> None:
    """KRN-REC-012 to 014."""
    step, data = "application data", tx.app.data
    if missing := [item_of(tag).name for tag in MANDATORY if tag not in data]:
        stop(Cause.CARD_DATA, step, f"the card lacks {', '.join(missing)}")
    if card_date(data[0x5F24]) is None:
        stop(Cause.CARD_DATA, step, f"the expiry date {data[0x5F24].hex().upper()} is no date")
    pan = tx.app.pan
    if not pan.isdigit() or not 8 <= len(pan) <= 19:
        stop(Cause.CARD_DATA, step, "the card number is not 8 to 19 digits")
    track2 = data.get(0x57, b"").hex().upper()
    if track2 and track2.split("D")[0] != pan:
        stop(Cause.CARD_DATA, step, "the card number in track 2 differs")


def _check_conditional(tx: Transaction) -> None:
    """Data that others make necessary: TVR byte 1 bit 6 (KRN-REC-015)."""
    app = tx.app
    needed: set[int] = set()
    if app.supports(Aip.CVM):
        needed.add(0x8E)
    if 0x9F07 in app.data:
        needed.add(0x5F28)
    if app.supports(Aip.SDA):
        needed |= {0x8F, 0x90, 0x9F32, 0x93}
    if app.supports(Aip.DDA) or app.supports(Aip.CDA):
        needed |= {0x8F, 0x90, 0x9F32, 0x9F46, 0x9F47}
    if needed - app.data.keys():
        tx.tvr.set(Tvr.DATA_MISSING)
