"""Differences that are known and accepted, each with a reason: a TOML file.

    [[accepted]]
    command = "READ RECORD"
    environment = "ssse"
    part = "status word"
    first = "6983"
    second = "6A83"
    reason = "the card of 2019 has the older reading of the clause; vendor's letter of 3 March"

Each member but `reason` is a pattern (`*` and `?`); one that is not there matches everything.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from terminal.compare.groups import Group, Key
from terminal.errors import UsageError
from terminal.fuzz.corpus import write_whole

_TABLE: Final = "accepted"
_REASON: Final = "reason"
_MEMBERS: Final = ("command", "environment", "stage", "part", "first", "second")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted difference: patterns of what groups have in common, and why it is accepted."""

    patterns: tuple[tuple[str, str], ...]
    reason: str

    def fits(self, group: Group) -> bool:
        """Whether a group is one of these."""
        members = members_of(group.key)
        return all(fnmatchcase(members[name], pattern) for name, pattern in self.patterns)

    def __str__(self) -> str:
        return ", ".join(f"{name} {pattern}" for name, pattern in self.patterns) or "everything"


def members_of(key: Key) -> dict[str, str]:
    """What patterns are held against."""
    part = key.kind.value if not key.part else f"{key.kind.value} of {key.part}"
    values = key.command, key.environment.value, key.stage.value, part, key.first, key.second
    return dict(zip(_MEMBERS, values, strict=True))


def read_accepted(path: Path) -> list[Accepted]:
    """Read a file.

    Raises:
        UsageError: it cannot be read, has members that are not known, or an entry without a reason.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: accepted differences cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: this is no TOML: {error}") from error
    entries = document.get(_TABLE, [])
    if set(document) - {_TABLE} or not isinstance(entries, list):
        raise UsageError(f"{path}: it holds entries [[{_TABLE}]] and nothing else")
    return [_entry(path, number, entry) for number, entry in enumerate(entries, 1)]


def _entry(path: Path, number: int, entry: Any) -> Accepted:
    where = f"{path}, entry {number}"
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise UsageError(f"{where}: its members are texts")
    unknown = [name for name in entry if name not in (*_MEMBERS, _REASON)]
    if unknown:
        raise UsageError(f"{where}: {unknown[0]} is not known; members are {', '.join((*_MEMBERS, _REASON))}")
    reason = entry.get(_REASON, "").strip()
    if not reason:
        raise UsageError(f"{where}: say with `{_REASON}` why the difference is accepted")
    patterns = tuple((name, entry[name]) for name in _MEMBERS if name in entry)
    if not patterns:
        raise UsageError(f"{where}: it accepts everything; name at least a command or a part")
    return Accepted(patterns, reason)


def write_accepted(path: Path, groups: Iterable[Group]) -> int:
    """Write an entry for each group; how many. Their reasons are left to whoever accepts them.

    Raises:
        UsageError: it cannot be written.
    """
    entries = [_text(group) for group in groups]
    head = "# Known differences. An entry counts only with its reason: say why it is accepted, or take it out.\n"
    write_whole(path, head + "".join(entries))
    return len(entries)


def _text(group: Group) -> str:
    members = [(name, value) for name, value in members_of(group.key).items() if value]
    lines = [f"{name} = {_string(_literal(value))}" for name, value in members]
    return "\n".join(["", f"[[{_TABLE}]]", *lines, f'{_REASON} = ""', ""])


def _literal(value: str) -> str:
    """A pattern that matches this text alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in value)


def _string(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
