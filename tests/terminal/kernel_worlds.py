"""What the comparison of `kernel_oracle` describes: terminals, requests, cards, hosts, and what comes of them.

Nothing here stands in `terminal.flows.financial`, or comes from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Terminal:
    """Terminal and AID parameters, by their tags; codes as integers where bits of them are asked for."""

    type: int = 0x22
    capabilities: int = 0xE0E9C8
    additional: int = 0xEF80F0F000
    country: int = 0x0156
    version: int = 0x0020
    aids: tuple[tuple[str, bool], ...] = (("A000000333010101", True),)
    """AID in hex, and whether a longer one of the card matches too (ASI 00)."""
    floor: int = 0
    cash_limit: int | None = None
    cash: bool = False
    selection: int = 0
    """Percentage of random selection, 0 or 99, so that chance decides nothing."""
    denial: int = 0
    online: int = 0
    default: int = 0
    exceptions: frozenset[str] = frozenset()
    accepts_referral: bool = False
    offers_choice: bool = True
    pad_works: bool = True
    bypass_lasts: bool = False
    today: str = "261121"

    @property
    def unattended(self) -> bool:
        return self.type % 16 in (4, 5, 6)

    @property
    def offline_only(self) -> bool:
        return self.type % 16 in (3, 6)

    @property
    def online_only(self) -> bool:
        return self.type % 16 in (1, 4)

    @property
    def atm(self) -> bool:
        return self.type in (0x14, 0x15, 0x16) and bool(self.additional >> 39 & 1)

    def can(self, byte: int, bit: int) -> bool:
        return bool(self.capabilities >> (3 - byte) * 8 + bit - 1 & 1)


@dataclass(frozen=True)
class Request:
    """The wanted transaction: type code 9C, amount and cashback in fen; "" of `pin` is an empty entry."""

    type: int = 0x00
    amount: int = 1234
    cashback: int = 0
    forced: bool = False
    pins: tuple[str | None, ...] = ()
    """What the holder enters, in turn; None: nothing, as after the last."""


@dataclass(frozen=True)
class Listed:
    """An application of the card: its name, its entry in the directory, and how its SELECT ends."""

    aid: str
    priority: int | None = 1
    sw: int = 0x9000


@dataclass(frozen=True)
class Card:
    """A card by what it will answer. Records are one flat set of data objects; None of a GET DATA is 6A88."""

    directory: bool = True
    applications: tuple[Listed, ...] = (Listed("A000000333010101"),)
    aip: int = 0x7C00
    objects: Mapping[int, str] = field(default_factory=dict)
    wants_cash: bool = True
    """Whether the PDOL has 9F7A."""
    takes_cash: bool = False
    """Whether it answers the AFL of electronic cash, so that 9F74 is among the records."""
    chain: bool = True
    """Whether the terminal has the CA key and the certificates are right."""
    signature: bool = True
    """Whether 93, SDAD and the signed cryptogram are right."""
    atc: int = 7
    """After GET PROCESSING OPTIONS."""
    read_atc: bool = True
    last_online: int | None = 0
    tries: int | None = 3
    verify: tuple[int, ...] = ()
    """Status words of VERIFY, in turn; the last one is repeated."""
    balance: int | None = None
    threshold: int | None = None
    first: int | None = None
    """CID of the first cryptogram; None: what was asked for."""
    second: int | None = None
    second_sw: int = 0x9000
    external: int = 0x9000
    script_sw: int = 0x9000


@dataclass(frozen=True)
class Host:
    """The bank's answer to the authorisation; `arc` None: it never comes."""

    arc: str | None = "00"
    arpc: str = ""
    before: int = 0
    """Commands in a template 71; 0: none."""
    after: int = 0


@dataclass
class Prediction:
    """What the terminal must do, and what it must have found."""

    selected: list[str] = field(default_factory=list)
    """DF names of SELECT after the payment environment, in turn."""
    tvr: int = 0
    tsi: int = 0
    cvm: str = "000000"
    requests: list[int] = field(default_factory=list)
    """P1 of each GENERATE AC."""
    first_tvr: int = 0
    """TVR in the data of the first GENERATE AC."""
    arc: str = ""
    authorised: bool = False
    """Whether an authorisation was asked for."""
    reversed: bool = False
    uploaded: bool = False
    """Whether a TC without an answer of the host has to be sent for clearing."""
    notified: bool = False
    """Whether results of scripts have to be told."""
    pin_block: bool = False
    result: str = ""
    commands: dict[str, int] = field(default_factory=dict)
    """How often VERIFY and EXTERNAL AUTHENTICATE must have been sent."""
