"""The one internal format that everything is converted to (PERSO-054): a batch, applications or feedback as JSON.

What comes in CSV, XML, .xlsx or another code page is read by `terminal.perso.data.files`; from there on the parties
pass each other these documents, sealed (`terminal.perso.transfer`).
"""

import re
from collections.abc import Iterable
from typing import Final

from terminal.perso.data.codec import all_from_json, dump, from_json, load, to_json
from terminal.perso.data.errors import DataError
from terminal.perso.data.numbers import is_date
from terminal.perso.records import Application, Batch, Feedback, is_file_name

VERSION: Final = 1
_BATCH: Final = "cardterm-batch"
_APPLICATIONS: Final = "cardterm-applications"
_FEEDBACK: Final = "cardterm-feedback"
_AREA: Final = re.compile(r"[0-9]{6}")


def write_batch(batch: Batch) -> bytes:
    """A batch as a document."""
    return dump({"format": _BATCH, "version": VERSION, "batch": to_json(batch)})


def read_batch(data: bytes, name: str = "batch") -> Batch:
    """A batch of a document.

    Args:
        data: of `write_batch`.
        name: of the file, for what is wrong in it.

    Raises:
        DataError: it is none, or lacks application time, city or county (PERSO-137), a record
            has neither half, or a name is no name of a file.
    """
    batch = from_json(Batch, load(data, name, _BATCH, VERSION, "batch")["batch"], f"{name}: ")
    check_heading(batch.applied, batch.city, batch.county, name)
    if not batch.name:
        raise DataError(f"{name}: the batch has no name")
    for place, record in enumerate(batch.records, 1):
        if record.social is None and record.bank is None:
            raise DataError(f"{name}: records[{place}] has neither half")
    for what, own in (("batch", batch.name), *(("order", record.order) for record in batch.records if record.order)):
        if not is_file_name(own):
            raise DataError(f"{name}: the {what} {own!r} cannot name a file; letters, digits, '.', '_' and '-' can")
    return batch


def check_heading(applied: str, city: str, county: str, name: str) -> None:
    """What every batch says of itself (000 §3.2.6 2)).

    Raises:
        DataError: application time, city or county is missing or none (PERSO-137).
    """
    if not is_date(applied):
        raise DataError(f"{name}: the batch has no application date; write it as YYYYMMDD")
    for what, code in (("city", city), ("county", county)):
        if not _AREA.fullmatch(code):
            raise DataError(f"{name}: the batch has no {what}; write its area code of six digits")


def write_applications(applications: Iterable[Application]) -> bytes:
    """Applications as a document."""
    content = [to_json(application) for application in applications]
    return dump({"format": _APPLICATIONS, "version": VERSION, "applications": content})


def read_applications(data: bytes, name: str = "applications") -> tuple[Application, ...]:
    """Applications of a document.

    Raises:
        DataError: it is none.
    """
    content = load(data, name, _APPLICATIONS, VERSION, "applications")["applications"]
    return all_from_json(Application, content, f"{name}: ")


def write_feedback(feedback: Iterable[Feedback]) -> bytes:
    """Feedback of personalisation as a document."""
    return dump({"format": _FEEDBACK, "version": VERSION, "feedback": [to_json(card) for card in feedback]})


def read_feedback(data: bytes, name: str = "feedback") -> tuple[Feedback, ...]:
    """Feedback of a document.

    Raises:
        DataError: it is none.
    """
    content = load(data, name, _FEEDBACK, VERSION, "feedback")["feedback"]
    return all_from_json(Feedback, content, f"{name}: ")
