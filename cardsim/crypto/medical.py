"""Cryptography of medical-insurance transactions (医疗保险交易): one account of what each MAC and TAC covers.

Card, PSAM, terminal and host compute the same values, so the layout of each data field stands here once
(SSC part 7 §11.2, §11.5, §11.8, §12.2 to §12.6, §15). MACs and TACs have initial value 0, 80 padding, no command
header, and 4 bytes.
"""

import enum
from dataclasses import dataclass
from typing import Final

from cardsim.crypto import social
from cardsim.crypto.padding import xor
from cardsim.crypto.social import Suite

LOAD_TAIL: Final = b"\x80\x00"
"""Last two bytes of the input to a load's session key (SSC part 7 §11.2)."""
NO_MAC: Final = bytes(4)
"""What stands for the MAC2 that a load has not (C-19)."""

_AMOUNT: Final = 4
_MAX_AMOUNT: Final = 0xFFFFFFFF


class TransactionType(enum.IntEnum):
    """Transaction type (交易类型) of the medical account (V2 §8.5.3.2)."""

    LOAD = 1
    """Account load (账户划入)."""
    PURCHASE = 2
    """Medical settlement (医疗结算)."""

    @property
    def character(self) -> bytes:
        """The type as a record of the log has it: one character."""
        return bytes((0x30 + self,))


class TypeCoding(enum.Enum):
    """How the transaction type stands in MACs and TACs (D19)."""

    ASCII = "ascii"
    """31 or 32."""
    BINARY = "binary"
    """01 or 02."""

    def encode(self, kind: TransactionType) -> bytes:
        """The type byte."""
        return kind.character if self is TypeCoding.ASCII else bytes((kind,))


