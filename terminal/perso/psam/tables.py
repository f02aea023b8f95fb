"""The tables of PSAMs in the department's books. No key stands in them."""

from typing import Final

from sqlalchemy import Column, ForeignKeyConstraint, Integer, MetaData, String, Table, TypedColumns

METADATA: Final = MetaData()
NAME_LENGTH: Final = 64
NOTE_LENGTH: Final = 128


class PsamColumns(TypedColumns):
    """A PSAM, from the order on. Rows stay, so that no number is given twice."""

    terminal = Column(String(12), primary_key=True)
    """Terminal number (终端机编号): area code of the issuing city and six digits of its own."""
    serial = Column(Integer, nullable=False, unique=True)
    """Serial number of the chip, 4 bytes."""
    historical = Column(String(30), nullable=False)
    """Historical bytes of the ATR, in hex."""
    area = Column(String(6), nullable=False)
    profile = Column(String(128), nullable=False)
    generation = Column(Integer, nullable=False)
    """Of the authentication keys, as EF001A to 001C state it."""
    state = Column(String(16), nullable=False)
    since = Column(String(19), nullable=False)
    """When it came into that state."""
    holder = Column(String(NAME_LENGTH), nullable=False)
    """The person it is registered to; empty while nobody has it."""
    unit = Column(String(NAME_LENGTH), nullable=False)
    device = Column(String(NAME_LENGTH), nullable=False)


class PsamTurnColumns(TypedColumns):
    """Who made a level, and when; a turn without an end was interrupted, or is being taken."""

    terminal = Column(String(12), primary_key=True)
    party = Column(String(16), primary_key=True)
    person = Column(String(NAME_LENGTH), nullable=False)
    begun = Column(String(19), nullable=False)
    ended: Column[str | None] = Column(String(19), nullable=True)


class PsamChangeColumns(TypedColumns):
    """The log: each change of a PSAM, by whom."""

    id = Column(Integer, primary_key=True)
    terminal = Column(String(12), nullable=False, index=True)
    change = Column(String(16), nullable=False)
    person = Column(String(NAME_LENGTH), nullable=False)
    time = Column(String(19), nullable=False)
    note = Column(String(NOTE_LENGTH), nullable=False)


PSAMS: Final = Table("psam_card", METADATA, PsamColumns)
TURNS: Final = Table("psam_turn", METADATA, PsamTurnColumns, ForeignKeyConstraint(["terminal"], ["psam_card.terminal"]))
CHANGES: Final = Table(
    "psam_change", METADATA, PsamChangeColumns, ForeignKeyConstraint(["terminal"], ["psam_card.terminal"])
)
