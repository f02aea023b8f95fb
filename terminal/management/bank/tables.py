"""The tables of the bank's card platform (金融IC卡应用平台) about the life of cards, beside those of its host."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table, Text, TypedColumns

from terminal.management.keeper import Kept
from terminal.perso.parties import Party

METADATA: Final = MetaData()
KEPT: Final = Kept(METADATA, Party.BANK, Party.DEPARTMENT)


class OrderColumns(TypedColumns):
    """Orders that the department has told; no card is made without one."""

    number = Column(String(20), primary_key=True)
    kind = Column(String(12), nullable=False)
    person = Column(String(18), nullable=False)
    old = Column(String(20), nullable=False)
    outlet = Column(String(32), nullable=False)
    pick_up = Column(String(8), nullable=False)
    fee = Column(Integer, nullable=False)


class NoticeColumns(TypedColumns):
    """Clearing notices that the department has told (清户通知书)."""

    number = Column(String(20), primary_key=True)
    order = Column(String(20), nullable=False)
    used = Column(Boolean, nullable=False)


class ActivationColumns(TypedColumns):
    """What is kept of an activation (激活): holder information, copy of the document, signature."""

    order = Column(String(20), primary_key=True)
    time = Column(String(19), nullable=False)
    place = Column(String(16), nullable=False)
    information = Column(Text, nullable=False)
    copy = Column(String(64), nullable=False)
    """SHA-256 of the copy of the document."""
    signature = Column(String(64), nullable=False)
    """SHA-256 of the signature as it was taken."""


class RequestColumns(TypedColumns):
    """New cards that holders asked for at the bank, and what the department answered."""

    id = Column(Integer, primary_key=True)
    order = Column(String(20), nullable=False, index=True)
    kind = Column(String(12), nullable=False)
    time = Column(String(19), nullable=False)
    outlet = Column(String(32), nullable=False)
    new = Column(String(20), nullable=False)
    reason = Column(Text, nullable=False)


class PayoutColumns(TypedColumns):
    """What was paid out when an account was closed, in fen."""

    order = Column(String(20), primary_key=True)
    account = Column(BigInteger, nullable=False)
    cash = Column(BigInteger, nullable=False)
    posting: Column[int | None] = Column(Integer, nullable=True)


_NAME: Final = "management_bank"
ORDERS: Final = Table(f"{_NAME}_order", METADATA, OrderColumns)
NOTICES: Final = Table(f"{_NAME}_notice", METADATA, NoticeColumns)
ACTIVATIONS: Final = Table(f"{_NAME}_activation", METADATA, ActivationColumns)
REQUESTS: Final = Table(f"{_NAME}_request", METADATA, RequestColumns)
PAYOUTS: Final = Table(f"{_NAME}_payout", METADATA, PayoutColumns)
