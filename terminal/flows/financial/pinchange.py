"""The new PIN of a change of PIN (改密): entered twice, enciphered in the pad like every online PIN (TRM-013, D35)."""

from typing import Final

from terminal.effects import Flow, PinEntered, PinEntry, PinPurpose, enter_pin
from terminal.flows.common import stop
from terminal.flows.financial.transaction import Transaction
from terminal.outcome import Cause

_STEP: Final = "change of PIN"
NEW_PIN: Final = "New bank card PIN"


def enter_new_pin(tx: Transaction) -> Flow[None]:
    """Ask for the present PIN, unless the card's own rules have asked already, and for the new one.

    Raises:
        Stopped: one is not given, or the new ones differ.
    """
    if tx.pin_block is None:
        present = yield from _ask(tx, "Bank card PIN")
        tx.pin_block = present.block
    first = yield from _ask(tx, NEW_PIN)
    second = yield from _ask(tx, f"{NEW_PIN} again")
    if first.block != second.block:
        stop(Cause.PIN, _STEP, "the new PINs differ")
    tx.host.new_pin_block = first.block


def _ask(tx: Transaction, prompt: str) -> Flow[PinEntered]:
    entered = yield from enter_pin(PinEntry(PinPurpose.ONLINE, prompt, pan=tx.app.pan))
    if entered is None:
        stop(Cause.PIN, _STEP, f"not entered: {prompt}")
    return entered
