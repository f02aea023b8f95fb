"""What must live here: the parameters of the financial terminals, as data (JR/T 0025.6-2010, fact sheet §3.3)."""

from dataclasses import dataclass
from typing import Final

from terminal.messages.bank import TransactionType

CHINA: Final = bytes.fromhex("0156")


@dataclass(frozen=True, slots=True)
class ApplicationParameters:
    """Parameters of one application that the terminal supports (KRN-CFG-001)."""

    aid: bytes
    partial: bool = True
    """Application selection indicator 00: a longer AID of the card matches too."""
    # Missing terminal action codes are zeros (KRN-CFG-008).
    tac_default: bytes = bytes(5)
    tac_denial: bytes = bytes(5)
    tac_online: bytes = bytes(5)
    floor_limit: int = 0
    """Tag 9F1B in fen; an amount of this or more goes online."""
    random_percent: int = 0
    """DF17: share of the amounts up to the threshold that go online all the same, 0 to 99."""
    random_threshold: int = 0
    """DF15 in fen: from here on the share grows with the amount (biased selection)."""
    random_max_percent: int = 0
    """DF16: the share just below the floor limit, 0 to 99; counts as `random_percent` if it is less."""
    ec_limit: int | None = None
    """Tag 9F7B in fen: smaller purchases ask for electronic cash. Without it the floor limit serves (KRN-EC-003)."""
    default_ddol: bytes = bytes.fromhex("9F3704")
    """DF14; empty: there is none."""


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
    electronic_cash: bool = False
    """Whether purchases may be paid by electronic cash (电子现金)."""
    follows_ddf_entries: bool = False
    """Whether directory entries for DDFs (9D) are followed, as kernel 2.0 does; 3.0 ignores them (D28)."""
    serves_blocked: bool = False
    """A bank's counter: goes on with an application that answers 6283, so that a script can unblock it (D37)."""
    offers_choice: bool = True
    """Whether there is a means to choose and to confirm an application."""
    code_tables: frozenset[int] = frozenset({1})
    """Code tables of preferred names (9F11) that the display has."""
    amount_at_start: bool = True
    """Whether the amount is known when the application starts; else the PDOL gets zeros (KRN-ATM-006)."""
    confirms_amount: bool = False
    """Whether the holder confirms the amount where no PIN was entered (KRN-CVM-037)."""
    bypass_lasts: bool = False
    """Whether a PIN that was not entered is not asked for again by later rules (KRN-CVM-021)."""
    sda_selected_bit: bool = False
    """Whether TVR byte 1 bit 2 tells that SDA was chosen: EMV 4.3, not PBOC 2.0 (KRN-ODA-004)."""
    terminal_id: str = "CARDTERM"
    """Terminal identification, eight characters (field 41)."""
    merchant_id: str = "000000000000000"
    """Merchant identification, fifteen characters (field 42)."""
    transactions: frozenset[TransactionType] = frozenset({TransactionType.PURCHASE, TransactionType.INQUIRY})
    """What the terminal offers (D36, KRN-ATM-008)."""
    script_limit: int = 128
    """Bytes of issuer scripts that are taken in one answer (KRN-SCR-010)."""
    signature_always: bool = False
    """Whether the slip has a line for the signature whatever the CVM: a joint terminal (TRM-014)."""
    keeps_cards: bool = False
    """Whether the reader can keep a card that the host does not want back (KRN-ATM-009)."""

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
    def identity_document(self) -> bool:
        """Whether an attendant can look at an identity document (KRN-CVM-032)."""
        return not self.unattended and bool(self.capabilities[1] & 0x01)

    @property
    def atm(self) -> bool:
        """A bank's unattended terminal with cash (EMV Book 4 annex A1; KRN-RES-003)."""
        return self.terminal_type[0] in (0x14, 0x15, 0x16) and bool(self.additional_capabilities[0] & 0x80)
