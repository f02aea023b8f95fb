"""A party's key store: one enciphered, authenticated file for its owner alone (mode 0600); no value is in a repr."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from cardsim.privatefile import write_private
from terminal.keymanagement.kinds import (
    NEXT_STATES,
    Algorithm,
    KeyInfo,
    KeyManagementError,
    KeyState,
    Level,
    Place,
    Role,
    Usage,
    bits_of,
    check_name,
    check_value,
)
from terminal.keymanagement.sealing import Opener, Random, WrongSecret, seal, unseal

FORMAT: Final = "cardsim-key-store"
VERSION: Final = 1
_ENUMS: Final = {"level": Level, "usage": Usage, "algorithm": Algorithm, "state": KeyState}
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Entry:
    info: KeyInfo
    value: bytes = field(repr=False)


_Entries = dict[str, dict[int, _Entry]]
"""Versions by number, by name."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is to stand in a store."""

    name: str
    level: Level
    usage: Usage
    algorithm: Algorithm
    value: bytes = field(repr=False)
    version: int = 0
    """0: the next one of its name."""
    expires: str = ""
    peer: str = ""


class KeyStore:
    """The store, opened. Changes reach the file with `save`.

    `use` is the only door to values, and the parties' HSM (`terminal.keymanagement.hsm`) alone goes through it.
    """

    __slots__ = ("_about", "_entries", "_key", "_random", "_seen", "_stamp", "path", "place")

    def __init__(self, path: Path, place: Place, about: dict[str, Any], key: bytes, random: Random) -> None:
        self.path = path
        self.place = place
        self._about = about
        self._key = key
        self._random = random
        self._entries: _Entries = {}
        self._seen: set[str] = set()
        self._stamp = _stamp_of(path)

    def __repr__(self) -> str:
        return f"<KeyStore {self.place}: {sum(map(len, self._entries.values()))} keys>"

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a key store cannot be copied")

    @classmethod
    def create(cls, path: Path, place: Place, opener: Opener, random: Random = secrets.token_bytes) -> "KeyStore":
        """A new, empty store.

        Raises:
            KeyManagementError: there is one, or it cannot be written.
        """
        if path.exists():
            raise KeyManagementError(f"{path}: there is a key store of {place} already")
        path.parent.mkdir(parents=True, exist_ok=True)
        store = cls(path, place, *opener.new(random), random)
        store.save()
        return store

    @classmethod
    def open(cls, path: Path, opener: Opener, random: Random = secrets.token_bytes) -> "KeyStore":
        """Open a store.

        Raises:
            KeyManagementError: there is none, or it does not open.
        """
        try:
            document = json.loads(path.read_bytes())
            if (document["format"], document["version"]) != (FORMAT, VERSION):
                raise KeyManagementError(f"{path}: this is no key store of version {VERSION}")
            place, about = Place.read(document["place"]), document["opener"]
            key = opener.key(about)
            content = unseal(key, bytes.fromhex(document["sealed"]), _header(place, about))
            entries, seen = _read(content)
        except OSError as error:
            raise KeyManagementError(f"{path}: there is no key store that can be read ({error.strerror})") from error
        except WrongSecret as error:
            raise WrongSecret(f"{path}: the key store does not open: {error}") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise KeyManagementError(f"{path}: this is no key store") from error
        store = cls(path, place, about, key, random)
        store._entries, store._seen = entries, seen
        return store

    def save(self) -> None:
        """Write the file in the place of the former one, all or nothing.

        Raises:
            KeyManagementError: it cannot be written, or another program has written it since it was opened.
        """
        if not self.fresh:
            raise KeyManagementError(f"{self.path}: another program has changed the key store; open it again")
        sealed = seal(self._key, self.content(), _header(self.place, self._about), self._random)
        document = {
            "format": FORMAT, "version": VERSION, "place": str(self.place), "opener": self._about,
            "sealed": sealed.hex(),
        }  # fmt: skip
        try:
            write_private(self.path, json.dumps(document, indent=1).encode())
        except OSError as error:
            raise KeyManagementError(f"{self.path}: the key store cannot be written ({error.strerror})") from error
        self._stamp = _stamp_of(self.path)

    @property
    def fresh(self) -> bool:
        """Whether the file is still the one that was read or written here."""
        return self._stamp == _stamp_of(self.path)

    def content(self) -> bytes:
        """All that is in it, in clear: to be sealed at once."""
        rows = [
            asdict(entry.info)
            | {name: getattr(entry.info, name).value for name in _ENUMS}
            | {"value": entry.value.hex()}
            for versions in self._entries.values()
            for entry in versions.values()
        ]
        return json.dumps({"keys": rows, "seen": sorted(self._seen)}).encode()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Changes that are saved together at the end, or do not happen at all."""
        entries, seen = {name: dict(versions) for name, versions in self._entries.items()}, set(self._seen)
        try:
            yield
            if (self._entries, self._seen) != (entries, seen):
                self.save()
        except BaseException:
            self._entries, self._seen = entries, seen
            raise

    @property
    def role(self) -> Role:
        """Whose keys these are."""
        return self.place.role

    def __iter__(self) -> Iterator[KeyInfo]:
        """All versions of all keys, by name and version."""
        for _, versions in sorted(self._entries.items()):
            for _, entry in sorted(versions.items()):
                yield entry.info

    def find(self, name: str, version: int | None = None) -> KeyInfo | None:
        """A version of a key, or the active one."""
        versions = self._entries.get(name, {})
        if version is not None:
            entry = versions.get(version)
            return None if entry is None else entry.info
        return next((one.info for one in versions.values() if one.info.state is KeyState.ACTIVE), None)

    def add(self, new: NewKey, now: str) -> KeyInfo:
        """Put a key in, pending.

        Raises:
            KeyManagementError: the name is none, the value does not fit its algorithm, or that version is there.
        """
        check_name(new.name)
        versions = self._entries.setdefault(new.name, {})
        version = new.version or max(versions, default=0) + 1
        if version in versions:
            raise KeyManagementError(f"{self.place}: there is a key {new.name} version {version} already")
        info = KeyInfo(
            new.name, version, new.level, new.usage, new.algorithm, bits_of(new.algorithm, new.value),
            check_value(new.algorithm, new.value), KeyState.PENDING, now, expires=new.expires, peer=new.peer,
        )  # fmt: skip
        versions[version] = _Entry(info, new.value)
        return info

    def change(self, name: str, version: int, state: KeyState, now: str) -> KeyInfo:
        """Bring a key into its next state; one that becomes active retires the version before it.

        Raises:
            KeyManagementError: there is no such key, or that state does not follow.
        """
        entry = self._entries.get(name, {}).get(version)
        if entry is None:
            raise KeyManagementError(f"{self.place}: there is no key {name} version {version}")
        if state not in NEXT_STATES[entry.info.state]:
            raise KeyManagementError(f"{entry.info} is {entry.info.state.value} and cannot become {state.value}")
        match state:
            case KeyState.ACTIVE:
                if (before := self.find(name)) is not None:
                    self.change(name, before.version, KeyState.RETIRED, now)
                changed = _Entry(replace(entry.info, state=state, activated=now), entry.value)
            case KeyState.RETIRED:
                changed = _Entry(replace(entry.info, state=state, retired=now), entry.value)
            case _:
                changed = _Entry(replace(entry.info, state=state, destroyed=now), b"")
        self._entries[name][version] = changed
        return changed.info

    def lose(self, name: str, version: int) -> None:
        """Take a key out: what a fault of the device does (PERSO-126).

        Raises:
            KeyManagementError: there is no such key.
        """
        if self._entries.get(name, {}).pop(version, None) is None:
            raise KeyManagementError(f"{self.place}: there is no key {name} version {version}")

    def take_back(self, content: bytes, name: str, version: int) -> None:
        """Put a key in as it was in an earlier content of this store.

        Raises:
            KeyManagementError: there it was not.
        """
        entries, _ = _read(content)
        if version not in entries.get(name, {}):
            raise KeyManagementError(f"the backup of {self.place} has no key {name} version {version}")
        self._entries.setdefault(name, {})[version] = entries[name][version]

    def use(self, name: str, step: Callable[[bytes], _Result], version: int | None = None) -> _Result:
        """Compute with a value inside: of the active version, or of a named one that is not destroyed.

        Raises:
            KeyManagementError: there is none.
        """
        info = self.find(name, version)
        if info is None or info.state is KeyState.DESTROYED:
            which = "no active key" if version is None else f"no version {version} of"
            raise KeyManagementError(f"{self.place} has {which} {name}")
        return step(self._entries[info.name][info.version].value)

    def first_time(self, token: str) -> bool:
        """Note something that may come once; whether this was the first time."""
        if token in self._seen:
            return False
        self._seen.add(token)
        return True


def _read(content: bytes) -> tuple[_Entries, set[str]]:
    """Keys, and what came before, of a store's content."""
    document = json.loads(content)
    entries: _Entries = {}
    for row in document["keys"]:
        value = bytes.fromhex(row.pop("value"))
        info = KeyInfo(**row | {name: kind(row[name]) for name, kind in _ENUMS.items()})
        entries.setdefault(info.name, {})[info.version] = _Entry(info, value)
    return entries, set(document["seen"])


def _stamp_of(path: Path) -> tuple[int, int] | None:
    """What tells one file from the next: each save makes a new one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _header(place: Place, about: dict[str, Any]) -> bytes:
    """What is authenticated in clear."""
    return json.dumps([FORMAT, VERSION, str(place), about], sort_keys=True).encode()
