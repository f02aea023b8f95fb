"""Messages between terminal and bank as ISO 8583 and back: `HostMessage` and `HostAnswer` to fields, fields to bytes.

What both sides use comes through unchanged: `parse_request(build_request(message))` is the message, its time without
fractions of a second, and so with answers. Fields that a receiver could work out itself (7, 14, 22, 25, 26, 49, 53, 90)
are written for other systems and not read.
"""

import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import iso8583
from iso8583 import DecodeError, EncodeError

from cardsim.iso7816.tlv import TlvError, parse
from terminal.hosts.iso8583.fields import BY_NUMBER, MAC_LENGTH, MAC_LONG, MAC_SHORT, SPECIFICATION, Form
from terminal.hosts.iso8583.kinds import BY_KIND, BY_TYPE, answer_type
from terminal.messages.bank import CryptogramCheck, HostAnswer, HostMessage, MessageKind, Totals, TransactionType

Fields = dict[str, str]
"""A message as pyiso8583 has it: `t` the message type, numbers the fields; bytes as hex digits."""

_CENTURY: Final = "20"
_PIN_BLOCK: Final = 8
_CURRENCY: Final = 0x5F2A
_CHINA: Final = "156"
_CHECKS: Final = {CryptogramCheck.NOT_CHECKED: "0", CryptogramCheck.WRONG: "1", CryptogramCheck.RIGHT: "2"}
_CHECK_OF: Final = {digit: check for check, digit in _CHECKS.items()}
_ECHO: Final = ("11", "12", "13", "41", "60")
"""What an answer repeats, so that it can be told from others."""
_CHARACTERS: Final = {
    Form.DIGITS: frozenset(string.digits),
    Form.TRACK: frozenset(string.digits + "D"),
    Form.TEXT: frozenset(string.ascii_letters + string.digits + string.punctuation + " "),
}


