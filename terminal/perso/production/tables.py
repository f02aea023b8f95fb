"""The tables of production in the personaliser's books. Times are ISO 8601 in seconds; no key and no PIN stands here.

What happened is never changed: an attempt gets its result once, the log only grows. Personal data stand in
`JobColumns.record` alone, and are deleted at the end of the batch.
"""

import enum
from typing import Final

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypedColumns,
)

METADATA: Final = MetaData()


class BatchState(enum.Enum):
    """How far a batch is, in this order."""

    RECEIVED = "received"
    PRODUCED = "produced"
    """Every job is good, waste or held back."""
    LISTED = "listed"
    """清单已交: the list has gone to the bank, and no card of the batch is made any more."""
    PACKED = "packed"
    INSPECTED = "inspected"
    """The outgoing inspection (出厂检验) has passed."""
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    """The department's place has accepted the cards."""
    CLOSED = "closed"
    """Personal data are deleted."""


class JobState(enum.Enum):
    """What becomes of the card of an order."""

    WAITING = "waiting"
    STARTED = "started"
    """A body is meant for it, and commands may have gone to that body."""
    GOOD = "good"
    WASTE = "waste"
    HELD = "held"
    """Data are missing, so that no body was taken (PERSO-053)."""


class WasteState(enum.Enum):
    """Where a waste card is."""

    REGISTERED = "registered"
    SENT = "sent"
    DESTROYED = "destroyed"


class DeliveryState(enum.Enum):
    """Where the boxes of a batch are (物流配送), in this order."""

    PACKED = "packed"
    DISPATCHED = "dispatched"
    IN_TRANSIT = "in transit"
    ARRIVED = "arrived"
    ACCEPTED = "accepted"


class LogEvent(enum.Enum):
    """What the production log (制卡日志) tells."""

    RECEIVED = "received"
    DUPLICATE = "duplicate"
    HELD = "held"
    STARTED = "started"
    GOOD = "good"
    WASTE = "waste"
    REMAKE = "remake"
    RUN_OPENED = "run opened"
    RUN_CLOSED = "run closed"
    STEP = "step"
    """The batch has come to its next state."""


class BatchColumns(TypedColumns):
    """Batches, by the name that they have with all parties; where one side is written, with its name behind."""

    name = Column(String(64), primary_key=True)
    applied = Column(String(8), nullable=False)
    city = Column(String(6), nullable=False)
    county = Column(String(6), nullable=False)
    step = Column(String(8), nullable=False)
    """Which applications are written: `Step`."""
    last = Column(Integer, nullable=False)
    """1 where this is the step that finishes the card."""
    seed = Column(Integer, nullable=False)
    digest = Column(String(64), nullable=False)
    """SHA-256 of what was received."""
    requests = Column(Integer, nullable=False)
    """How many cards were asked for, duplicates among them."""
    state = Column(String(12), nullable=False)
    received = Column(String(19), nullable=False)


class JobColumns(TypedColumns):
    """Orders: one row for each, whatever is asked for again."""

    order = Column(String(64), primary_key=True)
    step = Column(String(8), primary_key=True)
    batch = Column(String(64), nullable=False)
    position = Column(Integer, nullable=False)
    unit = Column(String(64), nullable=False)
    attempt = Column(Integer, nullable=False)
    """The attempt that counts, from 1."""
    state = Column(String(8), nullable=False)
    held = Column(String(256), nullable=False)
    """Why it is held back."""
    record: Column[bytes | None] = Column(LargeBinary, nullable=True)
    """The order's record in the internal form; NULL when it is deleted."""


class DuplicateColumns(TypedColumns):
    """Requests that were not produced, for the order is known already."""

    batch = Column(String(64), primary_key=True)
    position = Column(Integer, primary_key=True)
    order = Column(String(64), nullable=False)
    first = Column(String(64), nullable=False)
    """The batch that the order came with first."""


class AttemptColumns(TypedColumns):
    """Card bodies: which one was meant for which order, before anything was sent to it; and how it ended."""

    order = Column(String(64), primary_key=True)
    step = Column(String(8), primary_key=True)
    attempt = Column(Integer, primary_key=True)
    batch = Column(String(64), nullable=False, index=True)
    run = Column(Integer, nullable=False)
    """The run that finished it, or that works on it."""
    worker = Column(Integer, nullable=False)
    body = Column(String(128), nullable=False)
    """Path of the image below `cards`, or the reader."""
    started = Column(String(19), nullable=False)
    ended = Column(String(19), nullable=False)
    result = Column(String(8), nullable=False)
    """`CardResult`; empty while it is open."""
    historical = Column(String(32), nullable=False)
    identification = Column(String(32), nullable=False)
    card_number = Column(String(9), nullable=False)
    pan = Column(String(19), nullable=False)
    failed = Column(String(64), nullable=False)
    """The step that failed."""
    reason = Column(String(256), nullable=False)
    remakes = Column(String(80), nullable=False)
    """Name of the waste card that it replaces (PERSO-150); empty: none."""


