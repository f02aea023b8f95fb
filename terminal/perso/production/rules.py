"""The rules of the production site: staff, monitoring, packing, checklist; `vectors/perso/production.toml`."""

import enum
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.perso.workshop import Settings

_FILE: Final = "production.toml"
_Value = TypeVar("_Value")


class ProductionRefused(UsageError):
    """A rule of production forbids it; one sentence."""


class Role(enum.Enum):
    """What a person of the site does."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    INSPECTOR = "inspector"
    STOREKEEPER = "storekeeper"


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the site; `agreement` is the last day of the confidentiality agreement (保密协议)."""

    name: str
    role: Role
    agreement: date


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules, read."""

    machine: str
    monitored: bool
    package: int
    """Cards in a package at most."""
    box: int
    """Packages in a box at most."""
    waste_days: int
    machine_area: str
    hsm_area: str
    checks: Mapping[str, bool]
    staff: tuple[Member, ...]

    def require(self, name: str, role: Role, today: date) -> None:
        """Whether this person may act in this role today (PERSO-132).

        Raises:
            ProductionRefused: nobody of that name has the role, or the agreement is not in force.
        """
        found = [member for member in self.staff if member.name == name and member.role is role]
        if not found:
            raise ProductionRefused(f"{name} is not cleared as {role.value}; the staff stands in [[production.staff]]")
        if found[0].agreement < today:
            ended = found[0].agreement.isoformat()
            raise ProductionRefused(f"the confidentiality agreement of {name} ended on {ended}")

    def first(self, role: Role) -> str:
        """The first person with a role: who acts when nobody is named.

        Raises:
            ProductionRefused: there is none.
        """
        for member in self.staff:
            if member.role is role:
                return member.name
        raise ProductionRefused(f"the site has no {role.value}")


def load_rules(settings: Settings | None = None) -> Rules:
    """The rules of the project, with what the workshop sets instead.

    Raises:
        UsageError: a value is missing, unknown or of the wrong kind; the message names file and key.
    """
    content = tomllib.loads(resource("perso", _FILE).read_text(encoding="utf8"))
    place = f"vectors/perso/{_FILE}"
    own = settings.section("production") if settings is not None else {}
    if settings is not None and own:
        place = f"{settings.path}: [production]"
    for name, value in own.items():
        if name not in content:
            raise UsageError(f"{place} has no {name}; there are {', '.join(content)}")
        merged = isinstance(value, dict) and isinstance(content[name], dict)
        content[name] = {**content[name], **value} if merged else value
    reader = _Reader(place, content)
    rules = Rules(
        reader.value("machine", "name", str),
        reader.value("monitoring", "on", bool),
        reader.number("packing", "package"),
        reader.number("packing", "box"),
        reader.number("waste", "days"),
        reader.value("site", "machines", str),
        reader.value("site", "hsm", str),
        reader.checks(),
        reader.staff(),
    )
    reader.done()
    return rules


class _Reader:
    """Takes values out of the tables and knows which were never asked for."""

    def __init__(self, place: str, content: Mapping[str, Any]) -> None:
        self._place = place
        self._content = content
        self._asked: dict[str, set[str]] = {}

    def _table(self, name: str) -> Mapping[str, Any]:
        found = self._content[name]
        if not isinstance(found, dict):
            raise UsageError(f"{self._place}: {name} is no table")
        return found

    def value(self, table: str, key: str, kind: type[_Value]) -> _Value:
        self._asked.setdefault(table, set()).add(key)
        found = self._table(table).get(key)
        if not isinstance(found, kind):
            raise UsageError(f"{self._place}: {table}.{key} must be a {kind.__name__}")
        return found

    def number(self, table: str, key: str) -> int:
        found = self.value(table, key, int)
        if isinstance(found, bool) or found < 1:
            raise UsageError(f"{self._place}: {table}.{key} must be a number from 1")
        return found

    def checks(self) -> Mapping[str, bool]:
        found = self.value("site", "checks", dict)
        for name, state in found.items():
            if not isinstance(state, bool):
                raise UsageError(f"{self._place}: site.checks.{name} must be true or false")
        return found

    def staff(self) -> tuple[Member, ...]:
        found = self._content["staff"]
        if not isinstance(found, list):
            raise UsageError(f"{self._place}: staff must be tables [[staff]]")
        return tuple(self._member(number, entry) for number, entry in enumerate(found, 1))

    def _member(self, number: int, entry: object) -> Member:
        place = f"{self._place}: staff {number}"
        if not isinstance(entry, dict) or set(entry) != {"name", "role", "agreement"}:
            raise UsageError(f"{place} needs name, role and agreement, and nothing else")
        if not isinstance(entry["name"], str) or not entry["name"]:
            raise UsageError(f"{place}: name must be a text")
        if type(entry["agreement"]) is not date:
            raise UsageError(f"{place}: agreement must be a day, as 2030-12-31")
        try:
            role = Role(entry["role"])
        except ValueError as error:
            roles = ", ".join(role.value for role in Role)
            raise UsageError(f"{place}: role must be one of {roles}") from error
        return Member(entry["name"], role, entry["agreement"])

    def done(self) -> None:
        for table, asked in self._asked.items():
            for key in self._table(table):
                if key not in asked:
                    raise UsageError(f"{self._place}: {table} has no {key}; there are {', '.join(sorted(asked))}")
