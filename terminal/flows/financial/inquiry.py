"""What a card tells without a transaction: electronic cash and its logs (KRN-EC-021, KRN-LGR; EMV Book 3 annex D)."""

from dataclasses import dataclass
from typing import Final

from cardsim.decode import Environment
from cardsim.decode.values import yuan
from cardsim.iso7816 import status
from cardsim.iso7816.tlv import TlvError, parse_dol
from terminal.effects import Flow, Mark, power_off, power_on, report
from terminal.flows.common import read_record, send
from terminal.flows.financial.cash import BALANCE
from terminal.flows.financial.choice import select_application
from terminal.flows.financial.data import get_amount, get_data
from terminal.flows.financial.transaction import FinancialConfig, Transaction
from terminal.outcome import DataItem, Failure, Stopped, Verdict

_LOG_FILES: Final = range(11, 31)

LogEntry = tuple[DataItem, ...]
"""One line of a log, its items in the order of the card's format."""


@dataclass(frozen=True, slots=True)
class _Log:
    """Where a log is announced in the FCI, where its format is, and what it is called."""

    entry: int
    layout: int
    name: str


_TRANSACTIONS: Final = _Log(0x9F4D, 0x9F4F, "transaction log")
_LOADS: Final = _Log(0xDF4D, 0xDF4F, "load log")


@dataclass(frozen=True, slots=True)
class CardInquiry:
    """What the card told. `balance` is in fen, None where it has no electronic cash; logs have the newest first."""

    verdict: Verdict
    failure: Failure | None
    aid: bytes
    label: str
    balance: int | None = None
    transactions: tuple[LogEntry, ...] = ()
    loads: tuple[LogEntry, ...] = ()


def inquire(config: FinancialConfig, *, log: bool = False) -> Flow[CardInquiry]:
    """A whole card session: the balance of electronic cash, or the logs. No transaction begins, so no counter moves."""
    yield from power_on()
    outcome = yield from inquire_session(config, log=log)
    yield from power_off()
    return outcome


def inquire_session(config: FinancialConfig, *, log: bool = False) -> Flow[CardInquiry]:
    """The same in a card session that is open already."""
    tx = Transaction(config)
    try:
        yield from select_application(tx)
    except Stopped as stopped:
        yield from report(stopped.failure.step, Mark.FAILED, stopped.failure.text)
        return CardInquiry(Verdict.FAILED, stopped.failure, b"", "")
    app = tx.app
    if log:
        transactions = yield from _read_log(tx, _TRANSACTIONS)
        loads = yield from _read_log(tx, _LOADS)
        return CardInquiry(Verdict.PASSED, None, app.aid, app.label, transactions=transactions, loads=loads)
    balance = yield from get_amount(BALANCE, "balance of electronic cash")
    text = "the card has none" if balance is None else yuan(balance)
    yield from report("electronic cash", Mark.INFO if balance is None else Mark.OK, text)
    return CardInquiry(Verdict.PASSED, None, app.aid, app.label, balance)


def _read_log(tx: Transaction, log: _Log) -> Flow[tuple[LogEntry, ...]]:
    """The entries of a log that the FCI announces; none where its format is missing (KRN-LGR-001, 002, 004)."""
    announced = tx.app.data.get(log.entry, b"")
    if len(announced) != 2 or announced[0] not in _LOG_FILES:
        yield from report(log.name, Mark.INFO, "the card announces none")
        return ()
    layout = yield from get_data(log.layout, f"format of the {log.name}")
    try:
        columns = parse_dol(layout or b"")
    except TlvError:
        columns = []
    if not columns:
        yield from report(log.name, Mark.FAILED, "the card does not tell its format")
        return ()
    entries: list[LogEntry] = []
    for number in range(1, announced[1] + 1):
        command = read_record(number, announced[0])
        response = yield from send(Environment.PSE, f"read entry {number} of the {log.name}", command)
        if response.sw.value != status.OK:
            break
        entry = _entry(columns, response.data)
        if entry is None:
            yield from report(log.name, Mark.FAILED, f"entry {number} has {len(response.data)} bytes")
            break
        entries.append(entry)
    yield from report(log.name, Mark.OK, f"{len(entries)} entries")
    return tuple(entries)


def _entry(columns: list[tuple[int, int]], record: bytes) -> LogEntry | None:
    """The items of a record; None where it has another length than the format says."""
    if sum(length for _, length in columns) != len(record):
        return None
    items, offset = [], 0
    for tag, length in columns:
        items.append(DataItem(tag, record[offset : offset + length]))
        offset += length
    return tuple(items)
