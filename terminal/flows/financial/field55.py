"""Field 55 of the messages to the bank's host: the chip data objects of each kind of message (KRN-F55)."""

from collections.abc import Mapping, Sequence
from typing import Final

from cardsim.iso7816.tlv import ber
from terminal.flows.financial.transaction import Cryptogram, Transaction
from terminal.messages.bank import MessageKind

_MANDATORY: Final = (
    0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03, 0x9F33,
)  # fmt: skip
_OPTIONAL: Final = (0x9F34, 0x9F35, 0x9F1E, 0x84, 0x9F09, 0x9F41, 0x5F34)
_REQUEST: Final = _MANDATORY + _OPTIONAL
_CASH: Final = (0x9F74, 0x9F63)
"""Of electronic cash besides: the issuer's authorisation code, and the card product of cards of version 3.0."""

SCRIPT_RESULTS: Final = 0xDF31
_NOTICE: Final = (0x9F33, 0x95, 0x9F37, 0x9F1E, 0x9F10, 0x9F26, 0x9F36, 0x82, SCRIPT_RESULTS, 0x9F1A, 0x9A)

TAGS: Final[Mapping[MessageKind, Sequence[int]]] = {
    MessageKind.AUTHORISE: _REQUEST,
    MessageKind.CHANGE_PIN: _REQUEST,
    MessageKind.SERVE: _REQUEST,
    MessageKind.CONFIRM: _REQUEST,
    MessageKind.UPLOAD: _REQUEST + _CASH,
    MessageKind.SCRIPT_NOTICE: _NOTICE,
}
"""The data objects of each kind that a terminal makes, in their order. A reversal has those of its request."""

_VERSION_3: Final = bytes.fromhex("0030")


def field_55(tx: Transaction, kind: MessageKind, cryptogram: Cryptogram, scripts: bytes = b"") -> bytes:
    """The chip data of a message about a cryptogram; what is not there is left out (KRN-F55-009).

    Args:
        tx: the transaction; terminal values are those of now.
        kind: the message.
        cryptogram: the one that the message is about (KRN-F55-002).
        scripts: results of the issuer's scripts, 5 bytes each.
    """
    values = tx.app.data | tx.terminal_values()
    values |= {
        0x9F26: cryptogram.value,
        0x9F27: bytes((cryptogram.cid,)),
        0x9F36: cryptogram.atc.to_bytes(2, "big"),
        0x9F10: cryptogram.iad,
        0x82: tx.app.aip,
        0x84: tx.app.aid,
        SCRIPT_RESULTS: scripts,
    }
    if kind is not MessageKind.SCRIPT_NOTICE:
        values[0x95] = cryptogram.tvr  # a notice has the bit of its own failure
    if tx.electronic_cash is None:
        values.pop(0x9F74, None)
    if tx.app.data.get(0x9F08) != _VERSION_3:
        values.pop(0x9F63, None)
    return b"".join(ber(tag, values[tag]) for tag in TAGS[kind] if values.get(tag))
