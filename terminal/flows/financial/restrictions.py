"""Processing restrictions (EMV Book 3 §10.4; KRN-RES)."""

from typing import Final

from cardsim.decode.bits import TVR, flag_names
from terminal.effects import Flow, Mark, report
from terminal.flows.financial.reading import card_date
from terminal.flows.financial.transaction import Transaction, Tvr
from terminal.messages.bank import TransactionType

_DOMESTIC_CASH, _FOREIGN_CASH = 0x80, 0x40
_DOMESTIC_PURCHASE, _FOREIGN_PURCHASE = 0x20 | 0x08, 0x10 | 0x04
_AT_ATM, _ELSEWHERE = 0x02, 0x01
_DOMESTIC_CASHBACK, _FOREIGN_CASHBACK = 0x80, 0x40

_USAGE: Final = {
    TransactionType.CASH: (_DOMESTIC_CASH, _FOREIGN_CASH),
    TransactionType.PURCHASE: (_DOMESTIC_PURCHASE, _FOREIGN_PURCHASE),
}
"""Bits of the first usage control byte that allow a transaction: domestic, foreign. Others need none (KRN-RES-008)."""


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
    """Application usage control 9F07, 2 bytes (KRN-RES-003 to 008)."""
    usage = tx.app.data.get(0x9F07)
    if usage is None:
        return True
    if not usage[0] & (_AT_ATM if tx.terminal.atm else _ELSEWHERE):
        return False
    country = tx.app.data.get(0x5F28)
    if country is None or tx.config.kind not in _USAGE:
        return True
    abroad = country != tx.terminal.country
    if tx.config.cashback and not usage[1] & (_DOMESTIC_CASHBACK, _FOREIGN_CASHBACK)[abroad]:
        return False
    return bool(usage[0] & _USAGE[tx.config.kind][abroad])
