"""What the bank's platform (金融IC卡应用平台) and the card-management system know of production: log, lists, delivery.

The bank keeps a copy of the production log, entry by entry, and checks the personaliser's list against it. It forwards
list and delivery to the department (000 §3.1.4). Neither reads the other's books: what goes from one to the other is
a document, and each is taken once whatever is repeated.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, Text, TypedColumns, select

from terminal.hosts.books import transact
from terminal.perso.parties import Party
from terminal.perso.production.log import Entry
from terminal.perso.production.papers import (
    BodyLine,
    Consignment,
    ProductionList,
    list_problems,
    month_of,
    waste_problems,
)
from terminal.perso.production.rules import ProductionRefused
from terminal.perso.production.tables import DeliveryState
from terminal.perso.workshop import Workshop

BANK_METADATA: Final = MetaData()
DEPARTMENT_METADATA: Final = MetaData()


class PlatformLogColumns(TypedColumns):
    """The log as the bank has it, by the personaliser's numbers."""

    number = Column(Integer, primary_key=True, autoincrement=False)
    time = Column(String(19), nullable=False)
    batch = Column(String(64), nullable=False, index=True)
    order = Column(String(64), nullable=False)
    attempt = Column(Integer, nullable=False)
    event = Column(String(12), nullable=False)
    historical = Column(String(32), nullable=False)
    text = Column(String(256), nullable=False)


class PaperColumns(TypedColumns):
    """Lists and states of delivery, each as the document that came."""

    batch = Column(String(64), primary_key=True)
    kind = Column(String(24), primary_key=True)
    """`list`, or the state of delivery."""
    time = Column(String(19), nullable=False)
    content = Column(Text, nullable=False)


class ForwardColumns(PaperColumns):
    """The same with the bank, and whether the department has it."""

    forwarded = Column(Integer, nullable=False)


class ConsignmentColumns(TypedColumns):
    """Waste cards that came to the bank, by month."""

    batch = Column(String(64), primary_key=True)
    order = Column(String(64), primary_key=True)
    attempt = Column(Integer, primary_key=True)
    month = Column(String(6), nullable=False)
    historical = Column(String(32), nullable=False)
    destroyed = Column(String(19), nullable=False)
    """When; empty: they are kept."""
    witnesses = Column(String(128), nullable=False)


PLATFORM_LOG: Final = Table("production_platform_log", BANK_METADATA, PlatformLogColumns)
PAPERS: Final = Table("production_platform_paper", BANK_METADATA, ForwardColumns)
CONSIGNMENTS: Final = Table("production_platform_waste", BANK_METADATA, ConsignmentColumns)
DEPARTMENT_PAPERS: Final = Table("production_department_paper", DEPARTMENT_METADATA, PaperColumns)

LIST: Final = "list"
_LOG_NAMES: Final = tuple(Entry.__dataclass_fields__)


class DepartmentDesk:
    """What the card-management system (卡管系统) knows of production: list and delivery of each batch (SCHEME-214)."""

    def __init__(self, books: Engine) -> None:
        self._books = books

    def take(self, batch: str, kind: str, time: str, content: str) -> None:
        """Keep a paper; one that came before changes nothing."""
        transact(self._books, lambda connection: _keep(connection, DEPARTMENT_PAPERS, batch, kind, time, content))

    def papers(self, batch: str) -> dict[str, str]:
        """What is known of a batch: kind of paper or state of delivery, and when it was made, in that order."""
        wanted = select(DEPARTMENT_PAPERS.c.kind, DEPARTMENT_PAPERS.c.time).where(DEPARTMENT_PAPERS.c.batch == batch)
        rows = transact(self._books, lambda connection: connection.execute(wanted).all())
        order = [LIST, *(state.value for state in DeliveryState)]
        return dict(sorted(((row.kind, row.time) for row in rows), key=lambda pair: order.index(pair[0])))

    def list_of(self, batch: str) -> dict[str, Any] | None:
        """The personaliser's list of a batch; None while it has not come."""
        return transact(self._books, lambda connection: _content(connection, DEPARTMENT_PAPERS, batch, LIST))


