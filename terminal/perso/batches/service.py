"""The bank's card platform (金融IC卡应用平台): batches from the department, and what becomes of them.

Each step does its work in parts, each part in one transaction with what it does in the core system. So a process that
dies anywhere goes on with the same call, and no record is lost or done twice.

    platform = BankBatches(bank, clock)
    platform.receive(batch)
    platform.process(batch.name)
    for package in platform.packages(batch.name): ...
    platform.give_back(batch.name)
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select

from terminal.errors import UsageError
from terminal.hosts.bank.tables import METADATA as BANK_METADATA
from terminal.hosts.bank.tables import TRANSFER_LOG
from terminal.hosts.books import transact
from terminal.perso.batches import store
from terminal.perso.batches.customers import CustomerCheck
from terminal.perso.batches.packages import Package, hash_total, package_name, sizes
from terminal.perso.batches.reconcile import BatchReport, reconcile
from terminal.perso.batches.registry import DrawnRegistry, PoliceRegistry
from terminal.perso.batches.rules import BatchRules, default_rules
from terminal.perso.batches.steps import BY_STEP, RULES, CoreSystem, StepRule, Tools
from terminal.perso.batches.store import Head, Row
from terminal.perso.batches.tables import BATCHES, CONTENT, METADATA, PACKAGES, PACKED, RECORDS, RecordState, Step
from terminal.perso.data.document import check_heading, write_batch
from terminal.perso.records import Batch, CardMakingList, CardRecord, Receipt, Rejection, RejectReason, SocialRecord

PART: Final = 500
"""Records of one transaction."""
_LONGEST_NAME: Final = 64
_LONGEST_NUMBER: Final = 32


class BankBatches:
    """The platform.

    Args:
        bank: the core system, in whose books the platform has tables of its own.
        clock: the bank's time.
        rules: what it goes by; the project's without.
        registry: the police registry that is asked about customers; without, one that knows everybody.

    Every method that takes the name of a batch raises UsageError where none of that name was received.
    """

    def __init__(
        self,
        bank: CoreSystem,
        clock: Callable[[], datetime],
        rules: BatchRules | None = None,
        registry: PoliceRegistry | None = None,
    ) -> None:
        self._bank, self._books, self._clock = bank, bank.books, clock
        self.rules = rules or default_rules()
        self._customers = CustomerCheck(self.rules, registry or DrawnRegistry(0, {}))
        for metadata in (BANK_METADATA, METADATA):
            metadata.create_all(self._books)

    # --- receipt

    def receive(self, batch: Batch) -> Receipt:
        """Register a batch (PERSO-137, SCHEME-208); a batch that came before is marked, and nothing is done again.

        Records whose person or order stands in the file twice are stopped at once (PERSO-069), and so are orders that
        an earlier batch has brought.

        Raises:
            UsageError: application time, city or county is missing, a record has no social half alone or no number of
                its order, or there is another batch of that name.
        """
        _check_form(batch)
        digest = hashlib.sha256(write_batch(batch)).hexdigest()
        return transact(self._books, lambda connection: self._receive(connection, batch, digest))

    def _receive(self, connection: Connection, batch: Batch, digest: str) -> Receipt:
        known = store.head(connection, batch.name)
        if known is not None:
            if known.digest != digest:
                raise UsageError(f"{batch.name}: another batch of this name was received on {known.received[:10]}")
            store.note(connection, self._now, batch.name, Step.RECEIVE, 0, text="came again, and was not taken again")
            return Receipt(batch.name, known.received, known.count, again=True)
        social = [record.social for record in batch.records if record.social is not None]
        rows = [store.new_row(batch, place, record) for place, record in enumerate(social)]
        rows = _stopped(rows, _known_orders(connection, [row.order for row in rows]))
        now = self._now
        head = {
            "name": batch.name, "digest": digest, "applied": batch.applied, "city": batch.city, "county": batch.county,
            "received": now, "count": len(rows), "orders": json.dumps([row.order for row in rows]),
            "returned": "",
        }  # fmt: skip
        connection.execute(BATCHES.insert(), head)
        store.add(connection, rows, social)
        rejected = sum(row.state is RecordState.REJECTED for row in rows)
        store.note(connection, self._now, batch.name, Step.RECEIVE, len(rows) - rejected, rejected)
        self._note_transfer(connection, batch.name, f"received: {len(rows)} records")
        return Receipt(batch.name, now, len(rows))

    # --- steps

    def split(self, name: str) -> int:
        """Give the applications to outlets by city and county; how many records it did."""
        return self._do(name, BY_STEP[Step.SPLIT])

    def check(self, name: str, outlet: str = "") -> int:
        """Check the customers, of one outlet or of all."""
        return self._do(name, BY_STEP[Step.CHECK], outlet)

    def open_accounts(self, name: str, outlet: str = "") -> int:
        """Open accounts for those who passed, of one outlet or of all."""
        return self._do(name, BY_STEP[Step.OPEN], outlet)

    def match(self, name: str) -> int:
        """Match the department's data with those of the accounts."""
        return self._do(name, BY_STEP[Step.MATCH])

    def pack(self, name: str) -> int:
        """Pack what is matched for the maker (PERSO-145); how many packages that gives.

        Raises:
            UsageError: records still wait for a step before.
        """
        return transact(self._books, lambda connection: self._pack(connection, name))

    def process(self, name: str) -> None:
        """All steps from splitting to packing; those that are done already do nothing."""
        for rule in RULES:
            self._do(name, rule)
        self.pack(name)

    def _do(self, name: str, rule: StepRule, outlet: str = "") -> int:
        if not transact(self._books, lambda connection: self._waiting(connection, name, rule)):
            return 0
        # Keys are fetched before a transaction begins: whoever gives them may note it in the same books.
        keys = self._bank.keys if rule.step is Step.OPEN else None
        tools = Tools(self.rules, self._customers, keys, self._clock().date())
        done = 0
        while part := transact(self._books, lambda connection: self._part(connection, name, rule, outlet, tools)):
            done += part
        return done

    def _waiting(self, connection: Connection, name: str, rule: StepRule) -> bool:
        self._head(connection, name)
        return bool(store.load(connection, name, rule.takes, limit=1))

    def _part(self, connection: Connection, name: str, rule: StepRule, outlet: str, tools: Tools) -> int:
        rows = store.load(connection, name, rule.takes, outlet=outlet, limit=PART)
        if not rows:
            return 0
        results = rule.work(connection, tools, rows)
        store.save(connection, results)
        states = Counter(row.state for row in results)
        store.note(connection, self._now, name, rule.step, states[rule.gives], states[RecordState.REJECTED], outlet)
        return len(rows)

    def _pack(self, connection: Connection, name: str) -> int:
        self._finished(connection, name, RecordState.MATCHED)
        rows = store.load(connection, name, RecordState.MATCHED)
        if not rows:
            return len(connection.scalars(select(PACKAGES.c.number).where(PACKAGES.c.batch == name)).all())
        left, packages = iter(rows), sizes(len(rows), self.rules.packages.largest)
        for number, size in enumerate(packages, 1):
            own = [next(left) for _ in range(size)]
            head = {
                "batch": name, "number": number, "made": self._now, "count": size,
                "total": hash_total(row.pan for row in own),
            }  # fmt: skip
            connection.execute(PACKAGES.insert(), head)
            connection.execute(
                PACKED.insert(),
                [{"batch": name, "place": row.place, "package": number, "order": row.order} for row in own],
            )
            package = package_name(name, number, len(packages))
            self._note_transfer(connection, package, f"packed for the maker: {size} records")
        matched = (RECORDS.c.batch == name, RECORDS.c.state == RecordState.MATCHED.value)
        connection.execute(RECORDS.update().where(*matched).values(state=RecordState.PACKED.value))
        store.note(connection, self._now, name, Step.PACK, len(rows))
        return len(packages)

    # --- what goes out

    def outlet_records(self, name: str, outlet: str) -> tuple[SocialRecord, ...]:
        """The applications of one outlet, as it downloads them (PERSO-139)."""

        def work(connection: Connection) -> tuple[SocialRecord, ...]:
            self._head(connection, name)
            rows = store.load(connection, name, outlet=outlet)
            return tuple(store.content(connection, name, rows))

        return transact(self._books, work)

    def outlets(self, name: str) -> dict[str, int]:
        """How many applications each outlet has."""

        def work(connection: Connection) -> dict[str, int]:
            self._head(connection, name)
            return dict(sorted(Counter(row.outlet for row in store.load(connection, name) if row.outlet).items()))

        return transact(self._books, work)

    def packages(self, name: str) -> tuple[Package, ...]:
        """The packages for the maker; the same whenever they are asked for."""
        return transact(self._books, lambda connection: self._packages(connection, name))

    def _packages(self, connection: Connection, name: str) -> tuple[Package, ...]:
        head = self._head(connection, name)
        rows = {row.place: row for row in store.load(connection, name, RecordState.PACKED)}
        packed: dict[int, list[Row]] = {}
        which = select(PACKED.c.place, PACKED.c.package).where(PACKED.c.batch == name).order_by(PACKED.c.place)
        for place, package in connection.execute(which):
            packed.setdefault(package, []).append(rows[place])
        query = select(PACKAGES).where(PACKAGES.c.batch == name).order_by(PACKAGES.c.number)
        notes = connection.execute(query).mappings().all()
        made = []
        for note in notes:
            records = self._records(connection, packed[note["number"]])
            own = package_name(name, note["number"], len(notes))
            made.append(
                Package(Batch(own, head.applied, head.city, head.county, records), note["count"], note["total"])
            )
        return tuple(made)

    def _records(self, connection: Connection, rows: list[Row]) -> tuple[CardRecord, ...]:
        social = store.content(connection, rows[0].batch, rows)
        return tuple(CardRecord(record, row.bank) for record, row in zip(social, rows, strict=True))

    def card_list(self, name: str) -> CardMakingList:
        """The card-making list of a batch that is packed (PERSO-143).

        Raises:
            UsageError: records still wait for a step.
        """
        return transact(self._books, lambda connection: self._card_list(connection, name))

    def rejected(self, name: str) -> tuple[tuple[Rejection, str], ...]:
        """The rejected records so far, each with what the bank keeps to itself about it."""

        def work(connection: Connection) -> tuple[tuple[Rejection, str], ...]:
            self._head(connection, name)
            rows = store.load(connection, name, RecordState.REJECTED)
            return tuple((row.rejection, row.inside) for row in rows)

        return transact(self._books, work)

    def give_back(self, name: str) -> CardMakingList:
        """The card-making list, noted as returned to the department under the name of its file (PERSO-144)."""

        def work(connection: Connection) -> CardMakingList:
            made = self._card_list(connection, name)
            if not self._head(connection, name).returned:
                connection.execute(BATCHES.update().where(BATCHES.c.name == name).values(returned=self._now))
                store.note(connection, self._now, name, Step.RETURN, made.made, len(made.rejected))
                self._note_transfer(connection, name, f"returned: {made.made} made, {len(made.rejected)} rejected")
            return made

        return transact(self._books, work)

    def _card_list(self, connection: Connection, name: str) -> CardMakingList:
        head = self._finished(connection, name, RecordState.PACKED)
        rows = store.load(connection, name)
        rejected = tuple(row.rejection for row in rows if row.state is RecordState.REJECTED)
        notes = connection.scalars(select(PACKAGES.c.made).where(PACKAGES.c.batch == name)).all()
        day = max(notes, default=head.received)[:10].replace("-", "")
        return CardMakingList(name, day, head.count, len(rows) - len(rejected), rejected)

    # --- books

    def names(self) -> tuple[str, ...]:
        """The batches that were received, in that order."""
        query = select(BATCHES.c.name).order_by(BATCHES.c.received, BATCHES.c.name)
        return transact(self._books, lambda connection: tuple(connection.scalars(query)))

    def report(self, name: str) -> BatchReport:
        """The books of a batch, with what is wrong in them (PERSO-136, SCHEME-210)."""

        def work(connection: Connection) -> BatchReport:
            return reconcile(connection, self._head(connection, name))

        return transact(self._books, work)

    def forget(self, name: str, supervisor: str) -> int:
        """Delete the department's data of a batch under supervision (PERSO-127); of how many records they were.

        Raises:
            UsageError: the card-making list has not gone back yet, or nobody supervises.
        """

        def work(connection: Connection) -> int:
            if not self._head(connection, name).returned:
                raise UsageError(f"{name}: nothing is deleted before the card-making list has gone back")
            count = connection.execute(CONTENT.delete().where(CONTENT.c.batch == name)).rowcount
            text = f"data of {count} records deleted under the supervision of {supervisor}"
            self._note_transfer(connection, name, text)
            return count

        if not supervisor:
            raise UsageError("data are deleted under supervision: name who sees to it")
        return transact(self._books, work)

    def _head(self, connection: Connection, name: str) -> Head:
        found = store.head(connection, name)
        if found is None:
            raise UsageError(f"{name}: no batch of this name was received")
        return found

    def _finished(self, connection: Connection, name: str, last: RecordState) -> Head:
        """The batch, if all its good records have come as far as that."""
        head = self._head(connection, name)
        waiting = {
            state: count
            for state, count in store.counts(connection, name).items()
            if state not in (last, RecordState.PACKED, RecordState.REJECTED)
        }
        if waiting:
            told = ", ".join(f"{count} {state.value}" for state, count in waiting.items())
            raise UsageError(f"{name}: records still wait for a step: {told}")
        return head

    @property
    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds")

    def _note_transfer(self, connection: Connection, file: str, text: str) -> None:
        row = {"day": f"{self._clock():%Y%m%d}", "file": file[:64], "text": text}
        connection.execute(TRANSFER_LOG.insert(), row)


