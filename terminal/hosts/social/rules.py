"""What a region decides for itself, read from `vectors/terminals/department.toml`, and the reckoning of a bill."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from cardsim.resources import resource
from terminal.errors import UsageError
from terminal.messages.social import Fee, FeeKind
from terminal.tables import read_tables, rows


@dataclass(frozen=True, slots=True)
class PoolRules:
    """Rules of one region's pooled fund (统筹基金); amounts in fen a year."""

    region: str
    name: str
    deductible: int
    """起付线."""
    share_percent: int
    first_percent: int
    """Share of a partly covered fee that the holder pays first (先行自付)."""
    away_less_percent: int
    """By how many points the share is smaller across regions (异地)."""
    yearly_cap: int
    """封顶线."""
    year_starts: str
    """Month and day on which the year begins (年度起始日期)."""

    def year_of(self, day: date) -> int:
        """The settlement year (支付年度) of a day: the calendar year from the starting day on, else the one before."""
        return day.year if f"{day:%m%d}" >= self.year_starts else day.year - 1


@dataclass(frozen=True, slots=True)
class SampleDue:
    """A contribution of the bench's sample."""

    kind: str
    amount: int
    due: date


@dataclass(frozen=True, slots=True)
class SampleBenefit:
    """A benefit of the bench's sample."""

    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class Opening:
    """What a person has who comes into the register."""

    account: int = 0
    dues: tuple[SampleDue, ...] = ()
    benefits: tuple[SampleBenefit, ...] = ()


@dataclass(frozen=True, slots=True)
class DepartmentRules:
    """One department."""

    region: str
    session_minutes: int
    psam_check_days: int
    update_terminals: tuple[str, ...]
    opening: Opening
    pools: Mapping[str, PoolRules]
    codes: Mapping[str, str]
    load_tac_after: bool = True
    """Whether a load's TAC has the balance after the load; the text does not say which (TRM-150)."""


@cache
def department_rules(path: Path | None = None) -> DepartmentRules:
    """A department's file, by default the bench's.

    Raises:
        UsageError: it cannot be read, or a word in it is wrong.
    """
    where = "department.toml" if path is None else str(path)
    tables = read_tables(resource("terminals", where) if path is None else path)
    try:
        opening = tables["opening"]
        return DepartmentRules(
            region=tables["region"],
            session_minutes=tables["session_minutes"],
            psam_check_days=tables["psam_check_days"],
            update_terminals=tuple(tables["update_terminals"]),
            opening=_opening(opening, where),
            pools={pool.region: pool for pool in rows(tables, "pool", PoolRules, where)},
            codes=tables["codes"],
            load_tac_after=tables["load_tac_after"],
        )
    except (KeyError, TypeError) as error:
        raise UsageError(f"{where}: {error} is missing or has another form") from error


def _opening(table: Mapping[str, Any], where: str) -> Opening:
    return Opening(
        table["account"], rows(table, "dues", SampleDue, where), rows(table, "benefits", SampleBenefit, where)
    )


@dataclass(frozen=True, slots=True)
class Used:
    """What a person has used of a year: of the deductible, and of the fund."""

    deductible: int = 0
    pool: int = 0


@dataclass(frozen=True, slots=True)
class Shares:
    """Who pays what of a bill, and how much of the deductible it uses; the first four sum to the bill."""

    account: int
    self_paid: int
    pool: int
    own_expense: int
    deductible: int


def reckon(rules: PoolRules, fees: Iterable[Fee], balance: int, used: Used, *, away: bool) -> Shares:
    """The parts of a bill: the fund's by its rules, then the personal account as far as it goes, the rest self-paid.

    Shares are rounded down to the fen, in the holder's disfavour, so that the parts sum to the bill.
    """
    sums = dict.fromkeys(FeeKind, 0)
    for fee in fees:
        sums[fee.kind] += fee.amount
    insured = sums[FeeKind.COVERED] + sums[FeeKind.PARTLY]
    counted = sums[FeeKind.COVERED] + sums[FeeKind.PARTLY] * (100 - rules.first_percent) // 100
    deductible = min(counted, max(rules.deductible - used.deductible, 0))
    percent = max(rules.share_percent - (rules.away_less_percent if away else 0), 0)
    pool = min((counted - deductible) * percent // 100, max(rules.yearly_cap - used.pool, 0))
    account = min(insured - pool, balance)
    return Shares(account, insured - pool - account, pool, sums[FeeKind.OWN_EXPENSE], deductible)
