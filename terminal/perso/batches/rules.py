"""What the bank goes by for a batch: outlets, customers, packages (`vectors/perso`, [batches] of workshop.toml)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.management.product.orders import uncovered
from terminal.management.product.rules import Rules as ProductRules
from terminal.management.product.rules import default_rules as default_product
from terminal.perso.batches.matching import Item, matching_key
from terminal.perso.batches.registry import IdCheck
from terminal.tables import read_tables, row_of, rows

_NAME: Final = "batches.toml"
_OUTLETS: Final = "outlets.toml"
_PIN_DIGITS: Final = range(4, 13)


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet (网点) and the counties that it serves: with a branch, and with its van (流动服务点)."""

    code: str
    name: str
    city: str
    counties: tuple[str, ...]
    mobile: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """How accounts are opened."""

    initial_pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Check:
    """How customers are checked."""

    required: tuple[str, ...]
    without_photo: bool


@dataclass(frozen=True, slots=True)
class Packages:
    """How packages for the maker are made."""

    largest: int


@dataclass(frozen=True, slots=True)
class MatchingRule:
    """How both sides are matched."""

    key: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The model of the police registry; see the file."""

    people: str
    seed: int
    name_differs: int
    no_such_number: int
    no_photo: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What the model of the police registry says of a number."""

    number: str
    result: IdCheck


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row of the list of suspects (反洗钱名单)."""

    number: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class BatchRules:
    """Everything that the bank goes by for a batch."""

    accounts: Accounts
    check: Check
    packages: Packages
    key: Item
    registry: Registry
    checked: tuple[Checked, ...]
    suspects: tuple[Suspect, ...]
    outlets: Mapping[str, Outlet]
    """By code."""
    served_by: Callable[[str], str]
    """The county whose outlets serve a county without a branch; empty: none (product rules)."""

    def outlet(self, city: str, county: str) -> Outlet | None:
        """The outlet that gets the applications of a county (PERSO-139); None: nobody serves it (PERSO-140).

        An outlet of the county, then one whose van goes there, then one of the county that serves it.
        """
        for wanted in (county, self.served_by(county)):
            for places in (_branches, _vans):
                for outlet in self.outlets.values():
                    if wanted in places(outlet) and (wanted != county or outlet.city == city):
                        return outlet
        return None


def _branches(outlet: Outlet) -> tuple[str, ...]:
    return outlet.counties


def _vans(outlet: Outlet) -> tuple[str, ...]:
    return outlet.mobile


_SECTIONS: Final[Mapping[str, type[Any]]] = {
    "accounts": Accounts,
    "check": Check,
    "packages": Packages,
    "matching": MatchingRule,
    "registry": Registry,
}


@cache
def default_rules() -> BatchRules:
    """The rules as the project has them."""
    return read_rules({}, _NAME)


def read_rules(own: Mapping[str, Any], where: str, product: ProductRules | None = None) -> BatchRules:
    """The rules, with what a workshop has of its own.

    Args:
        own: [batches] of workshop.toml: sections take the place of the project's, an outlet that of its code.
        where: what an error calls the place of `own`.
        product: the rules of the product, for counties without a branch.

    Raises:
        UsageError: something is not known, missing, of another kind or twice.
    """
    if unknown := sorted(set(own) - set(_SECTIONS) - {"checked", "suspect", "outlet"}):
        raise UsageError(f"{where}: {', '.join(unknown)} is not known")
    tables = {**read_tables(resource("perso", _NAME)), **own}
    section = {name: row_of(tables[name], kind, f"{where}: {name}") for name, kind in _SECTIONS.items()}
    given = rows(read_tables(resource("perso", _OUTLETS)), "outlet", Outlet, _OUTLETS)
    outlets = _by_code(given, _OUTLETS) | _by_code(rows(tables, "outlet", Outlet, where), where)
    counties = product or default_product()
    rules = BatchRules(
        accounts=section["accounts"],
        check=section["check"],
        packages=section["packages"],
        key=matching_key(section["matching"].key),
        registry=section["registry"],
        checked=rows(tables, "checked", Checked, where),
        suspects=rows(tables, "suspect", Suspect, where),
        outlets=outlets,
        served_by=lambda county: uncovered(counties, county).county,
    )
    _check(rules, where)
    return rules


def _by_code(given: tuple[Outlet, ...], where: str) -> dict[str, Outlet]:
    found = {outlet.code: outlet for outlet in given}
    if len(found) != len(given):
        raise UsageError(f"{where}: outlet: two rows have the same code")
    return found


def _check(rules: BatchRules, where: str) -> None:
    pin = rules.accounts.initial_pin
    if len(pin) not in _PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
        raise UsageError(f"{where}: accounts: initial_pin has 4 to 12 digits")
    if rules.packages.largest < 1:
        raise UsageError(f"{where}: packages: largest is at least 1")
    if any(not (suspect.number or suspect.name) for suspect in rules.suspects):
        raise UsageError(f"{where}: suspect: a row has a number or a name")
    served: dict[str, str] = {}
    for outlet in rules.outlets.values():
        for county in (*outlet.counties, *outlet.mobile):
            if served.setdefault(county, outlet.code) != outlet.code:
                raise UsageError(f"{where}: outlet: {outlet.code} and {served[county]} both serve county {county}")
