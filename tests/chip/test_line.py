"""The card's side of the contacts, character by character: reset, PPS, T=0, times, parity."""

import itertools
from dataclasses import replace

import pytest

from cardsim.chip.line import CardLine
from cardsim.iso7816.apdu import Case
from cardsim.iso7816.atr import AtrError, InterfaceBytes, build_atr
from cardsim.iso7816.contact import (
    DEFAULT_PROFILE,
    DEFAULT_SUPPLY,
    Breach,
    Character,
    Contact,
    LineProfile,
    OperatingClass,
    Rate,
    Supply,
)

ATR = build_atr(bytes(range(13)))
SELECT = bytes.fromhex("00A4020002")
PROFILES = [
    InterfaceBytes(),
    InterfaceBytes(ta1=0x95),
    InterfaceBytes(tc1=0xFF),
    InterfaceBytes(ta3=0x43),
    InterfaceBytes(ta1=0x11, tc1=None, ta3=0x83),
    InterfaceBytes(tc1=None),
]


class Inside:
    """What stands behind the line: commands by INS, with what they answer and how long they take."""

    def __init__(self, atr: bytes = ATR) -> None:
        self.atr = atr
        self.log: list[str] = []
        self.seconds = 0.0
        self.cases = {0xA4: Case.BOTH, 0xDC: Case.COMMAND, 0xB2: Case.RESPONSE, 0x0E: Case.NO_DATA}

    def power_on(self) -> bytes:
        self.log.append("on")
        return self.atr

    def power_off(self) -> None:
        self.log.append("off")

    def case_of(self, header: bytes) -> Case | None:
        return self.cases.get(header[1])

    def run(self, command: bytes) -> tuple[bytes, float]:
        self.log.append(command.hex().upper())
        answers = {0xA4: "6108", 0xDC: "9000", 0xB2: "0102039000", 0x0E: "9000", 0x12: ""}
        return bytes.fromhex(answers.get(command[1], "6D00")), self.seconds


class Hand:
    """Drives a line as a reader would, by hand."""

    def __init__(self, profile: LineProfile = DEFAULT_PROFILE, supply: Supply = DEFAULT_SUPPLY) -> None:
        self.inside = Inside()
        self.line = CardLine(self.inside, profile, supply)
        self.now = 0
        self.last: list[Character] = []

    def cold(self) -> bytes:
        """Cold reset; the characters that come."""
        self.line.drive(Contact.VCC, True, self.now)
        self.line.drive(Contact.CLK, True, self.now)
        return self.rise()

    def rise(self, after: int = 400) -> bytes:
        """RST high; the characters that come."""
        self.now += after
        self.line.drive(Contact.RST, True, self.now)
        return self.take()

    def warm(self, low: int = 400) -> bytes:
        """Warm reset; the characters that come."""
        self.now += 10_000
        self.line.drive(Contact.RST, False, self.now)
        return self.rise(low)

    def take(self) -> bytes:
        """All characters that the card sends."""
        self.last = []
        while (character := self.line.receive()) is not None:
            self.last.append(character)
            self.now = character.at
        return bytes(character.byte for character in self.last)

    def put(self, data: bytes | str, first: int = 16, spacing: int = 12) -> None:
        """Characters to the card, with so many etu before the first and between them."""
        for number, byte in enumerate(bytes.fromhex(data) if isinstance(data, str) else data):
            self.now += self.line.rate.cycles(spacing if number else first)
            assert self.line.send(Character.of(byte, self.now))

    def x(self, data: str, first: int = 16) -> str:
        """Characters to the card, and what comes."""
        self.put(data, first)
        return self.take().hex().upper()


def powered(profile: LineProfile = DEFAULT_PROFILE, supply: Supply = DEFAULT_SUPPLY) -> Hand:
    """After the answer to a cold reset."""
    hand = Hand(profile, supply)
    assert hand.cold()
    return hand


