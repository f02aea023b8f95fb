"""Tables of key management in the books of each party. No column holds a key in clear."""

from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, TypedColumns

METADATA: Final = MetaData()


class RegisterColumns(TypedColumns):
    """Who asked for what with which key, and whether it was done. Times are ISO 8601."""

    id = Column(Integer, primary_key=True)
    at = Column(String(32), nullable=False)
    officer = Column(String(64), nullable=False)
    role = Column(String(16), nullable=False)
    place = Column(String(32), nullable=False)
    action = Column(String(16), nullable=False)
    key = Column(String(64), nullable=False)
    """Name and version; empty for what concerns the whole store."""
    purpose = Column(String(200), nullable=False)
    granted = Column(Integer, nullable=False)
    """1 where it was done."""
    reason = Column(String(200), nullable=False)
    """Why it was refused."""


class MinuteColumns(TypedColumns):
    """Minutes (密钥分量使用记录) of each access to a component (PERSO-120)."""

    id = Column(Integer, primary_key=True)
    place = Column(String(32), nullable=False, index=True)
    ceremony = Column(String(32), nullable=False)
    key = Column(String(64), nullable=False, index=True)
    component = Column(Integer, nullable=False)
    custodian = Column(String(64), nullable=False)
    time_in = Column(String(32), nullable=False)
    time_out = Column(String(32), nullable=False)
    purpose = Column(String(200), nullable=False)
    signatures = Column(String(200), nullable=False)
    """Names of those who signed, in the order in which they did."""
    outcome = Column(String(200), nullable=False)


class TrafficColumns(TypedColumns):
    """Key blocks that left a store: enciphered, and purged at set times nevertheless (PERSO-125)."""

    id = Column(Integer, primary_key=True)
    at = Column(String(32), nullable=False, index=True)
    place = Column(String(32), nullable=False)
    peer = Column(String(32), nullable=False)
    key = Column(String(64), nullable=False)
    purpose = Column(String(200), nullable=False)
    block = Column(Text, nullable=False)


class RunColumns(TypedColumns):
    """Channels of runs (PERSO-154, SCHEME-212)."""

    id = Column(Integer, primary_key=True)
    batch = Column(String(128), nullable=False, index=True)
    place = Column(String(32), nullable=False)
    opened = Column(String(32), nullable=False)
    by = Column(String(64), nullable=False)
    closed = Column(String(32), nullable=False)
    """Empty while it is open."""
    ended = Column(String(64), nullable=False)
    """How it was closed."""


class IncidentColumns(TypedColumns):
    """Losses of keys in an HSM, step by step (PERSO-126)."""

    id = Column(Integer, primary_key=True)
    incident = Column(Integer, nullable=False, index=True)
    """The number of the loss: that of its first step."""
    at = Column(String(32), nullable=False)
    officer = Column(String(64), nullable=False)
    place = Column(String(32), nullable=False)
    key = Column(String(64), nullable=False)
    step = Column(String(16), nullable=False)
    text = Column(String(200), nullable=False)


REGISTER: Final = Table("keys_register", METADATA, RegisterColumns)
MINUTES: Final = Table("keys_minutes", METADATA, MinuteColumns)
TRAFFIC: Final = Table("keys_traffic", METADATA, TrafficColumns)
RUNS: Final = Table("keys_runs", METADATA, RunColumns)
INCIDENTS: Final = Table("keys_incidents", METADATA, IncidentColumns)