def _field(name: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise ValueError(f"{name} has {length} bytes, not {len(value)}")


def _amount(value: int) -> bytes:
    if not 0 <= value <= _MAX_AMOUNT:
        raise ValueError("an amount has four bytes")
    return value.to_bytes(_AMOUNT, "big")


@dataclass(frozen=True, slots=True)
class Load:
    """What a load is about: the amount in fen, and the terminal number (6 bytes, BCD)."""

    amount: int
    terminal: bytes

    def __post_init__(self) -> None:
        _field("a terminal number", self.terminal, 6)

    @classmethod
    def of_request(cls, data: bytes) -> "Load":
        """What the data of INITIALIZE FOR LOAD ask for: key index, amount (4), terminal (6) (SSC part 7 §11.1).

        Raises:
            ValueError: they have not 11 bytes.
        """
        return cls(int.from_bytes(data[1:5], "big"), data[5:])

    def mac1_data(self, balance: int, coding: TypeCoding = TypeCoding.ASCII) -> bytes:
        """What the card's MAC1 covers (SSC part 7 §11.2): balance, amount, type, terminal."""
        return _amount(balance) + _amount(self.amount) + coding.encode(TransactionType.LOAD) + self.terminal

    def mac2_data(self, time: bytes, coding: TypeCoding = TypeCoding.ASCII) -> bytes:
        """What the host's MAC2 covers (SSC part 7 §11.5): amount, type, terminal, host time (7, BCD)."""
        _field("a time", time, 7)
        return _amount(self.amount) + coding.encode(TransactionType.LOAD) + self.terminal + time

    def tac_data(self, balance: int, sequence: bytes, time: bytes, coding: TypeCoding = TypeCoding.ASCII) -> bytes:
        """What the TAC covers (SSC part 7 §11.8, C-19): balance after the load, load sequence of INITIALIZE (2),
        amount, type, terminal, host time (7)."""
        _field("a load sequence", sequence, 2)
        return _amount(balance) + sequence + self.mac2_data(time, coding)


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a medical settlement is about: amounts in fen from the account (个人账户), paid by the holder (个人自付) and
    from the pool (统筹), and the terminal number (6 bytes, BCD)."""

    account: int
    self_paid: int
    pool: int
    terminal: bytes

    def __post_init__(self) -> None:
        _field("a terminal number", self.terminal, 6)

    @classmethod
    def of_request(cls, data: bytes) -> "Purchase":
        """What the data of INITIALIZE FOR PURCHASE ask for: key index, three amounts (4 each), terminal (6)
        (SSC part 7 §12.1).

        Raises:
            ValueError: they have not 19 bytes.
        """
        account, self_paid, pool = (int.from_bytes(data[at : at + _AMOUNT], "big") for at in (1, 5, 9))
        return cls(account, self_paid, pool, data[13:])

    @property
    def amounts(self) -> bytes:
        """The three amounts, 4 bytes each; what the card's MAC2 covers (SSC part 7 §12.6)."""
        return _amount(self.account) + _amount(self.self_paid) + _amount(self.pool)

    def _head(self, coding: TypeCoding) -> bytes:
        return self.amounts + coding.encode(TransactionType.PURCHASE) + self.terminal

    def mac1_data(self, time: bytes, coding: TypeCoding = TypeCoding.ASCII) -> bytes:
        """What the PSAM's MAC1 covers (SSC part 7 §12.3): the amounts, type, terminal, terminal time (7, BCD)."""
        _field("a time", time, 7)
        return self._head(coding) + time

    def mac2_data(self) -> bytes:
        """What the card's MAC2 covers (SSC part 7 §12.6): the amounts."""
        return self.amounts

    def tac_data(self, terminal_sequence: bytes, time: bytes, coding: TypeCoding = TypeCoding.ASCII) -> bytes:
        """What the TAC covers (SSC part 7 §12.6): the amounts, type, terminal, terminal sequence (4), time (7)."""
        _field("a terminal sequence", terminal_sequence, 4)
        _field("a time", time, 7)
        return self._head(coding) + terminal_sequence + time


def session(suite: Suite, key: bytes, random4: bytes, sequence2: bytes, tail2: bytes) -> bytes:
    """Session key of one transaction: SESLK from DLK, SESPK from DPK (SSC part 7 §11.2, §12.2).

    Args:
        suite: cipher.
        key: DLK or DPK of the card, 16 bytes.
        random4: random number of INITIALIZE.
        sequence2: load or purchase sequence of INITIALIZE.
        tail2: 8000 for a load (`LOAD_TAIL`); for a purchase the last two bytes of the terminal sequence (D23).

    Raises:
        ValueError: a length is wrong.
    """
    for name, value, length in (("a random number", random4, 4), ("a sequence", sequence2, 2), ("a tail", tail2, 2)):
        _field(name, value, length)
    return social.session_key(suite, key, random4 + sequence2 + tail2)


def purchase_session(suite: Suite, dpk: bytes, random4: bytes, sequence2: bytes, terminal_sequence: bytes) -> bytes:
    """SESPK, with the tail taken from the whole terminal sequence (4 bytes, D23).

    Raises:
        ValueError: a length is wrong.
    """
    _field("a terminal sequence", terminal_sequence, 4)
    return session(suite, dpk, random4, sequence2, terminal_sequence[2:])


def mac(suite: Suite, session_key: bytes, data: bytes) -> bytes:
    """MAC1 or MAC2 over one of the data fields above: 4 bytes (SSC part 4 §8.2, without a header)."""
    return social.mac4(suite, session_key, data)


def tac(suite: Suite, dtk: bytes, data: bytes) -> bytes:
    """TAC (交易认证码) over one of the data fields above: 4 bytes (SSC part 7 §15).

    With 8-byte blocks its key is the left half of DTK xor the right half; with 16-byte blocks DTK itself.

    Raises:
        ValueError: DTK has not 16 bytes.
    """
    _field("DTK", dtk, 16)
    key = xor(dtk[:8], dtk[8:]) if suite is Suite.DES else dtk
    return social.mac4(suite, key, data)
