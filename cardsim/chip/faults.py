"""What can be put on the bus of the EEPROM: a monitor that notes each access, and a plan of faults."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cardsim.chip.eeprom import PAGE_SIZE, PageFailure, PowerCut, TornProgram


@dataclass(slots=True)
class BusMonitor:
    """Notes which pages are read and which are programmed."""

    read: set[int] = field(default_factory=set)
    programmed: set[int] = field(default_factory=set)

    def on_read(self, address: int, length: int) -> None:
        """Cells are read."""
        self.read.update(range(address // PAGE_SIZE, (address + max(length, 1) - 1) // PAGE_SIZE + 1))

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002
        """A page is programmed."""
        self.programmed.add(address // PAGE_SIZE)

    def clear(self) -> None:
        """Forget what was noted."""
        self.read.clear()
        self.programmed.clear()


@dataclass(slots=True)
class PowerCutPlan:
    """Cuts the supply at one page program.

    Args:
        after: so many page programs are still completed.
        inside: None cuts before the next program starts; a number lets so many of its cells be programmed and leaves
            the following one between old and new.
    """

    after: int
    inside: int | None = None
    programs: int = 0

    def on_read(self, address: int, length: int) -> None:
        """Reading is not disturbed."""

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002
        """Count, and cut when it is time."""
        self.programs += 1
        if self.programs <= self.after:
            return
        if self.inside is None or self.programs > self.after + 1:
            raise PowerCut
        done = data[: min(self.inside, len(data))]
        torn = bytes((data[len(done)] & 0x5A,)) if len(done) < len(data) else b""
        raise TornProgram(done + torn)


@dataclass(slots=True)
class PageFailurePlan:
    """Makes programs of chosen pages fail.

    Args:
        fails: whether a page program is to fail, by page number.
        times: how often; None is for good.
    """

    fails: Callable[[int], bool]
    times: int | None = 1

    def on_read(self, address: int, length: int) -> None:
        """Reading is not disturbed."""

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002
        """Refuse the program of a failing page."""
        if self.times == 0 or not self.fails(address // PAGE_SIZE):
            return
        if self.times is not None:
            self.times -= 1
        raise PageFailure


EVERY_PAGE: Final[Callable[[int], bool]] = lambda page: True  # noqa: ARG005, E731
