"""The EEPROM: cells in pages, programmed page by page, with wear, a bus and a place to inject faults.

Everything that a card keeps is in here. Reading goes through `memory`, writing through `program` alone. A *token*
names the content of the cells: two equal tokens of one EEPROM mean equal content, so what is parsed out of the cells
may be kept as long as it is checked against a token (D15). `layout` is the token of the pages that were marked as
directory pages; it stays as it is while only data pages are written.
"""

import contextlib
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, SupportsIndex, overload

PAGE_SIZE: Final = 64
DEFAULT_SIZE: Final = 80 * 1024
MIN_SIZE: Final = 32 * 1024
MAX_SIZE: Final = 256 * 1024

ERASED: Final = 0xFF
"""What a cell holds before it is programmed for the first time."""


class PowerCut(Exception):
    """The supply was cut while the card was writing. The card answers nothing until the next power-on."""


class PageFailure(Exception):
    """A page could not be programmed; its cells hold what they held before."""


class Tokens:
    """Names of the content: `generation` of all cells, `layout` of the directory pages alone."""

    __slots__ = ("generation", "last", "layout")

    def __init__(self) -> None:
        self.last = self.generation = self.layout = 1

    def draw(self, *, layout: bool) -> None:
        """A new name for the content, and for that of the directory pages if they changed."""
        self.last = self.generation = token = self.last + 1
        if layout:
            self.layout = token


class Memory(Protocol):
    """Cells to read: an index gives a byte, a slice gives bytes-like cells."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> "bytes | memoryview": ...


class Bus(Protocol):
    """Sits on the lines of the EEPROM: sees each access, and may stop or shorten a page program."""

    def on_read(self, address: int, length: int) -> None:
        """Cells are read."""

    def on_program(self, address: int, data: bytes) -> None:
        """A page program is about to start.

        Raises:
            PageFailure: the page refuses.
            PowerCut: the supply is cut; `TornProgram` names the cells that were already programmed.
        """


class WindowHolder(Protocol):
    """Something that keeps a window on the cells."""

    def renew(self) -> None:
        """Ask for a new window: the bus has changed."""

    def release(self) -> None:
        """Let go of the window."""


class TornProgram(PowerCut):
    """A cut inside a page program: `cells` stand in the page, what follows them was not reached."""

    def __init__(self, cells: bytes) -> None:
        super().__init__()
        self.cells = cells


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All cells at one moment, with the tokens that name them in the EEPROM they were taken from."""

    cells: bytes
    generation: int
    layout: int
    origin: object


