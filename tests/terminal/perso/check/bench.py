"""Cards under check for tests: demo cards, their data, and taps that change one answer of a card."""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from cardsim.chip.rng import SeededRandom
from cardsim.iso7816.card import Card
from cardsim.iso7816.tlv import ber, parse
from cardsim.keyfile import KeyFile
from cardsim.making import demo
from cardsim.making.holder import FILE_VALUES
from cardsim.making.structure import load_profile
from terminal.management.product.rules import default_rules
from terminal.perso.check.checking import Known, check_card, read_card
from terminal.perso.check.facts import Facts
from terminal.perso.check.rule import CheckReport
from terminal.perso.face.fields import Style, face_of
from terminal.perso.face.model import Face, PrintMethod
from terminal.perso.face.template import template
from terminal.perso.records import BankRecord, CardRecord, Order, OrderKind, SocialRecord
from tests.cards import made, of_cells

TODAY: Final = date(2024, 6, 1)
FREE: Final = "dual-2.0-des"
"""A card of both sides whose holder data are free to read."""
Change = Callable[["Tap", bytes, bytes], bytes | None]
"""What a tap makes of an answer; None leaves it."""


@dataclass
class Tap:
    """A card whose answers are changed on their way. 61xx and 6Cxx are followed here, so that answers are whole."""

    card: Card
    change: Change
    df: bytes = b""
    """Name of the DF that is selected."""
    fid: int = 0
    log: list[bytes] = field(default_factory=list)

    def power_on(self) -> bytes:
        """The ATR; the change is asked with an empty command."""
        atr = self.card.power_on()
        return self.change(self, b"", atr) or atr

    def power_off(self) -> None:
        """Power off."""
        self.card.power_off()

    def transmit(self, command: bytes) -> bytes:
        """The answer, as the change has it."""
        self.log.append(command)
        answer = self.card.transmit(command)
        if answer[-2:-1] == b"\x6c":
            answer = self.card.transmit(command[:4] + answer[-1:])
        data = b""
        while answer[-2:-1] == b"\x61":
            data += answer[:-2]
            answer = self.card.transmit(b"\x00\xc0\x00\x00" + answer[-1:])
        answer = data + answer
        if command[:2] == b"\x00\xa4" and answer[-2:] == b"\x90\x00":
            if command[2] == 0x04:
                self.df, self.fid = command[5 : 5 + command[4]], 0
            elif command[2] == 0x02:
                self.fid = int.from_bytes(command[5:7], "big")
        changed = self.change(self, command, answer)
        return answer if changed is None else changed


# --- changes ----------------------------------------------------------------------------------------------------------


def nothing(_tap: Tap, _command: bytes, _answer: bytes) -> bytes | None:
    """No change."""
    return None


def answer(prefix: str, text: str) -> Change:
    """Another answer to commands that begin so, both in hex."""

    def change(_tap: Tap, command: bytes, _answer: bytes) -> bytes | None:
        return bytes.fromhex(text) if command.startswith(bytes.fromhex(prefix)) and command else None

    return change


def replaced(prefix: str, old: str, new: str) -> Change:
    """Bytes replaced in answers to commands that begin so; of an empty prefix in the ATR."""

    def change(_tap: Tap, command: bytes, whole: bytes) -> bytes | None:
        wanted = bytes.fromhex(prefix)
        if (command.startswith(wanted) and bool(wanted)) or (not wanted and not command):
            return whole.replace(bytes.fromhex(old), bytes.fromhex(new))
        return None

    return change


def flipped(prefix: str, at: int) -> Change:
    """One bit of an answer's byte turned."""

    def change(_tap: Tap, command: bytes, whole: bytes) -> bytes | None:
        if not command.startswith(bytes.fromhex(prefix)) or len(whole) <= abs(at):
            return None
        bytes_ = bytearray(whole)
        bytes_[at] ^= 1
        return bytes(bytes_)

    return change


def item(df: str, fid: int, tag: int, value: bytes | str, *, new_tag: int | None = None) -> Change:
    """Another value of an item in a file with records; df is the DF's name in hex."""
    content = value.encode("gbk") if isinstance(value, str) else value

    def change(tap: Tap, command: bytes, whole: bytes) -> bytes | None:
        here = tap.df == bytes.fromhex(df) and tap.fid == fid and command[1:2] == b"\xb2"
        if not here or whole[-2:] != b"\x90\x00" or whole[0] != tag:
            return None
        return bytes((tag if new_tag is None else new_tag, len(content))) + content + b"\x90\x00"

    return change


def objects(edit: Callable[[list[tuple[int, bytes]]], list[tuple[int, bytes]]], having: int) -> Change:
    """Data objects of a payment record that has a certain tag, edited."""

    def change(tap: Tap, command: bytes, whole: bytes) -> bytes | None:
        if tap.df[:1] != b"\xa0" or command[1:2] != b"\xb2" or whole[:1] != b"\x70" or whole[-2:] != b"\x90\x00":
            return None
        found = [(one.tag, one.value) for one in parse(parse(whole[:-2])[0].value)]
        if having not in {tag for tag, _ in found}:
            return None
        return ber(0x70, b"".join(ber(tag, value) for tag, value in edit(found))) + b"\x90\x00"

    return change


