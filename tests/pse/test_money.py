"""A ledger of electronic cash: loads, unloads, purchases, refusals and power cuts in any order make or lose no fen."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardsim.chip.faults import PowerCutPlan
from tests.pse.bank import put
from tests.pse.deal import ARQC, TC, YES, Data, Deal
from tests.pse.perso import FREE, amount, pay

_LIMIT: Final = 50000
_VALUES: Final = {**FREE, "9F77": amount(_LIMIT), "9F78": amount(_LIMIT), "9F54": amount(0), "9F53": "FF"}
Cut = tuple[int, int | None] | None
"""A page program and the cell in it at which the power goes; None: it stays."""


@dataclass(slots=True)
class Ledger:
    """The card, and what the bank and the merchants know of its money."""

    deal: Deal = field(default_factory=lambda: Deal(pay(_VALUES), Data(tvr="0000000000")))
    balance: int = 0
    loaded: int = 0
    unloaded: int = 0
    spent: int = 0
    records: int = 0
    atcs: list[int] = field(default_factory=list)
    cuts: int = 0

    @contextlib.contextmanager
    def power(self, cut: Cut) -> Iterator[None]:
        """The power goes while this block runs, and comes back behind it."""
        if cut is None:
            yield
            return
        with self.deal.bench.on_bus(PowerCutPlan(*cut)):
            yield
            self.cuts += self.deal.bench.raw(b"\x00\xa4\x00\x00") == b""
        self.deal.bench.power_on()

    def on_card(self) -> int:
        """The balance that the card shows."""
        self.deal.select()
        return int(self.deal.get("9F79"))

    def seen(self) -> None:
        """The answer to GENERATE AC left the card: its ATC was never used before."""
        if self.deal.bench.data:
            body = bytes.fromhex(self.deal.bench.data)[2:]
            self.atcs.append(body[1] << 8 | body[2])

    # --- what can happen -----------------------------------------------------------------------------------------

    def order(self, value: int, cut: Cut, *, spoil: bool = False) -> None:
        """A load or an unload by script; the bank asks the card what became of it."""
        self.online()
        command = put(self.deal, "9F79", amount(value))
        if spoil:
            command = command[:-8] + f"{int(command[-8:], 16) ^ 1:08X}"
        with self.power(cut):
            word = self.deal.bench.x(command)[-4:]
        taken = not spoil and value <= _LIMIT
        assert word in ("", "9000" if taken else ("6988" if spoil else "6A80"))
        after = self.on_card()
        allowed = {self.balance, value} if taken else {self.balance}
        assert after in ({value} if word == "9000" else allowed)
        self.loaded += max(0, after - self.balance)
        self.unloaded += max(0, self.balance - after)
        self.balance = after

    def online(self) -> None:
        """An online request that the card answers."""
        assert self.deal.once(ARQC).kind == ARQC
        self.seen()

    def pay(self, price: int, cut: Cut, *, at_gpo: bool) -> None:
        """A purchase with electronic cash, as far as the card takes that path; a cut at GPO or at GENERATE AC."""
        self.clear_marks()
        data = Data(amount=price, tvr="0000000000")
        with self.power(cut if at_gpo else None):
            begun = self.deal.gpo(cash=True, amount=price)
        if begun[-4:] != "9000" or (at_gpo and cut):
            assert cut is not None, begun
            self.settle(price, paid=False)
            return
        cash = len(begun) > len("800E7C00080102001001050018010201") + 4
        assert cash is (price <= min(self.balance, _LIMIT))
        with self.power(None if at_gpo else cut):
            word = self.deal.sw(TC, data.cdol1())
        if word == "9000":
            self.seen()
        self.settle(price, paid=cash and word == "9000", unsure=cash and not word, debit=not cash)

    def cash_online(self, price: int, cut: Cut) -> None:
        """Online on the path of electronic cash, completed with a TC: electronic cash stays as it was."""
        self.clear_marks()
        data = Data(amount=price, tvr="0000000000")
        if self.deal.gpo(cash=True, amount=price)[-4:] != "9000" or self.deal.gac(ARQC, data).kind != ARQC:
            raise AssertionError("the card did not go online")
        self.seen()
        assert self.deal.external() == "9000"
        with self.power(cut):
            self.deal.sw(TC, data.cdol2(YES))
        assert self.on_card() == self.balance
        self.records = self.log()

    def settle(self, price: int, *, paid: bool, unsure: bool = False, debit: bool = False) -> None:
        """Balance and log say the same: the purchase took place as a whole, or not at all."""
        after, records = self.on_card(), self.log()
        booked = after == self.balance - price and price > 0 if unsure else paid
        assert after == self.balance - (price if booked else 0)
        if price and not debit:
            assert records == min(10, self.records + booked)
        self.spent += price if booked else 0
        self.balance, self.records = after, records

    def log(self) -> int:
        """Records of the log."""
        return len(self.deal.log())

    def debit(self, price: int, cut: Cut) -> None:
        """A purchase on the debit path never touches electronic cash."""
        data = Data(amount=price)
        with self.power(cut):
            if self.deal.gpo(amount=price)[-4:] == "9000" and self.deal.sw(TC, data.cdol1()) == "9000":
                self.seen()
        assert self.on_card() == self.balance
        self.records = self.log()

    def clear_marks(self) -> None:
        """An online approval takes away what would close electronic cash."""
        self.deal.online()
        self.seen()
        self.records = self.log()

    def reset(self) -> None:
        """The card is taken out and put in again."""
        self.deal.bench.power_on()

    def check(self) -> None:
        """No fen is made or lost, whatever happened; no cryptogram shares its ATC."""
        assert self.balance + self.spent + self.unloaded == self.loaded
        assert 0 <= self.balance <= _LIMIT
        assert self.on_card() == self.balance


_CUTS: Final = st.one_of(st.none(), st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 63))))
_VALUE: Final = st.one_of(st.integers(0, _LIMIT + 1), st.sampled_from([0, 1, 100, _LIMIT, _LIMIT + 1]))
_PRICE: Final = st.one_of(st.integers(1, 3000), st.sampled_from([1, _LIMIT, _LIMIT + 1]))
Move = Callable[[Ledger], None]
_MOVES: Final[st.SearchStrategy[Move]] = st.one_of(
    st.builds(lambda value, cut: lambda ledger: ledger.order(value, cut), _VALUE, _CUTS),
    st.builds(lambda value, cut: lambda ledger: ledger.order(value, cut, spoil=True), _VALUE, _CUTS),
    st.builds(lambda price, cut, early: lambda ledger: ledger.pay(price, cut, at_gpo=early), _PRICE, _CUTS,
              st.booleans()),
    st.builds(lambda price, cut: lambda ledger: ledger.debit(price, cut), _PRICE, _CUTS),
    st.builds(lambda price, cut: lambda ledger: ledger.cash_online(price, cut), _PRICE, _CUTS),
    st.just(Ledger.reset),
)  # fmt: skip
CUTS: Final = [0]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(_MOVES, min_size=3, max_size=12))
def test_no_fen_is_made_or_lost(moves: list[Move]) -> None:
    """PBOC-TEAR-001, PBOC-TEAR-002, PBOC-TEAR-003, PBOC-TEAR-010, PBOC-EC-002, PBOC-EC-014, PBOC-EC-015, PBOC-PDT-008:
    loaded = balance + spent + unloaded after every step, whatever is refused and wherever the power goes."""
    ledger = Ledger()
    ledger.order(20000, None)
    for move in moves:
        move(ledger)
        ledger.check()
    assert ledger.atcs == sorted(set(ledger.atcs))
    CUTS[0] += ledger.cuts


def test_the_power_did_go() -> None:
    """The moves above cut the power often; run alone, this test makes them."""
    if not CUTS[0]:
        test_no_fen_is_made_or_lost()
    assert CUTS[0] > 300
