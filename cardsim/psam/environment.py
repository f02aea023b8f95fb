"""One environment of the PSAM: selection, files, authentication. Its other commands stand in modules of their own."""

from collections.abc import Callable
from typing import Final, Protocol

from cardsim.chip.partition import Partition
from cardsim.chip.rng import RandomSource
from cardsim.cos.access import APPLICATION, APPLICATION_BITS, MASTER_BIT, bit_of
from cardsim.cos.environment import CardServices, Handler, SuiteEnvironment
from cardsim.cos.files import ROOT, File, FileType
from cardsim.cos.keys import KeyStore, KeyUse, Slot
from cardsim.cos.masterkey import MasterKeySet
from cardsim.cos.meters import Meter
from cardsim.cos.records import Records
from cardsim.cos.table import Command, Phase
from cardsim.crypto import social
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber
from cardsim.psam import commands
from cardsim.psam.cipher import Ciphering
from cardsim.psam.keys import KeyRecords
from cardsim.psam.loading import KeyLoading
from cardsim.psam.memory import SamMemory
from cardsim.psam.purchase import SEQUENCE, Purchases
from cardsim.psam.setup import SetUp
from cardsim.psam.switches import SamSwitch

MASTER: Final = 0x00
"""KID of a master key: of the environment at its own level, of the application inside it."""
_MAX_KID: Final = 0x0F
_SFI_BIT: Final = 0x80


class Platform(Protocol):
    """The PSAM as its environments see it."""

    @property
    def switches(self) -> SamSwitch:
        """Profile switches that are in force."""

    def create_environment(self, p1: int, p2: int, data: bytes) -> None:
        """Make a further environment, with the command."""

    def load_environment_key(self, fid: bytes, keys: Callable[[], MasterKeySet]) -> None:
        """Load the first master key of an environment, with the command: it is independent from then on (D2)."""

    def status(self) -> bytes:
        """State of the card and of each environment (TLV)."""

    def issued(self) -> None:
        """An environment's personalisation has ended: its set-up commands are gone."""


