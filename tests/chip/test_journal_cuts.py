"""Power cuts after every page program and inside every one, at recovery too: all of a transaction, or nothing."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardsim.chip.eeprom import PAGE_SIZE, Bus, Eeprom, PowerCut
from cardsim.chip.faults import PowerCutPlan
from cardsim.chip.journal import Journal
from tests.chip.support import (
    BASE,
    COMMANDS,
    HOME,
    JOURNAL_SIZE,
    JOURNAL_START,
    SMALL,
    Command,
    Recorder,
    Tear,
    Write,
    cells_of,
    chip,
    home,
    positions,
    programs_of,
    run,
    states,
)


def cuts(lengths: list[int]) -> Iterator[Bus]:
    """A plan for a cut before each program, and for cuts inside each one."""
    for after, length in enumerate(lengths):
        yield PowerCutPlan(after)
        for inside in positions(length):
            yield PowerCutPlan(after, inside)


def powered_again(cells: bytes) -> tuple[Eeprom, Journal]:
    """A chip after the next power-on: nothing but the cells has survived."""
    eeprom, journal = chip(cells)
    journal.recover()
    assert not journal.failed
    return eeprom, journal


def cut_run(cells: bytes, commands: list[Command], plan: Bus) -> tuple[bytes, int]:
    """Cells that a cut leaves, and how many writes and commits had returned."""
    eeprom, journal = chip(cells)
    eeprom.attach(plan)
    done: list[int] = []
    with pytest.raises(PowerCut):
        run(journal, commands, done)
    return cells_of(eeprom), len(done)


@given(COMMANDS)
@settings(max_examples=200, deadline=None)
def test_a_cut_anywhere_leaves_all_or_nothing(commands: list[Command]) -> None:
    """Whatever returned stands; what was under way is there as a whole, or not at all."""
    expected = states(BASE, commands)
    programs = programs_of(BASE, commands)
    for plan in cuts([len(data) for _, data in programs]):
        torn, done = cut_run(BASE, commands, plan)
        eeprom, journal = powered_again(torn)
        found = home(cells_of(eeprom))
        assert found in (expected[done], expected[done + 1])
        programs_now = eeprom.programs
        journal.recover()
        assert eeprom.programs == programs_now, "a second recovery has nothing to do"
        assert home(cells_of(eeprom)) == found


@given(SMALL, st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_any_byte_may_stand_where_the_program_was_torn(writes: list[Write], garbage: int) -> None:
    before, after = states(BASE, [writes])
    for number, (_, data) in enumerate(programs_of(BASE, [writes])):
        for inside in positions(len(data)):
            torn, _ = cut_run(BASE, [writes], Tear(number, inside, garbage))
            assert home(cells_of(powered_again(torn)[0])) in (before, after)


@given(SMALL, SMALL)
@settings(max_examples=100, deadline=None)
def test_a_cut_in_the_second_transaction_keeps_the_first(first: list[Write], second: list[Write]) -> None:
    eeprom, journal = chip()
    run(journal, [first], [])
    middle = cells_of(eeprom)
    _, one, two = states(BASE, [first, second])
    for plan in cuts([len(data) for _, data in programs_of(middle, [second])]):
        torn, done = cut_run(middle, [second], plan)
        assert done == 0
        assert home(cells_of(powered_again(torn)[0])) in (one, two)


@given(SMALL)
@settings(max_examples=40, deadline=None)
def test_a_cut_during_recovery_and_another_recovery(writes: list[Write]) -> None:
    """Every program of the recovery, torn too; then the next power-on."""
    before, after = states(BASE, [writes])
    for plan in cuts([len(data) for _, data in programs_of(BASE, [writes])]):
        torn, _ = cut_run(BASE, [writes], plan)
        eeprom, journal = chip(torn)
        recorder = Recorder()
        eeprom.attach(recorder)
        journal.recover()
        outcome = home(cells_of(eeprom))
        assert outcome in (before, after)
        for again in cuts(recorder.lengths):
            eeprom, journal = chip(torn)
            eeprom.attach(again)
            with pytest.raises(PowerCut):
                journal.recover()
            assert home(cells_of(powered_again(cells_of(eeprom))[0])) == outcome


def test_a_cut_behind_the_last_program_of_the_journal_commits() -> None:
    """The commit is the journal's first page: before it the old cells, from it on the new ones."""
    writes = [Write(HOME + 10, b"a" * 100), Write(HOME + 5000, b"b" * 100)]
    before, after = states(BASE, [writes])
    programs = programs_of(BASE, [writes])
    commit = next(n for n, (address, _) in enumerate(programs) if address == JOURNAL_START)
    assert 0 < commit < len(programs) - 1
    for number in range(len(programs)):
        torn, _ = cut_run(BASE, [writes], PowerCutPlan(number))
        assert home(cells_of(powered_again(torn)[0])) == (after if number > commit else before)


def test_the_largest_transaction_is_atomic() -> None:
    writes = [Write(HOME + 33, bytes(n * 5 & 0xFF for n in range(JOURNAL_SIZE - 12)))]
    before, after = states(BASE, [writes])
    outcomes = set()
    for number, (_, data) in enumerate(programs_of(BASE, [writes])):
        for inside in (None, 0, len(data) // 2, len(data)):
            torn, _ = cut_run(BASE, [writes], PowerCutPlan(number, inside))
            outcomes.add(home(cells_of(powered_again(torn)[0])))
    assert outcomes == {before, after}


def test_cells_between_two_writes_to_a_page_survive_a_torn_program() -> None:
    writes = [Write(HOME, b"left"), Write(HOME + 40, b"right")]
    before, after = states(BASE, [writes])
    for number, (_, data) in enumerate(programs_of(BASE, [writes])):
        for inside in range(len(data)):
            torn, _ = cut_run(BASE, [writes], PowerCutPlan(number, inside))
            assert home(cells_of(powered_again(torn)[0])) in (before, after)


def test_wear_is_spread_as_the_transaction_demands() -> None:
    """A small transaction costs one program of the journal and one of its page."""
    assert [address // PAGE_SIZE for address, _ in programs_of(BASE, [[Write(HOME, b"x", early=True)]])] == [
        JOURNAL_START // PAGE_SIZE,
        HOME // PAGE_SIZE,
    ]