class TestReset:
    """Answer to reset and its times."""

    @pytest.mark.parametrize("interface", PROFILES)
    def test_times(self, interface: InterfaceBytes) -> None:
        """ATR-030, ATR-031: 400 to 40000 cycles to the first character, 12 to 9600 etu between two, 19200 in all."""
        hand = Hand(LineProfile(interface))
        for answer in (hand.cold(), hand.warm()):
            assert answer == build_atr(bytes(range(13)), interface)
            times = [character.at for character in hand.last]
            risen = times[0] - DEFAULT_PROFILE.start
            assert 400 <= times[0] - risen <= 40_000
            assert all(12 * 372 <= b - a <= 9600 * 372 for a, b in itertools.pairwise(times))
            assert times[-1] - times[0] <= 19_200 * 372

    def test_cold_and_warm(self) -> None:
        """ATR-027: by default they are the same; a profile may have two. The card behind is reset each time."""
        hand = Hand(LineProfile(InterfaceBytes(), InterfaceBytes(tc1=5)))
        assert hand.cold()[:4] == bytes.fromhex("3B6D0000")
        assert hand.warm()[:4] == bytes.fromhex("3B6D0005")
        assert hand.line.guard == 17
        assert hand.inside.log == ["on", "on"]
        assert not hand.line.breaches

    def test_nothing_without_clock_or_power(self) -> None:
        """RST alone is no reset; a released card hears nothing."""
        hand = Hand()
        assert hand.rise() == b""
        hand = powered()
        for contact in (Contact.RST, Contact.CLK, Contact.VCC):
            hand.line.drive(contact, False, hand.now)
        assert hand.inside.log == ["on", "off"]
        assert hand.x(SELECT.hex()) == ""
        assert not hand.line.breaches

    def test_release_in_another_order(self) -> None:
        """ATR-061: VCC before RST is a breach."""
        hand = powered()
        hand.line.drive(Contact.VCC, False, hand.now)
        assert hand.line.breaches == (Breach.WRONG_RELEASE,)

    def test_reset_too_short(self) -> None:
        """RST has to be low for 400 cycles."""
        hand = powered()
        hand.warm(low=399)
        assert hand.line.breaches == (Breach.RESET_TOO_SHORT,)
        hand.warm(low=400)
        assert len(hand.line.breaches) == 1

    def test_reset_in_the_middle(self) -> None:
        """A warm reset ends whatever was going on, and nothing of it is left."""
        hand = powered()
        hand.put("00A402")
        assert hand.warm() == ATR
        assert hand.x(SELECT.hex()) == "A4"

    def test_reset_held_in_the_middle(self) -> None:
        """While RST is low nothing comes and nothing is heard, whatever went on before."""
        hand = powered()
        hand.put("000E000000")
        assert hand.line.receive() is not None
        hand.line.drive(Contact.RST, False, hand.now + 5000)
        assert hand.take() == b""
        hand.line.refuse()
        hand.now += 10_000
        assert hand.x("000E000000") == ""
        assert hand.rise() == ATR

    def test_mute_card(self) -> None:
        """A card that answers nothing inside is mute outside."""
        hand = Hand()
        hand.inside.atr = b""
        assert hand.cold() == b""
        hand = powered()
        assert hand.x("0012000000") == ""
        assert hand.x("0012000000") == ""

    @pytest.mark.parametrize("ta3", [0x00, 0x04, 0xC4, 0x40])
    def test_classes_that_there_are_not(self, ta3: int) -> None:
        """ATR-016: UI is 1, 2 or 3."""
        with pytest.raises(AtrError, match="reserved"):
            InterfaceBytes(ta3=ta3)

    @pytest.mark.parametrize("ta1", [0x75, 0x87, 0x10, 0x97, 0xE1, 0x1A])
    def test_rates_that_there_are_not(self, ta1: int) -> None:
        """T0-003: reserved codes are refused."""
        with pytest.raises(ValueError, match="reserved"):
            LineProfile(InterfaceBytes(ta1=ta1))


