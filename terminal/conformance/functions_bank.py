"""Functions of expressions for the payment environment: cryptograms, data object lists, records and signatures.

They see what the words of `1-pse.case` keep: `gpo` (value of template 80), `records` (all records of the AFL, one
behind the other), `pan`, `psn`, `atc`, `iad`. Data of the terminal have defaults; `let country = 0840` changes one.
"""

import calendar
import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from cardsim.crypto import oda, pboc
from cardsim.crypto.rsa import RsaPublicKey
from cardsim.iso7816 import tlv
from cardsim.keyfile import BankKeys
from terminal.conformance.context import Context, Disproved, Function, FunctionError

TERMINAL: Final[Mapping[int, tuple[str, bytes]]] = {
    0x9F02: ("amount", bytes.fromhex("000000001000")),
    0x9F03: ("other-amount", bytes(6)),
    0x9F1A: ("country", bytes.fromhex("0156")),
    0x95: ("tvr", bytes.fromhex("0000048000")),
    0x5F2A: ("currency", bytes.fromhex("0156")),
    0x9A: ("date", bytes.fromhex("240101")),
    0x9C: ("type", b"\0"),
    0x9F37: ("unpredictable", bytes.fromhex("12345678")),
    0x9F21: ("time", bytes.fromhex("101500")),
    0x9F4E: ("merchant", b"TEST MERCHANT       "),
    0x8A: ("response-code", b"00"),
    0x9F7A: ("cash-wish", b"\0"),
    0x9F33: ("capabilities", bytes.fromhex("E0E9C8")),
    0x9F35: ("terminal-type", b"\x22"),
}
"""Data of the terminal: the name by which a case changes it, and its default. The defaults are those of vector G1."""

CVR_BITS: Final[Mapping[str, int]] = {
    "authentication-failed": 0x080000,
    "pin-performed": 0x040000,
    "pin-failed": 0x020000,
    "unable-online": 0x010000,
    "not-completed": 0x008000,
    "pin-exceeded": 0x004000,
    "velocity": 0x002000,
    "new-card": 0x001000,
    "authentication-failed-last": 0x000800,
    "authentication-missing": 0x000400,
    "blocked-by-pin": 0x000200,
    "sda-failed-last": 0x000100,
    "script-failed": 0x000008,
    "dda-failed-last": 0x000004,
    "dda-performed": 0x000002,
}
"""Bits of the card verification results, bytes 2 to 4 (PBOC part 5)."""

_AC_TAGS: Final = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)
_NUMERIC: Final = frozenset({0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9A, 0x9C, 0x9F21})
_RID: Final = bytes.fromhex("A000000333")
_TEMPLATES: Final = frozenset({0x70, 0x61, 0x6F, 0xA5, 0xBF0C, 0x77})


def _bank_keys(context: Context) -> BankKeys:
    bank = context.keys.bank
    if bank is None:
        raise FunctionError("the key file has no [bank] section")
    return bank


def card_key(context: Context, number: int) -> bytes:
    """A card key of the bank: UDK_AC, UDK_MAC or UDK_ENC; PAN and PSN must have been captured as pan and psn."""
    bank = _bank_keys(context)
    pan = context.value("pan").hex().upper().rstrip("F")
    return pboc.derive_udk((bank.mdk_ac, bank.mdk_mac, bank.mdk_enc)[number], pan, context.value("psn").hex())


def session_key(context: Context, number: int, atc: bytes) -> bytes:
    """Session key of the card key UDK_AC, UDK_MAC or UDK_ENC for a transaction."""
    return pboc.session_key(card_key(context, number), int.from_bytes(atc, "big"))


def _number(context: Context, word: str) -> int:
    return int.from_bytes(context.value(word), "big")


def _ac(context: Context, words: tuple[str, ...]) -> bytes:
    """ac ATC DATA…: application cryptogram over the joined values."""
    data = b"".join(context.value(word) for word in words[1:])
    return pboc.application_cryptogram(session_key(context, pboc.UDK_AC, context.value(words[0])), data)


def _arpc(context: Context, words: tuple[str, ...]) -> bytes:
    """arpc ATC AC ARC: the issuer's answer (ARC in hex, 3030)."""
    session = session_key(context, pboc.UDK_AC, context.value(words[0]))
    return pboc.arpc(session, context.value(words[1]), context.value(words[2]))


