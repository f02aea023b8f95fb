"""What an application (ADF) keeps: its data groupings, and the counters that each transaction writes.

Data groupings (DGI) are objects of the file system, named by their DGI. What is parsed out of them is kept as long as
the layout token stands (D15); their pages are marked for that. Counters stand in a page of their own:

    0  ATC (2)                   8  CTTA, amount in BCD (6)
    2  last online ATC (2)      14  transactions in a foreign currency (1)
    4  PIN tries left (1)       15  transactions in a foreign country (1)
    5  PIN try limit (1)        16  electronic-cash balance in BCD (6)
    6  indicators (1)
    7  script count (1)                                  22  total in both currencies, BCD (6)
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cardsim.cos.access import PIN
from cardsim.cos.files import File, FileSystem, FileType, NewFile
from cardsim.cos.meters import Meter, MeterKind
from cardsim.crypto.rsa import RsaPrivateKey
from cardsim.iso7816 import status, tlv
from cardsim.iso7816.status import StatusError
from cardsim.pse.objects import READABLE
from cardsim.pse.rsakey import load_rsa_key

COUNTERS_FID: Final = 0xFF01
COUNTERS_SIZE: Final = 64

ATC_AT: Final = 0
LOATC_AT: Final = 2
PIN_TRIES_AT: Final = 4
PIN_LIMIT_AT: Final = 5
INDICATORS_AT: Final = 6
SCRIPTS_AT: Final = 7
CTTA_AT: Final = 8
FOREIGN_CURRENCY_AT: Final = 14
FOREIGN_COUNTRY_AT: Final = 15
BALANCE_AT: Final = 16
DUAL_TOTAL_AT: Final = 22
AMOUNT_SIZE: Final = 6

_WATCHED: Final = ((BALANCE_AT, AMOUNT_SIZE), (PIN_TRIES_AT, 1), (PIN_LIMIT_AT, 1))

DGI_FCI: Final = 0x9102
DGI_GPO_DEBIT: Final = 0x9104
DGI_GPO_CASH: Final = 0x9203
DGI_IAD: Final = 0x9200
DGI_RISK: Final = 0x0D01
DGI_CARD: Final = 0x0E01
DGI_KEYS: Final = 0x8000
DGI_KCV: Final = 0x9000
DGI_PIN: Final = 0x8010
DGI_PIN_COUNTERS: Final = 0x9010

AIP_CDA: Final = 0x0100
AIP_ISSUER_AUTHENTICATION: Final = 0x0400
AIP_DDA: Final = 0x2000
AIP_SDA: Final = 0x4000


class Indicator(enum.IntFlag):
    """Non-volatile indicators of past transactions."""

    ONLINE = 0x01
    """Online authorisation was asked for and not completed."""
    AUTHENTICATION_FAILED = 0x02
    SDA_FAILED = 0x04
    DDA_FAILED = 0x08
    SCRIPT_FAILED = 0x10


@dataclass(frozen=True, slots=True)
class Dol:
    """A data object list, ready to cut values out of command data."""

    length: int
    places: dict[int, slice]

    @classmethod
    def parse(cls, raw: bytes) -> "Dol":
        """Read a list."""
        places, offset = {}, 0
        for tag, length in tlv.parse_dol(raw):
            places[tag] = slice(offset, offset + length)
            offset += length
        return cls(offset, places)

    def value(self, tag: int, data: bytes) -> bytes:
        """The value of a tag in command data; nothing where the list does not have it."""
        place = self.places.get(tag)
        return data[place] if place is not None else b""


@dataclass(frozen=True, slots=True)
class Path:
    """One of the two answers to GET PROCESSING OPTIONS."""

    aip: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class Parameters:
    """All that a transaction needs to know of the personalised data."""

    fci: bytes
    pdol: Dol
    cdol1: Dol
    cdol2: Dol
    ddol: Dol
    debit: Path
    cash: Path | None
    iad: bytes
    ada: int
    currency: bytes
    country: bytes
    authentication_mandatory: bool
    limit_lower: int
    limit_upper: int
    limit_foreign_currency: int
    limit_foreign_country: int
    total_limit: int
    total_upper_limit: int
    dual_limit: int
    second_currency: bytes
    conversion_factor: int
    """As it stands in 9F73: one digit of decimal places, seven of the rate."""
    cash_single_limit: int
    log_format: Dol
    ac_slices: tuple[slice, ...]
    ac_slices_second: tuple[slice, ...]
    data: dict[int, bytes]


AC_TAGS: Final = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)
"""What enters the cryptogram from the terminal, in this order (37 bytes with AIP, ATC and CVR)."""

_CDOL1, _CDOL2, _DDOL = 0x8C, 0x8D, 0x9F49


_NO_COUNT: Final = 0x100
"""A limit that no count of one byte exceeds: where the card has none."""
_MOST: Final = 10**12 - 1


def decimal(value: bytes) -> int | None:
    """A BCD number, or None where a digit is not decimal."""
    text = value.hex()
    return int(text) if text.isdigit() else (0 if not text else None)


def atc_of(counters: bytes) -> int:
    """The ATC among the counters."""
    return int.from_bytes(counters[ATC_AT : ATC_AT + 2], "big")


def amount_at(counters: bytes, at: int) -> int | None:
    """An amount among the counters, in fen; None where a digit is not decimal."""
    return decimal(counters[at : at + AMOUNT_SIZE])


def bcd6(number: int) -> bytes:
    """Six bytes of BCD; a number of more than twelve digits stays at twelve nines."""
    return bytes.fromhex(f"{min(number, _MOST):012d}")


class Application:
    """One ADF: its data groupings, parameters and counters."""

    def __init__(self, files: FileSystem, df: File) -> None:
        self._files = files
        self._partition = files.partition
        self.df = df
        self._token = 0
        self._parameters: Parameters | None = None
        self._rsa: tuple[RsaPrivateKey | None] | None = None
        counters = files.child(df.index, COUNTERS_FID)
        self.counters_at = counters.offset if counters is not None else 0

    # --- data groupings ----------------------------------------------------------------------------------------

    def object(self, dgi: int) -> bytes | None:
        """Content of a data grouping, as the running command sees it."""
        file = self._files.child(self.df.index, dgi)
        if file is None or file.type is not FileType.OBJECT:
            return None
        return self._partition.read(file.offset, file.length)

    def store(self, dgi: int, content: bytes) -> None:
        """Write a data grouping, with the command. One of another length leaves the old cells unused.

        Raises:
            StatusError: 6A80, the identifier belongs to a file; 6A84, no room.
        """
        file = self.claim(dgi)
        if file is not None and file.length != len(content):
            self.remove(dgi)
            file = None
        if file is None:
            file = self._files.create(NewFile(FileType.OBJECT, dgi, self.df.index, len(content)))
        self._partition.mark_directory(file.offset, file.offset + file.length)
        self._partition.write(file.offset, content)

    def claim(self, dgi: int) -> File | None:
        """The file of a data grouping, if there is one already.

        Raises:
            StatusError: 6A80, the identifier belongs to a file of another kind.
        """
        file = self._files.child(self.df.index, dgi)
        if file is not None and file.type is not FileType.OBJECT:
            raise StatusError(status.WRONG_DATA)
        return file

    def remove(self, dgi: int) -> None:
        """Take a data grouping away, with the command. Its cells stay in use."""
        file = self._files.child(self.df.index, dgi)
        if file is not None:
            self._partition.write(file.entry + 2, b"\xff\xff")

    def records(self, replaced: Mapping[int, bytes] = MappingProxyType({})) -> list[bytes]:
        """All records of SFI 1..30, in the form that they stand in or are to be replaced by."""
        return [
            replaced.get(file.fid) or self._partition.read(file.offset, file.length)
            for file in self._files.index.files
            if file.parent == self.df.index and is_record(file)
        ]

    @property
    def parameters(self) -> Parameters:
        """The parsed data groupings.

        Raises:
            StatusError: 6985, something that a transaction needs is missing.
        """
        self._renew()
        if self._parameters is None:
            self._parameters = self._parse()
        return self._parameters

    @property
    def rsa_key(self) -> RsaPrivateKey | None:
        """The card's RSA key; None where a part is missing or the parts do not belong together."""
        self._renew()
        if self._rsa is None:
            self._rsa = (load_rsa_key(self.object),)
        return self._rsa[0]

    def _renew(self) -> None:
        """Forget what was parsed, unless the data groupings are known to stand as they were (D15)."""
        if self._token == self._partition.tokens.layout:
            return
        self._parameters = self._rsa = None
        for file in self._files.index.files:
            if file.parent == self.df.index and file.type is FileType.OBJECT and file.fid != COUNTERS_FID:
                self._partition.mark_directory(file.offset, file.offset + file.length)
        self._token = self._partition.tokens.layout

    def _parse(self) -> Parameters:
        """Read all data groupings.

        Raises:
            StatusError: 6985, something is missing; TlvError, something is no TLV.
        """
        data: dict[int, bytes] = {}
        for content in (self.object(DGI_RISK) or b"", self.object(DGI_CARD) or b""):
            data.update((item.tag, item.value) for item in tlv.walk(content))
        for content in self.records():
            for item in tlv.walk(content):
                if item.tag not in READABLE:  # the card's own data objects: no record stands in for them
                    data.setdefault(item.tag, item.value)
        fci, debit, iad = self.object(DGI_FCI), self._path(DGI_GPO_DEBIT), self.object(DGI_IAD)
        if fci is None or debit is None or iad is None or _CDOL1 not in data or _CDOL2 not in data:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        cdol1, cdol2 = Dol.parse(data[_CDOL1]), Dol.parse(data[_CDOL2])

        def number(tag: int) -> int:
            return decimal(data.get(tag, b"")) or 0

        def byte(tag: int, default: int) -> int:
            return data[tag][0] if data.get(tag) else default

        return Parameters(
            fci=tlv.ber(0x6F, tlv.ber(0x84, self.df.name) + proprietary(fci)),
            pdol=Dol.parse(tlv.find(proprietary(fci), 0xA5, 0x9F38) or b""),
            cdol1=cdol1,
            cdol2=cdol2,
            ddol=Dol.parse(data.get(_DDOL, b"\x9f\x37\x04")),
            debit=debit,
            cash=self._path(DGI_GPO_CASH),
            iad=tlv.find(iad, 0x9F10) or b"",
            ada=int.from_bytes(data.get(0x9F52, b"\0\0")[:2], "big"),
            currency=data.get(0x9F51, b""),
            country=data.get(0x9F57, b""),
            authentication_mandatory=bool(byte(0x9F56, 0) & 0x80),
            limit_lower=byte(0x9F58, 0xFF),
            limit_upper=byte(0x9F59, 0xFF),
            limit_foreign_currency=byte(0x9F53, _NO_COUNT),
            limit_foreign_country=byte(0x9F72, _NO_COUNT),
            total_limit=number(0x9F54),
            total_upper_limit=number(0x9F5C),
            dual_limit=number(0x9F75),
            second_currency=data.get(0x9F76, b""),
            conversion_factor=number(0x9F73),
            cash_single_limit=number(0x9F78),
            log_format=Dol.parse(data.get(0x9F4F, b"")),
            ac_slices=_merge([cdol1.places.get(tag, slice(0, 0)) for tag in AC_TAGS]),
            ac_slices_second=_merge([cdol2.places.get(tag, slice(0, 0)) for tag in AC_TAGS]),
            data=data,
        )

    def _path(self, dgi: int) -> Path | None:
        content = self.object(dgi)
        if content is None:
            return None
        aip, afl = tlv.find(content, 0x82), tlv.find(content, 0x94)
        if aip is None or afl is None or len(aip) != 2 or len(afl) % 4:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return Path(int.from_bytes(aip, "big"), tlv.ber(0x80, aip + afl))

    # --- counters ----------------------------------------------------------------------------------------------

    def counters(self) -> bytes:
        """All counters as they stand."""
        return self._partition.read(self.counters_at, DUAL_TOTAL_AT + AMOUNT_SIZE)

    def meters(self) -> list[Meter]:
        """Where its counters stand in the partition; none before there are any."""
        if not self.counters_at:
            return []
        start, flags, name = self.counters_at, self.df.entry + 1, self.df.name
        places = (
            ("ATC", MeterKind.COUNT, ATC_AT, 2, True),
            ("last online ATC", MeterKind.COUNT, LOATC_AT, 2, False),
            ("marks", MeterKind.MARK, INDICATORS_AT, 1, True),
            ("number of scripts", MeterKind.COUNT, SCRIPTS_AT, 1, True),
        )
        found = [
            Meter(title, kind, range(start + at, start + at + size), "", name, early=early)
            for title, kind, at, size, early in places
        ]
        balance, tries, limit = (range(start + at, start + at + n) for at, n in _WATCHED)
        return [
            *found,
            Meter("balance of electronic cash", MeterKind.MONEY, balance, "", name, decimal=True),
            Meter("block of the application", MeterKind.MARK, range(flags, flags + 1), "", name, early=True),
            Meter("tries of the offline PIN", MeterKind.TRIES, tries, "", name, PIN, limit=limit, early=True),
        ]

    def write_counter(self, at: int, value: bytes) -> None:
        """Write a counter with the command."""
        self._partition.write(self.counters_at + at, value)

    def write_counter_early(self, at: int, value: bytes) -> None:
        """Write a counter at once (D13)."""
        self._partition.write_early(self.counters_at + at, value)


def is_record(file: File) -> bool:
    """Whether an object is a record: its DGI is SFI 1..30 and a record number, and not one of the two data groupings
    that look like records of SFI 13 and 14."""
    return (
        file.type is FileType.OBJECT
        and 1 <= file.fid >> 8 <= 30
        and bool(file.fid & 0xFF)
        and file.fid not in (DGI_RISK, DGI_CARD)
    )


def proprietary(fci: bytes) -> bytes:
    """The template A5 of an FCI that was given whole (6F) or as A5 alone (PBOC-FCI-008)."""
    whole = tlv.find(fci, 0x6F)
    return fci if whole is None else tlv.ber(0xA5, tlv.find(whole, 0xA5) or b"")


def _merge(places: list[slice]) -> tuple[slice, ...]:
    """Neighbouring slices as one: the usual CDOL1 has the cryptogram's data in one piece."""
    merged: list[slice] = []
    for place in places:
        if merged and merged[-1].stop == place.start:
            merged[-1] = slice(merged[-1].start, place.stop)
        else:
            merged.append(place)
    return tuple(merged)
