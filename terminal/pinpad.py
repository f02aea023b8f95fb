"""The PIN pad (密码键盘): keys, display, buffer, and the line between it and the reader (SSC part 8 §6.4.4.4)."""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from cardsim.crypto.ciphers import des_ecb_decrypt, des_ecb_encrypt
from cardsim.crypto.padding import xor
from cardsim.resources import resource
from terminal.errors import PinTimeout, TerminalError
from terminal.tables import read_tables

NONCE: Final = 8
"""Bytes of the reader's random number for one entry."""
_MOST: Final = 16
"""Digits that the buffer takes; how many a service wants is for the service to say."""
_ONES: Final = bytes((0xFF,)) * NONCE


class PadRefused(TerminalError):
    """What the pad does not do; one sentence."""


@dataclass(frozen=True, slots=True)
class PadSettings:
    """What a pad shows, how long it waits, and whether it is one unit with the reader."""

    prompts: frozenset[str]
    """Its own messages; it shows no other."""
    mask: str = "*"
    timeout: float = 30.0
    """Seconds before the first key and between two."""
    integrated: bool = True


@cache
def pad_settings() -> PadSettings:
    """The pad of `vectors/terminals/pinpad.toml`."""
    table = read_tables(resource("terminals", "pinpad.toml"))
    return PadSettings(frozenset(table["prompts"]), table["mask"], float(table["timeout"]), table["integrated"])


class Function(enum.Enum):
    """The keys of a pad that are no digits."""

    ENTER = "enter"
    CLEAR = "clear"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Press:
    """One key, and the seconds that passed before it."""

    key: str | Function = field(repr=False)
    after: float = 0.0


class Operation(enum.Enum):
    """What is entered: one at a time, each by itself (TRM-011)."""

    PIN = "PIN"
    AMOUNT = "amount"


class Keypad:
    """Keys, display and buffer. The buffer is overwritten when an entry ends, whatever ends it."""

    def __init__(self, settings: PadSettings) -> None:
        self._settings = settings
        self._buffer = bytearray(_MOST)
        self._count = 0
        self._operation: Operation | None = None
        self._prompt = ""

    def __repr__(self) -> str:
        return f"<Keypad {self.display!r}>"

    @property
    def display(self) -> str:
        """What the display shows now: a PIN as one mask character for each digit."""
        digits = self._digits if self._operation is Operation.AMOUNT else self._settings.mask * self._count
        return f"{self._prompt} {digits}".strip()

    @property
    def clean(self) -> bool:
        """Whether nothing of an entry is in the buffer."""
        return not any(self._buffer) and not self._count

    def read(self, operation: Operation, prompt: str, keys: Iterable[Press]) -> str | None:
        """One entry, to ENTER; None where the holder cancels.

        Raises:
            PadRefused: the prompt is none of the pad's own, or another entry is not over.
            PinTimeout: no key came in time.
        """
        if prompt not in self._settings.prompts:
            raise PadRefused("the PIN pad shows its own messages alone, and this is none of them")
        if self._operation is not None:
            raise PadRefused(f"the entry of the {self._operation.value} is not over")
        self._operation, self._prompt = operation, prompt
        try:
            return self._read(keys)
        finally:
            self._clear()
            self._operation, self._prompt = None, ""

    def _read(self, keys: Iterable[Press]) -> str | None:
        for press in keys:
            if press.after > self._settings.timeout:
                break
            match press.key:
                case Function.ENTER:
                    return self._digits
                case Function.CANCEL:
                    return None
                case Function.CLEAR:
                    self._clear()
                case digit:
                    if self._count < _MOST and len(digit) == 1 and digit in "0123456789":
                        self._buffer[self._count] = ord(digit)
                        self._count += 1
        raise PinTimeout("nobody entered a PIN in time")

    @property
    def _digits(self) -> str:
        return self._buffer[: self._count].decode("ascii")

    def _clear(self) -> None:
        self._buffer[:] = bytes(_MOST)
        self._count = 0


def presses(digits: str) -> tuple[Press, ...]:
    """These digits without pauses, and ENTER."""
    return (*map(Press, digits), Press(Function.ENTER))


# --- the line between a pad and a reader that are two units -----------------------------------------------------------


def _entry_key(key: bytes, nonce: bytes) -> bytes:
    """The key of one entry: the reader's random number and its complement, enciphered under the common key."""
    return des_ecb_encrypt(key, nonce) + des_ecb_encrypt(key, xor(nonce, _ONES))


def pin_block_format2(pin: str) -> bytes:
    """PIN block of format 2, 8 bytes, for PINs that go to a card (ISO 9564-1 §9.3.3).

    Raises:
        ValueError: the PIN does not have 4 to 12 digits.
    """
    if not 4 <= len(pin) <= 12 or not (pin.isascii() and pin.isdigit()):
        raise ValueError("a PIN has 4 to 12 digits")
    return bytes.fromhex(f"2{len(pin):X}{pin}".ljust(16, "F"))


class PadLine:
    """The line between a pad and the reader, which share a key of 16 bytes (TRM-012).

    Each entry has a key of its own from a random number of the reader, so that the same PIN never looks the same. Both
    ends stand here; `listener` is told what goes over the line.
    """

    def __init__(
        self, key: bytes, random: Callable[[int], bytes], listener: Callable[[bytes], None] = lambda _: None
    ) -> None:
        self._key = key
        self._random = random
        self._listener = listener

    def carry(self, pin: str) -> str:
        """Encipher in the pad, decipher in the reader.

        Raises:
            ValueError: the PIN does not have 4 to 12 digits.
        """
        nonce = self._random(NONCE)
        self._listener(nonce)
        message = des_ecb_encrypt(_entry_key(self._key, nonce), pin_block_format2(pin))
        self._listener(message)
        return self._open(nonce, message)

    def _open(self, nonce: bytes, message: bytes) -> str:
        block = des_ecb_decrypt(_entry_key(self._key, nonce), message).hex().upper()
        return block[2 : 2 + int(block[1], 16)]
