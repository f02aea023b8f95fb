"""Batch files between department and bank (批量代扣, 批量代发): CSV in UTF-8, a head and a line for each order.

The format is our own; docs/bank.md describes it. Amounts are in fen.

    H,cardsim-batch,1,withholding,20261121-01,20261121,2,45000
    D,D00000001,,510101199001011234,李四,30000,resident pension

The result has the same lines with what became of them:

    H,cardsim-batch-result,1,withholding,20261121-01,20261121,1,30000,1,15000
    R,D00000001,00,000000000017,30000,approved
"""

import csv
import enum
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_BATCH: Final = "cardsim-batch"
_RESULT: Final = "cardsim-batch-result"
_VERSION: Final = "1"


class BatchError(ValueError):
    """A batch file is not of its form: line and what is wrong with it, for people."""


class BatchKind(enum.Enum):
    """Which way the money goes."""

    WITHHOLDING = "withholding"
    """Contributions are debited (代扣)."""
    BENEFITS = "benefits"
    """Benefits are credited (代发)."""


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """One order. The account may be left out: the bank then takes the one of that person."""

    reference: str
    """The department's own; the bank carries an order out once."""
    account: str
    """Account or card number, or "" for the person's own."""
    id_number: str
    """Social-security number (社会保障号码)."""
    name: str
    amount: int
    text: str
    """What it is about: the kind of contribution or benefit."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch file. `number` names it; a file that comes again gets the same result. `day` is YYYYMMDD."""

    kind: BatchKind
    number: str
    day: str
    orders: tuple[BatchOrder, ...]

    @property
    def total(self) -> int:
        """The sum of all orders in fen."""
        return sum(order.amount for order in self.orders)


@dataclass(frozen=True, slots=True)
class OrderResult:
    """What became of an order: response code, the bank's reference where it was carried out, and the reason."""

    reference: str
    code: str
    bank_reference: str
    amount: int
    reason: str

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return self.code == "00"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result file of a batch."""

    kind: BatchKind
    number: str
    day: str
    results: tuple[OrderResult, ...]

    def totals(self, *, done: bool) -> tuple[int, int]:
        """Number and sum of the orders that were carried out, or were not."""
        amounts = [result.amount for result in self.results if result.done is done]
        return len(amounts), sum(amounts)


def write_batch(batch: Batch) -> str:
    """The file of a batch."""
    head = ("H", _BATCH, _VERSION, batch.kind.value, batch.number, batch.day, len(batch.orders), batch.total)
    return _text(
        head, (("D", o.reference, o.account, o.id_number, o.name, o.amount, o.text) for o in batch.orders)
    )  # fmt: skip


def read_batch(text: str) -> Batch:
    """The batch in a file.

    Raises:
        BatchError: a line is not of its form, an order stands there twice, or number and sum are not those of the head.
    """
    head, lines = _parts(text, _BATCH, 8, "D", 7)
    orders = tuple(
        BatchOrder(line[1], line[2], line[3], line[4], _amount(number, line[5]), line[6])
        for number, line in enumerate(lines, 2)
    )
    batch = Batch(_kind(head[3]), head[4], head[5], orders)
    if (str(len(orders)), str(batch.total)) != (head[6], head[7]):
        raise BatchError(
            f"line 1: the head says {head[6]} orders of {head[7]} fen, there are {len(orders)} of {batch.total}"
        )
    if len({order.reference for order in orders}) != len(orders):
        raise BatchError("two orders have the same reference")
    return batch


def write_result(result: BatchResult) -> str:
    """The file of a result."""
    totals = (*result.totals(done=True), *result.totals(done=False))
    head = ("H", _RESULT, _VERSION, result.kind.value, result.number, result.day, *totals)
    return _text(head, (("R", r.reference, r.code, r.bank_reference, r.amount, r.reason) for r in result.results))


def read_result(text: str) -> BatchResult:
    """The result in a file.

    Raises:
        BatchError: a line is not of its form, or the totals are not those of the head.
    """
    head, lines = _parts(text, _RESULT, 10, "R", 6)
    results = tuple(
        OrderResult(line[1], line[2], line[3], _amount(number, line[4]), line[5])
        for number, line in enumerate(lines, 2)
    )
    result = BatchResult(_kind(head[3]), head[4], head[5], results)
    totals = (*result.totals(done=True), *result.totals(done=False))
    if [str(value) for value in totals] != head[6:10]:
        raise BatchError("line 1: the totals are not those of the lines")
    return result


def _text(head: Sequence[object], lines: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([head, *lines])
    return file.getvalue()


def _parts(text: str, name: str, width: int, mark: str, line_width: int) -> tuple[list[str], list[list[str]]]:
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise BatchError(f"this is no CSV: {error}") from error
    if not rows or rows[0][:3] != ["H", name, _VERSION] or len(rows[0]) != width:
        raise BatchError(f"line 1: a head H,{name},{_VERSION} of {width} fields is expected")
    for number, row in enumerate(rows[1:], 2):
        if row[:1] != [mark] or len(row) != line_width:
            raise BatchError(f"line {number}: a line {mark} of {line_width} fields is expected")
    return rows[0], rows[1:]


def _kind(word: str) -> BatchKind:
    try:
        return BatchKind(word)
    except ValueError as error:
        raise BatchError(f"line 1: {word!r} is no kind of batch") from error


def _amount(line: int, text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) <= 0:
        raise BatchError(f"line {line}: {text!r} is no amount in fen")
    return int(text)
