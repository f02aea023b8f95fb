"""What must live here: messages between department and bank that each arrive once and in order, whatever the line does.

A message is written in the transaction of what it tells about (outbox), under a number of its sender. The receiver
remembers each number (inbox), applies the messages in the order of their numbers, and acknowledges up to the highest
that it has applied. What is not acknowledged is sent again. So a message that is lost, repeated, late or out of order
is applied exactly once, and what one party did is never undone because the other could not be reached.

    {"format": "cardterm-exchange", "version": 1, "from": "bank", "messages":
        [{"number": 7, "time": "2026-11-22T10:00:00", "kind": "card", "fields": {…}}]}
    {"format": "cardterm-exchange", "version": 1, "from": "department", "through": 7}
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypedColumns,
    func,
    select,
)

from terminal.hosts.books import transact
from terminal.perso.parties import Party

FORMAT: Final = "cardterm-exchange"
VERSION: Final = 1
PACKET: Final = 200
"""Messages that go out at a time, at most."""
FULL: Final = 1 << 18
"""Characters of content after which no further message goes into a packet."""
LONGEST: Final = 1 << 20
"""Bytes of a packet."""

_log: Final = logging.getLogger(__name__)

Line = Callable[[bytes], bytes | None]
"""The way to the other party: a packet there, its acknowledgement back; None where none came."""


class NotYet(Exception):
    """A message is about something that has not come yet; it waits."""


class ExchangeError(ValueError):
    """What came over the line is no packet of the other party; one sentence."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `fields` hold what JSON can hold."""

    number: int
    time: str
    kind: str
    fields: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """As it stands on the line."""
        return {"number": self.number, "time": self.time, "kind": self.kind, "fields": dict(self.fields)}


class OutboxColumns(TypedColumns):
    """What was told to the other party, until it is acknowledged and after."""

    number = Column(Integer, primary_key=True, autoincrement=False)
    time = Column(String(26), nullable=False)
    kind = Column(String(32), nullable=False)
    fields = Column(Text, nullable=False)
    sent = Column(Integer, nullable=False)
    """How often it went out."""
    acknowledged = Column(Boolean, nullable=False, index=True)


class InboxColumns(TypedColumns):
    """What the other party told."""

    number = Column(Integer, primary_key=True, autoincrement=False)
    digest = Column(String(64), nullable=False)
    content = Column(Text, nullable=False)
    applied = Column(Boolean, nullable=False, index=True)
    result = Column(String(255), nullable=False)
    """What came of it, in words."""