class TestRate:
    """F, D, clock."""

    @pytest.mark.parametrize(
        ("code", "f", "d"),
        [(0x11, 372, 1), (0x95, 512, 16), (0x22, 558, 2), (0x38, 744, 12), (0xD9, 2048, 20), (0x16, 372, 32),
         (0x93, 512, 4), (0x94, 512, 8)],
    )  # fmt: skip
    def test_codes(self, code: int, f: int, d: int) -> None:
        """T0-003."""
        assert Rate.decode(code) == Rate(f, d)

    def test_etu(self) -> None:
        """T0-001, ATR-009, ATR-013: 103.9 µs at 3.579545 MHz; 9600 etu of waiting."""
        assert Rate().cycles(1) / DEFAULT_SUPPLY.clock == pytest.approx(103.9e-6, abs=0.05e-6)
        assert Rate().work_waiting == 9600
        assert Rate(512, 16).cycles(1) == 32
        assert Rate(372, 16).cycles(2) == 47

    @pytest.mark.parametrize(
        ("operating", "clock", "good"),
        [
            (OperatingClass.A, 900_000, False), (OperatingClass.A, 1_000_000, True),
            (OperatingClass.A, 5_000_000, True), (OperatingClass.A, 5_100_000, False),
            (OperatingClass.B, 4_000_000, True), (OperatingClass.B, 4_100_000, False),
        ],
    )  # fmt: skip
    def test_clock(self, operating: OperatingClass, clock: int, good: bool) -> None:
        """T0-002: 1 to 5 MHz in class A, 1 to 4 in class B."""
        if good:
            assert Supply(operating, clock).clock == clock
        else:
            with pytest.raises(ValueError, match="MHz"):
                Supply(operating, clock)

    def test_frame(self) -> None:
        """T0-004: start bit, eight bits, even parity."""
        character = Character.of(0x3B, 0)
        assert character.bits == (0, 1, 1, 0, 1, 1, 1, 0, 0, 1)
        for byte in range(256):
            character = Character.of(byte, 0)
            assert (len(character.bits), character.byte, character.intact) == (10, byte, True)
            assert (character.damaged().byte, character.damaged().intact) == (byte, False)


class TestPps:
    """Protocol and parameter selection."""

    FAST = LineProfile(InterfaceBytes(ta1=0x95))

    def test_agreed(self) -> None:
        """T0-012: echoed at the old rate; the new one holds from the next character on."""
        hand = powered(self.FAST)
        assert hand.x("FF10957A") == "FF10957A"
        assert hand.last[1].at - hand.last[0].at == 12 * 372
        assert hand.line.rate == Rate(512, 16)
        assert hand.x("00B2010400") == "4D014D024D039000"
        assert hand.last[1].at - hand.last[0].at == 12 * 32
        assert hand.warm()
        assert hand.line.rate == Rate()

    @pytest.mark.parametrize("request_", ["FF00FF", "FF1011FE"])
    def test_default(self, request_: str) -> None:
        """T0-014: without PPS1, or with 11, F and D stay."""
        hand = powered(self.FAST)
        assert hand.x(request_) == request_
        assert hand.line.rate == Rate()
        assert hand.x(SELECT.hex()) == "A4"

    @pytest.mark.parametrize(
        "request_",
        ["FF109500", "FF01FE", "FF11957B", "FF10947B", "FF10759A", "FF30957A20", "FF80 7F", "FF9095FA"],
    )
    def test_refused(self, request_: str) -> None:
        """T0-011, T0-013: a wrong PCK, T=1, a rate that was not offered or is reserved, PPS2, the reserved bit."""
        hand = powered(self.FAST)
        assert hand.x(request_) == ""
        assert hand.line.rate == Rate()
        assert hand.x(SELECT.hex()) == ""
        assert hand.warm()

    def test_not_offered(self) -> None:
        """A card without TA1 agrees on nothing but 11."""
        assert powered().x("FF10957A") == ""

    def test_not_after_a_command(self) -> None:
        """T0-015, T0-016, T0-021: FF begins a PPS directly behind the answer to reset alone."""
        hand = powered(self.FAST)
        assert hand.x("000E000000") == "9000"
        assert hand.x("FF10957A") == ""
        assert hand.x("00") == "6D00"
        assert hand.line.rate == Rate()


