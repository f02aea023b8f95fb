"""The card master key is powerless over what has a master key of its own, and no life cycle goes back (D1 to D4).

States are known from GET STATUS: of a model it is asked at the start, and again at the end of a sequence that did
something to them; of any card what it says itself is listened to. That the MF touches no memory of a keyed environment
is watched by `firewall`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from cardsim.control import ModelControl
from cardsim.cos.states import BLOCKED, CardState, Presence
from cardsim.crypto import social
from cardsim.crypto.social import Suite
from cardsim.decode import Environment
from cardsim.decode.lifecycle import GET_STATUS, CardStatus, ask_status, read_status
from cardsim.iso7816 import status
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.oracles.common import Located, data_of, has_faults, of, succeeded
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_SELECT_MF: Final = bytes.fromhex("00A40000023F00")
_AUTHENTICATE: Final = b"\x00\x82"
_ACTIVATE: Final = b"\x80\xf0"
_CREATE: Final = b"\x80\xe0"
_DELETE: Final = b"\x80\xe4"
_WRITE_KEY: Final = b"\x84\xd4"
_ERASE: Final = b"\x80\x0e"
_MF: Final = 0x3F00
_CARD_BLOCK: Final = 0x16
_FIDS: Final = {Environment.SSSE: 0xDDF1, Environment.PSE: 0xDDF2}
"""Identifiers of the environments on the cards of this project."""
_MANAGING: Final = frozenset({0xE0, 0xE2, 0xE4, 0xD4, 0x0E, 0x0A, 0xF0, 0x16})
"""INS of commands that may move a life cycle when they succeed."""
_LENGTHS: Final = {_CREATE: range(13, 25), _DELETE: range(2, 3), _WRITE_KEY: (36, 68)}
"""Lc of the commands that name an environment: others are refused before its state is looked at."""


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """What GET STATUS tells: the card's state and, by identifier, those of the environments (bit 8: blocked)."""

    card: int
    environments: dict[int, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> "LifeCycle | None":
        """Read an answer; None if it is none."""
        told = read_status(data)
        return None if told is None else cls.of(told)

    @classmethod
    def of(cls, told: CardStatus) -> "LifeCycle":
        """What an answer told."""
        return cls(told.card, {one.fid: one.presence | BLOCKED * one.blocked for one in told.environments})

    @property
    def keyed(self) -> frozenset[int]:
        """Environments that have a master key of their own."""
        return frozenset(fid for fid, state in self.environments.items() if state & ~BLOCKED >= Presence.KEYED)

    def step_back(self, later: "LifeCycle") -> str | None:
        """What has gone back on the way to a later status."""
        for fid, state in self.environments.items():
            now = later.environments.get(fid)
            if state & ~BLOCKED < Presence.KEYED:
                continue
            if now is None:
                return f"the environment {fid:04X}, which has a master key, is gone"
            if now & ~BLOCKED < state & ~BLOCKED:
                return f"the environment {fid:04X} goes back from state {state & ~BLOCKED} to {now & ~BLOCKED}"
            if state & BLOCKED and not now & BLOCKED:
                return f"the environment {fid:04X} is blocked no more"
        if later.card < self.card:
            grown = self.card == CardState.OPERATIONAL and set(later.environments) > set(self.environments)
            erased = later.card == CardState.ACTIVATED and not self.keyed
            if not grown and not erased:
                return f"the card goes back from state {self.card} to {later.card}"
        return None


class MasterKeyPowerless(Located):
    """Follows the life cycles of the card and its environments."""

    name: Final = "master-key"

    def __init__(self) -> None:
        super().__init__()
        self._subject: Subject | None = None
        self._starts: dict[int, LifeCycle | None] = {}
        self._known: LifeCycle | None = None
        self._moved = self._faulty = False

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """The states at the start."""
        super().begin(subject, sequence)
        if subject is not self._subject:
            self._subject = subject
            self._starts.clear()
        self._faulty = has_faults(sequence)
        self._moved = False
        control = subject.control
        if subject.home is not Environment.CARD or control is None:
            self._known = None
            return
        if id(control) not in self._starts:
            self._starts[id(control)] = _status(subject, control)
        self._known = self._starts[id(control)]

    def was_reset(self, restart: Restart) -> str | None:
        """A cut may have come in the middle of a step."""
        super().was_reset(restart)
        self._moved |= restart.cut is not None
        if restart.cut is not None and self._known is not None and self._known.card < CardState.OPERATIONAL:
            self._ask()
        return None

    def _ask(self) -> None:
        """After a cut in the set-up: either state is right, and the card is asked in which one it is."""
        subject = self._subject
        if subject is not None and subject.control is not None:
            now = _status(subject, subject.control)
            if now is not None and self._known is not None and self._known.step_back(now) is None:
                self._known = now

    def end(self) -> str | None:
        """Ask once more if something may have moved."""
        subject, known = self._subject, self._known
        if not self._moved or subject is None or subject.control is None or known is None:
            return None
        now = _status(subject, subject.control)
        if now is None:
            return None
        back = known.step_back(now)
        return None if back is None else f"at the end {back}"

    def judge(self, exchange: Exchange) -> str | None:
        """Only commands at the MF and what GET STATUS says are of interest."""
        command = exchange.command
        if len(command) < 4:
            return None
        if command[1] in _MANAGING and succeeded(exchange.sw):
            self._moved = True
            if command[1] == _CARD_BLOCK:
                self._block(exchange)
        if self.lost(exchange) or exchange.before.environment is not Environment.CARD:
            return None
        if command[:4] == GET_STATUS[:4]:
            return self._told(exchange)
        complaint = self._refused(exchange)
        self._follow(exchange)
        return complaint

    def _block(self, exchange: Exchange) -> None:
        """CARD BLOCK has closed an environment for ever (D10)."""
        known, fid = self._known, _FIDS.get(exchange.before.environment)
        if known is not None and fid in known.environments:
            states = {**known.environments, fid: known.environments[fid] | BLOCKED}
            self._known = replace(known, environments=states)

    def _told(self, exchange: Exchange) -> str | None:
        if exchange.sw != status.OK:
            return None
        now = LifeCycle.parse(exchange.answer[:-2])
        if now is None:
            return None
        known, self._known = self._known, now
        back = None if known is None else known.step_back(now)
        return None if back is None else f"{of(exchange)} says that {back}"

    def _refused(self, exchange: Exchange) -> str | None:
        known, command, sw = self._known, exchange.command, exchange.sw
        if known is None or exchange.after.blocked:
            return None
        header, data = command[:2], data_of(command)
        initialised = known.card >= CardState.INITIALISED
        if header == _ACTIVATE and succeeded(sw) and known.card >= CardState.ACTIVATED:
            return f"{of(exchange)} is answered {sw:04X} on a card that is activated already"
        if header == _AUTHENTICATE and succeeded(sw) and initialised and self._is_transport(data):
            return f"{of(exchange)} takes the transport key although the card master key has taken its place"
        if not known.keyed:
            return None
        if header == _ERASE:
            wanted = status.CONDITIONS_NOT_SATISFIED if 0 in exchange.before.proved else status.SECURITY_NOT_SATISFIED
            return self._unless(exchange, wanted) if command[2:] in (b"\0\0", bytes(3)) else None
        if header in _LENGTHS:
            named = int.from_bytes(data[:2] if header == _DELETE else command[2:4], "big")
            whole = len(command) in (5 + len(data), 6 + len(data)) and len(data) in _LENGTHS[header]
            plain = header != _DELETE or command[2:4] == b"\0\0"
            if named in known.keyed and whole and plain and len(data) == command[4]:
                return self._unless(exchange, status.SECURITY_NOT_SATISFIED)
        return None

    def _unless(self, exchange: Exchange, wanted: int) -> str | None:
        if exchange.sw == wanted or (self._faulty and exchange.sw == status.MEMORY_FAILURE):
            return None
        return (
            f"{of(exchange)} is answered {exchange.sw:04X} and not {wanted:04X} "
            "although an environment has its own master key"
        )

    def _is_transport(self, data: bytes) -> bool:
        """Whether authentication data were made with the transport key, and not with the card master key."""
        subject = self._subject
        keys = subject.keys.card if subject is not None else None
        if subject is None or keys is None or not keys.transport or len(data) < 16 or not subject.context.challenge:
            return False
        challenge = subject.context.challenge
        made = social.authentication_data(Suite.DES, keys.transport, challenge, data[8:16])
        return made == data[:8] and keys.transport != keys.master

    def _follow(self, exchange: Exchange) -> None:
        """What a command that went well has changed."""
        known, command = self._known, exchange.command
        if known is None or not succeeded(exchange.sw):
            return
        states, named = dict(known.environments), int.from_bytes(command[2:4], "big")
        if command[:2] == _ACTIVATE or command[:2] == _ERASE:
            self._known = LifeCycle(CardState.ACTIVATED)
        elif command[:2] == _CREATE:
            states[named] = Presence.CREATED
            self._known = LifeCycle(min(known.card, CardState.INITIALISED), states)
        elif command[:2] == _DELETE:
            states.pop(int.from_bytes(data_of(command)[:2], "big"), None)
            self._known = replace(known, environments=states)
        elif command[:2] == _WRITE_KEY:
            if named != _MF:
                states[named] = Presence.KEYED
            self._known = LifeCycle(max(known.card, CardState.INITIALISED), states)


def _status(subject: Subject, control: ModelControl) -> LifeCycle | None:
    """Ask a model for its states and leave it as it was."""
    with _aside(control):
        control.mend()
        subject.card.transmit(_SELECT_MF)
        told = ask_status(subject.card.transmit)
    return None if told is None else LifeCycle.of(told)


@contextmanager
def _aside(control: ModelControl) -> Iterator[None]:
    """What is done to a model in this block is undone behind it."""
    with control.unwatched():
        kept = control.snapshot()
        try:
            yield
        finally:
            control.restore(kept)
