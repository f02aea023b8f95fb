"""What must live here: the contact interface as both sides of the contacts know it (ISO 7816-3, SSC part 2 §5 to §9).

Times are whole clock cycles at the CLK contact, counted from one point that both sides share; an etu is so many
cycles. Everything is a value: nothing waits, and nothing asks a clock of the machine.
"""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import xor
from typing import Final, Protocol, Self

from cardsim.iso7816.atr import InterfaceBytes

# --- limits ------------------------------------------------------------------------------------------------------

ATR_START: Final = range(400, 40_001)
"""Cycles from the rise of RST to the first character of the answer (SSC part 2 §6.1.3)."""
RESET_LOW: Final = 400
"""Cycles that RST stays low at least with the clock running (SSC part 2 §6.1.3)."""
ATR_GAP: Final = 9600
"""Initial etu between two characters of the answer to reset, at most (SSC part 2 §8.1)."""
ATR_TOTAL: Final = 19_200
"""Initial etu for the whole answer to reset, at most (SSC part 2 §8.1)."""
MAX_ATR: Final = 33
"""Characters of the answer to reset, at most, TS included (SSC part 2 §8.3)."""
CHARACTER_TIME: Final = 12
"""Least etu between the leading edges of two characters in one direction: 10 bits and 2 guard etu (§9.2.2.1)."""
TURN_AROUND: Final = 16
"""Least etu between the leading edges of two characters in opposite directions (§9.2.2.1)."""
REPETITION: Final = 13
"""Least etu from a character with a wrong parity to its repetition: error signal and two etu more (§9.2.3)."""
SENDS: Final = 3
"""How often a character is sent at most, its repetitions included (§9.2.3)."""
WAITING_INTEGER: Final = 10
"""WI: TC2 is never sent (§8.3.3.8)."""
CLOCK_STOP_DELAY: Final = 1860
"""Cycles from the last character to the stop of the clock, at least (§6.1.3.3)."""
CLOCK_START_DELAY: Final = 700
"""Cycles from the restart of the clock to the next character, at least (§6.1.3.3)."""

# --- rate --------------------------------------------------------------------------------------------------------

F_CODES: Final = {
    0: 372, 1: 372, 2: 558, 3: 744, 4: 1116, 5: 1488, 6: 1860, 9: 512, 10: 768, 11: 1024, 12: 1536, 13: 2048,
}  # fmt: skip
"""FI -> F (SSC part 2 §8.3.3.2, table 10); other codes are reserved."""
D_CODES: Final = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32, 8: 12, 9: 20}
"""DI -> D (SSC part 2 §8.3.3.2, table 11); other codes are reserved."""


@dataclass(frozen=True, slots=True)
class Rate:
    """F and D in force: an etu is F/D clock cycles (SSC part 2 §7.1)."""

    f: int = 372
    d: int = 1

    @classmethod
    def decode(cls, code: int) -> Self:
        """The rate of a TA1 or PPS1.

        Raises:
            ValueError: FI or DI is reserved.
        """
        f, d = F_CODES.get(code >> 4), D_CODES.get(code & 0x0F)
        if f is None or d is None:
            raise ValueError(f"{code:02X} has a reserved {'FI' if f is None else 'DI'}")
        return cls(f, d)

    @property
    def etu(self) -> Fraction:
        """Clock cycles."""
        return Fraction(self.f, self.d)

    @property
    def work_waiting(self) -> int:
        """Work waiting time in etu: 960 · D · WI (§9.2.2.1)."""
        return 960 * self.d * WAITING_INTEGER

    def cycles(self, etu: int) -> int:
        """Clock cycles of so many etu, rounded up."""
        return math.ceil(etu * self.etu)


def guard_time(tc1: int) -> int:
    """Least etu between two characters to the card: 12 + N; N=255 means 12 on T=0 (SSC part 2 §8.3.3.4, §9.2.2.1)."""
    return CHARACTER_TIME + (0 if tc1 == 0xFF else tc1)


