"""A process that writes transactions to an image without end and reports each finished one; it is there to be killed.

Transaction n leaves `content(place, n)` at EARLY, by an early write, and then at all of PLACES together.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

from cardsim.chip.eeprom import Eeprom
from cardsim.chip.image import open_image
from cardsim.chip.journal import Journal

JOURNAL_START = 1152
JOURNAL_SIZE = 2048
PLACES = (5, 4000, 4150, 9990, 20000, 30001)
LENGTH = 150
EARLY = 6000


def content(place: int, number: int) -> bytes:
    """What transaction `number` writes at a place."""
    return hashlib.shake_128(b"%d %d" % (place, number)).digest(LENGTH)


def journal_of(eeprom: Eeprom) -> Journal:
    """The journal that both sides use."""
    return Journal(eeprom, JOURNAL_START, JOURNAL_SIZE)


class Slow:
    """Makes page programs take their time, so that most kills fall between two of them."""

    def on_read(self, address: int, length: int) -> None:
        """Nothing."""

    def on_program(self, address: int, data: bytes) -> None:  # noqa: ARG002
        """Wait."""
        time.sleep(50e-6)


def write(journal: Journal, number: int, report: int | None = None) -> None:
    """One early write and one transaction; each is reported on a file descriptor when it is done."""
    journal.early(EARLY, content(EARLY, number))
    if report is not None:
        os.write(report, b"e%d\n" % number)
    for place in PLACES:
        journal.stage(place, content(place, number))
    journal.commit()
    if report is not None:
        os.write(report, b"c%d\n" % number)


def main(path: Path, first: int) -> None:
    """Write until killed."""
    with open_image(path) as eeprom:
        eeprom.attach(Slow())
        journal = journal_of(eeprom)
        journal.recover()
        number = first
        while True:
            write(journal, number, report=1)
            number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