def _check_form(batch: Batch) -> None:
    check_heading(batch.applied, batch.city, batch.county, batch.name)
    if not batch.name or len(batch.name) > _LONGEST_NAME:
        raise UsageError(f"{batch.name[:_LONGEST_NAME]}: the name of a batch has 1 to {_LONGEST_NAME} characters")
    for place, record in enumerate(batch.records, 1):
        if record.social is None or record.bank is not None:
            raise UsageError(f"{batch.name}: order {record.order} has not the social half alone")
        if not record.order or len(record.order) > _LONGEST_NUMBER:
            raise UsageError(
                f"{batch.name}: record {place}: the number of an order has 1 to {_LONGEST_NUMBER} characters"
            )


def _known_orders(connection: Connection, orders: list[str]) -> set[str]:
    """Those orders that an earlier batch has brought and that were not rejected there."""
    columns = RECORDS.c
    query = select(columns.order).where(
        columns.order.in_(bindparam("some", expanding=True)), columns.state != RecordState.REJECTED.value
    )
    found: set[str] = set()
    for start in range(0, len(orders), PART):
        found.update(connection.scalars(query, {"some": orders[start : start + PART]}))
    return found


def _stopped(rows: list[Row], known: set[str]) -> list[Row]:
    orders, persons = Counter(row.order for row in rows), Counter(row.person for row in rows)
    done = []
    for row in rows:
        if orders[row.order] > 1:
            done.append(row.rejected(RejectReason.DUPLICATE, "this order stands twice in the file"))
        elif persons[row.person] > 1:
            done.append(row.rejected(RejectReason.DUPLICATE, "this person stands twice in the file"))
        elif row.order in known:
            done.append(row.rejected(RejectReason.KNOWN))
        else:
            done.append(row)
    return done
