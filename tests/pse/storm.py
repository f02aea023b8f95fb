"""A storm on the payment environment: commands made of rows, of right and wrong MACs and of noise, and what must hold
after each of them, whatever it was."""

import random
import re
from dataclasses import dataclass, field
from typing import Final

from cardsim.assembly import CardModel, seeded
from cardsim.chip.eeprom import Eeprom
from cardsim.chip.faults import PageFailurePlan, PowerCutPlan
from cardsim.control import ModelState
from cardsim.cos.files import FileType, Flag
from cardsim.crypto import ciphers, pboc, scp02
from cardsim.iso7816 import tlv
from cardsim.pse import application as layout
from cardsim.pse.choices import Choice
from cardsim.pse.environment import Pse
from cardsim.shapes import Place, is_declared
from tests.cards import AID, PSE_NAME, SSSE_NAME, secrets, unhex
from tests.cos.test_random import Grammar
from tests.pse.perso import ADF, bank_card, job, rsa
from tests.pse.scp import card_keys

GET_RESPONSE: Final = b"\x00\xc0"
_TEMPLATES: Final = frozenset({b"\x00\xa4", b"\x80\xa8", b"\x80\xca", b"\x80\xae", b"\x00\x88"})
"""Commands whose whole answer is one data object."""
_MEMORY_FAILURE, _BLOCKED = 0x6581, 0x6A81
PIN_BLOCK: Final = unhex("26123456FFFFFFFF")


