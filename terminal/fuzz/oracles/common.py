"""What oracles share: a watcher that says nothing, and commands in words for complaints."""

from typing import Final

from cardsim.control import ModelControl
from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, SSSE_NAME, command_name
from cardsim.decode.observed import Observed
from cardsim.iso7816 import status
from terminal.conformance.case import Control
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_SELECT: Final = b"\x00\xa4"
_GET_RESPONSE: Final = b"\x00\xc0"
_CREATE: Final = 0xE0
_PARTS: Final = {Environment.SSSE: "DDF1", Environment.PSE: "DDF2"}
"""The parts of a model's memory that environments of the standards' names have."""
_ENVIRONMENT_NAMES: Final = frozenset({b"", SSSE_NAME, PSE_NAME})


class Watcher:
    """An oracle that never complains: each of the others replaces what it needs."""

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """Nothing to prepare."""

    def judge(self, exchange: Exchange) -> str | None:
        """Nothing to say of an answer."""

    def was_reset(self, restart: Restart) -> str | None:
        """Nothing to say of a reset."""

    def end(self) -> str | None:
        """Nothing to say at the end."""


class Located(Watcher):
    """An oracle that judges by the environment that a card is in, as its answers show it (`Observed`).

    Once a DF of another name than those of the standards was created, a SELECT of it may lead where no answer tells.
    `lost` says so: a model is asked where it stands, and any other card is lost until it is somewhere that is known.
    """

    def __init__(self) -> None:
        self._inside: ModelControl | None = None
        self._created = self._lost = False

    def begin(self, subject: Subject, sequence: Sequence) -> None:  # noqa: ARG002
        """A card has the names that it is known by."""
        self._inside = subject.control
        self._created = self._lost = False

    def was_reset(self, restart: Restart) -> str | None:
        """After a reset the place is known. A CREATE that was cut may have been carried out."""
        self._lost = False
        if restart.cut is not None and restart.cut[1:2] == bytes((_CREATE,)):
            self._created = True
        return None

    def lost(self, exchange: Exchange) -> bool:
        """Whether this command went to an environment that is not known; to be asked of each exchange, in order."""
        lost, command = self._lost, exchange.command
        if len(command) < 2:
            return lost
        if command[1] == _CREATE and succeeded(exchange.sw):
            self._created = True
        elif self._created and command[:2] in (_SELECT, _GET_RESPONSE):
            self._lost = self._is_lost(exchange)
        return lost

    def _is_lost(self, exchange: Exchange) -> bool:
        state = exchange.after
        if self._inside is not None:
            with self._inside.unwatched():
                return self._inside.selected() != _PARTS.get(state.environment)
        return state.environment is not Environment.CARD and application(state) != b""


def in_words(environment: Environment, command: bytes) -> str:
    """A command for people: its name and its header. What may be secret stands behind the header."""
    return f"{command_name(environment, command)} {command[:4].hex(' ').upper()}"


def of(exchange: Exchange) -> str:
    """The command of an exchange for people."""
    return in_words(exchange.before.environment, exchange.command)


def data_of(command: bytes) -> bytes:
    """Command data: what Lc says, as far as it was sent."""
    return command[5 : 5 + command[4]] if len(command) > 5 else b""


def succeeded(sw: int) -> bool:
    """Whether a command has done its work."""
    return sw == status.OK or sw >> 8 == 0x61


def application(state: Observed) -> bytes | None:
    """DF name of the selected application; nothing for an environment itself; None where it was not told."""
    name = state.application
    if name in _ENVIRONMENT_NAMES:
        return b""
    return None if len(name) == 2 else name


def has_faults(sequence: Sequence) -> bool:
    """Whether the sequence injects faults, after which the memory may fail."""
    return any(isinstance(step, Control) for step in sequence.steps)
