"""Batches, packages and lists between the parties: documents, and the way over the lines."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from terminal.errors import UsageError
from terminal.perso.batches.documents import read_list, read_package, write_list, write_note
from terminal.perso.batches.mail import send_list, send_packages, take_batches
from terminal.perso.batches.registry import IdCheck
from terminal.perso.data.document import read_batch, write_batch
from terminal.perso.data.errors import DataError
from terminal.perso.parties import Party
from terminal.perso.records import CardMakingList, Rejection, RejectReason
from terminal.perso.transfer.sealing import Kind
from terminal.perso.transfer.tables import Mark
from tests.terminal.perso.batches.platform import platform, registry
from tests.terminal.perso.batches.samples import batch, person, social
from tests.terminal.perso.transfer.parties import Town

NAME = batch().name
MADE = CardMakingList("B", "20261103", 3, 2, (Rejection("K1", person(1), "张三", RejectReason.NO_PHOTO, "x"),))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A workshop with the posts of three parties."""
    made = Town(tmp_path)
    yield made
    made.workshop.close()


def test_list_document() -> None:
    """PERSO-143: a list is read as it was written."""
    assert read_list(write_list(MADE)) == MADE


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"received": 4}, "4 received is not 2 made and 1 rejected"),
        ({"made": "2"}, "made is no number of records"),
        ({"made": True}, "made is no number of records"),
        ({"made_on": "2026"}, "its date as YYYYMMDD"),
        ({"batch": ""}, "names its batch"),
        ({"rejected": [{}]}, "order, person, name, reason, detail missing"),
        ({"more": 1}, "more not known"),
        ({"format": "x"}, "this is no cardterm-card-list document"),
    ],
)
def test_wrong_lists(changes: dict[str, object], wrong: str) -> None:
    """SCHEME-210, PERSO-144: a list whose figures do not add up, or that is none, is not taken."""
    content = {**json.loads(write_list(MADE)), **changes}
    with pytest.raises(DataError, match=wrong):
        read_list(json.dumps(content).encode())


def test_package_note() -> None:
    """PERSO-145: a package is taken with its own note alone, and whole."""
    own = platform()
    own.receive(batch(social(1), social(2)))
    own.process(NAME)
    (package,) = own.packages(NAME)
    note = write_note(package)
    assert read_package(package.batch, note) == package
    with pytest.raises(UsageError, match="there are 1 records; the package says 2"):
        read_package(replace(package.batch, records=package.batch.records[:1]), note)
    with pytest.raises(UsageError, match="the note of package 530100-20261102-01, not of other"):
        read_package(replace(package.batch, name="other"), note)
    with pytest.raises(UsageError, match="count is no number"):
        read_package(package.batch, note.replace(b'"count":2', b'"count":-2'))


def test_over_the_lines(town: Town) -> None:
    """PERSO-138, PERSO-144, SCHEME-118, SCHEME-208, SCHEME-209: from the department to the maker, and the list back."""
    department, bank, maker = (town.post(party) for party in (Party.DEPARTMENT, Party.BANK, Party.MAKER))
    own = platform(police=registry(p2=IdCheck.NAME_DIFFERS))
    given = batch(social(1), social(2), social(3))
    department.send(Party.BANK, NAME, Kind.BATCH, write_batch(given))
    (taken,) = take_batches(own, bank)
    assert (taken.file, taken.receipt and taken.receipt.count, taken.refused) == (NAME, 3, "")
    department.receive()
    assert department.sent() == [("bank", NAME, Mark.RECEIVED, "")]
    assert take_batches(own, bank) == []
    with pytest.raises(UsageError, match="still wait for a step: 3 received"):
        send_packages(own, bank, NAME)
    own.process(NAME)
    assert send_packages(own, bank, NAME) == [f"{NAME}.batch", f"{NAME}.note"]
    assert send_list(own, bank, NAME) == [f"{NAME}.list"]
    assert (send_packages(own, bank, NAME), send_list(own, bank, NAME)) == ([], [])
    package, note = maker.receive()
    came = read_package(read_batch(maker.open(package.stored)), maker.open(note.stored))
    assert [record.order for record in came.batch.records] == ["K00000001", "K00000003"]
    (back,) = department.receive()
    listed = read_list(department.open(back.stored))
    assert (listed.batch, listed.received, listed.made) == (NAME, 3, 2)
    assert [(one.person, one.reason) for one in listed.rejected] == [(person(2), RejectReason.NAME_DIFFERS)]
    assert own.report(NAME).returned


def test_a_file_that_is_refused(town: Town) -> None:
    """PERSO-137: it stays in the register with the reason; others are taken."""
    department, bank = town.post(Party.DEPARTMENT), town.post(Party.BANK)
    own = platform()
    own.receive(batch(social(9)))
    for name, content in ((NAME, batch(social(1))), ("B2", batch(social(2), name="B2"))):
        department.send(Party.BANK, name, Kind.BATCH, write_batch(content))
    refused, taken = take_batches(own, bank)
    assert (refused.receipt, "another batch of this name" in refused.refused) == (None, True)
    assert taken.receipt is not None
    assert [file.name for file in bank.pending(Kind.BATCH)] == [NAME]
