"""The log of transaction management: what was asked and decided, reversals, and the terminal's totals."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from terminal.hosts.bank.tables import LEDGER, MOMENTS, SETTLEMENTS, TRANSACTIONS, TransactionState
from terminal.messages.bank import HostMessage, MessageKind, Totals, TransactionType

_T: Final = TRANSACTIONS.c
_BY_KEY: Final = select(
    _T.id, _T.pan, _T.amount, _T.state, _T.posting, _T.points, _T.type, _T.fee, _T.taken
).where(
    _T.terminal == bindparam("terminal"), _T.day == bindparam("day"), _T.trace == bindparam("trace"),
    _T.kind == bindparam("kind"),
)  # fmt: skip
_OF_CARD: Final = select(
    _T.id, _T.pan, _T.amount, _T.state, _T.posting, _T.points, _T.type, _T.fee, _T.taken
)  # fmt: skip
_LOADS: Final = tuple(
    kind.value for kind in (TransactionType.LOAD, TransactionType.LOAD_OTHER, TransactionType.LOAD_CASH)
)
_USED: Final = select(func.coalesce(func.sum(_T.amount), 0)).where(
    _T.pan == bindparam("pan"), _T.day == bindparam("day"), _T.type == bindparam("type"),
    _T.state == TransactionState.BOOKED.value,
)  # fmt: skip
_UPLOADED: Final = select(_T.id).where(
    _T.pan == bindparam("pan"), _T.atc == bindparam("atc"), _T.kind == MessageKind.UPLOAD.value,
    _T.state == TransactionState.BOOKED.value,
)  # fmt: skip
_UPLOADED_AFTER: Final = (
    select(func.coalesce(func.sum(LEDGER.entries.c.amount), 0))
    .join(TRANSACTIONS, _T.posting == LEDGER.entries.c.posting)
    .where(
        _T.pan == bindparam("pan"),
        _T.atc > bindparam("atc"),
        _T.kind == MessageKind.UPLOAD.value,
        LEDGER.entries.c.account == bindparam("ledger"),
    )
)
_RECENT: Final = (
    select(MOMENTS.c.time, _T.type, _T.state, _T.terminal)
    .join(TRANSACTIONS, _T.id == MOMENTS.c.transaction)
    .where(MOMENTS.c.pan == bindparam("pan"), MOMENTS.c.time.between(bindparam("begin"), bindparam("end")))
)
_NEW: Final = TRANSACTIONS.insert()
_NEW_MOMENT: Final = MOMENTS.insert()
_SET: Final = TRANSACTIONS.update().where(_T.id == bindparam("number"))


@dataclass(frozen=True, slots=True)
class Record:
    """A transaction in the log; amounts in fen."""

    id: int
    pan: str
    amount: int
    state: TransactionState
    posting: int | None
    points: int
    transaction: TransactionType
    fee: int
    taken: bool = False
    """Whether a card has shown for certain that it took the load."""


def find(connection: Connection, message: HostMessage, kind: MessageKind = MessageKind.AUTHORISE) -> Record | None:
    """The transaction of a kind that a message's key names."""
    terminal, day, trace = message.key
    key = {"terminal": terminal, "day": day, "trace": trace, "kind": kind.value}
    row = connection.execute(_BY_KEY, key).first()
    return None if row is None else _record(*row)


def by_number(connection: Connection, number: int) -> Record:
    """A transaction by its number."""
    return _record(*connection.execute(_OF_CARD.where(_T.id == number)).one())


def taken_back(connection: Connection, pan: str) -> list[Record]:
    """The loads of a card that were taken back and not claimed since, the last one first."""
    query = _OF_CARD.where(
        _T.pan == pan, _T.type.in_(_LOADS), _T.state == TransactionState.REVERSED.value
    ).order_by(_T.id.desc())  # fmt: skip
    return [_record(*row) for row in connection.execute(query)]


def _record(
    number: int, pan: str, amount: int, state: str, posting: int | None, points: int, kind: int, fee: int, taken: int
) -> Record:
    return Record(
        number, pan, amount, TransactionState(state), posting, points, TransactionType(kind), fee, bool(taken)
    )


