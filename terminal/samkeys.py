"""Under which names a PSAM holds the keys of user cards (SSC part 9 annex B, fact sheet §3.3).

A terminal names a key by its class, the low five bits of P1 of DELIVERY SESSION KEY, and its id, P2. How many levels
are still to be derived depends on whose PSAM it is; `levels` is what the table of the profile says. The tables are
those from which PSAMs are made, `vectors/structures/psam-*.toml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from cardsim.resources import resource
from terminal.tables import read_tables

FIELD: Final = "field"
NATIONAL: Final = "national-B1"
MAX_LEVELS: Final = 3
_ENCIPHERING: Final = (7, 8)


@dataclass(frozen=True, slots=True)
class SamKey:
    """One key: its class (type) and id in the PSAM, the levels that it is usually delivered with, and its key file."""

    name: str
    type: int
    id: int
    levels: int
    file: int = 0x11
    """11 national, 12 provincial, 13 city."""

    @property
    def usage(self) -> int:
        """Usage byte: levels in b8-b6, type in b5-b1."""
        return self.levels << 5 | self.type

    @property
    def enciphers(self) -> bool:
        """Whether authentication data can be computed with it: classes 7 and 8."""
        return self.type in _ENCIPHERING

    @property
    def attempts(self) -> tuple[int, ...]:
        """Numbers of factors in the order in which a terminal tries them."""
        return (self.levels, *(n for n in range(MAX_LEVELS, 0, -1) if n != self.levels))


@cache
def sam_keys(profile: str = FIELD) -> Mapping[str, SamKey]:
    """The keys of a profile by their names in the standard."""
    table = read_tables(resource("structures", f"psam-{profile}.toml"))
    keys = {}
    for entry in table["key"]:
        usage = int(entry["usage"], 16)
        keys[entry["name"]] = SamKey(
            entry["name"], usage & 0x1F, int(entry["id"], 16), usage >> 5, int(entry["file"], 16)
        )
    return keys


def sam_rows(name: str) -> tuple[SamKey, ...]:
    """How PSAMs hold a key, the field's way first: profiles differ in its class (D25)."""
    rows = (sam_keys(profile).get(name) for profile in (FIELD, NATIONAL))
    return tuple({(row.type, row.id): row for row in reversed([row for row in rows if row])}.values())[::-1]
