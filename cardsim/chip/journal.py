"""Atomic writes: all page programs of a transaction or none, whatever the moment at which the supply is cut.

The journal is a redo log in the EEPROM itself. A transaction is written there first; its first page, which carries
length and checksum of the whole, is programmed last and is the commit. Then the cells are written at home. At
power-on the transaction that stands in the journal is written home once more where home differs: it is either the
last one that was committed, or its checksum fails and home was never touched.

A transaction is brought into one piece for each page, and each page is programmed once. So a page that fails holds
its old cells, and taking the transaction back needs the other pages alone. The journal is emptied after that: a cut
while a transaction is taken back repeats it at power-on.

Two kinds of write (D13): *early* is a transaction of its own, done when the call returns; *staged* writes are read
back at once by the command that staged them and reach the cells together when the command commits.
"""

import struct
import zlib
from typing import Final

from cardsim.chip.eeprom import PAGE_SIZE, Eeprom, PageFailure, PowerCut

_HEAD: Final = struct.Struct(">IH")
"""CRC-32 over length and entries; length of the entries in bytes. Length 0 is an empty journal."""
_ENTRY: Final = struct.Struct(">IH")
"""Address and length of the cells that follow."""
_crc32 = zlib.crc32

_Writes = list[tuple[int, bytes]]
"""Addresses, and what is to stand there."""


class JournalFull(Exception):
    """The transaction does not fit into the journal; nothing was written."""


