"""All hosts together, with real banks: in process, over lines, between two banks."""

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from cardsim.keyfile import Holder, KeyFile
from terminal.businesses import scheme
from terminal.driver import Services, run
from terminal.flows.financial.flow import FinancialOutcome, financial
from terminal.hosts.bank import BankHost
from terminal.hosts.bank.accounts import NewAccount, find
from terminal.hosts.bank.audit import audit
from terminal.hosts.books import transact
from terminal.hosts.line import Address, BankLine, SocialLine
from terminal.hosts.network import load_network
from terminal.hosts.server import serving
from terminal.hosts.social.codes import Code as SocialCode
from terminal.hosts.social.payments import add_benefit
from terminal.hosts.world import World, WorldError
from terminal.messages.bank import HostAnswer, HostMessage, MessageKind
from terminal.messages.social import (
    BankNotice,
    BankOperation,
    CardChanged,
    CardChecked,
    CardState,
    CheckCard,
    PaidOut,
    PayBenefit,
    Refused,
)
from terminal.outcome import Verdict
from terminal.security import BenchPinPad, PinCipher, say_once
from tests.terminal.department.bench import other_card
from tests.terminal.fakes import PIN, FakeCard, keyfile
from tests.terminal.helpers import FINANCIAL, at_terminal

DAY = f"{FINANCIAL.now:%Y%m%d}"
NETWORK = load_network()
ISSUER, OTHER = (bank.code for bank in NETWORK.banks)
CARD = other_card()
PAD = PinCipher(b"zone of the pad!")


def keys() -> KeyFile:
    """Keys of the fake card, whose holder has a PIN at the bank."""
    return dataclasses.replace(keyfile(), holder=Holder(online_pin=PIN))


def world(**options: object) -> World:
    return World([keys()], random=Random(1).randbytes, **options)  # type: ignore[arg-type]


class Hearing:
    """A host that keeps what passed."""

    def __init__(self, host: BankLine) -> None:
        self._host = host
        self.heard: list[tuple[HostMessage, HostAnswer | None]] = []

    def handle(self, message: HostMessage) -> HostAnswer | None:
        answer = self._host.handle(message)
        self.heard.append((message, answer))
        return answer


def pay(line: BankLine | Hearing, terminal: str = "CARDTERM", pin: str = PIN) -> FinancialOutcome:
    """A purchase at a terminal of that name."""
    pad = BenchPinPad(say_once(pin), PAD)
    services = Services(Random(2).randbytes, None, pad, line)
    return run(financial(at_terminal(terminal_id=terminal)), FakeCard(), services)


@pytest.mark.parametrize(("pin", "arc", "verdict"), [(PIN, "00", Verdict.APPROVED), ("999999", "55", Verdict.DECLINED)])
def test_a_purchase_at_the_banks_own_terminal(pin: str, arc: str, verdict: Verdict) -> None:
    """SCHEME-043: over ISO 8583 the bank verifies the ARQC and the online PIN, and its ARPC reaches the card."""
    with serving(*world().serve_banks()) as places:
        assert [name for name, _, _ in places] == [f"bank {ISSUER}"]
        with BankLine(Address(*places[0][1:]), NETWORK.master_key, PAD) as line:
            hearing = Hearing(line)
            outcome = pay(hearing, pin=pin)
    assert outcome.verdict is verdict, outcome.reason
    message, answer = hearing.heard[0]
    assert message.pin_block is not None
    assert answer is not None
    assert answer.arc == arc
    assert answer.chip_data[:1] == b"\x91"


def test_a_purchase_at_another_banks_terminal() -> None:
    """SCHEME-044, SCHEME-045, SCHEME-046: at a terminal of another bank the switch brings the request to the issuer by
    BIN over a line of its own, chip data go through both ways, the issuer takes the money, and both banks are settled
    with totals equal to what was approved."""
    issuing = world()
    with ExitStack() as stack:
        bank = stack.enter_context(serving(*issuing.serve_banks()))
        between = stack.enter_context(World(network=NETWORK, remote={ISSUER: Address(*bank[0][1:])}))
        place = stack.enter_context(serving(between.serve_switch()))[0]
        hearing = Hearing(stack.enter_context(BankLine(Address(*place[1:]), NETWORK.master_key, PAD)))
        outcome = pay(hearing, "OTHER001")
        assert outcome.verdict is Verdict.APPROVED, outcome.reason
        assert any(answer is not None and answer.chip_data for _, answer in hearing.heard), "the ARPC"
        clearing = between.switch.clear(DAY)
        assert [one.amount for one in clearing.transactions] == [FINANCIAL.amount]
        assert clearing.net == {ISSUER: -FINANCIAL.amount, OTHER: FINANCIAL.amount}
        assert between.switch.audit() == []
        assert clearing.text().endswith(f"E,1,{FINANCIAL.amount}\n")