class Sam(SuiteEnvironment):
    """The DES environment (the MF itself) or the second one, where SM4 stands in the place of SSF33."""

    def __init__(
        self,
        partition: Partition,
        random: RandomSource,
        card: CardServices,
        platform: Platform,
        *,
        le_must_fit: bool = True,
    ) -> None:
        super().__init__(partition, random, card, le_must_fit=le_must_fit)
        self.platform = platform
        self.ram: SamMemory = SamMemory()
        self.records = Records(partition)
        self.own_keys = KeyStore(self.files)
        self.keys = KeyRecords(self.files, self.records)
        self._set_up = SetUp(self)
        self._loading = KeyLoading(self)
        self._ciphering = Ciphering(self)
        self._purchases = Purchases(self)

    commands = commands.TABLE

    @property
    def place(self) -> str:
        """The set-up commands exist until personalisation has ended."""
        return "" if self.phase is Phase.ISSUED else "set-up"

    def commands_here(self) -> tuple[Command, ...]:
        """Rows of the place."""
        return commands.SET_UP if self.place else commands.OPERATION

    @property
    def handlers(self) -> dict[str, Handler]:
        """Handlers by name of the row."""
        return {
            commands.READ_BINARY.name: self._read_binary,
            commands.UPDATE_BINARY.name: self._update_binary,
            commands.READ_RECORD.name: self._read_record,
            commands.UPDATE_RECORD.name: self._update_record,
            commands.GET_CHALLENGE.name: self._get_challenge,
            commands.INITIALIZE_ENVIRONMENT.name: self._initialize,
            commands.EXTERNAL_AUTHENTICATE.name: self._authenticate,
            **self._set_up.handlers,
            **self._loading.handlers,
            **self._ciphering.handlers,
            **self._purchases.handlers,
        }

    def wipe(self) -> None:
        """Forget rights, challenge, session keys and current files."""
        self.ram = SamMemory()

    def meters(self) -> list[Meter]:
        """Tries of the PSAM's own keys."""
        return [*super().meters(), *self.own_keys.meters()]

    # --- selection ---------------------------------------------------------------------------------------------

    def select_df(self, df: int) -> bytes:
        """Make the environment or its application current.

        Leaving a DF ends the application's rights, the challenge, the session key and an open purchase; what the
        environment's master key gave stays until the environment is left.
        """
        file = self.files.index.files[df]
        if df != ROOT and SamSwitch.APPLICATION_LOCKED in self.platform.switches:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        ram = self.ram
        if df != ram.df:
            self.ram = SamMemory(df, rights=ram.rights & ~APPLICATION_BITS, region=ram.region)
        self.ram.ef = None
        return ber(0x6F, ber(0x84, file.name) + self._directory(df))

    def _directory(self, df: int) -> bytes:
        sfi = self.files.directory_sfi
        return ber(0xA5, ber(0x88, bytes((sfi,)))) if df == ROOT and sfi else b""

    def select_name(self, name: bytes) -> bytes | None:
        """SELECT an application of this environment by its AID; None if there is none of that name."""
        for file in self.files.index.files:
            if file.type is FileType.DF and file.index != ROOT and file.name == name:
                return self.select_df(file.index)
        return None

    def select_file(self, p1: int, data: bytes) -> bytes:
        """SELECT by identifier: an EF of the current DF, or (P1 00) the environment or one of its applications."""
        fid = int.from_bytes(data, "big")
        file = self.files.child(self.ram.df, fid)
        if file is not None and file.type not in (FileType.DF, FileType.KEYS):
            self.ram.ef = file.index
            return b""
        return self.select_directory(p1, fid)

    def application(self) -> int:
        """The current application.

        Raises:
            StatusError: 6985, there is none, or it is locked for a time.
        """
        if self.ram.df == ROOT or SamSwitch.APPLICATION_LOCKED in self.platform.switches:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        return self.ram.df

    def transaction_numbers(self) -> list[tuple[str, int]]:
        """Identifier of each application, and its terminal transaction number."""
        files = self.files.index.files
        return [
            (f"{files[file.parent].fid:04X}", int.from_bytes(self.partition.read(file.offset, 4), "big"))
            for file in files
            if file.fid == SEQUENCE and file.parent != ROOT
        ]

    # --- files -------------------------------------------------------------------------------------------------

    def _need(self, masks: tuple[int, ...]) -> None:
        if not self.allowed(masks):
            raise StatusError(status.SECURITY_NOT_SATISFIED)

    def _binary(self, p1: int, p2: int) -> tuple[File, int]:
        file = self.file(p1 & 0x1F if p1 & _SFI_BIT else 0)
        if file.type is not FileType.TRANSPARENT:
            raise StatusError(status.INCOMPATIBLE_FILE)
        return file, p2 if p1 & _SFI_BIT else p1 << 8 | p2

    def _read_binary(self, p1: int, p2: int, _data: bytes, le: int) -> bytes:
        """READ BINARY; where fewer bytes are there than were asked for, the answer is 6Cxx (SSC part 5 §6.9)."""
        file, offset = self._binary(p1, p2)
        self._need(file.read_masks)
        if offset >= file.length:
            raise StatusError(status.WRONG_OFFSET)
        answer = self.partition.read(file.offset + offset, min(le, file.length - offset))
        if le != len(answer) and self.le_must_fit:
            raise StatusError(0x6C00 | len(answer) & 0xFF)
        self.ram.ef = file.index
        return answer

    def _update_binary(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        file, offset = self._binary(p1, p2)
        self._need(file.write_masks)
        if offset >= file.length:
            raise StatusError(status.WRONG_OFFSET)
        if offset + len(data) > file.length:
            raise StatusError(status.WRONG_LENGTH)
        self.partition.write(file.offset + offset, data)
        self.partition.commit()
        self.ram.ef = file.index
        return b""

    def _record_file(self, p2: int) -> File:
        file = self.file(p2 >> 3)
        if not file.has_records:
            raise StatusError(status.INCOMPATIBLE_FILE)
        return file

    def _read_record(self, p1: int, p2: int, _data: bytes, le: int) -> bytes:
        file = self._record_file(p2)
        self._need(file.read_masks)
        places = self.records.places(file)
        if p1 > len(places):
            raise StatusError(status.RECORD_NOT_FOUND)
        answer = self.records.read(places[p1 - 1])
        if le != len(answer) and self.le_must_fit:
            raise StatusError(0x6C00 | len(answer) & 0xFF)
        self.ram.ef = file.index
        return answer

    def _update_record(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """UPDATE RECORD by number; the number behind the last record appends one."""
        file = self._record_file(p2)
        self._need(file.write_masks)
        if data[1] != len(data) - 2:
            raise StatusError(status.LC_INCONSISTENT)
        count = len(self.records.places(file))
        if p1 > count + 1:
            raise StatusError(status.RECORD_NOT_FOUND)
        if p1 == count + 1:
            self.records.append(file, data)
        else:
            self.records.replace(file, p1, data)
        self.partition.commit()
        self.ram.ef = file.index
        return b""

    # --- authentication ----------------------------------------------------------------------------------------

    def _get_challenge(self, _p1: int, _p2: int, _data: bytes, le: int) -> bytes:
        if le > self.suite.block_size:
            raise StatusError(status.WRONG_LENGTH)
        self.ram.challenge = self.random.take(le)
        return self.ram.challenge

    def _initialize(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """INITIALIZE ENVIRONMENT: a user card of another region comes; what belonged to the last one is forgotten."""
        if SamSwitch.APPLICATION_LOCKED in self.platform.switches:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not data.hex().isdecimal():
            raise StatusError(status.WRONG_DATA)
        self.ram.region, self.ram.register, self.ram.purchase = data[0], None, None
        return b""

    def own_key(self, df: int, kid: int, version: int | None = None) -> Slot | None:
        """One of the application's own keys, 00 to 07: its master key, and those that open the key files."""
        return self.own_keys.find(df, KeyUse.EXTERNAL, kid, version)

    def _authenticate(self, _p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """EXTERNAL AUTHENTICATE: the master key of the environment at its level, the application's own keys inside it.

        A wrong cryptogram is answered 6982 here, not 63Cx (PSAM-087).
        """
        if p2 == MASTER and self.ram.df == ROOT:
            return self._authenticate_master(data)
        df = self.application()
        slot = self.own_key(df, p2, data[16] if len(data) > 16 else None) if p2 <= _MAX_KID else None
        if slot is None:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not self.own_keys.tries(slot):
            raise StatusError(status.BLOCKED)
        challenge = self.take_challenge()
        left = self.own_keys.lower(slot)
        right = bit_of(APPLICATION | p2)
        if social.authentication_data(self.suite, self.own_keys.value(slot), challenge, data[8:16]) != data[:8]:
            if not left:
                self.ram.rights &= ~right
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        self.own_keys.restore(slot)
        self.ram.rights |= right
        return b""

    def _authenticate_master(self, data: bytes) -> bytes:
        keys = self.master.load()
        if len(data) > 16 and data[16] != keys.version:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        if not self.master.tries:
            raise StatusError(status.BLOCKED)
        challenge = self.take_challenge()
        left = self.master.lower()
        if social.authentication_data(self.suite, keys.keys[0], challenge, data[8:16]) != data[:8]:
            if not left:
                self.ram.rights &= ~MASTER_BIT
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        self.master.restore()
        self.partition.commit()
        self.ram.rights |= MASTER_BIT
        return b""
