"""No memory outside of the selected environment is touched but the journal and the COS's registry (D9).

A monitor of our own sits on the EEPROM's bus. It looks a page up in the map of the environment that is selected, and
notes an access outside of it; what was noted is judged when the answer has come, because a SELECT may have gone
elsewhere. A plan of faults takes the bus for itself: from the arming of a fault to the next reset nothing is watched.
"""

from typing import Final

from cardsim.control import ModelControl
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.oracles.common import Watcher, of
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_PAGE: Final = 6
"""Pages have 64 cells."""
_COS: Final = "cos"
_SAM_MF: Final = "3F00"
"""The MF of a PSAM is an environment itself, and manages the other one (SSC part 9 §5)."""
_JOURNAL: Final = "journal"
_SELECT: Final = b"\x00\xa4"
_GET_STATUS: Final = b"\x80\xf2"
_KEPT_NAMES: Final = frozenset({0xE0, 0x0E, 0x16})
"""INS that may write in the COS's partition from inside an environment: CREATE, ERASE (registry), CARD BLOCK."""
_MANAGEMENT: Final = frozenset({0xE0, 0xE4, 0xD4, 0x0E})
"""INS with which the MF reaches environments that have no master key yet (D2): CREATE, DELETE, WRITE KEY, ERASE."""
_LOOKED_INTO: Final = frozenset({0x6A81, 0x6985, 0x9303})
"""Status words of a SELECT that has found a DF which it cannot enter: the card has looked at its state."""
_FRESH: Final = 64
"""Accesses that are noted for one command; more tell nothing new."""


class _Monitor:
    """The bus: each access outside of the map is noted as (page, programmed)."""

    __slots__ = ("noted", "readable", "writable")

    def __init__(self, pages: int) -> None:
        self.readable = self.writable = bytearray(pages)
        self.noted: list[tuple[int, bool]] = []

    def on_read(self, address: int, length: int) -> None:
        """Cells are read: the pages at both ends lie in the same part, or one of them is outside."""
        last = address + length - 1
        if length and not (self.readable[address >> _PAGE] and self.readable[last >> _PAGE]):
            self._note(address, last, programmed=False)

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002
        """A page is programmed."""
        if not self.writable[address >> _PAGE]:
            self._note(address, address, programmed=True)

    def _note(self, first: int, last: int, *, programmed: bool) -> None:
        if len(self.noted) < _FRESH:
            self.noted += [(page, programmed) for page in range(first >> _PAGE, (last >> _PAGE) + 1)]


class Firewall(Watcher):
    """The monitor, and what D9 lets a command touch."""

    name: Final = "firewall"

    def __init__(self) -> None:
        self._control: ModelControl | None = None
        self._monitor = _Monitor(0)
        self._maps: dict[str, tuple[bytearray, bytearray]] = {}
        self._parts: dict[str, range] = {}
        self._selected: str | None = None
        self._current = ""

    def begin(self, subject: Subject, sequence: Sequence) -> None:  # noqa: ARG002
        """Put the monitor on the bus; the MF is selected."""
        self._control = subject.control
        if self._control is not None:
            self._watch(self._control)

    def was_reset(self, restart: Restart) -> str | None:  # noqa: ARG002
        """A fault may have taken the bus."""
        if self._control is not None:
            self._watch(self._control)
        return None

    def end(self) -> str | None:
        """Leave the bus as it was."""
        if self._control is not None:
            self._control.attach(None)
        return None

    def _watch(self, control: ModelControl) -> None:
        parts = control.ranges()
        if parts != self._parts:
            self._draw(parts)
        self._monitor.noted.clear()
        control.attach(self._monitor)
        self._stand(control.selected())

    def _draw(self, parts: dict[str, range]) -> None:
        """Maps of the pages that each part may touch."""
        self._parts, self._maps = parts, {}
        pages = max(part.stop for part in parts.values()) + 63 >> _PAGE
        size = max(pages, 4096)
        self._monitor = _Monitor(size)
        for name in parts:
            readable, writable = bytearray(size), bytearray(size)
            for allowed in {name, _COS, _JOURNAL}:
                _mark(readable, parts[allowed])
            for allowed in {name, _JOURNAL}:
                _mark(writable, parts[allowed])
            self._maps[name] = readable, writable

    def _stand(self, selected: str | None) -> None:
        self._selected = selected
        self._monitor.readable, self._monitor.writable = self._maps[selected or _COS]

    def judge(self, exchange: Exchange) -> str | None:
        """What was noted in the command, and where the card stands now."""
        control, monitor = self._control, self._monitor
        if control is None:
            return None
        noted = monitor.noted
        if noted:
            complaint = self._trespass(control, exchange)
            noted.clear()
            if complaint is not None:
                return complaint
        if exchange.command[:2] == _SELECT:
            selected = control.selected()
            noted.clear()
            if selected != self._selected:
                self._stand(selected)
        elif self._manages() and exchange.command[1:2] and exchange.command[1] in _MANAGEMENT:
            parts = control.ranges()
            noted.clear()
            if parts != self._parts:
                self._watch(control)
        return None

    def _trespass(self, control: ModelControl, exchange: Exchange) -> str | None:
        before = self._selected
        noted = list(dict.fromkeys(self._monitor.noted))
        also_read, also_written = self._excused(control, exchange)
        for page, programmed in noted:
            owner = self._owner(page)
            if owner in (also_written if programmed else also_read):
                continue
            doing = "programs" if programmed else "reads"
            where = f"page {page} of {owner}" if owner else f"page {page}, which belongs to no part"
            return f"{of(exchange)} {doing} {where} while {before or 'the MF'} is selected"
        return None

    def _excused(self, control: ModelControl, exchange: Exchange) -> tuple[set[str], set[str]]:
        """Further parts that this command may read and write."""
        command = exchange.command
        header, ins = command[:2], command[1] if len(command) > 1 else 0
        everywhere = set(self._parts) | {""}
        if header == _SELECT:
            after = control.selected()
            return (everywhere if exchange.sw in _LOOKED_INTO else {after or _COS}), set()
        if header == _GET_STATUS and (exchange.sw == 0x9000 or exchange.sw >> 8 == 0x6C):
            return everywhere, set()
        if not self._manages() or ins not in _MANAGEMENT:
            return set(), {_COS} if ins in _KEPT_NAMES or self._selected is None else set()
        if exchange.sw != 0x9000:
            return everywhere, {_COS}
        fresh = {name for name in control.ranges() if name not in self._parts}
        named = command[2:4].hex().upper() if ins != 0xE4 else command[5:7].hex().upper()
        return everywhere, {_COS, named, "", *fresh}

    def _manages(self) -> bool:
        """Whether the card stands where environments are made: at the MF."""
        return self._selected is None or self._selected == _SAM_MF

    def _owner(self, page: int) -> str:
        address = page << _PAGE
        return next((name for name, part in self._parts.items() if address in part), "")


def _mark(pages: bytearray, part: range) -> None:
    for page in range(part.start >> _PAGE, (part.stop - 1 >> _PAGE) + 1):
        pages[page] = 1
