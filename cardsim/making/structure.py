"""What a card is to become, read from data: profiles and structures in TOML (`vectors/profiles`, `vectors/structures`).

A profile names the structures that it puts together. A structure of the social-security environment lists DFs, files
with their items and access rules, and keys; one of the payment environment lists the data of the application.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cardsim.cos.access import AccessRule, Operator
from cardsim.cos.files import FileType
from cardsim.cos.keys import NO_LIMIT, KeyUse
from cardsim.crypto.social import Suite
from cardsim.resources import resource

OFFLINE_PIN_SUFFIX: Final = "-offline-pin"
DEFAULT_PROFILE: Final = "dual-3.0-sm4"


class ProfileError(Exception):
    """A profile or structure that cannot be used: which file, where in it, and what to do."""


@dataclass(frozen=True, slots=True)
class Item:
    """One data item of a file: simple-TLV tag, type ("an" text, "cn" BCD), length, name of its value."""

    tag: int
    type: str
    length: int
    value: str


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One EF."""

    df: int
    fid: int
    type: FileType
    read: AccessRule
    write: AccessRule
    items: tuple[Item, ...]

    @property
    def sfi(self) -> int:
        """EFxx has SFI xx."""
        return self.fid & 0x1F

    @property
    def size(self) -> int:
        """Bytes that the records need."""
        return sum(item.length + 3 for item in self.items)


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """One key, by its name in the standard."""

    df: int
    name: str
    use: KeyUse
    number: int
    limit: int


@dataclass(frozen=True, slots=True)
class DfPlan:
    """One DF: its identifier, its name, and the label of its directory entry."""

    fid: int
    name: bytes
    label: bytes = b""


