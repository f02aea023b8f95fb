"""The department and the bank together, as the scheme (003) has it: states of one card on both sides."""

from dataclasses import fields, replace

import pytest
from sqlalchemy import func, select

from cardsim.keyfile import BankKeys
from terminal.hosts.bank import BankHost, Code, accounts
from terminal.hosts.bank.accounts import NewAccount
from terminal.hosts.bank.tables import CardState as BankCardState
from terminal.hosts.hsm import HsmRefused
from terminal.hosts.line import Address, SocialLine
from terminal.hosts.server import serving
from terminal.hosts.social.codes import Code as SocialCode
from terminal.hosts.social.desk import enrol_person, known_card
from terminal.hosts.social.register import Effect, change_state
from terminal.hosts.social.tables import EVENTS, PERSONS
from terminal.messages.bank import MessageKind
from terminal.messages.social import BankNotice, BankOperation, CardChanged, CardChecked, CardState, CheckCard
from tests.terminal.bankcard import CIPHER, DAY, KEYS, PIN, TYPES, PlasticCard
from tests.terminal.department.bench import Bench, refused
from tests.terminal.hosts.test_world import world


class BothSides:
    """One card in the department's register and at its bank."""

    def __init__(self) -> None:
        self.department = Bench()
        self.card = PlasticCard()
        self.bank = BankHost(KEYS, CIPHER, enrolment=None)
        number = self.department.card.person
        new = NewAccount(
            self.card.pan, self.card.pan, self.card.psn, "李四", number, PIN, initial=False, balance=1_000_000
        )
        self.bank.open_account(new, DAY)
        assert self.social is CardState.VALID

    @property
    def social(self) -> CardState:
        """The card's state in the department's register."""
        answer = self.department.host.handle(CheckCard(self.department.card))
        assert isinstance(answer, CardChecked)
        return answer.state

    @property
    def debit(self) -> str:
        """The response code of an online purchase of one yuan."""
        return self.bank.handle(self.card.message(amount=100)).arc

    def at_department(self, state: CardState) -> None:
        """The department's counter gives the card a state."""

        effect = Effect(state, new_card=False)
        self.department.host.work(
            lambda desk: change_state(desk, known_card(desk, self.department.card), effect, "counter")
        )

    def at_bank(self, state: BankCardState) -> None:
        """The bank's counter gives the card a state."""
        self.bank.at_desk(accounts.set_card_state, self.card.pan, state)

    def notice(self, operation: BankOperation, number: str) -> CardChanged:
        """The bank tells the department."""
        answer = self.department.host.handle(BankNotice(self.department.card, operation, number))
        assert isinstance(answer, CardChanged)
        return answer


def test_loss_and_release_separately() -> None:
    """SCHEME-142, SCHEME-151: a loss at the department alone, and a release at the bank alone."""
    both = BothSides()
    both.at_department(CardState.LOST)
    assert (both.social, both.debit) == (CardState.LOST, Code.APPROVED)
    both.at_bank(BankCardState.LOST)
    assert (both.social, both.debit) == (CardState.LOST, Code.LOST_CARD)
    both.at_bank(BankCardState.ACTIVE)
    assert (both.social, both.debit) == (CardState.LOST, Code.APPROVED)


def test_loss_and_release_that_the_bank_tells() -> None:
    """SCHEME-146, SCHEME-152: what the bank does after a loss or a release is one notice: the register follows at once,
    and its entry has the bank's number as the source."""
    both = BothSides()
    both.at_bank(BankCardState.LOST)
    assert both.notice(BankOperation.LOSS, "N1").state is CardState.LOST
    assert (both.social, both.debit) == (CardState.LOST, Code.LOST_CARD)
    both.at_bank(BankCardState.ACTIVE)
    assert both.notice(BankOperation.RELEASE, "N2").state is CardState.VALID
    assert (both.social, both.debit) == (CardState.VALID, Code.APPROVED)
    query = select(EVENTS.c.event, EVENTS.c.notice).order_by(EVENTS.c.id)
    kept = [tuple(row) for row in both.department.host.work(lambda desk: desk.books.execute(query).all())]
    assert kept == [("loss", "N1"), ("release", "N2")]


def test_between_the_two_steps_of_a_cancellation() -> None:
    """SCHEME-170, SCHEME-176: cancelled at the department, the card is refused there and still pays at the bank."""
    both = BothSides()
    both.at_department(CardState.CANCELLED)
    assert (both.social, both.debit) == (CardState.CANCELLED, Code.APPROVED)
    refused(both.department.host.handle(both.department.load_request(100)), SocialCode.CANCELLED)


def test_electronic_cash_cannot_be_reported_lost() -> None:
    """SCHEME-149: a lost card pays offline as before; the bank takes what was paid from the card's shadow account."""
    both = BothSides()
    both.card = replace(both.card, cash=5000, pan="6214672500000000064")
    new = NewAccount("2", both.card.pan, both.card.psn, "王五", "1", PIN, initial=False, cash_balance=5000)
    both.bank.open_account(new, DAY)
    both.at_bank(BankCardState.LOST)
    assert both.debit == Code.LOST_CARD
    paid = both.card.spend(1200)
    assert paid.kind is MessageKind.UPLOAD
    assert both.bank.handle(paid).arc == Code.APPROVED
    assert both.debit == Code.LOST_CARD


@pytest.mark.parametrize("regions", [("519900", "510100"), ("510100", "519900")])
def test_one_person_in_two_cities(regions: tuple[str, str]) -> None:
    """SCHEME-116: the same social-security number from two cities is one entry of the register."""
    bench = Bench(admit=False)
    for region in regions:
        bench.host.work(lambda desk, region=region: enrol_person(desk, "510101199001011234", "李四", region))  # type: ignore[misc]
    assert bench.host.work(lambda desk: desk.books.scalar(select(func.count()).select_from(PERSONS))) == 1


def test_each_side_does_its_own_business() -> None:
    """SCHEME-111: the department refuses a payment, and a bank's line has no answer for the department's business."""
    both = BothSides()
    payment = both.card.message(TYPES.PURCHASE, 100)
    refused(both.department.host.handle(payment), SocialCode.NOT_SUPPORTED)  # type: ignore[arg-type]
    assert both.department.postings() == []
    with serving(*world().serve_banks()) as places, SocialLine(Address(*places[0][1:]), patience=0.5) as line:
        assert line.handle(CheckCard(both.department.card)) is None


def test_keys_of_the_other_side() -> None:
    """SCHEME-187: the department's HSM has no payment key at any address; a request for one is refused and noted."""
    bench = Bench()
    names = {held.name for held in bench.host.hsm.inventory()}
    assert names
    assert not names & {field.name for field in fields(BankKeys)}
    for address in (0x0000, 0x8201, 0xFFFF):
        with pytest.raises(HsmRefused):
            bench.host.hsm.authenticate("bank", address, bench.identity, bytes(8), bytes(8))
        last = bench.host.hsm.register[-1]
        assert (last.who, last.address, last.granted) == ("bank", f"{address:04X}", False)
