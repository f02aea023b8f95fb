"""The cost model: how long a physical contact card would take for each command. One table, with its sources.

line    T=0 characters at the default rate: header, procedure byte, data, SW1 SW2, guard times and turn-arounds; a
        refused command ends after its header (SSC part 2 §9.3.1.3), and a trailing Le is never sent
pages   page programs of the EEPROM that the command did, as counted by the model
crypto  cipher blocks and RSA operations that the command needs, as listed here by instruction
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardsim.chip.clock import Clock
from cardsim.chip.eeprom import Eeprom


@dataclass(frozen=True, slots=True)
class Cost:
    """How long a physical card would take for one command, in seconds."""

    line: float
    programs: float
    crypto: float

    @property
    def total(self) -> float:
        """All together."""
        return self.line + self.programs + self.crypto


@dataclass(frozen=True, slots=True)
class CommandReport:
    """One command, its answer, what it cost, and how many pages were programmed."""

    command: bytes
    answer: bytes
    pages: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Rates:
    """Times of one chip, in seconds."""

    clock: float = 3.579545e6
    """Hz at the CLK contact; 1 to 5 MHz are allowed (SSC part 2 §5.2.2.5)."""
    etu_clocks: int = 372
    """Clock cycles for each bit with the default F=372, D=1 (SSC part 2 §7.1): 103.9 µs at the clock above."""
    character: int = 12
    """etu for each character: 10 bits and 2 guard etu, extra guard time N=0 (SSC part 2 §9.2.2.1)."""
    turn_around: int = 16
    """Least etu between characters in opposite directions (SSC part 2 §9.2.2.1)."""
    page_program: float = 2.0e-3
    """Erase and program of one EEPROM page; data sheets of 0.18 µm smart-card EEPROM give 1 to 3 ms."""
    block: float = 30e-6
    """One DES or SM4 block with a hardware engine and its driver; of the order that data sheets give at 4 MHz."""
    rsa: float = 120e-3
    """One private operation with CRT at 1152 bits; crypto coprocessors of that class need 80 to 200 ms."""

    @property
    def etu(self) -> float:
        """Seconds for one etu."""
        return self.etu_clocks / self.clock


DEFAULT_RATES: Final = Rates()

BLOCKS: Final[dict[int, int]] = {
    0x82: 6,  # session key and authentication data; ARPC: session key and one block
    0x88: 6,
    0xAE: 26,  # two session keys, cryptogram over 40 bytes, MAC of the balance
    0x50: 20,
    0xD4: 12,
    0xE0: 8,
    0xE2: 40,
    0xD8: 14,
    0x16: 4,
    0x18: 4,
    0x1E: 4,
    0xDA: 5,  # PUT DATA of a script: session key, MAC over 21 bytes
    0x24: 8,  # session key, enciphered PIN, MAC
    0x28: 5,  # of a load: session key and MAC1
    0x2A: 10,  # session key, MAC2, TAC
    0x2C: 14,  # session key, MAC1, MAC2, TAC
    0xDE: 15,  # PSAM: two levels of derivation, session key
    0xFA: 8,
    0x70: 14,  # PSAM: one level of derivation, session key, MAC1
    0x72: 2,
}
"""Cipher blocks by instruction, counted from the algorithms of both standards; others need none."""

SIGNING: Final = frozenset({0x88, 0xAE})
"""Instructions that sign with RSA when their answer is as long as a modulus."""
_SHORTEST_SIGNATURE: Final = 64


def cost_of(command: bytes, answer: bytes, pages: int, rates: Rates = DEFAULT_RATES) -> Cost:
    """Time of one command on the line, in the EEPROM and in the crypto engine."""
    sent = 5 + (command[4] if len(command) > 5 else 0)
    status = answer[-2:-1]
    taken = len(answer) > 2 or status in (b"\x90", b"\x61")
    characters = (sent + 1 if taken else 5) + len(answer)
    turns = 4 if taken and sent > 5 else 2
    line = (characters * rates.character + turns * rates.turn_around) * rates.etu
    ins = command[1] if len(command) > 1 else 0
    crypto = BLOCKS.get(ins, 0) * rates.block
    if ins in SIGNING and answer[:1] == b"\x61" and answer[1:2] and answer[1] > _SHORTEST_SIGNATURE:
        crypto += rates.rsa
    return Cost(line, pages * rates.page_program, crypto)


def listening_transmit(
    transmit: Callable[[bytes], bytes], eeprom: Eeprom, clock: Clock, listener: Callable[[CommandReport], None]
) -> Callable[[bytes], bytes]:
    """The same `transmit`, with a report of every command."""

    def reporting(command: bytes) -> bytes:
        before = eeprom.programs
        answer = transmit(command)
        pages = eeprom.programs - before
        cost = cost_of(command, answer, pages)
        clock.advance(cost.total)
        listener(CommandReport(command, answer, pages, cost))
        return answer

    return reporting