class Exchange:
    """One party's end.

    Args:
        metadata: the party's tables; those of the exchange are added.
        party: whose end it is.
        other: the party at the other end.
    """

    def __init__(self, metadata: MetaData, party: Party, other: Party) -> None:
        self.party = party
        self.other = other
        self.outbox = Table(f"management_{party.value}_outbox", metadata, OutboxColumns)
        self.inbox = Table(f"management_{party.value}_inbox", metadata, InboxColumns)

    def tell(self, connection: Connection, kind: str, fields: Mapping[str, Any], time: datetime) -> int:
        """Write a message in the transaction of what it tells about; its number."""
        number = (connection.execute(select(func.max(self.outbox.c.number))).scalar() or 0) + 1
        row = {
            "number": number, "time": time.isoformat(timespec="seconds"), "kind": kind,
            "fields": json.dumps(fields, ensure_ascii=False), "sent": 0, "acknowledged": False,
        }  # fmt: skip
        connection.execute(self.outbox.insert(), row)
        return number

    def pending(self, connection: Connection, limit: int | None = None) -> tuple[Message, ...]:
        """What the other party has not acknowledged, in order."""
        query = select(self.outbox).where(self.outbox.c.acknowledged.is_(False)).order_by(self.outbox.c.number)
        rows = connection.execute(query.limit(limit))
        return tuple(Message(row.number, row.time, row.kind, json.loads(row.fields)) for row in rows)

    def waiting(self, connection: Connection) -> tuple[int, ...]:
        """Numbers that came before an earlier one, and wait for it."""
        query = select(self.inbox.c.number).where(self.inbox.c.applied.is_(False)).order_by(self.inbox.c.number)
        return tuple(connection.scalars(query))

    # --- sending

    def deliver(self, books: Engine, line: Line) -> int:
        """Send what is pending until it is acknowledged or the line gives no answer; how many are still pending.

        Raises:
            ExchangeError: what answers is not the other party.
        """
        while messages := transact(books, self._outgoing):
            answer = line(self._packet(messages))
            # Less than the first one: the other end keeps it, and cannot apply it yet.
            if answer is None or self.acknowledge(books, answer) < messages[0].number:
                return len(transact(books, self.pending))
        return 0

    def packet(self, books: Engine) -> bytes | None:
        """What is pending, as it goes over the line; None where nothing is."""
        messages = transact(books, self._outgoing)
        return self._packet(messages) if messages else None

    def _outgoing(self, connection: Connection) -> tuple[Message, ...]:
        messages = _fitting(self.pending(connection, PACKET))
        if messages:
            numbers = [message.number for message in messages]
            update = self.outbox.update().where(self.outbox.c.number.in_(numbers)).values(sent=self.outbox.c.sent + 1)
            connection.execute(update)
        return messages

    def _packet(self, messages: tuple[Message, ...]) -> bytes:
        return self._written({"messages": [message.plain() for message in messages]})

    def acknowledge(self, books: Engine, answer: bytes) -> int:
        """Take an acknowledgement; an old one again changes nothing. The number that it reaches to.

        Raises:
            ExchangeError: it is none of the other party.
        """
        through = self._read(answer).get("through")
        if not isinstance(through, int) or isinstance(through, bool) or through < 0:
            raise ExchangeError("an acknowledgement without the number that it reaches to")
        waiting = (self.outbox.c.number <= through, self.outbox.c.acknowledged.is_(False))
        update = self.outbox.update().where(*waiting).values(acknowledged=True)
        transact(books, lambda connection: connection.execute(update).rowcount)
        return through

    # --- receiving

    def take(self, books: Engine, packet: bytes, apply: Callable[[Connection, Message], str]) -> bytes:
        """Keep the messages of a packet, apply those whose turn it is, and acknowledge.

        Args:
            books: the receiver's.
            packet: as it came.
            apply: does what a message asks for, in the transaction that remembers it, and says what came of it. What
                it raises leaves the message waiting; `NotYet` is no error of its own.

        Raises:
            ExchangeError: this is no packet of the other party, or a number comes again with another content.
        """
        messages = self._messages(packet)
        transact(books, lambda connection: self._keep(connection, messages))
        try:
            while transact(books, lambda connection: self._apply_next(connection, apply)):
                pass
        except NotYet as error:
            _log.info("%s: %s", self.party.value, error)
        return self._written({"through": transact(books, self._through)})

    def _messages(self, packet: bytes) -> list[Message]:
        rows = self._read(packet).get("messages")
        if not isinstance(rows, list):
            raise ExchangeError("a packet without messages")
        return [_message(row) for row in rows]

    def _keep(self, connection: Connection, messages: list[Message]) -> None:
        for message in messages:
            content = json.dumps(message.plain(), ensure_ascii=False, sort_keys=True)
            digest = hashlib.sha256(content.encode()).hexdigest()
            known = connection.execute(
                select(self.inbox.c.digest).where(self.inbox.c.number == message.number)
            ).scalar()
            if known is None:
                row = {"number": message.number, "digest": digest, "content": content, "applied": False, "result": ""}
                connection.execute(self.inbox.insert(), row)
            elif known != digest:
                raise ExchangeError(f"message {message.number} came before with another content")

    def _through(self, connection: Connection) -> int:
        query = select(func.max(self.inbox.c.number)).where(self.inbox.c.applied.is_(True))
        return connection.execute(query).scalar() or 0

    def _apply_next(self, connection: Connection, apply: Callable[[Connection, Message], str]) -> bool:
        number = self._through(connection) + 1
        own = self.inbox.c.number == number
        content = connection.execute(select(self.inbox.c.content).where(own)).scalar()
        if content is None:
            return False
        result = apply(connection, _message(json.loads(content)))
        connection.execute(self.inbox.update().where(own).values(applied=True, result=result[:255]))
        return True

    # --- the line

    def _written(self, content: Mapping[str, Any]) -> bytes:
        head = {"format": FORMAT, "version": VERSION, "from": self.party.value}
        return json.dumps({**head, **content}, ensure_ascii=False, separators=(",", ":")).encode()

    def _read(self, data: bytes) -> dict[str, Any]:
        try:
            content = json.loads(data) if len(data) <= LONGEST else None
        except (ValueError, RecursionError) as error:
            raise ExchangeError("what came over the line is no JSON") from error
        if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (FORMAT, VERSION):
            raise ExchangeError(f"what came over the line is no {FORMAT} of version {VERSION}")
        if content.get("from") != self.other.value:
            raise ExchangeError(f"what came over the line is not from the {self.other.value}")
        return content


def _fitting(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The first of these messages, as many as one packet takes; one at least."""
    room, count = FULL, 0
    for message in messages:
        room -= len(json.dumps(message.fields))
        if room < 0 and count:
            break
        count += 1
    return messages[:count]


def _message(row: object) -> Message:
    match row:
        case {"number": int(number), "time": str(time), "kind": str(kind), "fields": dict(fields)} if number > 0:
            return Message(number, time, kind, fields)
    raise ExchangeError("a packet with something in it that is no message")
