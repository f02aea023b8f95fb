"""The PSAM before its MF has a master key, and what the MF's master key may do beyond its own environment (D1, D2)."""

from collections.abc import Callable
from typing import Final

from cardsim.cos.files import ROOT, FileType, NewFile
from cardsim.cos.masterkey import Algorithm, MasterKeySet, MasterKeySlot
from cardsim.cos.mf import MF_FID, MasterFile
from cardsim.cos.record import CardRecord, EnvironmentEntry, EnvironmentKind, EnvironmentState
from cardsim.cos.states import CardState
from cardsim.cos.table import Phase
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.psam import commands
from cardsim.psam.switches import ALL_SWITCHES, LOCKS, SamSwitch

MF_SLOT: Final = 0
MF_PAGES: Final = 192
MF_NAME: Final = "sx1.sh.社会保障".encode("gbk")
"""The MF is itself the DES environment (SSC part 9 §5)."""
DIRECTORY_SFI: Final = 1
_SAM: Final = EnvironmentKind.SAM


class SamRecord(CardRecord):
    """The card record of a PSAM: its magic tells the image from that of a user card."""

    magic = b"SAM\x01"

    def lock(self, locks: SamSwitch) -> None:
        """Set the locks to these, and leave the other switches; early."""
        kept = SamSwitch(self.switches) & ~LOCKS
        self._partition.write_early(6, int(kept | locks & LOCKS).to_bytes(2, "big"))


class SamMaster(MasterFile):
    """The blank PSAM: the transport key does one thing, which is to load the MF's master key (D1)."""

    commands = commands.BLANK
    known_switches = ALL_SWITCHES
    algorithms = frozenset({(_SAM, Suite.DES.algorithm_id), (_SAM, Suite.SM4.algorithm_id)})

    @property
    def switches(self) -> SamSwitch:
        """Profile switches that are in force: the locks once every environment is issued."""
        switches = SamSwitch(self._record.switches)
        if switches & LOCKS and self.card_state() is not CardState.OPERATIONAL:
            switches &= ~LOCKS
        return switches

    def status(self) -> bytes:
        """State of the card and of each environment (TLV)."""
        return self._get_status(0, 0, b"", 0)

    def issued(self) -> None:
        """An environment's personalisation has ended."""
        self.settle()

    def load_environment_key(self, fid: bytes, keys: Callable[[], MasterKeySet]) -> None:
        """Load the first master key of an environment; from then on it is independent, for ever (D2)."""
        entry = self._entry(fid)
        if entry is None:
            raise StatusError(status.FILE_NOT_FOUND)
        if entry.state is EnvironmentState.KEYED:
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        self._load_environment_key(entry, keys())

    def _controlling_key(self) -> MasterKeySlot:
        if self._record.state is not CardState.ACTIVATED:
            raise StatusError(status.REFERENCE_NOT_FOUND)
        return self._record.transport

    def _write_key(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """WRITE KEY of the blank card: the MF's master key, and with it the MF, in one transaction."""
        if self._record.state is CardState.VIRGIN:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if not self.ram.authenticated:
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        if bytes((p1, p2)) != MF_FID:
            raise StatusError(status.FILE_NOT_FOUND)
        keys = self._open(p1, p2, data)
        if len(keys.keys) != 1 or keys.algorithm is not Algorithm.TDES:
            raise StatusError(status.WRONG_DATA)
        fid, algorithm = int.from_bytes(MF_FID, "big"), Suite.DES.algorithm_id
        entry = EnvironmentEntry(MF_SLOT, EnvironmentState.KEYED, _SAM, fid, self._room(MF_PAGES), MF_PAGES, algorithm)
        environment = self._build(entry)
        environment.files.format(NewFile(FileType.DF, fid, ROOT, sfi=DIRECTORY_SFI, name=MF_NAME), algorithm)
        environment.master.store(keys)
        environment.files.set_phase(Phase.SET_UP)
        self._record.put_environment(entry)
        self._record.register(MF_SLOT, ROOT, MF_NAME)
        self._record.set_state(CardState.INITIALISED)
        self._record.commit()
        self._environments[MF_SLOT] = environment
        environment.files.mount()
        environment.wipe()
        self.ram.authenticated = False
        return b""
