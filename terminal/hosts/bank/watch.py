"""Transactions are watched, and abnormal ones stopped: a check for each watch rule (SCHEME-235)."""

from datetime import timedelta
from functools import partial
from typing import Final, assert_never

from terminal.hosts.bank.checks import Case, Check
from terminal.hosts.bank.codes import Code
from terminal.hosts.bank.parameters import PARAMETERS, Counted, WatchRule
from terminal.hosts.bank.tables import TransactionState


def stops(rule: WatchRule, case: Case) -> bool:
    """Whether a rule stops a request: with it, the card would have done more than the rule allows."""
    if case.transaction not in rule.transactions:
        return False
    begin = f"{case.message.time - timedelta(minutes=rule.minutes):%Y-%m-%dT%H:%M:%S}"
    found = [one for one in case.recent if one.time > begin and one.transaction in rule.transactions]
    approved = [one for one in found if one.state is TransactionState.BOOKED]
    match rule.counts:
        case Counted.APPROVED:
            return len(approved) >= rule.most
        case Counted.TERMINALS:
            return len({one.terminal for one in approved} | {case.message.terminal}) > rule.most
        case Counted.DECLINED:
            return sum(one.state is TransactionState.DECLINED for one in found) > rule.most
        case _ as never:
            assert_never(never)


def checks(rules: tuple[WatchRule, ...]) -> tuple[Check, ...]:
    """A check for each rule; the log has the rule's text as the reason."""
    return tuple(Check(Code.SUSPECTED, rule.text, partial(stops, rule)) for rule in rules)


WATCH: Final = checks(PARAMETERS.watch)
"""Looked at last: only what would be approved is stopped by them."""
