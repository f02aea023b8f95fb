"""The bank's books under random messages: repeats, reversals before and after, answers that are lost, refused loads."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from terminal.hosts.bank import BankHost, accounts
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.tables import CASH_DIFFERENCES, LEDGER
from terminal.hosts.books import transact
from terminal.messages.bank import HostAnswer, HostMessage, TransactionType
from tests.terminal.bankcard import TYPES, PlasticCard, notice, reverse
from tests.terminal.test_bank_decisions import OTHER, bank

_MOVES = {
    TYPES.PURCHASE: -1, TYPES.CASH: -1, TYPES.DEPOSIT: 1, TYPES.TRANSFER: -1, TYPES.LOAD: -1, TYPES.LOAD_CASH: 0,
    TYPES.INQUIRY: 0,
}  # fmt: skip
"""What an approved transaction does to the holder's account."""


class BankMachine(RuleBasedStateMachine):
    """A terminal with one card; the model knows what the holder must have."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[HostMessage, HostAnswer]] = []
        self.pending: list[HostMessage] = []
        self.reversed: set[int] = set()

    @initialize()
    def begin(self) -> None:
        self.host: BankHost = bank()
        self.card = PlasticCard()
        self.expected = 1_000_000

    @rule(kind=st.sampled_from(sorted(_MOVES, key=lambda kind: kind.value)), amount=st.integers(1, 60_000))
    def transact(self, kind: TransactionType, amount: int) -> None:
        """A transaction whose answer arrives, and whose load the card may refuse."""
        message = self.card.message(kind, 0 if kind is TYPES.INQUIRY else amount, target=OTHER)
        answer = self.host.handle(message)
        self.sent.append((message, answer))
        if answer.arc == "00":
            self.expected += _MOVES[kind] * message.amount
        results = self.card.take(answer)
        if results:
            assert self.host.handle(notice(message, results)).arc == "00"
            if results[3] >> 4 != 2:
                self.expected -= _MOVES[kind] * message.amount
                self.reversed.add(message.trace)

    @rule(limit=st.sampled_from([0, 30_000, 100_000]))
    def limit_of_the_card(self, limit: int) -> None:
        """The card takes less than the bank believes."""
        self.card.limit = limit

    @rule(amount=st.integers(1, 60_000), before=st.booleans())
    def lost(self, amount: int, before: bool) -> None:
        """The answer, or the message itself, is lost on the way; the terminal takes it back, and it may come late."""
        message = self.card.message(TYPES.PURCHASE, amount)
        if before:
            assert self.host.handle(reverse(message)).arc == "00"
            assert self.host.handle(message).arc != "00"
        else:
            self.host.handle(message)
            assert self.host.handle(reverse(message)).arc == "00"

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if self.sent:
            message, answer = data.draw(st.sampled_from(self.sent))
            assert self.host.handle(message) == answer

    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        """A reversal, perhaps of something that was taken back or declined already; not of a load that the card has."""
        those = [pair for pair in self.sent if pair[0].transaction not in (TYPES.LOAD, TYPES.LOAD_CASH)]
        if those:
            message, answer = data.draw(st.sampled_from(those))
            assert self.host.handle(reverse(message)).arc == "00"
            if answer.arc == "00" and message.trace not in self.reversed:
                self.reversed.add(message.trace)
                self.expected -= _MOVES[message.transaction] * message.amount

    @rule(part=st.integers(1, 100))
    def spend(self, part: int) -> None:
        """Pay offline; the bank hears of it later."""
        if self.card.cash:
            self.pending.append(self.card.spend(max(1, self.card.cash * part // 100)))

    @rule(data=st.data(), again=st.booleans())
    def upload(self, data: st.DataObject, again: bool) -> None:
        if self.pending:
            message = data.draw(st.sampled_from(self.pending))
            assert self.host.handle(message).arc == "00"
            if again:
                assert self.host.handle(replace(message, terminal="OTHER001")).arc == "94"
            self.pending.remove(message)

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "host"):
            return
        assert audit(self.host.books) == []
        holding = transact(self.host.books, lambda connection: accounts.find(connection, self.card.pan))
        assert holding is not None
        assert holding.balance == self.expected
        under_way = sum(message.amount for message in self.pending)
        assert holding.cash_balance == (self.card.cash or 0) + under_way
        assert transact(self.host.books, lambda connection: LEDGER.balance(connection, CASH_DIFFERENCES)) == 0


BankMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestBankMachine = BankMachine.TestCase
