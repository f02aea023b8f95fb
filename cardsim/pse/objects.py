"""What must live here: the card's own data objects (DGI 0D01 and 0E01), and what GET DATA and PUT DATA may do with them
(PBOC parts 5 and 13, fact sheet §1.6)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DataObject:
    """One data object of the card.

    Args:
        tag: its tag.
        length: bytes; 0 where the content decides.
        name: what it is.
        writable: PUT DATA of an issuer script writes it, on a card that has it.
        bcd: all its digits are decimal; amounts are in fen.
    """

    tag: int
    length: int
    name: str
    writable: bool = False
    bcd: bool = False


DATA_OBJECTS: Final = (
    DataObject(0x9F13, 2, "last online ATC register"),
    DataObject(0x9F17, 1, "PIN try counter"),
    DataObject(0x9F36, 2, "application transaction counter"),
    DataObject(0x9F4F, 0, "log format"),
    DataObject(0x9F51, 2, "application currency code"),
    DataObject(0x9F52, 2, "application default action"),
    DataObject(0x9F53, 1, "consecutive offline limit, foreign currency", writable=True),
    DataObject(0x9F54, 6, "cumulative total transaction amount limit", writable=True, bcd=True),
    DataObject(0x9F56, 1, "issuer authentication indicator"),
    DataObject(0x9F57, 2, "issuer country code"),
    DataObject(0x9F58, 1, "lower consecutive offline limit", writable=True),
    DataObject(0x9F59, 1, "upper consecutive offline limit", writable=True),
    DataObject(0x9F5C, 6, "cumulative total transaction amount upper limit", writable=True, bcd=True),
    DataObject(0x9F6D, 6, "electronic-cash reset threshold", writable=True, bcd=True),
    DataObject(0x9F72, 1, "consecutive offline limit, foreign country", writable=True),
    DataObject(0x9F73, 4, "currency conversion factor", writable=True, bcd=True),
    DataObject(0x9F75, 6, "cumulative limit in two currencies", writable=True, bcd=True),
    DataObject(0x9F76, 2, "secondary application currency"),
    DataObject(0x9F77, 6, "electronic-cash balance limit", writable=True, bcd=True),
    DataObject(0x9F78, 6, "electronic-cash single transaction limit", writable=True, bcd=True),
    DataObject(0x9F79, 6, "electronic-cash balance", writable=True, bcd=True),
)

READABLE: Final = {each.tag: each for each in DATA_OBJECTS}
"""Tags that GET DATA gives out where the card has them; 9F17 only with an offline PIN."""

WRITABLE: Final = {each.tag: each for each in DATA_OBJECTS if each.writable}
"""Tags that PUT DATA of an issuer script takes where the card has them; 9F73 and 9F75 stand on cards of two currencies
(PBOC-PDT-001)."""
