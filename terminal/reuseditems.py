"""Items of 1.0 cards with a new meaning (V2 annex C): how they are told apart, read, and written."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from cardsim.resources import resource
from terminal.filetable import Address
from terminal.tables import read_tables

FILLER: Final = b"\xee"
OLD_VERSION: Final = "1.0"


@cache
def _rows() -> Mapping[tuple[Address, int], int]:
    """Address and tag to the tag by which the meaning is judged."""
    table = read_tables(resource("terminals", "reused-items.toml"))
    return {
        (Address.parse(row["file"]), int(row["tag"], 16)): int(row.get("judged_by", row["tag"]), 16)
        for row in table["item"]
    }


def judged_by(version: str, address: Address, tag: int) -> int | None:
    """The tag whose value tells the meaning of an item, or None where the item has one meaning alone."""
    return _rows().get((address, tag)) if version == OLD_VERSION else None


def has_new_meaning(judging: bytes) -> bool:
    """Whether a judging value says that the new meaning is in force (TRM-185)."""
    return judging.endswith(FILLER)


def without_filler(value: bytes) -> bytes:
    """A value of the new meaning without its filler."""
    return value.rstrip(FILLER)


def with_filler(value: bytes, old_length: int) -> bytes:
    """A value of the new meaning as an old card takes it: filled with EE on the right (TRM-186).

    Raises:
        ValueError: it is longer than the old item.
    """
    if len(value) > old_length:
        raise ValueError(f"the item has {old_length} bytes on this card, the value {len(value)}")
    return value.ljust(old_length, FILLER)
