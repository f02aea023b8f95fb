"""The COS's own partition: card record, transport and card master key, table of environments, registry of names.

page 0       card record: magic, state, number of historical bytes, profile switches (2), historical bytes (15),
                 unused, card blocked (at 24), choices of the payment environment (at 28, 4)
page 1-2     transport key (cardsim.cos.masterkey)
page 3-4     card master key
page 5-6     environments, 4 entries of 32 bytes: state, kind, identifier (2), first page (2), pages (2), algorithm
page 7-17    registry, 28 entries of 24 bytes: environment (from 1), DF, length, name (16)
"""

import enum
import struct
from dataclasses import dataclass
from typing import ClassVar, Final

from cardsim.chip.eeprom import ERASED
from cardsim.chip.partition import Partition
from cardsim.cos.masterkey import MasterKeySlot
from cardsim.cos.meters import Meter
from cardsim.cos.states import CardState
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError

PAGE: Final = 64
SIZE: Final = 18 * PAGE
JOURNAL_SIZE: Final = 32 * PAGE
FIRST_ENVIRONMENT: Final = SIZE + JOURNAL_SIZE
MAX_ENVIRONMENTS: Final = 4
MAX_HISTORICAL: Final = 15

_MAGIC: Final = b"COS\x01"
_BLOCKED_AT: Final = 24
CHOICES_AT: Final = 28
CHOICES_SIZE: Final = 4
_UNWRITTEN: Final = bytes((ERASED,)) * CHOICES_SIZE
"""What stands there on a card that was activated before there were choices: it has made none."""
_ENVIRONMENTS_AT: Final = 5 * PAGE
_ENVIRONMENT_SIZE: Final = 32
_ENVIRONMENT: Final = struct.Struct(">BBHHHB")
_REGISTRY_AT: Final = 7 * PAGE
_NAME_SIZE: Final = 24
_NAMES: Final = 28


class EnvironmentState(enum.IntEnum):
    """States of an environment as the card master key knows them (D2). KEYED is for ever."""

    ABSENT = 0
    CREATED = 1
    KEYED = 2


class EnvironmentKind(enum.IntEnum):
    """What stands behind the firewall."""

    SSSE = 1
    PSE = 2
    SAM = 3
    """An environment of a PSAM, which has no others."""


class Switch(enum.IntFlag):
    """Profile switches of the card (D16): where sources differ, and the other reading is wanted."""

    BLOCK_SCOPE_CARD = 1
    """CARD BLOCK stops the whole card (the literal reading) instead of its own environment (D10)."""
    DIRECT_ANSWERS = 2
    """Data come in the answer itself, as on T=1 or contactless, without 61xx and 6Cxx."""
    MEDICAL_TYPE_BINARY = 4
    """MACs and TACs of medical transactions have the type as 01 or 02 instead of the character 31 or 32 (D19)."""
    FAILURE_ENDS_RIGHT = 8
    """A wrong PIN or authentication takes away what an earlier success gave, as ISO 7816-4 cards do (C-25)."""


@dataclass(frozen=True, slots=True)
class EnvironmentEntry:
    """One environment of the table; `slot` is its place there, from 0."""

    slot: int
    state: EnvironmentState
    kind: EnvironmentKind
    fid: int
    first_page: int
    pages: int
    algorithm: int

    def __bytes__(self) -> bytes:
        return _ENVIRONMENT.pack(self.state, self.kind, self.fid, self.first_page, self.pages, self.algorithm)


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """One DF name, and where it leads."""

    place: int
    slot: int
    df: int
    name: bytes


