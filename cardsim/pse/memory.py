"""Volatile state of the payment environment."""

import enum
from dataclasses import dataclass, field

from cardsim.cos.files import ROOT
from cardsim.crypto.scp02 import SessionKeys


class State(enum.IntEnum):
    """Where a transaction stands (PBOC part 5)."""

    SELECTED = 1
    INITIATED = 2
    """GET PROCESSING OPTIONS was answered."""
    ONLINE = 3
    """The first GENERATE AC was answered with ARQC."""
    OFFLINE = 4
    """The first GENERATE AC was answered with TC or AAC: the transaction is over."""
    COMPLETED = 5
    """The second GENERATE AC was answered."""


class IssuerAuthentication(enum.IntEnum):
    """What became of EXTERNAL AUTHENTICATE in this transaction."""

    NOT_PERFORMED = 0
    PASSED = 1
    FAILED = 2


@dataclass(slots=True)
class Transaction:
    """One transaction, from the selection of the application on."""

    state: State = State.SELECTED
    cash: bool = False
    pdol_data: bytes = b""
    cdol1_data: bytes = b""
    cvr: int = 0
    aip: int = 0
    verified: bool = False
    """VERIFY was sent."""
    challenge: bytes = b""
    """Random number (8 bytes) that an enciphered PIN is to name."""
    cryptogram: bytes = b""
    authentication: IssuerAuthentication = IssuerAuthentication.NOT_PERFORMED
    response_code: bytes = b""
    """Authorisation response code of a successful EXTERNAL AUTHENTICATE."""
    script_chain: bytes = b""
    """What enters the MAC of the next issuer script (8 bytes)."""
    scripts_open: bool = False
    """The first answer was an AAC that issuer scripts may follow: the application is blocked, or no PIN try is left."""
    scripts_refused: bool = False
    """An issuer script had a wrong MAC."""
    script_failed: bool = False
    """An issuer script of this transaction has failed."""
    finishing: bool = False
    """CARD BLOCK was carried out, and waits for the end of this transaction."""

    def copy(self) -> "Transaction":
        """A record of its own with the same content."""
        return Transaction(
            self.state, self.cash, self.pdol_data, self.cdol1_data, self.cvr, self.aip, self.verified,
            self.challenge, self.cryptogram, self.authentication, self.response_code, self.script_chain,
            self.scripts_open, self.scripts_refused, self.script_failed, self.finishing,
        )  # fmt: skip


@dataclass(slots=True)
class Channel:
    """The secure channel of personalisation (SCP02)."""

    host_challenge: bytes = b""
    card_challenge: bytes = b""
    keys: SessionKeys | None = field(default=None, repr=False)
    open: bool = False
    level: int = 0
    mac: bytes = b""
    block: int = 0
    """Next block number of STORE DATA."""
    partial: bytes = b""
    """A data grouping that the last STORE DATA began and did not end."""

    def copy(self) -> "Channel":
        """A record of its own with the same content."""
        return Channel(
            self.host_challenge, self.card_challenge, self.keys, self.open, self.level, self.mac, self.block,
            self.partial,
        )  # fmt: skip


@dataclass(slots=True)
class PseMemory:
    """Dies with the power, with the environment, and with each SELECT."""

    df: int = ROOT
    transaction: Transaction = field(default_factory=Transaction)
    channel: Channel = field(default_factory=Channel)

    def copy(self) -> "PseMemory":
        """A record of its own with the same content."""
        return PseMemory(self.df, self.transaction.copy(), self.channel.copy())
