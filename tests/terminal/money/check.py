"""The end of a run: what is pending is told, and everybody's money is compared with our own account."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import Engine, select

from terminal.effects import Shelf
from terminal.flows.financial.flow import Result
from terminal.flows.social.records import PURCHASE
from terminal.hosts.bank import audit as bank_audit
from terminal.hosts.bank.clearing import cleared
from terminal.hosts.bank.tables import (
    CASH,
    CASH_DIFFERENCES,
    CLEARING,
    FEES,
    LEDGER,
    SOCIAL_SECURITY,
    cash_code,
    holder_code,
)
from terminal.hosts.books import Ledger, transact
from terminal.hosts.social.audit import audit as social_audit
from terminal.hosts.social.tables import LEDGER as SOCIAL_LEDGER
from terminal.hosts.social.tables import card_code, central_code
from terminal.hosts.switchbook import LEDGER as SWITCH_LEDGER
from terminal.hosts.switchbook import Way
from tests.terminal.money.faults import Difference
from tests.terminal.money.ledger import Key, Suspense
from tests.terminal.money.town import BANKS, CENTRAL, Resident
from tests.terminal.money.traffic import Deal, Traffic, cash_on, medical_on

_TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class Sum:
    """A line of the table of sums: what it is, what our account says, what the books say; fen."""

    name: str
    expected: int
    found: int


def close(traffic: Traffic) -> None:
    """No faults any more: everything that is pending is told, everything that is open is finished.

    The balance of electronic cash that a torn load has left different between card and bank is found by the bank in the
    card's next online transaction; an inquiry at an ATM is one.

    Raises:
        Difference: something cannot be finished.
    """
    town = traffic.town
    traffic.trouble.stop()
    for line in town.lines:
        line.flush()
    _tell_all(traffic)
    for resident in town.residents:
        _finish_medical(traffic, resident)
    for bill in traffic.bills:
        _repeat(traffic, Deal.BILL, partial(traffic.bill, bill), partial(getattr, bill, "open"))
    for one in traffic.contributions:
        _repeat(traffic, Deal.CONTRIBUTION, partial(traffic.contribute, one), partial(getattr, one, "open"))
    town.department.withhold()
    town.department.pay_benefits()
    for resident in town.holders:
        _inquire(traffic, resident)
    _tell_all(traffic)
    for post in traffic.bank_posts:
        # The first one may be a settlement whose answer was lost; the second covers what was approved since.
        for _ in range(2):
            traffic.begin(Deal.SETTLEMENT)
            if not traffic.settle_day(post):
                raise Difference(f"{post.name} cannot settle: {traffic.entry.result}")
    traffic.town.next_day()
    traffic.begin(Deal.CLEARING)
    traffic.clear(f"{town.now:%Y%m%d}")


def _tell_all(traffic: Traffic) -> None:
    for post in traffic.town.posts.values():
        traffic.begin(Deal.UPLOAD)
        if not traffic.tell(post):
            raise Difference(f"{post.name} cannot tell what is pending")
    for code in BANKS:
        if not traffic.town.switch.deliver(code):
            raise Difference(f"the switch cannot tell bank {code} what it owes")


def _finish_medical(traffic: Traffic, resident: Resident) -> None:
    """At every terminal what was interrupted there; then a load, with which the department learns what became of the
    load before it, and which pays what is open."""
    for name, post in traffic.town.posts.items():
        if post.department_line is not None:
            traffic.begin(Deal.MEDICAL_LOAD)
            outcome = traffic.visit(post, resident)
            if outcome is None or outcome.failure is not None:
                raise Difference(f"{name} cannot read the card: {outcome and outcome.failure}", resident.pan)
    need = sum(
        fee.amount for bill in traffic.bills if bill.open and bill.resident is resident for fee in bill.task.fees
    )
    traffic.begin(Deal.MEDICAL_LOAD)
    outcome = traffic.medical(Deal.MEDICAL_LOAD, resident, need + 1)
    if outcome is None or outcome.failure is not None:
        raise Difference(f"the last load fails: {outcome and outcome.failure}", resident.pan)


def _repeat(traffic: Traffic, deal: Deal, work: Callable[[], object], still: Callable[[], bool]) -> None:
    for _ in range(_TRIES):
        if not still():
            return
        traffic.begin(deal)
        work()
        traffic.town.now += timedelta(seconds=30)
    if still():
        raise Difference(f"{deal.label} stays open: {traffic.entry.result}")


def _inquire(traffic: Traffic, resident: Resident) -> None:
    for _ in range(_TRIES):
        traffic.begin(Deal.INQUIRY)
        outcome = traffic.at_bank(Deal.INQUIRY, traffic.town.posts["ATM of bank 1"], resident, 0)
        if outcome is not None and outcome.result is Result.APPROVED:
            return
    raise Difference(f"the inquiry is not approved: {traffic.entry.result}", resident.pan)


# --- comparison -------------------------------------------------------------------------------------------------------


def compare(traffic: Traffic) -> list[Sum]:
    """All sums, each with what it must be.

    Raises:
        Difference: the first that is not.
    """
    town, expected = traffic.town, traffic.expected
    _batches(traffic)
    problems = [
        *(f"bank {code}: {text}" for code, books in town.bank_books.items() for text in bank_audit.audit(books)),
        *(f"department: {text}" for text in social_audit(town.department.books)),
        *(f"switch: {text}" for text in town.switch.audit()),
    ]
    if problems:
        raise Difference(problems[0])
    sums = []
    for line, card in (*_holders(traffic), *_medical(traffic), *_own_accounts(traffic)):
        if line.expected != line.found:
            text = f"{line.name}: our account has {line.expected}, the books {line.found}"
            raise Difference(f"{text} ({line.found - line.expected:+d})", card)
        sums.append(line)
    _cleared(traffic)
    _bills(traffic)
    for post in traffic.bank_posts:
        terminal = post.terminal.terminal_id
        if expected.claimed_by(terminal) != expected.totals(terminal):
            text = f"{expected.claimed_by(terminal)}, its transactions {expected.totals(terminal)}"
            raise Difference(f"the settlements of {post.name} sum to {text}")
    return sums


def _batches(traffic: Traffic) -> None:
    """Everything that was due is withheld, every benefit is paid, once: the line to the bank works at the end."""
    expected, side = traffic.expected, traffic.expected.banks[BANKS[0]]
    for resident, amount in traffic.withheld.values():
        expected.accounts[resident.pan] -= amount
        side.social += amount
    for resident, amount in traffic.benefits.values():
        expected.accounts[resident.pan] += amount
        side.social -= amount


def _balances(books: Engine, ledger: Ledger) -> dict[str, int]:
    query = select(ledger.accounts.c.code, ledger.accounts.c.balance)
    return transact(books, lambda connection: {row.code: row.balance for row in connection.execute(query)})


def _holders(traffic: Traffic) -> Iterator[tuple[Sum, str]]:
    expected = traffic.expected
    for code, books in traffic.town.bank_books.items():
        found = _balances(books, LEDGER)
        for resident in traffic.town.holders:
            if resident.bank != code:
                continue
            pan, who = resident.pan, f"{resident.name} {resident.pan[-6:-1]}"
            yield Sum(f"account of {who}", expected.accounts[pan], found[holder_code(pan)]), pan
            savings = resident.savings
            yield Sum(f"savings of {who}", expected.accounts[savings], found[holder_code(savings)]), pan
            on_card = cash_on(resident)
            yield Sum(f"electronic cash on the card of {who}", expected.cards[pan], on_card), pan
            shadow = found[cash_code(pan)]
            yield Sum(f"shadow account of {who}", expected.cash[pan], shadow), pan
            yield Sum(f"shadow less card of {who}, in suspense", expected.suspended(pan), shadow - on_card), pan


def _own_accounts(traffic: Traffic) -> Iterator[tuple[Sum, str]]:
    for code, books in traffic.town.bank_books.items():
        found, side = _balances(books, LEDGER), traffic.expected.banks[code]
        yield Sum(f"bank {code}, cash", side.cash, found[CASH]), ""
        yield Sum(f"bank {code}, clearing", side.clearing, found[CLEARING]), ""
        yield Sum(f"bank {code}, fees", side.fees, found[FEES]), ""
        yield Sum(f"bank {code}, social security", side.social, found[SOCIAL_SECURITY]), ""
        yield Sum(f"bank {code}, electronic cash differences", 0, found[CASH_DIFFERENCES]), ""
        yield Sum(f"bank {code}, all accounts", 0, sum(found.values())), ""
    yield Sum("switch, all accounts", 0, sum(_balances(traffic.town.switch_books, SWITCH_LEDGER).values())), ""
    social = _balances(traffic.town.department.books, SOCIAL_LEDGER)
    yield Sum("department, all accounts", 0, sum(social.values())), ""


def _medical(traffic: Traffic) -> Iterator[tuple[Sum, str]]:
    """Medical accounts: what a card has spent and no terminal could prove is in suspense."""
    expected, found = traffic.expected, _balances(traffic.town.department.books, SOCIAL_LEDGER)
    proved: Counter[str] = Counter()
    for post in traffic.town.posts.values():
        for entry in post.storage.recall(Shelf.TRANSACTIONS):
            if entry.content.get("kind") == PURCHASE:
                proved[entry.content["identification"]] += int(entry.content["account"])
    for resident in traffic.town.residents:
        person, who = resident.person, resident.name
        spent = expected.loaded[person] - expected.medical[person]
        card = resident.identification
        unproved = spent - proved[card]
        if unproved:
            reason = "medical purchase whose proof on the card was written over before its terminal asked"
            expected.suspense.append(Suspense(reason, resident.pan, unproved, 0))
        on_card = medical_on(resident)
        yield Sum(f"medical account on the card of {who}", expected.medical[person], on_card), resident.pan
        yield (
            Sum(f"central account of {who}", CENTRAL - expected.loaded[person], found[central_code(person)]),
            resident.pan,
        )
        yield Sum(f"card of {who} at the department", on_card + unproved, found[card_code(card)]), resident.pan


def _cleared(traffic: Traffic) -> None:
    """The switch's clearings and the banks' clearing files have the approved transactions, each once."""
    expected = traffic.expected
    counter = "CARDCNT1"
    mine = {key: word.amount for key, word in expected.words.items() if key[0] != counter}
    theirs: Counter[Key] = Counter()
    for clearing in traffic.clearings.values():
        for one in clearing.transactions:
            ways = (False,) if one.way is Way.ONLINE else (True,) if one.way is Way.OFFLINE else (False, True)
            key = next(
                k for offline in ways if (k := (one.terminal, one.day, one.trace, offline)) in theirs or one.amount > 0
            )
            theirs[key] += one.amount
    theirs = Counter({key: amount for key, amount in theirs.items() if amount})
    _same("clearing of the switch", mine, theirs)
    for code, books in traffic.town.bank_books.items():
        both = expected.words | expected.claimed
        mine = {key: word.amount for key, word in both.items() if expected.issuer[key] == code}
        days = {key[1] for key in mine}
        found: Counter[Key] = Counter()
        for day in days:
            for line in transact(books, partial(cleared, day=day)):
                key = (line.terminal, day, line.trace, False)
                found[key if key in mine else (*key[:3], True)] += line.amount
        _same(f"clearing files of bank {code}", mine, found)


def _same(what: str, mine: dict[Key, int], theirs: Counter[Key]) -> None:
    for key in sorted(mine.keys() | theirs.keys()):
        if mine.get(key, 0) != theirs[key]:
            raise Difference(f"{what}: {key} is {theirs[key]} there, and {mine.get(key, 0)} by our own account")


def _bills(traffic: Traffic) -> None:
    """Each bill and contribution was paid once: no more at the bank than its rest, no less."""
    for bill in traffic.bills:
        rest = bill.parts["personal share"] + bill.parts["own expense"]
        if bill.by_bank != rest:
            text = f"bill {bill.task.number}: the bank paid {bill.by_bank}, the rest is {rest}"
            raise Difference(text, bill.resident.pan)
        if bill.by_card < bill.parts["personal account"]:
            raise Difference(
                f"bill {bill.task.number}: the card paid {bill.by_card} of {bill.parts}", bill.resident.pan
            )
    for one in traffic.contributions:
        if one.paid != one.amount:
            text = f"contribution {one.number} of {one.amount}: {one.paid} was paid"
            raise Difference(text, one.resident.pan)
