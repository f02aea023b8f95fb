"""Money is never created or lost: failing pages in CREDIT and DEBIT, and random transactions with power cuts.

Each command alone is cut at every page program in tests/tearing/medical.py.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan, PowerCutPlan
from cardsim.cos.record import Switch
from cardsim.crypto.social import Suite
from cardsim.ssse.account import Account
from tests.ssse.clinic import Clinic, clinic
from tests.tearing.plans import FailAt

MANY = 60
BOOKINGS = pytest.mark.parametrize("kind", ["load", "purchase"])
Story = tuple[Account, tuple[str, ...], str]
"""Account, log and answer of GET TRANSACTION PROOF: what a terminal can learn after a cut."""


def before_booking(kind: str, suite: Suite = Suite.DES, switches: int = 0) -> tuple[Clinic, str]:
    """A card with a full ring of three records, right before CREDIT or DEBIT; and that command."""
    at = clinic(suite, records=3, switches=switches)
    at.do_load(1000)
    for _ in range(3):
        at.buy(7, 1, 2)
    if kind == "load":
        at.initialize_load(500)
        return at, at.credit_command()
    at.initialize_purchase(100, 10, 20)
    return at, at.debit_command()


def story(at: Clinic, kind: str) -> Story:
    """What the card tells after a reset."""
    at.reset(verify=False)
    proof = at.proof("31" if kind == "load" else "32", 1 if kind == "load" else 3)
    at.enter()
    shown = at.account
    assert at.x("B026000104") == f"{shown.balance:08X}9000"
    assert at.x("B026000206") == f"{shown.self_paid:08X}{shown.year.hex()}9000"
    return shown, tuple(at.log()), proof


def both(at: Clinic, kind: str, command: str) -> tuple[Story, Story, bytes]:
    """The stories before and after the command, and its answer; the card then stands before it again."""
    state = at.bench.model.snapshot()
    old = story(at, kind)
    at.bench.model.restore(state)
    answer = at.bench.raw(bytes.fromhex(command))
    assert answer[0] == 0x61
    new = story(at, kind)
    at.bench.model.restore(state)
    assert old[2] == "9406"
    assert new[2][-4:] == "9000"
    assert new[0].balance - old[0].balance == (500 if kind == "load" else -100)
    assert len(new[1]) == len(old[1]) == 3
    assert new[1][1:] == old[1][:2]
    return old, new, answer


@BOOKINGS
@pytest.mark.parametrize("for_good", [False, True])
def test_page_failure(kind: str, for_good: bool) -> None:
    """SSC5-7.1-03, SSC5-7.2-03, C-09, D14: 6581, and the environment is blocked where that write still works.

    Nothing is booked then. Memory that fails for good answers 6581 until the next reset, which finds old or new.
    """
    at, command = before_booking(kind)
    old, new, expected = both(at, kind, command)
    state = at.bench.model.snapshot()
    for number in range(1, MANY):
        at.bench.model.restore(state)
        with at.bench.on_bus(FailAt(number, for_good)) as plan:
            answer = at.bench.raw(bytes.fromhex(command))
        if plan.programs < number:
            assert answer == expected
            assert number > 4
            return
        assert answer.hex() == "6581"
        blocked = at.bench.model.environments[0].blocked
        assert blocked is not for_good
        if blocked:
            assert at.x("B026000104") == "6A81"
            assert at.bench.power_on()
            assert at.account == old[0]
            assert at.bench.ssse() == "6A81"
        else:
            assert story(at, kind) in (old, new)
        assert at.bench.pse() == "9000"
    raise AssertionError("the command has no end")


def test_page_failure_blocks_the_whole_card_by_the_switch() -> None:
    """C-09, D10: with the literal scope of blocks the whole card answers 6A81."""
    at, command = before_booking("purchase", switches=Switch.BLOCK_SCOPE_CARD)
    with at.bench.on_bus(FailAt(1)):
        assert at.x(command) == "6581"
    assert at.bench.pse() == "6A81"


def test_initialize_writes_nothing() -> None:
    """SSC5-7.5-01, SSC5-7.6-01: no page is programmed, so memory that fails does not disturb INITIALIZE."""
    at = clinic()
    at.do_load(100)
    with at.bench.on_bus(PageFailurePlan(EVERY_PAGE, None)):
        assert at.initialize_load(5)[-4:] == "9000"
        assert at.initialize_purchase(5)[-4:] == "9000"
    assert at.debit() == at.purchase_answer()


class Ledger(RuleBasedStateMachine):
    """Random loads, purchases, cuts and resets against a ledger in plain Python: money is conserved."""

    def __init__(self) -> None:
        super().__init__()
        self.at = clinic(records=3)
        self.balance = self.self_paid = self.pool = 0
        self.loads = self.purchases = 0
        self.log: list[str] = []

    def _cut(self, command: str, where: tuple[int, int | None] | None) -> bool:
        """Send the command, cut or not; whether the card says afterwards that it was booked."""
        kind, sequence = ("31", self.loads) if command[2:4].upper() == "2A" else ("32", self.purchases)
        if where is None:
            assert self.at.x(command)[-4:] == "9000"
            return True
        with self.at.bench.on_bus(PowerCutPlan(*where)):
            answer = self.at.bench.raw(bytes.fromhex(command))
        self.at.reset()
        booked = self.at.proof(kind, sequence)[-4:] == "9000"
        assert booked or not answer
        return booked

    cuts = st.none() | st.tuples(st.integers(0, 8), st.none() | st.integers(0, 64))

    @rule(amount=st.integers(0, 5000), where=cuts)
    def load(self, amount: int, where: tuple[int, int | None] | None) -> None:
        """A load that may be cut."""
        assert self.at.initialize_load(amount)[-4:] == "9000"
        if self._cut(self.at.credit_command(), where):
            self.log.insert(0, f"{self.loads:04X}31{amount:08X}")
            self.loads += 1
            self.balance += amount

    @rule(amount=st.integers(0, 3000), self_paid=st.integers(0, 100), pool=st.integers(0, 100), where=cuts)
    def purchase(self, amount: int, self_paid: int, pool: int, where: tuple[int, int | None] | None) -> None:
        """A purchase that may be cut, or be refused."""
        answer = self.at.initialize_purchase(amount, self_paid, pool)
        if amount > self.balance:
            assert answer == "9401"
            return
        assert answer[-4:] == "9000"
        if self._cut(self.at.debit_command(), where):
            self.log.insert(0, f"{self.purchases:04X}32{amount:08X}")
            self.purchases += 1
            self.balance -= amount
            self.self_paid += self_paid
            self.pool += pool

    @rule(amount=st.integers(0, 100))
    def wrong_mac(self, amount: int) -> None:
        """A load under a wrong MAC."""
        self.at.initialize_load(amount)
        assert self.at.x("B02A00000B" + "00" * 11) == "9302"

    @precondition(lambda self: self.balance)
    @rule()
    def forgotten(self) -> None:
        """A purchase that is only initialised."""
        assert self.at.initialize_purchase(1)[-4:] == "9000"

    @rule()
    def reset(self) -> None:
        """The card is taken out and put back."""
        self.at.reset()

    @invariant()
    def agrees(self) -> None:
        """SSC7-14-08: balance, totals, counters and log are those of the ledger."""
        assert self.at.x("B026000104") == f"{self.balance:08X}9000"
        account = self.at.account
        assert (account.self_paid, account.pool) == (self.self_paid, self.pool)
        assert (account.load_sequence, account.purchase_sequence) == (self.loads, self.purchases)
        assert [record[:6] + record[32:40] for record in self.at.log()] == self.log[:3]


Ledger.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLedger = Ledger.TestCase
