"""Electronic cash (电子现金): when the terminal asks for it, and what it does where the card agrees (JR/T 0025.13)."""

from typing import Final

from cardsim.decode.values import yuan
from cardsim.iso7816.tlv import TlvError, parse_dol
from terminal.effects import Flow, Mark, report
from terminal.flows.common import stop
from terminal.flows.financial.data import get_amount
from terminal.flows.financial.transaction import ElectronicCash, Transaction
from terminal.messages.bank import TransactionType
from terminal.outcome import Cause

_STEP: Final = "electronic cash"
INDICATOR: Final = 0x9F7A
AUTHORISATION_CODE: Final = 0x9F74
BALANCE: Final = 0x9F79
RESET_THRESHOLD: Final = 0x9F6D
_CODE_LENGTH: Final = 6
_DISCRETIONARY: Final = 8
_BALANCE_IDS: Final = (0x01, 0x03)
_BALANCE_LENGTH: Final = 5


def asks_for_cash(tx: Transaction) -> bool:
    """Whether 9F7A is 1: the card can tell, and this is a purchase below the limit (KRN-EC-001 to 004, KRN-INI-012)."""
    config, parameters = tx.config, tx.app.parameters
    limit = parameters.floor_limit if parameters.ec_limit is None else parameters.ec_limit
    if not tx.terminal.electronic_cash or not tx.amount_known:
        return False
    if config.kind is not TransactionType.PURCHASE or config.cashback or config.amount >= limit:
        return False
    try:
        return INDICATOR in (tag for tag, _ in parse_dol(tx.app.pdol))
    except TlvError:
        return False


def take_up_cash(tx: Transaction) -> Flow[None]:
    """Whether the card agreed (9F74); then read balance and reset threshold (KRN-EC-005 to 010).

    Raises:
        Stopped: the card agreed, but the code has another length than 6, or balance or threshold cannot be read.
    """
    code = tx.app.data.get(AUTHORISATION_CODE)
    if not tx.ec_requested:
        if code is not None:
            del tx.app.data[AUTHORISATION_CODE]
            yield from report(_STEP, Mark.INFO, "the card offers what nobody asked for; ignored")
        return
    if code is None:
        yield from report(_STEP, Mark.INFO, "the card takes this as an ordinary purchase")
        return
    if len(code) != _CODE_LENGTH:
        stop(Cause.CARD_DATA, _STEP, f"the issuer authorisation code has {len(code)} bytes, not {_CODE_LENGTH}")
    balance = yield from get_amount(BALANCE, "balance of electronic cash")
    threshold = yield from get_amount(RESET_THRESHOLD, "reset threshold of electronic cash")
    if balance is None or threshold is None:
        stop(Cause.CARD_DATA, _STEP, "balance or reset threshold cannot be read")
    tx.electronic_cash = ElectronicCash(balance, threshold)
    yield from report(_STEP, Mark.OK, "the card agrees", ("balance", yuan(balance)), ("threshold", yuan(threshold)))


def balance_after(iad: bytes) -> Flow[int | None]:
    """The balance after a TC in fen: from the issuer's data in 9F10 (id 01 or 03), else by GET DATA (KRN-EC-018)."""
    told = _told_balance(iad)
    return told if told is not None else (yield from get_amount(BALANCE, "balance of electronic cash"))


def _told_balance(iad: bytes) -> int | None:
    """The balance in the issuer discretionary data: length, id, five bytes of BCD, more, MAC."""
    data = iad[_DISCRETIONARY:]
    if len(data) < 2 + _BALANCE_LENGTH or data[0] != len(data) - 1 or data[1] not in _BALANCE_IDS:
        return None
    digits = data[2 : 2 + _BALANCE_LENGTH].hex()
    return int(digits) if digits.isdecimal() else None
