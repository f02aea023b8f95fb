"""The switch: routing, PIN zones, what happens when a bank is not reached, totals and clearing of two banks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from terminal.hosts.books import open_books
from terminal.hosts.network import load_network
from terminal.hosts.switch import Member, Switch
from terminal.hosts.switchbook import DIRECTIONS, METADATA
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind, Totals, TransactionType
from terminal.security import PinCipher
from tests.terminal.hosts.test_iso8583 import PURCHASE

NETWORK = load_network()
ZONE = PinCipher(b"zone of the swit")
ISSUER, OTHER = "01020000", "03010000"
OWN_PAN, OTHER_PAN = "6214672500000000056", "6214682500000000056"
OWN, FOREIGN = "CARDTERM", "OTHER001"
"""Terminals of the issuing bank and of the other one."""
DAY = "20261121"
REVERSAL = MessageKind.REVERSE


@dataclass
class Bank:
    """A bank that approves, unless told otherwise. `lost`: it works, and its answer is lost."""

    zone: PinCipher
    reached: bool = True
    lost: bool = False
    decide: Callable[[HostMessage], str] = lambda _message: "00"
    asked: list[HostMessage] = field(default_factory=list)
    posted: dict[tuple[str, str, int, str], int] = field(default_factory=dict)
    """Approved and not reversed."""
    reversed: set[tuple[str, str, int]] = field(default_factory=set)

    def handle(self, message: HostMessage) -> HostAnswer | None:
        if not self.reached:
            return None
        self.asked.append(message)
        arc = self._book(message)
        if self.lost:
            self.lost = False
            return None
        return HostAnswer(arc, message.chip_data[:3], reference=f"{message.trace:012d}")

    def _book(self, message: HostMessage) -> str:
        arc = self.decide(message)
        if message.kind is REVERSAL:
            self.reversed.add(message.key)
            self.posted.pop((*message.key, "online"), None)
            return "00"
        if message.kind is MessageKind.AUTHORISE and message.key in self.reversed:
            return "05"
        if arc == "00" and message.kind in (MessageKind.AUTHORISE, MessageKind.UPLOAD):
            way = "online" if message.kind is MessageKind.AUTHORISE else "offline"
            self.posted[(*message.key, way)] = message.amount
        return arc


@dataclass
class Scene:
    """A switch between two banks."""

    url: str = "sqlite://"

    def __post_init__(self) -> None:
        self.banks = {ISSUER: Bank(PinCipher(b"zone of bank one")), OTHER: Bank(PinCipher(b"zone of bank two"))}
        self.books = open_books(self.url, METADATA)
        self.restart()

    def restart(self) -> None:
        members = {code: Member(bank, bank.zone) for code, bank in self.banks.items()}
        self.switch = Switch(NETWORK, members, ZONE, self.books)

    def arc(self, message: HostMessage) -> str:
        answer = self.switch.handle(message)
        assert answer is not None
        return answer.arc

    def net(self, day: str = DAY) -> dict[str, int]:
        return self.switch.clear(day).net


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_routing_by_bin(scene: Scene) -> None:
    """SCHEME-045: a request of another bank's terminal is routed by BIN to the issuer, and to no one else."""
    assert scene.arc(replace(PURCHASE, terminal=FOREIGN)) == "00"
    assert scene.arc(replace(PURCHASE, pan=OTHER_PAN)) == "00"
    assert [message.pan for message in scene.banks[ISSUER].asked] == [OWN_PAN]
    assert [message.pan for message in scene.banks[OTHER].asked] == [OTHER_PAN]


def test_strangers(scene: Scene) -> None:
    """A card of no bank is declined with 15, a terminal of no bank with 97; no bank hears of them."""
    assert scene.arc(replace(PURCHASE, pan="4000000000000002")) == "15"
    assert scene.arc(replace(PURCHASE, terminal="STRANGER")) == "97"
    assert not any(bank.asked for bank in scene.banks.values())