def data_object(tag: int, value: bytes | str) -> Change:
    """Another value of a data object in every record that has it."""
    content = bytes.fromhex(value) if isinstance(value, str) else value
    return objects(lambda found: [(one, content if one == tag else old) for one, old in found], tag)


def without(tag: int) -> Change:
    """A data object taken away."""
    return objects(lambda found: [pair for pair in found if pair[0] != tag], tag)


def both(*changes: Change) -> Change:
    """Several changes, one after the other."""

    def change(tap: Tap, command: bytes, whole: bytes) -> bytes | None:
        now = whole
        for one in changes:
            now = one(tap, command, now) or now
        return now

    return change


def noise(seed: int) -> Change:
    """Answers that are spoiled now and then: turned bits, cut or longer data, random data, other status words."""
    chance = random.Random(seed)
    rate = chance.choice((0.003, 0.02, 0.1, 0.5))

    def change(_tap: Tap, command: bytes, whole: bytes) -> bytes | None:
        if chance.random() > rate or not whole:
            return None
        data, sw = (whole[:-2], whole[-2:]) if command else (whole, b"")
        match chance.randrange(5):
            case 0 if data:
                at = chance.randrange(len(data))
                data = data[:at] + bytes((data[at] ^ 1 << chance.randrange(8),)) + data[at + 1 :]
            case 1:
                data = data[: chance.randrange(len(data) + 1)]
            case 2:
                data += chance.randbytes(4)
            case 3:
                data = chance.randbytes(chance.randrange(30))
            case _:
                sw = bytes.fromhex(chance.choice(("6982", "6A82", "6F00", "6283", "6A83"))) if command else sw
        return data + sw

    return change


# --- cards ------------------------------------------------------------------------------------------------------------


def tapped(profile: str, change: Change = nothing) -> tuple[Tap, KeyFile]:
    """A demo card with a tap, and its key file."""
    cells, keys = made(profile)
    return Tap(of_cells(cells, keys, on=False).model, change), keys


@functools.cache
def record() -> CardRecord:
    """The data of the demo card."""
    person = demo.demo(None)
    number = person.values["social_security_number"]
    texts = {
        name: value if isinstance(value, str) else tuple(value)
        for name, value in FILE_VALUES.items()
        if not isinstance(value, bytes)
    }
    photo = FILE_VALUES["photo"]
    assert isinstance(photo, bytes)
    order = Order("A000001", OrderKind.FIRST, "20240101", number, demo.AREA, demo.AREA, "U1")
    social = SocialRecord(order, {**texts, **person.values}, photo)
    bank = BankRecord(
        order.number, number, person.name, person.values["sex"], person.pan, demo.PSN, "1", demo.ISSUED, demo.EXPIRES,
        "B1",
    )  # fmt: skip
    return CardRecord(social, bank)


def style(product: str = "single-chip", method: PrintMethod = PrintMethod.LASER, design: str = "debit-1") -> Style:
    """How faces are made."""
    return Style(template(), default_rules(), product, design, method, TODAY)


@functools.cache
def face(product: str = "single-chip") -> Face:
    """What is printed on the demo card."""
    return face_of(record(), style(product))


def other(**social: str) -> CardRecord:
    """The same with other values on the social-security side."""
    mine = record().social
    assert mine is not None
    return replace(record(), social=SocialRecord(mine.order, {**mine.values, **social}, mine.photo))


@dataclass(frozen=True)
class CardCode:
    """The card identification code of a demo card, taken apart."""

    keys: KeyFile

    @property
    def _code(self) -> bytes:
        assert self.keys.holder is not None
        return self.keys.holder.card

    @property
    def first12(self) -> bytes:
        """Region, RID and serial number."""
        return self._code[:12]

    @property
    def serial(self) -> bytes:
        """Serial number."""
        return self._code[8:12]

    @property
    def certificate(self) -> bytes:
        """Certificate code."""
        return self._code[12:]

    @property
    def irk(self) -> bytes:
        """The card's IRK."""
        assert self.keys.ssse is not None
        assert self.keys.holder is not None
        key = self.keys.ssse.card_key("IRK", self.keys.ssse.suite, demo.AREA, self.keys.holder.historical)
        assert key is not None
        return key


KNOWN: Final = Known(TODAY)


def draw() -> Callable[[int], bytes]:
    """Challenges."""
    return SeededRandom(1, "check").take


def check(profile: str, change: Change = nothing, known: Known = KNOWN, *, keys: bool = False) -> CheckReport:
    """The report of a demo card whose answers are changed."""
    card, own = tapped(profile, change)
    return check_card(card, replace(known, keys=own) if keys else known, draw(), profile)


def facts(profile: str, change: Change = nothing, known: Known = KNOWN, *, keys: bool = False) -> Facts:
    """What is read of a demo card."""
    card, own = tapped(profile, change)
    return read_card(card, replace(known, keys=own) if keys else known, draw())


def profile_known(profile: str, known: Known = KNOWN) -> Known:
    """The same, with the profile."""
    return replace(known, profile=load_profile(profile))
