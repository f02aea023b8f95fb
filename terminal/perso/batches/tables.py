"""The tables of the bank's card platform for batches. They stand in the bank's books, beside those of its host."""

import enum
from typing import Final

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypedColumns,
)

METADATA: Final = MetaData()


class Step(enum.Enum):
    """Steps of a batch, in their order (000 §3.2.6); the log has a line for each part of a batch that one did."""

    RECEIVE = "receive"
    SPLIT = "split"
    CHECK = "check"
    OPEN = "open"
    MATCH = "match"
    PACK = "pack"
    RETURN = "return"


class RecordState(enum.Enum):
    """How far a record has come."""

    RECEIVED = "received"
    ASSIGNED = "assigned"
    """To an outlet."""
    PASSED = "passed"
    """The check of the customer."""
    OPENED = "opened"
    """Account and card number are there."""
    MATCHED = "matched"
    """Both sides agree."""
    PACKED = "packed"
    """In a package for the maker: a card is asked for."""
    REJECTED = "rejected"


class BatchColumns(TypedColumns):
    """Batches as they were received; nothing here changes but the time of return."""

    name = Column(String(64), primary_key=True)
    digest = Column(String(64), nullable=False)
    """SHA-256 of the content, hex: tells a batch that came again from another one of the same name."""
    applied = Column(String(8), nullable=False)
    city = Column(String(6), nullable=False)
    county = Column(String(6), nullable=False)
    received = Column(String(32), nullable=False)
    """ISO 8601."""
    count = Column(Integer, nullable=False)
    orders = Column(Text, nullable=False)
    """Numbers of the orders in the order of the file, JSON: against them the records are audited."""
    returned = Column(String(32), nullable=False)
    """When the card-making list went back; empty before."""


class RecordColumns(TypedColumns):
    """Records of batches: one row for each that was received, whatever becomes of it."""

    batch = Column(String(64), primary_key=True)
    place = Column(Integer, primary_key=True)
    """In the file, from 0."""
    order = Column(String(32), nullable=False)
    kind = Column(String(16), nullable=False)
    person = Column(String(32), nullable=False)
    name = Column(String(64), nullable=False)
    sex = Column(String(1), nullable=False)
    city = Column(String(6), nullable=False)
    county = Column(String(6), nullable=False)
    state = Column(String(16), nullable=False)
    outlet = Column(String(16), nullable=False)
    checked = Column(String(24), nullable=False)
    """The answer of the ID check; empty before."""
    pan = Column(String(19), nullable=False)
    psn = Column(String(2), nullable=False)
    account = Column(String(32), nullable=False)
    issued = Column(String(8), nullable=False)
    expires = Column(String(8), nullable=False)
    reason = Column(String(48), nullable=False)
    """Of `RejectReason`; empty where the record was not rejected."""
    detail = Column(String(256), nullable=False)
    """What the department is told beside the reason."""
    inside = Column(String(256), nullable=False)
    """What it is not told."""


class ContentColumns(TypedColumns):
    """The department's data of a record, until they are deleted (PERSO-127)."""

    batch = Column(String(64), primary_key=True)
    place = Column(Integer, primary_key=True)
    social = Column(Text, nullable=False)
    """JSON of a `SocialRecord`."""


class PackageColumns(TypedColumns):
    """Packages for the maker."""

    batch = Column(String(64), primary_key=True)
    number = Column(Integer, primary_key=True)
    """From 1."""
    made = Column(String(32), nullable=False)
    count = Column(Integer, nullable=False)
    total = Column(String(19), nullable=False)
    """Hash total of the card numbers."""


class PackedColumns(TypedColumns):
    """Which record is in which package: each in one."""

    batch = Column(String(64), primary_key=True)
    place = Column(Integer, primary_key=True)
    package = Column(Integer, nullable=False)
    order = Column(String(32), nullable=False, unique=True)
    """A card is asked for once, whatever batch its order stands in."""


class LogColumns(TypedColumns):
    """The log of the steps (SCHEME-208)."""

    id = Column(Integer, primary_key=True)
    at = Column(String(32), nullable=False)
    batch = Column(String(64), nullable=False)
    step = Column(String(16), nullable=False)
    done = Column(Integer, nullable=False)
    rejected = Column(Integer, nullable=False)
    text = Column(String(256), nullable=False)


BATCHES: Final = Table("batches_batch", METADATA, BatchColumns)
RECORDS: Final = Table(
    "batches_record",
    METADATA,
    RecordColumns,
    ForeignKeyConstraint(["batch"], ["batches_batch.name"]),
    Index("batches_record_state", "batch", "state", "outlet", "place"),
    Index("batches_record_order", "order"),
    Index("batches_record_person", "person"),
)
CONTENT: Final = Table(
    "batches_content",
    METADATA,
    ContentColumns,
    ForeignKeyConstraint(["batch", "place"], ["batches_record.batch", "batches_record.place"]),
)
PACKAGES: Final = Table("batches_package", METADATA, PackageColumns)
PACKED: Final = Table(
    "batches_packed",
    METADATA,
    PackedColumns,
    ForeignKeyConstraint(["batch", "place"], ["batches_record.batch", "batches_record.place"]),
    ForeignKeyConstraint(["batch", "package"], ["batches_package.batch", "batches_package.number"]),
)
LOG: Final = Table("batches_log", METADATA, LogColumns, Index("batches_log_batch", "batch"))