def test_chip_data_pass_through(scene: Scene) -> None:
    """SCHEME-046: at a terminal of another bank the issuer gets the message as the terminal sent it, and the terminal
    the chip data of the issuer."""
    message = replace(PURCHASE, terminal=FOREIGN, pin_block=None)
    answer = scene.switch.handle(message)
    assert scene.banks[ISSUER].asked == [message]
    assert answer == HostAnswer("00", message.chip_data[:3], reference="000000000017")


def test_pin_zones(scene: Scene) -> None:
    """A PIN block reaches each bank under the key of that bank's zone."""
    block, new = ZONE.encipher("123456", OWN_PAN), ZONE.encipher("654321", OWN_PAN)
    scene.switch.handle(replace(PURCHASE, pin_block=block, new_pin_block=new))
    zone, asked = scene.banks[ISSUER].zone, scene.banks[ISSUER].asked[0]
    assert asked.pin_block == zone.encipher("123456", OWN_PAN)
    assert asked.new_pin_block == zone.encipher("654321", OWN_PAN)


def test_both_banks_are_settled(scene: Scene) -> None:
    """SCHEME-045: each kind of transaction between the banks moves between them what it must, own cards nothing."""
    for trace, kind in enumerate(TransactionType):
        scene.arc(replace(PURCHASE, terminal=FOREIGN, transaction=kind, amount=1 << trace, trace=trace))
        scene.arc(replace(PURCHASE, terminal=OWN, transaction=kind, amount=10_000, trace=trace))
    owed = sum(DIRECTIONS[kind].value << trace for trace, kind in enumerate(TransactionType))
    assert owed == 1 + 2 - 4 - (1 << list(TransactionType).index(TransactionType.LOAD_CASH))
    assert scene.net() == {ISSUER: -owed, OTHER: owed}
    assert scene.switch.audit() == []


def test_the_clearing_file(scene: Scene) -> None:
    """SCHEME-044: the file's totals are those of the approved transactions, without what was declined or reversed."""
    scene.banks[ISSUER].decide = lambda message: "51" if message.trace == 3 else "00"
    for trace in (1, 2, 3):
        scene.arc(replace(PURCHASE, terminal=FOREIGN, trace=trace, amount=100 * trace))
    scene.arc(replace(PURCHASE, terminal=FOREIGN, trace=2, amount=200, kind=REVERSAL))
    scene.arc(replace(PURCHASE, terminal=OWN, trace=1, amount=7, kind=MessageKind.UPLOAD))
    scene.arc(replace(PURCHASE, terminal=OWN, trace=4, amount=9, pan=OTHER_PAN, transaction=TransactionType.CASH))
    assert scene.switch.clear(DAY).text() == (
        "H,20261121\n"
        f"D,20261121,CARDTERM,000001,offline,PURCHASE,7,{ISSUER},{ISSUER},{OWN_PAN},000000000001\n"
        f"D,20261121,CARDTERM,000004,online,CASH,9,{ISSUER},{OTHER},{OTHER_PAN},000000000004\n"
        f"D,20261121,OTHER001,000001,online,PURCHASE,100,{OTHER},{ISSUER},{OWN_PAN},000000000001\n"
        f"T,{ISSUER},2,2,-91\n"
        f"T,{OTHER},1,1,91\n"
        "E,3,116\n"
    )


def test_clearing_twice(scene: Scene) -> None:
    """A day that was cleared stays as it was; what comes later is in the next file, a reversal as a correction."""
    foreign = replace(PURCHASE, terminal=FOREIGN, amount=100)
    scene.arc(foreign)
    first = scene.switch.clear(DAY)
    scene.arc(replace(foreign, kind=REVERSAL))
    scene.arc(replace(foreign, trace=18, amount=5))
    assert scene.switch.clear(DAY) == first
    second = scene.switch.clear("20261122")
    assert [(one.way.value, one.amount) for one in second.transactions] == [("correction", -100), ("online", 5)]
    assert second.net == {ISSUER: 95, OTHER: -95}
    assert scene.switch.audit() == []


