"""Functions of expressions for medical-insurance transactions: what host and PSAM compute, from the key file's keys.

DATA and ANSWER are command data and answer of INITIALIZE FOR LOAD or FOR PURCHASE; the key index in DATA names the
generation of DLK, DPK and DTK. SEQUENCE is the terminal's own (4 bytes), TIME the one of CREDIT or DEBIT (7 bytes).
"""

from collections.abc import Mapping
from typing import Final

from cardsim.crypto import medical
from cardsim.crypto.medical import LOAD_TAIL, Load, Purchase, TransactionType, TypeCoding
from cardsim.keyfile import generation_name
from terminal.conformance.context import Context, Function

_YEAR_BYTES: Final = 2


def _coding(context: Context) -> TypeCoding:
    return context.keys.ssse.medical_type if context.keys.ssse is not None else TypeCoding.ASCII


def _key(context: Context, name: str, data: bytes) -> bytes:
    return context.key(generation_name(name, data[0]))


def _load_session(context: Context, data: bytes, answer: bytes) -> bytes:
    return medical.session(context.suite, _key(context, "DLK", data), answer[8:12], answer[4:6], LOAD_TAIL)


def _purchase_session(context: Context, data: bytes, answer: bytes, sequence: bytes) -> bytes:
    key = _key(context, "DPK", data)
    return medical.purchase_session(context.suite, key, answer[18:22], answer[14:16], sequence)


def _load_mac1(context: Context, words: tuple[str, ...]) -> bytes:
    """load-mac1 DATA ANSWER: the card's MAC1 of INITIALIZE FOR LOAD (SSC part 7 §11.2)."""
    data, answer = (context.value(word) for word in words)
    balance = int.from_bytes(answer[:4], "big")
    return medical.mac(
        context.suite, _load_session(context, data, answer), Load.of_request(data).mac1_data(balance, _coding(context))
    )


def _load_mac2(context: Context, words: tuple[str, ...]) -> bytes:
    """load-mac2 DATA ANSWER TIME: the host's MAC2 for CREDIT FOR LOAD (SSC part 7 §11.5)."""
    data, answer, time = (context.value(word) for word in words)
    return medical.mac(
        context.suite, _load_session(context, data, answer), Load.of_request(data).mac2_data(time, _coding(context))
    )


def _load_tac(context: Context, words: tuple[str, ...]) -> bytes:
    """load-tac DATA ANSWER TIME: the TAC of a load, with the balance after it (SSC part 7 §11.8)."""
    data, answer, time = (context.value(word) for word in words)
    load = Load.of_request(data)
    covered = load.tac_data(int.from_bytes(answer[:4], "big") + load.amount, answer[4:6], time, _coding(context))
    return medical.tac(context.suite, _key(context, "DTK", data), covered)


def _load_record(context: Context, words: tuple[str, ...]) -> bytes:
    """load-record DATA ANSWER TIME: the record of the log that a load leaves (V2 §8.5.3)."""
    data, answer, time = (context.value(word) for word in words)
    return answer[4:6] + TransactionType.LOAD.character + data[5:11] + time + data[1:5] + bytes(8)


def _purchase_mac1(context: Context, words: tuple[str, ...]) -> bytes:
    """purchase-mac1 DATA ANSWER SEQUENCE TIME: the PSAM's MAC1 for DEBIT FOR PURCHASE (SSC part 7 §12.3)."""
    data, answer, sequence, time = (context.value(word) for word in words)
    session = _purchase_session(context, data, answer, sequence)
    return medical.mac(context.suite, session, Purchase.of_request(data).mac1_data(time, _coding(context)))


def _purchase_mac1_headed(context: Context, words: tuple[str, ...]) -> bytes:
    """purchase-mac1-headed DATA ANSWER SEQUENCE TIME: MAC1 over the header of DEBIT FOR PURCHASE as well: a fault."""
    data, answer, sequence, time = (context.value(word) for word in words)
    session = _purchase_session(context, data, answer, sequence)
    return medical.mac(
        context.suite, session, b"\xb0\x2c\x01\x00\x0f" + Purchase.of_request(data).mac1_data(time, _coding(context))
    )


