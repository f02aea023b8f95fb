"""Transactions without faults: what is staged, what is in the cells, what is refused, which tokens are drawn."""

import pytest
from hypothesis import given, settings

from cardsim.chip.eeprom import MAX_SIZE, PAGE_SIZE, Eeprom, PowerCut
from cardsim.chip.faults import PageFailurePlan, PowerCutPlan
from cardsim.chip.journal import Journal, JournalFull
from tests.chip.support import (
    BASE,
    COMMANDS,
    HOME,
    JOURNAL_SIZE,
    JOURNAL_START,
    SMALL,
    Command,
    Recorder,
    Write,
    cells_of,
    chip,
    has_failed,
    home,
    run,
    states,
    written,
)


@given(COMMANDS)
@settings(max_examples=50)
def test_commands_leave_what_they_wrote_in_their_order(commands: list[Command]) -> None:
    eeprom, journal = chip()
    done: list[int] = []
    run(journal, commands, done)
    expected = states(BASE, commands)
    assert len(done) == len(expected) - 1
    assert home(cells_of(eeprom)) == expected[-1]
    assert not journal.staged


@given(SMALL)
@settings(max_examples=50)
def test_after_a_finished_transaction_recovery_programs_nothing(writes: list[Write]) -> None:
    eeprom, journal = chip()
    run(journal, [writes], [])
    programs, generation = eeprom.programs, eeprom.generation
    journal.recover()
    journal.recover()
    assert (eeprom.programs, eeprom.generation) == (programs, generation)
    assert home(cells_of(eeprom)) == states(BASE, [writes])[-1]


