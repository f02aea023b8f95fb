"""The state of one payment transaction: terminal values, card data, TVR and TSI (EMV Book 3 §10, KRN-INI-001)."""

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cardsim.crypto.rsa import RsaPublicKey
from cardsim.decode.items import COMPRESSED_TAGS, NUMERIC_TAGS
from cardsim.iso7816.tlv import fill_dol
from cardsim.keyfile import CaKey
from terminal.flows.financial.hostside import HostSide
from terminal.merchant import MerchantBook, Terms
from terminal.messages.bank import CryptogramCheck, TransactionType
from terminal.outcome import DataItem
from terminal.parameters import ApplicationParameters, TerminalParameters


@dataclass(frozen=True, slots=True)
class Revoked:
    """A revoked issuer certificate: RID (5 bytes), CA key index, serial number (3 bytes) (EMV Book 2 §5.1.2)."""

    rid: bytes
    index: int
    serial: bytes


@dataclass(frozen=True, slots=True)
class FinancialConfig:
    """A run of the financial terminal. Amounts are in fen; `amount` includes `cashback`."""

    terminal: TerminalParameters
    kind: TransactionType
    amount: int
    now: datetime
    ca_keys: tuple[CaKey, ...] = ()
    cashback: int = 0
    """Cash that is paid out with a purchase (9F03)."""
    force_online: bool = False
    """The merchant wants this transaction online (KRN-TRM-013)."""
    pin_pad_works: bool = True
    """Whether the PIN pad works at the moment (KRN-CVM-022)."""
    revoked: tuple[Revoked, ...] = ()
    """Issuer certificates that are not accepted any more (KRN-ODA-013)."""
    target: str = ""
    """The account that receives a transfer, or pays a load from another account."""
    terms: str = ""
    """The name of preferential terms under which the amount was reckoned."""
    merchants: MerchantBook | None = None
    """Registered merchants and what holders are given there; without one there are no terms."""
    purpose: str = ""
    """What is paid, for the slip: the number of a settlement or a contribution."""


class Tvr(enum.Enum):
    """Terminal verification results by byte and bit (tag 95, fact sheet §3.2)."""

    ODA_NOT_PERFORMED = (1, 8)
    SDA_FAILED = (1, 7)
    DATA_MISSING = (1, 6)
    EXCEPTION_FILE = (1, 5)
    DDA_FAILED = (1, 4)
    CDA_FAILED = (1, 3)
    SDA_SELECTED = (1, 2)
    VERSIONS_DIFFER = (2, 8)
    EXPIRED = (2, 7)
    NOT_YET_EFFECTIVE = (2, 6)
    SERVICE_NOT_ALLOWED = (2, 5)
    NEW_CARD = (2, 4)
    CVM_FAILED = (3, 8)
    CVM_UNKNOWN = (3, 7)
    PIN_TRIES_EXCEEDED = (3, 6)
    PIN_PAD_MISSING = (3, 5)
    PIN_NOT_ENTERED = (3, 4)
    ONLINE_PIN = (3, 3)
    FLOOR_LIMIT = (4, 8)
    LOWER_LIMIT = (4, 7)
    UPPER_LIMIT = (4, 6)
    RANDOM_ONLINE = (4, 5)
    MERCHANT_ONLINE = (4, 4)
    ISSUER_AUTHENTICATION_FAILED = (5, 7)
    SCRIPT_FAILED_BEFORE = (5, 6)
    SCRIPT_FAILED_AFTER = (5, 5)


class Tsi(enum.Enum):
    """Transaction status information by byte and bit (tag 9B)."""

    ODA = (1, 8)
    CVM = (1, 7)
    CARD_RISK = (1, 6)
    ISSUER_AUTHENTICATION = (1, 5)
    TERMINAL_RISK = (1, 4)
    SCRIPT = (1, 3)


class Aip(enum.Enum):
    """Application interchange profile by byte and bit (tag 82)."""

    SDA = (1, 7)
    DDA = (1, 6)
    CVM = (1, 5)
    TERMINAL_RISK = (1, 4)
    ISSUER_AUTHENTICATION = (1, 3)
    CDA = (1, 1)


class Bits:
    """A field of flags that are only ever set."""

    def __init__(self, length: int) -> None:
        self._bytes = bytearray(length)

    def set(self, *flags: Tvr | Tsi) -> None:
        """Set flags."""
        for flag in flags:
            byte, bit = flag.value
            self._bytes[byte - 1] |= 1 << (bit - 1)

    def has(self, flag: Tvr | Tsi) -> bool:
        """Whether a flag is set."""
        byte, bit = flag.value
        return bool(self._bytes[byte - 1] >> (bit - 1) & 1)

    def __bytes__(self) -> bytes:
        return bytes(self._bytes)


class OdaMethod(enum.Enum):
    """Which offline data authentication ran."""

    NONE = "none"
    SDA = "SDA"
    DDA = "DDA"
    CDA = "CDA"


@dataclass(frozen=True, slots=True)
class OdaResult:
    """How offline data authentication went; `problem` is empty where it went well."""

    method: OdaMethod = OdaMethod.NONE
    problem: str = ""
    fault: bool = False
    """Whether the problem shows a card that is not genuine (and not a key that the terminal lacks)."""


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """An application cryptogram, and what the bank's host said about it."""

    cid: int
    atc: int
    value: bytes
    iad: bytes
    check: CryptogramCheck = CryptogramCheck.NOT_CHECKED
    tvr: bytes = bytes(5)
    """The TVR that this cryptogram was made with (KRN-TVR-005)."""
    authentic: bool = True
    """False where it was to be signed (CDA) and the signature is wrong; then `value` is empty."""


