"""The rules as they stand in vectors/perso/product.toml and in [product] of workshop.toml, checked strictly."""

import enum
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final, TypeVar

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.management.product.words import Authority, Stripe
from terminal.perso.kinds import Link, Mode, Side
from terminal.perso.parties import Party
from terminal.perso.records import OrderKind
from terminal.perso.workshop import Settings
from terminal.tables import read_tables, row_of, rows

_NAME: Final = "product.toml"
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Personalisation:
    """How cards are made where nothing else is agreed, and the codes of those who make each application."""

    mode: Mode = Mode.CENTRALISED
    link: Link = Link.CARD
    social: str = "maker"
    finance: str = "maker"

    def maker(self, side: Side) -> str:
        """Who makes a side, by code."""
        return self.social if side is Side.SOCIAL else self.finance


class Late(enum.Enum):
    """What becomes of an application for a replacement after its time limit."""

    REFUSE = "refuse"
    ESCALATE = "escalate"
    """A second person decides."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """The time limit of a replacement (补卡), in days after written loss."""

    days: int
    late: Late = Late.REFUSE


@dataclass(frozen=True, slots=True)
class FeeRow:
    """A row of the tariff: fen for cards of these kinds in the counties whose codes begin with `area`."""

    kinds: tuple[OrderKind, ...]
    amount: int
    area: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A reason for which a fee is not charged."""

    reason: str
    text: str
    kinds: tuple[OrderKind, ...]


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A county (or more, by the beginning of the code) without a branch of the bank, and the one that serves it."""

    area: str
    served_by: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product: profile of the chip, its applications, the form of its stripe, what it states to comply with."""

    name: str
    profile: str
    chip: tuple[Side, ...]
    stripe: Stripe
    conformity: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the transition, and the forms of stripe that it permits (000)."""

    number: int
    stripes: tuple[Stripe, ...]


@dataclass(frozen=True, slots=True)
class Transition:
    """Where the region stands; `ends` is the last day on which cards with a stripe are issued."""

    stage: int
    allowed: bool
    ends: date | None = None


@dataclass(frozen=True, slots=True)
class StripePlace:
    """Where the hidden stripe lies on the card (STD-1), in hundredths of a millimetre."""

    left_most: int
    """The left side is at most so far from the card's left edge."""
    right_least: int
    """The right side is at least so far from it."""
    upper_least: int
    """The upper edge is at least so far from the long edge of the card that the stripe runs along."""
    lower_most: int
    """The lower edge is at most so far from it."""


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval of an authority (批准), for products with one face design in its scope.

    The ministry's scope is the beginning of an area code, the central bank's that of card numbers.
    """

    authority: Authority
    number: str
    scope: str
    products: tuple[str, ...]
    design: str
    date: date


@dataclass(frozen=True, slots=True)
class Issuer:
    """What the bank issues: BIN, product, and design of the face."""

    bin: str
    product: str
    design: str


@dataclass(frozen=True, slots=True)
class Registered:
    """An entry of a register: chip, COS or card maker by its bytes in the ATR (hex), and who has accepted it."""

    code: str
    name: str
    accepted: tuple[Authority, ...]


class TerminalKind(enum.Enum):
    """The three kinds of terminal (003 §一(二))."""

    SOCIAL = "social"
    FINANCIAL = "financial"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class TerminalNeeds:
    """Whose test bodies have to have passed a kind of terminal (003 §四(三))."""

    kind: TerminalKind
    needs: tuple[Authority, ...]


class MakerKind(enum.Enum):
    """Whose a personaliser is."""

    DEPARTMENT = "department"
    BANK = "bank"
    THIRD_PARTY = "third-party"


@dataclass(frozen=True, slots=True)
class Maker:
    """A personaliser (个人化机构): who of the region accepts it, and which authority has qualified it."""

    code: str
    name: str
    kind: MakerKind
    accepted: tuple[Party, ...] = ()
    qualified: tuple[Authority, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyStep:
    """A step that a second person approves (关键环节)."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """The quarterly report of banks: from which day on, and by which day of the month after a quarter."""

    first: date
    due_day: int


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice on security that a holder gets with the card (SCHEME-227)."""

    number: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of the product."""

    personalisation: Personalisation
    replacement: Replacement
    fees: tuple[FeeRow, ...]
    waivers: tuple[Waiver, ...]
    uncovered: tuple[Uncovered, ...]
    products: Mapping[str, Product]
    stages: Mapping[int, Stage]
    transition: Transition
    stripe: StripePlace
    approvals: tuple[Approval, ...]
    issuer: Issuer
    chips: Mapping[str, Registered]
    cos: Mapping[str, Registered]
    suppliers: Mapping[str, Registered]
    terminals: Mapping[TerminalKind, TerminalNeeds]
    makers: Mapping[str, Maker]
    key_steps: Mapping[str, KeyStep]
    report: Report
    notice: Notice


_SECTIONS: Final[Mapping[str, type[Any]]] = {
    "personalisation": Personalisation,
    "replacement": Replacement,
    "transition": Transition,
    "stripe": StripePlace,
    "issuer": Issuer,
    "report": Report,
    "notice": Notice,
}
_ROWS: Final[Mapping[str, type[Any]]] = {
    "fee": FeeRow,
    "waiver": Waiver,
    "uncovered": Uncovered,
    "product": Product,
    "stage": Stage,
    "approval": Approval,
    "chip": Registered,
    "cos": Registered,
    "supplier": Registered,
    "terminal": TerminalNeeds,
    "maker": Maker,
    "key_step": KeyStep,
}


@cache
def default_rules() -> Rules:
    """The rules as the project has them."""
    return read_rules({}, _NAME)


def read_rules(own: Mapping[str, Any], where: str) -> Rules:
    """The rules with those sections of a workshop's own that it has ([product] of workshop.toml).

    Args:
        own: sections by name; each takes the place of the project's.
        where: what an error calls the place of `own`.

    Raises:
        UsageError: something is not known, missing, of another kind, there twice, or names what is not there.
    """
    tables = dict(read_tables(resource("perso", _NAME)))
    if unknown := sorted(set(own) - set(_SECTIONS) - set(_ROWS)):
        raise UsageError(f"{where}: {', '.join(unknown)} is not known")
    tables.update(own)
    section = {name: _section(tables, name, kind, where) for name, kind in _SECTIONS.items()}
    row = {name: rows(tables, name, kind, where) for name, kind in _ROWS.items()}
    rules = Rules(
        **section,
        fees=row["fee"],
        waivers=row["waiver"],
        uncovered=row["uncovered"],
        products=_by(row["product"], "name", f"{where}: product"),
        stages=_by(row["stage"], "number", f"{where}: stage"),
        approvals=row["approval"],
        chips=_by(row["chip"], "code", f"{where}: chip"),
        cos=_by(row["cos"], "code", f"{where}: cos"),
        suppliers=_by(row["supplier"], "code", f"{where}: supplier"),
        terminals=_by(row["terminal"], "kind", f"{where}: terminal"),
        makers=_by(row["maker"], "code", f"{where}: maker"),
        key_steps=_by(row["key_step"], "name", f"{where}: key_step"),
    )
    _check(rules, where)
    return rules


def rules_of(settings: Settings) -> Rules:
    """The rules that hold in a workshop: the project's, with the sections of [product] in workshop.toml.

    Raises:
        UsageError: as for `read_rules`.
    """
    return read_rules(settings.section("product"), f"{settings.path}: product")


def _section(tables: Mapping[str, Any], name: str, kind: type[_Row], where: str) -> _Row:
    found = tables.get(name, {})
    if not isinstance(found, dict):
        raise UsageError(f"{where}: {name} is no table")
    return row_of(found, kind, f"{where}: {name}")


def _by(found: Iterable[_Row], key: str, where: str) -> dict[Any, _Row]:
    listed = list(found)
    once([getattr(row, key) for row in listed], where)
    return {getattr(row, key): row for row in listed}


def once(keys: Iterable[Hashable], where: str) -> None:
    """Every key once.

    Raises:
        UsageError: one is there twice.
    """
    twice = [key for key, number in Counter(keys).items() if number > 1]
    if twice:
        raise UsageError(f"{where}: {twice[0]} is there twice")


def _check(rules: Rules, where: str) -> None:
    """What one row alone cannot tell."""
    once(((kind.value, row.area) for row in rules.fees for kind in row.kinds), f"{where}: fee")
    once((row.reason for row in rules.waivers), f"{where}: waiver")
    once((row.area for row in rules.uncovered), f"{where}: uncovered")
    once(((row.authority.value, row.number) for row in rules.approvals), f"{where}: approval")
    whole = {kind for row in rules.fees if not row.area for kind in row.kinds}
    for kind in OrderKind:
        if kind not in whole:
            raise UsageError(f"{where}: fee: there is no row for {kind.value} without an area")
    for place, code in _codes(rules):
        if not code.isdecimal() or len(code) > 6:
            raise UsageError(f"{where}: {place}: {code} is no beginning of an area code of six digits")
    named = [(f"approval {a.number}", name) for a in rules.approvals for name in a.products]
    for place, name in (*named, ("issuer", rules.issuer.product)):
        if name not in rules.products:
            raise UsageError(f"{where}: {place}: there is no product {name}")
    for side in Side:
        if rules.personalisation.maker(side) not in rules.makers:
            raise UsageError(f"{where}: personalisation: there is no maker {rules.personalisation.maker(side)}")
    if rules.transition.stage not in rules.stages:
        raise UsageError(f"{where}: transition: there is no stage {rules.transition.stage}")
    if missing := [kind.value for kind in TerminalKind if kind not in rules.terminals]:
        raise UsageError(f"{where}: terminal: there is no row for {missing[0]}")
    if not 1 <= rules.report.due_day <= 28:
        raise UsageError(f"{where}: report: due_day is a day from 1 to 28")


def _codes(rules: Rules) -> Iterable[tuple[str, str]]:
    yield from (("fee", row.area) for row in rules.fees if row.area)
    yield from (("uncovered", code) for row in rules.uncovered for code in (row.area, row.served_by))
    ministry = (a for a in rules.approvals if a.authority is Authority.MINISTRY and a.scope)
    yield from ((f"approval {a.number}", a.scope) for a in ministry)
