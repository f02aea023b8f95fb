"""Functions of expressions for issuer scripts: their MACs and enciphered PINs, and records that they change.

They see what the words of `1-pse.case` keep: `atc` and `first` of the running transaction, `pan`, `psn`, `gpo`,
`records`.
"""

from collections.abc import Mapping
from typing import Final

from cardsim.crypto import oda, pboc
from cardsim.iso7816 import tlv
from terminal.conformance.context import Context, Disproved, Function, FunctionError
from terminal.conformance.functions_bank import (
    afl_entries,
    card_key,
    icc_key,
    issuer_key,
    object_of,
    oda_static,
    session_key,
)

_HEADER: Final = 4
_MAC_SIZE: Final = 4


def _mac_over(context: Context, header: bytes, data: bytes) -> bytes:
    """The MAC of a command of the running transaction: header with Lc, data."""
    atc = context.value("atc")
    session = session_key(context, pboc.UDK_MAC, atc)
    return pboc.script_mac(session, header, int.from_bytes(atc, "big"), context.value("first"), data)


def _encipher(context: Context, data: bytes) -> bytes:
    """Script data of the running transaction."""
    return pboc.script_encipher(session_key(context, pboc.UDK_ENC, context.value("atc")), data)


def _script(context: Context, words: tuple[str, ...]) -> bytes:
    """script VALUE…: a whole command of an issuer script, from CLA INS P1 P2 and its data; Lc and MAC are added."""
    joined = b"".join(context.value(word) for word in words)
    header, data = joined[:_HEADER], joined[_HEADER:]
    if len(header) < _HEADER or len(data) + _MAC_SIZE > 255:
        raise FunctionError("a script command begins with CLA INS P1 P2 and has at most 251 bytes of data")
    header += bytes((len(data) + _MAC_SIZE,))
    return header + data + _mac_over(context, header, data)


def _mac(context: Context, words: tuple[str, ...]) -> bytes:
    """script-mac HEADER VALUE…: the MAC alone, over a header whose Lc is given."""
    header, *data = (context.value(word) for word in words)
    return _mac_over(context, header, b"".join(data))


def _enciphered(context: Context, words: tuple[str, ...]) -> bytes:
    """script-enciphered VALUE…: script data under the session key for encryption, with length and padding."""
    return _encipher(context, b"".join(context.value(word) for word in words))


def _pin_change(number: int) -> Function:
    """pin-change NEW [OLD]: the enciphered data of PIN CHANGE for PINs in blocks of format 2."""

    def changed(context: Context, words: tuple[str, ...]) -> bytes:
        new, *old = (pboc.pin_of_block_format2(context.value(word)) for word in words)
        block = pboc.pin_change_block(card_key(context, number), new, old[0] if old else None)
        return _encipher(context, block)

    return changed


def _place(context: Context, words: tuple[str, ...]) -> bytes:
    """place-of TAG: P1 and P2 that name the record of the AFL in which a data object stands."""
    tag = int(words[0], 16)
    for (sfi, number, _), record in zip(afl_entries(context, "gpo"), tlv.parse(context.value("records")), strict=True):
        if any(item.tag == tag for item in tlv.walk(record.value)):
            return bytes((number, sfi))
    raise Disproved(f"no record has a data object {words[0]}")


def _replaced(context: Context, words: tuple[str, ...]) -> bytes:
    """replaced RECORD TAG VALUE: the record with another value of a data object."""
    tag, value = int(words[1], 16), context.value(words[2])
    items = tlv.parse(tlv.find(context.value(words[0]), 0x70) or b"")
    return tlv.ber(0x70, b"".join(tlv.ber(item.tag, value if item.tag == tag else item.value) for item in items))


def _genuine(context: Context, words: tuple[str, ...]) -> bytes:
    """genuine GPO RECORDS: 01 where the static data are those that the issuer signed, 00 otherwise."""
    tags = {item.tag for item in tlv.walk(context.value(words[1]))}
    issuer = issuer_key(context, words[1])
    try:
        if 0x9F46 in tags:
            icc_key(context, *words)
        else:
            oda.verify_static(issuer, object_of(context, (words[1], "93")), oda_static(context, words))
    except oda.OdaError:
        return b"\0"
    return b"\1"


SCRIPT_FUNCTIONS: Final[Mapping[str, Function]] = {
    "script": _script,
    "script-mac": _mac,
    "script-enciphered": _enciphered,
    "pin-change": _pin_change(pboc.UDK_ENC),
    "pin-change-ac": _pin_change(pboc.UDK_AC),
    "place-of": _place,
    "replaced": _replaced,
    "genuine": _genuine,
}
"""Functions of expressions for issuer scripts, by name."""