@dataclass(frozen=True, slots=True)
class ElectronicCash:
    """Electronic cash that the card agreed to: balance (9F79) and reset threshold (9F6D) in fen."""

    balance: int
    threshold: int


@dataclass(slots=True)
class Application:
    """The application that was chosen, and all that its card side delivered."""

    aid: bytes
    label: str
    parameters: ApplicationParameters
    pdol: bytes = b""
    data: dict[int, bytes] = field(default_factory=dict)
    aip: bytes = bytes(2)
    afl: bytes = b""
    static_data: bytes = b""
    static_data_broken: bool = False
    blocked: bool = False
    """It answered 6283 and is served all the same (D37)."""

    def supports(self, feature: Aip) -> bool:
        """Whether the AIP has a feature."""
        byte, bit = feature.value
        return bool(self.aip[byte - 1] >> (bit - 1) & 1)

    @property
    def pan(self) -> str:
        """The card number, digits only."""
        return self.data.get(0x5A, b"").hex().upper().rstrip("F")

    @property
    def psn(self) -> str:
        """The PAN sequence number, two digits, or ""."""
        return self.data.get(0x5F34, b"").hex()


_CASHBACK: Final = 0x09
"""Transaction type (9C) of a purchase with cashback (ISO 8583, processing code 09)."""
_MERCHANT_NAME_LENGTH: Final = 20


def numeric(value: int, length: int) -> bytes:
    """A number in BCD, as format n has it."""
    return bytes.fromhex(f"{value:0{2 * length}d}")


def merchant_name(name: str) -> bytes:
    """Tag 9F4E: 20 bytes of GBK, filled with blanks, and no half character (KRN-DOL-008)."""
    while len(coded := name.encode("gbk", "replace")) > _MERCHANT_NAME_LENGTH:
        name = name[:-1]
    return coded.ljust(_MERCHANT_NAME_LENGTH)


class Transaction:
    """One transaction of the terminal."""

    def __init__(self, config: FinancialConfig) -> None:
        self.config = config
        self.terminal = config.terminal
        self.tvr = Bits(5)
        self.tsi = Bits(2)
        self.application: Application | None = None
        self.unpredictable = bytes(4)
        self.amount_known = config.terminal.amount_at_start
        self.ec_requested = False
        """Whether GET PROCESSING OPTIONS asks for electronic cash (9F7A)."""
        self.electronic_cash: ElectronicCash | None = None
        """Set while this is a transaction with electronic cash."""
        self.pin_bypassed = False
        self.pin_entered = False
        self.signature_wanted = False
        self.pdol_values = b""
        self.cdol_values = b""
        """What was sent for the PDOL, and for CDOL1 (then CDOL2): CDA covers them."""
        self.icc_key: RsaPublicKey | None = None
        self.combined = False
        """Whether cryptograms are asked for with CDA."""
        self.cvm_result = bytes.fromhex("3F0000")
        self.pin_block: bytes | None = None
        self.arc = b""
        self.oda = OdaResult()
        self.cryptograms: list[Cryptogram] = []
        self.faults: list[str] = []
        self.reversal = False
        """Whether the host is asked to take the authorisation back."""
        self.host = HostSide()
        self.terms = Terms(config.amount)
        """What the merchant's terms give; nothing where there are none."""

    @property
    def app(self) -> Application:
        """The chosen application."""
        assert self.application is not None
        return self.application

    def start_application(self, application: Application) -> None:
        """Begin with an application; nothing of one that was dropped stays (KRN-INI-011)."""
        self.application = application
        self.tvr, self.tsi = Bits(5), Bits(2)
        self.pdol_values = self.cdol_values = b""
        self.ec_requested = False
        self.amount_known = self.terminal.amount_at_start

    def terminal_values(self) -> dict[int, bytes]:
        """The terminal's data items as they are now."""
        config, terminal = self.config, self.terminal
        now = config.now
        values = {
            0x9F02: numeric(config.amount if self.amount_known else 0, 6),
            0x9F03: numeric(config.cashback if self.amount_known else 0, 6),
            0x9F1A: terminal.country,
            0x5F2A: terminal.currency,
            0x5F36: b"\x02",
            0x95: bytes(self.tvr),
            0x9B: bytes(self.tsi),
            0x9A: bytes.fromhex(f"{now:%y%m%d}"),
            0x9F21: bytes.fromhex(f"{now:%H%M%S}"),
            0x9C: bytes((_CASHBACK if config.cashback else config.kind.value,)),
            0x9F37: self.unpredictable,
            0x9F33: terminal.capabilities,
            0x9F34: self.cvm_result,
            0x9F35: terminal.terminal_type,
            0x9F40: terminal.additional_capabilities,
            0x9F09: terminal.application_version,
            0x9F1E: terminal.serial_number,
            0x9F41: numeric(self.host.trace, 4),
            0x9F7A: bytes((self.ec_requested,)),
            0x8A: self.arc,
        }
        if terminal.merchant_name:
            values[0x9F4E] = merchant_name(terminal.merchant_name)
        if self.application is not None:
            parameters = self.application.parameters
            values[0x9F1B] = parameters.floor_limit.to_bytes(4, "big")
            if parameters.ec_limit is not None:
                values[0x9F7B] = numeric(parameters.ec_limit, 6)
        return values

    def fill(self, dol: bytes) -> bytes:
        """The values for a data object list: terminal values, then card data (KRN-DOL).

        Raises:
            TlvError: the list is broken.
        """
        return fill_dol(dol, self.app.data | self.terminal_values(), numeric=NUMERIC_TAGS, compressed=COMPRESSED_TAGS)

    def items(self) -> tuple[DataItem, ...]:
        """The card's data items in the order in which they were read."""
        return () if self.application is None else tuple(DataItem(t, v) for t, v in self.application.data.items())
