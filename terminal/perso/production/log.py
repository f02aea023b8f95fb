"""The production log (制卡日志), written into the bank's platform as it happens (000 §3.1.4, PERSO-148).

An entry is written in the transaction of what it tells, so that log and books cannot differ. It has a number, and goes
out in the order of numbers; the platform takes a number once. While the line is down entries wait here, and no batch
comes to its next step.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, func, select

from terminal.errors import LinkError
from terminal.hosts.books import transact
from terminal.perso.production.tables import LOG, LogEvent

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the log. It holds neither key nor PIN, neither name nor bank card number."""

    number: int
    time: str
    batch: str
    order: str
    attempt: int
    event: str
    historical: str
    """Historical bytes of the body in hex, where one is meant."""
    text: str


class LineDown(LinkError):
    """The line between two parties is down: nothing is lost, and it goes out later."""


class LogReceiver(Protocol):
    """Who takes the log at the other end of the line."""

    def take_log(self, entries: Sequence[Entry]) -> None:
        """Keep entries; those that came before are taken as the same.

        Raises:
            LineDown: they did not arrive.
        """


def note(
    connection: Connection, time: str, event: LogEvent, batch: str, order: str = "", *, attempt: int = 0,
    historical: str = "", text: str = "",
) -> None:  # fmt: skip
    """Write an entry, in the transaction of what it tells."""
    row = {
        "time": time, "batch": batch, "order": order, "attempt": attempt, "event": event.value,
        "historical": historical, "text": text[:256], "sent": 0,
    }  # fmt: skip
    connection.execute(_INSERT, row)


_INSERT: Final = LOG.insert()
_UNSENT: Final = select(*(LOG.c[name] for name in Entry.__dataclass_fields__)).where(LOG.c.sent == 0)
_OLDEST: Final = _UNSENT.order_by(LOG.c.number).limit(_AT_ONCE)


def send_log(books: Engine, receiver: LogReceiver) -> int:
    """Send what has not been sent, and mark it when it has arrived; how many entries that were.

    Raises:
        LineDown: the line is down; what did not arrive stays.
    """
    sent = 0
    while True:
        entries = transact(books, lambda connection: [Entry(*row) for row in connection.execute(_OLDEST)])
        if not entries:
            return sent
        receiver.take_log(entries)
        last = entries[-1].number
        transact(
            books,
            lambda connection, last=last: connection.execute(  # type: ignore[misc]
                LOG.update().where(LOG.c.sent == 0, LOG.c.number <= last).values(sent=1)
            ),
        )
        sent += len(entries)
        if len(entries) < _AT_ONCE:
            return sent


def unsent(books: Engine) -> int:
    """How many entries wait for the line."""
    count = select(func.count()).select_from(LOG).where(LOG.c.sent == 0)
    return transact(books, lambda connection: connection.execute(count).scalar_one())


def entries_of(books: Engine, batch: str) -> list[dict[str, object]]:
    """The log of a batch, as documents, in the order of numbers."""
    columns = (LOG.c[name] for name in Entry.__dataclass_fields__)
    wanted = select(*columns).where(LOG.c.batch == batch).order_by(LOG.c.number)
    return transact(books, lambda connection: [asdict(Entry(*row)) for row in connection.execute(wanted)])
