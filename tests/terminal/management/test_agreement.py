"""Department and bank under random events, losses, repetitions, delays and clock jumps: they agree in the end."""

import contextlib
from collections.abc import Callable
from functools import partial

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from terminal.hosts.bank.tables import LEDGER
from terminal.hosts.books import audit, transact
from terminal.management.bank import service as bank_service
from terminal.management.bank.ending import custody
from terminal.management.department import orders
from terminal.management.department import service as department_service
from terminal.management.department.again import Wear
from terminal.management.department.ending import notice_of
from terminal.management.machines import OrderState, Standing, agree
from terminal.management.records import Card, Channel, Document, LifeError
from terminal.management.service import Service
from terminal.management.settings import Settings
from tests.terminal.management.life import MODE_2, OUTLET, TWO, Life, application, person_of

PERSONS = 2
numbers = st.integers(1, PERSONS)
USABLE = frozenset({Standing.ACTIVE, Standing.ORAL_LOSS, Standing.WRITTEN_LOSS, Standing.CANCELLING})


class Agreement(RuleBasedStateMachine):
    """Whatever people do at either service, and whatever the line does with the messages."""

    region: Settings | None = None
    life: Life

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        """Cards that their holders have."""
        self.life = Life(self.region, seed=seed)
        self.life.order(*range(1, PERSONS + 1))
        made = self.life.make(self.life.department.send_out())
        holders = {order: Document(person_of(number)) for number, order in enumerate(made, 1)}
        self.life.department.hand_over_all(holders, by="clerk")

    def _attempt(self, deed: Callable[[], object]) -> None:
        """What is not allowed is refused in words, and changes nothing."""
        with contextlib.suppress(LifeError):
            deed()

    def _latest(self, service: Service, number: int) -> Card:
        return service.look(lambda books: service.keeper.of_person(books, person_of(number)))[-1]

    # --- the line and the clock

    @rule(quality=st.sampled_from([0.0, 0.3, 0.7, 1.0]))
    def weather(self, quality: float) -> None:
        """The line loses, repeats and holds back as it likes."""
        self.life.down.quality = self.life.up.quality = quality

    @rule()
    def retry(self) -> None:
        """What is pending is sent again, and what was held back comes."""
        for service in (self.life.department, self.life.bank):
            service.send()
        self.life.down.release()
        self.life.up.release()

    @rule(days=st.sampled_from([-2, 1, 3, 8, 20]), seconds=st.integers(-5, 5))
    def clock(self, days: int, seconds: int) -> None:
        """Time passes, and is sometimes set back."""
        self.life.pass_time(days=days, seconds=seconds)

    # --- people

    @rule(number=numbers, at_bank=st.booleans(), what=st.sampled_from(["oral", "written", "release"]))
    def loss(self, number: int, at_bank: bool, what: str) -> None:
        """Loss and release at either side."""
        service: Service = self.life.bank if at_bank else self.life.department
        order, document = self._latest(service, number).order, Document(person_of(number))
        deeds: dict[str, Callable[[], object]] = {
            "oral": lambda: service.oral_loss(order, Channel.TELEPHONE),
            "written": lambda: service.written_loss(order, document),
            "release": lambda: service.release(order, document),
        }
        self._attempt(deeds[what])

    @rule(number=numbers, at_bank=st.booleans(), replace=st.booleans())
    def new_card(self, number: int, at_bank: bool, replace: bool) -> None:
        """Replacement and exchange, asked for at either side."""
        document = Document(person_of(number))
        department, bank = self.life.department, self.life.bank
        order = self._latest(bank if at_bank else department, number).order
        deeds: dict[tuple[bool, bool], Callable[[], object]] = {
            (True, True): lambda: bank.ask_replacement(order, document, outlet=OUTLET),
            (True, False): lambda: bank.ask_exchange(order, document, outlet=OUTLET),
            (False, True): lambda: department.replace(order, document),
            (False, False): lambda: department.exchange(order, document, Wear.DAMAGED),
        }
        self._attempt(deeds[at_bank, replace])

    @rule(number=numbers)
    def first_card(self, number: int) -> None:
        """Whose card is cancelled may have another one; all others may not."""
        self.life.department.apply([application(number)])

    @rule()
    def withdraw(self) -> None:
        """What is ordered is not wanted any more."""
        for one in self.life.department.look(lambda books: orders.listed(books, OrderState.COLLECTED)):
            self.life.department.withdraw(one.number, "not wanted any more")

    @rule(number=numbers, collected=st.booleans())
    def make_and_hand_over(self, number: int, collected: bool) -> None:
        """What is ordered is made and delivered while the line is well; the new card is handed out where it lies."""
        quality = self.life.down.quality
        batches = self.life.department.send_out()
        self.life.settle()  # a batch is worked on when the bank knows of its orders
        self.life.make(batches)
        self.weather(quality)
        self.life.pass_time(days=16)
        document = Document(person_of(number))
        here, there = (self._latest(service, number).order for service in (self.life.department, self.life.bank))
        self._attempt(lambda: self.life.department.hand_over(here, document, by="clerk", collected=collected))
        self._attempt(
            lambda: self.life.bank.hand_over(
                there, document, outlet=OUTLET, form=True, by="teller", collected=collected
            )
        )  # fmt: skip

    @rule(number=numbers, at_bank=st.booleans())
    def cancel(self, number: int, at_bank: bool) -> None:
        """Either step of a cancellation."""
        order, document = self._latest(self.life.department, number).order, Document(person_of(number))
        if not at_bank:
            self._attempt(lambda: self.life.department.cancel(order, document))
            return
        notice = self.life.department.look(lambda books: notice_of(books, order))
        self._attempt(lambda: self.life.bank.cancel(order, document, notice=notice, returned=True))

    @rule(send=st.booleans())
    def destroy(self, send: bool) -> None:
        """What lies at the bank is shredded there, or sent to the department and shredded there."""
        bank, department = self.life.bank, self.life.department
        here = [card.order for card in bank.look(lambda books: custody(books, bank.keeper))]
        if here and not send:
            bank.destroy(here, TWO)
        elif here:
            name = bank.send_collected(here)
            self._attempt(lambda: department.receive(name, here))
        there = department.look(department.keeper.listed)
        for card in there:
            if card.custody == "department":
                self._attempt(partial(department.destroy, [card.order], TWO))

    # --- what holds

    @invariant()
    def one_card_for_one_person(self) -> None:
        """No person has two cards that can be used, at either service (SCHEME-115)."""
        if not hasattr(self, "life"):
            return
        for service in (self.life.department, self.life.bank):
            for number in range(1, PERSONS + 1):
                person = person_of(number)
                cards = transact(service.books, partial(service.keeper.of_person, person=person))
                assert len([card for card in cards if card.side.standing in USABLE]) <= 1

    def teardown(self) -> None:
        """When the line is well again both agree, each message was applied once, and the hosts show the same."""
        if not hasattr(self, "life"):
            return
        life = self.life
        life.settle()
        for service in (life.department, life.bank):
            service.look(service.keeper.listed)  # oral losses whose time is over end now, and are told
        life.settle()
        mine = {card.order: card for card in life.department.look(life.department.keeper.listed)}
        theirs = {card.order: card for card in life.bank.look(life.bank.keeper.listed)}
        assert mine.keys() == theirs.keys()
        for order, card in mine.items():
            social, finance = card.side, theirs[order].side
            assert agree(social.standing, finance.standing, mode_2=self.region is not None), (card, theirs[order])
            assert (social.other, finance.other) == (finance.standing, social.standing)
            assert life.seen(order) is department_service.SHOWN[social.standing]
            assert life.holding(order).card_state is bank_service.SHOWN[finance.standing]
            assert life.department.passed(order) == life.bank.passed(order)
        self._nothing_twice(life.department, life.bank)
        self._nothing_twice(life.bank, life.department)
        assert audit(life.bank.books, LEDGER) == []

    def _nothing_twice(self, sender: Service, receiver: Service) -> None:
        sent, taken = sender.keeper.exchange.outbox, receiver.keeper.exchange.inbox
        count = transact(sender.books, lambda books: len(books.execute(sent.select()).all()))
        rows = transact(receiver.books, lambda books: books.execute(taken.select()).all())
        assert sorted(row.number for row in rows) == list(range(1, count + 1))
        assert all(row.applied for row in rows)
        told = transact(receiver.books, lambda books: books.execute(receiver.keeper.events.select()).all())
        card_messages = [row for row in rows if '"kind": "card"' in row.content]
        assert len([row for row in told if row.by == sender.keeper.party.value]) == len(card_messages)


class Separate(Agreement):
    """A region with mode 1."""


class Together(Agreement):
    """A region with mode 2."""

    region = MODE_2


_FEW = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestSeparate = Separate.TestCase
TestSeparate.settings = _FEW
TestTogether = Together.TestCase
TestTogether.settings = _FEW
