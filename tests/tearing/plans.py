"""On the bus of the EEPROM, besides `cardsim.chip.faults`: a log of page programs, and failures by number."""

from dataclasses import dataclass, field

from cardsim.chip.eeprom import PageFailure


@dataclass(slots=True)
class ProgramLog:
    """Notes each page program: where, and how many cells."""

    programs: list[tuple[int, int]] = field(default_factory=list)

    def on_read(self, address: int, length: int) -> None:
        """Reading is not noted."""

    def on_program(self, address: int, data: bytes) -> None:
        """A page is programmed."""
        self.programs.append((address, len(data)))


@dataclass
class FailAt:
    """Makes the page program with this number fail, and those after it too where it is for good."""

    number: int
    for_good: bool = False
    programs: int = 0

    def on_read(self, address: int, length: int) -> None:
        """Reading is not disturbed."""

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002
        """Count and refuse."""
        self.programs += 1
        if self.programs == self.number or (self.for_good and self.programs > self.number):
            raise PageFailure