class TestCommands:
    """Headers, procedure bytes, data, status."""

    def test_cases(self) -> None:
        """T0-017, T0-018, T0-020, T0-023, T0-025, T0-029, T0-030."""
        hand = powered()
        assert hand.x("00A40200") == ""
        assert hand.x("02", first=12) == "A4"
        assert hand.x("EF05") == "6108"
        assert hand.x("00DC010403") == "DC"
        assert hand.x("AABBCC") == "9000"
        assert hand.x("00B2010403") == "B20102039000"
        assert hand.x("000E000000") == "9000"
        assert hand.x("00A4000000") == "6108"
        assert hand.x("00FE000005") == "6D00"
        assert hand.inside.log[1:] == [
            "00A4020002EF05", "00DC010403AABBCC", "00B2010403", "000E000000", "00A4000000", "00FE000005",
        ]  # fmt: skip
        assert not hand.line.breaches

    @pytest.mark.parametrize("ins", ["60", "61", "6E", "90", "9E", "A5"])
    def test_instructions_that_there_are_not(self, ins: str) -> None:
        """T0-022: no procedure byte, no data; a status word alone, whatever the card behind the line has."""
        for case in (None, Case.COMMAND, Case.RESPONSE):
            hand = powered()
            if case is not None:
                hand.inside.cases[int(ins, 16)] = case
            assert hand.x(f"00{ins}000002") == "6D00"

    def test_byte_by_byte(self) -> None:
        """T0-019: the complement of INS asks for one byte, or brings one."""
        hand = powered(LineProfile(bytewise=True))
        assert [hand.x("00DC010402"), hand.x("AA"), hand.x("BB")] == ["23", "23", "9000"]
        assert hand.x("00B2010403") == "4D014D024D039000"
        assert hand.inside.log[1] == "00DC010402AABB"

    def test_fewer_than_le(self) -> None:
        """A card that gives fewer than Le (profile switch "direct") sends them one by one and then its status."""
        assert powered().x("00B2010400") == "4D014D024D039000"

    def test_data_that_t0_cannot_carry(self) -> None:
        """A card that answers a case 4 command with data at once is none of T=0."""
        hand = powered()
        hand.inside.cases[0xB2] = Case.BOTH
        with pytest.raises(ValueError, match="no card of T=0"):
            hand.x("00B2000000")

    def test_taken_over(self) -> None:
        """A line over a card that works already waits for a header, not for a PPS."""
        hand = Hand(replace(TestPps.FAST))
        hand.line.take_over()
        assert hand.x("FF10957A00", first=100) == "6D00"


class TestWaiting:
    """NULL while a command takes long."""

    @pytest.mark.parametrize("seconds", [0.0, 0.5, 0.7, 0.9, 1.0, 3.0, 10.0])
    def test_null(self, seconds: float) -> None:
        """T0-007: NULL before each 9600 etu are over, and the answer no earlier than it is there."""
        hand = powered()
        hand.inside.seconds = seconds
        hand.put("00B2010403")
        start = hand.now
        answer = hand.take()
        nulls = answer.count(0x60)
        assert answer == b"\x60" * nulls + bytes.fromhex("B20102039000")
        assert nulls == int(seconds * DEFAULT_SUPPLY.clock / (7200 * 372))
        times = [start, *(character.at for character in hand.last)]
        assert all(b - a < 9600 * 372 for a, b in itertools.pairwise(times))
        assert times[nulls + 1] - start >= seconds * DEFAULT_SUPPLY.clock
        assert times[1] - start >= 16 * 372

    def test_busy(self) -> None:
        """A command can be made slow by hand, once."""
        hand = powered()
        hand.line.busy(1.5)
        assert hand.x("00DC010401") == "DC"
        assert hand.x("AA") == "60609000"
        assert hand.x("000E000000") == "9000"

    def test_slower_clock(self) -> None:
        """The same seconds are fewer cycles at a slower clock."""
        hand = powered(supply=Supply(OperatingClass.B, 1_000_000))
        hand.inside.seconds = 3.0
        assert hand.x("000E000000") == "609000"