class CardRecord:
    """What the COS itself keeps."""

    magic: ClassVar[bytes] = _MAGIC

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self.transport = MasterKeySlot(partition, PAGE)
        self.master = MasterKeySlot(partition, 3 * PAGE)
        self._names: tuple[RegisteredName, ...] = ()
        self._names_token = 0
        self._environments: tuple[EnvironmentEntry, ...] = ()
        self._environments_token = 0
        partition.mark_directory(_ENVIRONMENTS_AT, SIZE)

    @property
    def state(self) -> CardState:
        """State of the card, as far as it is stored."""
        stored = self._partition.memory[4]
        if bytes(self._partition.memory[:4]) != self.magic or stored not in (
            CardState.ACTIVATED,
            CardState.INITIALISED,
        ):
            return CardState.VIRGIN
        return CardState(stored)

    def meters(self) -> list[Meter]:
        """Tries of the transport key and of the card master key."""
        named = (("transport key", self.transport), ("card master key", self.master))
        return [slot.meters(name)[0] for name, slot in named]

    def set_state(self, state: CardState) -> None:
        """Write the state with the command."""
        self._partition.write(4, bytes((state,)))

    @property
    def historical(self) -> bytes:
        """Historical bytes of the ATR; none while the record holds half of an ACTIVATE."""
        count = self._partition.memory[5]
        if self.state is CardState.VIRGIN or count > MAX_HISTORICAL:
            return b""
        return bytes(self._partition.memory[8 : 8 + count])

    @property
    def switches(self) -> Switch:
        """Profile switches."""
        if self.state is CardState.VIRGIN:
            return Switch(0)
        return Switch(int.from_bytes(bytes(self._partition.memory[6:8]), "big"))

    @property
    def choices(self) -> int:
        """Settings of the payment environment's open choices (`cardsim.pse.choices`)."""
        if self.state is CardState.VIRGIN:
            return 0
        kept = bytes(self._partition.memory[CHOICES_AT : CHOICES_AT + CHOICES_SIZE])
        return 0 if kept == _UNWRITTEN else int.from_bytes(kept, "big")

    def activate(self, switches: int, historical: bytes, choices: int = 0) -> None:
        """Write the card record of a virgin chip, with the command."""
        head = self.magic + bytes((CardState.ACTIVATED, len(historical))) + switches.to_bytes(2, "big") + historical
        self._partition.write(0, head.ljust(CHOICES_AT, b"\0") + choices.to_bytes(CHOICES_SIZE, "big"))
        self.clear_environments()
        self.master.clear()

    @property
    def blocked(self) -> bool:
        """Whether the whole card is blocked."""
        return self.state is not CardState.VIRGIN and self._partition.memory[_BLOCKED_AT] == 1

    def block(self) -> None:
        """Block the whole card for ever, with the command."""
        self._partition.write(_BLOCKED_AT, b"\x01")

    def commit(self) -> None:
        """Make what the command has written so far stand."""
        self._partition.commit()

    def clear_environments(self) -> None:
        """Empty the table of environments and the registry, with the command."""
        self._partition.write(_ENVIRONMENTS_AT, bytes(SIZE - _ENVIRONMENTS_AT))

    def environments(self) -> tuple[EnvironmentEntry, ...]:
        """The environments that exist."""
        if self._environments_token != self._partition.tokens.layout:
            self._environments_token = self._partition.tokens.layout
            self._environments = tuple(self._parse_environments())
        return self._environments

    def _parse_environments(self) -> list[EnvironmentEntry]:
        if self.state is CardState.VIRGIN:
            return []
        raw = self._partition.read(_ENVIRONMENTS_AT, MAX_ENVIRONMENTS * _ENVIRONMENT_SIZE)
        found = []
        for slot in range(MAX_ENVIRONMENTS):
            state, kind, fid, first, pages, algorithm = _ENVIRONMENT.unpack_from(raw, slot * _ENVIRONMENT_SIZE)
            if state:
                found.append(
                    EnvironmentEntry(slot, EnvironmentState(state), EnvironmentKind(kind), fid, first, pages, algorithm)
                )
        return found

    def put_environment(self, entry: EnvironmentEntry) -> None:
        """Write one entry of the table, with the command."""
        self._partition.write(_ENVIRONMENTS_AT + entry.slot * _ENVIRONMENT_SIZE, bytes(entry))

    def remove_environment(self, slot: int) -> None:
        """Clear one entry of the table and all names of that environment, with the command."""
        self._partition.write(_ENVIRONMENTS_AT + slot * _ENVIRONMENT_SIZE, bytes(_ENVIRONMENT_SIZE))
        self.forget(slot, keep=None)

    def free_slot(self) -> int:
        """A free place in the table of environments.

        Raises:
            StatusError: 6A84, none is free.
        """
        taken = {entry.slot for entry in self.environments()}
        for slot in range(MAX_ENVIRONMENTS):
            if slot not in taken:
                return slot
        raise StatusError(status.NO_SPACE)

    def names(self) -> tuple[RegisteredName, ...]:
        """All registered names in the order of their places."""
        if self._names_token != self._partition.tokens.layout:
            self._names_token = self._partition.tokens.layout
            self._names = tuple(self._parse_names())
        return self._names

    def _parse_names(self) -> list[RegisteredName]:
        if self.state is CardState.VIRGIN:
            return []
        raw = self._partition.read(_REGISTRY_AT, _NAMES * _NAME_SIZE)
        found = []
        for place in range(_NAMES):
            at = place * _NAME_SIZE
            if raw[at]:
                found.append(RegisteredName(place, raw[at] - 1, raw[at + 1], raw[at + 3 : at + 3 + raw[at + 2]]))
        return found

    def register(self, slot: int, df: int, name: bytes) -> None:
        """Add a name, with the command.

        Raises:
            StatusError: 6A89, taken; 6A84, the registry is full.
        """
        names = self.names()
        if any(entry.name == name for entry in names):
            raise StatusError(status.FILE_EXISTS)
        places = {entry.place for entry in names}
        free = next((place for place in range(_NAMES) if place not in places), None)
        if free is None:
            raise StatusError(status.NO_SPACE)
        entry = bytes((slot + 1, df, len(name))) + name
        self._partition.write(_REGISTRY_AT + free * _NAME_SIZE, entry.ljust(_NAME_SIZE, b"\0"))

    def forget(self, slot: int, keep: int | None) -> None:
        """Remove the names of an environment except that of one DF, with the command."""
        for entry in self.names():
            if entry.slot == slot and entry.df != keep:
                self._partition.write(_REGISTRY_AT + entry.place * _NAME_SIZE, bytes(_NAME_SIZE))
