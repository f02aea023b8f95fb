"""What every card of this COS does with a command: reset, dispatch, T=0 semantics, transactions, the gate between the
environments. How an environment is selected, each kind of card says itself (`cardsim.cos.card`, `cardsim.psam.card`).

One command in, one answer out, for every byte string. Which command it is and what it may look like stands in the
tables; which check wins stands in `cardsim.cos.table.Check`; `transmit` walks through them in that order.
"""

import abc
from dataclasses import dataclass
from typing import Final

from cardsim.chip.eeprom import Eeprom, PageFailure, PowerCut
from cardsim.chip.journal import Journal, JournalFull
from cardsim.cos.dispatch import Level
from cardsim.cos.environment import Environment
from cardsim.cos.mf import MasterFile
from cardsim.cos.record import CardRecord, Switch
from cardsim.cos.table import Phase
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import Case
from cardsim.iso7816.atr import build_atr
from cardsim.iso7816.status import StatusError, Warned

_SW: Final = tuple(word.to_bytes(2, "big") for word in range(0x10000))
_OK: Final = b"\x90\x00"
_WRONG_LENGTH: Final = b"\x67\x00"
_WRONG_P1P2: Final = b"\x6a\x86"
_CONDITIONS: Final = b"\x69\x85"
_GET_RESPONSE: Final = b"\x00\xc0"
_MUTE: Final = b""
_RESPONSE: Final = int(Case.RESPONSE)
_BOTH: Final = int(Case.BOTH)
_MALFORMED: Final = -1


class Partial(Warned):
    """Data now, and more to fetch: the data go out with 61xx."""


@dataclass(slots=True)
class CardMemory:
    """Volatile state of the COS itself: dies with the power."""

    pending: bytes = b""
    current: int | None = None
    """Slot of the selected environment; None for the MF."""
    selected: int | None = None
    """Place in the registry of the DF that was selected by name last."""

    def copy(self) -> "CardMemory":
        """A record of its own with the same content."""
        return CardMemory(self.pending, self.current, self.selected)