@given(SMALL)
@settings(max_examples=50)
def test_each_page_is_programmed_once_by_a_transaction(writes: list[Write]) -> None:
    """A card's EEPROM programs pages: wear and time are counted so."""
    eeprom, journal = chip()
    recorder = Recorder()
    eeprom.attach(recorder)
    run(journal, [writes], [])
    pages = [address // PAGE_SIZE for address, _ in recorder.programs if not JOURNAL_START <= address < HOME]
    touched = {cell // PAGE_SIZE for write in writes for cell in range(write.address, write.address + len(write.data))}
    assert sorted(pages) == sorted(touched)


def test_staged_data_lie_over_the_cells_and_not_in_them() -> None:
    eeprom, journal = chip()
    journal.stage(HOME + 10, b"first")
    journal.stage(HOME + 13, b"SECOND")
    assert journal.staged
    assert (
        journal.overlay(HOME + 8, BASE[HOME + 8 : HOME + 21])
        == BASE[HOME + 8 : HOME + 10] + b"firSECOND" + (BASE[HOME + 19 : HOME + 21])
    )
    assert journal.overlay(HOME + 12, b"..") == b"rS"
    assert journal.overlay(HOME, b"." * 10) == b"." * 10
    assert journal.overlay(HOME + 19, b"...") == b"..."
    assert cells_of(eeprom) == BASE


def test_discard_forgets_and_draws_new_tokens() -> None:
    eeprom, journal = chip()
    eeprom.mark_directory(HOME, HOME + PAGE_SIZE)
    journal.stage(HOME, b"never")
    announced = eeprom.layout
    journal.discard()
    assert not journal.staged
    assert eeprom.layout != announced
    journal.commit()
    assert cells_of(eeprom) == BASE
    generation = eeprom.generation
    journal.discard()
    assert eeprom.generation == generation, "nothing was staged"


def test_forget_drops_what_is_staged() -> None:
    eeprom, journal = chip()
    journal.stage(HOME, b"never")
    journal.forget()
    journal.commit()
    assert not journal.staged
    assert cells_of(eeprom) == BASE


def test_early_leaves_what_is_staged_staged() -> None:
    eeprom, journal = chip()
    journal.stage(HOME, b"staged")
    journal.early(HOME + 2, b"early")
    assert journal.staged
    assert home(cells_of(eeprom)) == home(written(BASE, Write(HOME + 2, b"early")))
    assert journal.overlay(HOME, cells_of(eeprom)[HOME : HOME + 7]) == b"stagedy"
    journal.discard()
    assert home(cells_of(eeprom)) == home(written(BASE, Write(HOME + 2, b"early")))


def test_commit_without_writes_programs_nothing() -> None:
    eeprom, journal = chip()
    journal.commit()
    journal.recover()
    assert (eeprom.programs, eeprom.generation) == (0, 1)


@pytest.mark.parametrize("offset", [0, 1, 63])
def test_empty_writes_change_nothing(offset: int) -> None:
    eeprom, journal = chip()
    journal.early(HOME + offset, b"")
    journal.stage(HOME + offset, b"")
    journal.stage(HOME + 100, b"")
    journal.commit()
    journal.recover()
    assert home(cells_of(eeprom)) == home(BASE)


def test_what_is_staged_is_gone_after_recovery() -> None:
    eeprom, journal = chip()
    eeprom.mark_directory(HOME, HOME + PAGE_SIZE)
    journal.stage(HOME, b"never")
    announced = eeprom.layout
    journal.recover()
    journal.commit()
    assert cells_of(eeprom) == BASE
    assert eeprom.layout != announced


@pytest.mark.parametrize("after", range(3))
def test_a_token_of_staged_content_does_not_name_what_a_cut_left(after: int) -> None:
    """D15: what was parsed out of staged cells must not be believed when the cut has left the old ones."""
    eeprom, journal = chip()
    eeprom.mark_directory(HOME, HOME + PAGE_SIZE)
    journal.stage(HOME, b"staged")
    announced = (eeprom.generation, eeprom.layout)
    eeprom.attach(PowerCutPlan(after))
    if after < 2:
        with pytest.raises(PowerCut):
            journal.commit()
    else:
        journal.commit()
    eeprom.attach(None)
    journal.recover()
    assert eeprom.generation != announced[0]
    assert eeprom.layout != announced[1]


def test_a_token_of_staged_content_does_not_name_what_a_failure_left() -> None:
    eeprom, journal = chip()
    eeprom.mark_directory(HOME, HOME + PAGE_SIZE)
    journal.stage(HOME, b"x" * JOURNAL_SIZE)
    announced = eeprom.layout
    with pytest.raises(JournalFull):
        journal.commit()
    assert eeprom.layout != announced
    assert cells_of(eeprom) == BASE


# --- the journal's own size --------------------------------------------------------------------------------------

_LARGEST = JOURNAL_SIZE - 12


@pytest.mark.parametrize("start", [HOME, HOME + 1, HOME + 63])
def test_the_largest_transaction(start: int) -> None:
    eeprom, journal = chip()
    journal.stage(start, b"x" * _LARGEST)
    journal.commit()
    assert home(cells_of(eeprom)) == home(written(BASE, Write(start, b"x" * _LARGEST)))


def test_the_largest_transaction_in_parts_that_come_backwards() -> None:
    """Neighbouring pages share an entry of the journal, in whatever order they were written."""
    eeprom, journal = chip()
    for start in range(JOURNAL_SIZE - PAGE_SIZE, -1, -PAGE_SIZE):
        journal.stage(HOME + start, b"x" * min(PAGE_SIZE, _LARGEST - start))
    journal.commit()
    assert home(cells_of(eeprom)) == home(written(BASE, Write(HOME, b"x" * _LARGEST)))


@pytest.mark.parametrize("size", [_LARGEST + 1, 5000, 0xFFFF, 0x10000, 0x12345])
def test_too_large_a_transaction_leaves_nothing(size: int) -> None:
    eeprom = Eeprom(bytearray(MAX_SIZE))
    journal = Journal(eeprom, JOURNAL_START, JOURNAL_SIZE)
    journal.early(HOME, b"old")
    before = cells_of(eeprom)
    journal.stage(HOME + 50, b"small")
    journal.stage(HOME + 1000, b"x" * size)
    with pytest.raises(JournalFull):
        journal.commit()
    assert cells_of(eeprom) == before
    assert not journal.staged
    with pytest.raises(JournalFull):
        journal.early(HOME + 1000, b"x" * size)
    assert cells_of(eeprom) == before
    journal.recover()
    assert home(cells_of(eeprom)) == home(before)
    journal.early(HOME, b"new")
    assert bytes(eeprom.memory[HOME : HOME + 3]) == b"new"


@pytest.mark.parametrize("fill", [0x00, 0xFF])
def test_recovery_of_a_virgin_chip_writes_nothing(fill: int) -> None:
    cells = bytes((fill,)) * len(BASE)
    eeprom, journal = chip(cells)
    journal.recover()
    assert cells_of(eeprom) == cells
    assert (eeprom.programs, journal.failed) == (0, False)


def test_a_journal_with_any_flipped_bit_is_not_repeated() -> None:
    """The checksum covers length and entries."""
    eeprom, journal = chip()
    journal.early(HOME + 60, b"transaction")
    cells = bytearray(cells_of(eeprom))
    cells[HOME : HOME + 128] = BASE[HOME : HOME + 128]
    for place in range(JOURNAL_START, JOURNAL_START + 6 + 6 + 11):
        for bit in range(8):
            cells[place] ^= 1 << bit
            damaged, again = chip(bytes(cells))
            again.recover()
            assert damaged.programs == 0
            cells[place] ^= 1 << bit
    whole, again = chip(bytes(cells))
    again.recover()
    assert bytes(whole.memory[HOME + 60 : HOME + 71]) == b"transaction"


def test_a_page_that_fails_at_recovery_is_reported_until_it_works() -> None:
    eeprom, journal = chip()
    eeprom.attach(PowerCutPlan(1))
    with pytest.raises(PowerCut):
        journal.early(HOME, b"committed")
    eeprom.attach(PageFailurePlan(lambda page: page == HOME // PAGE_SIZE, None))
    journal.recover()
    assert has_failed(journal)
    eeprom.attach(None)
    journal.recover()
    assert not has_failed(journal)
    assert bytes(eeprom.memory[HOME : HOME + 9]) == b"committed"


def test_cells_that_are_replaced_as_a_whole_end_a_failure() -> None:
    eeprom, journal = chip()
    good = eeprom.snapshot()
    eeprom.attach(PowerCutPlan(1))
    with pytest.raises(PowerCut):
        journal.early(HOME, b"committed")
    eeprom.attach(PageFailurePlan(lambda page: page == HOME // PAGE_SIZE, None))
    journal.recover()
    eeprom.attach(None)
    eeprom.restore(good)
    journal.forget()
    assert not has_failed(journal)
    journal.early(HOME, b"works")
    assert bytes(eeprom.memory[HOME : HOME + 5]) == b"works"
