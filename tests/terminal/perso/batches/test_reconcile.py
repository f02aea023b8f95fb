"""The books of a batch: they balance whatever comes in and whatever is interrupted, and say so when they do not."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table

from cardsim.iso7816.digits import check_digit
from terminal.hosts.bank import BankHost, accounts
from terminal.hosts.bank.audit import audit
from terminal.hosts.bank.tables import CARDS
from terminal.hosts.bank.tables import METADATA as BANK_METADATA
from terminal.hosts.books import open_books, transact
from terminal.perso.batches import service
from terminal.perso.batches.registry import IdCheck
from terminal.perso.batches.service import BankBatches
from terminal.perso.batches.tables import METADATA, PACKAGES, PACKED, RECORDS, RecordState
from terminal.perso.records import OrderKind, SocialRecord
from tests.terminal.perso.batches.platform import core, platform, registry
from tests.terminal.perso.batches.samples import batch, person, social

NAME = batch().name
FIRST = "621467250000000001" + check_digit("621467250000000001")


def done(count: int = 4, **results: IdCheck) -> tuple[BankHost, BankBatches]:
    """A batch that is packed."""
    bank = core()
    own = platform(bank, registry(**results))
    own.receive(batch(*(social(who) for who in range(count))))
    own.process(NAME)
    return bank, own


def delete(table: Table, place: int) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(table.delete().where(table.c.place == place))


def double(connection: Connection) -> None:
    row = connection.execute(RECORDS.select().where(RECORDS.c.place == 1)).mappings().one()
    connection.execute(RECORDS.insert(), {**row, "place": 99})


def change(table: Table, **values: object) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(table.update().where(table.c.place == 1).values(**values))


WRONG: list[tuple[Callable[[Connection], object], str]] = [
    (delete(RECORDS, 1), "order K00000001 was received and is lost"),
    (double, "order K00000001 stands in the records and was not received"),
    (delete(PACKED, 1), "order K00000001 counts as packed and is in no package"),
    (change(RECORDS, state=RecordState.MATCHED.value), "order K00000001 is in a package and does not count as packed"),
    (change(RECORDS, order="K7"), "order K7 stands in the records and was not received"),
    (change(RECORDS, pan=FIRST), f"a card number ending {FIRST[-4:]} was given twice"),
    (change(RECORDS, person="5"), "order K00000001 has an account of another person"),
    (change(RECORDS, reason="incomplete data"), "order K00000001 is packed with the reason incomplete data"),
    (lambda c: c.execute(PACKAGES.update().values(count=5)), "package 1 holds 4 records and says 5"),
    (lambda c: c.execute(PACKAGES.update().values(total="1")), "package 1 has another hash total than it says"),
    (lambda c: c.execute(CARDS.delete()), "order K00000000 has no account in the core system"),
]


class TestReport:
    """What the report says."""

    def test_balanced(self) -> None:
        """PERSO-136, SCHEME-210: received is made and rejected, with the reasons, as text and as a document."""
        _, own = done(100, p3=IdCheck.NO_PHOTO, p7=IdCheck.NO_PHOTO, p9=IdCheck.NAME_DIFFERS)
        report = own.report(NAME)
        assert report.balanced
        document = report.document()
        assert (document["verdict"], document["received"], document["made"], document["rejected"]) == (
            "balanced", 100, 97, 3,
        )  # fmt: skip
        assert document["reasons"] == {"another name in the ID check": 1, "no photo in the ID check": 2}
        assert "balanced: 100 = 97 + 3" in report.text()
        assert own.packages(NAME)[0].total == document["packages"]["hash_total"]

    def test_in_progress(self) -> None:
        """PERSO-136: a batch on its way is not balanced yet, and nothing is wrong with it."""
        own = platform()
        own.receive(batch(social(1), social(2)))
        own.split(NAME)
        report = own.report(NAME)
        assert (report.balanced, report.problems, report.waiting) == (False, (), {RecordState.ASSIGNED: 2})
        assert report.document()["verdict"] == "in progress"

    @pytest.mark.parametrize(("harm", "told"), WRONG, ids=[told for _, told in WRONG])
    def test_what_is_wrong_is_told(self, harm: Callable[[Connection], object], told: str) -> None:
        """PERSO-136, SCHEME-210: a record that is lost, doubled or changed anywhere is named, and nothing balances."""
        bank, own = done()
        raw = bank.books.raw_connection()  # of books in memory: the only one
        raw.cursor().execute("PRAGMA foreign_keys = OFF")
        raw.close()
        transact(bank.books, harm)
        report = own.report(NAME)
        assert told in report.problems
        assert not report.balanced
        assert report.document()["verdict"] == "unbalanced"
        assert f"WRONG: {told}" in report.text()

    def test_an_order_in_two_batches(self) -> None:
        """PERSO-136: the same order on its way in another batch too is told in both."""
        bank, own = done()
        own.receive(batch(social(20), name="other"))
        with bank.books.begin() as connection:
            connection.execute(RECORDS.update().where(RECORDS.c.batch == "other").values(order="K00000001"))
        assert "order K00000001 is in batch other too" in own.report(NAME).problems
        assert f"order K00000001 is in batch {NAME} too" in own.report("other").problems

    def test_a_rejected_record_with_a_card(self) -> None:
        """PERSO-141: who was rejected has no card in use."""
        bank, own = done(4, p1=IdCheck.NO_PHOTO)
        with bank.books.begin() as connection:
            pan = connection.execute(RECORDS.select().where(RECORDS.c.place == 0)).mappings().one()["pan"]
            connection.execute(RECORDS.update().where(RECORDS.c.place == 1).values(pan=pan))
        assert "order K00000001 is rejected and has a card in the core system" in own.report(NAME).problems

    def test_many_of_a_kind(self) -> None:
        """PERSO-136: the first ones are named, the others counted."""
        bank, own = done(20)
        with bank.books.begin() as connection:
            connection.execute(PACKED.delete())
        assert own.report(NAME).problems[5] == "the same of 15 more"


_PERSONS = st.integers(0, 12)
_RECORDS = st.lists(
    st.builds(
        lambda who, number, county, sex, kind: (who, number, county, sex, kind),
        _PERSONS,
        st.integers(0, 20),
        st.sampled_from(("530102", "530111", "530124", "999999")),
        st.sampled_from(("", "1")),
        st.sampled_from((OrderKind.FIRST, OrderKind.FIRST, OrderKind.REPLACEMENT)),
    ),
    max_size=12,
)
_RESULTS = st.dictionaries(_PERSONS, st.sampled_from(IdCheck), max_size=4)


def record_of(who: int, number: int, county: str, sex: str, kind: OrderKind) -> SocialRecord:
    found = social(who, number=f"K{number:08d}", county=county, sex=sex)
    order = type(found.order)(
        found.order.number, kind, found.order.applied, found.order.person, found.order.city, county, found.order.unit
    )
    return SocialRecord(order, found.values, found.photo)


@settings(max_examples=30)
@given(st.lists(_RECORDS, min_size=1, max_size=3), _RESULTS, st.integers(1, 5))
def test_the_books_always_balance(files: list[list[tuple[int, int, str, str, OrderKind]]],
                                  results: dict[int, IdCheck], largest: int) -> None:  # fmt: skip
    """PERSO-136, PERSO-162, SCHEME-210: any mix of batches, duplicates, wrong data and failures."""
    bank = core()
    own = platform(bank, registry(**{f"p{who}": result for who, result in results.items()}),
                   {"packages": {"largest": largest}})  # fmt: skip
    pans: list[str] = []
    for number, rows in enumerate(files):
        name = f"B{number}"
        own.receive(batch(*(record_of(*row) for row in rows), name=name))
        own.process(name)
        made = own.give_back(name)
        report = own.report(name)
        assert report.problems == ()
        assert report.balanced
        assert (made.received, made.made + len(made.rejected)) == (len(rows), len(rows))
        good = [record for package in own.packages(name) for record in package.batch.records]
        assert len(good) == made.made
        pans += [record.bank.pan for record in good if record.bank]
        persons = [record.social.order.person for record in good if record.social]
        assert len(persons) == len(set(persons))
    assert len(pans) == len(set(pans))
    assert all(own.report(name).balanced for name in own.names())
    assert audit(bank.books) == []


class Dying:
    """A police registry whose connection ends the process, in effect, after some answers."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def check(self, number: str, name: str) -> IdCheck:
        """An answer, or the end."""
        del number, name
        self.answers -= 1
        if self.answers < 0:
            raise KeyboardInterrupt
        return IdCheck.MATCH