def test_the_issuer_is_not_reached() -> None:
    """KRN-ONL-002: where the switch does not reach the issuer the terminal is told 91 and declines; nothing moves."""
    between = World(network=NETWORK, remote={ISSUER: Address("127.0.0.1", 1)})
    with serving(between.serve_switch()) as places, BankLine(Address(*places[0][1:]), NETWORK.master_key, PAD) as line:
        hearing = Hearing(line)
        outcome = pay(hearing, "OTHER001")
    assert outcome.verdict is Verdict.DECLINED
    assert [answer and answer.arc for _, answer in hearing.heard][:1] == ["91"]
    assert not between.switch.clear(DAY).transactions


def test_terminals_of_other_banks_are_strangers_to_a_bank() -> None:
    """A bank serves its own terminals and the switch; another bank's terminal is refused with 97."""
    with (
        serving(*world().serve_banks()) as places,
        BankLine(Address(*places[0][1:]), NETWORK.master_key, PAD) as line,
    ):
        answer = line.handle(HostMessage(MessageKind.AUTHORISE, terminal="OTHER001", time=FINANCIAL.now))
    assert answer is not None
    assert answer.arc == "97"


def test_the_department_on_a_line() -> None:
    """SCHEME-112, SCHEME-049, SCHEME-092: the bank reports a loss over the line between the systems, and a query
    over another line
    says at once that the card is lost; the same report again changes nothing."""
    with serving(world().serve_department()) as places:
        address = Address(*places[0][1:])
        with SocialLine(address) as bank, SocialLine(address) as counter:
            before = counter.handle(CheckCard(CARD))
            reported = [bank.handle(BankNotice(CARD, BankOperation.LOSS, "N1")) for _ in range(2)]
            after = counter.handle(CheckCard(CARD))
    assert isinstance(reported[0], CardChanged)
    assert reported[0].state is CardState.LOST
    assert reported[1] == reported[0]
    assert isinstance(after, CardChecked)
    assert after.state is CardState.LOST
    assert isinstance(before, CardChecked)
    assert before.state is CardState.VALID


@pytest.mark.parametrize("reached", [True, False])
def test_the_department_has_the_bank_pay(reached: bool) -> None:
    """SCHEME-092: a benefit that the department orders is credited at the first bank of the same hosts; without a bank
    it waits."""
    hosts = world() if reached else World([dataclasses.replace(keys(), bank=None)])
    card = dataclasses.replace(CARD, person="510101199001011234", name="李四")
    kind = min(scheme().benefit)
    if reached:
        hosts.bank.open_account(
            NewAccount("6214672500000000011", "6214672500000000011", "01", "李四", card.person), DAY
        )
    hosts.department.handle(CheckCard(card))
    number = hosts.department.work(lambda desk: add_benefit(desk, card.person, kind, 12_345))
    answer = hosts.department.handle(PayBenefit(card, number))
    if reached:
        assert isinstance(answer, PaidOut), answer
        assert answer.amount == 12_345
    else:
        assert isinstance(answer, Refused)
        assert answer.code == SocialCode.NO_BANK


def test_what_cannot_be_put_together() -> None:
    """No keys, or keys of more banks than the network has."""
    empty = World()
    assert empty.banks == {}
    with pytest.raises(WorldError, match=r"\[bank\]"):
        _ = empty.bank
    with pytest.raises(WorldError, match=r"\[ssse\]"):
        _ = empty.department
    banks = [dataclasses.replace(keys().bank, mdk_ac=bytes((n,)) * 16) for n in range(3)]  # type: ignore[type-var]
    with pytest.raises(WorldError, match="keys of 3 banks"):
        _ = World([KeyFile(bank=bank) for bank in banks]).banks
    same = World([keys(), keys()])
    assert list(same.banks) == [ISSUER]
    assert list(World([KeyFile(bank=bank) for bank in banks[:2]]).banks) == [ISSUER, OTHER]


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_each_bank_has_books_of_its_own(kind: str, tmp_path: Path) -> None:
    """Two banks in one process share neither accounts nor trace numbers; each one's books add up by themselves."""
    mine = keys()
    assert mine.bank is not None
    others = dataclasses.replace(mine, bank=dataclasses.replace(mine.bank, mdk_ac=bytes(range(16))))
    url = "sqlite://" if kind == "memory" else f"sqlite:///{tmp_path / 'books'}"
    with World([mine, others], books=url) as both:
        hosts = [member.host for member in both.banks.values()]
        for number, host in enumerate(hosts):
            assert isinstance(host, BankHost)
            host.open_account(NewAccount("1", "6214670000000000010", "00", initial=False, balance=100 + number), DAY)
        for number, host in enumerate(hosts):
            assert isinstance(host, BankHost)
            assert audit(host.books) == []
            holding = transact(host.books, lambda connection: find(connection, "6214670000000000010"))
            assert holding is not None
            assert holding.balance == 100 + number
    if kind == "file":
        assert {path.name for path in tmp_path.iterdir()} == {"books", f"books-{OTHER}"}
