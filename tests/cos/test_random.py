"""A seeded storm of grammar-made and random APDUs on the demo card: never an exception, always a declared answer."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cardsim.assembly import CardModel, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.cos.table import family
from cardsim.crypto import pboc, scp02, social
from cardsim.iso7816.apdu import Case
from cardsim.making.demo import PSN, demo
from cardsim.shapes import Place, Where, is_declared, shapes
from cardsim.ssse.environment import Ssse
from tests.cards import AID, DUAL, HISTORICAL, ORIGINAL, PSE_NAME, SSSE_NAME, card, secrets

APDUS: Final = 200_000
ROUND: Final = 20_000
"""APDUs after which the card is made new, so that locked keys do not end the test's reach."""
SEED: Final = 7
NAMES: Final = [
    bytes.fromhex(name)
    for name in (SSSE_NAME, PSE_NAME, AID, "D15600000500", "D15600000503", "A000000333", "D156000005")
]
FIDS: Final = [
    bytes.fromhex(fid) for fid in ("3F00", "DDF1", "DDF2", "DF01", "DF04", "EF05", "EF06", "EF1E", "ADF1", "EF0B")
]
PIECES: Final = [*NAMES, *FIDS, b"\x12\x34\x56", bytes.fromhex("241234FFFFFFFFFF"), bytes(8), b"\x83\x09", b"\x80"]
KEYS: Final = {0x04: "UKSSSE", 0x05: "BK", 0x06: "PUK", 0x0A: "RKSSSE", 0x83: "UK1DF01", 0x88: "RK1DF01"}

PLACES: Final = (Place.CARD, Place.SSSE, Place.MEDICAL, Place.PSE, Place.APPLICATION)


class Grammar:
    """APDUs made of the rows of the command tables, of mutations of such, and of noise."""

    def __init__(self, source: random.Random, where: Where) -> None:
        self._random = source
        self._shapes = shapes(where)

    def _bytes(self, length: int) -> bytes:
        pick = self._random.random()
        if pick < 0.5:
            return self._random.randbytes(length)
        piece = self._random.choice(PIECES)
        return (piece + self._random.randbytes(max(0, length - len(piece))))[:length]

    def from_row(self) -> bytes:
        """A command that fits its row."""
        draw = self._random
        shape = draw.choice(self._shapes)
        pairs = draw.choice(shape.parameters)
        p1, p2 = draw.choice(pairs.p1), draw.choice(pairs.p2)
        if shape.takes_data:
            data = self._bytes(draw.choice(shape.lc.allowed))
            return shape.apdu(p1, p2, data, draw.choice((256, 8, 255)) if data and draw.random() < 0.2 else None)
        if shape.case is Case.RESPONSE:
            fits = shape.row.le and draw.random() < 0.8
            wanted = draw.choice(shape.le.allowed if fits else (256, 1, 8, 18, draw.randrange(256) or 256))
            return shape.apdu(p1, p2, le=wanted)
        return shape.apdu(p1, p2, le=256)

    def mutated(self) -> bytes:
        """A command with one thing wrong, or more."""
        command = bytearray(self.from_row())
        draw = self._random
        for _ in range(draw.choice((1, 1, 2, 3))):
            match draw.randrange(4):
                case 0 if command:
                    command[draw.randrange(min(5, len(command)))] = draw.randrange(256)
                case 1:
                    del command[draw.randrange(len(command) + 1) :]
                case 2:
                    command += draw.randbytes(draw.choice((1, 2, 200)))
                case _:
                    command[0:1] = bytes((draw.choice((0x00, 0x04, 0x80, 0x84, 0x90, 0xB0, 0xFF)),))
        return bytes(command)

    def select(self) -> bytes:
        """SELECT of a name or an identifier that there is."""
        draw = self._random
        if draw.random() < 0.6:
            name = draw.choice(NAMES)
            return b"\x00\xa4\x04" + bytes((draw.choice((0, 0, 0, 2)), len(name))) + name
        return b"\x00\xa4" + bytes((draw.choice((0, 0, 2)), 0, 2)) + draw.choice(FIDS)

    def next(self) -> bytes:
        """Any of these."""
        pick = self._random.random()
        if pick < 0.12:
            return self.select()
        if pick < 0.70:
            return self.from_row()
        if pick < 0.92:
            return self.mutated()
        return self._random.randbytes(self._random.choice((0, 1, 3, 4, 5, 6, 20, 261, 300)))


