"""Batch files for the bank and their results (批量代扣, 批量代发): docs/bank-batches.md has the form."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from terminal.hosts.social.codes import Code, Refusal
from terminal.hosts.social.desk import Desk
from terminal.hosts.social.host import SocialSecurityHost
from terminal.hosts.social.payments import (
    Order,
    Result,
    benefit_orders,
    benefits_done,
    withholding_done,
    withholding_orders,
)
from terminal.messages.batches import Batch, BatchKind, BatchOrder, read_result, write_batch

_ORDERS: Final[Mapping[BatchKind, Callable[[Desk], tuple[Order, ...]]]] = {
    BatchKind.WITHHOLDING: withholding_orders,
    BatchKind.BENEFITS: benefit_orders,
}
_DONE: Final[Mapping[BatchKind, Callable[[Desk, Iterable[Result]], int]]] = {
    BatchKind.WITHHOLDING: withholding_done,
    BatchKind.BENEFITS: benefits_done,
}


def batch_file(host: SocialSecurityHost, kind: BatchKind, number: str) -> str:
    """The file of all orders of a kind that wait; `number` names it."""

    def write(desk: Desk) -> str:
        orders = tuple(
            BatchOrder(order.reference, "", order.person, order.name, order.amount, order.text)
            for order in _ORDERS[kind](desk)
        )
        return write_batch(Batch(kind, number, desk.day, orders))

    return host.work(write)


def take_result(host: SocialSecurityHost, text: str) -> int:
    """Book the bank's result file; how many orders it says are done. The same file again books nothing.

    Raises:
        BatchError: the file is not of its form.
        Refusal: it is about an order that the department did not give, or of another amount; nothing is booked.
    """
    result = read_result(text)
    lines = tuple(
        Result(line.reference, line.done, line.bank_reference, "" if line.done else line.reason, line.amount)
        for line in result.results
    )
    if any(line.done and not line.bank_reference for line in lines):
        raise Refusal(Code.MALFORMED, "an order that was carried out has the bank's reference")
    return host.work(lambda desk: _DONE[result.kind](desk, lines))
