"""What must live here: the field map of our ISO 8583 messages. The encoder and docs/iso8583.md read this table.

Numbers and meanings are those of ISO 8583:1987; numerals are packed (BCD), as point-of-sale terminals have them. What
the standard leaves to the parties (fields 44, 60, 62, 63) is our own.
"""

import enum
from dataclasses import dataclass
from typing import Any, Final

MAC_SHORT: Final = 64
MAC_LONG: Final = 128
"""Where the MAC stands: in the last field, 64, or 128 where a field above 64 is there."""
MAC_LENGTH: Final = 8


class Form(enum.Enum):
    """How the content of a field is written."""

    DIGITS = "n"
    """Decimal digits, two a byte. A fixed odd number is filled with 0 on the left, a variable one on the right."""
    TRACK = "z"
    """Digits and the separator D, two a byte, filled with 0 on the right."""
    TEXT = "an"
    """ASCII, one character a byte; fixed fields are filled with blanks on the right."""
    BYTES = "b"
    """Bytes as they are; lengths count bytes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row: number, name, form, and length. `digits` is 0 for a fixed length, else the digits of the length."""

    number: int
    name: str
    form: Form
    length: int
    digits: int = 0
    content: str = ""

    @property
    def notation(self) -> str:
        """The format as ISO 8583 writes it: `n6`, `n..19`, `b...999`."""
        return f"{self.form.value}{'.' * self.digits}{self.length}"


N, Z, A, B = Form.DIGITS, Form.TRACK, Form.TEXT, Form.BYTES

FIELDS: Final = (
    Field(2, "primary account number (主账号)", N, 19, 2, "card number"),
    Field(3, "processing code (交易处理码)", N, 6, 0, "transaction type (tag 9C), then 0000"),
    Field(4, "amount (交易金额)", N, 12, 0, "fen"),
    Field(7, "transmission date and time", N, 10, 0, "MMDDhhmmss"),
    Field(11, "system trace number (受卡方系统跟踪号)", N, 6, 0, "with fields 41 and 60.2 it names the transaction"),
    Field(12, "local time", N, 6, 0, "hhmmss"),
    Field(13, "local date", N, 4, 0, "MMDD"),
    Field(14, "expiry date", N, 4, 0, "YYMM of field 35"),
    Field(22, "entry mode (服务点输入方式码)", N, 3, 0, "051 chip with PIN, 052 chip without"),
    Field(23, "card sequence number (卡序列号)", N, 3, 0, "tag 5F34 and a leading 0; only where the card has it"),
    Field(25, "condition code (服务点条件码)", N, 2, 0, "00"),
    Field(26, "PIN length (PIN 获取码)", N, 2, 0, "12, where field 52 is there"),
    Field(28, "fee", A, 9, 0, "D (debit) and eight digits, fen"),
    Field(33, "forwarding institution (发送机构)", N, 11, 2, "who stands at the other end of the line, if no terminal"),
    Field(35, "track 2 data (二磁道数据)", Z, 37, 2, "tag 57 without the F pad"),
    Field(37, "retrieval reference number (检索参考号)", A, 12, 0, ""),
    Field(38, "authorisation code (授权码)", A, 6, 0, ""),
    Field(39, "response code (应答码)", A, 2, 0, ""),
    Field(41, "terminal (受卡机终端标识码)", A, 8, 0, ""),
    Field(42, "merchant (受卡方标识码)", A, 15, 0, ""),
    Field(
        44,
        "additional response data",
        A,
        25,
        2,
        "44.1 cryptogram: 0 not checked, 1 wrong, 2 right; 44.2: 1 keep card",
    ),
    Field(49, "currency", A, 3, 0, "last three digits of tag 5F2A, 156 without it"),
    Field(52, "PIN block (个人标识码)", B, 8, 0, "ISO 9564 format 0 under the PIN key"),
    Field(53, "security control information", N, 16, 0, "26 and zeros: PIN block with card number, key of 16 bytes"),
    Field(54, "additional amounts (附加金额)", A, 20, 3, "00 02 156, then C or D and twelve digits: available balance"),
    Field(55, "chip data (IC卡数据域)", B, 999, 3, "BER-TLV"),
    Field(60, "message kind", N, 11, 3, "60.1 kind (n2), 60.2 date YYMMDD (n6), 60.3 network management (n3)"),
    Field(62, "keys", B, 999, 3, "sign-on: the working keys; PIN change: the new PIN block under the PIN key"),
    Field(63, "text", B, 999, 3, "UTF-8; request: name of preferential terms; answer: the reason in words"),
    Field(MAC_SHORT, "MAC", B, MAC_LENGTH, 0, "where no field above 64 is there"),
    Field(74, "credits, number", N, 10, 0, "settlement"),
    Field(76, "debits, number", N, 10, 0, "settlement"),
    Field(86, "credits, amount", N, 16, 0, "settlement, fen"),
    Field(88, "debits, amount", N, 16, 0, "settlement, fen"),
    Field(90, "original data elements (原始数据)", N, 42, 0, "kind of the original (n4), 11, 13 and 12, then zeros"),
    Field(103, "account 2 (账户标识2)", A, 28, 2, "receives a transfer, or pays a load from another account"),
    Field(MAC_LONG, "MAC", B, MAC_LENGTH, 0, "where a field above 64 is there"),
)

BY_NUMBER: Final = {field.number: field for field in FIELDS}


def _row(field: Field) -> dict[str, Any]:
    packed = field.form in (Form.DIGITS, Form.TRACK)
    row: dict[str, Any] = {
        "data_enc": "ascii" if field.form is Form.TEXT else "b",
        "len_enc": "bcd",
        "len_type": (field.digits + 1) // 2,
        "max_len": field.length,
        "desc": field.name,
    }
    if packed:
        row |= {"len_count": "nibbles", "right_pad" if field.digits else "left_pad": "0"}
    return row


def _fixed(length: int, name: str) -> dict[str, Any]:
    return {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "max_len": length, "desc": name}


SPECIFICATION: Final[dict[str, dict[str, Any]]] = {
    "h": _fixed(0, "none: it stands in the frame"),
    "t": _fixed(2, "message type"),
    "p": _fixed(8, "bitmap"),
    "1": _fixed(8, "second bitmap"),
    **{str(field.number): _row(field) for field in FIELDS},
}
"""The table as pyiso8583 reads it."""