@dataclass
class Watched:
    """The demo card with its cells in view, and every check that each answer has to pass."""

    cells: bytearray
    model: CardModel
    secrets: "re.Pattern[bytes]"
    seen: set[tuple[str | None, str, str]] = field(default_factory=set)
    """Place, command and status word of what was answered."""
    sent: int = 0

    def __post_init__(self) -> None:
        self.ranges = self.model.ranges()
        self.before = bytes(self.cells)

    def place(self) -> Place:
        """Where the card stands."""
        slot = self.model.os.ram.current
        if slot is None:
            return Place.CARD
        environment = self.model.environments[slot]
        if isinstance(environment, Ssse):
            return Place.MEDICAL if environment.place else Place.SSSE
        return Place.PSE if environment.place == "pse" else Place.APPLICATION

    def volatile(self) -> object:
        """All RAM of the card but the data that wait for GET RESPONSE."""
        os = self.model.os
        environments = [environment.save() for environment in self.model.environments.values()]
        return (os.ram.current, os.ram.selected, os.mf.ram.copy(), environments)

    def send(self, command: bytes) -> bytes:
        """One APDU with all checks."""
        self.sent += 1
        where, place = self.place(), self.model.selected()
        ram = repr(self.volatile()) if command[1:2] in (b"\xb0", b"\xb2", b"\xca", b"\xc0", b"\xf2") else ""
        answer = self.model.transmit(command)
        assert len(answer) >= 2, command.hex()
        word = int.from_bytes(answer[-2:], "big")
        assert is_declared(where, command, word), (where, command.hex(), f"{word:04X}")
        name = next((row.name for row in where.rows if row.header == command[:2] and len(command) > 3), "")
        self.seen.add((place, name, f"{family(word) if word >> 8 == 0x63 else word:04X}"))
        assert not self.secrets.search(answer[:-2]), (command.hex(), "a secret in the answer")
        if word >> 8 == 0x6C:
            assert answer[:-2] == b""
            assert self.cells == self.before, command.hex()
            assert repr(self.volatile()) == ram, command.hex()
        elif self.cells != self.before:
            self._only_own({"cos", "journal", place, self.model.selected()}, command)
        return answer

    def _only_own(self, allowed: set[str | None], command: bytes) -> None:
        now = bytes(self.cells)
        start = 0
        for name, part in sorted(self.ranges.items(), key=lambda item: item[1].start):
            assert now[start : part.start] == self.before[start : part.start], command.hex()
            if name not in allowed:
                assert now[part.start : part.stop] == self.before[part.start : part.stop], (name, command.hex())
            start = part.stop
        assert now[start:] == self.before[start:], command.hex()
        self.before = now


TRANSACTION: Final = (
    "00A404000E" + PSE_NAME, "00B2010C00", "00A4040008" + AID, "80A800000B8309000000000010000156", "00B2010C00",
    "80AE800034000000001000000000000000015600000480000156240101001234567810150054455354204D45524348414E5420202020202020",
)  # fmt: skip


def transaction(watched: Watched, source: random.Random) -> None:
    """The first steps of a payment, as many as it happens."""
    for step in TRANSACTION[: source.randrange(1, len(TRANSACTION) + 1)]:
        command = bytes.fromhex(step)
        follow(watched, command, watched.send(command))


