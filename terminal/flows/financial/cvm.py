"""Cardholder verification (EMV Book 3 §10.5; KRN-CVM). Method 20, the identity document, is PBOC's own."""

from dataclasses import dataclass
from typing import Final

from cardsim.decode.bits import CVM_METHODS, cvm_rule_text
from cardsim.decode.items import item_of
from cardsim.decode.values import item_text, yuan
from terminal.effects import Flow, Mark, choose, display, report
from terminal.flows.common import stop
from terminal.flows.financial.pin import CvmResult, ask_online_pin, enciphered_pin, plain_pin
from terminal.flows.financial.transaction import Aip, Transaction, Tsi, Tvr
from terminal.messages.bank import TransactionType
from terminal.outcome import Cause

_STEP: Final = "cardholder verification"
_NEXT_IF_FAILED: Final = 0x40
_METHOD: Final = 0x3F
_FAIL, _PIN, _ONLINE_PIN, _PIN_SIGNATURE = 0x00, 0x01, 0x02, 0x03
_ENCIPHERED_PIN, _ENCIPHERED_PIN_SIGNATURE = 0x04, 0x05
_SIGNATURE, _NO_CVM, _DOCUMENT = 0x1E, 0x1F, 0x20
_CAPABILITY: Final = {
    _PIN: 0x80,
    _ONLINE_PIN: 0x40,
    _PIN_SIGNATURE: 0xA0,
    _ENCIPHERED_PIN: 0x10,
    _ENCIPHERED_PIN_SIGNATURE: 0x30,
    _SIGNATURE: 0x20,
    _NO_CVM: 0x08,
    _DOCUMENT: 0x01,
}
"""Bits of 9F33 byte 2 that a method needs (KRN-CFG-004)."""
_PIN_METHODS: Final = (_PIN, _ONLINE_PIN, _PIN_SIGNATURE, _ENCIPHERED_PIN, _ENCIPHERED_PIN_SIGNATURE)
_WITH_SIGNATURE: Final = (_PIN_SIGNATURE, _ENCIPHERED_PIN_SIGNATURE)
_HIGHEST_DOCUMENT_TYPE: Final = 5
_DOCUMENT_NUMBER, _DOCUMENT_TYPE = 0x9F61, 0x9F62
_YES: Final = 0


@dataclass(frozen=True, slots=True)
class _Situation:
    """What conditions ask for."""

    unattended_cash: bool
    manual_cash: bool
    cashback: bool


def cardholder_verification(tx: Transaction) -> Flow[None]:
    """Process the CVM list; sets 9F34, TVR and TSI.

    Raises:
        Stopped: the list has a wrong length, the card refuses a PIN command, or the holder refuses the amount.
    """
    tx.cvm_result = bytes.fromhex("3F0000")
    if not tx.app.supports(Aip.CVM):
        yield from report(_STEP, Mark.INFO, "the card does not want any")
    else:
        yield from _process_list(tx)
    yield from _confirm_amount(tx)


def _process_list(tx: Transaction) -> Flow[None]:
    cvm_list = tx.app.data.get(0x8E, b"")
    if len(cvm_list) in (0, 8):
        tx.tvr.set(Tvr.DATA_MISSING)
        yield from report(_STEP, Mark.INFO, "the card has no list of methods")
        return
    if len(cvm_list) < 10 or len(cvm_list) % 2:
        stop(Cause.CARD_DATA, _STEP, f"the list of methods has {len(cvm_list)} bytes")
    tx.cvm_result = bytes((0x3F, 0x00, CvmResult.FAILED))
    done = yield from _process_rules(tx, cvm_list)
    tx.tsi.set(Tsi.CVM)
    if not done:
        tx.tvr.set(Tvr.CVM_FAILED)
    text = cvm_rule_text(tx.cvm_result[0], tx.cvm_result[1])
    yield from report(_STEP, Mark.OK if done else Mark.FAILED, text if done else f"failed ({text})")


def _process_rules(tx: Transaction, cvm_list: bytes) -> Flow[bool]:
    """The rules in order; whether one of them went well or is still open (KRN-CVM-004 to 013, 033 to 035)."""
    limits = int.from_bytes(cvm_list[:4], "big"), int.from_bytes(cvm_list[4:8], "big")
    for offset in range(8, len(cvm_list), 2):
        code, condition = cvm_list[offset : offset + 2]
        method = code & _METHOD
        if not _applies(tx, method, condition, limits):
            continue
        if method == _FAIL:
            tx.cvm_result = bytes((code, condition, CvmResult.FAILED))
            return False
        if _supported(tx, method):
            result = yield from _perform(tx, method)
            tx.cvm_result = bytes((code, condition, result))
            if result is not CvmResult.FAILED:
                return True
        elif method not in CVM_METHODS:
            tx.tvr.set(Tvr.CVM_UNKNOWN)
        elif method in _PIN_METHODS:
            tx.tvr.set(Tvr.PIN_PAD_MISSING)
        if not code & _NEXT_IF_FAILED:
            return False
    return False


