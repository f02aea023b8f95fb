"""What happens to keys when a device fails: backups, the loss of a key, and how it is loaded again (000 §5).

A missing key is told to the local information centre. Its staff alone loads it again from a backup, and every step is
recorded (PERSO-126). Backups are made by this software for who has the right, and by nothing else
(PERSO-124): they are sealed under a passphrase of their own, and hold values in no other form.
"""

import enum
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select

from cardsim.privatefile import write_private
from terminal.hosts.books import transact
from terminal.keymanagement.hsm import PartyHsm
from terminal.keymanagement.kinds import KeyManagementError, KeyRequestRefused, Officer, Place
from terminal.keymanagement.register import Action
from terminal.keymanagement.sealing import COST, Passphrase, WrongSecret, seal, unseal
from terminal.keymanagement.tables import INCIDENTS

FORMAT: Final = "cardsim-key-backup"
VERSION: Final = 1


class Step(enum.Enum):
    """Steps of an incident (密钥丢失处理)."""

    MISSED = "missed"
    """The HSM misses a key."""
    NOTIFIED = "notified"
    """The information centre has the notice."""
    AUTHORISED = "authorised"
    """Somebody of the centre's staff has let it be loaded again."""
    RELOADED = "reloaded"
    """It is there again."""


@dataclass(frozen=True, slots=True)
class Right:
    """Who may make backups and load keys again: the information centre's staff, by name."""

    centre: str
    staff: frozenset[str]

    def check(self, officer: Officer) -> None:
        """Whether a person has the right.

        Raises:
            KeyRequestRefused: not.
        """
        if officer.name not in self.staff:
            raise KeyRequestRefused(f"{officer.name} is not of the staff of {self.centre} that may do this")


@dataclass(frozen=True, slots=True)
class Record:
    """One step of an incident."""

    incident: int
    at: str
    officer: str
    key: str
    step: Step
    text: str


# --- backups


def back_up(hsm: PartyHsm, officer: Officer, right: Right, path: Path, passphrase: str, cost: int = COST) -> None:
    """Write a backup of a store.

    Raises:
        KeyManagementError: without the right, for another role, or it cannot be written.
    """

    def write() -> None:
        right.check(officer)
        about, key = Passphrase(passphrase, cost).new()
        place = str(hsm.place)
        sealed = seal(key, hsm.content(), _header(place, about))
        document = {"format": FORMAT, "version": VERSION, "place": place, "opener": about, "sealed": sealed.hex()}
        try:
            write_private(path, json.dumps(document, indent=1).encode())
        except OSError as error:
            raise KeyManagementError(f"{path}: the backup cannot be written ({error.strerror})") from error

    hsm.asked(officer, Action.BACKUP, (), f"backup to {path.name}", write)


def _read_backup(path: Path, place: Place, passphrase: str) -> bytes:
    try:
        document = json.loads(path.read_bytes())
        if (document["format"], document["version"]) != (FORMAT, VERSION):
            raise KeyManagementError(f"{path}: this is no backup of version {VERSION}")
        about, of = document["opener"], document["place"]
        content = unseal(Passphrase(passphrase).key(about), bytes.fromhex(document["sealed"]), _header(of, about))
    except OSError as error:
        raise KeyManagementError(f"{path}: there is no backup that can be read ({error.strerror})") from error
    except WrongSecret as error:
        raise WrongSecret(f"{path}: the backup does not open: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise KeyManagementError(f"{path}: this is no backup") from error
    if of != str(place):
        raise KeyRequestRefused(f"{path}: the backup is of {of}, not of {place}")
    return content


def _header(place: str, about: dict[str, object]) -> bytes:
    return json.dumps([FORMAT, VERSION, place, about], sort_keys=True).encode()


# --- logs


def purge_traffic(hsm: PartyHsm, officer: Officer, keep: timedelta) -> int:
    """Destroy the key blocks that this party's logs have kept for longer (PERSO-125); how many they were.

    Raises:
        KeyRequestRefused: the officer has another role.
    """
    limit = (hsm.now() - keep).isoformat(timespec="seconds")
    count = hsm.register.traffic(limit)
    purpose = f"{count} key blocks from before {limit}"
    return hsm.asked(officer, Action.PURGE, (), purpose, lambda: hsm.register.purge(limit))


# --- losses


def lose(hsm: PartyHsm, name: str, version: int) -> int:
    """A device loses a key: the event, and the notice to the information centre; the number of the incident.

    Raises:
        KeyManagementError: there is no such key.
    """
    key = f"{name} version {version}"
    hsm.drop(name, version)
    number = _record(hsm, None, "the device", key, Step.MISSED, "the HSM misses the key")
    _record(hsm, number, "the device", key, Step.NOTIFIED, "notice to the information centre")
    return number


def reload_from(hsm: PartyHsm, officer: Officer, right: Right, incident: int, path: Path, passphrase: str) -> None:
    """Load a lost key again from a backup, by authority of the centre.

    Raises:
        KeyManagementError: no such incident, without the right, for another role, or the backup has no such key.
    """
    steps = [record for record in records(hsm) if record.incident == incident]
    if not steps or steps[-1].step is Step.RELOADED:
        raise KeyManagementError(f"{hsm.place} has no open incident {incident}")
    key = steps[0].key

    def load() -> None:
        right.check(officer)
        _record(hsm, incident, officer.name, key, Step.AUTHORISED, f"by {right.centre}")
        name, version = key.rsplit(" version ", 1)
        hsm.take_back(_read_backup(path, hsm.place, passphrase), name, int(version))

    hsm.asked(officer, Action.RESTORE, (key,), f"incident {incident}, from {path.name}", load)
    _record(hsm, incident, officer.name, key, Step.RELOADED, f"from {path.name}")


def records(hsm: PartyHsm) -> list[Record]:
    """All steps of all incidents of a store, oldest first."""
    columns = INCIDENTS.c
    asked = (
        select(columns.incident, columns.at, columns.officer, columns.key, columns.step, columns.text)
        .where(columns.place == str(hsm.place))
        .order_by(columns.id)
    )
    rows = transact(hsm.register.books, lambda connection: connection.execute(asked).all())
    return [Record(*row[:4], Step(row[4]), row[5]) for row in rows]


def _record(hsm: PartyHsm, incident: int | None, officer: str, key: str, step: Step, text: str) -> int:
    row = {
        "at": hsm.now().isoformat(timespec="seconds"), "officer": officer, "place": str(hsm.place), "key": key,
        "step": step.value, "text": text,
    }  # fmt: skip

    def write(connection: Connection) -> int:
        number = incident
        if number is None:
            number = (connection.execute(select(func.max(INCIDENTS.c.incident))).scalar() or 0) + 1
        connection.execute(INCIDENTS.insert(), row | {"incident": number})
        return number

    return transact(hsm.register.books, write)
