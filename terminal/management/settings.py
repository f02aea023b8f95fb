"""What a region decides about the card's life: vectors/perso/life.toml, and those sections of a workshop's own."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.tables import read_tables, row_of, rows

_NAME: Final = "life.toml"


class Mode(enum.IntEnum):
    """How a written loss and its release are made (003 §三(二), (三)); the first is the main one."""

    SEPARATE = 1
    """At department and bank separately."""
    TOGETHER = 2
    """At either, and the other follows."""


@dataclass(frozen=True, slots=True)
class Life:
    """[life]: numbers of days, and the mode where no region says otherwise."""

    mode: int
    oral_loss_days: int
    pickup_days: int
    temporary_days: int
    expiry_years: int


@dataclass(frozen=True, slots=True)
class Region:
    """[[region]]: the mode of areas whose code begins so."""

    area: str
    mode: int


@dataclass(frozen=True, slots=True)
class Settings:
    """All of the file."""

    life: Life
    regions: tuple[Region, ...]

    def mode(self, county: str) -> Mode:
        """The mode of a county (area code of six digits) (SCHEME-144)."""
        found = [row for row in self.regions if county.startswith(row.area)]
        return Mode(max(found, key=lambda row: len(row.area)).mode if found else self.life.mode)


@cache
def default_settings() -> Settings:
    """The settings as the project has them."""
    return read_settings({}, _NAME)


def read_settings(own: Mapping[str, Any], where: str) -> Settings:
    """The settings, with `life` and `region` of a workshop's own where it has them.

    Args:
        own: the content of workshop.toml, or a part of it.
        where: what an error calls the place of `own`.

    Raises:
        UsageError: something is not known, missing, of another kind or out of range.
    """
    tables = dict(read_tables(resource("perso", _NAME)))
    life = own.get("life", {})
    if not isinstance(life, dict):
        raise UsageError(f"{where}: life is no table")
    found = Settings(
        row_of({**tables["life"], **life}, Life, f"{where}: life"),
        rows({**tables, **{name: own[name] for name in ("region",) if name in own}}, "region", Region, where),
    )
    for mode in (found.life.mode, *(row.mode for row in found.regions)):
        if mode not in tuple(Mode):
            raise UsageError(f"{where}: mode is 1 or 2, and not {mode}")
    return found
