"""Messages between department and bank arrive once and in order, whatever the line does."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, MetaData

from terminal.hosts.books import open_books, transact
from terminal.hosts.line import Address, PacketLine
from terminal.hosts.server import Lines, Served, serving
from terminal.management.exchange import FULL, PACKET, Exchange, ExchangeError, Message
from terminal.management.machines import Standing
from terminal.management.records import Document
from terminal.perso.parties import Party
from tests.terminal.management.life import MODE_2, Life, person_of
from tests.terminal.management.lines import BadLine

NOW = datetime(2026, 11, 22, 10)


@dataclass
class End:
    """One party with its books."""

    party: Party
    other: Party
    applied: list[int] = field(default_factory=list)
    fails: bool = False

    def __post_init__(self) -> None:
        metadata = MetaData()
        self.exchange = Exchange(metadata, self.party, self.other)
        self.books: Engine = open_books("sqlite://", metadata)

    def tell(self, count: int = 1) -> None:
        def step(connection: Connection) -> None:
            for _ in range(count):
                self.exchange.tell(connection, "card", {"order": "001", "name": "张三"}, NOW)

        transact(self.books, step)

    def take(self, packet: bytes) -> bytes:
        return self.exchange.take(self.books, packet, self._apply)

    def _apply(self, _: Connection, message: Message) -> str:
        if self.fails:
            raise RuntimeError("out of order")
        self.applied.append(message.number)
        return "done"

    @property
    def pending(self) -> int:
        return len(transact(self.books, self.exchange.pending))


@pytest.fixture
def ends() -> tuple[End, End]:
    return End(Party.BANK, Party.DEPARTMENT), End(Party.DEPARTMENT, Party.BANK)


def test_a_message_waits_until_it_is_acknowledged(ends: tuple[End, End]) -> None:
    """What one side tells is at the other in the same step where the line is up, and waits
    visibly where it is down."""
    bank, department = ends
    bank.tell(3)
    assert bank.exchange.deliver(bank.books, lambda _: None) == 3
    assert bank.pending == 3
    assert bank.exchange.deliver(bank.books, department.take) == 0
    assert (department.applied, bank.pending) == ([1, 2, 3], 0)
    assert bank.exchange.packet(bank.books) is None


def test_what_was_rolled_back_was_never_told(ends: tuple[End, End]) -> None:
    """A message stands in the transaction of what it tells about: the one never comes without the other."""
    bank, _ = ends

    def step(connection: Connection) -> None:
        bank.exchange.tell(connection, "card", {}, NOW)
        raise KeyError

    with pytest.raises(KeyError):
        transact(bank.books, step)
    assert bank.pending == 0


@pytest.mark.parametrize("seed", range(12))
def test_a_bad_line_applies_each_message_once_and_in_order(ends: tuple[End, End], seed: int) -> None:
    """Packets and acknowledgements are lost, repeated, late and out of order: each message is applied once."""
    bank, department = ends
    line = BadLine(department.take, Random(seed), quality=0.5)
    for _ in range(15):
        bank.tell(1 + seed % 3)
        bank.exchange.deliver(bank.books, line)
    line.quality = 1
    assert bank.exchange.deliver(bank.books, line) == 0
    line.release()
    assert department.applied == list(range(1, 15 * (1 + seed % 3) + 1))
    assert line.packets > 15


def test_a_later_message_waits_for_the_earlier_one(ends: tuple[End, End]) -> None:
    """The second of two packets comes first: nothing is applied until the first is there."""
    bank, department = ends
    bank.tell(2)
    whole = json.loads(bank.exchange.packet(bank.books) or b"")
    first, second = ({**whole, "messages": [message]} for message in whole["messages"])
    answer = department.take(json.dumps(second).encode())
    assert json.loads(answer)["through"] == 0
    assert transact(department.books, department.exchange.waiting) == (2,)
    bank.exchange.acknowledge(bank.books, answer)
    assert bank.pending == 2
    bank.exchange.acknowledge(bank.books, department.take(json.dumps(first).encode()))
    assert (department.applied, bank.pending) == ([1, 2], 0)


def test_the_other_end_fails_in_the_middle(ends: tuple[End, End]) -> None:
    """What is raised while a message is applied leaves it waiting; it is applied when the failure is mended."""
    bank, department = ends
    bank.tell(2)
    department.fails = True
    with pytest.raises(RuntimeError):
        bank.exchange.deliver(bank.books, department.take)
    assert (department.applied, bank.pending) == ([], 2)
    department.fails = False
    assert bank.exchange.deliver(bank.books, department.take) == 0
    assert department.applied == [1, 2]


def test_more_than_one_packet(ends: tuple[End, End]) -> None:
    """What has piled up goes out in several packets."""
    bank, department = ends
    bank.tell(2 * PACKET + 1)
    line = BadLine(department.take, Random(1))
    assert bank.exchange.deliver(bank.books, line) == 0
    assert (line.packets, len(department.applied)) == (3, 2 * PACKET + 1)


HEAD: dict[str, Any] = {"format": "cardterm-exchange", "version": 1, "from": "bank"}
MESSAGE: dict[str, Any] = {"number": 1, "time": "2026-11-22T10:00:00", "kind": "card", "fields": {}}


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"{", "no JSON"),
        (b"[]", "no cardterm-exchange"),
        (json.dumps({**HEAD, "version": 2}).encode(), "no cardterm-exchange of version 1"),
        (json.dumps({**HEAD, "from": "department", "messages": []}).encode(), "not from the bank"),
        (json.dumps(HEAD).encode(), "without messages"),
        (json.dumps({**HEAD, "messages": [{**MESSAGE, "number": 0}]}).encode(), "no message"),
        (json.dumps({**HEAD, "messages": [{**MESSAGE, "fields": []}]}).encode(), "no message"),
    ],
)
def test_what_is_no_packet(ends: tuple[End, End], packet: bytes, why: str) -> None:
    """What is malformed, or of another party, is refused and leaves nothing behind."""
    _, department = ends
    with pytest.raises(ExchangeError, match=why):
        department.take(packet)
    assert transact(department.books, department.exchange.waiting) == ()


def test_a_number_comes_again_with_another_content(ends: tuple[End, End]) -> None:
    """A sender that gives a number twice is told so; nothing is overwritten."""
    _, department = ends
    department.take(json.dumps({**HEAD, "messages": [MESSAGE]}).encode())
    with pytest.raises(ExchangeError, match="message 1 came before"):
        department.take(json.dumps({**HEAD, "messages": [{**MESSAGE, "kind": "other"}]}).encode())
    assert department.applied == [1]


def test_what_is_no_acknowledgement(ends: tuple[End, End]) -> None:
    """Without a number nothing is taken for acknowledged; an old acknowledgement changes nothing."""
    bank, department = ends
    bank.tell()
    for through in (None, -1, True):
        with pytest.raises(ExchangeError, match="acknowledgement"):
            bank.exchange.acknowledge(
                bank.books, json.dumps({**HEAD, "from": "department", "through": through}).encode()
            )
    old = department.take(json.dumps({**HEAD, "messages": []}).encode())
    assert bank.exchange.deliver(bank.books, department.take) == 0
    bank.exchange.acknowledge(bank.books, old)
    assert bank.pending == 0


def test_large_messages_go_out_in_several_packets(ends: tuple[End, End]) -> None:
    """A packet is never longer than a line takes, and has one message at least."""
    bank, department = ends
    long = "x" * (FULL * 2 // 3)

    def step(connection: Connection) -> None:
        for _ in range(3):
            bank.exchange.tell(connection, "card", {"note": long}, NOW)

    transact(bank.books, step)
    line = BadLine(department.take, Random(1))
    assert bank.exchange.deliver(bank.books, line) == 0
    assert (line.packets, department.applied) == (3, [1, 2, 3])


def test_over_tcp() -> None:
    """SCHEME-049, SCHEME-206: both services on lines of their own: a loss at the bank is at the department in the same
    step; while nobody listens it waits, and arrives once when somebody does."""
    life = Life(MODE_2)
    order = life.active()
    department, bank = life.department, life.bank
    served = (Served("department", department.answer_line, Lines()), Served("bank", bank.answer_line, Lines()))
    with serving(*served) as places:
        lines = [PacketLine(Address(*place[1:]), patience=5) for place in places]
        bank.connect(lines[0])
        department.connect(lines[1])
        bank.written_loss(order, Document(person_of(1)))
        assert life.social(order).side.standing is Standing.WRITTEN_LOSS
        assert (bank.pending(), department.pending()) == ((), ())
        with PacketLine(Address(*places[0][1:]), patience=0.2) as impatient:
            assert impatient(b"no packet") is None
    bank.release(order, Document(person_of(1)))
    assert len(bank.pending()) == 1
    with (
        serving(Served("department", department.answer_line, Lines())) as places,
        PacketLine(Address(*places[0][1:]), patience=5) as line,
    ):
        department.connect(None)
        bank.connect(line)
        assert bank.send() == 0
        assert life.social(order).side.standing is Standing.ACTIVE
    for one in lines:
        one.close()
    events = [one.event for one in department.history(order)]
    assert events.count("release") == 2, "told once, and done once"
