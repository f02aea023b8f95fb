"""Merchants, and the terms that holders of the card have there (增值服务, 优惠措施): rules in `merchants.toml`.

A term is a row: conditions, all of which must hold, and what it gives. The engine knows no merchant and no card.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.messages.bank import TransactionType
from terminal.tables import read_tables, rows


@dataclass(frozen=True, slots=True)
class MerchantKind:
    """A kind of merchant: what it has to do with social security decides its terms."""

    key: str
    chinese: str
    name: str


@dataclass(frozen=True, slots=True)
class Merchant:
    """A registered merchant: identification (fifteen digits, field 42), name and kind."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """What the terms are asked about. The amount is in fen, before any discount."""

    pan: str
    aid: str
    """In hex."""
    merchant: Merchant
    type: TransactionType
    amount: int
    day: date


@dataclass(frozen=True, slots=True)
class Term:
    """One row: conditions (each always holds where it is missing) and effects."""

    name: str
    chinese: str
    clause: str
    bins: tuple[str, ...] = ()
    aids: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    types: tuple[TransactionType, ...] = ()
    at_least: int | None = None
    at_most: int | None = None
    begins: date | None = None
    ends: date | None = None
    discount: int = 0
    """Fen."""
    discount_percent: int = 0
    discount_at_most: int | None = None
    points_per_yuan: int = 0
    fee_percent: int | None = None
    """What of the usual fee is left."""
    fee_at_most: int | None = None
    """Fen."""

    def holds(self, purchase: Purchase) -> bool:
        """Whether every condition holds."""
        return all(condition(self, purchase) for condition in _CONDITIONS)

    def discount_on(self, amount: int) -> int:
        """The discount in fen: rounded down, never above the limit or the amount."""
        whole = self.discount + amount * self.discount_percent // 100
        return min(whole, amount, amount if self.discount_at_most is None else self.discount_at_most)


_Condition = Callable[[Term, Purchase], bool]
_CONDITIONS: Final[tuple[_Condition, ...]] = (
    lambda term, on: not term.bins or on.pan.startswith(term.bins),
    lambda term, on: not term.aids or on.aid.startswith(term.aids),
    lambda term, on: not term.kinds or on.merchant.kind in term.kinds,
    lambda term, on: not term.types or on.type in term.types,
    lambda term, on: term.at_least is None or on.amount >= term.at_least,
    lambda term, on: term.at_most is None or on.amount <= term.at_most,
    lambda term, on: term.begins is None or on.day >= term.begins,
    lambda term, on: term.ends is None or on.day <= term.ends,
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the terms give on a purchase: the amount to pay, and what is named on the slip."""

    amount: int
    """Fen, after the discount."""
    discount: int = 0
    points: int = 0
    fee_percent: int = 100
    fee_at_most: int | None = None
    names: tuple[str, ...] = ()
    """Of the terms that gave something."""

    def fee(self, usual: int) -> int:
        """What is left of a usual fee in fen, rounded down in the holder's favour."""
        left = usual * self.fee_percent // 100
        return left if self.fee_at_most is None else min(left, self.fee_at_most)

    @property
    def text(self) -> str:
        """Names for a message to the host (`HostMessage.terms`)."""
        return "; ".join(self.names)


@dataclass(frozen=True, slots=True)
class MerchantBook:
    """Registered merchants and agreed terms."""

    kinds: Mapping[str, MerchantKind]
    merchants: Mapping[str, Merchant]
    terms: tuple[Term, ...]

    def merchant(self, identification: str) -> Merchant | None:
        """A registered merchant, or None."""
        return self.merchants.get(identification)

    def terms_of(self, purchase: Purchase) -> Terms:
        """The best discount alone; points and reductions of the fee from every term that holds (SCHEME-100 to 103)."""
        holding = [term for term in self.terms if term.holds(purchase)]
        best = max(holding, key=lambda term: term.discount_on(purchase.amount), default=None)
        discount = 0 if best is None else best.discount_on(purchase.amount)
        amount = purchase.amount - discount
        caps = [term.fee_at_most for term in holding if term.fee_at_most is not None]
        return Terms(
            amount=amount,
            discount=discount,
            points=sum(amount * term.points_per_yuan // 100 for term in holding),
            fee_percent=min((t.fee_percent for t in holding if t.fee_percent is not None), default=100),
            fee_at_most=min(caps, default=None),
            names=tuple(t.name for t in holding if (t is best and discount) or _gives_more(t)),
        )


def _gives_more(term: Term) -> bool:
    """Whether a term gives something beside a discount."""
    return bool(term.points_per_yuan) or term.fee_percent is not None or term.fee_at_most is not None


def load_merchants(path: Path | None = None) -> MerchantBook:
    """A file of merchants and terms, by default the project's.

    Raises:
        UsageError: it cannot be read, or a row is wrong.
    """
    return _standard() if path is None else _load(path, str(path))


@cache
def _standard() -> MerchantBook:
    return _load(None, "merchants.toml")


def _load(path: Path | None, where: str) -> MerchantBook:
    tables = read_tables(resource("terminals", "merchants.toml") if path is None else path)
    if unknown := sorted(set(tables) - {"kind", "merchant", "term"}):
        raise UsageError(f"{where}: [[{unknown[0]}]] is not known; there are kind, merchant, term")
    kinds = {kind.key: kind for kind in rows(tables, "kind", MerchantKind, where)}
    merchants = {merchant.id: merchant for merchant in rows(tables, "merchant", Merchant, where)}
    terms = rows(tables, "term", Term, where)
    for term in terms:
        _known_kinds(term.kinds, kinds, f"{where}: term {term.name}")
    for merchant in merchants.values():
        _known_kinds((merchant.kind,), kinds, f"{where}: merchant {merchant.id}")
        if len(merchant.id) != 15 or not merchant.id.isalnum():
            raise UsageError(f"{where}: merchant {merchant.id}: an identification has fifteen letters and digits")
    return MerchantBook(kinds, merchants, terms)


def _known_kinds(named: Iterable[str], kinds: Mapping[str, MerchantKind], where: str) -> None:
    for kind in named:
        if kind not in kinds:
            raise UsageError(f"{where}: {kind} is no kind of merchant")
