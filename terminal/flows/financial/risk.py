"""Terminal risk management (EMV Book 3 §10.6, Book 4 §6.3.5; KRN-TRM)."""

from cardsim.decode.bits import TVR, flag_names
from terminal.effects import Flow, Mark, Shelf, draw_random, recall, report
from terminal.flows.financial.data import get_data
from terminal.flows.financial.transaction import Transaction, Tsi, Tvr
from terminal.messages.bank import MessageKind
from terminal.parameters import ApplicationParameters

_ATC, _LAST_ONLINE_ATC = 0x9F36, 0x9F13
_LOWER_LIMIT, _UPPER_LIMIT = 0x9F14, 0x9F23


def terminal_risk_management(tx: Transaction) -> Flow[None]:
    """Exception file, merchant's wish, floor limit, random selection, velocity (KRN-TRM-001 to 014).

    Electronic cash skips the last three.
    """
    before = bytes(tx.tvr)
    listed = yield from recall(Shelf.EXCEPTIONS)
    if {entry.key for entry in listed} & {tx.app.pan, f"{tx.app.pan}-{tx.app.psn}"}:
        tx.tvr.set(Tvr.EXCEPTION_FILE)
    if tx.config.force_online:
        tx.tvr.set(Tvr.MERCHANT_ONLINE)
    if tx.electronic_cash is None:
        yield from _amount(tx)
        yield from _velocity(tx)
    tx.tsi.set(Tsi.TERMINAL_RISK)
    found = flag_names(TVR, bytes(a & ~b for a, b in zip(bytes(tx.tvr), before, strict=True)))
    yield from report("terminal risk management", Mark.INFO, "; ".join(found) or "nothing to note")


def _amount(tx: Transaction) -> Flow[None]:
    """Floor limit with what the same card has been approved already, else random selection (KRN-TRM-002 to 006)."""
    parameters = tx.app.parameters
    amount = tx.config.amount + (yield from _approved_before(tx))
    if amount >= parameters.floor_limit:
        tx.tvr.set(Tvr.FLOOR_LIMIT)
        return
    percent = selection_percent(parameters, tx.config.amount)
    if tx.terminal.online_capable and percent:
        draw = yield from draw_random(4)
        if int.from_bytes(draw, "big") % 99 + 1 <= percent:
            tx.tvr.set(Tvr.RANDOM_ONLINE)


def _approved_before(tx: Transaction) -> Flow[int]:
    """Sum in fen of what was approved offline for this card and is still to be told to the host."""
    entries = [entry.content for entry in (yield from recall(Shelf.PENDING))]
    amounts = [
        content.get("amount", "")
        for content in entries
        if content.get("kind") == MessageKind.UPLOAD.name and content.get("pan") == tx.app.pan
    ]
    return sum(int(amount) for amount in amounts if amount.isdecimal())


def selection_percent(parameters: ApplicationParameters, amount: int) -> int:
    """The share of transactions of an amount that go online: the target up to the threshold, then rising to the
    maximum at the floor limit (EMV Book 3 §10.6.2)."""
    target, threshold = parameters.random_percent, parameters.random_threshold
    rise = parameters.random_max_percent - target
    if amount < threshold or rise <= 0 or parameters.floor_limit <= threshold:
        return target
    return target + rise * (amount - threshold) // (parameters.floor_limit - threshold)


def _velocity(tx: Transaction) -> Flow[None]:
    """Consecutive offline transactions, where the card sets both limits (KRN-TRM-007 to 011)."""
    limits = tx.app.data.get(_LOWER_LIMIT), tx.app.data.get(_UPPER_LIMIT)
    if limits[0] is None or limits[1] is None:
        return
    atc = yield from get_data(_ATC, "transaction counter", 2)
    last = yield from get_data(_LAST_ONLINE_ATC, "counter of the last online transaction", 2)
    if last is not None and not any(last):
        tx.tvr.set(Tvr.NEW_CARD)
    if atc is None or last is None:
        tx.tvr.set(Tvr.LOWER_LIMIT, Tvr.UPPER_LIMIT, Tvr.DATA_MISSING)
        return
    offline = int.from_bytes(atc, "big") - int.from_bytes(last, "big")
    if offline > limits[0][0] or offline <= 0:
        tx.tvr.set(Tvr.LOWER_LIMIT)
    if offline > limits[1][0] or offline <= 0:
        tx.tvr.set(Tvr.UPPER_LIMIT)
