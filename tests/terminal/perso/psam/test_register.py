"""The register of PSAMs: persons, states, the log, and the hosts' register that follows."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cardsim.making.samkeys import SamParty
from terminal.hosts.books import transact
from terminal.hosts.social.psams import PsamAction, PsamRegister
from terminal.hosts.social.tables import METADATA as HOST_TABLES
from terminal.perso.parties import Party
from terminal.perso.psam.register import CHECK_DAYS, Psam, PsamBooks, PsamError
from terminal.perso.psam.states import TRANSITIONS, PsamChange, PsamState
from tests.terminal.perso.psam.office import BY, Office

HOLDER, UNIT, DEVICE = "赵六", "社保大厅", "terminal 7"
_Step = Callable[[PsamBooks], Psam]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A new workshop."""
    return Office(tmp_path)


def issue(terminal: str) -> _Step:
    return lambda books: books.issue(terminal, HOLDER, UNIT, DEVICE, BY)


def issue_to(terminal: str, told: tuple[str, str, str], books: PsamBooks) -> Psam:
    return books.issue(terminal, *told, BY)


def change(terminal: str, what: PsamChange, note: str = "") -> _Step:
    return lambda books: books.change(terminal, what, BY, note)


def step_of(terminal: str, what: PsamChange) -> _Step:
    return issue(terminal) if what is PsamChange.ISSUE else change(terminal, what)


WAYS: dict[PsamState, tuple[PsamChange, ...]] = {
    PsamState.STOCK: (),
    PsamState.ISSUED: (PsamChange.ISSUE,),
    PsamState.RETURNED: (PsamChange.ISSUE, PsamChange.RETURN),
    PsamState.LOST: (PsamChange.ISSUE, PsamChange.LOSE),
    PsamState.DESTROYED: (PsamChange.DESTROY,),
}


def hosts(office: Office) -> tuple[tuple[str, str, str], ...]:
    """Assignments in the hosts' register."""
    books = office.workshop.books(Party.DEPARTMENT, HOST_TABLES)
    return transact(books, lambda connection: PsamRegister(connection, office.now, CHECK_DAYS).assignments())


@pytest.mark.parametrize("what", [item for item in PsamChange if item is not PsamChange.MADE])
@pytest.mark.parametrize("state", list(WAYS))
def test_the_table_of_changes(state: PsamState, what: PsamChange, office: Office) -> None:
    """PSAM-188, PSAM-189: a change leads where the table says, or is refused and leaves all as it was; the hosts'
    register has a PSAM as long as it is in stock or with somebody."""
    terminal = office.made()
    for past in WAYS[state]:
        office.do(step_of(terminal, past))
    before = office.works.work(lambda books: (books.psam(terminal), books.log(terminal)))
    assert before[0].state is state
    if state in TRANSITIONS[what].from_:
        office.do(step_of(terminal, what), days=1)
    else:
        with pytest.raises(PsamError, match=rf"PSAM {terminal} is {state.value}, not .*: {what.value} is not possible"):
            office.do(step_of(terminal, what), days=1)
        assert office.works.work(lambda books: (books.psam(terminal), books.log(terminal))) == before
    psam = office.works.work(lambda books: books.psam(terminal))
    assert psam.state is (TRANSITIONS[what].to if state in TRANSITIONS[what].from_ else state)
    holder = HOLDER if psam.state is PsamState.ISSUED else ""
    assert (psam.holder, psam.unit, psam.device) == ((holder, UNIT, DEVICE) if holder else ("", "", ""))
    listed = psam.state in (PsamState.STOCK, PsamState.ISSUED, PsamState.RETURNED)
    assert hosts(office) == (((psam.public_serial, terminal, holder or "cabinet"),) if listed else ())


def test_a_psam_is_registered_to_a_named_person(office: Office) -> None:
    """PSAM-188: person, unit and device are named, and who did it; the entry has serial, time and person."""
    terminal = office.made()
    for told in (
        ("", UNIT, DEVICE),
        (HOLDER, "", DEVICE),
        (HOLDER, UNIT, ""),
        ("x" * 65, UNIT, DEVICE),
    ):
        with pytest.raises(PsamError, match="a named person of a unit, for a device"):
            office.do(partial(issue_to, terminal, told))
    with pytest.raises(PsamError, match="name a person"):
        office.do(lambda books: books.issue(terminal, HOLDER, UNIT, DEVICE, ""))
    psam = office.do(issue(terminal), days=1)
    assert (psam.holder, psam.unit, psam.device, psam.since) == (HOLDER, UNIT, DEVICE, "2026-11-23T09:00:00")
    line = office.works.work(lambda books: books.log(terminal))[-1]
    assert (line.change, line.person, line.time) == ("issue", BY, "2026-11-23T09:00:00")
    assert line.note == f"{HOLDER}, {UNIT}, {DEVICE}"


def test_the_hosts_register_has_every_movement(office: Office) -> None:
    """PSAM-188, PSAM-189: entry, issue, check, loss, and the entry of one that was found."""
    terminal = office.made()
    office.do(issue(terminal))
    office.do(lambda books: books.check(terminal, BY, "seal whole"))
    office.do(change(terminal, PsamChange.LOSE))
    with pytest.raises(PsamError, match="not in the register"):
        office.do(lambda books: books.check(terminal, BY))
    office.do(change(terminal, PsamChange.RETURN))
    serial = office.do(change(terminal, PsamChange.DESTROY)).public_serial
    books = office.workshop.books(Party.DEPARTMENT, HOST_TABLES)
    entries = transact(books, lambda connection: PsamRegister(connection, office.now, CHECK_DAYS).entries(serial))
    assert [entry.action for entry in entries] == [
        PsamAction.ENTERED, PsamAction.ISSUED, PsamAction.CHECKED, PsamAction.LOST, PsamAction.ENTERED,
        PsamAction.DESTROYED,
    ]  # fmt: skip


def test_overdue_checks_are_told(office: Office) -> None:
    """PSAM-188: periodic checks; a destroyed PSAM needs none."""
    kept, gone = office.made(), office.made()
    office.do(change(gone, PsamChange.DESTROY), days=CHECK_DAYS + 1)
    problems = office.works.work(lambda books: books.problems())
    assert problems == [f"PSAM {1:020d}: not checked since 2026-11-22"]
    office.do(lambda books: books.check(kept, BY))
    assert office.works.work(lambda books: books.problems()) == []


def test_a_spoilt_psam_is_destroyed_before_it_is_made(office: Office) -> None:
    """It never was in the hosts' register, waits for nobody, and its number is not given again."""
    terminal = office.ordered()
    office.do(change(terminal, PsamChange.DESTROY))
    assert (hosts(office), office.works.waiting()) == ((), ())
    assert office.ordered() != terminal
    with pytest.raises(PsamError, match="destroyed"):
        office.works.turn(terminal, SamParty.BASE, BY)


def test_no_such_psam(office: Office) -> None:
    with pytest.raises(PsamError, match="there is no PSAM with terminal number 519900000009"):
        office.do(issue("519900000009"))
