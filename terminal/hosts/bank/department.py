"""The line between department and bank for batches, as the department's host sees it (SCHEME-092)."""

from collections.abc import Callable
from datetime import datetime

from terminal.hosts.bank.batches import carry_out
from terminal.hosts.bank.host import BankHost
from terminal.hosts.social.payments import Order, Result
from terminal.messages.batches import Batch, BatchKind, BatchOrder


class DepartmentLine:
    """Hands the department's orders to the bank and its results back, without a file."""

    def __init__(self, bank: BankHost, clock: Callable[[], datetime]) -> None:
        self._bank = bank
        self._clock = clock

    def credit(self, orders: tuple[Order, ...]) -> tuple[Result, ...]:
        """Benefits: credit the accounts of these persons."""
        return self._carry_out(BatchKind.BENEFITS, orders)

    def withhold(self, orders: tuple[Order, ...]) -> tuple[Result, ...]:
        """Contributions: debit the accounts of these persons."""
        return self._carry_out(BatchKind.WITHHOLDING, orders)

    def _carry_out(self, kind: BatchKind, orders: tuple[Order, ...]) -> tuple[Result, ...]:
        day = f"{self._clock():%Y%m%d}"
        lines = tuple(BatchOrder(o.reference, "", o.person, o.name, o.amount, o.text) for o in orders)
        result = carry_out(self._bank, Batch(kind, f"line {day}", day, lines))
        return tuple(Result(r.reference, r.done, r.bank_reference, "" if r.done else r.reason) for r in result.results)