def all_secrets() -> "re.Pattern[bytes]":
    """Every key and PIN of the demo card, in every form in which the card holds it."""
    bench = card()
    person, mine = demo(None), secrets()
    assert bench.keys.ssse is not None
    found = [mine.transport, mine.master, mine.ssse_first, mine.ssse_final, mine.kmc]
    found += [bench.key(name) for name in bench.keys.ssse.roots] + list(bench.keys.ssse.roots.values())
    three = scp02.diversify_kmc(mine.kmc, mine.keydata)
    found += [three.enc, three.mac, three.dek]
    for name in ("MDK_AC", "MDK_MAC", "MDK_ENC"):
        found += [person.secret(name), pboc.derive_udk(person.secret(name), person.pan, PSN)]
    rsa = person.rsa("icc")
    for number in (rsa.p, rsa.q, rsa.dp, rsa.dq, rsa.qinv):
        found.append(number.to_bytes((number.bit_length() + 7) // 8, "big"))
    halves = [part for secret in found for part in (secret[:8], secret[8:16]) if len(part) == 8]
    found += [b"\x12\x34\x56", b"123456"]
    return re.compile(b"|".join(re.escape(secret) for secret in [*found, *halves]), re.DOTALL)


def authenticated(watched: Watched, key_of: Callable[[str], bytes], source: random.Random) -> None:
    """The right thing for once: an environment selected, a PIN verified or a key authenticated, a record written and
    one read."""
    watched.send(bytes.fromhex("00A404000F" + SSSE_NAME))
    if source.random() < 0.5:
        watched.send(bytes.fromhex("00A4000002DF01"))
    if source.random() < 0.4:
        watched.send(bytes.fromhex("0020000003123456"))
    reference = source.choice(list(KEYS))
    challenge = watched.send(bytes.fromhex("0084000008"))[:8]
    suite = social.Suite.SM4
    proof = social.authentication_data(suite, key_of(KEYS[reference]), challenge, ORIGINAL)
    watched.send(bytes((0x00, 0x82, 0x00, reference, 0x10)) + proof + ORIGINAL)
    watched.send(bytes((0x00, 0xDC, source.choice((1, 2, 8)), source.choice((0x2C, 0x34)), 3, 0xA1, 1, 0x55)))
    read = bytes((0x00, 0xB2, source.randrange(1, 8), 0x2C, 0x00))
    follow(watched, read, watched.send(read))


def follow(watched: Watched, command: bytes, answer: bytes) -> None:
    """What a reader does next: the announced length after 6Cxx, GET RESPONSE after most 61xx."""
    length = answer[-1] or 256
    if answer[-2] == 0x6C:
        again = watched.send(command[:4] + answer[-1:])
        assert len(again) == length + 2, command.hex()
    elif answer[-2] == 0x61 and watched.sent % 4:
        data = watched.send(b"\x00\xc0\x00\x00" + answer[-1:])
        assert len(data) == length + 2, command.hex()


def test_storm_of_apdus() -> None:
    """200,000 APDUs: no exception, declared status words, nothing outside the selected environment, no secret out.

    SSC2-9.3.1-01 (6Cxx has changed nothing), SSC2-9.4.2-01, SCHEME-008, SCHEME-010, SSC5-5.4, T0-039.
    """
    source = random.Random(SEED)
    grammars = {place: Grammar(source, place) for place in PLACES}
    bench = card(DUAL)
    original, leak = bench.cells, all_secrets()
    seen: set[tuple[str | None, str, str]] = set()
    total = 0
    for number in range(APDUS // ROUND):
        cells = bytearray(original)
        watched = Watched(cells, CardModel(Eeprom(cells), seeded(SEED + number)), leak, seen)
        assert watched.model.power_on() == b"\x3b\x6d\x00\x00" + HISTORICAL
        while watched.sent < ROUND:
            if source.random() < 0.001:
                watched.model.power_on()
                watched.before = bytes(cells)
            elif source.random() < 0.005:
                authenticated(watched, bench.key, source)
            elif source.random() < 0.005:
                transaction(watched, source)
            else:
                where = watched.place() if source.random() < 0.8 else source.choice(PLACES)
                grammar = grammars[where]
                follow(watched, command := grammar.next(), watched.send(command))
        total += watched.sent
    assert total >= APDUS
    reached = {(place, name) for place, name, word in seen if word[:2] in ("90", "61")}
    assert {("DDF1", "UPDATE RECORD"), ("DDF1", "VERIFY"), ("DDF1", "EXTERNAL AUTHENTICATE")} <= reached
    assert {(None, "GET STATUS"), ("DDF1", "READ RECORD"), ("DDF2", "READ RECORD"), ("DDF2", "GENERATE AC")} <= reached
    assert len(seen) > 100
