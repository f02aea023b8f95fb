"""PINs of the payment application: to the card, plain or enciphered, and to the host (EMV Book 3 §10.5.1, §10.5.2)."""

import enum
from collections.abc import Generator
from typing import Final

from cardsim.crypto.oda import OdaError
from cardsim.crypto.pboc import pin_block_format2
from cardsim.crypto.rsa import RsaPublicKey
from cardsim.decode import Environment
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from terminal.effects import (
    Effect,
    EffectResult,
    Flow,
    Mark,
    PinEntered,
    PinEntry,
    PinPurpose,
    display,
    draw_random,
    enter_pin,
    report,
)
from terminal.flows.common import need_ok, refuse, send, stop
from terminal.flows.financial.data import get_data
from terminal.flows.financial.oda import pin_key
from terminal.flows.financial.transaction import Transaction, Tvr
from terminal.outcome import Cause

_STEP: Final = "cardholder verification"
_PROMPT: Final = "Bank card PIN"
_TRY_COUNTER: Final = 0x9F17
_MOST_TRIES: Final = 15
"""More cannot be told in 63Cx; a card that never counts down ends here."""
_ONLINE_PIN_CAPABILITY: Final = 0x40
_PLAIN, _ENCIPHERED = 0x80, 0x88
_HEADER: Final = b"\x7f"
_CHALLENGE: Final = 8
_SHORTEST_KEY: Final = 1 + 8 + _CHALLENGE


class CvmResult(enum.IntEnum):
    """Byte 3 of 9F34."""

    UNKNOWN = 0
    FAILED = 1
    SUCCESSFUL = 2


def online_pin_possible(tx: Transaction) -> bool:
    """Whether the terminal can take a PIN for the host now."""
    capable = tx.terminal.capabilities[1] & _ONLINE_PIN_CAPABILITY
    return bool(capable) and tx.config.pin_pad_works and not _bypassed(tx)


def _bypassed(tx: Transaction) -> bool:
    return tx.pin_bypassed and tx.terminal.bypass_lasts


def _ask(tx: Transaction, request: PinEntry) -> Generator[Effect, EffectResult, PinEntered | None]:
    """What the holder enters; None where there is no PIN, with the reason in the TVR (KRN-CVM-021, 022).

    Raises:
        Stopped: at an ATM, where nobody goes on without a PIN (KRN-ATM-004).
    """
    if not tx.config.pin_pad_works:
        tx.tvr.set(Tvr.PIN_PAD_MISSING)
        return None
    entered = None if _bypassed(tx) else (yield from enter_pin(request))
    if entered is None:
        if tx.terminal.atm:
            stop(Cause.PIN_CANCELLED, _STEP, "no PIN was entered")
        tx.pin_bypassed = True
        return None
    tx.pin_entered = True
    return entered


def ask_online_pin(tx: Transaction) -> Flow[bool]:
    """The PIN goes to the host, enciphered in the pad; whether there is one (KRN-CVM-023, KRN-EC-012, KRN-ONL-011)."""
    entered = yield from _ask(tx, PinEntry(PinPurpose.ONLINE, _PROMPT, pan=tx.app.pan))
    if entered is None:
        return False
    tx.pin_block = entered.block
    tx.tvr.set(Tvr.ONLINE_PIN)
    return True


def plain_pin(tx: Transaction) -> Flow[CvmResult]:
    """The card verifies the PIN (KRN-CVM-014 to 021)."""
    return (yield from _card_pin(tx, None))


def enciphered_pin(tx: Transaction) -> Flow[CvmResult]:
    """The card verifies the PIN, which goes to it under an RSA key of its own (EMV Book 2 §7; KRN-CVM-026)."""
    try:
        key = pin_key(tx)
    except OdaError as error:
        yield from report(_STEP, Mark.FAILED, f"the PIN cannot be enciphered: {error}")
        return CvmResult.FAILED
    if key.size < _SHORTEST_KEY:
        yield from report(_STEP, Mark.FAILED, f"a PIN encipherment key of {key.size} bytes is too short")
        return CvmResult.FAILED
    return (yield from _card_pin(tx, key))


def _card_pin(tx: Transaction, key: RsaPublicKey | None) -> Flow[CvmResult]:
    if not tx.config.pin_pad_works:
        # The pad comes first: without one nothing is said about the tries (EMV Book 3 §10.5.1).
        tx.tvr.set(Tvr.PIN_PAD_MISSING)
        return CvmResult.FAILED
    counter = yield from get_data(_TRY_COUNTER, "PIN tries left", 1)
    tries = None if counter is None else counter[0]
    for _ in range(_MOST_TRIES):
        if tries == 0:
            break
        entered = yield from _ask(tx, PinEntry(PinPurpose.CARD, _PROMPT, tries))
        if entered is None:
            tx.tvr.set(Tvr.PIN_NOT_ENTERED)
            return CvmResult.FAILED
        try:
            block = pin_block_format2(entered.digits)
        except ValueError:
            yield from display("The PIN has 4 to 12 digits")
            return CvmResult.FAILED
        response = yield from _verify(block, key)
        if response.sw.value == status.OK:
            return CvmResult.SUCCESSFUL
        if response.sw.value in (status.BLOCKED, status.REFERENCE_DATA_UNUSABLE):
            break
        tries = response.sw.tries_left
        if tries is None:
            refuse(_STEP, "the PIN cannot be verified", response.sw)
        yield from display("Wrong PIN, last try" if tries == 1 else f"Wrong PIN, {tries} tries left")
    tx.tvr.set(Tvr.PIN_TRIES_EXCEEDED)
    return CvmResult.FAILED


def _verify(block: bytes, key: RsaPublicKey | None) -> Flow[ResponseApdu]:
    """VERIFY with a PIN block, plain or enciphered with the card's challenge and random filling."""
    if key is not None:
        command = CommandApdu(0x00, 0x84, 0x00, 0x00, le=256)
        response = yield from send(Environment.PSE, "get a challenge for the PIN", command)
        challenge = need_ok(_STEP, "the card gives no challenge", response)
        if len(challenge) != _CHALLENGE:
            stop(Cause.CARD_DATA, _STEP, f"the card's challenge has {len(challenge)} bytes")
        filling = yield from draw_random(key.size - _SHORTEST_KEY)
        try:
            block = key.recover(_HEADER + block + challenge + filling)
        except ValueError:
            stop(Cause.CARD_DATA, _STEP, "the PIN encipherment key is too small")
    command = CommandApdu(0x00, 0x20, 0x00, _PLAIN if key is None else _ENCIPHERED, block)
    return (yield from send(Environment.PSE, "verify the PIN in the card", command, secret=True))