@dataclass(frozen=True, slots=True)
class SsseStructure:
    """The social-security environment; the first DF is the environment itself."""

    version: str
    directory_sfi: int
    space: int
    dfs: tuple[DfPlan, ...]
    files: tuple[FilePlan, ...]
    keys: tuple[KeyPlan, ...]
    pin_limit: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A card: which environments, in which form."""

    name: str
    description: str
    ssse: SsseStructure | None
    suite: Suite
    pse: Mapping[str, Any] | None = field(repr=False)
    offline_pin: bool = False


def profile_names() -> list[str]:
    """The names that `--profile` takes, without their -offline-pin forms."""
    return sorted(
        item.name.removesuffix(".toml") for item in resource("profiles").iterdir() if item.name.endswith(".toml")
    )


def load_profile(name: str) -> Profile:
    """A profile by name, or from a file.

    Raises:
        ProfileError: unknown name, unreadable file, or wrong content.
    """
    offline_pin = name.endswith(OFFLINE_PIN_SUFFIX)
    base = name.removesuffix(OFFLINE_PIN_SUFFIX)
    builtin = resource("profiles", f"{base}.toml")
    if builtin.is_file():
        table = _Table(f"profile {base}", _parse(base, builtin.read_text(encoding="utf8")))
    elif Path(name).is_file():
        offline_pin = False
        table = _Table(name, _parse(name, Path(name).read_text(encoding="utf8")))
    else:
        known = ", ".join(profile_names())
        raise ProfileError(
            f"{name} is neither a profile ({known}) nor a file; each name also takes {OFFLINE_PIN_SUFFIX}"
        )
    ssse, pse = table.table("ssse"), table.table("pse")
    if ssse is None and pse is None:
        raise ProfileError(f"{table.where}: a card has an [ssse] or a [pse] section, or both")
    suite = Suite.DES
    if ssse is not None:
        try:
            suite = Suite(ssse.text("suite"))
        except ValueError:
            raise ProfileError(f"{ssse.where}: suite is des or sm4, not {ssse.text('suite')}") from None
    return Profile(
        name,
        table.text("description"),
        _ssse(_structure(ssse)) if ssse is not None else None,
        suite,
        _structure(pse).content if pse is not None else None,
        offline_pin,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """One TOML table, and where it stands."""

    where: str
    content: Mapping[str, Any]

    def get(self, key: str, kind: type) -> Any:
        """A value that must be there, of a type."""
        if key not in self.content:
            raise ProfileError(f"{self.where}: {key} is missing")
        if not isinstance(self.content[key], kind):
            raise ProfileError(f"{self.where}: {key} has the wrong type")
        return self.content[key]

    def text(self, key: str) -> str:
        """A string."""
        return str(self.get(key, str))

    def number(self, key: str) -> int:
        """A whole number."""
        return int(self.get(key, int))

    def hex(self, key: str) -> int:
        """A number written in hex."""
        try:
            return int(self.text(key), 16)
        except ValueError:
            raise ProfileError(f"{self.where}: {key} is not hex") from None

    def table(self, key: str) -> "_Table | None":
        """A table, if there is one."""
        return _Table(f"{self.where} [{key}]", self.get(key, dict)) if key in self.content else None

    def tables(self, key: str) -> "list[_Table]":
        """An array of tables."""
        found = self.get(key, list) if key in self.content else []
        return [_Table(f"{self.where} [[{key}]] {number}", item) for number, item in enumerate(found, 1)]


def _parse(where: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{where}: not valid TOML: {error}") from error


def _structure(section: _Table) -> _Table:
    name = section.text("structure")
    builtin = resource("structures", f"{name}.toml")
    if builtin.is_file():
        return _Table(f"structure {name}", _parse(name, builtin.read_text(encoding="utf8")))
    if Path(name).is_file():
        return _Table(name, _parse(name, Path(name).read_text(encoding="utf8")))
    raise ProfileError(f"{section.where}: {name} is neither a structure of cardsim nor a file")


def _ssse(table: _Table) -> SsseStructure:
    pin = table.table("pin")
    dfs = tuple(_df(entry) for entry in table.tables("df"))
    if not dfs:
        raise ProfileError(f"{table.where}: [[df]] is missing; the first one is the environment itself")
    return SsseStructure(
        table.text("version"),
        table.number("directory_sfi"),
        table.number("space"),
        dfs,
        tuple(_file(entry) for entry in table.tables("file")),
        tuple(_key(entry) for entry in table.tables("key")),
        pin.number("limit") if pin is not None else 6,
    )


def _df(table: _Table) -> DfPlan:
    if "aid" in table.content:
        return DfPlan(table.hex("fid"), bytes.fromhex(table.text("aid")), table.text("label").encode("gbk"))
    return DfPlan(table.hex("fid"), table.text("name").encode("gbk"))


def _file(table: _Table) -> FilePlan:
    items = tuple(
        Item(entry.hex("tag"), entry.text("type"), entry.number("length"), entry.text("value"))
        for entry in table.tables("items")
    )
    rules = [parse_rule(table.text(key), table.where) for key in ("read", "write")]
    return FilePlan(table.hex("df"), table.hex("fid"), FileType.LINEAR_VARIABLE, rules[0], rules[1], items)


def _key(table: _Table) -> KeyPlan:
    try:
        use = KeyUse[table.text("use").upper()]
    except KeyError:
        raise ProfileError(f"{table.where}: use is internal, maintenance or external") from None
    return KeyPlan(table.hex("df"), table.text("name"), use, table.number("number"), table.number("limit") or NO_LIMIT)


def parse_rule(text: str, where: str) -> AccessRule:
    """An access rule in words: free, never, key NN, PIN, A or B, A and B, (A and B) or C.

    Raises:
        ProfileError: not such a rule.
    """
    words = text.replace("(", "").replace(")", "").split()
    fixed = {"free": Operator.FREE, "never": Operator.NEVER}
    if len(words) == 1 and words[0] in fixed:
        return AccessRule(fixed[words[0]])
    references, joins, at = [], [], 0
    try:
        while at < len(words):
            if words[at] == "PIN":
                references.append(0xF0)
                at += 1
            elif words[at] == "key":
                references.append(int(words[at + 1], 16))
                at += 2
            else:
                joins.append(words[at])
                at += 1
    except (IndexError, ValueError):
        references = []
    operators = {
        (): Operator.A,
        ("or",): Operator.A_OR_B,
        ("and",): Operator.A_AND_B,
        ("and", "or"): Operator.A_AND_B_OR_C,
    }
    if len(references) != len(joins) + 1 or tuple(joins) not in operators:
        raise ProfileError(f"{where}: {text!r} is no access rule (free, never, key 0A, PIN or key 84, PIN and key 84)")
    return AccessRule(operators[tuple(joins)], *references)