def test_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """PERSO-136: an interruption in the middle of a step loses nothing and does nothing twice."""
    monkeypatch.setattr(service, "PART", 20)
    count = 50
    bank = core()
    records = [social(who) for who in range(count)]
    own = platform(bank, Dying(23))
    own.receive(batch(*records))
    with pytest.raises(KeyboardInterrupt):
        own.process(NAME)
    waiting = own.report(NAME)
    assert waiting.waiting == {RecordState.ASSIGNED: 30, RecordState.PASSED: 20}
    own = platform(bank)
    own.process(NAME)
    report = own.report(NAME)
    assert (report.balanced, report.made) == (True, count)
    assert [step[1] for step in report.steps] == [count] * 6
    fresh = platform()
    fresh.receive(batch(*records))
    fresh.process(NAME)
    assert own.packages(NAME) == fresh.packages(NAME)


def test_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PERSO-136, PERSO-162: two processes that work on the same batch share it; nobody's record is done twice."""
    monkeypatch.setattr(service, "PART", 7)
    path = str(tmp_path / "bank.db")
    bank = core(open_books(path, BANK_METADATA, METADATA))
    own = platform(bank)
    own.receive(batch(*(social(who) for who in range(100))))
    workers = [platform(core(open_books(path))) for _ in range(2)]
    threads = [threading.Thread(target=worker.process, args=(NAME,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = own.report(NAME)
    assert (report.balanced, report.made, report.packages) == (True, 100, 1)
    pans = sorted(holding.pan for holding in transact(bank.books, accounts.every))
    assert [pan[9:18] for pan in pans] == [f"{number:09d}" for number in range(1, 101)]


_PROGRAM = """
import os, signal, sys
from terminal.hosts.books import open_books
from terminal.perso.batches import service, steps
from tests.terminal.perso.batches.platform import core, platform

service.PART = 5
left = int(sys.argv[2])

def dying(connection, tools, rows, work=steps.BY_STEP[steps.Step.OPEN].work):
    global left
    done = work(connection, tools, rows)
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

rule = steps.BY_STEP[steps.Step.OPEN]
service.RULES = tuple(
    steps.StepRule(r.step, r.takes, r.gives, dying) if r is rule else r for r in service.RULES
)
platform(core(open_books(sys.argv[1]))).process(sys.argv[3])
"""


def test_killed(tmp_path: Path) -> None:
    """PERSO-136, PERSO-162: a process that is killed with accounts opened and not yet noted; the next one goes on."""
    path = str(tmp_path / "bank.db")
    bank = core(open_books(path, BANK_METADATA, METADATA))
    own = platform(bank)
    own.receive(batch(*(social(who) for who in range(30))))
    command = [sys.executable, "-c", _PROGRAM, path, "2", NAME]
    ended = subprocess.run(command, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    report = own.report(NAME)
    assert report.waiting == {RecordState.PASSED: 20, RecordState.OPENED: 10}
    assert len(transact(bank.books, accounts.every)) == 10
    own.process(NAME)
    report = own.report(NAME)
    assert (report.balanced, report.made) == (True, 30)
    pans = sorted(holding.pan for holding in transact(bank.books, accounts.every))
    assert [pan[9:18] for pan in pans] == [f"{number:09d}" for number in range(1, 31)]
    assert {holding.id_number for holding in transact(bank.books, accounts.every)} == set(map(person, range(30)))