class Dispatcher(abc.ABC):
    """The COS on one chip, but for SELECT.

    Args:
        eeprom: all persistent state.
        journal: its transactions.
        master_file: the MF with its card management.
        record: the COS's own partition.
        environments: what stands behind the firewall, by slot; the same object that the MF changes.
    """

    def __init__(
        self,
        eeprom: Eeprom,
        journal: Journal,
        master_file: MasterFile,
        record: CardRecord,
        environments: dict[int, Environment],
    ) -> None:
        self.eeprom = eeprom
        self.journal = journal
        self.record = record
        self.mf = master_file
        self.environments = environments
        self.ram = CardMemory()
        self._powered = False
        self._mf_level = self._level_of(None)
        self._levels: dict[tuple[int, str], tuple[Environment, Level]] = {}
        self._level = self._mf_level
        self._rows = self._level.rows
        self._place = ""
        self._direct = False
        self._slow = False
        master_file.close_gate = master_file.attend = self._slow_down
        master_file.settle = self._settle

    # --- power -------------------------------------------------------------------------------------------------

    def power_on(self) -> bytes:
        """Reset: finish what a cut interrupted, forget all volatile state, answer to reset (ATR-028)."""
        try:
            self.journal.recover()
            if not self.journal.failed:
                self.mf.mount()
                for environment in self.environments.values():
                    environment.files.mount()
        except PowerCut:
            self._powered = False
            return _MUTE
        except PageFailure:
            self.journal.failed = True
        self.ram = CardMemory()
        self.mf.wipe()
        for environment in self.environments.values():
            environment.wipe()
        self._powered = True
        self._enter(None)
        return build_atr(self.record.historical)

    def power_off(self) -> None:
        """Take the power away."""
        self._powered = False
        self.journal.discard()
        self.ram = CardMemory()
        self.mf.wipe()
        for environment in self.environments.values():
            environment.wipe()

    @property
    def powered(self) -> bool:
        """Whether the card answers."""
        return self._powered

    @property
    def stopped(self) -> bool:
        """Whether the whole card is blocked."""
        return self.record.blocked and not self._finishing()

    def _finishing(self) -> bool:
        """Whether the current environment may come to the end of what it was blocked in."""
        slot = self.ram.current
        return slot is not None and self.environments[slot].finishing

    # --- dispatch ----------------------------------------------------------------------------------------------

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU; an unpowered card, and one whose supply was cut while it wrote, is mute (b"")."""
        if self._slow or not self._powered:
            return self._slowly(command)
        if self.ram.pending and command[:2] != _GET_RESPONSE:
            self.ram.pending = b""
        length = len(command)
        if length < 4:
            return _WRONG_LENGTH
        row = self._rows.get(command[:2])
        if row is None:
            return self._unknown(command)
        p1, p2 = command[2], command[3]
        which = row.allowed[p1][p2]
        if which != 1:
            if not which:
                return _WRONG_P1P2
            row = row.others[which - 2]
        case = row.case
        if case == _RESPONSE:
            if length > 5:
                return _WRONG_LENGTH
            le = (command[4] or 256) if length == 5 else 256
            if row.le is not None and not row.le[le & 0xFF]:
                return _WRONG_LENGTH
            data = b""
        else:
            data, le = self._body(command)
            if le == _MALFORMED or not row.lc[len(data)]:
                return _WRONG_LENGTH
        if row.phases is not None and not self._in_phase(row.phases):
            return _CONDITIONS
        try:
            answer = row.handler(p1, p2, data, le)
            if case == _RESPONSE and le != len(answer) and row.le is None and not self._direct:
                return self._wrong_le(answer)
            if self.journal.staged:
                self.journal.commit()
        except StatusError as ended:
            return self._ended(ended)
        except PowerCut:
            self._powered = False
            return _MUTE
        except (PageFailure, JournalFull) as failed:
            self.journal.discard()
            self._settle()
            return _SW[status.NO_SPACE if isinstance(failed, JournalFull) else status.MEMORY_FAILURE]
        if not answer:
            return _OK
        if self._direct:
            return answer[:le] + _OK
        if case == _BOTH:
            self.ram.pending = answer
            return _SW[0x6100 | len(answer) & 0xFF]
        return answer + _OK

    def case_of(self, header: bytes) -> Case | None:
        """Which way data go after a header of T=0, CLA INS P1 P2 P3 (D17); None: it ends the command by itself.

        None stands where a check fails that needs no more than the header: `transmit(header)` then gives the same
        status word as the whole command would.
        """
        row = self._rows.get(header[:2])
        if row is None or not self._powered or self.journal.failed or self.stopped:
            return None
        slot = self.ram.current
        if slot is not None and self.environments[slot].blocked and not row.command.opens:
            return None
        which = row.allowed[header[2]][header[3]]
        if not which:
            return None
        row = row if which == 1 else row.others[which - 2]
        case = row.command.case
        return case if case is Case.RESPONSE or row.lc[header[4]] else None

    @staticmethod
    def _body(command: bytes) -> tuple[bytes, int]:
        """Command data and Le of a command with Lc (cases 1, 3 and 4): P3 is Lc (D17); a trailing Le is allowed."""
        length = len(command)
        if length <= 5:
            return b"", _MALFORMED if length == 5 and command[4] else 256
        lc = command[4]
        if length == lc + 5:
            return command[5:], 256
        if length == lc + 6 and lc:
            return command[5:-1], command[-1] or 256
        return b"", _MALFORMED

    def _in_phase(self, phases: Phase) -> bool:
        phase = self._level.phase
        return phase is None or bool(phase() & phases)

    def _ended(self, ended: StatusError) -> bytes:
        self.journal.discard()
        if isinstance(ended, Warned):
            if self._direct or isinstance(ended, Partial):
                return ended.data + _SW[ended.sw]
            self.ram.pending = ended.data
        return _SW[ended.sw]

    def _wrong_le(self, answer: bytes) -> bytes:
        """6Cxx: the command has not run (D13). What it staged is undone; handlers that change volatile state compare
        Le themselves before they do."""
        self.journal.discard()
        return _SW[0x6C00 | len(answer) & 0xFF]

    def _unknown(self, command: bytes) -> bytes:
        """No row: the class is judged before the instruction, and a known instruction has the wrong class."""
        cla, ins = command[0], command[1]
        if cla in self._level.classes and (ins not in self._level.instructions):
            return _SW[status.INS_NOT_SUPPORTED]
        return _SW[status.CLA_NOT_SUPPORTED]

    def _slowly(self, command: bytes) -> bytes:
        """The slow way: no power, memory that could not be recovered, an environment that is blocked or attentive."""
        if not self._powered:
            return _MUTE
        slot = self.ram.current
        if slot is None or self._shut(slot):
            self.ram.pending = b""
            return self._refuse(command)
        environment = self.environments[slot]
        refused = environment.before(command)
        if refused is not None:
            self.ram.pending = b""
            return _SW[refused]
        if self._shut(slot):
            self.ram.pending = b""
            return self._refuse(command)
        self._slow = False
        answer = self.transmit(command)
        if self.ram.current == slot:
            environment.after(command, answer)
            self._slow = self._slow or environment.attentive
        return answer

    def _shut(self, slot: int) -> bool:
        return self.journal.failed or self.stopped or self.environments[slot].blocked

    def _refuse(self, command: bytes) -> bytes:
        """Refuse everything; a blocked environment still lets itself be left (D10)."""
        if self.journal.failed:
            return _SW[status.MEMORY_FAILURE]
        if self.stopped:
            return _SW[status.NOT_SUPPORTED]
        if len(command) >= 4 and command[:2] == b"\x00\xa4" and (command[2] == 4 or self._names_mf(command)):
            self._slow = False
            before = self.ram.current
            answer = self.transmit(command)
            if self.ram.current == before:
                self._slow = True
                return _SW[status.NOT_SUPPORTED]
            return answer
        return _SW[status.NOT_SUPPORTED]

    @staticmethod
    def _names_mf(command: bytes) -> bool:
        return command[2] == 0 and (len(command) <= 5 or command[5:7] == b"\x3f\x00")

    # --- shared commands ---------------------------------------------------------------------------------------

    def get_response(self, _p1: int, _p2: int, _data: bytes, le: int) -> bytes:
        """GET RESPONSE (SSC part 5 §6.6, table 21; C-06): nothing pending 6F00, too long 6Cxx, shorter 61xx."""
        pending = self.ram.pending
        if not pending:
            raise StatusError(status.NO_PRECISE_DIAGNOSIS)
        if le > len(pending):
            raise StatusError(0x6C00 | len(pending) & 0xFF)
        rest = pending[le:]
        self.ram.pending = rest
        if rest:
            raise Partial(0x6100 | len(rest) & 0xFF, pending[:le])
        return pending

    @abc.abstractmethod
    def select(self, p1: int, p2: int, data: bytes, le: int) -> bytes:
        """SELECT: what can be named from where."""

    # --- the gate ----------------------------------------------------------------------------------------------

    def _enter(self, slot: int | None) -> None:
        """Go to an environment (or the MF); the one that is left forgets all its volatile state (D9)."""
        left = self.ram.current
        if left != slot:
            if left is None:
                self.mf.wipe()
            elif left in self.environments:
                self.environments[left].wipe()
        self.ram.current = slot
        self._settle()

    def _settle(self) -> None:
        """Make ready what depends on where the card stands."""
        slot = self.ram.current
        self._place = self._place_of(slot)
        self._level = self._mf_level if slot is None else self._level_of(slot)
        self._rows = self._level.rows
        self._direct = bool(self.record.switches & Switch.DIRECT_ANSWERS)
        special = slot is not None and (self.environments[slot].blocked or self.environments[slot].attentive)
        self._slow = special or self.journal.failed or self.stopped

    def levels(self) -> list[Level]:
        """All rows that are in use, by place: for those who watch or replace handlers, such as the bench."""
        return [self._mf_level, *(level for _, level in self._levels.values())]

    def _place_of(self, slot: int | None) -> str:
        return "" if slot is None else self.environments[slot].place

    def resume(self, ram: CardMemory, *, powered: bool, same_layout: bool) -> None:
        """Go on from a saved state; `same_layout` says that directories and switches are what they were before."""
        slot = ram.current
        attentive = slot is not None and self.environments[slot].attentive
        same_place = same_layout and slot == self.ram.current and not (self._slow or attentive)
        self.ram = ram
        self._powered = powered
        if not same_place or self._place != self._place_of(ram.current):
            self._settle()

    def _slow_down(self) -> None:
        """The current environment has blocked itself (D10), or has become attentive: look at each command first."""
        self._slow = True

    def _level_of(self, slot: int | None) -> Level:
        shared = {"SELECT": self.select, "GET RESPONSE": self.get_response}
        if slot is None:
            return Level(self.mf.commands, shared | self.mf.handlers)
        environment = self.environments[slot]
        key = (slot, environment.place)
        kept = self._levels.get(key)
        if kept is None or kept[0] is not environment:
            level = Level(environment.commands_here(), shared | environment.handlers, lambda: environment.phase)
            self._levels[key] = kept = (environment, level)
        return kept[1]
