"""The interface device's side of T=0: answer to reset, PPS, procedure bytes, and cards that break the rules."""

from collections.abc import Callable

import pytest

from cardsim.chip.line import CardLine
from cardsim.iso7816.apdu import Case, CommandApdu
from cardsim.iso7816.atr import InterfaceBytes, build_atr
from cardsim.iso7816.contact import DEFAULT_PROFILE, Character, Contact, LineProfile, Rate
from terminal.errors import LinkError
from terminal.links.acceptance import accept, operating_classes, proposed_rate
from terminal.links.characters import NoisyContacts, Silence, Unreadable
from terminal.links.follow import Follower
from terminal.links.t0 import T0Link, atr_length, tpdu

HISTORICAL = bytes.fromhex("00814A444686605199000001AC")
GOOD = build_atr(HISTORICAL)


class Scripted:
    """Contacts of a card that sends what a list says: bytes, or a pause in clock cycles."""

    def __init__(self, *answers: list[bytes | int]) -> None:
        self.answers = list(answers)
        self.queue: list[Character] = []
        self.log: list[str] = []
        self.heard = b""
        self.at = 0

    def drive(self, contact: Contact, high: bool, at: int) -> None:
        self.log.append(f"{contact.name} {'high' if high else 'low'}")
        if contact is Contact.RST and high:
            self.at = at + 500 - 12 * 372
            self.speak()

    def speak(self) -> None:
        """The next answer of the list."""
        for part in self.answers.pop(0) if self.answers else []:
            if isinstance(part, int):
                self.at += part
                continue
            for byte in part:
                self.at += 12 * 372
                self.queue.append(Character.of(byte, self.at))

    def send(self, character: Character) -> bool:
        self.heard += bytes((character.byte,))
        if not self.queue and self.heard[-1:] == b"\xee":
            self.at = character.at + 4 * 372
            self.speak()
        return True

    def receive(self) -> Character | None:
        return self.queue.pop(0) if self.queue else None

    def refuse(self) -> None:
        self.log.append("refused")


class Inside:
    """A card behind a line that answers READ RECORD with many bytes."""

    def __init__(self) -> None:
        self.answer = bytes(range(256)) + b"\x90\x00"
        self.seconds = 0.0

    def power_on(self) -> bytes:
        return GOOD

    def power_off(self) -> None:
        return

    def case_of(self, header: bytes) -> Case | None:
        return {0xB0: Case.RESPONSE, 0xD6: Case.COMMAND}.get(header[1])

    def run(self, command: bytes) -> tuple[bytes, float]:
        return (self.answer if command[1] == 0xB0 else b"\x63\xc5"), self.seconds


