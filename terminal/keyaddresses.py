"""Under which addresses an HSM holds the roots of user-card keys (SC annex B, API-194 to API-253).

The table is `vectors/terminals/hsm-addresses.toml`. Terminals write the address into the strings for the HSM, the HSM
looks the key up by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from cardsim.keyfile import generation_name
from cardsim.resources import resource
from terminal.tables import read_tables

LEVELS: Final = ("national", "provincial")


@dataclass(frozen=True, slots=True)
class AddressedKey:
    """One row of the table: the key's name in the standard, the address of its first group, how many groups it has."""

    name: str
    address: int
    groups: int
    provincial: bool
    version: int = 0
    """1 to 3 for DPK, whose versions the card tells apart by its key index; 0 for the others."""

    def at(self, group: int) -> int:
        """The address of a group, 1 to 3; a key with one group has one address for all."""
        return self.address + min(group, self.groups) - 1

    def name_of(self, group: int) -> str:
        """Name in a key file. There the versions of DPK are its generations; further groups of one are DPK.1.2 …"""
        if not self.version:
            return generation_name(self.name, group)
        return generation_name(self.name, self.version) if group == 1 else f"{self.name}.{self.version}.{group}"


@cache
def addressed_keys() -> tuple[AddressedKey, ...]:
    """The rows of the table."""
    table = read_tables(resource("terminals", "hsm-addresses.toml"))
    return tuple(
        AddressedKey(row["name"], int(row["address"], 16), row["groups"], level == "provincial", row.get("version", 0))
        for level in LEVELS
        for row in table[level]
    )


@cache
def names_by_address() -> Mapping[int, str]:
    """For each address the name of the key in a key file, its generation included."""
    return {
        key.address + group - 1: key.name_of(group) for key in addressed_keys() for group in range(1, key.groups + 1)
    }


@cache
def addresses_by_name() -> Mapping[str, int]:
    """For each key of a key file, its generation included, its address."""
    return {name: address for address, name in names_by_address().items()}


def address_text(address: int) -> str:
    """An address as the strings of the interface have it: four hex digits."""
    return f"{address:04X}"
