"""What all flows share: commands with a purpose, and status words that end a flow."""

from typing import Final, NoReturn

from cardsim.decode import Environment
from cardsim.iso7816 import status
from cardsim.iso7816.apdu import CommandApdu, ResponseApdu
from cardsim.iso7816.status import StatusWord
from terminal.effects import Flow, Transmit, transmit
from terminal.outcome import Cause, Failure, Stopped

BLOCKED_WORDS: Final = frozenset({status.NOT_SUPPORTED, status.APPLICATION_BLOCKED})
"""Answers to SELECT that mean "blocked" (D10)."""


def stop(cause: Cause, step: str, text: str, sw: StatusWord | None = None) -> NoReturn:
    """End the flow."""
    raise Stopped(Failure(cause, step, text, sw))


def send(environment: Environment, purpose: str, command: CommandApdu, *, secret: bool = False) -> Flow[ResponseApdu]:
    """Send a command with its purpose."""
    return (yield from transmit(Transmit(command, purpose, environment, secret)))


def refuse(step: str, what: str, sw: StatusWord, cause: Cause = Cause.CARD_STATUS) -> NoReturn:
    """End the flow because of a status word."""
    stop(cause, step, f"{what}: the card answered {sw} ({sw.meaning})", sw)


def need_ok(step: str, what: str, response: ResponseApdu, cause: Cause = Cause.CARD_STATUS) -> bytes:
    """The response data of a command that must end normally."""
    if response.sw.value != status.OK:
        refuse(step, what, response.sw, cause)
    return response.data


def select_by_name(name: bytes, *, next_one: bool = False) -> CommandApdu:
    """SELECT by DF name, first or next occurrence."""
    return CommandApdu(0x00, 0xA4, 0x04, 0x02 if next_one else 0x00, name, 256)


def read_record(number: int, sfi: int = 0) -> CommandApdu:
    """READ RECORD by number of a file, or of the current one (SFI 0), with the length left to the card."""
    return CommandApdu(0x00, 0xB2, number, sfi << 3 | 0x04, le=256)


def read_tag(tag: int) -> CommandApdu:
    """READ RECORD by identifier of the current file (SSC part 5 §6.10)."""
    return CommandApdu(0x00, 0xB2, tag, 0x00, le=256)
