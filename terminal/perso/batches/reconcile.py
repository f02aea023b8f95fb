"""The books of a batch: received = made + rejected, nothing twice and nothing left out (PERSO-136, SCHEME-210).

The report compares sets that were written down apart: the orders that the file named, the records, what the packages
hold, and the accounts of the core system.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from terminal.hosts.bank.tables import ACCOUNTS, CARDS, AccountState, CardState
from terminal.perso.batches import store
from terminal.perso.batches.packages import hash_total
from terminal.perso.batches.store import Head, Row
from terminal.perso.batches.tables import LOG, PACKAGES, PACKED, RECORDS, RecordState
from terminal.perso.records import RejectReason

_SOME: Final = 500
_NAMED: Final = 5
"""So many are named of what is wrong in the same way."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The books of a batch. They balance where `problems` is empty and nothing waits."""

    batch: str
    received: int
    made: int
    """In packages for the maker."""
    rejected: int
    waiting: Mapping[RecordState, int]
    """Records that a step still has to do, by state."""
    reasons: Mapping[RejectReason, int]
    packages: int
    total: str
    """Hash total of all card numbers in the packages."""
    steps: tuple[tuple[str, int, int], ...]
    """By step: how many it let pass, how many it rejected."""
    returned: str
    problems: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """Whether received = made + rejected, with nothing wrong and nothing waiting."""
        return not self.problems and not self.waiting and self.received == self.made + self.rejected

    def document(self) -> dict[str, Any]:
        """The report for machines, without format and version."""
        return {
            "batch": self.batch,
            "verdict": "balanced" if self.balanced else "unbalanced" if self.problems else "in progress",
            "received": self.received,
            "made": self.made,
            "rejected": self.rejected,
            "waiting": {state.value: count for state, count in self.waiting.items()},
            "reasons": {reason.value: count for reason, count in self.reasons.items()},
            "packages": {"count": self.packages, "hash_total": self.total},
            "steps": [{"step": step, "done": done, "rejected": rejected} for step, done, rejected in self.steps],
            "returned": self.returned,
            "problems": list(self.problems),
        }

    def text(self) -> str:
        """The report for people."""
        lines = [f"batch {self.batch}", f"  received {self.received:8}", f"  made     {self.made:8}"]
        lines.append(f"  rejected {self.rejected:8}")
        lines += [f"    {count:8}  {reason.value}" for reason, count in self.reasons.items()]
        lines += [f"  waiting  {count:8}  {state.value}" for state, count in self.waiting.items()]
        lines.append(f"  packages {self.packages:8}  hash total {self.total}")
        lines.append(f"  returned {self.returned}" if self.returned else "  the card-making list has not gone back yet")
        lines += [f"  WRONG: {problem}" for problem in self.problems]
        if self.balanced:
            lines.append(f"  balanced: {self.received} = {self.made} + {self.rejected}")
        elif not self.problems:
            lines.append("  in progress")
        return "\n".join(lines)


def reconcile(connection: Connection, head: Head) -> BatchReport:
    """Look through the books of a batch."""
    rows = store.load(connection, head.name)
    states = Counter(row.state for row in rows)
    packed = {row.place: row for row in connection.execute(select(PACKED).where(PACKED.c.batch == head.name))}
    pans = [row.pan for row in rows if row.place in packed]
    ended = (RecordState.PACKED, RecordState.REJECTED)
    packages = connection.execute(select(PACKAGES).where(PACKAGES.c.batch == head.name)).mappings().all()
    return BatchReport(
        batch=head.name,
        received=head.count,
        made=len(packed),
        rejected=states[RecordState.REJECTED],
        waiting={state: states[state] for state in RecordState if states[state] and state not in ended},
        reasons={reason: count for reason in RejectReason if (count := sum(row.reason is reason for row in rows))},
        packages=len(packages),
        total=hash_total(pans),
        steps=_steps(connection, head.name),
        returned=head.returned,
        problems=(
            *_received(head, rows),
            *_packages(rows, packed, packages),
            *_accounts(connection, rows),
            *_elsewhere(connection, head.name, rows),
        ),
    )


def _steps(connection: Connection, batch: str) -> tuple[tuple[str, int, int], ...]:
    columns = LOG.c
    sums = select(columns.step, func.sum(columns.done), func.sum(columns.rejected))
    query = sums.where(columns.batch == batch).group_by(columns.step).order_by(func.min(columns.id))
    return tuple((step, int(done), int(rejected)) for step, done, rejected in connection.execute(query))


