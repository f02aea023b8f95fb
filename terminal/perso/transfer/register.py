"""The register of files (数据登记): each file once, whatever it came by, and a receipt for its sender."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, or_, select

from terminal.perso.data.document import read_applications, read_batch, read_feedback
from terminal.perso.transfer.errors import TransferError
from terminal.perso.transfer.sealing import Header, Kind
from terminal.perso.transfer.tables import RECEIVED, SENT, Carrier, Mark

_BY_NAME_ALONE: Final = (Kind.LIST,)
"""Two lists may well say the same."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file in the register of its receiver."""

    stored: str
    """Names it: where it rests, still sealed."""
    name: str
    sender: str
    kind: Kind | None
    """None of a file that could not be opened."""
    count: int
    mark: Mark
    reason: str
    carrier: Carrier


def count_records(kind: Kind, content: bytes, name: str, said: int) -> int:
    """How many records a file holds, read as its kind; of a list what its sender says.

    Raises:
        DataError: it is not of that kind.
    """
    match kind:
        case Kind.APPLICATIONS:
            return len(read_applications(content, name))
        case Kind.BATCH:
            return len(read_batch(content, name).records)
        case Kind.FEEDBACK:
            return len(read_feedback(content, name))
        case Kind.LIST | Kind.RECEIPT:
            return said


def judge(connection: Connection, header: Header) -> tuple[Mark, str]:
    """Whether a file is new here; the mark that it gets, and why.

    The same content is a duplicate (PERSO-135); another content under a name that was received is refused.
    """
    columns = RECEIVED.c
    same_content = and_(columns.sha256 == header.sha256, columns.kind == header.kind.value)
    alike = columns.name == header.name
    if header.kind not in _BY_NAME_ALONE:
        alike = or_(alike, same_content)
    asked = select(columns.sha256, columns.received).where(
        columns.sender == header.sender, columns.mark == Mark.RECEIVED.value, alike
    )
    rows = connection.execute(asked).all()
    for sha256, received in rows:
        if sha256 == header.sha256:
            return Mark.DUPLICATE, f"received on {received} already"
    if rows:
        return Mark.REFUSED, f"another file of this name was received on {rows[0][1]}; send it under a new name"
    return Mark.RECEIVED, ""


def arrivals(connection: Connection, *conditions: Any) -> list[Arrival]:
    """The register, in the order in which files came."""
    columns = RECEIVED.c
    asked = select(
        columns.stored, columns.name, columns.sender, columns.kind, columns.count, columns.mark, columns.reason,
        columns.carrier,
    ).where(*conditions).order_by(columns.id)  # fmt: skip
    return [
        Arrival(stored, name, sender, Kind(kind) if kind else None, count, Mark(mark), reason, Carrier(carrier))
        for stored, name, sender, kind, count, mark, reason, carrier in connection.execute(asked)
    ]


def note_sent(connection: Connection, receiver: str, header: Mapping[str, Any]) -> None:
    """Register a file before it leaves. One that was received stays so, even if it is sent once more.

    Raises:
        TransferError: a file of this name has gone to this receiver with another content.
    """
    columns = SENT.c
    known = connection.execute(
        select(columns.sha256, columns.mark).where(columns.receiver == receiver, columns.name == header["name"])
    ).first()
    if known is None:
        connection.execute(SENT.insert(), {"receiver": receiver, "mark": Mark.PREPARED.value, **header})
    elif known[0] != header["sha256"] and known[1] != Mark.REFUSED.value:
        raise TransferError(f"{header['name']} has gone to {receiver} with another content; give the file a new name")
    elif known[1] != Mark.RECEIVED.value:
        again = {key: header[key] for key in ("kind", "sha256", "count", "sent", "person")}
        again |= {"mark": Mark.PREPARED.value, "reason": "", "answered": ""}
        where = (columns.receiver == receiver, columns.name == header["name"])
        connection.execute(SENT.update().where(*where).values(**again))


def note_queued(connection: Connection, receiver: str, name: str) -> None:
    """A registered file is on the line; its receipt may have been quicker."""
    columns = SENT.c
    where = (columns.receiver == receiver, columns.name == name, columns.mark == Mark.PREPARED.value)
    connection.execute(SENT.update().where(*where).values(mark=Mark.QUEUED.value))


def receipt(arrival: Arrival, sha256: str, now: datetime) -> bytes:
    """What the sender is told of a file (PERSO-138)."""
    told = {
        "name": arrival.name, "sha256": sha256, "mark": arrival.mark.value, "reason": arrival.reason,
        "received": now.isoformat(timespec="seconds"),
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False).encode()


def note_receipt(connection: Connection, receiver: str, content: bytes) -> None:
    """Mark a file as its receiver says. A duplicate does not take away that it was received once.

    Raises:
        TransferError: the receipt is none.
    """
    try:
        told = {key: str(json.loads(content)[key]) for key in ("name", "sha256", "mark", "reason", "received")}
        mark = Mark(told["mark"])
    except (ValueError, KeyError, TypeError) as error:
        raise TransferError(f"a receipt of {receiver} is not as this program writes it") from error
    columns = SENT.c
    where = [columns.receiver == receiver, columns.name == told["name"]]
    if mark is Mark.DUPLICATE:
        where.append(columns.mark != Mark.RECEIVED.value)
    values = {"mark": mark.value, "reason": told["reason"], "answered": told["received"]}
    connection.execute(SENT.update().where(*where).values(**values))
