"""Fields of the medical-insurance answers and log records in words (SSC part 5 §7, V2 §8.5.3)."""

import enum
from dataclasses import dataclass
from typing import Final, assert_never

from cardsim.decode.values import yuan

AMOUNT_SIZE: Final = 4
_TYPES: Final = {0x31: "account load", 0x32: "medical settlement"}


class Kind(enum.Enum):
    """How a field is shown."""

    AMOUNT = "fen, binary"
    NUMBER = "binary"
    DIGITS = "BCD"
    TYPE = "transaction type, one character"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, its Chinese term, bytes, and how it is shown."""

    name: str
    chinese: str
    length: int
    kind: Kind

    def text(self, value: bytes) -> str:
        """The value in words."""
        match self.kind:
            case Kind.AMOUNT:
                return yuan(int.from_bytes(value, "big"))
            case Kind.NUMBER:
                return str(int.from_bytes(value, "big"))
            case Kind.TYPE:
                return _TYPES.get(value[0], f"unknown type {value.hex().upper()}")
            case Kind.DIGITS | Kind.BYTES:
                return value.hex().upper()
            case other:
                assert_never(other)


_BALANCE: Final = Field("balance", "个人账户余额", 4, Kind.AMOUNT)
_SELF_PAID: Final = Field("paid by the holder this year", "年度个人自付累计", 4, Kind.AMOUNT)
_POOL: Final = Field("paid by the pool this year", "年度统筹支付累计", 4, Kind.AMOUNT)
_YEAR: Final = Field("settlement year", "支付年度", 2, Kind.DIGITS)
_MAC1: Final = Field("MAC1", "", 4, Kind.BYTES)
_MAC2: Final = Field("MAC2", "", 4, Kind.BYTES)
_TAC: Final = Field("TAC", "交易认证码", 4, Kind.BYTES)
_DAY: Final = Field("starting day", "年度起始日期", 2, Kind.DIGITS)
_KEY: Final = (
    Field("key version", "密钥版本", 1, Kind.NUMBER),
    Field("algorithm", "算法标识", 1, Kind.BYTES),
    Field("random number", "伪随机数", 4, Kind.BYTES),
)

ANSWERS: Final[dict[tuple[int, int, int], tuple[Field, ...]]] = {
    (0x28, 0x00, 0x01): (_BALANCE, Field("load sequence", "联网交易序号", 2, Kind.NUMBER), *_KEY, _MAC1),
    (0x28, 0x01, 0x01): (
        _BALANCE, _SELF_PAID, _POOL, _YEAR, Field("purchase sequence", "脱网交易序号", 2, Kind.NUMBER), *_KEY,
    ),
    (0x2A, 0x00, 0x00): (_TAC,),
    (0x2C, 0x01, 0x00): (_TAC, _MAC2),
    (0x26, 0x00, 0x01): (_BALANCE,),
    (0x26, 0x00, 0x02): (_SELF_PAID, _YEAR),
    (0x26, 0x00, 0x03): (_POOL, _YEAR),
    **{(0x2E, 0x00, kind): (_MAC2, _TAC) for kind in (0x31, 0x32, 0x01, 0x02)},
    (0x56, 0x01, 0x00): (_DAY,),
}  # fmt: skip
"""Fields of the answer by INS, P1 and P2."""

LOG_RECORD: Final = (
    Field("transaction sequence", "交易序号", 2, Kind.NUMBER),
    Field("transaction type", "交易类型", 1, Kind.TYPE),
    Field("terminal number", "终端机编号", 6, Kind.DIGITS),
    Field("time", "交易时间", 7, Kind.DIGITS),
    Field("from the account", "个人账户金额", 4, Kind.AMOUNT),
    Field("paid by the holder", "个人自付金额", 4, Kind.AMOUNT),
    Field("paid by the pool", "统筹支付金额", 4, Kind.AMOUNT),
)
"""A record of the log EF08; one of 20 bytes ends after the first amount (C-27)."""

_CLA: Final = 0xB0
_READ_LOG: Final = b"\x00\xb2"
_LOG_SFI: Final = 0x08
_ACCOUNT_ONLY: Final = 5
"""Fields of a record of 20 bytes."""


def fields_of(command: bytes, data: bytes) -> tuple[Field, ...]:
    """Fields of an answer of the medical account, or of a record of its log read by SFI; none for anything else."""
    fields = ANSWERS.get((command[1], command[2], command[3]), ()) if command[0] == _CLA else ()
    if (
        command[:2] == _READ_LOG
        and command[3] >> 3 == _LOG_SFI
        and data[2:3] in (b"1", b"2")
        and data[1] != len(data) - 2
    ):
        fields = LOG_RECORD if len(data) == sum(field.length for field in LOG_RECORD) else LOG_RECORD[:_ACCOUNT_ONLY]
    return fields if sum(field.length for field in fields) == len(data) else ()
