"""Cardholder verification (EMV Book 3 §10.5; KRN-CVM)."""

import enum
from typing import Final

from cardsim.crypto.pboc import pin_block_format2
from cardsim.decode import Environment
from cardsim.decode.bits import CVM_METHODS, cvm_rule_text
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu
from terminal.effects import Flow, Mark, PinEntry, PinPurpose, display, enter_pin, report
from terminal.flows.common import refuse, send, stop
from terminal.flows.financial.restrictions import get_data
from terminal.flows.financial.transaction import Aip, Transaction, Tsi, Tvr
from terminal.messages.bank import TransactionType
from terminal.outcome import Cause

_STEP: Final = "cardholder verification"
_NEXT_IF_FAILED: Final = 0x40
_FAIL, _CARD_PIN, _ONLINE_PIN, _CARD_PIN_SIGNATURE, _SIGNATURE, _NO_CVM = 0x00, 0x01, 0x02, 0x03, 0x1E, 0x1F
_CAPABILITY: Final = {_CARD_PIN: 0x80, _ONLINE_PIN: 0x40, _CARD_PIN_SIGNATURE: 0xA0, _SIGNATURE: 0x20, _NO_CVM: 0x08}
"""Bits of 9F33 byte 2 that a method needs (KRN-CFG-004). Methods 04, 05 and 20 are not built in yet."""

_PIN_METHODS: Final = (_CARD_PIN, _ONLINE_PIN, _CARD_PIN_SIGNATURE)


class _Result(enum.IntEnum):
    """Byte 3 of 9F34."""

    UNKNOWN = 0
    FAILED = 1
    SUCCESSFUL = 2


def cardholder_verification(tx: Transaction) -> Flow[None]:
    """Process the CVM list; sets 9F34, TVR and TSI."""
    tx.cvm_result = bytes.fromhex("3F0000")
    if not tx.app.supports(Aip.CVM):
        yield from report(_STEP, Mark.INFO, "the card does not want any")
        return
    cvm_list = tx.app.data.get(0x8E, b"")
    if len(cvm_list) in (0, 8):
        tx.tvr.set(Tvr.DATA_MISSING)
        yield from report(_STEP, Mark.INFO, "the card has no list of methods")
        return
    if len(cvm_list) < 10 or len(cvm_list) % 2:
        stop(Cause.CARD_DATA, _STEP, f"the list of methods has {len(cvm_list)} bytes")
    tx.cvm_result = bytes((0x3F, 0x00, _Result.FAILED))
    done = yield from _process(tx, cvm_list)
    tx.tsi.set(Tsi.CVM)
    if not done:
        tx.tvr.set(Tvr.CVM_FAILED)
    text = cvm_rule_text(tx.cvm_result[0], tx.cvm_result[1])
    yield from report(_STEP, Mark.OK if done else Mark.FAILED, text if done else f"failed ({text})")


def _process(tx: Transaction, cvm_list: bytes) -> Flow[bool]:
    """The rules in order; whether one of them went well or is still open (KRN-CVM-004 to 013, 033 to 035)."""
    limits = int.from_bytes(cvm_list[:4], "big"), int.from_bytes(cvm_list[4:8], "big")
    for offset in range(8, len(cvm_list), 2):
        code, condition = cvm_list[offset : offset + 2]
        if not _applies(tx, code & 0x3F, condition, limits):
            continue
        method = code & 0x3F
        if method == _FAIL:
            tx.cvm_result = bytes((code, condition, _Result.FAILED))
            return False
        if _supported(tx, method):
            result = yield from _perform(tx, method)
            tx.cvm_result = bytes((code, condition, result))
            if result is not _Result.FAILED:
                return True
        elif method not in CVM_METHODS:
            tx.tvr.set(Tvr.CVM_UNKNOWN)
        elif method in _PIN_METHODS:
            tx.tvr.set(Tvr.PIN_PAD_MISSING)
        if not code & _NEXT_IF_FAILED:
            return False
    return False


def _supported(tx: Transaction, method: int) -> bool:
    needed = _CAPABILITY.get(method)
    return needed is not None and tx.terminal.capabilities[1] & needed == needed


def _applies(tx: Transaction, method: int, condition: int, limits: tuple[int, int]) -> bool:
    """Whether a rule's condition holds (KRN-CVM-005 to 011)."""
    cash = tx.config.kind is TransactionType.CASH
    match condition:
        case 0x00:
            return True
        case 0x01:
            return cash and tx.terminal.unattended
        case 0x02:
            return not cash
        case 0x03:
            return _supported(tx, method)
        case 0x04:
            return cash and not tx.terminal.unattended
        case 0x06 | 0x07 | 0x08 | 0x09:
            if tx.app.data.get(0x9F42) != tx.terminal.currency:
                return False
            limit = limits[condition >= 0x08]
            return tx.config.amount > limit if condition & 1 else tx.config.amount < limit
        case _:
            return False


def _perform(tx: Transaction, method: int) -> Flow[_Result]:
    match method:
        case 0x02:
            return (yield from _online_pin(tx))
        case 0x01 | 0x03:
            result = yield from _card_pin(tx)
            signed = method == _CARD_PIN_SIGNATURE and result is _Result.SUCCESSFUL
            return _Result.UNKNOWN if signed else result
        case 0x1E:
            yield from display("Please sign the slip")
            return _Result.UNKNOWN
        case _:
            return _Result.SUCCESSFUL


def _online_pin(tx: Transaction) -> Flow[_Result]:
    """The PIN goes to the host, enciphered in the pad (KRN-CVM-021, 023, KRN-ONL-011)."""
    entered = yield from enter_pin(PinEntry(PinPurpose.ONLINE, "Bank card PIN", pan=tx.app.pan))
    if entered is None:
        tx.tvr.set(Tvr.PIN_NOT_ENTERED)
        return _Result.FAILED
    tx.pin_block = entered.block
    tx.tvr.set(Tvr.ONLINE_PIN)
    return _Result.UNKNOWN


def _card_pin(tx: Transaction) -> Flow[_Result]:
    """The card verifies the PIN (KRN-CVM-014 to 021)."""
    counter = yield from get_data(0x9F17, "PIN tries left", 1)
    tries = None if counter is None else counter[0]
    while tries != 0:
        entered = yield from enter_pin(PinEntry(PinPurpose.CARD, "Bank card PIN", tries))
        if entered is None:
            tx.tvr.set(Tvr.PIN_NOT_ENTERED)
            return _Result.FAILED
        try:
            block = pin_block_format2(entered.digits)
        except ValueError:
            yield from display("The PIN has 4 to 12 digits")
            return _Result.FAILED
        command = CommandApdu(0x00, 0x20, 0x00, 0x80, block)
        response = yield from send(Environment.PSE, "verify the PIN in the card", command, secret=True)
        if response.sw.value == status.OK:
            return _Result.SUCCESSFUL
        if response.sw.value in (status.BLOCKED, status.REFERENCE_DATA_UNUSABLE):
            break
        tries = response.sw.tries_left
        if tries is None:
            refuse(_STEP, "the PIN cannot be verified", response.sw)
        yield from display(f"Wrong PIN, {tries} tries left")
    tx.tvr.set(Tvr.PIN_TRIES_EXCEEDED)
    return _Result.FAILED