def _purchase_mac2(context: Context, words: tuple[str, ...]) -> bytes:
    """purchase-mac2 DATA ANSWER SEQUENCE: the card's MAC2 (SSC part 7 §12.6)."""
    data, answer, sequence = (context.value(word) for word in words)
    session = _purchase_session(context, data, answer, sequence)
    return medical.mac(context.suite, session, Purchase.of_request(data).mac2_data())


def _purchase_tac(context: Context, words: tuple[str, ...]) -> bytes:
    """purchase-tac DATA SEQUENCE TIME: the TAC of a purchase (SSC part 7 §12.6, §15)."""
    data, sequence, time = (context.value(word) for word in words)
    return medical.tac(
        context.suite, _key(context, "DTK", data), Purchase.of_request(data).tac_data(sequence, time, _coding(context))
    )


def _purchase_record(context: Context, words: tuple[str, ...]) -> bytes:
    """purchase-record DATA ANSWER TIME: the record of the log that a purchase leaves (V2 §8.5.3)."""
    data, answer, time = (context.value(word) for word in words)
    return answer[14:16] + TransactionType.PURCHASE.character + data[13:19] + time + data[1:13]


def _account_after(context: Context, words: tuple[str, ...]) -> bytes:
    """account-after DATA ANSWER TIME DAY: balance, totals, year and sequence (16 bytes) that the next INITIALIZE FOR
    PURCHASE tells when this purchase was booked; DAY is the starting day (SSC part 7 §12.6)."""
    data, answer, time, day = (context.value(word) for word in words)
    purchase = Purchase.of_request(data)
    balance, self_paid, pool = (int.from_bytes(answer[at : at + 4], "big") for at in (0, 4, 8))
    year, date, start = int(answer[12:14].hex()), int(time[:4].hex()), int(day.hex())
    if date - (year * 10000 + start) >= 10000:
        self_paid = pool = 0
        year = date // 10000 - (date % 10000 < start)
    amounts = (balance - purchase.account, self_paid + purchase.self_paid, pool + purchase.pool)
    sequence = int.from_bytes(answer[14:16], "big") + 1
    told = b"".join(amount.to_bytes(4, "big") for amount in amounts)
    return told + bytes.fromhex(f"{year:04d}") + sequence.to_bytes(2, "big")


def _if_booked(context: Context, words: tuple[str, ...]) -> bytes:
    """if-booked ANSWER NEW OLD: the new value where a proof was given (9000), otherwise the old one."""
    answer, new, old = (context.value(word) for word in words)
    return new if answer[-2:] == b"\x90\x00" else old


def _plus(context: Context, words: tuple[str, ...]) -> bytes:
    """plus VALUE VALUE: the sum of two binary numbers, as long as the first."""
    first, second = (context.value(word) for word in words)
    return (int.from_bytes(first, "big") + int.from_bytes(second, "big")).to_bytes(len(first), "big")


def _minus(context: Context, words: tuple[str, ...]) -> bytes:
    """minus VALUE VALUE: the difference of two binary numbers, as long as the first."""
    first, second = (context.value(word) for word in words)
    return (int.from_bytes(first, "big") - int.from_bytes(second, "big")).to_bytes(len(first), "big")


def _years_on(context: Context, words: tuple[str, ...]) -> bytes:
    """years-on VALUE STEPS: so many years after a year in BCD (2 bytes)."""
    year = int(context.value(words[0])[:_YEAR_BYTES].hex()) + int(words[1])
    return bytes.fromhex(f"{year:04d}")


MEDICAL_FUNCTIONS: Final[Mapping[str, Function]] = {
    "load-mac1": _load_mac1,
    "load-mac2": _load_mac2,
    "load-tac": _load_tac,
    "load-record": _load_record,
    "purchase-mac1": _purchase_mac1,
    "purchase-mac1-headed": _purchase_mac1_headed,
    "purchase-mac2": _purchase_mac2,
    "purchase-tac": _purchase_tac,
    "purchase-record": _purchase_record,
    "account-after": _account_after,
    "if-booked": _if_booked,
    "plus": _plus,
    "minus": _minus,
    "years-on": _years_on,
}
