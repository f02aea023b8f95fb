"""A small EEPROM with a journal where the card has it, buses that note and disturb programs, and commands to try."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from cardsim.chip.eeprom import MIN_SIZE, PAGE_SIZE, Bus, Eeprom, PageFailure, TornProgram
from cardsim.chip.journal import Journal

JOURNAL_START = 18 * PAGE_SIZE
JOURNAL_SIZE = 32 * PAGE_SIZE
HOME = JOURNAL_START + JOURNAL_SIZE
"""First cell behind the journal."""


def pattern(size: int = MIN_SIZE) -> bytes:
    """Cells that differ from their neighbours and from page to page; the journal is erased."""
    cells = bytearray((n * 7 + n // PAGE_SIZE * 13 + 1) & 0xFF for n in range(size))
    cells[JOURNAL_START:HOME] = b"\xff" * JOURNAL_SIZE
    return bytes(cells)


BASE = pattern()


def chip(cells: bytes = BASE) -> tuple[Eeprom, Journal]:
    """An EEPROM with these cells, and its journal."""
    eeprom = Eeprom(bytearray(cells))
    return eeprom, Journal(eeprom, JOURNAL_START, JOURNAL_SIZE)


def cells_of(eeprom: Eeprom) -> bytes:
    """All cells."""
    return eeprom.snapshot().cells


def home(cells: bytes) -> bytes:
    """All cells but those of the journal."""
    return cells[:JOURNAL_START] + cells[HOME:]


@dataclass(frozen=True)
class Write:
    """One write: staged with the command, or early."""

    address: int
    data: bytes
    early: bool = False


Command = Sequence[Write]
"""What one command writes; it ends with a commit."""


def written(cells: bytes, *writes: Write) -> bytes:
    """Cells after some writes."""
    after = bytearray(cells)
    for write in writes:
        after[write.address : write.address + len(write.data)] = write.data
    return bytes(after)


def states(cells: bytes, commands: Sequence[Command]) -> list[bytes]:
    """What home may hold one after the other: a new state with each early write and each commit."""
    found = [cells]
    for command in commands:
        for write in command:
            if write.early:
                found.append(written(found[-1], write))
        found.append(written(found[-1], *[write for write in command if not write.early]))
    return [home(state) for state in found]


def run(journal: Journal, commands: Sequence[Command], done: list[int]) -> None:
    """Do what the commands do; `done` gets an entry with every write or commit that has returned."""
    for command in commands:
        for write in command:
            if write.early:
                journal.early(write.address, write.data)
                done.append(1)
            else:
                journal.stage(write.address, write.data)
        journal.commit()
        done.append(1)


@dataclass
class Recorder:
    """Notes every program and disturbs none."""

    programs: list[tuple[int, bytes]] = field(default_factory=list)

    def on_read(self, address: int, length: int) -> None:
        """Nothing."""

    def on_program(self, address: int, data: bytes) -> None:
        """Note it."""
        self.programs.append((address, data))

    @property
    def lengths(self) -> list[int]:
        """Cells of each program."""
        return [len(data) for _, data in self.programs]


@dataclass
class Tear:
    """Cuts inside a program and leaves any byte at all in the cell that was being programmed."""

    after: int
    inside: int
    garbage: int

    def on_read(self, address: int, length: int) -> None:
        """Nothing."""

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002
        """Count down, then tear."""
        self.after -= 1
        if self.after < 0:
            torn = bytes((self.garbage,)) if self.inside < len(data) else b""
            raise TornProgram(data[: self.inside] + torn)


@dataclass
class Fail:
    """Programs fail if `fails` says so of number and page; what comes after the first failure goes to another bus."""

    fails: Callable[[int, int], bool]
    then: Bus | None = None
    count: int = -1
    failed: int = 0

    def on_read(self, address: int, length: int) -> None:
        """Nothing."""

    def on_program(self, address: int, data: bytes) -> None:
        """Count, and fail when it is time."""
        self.count += 1
        if self.fails(self.count, address // PAGE_SIZE):
            self.failed += 1
            raise PageFailure
        if self.failed and self.then is not None:
            self.then.on_program(address, data)


def once(number: int) -> Fail:
    """One program fails."""
    return Fail(lambda n, _page: n == number)


def page_from(number: int, bad: int) -> Fail:
    """A page fails for good from a program on."""
    return Fail(lambda n, page: n >= number and page == bad)


def page(bad: int) -> Fail:
    """A page fails for good."""
    return Fail(lambda _n, page: page == bad)


def everything_from(number: int) -> Fail:
    """Every page fails for good from a program on."""
    return Fail(lambda n, _page: n >= number)


def has_failed(journal: Journal) -> bool:
    """Whether the journal says so now."""
    return journal.failed


def programs_of(cells: bytes, commands: Sequence[Command]) -> list[tuple[int, bytes]]:
    """Address and content of every program that the commands need."""
    eeprom, journal = chip(cells)
    recorder = Recorder()
    eeprom.attach(recorder)
    run(journal, commands, [])
    return recorder.programs


def positions(length: int) -> Iterator[int]:
    """Places inside a program of so many cells: every edge that matters to the journal, and the middle."""
    yield from sorted({0, 1, 3, 4, 5, 6, 7, 12, length // 2, length - 1, length} & set(range(length + 1)))


# Half of the addresses crowd in four pages, so that writes meet and overlap.
ADDRESSES = st.integers(HOME + 1000, HOME + 1256) | st.integers(HOME, MIN_SIZE - 200) | st.integers(0, 500)
WRITES = st.builds(Write, ADDRESSES, st.binary(min_size=1, max_size=200), st.sampled_from([False, False, True]))
COMMANDS = st.lists(st.lists(WRITES, min_size=1, max_size=5), min_size=1, max_size=2)
SMALL = st.lists(
    st.builds(Write, ADDRESSES, st.binary(min_size=1, max_size=90), st.just(value=False)), min_size=1, max_size=3
)
