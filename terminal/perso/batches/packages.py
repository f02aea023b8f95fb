"""Packages for the maker (匹配组包): the matched records of a batch, with their count and a hash total."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from terminal.errors import UsageError
from terminal.perso.records import Batch

_MODULUS = 10**19


@dataclass(frozen=True, slots=True)
class Package:
    """A package: records in the order of the received file, under its name; of several each has a number behind it."""

    batch: Batch
    count: int
    total: str
    """Hash total, 19 digits."""

    @property
    def name(self) -> str:
        """Its name: to the maker it is a batch."""
        return self.batch.name


def package_name(batch: str, number: int, packages: int) -> str:
    """The name of a package, which is that of the batch where it is the only one (PERSO-145)."""
    return batch if packages == 1 else f"{batch}-{number:02d}"


def hash_total(pans: Iterable[str]) -> str:
    """The hash total (校验总数): the sum of the card numbers as numbers, its last 19 digits.

    A record that is lost, doubled or another one changes it.
    """
    return f"{sum(map(int, pans)) % _MODULUS:019d}"


def check_package(package: Package) -> None:
    """Whether a package is whole: both halves in each record, count and hash total as they say.

    Raises:
        UsageError: it is not.
    """
    records = package.batch.records
    pans = [record.bank.pan for record in records if record.social is not None and record.bank is not None]
    if len(pans) != len(records):
        raise UsageError(f"{package.name}: a record has not both halves")
    if len(records) != package.count:
        raise UsageError(f"{package.name}: there are {len(records)} records; the package says {package.count}")
    if hash_total(pans) != package.total:
        raise UsageError(f"{package.name}: the hash total is {hash_total(pans)}; the package says {package.total}")


def sizes(count: int, largest: int) -> Sequence[int]:
    """How many records each package has, none more than the largest."""
    whole, rest = divmod(count, largest)
    return (*[largest] * whole, *([rest] if rest else []))
