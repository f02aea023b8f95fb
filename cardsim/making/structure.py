"""What a card is to become, read from data: profiles and structures in TOML (`vectors/profiles`, `vectors/structures`).

A profile names the structures that it puts together. A structure of the social-security environment lists DFs, files
with their items and access rules, and keys; one of the payment environment lists the data of the application.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cardsim.cos.record import Switch
from cardsim.crypto.medical import TypeCoding
from cardsim.crypto.social import Suite, suite_named
from cardsim.making.extension import draft, read_structure
from cardsim.making.payment import read_pse
from cardsim.making.plan import SsseStructure
from cardsim.making.reading import read_ssse
from cardsim.making.rules import parse_rule
from cardsim.making.table import ProfileError, Table, parse_toml
from cardsim.pse.choices import ORDINARY, Choice, chosen
from cardsim.resources import resource

__all__ = ["DEFAULT_PROFILE", "OFFLINE_PIN_SUFFIX", "Profile", "ProfileError", "load_profile", "parse_rule"]

OFFLINE_PIN_SUFFIX: Final = "-offline-pin"
DEFAULT_PROFILE: Final = "dual-3.0-sm4"


@dataclass(frozen=True, slots=True)
class Profile:
    """A card: which environments, in which form."""

    name: str
    description: str
    ssse: SsseStructure | None
    suite: Suite
    pse: Mapping[str, Any] | None = field(repr=False)
    offline_pin: bool = False
    medical_type: TypeCoding = TypeCoding.ASCII
    """How the transaction type stands in MACs and TACs of medical transactions (D19)."""
    block_scope_card: bool = False
    """CARD BLOCK stops the whole card (D10)."""
    choices: Choice = ORDINARY
    """Open choices of the payment environment that are not the ordinary ones."""

    @property
    def switches(self) -> int:
        """The profile switches that ACTIVATE gives the card (D16)."""
        medical = Switch.MEDICAL_TYPE_BINARY if self.medical_type is TypeCoding.BINARY else 0
        return medical | (Switch.BLOCK_SCOPE_CARD if self.block_scope_card else 0)


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
        table = Table(f"profile {base}", parse_toml(base, builtin.read_text(encoding="utf8")))
    elif Path(name).is_file():
        offline_pin = False
        table = Table(name, parse_toml(name, Path(name).read_text(encoding="utf8")), Path(name).parent)
    else:
        known = ", ".join(profile_names())
        raise ProfileError(
            f"{name} is neither a profile ({known}) nor a file; each name also takes {OFFLINE_PIN_SUFFIX}"
        )
    table.known("description", "block_scope", "ssse", "pse")
    ssse, pse = table.table("ssse"), table.table("pse")
    if ssse is None and pse is None:
        table.fail("a card has an [ssse] or a [pse] section, or both")
    suite = Suite.DES
    if pse is not None:
        pse.known("structure", "options", "choices")
    if ssse is not None:
        ssse.known("structure", "suite", "medical_type", "options")
        try:
            suite = suite_named(ssse.text("suite"))
        except ValueError as error:
            ssse.fail(str(error))
    return Profile(
        name,
        table.text("description"),
        _ssse(ssse) if ssse is not None else None,
        suite,
        read_pse(pse) if pse is not None else None,
        offline_pin,
        _medical_type(ssse) if ssse is not None else TypeCoding.ASCII,
        table.choice("block_scope", ("environment", "card"), "environment") == "card",
        _choices(pse.table("choices")) if pse is not None else ORDINARY,
    )


def _choices(section: Table | None) -> Choice:
    if section is None:
        return ORDINARY
    try:
        return chosen({name: section.text(name) for name in section.content})
    except ValueError as error:
        section.fail(str(error))


def _medical_type(section: Table) -> TypeCoding:
    try:
        return TypeCoding(section.get("medical_type", str, TypeCoding.ASCII.value))
    except ValueError:
        section.fail("medical_type is ascii or binary")


def _ssse(section: Table) -> SsseStructure:
    whole = draft(read_structure(section.text("structure"), section))
    whole.choices.choose(section.table("options"))
    return read_ssse(whole)


def load_structure(name: str, options: Mapping[str, str] | None = None) -> SsseStructure:
    """A structure of the social-security environment, with what is chosen among its options.

    Raises:
        ProfileError: unknown name, unreadable file, or wrong content.
    """
    whole = draft(read_structure(name, Table("structure", {})))
    whole.choices.choose(Table("options", options or {}))
    return read_ssse(whole)
