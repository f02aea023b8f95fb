"""`cardterm perso keys`: key management of a workshop; no word but `file` and `card-key` ever shows a key."""

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select

from cardsim.commandline import Exit
from cardsim.crypto.social import Suite
from cardsim.keyfile import KeyFile, KeyFileError, write_keyfile
from cardsim.making import demo
from terminal.cli.output import to_json
from terminal.cli.perso.asking import ask
from terminal.cli.perso.files import open_workshop
from terminal.cli.perso.rows import Row, tell_rows
from terminal.errors import UsageError
from terminal.hosts.books import BooksError, transact
from terminal.keymanagement.blockfiles import read_blocks, write_blocks
from terminal.keymanagement.ceremony import Ceremony, minutes
from terminal.keymanagement.components import SUFFIX, Medium, split
from terminal.keymanagement.demo import OFFICERS, setup_demo
from terminal.keymanagement.hierarchy import deliver
from terminal.keymanagement.hsm import KeySpec, level_of
from terminal.keymanagement.incidents import Right, back_up, lose, purge_traffic, records, reload_from
from terminal.keymanagement.keyfiles import bank_keys, department_keys, key_of_card
from terminal.keymanagement.kinds import Algorithm, KeyInfo, KeyState, Officer, Place, Role, Usage
from terminal.keymanagement.management import KeyManagement
from terminal.keymanagement.tables import RUNS

FORMAT: Final = "cardterm-keys"
VERSION: Final = 1
_SECTION: Final = "keys"
_KEEP_DAYS: Final = 30
_CENTRE: Final = "information centre"
_SHOWS_KEYS: Final = "this shows keys in clear; add --show-keys if you want that"
_SHOWN: Final = (
    "name", "version", "state", "level", "usage", "algorithm", "bits", "check_value", "created", "expires", "peer",
)  # fmt: skip


def keys_command(arguments: argparse.Namespace) -> int:
    """Run it; 0 where it was done."""
    with open_workshop(arguments) as workshop, KeyManagement(workshop) as management:
        try:
            rows = _WORDS[arguments.what](management, arguments)
        except (BooksError, KeyFileError) as error:
            raise UsageError(str(error)) from error
    if arguments.json:
        document = {"format": FORMAT, "version": VERSION, "verdict": "done", "word": arguments.what, "rows": rows}
        sys.stdout.write(to_json(document, indent=2) + "\n")
    else:
        tell_rows(rows)
    return Exit.OK


def _officer(arguments: argparse.Namespace, role: Role | None = None) -> Officer:
    """Who asks: of the role that is named, or of the store's."""
    if arguments.role is None and role is None:
        raise UsageError("name the role with --role")
    own = Role(arguments.role) if arguments.role is not None else role
    assert own is not None
    return Officer(arguments.officer, own) if arguments.officer else OFFICERS[own]


def _info(info: KeyInfo) -> Row:
    """What a line says of a key."""
    values = {name: getattr(value, "value", value) for name, value in asdict(info).items()}
    shown = {name.replace("_", " "): values[name] for name in _SHOWN}
    return shown | {"usage": info.usage.name.lower()}


# --- setting up