class Records(Inside):
    """A card with a record of 18 bytes: another Le is answered with that length."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def run(self, command: bytes) -> tuple[bytes, float]:
        self.asked.append(command[4])
        return (bytes(range(18)) + b"\x90\x00" if command[4] == 18 else b"\x6c\x12"), 0.0


def on(line: CardLine | NoisyContacts) -> T0Link:
    """A link to it, powered."""
    link = T0Link(line)
    link.power_on()
    return link


RELEASED = ["RST low", "CLK low", "VCC low"]
COLD = ["RST low", "VCC high", "CLK high", "RST high"]
WARM = ["RST low", "RST high"]


class TestReset:
    """Answers to reset that are good, bad, late or missing."""

    def test_good(self) -> None:
        """The answer is taken to its last character and no further; the end releases RST, CLK, VCC (ATR-061)."""
        card = Scripted([GOOD])
        link = T0Link(card)
        assert link.power_on() == GOOD
        assert not card.queue
        assert card.log == COLD
        link.power_off()
        assert card.log == COLD + RELEASED

    def test_warm(self) -> None:
        """`power_on` of a powered card is a warm reset."""
        card = Scripted([GOOD], [GOOD])
        link = T0Link(card)
        assert [link.power_on(), link.power_on()] == [GOOD, GOOD]
        assert card.log == COLD + WARM

    @pytest.mark.parametrize(
        "bad",
        [[b"\x3a" + GOOD[1:]],
         [GOOD[:-1]], [b"\x3b\x60"], [build_atr(HISTORICAL, InterfaceBytes(ta3=3))[:-1] + b"\x55"],
         [GOOD[:8], 15_000 * 372 // 2, GOOD[8:12], 15_000 * 372 // 2, GOOD[12:14], 8_000 * 372, GOOD[14:]]],
    )  # fmt: skip
    def test_warm_after_a_bad_one(self, bad: list[bytes | int]) -> None:
        """ATR-036, ATR-038, ATR-053, ATR-054: a cold answer that is no good gets one warm reset."""
        card = Scripted(bad, [GOOD])
        assert T0Link(card).power_on() == GOOD
        assert card.log == COLD + WARM

    def test_both_bad(self) -> None:
        """ATR-055: after two the contacts are released, and the error says why."""
        card = Scripted([GOOD[:-1]], [GOOD[:-1]])
        with pytest.raises(LinkError, match="ends before"):
            T0Link(card).power_on()
        assert card.log == COLD + WARM + RELEASED

    @pytest.mark.parametrize(("gap", "good"), [(9588, True), (9589, False)])
    def test_gap(self, gap: int, good: bool) -> None:
        """ATR-056: more than 9600 etu between two characters end the session at once."""
        card = Scripted([GOOD[:5], gap * 372, GOOD[5:]], [GOOD])
        if good:
            assert T0Link(card).power_on() == GOOD
            return
        with pytest.raises(Silence):
            T0Link(card).power_on()
        assert card.log == COLD + RELEASED

    @pytest.mark.parametrize("answers", [[], [[40_000 - 499, GOOD]]])
    def test_mute(self, answers: list[list[bytes | int]]) -> None:
        """ATR-057: nothing within 40000 cycles: release."""
        card = Scripted(*answers)
        with pytest.raises(Silence, match="40000"):
            T0Link(card).power_on()
        assert card.log == COLD + RELEASED

    def test_last_moment(self) -> None:
        """A card that begins with cycle 40000 is in time."""
        assert T0Link(Scripted([40_000 - 500, GOOD])).power_on() == GOOD

    @pytest.mark.parametrize(
        ("raw", "good"),
        [
            ("3F6D0000" + HISTORICAL.hex(), True),  # ATR-035
            ("3A6D0000" + HISTORICAL.hex(), False),  # ATR-036
            ("3B600000", True), ("3B6F0000" + "00" * 15, True),  # ATR-037
            ("3B6D0000" + HISTORICAL[:-1].hex(), False),  # ATR-038
            ("3B1001", True), ("3B1011", True),  # ATR-039
            ("3B00", True), ("3B2025", True),  # ATR-041, ATR-042
            ("3B8000", True), ("3B800181", True),  # ATR-043
            ("3B800F8F", False), ("3B800E8E", False),  # ATR-044
            ("3B90951000", True), ("3B90771000", False), ("3B80101E", False),  # ATR-045
            ("3B802050", True),  # ATR-046
            ("3B80400A", True), ("3B804000", False),  # ATR-047
            ("3B80801F031C", True), ("3B80801003", False),  # ATR-048
            ("3B80807F0300007C", True),  # ATR-051
            ("3B6D0000" + HISTORICAL.hex() + "00", False),  # ATR-052
        ],
    )  # fmt: skip
    def test_rules(self, raw: str, good: bool) -> None:
        """ATR-035 to ATR-053: what is accepted and what is not."""
        verdict = True
        try:
            accept(bytes.fromhex(raw))
        except ValueError:
            verdict = False
        assert verdict is good

    @pytest.mark.parametrize(("ta3", "good"), [("01", True), ("43", True), ("C2", True), ("00", False), ("C4", False)])
    def test_classes(self, ta3: str, good: bool) -> None:
        """ATR-049, ATR-050: TA3 with a reserved class is refused; without TA3 it is class A alone."""
        body = bytes.fromhex("80801F" + ta3)
        raw = b"\x3b" + body + bytes((body[0] ^ body[1] ^ body[2] ^ body[3],))
        if good:
            assert operating_classes(accept(raw)) == int(ta3, 16) & 0x3F
        else:
            with pytest.raises(ValueError, match="reserved class"):
                accept(raw)
        without = accept(bytes.fromhex("3B80800F0F"))
        assert operating_classes(without) == 1
        assert operating_classes(accept(GOOD)) == 3

    @pytest.mark.parametrize(("ta1", "d"), [(0x11, None), (0x01, None), (0x12, 2), (0x13, 4), (0x95, 16), (0x77, None)])
    def test_rate(self, ta1: int, d: int | None) -> None:
        """ATR-039, ATR-040: TA1 as the rate to agree on; 01 and 11 are the default, and reserved ones stay there."""
        rate = proposed_rate(accept(bytes((0x3B, 0x10, ta1))))
        assert (rate.d if rate else None) == d

    def test_lengths(self) -> None:
        """Where an answer ends is known from its first characters."""
        for interface in (InterfaceBytes(), InterfaceBytes(ta1=0x95, ta3=0x43), InterfaceBytes(tc1=None)):
            raw = build_atr(HISTORICAL, interface)
            known = [atr_length(raw[:count]) for count in range(len(raw) + 1)]
            assert known[-1] == len(raw)
            assert all(length in (None, len(raw)) for length in known)

    def test_other_protocols_alone(self) -> None:
        """A card of T=1 alone is not for this reader."""
        with pytest.raises(LinkError, match="T=0"):
            T0Link(Scripted([bytes.fromhex("3B800181"[:6] + "81")])).power_on()


class TestPps:
    """ATR-059, ATR-060."""

    FAST = build_atr(HISTORICAL, InterfaceBytes(ta1=0x95))

    def test_agreed(self) -> None:
        """With TA1 a PPS is sent; the rate changes behind the response. Without TA1 there is none."""
        line = CardLine(Inside(), LineProfile(InterfaceBytes(ta1=0x95)))
        link = on(line)
        assert bytes(c.byte for c in link.port.sent) == bytes.fromhex("FF10957A")
        assert link.transmit(bytes.fromhex("00D6000001AA")) == b"\x63\xc5"
        assert link.port.rate == line.rate == Rate(512, 16)
        assert not on(CardLine(Inside())).port.sent
        slow = T0Link(CardLine(Inside(), LineProfile(InterfaceBytes(ta1=0x95))), pps=False)
        slow.power_on()
        assert slow.port.rate == Rate()

    @pytest.mark.parametrize(
        ("response", "rate"),
        [("FF10957A", Rate(512, 16)), ("FF00FF", Rate()), ("FF109500", None), ("FF10947B", None), ("FF01FE", None),
         ("", None), ("3B00FF", None)],
    )  # fmt: skip
    def test_response(self, response: str, rate: Rate | None) -> None:
        """A wrong, missing or damaged response leads to release; one without PPS1 keeps the default."""
        card = Scripted([self.FAST], [])
        link = T0Link(card)
        send = card.send

        def answering(character: Character) -> bool:
            send(character)
            if card.heard == bytes.fromhex("FF10957A"):
                card.answers, card.at = [[bytes.fromhex(response)]], character.at + 4 * 372
                card.speak()
            return True

        card.send = answering  # type: ignore[method-assign]
        if rate is None:
            with pytest.raises(LinkError):
                link.power_on()
            assert card.log[-3:] == RELEASED
        else:
            link.power_on()
            assert link.port.rate == rate


class TestCommands:
    """TPDUs and procedure bytes."""

    @pytest.mark.parametrize(
        ("apdu", "header", "data"),
        [
            ("00200000", "0020000000", ""), ("0020000000", "0020000000", ""), ("00B2010412", "00B2010412", ""),
            ("00D6000002AABB", "00D6000002", "AABB"), ("00A4040002AABB00", "00A4040002", "AABB"),
        ],
    )  # fmt: skip
    def test_tpdu(self, apdu: str, header: str, data: str) -> None:
        """SSC part 2 §9.3.1: P3=00 in case 1, no Le in case 4."""
        assert tpdu(bytes.fromhex(apdu)) == (bytes.fromhex(header), bytes.fromhex(data))

    def test_256_bytes(self) -> None:
        """T0-038: a response of 256 bytes and the status word; 255 bytes down."""
        link = on(CardLine(Inside()))
        assert link.transmit(bytes.fromhex("00B0000000")) == bytes(range(256)) + b"\x90\x00"
        assert link.transmit(bytes.fromhex("00D60000FF") + bytes(255)) == b"\x63\xc5"

    def test_null_is_not_seen(self) -> None:
        """T0-008: 60 starts the waiting time again and nothing more."""
        inside = Inside()
        inside.seconds = 2.5
        link = on(CardLine(inside))
        assert link.transmit(bytes.fromhex("00D6000001AA")) == b"\x63\xc5"
        assert link.nulls == 3

    def test_following(self) -> None:
        """T0-031, T0-033, T0-034, T0-035: 61xx and 6Cxx are followed above the line; others come up as they are."""
        inside, link = Inside(), on(CardLine(Inside()))
        inside.answer = b"\x6c\x02"
        link = on(CardLine(inside))
        seen: list[str] = []
        follower = Follower(link, lambda command, *_: seen.append(command.hex()))
        assert follower.send(CommandApdu.parse(bytes.fromhex("00B0000000"))).sw.value == 0x6C02
        assert seen == ["00b0000000", "00b0000002"]
        assert follower.send(CommandApdu.parse(bytes.fromhex("00D6000001AA"))).sw.value == 0x63C5

    @pytest.mark.parametrize(("apdu", "data"), [("00B0000008", bytes(range(8))), ("00B0000000", bytes(range(18)))])
    def test_no_more_than_le(self, apdu: str, data: bytes) -> None:
        """T0-028: of 18 bytes that the card delivers, 8 go up to him who asked for 8; the status word is the same."""
        inside = Records()
        follower = Follower(on(CardLine(inside)), lambda *_: None)
        response = follower.send(CommandApdu.parse(bytes.fromhex(apdu)))
        assert (response.data, response.sw.value) == (data, 0x9000)
        assert inside.asked == [int(apdu[8:], 16), 18]

    def test_silence_releases(self) -> None:
        """A card that stays silent, or is drawn in the middle of a command, leaves released contacts (ATR-062)."""
        card = Scripted([GOOD])
        link = T0Link(card)
        link.power_on()
        with pytest.raises(Silence, match=str(9600 * 372)):
            link.transmit(bytes.fromhex("00B0000002"))
        assert card.log[-3:] == RELEASED
        with pytest.raises(LinkError, match="not powered"):
            link.transmit(bytes.fromhex("00B0000002"))

    @pytest.mark.parametrize(
        ("answer", "result"),
        [
            ("9000", "9000"), ("6060B0AABB9000", "AABB9000"), ("4FAA4FBB9000", "AABB9000"),
            ("4FAA60B0BB9000", "AABB9000"),
            ("4FAA6281", "AA6281"), ("B0AABBB0", None), ("12", None), ("B0AA", None), ("90", None),
        ],
    )  # fmt: skip
    def test_procedure_bytes(self, answer: str, result: str | None) -> None:
        """INS, its complement, NULL, SW1 SW2, in any order that the protocol has; anything else ends the session."""
        card = Scripted([GOOD], [bytes.fromhex(answer)])
        link = T0Link(card)
        link.power_on()
        send = card.send

        def answering(character: Character) -> bool:
            send(character)
            if card.heard == bytes.fromhex("00B0000002"):
                card.at = character.at + 4 * 372
                card.speak()
            return True

        card.send = answering  # type: ignore[method-assign]
        if result is None:
            with pytest.raises(LinkError):
                link.transmit(bytes.fromhex("00B0000002"))
            assert card.log[-3:] == RELEASED
        else:
            assert link.transmit(bytes.fromhex("00B0000002")).hex().upper() == result


class TestParity:
    """T0-009 on the reader's side."""

    @pytest.mark.parametrize("profile", [DEFAULT_PROFILE, LineProfile(bytewise=True)])
    @pytest.mark.parametrize("direction", ["damage_in", "damage_out"])
    def test_repeated(self, profile: LineProfile, direction: str) -> None:
        """Two damaged characters come again and nothing is lost; three end the session."""
        noise = NoisyContacts(CardLine(Inside(), profile))
        link = on(noise)
        setattr(noise, direction, 2)
        assert link.transmit(bytes.fromhex("00D6000003AABBCC")) == b"\x63\xc5"
        setattr(noise, direction, 3)
        with pytest.raises(Unreadable):
            link.transmit(bytes.fromhex("00D6000003AABBCC"))
        assert link.power_on() == GOOD

    def test_in_the_answer_to_reset(self) -> None:
        """A character of the answer that stays damaged leads to a warm reset."""
        noise = NoisyContacts(CardLine(Inside()), damage_in=3)
        assert T0Link(noise).power_on() == GOOD


def test_guard_times_are_kept() -> None:
    """T0-005, T0-006: whatever TC1 says, the card sees no breach."""
    builders: list[Callable[[], InterfaceBytes]] = [
        lambda: InterfaceBytes(tc1=2), lambda: InterfaceBytes(tc1=0xFF), lambda: InterfaceBytes(ta1=0x95, tc1=9)
    ]  # fmt: skip
    for build in builders:
        line = CardLine(Inside(), LineProfile(build()))
        link = on(line)
        for _ in range(3):
            link.transmit(bytes.fromhex("00D6000003AABBCC"))
            link.transmit(bytes.fromhex("00B0000000"))
        link.power_on()
        link.power_off()
        assert not line.breaches
