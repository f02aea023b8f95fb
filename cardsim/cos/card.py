"""The user card's SELECT: environments and applications by name from anywhere, files inside an environment (D9)."""

from cardsim.cos.dispatcher import Dispatcher
from cardsim.cos.record import EnvironmentState, RegisteredName
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError, Warned


class CardOs(Dispatcher):
    """The COS of the user card: an MF that holds no data, and environments behind the firewall."""

    def select(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """SELECT (SSC part 5 §6.11, EMV Book 1 §11.3): by name from anywhere; by identifier inside an environment."""
        if p1 == 0x04:
            if not 5 <= len(data) <= 16:
                raise StatusError(status.WRONG_LENGTH)
            return self._select_name(data, following=p2 == 0x02)
        if len(data) != 2 and (data or p1):
            raise StatusError(status.WRONG_LENGTH)
        if p1 == 0 and data in (b"", b"\x3f\x00"):
            self._enter(None)
            self.ram.selected = None
            return self.mf.fci()
        if self.ram.current is None:
            raise StatusError(status.FILE_NOT_FOUND)
        environment = self.environments[self.ram.current]
        answer = environment.select_file(p1, data)
        if self._place != environment.place:
            self._settle()
        return answer

    def _select_name(self, name: bytes, *, following: bool) -> bytes:
        target = self._resolve(name, following=following)
        environment = self.environments[target.slot]
        if self.mf.state_of(target.slot) is not EnvironmentState.KEYED:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        if environment.blocked:
            raise StatusError(status.NOT_SUPPORTED)
        try:
            fci = environment.select_df(target.df)
        except Warned:
            self._arrive(target)
            raise
        except StatusError:
            self.ram.selected = target.place  # the next occurrence is behind it
            raise
        self._arrive(target)
        return fci

    def _arrive(self, target: RegisteredName) -> None:
        if self.ram.current != target.slot or self._place or self.environments[target.slot].place:
            self._enter(target.slot)
        self.ram.selected = target.place

    def _resolve(self, name: bytes, *, following: bool) -> RegisteredName:
        names = self.record.names()
        if not following:
            for entry in names:
                if entry.name == name:
                    return entry
        after = -1
        if following:
            last = next((entry for entry in names if entry.place == self.ram.selected), None)
            if last is None or not last.name.startswith(name):
                raise StatusError(status.FILE_NOT_FOUND)
            after = last.place
        for entry in names:
            if entry.place > after and entry.name.startswith(name):
                return entry
        raise StatusError(status.FILE_NOT_FOUND)
