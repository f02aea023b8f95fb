"""What must live here: what an application must have, and what must fit together, before it is issued.

One row for each check, in the order in which they win: first what is missing, then what cannot work in any transaction.
Whatever might work, or is a matter between issuer and terminal, is accepted (docs/choices.md). Some checks last: a
record that an issuer script writes afterwards must pass them too. EMV Book 3 §7.5 and §10, PBOC parts 5, 10 and 13.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from cardsim.cos.files import FileSystem, FileType
from cardsim.cos.table import Fault
from cardsim.crypto.rsa import RsaPrivateKey
from cardsim.iso7816 import status, tlv
from cardsim.pse.application import (
    AC_TAGS,
    AIP_CDA,
    AIP_DDA,
    AIP_SDA,
    DGI_CARD,
    DGI_FCI,
    DGI_GPO_CASH,
    DGI_GPO_DEBIT,
    DGI_IAD,
    DGI_PIN,
    DGI_RISK,
    PIN_LIMIT_AT,
    Application,
    decimal,
    proprietary,
)
from cardsim.pse.contents import GROUPINGS, RECORD
from cardsim.pse.objects import DATA_OBJECTS
from cardsim.pse.rsakey import DGI_RSA, DGI_RSA_EXPONENT, load_rsa_key

_AC_LENGTHS: Final = dict(zip(AC_TAGS, (6, 6, 2, 5, 2, 3, 1, 4), strict=True))
"""Lengths in which the terminal's data enter the cryptogram (fact sheet §1.9)."""
_MANDATORY: Final = (0x5A, 0x5F24, 0x8C, 0x8D)
_LOG_FORMAT: Final = 0x9F4F
_CASH: Final = (0x9F51, 0x9F77, 0x9F78, 0x9F79)
_CASH_PDOL: Final = {0x9F7A: 1, 0x9F02: 6, 0x5F2A: 2}
_SFIS: Final = range(1, 31)
_LONGEST: Final = 255
"""Bytes that a command carries."""
_GPO_HEAD: Final = 2
"""83 and the length, in the data of GPO."""
_IAD_HEAD: Final = 8
_ALGORITHM_TDES: Final = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an AFL: SFI, first and last record, how many of them are authenticated offline."""

    sfi: int
    first: int
    last: int
    signed: int


@dataclass(frozen=True, slots=True)
class Route:
    """One answer to GET PROCESSING OPTIONS: AIP, AFL, and the records that a terminal reads."""

    aip: bytes
    afl: bytes
    records: Sequence[bytes | None]

    @property
    def promises(self) -> int:
        """The AIP as a number."""
        return int.from_bytes(self.aip, "big")

    @property
    def signs(self) -> bool:
        """Whether the card is to sign by itself."""
        return bool(self.promises & (AIP_DDA | AIP_CDA))

    @property
    def tags(self) -> list[int]:
        """Tags of all primitive data objects."""
        items = (item for record in self.records for item in tlv.walk(record or b""))
        return [item.tag for item in items if not item.constructed]

    def has(self, *tags: int) -> bool:
        """Whether a terminal reads all of them."""
        return set(tags) <= set(self.tags)


def entries(afl: bytes) -> Iterator[Entry]:
    """The entries of an AFL."""
    for at in range(0, len(afl) - 3, 4):
        yield Entry(afl[at] >> 3, *afl[at + 1 : at + 4])


class Candidate:
    """An application that is to be issued, as the running command sees it; or one whose records are to be replaced."""

    def __init__(
        self, application: Application, files: FileSystem, replaced: Mapping[int, bytes] = MappingProxyType({})
    ) -> None:
        self.application = application
        self.files = files
        self._replaced = replaced

    @cached_property
    def debit(self) -> Route:
        """The debit path."""
        return self._route(DGI_GPO_DEBIT) or Route(b"", b"", ())

    @cached_property
    def cash(self) -> Route | None:
        """The path of electronic cash, if there is one."""
        return self._route(DGI_GPO_CASH)

    @property
    def routes(self) -> list[Route]:
        """All paths."""
        return [self.debit] if self.cash is None else [self.debit, self.cash]

    @cached_property
    def card_items(self) -> list[tlv.Tlv]:
        """Data objects of 0D01 and 0E01, each as often as it stands there."""
        parts = (self.application.object(DGI_RISK), self.application.object(DGI_CARD))
        return [item for part in parts for item in tlv.walk(part or b"")]

    @cached_property
    def card(self) -> dict[int, bytes]:
        """The same by tag."""
        return {item.tag: item.value for item in self.card_items}

    @cached_property
    def fci(self) -> bytes:
        """Template A5 of the FCI."""
        return proprietary(self.application.object(DGI_FCI) or b"")

    @cached_property
    def key(self) -> RsaPrivateKey | None:
        """The card's RSA key, if its parts fit together."""
        return load_rsa_key(self.application.object)

    @property
    def iad(self) -> bytes:
        """Issuer application data."""
        return tlv.find(self.application.object(DGI_IAD) or b"", 0x9F10) or b""

    def everywhere(self, tag: int) -> set[bytes]:
        """Values of a tag in all records."""
        records = self.application.records(self._replaced)
        return {item.value for record in records for item in tlv.walk(record) if item.tag == tag}

    def lists(self, tag: int) -> list[dict[int, int]]:
        """Data object lists in the records, as lengths by tag."""
        return [dict(tlv.parse_dol(value)) for value in self.everywhere(tag)]

    def pdol(self) -> dict[int, int]:
        """The PDOL, as lengths by tag."""
        return dict(tlv.parse_dol(tlv.find(self.fci, 0xA5, 0x9F38) or b""))

    def _route(self, dgi: int) -> Route | None:
        content = self.application.object(dgi)
        if content is None:
            return None
        afl = tlv.find(content, 0x94) or b""
        names = [entry.sfi << 8 | n for entry in entries(afl) for n in range(entry.first, entry.last + 1)]
        records = [self._replaced.get(name) or self.application.object(name) for name in names]
        return Route(tlv.find(content, 0x82) or b"", afl, records)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: the word and cause of its failure, and what must hold."""

    fault: Fault
    holds: Callable[[Candidate], bool]
    lasts: bool = False
    """Whether UPDATE RECORD must not break it: the card itself works with what it looks at. The rest is between issuer
    and terminal: a record may differ from another one, or from what was signed (PBOC-UPR-005)."""


# --- what must be there ----------------------------------------------------------------------------------------------


def _has_groupings(candidate: Candidate) -> bool:
    mandatory = (dgi for row in GROUPINGS if row.mandatory for dgi in row.dgis)
    return all(candidate.application.object(dgi) is not None for dgi in mandatory)


def _has_objects(candidate: Candidate) -> bool:
    return all(candidate.everywhere(tag) for tag in _MANDATORY)


# --- records and paths -----------------------------------------------------------------------------------------------


def _whole_answers(candidate: Candidate) -> bool:
    return all(len(route.aip) == 2 and route.afl and not len(route.afl) % 4 for route in candidate.routes)


def _right_entries(candidate: Candidate) -> bool:
    return all(
        entry.sfi in _SFIS and 1 <= entry.first <= entry.last and entry.signed <= entry.last - entry.first + 1
        for route in candidate.routes
        for entry in entries(route.afl)
    )


def _readable(candidate: Candidate) -> bool:
    return all(None not in route.records for route in candidate.routes)


def _once(candidate: Candidate) -> bool:
    return all(len(route.tags) == len(set(route.tags)) for route in candidate.routes)


def _reached(candidate: Candidate) -> bool:
    return all(route.has(*_MANDATORY) for route in candidate.routes)


# --- holder and lists ------------------------------------------------------------------------------------------------


def _track2(value: bytes) -> tuple[str, str]:
    """PAN and expiry (YYMM) of tag 57."""
    pan, _, rest = value.hex().upper().partition("D")
    return pan, rest[:4]


def _one_pan(candidate: Candidate) -> bool:
    pans = {value.hex().upper().rstrip("F") for value in candidate.everywhere(0x5A)}
    pans |= {_track2(value)[0] for value in candidate.everywhere(0x57)}
    return len(pans) == 1 and all(pan.isdecimal() for pan in pans)


def _one_expiry(candidate: Candidate) -> bool:
    dates = candidate.everywhere(0x5F24)
    months = {value[:2].hex() for value in dates} | {_track2(value)[1] for value in candidate.everywhere(0x57)}
    return len(months) == 1 and all(len(value) == 3 for value in dates)


def _identity_document(candidate: Candidate) -> bool:
    return all(route.has(0x9F61) == route.has(0x9F62) for route in candidate.routes)


def _lists_readable(candidate: Candidate) -> bool:
    for tag in (0x8C, 0x8D, 0x9F49):
        candidate.lists(tag)
    tlv.parse_dol(candidate.card.get(_LOG_FORMAT, b""))
    candidate.pdol()
    return True


def _lists_fit(candidate: Candidate) -> bool:
    asked = [value for tag in (0x8C, 0x8D, 0x9F49) for value in candidate.everywhere(tag)]
    told = tlv.find(candidate.fci, 0xA5, 0x9F38) or b""
    return all(_asked(each) <= _LONGEST for each in asked) and _asked(told) <= _LONGEST - _GPO_HEAD


def _asked(data_object_list: bytes) -> int:
    """Bytes that a data object list asks for."""
    return sum(length for _, length in tlv.parse_dol(data_object_list))


def _cryptogram_data(tag: int) -> Callable[[Candidate], bool]:
    more = {0x8A: 2} if tag == 0x8D else {}
    return lambda candidate: all(
        found.get(wanted) == length
        for found in candidate.lists(tag)
        for wanted, length in {**_AC_LENGTHS, **more}.items()
    )


def _issuer_application_data(candidate: Candidate) -> bool:
    iad = candidate.iad
    if len(iad) < _IAD_HEAD or iad[0] != _IAD_HEAD - 1 or iad[_IAD_HEAD - 1] != _ALGORITHM_TDES:
        return False
    return len(iad) == _IAD_HEAD or len(iad) > _IAD_HEAD + 1


# --- offline data authentication -------------------------------------------------------------------------------------


def _issuer_key(candidate: Candidate) -> bool:
    return all(
        route.has(0x8F, 0x90, 0x9F32) or not (route.promises & AIP_SDA or route.signs) for route in candidate.routes
    )


def _static_signature(candidate: Candidate) -> bool:
    return all(route.has(0x93) or not route.promises & AIP_SDA for route in candidate.routes)


def _static_tags(candidate: Candidate) -> bool:
    return candidate.everywhere(0x9F4A) <= {b"\x82"}


def _whole_key(candidate: Candidate) -> bool:
    parts = (candidate.application.object(dgi) for dgi in (*DGI_RSA, *DGI_RSA_EXPONENT))
    return candidate.key is not None or all(part is None for part in parts)


def _can_sign(candidate: Candidate) -> bool:
    return all(
        not route.signs or (route.has(0x9F46, 0x9F47) and candidate.key is not None) for route in candidate.routes
    )


# --- card data -------------------------------------------------------------------------------------------------------


def _one_value(candidate: Candidate) -> bool:
    return len({(item.tag, item.value) for item in candidate.card_items}) == len(candidate.card)


def _lengths(candidate: Candidate) -> bool:
    card = candidate.card
    return all(len(card[each.tag]) == each.length for each in DATA_OBJECTS if each.length and each.tag in card)


def _decimal(candidate: Candidate) -> bool:
    return all(decimal(candidate.card.get(each.tag, b"")) is not None for each in DATA_OBJECTS if each.bcd)


def _cash_data(candidate: Candidate) -> bool:
    return candidate.cash is None or all(tag in candidate.card for tag in _CASH)


def _cash_pdol(candidate: Candidate) -> bool:
    pdol = candidate.pdol()
    return candidate.cash is None or all(pdol.get(tag) == length for tag, length in _CASH_PDOL.items())


def _cash_code(candidate: Candidate) -> bool:
    return not candidate.debit.has(0x9F74) and (candidate.cash is None or candidate.cash.has(0x9F74))


def _within_limit(candidate: Candidate) -> bool:
    limit, balance = (decimal(candidate.card.get(tag, b"")) or 0 for tag in (0x9F77, 0x9F79))
    return 0x9F77 not in candidate.card or balance <= limit


def _pin_and_counter(candidate: Candidate) -> bool:
    return (candidate.application.object(DGI_PIN) is not None) == bool(candidate.application.counters()[PIN_LIMIT_AT])


def _log_announced(candidate: Candidate) -> bool:
    announced = tlv.find(candidate.fci, 0xA5, 0xBF0C, 0x9F4D)
    if announced is None:
        return True
    df = candidate.application.df.index
    log = candidate.files.index.by_sfi.get(df << 8 | announced[0]) if len(announced) == 2 else None
    return log is not None and log.type is FileType.CYCLIC


def _log_length(candidate: Candidate) -> bool:
    form = candidate.card.get(_LOG_FORMAT)
    length = sum(length for _, length in tlv.parse_dol(form or b""))
    logs = [
        file
        for file in candidate.files.index.files
        if file.parent == candidate.application.df.index and file.type is FileType.CYCLIC
    ]
    return form is None or all(log.record_length == length for log in logs)


def _missing(cause: str, holds: Callable[[Candidate], bool], *, lasts: bool = False) -> Check:
    return Check(Fault(status.CONDITIONS_NOT_SATISFIED, cause), holds, lasts)


def _unfit(cause: str, holds: Callable[[Candidate], bool], *, lasts: bool = False) -> Check:
    return Check(Fault(status.WRONG_DATA, cause), holds, lasts)


CHECKS: Final = (
    _missing("a mandatory data grouping is missing: 9102, 9104, 9200, 8000 or 9000", _has_groupings),
    _missing("no record has PAN (5A), expiry (5F24), CDOL1 (8C) or CDOL2 (8D)", _has_objects, lasts=True),
    _unfit("an answer to GPO has no AIP of two bytes, or an AFL that is empty or no whole entries", _whole_answers),
    _unfit("an entry of an AFL has an SFI above 30 or of 0, an impossible range, or more records for offline data "
           "authentication than it lists", _right_entries),
    _unfit("an AFL names a record that does not exist", _readable),
    _unfit("a data object stands twice in the records of one path", _once),
    _unfit("5A, 5F24, 8C or 8D is in no record of a path", _reached, lasts=True),
    _unfit("the PANs of 5A and track 2 (57) differ, or are no digits", _one_pan),
    _unfit("the expiry dates of 5F24 and track 2 (57) differ, or are no dates", _one_expiry),
    _unfit("number (9F61) and type (9F62) of the identity document are not both there", _identity_document),
    _unfit("a data object list cannot be read", _lists_readable, lasts=True),
    _unfit("a data object list asks for more than a command carries", _lists_fit, lasts=True),
    _unfit("CDOL1 does not ask for what the cryptogram is made of", _cryptogram_data(0x8C), lasts=True),
    _unfit("CDOL2 does not ask for what the cryptogram is made of, or not for 8A", _cryptogram_data(0x8D), lasts=True),
    _unfit("issuer application data are not 07, key index, version, CVR, algorithm 01, perhaps with issuer "
           "discretionary data", _issuer_application_data),
    _unfit("offline data authentication without 8F, 90 or 9F32 in the records", _issuer_key),
    _unfit("SDA in an AIP without signed static data (93) in its records", _static_signature),
    _unfit("9F4A names something else than the AIP", _static_tags),
    _unfit("the parts of the RSA key are not all there, or do not fit together", _whole_key),
    _unfit("DDA or CDA in an AIP without a certificate (9F46, 9F47) or without an RSA key", _can_sign),
    _unfit("a data object has two values in 0D01 and 0E01", _one_value),
    _unfit("a data object of 0D01 or 0E01 has the wrong length", _lengths),
    _unfit("an amount is no decimal number", _decimal),
    _unfit("a path of electronic cash without 9F51, 9F77, 9F78 or 9F79", _cash_data),
    _unfit("a path of electronic cash without 9F7A, 9F02 and 5F2A in the PDOL", _cash_pdol),
    _unfit("9F74 is in the debit path, or not in the path of electronic cash", _cash_code),
    _unfit("the balance (9F79) is above its limit (9F77)", _within_limit),
    _unfit("PIN (8010) without its try limit (9010), or the other way round", _pin_and_counter),
    _unfit("the FCI announces a log (9F4D) that does not exist", _log_announced),
    _unfit("the log format (9F4F) is not as long as a record of the log file", _log_length),
)  # fmt: skip


def refusal(candidate: Candidate) -> Fault | None:
    """The first check that fails, or None: the application can be issued. Data that are no TLV fail the check that
    reads them."""
    return next((check.fault for check in CHECKS if not _passes(check, candidate)), None)


def accepts_record(application: Application, files: FileSystem, fid: int, content: bytes) -> bool:
    """Whether a record of an issued application may be replaced: the new one is one template 70, and what the card
    itself works with is still there and whole (`Check.lasts`)."""
    candidate = Candidate(application, files, {fid: content})
    return RECORD.fits(content) and all(_passes(check, candidate) for check in CHECKS if check.lasts)


def _passes(check: Check, candidate: Candidate) -> bool:
    try:
        return check.holds(candidate)
    except tlv.TlvError:
        return False