def _idd_mac(context: Context, words: tuple[str, ...]) -> bytes:
    """idd-mac ATC DATA: MAC inside the issuer application data."""
    session = session_key(context, pboc.UDK_MAC, context.value(words[0]))
    return pboc.idd_mac(session, _number(context, words[0]), context.value(words[1]))


# --- data objects ------------------------------------------------------------------------------------------------


def _items(context: Context, word: str) -> list[tlv.Tlv]:
    """All data objects of a value, in order."""
    try:
        return list(tlv.walk(context.value(word)))
    except tlv.TlvError as error:
        raise Disproved(f"{word} is no TLV: {error}") from error


def object_of(context: Context, words: tuple[str, ...]) -> bytes:
    """object VALUE TAG: the value of a data object, wherever it stands."""
    try:
        found = _first_object(context.value(words[0]), int(words[1], 16))
    except tlv.TlvError as error:
        raise Disproved(f"{words[0]} is no TLV: {error}") from error
    if found is None:
        raise Disproved(f"there is no data object {words[1]}")
    return found


@functools.lru_cache(maxsize=256)
def _first_object(value: bytes, tag: int) -> bytes | None:
    """The first data object of a tag; lists are filled from the same few records again and again."""
    return next((item.value for item in list(tlv.walk(value)) if item.tag == tag), None)


def _count(context: Context, words: tuple[str, ...]) -> bytes:
    """count VALUE TAG: how often a data object occurs, as one byte."""
    tag = int(words[1], 16)
    return bytes((sum(item.tag == tag for item in _items(context, words[0])),))


def _duplicates(context: Context, words: tuple[str, ...]) -> bytes:
    """duplicates VALUE: the tags that occur more than once, templates left out; nothing where all is well."""
    seen = Counter(item.tag for item in _items(context, words[0]) if item.tag not in _TEMPLATES)
    return b"".join(tlv.tag_bytes(tag) for tag, count in seen.items() if count > 1)


def _rebuilt(context: Context, words: tuple[str, ...]) -> bytes:
    """rebuilt VALUE: the same data objects with every length in its shortest form."""

    def build(data: bytes) -> bytes:
        items = tlv.parse(data)
        return b"".join(tlv.ber(item.tag, build(item.value) if item.constructed else item.value) for item in items)

    try:
        return build(context.value(words[0]))
    except tlv.TlvError as error:
        raise Disproved(f"{words[0]} is no TLV: {error}") from error


def _length(context: Context, words: tuple[str, ...]) -> bytes:
    """length VALUE: its number of bytes, as one byte."""
    return bytes((len(context.value(words[0])),))


def _digits(context: Context, words: tuple[str, ...]) -> bytes:
    """digits VALUE FROM TO: digits of a value, F in front where their number is odd."""
    text = context.value(words[0]).hex()[int(words[1]) : int(words[2])]
    return bytes.fromhex("f" * (len(text) % 2) + text)


def _within(context: Context, words: tuple[str, ...]) -> bytes:
    """within LOW VALUE HIGH: 01 where the value lies between both, which belong to it; 00 otherwise."""
    low, value, high = (context.value(word) for word in words)
    return b"\1" if low <= value <= high and len(low) == len(value) else b"\0"


def _either(context: Context, words: tuple[str, ...]) -> bytes:
    """either VALUE A B…: 01 where the value is one of the others, 00 otherwise."""
    value, *others = (context.value(word) for word in words)
    return b"\1" if value in others else b"\0"


def _money(context: Context, words: tuple[str, ...]) -> bytes:
    """money AMOUNT STEP: an amount in BCD, so many fen more or less (`+1`, `-100`), or more by another amount."""
    step = int(words[1]) if words[1][0] in "+-" else int(context.value(words[1]).hex())
    return bytes.fromhex(f"{(int(context.value(words[0]).hex()) + step) % 10**12:012d}")


def _smaller(context: Context, words: tuple[str, ...]) -> bytes:
    """smaller A B: the smaller one of two amounts."""
    return min(context.value(words[0]), context.value(words[1]))