def _demo(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    setup_demo(management.workshop, arguments.seed, [demo.AREA, *arguments.city])
    return _stores(management)


def _stores(management: KeyManagement) -> list[Row]:
    return [
        {"store": str(place), "keys": len(management.hsm(place).known()), "hsm": "on"}
        if management.is_on(place)
        else {"store": str(place), "hsm": "off"}
        for place in management.places()
    ]


def _components(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place, names = Place.read(arguments.store), list(arguments.custodian)
    if len(set(names)) != len(names):
        raise UsageError("each component is another custodian's")
    parts = split(arguments.key, Algorithm(arguments.algorithm), arguments.length, len(names), management.random)
    rows: list[Row] = []
    for name, part in zip(names, parts, strict=True):
        path = Path(arguments.media) / f"{arguments.key.replace('/', '-').replace(' ', '_')}.{part.number}{SUFFIX}"
        medium = Medium.write(path, name, part, ask(f"PIN of {name}, new: "))
        row = {"store": str(place), "component": part.number, "custodian": name, "check value": part.check_value}
        rows.append(row | {"medium": str(medium.path)})
    return rows


def _ceremony(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place = Place.read(arguments.store)
    usage = Usage[arguments.usage.upper()]
    peer = str(Place.read(arguments.peer)) if arguments.peer else ""
    algorithm = Algorithm(arguments.algorithm)
    spec = KeySpec(arguments.key, level_of(place), usage, algorithm, arguments.length, peer)
    ceremony = Ceremony(management.hsm(place), _officer(arguments, place.role), spec, arguments.purpose)
    rows: list[Row] = []
    for text in arguments.medium:
        custodian, equals, path = text.partition("=")
        if not equals:
            raise UsageError(f"--medium {text}: write it as CUSTODIAN=FILE")
        medium = Medium.read(Path(path))
        check = ceremony.give(custodian, medium, ask(f"PIN of {custodian}: "))
        rows.append({"component": medium.number, "custodian": custodian, "check value": check})
    return [*rows, _info(ceremony.finish(arguments.check_value))]


# --- looking


def _list(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    if arguments.store is None:
        return _stores(management)
    place = Place.read(arguments.store)
    return [_info(info) for info in management.hsm(place).inventory(_officer(arguments, place.role))]


def _minutes(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place = Place.read(arguments.store)
    found = minutes(management.hsm(place), _officer(arguments, place.role))
    return [
        {name.replace("_", " "): value for name, value in asdict(minute).items()}
        | {"signatures": " and ".join(minute.signatures)}
        for minute in found
    ]


def _register(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    entries = management.register(_officer(arguments).role).entries()
    return [
        asdict(entry) | {"granted": "yes" if entry.granted else "no"}
        for entry in entries
        if not (arguments.refused and entry.granted)
    ]


def _runs(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    columns = RUNS.c
    asked = select(columns.batch, columns.opened, columns.by, columns.closed, columns.ended).order_by(columns.id)
    books = management.register(_officer(arguments).role).books
    return [
        {"batch": row.batch, "opened": row.opened, "by": row.by, "closed": row.closed, "ended": row.ended}
        for row in transact(books, lambda connection: connection.execute(asked).all())
    ]


# --- life and transport


def _rotate(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place = Place.read(arguments.store)
    hsm = management.hsm(place)
    return [_info(hsm.rotate(_officer(arguments, place.role), arguments.key, arguments.purpose))]


def _change(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place, state = Place.read(arguments.store), KeyState(arguments.to)
    hsm, officer = management.hsm(place), _officer(arguments, place.role)
    return [_info(hsm.change(officer, arguments.key, arguments.version, state, arguments.purpose))]


def _deliver(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    officer = _officer(arguments, Role.DEPARTMENT)
    count = deliver(management, officer, officer, arguments.area, "delivery")
    return [{"area": arguments.area, "keys": count}]


def _export(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place, peer = Place.read(arguments.store), Place.read(arguments.to)
    blocks = management.hsm(place).export(_officer(arguments, place.role), [arguments.key], peer, "export")
    write_blocks(Path(arguments.file), place, peer, blocks)
    return [{"key": arguments.key, "from": str(place), "to": str(peer), "file": arguments.file}]


def _import(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place, file = Place.read(arguments.store), read_blocks(Path(arguments.file))
    hsm, officer = management.hsm(place), _officer(arguments, place.role)
    return [_info(info) for info in hsm.import_blocks(officer, file.blocks, file.sender, "import")]


# --- faults


def _switch(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place = Place.read(arguments.store)
    management.switch(_officer(arguments, place.role), place, on=arguments.to == "on", purpose="by hand")
    return [{"store": str(place), "hsm": arguments.to}]


def _right(management: KeyManagement) -> Right:
    """Who may make backups and load again, as workshop.toml says; by default the demo's officers."""
    section = management.workshop.settings.section(_SECTION)
    staff = section.get("staff", [officer.name for officer in OFFICERS.values()])
    if not isinstance(staff, list) or not all(isinstance(name, str) for name in staff):
        raise UsageError(f"{management.workshop.settings.path}: keys.staff is a list of names")
    return Right(str(section.get("centre", _CENTRE)), frozenset(staff))


def _backup(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place = Place.read(arguments.store)
    hsm, officer = management.hsm(place), _officer(arguments, place.role)
    back_up(hsm, officer, _right(management), Path(arguments.file), ask("passphrase of the backup, new: "))
    return [{"store": str(place), "keys": len(hsm.known()), "file": arguments.file}]


def _reload(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place = Place.read(arguments.store)
    hsm, officer = management.hsm(place), _officer(arguments, place.role)
    passphrase = ask("passphrase of the backup: ")
    reload_from(hsm, officer, _right(management), arguments.incident, Path(arguments.file), passphrase)
    return _told_incidents(management, place)


def _lose(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place = Place.read(arguments.store)
    lose(management.hsm(place), arguments.key, arguments.version)
    return _told_incidents(management, place)


def _incidents(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    return _told_incidents(management, Place.read(arguments.store))


def _told_incidents(management: KeyManagement, place: Place) -> list[Row]:
    return [asdict(record) | {"step": record.step.value} for record in records(management.hsm(place))]


def _purge(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    place, settings = Place.read(arguments.store), management.workshop.settings
    days = settings.section(_SECTION).get("keep_days", _KEEP_DAYS) if arguments.days is None else arguments.days
    if not isinstance(days, int) or days < 0:
        raise UsageError(f"{settings.path}: keys.keep_days is a number of days")
    count = purge_traffic(management.hsm(place), _officer(arguments, place.role), timedelta(days=days))
    return [{"store": str(place), "purged": count, "older than days": days}]


# --- keys in clear, for tests


def _file(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    if not arguments.show_keys:
        raise UsageError(_SHOWS_KEYS)
    write_keyfile(Path(arguments.file), _keyfile(management, arguments))
    return [{"file": arguments.file}]


def _keyfile(management: KeyManagement, arguments: argparse.Namespace) -> KeyFile:
    if arguments.bank is not None:
        place = Place.read(arguments.bank)
        return bank_keys(management, _officer(arguments, place.role), place)
    command = None
    if arguments.by_command:
        words = ("cardterm", "perso", "keys", "card-key", "--show-keys", str(Path(arguments.folder).resolve()))
        command = shlex.join(words)
    officer = _officer(arguments, Role.DEPARTMENT)
    return department_keys(management, officer, Suite(arguments.suite), arguments.area, command)


def _card_key(management: KeyManagement, arguments: argparse.Namespace) -> list[Row]:
    """The key alone, for `command` of key files; in a row with --json."""
    if not arguments.show_keys:
        raise UsageError(_SHOWS_KEYS)
    try:
        historical = bytes.fromhex(arguments.historical)
    except ValueError as error:
        raise UsageError(f"{arguments.historical}: this is no hex") from error
    officer, suite = _officer(arguments, Role.DEPARTMENT), Suite(arguments.suite)
    key = key_of_card(management, officer, arguments.key, suite, arguments.area, historical).hex().upper()
    if arguments.json:
        return [{"name": arguments.key, "key": key}]
    sys.stdout.write(key + "\n")
    return []


_WORDS: Final[Mapping[str, Callable[[KeyManagement, argparse.Namespace], Sequence[Row]]]] = {
    "demo": _demo,
    "components": _components,
    "ceremony": _ceremony,
    "list": _list,
    "minutes": _minutes,
    "register": _register,
    "runs": _runs,
    "rotate": _rotate,
    "change": _change,
    "deliver": _deliver,
    "export": _export,
    "import": _import,
    "switch": _switch,
    "backup": _backup,
    "reload": _reload,
    "lose": _lose,
    "incidents": _incidents,
    "purge": _purge,
    "file": _file,
    "card-key": _card_key,
}