class OperatingClass(enum.Enum):
    """Class of operation (工作类别): supply voltage and the clock that goes with it (SSC part 2 §5.2.2.5)."""

    A = (5.0, 5_000_000)
    B = (3.0, 4_000_000)

    @property
    def volts(self) -> float:
        """Supply voltage."""
        return self.value[0]

    @property
    def fastest(self) -> int:
        """Highest clock in Hz."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Supply:
    """What an interface device feeds a card with.

    Raises:
        ValueError: a clock outside 1 to 5 MHz (class A) or 1 to 4 MHz (class B).
    """

    operating: OperatingClass = OperatingClass.A
    clock: int = 3_579_545

    def __post_init__(self) -> None:
        if not 1_000_000 <= self.clock <= self.operating.fastest:
            raise ValueError(
                f"a clock of {self.clock} Hz is outside 1 to {self.operating.fastest // 1_000_000} MHz "
                f"(class {self.operating.name})"
            )


DEFAULT_SUPPLY: Final = Supply()

# --- characters --------------------------------------------------------------------------------------------------


def frame(byte: int) -> tuple[int, ...]:
    """The ten bits of a character in direct convention: start bit 0, lowest data bit first, even parity (§7.2)."""
    data = tuple(byte >> place & 1 for place in range(8))
    return (0, *data, sum(data) & 1)


@dataclass(frozen=True, slots=True)
class Character:
    """One character on I/O: its ten bits, and the cycle of its leading edge."""

    bits: tuple[int, ...]
    at: int

    @classmethod
    def of(cls, byte: int, at: int) -> Self:
        """A character with the right parity."""
        return cls(frame(byte), at)

    @property
    def byte(self) -> int:
        """The data bits."""
        return sum(bit << place for place, bit in enumerate(self.bits[1:9]))

    @property
    def intact(self) -> bool:
        """Whether the parity is right: an even number of ones in data and parity bit."""
        return sum(self.bits[1:]) % 2 == 0

    def damaged(self) -> "Character":
        """The same with its parity bit turned over."""
        return Character((*self.bits[:9], self.bits[9] ^ 1), self.at)


# --- PPS ---------------------------------------------------------------------------------------------------------

PPSS: Final = 0xFF
"""First byte of a PPS; for that reason no class of a command (SSC part 2 §9.4.1)."""


class PpsError(ValueError):
    """Bytes that are no PPS; says why."""


@dataclass(frozen=True, slots=True)
class Pps:
    """A PPS request or its response (协议和参数选择): PPSS, PPS0, PPS1 to PPS3 as announced, PCK (§8.7.2.3)."""

    protocol: int = 0
    pps1: int | None = None
    others: tuple[int | None, int | None] = (None, None)
    """PPS2 and PPS3."""

    @staticmethod
    def length(pps0: int) -> int:
        """Bytes of the whole PPS, known from PPS0."""
        return 3 + (pps0 >> 4 & 7).bit_count()

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a PPS.

        Raises:
            PpsError: wrong PPSS, length or PCK, or the reserved bit of PPS0 is set.
        """
        if len(raw) < 3 or raw[0] != PPSS or len(raw) != cls.length(raw[1]):
            raise PpsError("a PPS is FF, PPS0, what PPS0 announces, and PCK")
        if reduce(xor, raw):
            raise PpsError("PCK is wrong: all bytes together do not add up to 00")
        if raw[1] & 0x80:
            raise PpsError("the highest bit of PPS0 is reserved")
        rest = iter(raw[2:-1])
        parameters = [next(rest) if raw[1] & bit else None for bit in (0x10, 0x20, 0x40)]
        return cls(raw[1] & 0x0F, parameters[0], (parameters[1], parameters[2]))

    def __bytes__(self) -> bytes:
        sent = [(bit, value) for bit, value in zip((0x10, 0x20, 0x40), (self.pps1, *self.others), strict=True)]
        pps0 = self.protocol | sum(bit for bit, value in sent if value is not None)
        body = bytes((PPSS, pps0, *(value for _, value in sent if value is not None)))
        return body + bytes((reduce(xor, body),))


