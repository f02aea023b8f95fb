"""The tables of the card-management system (卡管系统), beside those of the department's host."""

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, Text, TypedColumns

from terminal.management.keeper import Kept
from terminal.perso.parties import Party

METADATA: Final = MetaData()
KEPT: Final = Kept(METADATA, Party.DEPARTMENT, Party.BANK)


class OrderColumns(TypedColumns):
    """Orders (制卡申请). Days are YYYYMMDD."""

    number = Column(String(20), primary_key=True)
    kind = Column(String(12), nullable=False)
    state = Column(String(16), nullable=False, index=True)
    applied = Column(String(8), nullable=False)
    person = Column(String(18), nullable=False, index=True)
    city = Column(String(6), nullable=False)
    county = Column(String(6), nullable=False)
    unit = Column(String(32), nullable=False)
    """Issuing unit, or the bank outlet that hands the card out."""
    outlet = Column(String(32), nullable=False)
    """The bank outlet where the holder applied; empty where he did at the department."""
    employer = Column(String(100), nullable=False)
    content = Column(Text, nullable=False)
    """The data items as JSON."""
    photo = Column(LargeBinary, nullable=False)
    batch = Column(String(40), nullable=False, index=True)
    old = Column(String(20), nullable=False, index=True)
    """Order of the card that this one takes the place of."""
    pick_up = Column(String(8), nullable=False)
    """First day on which the card is handed out; empty: as soon as it is there."""
    fee = Column(Integer, nullable=False)
    """Fen."""
    reason = Column(Text, nullable=False)
    """Why there will be no card."""


class CounterColumns(TypedColumns):
    """The last number of each kind that was given."""

    name = Column(String(24), primary_key=True)
    last = Column(Integer, nullable=False)


class NoticeColumns(TypedColumns):
    """Clearing notices (清户通知书)."""

    number = Column(String(20), primary_key=True)
    order = Column(String(20), nullable=False, unique=True)
    time = Column(String(19), nullable=False)


class TransferColumns(TypedColumns):
    """Lists of collected cards that the bank has sent here to be destroyed."""

    order = Column(String(20), primary_key=True)
    list = Column(String(20), nullable=False, index=True)
    received = Column(String(19), nullable=False)
    """Empty until the card is counted in."""


class TemporaryColumns(TypedColumns):
    """Temporary identifications (临时凭证) for the time without a card."""

    number = Column(String(20), primary_key=True)
    order = Column(String(20), nullable=False)
    """Of the card that is on its way."""
    person = Column(String(18), nullable=False)
    until = Column(String(8), nullable=False)


class ComplaintColumns(TypedColumns):
    """Complaints (投诉)."""

    number = Column(String(20), primary_key=True)
    order = Column(String(20), nullable=False, index=True)
    opened = Column(String(19), nullable=False)
    text = Column(Text, nullable=False)
    closed = Column(String(19), nullable=False)
    answer = Column(Text, nullable=False)


_NAME: Final = "management_department"
ORDERS: Final = Table(f"{_NAME}_order", METADATA, OrderColumns)
COUNTERS: Final = Table(f"{_NAME}_counter", METADATA, CounterColumns)
NOTICES: Final = Table(f"{_NAME}_notice", METADATA, NoticeColumns)
TRANSFERS: Final = Table(f"{_NAME}_transfer", METADATA, TransferColumns)
TEMPORARIES: Final = Table(f"{_NAME}_temporary", METADATA, TemporaryColumns)
COMPLAINTS: Final = Table(f"{_NAME}_complaint", METADATA, ComplaintColumns)
