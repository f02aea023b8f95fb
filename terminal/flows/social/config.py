"""What must live here: what a social-security terminal supports, and what one run of it is to do."""

import enum
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Final

from cardsim.crypto.medical import TypeCoding
from cardsim.crypto.social import Suite
from cardsim.resources import resource
from terminal.filetable import Address

NO_TERMINAL_NUMBER: Final = "000000000000"
"""Terminal number of a terminal without a PSAM (API-058)."""


@dataclass(frozen=True, slots=True)
class Application:
    """One application that the terminal supports: its DF, its name in SELECT (AID or label), and its label."""

    df: int
    name: bytes
    label: str


@dataclass(frozen=True, slots=True)
class SocialParameters:
    """What the terminal supports; a row of `vectors/terminals/social.toml` each."""

    card_types: tuple[str, ...]
    versions: tuple[str, ...]
    suites: tuple[Suite, ...]
    institutions: tuple[str, ...]
    regions: tuple[str, ...]
    pin_digits: tuple[int, int]
    """Digits of a PIN, at least and at most (TRM-007)."""
    directory: bool
    applications: tuple[Application, ...]

    def labelled(self, label: str) -> Application | None:
        """The application of a label (TRM-083)."""
        return next((application for application in self.applications if application.label == label), None)


@cache
def social_parameters() -> SocialParameters:
    """The terminal of the data file."""
    table = tomllib.loads(resource("terminals", "social.toml").read_text(encoding="utf8"))
    return SocialParameters(
        card_types=tuple(table["card_types"]),
        versions=tuple(table["versions"]),
        suites=tuple(Suite(name) for name in table["suites"]),
        institutions=tuple(table["institutions"]),
        regions=tuple(table["regions"]),
        pin_digits=(table["pin_digits"][0], table["pin_digits"][1]),
        directory=table["directory"],
        applications=tuple(_application(row) for row in table["application"]),
    )


def _application(row: Mapping[str, str]) -> Application:
    name = bytes.fromhex(row["aid"]) if "aid" in row else row["label"].encode("gbk")
    return Application(int(row["df"], 16), name, row["label"])


class SocialService(enum.Enum):
    """What the terminal does for the holder or the operator."""

    IDENTITY = "identity"
    VERIFY_PIN = "verify-pin"


class Prefer(enum.Enum):
    """What opens a file that either the PIN or a key opens; the numbers are those of the national interface."""

    PIN = 1
    KEY = 2


@dataclass(frozen=True, slots=True)
class Write:
    """A value to write: the n-th item of a tag (from 1), or (no tag) a whole cyclic record or transparent file."""

    address: Address
    tag: int | None
    value: bytes = field(repr=False)
    copy: int = 1


@dataclass(frozen=True, slots=True)
class SocialConfig:
    """A run of the social-security terminal. All time comes from `now`."""

    now: datetime
    service: SocialService = SocialService.IDENTITY
    psam: bool = False
    """Whether a PSAM computes what keys are needed for; without one the security module does."""
    parameters: SocialParameters = field(default_factory=social_parameters)
    prefer: Prefer = Prefer.PIN
    key_version: int = 0
    """Generation of the keys, appended as a byte of its own to authentications; 0 leaves it out (TRM-046)."""
    medical_type: TypeCoding = TypeCoding.ASCII
    """How the transaction type stands in MACs of medical transactions (D19)."""

    @property
    def today(self) -> date:
        """The date that validity is compared with."""
        return self.now.date()
