"""A power cut leaves the card before or after the command, and the card answers to reset (D13).

When the supply was cut in a command, the oracle runs the same command from the same state once more, without a cut and
with a listener on the bus, and compares the cells behind the next power-on. What lies between is right only where
early writes have been done and nothing else: try counters, ATC, marks. So that it shows, too, that the counter of a
secret was lowered before it was compared.
"""

from dataclasses import dataclass, field
from typing import Final

from cardsim.control import Meter, ModelControl, ModelState
from cardsim.decode.observed import Observed
from terminal.conformance.case import Control
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.oracles.common import Watcher, in_words, succeeded
from terminal.fuzz.oracles.proofs import Proofs, meters_of, secret_of
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_CUTS: Final = ("cut", "cut-inside")
_SCRUBBING: Final = frozenset({0xE0, 0x0E})
"""INS of commands that overwrite cells which belong to no file, outside of any transaction: CREATE, ERASE."""
_JOURNAL: Final = "journal"


@dataclass(slots=True)
class _Programs:
    """Listens on the bus: page programs, in order."""

    done: list[tuple[int, bytes]] = field(default_factory=list)

    def on_read(self, address: int, length: int) -> None:
        """Reading changes nothing."""

    def on_program(self, address: int, data: bytes) -> None:
        """A page is programmed."""
        self.done.append((address, bytes(data)))


class Atomic(Watcher):
    """Compares the card behind a cut with the one that was not cut."""

    name: Final = "atomic"

    def __init__(self) -> None:
        self._subject: Subject | None = None
        self._control: ModelControl | None = None
        self._before: ModelState | None = None
        self._proofs: Proofs | None = None
        self._state = Observed()

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """Only sequences that cut the supply are of interest."""
        cuts = any(isinstance(step, Control) and step.action in _CUTS for step in sequence.steps)
        self._control = subject.control if cuts else None
        self._subject, self._proofs = subject, Proofs(subject)
        self._state = Observed(powered=True, environment=subject.home)
        self._before = self._control.snapshot() if self._control is not None else None

    def judge(self, exchange: Exchange) -> str | None:
        """Keep the state: the next command may be the one that is cut."""
        if self._control is not None:
            self._before, self._state = self._control.snapshot(), exchange.after
            assert self._proofs is not None
            self._proofs.note(exchange)
        return None

    def was_reset(self, restart: Restart) -> str | None:
        """After a cut: compare."""
        control, before, subject = self._control, self._before, self._subject
        if control is None or before is None or subject is None:
            return None
        recovered = control.snapshot()
        complaint = None
        if restart.cut is not None:
            with control.unwatched():
                complaint = self._compare(subject, control, before, recovered, restart.cut)
                control.restore(recovered)
        if self._proofs is not None:
            self._proofs.note_cut(restart)
        self._before, self._state = recovered, Observed(powered=True, environment=subject.home)
        return complaint

    def _compare(
        self, subject: Subject, control: ModelControl, before: ModelState, recovered: ModelState, command: bytes
    ) -> str | None:
        control.restore(before)
        meters = control.meters()
        programs = _Programs()
        control.attach(programs)
        answer = subject.card.transmit(command)
        control.attach(None)
        subject.card.power_off()
        subject.card.power_on()
        journal = control.ranges()[_JOURNAL]
        spared = _scrubbed(programs.done, journal) if command[1:2] and command[1] in _SCRUBBING else []
        old, new, found = (
            _without(state.cells.cells, journal, spared) for state in (before, control.snapshot(), recovered)
        )
        words = in_words(self._state.environment, command)
        if found not in (old, new):
            between = _early_states(before.cells.cells, programs.done, journal, meters)
            if found not in [_without(cells, journal, spared) for cells in between]:
                places = [at for at, pair in enumerate(zip(found, old, strict=True)) if pair[0] != pair[1]]
                return (
                    f"a cut in {words} leaves the memory neither before nor after it: "
                    f"{len(places)} cells have changed, the first at {places[0]:#07x}"
                )
        return self._lowered_first(command, answer, programs.done, before, meters, words)

    def _lowered_first(
        self,
        command: bytes,
        answer: bytes,
        programs: list[tuple[int, bytes]],
        before: ModelState,
        meters: tuple[Meter, ...],
        words: str,
    ) -> str | None:
        """A right secret has lowered its counter before it gave all tries back."""
        secret, proofs = secret_of(command, self._state), self._proofs
        if secret is None or proofs is None or not succeeded(int.from_bytes(answer[-2:], "big")):
            return None
        if not proofs.right(command, self._state):
            return None
        counters = meters_of(secret, meters)
        cells = before.cells.cells
        for meter in counters:
            at, value = meter.cells.start, cells[meter.cells.start]
            if any(
                address <= at < address + len(data) and data[at - address] == value - 1 for address, data in programs
            ):
                return None
        if not counters:
            return None
        return f"{words} compares {secret} before it lowers the counter: a cut in time costs no try"


def _without(cells: bytes, journal: range, spared: list[range]) -> bytes:
    """The cells, with the journal and what is spared blanked out."""
    if not spared:
        return cells[: journal.start] + bytes(len(journal)) + cells[journal.stop :]
    blanked = bytearray(cells)
    for part in (journal, *spared):
        blanked[part.start : part.stop] = bytes(len(part))
    return bytes(blanked)


def _scrubbed(programs: list[tuple[int, bytes]], journal: range) -> list[range]:
    """Cells that were overwritten with zeros alone."""
    return [range(at, at + len(data)) for at, data in programs if at not in journal and not any(data)]


def _early_states(
    cells: bytes, programs: list[tuple[int, bytes]], journal: range, meters: tuple[Meter, ...]
) -> list[bytes]:
    """The memory after each transaction but the last, as long as only cells have changed that may be written early.

    A transaction is what the journal holds and what is then programmed at home.
    """
    allowed = {at for meter in meters if meter.early for at in meter.cells}
    states, current, at_home = [], bytearray(cells), False
    for address, data in programs:
        if address in journal:
            if at_home:
                states.append(bytes(current))
            at_home = False
            continue
        at_home = True
        current[address : address + len(data)] = data
        changed = {address + n for n in range(len(data)) if cells[address + n] != data[n]}
        if not changed <= allowed:
            break
    return states
