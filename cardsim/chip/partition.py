"""A bounded range of the EEPROM: the capability that an environment gets instead of the memory (design, decision 4)."""

from cardsim.chip.eeprom import Eeprom, Memory, Tokens
from cardsim.chip.journal import Journal


class OutsidePartition(Exception):
    """An access beyond the range: a fault of the COS, never of a command."""


class Partition:
    """Cells 0 to size-1 of one range, to read and to write in transactions. Nothing outside can be named.

    `memory` are the cells as they stand, for reading on paths that have staged nothing; `read` sees what the running
    command has staged as well. `tokens` name their content (D15).
    """

    __slots__ = ("__weakref__", "_eeprom", "_journal", "_start", "memory", "size", "tokens")

    def __init__(self, eeprom: Eeprom, journal: Journal, start: int, size: int) -> None:
        if start < 0 or size <= 0 or start + size > eeprom.size:
            raise OutsidePartition(f"no range of {size} bytes at {start:#x}")
        self.size = size
        self._start = start
        self._eeprom = eeprom
        self._journal = journal
        self.memory: Memory = eeprom.window(start, size)
        self.tokens: Tokens = eeprom.tokens
        eeprom.hold(self)

    def release(self) -> None:
        """Let go of the cells: their buffer is about to be closed."""
        if isinstance(self.memory, memoryview):
            self.memory.release()

    def renew(self) -> None:
        """Take a new window: a bus has come or gone."""
        self.memory = self._eeprom.window(self._start, self.size)

    def mark_directory(self, start: int, end: int) -> None:
        """Make each write to these cells a change of the layout."""
        self._check(start, end - start)
        self._eeprom.mark_directory(self._start + start, self._start + end)

    def read(self, offset: int, length: int) -> bytes:
        """Cells as the running command sees them."""
        self._check(offset, length)
        cells = bytes(self.memory[offset : offset + length])
        return self._journal.overlay(self._start + offset, cells) if self._journal.staged else cells

    def write(self, offset: int, data: bytes) -> None:
        """Write with the command (D13): all that a command writes so takes place together or not at all."""
        self._check(offset, len(data))
        self._journal.stage(self._start + offset, data)

    def write_early(self, offset: int, data: bytes) -> None:
        """Write at once, whatever becomes of the command (D13)."""
        if offset < 0 or offset + len(data) > self.size:
            raise OutsidePartition(f"{len(data)} bytes at {offset:#x} of {self.size:#x}")
        self._journal.early(self._start + offset, data)

    def commit(self) -> None:
        """Make what the command has written so far stand, whatever status word it ends with (D13)."""
        self._journal.commit()

    def scrub(self, start: int, end: int) -> None:
        """Overwrite cells that no file owns any more with zeros, outside of any transaction."""
        self._check(start, end - start)
        page, first, last = 64, self._start + start, self._start + end
        for at in range(first - first % page, last, page):
            low, high = max(at, first), min(at + page, last)
            if any(self._eeprom.memory[low:high]):
                self._eeprom.program(low, bytes(high - low))

    def _check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise OutsidePartition(f"{length} bytes at {offset:#x} of {self.size:#x}")
