"""Pages that fail to program (D14), at every program of a transaction, once and for good, and with a cut behind it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from cardsim.chip.eeprom import PAGE_SIZE, PageFailure, PowerCut
from cardsim.chip.faults import EVERY_PAGE, PageFailurePlan, PowerCutPlan
from cardsim.chip.journal import Journal
from tests.chip.support import (
    BASE,
    HOME,
    SMALL,
    Write,
    cells_of,
    chip,
    everything_from,
    has_failed,
    home,
    once,
    page,
    page_from,
    programs_of,
    run,
    states,
    written,
)

LATER = Write(HOME + 1100, b"later" * 20)

ONE_PAGE = [Write(HOME, b"one page")]
TWO_PAGES = [Write(HOME + 60, b"two pages")]
SAME_PAGE_TWICE = [Write(HOME, b"first"), Write(HOME + 200, b"between"), Write(HOME + 30, b"second")]
THERE_AND_BACK = [Write(HOME, b"\x01"), Write(HOME, BASE[HOME : HOME + 1]), Write(HOME + 200, b"fails")]
MANY = [Write(HOME + n * 150, bytes((n,)) * 100) for n in range(8)]
NAMED = [ONE_PAGE, TWO_PAGES, SAME_PAGE_TWICE, THERE_AND_BACK, MANY]
IDS = ["one page", "two pages", "same page twice", "there and back", "many"]


def check_after(journal: Journal, cells: bytes, before: bytes) -> None:
    """Old cells, nothing staged; and the same after the next power-on."""
    assert home(cells) == before
    assert not journal.staged
    assert not journal.failed
    eeprom, again = chip(cells)
    again.recover()
    assert home(cells_of(eeprom)) == before


def fails_at(writes: list[Write], *, early: bool = False) -> None:
    """Let each program of a transaction fail: once, its page from then on, its page all the time."""
    command = [Write(write.address, write.data, early) for write in writes]
    before = home(BASE)
    for number, (address, _) in enumerate(programs_of(BASE, [command])):
        bad = address // PAGE_SIZE
        for fault in (once(number), page_from(number, bad), page(bad)):
            eeprom, journal = chip()
            eeprom.attach(fault)
            with pytest.raises(PageFailure):
                run(journal, [command], [])
            check_after(journal, cells_of(eeprom), before)
            eeprom.attach(None)
            run(journal, [[LATER]], [])
            assert home(cells_of(eeprom)) == home(written(BASE, LATER))


@pytest.mark.parametrize("writes", NAMED, ids=IDS)
def test_a_failure_at_any_program_leaves_the_old_cells(writes: list[Write]) -> None:
    fails_at(writes)


@pytest.mark.parametrize("writes", [ONE_PAGE, TWO_PAGES, MANY[:1]], ids=["one page", "two pages", "long"])
def test_a_failure_at_any_program_of_an_early_write(writes: list[Write]) -> None:
    fails_at(writes, early=True)


@given(SMALL)
@settings(max_examples=100, deadline=None)
def test_a_failure_anywhere_in_any_transaction(writes: list[Write]) -> None:
    fails_at(writes)


def test_an_early_write_stays_when_the_command_fails_later() -> None:
    """D14: the counter that was already lowered stays low."""
    eeprom, journal = chip()
    journal.stage(HOME + 500, b"with the command")
    journal.early(HOME, b"\x02")
    eeprom.attach(PageFailurePlan(EVERY_PAGE))
    with pytest.raises(PageFailure):
        journal.commit()
    check_after(journal, cells_of(eeprom), home(written(BASE, Write(HOME, b"\x02"))))


@given(SMALL)
@settings(max_examples=60, deadline=None)
def test_a_failure_and_a_cut_while_it_is_taken_back(writes: list[Write]) -> None:
    """After the next power-on the transaction is there as a whole or not at all."""
    before, after = states(BASE, [writes])
    for number in range(len(programs_of(BASE, [writes]))):
        for later in range(6):
            for inside in (None, 0, 1, 5, 30):
                eeprom, journal = chip()
                eeprom.attach(replace(once(number), then=PowerCutPlan(later, inside)))
                with pytest.raises((PageFailure, PowerCut)) as stopped:
                    run(journal, [writes], [])
                eeprom, journal = chip(cells_of(eeprom))
                journal.recover()
                found = home(cells_of(eeprom))
                assert found in (before, after)
                if stopped.type is PageFailure:
                    assert found == before


@pytest.mark.parametrize("writes", NAMED, ids=IDS)
def test_when_everything_fails_from_some_program_on(writes: list[Write]) -> None:
    """Nothing can be taken back then. The journal says so, writes no more, and repeats the whole at power-on."""
    before, after = states(BASE, [writes])
    for number in range(len(programs_of(BASE, [writes]))):
        eeprom, journal = chip()
        eeprom.attach(everything_from(number))
        with pytest.raises(PageFailure):
            run(journal, [writes], [])
        eeprom.attach(None)
        if has_failed(journal):
            with pytest.raises(PageFailure):
                journal.early(LATER.address, LATER.data)
            journal.recover()
            assert home(cells_of(eeprom)) == after
            assert not has_failed(journal)
        else:
            assert home(cells_of(eeprom)) == before
        run(journal, [[LATER]], [])
        assert cells_of(eeprom)[LATER.address :].startswith(LATER.data)
