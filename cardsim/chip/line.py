"""The card's side of the contacts: reset, PPS and T=0 character by character (ISO 7816-3, SSC part 2 §6 to §9).

    line = CardLine(inside)
    line.drive(Contact.VCC, True, 0)        # activation; RST rising starts the answer to reset
    line.receive()                          # the card's characters, one by one, each with its clock cycle
    line.send(Character.of(0x00, 20_000))   # the reader's

It knows no command. What stands behind it (`Inside`) answers APDUs, and says of a header which way data go (D17); how
long a command takes comes from the cost model, and is filled with NULL where it is longer than the card may be silent.
What the reader does against the rules is kept in `breaches`: a real card may take it well, ill, or not at all.
"""

import math
from collections.abc import Generator
from typing import Final, NamedTuple, Protocol

from cardsim.chip.cost import DEFAULT_RATES, Rates, cost_of
from cardsim.chip.eeprom import Eeprom
from cardsim.iso7816.apdu import Case
from cardsim.iso7816.atr import BASIC, Atr, build_atr
from cardsim.iso7816.card import Card
from cardsim.iso7816.contact import (
    CHARACTER_TIME,
    CLOCK_START_DELAY,
    CLOCK_STOP_DELAY,
    DEFAULT_PROFILE,
    DEFAULT_SUPPLY,
    NULL,
    PPSS,
    REPETITION,
    RESET_LOW,
    SENDS,
    TURN_AROUND,
    Breach,
    Character,
    Contact,
    LineProfile,
    Pps,
    PpsError,
    Rate,
    Supply,
    guard_time,
    valid_instruction,
)

_INITIAL: Final = Rate()
_UNCHANGED_PPS1: Final = 0x11
_HEADER: Final = 5
_NULL_SHARE: Final = 4
"""NULL is sent when three quarters of the work waiting time are over: this part of it is left as reserve."""


class Inside(Protocol):
    """What a line asks of the card behind it."""

    def power_on(self) -> bytes:
        """Reset; the ATR, or nothing from a card that is mute."""

    def power_off(self) -> None:
        """Take the power away."""

    def case_of(self, header: bytes) -> Case | None:
        """Which way data go after this header where the card stands now; None: it ends the command by itself."""

    def run(self, command: bytes) -> tuple[bytes, float]:
        """The answer to a command, and the seconds that EEPROM and crypto engine need for it."""


class T0Card(Card, Protocol):
    """A card that knows which way the data of its commands go."""

    def case_of(self, header: bytes) -> Case | None:
        """As `Inside.case_of`."""


class TimedCard:
    """A card and its EEPROM as `Inside`: the page programs of a command are counted, the rest is the cost table's."""

    def __init__(self, card: T0Card, eeprom: Eeprom, rates: Rates = DEFAULT_RATES) -> None:
        self._card = card
        self._eeprom = eeprom
        self._rates = rates

    def power_on(self) -> bytes:
        """Reset."""
        return self._card.power_on()

    def power_off(self) -> None:
        """Take the power away."""
        self._card.power_off()

    def case_of(self, header: bytes) -> Case | None:
        """Which way data go."""
        return self._card.case_of(header)

    def run(self, command: bytes) -> tuple[bytes, float]:
        """One command and its time."""
        before = self._eeprom.programs
        answer = self._card.transmit(command)
        cost = cost_of(command, answer, self._eeprom.programs - before, self._rates)
        return answer, cost.programs + cost.crypto


class _Out(NamedTuple):
    """A character that the card wants to send, and the cycles from the last one on the line to it."""

    byte: int
    after: int


_Flow = Generator[_Out | None, int, None]
"""The card's part of a session: yields what it sends, or None for a character of the reader."""


