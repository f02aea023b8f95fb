"""The tables of transfer in a party's books: files sent and received, and who asked for them."""

import enum
from typing import Final

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, String, Table, Text, TypedColumns

METADATA: Final = MetaData()


class Carrier(enum.Enum):
    """How a file came (000 §3.1.3)."""

    LINE = "line"
    """专线."""
    DISC = "disc"
    """数据光盘, the fallback."""


class Mark(enum.Enum):
    """What became of a file."""

    PREPARED = "prepared"
    """Registered by its sender and perhaps not on the line yet: where a process ended there, it is sent again."""
    QUEUED = "queued"
    """Sent, while nobody has answered."""
    RECEIVED = "received"
    """Registered, opened, count and content as the sender says."""
    DUPLICATE = "duplicate"
    """Received once more, and not processed."""
    REFUSED = "refused"
    """Not sealed, of another sender, or its count or content differs."""


class SentColumns(TypedColumns):
    """Files that were sent. Times are ISO 8601."""

    receiver = Column(String(16), primary_key=True)
    name = Column(String(100), primary_key=True)
    kind = Column(String(16), nullable=False)
    sha256 = Column(String(64), nullable=False)
    count = Column(Integer, nullable=False)
    sent = Column(String(32), nullable=False)
    person = Column(String(64), nullable=False)
    mark = Column(String(16), nullable=False)
    reason = Column(Text, nullable=False, default="")
    answered = Column(String(32), nullable=False, default="")


class ReceivedColumns(TypedColumns):
    """Files that were received; what could not be opened has neither kind nor content."""

    id = Column(Integer, primary_key=True)
    stored = Column(String(160), nullable=False, unique=True)
    """Where it rests, still sealed: SENDER/NUMBER-NAME.p7m."""
    sender = Column(String(16), nullable=False)
    name = Column(String(100), nullable=False)
    kind = Column(String(16), nullable=False, default="")
    carrier = Column(String(8), nullable=False)
    approved = Column(String(64), nullable=False, default="")
    """Who allowed the disc."""
    sha256 = Column(String(64), nullable=False, default="")
    count = Column(Integer, nullable=False, default=0)
    made = Column(String(32), nullable=False, default="")
    received = Column(String(32), nullable=False)
    person = Column(String(64), nullable=False)
    mark = Column(String(16), nullable=False)
    reason = Column(Text, nullable=False, default="")
    acknowledged = Column(Boolean, nullable=False, default=False)
    processed = Column(String(32), nullable=False, default="")


class AccessColumns(TypedColumns):
    """Who opened files, and who wanted to (PERSO-065, PERSO-066)."""

    id = Column(Integer, primary_key=True)
    time = Column(String(32), nullable=False)
    person = Column(String(64), nullable=False)
    what = Column(String(200), nullable=False)
    allowed = Column(Boolean, nullable=False)


SENT: Final = Table("transfer_sent", METADATA, SentColumns)
RECEIVED: Final = Table("transfer_received", METADATA, ReceivedColumns)
ACCESS: Final = Table("transfer_access", METADATA, AccessColumns)
Index("transfer_received_name", RECEIVED.c.sender, RECEIVED.c.name)
