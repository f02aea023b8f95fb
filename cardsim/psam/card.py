"""The PSAM's SELECT: environments by name or identifier from anywhere, applications inside the current one (§9.1)."""

from typing import Final

from cardsim.chip.eeprom import Eeprom
from cardsim.chip.journal import Journal
from cardsim.cos.dispatcher import Dispatcher
from cardsim.cos.environment import Environment
from cardsim.cos.files import ROOT
from cardsim.cos.mf import MF_FID
from cardsim.cos.record import EnvironmentEntry, EnvironmentState
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.psam.environment import Sam
from cardsim.psam.master import MF_SLOT, SamMaster, SamRecord
from cardsim.psam.switches import SamSwitch


class SamOs(Dispatcher):
    """The COS of the PSAM: the MF is itself an environment."""

    def __init__(
        self,
        eeprom: Eeprom,
        journal: Journal,
        master: SamMaster,
        record: SamRecord,
        environments: dict[int, Environment],
    ) -> None:
        self.sam: Final = master
        super().__init__(eeprom, journal, master, record, environments)

    @property
    def stopped(self) -> bool:
        """Whether the card is locked (D34)."""
        return SamSwitch.LOCKED in self.sam.switches

    def look_again(self) -> None:
        """Profile switches have changed from outside."""
        self._settle()

    def select(self, p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """SELECT: P1 judges the length, then comes what the name or identifier leads to."""
        if p1 == 0x04:
            if not 5 <= len(data) <= 16:
                raise StatusError(status.WRONG_LENGTH)
            return self._select_name(data)
        if len(data) != 2 and (data or p1):
            raise StatusError(status.WRONG_LENGTH)
        if p1 == 0x00:
            fid = int.from_bytes(data or MF_FID, "big")
            entry = next((entry for entry in self.record.environments() if entry.fid == fid), None)
            if entry is not None:
                return self._select_environment(entry)
        return self._current().select_file(p1, data)

    def _current(self) -> Sam:
        environment = None if self.ram.current is None else self.environments[self.ram.current]
        if not isinstance(environment, Sam):
            raise StatusError(status.FILE_NOT_FOUND)
        return environment

    def _select_name(self, name: bytes) -> bytes:
        for known in self.record.names():
            if known.name == name:
                entry = next(entry for entry in self.record.environments() if entry.slot == known.slot)
                return self._select_environment(entry)
        fci = self._current().select_name(name)
        if fci is None:
            raise StatusError(status.FILE_NOT_FOUND)
        return fci

    def _select_environment(self, entry: EnvironmentEntry) -> bytes:
        if entry.state is not EnvironmentState.KEYED:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        fci = self.environments[entry.slot].select_df(ROOT)
        if self.ram.current != entry.slot:
            self._enter(entry.slot)
        return fci

    def _enter(self, slot: int | None) -> None:
        """Without an environment the card stands in the MF, as soon as there is one."""
        super()._enter(MF_SLOT if slot is None and MF_SLOT in self.environments else slot)
