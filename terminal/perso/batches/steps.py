"""The steps of a batch: what each makes of some records, in one transaction with what it does in the core system."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Protocol, assert_never

from sqlalchemy import Connection, Engine

from terminal.hosts.bank import accounts
from terminal.hosts.bank.chip import IssuerKeys
from terminal.hosts.bank.issuing import CardData, IssueOrder, IssueRefusal, issue_all
from terminal.hosts.bank.tables import AccountState, CardState
from terminal.perso.batches import store
from terminal.perso.batches.customers import CustomerCheck, sex_of
from terminal.perso.batches.matching import Side, match
from terminal.perso.batches.registry import IdCheck
from terminal.perso.batches.rules import BatchRules
from terminal.perso.batches.store import Row
from terminal.perso.batches.tables import RecordState, Step
from terminal.perso.records import BankRecord, OrderKind, RejectReason


class CoreSystem(Protocol):
    """The bank's core system: `terminal.hosts.bank.BankHost` is one."""

    @property
    def books(self) -> Engine:
        """Where accounts stand."""

    @property
    def keys(self) -> IssuerKeys:
        """Under which PINs are kept."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the steps work with."""

    rules: BatchRules
    customers: CustomerCheck
    keys: IssuerKeys | None
    """For the opening of accounts alone."""
    today: date


Work = Callable[[Connection, Tools, list[Row]], list[Row]]
"""What becomes of records that are in the step's state; all of them change it."""


def split(connection: Connection, tools: Tools, rows: list[Row]) -> list[Row]:
    """Give each application to the outlet of its county (PERSO-139); nobody's are listed (PERSO-140)."""
    del connection
    served = {place: tools.rules.outlet(*place) for place in {(row.city, row.county) for row in rows}}
    done = []
    for row in rows:
        outlet = served[row.city, row.county]
        if outlet is None:
            detail = f"city {row.city}, county {row.county}"
            done.append(row.rejected(RejectReason.NO_OUTLET, detail))
        else:
            done.append(replace(row, state=RecordState.ASSIGNED, outlet=outlet.code))
    return done


def check(connection: Connection, tools: Tools, rows: list[Row]) -> list[Row]:
    """Check the customers (PERSO-141, SCHEME-119)."""
    done = []
    for row, record in zip(rows, store.content(connection, rows[0].batch, rows), strict=True):
        verdict = tools.customers.check(record)
        row = replace(row, checked="" if verdict.result is None else verdict.result.value)
        if verdict.reason is None:
            done.append(replace(row, state=RecordState.PASSED))
        else:
            done.append(row.rejected(verdict.reason, verdict.detail, verdict.inside))
    return done


def open_accounts(connection: Connection, tools: Tools, rows: list[Row]) -> list[Row]:
    """Open accounts in bulk in the core system, with card numbers (PERSO-142)."""
    assert tools.keys is not None
    pin = tools.rules.accounts.initial_pin
    orders = [IssueOrder(row.name, row.person, pin, another=row.kind is not OrderKind.FIRST) for row in rows]
    made = issue_all(connection, tools.keys, orders, tools.today)
    return [_opened(row, result) for row, result in zip(rows, made, strict=True)]


def _opened(row: Row, result: CardData | IssueRefusal) -> Row:
    match result:
        case CardData():
            return replace(
                row, state=RecordState.OPENED, pan=result.pan, psn=result.psn, account=result.account,
                issued=result.issued, expires=result.expires,
            )  # fmt: skip
        case IssueRefusal.HAS_CARD | IssueRefusal.CREDIT:
            return row.rejected(RejectReason.HAS_CARD, result.value)
        case IssueRefusal.NO_ACCOUNT:
            return row.rejected(RejectReason.NO_ACCOUNT, result.value)
        case _ as never:
            assert_never(never)


def join(connection: Connection, tools: Tools, rows: list[Row]) -> list[Row]:
    """Match the department's data with what the core system has of the same persons (PERSO-145, SCHEME-204).

    An account that was opened for nothing is closed again.
    """
    social = store.content(connection, rows[0].batch, rows)
    passed = {row.person for row in rows if row.checked and tools.customers.accepts(IdCheck(row.checked))}
    found = match(social, _bank_records(connection, rows), tools.rules.key, passed)
    stopped = {one.rejection.order: one.rejection for one in found.unmatched if one.side is Side.SOCIAL}
    done = []
    for row in rows:
        rejection = stopped.get(row.order)
        if rejection is None:
            done.append(replace(row, state=RecordState.MATCHED))
            continue
        _close(connection, row)
        done.append(row.rejected(rejection.reason, rejection.detail, f"card {row.pan[:6]}…{row.pan[-4:]} closed"))
    return done


def _close(connection: Connection, row: Row) -> None:
    if accounts.find(connection, row.pan) is None:
        return
    accounts.set_card_state(connection, row.pan, CardState.CLOSED)
    if row.kind is OrderKind.FIRST:
        accounts.set_account_state(connection, row.account, AccountState.CLOSED)


def _bank_records(connection: Connection, rows: list[Row]) -> list[BankRecord]:
    """The bank's file: what the core system has of the cards that were opened for these records."""
    held = accounts.of_persons(connection, {row.person for row in rows})
    opened = {row.pan: row for row in rows}
    return [
        BankRecord(
            opened[holding.pan].order, holding.id_number, holding.name, sex_of(person) or opened[holding.pan].sex,
            holding.pan, holding.psn, holding.number, opened[holding.pan].issued, holding.expires,
            opened[holding.pan].outlet,
        )
        for person, holdings in held.items()
        for holding in holdings
        if holding.pan in opened and holding.account_state is not AccountState.CLOSED
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepRule:
    """A step that is done record by record: the state that it takes them in, the one that good ones leave in."""

    step: Step
    takes: RecordState
    gives: RecordState
    work: Work


RULES: Final = (
    StepRule(Step.SPLIT, RecordState.RECEIVED, RecordState.ASSIGNED, split),
    StepRule(Step.CHECK, RecordState.ASSIGNED, RecordState.PASSED, check),
    StepRule(Step.OPEN, RecordState.PASSED, RecordState.OPENED, open_accounts),
    StepRule(Step.MATCH, RecordState.OPENED, RecordState.MATCHED, join),
)
BY_STEP: Final[Mapping[Step, StepRule]] = {rule.step: rule for rule in RULES}
