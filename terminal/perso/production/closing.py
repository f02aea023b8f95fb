"""The end of a batch: personal data are deleted under supervision, and that is recorded (PERSO-127, PERSO-128).

What stays has no name, number of a person or bank card number: log, list, manifest, audit of each card.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from terminal.hosts.books import transact
from terminal.perso.production.plant import Plant, demand, move
from terminal.perso.production.rules import ProductionRefused, Role
from terminal.perso.production.tables import ATTEMPTS, FILES, JOBS, BatchState


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was deleted."""

    records: int
    files: tuple[str, ...]
    supervisor: str


def close_batch(plant: Plant, name: str, *, operator: str | None = None, supervisor: str | None = None) -> Deletion:
    """Delete the personal data of a batch whose cards were accepted.

    Interrupted, it is called again and goes on.

    Raises:
        ProductionRefused: the inspection has not passed or the cards are not accepted yet, or nobody else supervises.
    """
    people = plant.cleared(operator, Role.OPERATOR), plant.cleared(supervisor, Role.SUPERVISOR)
    if people[0] == people[1]:
        raise ProductionRefused(f"{people[0]} cannot supervise the own deletion")
    demand(plant.batch(name), BatchState.ACCEPTED, what="deletion")
    wanted = select(FILES.c.path).where(FILES.c.batch == name, FILES.c.personal == 1).order_by(FILES.c.path)
    paths = transact(plant.books, lambda connection: connection.execute(wanted).scalars().all())
    for path in paths:
        Path(path).unlink(missing_ok=True)
    transact(plant.books, lambda connection: _erase(connection, name))
    _compact(plant.books)

    def record(connection: Connection) -> Deletion:
        done = FILES.update().where(FILES.c.batch == name, FILES.c.personal == 1).values(removed=plant.now())
        connection.execute(done)
        count = connection.execute(select(func.count()).select_from(JOBS).where(JOBS.c.batch == name)).scalar_one()
        text = f"{count} records, {len(paths)} files deleted; supervisor {people[1]}"
        move(connection, name, BatchState.CLOSED, plant.now(), person=people[0], text=text)
        return Deletion(count, tuple(Path(path).name for path in paths), people[1])

    deletion = transact(plant.books, record)
    plant.send_log()
    return deletion


def _erase(connection: Connection, batch: str) -> None:
    if connection.engine.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    connection.execute(JOBS.update().where(JOBS.c.batch == batch).values(record=None))
    connection.execute(ATTEMPTS.update().where(ATTEMPTS.c.batch == batch).values(card_number="", pan=""))


def _compact(books: Engine) -> None:
    """Overwrite what is deleted in the file itself: SQLite keeps old pages until then, and its journal too."""
    if books.dialect.name != "sqlite":
        return
    with books.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw = connection.connection.driver_connection
        if raw is not None:
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
