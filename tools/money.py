"""Money of a small town: random transactions with faults, and whether everybody has what he must have at the end.

    python tools/money.py                              10,000 transactions; exit status 1 if a fen is missing
    python tools/money.py --transactions 500 --seed 7
    python tools/money.py --seed 7 --shrink            replay shorter and shorter beginnings of a run that fails

Cards and PSAMs are the model; terminals, switch, banks and department are those of `terminal`. The town, its account of
its own and what is compared are in tests/terminal/money; docs/money.md explains them.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.terminal.money.runs import RATE, Report, run_town, shortest  # noqa: E402 - the tests are not installed

_SHOWN: Final = 12
"""Transactions of the card that are written out with a difference."""


def _progress(done: int) -> None:
    if sys.stderr.isatty() and not done % 20:
        sys.stderr.write(f"\r\x1b[K{done} transactions")
        sys.stderr.flush()


def _lines(report: Report) -> Iterator[str]:
    per_second = report.transactions / report.seconds
    yield f"{report.transactions} transactions of seed {report.seed} in {report.seconds:.0f} s ({per_second:.0f}/s)"
    yield f"{report.commands} commands, {report.messages} messages, {sum(report.faults.values())} faults"
    yield ""
    for deal, number in report.deals.most_common():
        yield f"{number:>8}  {deal.label}"
    yield ""
    for fault, number in report.faults.most_common():
        yield f"{number:>8}  {fault.value}"
    yield ""
    if report.difference:
        yield f"THE MONEY DOES NOT ADD UP: {report.difference}"
        yield f"seed {report.seed}, found after {report.transactions} transactions; the last ones that concern it:"
        yield from (str(entry) for entry in report.concerned[-_SHOWN:])
        return
    for line in report.sums:
        yield f"{line.found:>16}  {line.name}"
    for one in report.suspense:
        yield f"{one.amount:>16}  in suspense, card …{one.card[-6:]}: {one.reason} (transaction {one.number})"
    yield ""
    yield "everything adds up"


def _document(report: Report) -> dict[str, object]:
    return {
        "format": "cardsim-money",
        "version": 1,
        "seed": report.seed,
        "transactions": report.transactions,
        "seconds": round(report.seconds, 1),
        "commands": report.commands,
        "messages": report.messages,
        "clean": not report.difference,
        "difference": report.difference,
        "kinds": {deal.label: number for deal, number in report.deals.items()},
        "faults": {fault.value: number for fault, number in report.faults.items()},
        "sums": [{"name": line.name, "fen": line.found} for line in report.sums],
        "suspense": [
            {"card": one.card[-6:], "reason": one.reason, "fen": one.amount, "transaction": one.number}
            for one in report.suspense
        ],
        "history": [str(entry) for entry in report.concerned] if report.difference else [],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run; the exit status."""
    parser = argparse.ArgumentParser(
        prog="money.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transactions", type=int, default=10_000, metavar="N", help="how many (10000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of everything that is random (1)")
    parser.add_argument("--rate", type=float, default=RATE, metavar="P", help=f"chance of a fault ({RATE})")
    parser.add_argument("--shrink", action="store_true", help="find the shortest beginning that fails")
    parser.add_argument("--json", action="store_true", help="write the outcome as JSON")
    asked = parser.parse_args(argv)
    if asked.transactions < 1:
        parser.error("--transactions: at least 1")
    if not 0 <= asked.rate < 1:
        parser.error("--rate: from 0 to less than 1")
    work = shortest if asked.shrink else run_town
    report = work(asked.seed, asked.transactions, rate=asked.rate, progress=_progress)
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    if asked.json:
        print(json.dumps(_document(report), indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(report)))
    return 1 if report.difference else 0


if __name__ == "__main__":
    sys.exit(main())
