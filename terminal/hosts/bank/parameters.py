"""What the bank's host goes by: limits, fees, response codes (`vectors/terminals/bank.toml`)."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cardsim.resources import resource
from terminal.messages.bank import TransactionType
from terminal.tables import read_tables, rows


@dataclass(frozen=True, slots=True)
class Limit:
    """Highest amounts in fen: of one transaction, and of a day."""

    single: int
    day: int


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee (手续费): hundredths of a percent of the amount, within least and most."""

    transaction: TransactionType
    rate: int
    least: int
    most: int
    other_bank: bool = False
    """Whether it is due only where the money goes to another bank."""

    def of(self, amount: int) -> int:
        """The usual fee in fen, rounded down."""
        return min(max(amount * self.rate // 10000, self.least), self.most)


@dataclass(frozen=True, slots=True)
class Product:
    """The card that the bank issues: BIN, institution, years of validity."""

    bin: str
    institution: str
    years: int


class Counted(enum.Enum):
    """What a watch rule counts of a card's requests."""

    APPROVED = "approved"
    DECLINED = "declined"
    TERMINALS = "terminals"
    """Terminals at which there were approved ones."""


@dataclass(frozen=True, slots=True)
class WatchRule:
    """A watch rule (交易监控规则): at most so many in so many minutes, the request that is asked about included."""

    text: str
    counts: Counted
    transactions: tuple[TransactionType, ...]
    minutes: int
    most: int


@dataclass(frozen=True, slots=True)
class BankParameters:
    """Everything that stands in the file."""

    bins: tuple[str, ...]
    product: Product
    opening_balance: int
    pin_tries: int
    cash_limit: int
    limits: Mapping[TransactionType, Limit]
    fees: tuple[Fee, ...]
    codes: Mapping[str, str]
    watch: tuple[WatchRule, ...] = ()

    def fee(self, transaction: TransactionType, amount: int, *, other_bank: bool) -> int:
        """The usual fee in fen, before preferential terms."""
        rows = (f for f in self.fees if f.transaction is transaction and (other_bank or not f.other_bank))
        return sum(row.of(amount) for row in rows)

    def own(self, number: str) -> bool:
        """Whether a card number is one of this bank's."""
        return number.startswith(self.bins)


def read(content: Mapping[str, Any]) -> BankParameters:
    """The parameters of a file's content.

    Raises:
        KeyError, TypeError: something is missing or not of its form.
    """
    types = TransactionType.__members__
    return BankParameters(
        bins=tuple(content["bank"]["bins"]),
        product=Product(**content["bank"]["issues"]),
        opening_balance=content["opening"]["balance"],
        pin_tries=content["pin"]["tries"],
        cash_limit=content["cash"]["limit"],
        limits={types[name.upper()]: Limit(**limit) for name, limit in content["limits"].items()},
        fees=tuple(Fee(**{**fee, "transaction": types[fee["transaction"].upper()]}) for fee in content["fee"]),
        codes={code: row["text"] for code, row in content["codes"].items()},
        watch=rows(content, "watch", WatchRule, "bank.toml"),
    )


PARAMETERS: Final = read(read_tables(resource("terminals", "bank.toml")))
