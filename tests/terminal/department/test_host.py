"""The host as a whole: every message has an answer of its class, and the books stand whatever comes."""

import inspect
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from terminal.hosts.social.codes import Code
from terminal.hosts.social.host import HANDLERS, MAX_BYTES, MAX_NUMBER, MAX_TEXT
from terminal.hosts.social.rules import department_rules
from terminal.messages import social
from terminal.messages.social import (
    BankNotice,
    BankOperation,
    CloseSettlement,
    DuePaid,
    Fee,
    FeeKind,
    FindDues,
    LoadAccount,
    LoadDone,
    LoadPermission,
    PayBenefit,
    PurchaseRecord,
    Refused,
    Settle,
    Settlement,
    SocialCard,
    SocialMessage,
    SocialRequest,
    VerifyPurchases,
)
from tests.terminal.department.bench import Bench, FakeBank, refused
from tests.terminal.department.vectors import HISTORICAL, IDENTIFICATION

MESSAGES: list[type[Any]] = [
    kind
    for _, kind in inspect.getmembers(social, inspect.isclass)
    if issubclass(kind, SocialRequest) and kind is not SocialRequest
]


def test_every_message_has_a_handler() -> None:
    assert {*MESSAGES} == {*HANDLERS, PayBenefit}


def test_every_code_has_a_text() -> None:
    assert department_rules().codes.keys() == {code.value for code in Code}


def test_a_message_of_another_kind_is_refused() -> None:
    refused(Bench().host.handle(SocialRequest(Bench().card)), Code.NOT_SUPPORTED)


CARDS = st.builds(
    SocialCard,
    st.sampled_from([IDENTIFICATION, b"", bytes(16), bytes(3)]) | st.binary(max_size=20),
    st.sampled_from(["D2143569X", "", "X"]) | st.text(max_size=12),
    st.sampled_from(["510101199001011234", ""]) | st.text(max_size=20),
    st.text(max_size=10),
    st.sampled_from([HISTORICAL, b""]) | st.binary(max_size=14),
    st.sampled_from([0, 1, 2, 3]),
)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_malformed_content_is_refused_and_never_raised(kind: type[Any]) -> None:
    """Anything of the right types: an answer of the message's class, or a refusal with one of the codes."""
    bench = Bench(bank=FakeBank({}))
    bench.host.handle(FindDues(bench.card))

    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        st.register_type_strategy(SocialCard, CARDS)
        message = data.draw(st.from_type(kind))
        answer = bench.host.handle(message)
        assert isinstance(answer, kind.answer | Refused)
        if isinstance(answer, Refused):
            assert answer.code in department_rules().codes
            assert answer.code not in (Code.BUSY, Code.NOT_SUPPORTED)

    check()
    bench.sound()


@pytest.mark.parametrize(
    "message",
    [
        FindDues(SocialCard(IDENTIFICATION, "x" * (MAX_TEXT + 1))),
        FindDues(SocialCard(bytes(MAX_BYTES + 1), "")),
        FindDues(SocialCard(IDENTIFICATION, "a\0b")),
        LoadDone(SocialCard(IDENTIFICATION, ""), -1, None),
        LoadDone(SocialCard(IDENTIFICATION, ""), MAX_NUMBER + 1, None),
        VerifyPurchases(
            SocialCard(IDENTIFICATION, ""), "", b"", 0, (PurchaseRecord(0, 0, 0, b"", b"", b"", 0, b""),) * 1001
        ),
    ],
)
def test_what_no_message_may_have(message: SocialMessage) -> None:
    refused(Bench().host.handle(message), Code.MALFORMED)


ENDS = ("done", "silent", "torn", "gone")
"""How a load ends: told, taken and not told, told that it was not taken, neither taken nor told."""


