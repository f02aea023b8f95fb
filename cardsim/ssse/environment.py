"""The social-security environment: its volatile state, selection, and the parts that hold its commands.

authentication   GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE
block            APPLICATION BLOCK, CARD BLOCK
medical          the commands of the medical-insurance account
messaging        secure messaging under the maintenance keys
pin              VERIFY
records          READ RECORD, UPDATE RECORD
setup            the commands of the environment master key
"""

from dataclasses import dataclass
from typing import NoReturn

from cardsim.chip.partition import Partition
from cardsim.chip.rng import RandomSource
from cardsim.cos.access import APPLICATION_BITS, MASTER_BIT
from cardsim.cos.environment import CardServices, Handler, SuiteEnvironment
from cardsim.cos.files import ROOT, FileType
from cardsim.cos.keys import KeyStore
from cardsim.cos.meters import Meter
from cardsim.cos.records import Records
from cardsim.cos.table import Command, Phase
from cardsim.crypto.medical import TypeCoding
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.ssse import commands, medical_commands
from cardsim.ssse.account import meters as account_meters
from cardsim.ssse.authentication import Authentication
from cardsim.ssse.binary import BinaryCommands
from cardsim.ssse.block import BlockCommands
from cardsim.ssse.medical import PLACE, Initialised, Medical, keeps
from cardsim.ssse.messaging import SecureMessaging
from cardsim.ssse.pin import PinCommands
from cardsim.ssse.records import RecordCommands
from cardsim.ssse.setup import SetUp


@dataclass(slots=True)
class SsseMemory:
    """Volatile state: dies with the power, and when the environment is left."""

    df: int = ROOT
    ef: int | None = None
    pointer: int | None = None
    rights: int = 0
    challenge: bytes = b""
    account: bool = False
    """Whether the current application is the one of the medical-insurance account, as its SELECT found it."""
    transaction: Initialised | None = None
    blocked: bool = False
    """Whether the current application was blocked while it was current; a blocked one is never selected (C-29)."""

    def copy(self) -> "SsseMemory":
        """A record of its own with the same content."""
        return SsseMemory(
            self.df, self.ef, self.pointer, self.rights, self.challenge, self.account, self.transaction, self.blocked
        )


class Ssse(SuiteEnvironment):
    """SSSE behind the firewall."""

    commands = (*commands.TABLE, *medical_commands.TABLE)

    def __init__(
        self,
        partition: Partition,
        random: RandomSource,
        card: CardServices,
        *,
        le_must_fit: bool = True,
        medical_type: TypeCoding = TypeCoding.ASCII,
        failure_ends_right: bool = False,
    ) -> None:
        super().__init__(partition, random, card, le_must_fit=le_must_fit)
        self.failure_ends_right = failure_ends_right
        self.ram: SsseMemory = SsseMemory()
        self.records = Records(partition)
        self.keys = KeyStore(self.files)
        self.authentication = Authentication(self)
        self.binary = BinaryCommands(self)
        self.block = BlockCommands(self)
        self.medical = Medical(self, medical_type)
        self.messaging = SecureMessaging(self)
        self.pin = PinCommands(self)
        self.record_commands = RecordCommands(self)
        self.set_up = SetUp(self)
        self._fci: dict[int, bytes] = {}
        self._fci_token = 0

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        parts = (
            self.authentication, self.binary, self.block, self.medical, self.pin, self.record_commands, self.set_up,
        )  # fmt: skip
        return {name: handler for part in parts for name, handler in part.handlers.items()}

    def wipe(self) -> None:
        """Forget rights, PIN, challenge, current files and pointer."""
        self.ram = SsseMemory()

    @property
    def place(self) -> str:
        """The application of the medical-insurance account is a place of its own."""
        return PLACE if self.ram.account else ""

    def commands_here(self) -> tuple[Command, ...]:
        """The commands of the account exist while its application is current."""
        return self.commands if self.ram.account else commands.TABLE

    @property
    def attentive(self) -> bool:
        """A pending transaction ends with most commands; a blocked application refuses them all."""
        return self.ram.transaction is not None or self.ram.blocked

    def before(self, command: bytes) -> int | None:
        """In an application that was blocked while it was current: 9303 to all but SELECT of another one."""
        return status.APPLICATION_BLOCKED if self.ram.blocked and not self.block.leaves(command) else None

    def after(self, command: bytes, answer: bytes) -> None:
        """End a pending transaction, unless the command leaves it (SSC part 5 table 49, C-04)."""
        if not keeps(command, answer):
            self.ram.transaction = None

    def meters(self) -> list[Meter]:
        """Tries of keys and PIN, and the medical accounts with their sequences."""
        index = self.files.index
        found = [*super().meters(), *self.keys.meters()]
        for df, file in index.accounts.items():
            found += account_meters(file, index.files[df].name)
        return found

    # --- selection ---------------------------------------------------------------------------------------------

    def select_df(self, df: int) -> bytes:
        """Make the environment or one of its applications current.

        Rights of the environment survive going down to its applications; those of an application, and the challenge,
        end when it is left (C-03, SSC part 5 §6.5). Selecting the current DF again keeps them.

        Raises:
            StatusError: 9303, it is blocked; the DF that was current stays current (C-29).
        """
        if self.files.index.files[df].blocked:
            raise StatusError(status.APPLICATION_BLOCKED)
        fci = self._fci_of(df)
        ram = self.ram
        if df != ram.df:
            ram.df = df
            ram.rights &= ~APPLICATION_BITS
            ram.challenge = b""
        ram.ef = ram.pointer = ram.transaction = None
        ram.account = self.medical.belongs_to(df)
        ram.blocked = False
        self.pin.grant_if_empty()
        return fci

    def _fci_of(self, df: int) -> bytes:
        if self._fci_token != self.partition.tokens.layout:
            self._fci_token = self.partition.tokens.layout
            self._fci.clear()
        fci = self._fci.get(df)
        if fci is None:
            content = ber(0x84, self.files.index.files[df].name)
            if df == ROOT:
                sfi = self.files.directory_sfi
                directory = ber(0x88, bytes((sfi,))) if sfi else b""
                content += ber(0xA5, directory + ber(0x9F0C, ber(0x86, bytes((self.files.suite,)))))
            fci = self._fci[df] = ber(0x6F, content)
        return fci

    def select_file(self, p1: int, data: bytes) -> bytes:
        """SELECT by identifier: an EF of the current DF (P1 02, and 00 as readers send it, C-17), or a DF (P1 00)."""
        fid = int.from_bytes(data, "big")
        ef = self.files.child(self.ram.df, fid)
        if ef is not None and (ef.has_records or ef.type is FileType.TRANSPARENT):
            self.ram.ef, self.ram.pointer = ef.index, None
            return b""
        return self.select_directory(p1, fid)

    # --- what the parts share ----------------------------------------------------------------------------------

    @property
    def managing(self) -> bool:
        """Whether the master key's rights are in force: they let the first records in, and no others (D6)."""
        return bool(self.ram.rights & MASTER_BIT) and self.phase is Phase.SET_UP

    def failed(self, left: int, right: int) -> NoReturn:
        """Answer a failed comparison: what an earlier success gave lasts until no try is left, or not even that where
        the profile says so (C-25).

        Raises:
            StatusError: 63Cx.
        """
        if not left or self.failure_ends_right:
            self.ram.rights &= ~right
        raise StatusError(0x63C0 | left)
