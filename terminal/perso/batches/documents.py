"""What the bank sends beside batches: the card-making list, and the note of a package; JSON, strictly read.

A batch itself is a document of `terminal.perso.data.document`.
"""

from typing import Any, Final

from terminal.perso.batches.packages import Package, check_package
from terminal.perso.data.codec import all_from_json, dump, load, to_json
from terminal.perso.data.errors import DataError
from terminal.perso.data.numbers import is_date
from terminal.perso.records import Batch, CardMakingList, Rejection

VERSION: Final = 1
LIST: Final = "cardterm-card-list"
PACKAGE: Final = "cardterm-package"


def write_list(made: CardMakingList) -> bytes:
    """A card-making list as a document (PERSO-143)."""
    return dump(
        {
            "format": LIST, "version": VERSION, "batch": made.batch, "made_on": made.made_on,
            "received": made.received, "made": made.made, "rejected": [to_json(one) for one in made.rejected],
        }
    )  # fmt: skip


def read_list(data: bytes, name: str = "list") -> CardMakingList:
    """A card-making list of a document.

    Raises:
        DataError: it is none, or what was received is not what was made and rejected (SCHEME-210).
    """
    found = load(data, name, LIST, VERSION, "batch", "made_on", "received", "made", "rejected")
    rejected = all_from_json(Rejection, found["rejected"], f"{name}: rejected")
    received, made = _count(found, "received", name), _count(found, "made", name)
    if received != made + len(rejected):
        raise DataError(f"{name}: {received} received is not {made} made and {len(rejected)} rejected")
    batch, made_on = found["batch"], found["made_on"]
    if not isinstance(batch, str) or not batch or not isinstance(made_on, str) or not is_date(made_on):
        raise DataError(f"{name}: the list names its batch, and its date as YYYYMMDD")
    return CardMakingList(batch, made_on, received, made, rejected)


def write_note(package: Package) -> bytes:
    """The note of a package: its name, count and hash total."""
    return dump(
        {
            "format": PACKAGE, "version": VERSION, "package": package.name, "count": package.count,
            "hash_total": package.total,
        }
    )  # fmt: skip


def read_package(batch: Batch, note: bytes, name: str = "note") -> Package:
    """The package that a batch is, by its note: whole, or not taken.

    Raises:
        UsageError: the note is none, or another package's; the package is not as it says.
    """
    found = load(note, name, PACKAGE, VERSION, "package", "count", "hash_total")
    if found["package"] != batch.name:
        raise DataError(f"{name}: this is the note of package {found['package']}, not of {batch.name}")
    package = Package(batch, _count(found, "count", name), str(found["hash_total"]))
    check_package(package)
    return package


def _count(found: dict[str, Any], member: str, name: str) -> int:
    count = found[member]
    if type(count) is not int or count < 0:
        raise DataError(f"{name}: {member} is no number of records")
    return count
