"""Scenarios of personalisation as a whole: every command of a job is cut, and the job is sent again from its start."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardsim.cos.environment import MASTER_KEY_AT
from cardsim.cos.files import FileType
from cardsim.cos.masterkey import PAGE
from cardsim.crypto.scp02 import dek_encrypt
from cardsim.iso7816.tlv import ber
from cardsim.making.pse import PSE_NAME
from tests.cards import Bench, initialised, unhex
from tests.pse.perso import ADF, LABEL, SECOND_AID, SECRET, adf_data, job, log_file, pay, pse_of
from tests.pse.scp import Host
from tests.tearing.scene import AFTER, BEFORE, Act, Facts, Rule, Scenario, Scene, Setting, State, Step, has_pse
from tests.tearing.sweep import outside_journal

_BLOCK: Final = 230
_CREATE, _STORE = 0xE0, 0xE2
_LAST, _UNDER_DEK = 0x80, 0x60
_LEVEL: Final = 3
_NEIGHBOUR: Final = "memory of SSSE"
_ISSUED: Final = "GET PROCESSING OPTIONS"
_GROUPINGS: Final = "data groupings"
_REPEATED: Final = "the job, sent again from its start"
_SHOWS: Final = "PBOC-TEAR-012, PBOC-PER-028, PBOC-TEAR-013"
_SAME: Final = "gives the same card"
_GPO: Final = "80A800000B8309000000000010000156"
_SEQUENCE: Final = MASTER_KEY_AT + PAGE + 1


@dataclass(frozen=True, slots=True)
class Order:
    """One command of a job."""

    title: str
    ins: int
    p1: int
    p2: int
    data: bytes
    word: str = "9000"
    """The answer when it has taken place already and is sent again."""
    ends: bool = True
    """Whether a data grouping ends here, or a file is made: whether it writes."""


@dataclass(frozen=True, slots=True)
class Session:
    """What is sent through one channel."""

    name: bytes
    orders: tuple[Order, ...]


Plan = tuple[Session, ...]


def _blocks(work: dict[int, bytes], *, again: str) -> tuple[Order, ...]:
    """STORE DATA of whole data groupings, each in as many blocks as it needs; secrets still in clear."""
    found: list[Order] = []
    for number, (dgi, content) in enumerate(work.items(), 1):
        length = bytes((len(content),)) if len(content) < 0xFF else b"\xff" + len(content).to_bytes(2, "big")
        whole = dgi.to_bytes(2, "big") + length + content
        for at in range(0, len(whole), _BLOCK):
            last = number == len(work) and at + _BLOCK >= len(whole)
            p1 = (_UNDER_DEK if dgi in SECRET else 0) | (_LAST if last else 0)
            title = f"STORE DATA {dgi:04X}" + (f", from byte {at}" if at else "") + (", last block" if last else "")
            order = Order(title, _STORE, p1, len(found), whole[at : at + _BLOCK], again if last else "9000",
                          at + _BLOCK >= len(whole))  # fmt: skip
            found.append(order)
    return tuple(found)


def _filling(name: bytes) -> Session:
    """The log file and the whole job of an application."""
    log = Order("CREATE of the log file", _CREATE, 0xEF, 0x0B, log_file(), "6A89")
    return Session(name, (log, *_blocks(job(pin="0303"), again="6985")))


def _first() -> Plan:
    """The first application of a card: PSE with its directory, then the application."""
    entry = ber(0x4F, ADF) + ber(0x50, LABEL) + ber(0x87, b"\x01")
    directory = {0x9102: ber(0xA5, unhex("8801015F2D027A68")), 0x0101: ber(0x70, ber(0x61, entry))}
    create = Order("CREATE of the application", _CREATE, 0xAD, 0xF1, adf_data(ADF), "6A89")
    return Session(PSE_NAME, (create, *_blocks(directory, again="9000"))), _filling(ADF)


def _further() -> Plan:
    """A further application behind the first issue."""
    name = unhex(SECOND_AID)
    create = Order("CREATE of the application", _CREATE, 0xAD, 0xF2, adf_data(name, 0), "6A89")
    return Session(PSE_NAME, (create,)), _filling(name)


def _opened(bench: Bench, name: bytes) -> Host | None:
    """A channel, where the application still opens one."""
    host = Host(bench, name=name)
    if host.initialize() != "9000":
        return None
    host.authenticate(_LEVEL)
    return host


def _sealed(host: Host, order: Order) -> bytes:
    assert host.session is not None
    secret = order.ins == _STORE and order.p1 & _UNDER_DEK
    data = order.data[:3] + dek_encrypt(host.session.dek, order.data[3:]) if secret else order.data
    return host.sealed(order.ins, order.p1, order.p2, data)


def _send(bench: Bench, session: Session, until: int) -> Host | None:
    """The first commands of a session."""
    host = _opened(bench, session.name)
    for order in session.orders[:until] if host is not None else ():
        assert host is not None
        bench.send(_sealed(host, order))
    return host


def _send_all(bench: Bench, plan: Plan) -> None:
    for session in plan:
        _send(bench, session, len(session.orders))


def _without_sequence(bench: Bench) -> bytes:
    """All cells but the journal's and the sequence counter of the channel, which each session raises."""
    cells, ranges = bytearray(bench.cells), bench.model.ranges()
    at = ranges["DDF2"].start + _SEQUENCE
    cells[at : at + 2] = bytes(2)
    journal = ranges["journal"]
    return bytes(cells[: journal.start] + cells[journal.stop :])