def _supported(tx: Transaction, method: int) -> bool:
    if method == _FAIL:
        return True
    if method == _DOCUMENT:
        return tx.terminal.identity_document
    needed = _CAPABILITY.get(method)
    return needed is not None and tx.terminal.capabilities[1] & needed == needed


def _applies(tx: Transaction, method: int, condition: int, limits: tuple[int, int]) -> bool:
    """Whether a rule's condition holds (KRN-CVM-005 to 011)."""
    cash = tx.config.kind is TransactionType.CASH
    situation = _Situation(
        unattended_cash=cash and tx.terminal.unattended,
        manual_cash=cash and not tx.terminal.unattended,
        cashback=bool(tx.config.cashback),
    )
    match condition:
        case 0x00:
            return True
        case 0x01:
            return situation.unattended_cash
        case 0x02:
            return not (situation.unattended_cash or situation.manual_cash or situation.cashback)
        case 0x03:
            return _supported(tx, method)
        case 0x04:
            return situation.manual_cash
        case 0x05:
            return situation.cashback
        case 0x06 | 0x07 | 0x08 | 0x09:
            if tx.app.data.get(0x9F42) != tx.terminal.currency:
                return False
            limit = limits[condition >= 0x08]
            return tx.config.amount > limit if condition & 1 else tx.config.amount < limit
        case _:
            return False


def _perform(tx: Transaction, method: int) -> Flow[CvmResult]:
    match method:
        case 0x02:
            entered = yield from ask_online_pin(tx)
            if not entered and not tx.config.pin_pad_works:
                return CvmResult.FAILED
            if not entered:
                tx.tvr.set(Tvr.PIN_NOT_ENTERED)
            return CvmResult.UNKNOWN if entered else CvmResult.FAILED
        case 0x01 | 0x03 | 0x04 | 0x05:
            verify = plain_pin if method in (_PIN, _PIN_SIGNATURE) else enciphered_pin
            result = yield from verify(tx)
            if result is CvmResult.SUCCESSFUL and method in _WITH_SIGNATURE:
                return (yield from _sign(tx))
            return result
        case 0x1E:
            return (yield from _sign(tx))
        case 0x20:
            return (yield from _look_at_document(tx))
        case _:
            return CvmResult.SUCCESSFUL


def _sign(tx: Transaction) -> Flow[CvmResult]:
    """The slip gets a line for it; nobody knows yet how it looks (KRN-CVM-025, 027)."""
    tx.signature_wanted = True
    yield from display("Please sign the slip")
    return CvmResult.UNKNOWN


def _look_at_document(tx: Transaction) -> Flow[CvmResult]:
    """The attendant compares the identity document with 9F61 and 9F62 (持卡人证件出示; KRN-CVM-029 to 031)."""
    number, kind = tx.app.data.get(_DOCUMENT_NUMBER), tx.app.data.get(_DOCUMENT_TYPE)
    if number is None or kind is None:
        tx.tvr.set(Tvr.DATA_MISSING)
        return CvmResult.FAILED
    if kind[0] > _HIGHEST_DOCUMENT_TYPE:
        return CvmResult.FAILED
    shown = item_text(item_of(_DOCUMENT_TYPE), kind), item_text(item_of(_DOCUMENT_NUMBER), number)
    answer = yield from choose(f"Identity document: {shown[0]}, {shown[1]}. Is it the holder's?", "Yes", "No")
    return CvmResult.SUCCESSFUL if answer == _YES else CvmResult.FAILED


def _confirm_amount(tx: Transaction) -> Flow[None]:
    """Ask once where the terminal does so; a PIN that was entered confirms the amount (KRN-CVM-037)."""
    if not tx.terminal.confirms_amount or tx.pin_entered:
        return
    answer = yield from choose(f"Pay {yuan(tx.config.amount)}?", "Yes", "No")
    if answer != _YES:
        stop(Cause.CANCELLED, _STEP, "the holder does not confirm the amount")
