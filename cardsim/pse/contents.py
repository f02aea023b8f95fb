"""What must live here: the data groupings (数据分组, DGI) of personalisation, one row each (PBOC part 10).

Personalisation, the check at issue, the documents, the decoder and the tests read the same rows. A DGI of SFI 1..30 and
a record number is a record of that file; 0D01 and 0E01 alone look like records and are none.
"""

import enum
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from cardsim.iso7816 import tlv
from cardsim.pse.application import (
    DGI_CARD,
    DGI_FCI,
    DGI_GPO_CASH,
    DGI_GPO_DEBIT,
    DGI_IAD,
    DGI_KCV,
    DGI_KEYS,
    DGI_PIN,
    DGI_PIN_COUNTERS,
    DGI_RISK,
)
from cardsim.pse.rsakey import DGI_RSA, DGI_RSA_EXPONENT

RECORDS: Final = range(0x0101, 0x1F00)
KEYS_SIZE: Final = 48
_ANSWER: Final = range(1, 257)
"""Lengths of what is to be answered as it stands, and of the parts of a key."""
_PROPRIETARY: Final = range(1, 236)
"""Lengths of a template A5 that leaves room for the longest name in an answer to SELECT."""


class Form(enum.Enum):
    """What the content of a data grouping is made of."""

    TLV = "data objects"
    RAW = "bytes"


class Place(enum.Flag):
    """Where a data grouping may be stored."""

    PSE = enum.auto()
    APPLICATION = enum.auto()
    BOTH = PSE | APPLICATION


class Target(enum.Enum):
    """Where a data grouping goes."""

    OBJECT = "kept as it came"
    PIN_BLOCK = "kept as a PIN block of format 2"
    COUNTERS = "limit and tries left in the page of counters"
    NOWHERE = "accepted and forgotten"


@dataclass(frozen=True, slots=True)
class Grouping:
    """One row. `lengths` are those of the content in bytes, once it is deciphered."""

    dgis: tuple[int, ...]
    name: str
    form: Form
    place: Place = Place.APPLICATION
    target: Target = Target.OBJECT
    templates: tuple[int, ...] = ()
    """Where the content is one data object: the tags that it may have."""
    lengths: Container[int] = range(1, 0x1000)
    secret: bool = False
    """Whether it comes under S-DEK alone."""
    mandatory: bool = False
    """Whether an application is not issued without it."""
    clause: str = "PBOC part 10"

    def fits(self, content: bytes) -> bool:
        """Whether a content has the form and length of the row (PBOC-PER-017, PBOC-PER-020)."""
        if not content or len(content) not in self.lengths:
            return False
        if self.form is Form.RAW:
            return True
        try:
            tags = [item.tag for item in tlv.parse(content)]
            list(tlv.walk(content))
        except tlv.TlvError:
            return False
        return not self.templates or (len(tags) == 1 and tags[0] in self.templates)


RECORD: Final = Grouping(
    (), "record: SFI and record number, template 70 included. 0D01 and 0E01 are no records", Form.TLV, Place.BOTH,
    templates=(0x70,), lengths=_ANSWER, clause="PBOC part 10, EMV Book 3 §5.3.2",
)  # fmt: skip

GROUPINGS: Final = (
    Grouping(
        (DGI_FCI,), "FCI: template A5, or 6F with it", Form.TLV, Place.BOTH, templates=(0xA5, 0x6F),
        lengths=_PROPRIETARY, mandatory=True,
    ),
    Grouping((DGI_GPO_DEBIT,), "answer to GPO, debit: 82 AIP, 94 AFL", Form.TLV, lengths=_ANSWER, mandatory=True),
    Grouping(
        (DGI_GPO_CASH,), "answer to GPO, electronic cash: 82 AIP, 94 AFL", Form.TLV, lengths=_ANSWER,
        clause="PBOC parts 10 and 13",
    ),
    Grouping(
        (DGI_IAD,), "9F10 issuer application data", Form.TLV, templates=(0x9F10,), lengths=_ANSWER, mandatory=True
    ),
    Grouping(
        (DGI_RISK,),
        "risk data, any tags: 9F58, 9F59, 9F53, 9F54, 9F5C, 9F72, 9F77, 9F78, 9F79, 9F6D, 9F4F and others",
        Form.TLV,
    ),
    Grouping((DGI_CARD,), "card data, any tags: 9F51, 9F52, 9F56, 9F57, 9F36, 9F13 and others", Form.TLV),
    Grouping(
        (DGI_KEYS,), "card keys AC, MAC, ENC (48)", Form.RAW, lengths=(KEYS_SIZE,), secret=True, mandatory=True
    ),
    Grouping((DGI_KCV,), "their check values (9)", Form.RAW, lengths=(9,), mandatory=True),
    Grouping(
        (DGI_PIN,), "offline PIN (8), a PIN block of format 2 or digits filled with F", Form.RAW, lengths=(8,),
        secret=True, target=Target.PIN_BLOCK,
    ),
    Grouping(
        (DGI_PIN_COUNTERS,), "PIN try limit and tries left (2), or 9F17 01 tries left and limit", Form.RAW,
        lengths=(2, 5), target=Target.COUNTERS,
    ),
    Grouping(
        DGI_RSA, "p, q, dP, dQ, qInv of the RSA key, with or without padding 80 00…", Form.RAW, lengths=_ANSWER,
        secret=True,
    ),
    Grouping(DGI_RSA_EXPONENT[:1], "the other form of the RSA key: modulus", Form.RAW, lengths=_ANSWER),
    Grouping(DGI_RSA_EXPONENT[1:], "private exponent", Form.RAW, lengths=_ANSWER, secret=True),
    Grouping((0x9103, 0x9206, 0x9207), "contactless data", Form.TLV, target=Target.NOWHERE),
)  # fmt: skip

_BY_DGI: Final = {dgi: row for row in GROUPINGS for dgi in row.dgis}


def grouping(dgi: int, place: Place) -> Grouping | None:
    """The row of a DGI, or None where it does not exist in this place: DGIs of SM2 and SM4 keys (8400, 9400) and of
    extended applications belong to PBOC 3.0."""
    row = _BY_DGI.get(dgi)
    if row is None and dgi in RECORDS and dgi & 0xFF:
        row = RECORD
    return row if row is not None and place in row.place else None
