"""The register of PSAMs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import select

from terminal.hosts.social.codes import Refusal
from terminal.hosts.social.psams import PsamAction, PsamRegister
from terminal.hosts.social.tables import PSAMS
from tests.terminal.department.bench import NOW, Bench

SERIAL = "51990000000000000428"
_T = TypeVar("_T")


class Office:
    """The register over several days: each step in a transaction of its own."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.now: datetime = NOW
        self.do(lambda register: register.enter(SERIAL, "519900000428", "cabinet 3", "王五"))

    def do(self, step: Callable[[PsamRegister], _T], days: int = 0) -> _T:
        self.now += timedelta(days=days)
        days_between = self.bench.host.rules.psam_check_days
        return self.bench.host.work(lambda desk: step(PsamRegister(desk.books, self.now, days_between)))


def test_every_movement_is_an_entry() -> None:
    """PSAM-188: serial, time and person of entry, issue, check and return; the PSAM is with a named person or in its
    cabinet."""
    office = Office()
    office.do(lambda register: register.issue(SERIAL, "赵六", "terminal 7"), 1)
    office.do(lambda register: register.check(SERIAL, "王五", "seal whole"), 1)
    office.do(lambda register: register.take_back(SERIAL, "赵六"), 1)
    entries = office.do(lambda register: register.entries(SERIAL))
    assert [(entry.action, entry.person, entry.time - NOW) for entry in entries] == [
        (PsamAction.ENTERED, "王五", timedelta(0)),
        (PsamAction.ISSUED, "赵六", timedelta(days=1)),
        (PsamAction.CHECKED, "王五", timedelta(days=2)),
        (PsamAction.RETURNED, "赵六", timedelta(days=3)),
    ]
    assert {entry.serial for entry in entries} == {SERIAL}


def test_assignments_are_listed() -> None:
    """SCHEME-037: which PSAM is where."""
    office = Office()
    assert office.do(lambda register: register.assignments()) == ((SERIAL, "519900000428", "cabinet 3"),)
    office.do(lambda register: register.issue(SERIAL, "赵六", "terminal 7"))
    assert office.do(lambda register: register.assignments()) == ((SERIAL, "519900000428", "赵六"),)


def test_checks_that_are_overdue_are_reported() -> None:
    """PSAM-188: periodic checks."""
    office = Office()
    assert office.do(lambda register: register.problems(), 180) == []
    assert office.do(lambda register: register.problems(), 1) == [f"PSAM {SERIAL}: not checked since 2014-08-02"]
    office.do(lambda register: register.check(SERIAL, "王五"))
    assert office.do(lambda register: register.problems()) == []


def test_the_return_closes_the_loan_and_a_missing_one_is_reported() -> None:
    """PSAM-189: the device is scrapped: the PSAM is missed until it is back, by its own number."""
    office = Office()
    office.do(lambda register: register.issue(SERIAL, "赵六", "terminal 7"))
    assert office.do(lambda register: register.problems()) == []
    assert office.do(lambda register: register.scrap_device("terminal 7", "王五")) == (SERIAL,)
    missing = office.do(lambda register: register.problems())
    assert missing == [f"PSAM {SERIAL}: device terminal 7 is scrapped, 赵六 has not returned it"]
    office.do(lambda register: register.take_back(SERIAL, "赵六"))
    assert office.do(lambda register: register.problems()) == []
    assert office.do(lambda register: register.entries(SERIAL))[-1].action is PsamAction.RETURNED
    assert office.do(lambda register: register.scrap_device("terminal 7", "王五")) == ()
    office.do(lambda register: register.issue(SERIAL, "钱七", "terminal 8"))


@pytest.mark.parametrize(
    "step",
    [
        lambda register: register.enter(SERIAL, "519900000428", "cabinet 3", "王五"),
        lambda register: register.take_back(SERIAL, "赵六"),
        lambda register: register.issue("00", "赵六", "terminal 7"),
        lambda register: register.issue(SERIAL, "", "terminal 7"),
        lambda register: register.check("00", "王五"),
        lambda register: (register.issue(SERIAL, "赵六", "x"), register.issue(SERIAL, "钱七", "y")),
    ],
)
def test_what_the_register_refuses(step: Callable[[PsamRegister], object]) -> None:
    """PSAM-188, PSAM-189: nobody has a PSAM that another has, or one without a name."""
    office = Office()
    with pytest.raises(Refusal):
        office.do(step)
    assert [entry.action for entry in office.do(lambda register: register.entries(SERIAL))] == [PsamAction.ENTERED]


def test_times_are_of_seconds() -> None:
    """A clock that has fractions of a second fills no column to more than its length, which PostgreSQL would refuse."""
    office = Office()
    office.now += timedelta(microseconds=5)
    office.do(lambda register: register.check(SERIAL, "王五", ""))
    assert office.do(lambda register: register.entries(SERIAL))[-1].time == NOW
    assert office.do(lambda register: register.problems(), 1) == []
    rows = office.bench.host.work(lambda desk: desk.books.execute(select(PSAMS.c.checked)).all())
    assert [row.checked for row in rows] == [NOW.isoformat()]
