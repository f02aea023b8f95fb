"""A card with all that only a model can do: what the user card and the PSAM have in common."""

import abc
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from cardsim.chip.clock import Clock, ModelClock
from cardsim.chip.cost import CommandReport
from cardsim.chip.eeprom import Bus, Eeprom
from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan, PowerCutPlan
from cardsim.chip.journal import Journal
from cardsim.chip.partition import Partition
from cardsim.chip.rng import RandomSource, SeededRandom, SystemRandom
from cardsim.control import ModelState, key_of_state
from cardsim.cos.dispatcher import CardMemory, Dispatcher
from cardsim.cos.environment import Environment
from cardsim.cos.meters import FileRule, Meter
from cardsim.cos.record import JOURNAL_SIZE, PAGE, SIZE, EnvironmentEntry
from cardsim.iso7816.apdu import Case

if TYPE_CHECKING:
    from cardsim.chip.line import CardLine
    from cardsim.iso7816.contact import LineProfile, Supply

RandomFactory = Callable[[str], RandomSource]
"""Name of a stream -> the stream."""

_CALLS: Final = 1 << 32
"""Calls of a random stream between the places that two seeds name."""
_SEEDS: Final = 1 << 31
_Description = tuple[tuple[Meter, ...], tuple[FileRule, ...]]
_METERS: Final = 1 << 16
"""Meters that a card may have had until they are forgotten."""
_DESCRIPTIONS: Final = 64
"""Contents of directories whose meters and rules are kept."""

_Os = TypeVar("_Os", bound=Dispatcher)


def seeded(seed: int | None) -> RandomFactory:
    """Streams from a seed, or from the operating system where there is none."""
    if seed is None:
        return lambda _stream: SystemRandom()
    return lambda stream: SeededRandom(seed, stream)