def note(
    connection: Connection, message: HostMessage, state: TransactionState, code: str, reason: str, *, atc: int = 0,
    fee: int = 0, points: int = 0, posting: int | None = None, kind: MessageKind | None = None,
) -> int:  # fmt: skip
    """Write a transaction into the log; its number."""
    terminal, day, trace = message.key
    row = {
        "terminal": terminal, "day": day, "trace": trace, "kind": (kind or message.kind).value,
        "type": message.transaction.value, "pan": message.pan, "merchant": message.merchant, "amount": message.amount,
        "fee": fee, "points": points, "code": code, "reason": reason[:128], "state": state.value, "atc": atc,
        "posting": posting, "batch": None, "taken": 0,
    }  # fmt: skip
    key = connection.execute(_NEW, row).inserted_primary_key
    assert key is not None
    number = int(key[0])
    if message.kind is MessageKind.AUTHORISE:
        connection.execute(
            _NEW_MOMENT, {"transaction": number, "pan": message.pan, "time": f"{message.time:%Y-%m-%dT%H:%M:%S}"}
        )
    return number


@dataclass(frozen=True, slots=True)
class Recent:
    """A request for an authorisation of the same card, not long before another one."""

    time: str
    """ISO 8601."""
    transaction: TransactionType
    state: TransactionState
    terminal: str


def recent(connection: Connection, message: HostMessage, minutes: int) -> list[Recent]:
    """The requests of a card in the minutes before one of its messages."""
    begin = message.time - timedelta(minutes=minutes)
    row = {"pan": message.pan, "begin": f"{begin:%Y-%m-%dT%H:%M:%S}", "end": f"{message.time:%Y-%m-%dT%H:%M:%S}"}
    return [
        Recent(time, TransactionType(kind), TransactionState(state), terminal)
        for time, kind, state, terminal in connection.execute(_RECENT, row)
    ]


def load_at(connection: Connection, pan: str, atc: int) -> Record | None:
    """The load of a card that was approved at a counter, whatever became of it since."""
    query = _OF_CARD.where(_T.pan == pan, _T.atc == atc, _T.kind == MessageKind.AUTHORISE.value)
    row = connection.execute(query.where(_T.type.in_(_LOADS), _T.posting.is_not(None))).first()
    return None if row is None else _record(*row)


def set_taken(connection: Connection, number: int) -> None:
    """Note that the card has taken a load."""
    connection.execute(_SET, {"number": number, "taken": 1})


def set_state(connection: Connection, number: int, state: TransactionState) -> None:
    """Note what became of a transaction."""
    connection.execute(_SET, {"number": number, "state": state.value})


def used_today(connection: Connection, message: HostMessage) -> int:
    """What the card has moved already on the message's day by transactions of its type, in fen."""
    row = {"pan": message.pan, "day": message.key[1], "type": message.transaction.value}
    return int(connection.execute(_USED, row).scalar_one())


def uploaded(connection: Connection, pan: str, atc: int) -> bool:
    """Whether an offline transaction with that counter has been booked."""
    return connection.execute(_UPLOADED, {"pan": pan, "atc": atc}).first() is not None


def uploaded_after(connection: Connection, pan: str, atc: int, ledger: str) -> int:
    """What a card paid by electronic cash after a counter, as far as it has been uploaded, in fen.

    `ledger` is the card's shadow account: transactions that an account paid offline do not count.
    """
    row = {"pan": pan, "atc": atc, "ledger": ledger}
    return -int(connection.execute(_UPLOADED_AFTER, row).scalar_one())


def settle(connection: Connection, message: HostMessage) -> Totals:
    """Close the terminal's batch (批结算): the host's totals of it. What the terminal claims is kept beside them.

    The batch is closed whether or not both agree; the difference is for the operator (`differences`).
    """
    open_ones = (
        _T.terminal == message.terminal, _T.state == TransactionState.BOOKED.value, _T.batch.is_(None),
    )  # fmt: skip
    own = Totals()
    query = select(_T.type, func.count(), func.sum(_T.amount)).where(*open_ones).group_by(_T.type)
    for kind, number, amount in connection.execute(query):
        one = Totals.of(TransactionType(kind), int(amount))
        own += Totals(one.debits and number, one.debit_amount, one.credits and number, one.credit_amount)
    row = {"terminal": message.terminal, "day": message.key[1], "claimed": _text(message.totals), "own": _text(own)}
    key = connection.execute(SETTLEMENTS.insert(), row).inserted_primary_key
    assert key is not None
    connection.execute(TRANSACTIONS.update().where(*open_ones), {"batch": int(key[0])})
    return own


def differences(connection: Connection) -> list[str]:
    """Settlements where terminal and host did not agree, with both totals."""
    columns = SETTLEMENTS.c
    query = select(SETTLEMENTS).where(columns.claimed != columns.own).order_by(columns.id)
    return [
        f"settlement {number} of {terminal} on {day}: the terminal has {claimed}, the host {own}"
        for number, terminal, day, claimed, own in connection.execute(query)
    ]


def _text(totals: Totals) -> str:
    return f"{totals.debits} debits {totals.debit_amount}, {totals.credits} credits {totals.credit_amount}"
