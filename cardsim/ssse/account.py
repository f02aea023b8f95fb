"""The account file (医疗保险金额文件) of the medical-insurance application, and what its CREATE asks for.

Its body has a page of its own, so that each change of the account is one page program:

     0  load sequence (联网计数器, 2)
     2  purchase sequence (脱网计数器, 2)
     4  balance of the personal account (CIA, 4), in fen
     8  paid by the holder in the settlement year (SPIP, 4)
    12  paid by the pool in the settlement year (SPFP, 4)
    16  settlement year (支付年度, 2, BCD)
    18  starting day of the settlement year (年度起始日期, 2, mmdd in BCD)
    20  proof of the last transaction: type (1; 00 none), sequence (2), MAC2 (4), TAC (4)

Counters, amounts and dates are those of V2 table 9; the proof is what GET TRANSACTION PROOF answers (SSC part 7 §14).
"""

import struct
from dataclasses import dataclass, replace
from typing import Final, Self

from cardsim.chip.partition import Partition
from cardsim.cos.access import RULE_SIZE, AccessRule
from cardsim.cos.files import File, FileType, NewFile
from cardsim.cos.meters import Meter, MeterKind
from cardsim.crypto.medical import Purchase
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

MAX_COUNTER: Final = 0xFFFF
"""Sequences end here; the next INITIALIZE is refused."""
MAX_AMOUNT: Final = 0xFFFFFFFF

_LAYOUT: Final = struct.Struct(">HHIII2s2sB2s4s4s")
SIZE: Final = _LAYOUT.size
_STARTING_DAY_AT: Final = 18
_CREATE_SIZE: Final = 4 + 2 * RULE_SIZE
_YEAR: Final = 10000
"""One year in a date that is read as a decimal number yyyymmdd."""
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves the last transaction: its type (0: there was none), sequence (2), MAC2 (4) and TAC (4)."""

    type: int = 0
    sequence: bytes = bytes(2)
    mac2: bytes = bytes(4)
    tac: bytes = bytes(4)


@dataclass(frozen=True, slots=True)
class Account:
    """All that the account file holds. Amounts are in fen, year and starting day in BCD."""

    load_sequence: int = 0
    purchase_sequence: int = 0
    balance: int = 0
    self_paid: int = 0
    pool: int = 0
    year: bytes = bytes(2)
    starting_day: bytes = bytes(2)
    proof: Proof = Proof()

    def __bytes__(self) -> bytes:
        proof = self.proof
        return _LAYOUT.pack(
            self.load_sequence, self.purchase_sequence, self.balance, self.self_paid, self.pool, self.year,
            self.starting_day, proof.type, proof.sequence, proof.mac2, proof.tac,
        )  # fmt: skip

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the body of the file."""
        loads, purchases, balance, self_paid, pool, year, day, *proof = _LAYOUT.unpack(raw)
        return cls(loads, purchases, balance, self_paid, pool, year, day, Proof(*proof))

    @classmethod
    def read(cls, partition: Partition, file: File) -> Self:
        """The account as the running command sees it."""
        return cls.parse(partition.read(file.offset, SIZE))

    def write(self, partition: Partition, file: File) -> None:
        """Write all of it, with the command."""
        partition.write(file.offset, bytes(self))


def meters(file: File, application: bytes) -> list[Meter]:
    """Where the numbers of an account stand in the partition."""
    places = (
        ("load sequence", MeterKind.COUNT, 0, 2), ("purchase sequence", MeterKind.COUNT, 2, 4),
        ("balance", MeterKind.MONEY, 4, 8),
    )  # fmt: skip
    return [
        Meter(f"{name} of the medical account", kind, range(file.offset + start, file.offset + stop), "", application)
        for name, kind, start, stop in places
    ]


def write_starting_day(partition: Partition, file: File, day: bytes) -> None:
    """Write the starting day (2) alone, with the command."""
    partition.write(file.offset + _STARTING_DAY_AT, day)


def is_day(day: bytes) -> bool:
    """Whether two bytes are a day of the year: mmdd in BCD."""
    text = day.hex()
    if not text.isdecimal():
        return False
    month, number = int(text[:2]), int(text[2:])
    return 1 <= month <= len(_DAYS) and 1 <= number <= _DAYS[month - 1]


def settle(account: Account, purchase: Purchase, date: bytes) -> Account:
    """The account with the totals and settlement year that a purchase leaves (SSC part 7 §12.6).

    n = date - (settlement year and starting day), as decimal numbers. Below 10000 (negative too) the purchase belongs
    to the stored year and is added; otherwise the totals begin anew in the settlement year of the purchase.

    Args:
        account: before the purchase.
        purchase: its amounts.
        date: yyyymmdd in BCD (4).

    Raises:
        StatusError: 6985, the date is not decimal, or a total would not fit into four bytes.
    """
    text = date.hex()
    if not text.isdecimal():
        raise StatusError(status.CONDITIONS_NOT_SATISFIED)
    number, day = int(text), int(account.starting_day.hex())
    if number - (int(account.year.hex()) * _YEAR + day) < _YEAR:
        self_paid, pool = account.self_paid + purchase.self_paid, account.pool + purchase.pool
        if max(self_paid, pool) > MAX_AMOUNT:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return replace(account, self_paid=self_paid, pool=pool)
    year = (number - day) // _YEAR
    return replace(account, self_paid=purchase.self_paid, pool=purchase.pool, year=bytes.fromhex(f"{year:04d}"))


def parse_create(fid: int, parent: int, data: bytes) -> NewFile:
    """The account file that a CREATE asks for: 2F, starting day (2), read rule (4), write rule (4), SFI 00.

    The read rule says who may GET STARTING DAY, the write rule who may UPDATE it. An account without a settlement year
    of its own (personal account alone) has the starting day 0000.

    Raises:
        StatusError: 6A80, the data have not this form.
    """
    day = data[1:3]
    if len(data) != _CREATE_SIZE or data[-1] or not (is_day(day) or day == bytes(2)):
        raise StatusError(status.WRONG_DATA)
    read, write = AccessRule.parse(data[3 : 3 + RULE_SIZE]), AccessRule.parse(data[3 + RULE_SIZE : -1])
    content = bytes(Account(starting_day=day))
    return NewFile(
        FileType.ACCOUNT, fid, parent, SIZE, records=0, read=read, write=write, aligned=True, content=content
    )