def test_a_message_that_comes_again(scene: Scene) -> None:
    """Repeated requests and reversals move nothing twice."""
    foreign = replace(PURCHASE, terminal=FOREIGN, amount=100)
    for message in (foreign, foreign, replace(foreign, trace=18), replace(foreign, trace=18)):
        assert scene.arc(message) == "00"
    for _ in range(2):
        assert scene.arc(replace(foreign, kind=REVERSAL)) == "00"
    assert scene.arc(foreign) == "05", "what was reversed stays so"
    assert scene.net() == {ISSUER: -100, OTHER: 100}


def test_a_bank_that_is_not_reached(scene: Scene) -> None:
    """KRN-ONL-002, KRN-ONL-009: 91 for a request, and the bank, which may have it, is told to take it back before
    anything else; an inquiry needs no reversal."""
    bank = scene.banks[ISSUER]
    bank.lost = True
    foreign = replace(PURCHASE, terminal=FOREIGN, amount=100)
    assert scene.arc(foreign) == "91"
    assert bank.posted
    bank.reached = False
    assert scene.arc(replace(foreign, trace=18)) == "91"
    assert scene.arc(replace(foreign, trace=19, transaction=TransactionType.INQUIRY, amount=0)) == "91"
    bank.reached = True
    assert scene.arc(replace(foreign, trace=20)) == "00"
    told = [(message.kind, message.trace) for message in bank.asked[1:]]
    assert told == [(REVERSAL, 17), (REVERSAL, 18), (MessageKind.AUTHORISE, 20)]
    assert list(bank.posted) == [(*replace(foreign, trace=20).key, "online")]
    assert scene.net() == {ISSUER: -100, OTHER: 100}


def test_a_bank_that_is_no_member(scene: Scene) -> None:
    """A BIN whose bank has no line is declined with 91."""
    switch = Switch(NETWORK, {}, ZONE, scene.books)
    answer = switch.handle(PURCHASE)
    assert answer is not None
    assert answer.arc == "91"


@pytest.mark.parametrize(
    "kind", [MessageKind.REVERSE, MessageKind.UPLOAD, MessageKind.CONFIRM, MessageKind.SCRIPT_NOTICE]
)
def test_what_tells_is_delivered_later(kind: MessageKind, tmp_path: Path) -> None:
    """Kept in the book, answered 00, delivered when the bank is there again, over the end of the switch itself."""
    scene = Scene(str(tmp_path / "switch.db"))
    scene.banks[ISSUER].reached = False
    message = replace(PURCHASE, terminal=FOREIGN, kind=kind, pin_block=None)
    assert scene.arc(message) == "00"
    scene.restart()
    scene.banks[ISSUER].reached = True
    clearing = scene.switch.clear(DAY)
    assert scene.banks[ISSUER].asked == [message]
    assert clearing.net[OTHER] == (message.amount if kind is MessageKind.UPLOAD else 0)
    assert b"PIN" not in (tmp_path / "switch.db").read_bytes()


def test_settlement_of_a_terminal(scene: Scene) -> None:
    """The terminal's totals against the book: 00 and the totals where they agree, 95 and the switch's where not. A
    settlement that comes again is answered as before; the next one begins anew."""
    own = replace(PURCHASE, amount=100)
    scene.arc(own)
    scene.arc(replace(own, trace=18, amount=50, transaction=TransactionType.DEPOSIT))
    scene.arc(replace(own, trace=19, amount=7))
    scene.arc(replace(own, trace=19, amount=7, kind=REVERSAL))
    scene.arc(replace(own, trace=20, terminal=FOREIGN))
    totals = Totals(1, 100, 1, 50)
    claim = HostMessage(MessageKind.SETTLE, time=own.time, trace=99, totals=totals)
    assert scene.switch.handle(claim) == HostAnswer("00", reason="the totals agree", totals=totals)
    answer = scene.switch.handle(replace(claim, totals=Totals(2, 107, 1, 50)))
    assert answer == HostAnswer("95", reason="the totals differ", totals=totals)
    assert scene.switch.handle(claim) == HostAnswer("00", reason="the totals agree", totals=totals)
    closed = HostAnswer("00", reason="the totals agree", totals=Totals())
    assert scene.switch.handle(replace(claim, trace=100, totals=Totals())) == closed


