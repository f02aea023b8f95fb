"""The site where a batch is made: its books, rules and files, and the lines to the bank."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from terminal.hosts.books import transact
from terminal.management.product.rules import Rules as ProductRules
from terminal.management.product.rules import rules_of
from terminal.perso.parties import Party
from terminal.perso.production.log import LogReceiver, note, send_log
from terminal.perso.production.platform import BankPlatform, open_platform
from terminal.perso.production.rules import ProductionRefused, Role, Rules, load_rules
from terminal.perso.production.tables import BATCHES, FILES, METADATA, STAGES, BatchState, LogEvent
from terminal.perso.production.task import Step
from terminal.perso.workshop import Workshop


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch as the personaliser has it."""

    name: str
    step: Step
    last: bool
    seed: int
    requests: int
    state: BatchState


@dataclass(frozen=True, slots=True)
class Plant:
    """The site. `folder` has cards, lists and reports; `product` tells what may be made."""

    books: Engine
    clock: Callable[[], datetime]
    rules: Rules
    folder: Path
    bank: BankPlatform
    product: ProductRules

    def now(self) -> str:
        """The time as it is written into books."""
        return self.clock().isoformat(timespec="seconds")

    def cleared(self, person: str | None, role: Role) -> str:
        """Who acts: the named person, or the first one with that role; cleared today.

        Raises:
            ProductionRefused: that person may not.
        """
        name = person if person is not None else self.rules.first(role)
        self.rules.require(name, role, self.clock().date())
        return name

    def batch(self, name: str) -> BatchRow:
        """A batch.

        Raises:
            ProductionRefused: it was never received.
        """
        return transact(self.books, lambda connection: batch_row(connection, name))

    def send_log(self, receiver: LogReceiver | None = None) -> int:
        """Send the log to the bank's platform.

        Raises:
            LineDown: the line is down; entries wait.
        """
        return send_log(self.books, self.bank if receiver is None else receiver)

    def write(self, connection: Connection, batch: str, name: str, content: bytes, *, personal: bool) -> Path:
        """Write a file of a batch into `lists`, and register it: what is personal goes at the batch's end."""
        return _write(connection, batch, self.folder / "lists" / name, content, personal=personal)

    def report(self, connection: Connection, batch: str, name: str, content: bytes) -> Path:
        """Write a report of a batch into `reports`; nothing personal is in it."""
        return _write(connection, batch, self.folder / "reports" / name, content, personal=False)


def open_plant(workshop: Workshop) -> Plant:
    """The site of a workshop.

    Raises:
        UsageError: books or rules cannot be read.
    """
    books = workshop.books(Party.MAKER, METADATA)
    rules, product = load_rules(workshop.settings), rules_of(workshop.settings)
    return Plant(books, workshop.clock, rules, workshop.folder, open_platform(workshop), product)


def batch_row(connection: Connection, name: str) -> BatchRow:
    """A batch, in a transaction.

    Raises:
        ProductionRefused: it was never received.
    """
    row = connection.execute(select(BATCHES).where(BATCHES.c.name == name)).one_or_none()
    if row is None:
        raise ProductionRefused(f"there is no batch {name} in production; take its file first")
    return BatchRow(row.name, Step(row.step), bool(row.last), row.seed, row.requests, BatchState(row.state))


def demand(batch: BatchRow, *states: BatchState, what: str) -> None:
    """Whether the batch is where something may be done with it.

    Raises:
        ProductionRefused: it is not.
    """
    if batch.state not in states:
        wanted = " or ".join(state.value for state in states)
        raise ProductionRefused(f"batch {batch.name} is {batch.state.value}; {what} needs one that is {wanted}")


def move(connection: Connection, batch: str, state: BatchState, time: str, *, person: str = "", text: str = "") -> None:
    """Bring a batch to a state: one row in the stages, one entry in the log."""
    connection.execute(BATCHES.update().where(BATCHES.c.name == batch).values(state=state.value))
    row = {"batch": batch, "stage": state.value, "time": time, "person": person, "text": text}
    connection.execute(STAGES.insert(), row)
    note(connection, time, LogEvent.STEP, batch, text=state.value)


def _write(connection: Connection, batch: str, path: Path, content: bytes, *, personal: bool) -> Path:
    register_file(connection, batch, path, personal=personal)
    path.write_bytes(content)
    return path


def register_file(connection: Connection, batch: str, path: Path, *, personal: bool) -> None:
    """Know a file of a batch (faces and packages too), so that it goes at the end if it is personal."""
    known = connection.execute(
        FILES.update().where(FILES.c.path == str(path)).values(removed="", personal=int(personal))
    )
    if not known.rowcount:
        row = {"path": str(path), "batch": batch, "personal": int(personal), "removed": ""}
        connection.execute(FILES.insert(), row)