class TestGuard:
    """The times that a reader has to keep."""

    @pytest.mark.parametrize(("tc1", "guard"), [(None, 12), (0, 12), (2, 14), (0xFE, 266), (0xFF, 12)])
    def test_guard_time(self, tc1: int | None, guard: int) -> None:
        """ATR-007, ATR-008, T0-005: 12 + N etu between the reader's characters, 12 for FF; the card keeps to 12."""
        hand = powered(LineProfile(InterfaceBytes(tc1=tc1)))
        hand.put("00B2010403", spacing=guard)
        assert not hand.line.breaches
        hand.take()
        assert [b.at - a.at for a, b in itertools.pairwise(hand.last)] == [12 * 372] * 5
        hand.put("00B2010403", spacing=guard - 1)
        assert hand.line.breaches == (Breach.TOO_EARLY,) * 4

    def test_turn_around(self) -> None:
        """T0-006: 16 etu between opposite directions, on both sides."""
        hand = powered()
        hand.put("00B2010403", first=15)
        assert hand.line.breaches == (Breach.TURNED_TOO_EARLY,)
        sent = hand.now
        hand.take()
        assert hand.last[0].at - sent >= 16 * 372

    def test_collision(self) -> None:
        """T0-017: a data byte before the procedure byte is not taken."""
        hand = powered()
        hand.put("00A4020002")
        hand.put("EF")
        assert hand.line.breaches == (Breach.COLLISION,)
        assert hand.take() == b"\xa4"
        assert hand.x("EF05") == "6108"

    def test_clock_stop(self) -> None:
        """T0-010: 1860 cycles before the stop, 700 after the start; never where TA3 does not allow it."""
        for ta3, delay, start, found in [
            (0x43, 1860, 700, ()),
            (0x43, 1859, 700, (Breach.CLOCK_STOPPED_EARLY,)),
            (0x43, 1860, 699, (Breach.CLOCK_STARTED_LATE,)),
            (0x03, 1860, 700, (Breach.CLOCK_STOP_UNSUPPORTED,)),
        ]:
            hand = powered(LineProfile(InterfaceBytes(ta3=ta3)))
            hand.line.drive(Contact.CLK, False, hand.now + delay)
            hand.line.drive(Contact.CLK, True, hand.now + 100_000)
            hand.line.send(Character.of(0, hand.now + 100_000 + start))
            assert hand.line.breaches == found
        hand = powered(LineProfile(InterfaceBytes(ta3=0x43)))
        hand.line.drive(Contact.CLK, False, hand.now + 5000)
        hand.put("00")
        assert hand.line.breaches == (Breach.CLOCK_STARTED_LATE,)


class TestParity:
    """Error signal and repetition."""

    def test_the_card_repeats(self) -> None:
        """T0-009: a refused character comes again, three times in all, then the card is mute until it is reset."""
        hand = powered()
        hand.put("000E000000")
        first = hand.line.receive()
        assert first is not None
        hand.line.refuse()
        second = hand.line.receive()
        assert second is not None
        assert (second.byte, second.at - first.at) == (0x90, 13 * 372)
        hand.line.refuse()
        third = hand.line.receive()
        assert third is not None
        assert hand.take() == b"\x00"
        hand.put("000E000000")
        for _ in range(3):
            assert hand.line.receive() is not None
            hand.line.refuse()
        assert hand.take() == b""
        assert hand.x("000E000000") == ""
        assert hand.warm() == ATR

    def test_the_card_refuses(self) -> None:
        """T0-009: a character with a wrong parity is not taken; the third one ends the session."""
        hand = powered()
        hand.put("000E0000")
        damaged = Character.of(0, hand.now + 12 * 372).damaged()
        assert not hand.line.send(damaged)
        assert not hand.line.send(replace(damaged, at=damaged.at + 13 * 372))
        assert hand.line.send(Character.of(0, damaged.at + 26 * 372))
        assert hand.take() == b"\x90\x00"
        assert [hand.line.send(replace(damaged, at=hand.now + 16 * 372 * n)) for n in (1, 2, 3)] == [False] * 3
        assert hand.x("000E000000") == ""

    def test_nothing_to_refuse(self) -> None:
        """An error signal that answers nothing does nothing."""
        hand = powered()
        hand.line.refuse()
        assert hand.x("000E000000") == "9000"
