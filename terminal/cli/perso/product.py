"""`cardterm perso product`: the rules of the product, a fee, whether cards may be made, the quarterly report."""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cardsim.commandline import Exit
from cardsim.decode.values import yuan
from cardsim.making.demo import demo
from terminal.cli.flows import moment
from terminal.cli.output import to_json
from terminal.cli.perso.rows import Row
from terminal.errors import UsageError
from terminal.hosts.bank.tables import METADATA
from terminal.hosts.books import transact
from terminal.management.product.approvals import Issue, refusals
from terminal.management.product.fees import fee
from terminal.management.product.report import Quarter, quarterly
from terminal.management.product.rules import Maker, Rules, rules_of
from terminal.management.product.words import NotAllowed, Refusal
from terminal.perso.kinds import Side
from terminal.perso.parties import Party
from terminal.perso.records import OrderKind
from terminal.perso.workshop import Workshop

FORMAT: Final = "cardterm-product"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Done:
    """What was found: rows, and what stands against it."""

    rows: tuple[Row, ...]
    refusals: tuple[Refusal, ...] = ()


def product_command(arguments: argparse.Namespace) -> int:
    """Run it; 0, or 1 where cards may not be made."""
    with Workshop(Path(arguments.folder)) as workshop:
        rules = rules_of(workshop.settings)
        try:
            done = _WORDS[arguments.what](workshop, rules, arguments)
        except (NotAllowed, ValueError) as error:
            raise UsageError(str(error)) from error
    if arguments.json:
        sys.stdout.write(to_json(_document(arguments.what, done), indent=2) + "\n")
    else:
        _tell(done)
    return Exit.FAILED if done.refusals else Exit.OK


def _tell(done: Done) -> None:
    for row in done.rows:
        told = (f"{name} {_text(name, value)}" for name, value in row.items() if value != "")
        sys.stdout.write(", ".join(told) + "\n")
    for refusal in done.refusals:
        sys.stdout.write(f"✗ {refusal}\n")


def _text(name: str, value: str | int) -> str:
    return yuan(value) if name in ("amount", "tariff", "due") and isinstance(value, int) else str(value)


def _document(word: str, done: Done) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "verdict": "refused" if done.refusals else "done",
        "word": word,
        "rows": [dict(row) for row in done.rows],
        "refusals": [asdict(refusal) for refusal in done.refusals],
    }


def _show(_: Workshop, rules: Rules, __: argparse.Namespace) -> Done:
    issuer, transition = rules.issuer, rules.transition
    found: list[Row] = [
        {"rule": "personalisation", "mode": rules.personalisation.mode.value, "link": rules.personalisation.link.value},
        {"rule": "issuer", "bin": issuer.bin, "product": issuer.product, "design": issuer.design},
        {
            "rule": "transition",
            "stage": transition.stage,
            "allowed": "yes" if transition.allowed else "no",
            "until": "" if transition.ends is None else f"{transition.ends}",
        },
        {"rule": "replacement", "days": rules.replacement.days, "later": rules.replacement.late.value},
    ]
    found += [
        {"rule": "fee", "kind": kind.value, "area": row.area, "amount": row.amount}
        for row in rules.fees
        for kind in row.kinds
    ]
    found += [{"rule": "waiver", "reason": row.reason, "text": row.text} for row in rules.waivers]
    found += [{"rule": "uncovered county", "area": row.area, "served by": row.served_by} for row in rules.uncovered]
    found += [
        {
            "rule": "approval", "authority": row.authority.value, "number": row.number, "scope": row.scope,
            "products": " ".join(row.products), "design": row.design, "date": f"{row.date}",
        }
        for row in rules.approvals
    ]  # fmt: skip
    found += [{"rule": "maker", "code": row.code, "kind": row.kind.value} for row in rules.makers.values()]
    found += [{"rule": "key step", "name": row.name, "text": row.text} for row in rules.key_steps.values()]
    return Done(tuple(found))


def _fee(_: Workshop, rules: Rules, arguments: argparse.Namespace) -> Done:
    charge = fee(rules, OrderKind(arguments.kind), _area(arguments.county), arguments.waiver)
    row = {"kind": arguments.kind, "tariff": charge.tariff, "due": charge.due, "waived": charge.waived}
    return Done((row,))


def _area(code: str) -> str:
    if not (code.isascii() and code.isdecimal() and len(code) == 6):
        raise UsageError(f"--county {code}: an area code has six digits")
    return code


def _check(_: Workshop, rules: Rules, arguments: argparse.Namespace) -> Done:
    product = rules.products[rules.issuer.product]
    issue = Issue(product, rules.issuer.design, _area(arguments.county), rules.issuer.bin)
    makers = {
        Side.SOCIAL: _maker(rules, arguments.social_maker),
        Side.FINANCE: _maker(rules, arguments.finance_maker),
    }
    historical = demo(None).historical
    if arguments.historical is not None:
        try:
            historical = bytes.fromhex(arguments.historical)
        except ValueError as error:
            raise UsageError(f"--historical {arguments.historical}: this is no hex") from error
    today = moment(arguments.now).date()
    row = {
        "product": product.name,
        "design": issue.design,
        "county": issue.county,
        "mode": rules.personalisation.mode.value,
    }
    return Done((row,), refusals(rules, issue, today, makers, rules.personalisation.mode, historical))


def _maker(rules: Rules, code: str) -> Maker:
    if code not in rules.makers:
        raise UsageError(f"there is no maker {code}; there are: {', '.join(rules.makers)}")
    return rules.makers[code]


def _report(workshop: Workshop, rules: Rules, arguments: argparse.Namespace) -> Done:
    quarter, today = Quarter.parse(arguments.quarter), moment(arguments.now).date()
    books = workshop.books(Party.BANK, METADATA)
    found = transact(books, lambda connection: quarterly(connection, rules, quarter, today))
    first: Row = {
        "quarter": str(quarter),
        "by": f"{found.due}",
        "cards issued": found.cards,
        "accounts opened": found.accounts,
        "cards used": found.used,
    }
    used: list[Row] = [
        {"transaction": kind.name.lower().replace("_", "-"), "number": use.number, "amount": use.amount}
        for kind, use in sorted(found.use.items(), key=lambda item: item[0].value)
    ]
    return Done((first, *used))


_WORDS: Final[Mapping[str, Callable[[Workshop, Rules, argparse.Namespace], Done]]] = {
    "show": _show,
    "fee": _fee,
    "check": _check,
    "report": _report,
}
