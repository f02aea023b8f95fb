"""Messages as plain data: for transcripts, and for the line between terminal and social-security host."""

import enum
import re
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any


def plain(value: object) -> Any:
    """A value as JSON has it: bytes in hex, times in ISO 8601, enums by value, dataclasses as objects."""
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if is_dataclass(value):
        return plain_fields(value)
    return value


def plain_fields(value: object) -> dict[str, Any]:
    """The fields of a message by name."""
    assert is_dataclass(value)
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}


def words_of(message: object) -> str:
    """The class of a message in words: `CloseSettlement` is "close settlement"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(message).__name__).lower()
