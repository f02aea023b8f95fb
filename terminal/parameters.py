"""What must live here: the parameters of the financial terminals, as data (JR/T 0025.6-2010, fact sheet §3.3)."""

from dataclasses import dataclass
from typing import Final

CHINA: Final = bytes.fromhex("0156")


@dataclass(frozen=True, slots=True)
class ApplicationParameters:
    """Parameters of one application that the terminal supports (KRN-CFG-001)."""

    aid: bytes
    partial: bool = True
    """Application selection indicator 00: a longer AID of the card matches too."""
    tac_default: bytes = bytes.fromhex("D84000A800")
    tac_denial: bytes = bytes.fromhex("0010000000")
    tac_online: bytes = bytes.fromhex("D84004F800")
    floor_limit: int = 0
    """Tag 9F1B in fen; an amount of this or more goes online."""
    random_percent: int = 0
    """Share of the smaller amounts that go online all the same."""
    default_ddol: bytes = bytes.fromhex("9F3704")


@dataclass(frozen=True, slots=True)
class TerminalParameters:
    """One terminal. Country and currency are what the host is asked to refuse when they are foreign (D38)."""

    name: str
    terminal_type: bytes
    capabilities: bytes
    applications: tuple[ApplicationParameters, ...]
    additional_capabilities: bytes = bytes.fromhex("EF80F0F000")
    country: bytes = CHINA
    currency: bytes = CHINA
    application_version: bytes = bytes.fromhex("0020")
    serial_number: bytes = b"CARDTERM"
    merchant_name: str = "社保服务大厅"
    accepts_referral: bool = False
    """Whether the response codes 01 and 02 approve (D29)."""

    @property
    def unattended(self) -> bool:
        """Type x4 to x6 (EMV Book 4 annex A1)."""
        return self.terminal_type[0] & 0x0F >= 4

    @property
    def online_only(self) -> bool:
        """Type x1 or x4."""
        return self.terminal_type[0] & 0x0F in (1, 4)

    @property
    def online_capable(self) -> bool:
        """All types but x3 and x6."""
        return self.terminal_type[0] & 0x0F not in (3, 6)

    @property
    def atm(self) -> bool:
        """A bank's unattended terminal with cash (EMV Book 4 annex A1; KRN-RES-003)."""
        return self.terminal_type[0] in (0x14, 0x15, 0x16)


UNIONPAY_AIDS: Final = tuple(
    bytes.fromhex(aid) for aid in ("A000000333010101", "A000000333010102", "A000000333010103", "A000000333010106")
)
"""Debit, credit, quasi-credit, electronic cash (KRN-CFG-009); the order is the terminal's priority."""

_APPLICATIONS: Final = tuple(ApplicationParameters(aid) for aid in UNIONPAY_AIDS)

POS: Final = TerminalParameters("POS", bytes.fromhex("22"), bytes.fromhex("E0E9C8"), _APPLICATIONS)
ATM: Final = TerminalParameters("ATM", bytes.fromhex("14"), bytes.fromhex("604800"), _APPLICATIONS)