class WireError(ValueError):
    """A message that cannot be written or read; says which field and why, never its content.

    `fields` is what of it could be read.
    """

    def __init__(self, text: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.fields = dict(fields or {})


def mac_field(fields: Mapping[str, str]) -> str:
    """The field for the MAC of a message: 128 if one above 64 is there."""
    above = any(name.isdigit() and int(name) > MAC_SHORT for name in fields)
    return str(MAC_LONG if above else MAC_SHORT)


def encode(fields: Mapping[str, str]) -> bytes:
    """Type, bitmaps and fields as bytes.

    Raises:
        WireError: a value does not fit its field.
    """
    padded = {
        name: value.ljust(BY_NUMBER[int(name)].length) if _fixed_text(name) else value for name, value in fields.items()
    }
    try:
        data, _ = iso8583.encode(padded, SPECIFICATION)
    except EncodeError as error:
        raise WireError(f"field {error.field} cannot be written: {error.msg}") from None
    return bytes(data)


def decode(data: bytes) -> Fields:
    """The fields of a message.

    Raises:
        WireError: it is no message, or has a field that the field map does not have.
    """
    try:
        fields, _ = iso8583.decode(data, SPECIFICATION)
    except DecodeError as error:
        readable = {n: v for n, v in _trimmed(error.doc_dec).items() if n != error.field and _fits(n, v)}
        raise WireError(f"field {error.field} cannot be read: {error.msg}", readable) from None
    except KeyError as error:
        raise WireError(f"field {error.args[0]} is not in the field map") from None
    fields = _trimmed(fields)
    for name, value in fields.items():
        if not _fits(name, value):
            readable = {n: v for n, v in fields.items() if _fits(n, v)}
            raise WireError(f"field {name} has a character that is not of its form", readable)
    return fields


def _trimmed(fields: Fields) -> Fields:
    return {name: value.rstrip(" ") if _fixed_text(name) else value for name, value in fields.items()}


def _fixed_text(name: str) -> bool:
    field = BY_NUMBER.get(int(name)) if name.isdigit() else None
    return field is not None and field.form is Form.TEXT and not field.digits


def _fits(name: str, value: str) -> bool:
    """Whether a value has only characters of its field's form."""
    field = BY_NUMBER.get(int(name)) if name.isdigit() else None
    return field is None or field.form is Form.BYTES or set(value) <= _CHARACTERS[field.form]


def without_mac(data: bytes) -> bytes:
    """What a MAC is computed over: all that stands before it; it is the last field."""
    return data[:-MAC_LENGTH]


# --- requests ----------------------------------------------------------------------------------------------------


def build_request(message: HostMessage, institution: str = "") -> Fields:
    """A request's fields, without a MAC. `institution` is the sender, where it is not the terminal (field 33)."""
    row = BY_KIND[message.kind]
    fields = _common(message, row.mti, row.code, row.network)
    if institution:
        fields["33"] = institution
    if message.kind is MessageKind.SETTLE:
        fields |= _total_fields(message.totals)
    if row.card:
        fields |= _card_fields(message)
    if row.follows:
        fields["90"] = f"{row.follows}{message.trace:06d}{message.time:%m%d%H%M%S}".ljust(42, "0")
    if message.new_pin_block is not None:
        fields["62"] = message.new_pin_block.hex().upper()
    if message.terms:
        fields["63"] = message.terms.encode().hex().upper()
    return fields


def _common(message: HostMessage, mti: str, code: str, network: str) -> Fields:
    return {
        "t": mti,
        "7": f"{message.time:%m%d%H%M%S}",
        "11": f"{message.trace:06d}",
        "12": f"{message.time:%H%M%S}",
        "13": f"{message.time:%m%d}",
        "41": message.terminal,
        "42": message.merchant,
        "60": f"{code}{message.time:%y%m%d}{network}",
    }


def _card_fields(message: HostMessage) -> Fields:
    fields = {
        "3": f"{message.transaction.value:02X}0000",
        "4": f"{message.amount:012d}",
        "22": "051" if message.pin_block is not None else "052",
        "25": "00",
        "49": _currency(message.chip_data),
    }
    if message.pan:
        fields["2"] = message.pan
    if message.psn:
        fields["23"] = f"0{message.psn}"
    if message.track2:
        fields["35"] = message.track2
        fields["14"] = message.track2.partition("D")[2][:4]
    if message.pin_block is not None:
        fields |= {"26": "12", "52": message.pin_block.hex().upper(), "53": "26".ljust(16, "0")}
    if message.chip_data:
        fields["55"] = message.chip_data.hex().upper()
    if message.target:
        fields["103"] = message.target
    return fields


def _total_fields(totals: Totals) -> Fields:
    return {
        "74": f"{totals.credits:010d}", "76": f"{totals.debits:010d}",
        "86": f"{totals.credit_amount:016d}", "88": f"{totals.debit_amount:016d}",
    }  # fmt: skip


def _currency(chip_data: bytes) -> str:
    try:
        found = [item.value for item in parse(chip_data) if item.tag == _CURRENCY]
    except TlvError:
        return _CHINA
    return found[0].hex()[-3:] if found and len(found[0]) == 2 else _CHINA


def parse_request(fields: Mapping[str, str]) -> HostMessage:
    """The message of a request's fields.

    Raises:
        WireError: the message type is none of ours, or a field is missing or wrong.
    """
    row = BY_TYPE.get(fields.get("t", ""))
    if row is None:
        raise WireError("the message type is none that a terminal sends", fields)
    with _reading(fields):
        if row.code != fields["60"][:2] or row.network != fields["60"][8:]:
            raise WireError("field 60 is not that of the message type", fields)
        psn = fields.get("23", "")
        if psn and psn[0] != "0":
            raise WireError("field 23 is a card sequence number of two digits with a leading 0", fields)
        return HostMessage(
            kind=row.kind,
            pan=fields.get("2", ""),
            psn=psn[1:],
            chip_data=bytes.fromhex(fields.get("55", "")),
            pin_block=_block(fields, "52"),
            transaction=TransactionType(int(fields["3"][:2], 16)) if row.card else TransactionType.PURCHASE,
            amount=int(fields["4"]) if row.card else 0,
            time=_time(fields),
            trace=int(fields["11"]),
            terminal=fields["41"],
            merchant=fields["42"],
            target=fields.get("103", ""),
            terms=bytes.fromhex(fields.get("63", "")).decode(),
            totals=_totals(fields) if row.kind is MessageKind.SETTLE else Totals(),
            track2=fields.get("35", ""),
            new_pin_block=_block(fields, "62"),
        )


@contextmanager
def _reading(fields: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise WireError(f"field {error.args[0]} is missing", fields) from None
    except WireError:
        raise
    except ValueError:
        raise WireError("a field has a value that it cannot have", fields) from None


def _block(fields: Mapping[str, str], name: str) -> bytes | None:
    if name not in fields:
        return None
    block = bytes.fromhex(fields[name])
    if len(block) != _PIN_BLOCK:
        raise WireError(f"field {name} is a PIN block of {_PIN_BLOCK} bytes", fields)
    return block


def _time(fields: Mapping[str, str]) -> datetime:
    day = fields["60"][2:8]
    if day[2:] != fields["13"]:
        raise WireError("fields 13 and 60 name different days", fields)
    return datetime.strptime(_CENTURY + day + fields["12"], "%Y%m%d%H%M%S")


def _totals(fields: Mapping[str, str]) -> Totals:
    return Totals(int(fields["76"]), int(fields["88"]), int(fields["74"]), int(fields["86"]))


# --- answers -----------------------------------------------------------------------------------------------------


def build_answer(request: Mapping[str, str], answer: HostAnswer) -> Fields:
    """An answer's fields, without a MAC: what names the request, and what the host says."""
    fields = {name: request[name] for name in _ECHO if name in request}
    checks = _CHECKS[answer.cryptogram] + str(int(answer.keep_card))
    fields |= {"t": answer_type(request["t"]), "39": answer.arc, "44": checks}
    if answer.fee:
        fields["28"] = f"D{answer.fee:08d}"
    if answer.reference:
        fields["37"] = answer.reference
    if answer.authorisation:
        fields["38"] = answer.authorisation
    if answer.balance is not None:
        sign = "D" if answer.balance < 0 else "C"
        fields["54"] = f"0002{_CHINA}{sign}{abs(answer.balance):012d}"
    if answer.totals is not None:
        fields |= _total_fields(answer.totals)
    if answer.chip_data:
        fields["55"] = answer.chip_data.hex().upper()
    if answer.reason:
        fields["63"] = _cut(answer.reason).hex().upper()
    return fields


def _cut(text: str) -> bytes:
    """As much of a text as field 63 holds, never half a character."""
    return text.encode()[: BY_NUMBER[63].length].decode(errors="ignore").encode()


def parse_answer(fields: Mapping[str, str]) -> HostAnswer:
    """What the host said.

    Raises:
        WireError: a field is missing or wrong.
    """
    with _reading(fields):
        extra = fields.get("44", "00")
        amount = fields.get("54")
        return HostAnswer(
            arc=fields["39"],
            chip_data=bytes.fromhex(fields.get("55", "")),
            cryptogram=_CHECK_OF.get(extra[:1], CryptogramCheck.NOT_CHECKED),
            reason=bytes.fromhex(fields.get("63", "")).decode(),
            balance=None if amount is None else _signed(amount),
            reference=fields.get("37", ""),
            authorisation=fields.get("38", ""),
            fee=int(fields.get("28", "D00000000")[1:]),
            totals=_totals(fields) if "88" in fields else None,
            keep_card=extra[1:2] == "1",
        )


def _signed(amount: str) -> int:
    value = int(amount[8:20])
    return -value if amount[7] == "D" else value


def names_same(request: Mapping[str, str], answer: Mapping[str, str]) -> bool:
    """Whether an answer belongs to a request; a late one to an earlier request does not."""
    return answer.get("t") == answer_type(request["t"]) and all(answer.get(n) == request.get(n) for n in _ECHO)