class _Job:
    """A job on a card of its own: where it is cut, and what one looks at."""

    def __init__(self, bench: Bench, plan: Plan) -> None:
        self.bench, self.plan, self.name = bench, plan, plan[-1].name
        bench.power_on()
        self.fresh = bench.model.snapshot()
        _send_all(bench, plan)
        bench.power_on()
        self.wanted, self.complete = _without_sequence(bench), self._groupings()
        bench.model.restore(self.fresh)
        self.neighbour = self._ssse()
        self.known: dict[bytes, str] = {}

    def steps(self) -> tuple[Step, ...]:
        """Every command that writes: the blocks that only begin a data grouping change nothing but RAM."""
        return tuple(
            Step(
                order.title, self._start(number, at), (State(BEFORE), State(AFTER, order.word)),
                fresh=lambda: self.bench.model.restore(self.fresh),
            )
            for number, session in enumerate(self.plan)
            for at, order in enumerate(session.orders)
            if order.ends
        )  # fmt: skip

    def _start(self, number: int, at: int) -> Callable[[], Act]:
        """The job from its start up to one command; an issued application takes none any more."""

        def start() -> Act:
            for session in self.plan[:number]:
                _send(self.bench, session, len(session.orders))
            host = _send(self.bench, self.plan[number], at)
            command = bytes.fromhex("80E2000003910200") if host is None else _sealed(host, self.plan[number].orders[at])
            return lambda: self.bench.send(command)[-2:].hex().upper()

        return start

    def look(self) -> Facts:
        """Application, channel, data groupings, the neighbour, and what the job leads to when it is repeated."""
        bench = self.bench
        facts = {"SELECT": bench.select(self.name.hex()), "channel": Host(bench, name=self.name).initialize()}
        state = bench.model.snapshot()
        facts[_ISSUED] = bench.x(_GPO)
        bench.model.restore(state)
        facts |= {_GROUPINGS: self._groupings(), _NEIGHBOUR: self._ssse(), "card": bench.status()}
        return facts | {_REPEATED: self._repeated()}

    def _repeated(self) -> str:
        """Whether the whole job leads from here to the card that it should make: tried once for the same cells."""
        cells = outside_journal(self.bench)
        if cells not in self.known:
            state = self.bench.model.snapshot()
            _send_all(self.bench, self.plan)
            self.bench.power_on()
            self.known[cells] = _SAME if _without_sequence(self.bench) == self.wanted else "gives another card"
            self.bench.model.restore(state)
        return self.known[cells]

    def _groupings(self) -> str:
        """All files of PSE and its applications, as a hash of what they hold."""
        pse = pse_of(self.bench)
        found = hashlib.sha256()
        for file in pse.files.index.files:
            found.update(f"{file.parent} {file.fid:04X} {file.type}".encode())
            if file.type is FileType.OBJECT:
                found.update(pse.partition.read(file.offset, file.length))
        return found.hexdigest()[:16]

    def _ssse(self) -> str:
        part = self.bench.model.ranges()["DDF1"]
        return hashlib.sha256(self.bench.cells[part.start : part.stop]).hexdigest()[:16]

    def scene(self) -> Scene:
        """The scene of the whole job."""
        rules = (
            Rule("the other environment is what it was", lambda facts: facts[_NEIGHBOUR] == self.neighbour),
            Rule("not issued before all its data are there",
                 lambda facts: facts[_ISSUED][-4:] != "9000" or facts[_GROUPINGS] == self.complete),
            Rule("the job can be repeated from its start, and makes the same card",
                 lambda facts: facts[_REPEATED] == _SAME),
        )  # fmt: skip
        return Scene(self.bench, self.steps(), self.look, rules)


def _whole(_setting: Setting) -> Scene:
    return _Job(initialised(), _first()).scene()


def _another(_setting: Setting) -> Scene:
    return _Job(pay(), _further()).scene()


SCENARIOS: Final = (
    Scenario("pse-job", "A whole job on a new card, each command of it.", _SHOWS, _whole, needs=has_pse),
    Scenario("pse-job-further", "A whole job for a further application, behind the first issue.",
             f"{_SHOWS}, D7", _another, needs=has_pse),
)  # fmt: skip
