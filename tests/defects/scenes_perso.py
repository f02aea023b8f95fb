"""Tours through personalisation: the channel at each level, data groupings, issue, further applications, PUT KEY."""

from cardsim.crypto import scp02
from cardsim.iso7816.tlv import ber, find, parse
from cardsim.making.pse import PSE_NAME
from terminal.conformance.functions_perso import TEST_KEY
from tests.cards import AID, apdu, unhex
from tests.defects.scenes_payment import OWN
from tests.defects.tour import Tour
from tests.pse.deal import ARQC
from tests.pse.perso import ADF, SECOND_AID, SECRET, Job, adf_data, check_values, job, log_file
from tests.pse.scp import NEW, Host, put_key_data

_BLOCK = 200
_GPO = "80A800000B8309000000000010000156"
_GPO_CASH = "80A800000B8309010000000001000156"
_TEMPLATE = unhex("910202A500")


class Desk:
    """A personalisation station that sends the same whatever the card answers."""

    def __init__(self, tour: Tour, name: bytes = ADF, keys: scp02.CardKeys | None = None) -> None:
        self.tour, self.host, self.steps = tour, Host(tour.bench, keys, name), 0

    def note(self, name: str, answer: str) -> str:
        """Keep an answer; the number makes the name its own."""
        self.steps += 1
        return self.tour.note(f"{self.host.name.hex()[-2:]} {self.steps}: {name}", answer)

    def open(self, level: int) -> None:
        """A channel."""
        self.note("INITIALIZE UPDATE", self.host.initialize() + self.host.answer.hex())
        self.note(f"EXTERNAL AUTHENTICATE, level {level:02}", self.host.authenticate(level))
        self.host.block = 0

    def send(self, name: str, ins: int, p1: int, p2: int, data: bytes) -> str:
        """A command in the channel."""
        self.note(name, self.host.command(ins, p1, p2, data))
        return self.host.bench.sw

    def store(self, data: bytes, p1: int = 0) -> str:
        """STORE DATA with the next block number; 00 is the next one behind a refusal."""
        word = self.send(f"STORE DATA {data[:2].hex()}", 0xE2, p1, self.host.block, data)
        self.host.block = self.host.block + 1 if word == "9000" else 0
        return word

    def grouping(self, dgi: int, content: bytes, p1: int = 0) -> str:
        """STORE DATA of one short data grouping."""
        return self.store(self.host.grouping(dgi, content, secret=bool(p1)), p1)

    def fill(self, work: Job, *, last: bool = True) -> None:
        """A whole job."""
        session = self.host.session
        assert session is not None
        for number, (dgi, content) in enumerate(work.items(), 1):
            p1 = 0x60 if dgi in SECRET else 0
            body = scp02.dek_encrypt(session.dek, content) if p1 else content
            length = bytes((len(body),)) if len(body) < 0xFF else b"\xff" + len(body).to_bytes(2, "big")
            whole = dgi.to_bytes(2, "big") + length + body
            for at in range(0, len(whole), _BLOCK):
                ends = last and number == len(work) and at + _BLOCK >= len(whole)
                self.store(whole[at : at + _BLOCK], p1 | (0x80 if ends else 0))


def levels(tour: Tour) -> None:
    """The channel at each level, and what ends it."""
    desk = Desk(tour)
    for level in (0, 1, 3):
        desk.open(level)
        desk.store(_TEMPLATE)
        desk.store(_TEMPLATE)
    desk.open(3)
    desk.host.level = 1
    desk.store(_TEMPLATE + _TEMPLATE[:3])
    desk.open(0)
    tour.bench.select(AID)
    desk.store(_TEMPLATE)


def groupings(tour: Tour) -> None:
    """Data groupings that are refused, spread, or in another form."""
    desk = Desk(tour)
    desk.open(0)
    keys, checks = job()[0x8000], bytearray(check_values(job()[0x8000]))
    desk.store(b"\x80\x00\x30" + keys)
    desk.grouping(0x8000, keys, 0x60)
    desk.grouping(0x9000, bytes(checks))
    checks[-1] ^= 1
    desk.grouping(0x9000, bytes(checks))
    desk.grouping(0x8000, keys[:32], 0x60)
    desk.grouping(0x0301, unhex("5700"))
    desk.store(unhex("0303 04 70025700 7777 01 00"))
    desk.note("record of a refused command", tour.bench.x("00B2031C00"))
    desk.store(unhex("0301 07 700557"))
    desk.store(unhex("03010203"))
    desk.note("record in two blocks", tour.bench.x("00B2011C00"))
    desk.store(unhex("0302 FF0004 70025700"))
    desk.note("record with a long length", tour.bench.x("00B2021C00"))