# --- T=0 ---------------------------------------------------------------------------------------------------------

NULL: Final = 0x60
"""Procedure byte that only starts the waiting time again (§9.2.2.3)."""


def valid_instruction(ins: int) -> bool:
    """Whether an INS can be told from procedure bytes: even, and not 6x or 9x (§9.4.1)."""
    return not ins & 1 and ins >> 4 not in (6, 9)


def ends(byte: int) -> bool:
    """Whether a procedure byte is SW1, which SW2 follows and nothing else (§9.2.2.3)."""
    return byte >> 4 in (6, 9) and byte != NULL


# --- the contacts ------------------------------------------------------------------------------------------------


class Contact(enum.Enum):
    """Contacts that an interface device drives beside I/O."""

    VCC = "VCC"
    CLK = "CLK"
    RST = "RST"


RELEASE: Final[Sequence[Contact]] = (Contact.RST, Contact.CLK, Contact.VCC)
"""Order in which the contacts go low at the end of a session; I/O goes with CLK (SSC part 2 §6.1.5)."""


class Contacts(Protocol):
    """A card as its interface device meets it: levels and characters, each at a clock cycle.

    Calls come in the order of their times.
    """

    def drive(self, contact: Contact, high: bool, at: int) -> None:
        """Give a contact a level; CLK is high while it runs. RST rising is a reset, the first after VCC a cold one."""

    def send(self, character: Character) -> bool:
        """A character to the card. False: the card gives the error signal, for the parity was wrong."""

    def receive(self) -> Character | None:
        """The next character of the card; None if it waits for one, or is mute."""

    def refuse(self) -> None:
        """The error signal for the character that was received last: the card sends it again."""


# --- a model of a chip -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineProfile:
    """How a chip behaves on the line.

    Raises:
        ValueError: TA1 has a reserved code.
    """

    interface: InterfaceBytes | None = None
    """Interface characters of both answers to reset; None: the answer as the card itself gives it."""
    warm: InterfaceBytes | None = None
    """Those of the answer to a warm reset, where it is another one."""
    bytewise: bool = False
    """Data go one by one, each behind the complement of INS."""
    start: int = 10_000
    """Cycles from the rise of RST to the answer; 400 to 40000 are allowed."""
    spacing: int = CHARACTER_TIME
    """Etu between two characters of the card."""

    def __post_init__(self) -> None:
        for interface in (self.interface, self.warm):
            if interface is not None and interface.ta1 is not None:
                Rate.decode(interface.ta1)


DEFAULT_PROFILE: Final = LineProfile()


class Breach(enum.Enum):
    """What a reader can do against the rules of the line."""

    RESET_TOO_SHORT = "RST was low for less than 400 cycles"
    TOO_EARLY = "a character came before the guard time was over"
    TURNED_TOO_EARLY = "a character came less than 16 etu after the card's last one"
    COLLISION = "a character came while the card was sending"
    CLOCK_STOP_UNSUPPORTED = "the clock was stopped on a card that does not allow it"
    CLOCK_STOPPED_EARLY = "the clock was stopped less than 1860 cycles after the last character"
    CLOCK_STARTED_LATE = "a character came while the clock stood, or less than 700 cycles after its restart"
    WRONG_RELEASE = "the contacts were not released in the order RST, CLK, VCC"


class ChipLine(Contacts, Protocol):
    """The contacts of a model: what nobody sees of a real card can be asked for."""

    @property
    def breaches(self) -> Sequence[Breach]:
        """What the reader did against the rules, in order; a real card may take it well, ill, or not at all."""

    @property
    def rate(self) -> Rate:
        """The rate in force on the card's side."""

    @property
    def guard(self) -> int:
        """Least etu between two characters of the reader."""

    def busy(self, seconds: float) -> None:
        """Let the next command take so long, whatever the cost model says: a slow chip."""
