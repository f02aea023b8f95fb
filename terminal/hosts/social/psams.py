"""The register of PSAMs (STD-10 §6.5.3): who has which, since when, and when each was looked at.

Each PSAM lies in a cabinet or is held by a named person. Every movement is an entry with serial, person and time.
"""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, select

from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.tables import PSAM_ENTRIES, PSAMS


class PsamAction(enum.Enum):
    """What happened to a PSAM."""

    ENTERED = "entered"
    ISSUED = "issued"
    RETURNED = "returned"
    CHECKED = "checked"
    DEVICE_SCRAPPED = "device scrapped"
    LOST = "lost"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class PsamEntry:
    """One entry of the register."""

    serial: str
    action: PsamAction
    person: str
    time: datetime
    note: str


class PsamRegister:
    """The register, on an open transaction of the books.

    Args:
        books: the transaction.
        now: time of the entries.
        check_days: after how many days without a check a PSAM is reported.
    """

    def __init__(self, books: Connection, now: datetime, check_days: int) -> None:
        self._books = books
        self._now = now.replace(microsecond=0)
        """The books have no fractions of a second."""
        self._check_days = check_days

    def enter(self, serial: str, terminal: str, cabinet: str, person: str) -> None:
        """Take a PSAM in: its serial number (EF0015), its terminal number, its cabinet, who keeps it.

        Raises:
            Refusal: it is there already.
        """
        if self._find(serial) is not None:
            raise Refusal(Code.CONFLICT, f"PSAM {serial} is in the register")
        row = {"serial": serial, "terminal": terminal, "cabinet": cabinet, "holder": "", "device": ""}
        self._books.execute(PSAMS.insert(), row | {"scrapped": False, "checked": self._now.isoformat()})
        self._note(serial, PsamAction.ENTERED, person, cabinet)

    def issue(self, serial: str, person: str, device: str) -> None:
        """Give a PSAM to a named person for a device (PSAM-188).

        Raises:
            Refusal: it is not in the register, somebody has it, or nobody is named.
        """
        row = self._need(serial)
        if row.holder:
            raise Refusal(Code.CONFLICT, f"PSAM {serial} is with {row.holder}")
        if not person or not device:
            raise Refusal(Code.MALFORMED, "a PSAM is given to a named person for a device")
        self._set(serial, holder=person, device=device, scrapped=False)
        self._note(serial, PsamAction.ISSUED, person, device)

    def take_back(self, serial: str, person: str) -> None:
        """Take a PSAM back from the person who brings it: that closes the loan (PSAM-189).

        Raises:
            Refusal: it is not in the register, or nobody has it.
        """
        row = self._need(serial)
        if not row.holder:
            raise Refusal(Code.CONFLICT, f"PSAM {serial} is in its cabinet")
        self._set(serial, holder="", device="", scrapped=False)
        self._note(serial, PsamAction.RETURNED, person, row.device)

    def strike(self, serial: str, person: str, *, lost: bool) -> None:
        """Strike a PSAM off that is lost or destroyed; its entries stay.

        Raises:
            Refusal: it is not in the register.
        """
        row = self._need(serial)
        self._books.execute(PSAMS.delete().where(PSAMS.c.serial == serial))
        self._note(serial, PsamAction.LOST if lost else PsamAction.DESTROYED, person, row.holder or row.cabinet)

    def check(self, serial: str, person: str, note: str = "") -> None:
        """Note that a PSAM was looked at.

        Raises:
            Refusal: it is not in the register.
        """
        self._need(serial)
        self._set(serial, checked=self._now.isoformat())
        self._note(serial, PsamAction.CHECKED, person, note)

    def scrap_device(self, device: str, person: str) -> tuple[str, ...]:
        """Note that a device is scrapped; the serial numbers of PSAMs that must come back."""
        rows = self._books.execute(select(PSAMS.c.serial).where(PSAMS.c.device == device).order_by(PSAMS.c.serial))
        serials = tuple(row.serial for row in rows)
        for serial in serials:
            self._set(serial, scrapped=True)
            self._note(serial, PsamAction.DEVICE_SCRAPPED, person, device)
        return serials

    def assignments(self) -> tuple[tuple[str, str, str], ...]:
        """Serial number, terminal number and holder of each PSAM; its cabinet where nobody has it (SCHEME-037)."""
        rows = self._books.execute(select(PSAMS).order_by(PSAMS.c.serial))
        return tuple((row.serial, row.terminal, row.holder or row.cabinet) for row in rows)

    def problems(self) -> list[str]:
        """Returns that are missing, and checks that are overdue, in words."""
        found = []
        for row in self._books.execute(select(PSAMS).order_by(PSAMS.c.serial)):
            if row.scrapped:
                found.append(f"PSAM {row.serial}: device {row.device} is scrapped, {row.holder} has not returned it")
            if datetime.fromisoformat(row.checked) + timedelta(days=self._check_days) < self._now:
                found.append(f"PSAM {row.serial}: not checked since {row.checked[:10]}")
        return found

    def entries(self, serial: str) -> tuple[PsamEntry, ...]:
        """The entries of a PSAM, oldest first."""
        rows = self._books.execute(
            select(PSAM_ENTRIES).where(PSAM_ENTRIES.c.serial == serial).order_by(PSAM_ENTRIES.c.id)
        )
        return tuple(
            PsamEntry(row.serial, PsamAction(row.action), row.person, datetime.fromisoformat(row.time), row.note)
            for row in rows
        )

    def _find(self, serial: str) -> Row[tuple[object, ...]] | None:
        return self._books.execute(select(PSAMS).where(PSAMS.c.serial == serial)).first()

    def _need(self, serial: str) -> Row[tuple[object, ...]]:
        row = self._find(serial)
        if row is None:
            raise Refusal(Code.NOT_THERE, f"PSAM {serial} is not in the register")
        return row

    def _set(self, serial: str, **values: object) -> None:
        self._books.execute(PSAMS.update().where(PSAMS.c.serial == serial).values(values))

    def _note(self, serial: str, action: PsamAction, person: str, note: str) -> None:
        row = {"serial": serial, "action": action.value, "person": person, "time": self._now.isoformat(), "note": note}
        self._books.execute(PSAM_ENTRIES.insert(), row)
