"""The register of a party's keys (密钥使用登记): every request, granted or refused; what is kept of it, and purged."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, delete, func, select

from terminal.hosts.books import transact
from terminal.keymanagement.kinds import KeyInfo, Officer, Place
from terminal.keymanagement.tables import REGISTER, TRAFFIC

TEXT_LENGTH: Final = 200
_EVER: Final = "9999"


class Action(enum.Enum):
    """What can be asked for."""

    GENERATE = "generate"
    LOAD = "load"
    """From components."""
    ACTIVATE = "activate"
    RETIRE = "retire"
    DESTROY = "destroy"
    DERIVE = "derive"
    EXPORT = "export"
    IMPORT = "import"
    INVENTORY = "inventory"
    COMPUTE = "compute"
    SHOW = "show"
    """In clear, to a key file for tests."""
    BACKUP = "backup"
    RESTORE = "restore"
    CHANNEL = "channel"
    """Open or close the channel of a run."""
    PURGE = "purge"
    SWITCH = "switch"
    """An HSM on or off."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the register."""

    at: str
    officer: str
    role: str
    place: str
    action: str
    key: str
    purpose: str
    granted: bool
    reason: str


class Register:
    """The register of one role, in its books."""

    def __init__(self, books: Engine) -> None:
        self.books = books

    def note(
        self, now: datetime, officer: Officer, place: Place, action: Action, keys: Sequence[str], purpose: str,
        refused: str = "",
    ) -> None:  # fmt: skip
        """Write a request down, a line for each key; `refused` says why it was not done."""
        row = {
            "at": now.isoformat(timespec="seconds"), "officer": officer.name, "role": officer.role.value,
            "place": str(place), "action": action.value, "purpose": purpose[:TEXT_LENGTH],
            "granted": int(not refused), "reason": refused[:TEXT_LENGTH],
        }  # fmt: skip
        rows = [row | {"key": key} for key in keys or ("",)]
        transact(self.books, lambda connection: connection.execute(REGISTER.insert(), rows))

    def entries(self) -> list[Entry]:
        """All lines, oldest first."""
        columns = REGISTER.c
        asked = select(
            columns.at, columns.officer, columns.role, columns.place, columns.action, columns.key, columns.purpose,
            columns.granted, columns.reason,
        ).order_by(columns.id)  # fmt: skip
        found = transact(self.books, lambda connection: connection.execute(asked).all())
        return [Entry(*row[:7], granted=bool(row[7]), reason=row[8]) for row in found]

    def keep_traffic(
        self, now: datetime, place: Place, peer: Place, purpose: str, blocks: Iterable[tuple[KeyInfo, str]]
    ) -> None:
        """Keep the key blocks of an export until they are purged."""
        row = {
            "at": now.isoformat(timespec="seconds"), "place": str(place), "peer": str(peer),
            "purpose": purpose[:TEXT_LENGTH],
        }  # fmt: skip
        rows = [row | {"key": str(info), "block": block} for info, block in blocks]
        if rows:
            transact(self.books, lambda connection: connection.execute(TRAFFIC.insert(), rows))

    def traffic(self, before: str = _EVER) -> int:
        """How many key blocks are kept, or how many of them are older than a time."""
        asked = select(func.count()).select_from(TRAFFIC).where(TRAFFIC.c.at < before)
        return transact(self.books, lambda connection: connection.execute(asked).scalar_one())

    def purge(self, before: str) -> int:
        """Destroy the key blocks that are older; how many they were."""
        asked = delete(TRAFFIC).where(TRAFFIC.c.at < before)
        return transact(self.books, lambda connection: connection.execute(asked).rowcount)
