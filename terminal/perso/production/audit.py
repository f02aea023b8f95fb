"""The audit of a card: its applications, and the way back to batch, machine, operator, key sets and times (PERSO-129).

No key value, no PIN and nothing personal stands in it, so that it stays when the batch is closed.
"""

from typing import Any, Final

from sqlalchemy import Connection, RowMapping, or_, select

from terminal.hosts.books import transact
from terminal.perso.production.plant import Plant
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.tables import APPLICATIONS, ATTEMPTS, PACKED, RUNS
from terminal.perso.records import CardResult

_FORMAT: Final = "cardterm-card-audit"
_VERSION: Final = 1
_WRITTEN: Final = APPLICATIONS.c.began, APPLICATIONS.c.application.desc()
"""Within one pass the social-security side is written first."""


def audit_documents(connection: Connection, batch: str) -> list[dict[str, Any]]:
    """One document for each good card of a batch, by order."""
    good = ATTEMPTS.c.batch == batch, ATTEMPTS.c.result == CardResult.GOOD.value
    rows = connection.execute(select(ATTEMPTS).where(*good).order_by(ATTEMPTS.c.order)).mappings().all()
    return [_document(connection, row) for row in rows]


def trace(plant: Plant, card: str) -> dict[str, Any]:
    """The audit of a card, by its historical bytes, its identification code or its order (PERSO-130).

    Raises:
        ProductionRefused: nothing of that name was made here.
    """
    columns = ATTEMPTS.c
    named = or_(columns.historical == card.upper(), columns.identification == card.upper(), columns.order == card)
    wanted = select(ATTEMPTS).where(named, columns.result != "").order_by(columns.result, columns.attempt.desc())

    def find(connection: Connection) -> dict[str, Any]:
        row = connection.execute(wanted.limit(1)).mappings().one_or_none()
        if row is None:
            raise ProductionRefused(f"no card {card} was made here")
        return _document(connection, row)

    return transact(plant.books, find)


def _document(connection: Connection, row: RowMapping) -> dict[str, Any]:
    order, attempt = row["order"], row["attempt"]
    run = connection.execute(select(RUNS).where(RUNS.c.number == row["run"])).mappings().one()
    mine = APPLICATIONS.c.order == order, APPLICATIONS.c.attempt == attempt
    applications = connection.execute(select(APPLICATIONS).where(*mine).order_by(*_WRITTEN)).mappings()
    packed = connection.execute(select(PACKED).where(PACKED.c.order == order)).mappings().one_or_none()
    where = {"unit": packed["unit"], "package": packed["package"], "box": packed["box"]} if packed is not None else {}
    return {
        "format": _FORMAT, "version": _VERSION, "order": order, "historical": row["historical"],
        "identification": row["identification"], "result": row["result"], "attempt": attempt,
        "replaces_waste": row["remakes"], "failed": row["failed"], "reason": row["reason"], "batch": row["batch"],
        "run": run["number"], "machine": run["machine"], "operator": run["operator"], "key_sets": run["keysets"],
        "began": row["started"], "ended": row["ended"],
        "applications": [_application(application) for application in applications], **where,
    }  # fmt: skip


def _application(row: RowMapping) -> dict[str, str]:
    return {"application": row["application"], "key_set": row["keyset"], "began": row["began"], "ended": row["ended"]}