def _luhn(context: Context, words: tuple[str, ...]) -> bytes:
    """luhn PAN: the sum of the check over its digits, modulo 10; 00 for a right one."""
    number = [int(digit) for digit in reversed(context.value(words[0]).hex().rstrip("f"))]
    doubled = [sum(divmod(2 * digit, 10)) for digit in number[1::2]]
    return bytes(((sum(number[::2]) + sum(doubled)) % 10,))


def _track2(context: Context, words: tuple[str, ...]) -> bytes:
    """track2 RECORDS PART: pan (as in 5A), expiry (YYMM) or service (F and three digits) of tag 57."""
    pan, found, rest = object_of(context, (words[0], "57")).hex().partition("d")
    if not found or len(rest) < 7:
        raise Disproved("track 2 has no PAN, D, expiry date and service code")
    parts = {"pan": pan + "f" * (len(pan) % 2), "expiry": rest[:4], "service": "f" + rest[4:7]}
    return bytes.fromhex(parts[words[1]])


def _month_end(context: Context, words: tuple[str, ...]) -> bytes:
    """month-end DATE: the last day of the month of a date YYMMDD."""
    text = context.value(words[0]).hex()
    if not text.isdigit() or not 1 <= int(text[2:4]) <= 12:
        raise Disproved(f"{text} is no date")
    last = calendar.monthrange(2000 + int(text[:2]), int(text[2:4]))[1]
    return bytes.fromhex(f"{text[:4]}{last:02d}")


def _asks_for(context: Context, words: tuple[str, ...]) -> bytes:
    """asks-for LIST ENTRY: 01 where a data object list has an entry (tag and length), 00 otherwise."""
    entries = [tlv.tag_bytes(tag) + bytes((size,)) for tag, size in tlv.parse_dol(context.value(words[0]))]
    return b"\1" if context.value(words[1]) in entries else b"\0"


def _other_pin(context: Context, _words: tuple[str, ...]) -> bytes:
    """other-pin: a PIN block of the right form with a wrong PIN: each digit one more."""
    holder = context.keys.holder
    if holder is None or holder.offline_pin is None:
        raise FunctionError("the key file's [holder] has no offline_pin")
    return pboc.pin_block_format2("".join(str((int(digit) + 1) % 10) for digit in holder.offline_pin))


# --- what the terminal sends --------------------------------------------------------------------------------------


def _known(context: Context, words: tuple[str, ...]) -> dict[int, bytes]:
    """The terminal's data: defaults, what the case has set by name, what the expression sets by tag (TAG=VALUE)."""
    values = {tag: context.captured.get(name, default) for tag, (name, default) in TERMINAL.items()}
    for word in words:
        tag, _, value = word.partition("=")
        values[int(tag, 16)] = context.value(value)
    return values


def _filled(context: Context, words: tuple[str, ...], dol: bytes) -> bytes:
    return tlv.fill_dol(dol, _known(context, words), numeric=_NUMERIC)


def _cdol(tag: str) -> Function:
    """cdol1 [TAG=VALUE…], cdol2 …, ddol …: the card's own list from its records, filled."""
    return lambda context, words: _filled(context, words, object_of(context, ("records", tag)))


def _pdol(context: Context, words: tuple[str, ...]) -> bytes:
    """pdol [TAG=VALUE…]: the values that the FCI asks for, in template 83."""
    found = [item.value for item in _items(context, "fci") if item.tag == 0x9F38]
    return tlv.ber(0x83, _filled(context, words, found[0] if found else b""))


def _log_record(context: Context, _words: tuple[str, ...]) -> bytes:
    """log-record: what the log says of the last transaction, in the format that `log-format` holds."""
    values = _known(context, ()) | {0x9F36: context.value("atc")}
    return tlv.fill_dol(context.value("log-format"), values, numeric=_NUMERIC)


def _computed_ac(context: Context, words: tuple[str, ...]) -> bytes:
    """computed-ac CDOL DATA: what the bank computes for the last answer, from the command's data, `atc` and `iad`."""
    data, values, at = context.value(words[1]), dict[int, bytes](), 0
    for tag, length in tlv.parse_dol(object_of(context, ("records", words[0]))):
        values[tag] = data[at : at + length]
        at += length
    message = b"".join(values.get(tag, b"") for tag in _AC_TAGS)
    atc = context.value("atc")
    message += context.value("gpo")[:2] + atc + context.value("iad")[3:7]
    return pboc.application_cryptogram(session_key(context, pboc.UDK_AC, atc), message)