def lacking(tour: Tour) -> None:
    """Last blocks while something is missing or does not fit."""
    key, desk = TEST_KEY, Desk(tour)
    parts = zip(range(0x8205, 0x8200, -1), (key.p, key.q, key.dp, key.dq, key.qinv), strict=True)
    work = {**job(), **{dgi: part.to_bytes(32, "big") for dgi, part in parts}}
    lists = [dgi for dgi, content in work.items() if dgi >> 8 < 13 and find(content, 0x70, 0x8D)]
    iad, checks = (dgi.to_bytes(2, "big") + ber(0, work[dgi])[1:] for dgi in (0x9200, 0x9000))
    desk.open(1)
    desk.send("CREATE log file", 0xE0, 0xEF, 0x0B, log_file())
    desk.fill({dgi: content for dgi, content in work.items() if dgi not in (0x9000, 0x9200)}, last=False)
    desk.store(iad, 0x80)
    desk.store(checks, 0x80)
    desk.fill({0x8203: work[0x8202], 0x8202: work[0x8203]}, last=False)
    desk.store(iad + checks, 0x80)
    desk.fill({dgi: work[dgi] for dgi in (0x8203, 0x8202)}, last=False)
    desk.fill({dgi: _without(work[dgi], 0x8D) for dgi in lists}, last=False)
    desk.store(iad + checks, 0x80)
    desk.note("GPO", tour.bench.x(_GPO))
    desk.fill({dgi: work[dgi] for dgi in lists}, last=False)
    desk.store(iad + checks)
    desk.note("GPO before the last block", tour.bench.x(_GPO))
    desk.store(iad + checks, 0x80)
    desk.note("SELECT", tour.bench.select(AID))
    desk.note("GPO once more", tour.bench.x(_GPO))


def _without(record: bytes, tag: int) -> bytes:
    """A record without one of its data objects."""
    (template,) = parse(record)
    return ber(0x70, b"".join(ber(item.tag, item.value) for item in parse(template.value) if item.tag != tag))


def jobs(tour: Tour) -> None:
    """Two applications, the second with other data, and what each of them then does."""
    values = {"9F79": "000000000700", "9F13": "0003"}
    first, other = job(values, pin="0302"), job({"9F79": "000000000900"}, pin="0303")
    desk = Desk(tour)
    desk.open(3)
    desk.send("CREATE log file", 0xE0, 0xEF, 0x0B, log_file())
    desk.fill({**first, 0x8010: unhex("123456FFFFFFFFFF")})
    _use(desk)
    second = unhex(SECOND_AID)
    base = Desk(tour, PSE_NAME)
    base.open(1)
    base.send("CREATE", 0xE0, 0xAD, 0xF2, adf_data(second, 0))
    further = Desk(tour, second)
    further.open(1)
    further.send("CREATE log file", 0xE0, 0xEF, 0x0B, log_file())
    keys = bytes(reversed(other[0x8000]))
    further.fill({**other, 0x8000: keys, 0x9000: check_values(keys)})
    _use(further)
    _use(desk)
    base.open(1)
    base.send("PUT KEY", 0xD8, 0, 0x81, put_key_data(base.host, NEW, 7))
    base.note("INITIALIZE UPDATE after PUT KEY", base.host.initialize() + base.host.answer.hex())


def _use(desk: Desk) -> None:
    """A transaction, and what the card shows."""
    bench = desk.tour.bench
    desk.note("SELECT", bench.select(desk.host.name.hex()))
    for tag in ("9F36", "9F13", "9F79", "9F17"):
        desk.note(f"GET DATA {tag}", bench.x(f"80CA{tag}00"))
    desk.note("GPO with electronic cash", bench.x(_GPO_CASH))
    bench.select(desk.host.name.hex())
    desk.note("GPO", bench.x(_GPO))
    desk.note("VERIFY", bench.x("002000800826123456FFFFFFFF"))
    desk.note("DDA", bench.x("008800000412345678"))
    desk.note("GENERATE AC", bench.x(apdu(f"80AE{ARQC:02X}00", OWN.cdol1())))


def rekeyed(tour: Tour) -> None:
    """PUT KEY on a card whose application is not yet issued."""
    desk = Desk(tour, PSE_NAME)
    desk.open(1)
    desk.send("PUT KEY", 0xD8, 0, 0x81, put_key_data(desk.host, NEW, 7))
    for name, keys in (("old", None), ("new", NEW)):
        fresh = Desk(tour, PSE_NAME, keys)
        fresh.steps = 100 if keys else 200
        fresh.open(0)
        desk.note(f"answer under the {name} keys", fresh.host.bench.sw)
