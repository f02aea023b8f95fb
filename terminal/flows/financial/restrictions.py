"""Processing restrictions and terminal risk management (EMV Book 3 §10.4, §10.6; KRN-RES, KRN-TRM)."""

from typing import Final

from cardsim.decode import Environment
from cardsim.decode.bits import TVR, flag_names
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from cardsim.iso7816.tlv import TlvError, find
from terminal.effects import Flow, Mark, draw_random, report
from terminal.flows.common import send
from terminal.flows.financial.reading import card_date
from terminal.flows.financial.transaction import Transaction, Tsi, Tvr
from terminal.messages.bank import TransactionType

_DOMESTIC_CASH, _FOREIGN_CASH = 0x80, 0x40
_DOMESTIC_PURCHASE, _FOREIGN_PURCHASE = 0x20 | 0x08, 0x10 | 0x04
_AT_ATM, _ELSEWHERE = 0x02, 0x01
_ATC, _LAST_ONLINE_ATC = 0x9F36, 0x9F13

_USAGE: Final = {
    TransactionType.CASH: (_DOMESTIC_CASH, _FOREIGN_CASH),
    TransactionType.PURCHASE: (_DOMESTIC_PURCHASE, _FOREIGN_PURCHASE),
}
"""Usage control bits that allow a transaction: domestic, foreign. Others need none (KRN-RES-008)."""


def processing_restrictions(tx: Transaction) -> Flow[None]:
    """Versions, usage control and dates; all checks are made whatever the first ones say (KRN-RES-013)."""
    data, before = tx.app.data, bytes(tx.tvr)
    version = data.get(0x9F08)
    if version is not None and version != tx.terminal.application_version:
        tx.tvr.set(Tvr.VERSIONS_DIFFER)
    if not _usage_allowed(tx):
        tx.tvr.set(Tvr.SERVICE_NOT_ALLOWED)
    today = tx.config.now.date()
    effective = card_date(data[0x5F25]) if 0x5F25 in data else None
    if effective is not None and effective > today:
        tx.tvr.set(Tvr.NOT_YET_EFFECTIVE)
    expires = card_date(data[0x5F24])
    if expires is None or expires < today:
        tx.tvr.set(Tvr.EXPIRED)
    found = flag_names(TVR, bytes(a & ~b for a, b in zip(bytes(tx.tvr), before, strict=True)))
    mark = Mark.INFO if found else Mark.OK
    yield from report("processing restrictions", mark, "; ".join(found) or "the card may be used here and today")


def _usage_allowed(tx: Transaction) -> bool:
    """Application usage control 9F07 (KRN-RES-003 to 008)."""
    usage = tx.app.data.get(0x9F07)
    if usage is None:
        return True
    if len(usage) != 2 or not usage[0] & (_AT_ATM if tx.terminal.atm else _ELSEWHERE):
        return False
    country = tx.app.data.get(0x5F28)
    if country is None or tx.config.kind not in _USAGE:
        return True
    domestic, foreign = _USAGE[tx.config.kind]
    return bool(usage[0] & (domestic if country == tx.terminal.country else foreign))


def terminal_risk_management(tx: Transaction) -> Flow[None]:
    """Floor limit, random selection and velocity (KRN-TRM-001 to 011)."""
    before, parameters = bytes(tx.tvr), tx.app.parameters
    if tx.config.amount >= parameters.floor_limit:
        tx.tvr.set(Tvr.FLOOR_LIMIT)
    elif tx.terminal.online_capable and parameters.random_percent:
        draw = yield from draw_random(4)
        if int.from_bytes(draw, "big") % 99 + 1 <= parameters.random_percent:
            tx.tvr.set(Tvr.RANDOM_ONLINE)
    lower, upper = tx.app.data.get(0x9F14), tx.app.data.get(0x9F23)
    if lower is not None and upper is not None:
        yield from _velocity(tx, int.from_bytes(lower, "big"), int.from_bytes(upper, "big"))
    tx.tsi.set(Tsi.TERMINAL_RISK)
    found = flag_names(TVR, bytes(a & ~b for a, b in zip(bytes(tx.tvr), before, strict=True)))
    yield from report("terminal risk management", Mark.INFO, "; ".join(found) or "nothing to note")


def _velocity(tx: Transaction, lower: int, upper: int) -> Flow[None]:
    """Consecutive offline transactions (KRN-TRM-008 to 011)."""
    atc = yield from get_data(_ATC, "transaction counter", 2)
    last = yield from get_data(_LAST_ONLINE_ATC, "counter of the last online transaction", 2)
    if last is not None and not any(last):
        tx.tvr.set(Tvr.NEW_CARD)
    if atc is None or last is None:
        tx.tvr.set(Tvr.LOWER_LIMIT, Tvr.UPPER_LIMIT, Tvr.DATA_MISSING)
        return
    offline = int.from_bytes(atc, "big") - int.from_bytes(last, "big")
    if offline > lower or offline <= 0:
        tx.tvr.set(Tvr.LOWER_LIMIT)
    if offline > upper or offline <= 0:
        tx.tvr.set(Tvr.UPPER_LIMIT)


def get_data(tag: int, what: str, length: int) -> Flow[bytes | None]:
    """GET DATA; None whatever goes wrong: it never ends a transaction (KRN-ERR-002)."""
    command = CommandApdu(0x80, 0xCA, tag >> 8, tag & 0xFF, le=256)
    response = yield from send(Environment.PSE, f"read the {what}", command)
    if response.sw.value != status.OK:
        return None
    try:
        value = find(response.data, tag)
    except TlvError:
        return None
    return value if value is not None and len(value) == length else None