def _received(head: Head, rows: list[Row]) -> Iterator[str]:
    """The records are those that the file named, each once for each time that it did."""
    named, there = Counter(head.orders), Counter(row.order for row in rows)
    yield from _some("order {} was received and is lost", (named - there).elements())
    yield from _some("order {} stands in the records and was not received", (there - named).elements())
    if head.count != len(head.orders):
        yield f"{head.count} records were counted, {len(head.orders)} were named"
    for row in rows:
        if (row.state is RecordState.REJECTED) != (row.reason is not None):
            yield f"order {row.order} is {row.state.value} with the reason {row.reason and row.reason.value}"


def _packages(rows: list[Row], packed: Mapping[int, Any], packages: Iterable[RowMapping]) -> Iterator[str]:
    """What was packed is what is in packages, once, with the counts and totals that these say."""
    by_place = {row.place: row for row in rows}
    differing = [row for row in rows if (row.state is RecordState.PACKED) != (row.place in packed)]
    yield from _some(
        "order {} counts as packed and is in no package", (row.order for row in differing if row.place not in packed)
    )
    yield from _some(
        "order {} is in a package and does not count as packed", (row.order for row in differing if row.place in packed)
    )
    yield from _some(
        "order {} is in a package and has no record",
        (entry.order for place, entry in packed.items() if place not in by_place),
    )
    for package in packages:
        own = [by_place[p] for p, entry in packed.items() if entry.package == package["number"] and p in by_place]
        if len(own) != package["count"]:
            yield f"package {package['number']} holds {len(own)} records and says {package['count']}"
        if hash_total(row.pan for row in own) != package["total"]:
            yield f"package {package['number']} has another hash total than it says"
    twice = [pan for pan, count in Counter(row.pan for row in rows if row.pan).items() if count > 1]
    yield from _some("a card number ending {} was given twice", (pan[-4:] for pan in twice))


def _accounts(connection: Connection, rows: list[Row]) -> Iterator[str]:
    """Every record that goes on has its person's card in the core system; a rejected one has none in use."""
    held = {pan: (person, state, account) for pan, person, state, account in _cards(connection, rows)}
    for row in rows:
        person, state, account = held.get(row.pan, ("", "", ""))
        in_use = state != CardState.CLOSED.value and account != AccountState.CLOSED.value
        if row.state in _WITH_ACCOUNT:
            if row.pan not in held:
                yield f"order {row.order} has no account in the core system"
            elif person != row.person:
                yield f"order {row.order} has an account of another person"
        elif row.pan in held and (in_use or row.state is not RecordState.REJECTED):
            yield f"order {row.order} is {row.state.value} and has a card in the core system"


_WITH_ACCOUNT: Final = (RecordState.OPENED, RecordState.MATCHED, RecordState.PACKED)


def _cards(connection: Connection, rows: list[Row]) -> Iterator[tuple[str, str, str, str]]:
    query = (
        select(CARDS.c.pan, ACCOUNTS.c.id_number, CARDS.c.state, ACCOUNTS.c.state)
        .join(ACCOUNTS, ACCOUNTS.c.number == CARDS.c.account)
        .where(CARDS.c.pan.in_(bindparam("some", expanding=True)))
    )
    pans = [row.pan for row in rows if row.pan]
    for start in range(0, len(pans), _SOME):
        for row in connection.execute(query, {"some": pans[start : start + _SOME]}):
            yield row[0], row[1], row[2], row[3]


def _elsewhere(connection: Connection, batch: str, rows: list[Row]) -> Iterator[str]:
    """No order of this batch is on its way in another one too."""
    columns = RECORDS.c
    query = select(columns.order, columns.batch).where(
        columns.order.in_(bindparam("some", expanding=True)),
        columns.batch != batch,
        columns.state != RecordState.REJECTED.value,
    )
    orders = [row.order for row in rows if row.state is not RecordState.REJECTED]
    for start in range(0, len(orders), _SOME):
        for order, other in connection.execute(query, {"some": orders[start : start + _SOME]}):
            yield f"order {order} is in batch {other} too"


def _some(text: str, found: Iterable[str]) -> Iterator[str]:
    """A sentence for each of the first few, and one that counts the others."""
    names = list(found)
    yield from (text.format(name) for name in names[:_NAMED])
    if len(names) > _NAMED:
        yield f"the same of {len(names) - _NAMED} more"