class Model(abc.ABC, Generic[_Os]):
    """One card; it implements `ModelControl`.

    Args:
        eeprom: its cells.
        random: makes the stream of the COS and one for each environment (D12).
        clock: moved by the cost model while someone listens.
    """

    def __init__(self, eeprom: Eeprom, random: RandomFactory | None = None, clock: Clock | None = None) -> None:
        self.eeprom: Final = eeprom
        self.clock: Final = clock if clock is not None else ModelClock()
        self._random = random if random is not None else seeded(None)
        self._streams: dict[str, RandomSource] = {}
        self._start = 0
        self._descriptions: dict[tuple[int, int, bytes], _Description] = {}
        self._wholes: dict[tuple[int, ...], tuple[list[_Description], _Description]] = {}
        self._meters: dict[tuple[object, ...], Meter] = {}
        self._description: _Description = (), ()
        self._described_layout = 0
        self._journal = Journal(eeprom, SIZE, JOURNAL_SIZE)
        self.environments: Final[dict[int, Environment]] = {}
        self.on_environment: Final[list[Callable[[Environment], None]]] = []
        """Called with each environment when its object comes into being: for those who change one card (defects)."""
        self.os: Final[_Os] = self._build()
        self.power_on: Callable[[], bytes] = self.os.power_on
        self.transmit: Callable[[bytes], bytes] = self.os.transmit
        self.power_off: Callable[[], None] = self.os.power_off

    @abc.abstractmethod
    def _build(self) -> _Os:
        """Put the COS together."""

    def _partition(self, start: int, size: int) -> Partition:
        return Partition(self.eeprom, self._journal, start, size)

    def _stream(self, name: str) -> RandomSource:
        if name not in self._streams:
            self._streams[name] = self._random(name)
            self._streams[name].move(self._start)
        return self._streams[name]

    def _announce(self, environment: Environment) -> None:
        for listener in self.on_environment:
            listener(environment)

    def snapshot(self) -> ModelState:
        """The whole card as it is now."""
        os = self.os
        return ModelState(
            self.eeprom.snapshot(),
            os.powered,
            os.ram.copy(),
            os.mf.ram.copy(),
            {slot: environment.save() for slot, environment in self.environments.items()},
            tuple([stream.position for stream in self._streams.values()]),
            self._journal.failed,
        )

    def restore(self, state: ModelState) -> None:
        """Make the card what it was; a snapshot of another card's cells fits too."""
        layout = self.eeprom.layout
        self.eeprom.restore(state.cells)
        self._journal.forget()
        for stream, position in zip(self._streams.values(), state.positions, strict=False):
            stream.move(position)
        if not state.powered or state.failed:
            self.os.power_off()
            self._journal.failed = state.failed
            self.os.resume(CardMemory(), powered=state.powered, same_layout=False)
            return
        same_layout = self.eeprom.layout == layout
        if not same_layout:
            self.os.mf.mount()
        self.os.mf.ram = state.mf.copy()
        for slot, environment in self.environments.items():
            environment.load(state.environments[slot])
        self.os.resume(state.ram.copy(), powered=state.powered, same_layout=same_layout)

    def reseed(self, seed: int) -> None:
        """Let all random streams go on from a place that the seed names; streams that come into being later too."""
        self._start = (seed % _SEEDS) * _CALLS
        for stream in self._streams.values():
            stream.move(self._start)

    def attach(self, bus: Bus | None) -> None:
        """Put a bus monitor or a plan of faults on the EEPROM, or take it off (None)."""
        self.eeprom.attach(bus)

    def cut(self, after: int, inside: int | None = None) -> None:
        """Cut the power when so many page programs more are done, or inside the next one after so many of its cells."""
        self.eeprom.attach(PowerCutPlan(after, inside))

    def fail_pages(self, times: int | None = 1) -> None:
        """Let the next page programs fail: so many, or all (None)."""
        self.eeprom.attach(PageFailurePlan(EVERY_PAGE, times))

    def mend(self) -> None:
        """No faults and no monitor any more."""
        self.eeprom.attach(None)

    def listen(self, listener: Callable[[CommandReport], None] | None) -> None:
        """Tell someone of every command with its cost, or nobody (None): then it costs nothing."""
        from cardsim.chip.cost import listening_transmit

        if listener is None:
            self.transmit = self.os.transmit
        else:
            self.transmit = listening_transmit(self.os.transmit, self.eeprom, self.clock, listener)

    def line(self, profile: "LineProfile", supply: "Supply") -> "CardLine":
        """The card's contacts, character by character: off, or waiting for a command if the card is powered."""
        from cardsim.chip.line import CardLine, TimedCard

        line = CardLine(TimedCard(self, self.eeprom), profile, supply)
        if self.os.powered:
            line.take_over()
        return line

    def case_of(self, header: bytes) -> Case | None:
        """Which way data go after a header of T=0 (Dispatcher.case_of)."""
        return self.os.case_of(header)

    def ranges(self) -> dict[str, range]:
        """Names and addresses of the parts of the memory: cos, journal, and each environment by its identifier."""
        parts = {"cos": range(SIZE), "journal": range(SIZE, SIZE + JOURNAL_SIZE)}
        for entry in () if self._journal.failed else self.os.record.environments():
            start = entry.first_page * PAGE
            parts[f"{entry.fid:04X}"] = range(start, start + entry.pages * PAGE)
        return parts

    def selected(self) -> str | None:
        """Identifier of the environment that is selected, as in `ranges`; None at the MF."""
        current = self.os.ram.current
        if current is None or self._journal.failed:
            return None
        return next((f"{e.fid:04X}" for e in self.os.record.environments() if e.slot == current), None)

    def unwatched(self) -> AbstractContextManager[None]:
        """Take monitor or faults off the bus for a while."""
        return self.eeprom.unwatched()

    @property
    def generation(self) -> int:
        """A number that names the content of the cells: as long as it stands, nothing was written."""
        return self.eeprom.tokens.generation

    def cells(self, which: range) -> bytes:
        """Cells of the memory as they stand, past everything that is on the bus."""
        return self.eeprom.peek(which.start, which.stop)

    def meters(self) -> tuple[Meter, ...]:
        """What the card counts, and where it stands; none while the memory could not be recovered."""
        return self._described()[0]

    def rules(self) -> tuple[FileRule, ...]:
        """The EFs of all environments, and what opens them."""
        return self._described()[1]

    def _described(self) -> _Description:
        """Meters and rules of the whole card: looked at again when a directory has changed (D15)."""
        if self._journal.failed:
            return (), ()
        layout = self.eeprom.layout
        if self._described_layout != layout:
            with self.unwatched():
                entries = self.os.record.environments()
                mounted = [entry for entry in entries if entry.slot in self.environments]
                parts = [self._describe(entry) for entry in mounted]
            self._description = self._joined(parts)
            self._described_layout = layout if len(mounted) == len(entries) else 0
        return self._description

    def _joined(self, parts: list[_Description]) -> _Description:
        """Meters and rules of the COS and of these environments: the same objects again for the same parts."""
        key = tuple(map(id, parts))  # the parts stand beside what is made of them, so that no other gets their identity
        kept = self._wholes.get(key)
        if kept is None:
            cos = [self._known(meter.moved(0, "cos")) for meter in self.os.record.meters()]
            meters = (*cos, *(meter for meters, _ in parts for meter in meters))
            kept = self._wholes[key] = parts, (meters, tuple([rule for _, rules in parts for rule in rules]))
        return kept[1]

    def _describe(self, entry: EnvironmentEntry) -> _Description:
        """Meters and rules of one environment, kept by the content of its directory: they are the same objects again
        when it has the same files again."""
        start, environment = entry.first_page * PAGE, self.environments[entry.slot]
        key = (entry.fid, start, self.eeprom.directory(start, start + entry.pages * PAGE))
        found = self._descriptions.get(key)
        if found is None:
            part = f"{entry.fid:04X}"
            meters = tuple([self._known(meter.moved(start, part)) for meter in environment.meters()])
            found = meters, tuple(environment.rules(part))
            if len(self._descriptions) == _DESCRIPTIONS:
                self._descriptions.clear()
                self._wholes.clear()
            key = (entry.fid, start, self.eeprom.directory(start, start + entry.pages * PAGE))
            self._descriptions[key] = found
        return found

    def _known(self, meter: Meter) -> Meter:
        """The object that stands for this number already, or from now on."""
        if len(self._meters) == _METERS:
            self._meters.clear()
        return self._meters.setdefault(meter.identity, meter)

    def state_key(self) -> bytes:
        """A value that is equal for cards in equal states: journal, wear and random positions left out (D16).

        Challenges are part of it only as "there is one".
        """

        return key_of_state(self.snapshot(), range(SIZE, SIZE + JOURNAL_SIZE))