class ApplicationColumns(TypedColumns):
    """The record at the end of each application's personalisation (PERSO-129)."""

    order = Column(String(64), primary_key=True)
    attempt = Column(Integer, primary_key=True)
    application = Column(String(8), primary_key=True)
    keyset = Column(Text, nullable=False)
    """Name and version of the key set that was loaded, never a value."""
    began = Column(String(19), nullable=False)
    ended = Column(String(19), nullable=False)


class WasteColumns(TypedColumns):
    """Waste cards (废卡), named by order and attempt, so that it never depends on who was quicker."""

    name = Column(String(80), primary_key=True)
    batch = Column(String(64), nullable=False)
    order = Column(String(64), nullable=False)
    step = Column(String(8), nullable=False)
    attempt = Column(Integer, nullable=False)
    historical = Column(String(32), nullable=False)
    failed = Column(String(64), nullable=False)
    reason = Column(String(256), nullable=False)
    registered = Column(String(19), nullable=False)
    released = Column(String(64), nullable=False)
    """Who released the re-make, and who confirmed it; empty: it is not re-made."""
    month = Column(String(6), nullable=False)
    """YYYYMM of the consignment that it went with; empty: it is here."""
    state = Column(String(12), nullable=False)


class LogColumns(TypedColumns):
    """The production log."""

    number = Column(Integer, primary_key=True)
    time = Column(String(19), nullable=False)
    batch = Column(String(64), nullable=False)
    order = Column(String(64), nullable=False)
    attempt = Column(Integer, nullable=False)
    event = Column(String(12), nullable=False)
    historical = Column(String(32), nullable=False)
    text = Column(String(256), nullable=False)
    sent = Column(Integer, nullable=False)
    """1 when the bank's platform has it."""


class RunColumns(TypedColumns):
    """Runs of production: who, where, under which keys, and whether it was watched."""

    number = Column(Integer, primary_key=True)
    batch = Column(String(64), nullable=False)
    machine = Column(String(64), nullable=False)
    operator = Column(String(64), nullable=False)
    keysets = Column(Text, nullable=False)
    monitored = Column(Integer, nullable=False)
    opened = Column(String(19), nullable=False)
    closed = Column(String(19), nullable=False)
    """Empty while it is open."""
    ending = Column(String(64), nullable=False)


class FileColumns(TypedColumns):
    """Files of a batch at the personaliser: those with personal data go at its end."""

    path = Column(String(256), primary_key=True)
    batch = Column(String(64), nullable=False)
    personal = Column(Integer, nullable=False)
    removed = Column(String(19), nullable=False)


class PackedColumns(TypedColumns):
    """Which card lies in which package, and which package in which box."""

    order = Column(String(64), primary_key=True)
    batch = Column(String(64), nullable=False)
    unit = Column(String(64), nullable=False)
    package = Column(Integer, nullable=False)
    box = Column(Integer, nullable=False)


class StageColumns(TypedColumns):
    """What the batch has come through: packing, inspection, dispatch, acceptance, deletion."""

    number = Column(Integer, primary_key=True)
    batch = Column(String(64), nullable=False)
    stage = Column(String(12), nullable=False)
    time = Column(String(19), nullable=False)
    person = Column(String(64), nullable=False)
    text = Column(String(256), nullable=False)


BATCHES: Final = Table("production_batch", METADATA, BatchColumns)
JOBS: Final = Table(
    "production_job",
    METADATA,
    JobColumns,
    ForeignKeyConstraint(["batch"], ["production_batch.name"]),
    Index("production_job_batch", "batch", "position"),
)
DUPLICATES: Final = Table("production_duplicate", METADATA, DuplicateColumns)
ATTEMPTS: Final = Table(
    "production_attempt",
    METADATA,
    AttemptColumns,
    ForeignKeyConstraint(["order", "step"], ["production_job.order", "production_job.step"]),
)
APPLICATIONS: Final = Table("production_application", METADATA, ApplicationColumns)
WASTE: Final = Table("production_waste", METADATA, WasteColumns, Index("production_waste_batch", "batch"))
LOG: Final = Table(
    "production_log",
    METADATA,
    LogColumns,
    Index("production_log_batch", "batch"),
    Index("production_log_sent", "sent", "number"),
)
RUNS: Final = Table("production_run", METADATA, RunColumns, Index("production_run_batch", "batch"))
FILES: Final = Table("production_file", METADATA, FileColumns)
PACKED: Final = Table("production_packed", METADATA, PackedColumns, Index("production_packed_batch", "batch"))
STAGES: Final = Table("production_stage", METADATA, StageColumns, Index("production_stage_batch", "batch"))
