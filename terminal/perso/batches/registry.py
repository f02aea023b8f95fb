"""The ID check (联网核查): what the police registry says of a number and a name, and models of that registry."""

import csv
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from terminal.errors import UsageError

_COLUMNS: Final = ("number", "name", "photo")
_FLAGS: Final = {"1": True, "0": False}


class IdCheck(enum.Enum):
    """Answers of the registry."""

    MATCH = "match"
    """号码与姓名一致且存在照片."""
    NAME_DIFFERS = "name differs"
    """号码存在但与姓名不匹配."""
    NO_SUCH_NUMBER = "no such number"
    """号码不存在."""
    NO_PHOTO = "no photo"
    """号码与姓名一致但不存在照片."""


class PoliceRegistry(Protocol):
    """Whom a bank asks about a customer."""

    def check(self, number: str, name: str) -> IdCheck:
        """What the registry says; the same for the same question."""


@dataclass(frozen=True, slots=True)
class ListedRegistry:
    """A registry of given persons: name and whether there is a photo, by number."""

    people: Mapping[str, tuple[str, bool]] = field(repr=False)

    def check(self, number: str, name: str) -> IdCheck:
        """What it says."""
        known = self.people.get(number)
        if known is None:
            return IdCheck.NO_SUCH_NUMBER
        if known[0] != name:
            return IdCheck.NAME_DIFFERS
        return IdCheck.MATCH if known[1] else IdCheck.NO_PHOTO


@dataclass(frozen=True, slots=True)
class DrawnRegistry:
    """A registry that knows everybody, but for given numbers, and for shares of all others.

    Args:
        seed: what the shares are drawn from, with the number; so an answer depends on nothing else.
        of_thousand: how many of a thousand get an answer other than a match.
        results: answers by number.
    """

    seed: int
    of_thousand: Mapping[IdCheck, int]
    results: Mapping[str, IdCheck] = field(default_factory=dict, repr=False)

    def check(self, number: str, name: str) -> IdCheck:  # noqa: ARG002 - it takes every name for the right one
        """What it says."""
        if number in self.results:
            return self.results[number]
        drawn = int.from_bytes(hashlib.sha256(f"{self.seed} {number}".encode()).digest()[:8], "big") % 1000
        for result, share in self.of_thousand.items():
            drawn -= share
            if drawn < 0:
                return result
        return IdCheck.MATCH


def read_people(path: Path) -> ListedRegistry:
    """A registry of a CSV file (UTF-8) with the columns number, name and photo (1 or 0).

    Raises:
        UsageError: it cannot be read, or a line is not of that form.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            if tuple(lines.fieldnames or ()) != _COLUMNS:
                raise UsageError(f"{path}: the first line is {','.join(_COLUMNS)}")
            people: dict[str, tuple[str, bool]] = {}
            for line in lines:
                number, name, photo = (line[column] or "" for column in _COLUMNS)
                if not number or not name or photo not in _FLAGS or None in line:
                    raise UsageError(f"{path}: line {lines.line_num}: write number, name, and 1 or 0 for the photo")
                if number in people:
                    raise UsageError(f"{path}: line {lines.line_num}: {number} stands in the file twice")
                people[number] = name, _FLAGS[photo]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: this is no CSV file in UTF-8: {error}") from error
    return ListedRegistry(people)