def _cvr_has(context: Context, words: tuple[str, ...]) -> bytes:
    """cvr-has BIT…: 01 where all these bits of the CVR in `iad` are set, 00 where none is, FF otherwise."""
    wanted = sum(CVR_BITS[word] for word in words)
    found = int.from_bytes(context.value("iad")[4:7], "big") & wanted
    return b"\1" if found == wanted else b"\0" if not found else b"\xff"


def _masked(context: Context, words: tuple[str, ...]) -> bytes:
    """masked VALUE MASK: the bits of a value that the mask has."""
    return bytes(a & b for a, b in zip(context.value(words[0]), context.value(words[1]), strict=True))


# --- application file locator and offline data authentication -----------------------------------------------------


def afl_entries(context: Context, word: str) -> Iterator[tuple[int, int, bool]]:
    """SFI in its place of P2, record number, and whether the record is signed, for each record of an AFL."""
    afl = context.value(word)[2:]
    if not afl or len(afl) % 4:
        raise Disproved(f"the AFL {afl.hex().upper()} is no list of four bytes each")
    for at in range(0, len(afl), 4):
        sfi, first, last, signed = afl[at : at + 4]
        for number in range(first, last + 1):
            yield sfi | 4, number, number < first + signed


def _afl_records(context: Context, words: tuple[str, ...]) -> bytes:
    """afl-records GPO: P1 and P2 of READ RECORD for each record of the AFL."""
    return b"".join(bytes((number, sfi)) for sfi, number, _ in afl_entries(context, words[0]))


def oda_static(context: Context, words: tuple[str, ...]) -> bytes:
    """oda-static GPO RECORDS: the static data that are signed, the AIP included where 9F4A asks for it."""
    templates = [item.value for item in tlv.parse(context.value(words[1]))]
    signed = [value for value, (_, _, part) in zip(templates, afl_entries(context, words[0]), strict=True) if part]
    tags = [item.value for item in _items(context, words[1]) if item.tag == 0x9F4A]
    return b"".join(signed) + (context.value(words[0])[:2] if tags == [b"\x82"] else b"")


def _ca_key(context: Context, records: str) -> RsaPublicKey:
    """The CA key that 8F names."""
    index = object_of(context, (records, "8F"))[0]
    found = next((ca for ca in _bank_keys(context).ca if (ca.rid, ca.index) == (_RID, index)), None)
    if found is None:
        raise FunctionError(f"the key file has no CA key {index:02X} of {_RID.hex().upper()}")
    return RsaPublicKey(int.from_bytes(found.modulus, "big"), int.from_bytes(found.exponent, "big"))


def issuer_key(context: Context, records: str) -> RsaPublicKey:
    """The issuer's key, after all checks of its certificate."""
    key = _ca_key(context, records)
    tags = {item.tag: item.value for item in _items(context, records)}
    pan = object_of(context, (records, "5A")).hex().upper().rstrip("F")
    exponent = object_of(context, (records, "9F32"))
    return oda.recover_issuer_key(key, object_of(context, (records, "90")), tags.get(0x92, b""), exponent, pan)


def icc_key(context: Context, gpo: str, records: str) -> RsaPublicKey:
    """The card's key from its certificate, which proves the static data too."""
    tags = {item.tag: item.value for item in _items(context, records)}
    pan = object_of(context, (records, "5A")).hex().upper().rstrip("F")
    certificate, exponent = object_of(context, (records, "9F46")), object_of(context, (records, "9F47"))
    static = oda_static(context, (gpo, records))
    issuer = issuer_key(context, records)
    return oda.recover_icc_key(issuer, certificate, tags.get(0x9F48, b""), exponent, pan, static)


def _modulus(key: RsaPublicKey) -> bytes:
    return key.n.to_bytes(key.size, "big")


def _issuer_certificate(context: Context, words: tuple[str, ...]) -> bytes:
    """issuer-certificate RECORDS: what the CA key recovers from tag 90, unchecked."""
    return _ca_key(context, words[0]).recover(object_of(context, (words[0], "90")))


def _issuer_modulus(context: Context, words: tuple[str, ...]) -> bytes:
    """issuer-modulus RECORDS: from the issuer's certificate, after all checks."""
    return _modulus(issuer_key(context, words[0]))


