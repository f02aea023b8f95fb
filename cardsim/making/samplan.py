"""What a PSAM is to become, read from data (`vectors/structures/psam-*.toml`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardsim.crypto.social import Suite, suite_named
from cardsim.iso7816.status import StatusError
from cardsim.making.table import ProfileError, Table, parse_toml
from cardsim.psam.keys import CITY, NATIONAL, KeyType, check_usage, levels_of, type_of
from cardsim.psam.master import MF_NAME
from cardsim.psam.switches import SamSwitch
from cardsim.resources import resource

DEFAULT_PSAM_PROFILE: Final = "field"
_PREFIX: Final = "psam-"
_GENERATIONS: Final = range(1, 4)


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """One key of the three levels: the key file it goes into, its usage byte and id, and its name in the standard."""

    file: int
    usage: int
    identifier: int
    name: str
    generations: int
    """Of a purchase key, whose ids are its versions; 1 for every other key."""

    @property
    def type(self) -> KeyType:
        """What it is for."""
        return type_of(self.usage)

    @property
    def levels(self) -> int:
        """Levels that the PSAM still derives; the others are derived before the key is stored."""
        return levels_of(self.usage)


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """One environment."""

    fid: int
    name: bytes
    suite: Suite


MF: Final = EnvironmentPlan(0x3F00, MF_NAME, Suite.DES)
"""The first environment is the MF itself."""


@dataclass(frozen=True, slots=True)
class PsamProfile:
    """A PSAM."""

    name: str
    description: str
    switches: SamSwitch
    generation: int
    """Which generation of the authentication keys it holds."""
    keys: tuple[KeyPlan, ...]
    second: EnvironmentPlan | None

    @property
    def environments(self) -> tuple[EnvironmentPlan, ...]:
        """The environments in the order in which they are made."""
        return (MF,) if self.second is None else (MF, self.second)

    def generations_of(self, plan: KeyPlan) -> range:
        """The generations of a key that the PSAM holds: all of a purchase key, of the others the profile's."""
        return range(1, plan.generations + 1) if plan.generations > 1 else range(self.generation, self.generation + 1)


def psam_profile_names() -> list[str]:
    """The names that `--psam --profile` takes."""
    names = [item.name for item in resource("structures").iterdir()]
    return sorted(n.removeprefix(_PREFIX).removesuffix(".toml") for n in names if n.startswith(_PREFIX))


def load_psam_profile(name: str) -> PsamProfile:
    """A profile by name, or from a file.

    Raises:
        ProfileError: unknown name, unreadable file, or wrong content.
    """
    builtin = resource("structures", f"{_PREFIX}{name}.toml")
    if builtin.is_file():
        table = Table(f"PSAM profile {name}", parse_toml(name, builtin.read_text(encoding="utf8")))
    elif Path(name).is_file():
        table = Table(name, parse_toml(name, Path(name).read_text(encoding="utf8")))
    else:
        raise ProfileError(f"{name} is neither a PSAM profile ({', '.join(psam_profile_names())}) nor a file")
    table.known("description", "switches", "generation", "key", "second")
    second = table.table("second")
    profile = PsamProfile(
        name,
        table.text("description"),
        _switches(table),
        table.number("generation", among=_GENERATIONS),
        tuple(_key(entry) for entry in table.tables("key")),
        None if second is None else _environment(second),
    )
    _once(table, profile)
    return profile


def _once(table: Table, profile: PsamProfile) -> None:
    """An application has one key of a type and id (PSAM-093)."""
    seen: set[tuple[KeyType, int]] = set()
    for plan in profile.keys:
        for place, _ in enumerate(profile.generations_of(plan)):
            name = (plan.type, plan.identifier + place)
            if name in seen:
                table.fail(f"{plan.name}: id {name[1]:02X} is that of another {plan.type.words} key")
            seen.add(name)


def _switches(table: Table) -> SamSwitch:
    switches = SamSwitch(0)
    for word in table.get("switches", list, []):
        found = SamSwitch.__members__.get(str(word).upper())
        if found is None:
            known = ", ".join(member.lower() for member in SamSwitch.__members__)
            table.fail(f"{word} is no switch of a PSAM ({known})")
        switches |= found
    return switches


def _key(table: Table) -> KeyPlan:
    table.known("file", "usage", "id", "name", "generations")
    usage = table.hex("usage", among=range(0x100))
    try:
        check_usage(usage)
    except StatusError:
        table.fail(f"usage {usage:02X} has no type of key, or too many levels")
    plan = KeyPlan(
        table.hex("file", among=range(NATIONAL, CITY + 1)),
        usage,
        table.hex("id", among=range(0x100)),
        table.text("name"),
        table.number("generations", 1, among=_GENERATIONS),
    )
    if plan.generations != 1 and plan.type is not KeyType.PURCHASE:
        table.fail("only purchase keys stand there in several generations")
    return plan


def _environment(table: Table) -> EnvironmentPlan:
    table.known("fid", "name", "suite")
    try:
        suite = suite_named(table.text("suite"))
    except ValueError as error:
        table.fail(str(error))
    return EnvironmentPlan(table.hex("fid"), table.gbk("name"), suite)
