"""How records of batches stand in the books, and how they are read and changed. Every function is in a transaction."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from terminal.errors import UsageError
from terminal.perso.batches.tables import BATCHES, CONTENT, LOG, RECORDS, RecordState, Step
from terminal.perso.data.codec import from_json, to_json
from terminal.perso.records import BankRecord, Batch, OrderKind, Rejection, RejectReason, SocialRecord

_DETAIL: Final = 256
_LENGTHS: Final = {"person": 32, "name": 64, "sex": 1, "city": 6, "county": 6}
"""Characters that the books of platform and core system have room for."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record of a batch."""

    batch: str
    place: int
    order: str
    kind: OrderKind
    person: str
    name: str
    sex: str
    city: str
    county: str
    state: RecordState
    outlet: str = ""
    checked: str = ""
    pan: str = ""
    psn: str = ""
    account: str = ""
    issued: str = ""
    expires: str = ""
    reason: RejectReason | None = None
    detail: str = ""
    inside: str = ""

    def rejected(self, reason: RejectReason, detail: str = "", inside: str = "") -> "Row":
        """The row, rejected."""
        return replace(
            self, state=RecordState.REJECTED, reason=reason, detail=detail[:_DETAIL], inside=inside[:_DETAIL]
        )

    @property
    def rejection(self) -> Rejection:
        """What goes back to the department of a row that was rejected."""
        assert self.reason is not None
        return Rejection(self.order, self.person, self.name, self.reason, self.detail)

    @property
    def bank(self) -> BankRecord:
        """The bank's half, as the platform noted it when the account was opened."""
        return BankRecord(
            self.order, self.person, self.name, self.sex, self.pan, self.psn, self.account, self.issued, self.expires,
            self.outlet,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """A batch as it was received."""

    name: str
    digest: str
    applied: str
    city: str
    county: str
    received: str
    count: int
    orders: tuple[str, ...]
    returned: str


_COLUMNS: Final = tuple(field.name for field in fields(Row))
_NEW_RECORD, _NEW_CONTENT, _NEW_LOG = RECORDS.insert(), CONTENT.insert(), LOG.insert()
_SAVE: Final = (
    RECORDS.update()
    .where(RECORDS.c.batch == bindparam("at_batch"), RECORDS.c.place == bindparam("at_place"))
    .values({name: bindparam(name) for name in _COLUMNS[_COLUMNS.index("state") :]})
)


def new_row(batch: Batch, place: int, record: SocialRecord) -> Row:
    """The row of a record that has just come; its county is that of the batch where it names none.

    What is too long for the books is cut, and the record is rejected.
    """
    order = record.order
    given = {
        "person": order.person, "name": record.name, "sex": record.text("sex"),
        "city": order.city or batch.city, "county": order.county or batch.county,
    }  # fmt: skip
    long = [name for name, value in given.items() if len(value) > _LENGTHS[name]]
    kept = {name: value[: _LENGTHS[name]] for name, value in given.items()}
    row = Row(
        batch.name, place, order.number, order.kind, kept["person"], kept["name"], kept["sex"], kept["city"],
        kept["county"], RecordState.RECEIVED,
    )  # fmt: skip
    return row.rejected(RejectReason.INCOMPLETE, f"{', '.join(long)} too long") if long else row


def add(connection: Connection, rows: Sequence[Row], content: Iterable[SocialRecord]) -> None:
    """Enter records."""
    if not rows:
        return
    connection.execute(_NEW_RECORD, [_values(row) for row in rows])
    connection.execute(
        _NEW_CONTENT,
        [
            {"batch": row.batch, "place": row.place, "social": json.dumps(to_json(record), ensure_ascii=False)}
            for row, record in zip(rows, content, strict=True)
        ],
    )


def save(connection: Connection, rows: Sequence[Row]) -> None:
    """Keep what a step has made of records."""
    if rows:
        connection.execute(_SAVE, [{"at_batch": row.batch, "at_place": row.place, **_values(row)} for row in rows])


def load(
    connection: Connection, batch: str, state: RecordState | None = None, *, outlet: str = "", limit: int | None = None
) -> list[Row]:
    """Records of a batch by place: all of them, or those in a state, of an outlet, so many at most."""
    query = select(RECORDS).where(RECORDS.c.batch == batch).order_by(RECORDS.c.place).limit(limit)
    if state is not None:
        query = query.where(RECORDS.c.state == state.value)
    if outlet:
        query = query.where(RECORDS.c.outlet == outlet)
    return [_row(found) for found in connection.execute(query).mappings()]


def counts(connection: Connection, batch: str) -> dict[RecordState, int]:
    """How many records of a batch are in each state."""
    query = select(RECORDS.c.state, func.count()).where(RECORDS.c.batch == batch).group_by(RECORDS.c.state)
    return {RecordState(state): int(count) for state, count in connection.execute(query)}


def content(connection: Connection, batch: str, rows: Sequence[Row]) -> list[SocialRecord]:
    """The department's data of records of one batch, which stand by place.

    Raises:
        UsageError: they were deleted.
    """
    if not rows:
        return []
    columns = CONTENT.c
    query = select(columns.place, columns.social).where(
        columns.batch == batch, columns.place.between(rows[0].place, rows[-1].place)
    )
    found = {row.place: row.social for row in connection.execute(query)}
    if missing := [row.order for row in rows if row.place not in found]:
        raise UsageError(f"{batch}: the data of order {missing[0]} have been deleted")
    return [from_json(SocialRecord, json.loads(found[row.place]), f"{batch}: {row.order}: ") for row in rows]


def head(connection: Connection, batch: str) -> Head | None:
    """A batch; None where none of that name was received."""
    found = connection.execute(select(BATCHES).where(BATCHES.c.name == batch)).mappings().first()
    return None if found is None else Head(**{**found, "orders": tuple(json.loads(found["orders"]))})


def note(connection: Connection, at: str, batch: str, step: Step, done: int, rejected: int = 0, text: str = "") -> None:
    """Write a line into the log of the steps."""
    row = {"at": at, "batch": batch, "step": step.value, "done": done, "rejected": rejected, "text": text[:_DETAIL]}
    connection.execute(_NEW_LOG, row)


def _values(row: Row) -> dict[str, object]:
    values = {name: getattr(row, name) for name in _COLUMNS}
    reason = "" if row.reason is None else row.reason.value
    return {**values, "kind": row.kind.value, "state": row.state.value, "reason": reason}


def _row(found: RowMapping) -> Row:
    reason = RejectReason(found["reason"]) if found["reason"] else None
    return Row(
        **{
            **{name: found[name] for name in _COLUMNS},
            "kind": OrderKind(found["kind"]),
            "state": RecordState(found["state"]),
            "reason": reason,
        }
    )