class BankPlatform:
    """The bank's side. What it is told it forwards to the department, at once or when `forward` is called."""

    def __init__(self, books: Engine, department: DepartmentDesk, clock: Callable[[], datetime]) -> None:
        self._books = books
        self.department = department
        self._clock = clock

    def take_log(self, entries: Sequence[Entry]) -> None:
        """Keep entries of the production log; a number is taken once."""

        def take(connection: Connection) -> None:
            known = select(PLATFORM_LOG.c.number).where(PLATFORM_LOG.c.number.in_([entry.number for entry in entries]))
            have = set(connection.execute(known).scalars())
            new = [asdict(entry) for entry in entries if entry.number not in have]
            if new:
                connection.execute(PLATFORM_LOG.insert(), new)

        transact(self._books, take)

    def log(self, batch: str) -> list[Entry]:
        """The log of a batch as it came."""
        return transact(self._books, lambda connection: _log(connection, batch))

    def take_list(self, paper: ProductionList) -> None:
        """Keep the list of a batch, and forward it (PERSO-152).

        Raises:
            ProductionRefused: it does not agree with the log, or another list of the batch has come.
        """
        problems = list_problems(paper, self.log(paper.batch))
        if problems:
            raise ProductionRefused(f"the bank refuses the list of batch {paper.batch}: {'; '.join(problems[:3])}")
        content = json.dumps(asdict(paper) | {"counts": paper.counts}, ensure_ascii=False)
        self._take(paper.batch, LIST, content)

    def take_delivery(self, batch: str, state: DeliveryState, place: str) -> None:
        """Keep a state of delivery, and forward it."""
        self._take(batch, state.value, json.dumps({"place": place}, ensure_ascii=False))

    def _take(self, batch: str, kind: str, content: str) -> None:
        time = self._clock().isoformat(timespec="seconds")
        transact(self._books, lambda connection: _keep(connection, PAPERS, batch, kind, time, content, forwarded=0))
        self.forward()

    def forward(self) -> int:
        """Give the department what it has not got; how many papers."""
        wanted = select(PAPERS).where(PAPERS.c.forwarded == 0).order_by(PAPERS.c.time, PAPERS.c.batch, PAPERS.c.kind)
        rows = transact(self._books, lambda connection: connection.execute(wanted).all())
        for row in rows:
            self.department.take(row.batch, row.kind, row.time, row.content)
            done = PAPERS.update().where(PAPERS.c.batch == row.batch, PAPERS.c.kind == row.kind).values(forwarded=1)
            transact(self._books, lambda connection, done=done: connection.execute(done))  # type: ignore[misc]
        return len(rows)

    # --- waste ----------------------------------------------------------------------------------------------------

    def take_waste(self, consignment: Consignment) -> None:
        """Register the waste cards of a month; a card that came before changes nothing."""

        def take(connection: Connection) -> None:
            for batch, lines in consignment.batches:
                for line in lines:
                    _register_waste(connection, consignment.month, batch, line)

        transact(self._books, take)

    def waste_problems(self, month: str) -> list[str]:
        """Where the waste that came and the log differ, over the batches whose list came up to that month (YYYYMM)."""
        return transact(self._books, lambda connection: _waste_problems(connection, month))

    def destroy_waste(self, month: str, witnesses: Sequence[str]) -> int:
        """Destroy together what came up to a month and was not destroyed; how many cards (PERSO-153, SCHEME-183).

        Raises:
            ProductionRefused: fewer than two witnesses, or cards and log differ.
        """
        if len(set(witnesses)) < 2:
            raise ProductionRefused("waste cards are destroyed before two witnesses")
        time = self._clock().isoformat(timespec="seconds")

        def destroy(connection: Connection) -> int:
            problems = _waste_problems(connection, month)
            if problems:
                raise ProductionRefused(f"waste cards are not destroyed, for they differ from the log: {problems[0]}")
            waiting = CONSIGNMENTS.update().where(CONSIGNMENTS.c.destroyed == "", CONSIGNMENTS.c.month <= month)
            return connection.execute(
                waiting.values(destroyed=time, witnesses=", ".join(sorted(set(witnesses))))
            ).rowcount

        return transact(self._books, destroy)

    def destroyed(self) -> set[tuple[str, str, int]]:
        """Batch, order and attempt of all waste cards that were destroyed."""
        wanted = select(CONSIGNMENTS.c.batch, CONSIGNMENTS.c.order, CONSIGNMENTS.c.attempt)
        rows = wanted.where(CONSIGNMENTS.c.destroyed != "")
        return transact(self._books, lambda connection: {(*row,) for row in connection.execute(rows)})


def open_platform(workshop: Workshop) -> BankPlatform:
    """The bank's platform of a workshop, with the department behind it.

    Raises:
        UsageError: the books cannot be opened.
    """
    department = DepartmentDesk(workshop.books(Party.DEPARTMENT, DEPARTMENT_METADATA))
    return BankPlatform(workshop.books(Party.BANK, BANK_METADATA), department, workshop.clock)


def _log(connection: Connection, batch: str) -> list[Entry]:
    columns = [PLATFORM_LOG.c[name] for name in _LOG_NAMES]
    wanted = select(*columns).where(PLATFORM_LOG.c.batch == batch).order_by(PLATFORM_LOG.c.number)
    return [Entry(*row) for row in connection.execute(wanted)]


def _content(connection: Connection, table: Table, batch: str, kind: str) -> dict[str, Any] | None:
    wanted = select(table.c.content).where(table.c.batch == batch, table.c.kind == kind)
    found = connection.execute(wanted).scalar()
    return None if found is None else dict(json.loads(found))


def _keep(
    connection: Connection, table: Table, batch: str, kind: str, time: str, content: str, **more: int
) -> None:  # fmt: skip
    known = _content(connection, table, batch, kind)
    if known is None:
        row = {"batch": batch, "kind": kind, "time": time, "content": content, **more}
        connection.execute(table.insert(), row)
    elif known != json.loads(content):
        raise ProductionRefused(f"batch {batch}: another {kind} has come before")


def _register_waste(connection: Connection, month: str, batch: str, line: BodyLine) -> None:
    key = (
        CONSIGNMENTS.c.batch == batch, CONSIGNMENTS.c.order == line.order, CONSIGNMENTS.c.attempt == line.attempt
    )  # fmt: skip
    if connection.execute(select(CONSIGNMENTS.c.month).where(*key)).scalar() is None:
        row = {"batch": batch, "month": month, "destroyed": "", "witnesses": "", **asdict(line)}
        connection.execute(CONSIGNMENTS.insert(), row)


def _waste_problems(connection: Connection, month: str) -> list[str]:
    lists = connection.execute(select(PAPERS.c.batch, PAPERS.c.time).where(PAPERS.c.kind == LIST)).all()
    batches = [batch for batch, time in lists if month_of(time) <= month]
    log = [entry for batch in batches for entry in _log(connection, batch)]
    columns = CONSIGNMENTS.c
    rows = connection.execute(select(columns.batch, columns.order, columns.attempt, columns.historical)).all()
    sent = [(row.batch, BodyLine(row.order, row.attempt, row.historical)) for row in rows if row.batch in batches]
    return waste_problems(sent, log, batches)