def leaks() -> "re.Pattern[bytes]":
    """Every key of the application and of the channel, whole or by halves, and the PIN block."""
    udks = bank_card().udks()
    found = [PIN_BLOCK, *bank_card().mdks, udks[:16], udks[16:32], udks[32:]]
    keys = card_keys()
    found += [secrets().kmc, keys.enc, keys.mac, keys.dek]
    halves = [part for key in found for part in (key[:8], key[8:16]) if len(part) == 8]
    key = rsa("icc")
    parts = [n.to_bytes((n.bit_length() + 7) // 8, "big") for n in (key.p, key.q, key.dp, key.dq, key.qinv)]
    return re.compile(b"|".join(map(re.escape, [*halves, *parts])), re.DOTALL)


LEAKS: Final = leaks()


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands in the cells of the application that the storm looks after."""

    issued: bool
    atc: int
    tries: int
    balance: bytes


@dataclass
class Watched:
    """A card with every check that each answer has to pass."""

    model: CardModel
    sent: int = 0
    transactions: int = 0
    """GET PROCESSING OPTIONS that were answered."""
    words: set[tuple[str, int]] = field(default_factory=set)
    cryptograms: dict[int, int] = field(default_factory=dict)
    """ATC of each cryptogram, with the number of its transaction."""
    faulty: bool = False
    """A fault is on the bus, or was since the last reset."""
    last: bytes = b""
    data: bytes = b""

    def __post_init__(self) -> None:
        self.pse: Pse
        self.look_again()

    def look_again(self) -> None:
        """After the cells have changed as a whole."""
        self.pse = next(each for each in self.model.environments.values() if isinstance(each, Pse))
        enciphered = bool(self.pse.choices & Choice.ENCIPHERED_PIN)
        self.application = Place.ENCIPHERED if enciphered else Place.APPLICATION
        self.ranges = self.model.ranges()
        self.ssse = self.part("DDF1")
        self.cryptograms.clear()
        self.seen = self.look()

    def part(self, name: str) -> bytes:
        """The cells of an environment."""
        place = self.ranges[name]
        return bytes(self.model.eeprom.memory[place.start : place.stop])

    def adf(self) -> bytes | None:
        """The directory entry of the application, raw."""
        cells = self.part("DDF2")
        for number in range(cells[4]):
            entry = cells[192 + 32 * number : 224 + 32 * number]
            at = int.from_bytes(entry[6:10], "big")
            if entry[0] == FileType.DF and cells[at : at + len(ADF)] == ADF:
                return bytes((number,)) + entry
        return None

    def look(self) -> Seen:
        """Counters as they stand in the cells, read past everything that is kept."""
        cells, adf = self.part("DDF2"), self.adf()
        if adf is None:
            return Seen(issued=False, atc=0, tries=0, balance=b"")
        at = next(
            int.from_bytes(entry[6:10], "big")
            for entry in (cells[place : place + 32] for place in range(192, 192 + 32 * cells[4], 32))
            if entry[2:4] == b"\xff\x01" and entry[5] == adf[0]
        )
        counters = cells[at : at + 32]
        balance = counters[layout.BALANCE_AT : layout.BALANCE_AT + 6]
        return Seen(bool(adf[2] & 2), int.from_bytes(counters[:2], "big"), counters[layout.PIN_TRIES_AT], balance)

    @property
    def blocked(self) -> bool:
        """Whether the environment's flag says so."""
        return bool(self.part("DDF2")[3] & Flag.BLOCKED)

    # --- one command ---------------------------------------------------------------------------------------------

    def send(self, command: bytes, *, right: bool = False) -> bytes:
        """One APDU with all checks; `right`: it is a script that was made with the right MAC."""
        self.sent += 1
        here = self.model.selected() == "DDF2"
        where = Place.PSE if self.pse.place == "pse" else self.application
        answer = self.model.transmit(command)
        if not answer:
            assert self.faulty, command.hex()
            self.recover()
            return b"\0\0"
        word = int.from_bytes(answer[-2:], "big")
        if here:
            self._word(command, where, word)
        self._answer(command, answer, word)
        self._cells(command, word, right=right)
        return answer

    def _word(self, command: bytes, where: Place, word: int) -> None:
        name = next((row.name for row in where.rows if row.header == command[:2] and len(command) > 3), "")
        self.words.add((name, word & 0xFF00 if word >> 8 in (0x61, 0x6C, 0x63) else word))
        if word == _MEMORY_FAILURE and self.faulty:
            return
        if word == _BLOCKED:
            assert self.blocked, command.hex()
        else:
            assert is_declared(where, command, word), (command.hex(), f"{word:04X}")

    def _answer(self, command: bytes, answer: bytes, word: int) -> None:
        assert not LEAKS.search(answer[:-2]), command.hex()
        if command[:2] != GET_RESPONSE:
            self.last, self.data = command, b""
        self.data += answer[:-2]
        if word == 0x9000 and self.last[:2] in _TEMPLATES and self.model.selected() == "DDF2":
            (only,) = tlv.parse(self.data)
            assert not only.constructed or list(tlv.walk(only.value))
            if self.last[:2] == b"\x80\xae":
                self._cryptogram(only)

    def _cryptogram(self, answer: tlv.Tlv) -> None:
        flat = answer.value if answer.tag == 0x80 else None
        atc = flat[1:3] if flat else tlv.find(answer.value, 0x9F36)
        assert atc is not None
        number = int.from_bytes(atc, "big")
        assert self.cryptograms.setdefault(number, self.transactions) == self.transactions, atc.hex()

    def _cells(self, command: bytes, word: int, *, right: bool) -> None:
        assert self.part("DDF1") == self.ssse, command.hex()
        done = word == 0x9000 or word >> 8 == 0x61
        if done and command[:2] == b"\x80\xa8":
            self.transactions += 1
        before, now = self.seen, self.look()
        self.seen = now
        if not before.issued:
            return
        assert now.issued, command.hex()
        assert before.atc <= now.atc <= 0xFFFE, command.hex()
        assert now.atc == before.atc or command[:2] == b"\x80\xa8", command.hex()
        if now.tries > before.tries:
            verified = command[:2] == b"\x00\x20" or (right and command[:2] == b"\x84\x24")
            assert verified, command.hex()
            assert word == 0x9000 or self.faulty, command.hex()
        if now.balance != before.balance and not self.faulty:
            spent = done and command[:2] == b"\x80\xae" and now.balance < before.balance
            assert spent or (done and right and command[:4] == b"\x04\xda\x9f\x79"), command.hex()

    # --- faults --------------------------------------------------------------------------------------------------

    def disturb(self, draw: random.Random) -> None:
        """Put a fault on the bus."""
        self.faulty = True
        if draw.random() < 0.5:
            self.model.attach(PowerCutPlan(draw.randrange(8), draw.choice((None, 0, 1, 30))))
        else:
            pick = draw.randrange(4)
            self.model.attach(PageFailurePlan(lambda page: page % 4 == pick or pick == 3, draw.choice((1, 2, None))))

    def recover(self) -> None:
        """The supply comes back, and the memory works again."""
        self.model.mend()
        assert self.model.power_on()
        self.faulty = False
        now = self.look()
        assert now.atc >= self.seen.atc or not self.seen.issued
        self.seen = now

    def selectable(self) -> None:
        """After a reset the application is there, unless the environment is blocked."""
        self.recover()
        answer = self.model.transmit(unhex("00A4040008" + AID))
        allowed = {0x6A} if self.blocked else {0x61, 0x62}
        assert answer[0] in allowed, answer.hex()


def card_of(cells: bytes, seed: int) -> CardModel:
    """A card with these cells."""
    return CardModel(Eeprom(bytearray(cells)), seeded(seed))


# --- commands ----------------------------------------------------------------------------------------------------

_NAMES: Final = [unhex(name) for name in (AID, AID, AID, PSE_NAME, SSSE_NAME, "A000000333", "A00000033301010177")]
_LISTS: Final = ("", "9F3704", "9F0200", "9F02FF", "9F0282FFFF", "9F", "FFFFFFFF", "9F0206" * 9, "9F0206" * 60)
_AFLS: Final = ("", "00", "FFFFFFFF", "08010000", "080102FF", "08000100", "F8010100", "08010100" * 40)


def bomb(depth: int) -> bytes:
    """Templates inside templates."""
    value = b""
    for _ in range(depth):
        value = tlv.ber(0x70, value)
    return value


def spoil(content: bytes, draw: random.Random) -> bytes:
    """Content with something wrong in it."""
    raw = bytearray(content)
    at = draw.randrange(len(raw)) if raw else 0
    match draw.randrange(7):
        case 0 if raw:
            raw[at] = draw.choice((0x00, 0x7F, 0x80, 0x81, 0x82, 0xFF, draw.randrange(256)))
        case 1:
            del raw[at:]
        case 2:
            raw[at:at] = draw.randbytes(draw.choice((1, 2, 60)))
        case 3:
            raw += bytes(raw)
        case 4 if raw:
            raw[at] ^= 1 << draw.randrange(8)
        case 5:
            return bomb(draw.choice((1, 2, 40)))
        case _:
            return draw.randbytes(draw.choice((0, 1, 2, 7, 8, 48, 250)))
    return bytes(raw)


def other_value(content: bytes, draw: random.Random) -> bytes:
    """A template one of whose data objects has another value, all lengths being right."""
    items = tlv.parse(content)
    if not items:
        return content
    chosen = draw.randrange(len(items))
    out = b""
    for number, item in enumerate(items):
        value = item.value
        if number == chosen:
            if item.constructed:
                value = other_value(value, draw)
            elif item.tag in (0x8C, 0x8D, 0x9F38, 0x9F49, 0x9F4F):
                value = unhex(draw.choice(_LISTS)) if draw.random() < 0.5 else value + unhex(draw.choice(_LISTS))
            elif item.tag == 0x94:
                value = unhex(draw.choice(_AFLS))
            else:
                value = draw.choice((b"", value[:-1], value + b"\0", draw.randbytes(len(value)), bytes(len(value))))
        out += tlv.ber(item.tag, value)
        if number == chosen and draw.random() < 0.2:
            out += tlv.ber(item.tag, draw.randbytes(draw.choice((0, 1, 6, 60))))
    return out


class Sender:
    """Draws the next command for a card, knowing all its keys."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self._level = Grammar(draw, Place.PSE)
        self._application = Grammar(draw, Place.ENCIPHERED)
        self._job = job(pin="0303")
        udks = bank_card().udks()
        self._ac, self._mac, self._enc = udks[:16], udks[16:32], udks[32:]

    def next(self, card: Watched) -> tuple[bytes, bool]:
        """A command, and whether it is a script with the right MAC."""
        draw, pse = self.draw, card.pse
        pick = draw.random()
        if pick < 0.04 or card.model.selected() != "DDF2":
            name = draw.choice(_NAMES)
            return b"\x00\xa4\x04" + bytes((draw.choice((0, 0, 0, 2)), len(name))) + name, False
        channel = pse.ram.channel
        if pick < (0.07 if channel.open else 0.30):
            return (self._level if pse.place == "pse" else self._application).next(), False
        if channel.open and pick < 0.95:
            return self._in_channel(pse), False
        if pick < 0.5 and not pse.application().df.issued:
            return self._opening(pse), False
        if pse.place == "pse":
            return self._level.from_row(), False
        return self._in_transaction(card) if pick < 0.7 else self._script(card)

    # --- transactions --------------------------------------------------------------------------------------------

    def _lengths(self, pse: Pse) -> tuple[int, int, int]:
        application = pse.application()
        if not application.df.issued:
            return 9, 52, 34
        parameters = application.parameters
        return parameters.pdol.length, parameters.cdol1.length, parameters.cdol2.length

    def _in_transaction(self, card: Watched) -> tuple[bytes, bool]:
        draw, (pdol, cdol1, cdol2) = self.draw, self._lengths(card.pse)
        wish = draw.choice((0x00, 0x40, 0x40, 0x80, 0x80, 0x50, 0x90))
        amount = draw.choice((0, 1, 1000, 1000, 99999, 10**12 - 1))
        match draw.choice("ggggpp1111222vvixrdc"):
            case "g":
                values = (
                    bytes((draw.choice((0, 1, 1)),)) + unhex(f"{amount:012d}") + draw.choice((b"\1\x56", b"\x08\x40"))
                )
                body = values.ljust(pdol, b"\0")[:pdol]
                return self._command("80A80000", b"\x83" + bytes((pdol & 0xFF,)) + body), False
            case "p":
                return self._command(f"80AE{wish:02X}00", draw.randbytes(draw.choice((cdol1, cdol2, 0, 255)))), False
            case "1":
                told = card.pse.ram.transaction.pdol_data[1:7] or unhex(f"{amount:012d}")
                body = told + bytes(6) + unhex("015600000000000156") + draw.randbytes(255)
                return self._command(f"80AE{wish:02X}00", body[: min(cdol1, 255)]), False
            case "2":
                code = draw.choice((b"00", b"00", b"05", b"Y3", b"Z3", b"Y1", b"\0\0"))
                body = code + unhex(f"{amount:012d}") + bytes(6) + unhex("015600000000000156") + draw.randbytes(255)
                return self._command(f"80AE{wish:02X}00", body[: min(cdol2, 255)]), False
            case "v":
                block = draw.choice((PIN_BLOCK, PIN_BLOCK, unhex("24111111FFFFFFFF"), draw.randbytes(8)))
                return self._command("00200080", block), False
            case "i":
                return self._command("00880000", draw.randbytes(draw.choice((4, 4, 4, 0, 5)))), False
            case "x":
                return self._command("00820000", self._arpc(card)), False
            case "r":
                return b"\x00\xb2" + bytes((draw.randrange(1, 12), draw.choice((1, 2, 3, 11, 13)) << 3 | 4, 0)), False
            case "d":
                return b"\x80\xca\x9f" + bytes((draw.randrange(0x10, 0x80), draw.choice((0, 5, 9)))), False
            case _:
                return b"\x00\xc0\x00\x00" + bytes((draw.randrange(256),)), False

    @staticmethod
    def _command(header: str, data: bytes) -> bytes:
        return unhex(header) + bytes((len(data) & 0xFF,)) + data[:255]

    def _arpc(self, card: Watched) -> bytes:
        transaction, code = card.pse.ram.transaction, self.draw.choice((b"00", b"05"))
        if len(transaction.cryptogram) != 8 or self.draw.random() < 0.3:
            return self.draw.randbytes(10)
        session = pboc.session_key(self._ac, card.seen.atc)
        return pboc.arpc(session, transaction.cryptogram, code) + code

    # --- scripts -------------------------------------------------------------------------------------------------

    def _script(self, card: Watched) -> tuple[bytes, bool]:
        draw, (header, data) = self.draw, self._order(card)
        chain = card.pse.ram.transaction.script_chain
        head = unhex(header) + bytes(((len(data) + 4) & 0xFF,))
        if len(chain) != 8 or len(data) > 251 or draw.random() < 0.15:
            return self._command(header, data[:200] + draw.randbytes(draw.choice((4, 4, 0, 3)))), False
        mac = pboc.script_mac(pboc.session_key(self._mac, card.seen.atc), head, card.seen.atc, chain, data)
        return head + data + mac, True

    def _order(self, card: Watched) -> tuple[str, bytes]:
        """Header and data of a script."""
        draw = self.draw
        pick = draw.random()
        if pick < 0.08:
            return draw.choice(("841E0000", "84180000", "84180000", "84160000")), b""
        if pick < 0.20:
            return draw.choice((("84240000", b""), ("84240001", draw.randbytes(16)), ("84240002", draw.randbytes(16))))
        if pick < 0.30:
            session = pboc.session_key(self._enc, card.seen.atc)
            plain = draw.choice((b"", b"\xff" * 8, draw.randbytes(8), draw.randbytes(7)))
            framed = (bytes((len(plain),)) + plain + b"\x80").ljust(16, b"\0")
            return "84240002", scp02.dek_encrypt(session, framed)
        if pick < 0.65:
            tag = draw.choice((0x9F79, 0x9F79, 0x9F77, 0x9F58, 0x9F54, 0x9F73, 0x9F75, draw.randrange(0x9F10, 0x9F80)))
            value = draw.choice((unhex("000000010000"), unhex("00000000FF00"), b"\0", b"\xff", b"", draw.randbytes(4)))
            return f"04DA{tag:04X}", value
        number, sfi = draw.randrange(1, 9), draw.choice((1, 2, 3, 11, 13, 14, 31))
        present = self._job.get(sfi << 8 | number, b"\x70\0")
        changed = other_value(present, draw) if draw.random() < 0.6 else spoil(present, draw)
        return f"04DC{number:02X}{(sfi << 3 | 4) & 0xFF:02X}", changed

    # --- personalisation -----------------------------------------------------------------------------------------

    def _opening(self, pse: Pse) -> bytes:
        """INITIALIZE UPDATE, or EXTERNAL AUTHENTICATE with what it asks for."""
        draw, channel = self.draw, pse.ram.channel
        if channel.keys is None or channel.open:
            return self._command("80500000", draw.randbytes(8))
        sequence = pse.master.sequence.to_bytes(2, "big")
        proof = scp02.host_cryptogram(channel.keys.enc, channel.host_challenge, sequence, channel.card_challenge)
        head = bytes((0x84, 0x82, draw.choice((0, 1, 3, 3)), 0, 16))
        mac = scp02.command_mac(channel.keys.mac, head + proof, bytes(8))
        return head + proof + (mac if draw.random() < 0.9 else draw.randbytes(8))

    def _in_channel(self, pse: Pse) -> bytes:
        draw, channel = self.draw, pse.ram.channel
        ins, p1, p2, data = self._content(pse)
        if not channel.level or channel.keys is None:
            return bytes((0x80, ins, p1, p2, len(data) & 0xFF)) + data[:255]
        mac = scp02.command_mac(
            channel.keys.mac, bytes((0x84, ins, p1, p2, (len(data) + 8) & 0xFF)) + data,
            scp02.encrypt_icv(channel.keys.mac, channel.mac),
        )  # fmt: skip
        if draw.random() < 0.02:
            mac = draw.randbytes(8)
        body = data
        if channel.level == 3:
            padded = data + b"\x80"
            body = ciphers.des_cbc_encrypt(channel.keys.enc, padded + bytes(-len(padded) % 8))
        body = (body + mac)[:255]
        return bytes((0x84, ins, p1, p2, len(body))) + body

    def _content(self, pse: Pse) -> tuple[int, int, int, bytes]:
        draw, channel = self.draw, pse.ram.channel
        pick = draw.random()
        if pick < 0.1:
            form = draw.choice(("2E0A2D00000000FF0000000B", "2E000000000000FF0000000B", "38FFFF000000FFFFA000000333AA"))
            return 0xE0, draw.choice((0xEF, 0xFF, 0x01, 0x80)), draw.choice((0x0B, 0x01, 0x00)), unhex(form)
        if pick < 0.13:
            return 0xD8, 0, 0x81, draw.randbytes(67)
        dgi, content = draw.choice(list(self._job.items()))
        if draw.random() < 0.1:
            dgi = draw.choice((0x0D01, 0x0E01, 0x0100, 0x1F01, 0xFF01, 0xFFFF, 0x8000, 0xEF0B, 0x9103, 0x0105))
        if draw.random() < 0.5:
            content = spoil(content, draw)
        secret = channel.keys is not None and dgi in (0x8000, 0x8010, *range(0x8201, 0x8206))
        if secret and channel.keys is not None:
            content = scp02.dek_encrypt(channel.keys.dek, content.ljust(-(-len(content) // 8) * 8, b"\0"))
        length = draw.choice((len(content),) * 9 + (0xFE,))
        head = dgi.to_bytes(2, "big") + (bytes((length,)) if length < 0xFF else b"\xff" + length.to_bytes(2, "big"))
        block = channel.block if draw.random() < 0.97 else draw.randrange(256)
        return 0xE2, (0x60 if secret else 0) | (0x80 if draw.random() < 0.05 else 0), block, (head + content)[:230]


def storm(card: Watched, sender: Sender, count: int) -> None:
    """So many commands, the reader following 6Cxx and most 61xx."""
    draw = sender.draw
    for _ in range(count):
        command, right = sender.next(card)
        answer = card.send(command, right=right)
        if answer[-2] == 0x6C:
            length = answer[-1] or 256
            again = card.send(command[:4] + answer[-1:])
            assert len(again) == length + 2 or card.faulty, command.hex()
        while answer[-2] == 0x61 and draw.random() < 0.95:
            answer = card.send(b"\x00\xc0\x00\x00" + answer[-1:])


def replayed(card: Watched, twin: CardModel, sender: Sender, count: int) -> None:
    """From here on, the same commands to this card, to it once more from a snapshot, and to another card that was
    something else before: the same answers (D15)."""
    state: ModelState = card.model.snapshot()
    sent: list[bytes] = []
    transmit = card.model.os.transmit
    answers: list[bytes] = []

    def noted(command: bytes) -> bytes:
        sent.append(command)
        answers.append(transmit(command))
        return answers[-1]

    card.model.transmit = noted
    storm(card, sender, count)
    card.model.transmit = transmit
    end = card.model.state_key()
    for model in (card.model, twin):
        model.restore(state)
        for number, command in enumerate(sent):
            assert model.transmit(command) == answers[number], (model is twin, number, command.hex())
        assert model.state_key() == end