class CardLine:
    """One card on its contacts (`cardsim.iso7816.contact.Contacts`).

    Args:
        inside: the card behind it.
        profile: how the chip behaves.
        supply: what the reader feeds it with; the clock turns seconds of the cost model into cycles.
    """

    def __init__(self, inside: Inside, profile: LineProfile = DEFAULT_PROFILE, supply: Supply = DEFAULT_SUPPLY) -> None:
        self._inside = inside
        self._profile = profile
        self._supply = supply
        self._breaches: list[Breach] = []
        self._rate = _INITIAL
        self._guard = CHARACTER_TIME
        self._levels = dict.fromkeys(Contact, False)
        self._changed = dict.fromkeys(Contact, 0)
        self._cold = True
        self._stop_allowed = False
        self._last = 0
        self._from_card = False
        self._flow: _Flow | None = None
        self._next: _Out | None = None
        self._delivered = False
        self._failures = 0
        self._extra: float | None = None

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """What the reader did against the rules, in order."""
        return tuple(self._breaches)

    @property
    def rate(self) -> Rate:
        """The rate in force."""
        return self._rate

    @property
    def guard(self) -> int:
        """Least etu between two characters of the reader."""
        return self._guard

    # --- the reader's side -------------------------------------------------------------------------------------

    def take_over(self) -> None:
        """Go on with a card that is powered and has answered to reset and to commands: it waits for a header."""
        self._levels = dict.fromkeys(Contact, True)
        self._cold = False
        self._agree(Atr.parse(build_atr(b"", self._profile.interface or BASIC)))
        self._begin(self._commands(None))

    def busy(self, seconds: float) -> None:
        """Let the next command take so long, whatever the cost model says: a slow chip."""
        self._extra = seconds

    def drive(self, contact: Contact, high: bool, at: int) -> None:
        """A contact gets a level."""
        if self._levels[contact] is high:
            return
        low_for = at - self._changed[contact]
        self._levels[contact], self._changed[contact] = high, at
        match contact:
            case Contact.VCC:
                self._power(high)
            case Contact.RST if high:
                self._reset(at, low_for)
            case Contact.RST:
                self._fall_silent()
            case Contact.CLK if not high and self._levels[Contact.RST]:
                self._stop_clock(at)
            case Contact.CLK:
                pass

    def send(self, character: Character) -> bool:
        """A character of the reader."""
        if not self._levels[Contact.VCC]:
            return True
        self._confirm()
        self._watch(character.at)
        if self._next is not None:
            self._breach(Breach.COLLISION)
            return True
        if self._flow is None:
            return True
        self._last, self._from_card = character.at, False
        if character.intact:
            self._failures = 0
            self._advance(character.byte)
            return True
        self._failures += 1
        if self._failures == SENDS:
            self._fall_silent()
        return False

    def receive(self) -> Character | None:
        """The card's next character."""
        self._confirm()
        if self._next is None:
            return None
        self._last += self._next.after
        self._from_card = self._delivered = True
        return Character.of(self._next.byte, self._last)

    def refuse(self) -> None:
        """The reader gives the error signal: the character comes again, three times in all."""
        if not self._delivered or self._next is None:
            return
        self._delivered = False
        self._failures += 1
        if self._failures == SENDS:
            self._fall_silent()
        else:
            self._next = _Out(self._next.byte, self._rate.cycles(REPETITION))

    # --- contacts ----------------------------------------------------------------------------------------------

    def _power(self, high: bool) -> None:
        self._fall_silent()
        self._cold = True
        if not high:
            if self._levels[Contact.RST] or self._levels[Contact.CLK]:
                self._breach(Breach.WRONG_RELEASE)
            self._inside.power_off()

    def _reset(self, at: int, low_for: int) -> None:
        if not (self._levels[Contact.VCC] and self._levels[Contact.CLK]):
            return
        if min(low_for, at - self._changed[Contact.CLK]) < RESET_LOW:
            self._breach(Breach.RESET_TOO_SHORT)
        warm = not self._cold
        self._cold = False
        self._last, self._from_card, self._rate = at, True, _INITIAL
        self._begin(self._session(warm=warm))

    def _stop_clock(self, at: int) -> None:
        if not self._stop_allowed:
            self._breach(Breach.CLOCK_STOP_UNSUPPORTED)
        elif at - self._last < CLOCK_STOP_DELAY:
            self._breach(Breach.CLOCK_STOPPED_EARLY)

    def _watch(self, at: int) -> None:
        """The reader's character against the times that it has to keep."""
        apart = at - self._last
        if self._from_card and apart < self._rate.cycles(TURN_AROUND):
            self._breach(Breach.TURNED_TOO_EARLY)
        elif not self._from_card and apart < self._rate.cycles(self._guard):
            self._breach(Breach.TOO_EARLY)
        if not self._levels[Contact.CLK] or at - self._changed[Contact.CLK] < CLOCK_START_DELAY:
            self._breach(Breach.CLOCK_STARTED_LATE)

    def _breach(self, breach: Breach) -> None:
        self._breaches.append(breach)

    # --- the card's flow ---------------------------------------------------------------------------------------

    def _begin(self, flow: _Flow) -> None:
        self._flow, self._delivered, self._failures = flow, False, 0
        self._next = next(flow, None)

    def _confirm(self) -> None:
        """The character that was received stands, for nobody refused it: go on to the next."""
        if self._delivered:
            self._delivered, self._failures = False, 0
            self._advance(0)

    def _advance(self, byte: int) -> None:
        assert self._flow is not None
        try:
            self._next = self._flow.send(byte)
        except StopIteration:
            self._fall_silent()

    def _fall_silent(self) -> None:
        """Nothing comes from the card until it is reset."""
        self._flow = self._next = None
        self._delivered = False

    def _session(self, *, warm: bool) -> _Flow:
        """From reset to the end: a card that ends is mute until it is reset."""
        atr = self._answer(warm=warm)
        for number, byte in enumerate(atr):
            yield _Out(byte, _INITIAL.cycles(self._profile.spacing) if number else self._profile.start)
        if not atr:
            return
        parsed = Atr.parse(atr)
        self._agree(parsed)
        first = yield None
        if first == PPSS:
            agreed = yield from self._negotiate(parsed.interface.get("TA1"))
            if not agreed:
                return
            first = yield None
        yield from self._commands(first)

    def _answer(self, *, warm: bool) -> bytes:
        own = self._inside.power_on()
        interface = (self._profile.warm if warm else None) or self._profile.interface
        return own if interface is None or not own else build_atr(Atr.parse(own).historical, interface)

    def _agree(self, atr: Atr) -> None:
        """What the answer to reset announces is in force from here on."""
        self._guard = guard_time(atr.interface.get("TC1", 0))
        self._stop_allowed = atr.interface.get("TA3", 0) >> 6 != 0

    def _negotiate(self, ta1: int | None) -> Generator[_Out | None, int, bool]:
        """PPS (§8.7): what the card can do is echoed, anything else gets no answer."""
        pps0 = yield None
        raw = bytes((PPSS, pps0))
        while len(raw) < Pps.length(pps0):
            raw += bytes(((yield None),))
        try:
            request = Pps.parse(raw)
        except PpsError:
            return False
        if request.protocol != 0 or request.others != (None, None) or request.pps1 not in (None, _UNCHANGED_PPS1, ta1):
            return False
        yield from self._put(raw)
        if request.pps1 is not None:
            self._rate = Rate.decode(request.pps1)
        return True

    def _commands(self, first: int | None) -> _Flow:
        """Headers and what follows them, one command after another."""
        while True:
            header = b"" if first is None else bytes((first,))
            first = None
            while len(header) < _HEADER:
                header += bytes(((yield None),))
            case = self._inside.case_of(header) if valid_instruction(header[1]) else None
            data = b""
            if case in (Case.COMMAND, Case.BOTH):
                data = yield from self._take(header[1], header[4])
            answer, seconds = self._inside.run(header + data)
            if not answer:
                return
            first_after = yield from self._wait(seconds)
            if case is Case.RESPONSE and len(answer) > 2:
                first_after = yield from self._give(header[1], answer[:-2], header[4] or 256, first_after)
            elif len(answer) > 2 and case is not None:
                raise ValueError(f"the answer to {header.hex().upper()} has data: that is no card of T=0")
            yield from self._put(answer[-2:], first_after)

    def _take(self, ins: int, count: int) -> Generator[_Out | None, int, bytes]:
        """Data of the reader, behind INS or one by one behind its complement (§9.2.2.3)."""
        data = b""
        while len(data) < count:
            yield from self._put(bytes((ins ^ 0xFF if self._profile.bytewise else ins,)))
            for _ in range(1 if self._profile.bytewise else count):
                data += bytes(((yield None),))
        return data

    def _give(self, ins: int, data: bytes, wanted: int, after: int) -> Generator[_Out | None, int, int]:
        """Data of the card; fewer than Le go one by one, for a status word may stand behind each of them."""
        if self._profile.bytewise or len(data) < wanted:
            for byte in data:
                yield from self._put(bytes((ins ^ 0xFF, byte)), after)
                after = self._rate.cycles(self._profile.spacing)
        else:
            yield from self._put(bytes((ins,)) + data, after)
        return self._rate.cycles(self._profile.spacing)

    def _put(self, data: bytes, after: int | None = None) -> _Flow:
        """Characters of the card; the first `after` cycles after the last one on the line."""
        for byte in data:
            if after is None:
                after = self._rate.cycles(self._profile.spacing if self._from_card else TURN_AROUND)
            yield _Out(byte, after)
            after = None

    def _wait(self, seconds: float) -> Generator[_Out | None, int, int]:
        """The time of a command, filled with NULL; the cycles that are left to the procedure byte or SW1."""
        if self._extra is not None:
            seconds, self._extra = self._extra, None
        left = max(math.ceil(seconds * self._supply.clock), self._rate.cycles(TURN_AROUND))
        limit = self._rate.cycles(self._rate.work_waiting)
        step = limit - limit // _NULL_SHARE
        while left > step:
            yield _Out(NULL, step)
            left -= step
        return max(left, self._rate.cycles(self._profile.spacing))