class Eeprom:
    """Cells, wear counters and tokens.

    Args:
        cells: writable buffer of a whole number of pages (a bytearray or a memory map).
        wear: one writable counter for each page; new counters where none are given.
    """

    def __init__(self, cells: "bytearray | memoryview", wear: "memoryview | list[int] | None" = None) -> None:
        if len(cells) % PAGE_SIZE or not MIN_SIZE <= len(cells) <= MAX_SIZE:
            raise ValueError(f"an EEPROM has {MIN_SIZE} to {MAX_SIZE} bytes in pages of {PAGE_SIZE}, not {len(cells)}")
        self.size: Final = len(cells)
        self._cells: Final = memoryview(cells)
        self._readable: Final = self._cells.toreadonly()
        self.wear: Final = wear if wear is not None else [0] * (self.size // PAGE_SIZE)
        self._directory: Final = bytearray(self.size // PAGE_SIZE)
        self._identity: Final = object()
        self.tokens: Final = Tokens()
        self._bus: Bus | None = None
        self._holders: weakref.WeakSet[WindowHolder] = weakref.WeakSet()
        self.programs = 0

    @property
    def generation(self) -> int:
        """Token of the whole content."""
        return self.tokens.generation

    @property
    def layout(self) -> int:
        """Token of the directory pages' content."""
        return self.tokens.layout

    @property
    def memory(self) -> Memory:
        """The cells to read from; passes every access to the bus while one is attached."""
        return self._readable if self._bus is None else _WatchedMemory(self._readable, self._bus, 0)

    def window(self, start: int, size: int) -> Memory:
        """The cells of one range, and no others."""
        cells = self._readable[start : start + size]
        return cells if self._bus is None else _WatchedMemory(cells, self._bus, start)

    def attach(self, bus: Bus | None) -> None:
        """Put a bus monitor or fault injector on the lines, or take it off again (None)."""
        if bus is self._bus:
            return
        self._bus = bus
        for holder in self._holders:
            holder.renew()

    @contextlib.contextmanager
    def unwatched(self) -> Iterator[None]:
        """Take what is on the bus off for a while."""
        bus = self._bus
        if bus is None:
            yield
            return
        self.attach(None)
        try:
            yield
        finally:
            self.attach(bus)

    def hold(self, holder: WindowHolder) -> None:
        """Tell a holder of windows when a bus comes or goes and when the buffer is let go, as long as it lives."""
        self._holders.add(holder)

    def mark_directory(self, start: int, end: int) -> None:
        """Make a program of any page in this range a change of the layout."""
        for page in range(start // PAGE_SIZE, -(-end // PAGE_SIZE)):
            self._directory[page] = 1

    def program(self, address: int, data: bytes) -> None:
        """Program cells of one page.

        Raises:
            PageFailure: nothing changed.
            PowerCut: the supply was cut before, inside or after the program.
        """
        page = address >> 6
        if (address + len(data) - 1) >> 6 != page or address < 0:
            raise ValueError(f"a program stays inside one page: {len(data)} bytes at {address:#x}")
        if self._bus is not None:
            try:
                self._bus.on_program(address, data)
            except TornProgram as torn:
                self._set(page, address, torn.cells)
                raise
        self._set(page, address, data)

    def _set(self, page: int, address: int, data: bytes) -> None:
        self._cells[address : address + len(data)] = data
        self.wear[page] += 1
        self.programs += 1
        tokens = self.tokens
        tokens.last = tokens.generation = token = tokens.last + 1
        if self._directory[page]:
            tokens.layout = token

    def announce(self, address: int, length: int) -> None:
        """Draw new tokens for cells that a command has staged and not yet written."""
        self.tokens.draw(layout=any(self._directory[address >> 6 : ((address + length - 1) >> 6) + 1]))

    def touch(self) -> None:
        """Draw new tokens: whatever was parsed out of the cells is no longer to be believed."""
        self.tokens.draw(layout=True)

    def peek(self, start: int, stop: int) -> bytes:
        """Cells, past the bus: for those who watch a model."""
        return bytes(self._cells[start:stop])

    def directory(self, start: int, stop: int) -> bytes:
        """Numbers and content of the directory pages in a range: what `layout` names, as a value to look up by."""
        marked, cells, parts = bytes(self._directory[start // PAGE_SIZE : stop // PAGE_SIZE]), self._cells, []
        page = marked.find(1)
        while page >= 0:
            end = marked.find(0, page)
            end = end if end >= 0 else len(marked)
            parts.append(cells[start + page * PAGE_SIZE : start + end * PAGE_SIZE])
            page = marked.find(1, end)
        return b"".join((marked, *parts))

    def snapshot(self) -> Snapshot:
        """A copy of all cells."""
        return Snapshot(bytes(self._cells), self.generation, self.layout, self._identity)

    def restore(self, snapshot: Snapshot) -> None:
        """Set all cells to a snapshot. Its tokens come back with the content they name."""
        self._cells[:] = snapshot.cells
        if snapshot.origin is self._identity:
            self.tokens.generation, self.tokens.layout = snapshot.generation, snapshot.layout
        else:
            self.touch()

    def release(self) -> None:
        """Let go of the buffer and of what is on the bus, so that a memory map can be closed."""
        self.attach(None)
        for holder in self._holders:
            holder.release()
        self._readable.release()
        self._cells.release()


class _WatchedMemory:
    """Cells that tell the bus what is read."""

    __slots__ = ("_bus", "_cells", "_start")

    def __init__(self, cells: memoryview, bus: Bus, start: int) -> None:
        self._cells = cells
        self._bus = bus
        self._start = start

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> memoryview: ...
    def __getitem__(self, index: "SupportsIndex | slice") -> "int | memoryview":
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self._cells))
            self._bus.on_read(self._start + start, max(0, stop - start))
        else:
            self._bus.on_read(self._start + range(len(self._cells))[index], 1)
        return self._cells[index]