def _icc_modulus(context: Context, words: tuple[str, ...]) -> bytes:
    """icc-modulus GPO RECORDS: from the card's certificate, after all checks."""
    return _modulus(icc_key(context, words[0], words[1]))


def _icc_enciphered(context: Context, words: tuple[str, ...]) -> bytes:
    """icc-enciphered GPO RECORDS DATA: data filled to the length of the card's key, under its public key."""
    key = icc_key(context, words[0], words[1])
    return key.recover(context.value(words[2]).ljust(key.size, b"\x55"))


def _sda(context: Context, words: tuple[str, ...]) -> bytes:
    """sda GPO RECORDS: data authentication code of the static signature, after all checks."""
    static = oda_static(context, words)
    return oda.verify_static(issuer_key(context, words[1]), object_of(context, (words[1], "93")), static)


def _dda(context: Context, words: tuple[str, ...]) -> bytes:
    """dda GPO RECORDS SIGNATURE DATA: ICC dynamic data of a signature over the values of the DDOL."""
    key = icc_key(context, words[0], words[1])
    return oda.verify_dynamic(key, context.value(words[2]), context.value(words[3]))


def _combined_hash(context: Context, words: tuple[str, ...]) -> bytes:
    """combined-hash ANSWER TOLD: what CDA hashes: the values that the card was told, and its answer but for 9F4B."""
    said = b"".join(
        tlv.ber(item.tag, item.value) for item in _items(context, words[0]) if item.tag not in (0x77, 0x9F4B)
    )
    return hashlib.sha1(context.value(words[1]) + said, usedforsecurity=False).digest()


def _dda_block(context: Context, words: tuple[str, ...]) -> bytes:
    """dda-block GPO RECORDS SIGNATURE: the recovered block, unchecked."""
    return icc_key(context, words[0], words[1]).recover(context.value(words[2]))


def _issuer_block(context: Context, words: tuple[str, ...]) -> bytes:
    """issuer-block RECORDS TAG: what the issuer's key recovers from a data object, unchecked."""
    return issuer_key(context, words[0]).recover(object_of(context, (words[0], words[1])))


def _proving(function: Function) -> Function:
    """A signature that does not verify disproves the card."""

    def proved(context: Context, words: tuple[str, ...]) -> bytes:
        try:
            return function(context, words)
        except (oda.OdaError, tlv.TlvError) as error:
            raise Disproved(str(error)) from error

    return proved


BANK_FUNCTIONS: Final[Mapping[str, Function]] = {
    "ac": _ac,
    "arpc": _arpc,
    "idd-mac": _idd_mac,
    "udk-ac": lambda context, _words: card_key(context, pboc.UDK_AC),
    "session-ac": lambda context, words: session_key(context, pboc.UDK_AC, context.value(words[0])),
    "object": object_of,
    "count": _count,
    "duplicates": _duplicates,
    "rebuilt": _rebuilt,
    "length": _length,
    "digits": _digits,
    "within": _within,
    "either": _either,
    "money": _money,
    "smaller": _smaller,
    "luhn": _luhn,
    "track2": _track2,
    "month-end": _month_end,
    "asks-for": _proving(_asks_for),
    "other-pin": _other_pin,
    "down-to-one": lambda context, words: bytes(range(_number(context, words[0]) - 1)),
    "empty": lambda _context, _words: b"",
    "cdol1": _cdol("8C"),
    "cdol2": _cdol("8D"),
    "ddol": _cdol("9F49"),
    "pdol": _pdol,
    "log-record": _log_record,
    "computed-ac": _computed_ac,
    "cvr-has": _cvr_has,
    "masked": _masked,
    "afl-records": _afl_records,
    "read-p2": lambda context, words: bytes((_number(context, words[0]) << 3 | 4,)),
    "oda-static": _proving(oda_static),
    "issuer-certificate": _proving(_issuer_certificate),
    "issuer-modulus": _proving(_issuer_modulus),
    "icc-modulus": _proving(_icc_modulus),
    "icc-enciphered": _proving(_icc_enciphered),
    "sda": _proving(_sda),
    "dda": _proving(_dda),
    "combined-hash": _proving(_combined_hash),
    "dda-block": _proving(_dda_block),
    "issuer-block": _proving(_issuer_block),
}
"""Functions of expressions for the payment environment, by name."""