class Journal:
    """The transactions of one EEPROM.

    Args:
        eeprom: where home is.
        start: first cell of the journal, at a page boundary.
        size: bytes of the journal, whole pages.
    """

    def __init__(self, eeprom: Eeprom, start: int, size: int) -> None:
        self._eeprom = eeprom
        self._start = start
        self._size = size
        self._staged: _Writes = []
        self.failed = False
        """A page failed while a transaction was being repeated at power-on or taken back: until the next power-on the
        cells may hold half of it, and nothing more is written."""

    @property
    def staged(self) -> bool:
        """Whether the running command has staged a write."""
        return bool(self._staged)

    def stage(self, address: int, data: bytes) -> None:
        """Write with the command: in force for its own reads now, in the cells when it commits."""
        self._staged.append((address, data))
        self._eeprom.announce(address, len(data))

    def early(self, address: int, data: bytes) -> None:
        """Write now, in a transaction of its own.

        Raises:
            PageFailure: the old cells stand.
            PowerCut: old or new cells stand after the next power-on.
        """
        self._write([(address, data)])

    def commit(self) -> None:
        """Write all that is staged as one transaction.

        Raises:
            JournalFull: too much for one transaction; nothing is written and nothing stays staged.
            PageFailure: the old cells stand, nothing stays staged.
            PowerCut: old or new cells stand after the next power-on.
        """
        if self._staged:
            writes, self._staged = self._staged, []
            try:
                self._write(writes)
            except (PageFailure, JournalFull, PowerCut):
                self._eeprom.touch()
                raise

    def discard(self) -> None:
        """Forget what is staged."""
        if self._staged:
            self._staged.clear()
            self._eeprom.touch()

    def forget(self) -> None:
        """Drop what is staged because the cells were replaced as a whole."""
        self._staged.clear()
        self.failed = False

    def overlay(self, address: int, cells: bytes) -> bytes:
        """Cells as the running command sees them: what it has staged lies over what was read."""
        return _lay_over(self._staged, address, cells)

    def recover(self) -> None:
        """Finish at power-on what a cut interrupted."""
        self.discard()
        self.failed = False
        try:
            for address, data in self._by_page(self._committed()):
                if bytes(self._at(address, len(data))) != data:
                    self._eeprom.program(address, data)
        except PageFailure:
            self.failed = True

    def _write(self, writes: _Writes) -> None:
        if self.failed:
            raise PageFailure
        pieces = self._by_page(writes)
        self._log(pieces)
        old: _Writes = []
        if len(pieces) > 1:
            memory = self._eeprom.memory
            old = [(address, bytes(memory[address : address + len(data)])) for address, data in pieces]
        done = 0
        try:
            for address, data in pieces:
                self._eeprom.program(address, data)
                done += 1
        except PageFailure:
            self._undo(old[:done])
            raise

    def _undo(self, done: _Writes) -> None:
        """Take back a transaction one page of which failed: that page holds its old cells already."""
        try:
            for address, old in done:
                self._eeprom.program(address, old)
        except PageFailure:
            self.failed = True
            raise
        self._log([])

    def _at(self, address: int, length: int) -> "bytes | memoryview":
        return self._eeprom.memory[address : address + length]

    def _by_page(self, writes: _Writes) -> _Writes:
        """What writes leave behind, in one piece for each page; cells between two writes to a page are part of it."""
        if len(writes) == 1 and 0 < len(writes[0][1]) <= PAGE_SIZE - writes[0][0] % PAGE_SIZE:
            return writes
        memory = self._eeprom.memory
        parts: dict[int, list[tuple[int, bytes]]] = {}
        for address, data in writes:
            first, end = address & -PAGE_SIZE, address + len(data)
            if end <= first + PAGE_SIZE:
                parts.setdefault(first, []).append((address, data))
                continue
            for page in range(first, end, PAGE_SIZE):
                low = max(page - address, 0)
                parts.setdefault(page, []).append((address + low, data[low : page + PAGE_SIZE - address]))
        pieces: _Writes = []
        for _, inside in sorted(parts.items()):
            if len(inside) == 1:
                pieces += inside
                continue
            low = min([address for address, _ in inside])
            high = max([address + len(data) for address, data in inside])
            pieces.append((low, _lay_over(inside, low, bytes(memory[low:high]))))
        return [piece for piece in pieces if piece[1]]

    def _log(self, pieces: _Writes) -> None:
        pack = _ENTRY.pack
        runs = _joined(pieces) if len(pieces) > 1 else pieces
        length = sum([_ENTRY.size + len(data) for _, data in runs])
        if _HEAD.size + length > self._size:
            raise JournalFull
        entries = b"".join([pack(address, len(data)) + data for address, data in runs])
        record = _HEAD.pack(_crc32(entries, length), length) + entries
        if len(record) <= PAGE_SIZE:
            self._eeprom.program(self._start, record)
            return
        for offset in range((len(record) - 1) // PAGE_SIZE * PAGE_SIZE, -1, -PAGE_SIZE):
            self._eeprom.program(self._start + offset, record[offset : offset + PAGE_SIZE])

    def _committed(self) -> _Writes:
        memory = self._eeprom.memory
        crc, length = _HEAD.unpack(bytes(memory[self._start : self._start + _HEAD.size]))
        if not 0 < length <= self._size - _HEAD.size:
            return []
        entries = bytes(memory[self._start + _HEAD.size : self._start + _HEAD.size + length])
        if _crc32(entries, length) != crc:
            return []
        writes, offset = [], 0
        while offset < length:
            address, size = _ENTRY.unpack_from(entries, offset)
            offset += _ENTRY.size
            writes.append((address, entries[offset : offset + size]))
            offset += size
        return writes


def _lay_over(writes: _Writes, address: int, cells: bytes) -> bytes:
    """Cells with the writes over them, in their order."""
    seen = bytearray(cells)
    end = address + len(seen)
    for at, data in writes:
        low, high = max(at, address), min(at + len(data), end)
        if low < high:
            seen[low - address : high - address] = data[low - at : high - at]
    return bytes(seen)


def _joined(pieces: _Writes) -> _Writes:
    """Pieces of neighbouring pages as one: the journal then needs one entry for them."""
    runs: _Writes = []
    for address, data in pieces:
        if runs and runs[-1][0] + len(runs[-1][1]) == address:
            runs[-1] = runs[-1][0], runs[-1][1] + data
        else:
            runs.append((address, data))
    return runs
