"""What oracles share: a watcher that says nothing, and commands in words for complaints."""

from typing import Final

from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, SSSE_NAME, command_name
from cardsim.decode.observed import Observed
from cardsim.iso7816 import status
from terminal.conformance.case import Control
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

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