class TwoBanks(RuleBasedStateMachine):
    """Requests, repeats, reversals, lost answers and banks out of reach: in the end the switch's book is the banks'."""

    @initialize()
    def begin(self) -> None:
        self.scene = Scene()
        self.sent: list[HostMessage] = []

    @rule(
        terminal=st.sampled_from((OWN, FOREIGN)),
        pan=st.sampled_from((OWN_PAN, OTHER_PAN)),
        transaction=st.sampled_from(TransactionType),
        amount=st.integers(1, 1000),
        kind=st.sampled_from((MessageKind.AUTHORISE, MessageKind.AUTHORISE, MessageKind.UPLOAD)),
    )
    def send(self, terminal: str, pan: str, transaction: TransactionType, amount: int, kind: MessageKind) -> None:
        message = HostMessage(
            kind,
            pan,
            transaction=transaction,
            amount=amount,
            time=PURCHASE.time,
            trace=len(self.sent),
            terminal=terminal,
        )
        self.sent.append(message)
        self.scene.arc(message)

    @rule(which=st.integers(0, 1000), kind=st.sampled_from((None, REVERSAL)))
    def again(self, which: int, kind: MessageKind | None) -> None:
        if self.sent:
            message = self.sent[which % len(self.sent)]
            # A repeat of what is approved gets no answer while its bank is not reached.
            self.scene.switch.handle(message if kind is None else replace(message, kind=kind))

    @rule(code=st.sampled_from((ISSUER, OTHER)), what=st.sampled_from(("lost", "gone", "back")))
    def disturb(self, code: str, what: str) -> None:
        bank = self.scene.banks[code]
        bank.lost, bank.reached = what == "lost", what != "gone"

    @rule(day=st.integers(20261121, 20261130))
    def clear(self, day: int) -> None:
        assert sum(self.scene.net(str(day)).values()) == 0

    @rule()
    def restart(self) -> None:
        self.scene.restart()

    @invariant()
    def the_book_is_right(self) -> None:
        if hasattr(self, "scene"):
            assert self.scene.switch.audit() == []

    def teardown(self) -> None:
        if not hasattr(self, "scene"):
            return
        for bank in self.scene.banks.values():
            bank.lost, bank.reached = False, True
        last = self.scene.switch.clear("20261231")
        assert all(self.scene.switch.deliver(code) for code in self.scene.banks)
        for terminal in (OWN, FOREIGN):
            approved = Totals()
            for message in self.sent:
                way = "offline" if message.kind is MessageKind.UPLOAD else "online"
                if message.terminal == terminal and any(
                    (*message.key, way) in b.posted for b in self.scene.banks.values()
                ):
                    approved += Totals.of(message.transaction, message.amount)
            claim = HostMessage(MessageKind.SETTLE, time=PURCHASE.time, terminal=terminal, totals=approved)
            assert self.scene.arc(claim) == "00"
        assert sum(last.net.values()) == 0


TwoBanks.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestTwoBanks = TwoBanks.TestCase


def test_a_repeat_of_what_is_approved_takes_nothing_back(scene: Scene) -> None:
    """While the bank is not reached, a copy of a request that it has approved gets no answer and reverses nothing."""
    assert scene.arc(PURCHASE) == "00"
    scene.banks[ISSUER].reached = False
    assert scene.switch.handle(PURCHASE) is None
    scene.banks[ISSUER].reached = True
    assert scene.switch.deliver(ISSUER)
    assert (*PURCHASE.key, "online") in scene.banks[ISSUER].posted
