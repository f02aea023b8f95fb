"""What must live here: what a social-security terminal supports, and what one run of it is to do."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from cardsim.crypto.medical import TransactionType, TypeCoding
from cardsim.crypto.social import Suite
from cardsim.resources import resource
from terminal.filetable import Address
from terminal.tables import read_tables

NO_TERMINAL_NUMBER: Final = "000000000000"
"""Terminal number of a terminal without a PSAM (API-058)."""


@dataclass(frozen=True, slots=True)
class Application:
    """One application that the terminal supports: its DF, its name in SELECT (AID or label), and its label."""

    df: int
    name: bytes
    label: str
    active: bool = True
    """Whether the terminal's manager lets it run (TRM-022)."""


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
    """Build the list from the card's directory; otherwise each application is tried."""
    priority: bool
    """Offer applications in the terminal's order; otherwise in the card's."""
    applications: tuple[Application, ...]

    @property
    def offered(self) -> tuple[Application, ...]:
        """The applications that run."""
        return tuple(application for application in self.applications if application.active)


@cache
def social_parameters() -> SocialParameters:
    """The terminal of the data file."""
    table = read_tables(resource("terminals", "social.toml"))
    return SocialParameters(
        card_types=tuple(table["card_types"]),
        versions=tuple(table["versions"]),
        suites=tuple(Suite(name) for name in table["suites"]),
        institutions=tuple(table["institutions"]),
        regions=tuple(table["regions"]),
        pin_digits=(table["pin_digits"][0], table["pin_digits"][1]),
        directory=table["directory"],
        priority=table["priority"],
        applications=tuple(_application(row) for row in table["application"]),
    )


def _application(row: Mapping[str, Any]) -> Application:
    name = bytes.fromhex(row["aid"]) if "aid" in row else row["label"].encode("gbk")
    return Application(int(row["df"], 16), name, row["label"], row.get("active", True))


class SocialService(enum.Enum):
    """What the terminal does for the holder or the operator."""

    IDENTITY = "identity"
    VERIFY_PIN = "verify-pin"
    CHANGE_PIN = "change-pin"
    RESET_PIN = "reset-pin"
    CLEAR_PIN = "clear-pin"
    UNBLOCK_PIN = "unblock-pin"
    READ = "read"
    WRITE = "write"
    UPDATE = "update"
    BALANCE = "balance"
    LOAD = "load"
    PURCHASE = "purchase"
    LOG = "log"
    PROOF = "proof"
    STARTING_DAY = "starting-day"
    BLOCK_APPLICATION = "block-application"
    BLOCK_CARD = "block-card"
    TRANSACTION = "transaction"
    """The whole of figure 1: an application and one kind of transaction are chosen (SSC part 7 §5.9, §5.10)."""

    @property
    def chooses_application(self) -> bool:
        """Whether the list of applications is needed."""
        return self is SocialService.TRANSACTION


class Role(enum.Enum):
    """Who is at the terminal."""

    HOLDER = "holder"
    OPERATOR = "operator"


KINDS: Final[Mapping[Role, tuple[SocialService, ...]]] = {
    Role.HOLDER: (SocialService.READ, SocialService.CHANGE_PIN, SocialService.UPDATE),
    Role.OPERATOR: (
        SocialService.READ, SocialService.WRITE, SocialService.BLOCK_CARD, SocialService.BLOCK_APPLICATION,
    ),
}  # fmt: skip
"""The kinds of transaction that each may choose, one for each transaction (SSC part 7 §5.10, TRM-085)."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a purchase takes: from the account (个人账户), from the holder (个人自付), from the pool (统筹), in fen."""

    account: int
    self_paid: int = 0
    pool: int = 0

    def __bytes__(self) -> bytes:
        return b"".join(amount.to_bytes(4, "big") for amount in (self.account, self.self_paid, self.pool))

    @property
    def total(self) -> int:
        """All three."""
        return self.account + self.self_paid + self.pool


class SettlementClass(enum.Enum):
    """Special settlements (特殊医疗结算), as DF04 EF15 has them (V2 §8.5.4)."""

    INJURY = "1"
    MATERNITY = "2"
    AID = "3"
    OTHER = "9"


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
    online: bool = False
    """Whether the terminal has a line to the social-security host, and asks it for the state of each card."""
    key_version: int = 0
    """Generation of the keys, appended as a byte of its own to authentications; 0 leaves it out (TRM-046)."""
    medical_type: TypeCoding = TypeCoding.ASCII
    """How the transaction type stands in MACs of medical transactions (D19)."""

    role: Role = Role.HOLDER
    reads: tuple[Address, ...] = ()
    """Files to read."""
    writes: tuple[Write, ...] = ()
    """Items to write."""
    update_files: tuple[Address, ...] = ()
    """Files that the host may renew."""
    amounts: Amounts = Amounts(0)
    """Of a purchase, or of a load (`account`)."""
    settlement: SettlementClass | None = None
    """Class of a special settlement."""
    proof: tuple[TransactionType, int] = (TransactionType.PURCHASE, 1)
    """Type and number of the transaction that a proof is asked for."""
    application: int = 0
    """DF to block."""
    starting_day: str = ""
    """New starting day, mmdd; empty to read it."""

    @property
    def today(self) -> date:
        """The date that validity is compared with."""
        return self.now.date()