class Storm(RuleBasedStateMachine):
    """A card at work while messages come again, answers are lost and cards are torn: money is neither made nor lost.

    The model is the card itself: its balance, its load sequence, and what it took.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(bank=FakeBank({"510101199001011234": "李四"}))
        self.sent: list[SocialMessage] = []
        self.settlements: list[tuple[Settlement, str]] = []
        self.bills = 0
        self.randoms = 0
        self.opening = self.bench.balance

    def tell(self, message: SocialMessage, times: int) -> object:
        """Send a message once or more; the answers are alike."""
        self.sent.append(message)
        answers = [self.bench.host.handle(message) for _ in range(times)]
        assert all(answer == answers[0] for answer in answers)
        return answers[0]

    def ask_load(self, amount: int, times: int) -> tuple[LoadAccount, object]:
        self.randoms += 1
        request = self.bench.load_request(amount, self.randoms.to_bytes(4, "big"))
        return request, self.tell(request, times)

    @rule(
        amount=st.integers(1, 90000), times=st.integers(1, 2), end=st.sampled_from(["done", "silent", "torn", "gone"])
    )
    def load(self, amount: int, times: int, end: str) -> None:
        request, answer = self.ask_load(amount, times)
        if not isinstance(answer, LoadPermission):
            refused(answer, Code.NO_FUNDS)  # type: ignore[arg-type]
            return
        sequence = self.bench.sequence
        if end in ("done", "silent"):
            tac = self.bench.credit(request, answer.time)
            if end == "done":
                self.tell(LoadDone(self.bench.card, sequence, tac), times)
        elif end == "torn":
            self.tell(LoadDone(self.bench.card, sequence, None), times)

    @rule(amount=st.integers(0, 50000), times=st.integers(1, 2), reported=st.booleans())
    def settle(self, amount: int, times: int, reported: bool) -> None:
        self.bills += 1
        bill = Settle(
            self.bench.card,
            f"B{self.bills}",
            (Fee("x", FeeKind.COVERED, amount), Fee("y", FeeKind.OWN_EXPENSE, 100)),
            self.bench.balance,
            "519900",
            "H0001",
        )
        settlement = self.tell(bill, times)
        assert isinstance(settlement, Settlement)
        self.settlements.append((settlement, f"K{self.bills}"))
        purchase = self.bench.purchase(settlement.account, settlement.self_paid, settlement.pool)
        if reported:
            self.tell(CloseSettlement(self.bench.card, settlement.number, purchase, "", 0), times)
        card = self.bench.card
        self.tell(VerifyPurchases(card, card.area, card.historical, card.algorithm, (purchase,)), times)

    @rule(data=st.data(), times=st.integers(1, 2))
    def pay_rest(self, data: st.DataObject, times: int) -> None:
        if self.settlements:
            settlement, reference = data.draw(st.sampled_from(self.settlements))
            paid = CloseSettlement(self.bench.card, settlement.number, None, reference, settlement.rest)
            self.tell(paid, times)

    @rule(times=st.integers(1, 3), number=st.integers(1, 6))
    def contribution(self, times: int, number: int) -> None:
        amounts = dict(enumerate((due.amount for due in self.bench.host.rules.opening.dues), 1))
        self.tell(DuePaid(self.bench.card, f"D{number:08d}", f"K{number}", amounts.get(number, 1)), times)

    @rule(times=st.integers(1, 3), number=st.integers(1, 7))
    def benefit(self, times: int, number: int) -> None:
        self.tell(PayBenefit(self.bench.card, f"G{number:08d}"), times)

    @rule(data=st.data())
    def old_message(self, data: st.DataObject) -> None:
        """A message from long ago comes again. A load that was taken back is not granted a second time by it."""
        if self.sent:
            self.bench.host.handle(data.draw(st.sampled_from(self.sent)))

    @rule(loss=st.booleans())
    def report(self, loss: bool) -> None:
        """Lost and found again: nothing about money."""
        self.randoms += 1
        for operation in (BankOperation.LOSS, BankOperation.RELEASE) if loss else (BankOperation.RELEASE,):
            self.bench.host.handle(BankNotice(self.bench.card, operation, f"N{self.randoms}{operation.value}"))

    @invariant()
    def books_are_sound(self) -> None:
        self.bench.sound()

    def teardown(self) -> None:
        """A last load proves the sequence: then the account in the books is what the card has."""
        self.bench.host.handle(BankNotice(self.bench.card, BankOperation.RELEASE, "last"))
        request, answer = self.ask_load(1, 1)
        if isinstance(answer, LoadPermission):
            tac = self.bench.credit(request, answer.time)
            self.bench.host.handle(LoadDone(self.bench.card, self.bench.sequence - 1, tac))
            on_card = self.bench.ledger(f"card {IDENTIFICATION.hex().upper()}")
            assert on_card == self.bench.balance - self.opening
        self.bench.sound()


Storm.TestCase.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
TestStorm = Storm.TestCase


def test_a_storm_would_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that books a repeated load twice is found by the audit."""
    bench = Bench()
    request = bench.load_request(100)
    monkeypatch.setattr("terminal.hosts.social.accounts._named", lambda _: {"request": "", "card_answer": ""})
    monkeypatch.setattr("terminal.hosts.social.accounts._settle_open", lambda *_: None)
    bench.host.handle(request)
    bench.host.handle(replace(request))
    with pytest.raises(AssertionError):
        bench.sound()
