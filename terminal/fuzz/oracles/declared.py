"""Answers are those of the command's row: a declared status word, and data of the length that was asked for or told."""

from typing import Final

from cardsim.cos.table import family
from cardsim.decode import Environment
from cardsim.decode.commands import PSE_NAME, SSSE_NAME
from cardsim.decode.observed import Observed, is_environment
from cardsim.iso7816 import status
from cardsim.shapes import REFUSALS, Place, Where, declared
from terminal.fuzz.executor import Exchange, Restart
from terminal.fuzz.oracles.common import Located, has_faults, of
from terminal.fuzz.sequence import Sequence
from terminal.fuzz.subject import Subject

_GET_RESPONSE: Final = b"\x00\xc0"
_MEDICAL: Final = bytes.fromhex("D15600000503")
_PLACES: Final[dict[bytes, Where]] = {
    SSSE_NAME: Place.SSSE,
    _MEDICAL: Place.MEDICAL,
    PSE_NAME: Place.PSE,
}
_WITH_DATA: Final = frozenset({0x61, 0x62, 0x90})
"""SW1 of answers that may carry data."""


class DeclaredAnswers(Located):
    """Each answer is one of those that the command's row and the checks before it declare."""

    name: Final = "declared"

    def __init__(self) -> None:
        super().__init__()
        self._known: set[tuple[int, bytes, bytes, bytes]] = set()
        self._faulty = False
        self._waiting: int | None = 0
        self._asked = (b"", 0)

    def begin(self, subject: Subject, sequence: Sequence) -> None:
        """Nothing waits to be fetched."""
        super().begin(subject, sequence)
        self._faulty = has_faults(sequence)
        self._waiting, self._asked = 0, (b"", 0)

    def was_reset(self, restart: Restart) -> str | None:
        """What waited is gone."""
        self._waiting, self._asked = 0, (b"", 0)
        return super().was_reset(restart)

    def judge(self, exchange: Exchange) -> str | None:
        """Status word first, then lengths."""
        answer, command, state = exchange.answer, exchange.command, exchange.before
        if len(answer) < 2:
            return f"{of(exchange)} is answered with one byte" if answer else None
        key = (id(state.environment), state.application, command[:4], answer[-2:])
        if self.lost(exchange):
            return self._lengths(exchange)
        if key not in self._known:
            if not self._is_declared(exchange):
                return f"{of(exchange)} is answered {exchange.sw:04X}, which its row does not declare"
            if exchange.sw not in REFUSALS:
                self._known.add(key)
        return self._lengths(exchange)

    def _is_declared(self, exchange: Exchange) -> bool:
        sw = exchange.sw
        if family(sw) in _declared(exchange.before, exchange.command):
            return True
        return sw in REFUSALS and (self._faulty or exchange.before.blocked or exchange.after.blocked)

    def _lengths(self, exchange: Exchange) -> str | None:
        command, data, sw = exchange.command, exchange.answer[:-2], exchange.sw
        asked, self._asked = self._asked, (b"", 0)
        if data and sw >> 8 not in _WITH_DATA:
            return f"{of(exchange)} is answered {sw:04X} with {len(data)} bytes of data"
        if command[:2] == _GET_RESPONSE and len(command) > 3:
            return self._fetched(exchange)
        self._waiting = sw & 0xFF or 256 if sw >> 8 == 0x61 else (None if sw >> 8 == 0x62 else 0)
        if len(command) == 5:
            if len(data) > (command[4] or 256):
                return f"{of(exchange)} with Le {command[4]:02X} is answered with {len(data)} bytes"
            if sw >> 8 == 0x6C:
                if asked == (command[:4], command[4]):
                    return f"{of(exchange)} is answered {sw:04X} to the very Le that 6C{command[4]:02X} named"
                self._asked = (command[:4], sw & 0xFF)
        return None

    def _fetched(self, exchange: Exchange) -> str | None:
        """GET RESPONSE gives what was announced, once."""
        waiting, command, sw = self._waiting, exchange.command, exchange.sw
        got, wanted = len(exchange.answer) - 2, (command[4] or 256) if len(command) == 5 else 256
        if succeeded_or_more(sw):
            self._waiting = (sw & 0xFF or 256) if sw >> 8 == 0x61 else 0
        if waiting is None or len(command) > 5 or command[2:4] != b"\0\0":
            return None
        if not waiting:
            return f"{of(exchange)} gives {got} bytes that no command left" if got else None
        right = {
            wanted == waiting: (status.OK, waiting),
            wanted < waiting: (0x6100 | (waiting - wanted) & 0xFF, wanted),
            wanted > waiting: (0x6C00 | waiting & 0xFF, 0),
        }[True]
        if (sw, got) != right and sw not in REFUSALS:
            told = f"{waiting} bytes were announced, and {of(exchange)} with Le {wanted & 0xFF:02X}"
            return f"{told} is answered {sw:04X} with {got} bytes"
        return None


def succeeded_or_more(sw: int) -> bool:
    """Whether GET RESPONSE has handed something out."""
    return sw == status.OK or sw >> 8 == 0x61


def _declared(state: Observed, command: bytes) -> frozenset[int]:
    """What a command may be answered with where the card stands, as far as that is known."""
    where = _PLACES.get(state.application)
    if where is not None and where in (Place.PSE, Place.SSSE, Place.MEDICAL) and _of(where) is state.environment:
        return declared(where, command)
    if state.environment is Environment.PSE and len(state.application) > 2 and not is_environment(state.application):
        return declared(Place.APPLICATION, command) | declared(Place.ENCIPHERED, command)
    return declared(state.environment, command)


def _of(where: Where) -> Environment:
    return where.environment if isinstance(where, Place) else where
