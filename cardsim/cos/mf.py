"""The MF and card management: activation, the card master key, and what it may do until it has given up control.

From the moment an environment's master key is loaded, every command of this module that concerns that environment
answers 6982, for ever (D2): the flag that says so is written in the same transaction as the key, and nothing clears
it. Erasing the whole card works only while no environment has that flag (D3).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Protocol

from cardsim.chip.partition import Partition
from cardsim.chip.rng import RandomSource
from cardsim.cos import commands
from cardsim.cos.environment import CardServices, Environment, Handler
from cardsim.cos.files import ROOT, FileType, NewFile
from cardsim.cos.masterkey import Algorithm, MasterKeySet, MasterKeySlot, refuse_ssf33
from cardsim.cos.record import (
    FIRST_ENVIRONMENT,
    MAX_HISTORICAL,
    PAGE,
    CardRecord,
    EnvironmentEntry,
    EnvironmentKind,
    EnvironmentState,
    Switch,
)
from cardsim.cos.states import BLOCKED, CardState, Presence
from cardsim.cos.table import Command, Phase
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.iso7816 import status
from cardsim.iso7816.status import StatusError
from cardsim.iso7816.tlv import ber

MF_FID: Final = b"\x3f\x00"
_MIN_PAGES: Final = 8
_KNOWN_SWITCHES: Final = 0x000F
_ALGORITHMS: Final = frozenset({(EnvironmentKind.SSSE, 1), (EnvironmentKind.SSSE, 3), (EnvironmentKind.PSE, 1)})
"""Kind and algorithm identifier (01 3DES, 03 SM4) that go together: PSE is 3DES in PBOC 2.0."""
_PRESENCE: Final = {Phase.CREATED: Presence.CREATED, Phase.SET_UP: Presence.KEYED, Phase.ISSUED: Presence.ISSUED}


class EnvironmentFactory(Protocol):
    """Makes the object that runs one kind of environment; the assembly knows the kinds."""

    def __call__(self, kind: EnvironmentKind, slot: int, partition: Partition, card: CardServices) -> Environment:
        """The environment on its partition."""


@dataclass(slots=True)
class MasterFileMemory:
    """Volatile state of the MF level."""

    challenge: bytes = b""
    authenticated: bool = False
    """The transport key, or the card master key in its place, was authenticated."""

    def copy(self) -> "MasterFileMemory":
        """A record of its own with the same content."""
        return MasterFileMemory(self.challenge, self.authenticated)


class Services:
    """The COS as one environment reaches it."""

    def __init__(self, record: CardRecord, slot: int, mf: "MasterFile") -> None:
        self._record = record
        self._slot = slot
        self._mf = mf

    def register(self, name: bytes, df: int) -> None:
        """Add a name for a DF of this environment."""
        self._record.register(self._slot, df, name)

    def forget(self) -> None:
        """Remove all names of this environment but its own."""
        self._record.forget(self._slot, keep=ROOT)

    def block(self) -> None:
        """Close the gate behind this environment, or stop the whole card (D10), in one transaction with its flag."""
        if self._record.switches & Switch.BLOCK_SCOPE_CARD:
            self._record.block()
        self._record.commit()
        self._mf.close_gate()

    def attend(self) -> None:
        """Show this environment each command from the next one on."""
        self._mf.attend()

    def settle(self) -> None:
        """Let this environment have the rows of the place where it stands now."""
        self._mf.settle()


class MasterFile:
    """The level before any environment is selected."""

    commands: ClassVar[tuple[Command, ...]] = commands.TABLE
    known_switches: ClassVar[int] = _KNOWN_SWITCHES
    known_choices = 0
    """Those that the payment environment knows; set by the assembly."""
    algorithms: ClassVar[frozenset[tuple[EnvironmentKind, int]]] = _ALGORITHMS

    def __init__(
        self,
        record: CardRecord,
        environments: dict[int, Environment],
        partition_of: Callable[[int, int], Partition],
        factory: EnvironmentFactory,
        random: RandomSource,
        pages: int,
    ) -> None:
        self._record = record
        self._environments = environments
        self._partition_of = partition_of
        self._factory = factory
        self._random = random
        self._pages = pages
        self.ram = MasterFileMemory()
        self._built: dict[int, tuple[int, ...]] = {}
        self.close_gate: Callable[[], None] = lambda: None
        """Set by the dispatcher: refuse everything that the current environment is sent from now on."""
        self.attend: Callable[[], None] = lambda: None
        """Set by the dispatcher: show the current environment each command as long as it is attentive."""
        self.settle: Callable[[], None] = lambda: None
        """Set by the dispatcher: look again where the card stands."""
        self.handlers: dict[str, Handler] = {
            commands.GET_CHALLENGE.name: self._get_challenge,
            commands.ACTIVATE.name: lambda _p1, _p2, data, _le: self._activate(data[:19], bytes(4), data[19:]),
            commands.ACTIVATE_WITH_CHOICES.name: (
                lambda _p1, _p2, data, _le: self._activate(data[:19], data[19:23], data[23:])
            ),
            commands.AUTHENTICATE_MASTER.name: self._authenticate,
            commands.CREATE_ENVIRONMENT.name: self._create,
            commands.DELETE_ENVIRONMENT.name: self._delete,
            commands.LOAD_MASTER_KEY.name: self._write_key,
            commands.ERASE_CARD.name: self._erase,
            commands.GET_STATUS.name: self._get_status,
            commands.READ_NOTHING.name: self._read_nothing,
        }

    def wipe(self) -> None:
        """Forget all volatile state."""
        self.ram = MasterFileMemory()

    def mount(self) -> None:
        """At power-on: bring the environments into being that the table names, and drop the others."""
        entries = {entry.slot: entry for entry in self._record.environments()}
        for slot in list(self._environments):
            if slot not in entries or self._built.get(slot) != self._ground(entries[slot]):
                del self._environments[slot]
        for slot, entry in entries.items():
            if slot not in self._environments:
                self._environments[slot] = self._build(entry)

    def _build(self, entry: EnvironmentEntry) -> Environment:
        self._built[entry.slot] = self._ground(entry)
        partition = self._partition_of(entry.first_page * PAGE, entry.pages * PAGE)
        return self._factory(entry.kind, entry.slot, partition, Services(self._record, entry.slot, self))

    def _ground(self, entry: EnvironmentEntry) -> tuple[int, ...]:
        """What an environment's object is built on: another one is wanted when this changes."""
        return entry.kind, entry.first_page, entry.pages, self._record.switches, self._record.choices

    def state_of(self, slot: int) -> EnvironmentState:
        """State of an environment as the card master key knows it."""
        return next((e.state for e in self._record.environments() if e.slot == slot), EnvironmentState.ABSENT)

    @staticmethod
    def fci() -> bytes:
        """FCI of the MF: its identifier (D9)."""
        return ber(0x6F, ber(0x84, MF_FID))

    # --- commands ----------------------------------------------------------------------------------------------

    def _get_challenge(self, _p1: int, _p2: int, _data: bytes, le: int) -> bytes:
        self.ram.challenge = self._random.take(le)
        return self.ram.challenge

    def _activate(self, head: bytes, choices: bytes, historical: bytes) -> bytes:
        """ACTIVATE (PERSO-001, 002, 008): a virgin chip gets its transport key and its historical bytes."""
        if self._record.state is not CardState.VIRGIN:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        key, limit, switches = head[:16], head[16], int.from_bytes(head[17:19], "big")
        chosen = int.from_bytes(choices, "big")
        unknown = switches & ~self.known_switches or chosen & ~self.known_choices
        if not 1 <= limit <= 15 or unknown or len(historical) > MAX_HISTORICAL:
            raise StatusError(status.WRONG_DATA)
        self._record.activate(switches, historical, chosen)
        self._record.transport.store(MasterKeySet(0, Algorithm.TDES, limit, (key,)))
        return b""

    def _controlling_key(self) -> MasterKeySlot:
        """The transport key, until the card master key has taken its place (D1)."""
        match self._record.state:
            case CardState.VIRGIN:
                raise StatusError(status.REFERENCE_NOT_FOUND)
            case CardState.ACTIVATED:
                return self._record.transport
            case CardState.INITIALISED | CardState.OPERATIONAL:
                return self._record.master

    def _authenticate(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """EXTERNAL AUTHENTICATE of the controlling key: tries first, then the challenge, then the comparison."""
        slot = self._controlling_key()
        if not slot.tries:
            raise StatusError(status.BLOCKED)
        challenge = self._take_challenge()
        left = slot.lower()
        key = slot.load().keys[0]
        if social.authentication_data(Suite.DES, key, challenge, data[8:]) != data[:8]:
            if not left:
                self.ram.authenticated = False
            raise StatusError(0x63C0 | left)
        slot.restore()
        self._record.commit()
        self.ram.authenticated = True
        return b""

    def _take_challenge(self) -> bytes:
        challenge, self.ram.challenge = self.ram.challenge, b""
        if not challenge:
            raise StatusError(status.REFERENCE_DATA_UNUSABLE)
        return challenge

    def _need_card_master_key(self) -> None:
        if not self.ram.authenticated:
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        if self._record.state is CardState.ACTIVATED:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)

    def _entry(self, fid: bytes) -> EnvironmentEntry | None:
        number = int.from_bytes(fid, "big")
        return next((entry for entry in self._record.environments() if entry.fid == number), None)

    def _create(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """CREATE of an environment (SSC part 4 §5.2): table entry, empty file system and name, in one transaction."""
        self._need_card_master_key()
        self.create_environment(p1, p2, data)
        return b""

    def create_environment(self, p1: int, p2: int, data: bytes) -> None:
        """Carry out what the data of a CREATE ask for; the right to it was judged before.

        Raises:
            StatusError: it cannot be done.
        """
        existing = self._entry(bytes((p1, p2)))
        if existing is not None:
            keyed = existing.state is EnvironmentState.KEYED
            raise StatusError(status.SECURITY_NOT_SATISFIED if keyed else status.FILE_EXISTS)
        pages, name = int.from_bytes(data[1:3], "big"), data[8:]
        if data[0] != FileType.DF or data[6:8] != b"\xff\xff" or bytes((p1, p2)) == MF_FID or data[5] > 30:
            raise StatusError(status.WRONG_DATA)
        if not 5 <= len(name) <= 16:
            raise StatusError(status.WRONG_DATA)
        refuse_ssf33(data[4])
        if (data[3], data[4]) not in self.algorithms or pages < _MIN_PAGES:
            raise StatusError(status.WRONG_DATA)
        taken = next((entry for entry in self._record.names() if entry.name == name), None)
        if taken is not None:
            keyed = self.state_of(taken.slot) is EnvironmentState.KEYED
            raise StatusError(status.SECURITY_NOT_SATISFIED if keyed else status.FILE_EXISTS)
        slot, fid = self._record.free_slot(), p1 << 8 | p2
        kind = EnvironmentKind(data[3])
        entry = EnvironmentEntry(slot, EnvironmentState.CREATED, kind, fid, self._room(pages), pages, data[4])
        environment = self._build(entry)
        environment.files.format(NewFile(FileType.DF, fid, ROOT, sfi=data[5], name=name), data[4])
        self._record.put_environment(entry)
        self._record.register(slot, ROOT, name)
        self._record.commit()
        self._environments[slot] = environment
        environment.files.mount()
        environment.wipe()

    def _room(self, pages: int) -> int:
        """First page of a free range (first fit).

        Raises:
            StatusError: 6A84, no range is long enough.
        """
        start = FIRST_ENVIRONMENT // PAGE
        for entry in sorted(self._record.environments(), key=lambda e: e.first_page):
            if entry.first_page - start >= pages:
                return start
            start = entry.first_page + entry.pages
        if start + pages > self._pages:
            raise StatusError(status.NO_SPACE)
        return start

    def _delete(self, _p1: int, _p2: int, data: bytes, _le: int) -> bytes:
        """DELETE of an environment that has no master key yet (D2)."""
        self._need_card_master_key()
        entry = self._entry(data)
        if entry is None:
            raise StatusError(status.FILE_NOT_FOUND)
        if entry.state is EnvironmentState.KEYED:
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        self._record.remove_environment(entry.slot)
        self._record.commit()
        del self._environments[entry.slot]
        return b""

    def _write_key(self, p1: int, p2: int, data: bytes, _le: int) -> bytes:
        """WRITE KEY at the MF: the card master key itself, or an environment's master key and its independence."""
        if self._record.state is CardState.VIRGIN:
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        fid = bytes((p1, p2))
        if fid != MF_FID:
            self._need_card_master_key()
            entry = self._entry(fid)
            if entry is None:
                raise StatusError(status.FILE_NOT_FOUND)
            if entry.state is EnvironmentState.KEYED:
                raise StatusError(status.SECURITY_NOT_SATISFIED)
            self._load_environment_key(entry, self._open(p1, p2, data))
            return b""
        if not self.ram.authenticated:
            raise StatusError(status.SECURITY_NOT_SATISFIED)
        keys = self._open(p1, p2, data)
        if len(keys.keys) != 1 or keys.algorithm is not Algorithm.TDES:
            raise StatusError(status.WRONG_DATA)
        self._record.master.store(keys)
        self._record.set_state(CardState.INITIALISED)
        self._record.commit()
        self.ram.authenticated = False
        return b""

    def _open(self, p1: int, p2: int, data: bytes) -> MasterKeySet:
        """Check the MAC and decipher a key set under the controlling key (SSC part 9 §7.1.3: IV is the challenge)."""
        challenge = self._take_challenge()
        key = self._controlling_key().load().keys[0]
        message = bytes((0x84, 0xD4, p1, p2, len(data))) + data[:-4]
        if social.master_mac4(Suite.DES, key, message, challenge) != data[-4:]:
            raise StatusError(status.SM_OBJECT_INCORRECT)
        try:
            plain = social.master_decipher(Suite.DES, key, data[:-4])
        except ValueError:
            raise StatusError(status.WRONG_DATA) from None
        return MasterKeySet.parse(plain)

    def _load_environment_key(self, entry: EnvironmentEntry, keys: MasterKeySet) -> None:
        environment = self._environments[entry.slot]
        if not environment.accepts_master_key(keys):
            raise StatusError(status.WRONG_DATA)
        environment.master.store(keys)
        environment.files.set_phase(Phase.SET_UP)
        self._record.put_environment(replace(entry, state=EnvironmentState.KEYED))

    def _erase(self, _p1: int, _p2: int, _data: bytes, _le: int) -> bytes:
        """ERASE of the whole card: back to the transport key, as long as no environment is keyed (D3). Nothing of the
        session is left either: a challenge that was given before serves no key any more."""
        self._need_card_master_key()
        if any(entry.state is EnvironmentState.KEYED for entry in self._record.environments()):
            raise StatusError(status.CONDITIONS_NOT_SATISFIED)
        self._record.clear_environments()
        self._record.master.clear()
        self._record.transport.restore()
        self._record.set_state(CardState.ACTIVATED)
        self._record.commit()
        self._environments.clear()
        self.wipe()
        return b""

    @staticmethod
    def _read_nothing(_p1: int, p2: int, _data: bytes, _le: int) -> bytes:
        """READ RECORD at the MF, which has no files: none is current, and none has an SFI (SCHEME-019, ATR-028)."""
        raise StatusError(status.FILE_NOT_FOUND if p2 >> 3 else status.NO_CURRENT_EF)

    def _get_status(self, _p1: int, _p2: int, _data: bytes, _le: int) -> bytes:
        """GET STATUS: 70 { 80 card state, 81 01 where CARD BLOCK stops the whole card, 82 choices where there are any,
        for each environment A1 { 83 identifier, 84 name, 8A state } }."""
        parts = [ber(0x80, bytes((self.card_state(),)))]
        if self._record.switches & Switch.BLOCK_SCOPE_CARD:
            parts.append(ber(0x81, b"\x01"))
        if self._record.choices:
            parts.append(ber(0x82, self._record.choices.to_bytes(4, "big")))
        for entry in self._record.environments():
            environment = self._environments[entry.slot]
            name = environment.files.index.files[ROOT].name
            state = bytes((_PRESENCE[environment.phase] | (BLOCKED if environment.blocked else 0),))
            parts.append(ber(0xA1, ber(0x83, entry.fid.to_bytes(2, "big")) + ber(0x84, name) + ber(0x8A, state)))
        return ber(0x70, b"".join(parts))

    def card_state(self) -> CardState:
        """State of the card (D1): operational once there are environments and each is issued."""
        phases = [self._environments[entry.slot].phase for entry in self._record.environments()]
        if phases and all(phase is Phase.ISSUED for phase in phases):
            return CardState.OPERATIONAL
        return self._record.state
